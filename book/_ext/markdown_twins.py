"""Sphinx extension: beside each page its twin in Markdown, and an llms.txt that lists them, for who reads with a program.

A twin holds what its page says: text, formulas as TeX, code with what it printed, pictures by their text, figures by their
sentence and table. Nothing is folded, and a prediction has its replies and the right one marked.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import stored_cells
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from dora_site import PROMPTS, description
from from_book import LETTERS
from myst_nb.sphinx_ import HideCodeCellNode
from slides import Notes, SlideTitle
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

FOLDS = {PROMPTS["answer"][0]: "*The answer.*", PROMPTS["solution"][0]: "*A solution.*"}
FENCE = {"ipython3": "python", "none": "", "myst-ansi": "", "default": ""}
INDENT = {nodes.bullet_list: "  ", nodes.enumerated_list: "   "}


def markdown(document: nodes.document) -> str:
    return "\n\n".join(blocks(document, 0)) + "\n"


# ---- what stands on lines of its own


def blocks(node: nodes.Node, level: int) -> Iterator[str]:
    """The node's blocks; `level` is that of the heading above it."""
    match node:
        case nodes.title() | SlideTitle():
            yield f"{'#' * node.get('level', level)} {inline(node)}"
        case nodes.math_block():
            yield f"$$\n{node.astext().strip()}\n$$"
        case nodes.literal_block():
            text = re.sub(r"\x1b\[[\d;]*m", "", node.astext()).rstrip()
            yield f"```{FENCE.get(node.get('language', ''), node.get('language', ''))}\n{text}\n```"
        case nodes.image():
            yield picture(node)
        case nodes.raw():
            yield from raw_blocks(node.astext()) if "html" in node["format"] else ()
        case nodes.bullet_list() | nodes.enumerated_list():
            yield listed(node, level)
        case nodes.definition_list_item():
            yield f"**{inline(node[0])}**: " + " ".join(blocks(node[-1], level))
        case nodes.block_quote():
            yield indented(children(node, level), "> ", "> ")
        case nodes.table():
            yield table([[inline(cell) for cell in row] for row in node.findall(nodes.row)])
        case Notes():
            yield from ([indented(children(node, level), "> ", "> ")] if node.children else [])
        case nodes.comment() | nodes.target() | nodes.substitution_definition() | addnodes.toctree():
            return
        case HideCodeCellNode():
            yield from filter(None, [FOLDS.get(node["prompt_show"], "")])
            yield from children_of(node, level)
        case nodes.TextElement():
            yield from filter(None, [inline(node).strip()])
        case nodes.Element():
            yield from children_of(node, level + isinstance(node, nodes.section))


def children_of(node: nodes.Element, level: int) -> Iterator[str]:
    for child in node.children:
        yield from blocks(child, level)


def children(node: nodes.Element, level: int) -> str:
    return "\n\n".join(children_of(node, level))


def listed(node: nodes.Element, level: int) -> str:
    space = INDENT[type(node)]
    marks = ("- " if space == "  " else f"{number}. " for number in range(node.get("start", 1), 999))
    return "\n".join(
        indented(children(item, level), mark, space) for mark, item in zip(marks, node.children, strict=False)
    )


def indented(text: str, first: str, rest: str) -> str:
    return first + re.sub(r"\n(?=.)" if rest.isspace() else r"\n", f"\n{rest}", text)


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def picture(node: nodes.image) -> str:
    return f"![{node.get('alt', '')}]({node['uri']})"


# ---- what stands in a line


def inline(node: nodes.Node) -> str:
    match node:
        case nodes.Text():
            return re.sub(r"\s*\n\s*", " ", node.astext()).replace("*", r"\*")
        case nodes.math():
            return f"${node.astext()}$"
        case nodes.literal():
            return code(node.astext())
        case nodes.strong():
            return f"**{within(node)}**"
        case nodes.emphasis():
            return f"*{within(node)}*"
        case nodes.reference() if not {"evidence", "name"} & set(node["classes"]):
            return f"[{within(node)}]({twin(node.get('refuri') or '#' + node.get('refid', ''))})"
        case nodes.image():
            return picture(node)
        case nodes.raw():
            return " ".join(raw_blocks(node.astext()))
        case nodes.paragraph() if node.parent and node.parent.index(node):  # a second one, in a table's cell
            return f" {within(node)}"
    return within(node)


def within(node: nodes.Node) -> str:
    return "".join(map(inline, node.children))


def code(text: str) -> str:
    mark = "``" if "`" in text else "`"
    return f"{mark}{text}{mark}"


def twin(address: str) -> str:
    """Within the book, the other page's twin."""
    return address if re.match(r"[a-z]+:", address) else re.sub(r"\.html(?:\?room)?(?=#|$)", ".md", address)


# ---- what is HTML already: figures, and what the teaching pages are written with


def raw_blocks(html: str) -> Iterator[str]:
    yield from tag_blocks(BeautifulSoup(html, "html.parser").children)


def tag_blocks(found: Iterable) -> Iterator[str]:
    for tag in found:
        if not isinstance(tag, Tag):
            yield from filter(None, [" ".join(tag.split())])
        elif tag.get("data-figure") == "predict":
            yield from prediction(tag)
        elif tag.name == "figure":
            yield f"*Figure.* {words(tag.figcaption)}"
            yield from tag_blocks(tag.find_all("table"))
        elif tag.name == "table":
            yield table([[words(cell) for cell in row.find_all(["th", "td"])] for row in tag.find_all("tr")])
        elif said := tag.get("aria-label") or tag.get("alt"):
            yield f"*Picture.* {said}"
        elif tag.name in ("div", "section", "details"):
            yield from tag_blocks(tag.children)
        elif tag.name not in ("script", "style"):
            yield from filter(None, [words(tag)])


def prediction(figure: Tag) -> Iterator[str]:
    state = stored_cells.page_data(str(figure))["state"]
    yield f"**Predict.** {state['question']}"
    lines = [
        f"- ({letter}) {option}. *{'Right' if number == state['right'] else 'Not it'}.* {reply}"
        for number, (letter, (option, reply)) in enumerate(zip(LETTERS, state["options"], strict=False))
    ]
    yield "\n".join(lines)


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


# ---- the site


def write_twin(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    if document is None or app.builder.name != "html":
        return
    copy = document.deepcopy()
    for image in copy.findall(nodes.image):
        if image["uri"] in app.builder.images:
            image["uri"] = relative_uri(app.builder.get_target_uri(page), f"_images/{app.builder.images[image['uri']]}")
    path = Path(app.outdir, f"{page}.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown(copy), encoding="utf-8")
    context["twin"] = f"{page.rpartition('/')[2]}.md"


def write_list(app: Sphinx, error: Exception | None) -> None:
    """llms.txt: what the book is, and every page's twin with its first words, part by part."""
    if error or app.builder.name != "html":
        return
    root = app.config.root_doc
    first = app.env.get_doctree(root)
    lines = [f"# {app.config.html_title}", f"> {description(first)}", f"- [{app.env.titles[root].astext()}]({root}.md)"]
    for part in first.findall(addnodes.toctree):
        lines.append(f"## {part['caption']}")
        lines.append("\n".join(entry(app, page) for _, page in part["entries"]))
    Path(app.outdir, "llms.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def entry(app: Sphinx, page: str) -> str:
    said = description(app.env.get_doctree(page))
    return f"- [{app.env.titles[page].astext()}]({page}.md)" + (f": {said}" if said else "")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", write_twin)
    app.connect("build-finished", write_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
