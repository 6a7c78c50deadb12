"""Weights, magnitudes and what stands beside them in the names of every library."""

import torch


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spread(size: int, seed: int = 0) -> torch.Tensor:
    """A square weight whose outputs and whose inputs differ in length."""
    rows, columns = drawn(size, seed=seed + 1).mul(0.2).exp(), drawn(size, seed=seed + 2).mul(0.2).exp()
    return drawn(size, size, seed=seed) * rows[:, None] * columns


def moved(norms: torch.Tensor, seed: int = 9) -> torch.Tensor:
    return norms * (1 + 0.02 * drawn(*norms.shape, seed=seed))


def partners(family: str, out: int, inputs: int) -> dict[str, torch.Tensor]:
    a, b = {
        "peft": ("lora_A.weight", "lora_B.weight"),
        "peft, named": ("lora_A.default.weight", "lora_B.default.weight"),
        "LyCORIS": ("lora_down.weight", "lora_up.weight"),
        "torchtune": ("lora_a.weight", "lora_b.weight"),
        "this book": ("lora_A", "lora_B"),
        "mlx-lm": ("lora_a", "lora_b"),
        "Raschka": ("lora.A", "lora.B"),
    }[family]
    turned = family in ("mlx-lm", "Raschka")  # A (in, rank), B (rank, out)
    sides = [(inputs, 2), (2, out)] if turned else [(2, inputs), (out, 2)]
    return {f"block.{key}": drawn(*side) for key, side in zip((a, b), sides, strict=True)}


ENDS = {
    "peft": "lora_magnitude_vector",
    "peft, named": "lora_magnitude_vector.default.weight",
    "LyCORIS": "dora_scale",
    "torchtune": "magnitude",
    "this book": "magnitude",
    "mlx-lm": "m",
    "Raschka": "m",
}
