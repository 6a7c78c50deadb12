"""`{stored-figure} chapter.ipynb` with `:tag: name`: show a chapter's stored figure on another page.

The HTML comes from the stored output of the cell with that tag, so a figure exists once and is checked once.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective


def stored_html(notebook: Path, tag: str) -> str:
    """The text/html output of the one cell of `notebook` that carries `tag`. ValueError where there is none."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if tag in cell.get("metadata", {}).get("tags", [])]
    found = [
        output["data"]["text/html"]
        for cell in tagged
        for output in cell["outputs"]
        if "text/html" in output.get("data", {})
    ]
    if len(found) != 1:
        raise ValueError(f"{notebook.name} has {len(found)} HTML outputs in cells tagged {tag!r}, expected 1")
    return "".join(found[0])


class StoredFigure(SphinxDirective):
    required_arguments = 1
    option_spec = {"tag": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, self.env.docname).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        try:
            html = stored_html(path, self.options["tag"])
        except (OSError, ValueError, KeyError) as error:
            raise ExtensionError(f"stored-figure on {self.env.docname}: {error}") from error
        return [nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("stored-figure", StoredFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
