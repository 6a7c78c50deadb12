"""Wrong answers to the exercises of chapter 2."""

from torch import Tensor
from torch.nn import functional as F


def frozen_lengths(w: Tensor, a: Tensor, b: Tensor, m: Tensor, s: float) -> Tensor:
    """As the function to debug was found."""
    return m * (w + s * b @ a) / w.norm(dim=0, keepdim=True)


magnitudes = {
    "That is one length per output row: your sum ran over the inputs.": lambda w: w.norm(dim=1, keepdim=True),
    "Those are the squares of the lengths: the root is missing.": lambda w: w.square().sum(dim=0, keepdim=True),
}

repaired = {
    "That is still the function as found: its lengths are those of the frozen weight.": frozen_lengths,
    "You divided by one length per output row.": lambda w, a, b, m, s: m * F.normalize(w + s * b @ a, dim=1),
}

two_roads = {
    "You scaled x by m but did not divide by the lengths.": lambda x, w, a, b, m, s: x * m @ (w + s * b @ a).T,
    "Your lengths are those of the frozen weight.": lambda x, *layer: x @ frozen_lengths(*layer).T,
    "Only the frozen road saw m and the lengths. A and B need the scaled x too.": lambda x, w, a, b, m, s: (
        x * m / (w + s * b @ a).norm(dim=0, keepdim=True) @ w.T + s * x @ a.T @ b.T
    ),
}

two_roads_never = {
    "But W′ was built on the way: let x meet m and the lengths, and each road W or A and B.": lambda x, w, a, b, m, s: (
        m * F.normalize(w + s * b @ a, dim=0)
    ),
}
