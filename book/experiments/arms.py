"""The arms of `train_both`: which numbers of the encoder each one trains. Everything else is equal between them."""

from collections.abc import Iterator

import torch
from dorabook.layers import DoRALinear, LoRALinear
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .tasks import BadInput, stream

# DoRA arms: the axis, the norm's place in the gradient, and what is trained beside the magnitudes
DORA = {
    "dora-output-detached": ("output", "detached"),
    "dora-input-detached": ("input", "detached"),
    "dora-output-graph": ("output", "in graph"),
    "dora-input-graph": ("input", "in graph"),
    "dora-output-detached-relative": ("output", "detached"),
    "dora-input-detached-relative": ("input", "detached"),
    "dora-output-detached-swapped": ("output", "detached"),
    "dora-input-detached-swapped": ("input", "detached"),
    "magnitude-output": ("output", "detached"),
    "magnitude-input": ("input", "detached"),
}
PEFT = "peft-dora"  # peft's own layer in place of dora-output-detached
ARMS = ("head", "full", "lora", *DORA, PEFT)
PRIMARY = ("dora-output-detached", "dora-input-detached")  # their difference is the one primary contrast
# within a seed the arms that the primary question needs come first
PLANNED = (
    *PRIMARY,
    "lora",
    "head",
    "full",
    "magnitude-output",
    "magnitude-input",
    "dora-output-graph",
    "dora-input-graph",
    "dora-output-detached-relative",
    "dora-input-detached-relative",
)
SWAPPED = {  # added after the first seed, exploratory: each axis at the rate that was chosen for the other
    "dora-output-detached-swapped": "dora-input-detached",
    "dora-input-detached-swapped": "dora-output-detached",
}
SCALING = 2  # alpha / rank, on every rank


class SplitDoRA(DoRALinear):
    """DoRALinear computed by the distributive law: equal up to rounding, without a weight-sized gradient a batch."""

    forward = DoRALinear.split_forward


class Relative(nn.Module):
    """Trains m / m0, which starts at 1 on both axes, and hands the layer m = m0 * (m / m0)."""

    def __init__(self, start: Tensor):
        super().__init__()
        self.register_buffer("start", start.detach().clone())

    def forward(self, relative: Tensor) -> Tensor:
        return self.start * relative

    def right_inverse(self, magnitude: Tensor) -> Tensor:
        return magnitude / self.start


def linears(encoder: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """The six linear layers of every block, by name: query, key, value, attention output, and the feed-forward pair."""
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Linear) and ".layer." in f".{name}":
            yield name, module


def place_of(name: str) -> tuple[str, str]:
    """The block's number and the layer's kind, of a name that `linears` or `weights` gives.

    >>> place_of("encoder.layer.3.attention.self.query")
    ('3', 'attention.self.query')
    """
    layer, _, kind = name.partition("layer.")[2].partition(".")
    return layer, kind


def dress(encoder: nn.Module, arm: str, *, rank: int, seed: int) -> None:
    """Freeze `encoder` and put the arm's adapters on its linear layers, in place. A is the same for all arms of a seed."""
    check(arm, rank)
    encoder.requires_grad_(arm == "full")
    if arm in ("head", "full"):
        return
    if arm == PEFT:
        return _dress_with_peft(encoder, rank=rank, seed=seed)
    for name, base in list(linears(encoder)):
        options = {"rank": rank, "alpha": SCALING * rank, "generator": start_of(name, seed, rank)}
        parent, _, child = name.rpartition(".")
        setattr(encoder.get_submodule(parent), child, _adapter(arm, base, options))


def start_of(name: str, seed: int, rank: int) -> torch.Generator:
    """What draws A of the layer `name`."""
    return stream(seed, "A", rank, name)


def _dress_with_peft(encoder: nn.Module, *, rank: int, seed: int) -> None:
    """peft's DoRA on the same layers, with the same A."""
    from peft import LoraConfig, inject_adapter_in_model

    ours = {
        name: LoRALinear(base, rank=rank, alpha=1, generator=start_of(name, seed, rank)).lora_A
        for name, base in linears(encoder)
    }
    options = {"lora_alpha": SCALING * rank, "lora_dropout": 0.0, "use_dora": True}
    inject_adapter_in_model(LoraConfig(r=rank, target_modules=list(ours), **options), encoder)
    with torch.no_grad():
        for name, first in ours.items():
            encoder.get_submodule(name).lora_A["default"].weight.copy_(first)


def _adapter(arm: str, base: nn.Linear, options: dict) -> LoRALinear:
    if arm == "lora":
        return LoRALinear(base, **options)
    per, norm = DORA[arm]
    layer = SplitDoRA(base, per=per, norm=norm, **options)
    if arm.startswith("magnitude"):
        layer.lora_A.requires_grad_(False)  # with B = 0 for good, W + sBA stays W
        layer.lora_B.requires_grad_(False)
    if arm.endswith("relative"):
        parametrize.register_parametrization(layer, "magnitude", Relative(layer.magnitude))
    return layer


def rank_of(arm: str, rank: int) -> int:
    """The rank a row of this arm carries: 0 where nothing of low rank is trained."""
    return 0 if arm in ("head", "full") or arm.startswith("magnitude") else rank


def check(arm: str, rank: int) -> None:
    if arm not in ARMS:
        raise BadInput(f"arm is {arm!r}, expected one of {', '.join(ARMS)}.")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise BadInput(f"rank is {rank!r}, expected a whole number of 1 or more.")


@torch.no_grad()
def weights(encoder: nn.Module) -> dict[str, Tensor]:
    """The weight (out_features, in_features) each adapted layer stands for now, by the layer's name."""
    adapted = {name: m.merged_weight().clone() for name, m in encoder.named_modules() if isinstance(m, LoRALinear)}
    return adapted or {name: layer.weight.clone() for name, layer in linears(encoder)}
