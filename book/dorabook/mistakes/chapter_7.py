"""Wrong answers to the exercises of chapter 7."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..decompose import norms

Shape = tuple[int, ...]


def first_side(shape: Shape, out_features: int, in_features: int) -> str:
    return "output" if shape[0] == out_features else "input"


def any_count(shape: Shape, out_features: int, in_features: int) -> str:
    if out_features == in_features:
        return "cannot tell"
    return "output" if max(shape) == out_features else "input"


def size_unread(shape: Shape, out_features: int, in_features: int) -> str:
    if len(shape) > 1:
        return "output" if shape[1] == 1 else "input"
    fits = shape[0] == out_features, shape[0] == in_features
    return {(True, False): "output", (False, True): "input"}.get(fits, "cannot tell")


identify = {
    "You compared the first side only: a bare vector on a square layer is no evidence.": first_side,
    "You only counted: a kept dimension tells on a square layer too.": any_count,
    "You saw where the 1 stands and not whether the other number fits: a kept side has to be the layer's.": size_unread,
}

convert = {
    "Still flattened: on a square layer peft would take the inputs' numbers for its outputs.": lambda m, adapted: (
        m.flatten()
    ),
    "m (1, in) was trained over norms per input; you divided by the norms per output.": lambda m, adapted: (
        m.flatten() if m.shape[1] == 1 else m * adapted / norms(adapted, per="output")
    ),
}


def evidence(m: Tensor, weight: Tensor) -> list[Tensor]:
    """Logarithms without their mean: of the norms per output and per input, and of m; (n,) each."""
    vectors = norms(weight, per="output").flatten(), norms(weight, per="input").flatten(), m
    return [vector.log() - vector.log().mean() for vector in vectors]


def one_at_a_time(m: Tensor, weight: Tensor) -> Tensor:
    p, q, y = evidence(m, weight)
    return torch.stack([p @ y / (p @ p), q @ y / (q @ q)])


def exchanged(m: Tensor, weight: Tensor) -> Tensor:
    p, q, y = evidence(m, weight)
    table = torch.stack([q, p], dim=1)  # (n, 2)
    return torch.linalg.solve(table.T @ table, table.T @ y)


two_slopes = {
    "Each slope was fitted alone: where both norms go together, each looks right.": one_at_a_time,
    "The two are swapped: per output comes first.": exchanged,
}

mended = {
    "Still as found: m starts as one length per input, and at the swap the loss jumps on any axis.": lambda w, a, b: (
        w.norm(dim=0) * F.normalize(w + b @ a, dim=1)
    ),
    "Both lines are per input now. The start holds, and it is the other layer.": lambda w, a, b: (
        w.norm(dim=0) * F.normalize(w + b @ a, dim=0)
    ),
    "You took m from the adapted weight, and it cancels: what is left is LoRA.": lambda w, a, b: w + b @ a,
}
