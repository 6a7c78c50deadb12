"""A weight as magnitude times direction, with one magnitude per output row or per input column.

Weights have torch's layout, (out_features, in_features). The axis is a word, never a number:
`weight.norm(dim=0)` and `torch.nn.utils.weight_norm(layer, dim=0)` name opposite axes.
Source: DoRA, section 3.2, equation 2 (https://arxiv.org/abs/2402.09353).
"""

from typing import Literal

import torch
from torch import Tensor

Per = Literal["output", "input"]
_SUMMED = {"output": 1, "input": 0}  # the dimension of (out_features, in_features) a norm sums over


def norms(weight: Tensor, *, per: Per) -> Tensor:
    """Length of every output row, shape (out_features, 1), or every input column, shape (1, in_features).

    >>> norms(torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]), per="output").tolist()
    [[5.0], [2.0]]
    """
    check_weight(weight)
    return torch.linalg.vector_norm(weight, dim=_SUMMED[check_per(per)], keepdim=True)


def split(weight: Tensor, *, per: Per) -> tuple[Tensor, Tensor]:
    """Magnitude (as `norms`) and direction (out_features, in_features), whose norms along `per` are 1.

    ValueError where a row (per output) or column (per input) is all zeros: it has no direction.
    """
    magnitude = norms(weight, per=per)
    check_no_zero(magnitude, per=per)
    return magnitude, weight / magnitude


def join(magnitude: Tensor, direction: Tensor, *, per: Per) -> Tensor:
    """The weight (out_features, in_features) again. ValueError for a magnitude of another shape: no silent broadcast."""
    check_weight(direction, name="direction")
    check_magnitude(magnitude, direction.shape, per=per)
    return magnitude * direction


def magnitude_shape(out_features: int, in_features: int, *, per: Per) -> tuple[int, int]:
    """(out_features, 1) or (1, in_features): the shape of DoRA's m for a layer of this size."""
    return (out_features, 1) if check_per(per) == "output" else (1, in_features)


def check_per(per: str) -> str:
    if per not in _SUMMED:
        raise ValueError(f'per is {per!r}, expected "output" or "input": a word, since axis numbers are what misleads')
    return per


def check_weight(weight: Tensor, *, name: str = "weight") -> None:
    if not isinstance(weight, Tensor):
        raise TypeError(f"{name} is a {type(weight).__name__}, expected a torch tensor: wrap it in torch.tensor(...)")
    if weight.ndim != 2 or weight.numel() == 0:
        raise ValueError(
            f"{name} is {tuple(weight.shape)}, expected two non-empty dimensions (out_features, in_features)"
        )
    if not weight.is_floating_point():
        raise TypeError(f"{name} is {weight.dtype}, expected a floating dtype: call .float() first")
    if not weight.is_meta and not torch.isfinite(weight).all():
        raise ValueError(f"{name} holds NaN or infinity, so its norms mean nothing: repair it first")


def check_magnitude(magnitude: Tensor, weight_shape: tuple[int, int], *, per: Per) -> None:
    expected = magnitude_shape(*weight_shape, per=per)
    if tuple(magnitude.shape) != expected:
        raise ValueError(f"magnitude is {tuple(magnitude.shape)}, expected {expected}: one per {per}")


def check_no_zero(magnitude: Tensor, *, per: Per) -> None:
    zeros = [] if magnitude.is_meta else (magnitude.flatten() == 0).nonzero()
    if len(zeros):
        raise ValueError(f"{per} {int(zeros[0])} of the weight is all zeros: its norm is 0 and it has no direction")
