"""x(W + AB) and xW + xAB: two roads to the same numbers, and what each costs for given shapes."""

from ..figure import LiveFigure
from ..traits import Choice, Number

MOST = 4096


class TwoRoads(LiveFigure):
    """`rows` of x, (rows, in_features), go through a frozen W, (in_features, out_features), and a low-rank update AB.

    `shows` is "all", or "roads" for what each road builds and how often it multiplies, or "break-evens" for the two axes alone.
    """

    figure = "two-roads"
    rows = Number(64, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    in_features = Number(784, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    out_features = Number(128, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    rank = Number(8, least=1, most=MOST, whole=True).tag(sync=True, state=True)
    shows = Choice("all", "roads", "break-evens").tag(sync=True, state=True)
