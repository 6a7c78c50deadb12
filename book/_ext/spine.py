"""Sphinx extension, and a plain module: what of a chapter stands in plain sight, and how long it takes to read.

A chapter has a spine: what a page shows without a click. Two things hang on marks that a notebook carries anyway, and here is
all that knows them:

- A section whose heading begins "Go deeper: " is closed on the page. Its first paragraph, one sentence that gives its result,
  stands beside its title. It ends, as sections do, at the next heading of its level or a higher one.
- Code cells tagged `thin` (imports, helpers, cells that only assert) fold into one line that says what they hold; neighbours
  share a line.

In a notebook, in Jupyter and in Colab, nothing is folded by either. `measured` counts words, visible cells and predictions of
the spine and of each Go deeper; tests/test_book.py holds a chapter to the limits, and `python book/_ext/spine.py` prints them.
"""

import ast
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator
from standalone import joined

DEEPER = "Go deeper: "
THIN = "thin"
EXERCISES = "Exercises"

WORDS_A_MINUTE = 200
# A visible cell and what it prints are some 40 words and numbers, the median over the book, and code is read at half the pace.
SECONDS_A_CELL = 20
# A prediction is a question, three options, a thought, and the answer behind Reveal, which is not counted as prose.
MINUTES_A_PREDICTION = 1

HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$")
# The tags of cells whose code is not in sight, and of exercises.
FOLDED = {"answer", "exercise", "hide-cell", "hide-input", "predict", "solution", THIN}

Cell = dict[str, Any]
Notebook = dict[str, Any]


# ---- how long it takes


@dataclass
class Length:
    words: int = 0
    cells: int = 0
    predictions: int = 0

    @property
    def minutes(self) -> float:
        asked = self.predictions * MINUTES_A_PREDICTION
        return self.words / WORDS_A_MINUTE + self.cells * SECONDS_A_CELL / 60 + asked

    def __str__(self) -> str:
        return f"{self.words:,} words, {self.cells} cells, {self.predictions} predictions: {self.minutes:.1f} minutes"


def measured(notebook: Notebook) -> dict[str, Length]:
    """The spine under "", and each Go deeper under its title."""
    found: dict[str, Length] = {"": Length()}
    open_headings: list[tuple[int, str]] = []  # from the page's title down to where we are
    below_answer = False
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code":
            if (place := place_of(open_headings)) is not None:
                length = found.setdefault(place, Length())
                length.cells += not FOLDED & set(tags)
                length.predictions += "predict" in tags
            below_answer = "answer" in tags
            continue
        for heading, text in sections(joined(cell["source"])):
            if heading:
                level, title = heading
                open_headings = [(at, name) for at, name in open_headings if at < level] + [(level, title)]
            elif below_answer:
                text = without_verdict(text)
            below_answer = False
            if (place := place_of(open_headings)) is not None:
                found.setdefault(place, Length()).words += words(text)
    return found


def place_of(headings: Iterable[tuple[int, str]]) -> str | None:
    """Which Length what stands under these headings belongs to; None for the exercises."""
    for _, title in headings:
        if title == EXERCISES:
            return None
        if title.startswith(DEEPER):
            return title.removeprefix(DEEPER)
    return ""


def sections(source: str) -> Iterator[tuple[tuple[int, str] | None, str]]:
    """((level, title), text below it) for each heading of a Markdown cell; (None, text) for what stands above the first."""
    heading, lines, fenced = None, [], False
    for line in source.splitlines():
        fenced ^= line.startswith("```")
        if (match := HEADING.match(line)) and not fenced:
            if heading or lines:
                yield heading, "\n".join(lines)
            heading, lines = (len(match[1]), match[2]), []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def without_verdict(text: str) -> str:
    """What is left once the answer's paragraph, which may go on after a formula, is folded with the answer: dora_site.verdict."""
    blocks = re.split(r"\n\s*\n", text.strip())
    end = 1
    while blocks[end : end + 1] and blocks[end].startswith("$$"):
        end += 2
    return "\n\n".join(blocks[end:])


def words(text: str) -> int:
    """As read: the words of a link or phrase and not where it leads, a formula as its symbols, and no lines of a table."""
    text = re.sub(r"\]\([^)\s]+\)|</?span[^>]*>", "", text)
    return len([word for word in text.split() if re.search(r"\w", word)])


# ---- what a thin line says


def label(sources: Iterable[str]) -> str:
    """What the cells of one thin line hold: "imports · helpers: f, g", "checked: 3 asserts"."""
    trees = [ast.parse(re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.M)) for source in sources]
    body = [node for tree in trees for node in tree.body]
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in body)
    helpers = [name for node in body if (name := helper(node))]
    prepared = [] if imports else [name for node in body for name in assigned(node)]
    inner = [node for top in body if not helper(top) for node in ast.walk(top)]
    checks, changed = sum(map(is_assert, inner)), [name for node in inner if (name := changed_in_place(node))]
    parts = ["imports"] if imports else []
    parts += [f"helper{'s' if helpers[1:] else ''}: {', '.join(helpers)}"] if helpers else []
    parts += [f"prepared: {', '.join(dict.fromkeys(prepared))}"] if prepared and not checks else []
    parts += [f"changed: {', '.join(dict.fromkeys(changed))}"] if changed else []
    parts += [f"checked: {checks} assert{'' if checks == 1 else 's'}"] if checks else []
    return " · ".join(parts) or "code"


def helper(node: ast.stmt) -> str:
    """The name of the function or class that a statement defines, else ""."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        return ast.unparse(node.targets[0])
    return ""


def assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) and not helper(node) else []
    names = [name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store) and name.id != "_"]


def changed_in_place(node: ast.AST) -> str:
    """The tensor that a call like `m.mul_(2)` changes, else ""."""
    called = node.func if isinstance(node, ast.Call) else None
    changes = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.attr.endswith("_")
    return called.value.id if changes else ""


def is_assert(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2]
    return isinstance(node, ast.Assert) or (bool(called) and called.startswith("assert"))


# ---- the page


class Result(nodes.TextElement):
    """The sentence that stands in the summary of a Go deeper; `minutes` is a number."""


def slug(title: str) -> str:
    """A section's anchor, which does not change when the section goes deeper."""
    return default_slugify(title.removeprefix(DEEPER))


def go_deeper(app: Sphinx, document: nodes.document) -> None:
    """Mark each section that is to be closed, before the page's contents are read off the headings."""
    found = [section for section in document.findall(nodes.section) if section[0].astext().startswith(DEEPER)]
    path = Path(app.env.doc2path(app.env.docname))
    lengths = measured(json.loads(path.read_text(encoding="utf-8"))) if found and path.suffix == ".ipynb" else {}
    minutes = [math.ceil(length.minutes) for title, length in lengths.items() if title]
    for at, section in enumerate(found):
        title, *rest = section.children
        name = title.astext().removeprefix(DEEPER)  # with the quotation marks that Sphinx has set
        if not rest or not isinstance(rest[0], nodes.paragraph):
            raise ExtensionError(f"{app.env.docname}: {DEEPER}{name} should begin with its result, in one sentence")
        first = title.next_node(nodes.Text)
        title.replace(first, nodes.Text(first.removeprefix(DEEPER)))
        section["classes"].append("go-deeper")
        rename(document, section, slug(name))
        rest[0].replace_self(Result("", "", *rest[0].children, minutes=minutes[at] if minutes else 0))


def mark_contents(app: Sphinx, document: nodes.document) -> None:
    """The page's contents show which sections are closed."""
    closed = {id for section in document.findall(is_deeper) for id in section["ids"]}
    for link in app.env.tocs[app.env.docname].findall(nodes.reference):
        if link["anchorname"].removeprefix("#") in closed:
            link["classes"].append("closed")


def rename(document: nodes.document, section: nodes.section, id: str) -> None:
    """The section answers to `id` first, and to what it was called."""
    for known, (line, target, text) in list(getattr(document, "myst_slugs", {}).items()):
        if target in section["ids"]:
            document.myst_slugs[known] = (line, id, text)
    section["ids"] = [id, *(old for old in section["ids"] if old != id)]
    document.ids[id] = section


def fold_thin(app: Sphinx, document: nodes.document) -> None:
    """Neighbouring thin cells in one line."""
    cells = [cell for cell in document.findall(nodes.container) if is_thin(cell)]
    while cells:
        first = cells[0]
        after = first.parent.children[first.parent.index(first) :]
        together = list(takewhile(is_thin, after))
        said = label(cell.next_node(nodes.literal_block).astext() for cell in together)
        line = HideCodeCellNode(prompt_show=said, prompt_hide=said, classes=["thin"])
        first.replace_self(line)
        for cell in together[1:]:
            cell.parent.remove(cell)
        line.extend(together)
        cells = cells[len(together) :]


def is_thin(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and THIN in node.get("cell_metadata", {}).get("tags", [])


def is_deeper(node: nodes.Node) -> bool:
    return isinstance(node, nodes.section) and "go-deeper" in node["classes"]


def visit_section(self: HTML5Translator, node: nodes.section) -> None:
    HTML5Translator.visit_section(self, node)
    if is_deeper(node):
        self.body.append('<details class="deeper"><summary>\n')


def depart_section(self: HTML5Translator, node: nodes.section) -> None:
    if is_deeper(node):
        self.body.append("</details>\n")
    HTML5Translator.depart_section(self, node)


def depart_title(self: HTML5Translator, node: nodes.title) -> None:
    """In a summary without the link to itself: a link there competes with opening it."""
    linked = self.builder.add_permalinks
    self.builder.add_permalinks = linked and not is_deeper(node.parent)
    HTML5Translator.depart_title(self, node)
    self.builder.add_permalinks = linked


def visit_result(self: HTML5Translator, node: Result) -> None:
    """Beside the section's heading, which has just been written into the summary."""
    minutes = f", {node['minutes']} minute{'' if node['minutes'] == 1 else 's'}" if node["minutes"] else ""
    self.body.append(f'<span class="kind">{DEEPER.rstrip(": ")}{minutes}</span> <span class="result">')


def depart_result(self: HTML5Translator, node: Result) -> None:
    self.body.append("</span></summary>\n")


def setup(app: Sphinx) -> dict:
    app.add_node(Result, html=(visit_result, depart_result))
    app.add_node(nodes.section, override=True, html=(visit_section, depart_section))
    app.add_node(nodes.title, override=True, html=(HTML5Translator.visit_title, depart_title))
    app.connect("doctree-read", go_deeper, priority=400)
    app.connect("doctree-read", mark_contents, priority=600)  # when the contents have been read off the headings
    app.connect("doctree-read", fold_thin)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def main() -> None:
    for path in sorted(Path(__file__).parents[1].glob("[0-9]-*.ipynb")):
        found = measured(json.loads(path.read_text(encoding="utf-8")))
        print(f"{path.stem}: {found.pop('')}")
        for title, length in found.items():
            print(f"    {title}: {length.minutes:.1f} minutes")


if __name__ == "__main__":
    main()
