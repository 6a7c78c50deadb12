"""A box of ipywidgets that also reads well without a kernel."""

from collections.abc import Iterable, Iterator
from typing import Any

from ipywidgets import Box, VBox, Widget

from .figure import LiveFigure

VIEW = "application/vnd.jupyter.widget-view+json"
WITHOUT = "Run this cell in Jupyter, VS Code or Colab: with a kernel, Python and what you see here move each other."


class FigureBox(VBox):
    """A VBox of figures and of the widgets that drive them, which may be boxes themselves.

    A live front end shows all of it. Without a kernel, a slider of ipywidgets could move nothing. So what is stored, for
    the page and for a notebook that has not run, is each figure's own HTML and a sentence that says what is missing.
    """

    _ipython_display_ = None  # of ipywidgets 7, where it would be asked before the bundle below

    def __init__(self, children: Iterable[Widget] = (), **options: Any) -> None:
        super().__init__(children=tuple(children), **options)
        if not self.figures:
            raise ValueError("a FigureBox is for figures and what drives them, and it has no figure: use VBox")

    @property
    def figures(self) -> list[LiveFigure]:
        return list(_figures(self))

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.figures))

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        bundle, metadata = self.figures[0]._repr_mimebundle_(**options)  # metadata: where Colab finds the views
        view = {VIEW: {**bundle[VIEW], "model_id": self.model_id}} if VIEW in bundle else {}
        figures = "\n".join(figure.to_html() for figure in self.figures)
        stored = f'<div class="dora-box">\n{figures}\n</div>\n<p class="dora-without">{WITHOUT}</p>'
        return {**view, "text/html": stored, "text/plain": repr(self)}, metadata


def _figures(box: Box) -> Iterator[LiveFigure]:
    for child in box.children:
        if isinstance(child, LiveFigure):
            yield child
        elif isinstance(child, Box):
            yield from _figures(child)
