"""One row of a weight as an arrow: m sets its length, the low-rank update turns it, the gradient pushes it to a target."""

from typing import Any

from traitlets import TraitType

from ..figure import LiveFigure
from ..traits import Choice, Number

REACH = 8.0  # coordinates a vector may have


class Vector(TraitType):
    """Two numbers, each within REACH."""

    def validate(self, obj: Any, value: Any) -> list[float]:
        pair = list(value.tolist() if hasattr(value, "tolist") else value)
        fits = len(pair) == 2 and all(isinstance(v, int | float) and abs(v) <= REACH for v in pair)
        if not fits:
            raise ValueError(f"{self.name} is {value!r}, expected two numbers from -{REACH:g} to {REACH:g}")
        return [float(v) for v in pair]

    def allowed(self) -> dict[str, float | bool]:
        return {"least": -REACH, "most": REACH, "whole": False}


class DirectionDial(LiveFigure):
    """One output row (per="output", two inputs) or one input column of an (out, in) weight (per="input", two outputs).

    `weight` W, `update` sBA and `target` are (x, y). The loss is half the squared distance of the merged arrow to the target,
    so what pulls, minus its gradient, leads from the arrow's tip to the target. `magnitude` is m, None for the length of `weight`, where DoRA starts. `norm` is "in graph" or "detached".
    """

    figure = "direction-dial"
    weight = Vector([4.0, 3.0]).tag(sync=True, state=True, given=True)
    update = Vector([-1.6, 3.4]).tag(sync=True, state=True)
    amount = Number(1.0, least=0, most=1.5).tag(sync=True, state=True)
    magnitude = Number(5.0, least=0, most=REACH).tag(sync=True, state=True)
    target = Vector([-0.4, 6.1]).tag(sync=True, state=True)
    norm = Choice("in graph", "detached").tag(sync=True, state=True)
    per = Choice("output", "input").tag(sync=True, state=True)

    def __init__(
        self, weight: Any = (4.0, 3.0), *, magnitude: float | None = None, id: str = "", **traits: Any
    ) -> None:
        pair = Vector.validate(type(self).weight, self, weight)
        length = (pair[0] ** 2 + pair[1] ** 2) ** 0.5 if magnitude is None else magnitude
        super().__init__(id=id, weight=pair, magnitude=length, **traits)
