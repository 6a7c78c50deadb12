"""Sphinx extension, and a plain module: the text of a chapter shows where its numbers come from, and what its names stand for.

A number of three or more significant digits in a chapter's text also stands in what a cell has put out or asserts;
tests/support/guards.py holds every chapter to it. On the page such a number is a quiet link to the nearest of those cells. A
name of the glossary's tables says its shape when it is pointed at, and its first place on a page is a link to the glossary.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from spine import Result
from standalone import joined

Cell = dict[str, Any]
DIGITS = 3
NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?(?![\w])|(?<![\w.])\d+(?:\.\d+)?(?!\w)")
ANSWERS = {"answer", "solution", "exercise", "predict"}
LONGEST = 90  # characters of the line that a link shows
GLOSSARY = "book/back/glossary"
TEX = {"W₀": "W_0", "α": r"\alpha"}


# ---- which cell a number comes from


def numbers(text: str) -> list[str]:
    """Those that need evidence."""
    return [number for number in NUMBER.findall(text) if len(plain(number).replace(".", "").lstrip("0")) >= DIGITS]


def plain(number: str) -> str:
    return re.sub("[,_]", "", number)


def proofs(cell: Cell) -> Iterator[str]:
    """What a cell has put out as text, and what it asserts."""
    for output in cell.get("outputs", []):
        yield joined(output.get("text", ""))
        yield from (seen(joined(shown)) for mime, shown in output.get("data", {}).items() if mime.startswith("text/"))
    source = re.sub(r"^[%!].*$", "", joined(cell["source"]), flags=re.M)
    for node in ast.walk(ast.parse(source)):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Assert) or "assert" in called:
            yield ast.get_source_segment(source, node) or ""


def seen(shown: str) -> str:
    """What a reader sees of an output: not the state that a figure keeps for the page's script."""
    return re.sub(r"<script.*?</script>|<[^>]*>", "\n", shown, flags=re.S) if shown.lstrip().startswith("<") else shown


def proved(cell: Cell) -> dict[str, str]:
    """Each number of a cell's proofs, with the line it stands in."""
    found: dict[str, str] = {}
    for text in proofs(cell):
        for line in text.splitlines():
            said = " ".join(line.split())
            for number in NUMBER.findall(line):
                found.setdefault(plain(number), said)
    return found


def nearest(number: str, at: int, cells: list[Cell]) -> int | None:
    """Which cell proves a number of the text below cell `at`: the last before it, or else the next that gives no answer away."""
    known = [place for place, cell in enumerate(cells) if plain(number) in cell["proved"]]
    before = [place for place in known if place <= at]
    after = [place for place in known if place > at and not ANSWERS & set(cells[place]["metadata"].get("tags", []))]
    return (before[-1:] or after[:1] or [None])[0]


# ---- on the page


def link_numbers(app: Sphinx, document: nodes.document) -> None:
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        cell["proved"] = proved(cell) if cell["cell_type"] == "code" else {}
    found = list(document.findall(lambda node: is_cell(node) or is_claim(node)))
    shown = {node["cell_index"]: node for node in found if is_cell(node)}
    at = -1
    for node in found:
        if is_cell(node):
            at = node["cell_index"]
        else:
            replace(node, lambda number, at=at: target(number, at, cells, shown))


def is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell_index" in node


def is_claim(node: nodes.Node) -> bool:
    """A piece of a chapter's text with a number to prove, where a link can stand."""
    whole = nodes.literal | nodes.math
    if not isinstance(node, nodes.Text | whole) or isinstance(node.parent, whole) or not numbers(node.astext()):
        return False
    return linkable(node) and not any(is_cell(above) for above in ancestors(node))


def linkable(node: nodes.Node) -> bool:
    """Not in a heading, a summary, or a link already."""
    taken = nodes.reference | addnodes.pending_xref | nodes.title | nodes.raw | Result
    return not any(isinstance(above, taken) for above in ancestors(node))


def ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while (node := node.parent) is not None:
        yield node


def target(number: str, at: int, cells: list[Cell], shown: dict[int, nodes.Element]) -> tuple[str, str] | None:
    """(the id of the cell on the page, what it says), or None where no cell has it."""
    place = nearest(number, at, cells)
    if place is None:
        return None
    id = f"cell-{cells[place]['id']}"
    shown[place]["ids"] = [id]
    return id, f"computed: {cells[place]['proved'][plain(number)][:LONGEST]}"


def replace(node: nodes.Node, target: Callable[[str], tuple[str, str] | None]) -> None:
    """The node with its numbers as links. A piece of code or a formula is one link, to where its first number is from."""
    if not isinstance(node, nodes.Text):
        if found := next(filter(None, map(target, numbers(node.astext()))), None):
            wrap(node, link(*found))
        return
    parts, start, text = [], 0, str(node)
    for match in NUMBER.finditer(text):
        if found := target(match[0]) if numbers(match[0]) else None:
            parts += [nodes.Text(text[start : match.start()]), link(*found, nodes.Text(match[0]))]
            start = match.end()
    node.parent.replace(node, [part for part in [*parts, nodes.Text(text[start:])] if part.astext()])


def link(id: str, says: str, *children: nodes.Node) -> nodes.reference:
    return nodes.reference("", "", *children, refid=id, internal=True, classes=["evidence"], reftitle=says)


def wrap(node: nodes.Node, around: nodes.Element) -> None:
    node.replace_self(around)
    around += node


# ---- what a name stands for


@cache
def shapes(glossary: Path) -> dict[str, str]:
    """{"lora_A": "A: (rank, in), random at the start", "A": "lora_A: ..."}: the glossary's tables, by code and by symbol."""
    text = glossary.read_text(encoding="utf-8")
    found = {}
    for row in re.findall(r"^\| (`\w.*?) \|$", text.split("## Names and shapes")[1].split("\n## ")[0], re.M):
        code, maths, shape, note = (part.strip() for part in row.replace("`", "").split("|"))
        for name, sign in zip(code.split(", "), maths.split(", "), strict=False):
            found[name] = f"{sign}: {shape}, {note}" if sign else f"{shape}, {note}"
            found[TEX.get(sign, sign)] = f"{name}: {shape}, {note}"
    for sign, shape, name in re.findall(r"^\| `(\w)` (\(.*?\)) \| `(\w+)\.T` \|", text, re.M):
        found[sign] = f"{name}: {found[name].partition(': ')[2]}; {shape} in the row form"
    return found


def name_shapes(app: Sphinx, document: nodes.document) -> None:
    if app.env.docname == GLOSSARY:
        return
    known, seen = shapes(Path(app.env.doc2path(GLOSSARY))), set()
    address = f"{app.builder.get_relative_uri(app.env.docname, GLOSSARY)}#names-and-shapes"
    for node in list(document.findall(lambda node: isinstance(node, nodes.literal | nodes.math))):
        name = node.astext()
        if name not in known or not linkable(node):
            continue
        first = nodes.reference("", "", refuri=address, internal=True, classes=["name"], reftitle=known[name])
        wrap(node, nodes.abbreviation("", "", explanation=known[name]) if name in seen else first)
        seen.add(name)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", link_numbers, priority=450)  # once it is known what stands in a summary
    app.connect("doctree-read", name_shapes, priority=460)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
