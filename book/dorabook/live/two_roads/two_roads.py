"""x(W + AB) and xW + xAB: two roads to the same numbers, and what each costs for given shapes."""

from typing import Any, NamedTuple

from ...text import fixed, plural, shape
from ..figure import Description, LiveFigure
from ..traits import Number

MOST, MOST_RANK = 4096, 512
SMALL = {"rows": 3, "in_features": 4, "out_features": 3, "rank": 2}  # shapes whose numbers are written out
SEEDS = {"x": 3, "W": 4, "A": 0, "B": 1}


class Cost(NamedTuple):
    """Multiplications of each product, as (what, factors), and in all; numbers held by A and B, and by W."""

    formed: tuple[tuple[str, tuple[int, int, int]], ...]
    split: tuple[tuple[str, tuple[int, int, int]], ...]
    formed_total: int
    split_total: int
    parameters: int
    weights: int
    break_even: float


class TwoRoads(LiveFigure):
    """`rows` of x, (rows, in_features), go through a frozen W, (in_features, out_features), and a low-rank update AB."""

    figure = "two-roads"
    rows = Number(64, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    in_features = Number(784, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    out_features = Number(128, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    rank = Number(8, least=1, most=MOST_RANK, whole=True).tag(sync=True, state=True)

    @staticmethod
    def describe(state: dict[str, Any]) -> Description:
        cost = count(**state)
        return Description(_sentence(state, cost), ("what", "how many", "computed as"), tuple(_rows(state, cost)))


def count(*, rows: int, in_features: int, out_features: int, rank: int) -> Cost:
    """Multiplications of the matrix products; additions are not counted."""
    formed = (
        ("A · B", (in_features, rank, out_features)),
        ("x · (W + AB)", (rows, in_features, out_features)),
    )
    split = (
        ("x · W", (rows, in_features, out_features)),
        ("x · A", (rows, in_features, rank)),
        ("xA · B", (rows, rank, out_features)),
    )
    weights = in_features * out_features
    totals = (sum(a * b * c for _, (a, b, c) in road) for road in (formed, split))
    return Cost(
        formed, split, *totals, rank * (in_features + out_features), weights, weights / (in_features + out_features)
    )


def example(state: dict[str, int]) -> dict[str, list[list[int]]]:
    """The two roads on whole numbers, with shapes no larger than SMALL and none larger than the state's."""
    size = {name: min(most, state[name]) for name, most in SMALL.items()}
    rows, into, out, rank = size["rows"], size["in_features"], size["out_features"], size["rank"]
    x, w = _draw(rows, into, SEEDS["x"]), _draw(into, out, SEEDS["W"])
    a, b = _draw(into, rank, SEEDS["A"]), _draw(rank, out, SEEDS["B"])
    adapted = _add(w, _times(a, b))
    base, update = _times(x, w), _times(_times(x, a), b)
    return {
        "x": x, "W": w, "A": a, "B": b, "W + AB": adapted, "x(W + AB)": _times(x, adapted),
        "xW": base, "xAB": update, "xW + xAB": _add(base, update),
    }  # fmt: skip


def difference(numbers: dict[str, list[list[int]]]) -> int:
    """The largest between an entry that came by one road and the same entry by the other."""
    pairs = zip(numbers["x(W + AB)"], numbers["xW + xAB"], strict=True)
    return max(abs(one - other) for row, line in pairs for one, other in zip(row, line, strict=True))


def _sentence(state: dict[str, int], cost: Cost) -> str:
    saved = cost.formed_total - cost.split_total
    verdict = "both cost the same"
    if saved:
        verdict = f"{'splitting' if saved > 0 else 'forming AB first'} saves {abs(saved):,}"
    against = (
        "as many as"
        if cost.parameters == cost.weights
        else "fewer than"
        if cost.parameters < cost.weights
        else "more than"
    )
    return (
        f"For {plural(state['rows'], 'row')} of x and W {shape(state['in_features'], state['out_features'])}, xW + xAB takes "
        f"{plural(cost.split_total, 'multiplication')} and x(W + AB) takes {cost.formed_total:,}: {verdict}. "
        f"At rank {state['rank']}, A and B hold {plural(cost.parameters, 'parameter')}, {against} the {cost.weights:,} of W. "
        f"Both change sides at in × out / (in + out) = {fixed(cost.break_even, 2)}: the multiplications in rows of x, "
        f"the parameters in rank."
    )


def _rows(state: dict[str, int], cost: Cost) -> list[tuple[str, str, str]]:
    into, out, rank = state["in_features"], state["out_features"], state["rank"]
    formed, split = ([(name, f"{a * b * c:,}", f"{a} × {b} × {c}") for name, (a, b, c) in road] for road in cost[:2])
    small = example(state)
    shapes = f"x {_shape(small['x'])}, W {_shape(small['W'])}, rank {len(small['B'])}, whole numbers"
    return [
        *formed,
        ("x(W + AB), multiplications", f"{cost.formed_total:,}", "the two above"),
        *split,
        ("xW + xAB, multiplications", f"{cost.split_total:,}", "the three above"),
        ("parameters of A and B", f"{cost.parameters:,}", f"{rank} × ({into} + {out})"),
        ("weights of W", f"{cost.weights:,}", f"{into} × {out}"),
        ("break-even, in rows and in rank", fixed(cost.break_even, 2), f"{into} × {out} / ({into} + {out})"),
        ("largest difference of the outputs", f"{difference(small)}", shapes),
    ]


def _shape(matrix: list[list[int]]) -> str:
    return shape(len(matrix), len(matrix[0]))


def _draw(height: int, width: int, seed: int) -> list[list[int]]:
    """Whole numbers from -2 to 2 that look like no pattern and are the same everywhere."""
    return [[(seed + 5 * i + 3 * j + 2 * i * j + i * i) % 5 - 2 for j in range(width)] for i in range(height)]


def _times(left: list[list[int]], right: list[list[int]]) -> list[list[int]]:
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)] for row in left
    ]


def _add(left: list[list[int]], right: list[list[int]]) -> list[list[int]]:
    return [[a + b for a, b in zip(row, line, strict=True)] for row, line in zip(left, right, strict=True)]
