"""Sphinx extension: what a page of this book is made of.

Its theme is themes/dora: a layout, one style sheet, three small scripts, a favicon and the fonts; room mode and the run sheets
bring a script of their own, where they are used. No page asks another host for
anything, and no page has an inline script, so the layout can forbid both with one Content-Security-Policy.
"""

import html
import re
import struct
from itertools import takewhile
from pathlib import Path
from urllib.parse import urljoin

import standalone
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

PROMPTS = {  # what the summary of a folded cell says, by the first of these tags that the cell carries
    # Once an option is chosen its reply has told the answer, and what is left to see is the run.
    "answer": (
        '<span class="unasked">Reveal the answer</span><span class="told">Show the run</span>',
        "Hide the answer",
    ),
    "solution": ("Show a solution", "Hide the solution"),
    "hide-input": ("Show the code", "Hide the code"),
    "hide-output": ("Show the output", "Hide the output"),
    "hide-cell": ("Show this cell", "Hide this cell"),
}
SEARCH_SCRIPTS = ("documentation_options.js", "doctools.js", "sphinx_highlight.js")  # the search page alone needs them
OURS = ("site.css", "dora-live")
STATIC = Path(__file__).parent / "themes" / "dora" / "static"
# What Sphinx and MyST-NB copy and no page links
UNUSED = ("basic.css", "file.png", "mystnb.*.css", "minus.png", "plus.png", "pygments.css")


ANNOUNCED = "Predict. Choose before you read on."  # stands before a question, for Jupyter alone


def word_prompts(app: Sphinx, document: nodes.document) -> None:
    """Give each folded cell the words of its tags."""
    for cell in document.findall(nodes.container):
        tags = cell_tags(cell)
        found = next((prompt for tag, prompt in PROMPTS.items() if tag in tags), None)
        if cell.get("hide_mode") and found:
            cell["prompt_show"], cell["prompt_hide"] = found


def tagged(document: nodes.document, tag: str) -> list[nodes.container]:
    """The cells with this tag, as a list, since what is around them may be moved."""
    return [cell for cell in document.findall(nodes.container) if tag in cell_tags(cell)]


def cell_tags(node: nodes.Node) -> list[str]:
    return node.get("cell_metadata", {}).get("tags", []) if isinstance(node, nodes.container) else []


def fold_answers(app: Sphinx, document: nodes.document) -> None:
    """A predicted answer is folded whole: the cell that computes it, its picture and the paragraph that says which option it is.

    Its code stands right under the options and names one of them.
    """
    for cell in tagged(document, "answer"):
        if cell.get("hide_mode"):
            cell["hide_mode"] = "all"
            for said in verdict(cell):
                said.parent.remove(said)
                cell.append(said)


def show_first(app: Sphinx, document: nodes.document) -> None:
    """Where only a cell's code is folded, what it shows comes first, and the code below it."""
    for cell in document.findall(nodes.container):
        if cell.get("hide_mode") == "input" and len(cell.children) > 1:
            cell += folded_code(cell, cell["prompt_show"], cell["prompt_hide"], kind="below-output")
            del cell["hide_mode"]


def folded_code(cell: nodes.container, show: str, hide: str, *, kind: str) -> HideCodeCellNode:
    """The cell's code, taken out of it and into a fold."""
    code = HideCodeCellNode(prompt_show=show, prompt_hide=hide, classes=[kind])
    source = cell.children[0]
    cell.remove(source)
    code += source
    return code


def move_question_code(app: Sphinx, document: nodes.document) -> None:
    """The code of a question holds the answer and every reply, so that it comes last behind Reveal."""
    for question in tagged(document, "predict"):
        after = question.parent.children[question.parent.index(question) + 1 :]
        answer = next((cell for cell in after if "answer" in cell_tags(cell)), None)
        if answer is not None and question.get("hide_mode") == "input":
            answer += folded_code(question, "Show the question's code", "Hide the question's code", kind="asked")


def ask_once(app: Sphinx, document: nodes.document) -> None:
    """In Jupyter a line announces a question before its cell is run. On a page the figure below it says so."""
    for cell in tagged(document, "predict"):
        before = cell.parent.children[max(cell.parent.index(cell) - 1, 0)]
        if before.astext() == ANNOUNCED:
            before.parent.remove(before)


def verdict(cell: nodes.container) -> list[nodes.Node]:
    """What follows the cell and belongs to the answer: its picture, and one paragraph, which may go on after a formula."""
    after = cell.parent.children[cell.parent.index(cell) + 1 :]
    pictures = list(takewhile(lambda node: node.get("hide_mode") == "input", after))
    text = list(takewhile(lambda node: isinstance(node, nodes.paragraph | nodes.math_block), after[len(pictures) :]))
    end = 1
    while text[end:] and isinstance(text[end], nodes.math_block):
        end += 2
    return pictures + text[:end]


def mark_options(app: Sphinx, document: nodes.document) -> None:
    """A list of (a), (b), (c) needs no bullets."""
    for choice in document.findall(nodes.bullet_list):
        if all(re.match(r"\([a-z]\) ", item.astext()) for item in choice.children):
            choice["classes"].append("options")


def visit_table(self: HTML5Translator, node: nodes.table) -> None:
    """What is too wide scrolls in a box of its own."""
    self._table_row_indices.append(0)
    self.body.append(f'<div class="pst-scrollable-table-container">{self.starttag(node, "table", CLASS="table")}')


def depart_table(self: HTML5Translator, node: nodes.table) -> None:
    self._table_row_indices.pop()
    self.body.append("</table>\n</div>\n")


def visit_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    classes = " ".join(["fold", *node["classes"]])
    show, hide = node["prompt_show"], node["prompt_hide"]
    says = show if show == hide else f'<span class="closed">{show}</span><span class="open">{hide}</span>'
    self.body.append(f'<details class="{classes}"><summary>{says}</summary>\n')


def depart_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


def png_size(path: Path) -> tuple[int, int] | None:
    head = path.read_bytes()[:24]
    return struct.unpack(">II", head[16:24]) if head.startswith(b"\x89PNG") else None


IMAGE = re.compile(r'<img[^>]*\bsrc="(?P<source>[^"]*_images/(?P<name>[^"/]+))"[^>]*>')
IMAGES = re.compile(r'(?:<img[^>]*\bsrc="[^"]*_images/[^>]*>\s*)+')


def finish_images(app: Sphinx, body: str) -> str:
    """Every picture is loaded when it is scrolled to, and keeps its place free until then; those of one cell stand together."""
    sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}

    def finish(cell: re.Match) -> str:
        found = list(IMAGE.finditer(cell[0]))
        alt = re.search(r'\balt="([^"]*)"', cell[0])
        sizes = (png_size(sources[one["name"]]) if one["name"] in sources else None for one in found)
        return picture([(one["source"], size) for one, size in zip(found, sizes, strict=True)], alt[1] if alt else "")

    return IMAGES.sub(finish, body)


def picture(panels: list[tuple[str, tuple[int, int] | None]], alt: str) -> str:
    """Pictures of one cell, (source, size) each, side by side where there is room: one picture with one text, which is escaped already."""
    rooms = [
        f' width="{size[0]}" height="{size[1]}" style="--width: {size[0]}px"' if size else "" for _, size in panels
    ]
    many = len(panels) > 1
    images = "".join(
        f'<img loading="lazy"{room} src="{source}" alt="{"" if many else alt}">'
        for (source, _), room in zip(panels, rooms, strict=True)
    )
    named = f'class="picture panels" role="img" aria-label="{alt}"' if many else 'class="picture"'
    return f"<span {named}>{images}</span>\n"


CODE = re.compile(r'(?<=<div class="highlight"><pre>).*?(?=</pre>)', re.DOTALL)
LONG = 42  # characters of code that fit a phone's line
ALIGNED = re.compile(r"\S {2,}[^ #]")  # a printed table


def hang_long_lines(body: str) -> str:
    """A line of code too long for its window goes on below, indented under its own start; so does a printed one, but for a table's."""
    return CODE.sub(lambda code: hung(code[0]), body)


def hung(code: str) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", "", code))
    kind = "long aligned" if ALIGNED.search(text) else "long"
    lines = []
    for line, seen in zip(code.split("\n"), text.split("\n"), strict=True):
        start = len(seen) - len(seen.lstrip(" "))
        lines.append(f'<span class="{kind}" style="--start: {start}">{line}</span>' if len(seen) > LONG else line)
    return "\n".join(lines)


EMPTY_CORNER = re.compile(r'<th class="head[^"]*"><p></p></th>')  # of a table; a heading that says nothing is none

PREVIEW = "preview.png"  # drawn by tools/preview_picture.py
PREVIEW_ALT = (
    "A weight of shape (3, 5) as a heat map, with three bars beside it, one per output, and five below it, one per input. "
    "Which one is DoRA's magnitude?"
)


def preview(site: str) -> dict[str, str | int]:
    """The picture that a link to any page is shown with, for a site at `site`."""
    width, height = png_size(STATIC / PREVIEW)
    return {"address": urljoin(site, f"_static/{PREVIEW}"), "width": width, "height": height, "alt": PREVIEW_ALT}


def description(document: nodes.document | None) -> str:
    """The page's first paragraph, cut at a word to what a search engine shows."""
    for paragraph in document.findall(nodes.paragraph) if document else ():
        text = " ".join(paragraph.astext().split())
        return text if len(text) <= 160 else f"{text[:157].rsplit(' ', 1)[0]} …"
    return ""


def finish_page(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    """Leave the page with our assets alone."""
    searching = page == "search"
    context["script_files"] = [
        file
        for file in context["script_files"]
        if name(file).startswith(OURS) or (searching and name(file) in SEARCH_SCRIPTS)
    ]
    context["css_files"] = [file for file in context["css_files"] if name(file).startswith(OURS)]
    context["description"] = description(document)
    context["book_version"] = standalone.version()
    if site := app.config.html_baseurl:  # publish.py has settled it
        context["address"] = urljoin(site, app.builder.get_target_uri(page))
        context["preview"] = preview(site)
    if "body" in context:
        context["body"] = hang_long_lines(EMPTY_CORNER.sub("<td></td>", finish_images(app, context["body"])))


def name(asset: object) -> str:
    return Path(getattr(asset, "filename", asset) or "").name


START_POLICY = (
    "default-src 'none'; img-src data:; connect-src 'none'; object-src 'none'; base-uri 'self'; form-action 'none'"
)


def write_start(app: Sphinx, error: Exception | None) -> None:
    """The site's own address leads to the book's first page; what no page uses goes."""
    if error or app.builder.format != "html":
        return
    target = relative_uri("index.html", app.builder.get_target_uri(app.config.root_doc))
    title = app.config.html_title
    Path(app.outdir, "index.html").write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{START_POLICY}">'
        f'<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url={target}"></head>\n'
        f'<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body></html>\n',
        encoding="utf-8",
    )
    for unused in UNUSED:
        for path in Path(app.outdir, "_static").glob(unused):
            path.unlink()


def setup(app: Sphinx) -> dict:
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    app.add_node(nodes.table, override=True, html=(visit_table, depart_table))
    app.connect("doctree-read", word_prompts)
    app.connect("doctree-read", fold_answers)
    app.connect("doctree-read", move_question_code)
    app.connect("doctree-read", show_first)
    app.connect("doctree-read", ask_once)
    app.connect("doctree-read", mark_options)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", write_start, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
