"""Sphinx extension: what the run sheets, the handout and the questions on paper are written with, beside Markdown.

    {open}`words <4-shape-mismatch#norms=per:input>`  a link that shows a chapter's figure in a state, in the room's window
    {section}`words <4-shape-mismatch#the-verdict>`   a link that shows a chapter's section there
    {says}`sentence 2, parts 1 to 2`                  what that figure then says, or a part of it, cut at commas, "and" and "that"
    {vote} 4-shape-mismatch#which-check               a Predict question: the link for a room, and each option with its reply
    {glance}                                          a session's steps, with the clock and what each puts on the screen
    {axis-picture} 4-shape-mismatch#norms             the figure's weight with its norms along both axes, as SVG
    {field-guide-in-small}                            which library keeps which axis, from data/field_guide.json
    {questions-on-paper}, {answer-key}                from back/six-questions.md
    {imprint}                                         which book, version and day; the paper

All that a sheet puts on the screen opens in room mode, and in one window (ROOM), so that the sheet itself is never projected;
sheet.js leads that window from one link to the next.

A page whose title begins "60 minutes" is a session. Its sections whose headings end in "(6 minutes)" are steps: each gets its
time on the clock, and if they do not add up to the title's minutes, the build fails. What a chapter or a page of the back
matter says is read from it, so a sheet cannot disagree with it.
"""

import html
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import field_guide
import live_host
import standalone
import stored_cells
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from from_book import LETTERS, FromBook, raw
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

BOOK = "book"
TARGET = re.compile(r"(?P<chapter>[\w-]+)#(?P<id>[a-z][a-z0-9-]*)(?:=(?P<state>\S+))?")
LINK = re.compile(r"(?P<words>.+?)\s*<(?P<target>[^<>]+)>", re.S)
SESSION = re.compile(r"(\d+) minutes\b")
QUOTED = re.compile(r"sentence (\d+)(?:, parts? (\d+)(?: to (\d+))?)?")
SENTENCE_END = re.compile(r"(?<=\.) ")
PART_END = re.compile(r"(?:[,:;] (?:and )?| and | that )(?![^(]*\))")  # not inside a shape
HEADING = re.compile(r"^#{2,4} +(.+?)\s*$", re.M)
STEP = re.compile(r"\((\d+) minutes?\)$")
ROOM = "dora-room"  # the one window that a sheet's links open in
AXES = {"Per output": "output", "Per input": "input", "Either, by a flag or a guess": "either"}


# ---- figures of the chapters


@dataclass(frozen=True)
class Target:
    """A chapter's figure, and the state that a link asks for."""

    chapter: str
    id: str
    state: str

    @classmethod
    def of(cls, text: str, env: BuildEnvironment) -> tuple["Target", str]:
        """The target and the figure's stored HTML. ValueError where there is no such figure."""
        parts = TARGET.fullmatch(text.strip())
        if not parts:
            raise ValueError(f"{text!r} is not chapter#figure or chapter#figure=state")
        notebook = Path(env.srcdir, BOOK, f"{parts['chapter']}.ipynb")
        env.note_dependency(str(notebook))
        shown = stored_cells.figure(stored_cells.cells(notebook), parts["id"])
        return cls(parts["chapter"], parts["id"], parts["state"] or ""), shown

    def address(self, page: str) -> str:
        """As a link on `page`, in room mode."""
        file = os.path.relpath(f"{BOOK}/{self.chapter}.html", os.path.dirname(page))
        return f"{file}?room#{self.id}" + (f"={self.state}" if self.state else "")


def state_link(words: str, target: Target, page: str) -> nodes.reference:
    return nodes.reference("", words, refuri=target.address(page), classes=["state"], target=ROOM)


class Open(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        parts = LINK.fullmatch(self.text)
        try:
            if not parts:
                raise ValueError(f"{self.text!r} is not: words <chapter#figure=state>")
            target, shown = Target.of(parts["target"], self.env)
            live_host.opened(
                stored_cells.name(shown), stored_cells.page_data(shown), target.state
            )  # refuses what the page would
        except (OSError, ValueError, KeyError) as error:
            raise ExtensionError(f"open on {self.env.docname}: {error}") from error
        self.env.temp_data["opened"] = shown, target.state
        return [state_link(parts["words"], target, self.env.docname)], []


class Section(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        parts = LINK.fullmatch(self.text)
        chapter, _, slug = (parts["target"] if parts else "").partition("#")
        notebook = Path(self.env.srcdir, BOOK, f"{chapter}.ipynb")
        if not notebook.is_file() or slug not in headings(notebook):
            raise ExtensionError(f"section on {self.env.docname}: {self.text!r} is not: words <chapter#heading-of-it>")
        self.env.note_dependency(str(notebook))
        return [state_link(parts["words"], Target(chapter, slug, ""), self.env.docname)], []


def headings(notebook: Path) -> set[str]:
    """The names that links give to a chapter's headings."""
    cells = stored_cells.cells(notebook)
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return {default_slugify(title) for text in texts for title in HEADING.findall(text)}


class Says(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            shown, state = self.env.temp_data["opened"]
            figure, kept = stored_cells.name(shown), stored_cells.page_data(shown)
            said = quoted(live_host.opened(figure, kept, state), self.text)
        except (IndexError, KeyError, ValueError) as error:
            raise ExtensionError(f"says on {self.env.docname}: {error}") from error
        return [nodes.inline("", f"\u201c{said}\u201d", classes=["says"])], []


def quoted(said: str, which: str) -> str:
    """The part of what a figure says that `which` names: "sentence 2", "sentence 1, part 3", "sentence 1, parts 1 to 2"."""
    asked = QUOTED.fullmatch(" ".join(which.split()))
    if not asked:
        raise ValueError(f"{which!r} is not: sentence 2, or: sentence 2, part 1, or: sentence 2, parts 1 to 3")
    number, first, last = (int(part) if part else None for part in asked.groups())
    sentences = SENTENCE_END.split(said)
    if not 1 <= number <= len(sentences):
        raise ValueError(f"there is no {which} in: {said}")
    sentence = sentences[number - 1]
    if first is None:
        return sentence
    cuts = list(PART_END.finditer(sentence))
    begins, ends = [0, *(cut.end() for cut in cuts)], [*(cut.start() for cut in cuts), len(sentence.rstrip("."))]
    if not 1 <= first <= (last or first) <= len(ends):
        raise ValueError(f"there is no {which} in: {said}")
    return sentence[begins[first - 1] : ends[(last or first) - 1]]


class FromSheet(FromBook):
    """The base of those that make Markdown part of the page, or read the back matter."""

    def parsed(self, markdown: str) -> list[nodes.Node]:
        box = nodes.Element()
        self.state.nested_parse(StringList(markdown.splitlines(), source=self.name), self.content_offset, box)
        return box.children

    def back_matter(self, name: str) -> str:
        return self.watched(Path(self.env.srcdir, BOOK, "back", name)).read_text(encoding="utf-8")


class Vote(FromBook):
    required_arguments = 1

    def made(self) -> Iterator[nodes.Node]:
        target, shown = Target.of(self.arguments[0], self.env)
        state = stored_cells.page_data(shown)["state"]
        room = Target(target.chapter, target.id, "room:votes")
        asked = nodes.paragraph(classes=["vote"])
        asked += [
            state_link("Vote", room, self.env.docname),
            nodes.Text(". "),
            nodes.strong("", "", *coded(state["question"])),
        ]
        yield asked
        options = nodes.bullet_list(classes=["replies"])
        for i, (option, reply) in enumerate(state["options"]):
            verdict = "Right." if i == state["right"] else "Not it."
            said = nodes.paragraph("", f"({LETTERS[i]}) ", nodes.emphasis("", "", *coded(option)), nodes.Text(". "))
            said += [nodes.strong("", verdict), nodes.Text(" "), *coded(reply)]
            options += nodes.list_item("", said)
        yield options


def coded(text: str) -> list[nodes.Node]:
    """Text with `code` between backticks."""
    parts = text.split("`")
    return [nodes.literal("", part) if i % 2 else nodes.Text(part) for i, part in enumerate(parts) if part]


# ---- a session


class Glance(nodes.Element):
    """Where a session's table of steps comes."""


class GlanceDirective(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [Glance()]


def set_clock(app: Sphinx, document: nodes.document) -> None:
    """Give each step of a session its time, and fill in the table of steps."""
    whole = document.next_node(nodes.section)
    length = whole and SESSION.match(whole[0].astext())
    if not length:
        return
    clock, rows = 0, []
    for section in (node for node in whole.children if isinstance(node, nodes.section)):
        title = section[0]
        if not (step := STEP.search(title.astext())):
            continue
        rows.append(glance_row(clock, section, int(step[1])))
        title.insert(0, nodes.inline("", f"{clock_time(clock)} ", classes=["clock"]))
        clock += int(step[1])
    if clock != int(length[1]):
        raise ExtensionError(
            f"{app.env.docname}: its steps take {clock} minutes together, and its title says {length[1]}"
        )
    for glance in list(whole.findall(Glance)):
        glance.replace_self(raw(glance_table([*rows, end_row(clock)])))


def clock_time(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def glance_row(clock: int, section: nodes.section, minutes: int) -> str:
    name = html.escape(STEP.sub("", section[0].astext()).strip())
    links = {node["refuri"]: node.astext() for node in section.findall(nodes.reference) if "state" in node["classes"]}
    shown = "; ".join(
        f'<a href="{html.escape(uri)}" target="{ROOM}">{html.escape(words)}</a>' for uri, words in links.items()
    )
    return (
        f'<tr><td>{clock_time(clock)}</td><td></td><td>{minutes}</td><th scope="row"><a href="#{section["ids"][0]}">{name}</a></th>'
        f"<td>{shown}</td></tr>"
    )


def end_row(clock: int) -> str:
    return f'<tr><td>{clock_time(clock)}</td><td></td><td></td><th scope="row">End</th><td></td></tr>'


def glance_table(rows: list[str]) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("clock", "your watch", "minutes", "step", "on the screen")
    )
    return (
        '<div class="pst-scrollable-table-container glance"><table class="table">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def lead(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    """A session's page has the script that leads the room's window."""
    context["sheet"] = document is not None and any(
        "clock" in node["classes"] for node in document.findall(nodes.inline)
    )


# ---- the six questions


class QuestionsOnPaper(FromSheet):
    """The questions without their answers."""

    def made(self) -> Iterator[nodes.Node]:
        for number, title, asked, _ in six_questions(self.back_matter("six-questions.md")):
            yield nodes.container("", *self.parsed(f"**{number}. {title}.** {asked}"), classes=["asked"])


class AnswerKey(FromSheet):
    def made(self) -> Iterator[nodes.Node]:
        letters = [f"{number} {letter}" for number, _, _, letter in six_questions(self.back_matter("six-questions.md"))]
        yield nodes.paragraph("", "", nodes.strong("", "The letters: "), nodes.Text(", ".join(letters) + "."))


def six_questions(page: str) -> list[tuple[str, str, str, str]]:
    """Number, title, question with its options, and the right letter."""
    found = re.findall(r"^## (\d)\. (.+?)\n(.+?)<details.*?\*\*\(([a-d])\)", page, re.M | re.S)
    if len(found) != len(re.findall(r"^## \d\. ", page, re.M)) or not found:
        raise ValueError("six-questions.md has a question without an answer that begins with its letter")
    return [(number, title.strip(), asked.strip(), letter) for number, title, asked, letter in found]


# ---- the handout


class FieldGuideInSmall(FromSheet):
    def made(self) -> Iterator[nodes.Node]:
        self.watched(field_guide.TABLE)
        lines = [f"| {axis} | {'; '.join(libraries(name))} |" for name, axis in AXES.items()]
        yield from self.parsed("\n".join(["| one magnitude per | in |", "|---|---|", *lines]))


def libraries(section: str) -> list[str]:
    """The names in a section of the field guide, a library's parts together; where its axis can change, with the shape of m."""
    parts: dict[str, list[str]] = {}
    for row in field_guide.of_section(section):
        name, _, part = row["library"].partition(", ")
        part = ", ".join(filter(None, [part, row["part"]]))
        if AXES[section] == "either":
            part = ", ".join(filter(None, [part, f"m {row['linear']}"]))
        parts.setdefault(name, []).append(part)
    joint = "; " if AXES[section] == "either" else ", "
    return [
        f"{library} ({joint.join(filter(None, each))})" if any(each) else library for library, each in parts.items()
    ]


class Imprint(FromBook):
    """Which book this is, its version, the day it was built, and the paper: a sheet on a wall says where it comes from."""

    def made(self) -> Iterator[nodes.Node]:
        today = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC)
        parts = [
            self.config.html_title,
            f"version {standalone.version()}",
            f"{today.day} {today:%B %Y}",
            self.config.html_baseurl,
        ]
        yield nodes.paragraph(
            "", f"{', '.join(filter(None, parts))}. DoRA: Liu and others, 2024, arXiv:2402.09353.", classes=["imprint"]
        )


class AxisPicture(FromBook):
    required_arguments = 1
    option_spec = {"unnamed": directives.flag}  # where the question comes first

    def made(self) -> Iterator[nodes.Node]:
        _, shown = Target.of(self.arguments[0], self.env)
        yield raw(axis_picture(stored_cells.page_data(shown)["state"]["weight"], named="unnamed" not in self.options))


WIDE, TALL = 34, 26  # a cell
LEFT, TOP = 44, 58  # what stands before the cells
LONGEST_BAR = 64
MAGNITUDE, FROZEN = "#D55E00", "#6B7280"


def axis_picture(weight: list[list[float]], *, named: bool) -> str:
    """A weight (out, in): its numbers, the norm of every output row beside it, of every input column of (out, in) below.

    `named` says which of the two is m in whose code.
    """
    outputs, inputs = len(weight), len(weight[0])
    per_output = [math.hypot(*row) for row in weight]
    per_input = [math.hypot(*entries) for entries in zip(*weight, strict=True)]
    unit = LONGEST_BAR / max(per_output + per_input)
    right, bottom = LEFT + inputs * WIDE, TOP + outputs * TALL
    marks = []
    for o, row in enumerate(weight):
        y = TOP + o * TALL
        marks.append(label(LEFT - 7, y + 17, f"out {o}", anchor="end"))
        marks += [
            box(LEFT + i * WIDE, y, WIDE, TALL) + label(LEFT + (i + 0.5) * WIDE, y + 17, short(w))
            for i, w in enumerate(row)
        ]
        marks += [bar(right + 14, y + 6, per_output[o] * unit, TALL - 12)]
        marks += [label(right + 19 + per_output[o] * unit, y + 17, short(per_output[o]), anchor="start", bold=True)]
    for i, length in enumerate(per_input):
        x = LEFT + i * WIDE
        marks.append(label(x + WIDE / 2, TOP - 6, f"in {i}"))
        marks += [bar(x + 9, bottom + 12, WIDE - 18, length * unit)]
        marks += [label(x + WIDE / 2, bottom + 25 + length * unit, short(length), bold=True)]
    middle = bottom + 12 + LONGEST_BAR / 2
    for y, heading, whose in (
        (TOP - 22, f"m per output ({outputs}, 1)", "DoRA, peft"),
        (middle, f"m per input (1, {inputs})", "Raschka, catid"),
    ):
        marks.append(label(right + 14, y, heading if named else heading.removeprefix("m "), anchor="start", bold=True))
        marks += [label(right + 14, y + 14, whose, anchor="start")] if named else []
    marks.append(
        label(0, 14, f"weight of Linear({inputs}, {outputs}): ({outputs}, {inputs})", anchor="start", bold=True)
    )
    told = (
        f"A weight of shape ({outputs}, {inputs}). Beside it one magnitude for each output: {listed(per_output)}. "
        f"Below it one for each input: {listed(per_input)}."
    )
    width, height = right + (150 if named else 142), round(bottom + 34 + max(per_input) * unit)
    return f'<svg class="axis-picture" viewBox="0 0 {width} {height}" font-size="12" fill="currentColor" role="img" aria-label="{told}">{"".join(marks)}</svg>'


def short(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")


def listed(values: list[float]) -> str:
    return ", ".join(map(short, values))


def box(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none" stroke="{FROZEN}"/>'


def bar(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:.4g}" height="{height:.4g}" fill="{MAGNITUDE}"/>'


def label(x: float, y: float, text: str, *, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}"{weight}>{html.escape(text)}</text>'


def setup(app: Sphinx) -> dict:
    app.add_role("open", Open())
    app.add_role("section", Section())
    app.add_role("says", Says())
    for name, directive in {
        "vote": Vote, "glance": GlanceDirective, "axis-picture": AxisPicture, "field-guide-in-small": FieldGuideInSmall,
        "questions-on-paper": QuestionsOnPaper, "answer-key": AnswerKey, "imprint": Imprint,
    }.items():  # fmt: skip
        app.add_directive(name, directive)
    app.add_node(Glance)
    app.connect("html-page-context", lead)
    app.connect("doctree-read", set_clock, priority=400)  # before the page's contents are read off the headings
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
