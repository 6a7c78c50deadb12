"""The verdicts of a file as a sentence, a table, HTML, JSON, and what to do next. Nothing here computes or prints."""

import html
import textwrap
from collections import Counter
from dataclasses import asdict, dataclass

from ..text import shaped
from .judging import LayerVerdict, shown
from .remedy import remedies
from .rules import RULES, say

AXES, COLUMNS = (tuple(RULES["report"][name]) for name in ("axes", "columns"))
WIDE = 92  # characters
SHOWN = 40  # rows of a table in a terminal or a notebook; `rows` and JSON have all


@dataclass(frozen=True)
class Report:
    """All verdicts of one adapter. `adapter` and `base` are file names; `base` is None where none was given.

    `about_base` says what is wrong with the base as a whole, and is empty where it is the adapter's.
    """

    adapter: str
    base: str | None
    layers: tuple[LayerVerdict, ...]
    about_base: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Layers by axis, in the order of AXES, without zeros."""
        counted = Counter(layer.axis for layer in self.layers)
        return {axis: counted[axis] for axis in AXES if counted[axis]}

    @property
    def sentence(self) -> str:
        far = sum(layer.far for layer in self.layers)
        warning = say("summary far", name=self.adapter, far=far, all=len(self.layers)) if far else ""
        said = say("summary", name=self.adapter, counts=summary(self.counts))
        return " ".join(filter(None, (warning, self.about_base, said)))

    @property
    def sound(self) -> bool:
        """Whether every axis is told and nothing is wrong with a magnitude or the base."""
        wrong = any(layer.axis == "cannot tell" or layer.far or layer.broken for layer in self.layers)
        return not wrong and not self.about_base

    @property
    def remedy(self) -> list[str]:
        """What to do next, in sentences."""
        return remedies(self.layers)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [row(layer) for layer in self.layers]

    def to_json(self) -> dict:
        """Everything, ready for json.dumps."""
        layers = [{key: value for key, value in asdict(layer).items() if key != "open"} for layer in self.layers]
        said = {"sentence": self.sentence, "counts": self.counts, "layers": layers, "remedy": self.remedy}
        return {"adapter": self.adapter, "base": self.base, **said}

    def __str__(self) -> str:
        rows = [row[:5] for row in self.rows[:SHOWN]]
        widths = [max(map(len, column)) for column in zip(COLUMNS[:5], *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (COLUMNS[:5], *rows)
        ]
        evidence = [wrapped(layer.evidence, indent="    ") for layer in self.layers[:SHOWN]]
        table = [lines[0], *(line for pair in zip(lines[1:], evidence, strict=True) for line in pair)]
        return "\n".join([self.sentence, "", *table, *self._left_out(), "", *map(wrapped, self.remedy)])

    def _left_out(self) -> list[str]:
        left = len(self.layers) - SHOWN
        return [f"and {left:,} more"] if left > 0 else []

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        body = "".join(f"<tr>{cells(row)}</tr>" for row in self.rows[:SHOWN])
        remedy = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in [*self._left_out(), *self.remedy])
        return f"<p>{html.escape(self.sentence)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{remedy}"


def wrapped(sentence: str, indent: str = "") -> str:
    """Cut at words to what a terminal and a page are wide."""
    options = {
        "initial_indent": indent,
        "subsequent_indent": indent,
        "break_long_words": False,
        "break_on_hyphens": False,
    }
    return textwrap.fill(sentence, WIDE, **options)


def cells(row: tuple[str, ...]) -> str:
    first, *rest = map(html.escape, row)
    return f'<th scope="row"><bdi>{first}</bdi></th>' + "".join(f"<td>{text}</td>" for text in rest)


def row(layer: LayerVerdict) -> tuple[str, ...]:
    size = say("no size") if layer.outputs is None else say("size", outputs=layer.outputs, inputs=layer.inputs)
    return shown(layer.name), shaped(layer.shape), size, layer.axis, layer.confidence, layer.evidence


def summary(counts: dict[str, int]) -> str:
    if len(counts) > 1:
        return ", ".join(say("several", axis=axis, count=count) for axis, count in counts.items())
    [(axis, count)] = counts.items()
    untold = " untold" if axis == "cannot tell" else ""
    return say(f"{'one' if count == 1 else 'all'}{untold}", axis=axis, count=count)
