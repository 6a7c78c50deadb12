"""Wrong answers to the exercises of chapter 8."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..decompose import norms

Devices = list[tuple[Tensor, Tensor]]

tokens = {
    "Twice the rank is right for square layers. The product with the identity has in * in entries.": lambda o, i, r: (
        2 * r
    ),
    "The rank is the answer for BA alone. peft multiplies with an identity before.": lambda o, i, r: r,
    "In and out are exchanged: the identity has the size of the inputs.": lambda o, i, r: -(-r * (i + o) // i),
}


def expanded(cross: int, power: int) -> Callable[..., Tensor]:
    """The norms per output with the cross term counted `cross` times and s to a power in the Gram term."""

    def norms_of(W: Tensor, A: Tensor, B: Tensor, s: float) -> Tensor:
        terms = (cross * s * (W @ A.T) + s**power * B @ (A @ A.T)) * B
        return (W.square().sum(1, keepdim=True) + terms.sum(1, keepdim=True)).sqrt()

    return norms_of


repaired = {
    "Still as found.": expanded(1, 1),
    "The cross term counts twice now. In the Gram term B occurs twice, and s with it.": expanded(2, 1),
    "s is squared now. The cross term of a square of a sum counts twice.": expanded(1, 2),
}


def with_gram(gram: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda old, C, C_new, A, B, B_new, s: (
        old + (2 * s * (C_new - C) * A + s**2 * (gram(B, B_new) @ A) * A).sum(dim=0, keepdim=True)
    )


moved = {
    "The Gram matrix of the step is not the step of the Gram matrix.": with_gram(
        lambda B, new: (new - B).T @ (new - B)
    ),
    "The old Gram term is still in the old norms: take it out.": with_gram(lambda B, new: new.T @ new),
}


def local_norms(devices: Devices, A: Tensor, s: float) -> Tensor:
    """(devices, in)"""
    return torch.cat([norms(W + s * B @ A, per="input") for W, B in devices])


joined = {
    "Norms do not add up. Their squares do.": lambda devices, A, s: local_norms(devices, A, s).sum(dim=0, keepdim=True),
    "An all-reduce adds. A mean is too small by the root of the number of devices.": lambda devices, A, s: (
        local_norms(devices, A, s).square().mean(dim=0, keepdim=True).sqrt()
    ),
}
