"""How far a weight's magnitudes and directions moved: the paper's equations 3 and 4, along either axis.

DoRA, section 3.2 (https://arxiv.org/abs/2402.09353). The paper measures one axis and does not say which; here both are measured.
"""

from dorabook.decompose import Per, norms
from torch import Tensor


def moved(before: Tensor, after: Tensor, *, per: Per) -> tuple[float, float]:
    """(dM, dD) of two weights (out_features, in_features): mean |m - m0|, and mean 1 - cos of the vectors along `per`."""
    old, new = norms(before.double(), per=per), norms(after.double(), per=per)
    dot = (before.double() * after.double()).sum(1 if per == "output" else 0, keepdim=True)
    return float((new - old).abs().mean()), float((1 - dot / (old * new)).mean())
