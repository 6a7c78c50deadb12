"""Sphinx extension: a page whose front matter has `deck: Slides` becomes a deck of slides, with that name in the contents.

Each heading of the second level opens a slide, and what stands above the first of them is the title slide. reveal.js
(vendor/reveal, MIT) turns the slides; deck/deck.js adds the address, the notes and the speaker's window. Figures,
printed lines and functions are taken from the chapters' stored cells, so that a deck shows what a chapter has computed. No
other page loads any of it. The directives, beside Markdown:

    notes                    what the speaker reads; `:minutes: 2` is the time that the slide is given
    then                     what appears with the next key
    live ../4-x.ipynb        the figure `:id: hero`, live; each line of the body, `per:input = One per input`, is a link to a state
    question ../4-x.ipynb    the Predict figure `:id: when-load`, ready to count the hands of a room; the next key reveals
    output ../4-x.ipynb      the printed lines that match `:lines:`, a regular expression
    source ../4-x.ipynb      the source of the function `:name: poke`
"""

import html
import shutil
from collections.abc import Iterator
from pathlib import Path

import stored_cells
from docutils import nodes
from docutils.parsers.rst import directives
from from_book import LETTERS, FromBook, raw
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).parent
ASSETS = [HERE / "vendor" / "reveal" / name for name in ("reveal.js", "reveal.css", "LICENSE")]
ASSETS += [HERE / "deck" / name for name in ("deck.js", "deck.css")]


class Slide(nodes.Element):
    """<section>: a slide with its notes."""


class SlidePage(nodes.Element):
    """What of a slide is shown."""


class SlideTitle(nodes.TextElement):
    """The heading of a slide; `level` is 1 on the title slide, else 2."""


class Notes(nodes.Element):
    """What the speaker reads; `minutes` is the slide's time."""


class Then(nodes.Element):
    """What appears with the next key; where it has no content, what the key reveals is named by `reveals`."""


# ---- what a deck is written with


class NotesDirective(SphinxDirective):
    has_content = True
    option_spec = {"minutes": float}

    def run(self) -> list[nodes.Node]:
        node = Notes(minutes=self.options.get("minutes", 0.0))
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class ThenDirective(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        node = Then()
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class FromChapter(FromBook):
    """The base of those that show a stored cell again."""

    required_arguments = 1

    def made(self) -> Iterator[nodes.Node]:
        return self.shown(stored_cells.cells(self.beside(self.arguments[0])))

    def shown(self, cells: list[stored_cells.Cell]) -> Iterator[nodes.Node]:
        raise NotImplementedError


class Live(FromChapter):
    has_content = True
    option_spec = {"id": directives.unchanged_required, "as": directives.unchanged}

    def shown(self, cells: list[stored_cells.Cell]) -> Iterator[nodes.Node]:
        old = self.options["id"]
        new = self.options.get("as", old)  # two slides may show one figure
        shown = stored_cells.figure(cells, old)
        yield raw(shown.replace(f'id="{old}"', f'id="{new}"', 1))
        if self.content:
            yield raw(states(new, list(self.content), stored_cells.page_data(shown)["state"]))


def states(id: str, lines: list[str], known: dict) -> str:
    """Links that put the figure into a state each. The line `per:input;poke:2 = Words` gives one."""
    links = []
    for line in lines:
        state, words = (part.strip() for part in line.split("=", 1))
        for part in filter(None, state.split(";")):
            if part.split(":")[0] not in known:
                raise ValueError(f"the figure {id!r} has no {part.split(':')[0]!r}")
        links.append(f'<a href="#{id}={html.escape(state)}">{html.escape(words)}</a>')
    return f'<p class="states"><span>Set it to:</span> {" ".join(links)}</p>'


class Question(FromChapter):
    option_spec = {"id": directives.unchanged_required}

    def shown(self, cells: list[stored_cells.Cell]) -> Iterator[nodes.Node]:
        shown = stored_cells.figure(cells, self.options["id"])
        data = stored_cells.page_data(shown)
        options, right = data["state"]["options"], data["state"]["right"]
        data["state"] |= {"room": "votes", "hands": [0] * len(options)}
        yield raw(stored_cells.with_page_data(shown, data))
        yield Then(reveals=self.options["id"])
        notes = Notes(minutes=0.0)
        for i, (letter, (option, reply)) in enumerate(zip(LETTERS, options, strict=False)):
            verdict = "right" if i == right else "not it"
            notes += nodes.paragraph(
                "", "", nodes.strong("", f"({letter}) {verdict}."), nodes.Text(f" {option}. {reply}".replace("`", ""))
            )
        yield notes


class Output(FromChapter):
    option_spec = {"lines": directives.unchanged_required, "language": directives.unchanged}

    def shown(self, cells: list[stored_cells.Cell]) -> Iterator[nodes.Node]:
        lines = stored_cells.printed(cells, self.options["lines"])
        yield nodes.literal_block(lines, lines, language=self.options.get("language", "none"))


class Source(FromChapter):
    option_spec = {"name": directives.unchanged_required}

    def shown(self, cells: list[stored_cells.Cell]) -> Iterator[nodes.Node]:
        source = stored_cells.function(cells, self.options["name"])
        yield nodes.literal_block(source, source, language="python")


# ---- the page


def deck_name(env: BuildEnvironment, page: str) -> str:
    """What the contents call the deck; "" for a page that is none."""
    return env.metadata.get(page, {}).get("deck", "")


def name_decks(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Its first slide says what it is about, which is what the book is about."""
    for page in env.found_docs:
        if name := deck_name(env, page):
            env.titles[page] = env.longtitles[page] = nodes.title("", name)
            env.tocs[page].next_node(nodes.reference).children = [nodes.Text(name)]
    return []


def make_slides(app: Sphinx, document: nodes.document, page: str) -> None:
    """One <section> a slide, one beside the other, as reveal.js wants them."""
    if deck_name(app.env, page):
        (whole,) = document.findall(lambda node: isinstance(node, nodes.section) and node.parent is document)
        below = [node for node in whole.children if isinstance(node, nodes.section)]
        first = nodes.section(ids=["start"])
        first.extend(node for node in whole.children if node not in below)
        document.children = []
        document.extend(slide(part, 2 if number else 1) for number, part in enumerate([first, *below]))


def slide(section: nodes.section, level: int) -> Slide:
    page, notes = SlidePage(), Notes(minutes=0.0)
    for node in list(section.children):
        if isinstance(node, nodes.title):
            page += SlideTitle("", "", *node.children, level=level)
        elif isinstance(node, Notes):
            notes.extend(node.children)
            notes["minutes"] += node["minutes"]
        else:
            page += node
    made = Slide(ids=section["ids"][:1])
    made.extend([page, notes])
    return made


def use_template(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> str | None:
    if document is None or not deck_name(app.env, page):
        return None
    context["slides"] = [(made["ids"][0], made.next_node(SlideTitle).astext()) for made in document.findall(Slide)]
    context["deck_minutes"] = sum(node["minutes"] for node in document.findall(Notes))
    return "slides.html"


def write_assets(app: Sphinx) -> None:
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static", "deck")
        folder.mkdir(parents=True, exist_ok=True)
        for asset in ASSETS:
            shutil.copyfile(asset, folder / asset.name)


# ---- its HTML


def visit_slide(self: HTML5Translator, node: Slide) -> None:
    self.body.append(self.starttag(node, "section"))


def visit_page(self: HTML5Translator, node: SlidePage) -> None:
    self.body.append('<div class="slide big">\n')


def visit_title(self: HTML5Translator, node: SlideTitle) -> None:
    self.body.append(f"<h{node['level']}>")


def depart_title(self: HTML5Translator, node: SlideTitle) -> None:
    self.body.append(f"</h{node['level']}>\n")


def visit_notes(self: HTML5Translator, node: Notes) -> None:
    minutes = f' data-minutes="{node["minutes"]:g}"' if node["minutes"] else ""
    self.body.append(f'<aside class="notes" aria-label="Notes"{minutes}>\n')


def visit_then(self: HTML5Translator, node: Then) -> None:
    reveals = f' data-reveals="{node["reveals"]}"' if node.get("reveals") else ""
    self.body.append(f'<div class="fragment"{reveals}>\n')


def close(tag: str):
    return lambda self, node: self.body.append(f"</{tag}>\n")


def setup(app: Sphinx) -> dict:
    for name, directive in {
        "notes": NotesDirective, "then": ThenDirective, "live": Live, "question": Question,
        "output": Output, "source": Source,
    }.items():  # fmt: skip
        app.add_directive(name, directive)
    app.add_node(Slide, html=(visit_slide, close("section")))
    app.add_node(SlidePage, html=(visit_page, close("div")))
    app.add_node(SlideTitle, html=(visit_title, depart_title))
    app.add_node(Notes, html=(visit_notes, close("aside")))
    app.add_node(Then, html=(visit_then, close("div")))
    app.connect("builder-inited", write_assets)
    app.connect("env-updated", name_decks)
    app.connect("doctree-resolved", make_slides)
    app.connect("html-page-context", use_template)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
