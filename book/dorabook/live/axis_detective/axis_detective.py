"""Which axis an adapter's magnitudes lie along: small files to judge, and the reader's own, which only the page reads."""

from ..figure import LiveFigure
from ..traits import Choice


class AxisDetective(LiveFigure):
    """`AxisDetective(example="square")` judges one of four small files; in the page, files can be chosen or dropped.

    `example` is "output", a peft adapter; "input", a LyCORIS one; "square", whose m has one dimension and whose layers are
    square, so that it cannot be told; or "square with base", the same with the model it was trained on.
    """

    figure = "axis-detective"
    example = Choice("output", "input", "square", "square with base").tag(sync=True, state=True)
