"""Which axis an adapter's magnitudes lie along: small files to judge, and the reader's own, which only the page reads."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ...checkpoint import Report, judge
from ...checkpoint.report import COLUMNS
from ..figure import Description, LiveFigure
from ..traits import Choice
from .examples import FILES, example_files

SHOWN = 12  # rows


class AxisDetective(LiveFigure):
    """`AxisDetective(example="square")` judges one of four small files; in the page, files can be chosen or dropped.

    `example` is "output", a peft adapter; "input", a LyCORIS one; "square", whose m has one dimension and whose layers are
    square, so that it cannot be told; or "square with base", the same with the model it was trained on.
    """

    figure = "axis-detective"
    example = Choice(*FILES).tag(sync=True, state=True)

    @staticmethod
    def describe(state: dict[str, Any]) -> Description:
        report = judged(state["example"])
        return Description(report.sentence, COLUMNS, tuple(report.rows[:SHOWN]))


@cache
def judged(example: str) -> Report:
    """The verdicts of dorabook.checkpoint on an example's files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, content in example_files(example).items():
            paths.append(Path(folder, name))
            paths[-1].write_bytes(content)
        return judge(*paths)
