"""Wrong answers to the exercises of chapter 9."""

import math

import torch
from torch import Tensor

STUDENT_OF_TWO = 12.7062  # the factor for two seeds, at 95 %


def ends(mean: Tensor, half: Tensor) -> Tensor:
    return torch.stack([mean - half, mean + half])


def unpaired(first: Tensor, second: Tensor, factor: float) -> Tensor:
    """As the function to debug was found."""
    error = (first.var() / len(first) + second.var() / len(second)).sqrt()
    return ends(first.mean() - second.mean(), factor * error)


paired = {
    "Still as found: what a seed does to both arms is counted as noise, and in a pair it cancels.": unpaired,
    "That is the scatter of one difference. The mean of n of them scatters less, by the root of n.": lambda a, b, f: (
        ends((a - b).mean(), f * (a - b).std())
    ),
    "Divide the squares by n − 1: the mean was taken from the same numbers.": lambda a, b, f: ends(
        (a - b).mean(), f * (a - b).std(correction=0) / len(a) ** 0.5
    ),
}

report = {
    "You let the test set choose. Then its accuracy is the best of several draws and promises too much.": lambda r, v, t: (
        t.max()
    ),
    "Three rates are level on the second example, and you took the first. The plan says: the smallest.": lambda r, v, t: (
        t[v.argmax()]
    ),
    "Three rates are level on the second example, and you took the last. The plan says: the smallest.": lambda r, v, t: (
        t[(v == v.max()).nonzero()[-1, 0]]
    ),
    "That is the mean over the rates. One of them will be used.": lambda r, v, t: t.double().mean(),
}

absorbed = {
    "The factors are per hidden neuron: a column each of the (out, hidden) weight, so c has to lie down, (1, hidden).": lambda f, s, c: (
        s * c.mean()
    ),
    "You undo the factors. They have to be applied once more, on the other side of the ReLU.": lambda f, s, c: s / c.T,
    "The frozen second layer is not enough: it does not know the factors.": lambda f, s, c: s,
}


def fixed_factor(factor: float, scatter: float, half: float) -> int:
    return max(2, math.ceil((factor * scatter / half) ** 2))


seeds_needed = {
    "1.96 is for a scatter that is known. Here it is measured on the same few seeds.": lambda scatter, half: (
        fixed_factor(1.96, scatter, half)
    ),
    "Student's factor itself shrinks with every seed: two seeds' factor asks for far too many.": lambda scatter, half: (
        fixed_factor(STUDENT_OF_TWO, scatter, half)
    ),
}
