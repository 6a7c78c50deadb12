"""The arithmetic of DirectionDial: one row of a weight as an arrow. The same formulas as direction_dial/dial.js."""

import math
from typing import Any, NamedTuple

Vector = tuple[float, float]


class Dial(NamedTuple):
    """Vectors are (x, y); `direction` and all after it are None where `adapted` is 0 and has no direction."""

    moved: Vector  # amount * sBA
    adapted: Vector  # W + amount * sBA
    size: float  # length of adapted
    start: float  # length of W
    direction: Vector | None = None
    along: float | None = None  # pull on m: the pull's part along the direction (equation 7)
    push: Vector | None = None  # pull on W + sBA (equation 6 with the norm in the graph, 11 with it detached)
    merged: Vector | None = None
    turn: float | None = None  # degrees from W to adapted, counter-clockwise
    push_along: float | None = None


def dial(state: dict[str, Any]) -> Dial:
    weight, update, pull = (tuple(state[name]) for name in ("weight", "update", "pull"))
    moved = _times(update, state["amount"])
    adapted = _plus(weight, moved)
    size, start = math.hypot(*adapted), math.hypot(*weight)
    if size < 1e-9 or start < 1e-9:
        return Dial(moved, adapted, size, start)
    direction = _times(adapted, 1 / size)
    along = _dot(pull, direction)
    kept = _plus(pull, direction, -along) if state["norm"] == "in graph" else pull
    push = _times(kept, state["magnitude"] / size)
    turn = math.degrees(math.atan2(weight[0] * adapted[1] - weight[1] * adapted[0], _dot(weight, adapted)))
    merged = _times(direction, state["magnitude"])
    return Dial(moved, adapted, size, start, direction, along, push, merged, turn, _dot(push, direction))


def _plus(a: Vector, b: Vector, scale: float = 1.0) -> Vector:
    return a[0] + scale * b[0], a[1] + scale * b[1]


def _times(a: Vector, scale: float) -> Vector:
    return a[0] * scale, a[1] * scale


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1]
