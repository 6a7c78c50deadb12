"""Knobs: a layer with its magnitudes as a row of knobs, at the outputs or at the inputs. How many outputs does one move?"""

from typing import Any

import torch
from torch import Tensor
from traitlets import validate

from ...decompose import check_no_zero, norms
from ..figure import LiveFigure
from ..traits import Choice, Flag, Matrix, Numbers, as_matrix

# No entry is 0, so that every knob on an input moves every output, and all nine norms are whole:
# 7, 9, 10, 9 per output and 7, 9, 6, 9, 8 per input.
WEIGHT = [[2, 4, 3, 2, 4], [-2, 6, 3, 4, 4], [5, 5, 3, -5, 4], [4, -2, 3, 6, 4]]
X = [2, 1.5, 1, 1.5, 1]
SIDE = 6  # more outputs or inputs do not fit one screen
MOST = 2  # of a knob
AXES = ("output", "input")


class Knobs(LiveFigure):
    """The product of `x` and a small `weight` (out, in), with DoRA's magnitudes as knobs that stand at 1 at first.

    `weight` takes a layer's weight as it is, a tensor, an array or nested lists. `per` says where the row of knobs is.
    A magnitude m is its knob times the norm at the start, so the layer's rescale, m / norm, is the knob itself.
    `output_knobs` and `input_knobs` hold what each row is turned to; `told` says which of the two is DoRA.
    """

    figure = "knobs"
    weight = Matrix(allow_none=False).tag(sync=True, state=True)
    x = Numbers(least=-1000, most=1000).tag(sync=True, state=True, given=True)
    per = Choice(*AXES).tag(sync=True, state=True)
    output_knobs = Numbers(least=0, most=MOST).tag(sync=True, state=True)
    input_knobs = Numbers(least=0, most=MOST).tag(sync=True, state=True)
    told = Flag(False).tag(sync=True, state=True)

    def __init__(self, weight: Any = None, **traits: Any) -> None:
        matrix = as_matrix(WEIGHT if weight is None else weight, name="weight")
        fitting = {name: value for name, value in _at_rest(matrix).items() if traits.get(name) is None}
        super().__init__(weight=matrix, **{**traits, **fitting})
        self.observe(self._fit, "weight")

    def _fit(self, change: Any) -> None:
        """After a weight of another shape: an x that it can take, and as many knobs as it has outputs and inputs."""
        if change.new.shape != change.old.shape:
            with self.hold_sync(), self.hold_trait_notifications():
                for name, value in _at_rest(change.new).items():
                    setattr(self, name, value)

    @validate("weight")
    def _check_weight(self, proposal: Any) -> Tensor:
        weight = proposal.value
        if weight is None:
            raise ValueError(
                "weight is None, expected a matrix (out, in): a tensor, an array or lists of equally long rows"
            )
        if max(weight.shape) > SIDE:
            small = f"[:{min(SIDE, len(weight))}, :{min(SIDE, weight.shape[1])}]"
            raise ValueError(
                f"weight is {tuple(weight.shape)}, expected at most {SIDE} outputs and {SIDE} inputs: show a part, weight{small}"
            )
        for per in AXES:
            check_no_zero(norms(weight, per=per), per=per)
        return weight

    @validate("x", "output_knobs", "input_knobs")
    def _check_length(self, proposal: Any) -> list[float]:
        name, value = proposal.trait.name, proposal.value
        axis = "output" if name == "output_knobs" else "input"
        expected = self.weight.shape[AXES.index(axis)]
        if len(value) != expected:
            raise ValueError(
                f"{name} has {len(value)} numbers, expected {expected}: one per {axis} of the {tuple(self.weight.shape)} weight"
            )
        return value

    @property
    def magnitude(self) -> Tensor:
        """m as the layer holds it: (out, 1) per output, (1, in) per input."""
        start = norms(self.weight, per=self.per)
        return start * torch.tensor(self.output_knobs if self.per == "output" else self.input_knobs).view_as(start)

    @property
    def merged_weight(self) -> Tensor:
        """The weight (out, in) that the layer multiplies x with."""
        return self.magnitude * (self.weight / norms(self.weight, per=self.per))


def _at_rest(weight: Tensor) -> dict[str, list[float]]:
    """An x for it, and every knob at 1."""
    out_features, in_features = weight.shape
    return {
        "x": [X[i % len(X)] for i in range(in_features)],
        "output_knobs": [1.0] * out_features,
        "input_knobs": [1.0] * in_features,
    }
