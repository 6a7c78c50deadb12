"""`{stored-figure} chapter.ipynb` with `:tag: name`: show a chapter's stored figure on another page.

The HTML comes from the stored output of the cell with that tag, so a figure exists once and is checked once.
"""

from collections.abc import Iterator
from pathlib import Path

import stored_cells
from docutils import nodes
from docutils.parsers.rst import directives
from from_book import FromBook, raw


def stored_html(notebook: Path, tag: str) -> str:
    """The text/html output of the one cell of `notebook` that carries `tag`. ValueError where there is none."""
    cells = stored_cells.cells(notebook)
    tagged = [cell for cell in cells if tag in cell.get("metadata", {}).get("tags", [])]
    found = [shown for _, shown in stored_cells.outputs(tagged, "text/html")]
    if len(found) != 1:
        raise ValueError(f"{notebook.name} has {len(found)} HTML outputs in cells tagged {tag!r}, expected 1")
    return found[0]


class StoredFigure(FromBook):
    required_arguments = 1
    option_spec = {"tag": directives.unchanged_required}

    def made(self) -> Iterator[nodes.Node]:
        yield raw(stored_html(self.beside(self.arguments[0]), self.options["tag"]))


def setup(app):
    app.add_directive("stored-figure", StoredFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
