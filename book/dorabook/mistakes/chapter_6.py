"""Wrong answers to the exercises of chapter 6."""

from torch import Tensor
from torch.nn import functional as F

from ..decompose import norms


def across(G: Tensor, adapted: Tensor, dim: int) -> Tensor:
    """G without its part along the direction."""
    direction = F.normalize(adapted, dim=dim)
    return G - (G * direction).sum(dim=dim, keepdim=True) * direction


projected = {
    "You projected away from the output rows; this layer divided its input columns by their lengths.": lambda G, V, m: (
        m / V.norm(dim=0) * across(G, V, dim=1)
    ),
    "The projection is right. The factor m over the length is missing.": lambda G, V, m: across(G, V, dim=0),
    "That is the detached gradient: the part along the direction is still in it.": lambda G, V, m: (
        m / V.norm(dim=0) * G
    ),
}


def found(weight: Tensor, lora_A: Tensor, lora_B: Tensor, m: Tensor) -> Tensor:
    """As the function to debug was found."""
    return m * F.normalize(weight + lora_B @ lora_A, dim=1).detach()


repaired = {
    "Still as found: the direction is cut, so A and B get no gradient and only m learns.": found,
    "Everything is in the graph now. That is section 4.2; here the norm has to be a constant.": lambda w, a, b, m: (
        m * F.normalize(w + b @ a, dim=1)
    ),
    "You took the norm of W. It is constant, but the outputs are wrong as soon as B moves.": lambda w, a, b, m: (
        m * (w + b @ a) / norms(w, per="output")
    ),
}

carried = {
    "You scaled by s once for both. With SGD the gradient of B has a factor s of its own.": lambda lr, old, new, _: (
        lr * old / new
    ),
    "You squared for both. Adam divides the gradient by its size, and one factor is gone.": lambda lr, old, new, _: (
        lr * (old / new) ** 2
    ),
    "The other way round: a larger scaling wants a smaller learning rate.": lambda lr, old, new, optimizer: (
        lr * (new / old) ** (2 if optimizer == "SGD" else 1)
    ),
}
