"""The base of the directives that show on one page what stands elsewhere in the book."""

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

LETTERS = "abcde"  # of a prediction's answers, as live/predict/predict.py has them


class FromBook(SphinxDirective):
    """What `made` cannot find stops the build, with the directive, its arguments and the page."""

    def run(self) -> list[nodes.Node]:
        try:
            return list(self.made())
        except (OSError, ValueError, KeyError) as error:
            asked = " ".join([self.name, *self.arguments])
            raise ExtensionError(f"{asked} on {self.env.docname}: {error}") from error

    def made(self) -> Iterator[nodes.Node]:
        raise NotImplementedError

    def watched(self, path: Path) -> Path:
        """The page is built anew when this file changes."""
        self.env.note_dependency(str(path))
        return path

    def beside(self, name: str) -> Path:
        """A file that is named relative to the page."""
        return self.watched(Path(self.env.srcdir, self.env.docname).parent / name)


def raw(markup: str) -> nodes.raw:
    return nodes.raw("", markup, format="html")
