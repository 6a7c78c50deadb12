"""Wrong answers to the exercises of chapter 5."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..decompose import norms


def cosine(target: Tensor, weight: Tensor) -> Tensor:
    """(1, in), of each column of the (out, in) weights."""
    return F.cosine_similarity(target, weight, dim=0)[None, :]


missing_per_input = {
    "That is the share that m does reach, the cosine. What is missing is the sine.": lambda t, w: cosine(t, w).abs(),
    "The two squares add up to 1, the two lengths do not.": lambda t, w: 1 - cosine(t, w).abs(),
    "That is the share of the squared length.": lambda t, w: 1 - cosine(t, w) ** 2,
    "A negative cosine only makes m negative: as much is reached.": lambda t, w: 1 - cosine(t, w),
}


def scaled(x: Tensor, weight: Tensor, lora_A: Tensor, lora_B: Tensor, m: Tensor) -> Tensor:
    return x * m / norms(weight + lora_B @ lora_A, per="input")


mended = {
    "Your frozen product is still the one of x itself.": lambda x, ready, w, a, b, m: (
        ready + scaled(x, w, a, b, m) @ a.T @ b.T
    ),
    "The update has to see the scaled x as well.": lambda x, ready, w, a, b, m: (
        scaled(x, w, a, b, m) @ w.T + x @ a.T @ b.T
    ),
}

hand_over = {
    "You repeated the whole vector, so query head 1 got the second key-value head.": lambda s, f, q: s.repeat(
        q * f // len(s)
    )[None, :],
    "You repeated single features. What repeats is a whole head of them.": lambda s, f, q: s.repeat_interleave(
        q * f // len(s)
    )[None, :],
}


def weighed_by_length(weights: list[Tensor], rescales: list[Tensor]) -> Tensor:
    lengths = torch.cat([norms(weight, per="input") for weight in weights])  # (layers, in)
    return (lengths * torch.cat(rescales)).sum(dim=0, keepdim=True) / lengths.sum(dim=0, keepdim=True)


one_gain = {
    "A layer that hardly uses an input counts as much as one that leans on it.": lambda weights, rescales: torch.cat(
        rescales
    ).mean(dim=0, keepdim=True),
    "You weighed by the lengths. The error is a sum of squares, so weigh by their squares.": weighed_by_length,
}
