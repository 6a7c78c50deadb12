"""LoRA and DoRA linear layers on a frozen base; the options are what real implementations disagree on.

`DoRALinear` follows equation 5 of https://arxiv.org/abs/2402.09353, W' = m (W + sBA) / norm(W + sBA).
Raschka's from-scratch layer and Hugging Face peft's differ in four choices: which axis the norm is taken
`per`, whether that norm is part of the gradient, how `alpha` becomes the scaling, and how A starts.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .decompose import Per, check_magnitude, check_no_zero, check_per, norms

ScaleBy = Literal["alpha/rank", "alpha/sqrt(rank)", "alpha"]
Start = Literal["kaiming", "normal"]
NormGradient = Literal["detached", "in graph"]

_SCALINGS = {
    "alpha/rank": lambda alpha, rank: alpha / rank,  # LoRA, section 4.1
    "alpha/sqrt(rank)": lambda alpha, rank: alpha / math.sqrt(rank),  # rsLoRA, https://arxiv.org/abs/2312.03732
    "alpha": lambda alpha, rank: alpha,  # Raschka's from-scratch layers
}


class LoRALinear(nn.Module):
    """`base` plus a low-rank update: x -> x W^T + bias + scaling * (x A^T) B^T.

    Shapes: x (..., in_features) -> (..., out_features); lora_A (rank, in_features), random;
    lora_B (out_features, rank), zero, so the layer starts as `base`. `base` is frozen, not copied:
    several adapters can stand on one base. `generator` draws A.
    """

    def __init__(
        self,
        base: nn.Linear,
        *,
        rank: int,
        alpha: float,
        scale_by: ScaleBy = "alpha/rank",
        start: Start = "kaiming",
        generator: torch.Generator,
    ):
        super().__init__()
        if not isinstance(base, nn.Linear):
            raise TypeError(f"base is a {type(base).__name__}, expected torch.nn.Linear")
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise ValueError(f"rank is {rank!r}, expected a whole number of 1 or more")
        if scale_by not in _SCALINGS:
            raise ValueError(f"scale_by is {scale_by!r}, expected one of {', '.join(map(repr, _SCALINGS))}")
        self.base = base.requires_grad_(False)
        self.scaling = float(_SCALINGS[scale_by](alpha, rank))
        first = _start(start, rank, base.in_features, generator)
        self.lora_A = nn.Parameter(first.to(base.weight))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        self.merged = False

    def delta(self) -> Tensor:
        """The update sBA, (out_features, in_features)."""
        return self.scaling * (self.lora_B @ self.lora_A)

    def merged_weight(self) -> Tensor:
        """One weight (out_features, in_features) that does what the layer does."""
        return self.base.weight if self.merged else self.base.weight + self.delta()

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return self.base(x)
        return self.base(x) + self.scaling * (x @ self.lora_A.T) @ self.lora_B.T

    @torch.no_grad()
    def merge(self) -> None:
        """Write the update into `base.weight`, in place: no extra work per input any more."""
        if self.merged:
            raise RuntimeError("the layer is merged already: call unmerge() first")
        self.base.weight.copy_(self.merged_weight())
        self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the update out of `base.weight` again, exact up to rounding in the weight's dtype."""
        if not self.merged:
            raise RuntimeError("the layer is not merged: call merge() first")
        self.base.weight.copy_(self._unmerged_weight())
        self.merged = False

    def _unmerged_weight(self) -> Tensor:
        return self.base.weight - self.delta()

    def extra_repr(self) -> str:
        return f"rank={self.lora_A.shape[0]}, scaling={self.scaling:g}"


class DoRALinear(LoRALinear):
    """`base` with weight magnitude * direction, where direction = (W + sBA) / norm(W + sBA).

    `per`: one magnitude per "output", shape (out_features, 1), or per "input", shape (1, in_features).
    `norm`: "detached" takes the norm as a constant in the backward pass (the paper's section 4.3, peft);
    "in graph" lets the gradient through it (section 4.2, Raschka). The other options are LoRALinear's.
    The magnitude starts as the norm of `base.weight`, so the layer starts as `base` on either axis.
    """

    def __init__(self, base: nn.Linear, *, per: Per, norm: NormGradient = "detached", **lora):
        if norm not in ("detached", "in graph"):
            raise ValueError(f'norm is {norm!r}, expected "detached" or "in graph"')
        super().__init__(base, **lora)
        self.per, self.norm = check_per(per), norm
        magnitude = norms(base.weight, per=per)
        check_no_zero(magnitude, per=per)
        self.magnitude = nn.Parameter(magnitude)
        self.register_buffer("_norm_at_merge", None, persistent=False)

    def adapted(self) -> Tensor:
        """W + sBA, (out_features, in_features), not yet normalised."""
        return self.base.weight + self.delta()

    def adapted_norm(self) -> Tensor:
        """Norm of `adapted` along `per`, cut from the graph where the layer says so."""
        adapted = self.adapted()
        return norms(adapted.detach() if self.norm == "detached" else adapted, per=self.per)

    def direction(self) -> Tensor:
        """`adapted` with norm 1 along `per`, (out_features, in_features)."""
        return self.adapted() / self.adapted_norm()

    def merged_weight(self) -> Tensor:
        check_magnitude(self.magnitude, self.base.weight.shape, per=self.per)
        return self.base.weight if self.merged else self.magnitude * self.direction()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.merged_weight(), self.base.bias)

    def split_forward(self, x: Tensor) -> Tensor:
        """The same by the distributive law, with the base product apart: s*(xW + xAB) or (x*s)W + (x*s)AB.

        The rescale s = magnitude / norm(adapted) acts on outputs per "output", on inputs per "input".
        """
        if self.merged:
            return self.base(x)
        rescale = (self.magnitude / self.adapted_norm()).flatten()
        x = x * rescale if self.per == "input" else x
        y = x @ self.base.weight.T + self.scaling * (x @ self.lora_A.T) @ self.lora_B.T
        y = y * rescale if self.per == "output" else y
        return y if self.base.bias is None else y + self.base.bias

    @torch.no_grad()
    def merge(self) -> None:
        if (self.magnitude == 0).any():
            raise ValueError(
                "a magnitude is 0, so merging would erase that part of the frozen weight: keep it unmerged"
            )
        if not self.merged:
            self._norm_at_merge = self.adapted_norm()  # the merged weight alone cannot give it back
        super().merge()

    def _unmerged_weight(self) -> Tensor:
        return self.base.weight * (self._norm_at_merge / self.magnitude) - self.delta()

    def extra_repr(self) -> str:
        return f'{super().extra_repr()}, per="{self.per}", norm="{self.norm}"'


def peft_style(base: nn.Linear, *, rank: int, alpha: float, generator: torch.Generator) -> DoRALinear:
    """The choices of Hugging Face peft (0.21, `tuners/lora/dora.py`): per output, detached, alpha/rank, Kaiming start."""
    return DoRALinear(base, per="output", norm="detached", rank=rank, alpha=alpha, generator=generator)


def raschka_style(base: nn.Linear, *, rank: int, alpha: float, generator: torch.Generator) -> DoRALinear:
    """The choices of Raschka's merged layer (dora-from-scratch): per input, norm in the graph, raw alpha, normal start."""
    options = {"scale_by": "alpha", "start": "normal"}
    return DoRALinear(base, per="input", norm="in graph", rank=rank, alpha=alpha, generator=generator, **options)


def _start(start: Start, rank: int, in_features: int, generator: torch.Generator) -> Tensor:
    """A's first values (rank, in_features), drawn in float64: there one seed gives the same bits on every CPU."""
    size = (rank, in_features)
    if start == "kaiming":  # what nn.Linear and peft draw: uniform within +-1/sqrt(in_features)
        draw = torch.rand(size, generator=generator, dtype=torch.float64)
        return (2 * draw - 1) / math.sqrt(in_features)
    if start == "normal":  # Raschka's: standard deviation 1/sqrt(rank)
        return torch.randn(size, generator=generator, dtype=torch.float64) / math.sqrt(rank)
    raise ValueError(f'start is {start!r}, expected "kaiming" or "normal"')
