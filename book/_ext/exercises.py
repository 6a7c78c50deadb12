"""Sphinx extension, and a plain module: the exercises of the chapters, read from the notebooks and from nowhere else.

`read` walks a notebook. `copy_of` makes from it a notebook of its exercises alone, for a student, or for a facilitator with the
solutions, the time and what each wrong answer means. Either runs alone: it carries the modules it imports, as a published
chapter does, and those statements of the chapter that the exercises use, found by following names backwards.

The build writes notebooks/exercises/<chapter>-student.ipynb and <chapter>-facilitator.ipynb. The directive `{exercise-index}`
lists all exercises with both copies, `{exercise-total}` counts them, and `{question-index}` lists the questions, each with a link
that opens it for a room.
Everything is read from sources: nothing here imports torch.
"""

import ast
import copy
import dis
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import closure
import publish
import standalone
import stored_cells
from docutils import nodes
from from_book import FromBook
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

DIFFICULTIES = ("easy", "medium", "hard")
COPIES = ("student", "facilitator")
MISTAKES = closure.BOOK / closure.PACKAGE / "mistakes"  # a module a chapter, imported as `mistakes`
FOLDER = "exercises"  # within the folder of published notebooks
TITLE = re.compile(r"^# (\d+) · (.+)$", re.M)
PART = re.compile(r"^## (.+)$", re.M)
HEADING = re.compile(rf"### Exercise (\d+)\.(\d+): (.+) \((\d+) minutes, ({'|'.join(DIFFICULTIES)})\)")
TRAINS = re.compile(r"^\*Trains: (.+)\*$", re.M)
NAMED = re.compile(r'<figure [^>]*\bid="([^"]+)"')

Notebook = dict[str, Any]
Cell = dict[str, Any]


# ---- what a notebook holds


@dataclass
class Exercise:
    """One exercise, from its heading up to the next; `cells` are in order, the stub and the solution among them."""

    chapter: int
    number: int
    title: str
    minutes: int
    difficulty: str
    trains: str
    slug: str  # of its heading, for links
    cells: list[Cell] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.chapter}.{self.number}"

    @property
    def debug(self) -> bool:
        return self.title.startswith("Debug ")

    def only(self, tag: str) -> Cell:
        found = [cell for cell in self.cells if tag in tags(cell)]
        if len(found) != 1:
            raise ValueError(f"exercise {self.name} has {len(found)} cells tagged {tag!r}, expected 1")
        return found[0]


@dataclass
class Question:
    """A `Predict` figure as it is stored."""

    id: str
    text: str
    options: list[list[str]]  # [option, reply] each
    right: int


def title(notebook: Notebook) -> str:
    """ "3 · peft's layer" without the number."""
    match = TITLE.search(source(notebook["cells"][0]))
    if not match:
        raise ValueError("a chapter begins with a heading such as '# 3 · peft's layer'")
    return match[2]


def read(notebook: Notebook) -> list[Exercise]:
    """The exercises of a chapter, in order. ValueError, with the heading, where one does not say its minutes and difficulty."""
    found: list[Exercise] = []
    inside = False
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            if inside and found:
                found[-1].cells.append(cell)
            continue
        for piece in re.split(r"^(?=##)", source(cell), flags=re.M):
            if part := PART.match(piece):
                inside = part[1] == "Exercises"
            elif piece.startswith("### Exercise"):
                found.append(begun(piece))
            if inside and found and piece.strip():
                found[-1].cells.append({**cell, "source": piece.rstrip()})
    return found


def begun(prose: str) -> Exercise:
    first = prose.splitlines()[0].rstrip()
    match, trains = HEADING.fullmatch(first), TRAINS.search(prose)
    if not match:
        raise ValueError(
            f"{first!r} should be '### Exercise 1.2: Title (5 minutes, {DIFFICULTIES[0]})', or {' or '.join(DIFFICULTIES[1:])}"
        )
    if not trains:
        raise ValueError(f"{first!r} should be followed by a line such as '*Trains: reading an axis off a shape.*'")
    chapter, number, name, minutes, difficulty = match.groups()
    slug = default_slugify(first.removeprefix("### "))
    return Exercise(int(chapter), int(number), name, int(minutes), difficulty, trains[1], slug)


def before(notebook: Notebook) -> Iterator[Cell]:
    """The cells of code above the exercises."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            yield cell
        elif any(part == "Exercises" for part in PART.findall(source(cell))):
            return


def questions(notebook: Notebook) -> list[Question]:
    """The questions of a chapter, as their figures are stored."""
    found = []
    for _, shown in stored_cells.outputs(notebook["cells"], "text/html"):
        if 'data-figure="predict"' in shown:
            state = stored_cells.page_data(shown)["state"]
            found.append(Question(NAMED.search(shown)[1], state["question"], state["options"], state["right"]))
    return found


def tags(cell: Cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def source(cell: Cell) -> str:
    return standalone.joined(cell["source"])


# ---- the wrong answers that a check knows


def wrong_answers(exercise: Exercise) -> list[tuple[str, str]]:
    """(the code of the wrong answer, the sentence that it gets) for each that the stub's check is given."""
    listed = checked(ast.parse(standalone.python(exercise.only("exercise"))), exercise)
    text = (MISTAKES / f"chapter_{exercise.chapter}.py").read_text(encoding="utf-8")
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and f"mistakes.{ast.unparse(node.targets[0])}" == listed:
            found += [(code(value, text), key.value) for key, value in pairs(node.value)]
    return found


def checked(tree: ast.Module, exercise: Exercise) -> str:
    """What the check of a stub gets as `wrong`: mistakes.repaired, say."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "check"]
    given = [ast.unparse(word.value) for call in calls for word in call.keywords if word.arg == "wrong"]
    if not given:
        raise ValueError(f"exercise {exercise.name}: its check is given no wrong answers")
    return given[-1]


def pairs(node: ast.Dict) -> Iterable[tuple[ast.Constant, ast.expr]]:
    return zip(node.keys, node.values, strict=True)


def code(value: ast.expr, text: str) -> str:
    return re.sub(r"\s+", " ", ast.get_source_segment(text, value))


# ---- what the exercises take from the chapter above them


class Statement(NamedTuple):
    """One statement at the top level of a cell; of an import, one name."""

    text: str
    binds: set[str]  # names that it gives a value
    changes: set[str]  # names whose value it writes into: x[0] = 1, x.y = 1, x.mul_(2), nn.init.zeros_(x)
    uses: set[str]
    later: bool  # its names are looked up when it is called

    @classmethod
    def of(cls, node: ast.stmt, text: str) -> "Statement":
        code = compile(text, "cell", "exec")
        binds = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_NAME"}
        later = isinstance(node, ast.FunctionDef | ast.ClassDef) or isinstance(getattr(node, "value", 0), ast.Lambda)
        return cls(text, binds, set() if later else set(changed(node)), looked_up(code), later)


def looked_up(code: CodeType) -> set[str]:
    """The names of the module that some code and the functions in it use."""
    here = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    return here.union(*(looked_up(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def changed(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
        written = isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store)
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr.endswith("_"):
            part, written = part.args[0] if "init." in ast.unparse(part.func) else part.func, True
        if written and (name := re.match(r"\w+\b(?!\()", ast.unparse(part))):  # f(x) is a value of its own
            yield name[0]


def statements(cells: Iterable[Cell]) -> list[Statement]:
    return [statement for text in map(standalone.python, cells) for statement in parsed(text)]


@cache  # the student's copy and the facilitator's are made of the same cells
def parsed(text: str) -> list[Statement]:
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names.copy():
                node.names = [alias]
                found.append(Statement.of(node, ast.unparse(node)))
        else:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            found.append(Statement.of(node, "\n".join(text.splitlines()[first - 1 : node.end_lineno])))
    return found


def taken(notebook: Notebook, exercises: list[Exercise]) -> str:
    """Of the code above the exercises, the statements that the exercises need, in the chapter's order."""
    own = [cell for exercise in exercises for cell in exercise.cells if cell["cell_type"] == "code"]
    wished = {"torch", "nn", "F"}  # the three a reader may want for another solution
    texts = needed(statements(before(notebook)), statements(own), wished)
    text = "\n".join(f"\n\n{text}\n\n" if "\n" in text else text for text in texts)
    text = re.sub(r"\A(?:(?:from|import) .*(?:\n|\Z))+", r"\g<0>\n", text)
    return re.sub(r"\n{3,}", "\n\n\n", text).strip()


def needed(above: list[Statement], own: list[Statement], at_end: set[str]) -> list[str]:
    """Read backwards, what gives the names that are used further down their values; those `at_end` are looked up after all."""
    names, called, kept = set(at_end), set(), []
    for at, statement in reversed(list(enumerate(above + own))):
        if at >= len(above) or names & (statement.binds | statement.changes):
            names -= statement.binds
            (called if statement.later else names).update(statement.uses)
            kept[:0] = [statement.text] if at < len(above) else []
    return kept if called <= at_end else needed(above, own, at_end | called)


# ---- a copy


def copy_of(notebook: Notebook, name: str, role: str, *, site: str = "", book: Path = closure.BOOK) -> Notebook:
    """The exercises of the chapter `name` alone, for "student" or "facilitator", as a notebook that needs nothing else."""
    exercises = read(notebook)
    parts = [part for exercise in exercises for part in copied(exercise, f"{name} {role}", role)]
    above = taken(notebook, exercises)
    code_cells = [part for part in parts if part["cell_type"] == "code"]
    found = closure.needs("\n\n".join([above, *map(standalone.python, code_cells)]), book)
    intro = standalone.markdown(f"{name} {role}", "title", opening(notebook, exercises, role))
    made = {key: copy.deepcopy(value) for key, value in notebook.items() if key != "cells"}
    made["metadata"].pop("widgets", None)
    made["cells"] = [
        intro,
        *standalone.cells_before(found, f"{name} {role}", site, book, what="The exercises of a chapter"),
        standalone.folded(f"{name} {role}", "above", f"#@title What the exercises take from the chapter\n{above}"),
        *(standalone.published(copy.deepcopy(part), site, True) for part in parts),
    ]
    made["nbformat_minor"] = 5
    return made


def opening(notebook: Notebook, exercises: list[Exercise], role: str) -> str:
    number, minutes = exercises[0].chapter, sum(exercise.minutes for exercise in exercises)
    head = f"# Exercises of chapter {number}: {title(notebook)}"
    if role == "facilitator":
        return (
            f"{head}, with solutions\n\nFor who leads a session: {len(exercises)} exercises, {minutes} minutes if all are done. "
            "Below each stand a solution, which is only one way, and the wrong answers that its check knows, with what they mean."
        )
    return (
        f"{head}\n\n{len(exercises)} exercises, {minutes} minutes if you do all. Replace the `...` of a function, and run its cell: "
        "the last line says whether it agrees with the specification, and where not."
    )


def copied(exercise: Exercise, name: str, role: str) -> Iterator[Cell]:
    """The cells of one exercise, as this copy has them."""
    for at, cell in enumerate(exercise.cells):
        if cell["cell_type"] == "markdown":
            yield {**cell, "id": standalone.cell_id(name, f"{exercise.name} {at}"), "metadata": {}}
        elif role == "facilitator":
            yield cell
        elif "solution" not in tags(cell):
            yield {**cell, "outputs": [], "execution_count": None}
        if role == "facilitator" and "solution" in tags(cell):
            yield standalone.markdown(name, f"{exercise.name} wrong", meanings(exercise))


def meanings(exercise: Exercise) -> str:
    rows = [f"| `{answer.replace('|', chr(92) + '|')}` | {sentence} |" for answer, sentence in wrong_answers(exercise)]
    head = ["| a wrong answer | what the check says it means |", "|---|---|"]
    lead = f"**{exercise.name}, for the facilitator.** Allow {exercise.minutes} minutes ({exercise.difficulty})."
    return "\n".join([f"{lead} Who writes one of these gets its sentence:", "", *head, *rows])


def copy_name(stem: str, role: str) -> str:
    return f"{stem}-{role}.ipynb"


def write_copies(paths: Iterable[Path], folder: Path, *, site: str = "") -> list[Path]:
    """Both copies of each chapter into `folder`, and nothing else. Gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in paths:
        stored = json.loads(path.read_text(encoding="utf-8"))
        for role in COPIES if read(stored) else ():
            made.append(folder / copy_name(path.stem, role))
            standalone.replace(made[-1], standalone.written(copy_of(stored, path.stem, role, site=site)))
    for old in set(folder.iterdir()) - set(made):
        old.unlink()
    return made


# ---- the pages


class Index(FromBook):
    """What the three directives share: the chapters, and Markdown that becomes part of the page."""

    def made(self) -> Iterator[nodes.Node]:
        yield from self.parse_text_to_nodes("\n".join(self.lines()), allow_section_headings=True)

    def chapters(self) -> Iterator[tuple[str, str, Notebook]]:
        """(page relative to this one, stem, notebook) for each notebook of the book."""
        here = Path(self.env.doc2path(self.env.docname)).parent
        for path in publish.chapters(self.env.app).values():
            yield relative(path, here), path.stem, json.loads(self.watched(path).read_text(encoding="utf-8"))

    def lines(self) -> Iterator[str]:
        raise NotImplementedError


def relative(path: Path, folder: Path) -> str:
    return Path(*[".."] * len(folder.relative_to(closure.BOOK).parts), path.relative_to(closure.BOOK)).as_posix()


def heading(page: str, notebook: Notebook) -> str:
    number, name = TITLE.search(source(notebook["cells"][0])).groups()
    return f"## [Chapter {number}, {name}]({page})"


class ExerciseTotal(Index):
    """How many exercises the book has, and how long they take."""

    def lines(self) -> Iterator[str]:
        every = [exercise for *_, notebook in self.chapters() for exercise in read(notebook)]
        hours, minutes = divmod(sum(exercise.minutes for exercise in every), 60)
        debug = sum(exercise.debug for exercise in every)
        yield f"There are {len(every)} exercises, {debug} of them to debug, for {hours} hours and {minutes} minutes in all."


class ExerciseIndex(Index):
    """A table for each chapter: the exercise, its minutes and difficulty, what it trains; and the two copies."""

    def lines(self) -> Iterator[str]:
        for page, stem, notebook in self.chapters():
            if not (exercises := read(notebook)):
                continue
            yield from (heading(page, notebook), "")
            yield f"{len(exercises)} exercises, {sum(each.minutes for each in exercises)} minutes."
            yield ", ".join(self.offered(stem, exercises[0].chapter, role) for role in COPIES)
            yield from ("", "| exercise | minutes | difficulty | trains |", "|---|---|---|---|")
            yield from (row(page, exercise) for exercise in exercises)
            yield ""

    def offered(self, stem: str, chapter: int, role: str) -> str:
        """A copy to download, and where Colab can read it to open there."""
        name = copy_name(stem, role)
        uri = relative_uri(self.env.app.builder.get_target_uri(self.env.docname), f"notebooks/{FOLDER}/{name}")
        link = f'<a href="{uri}" download>{role.capitalize()}\'s copy of chapter {chapter}</a>'
        colab = publish.colab(self.config.book_repository, standalone.version(), f"{FOLDER}/{Path(name).stem}")
        return f'{link} (<a href="{colab}">{role}\'s copy of chapter {chapter} in Colab</a>)' if colab else link


def row(page: str, exercise: Exercise) -> str:
    link = f"[{exercise.name} {exercise.title}]({page}#{exercise.slug})"
    return f"| {link} | {exercise.minutes} | {exercise.difficulty} | {exercise.trains} |"


class QuestionIndex(Index):
    """A list for each chapter: its questions, each with a link that opens it for a room."""

    def lines(self) -> Iterator[str]:
        for page, _, notebook in self.chapters():
            address = re.sub(r"\.ipynb$", ".html", page)
            yield from (heading(page, notebook), "")
            for asked in questions(notebook):
                open_it = f'<a href="{address}?room#{asked.id}=room:votes" target="dora-room">Open for a room</a>'
                yield f"- {asked.text} {open_it}"
            yield ""


def write(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    paths = publish.chapters(app).values()
    write_copies(paths, Path(app.outdir, "notebooks", FOLDER), site=app.config.html_baseurl)


def setup(app: Sphinx) -> dict:
    app.add_directive("exercise-index", ExerciseIndex)
    app.add_directive("exercise-total", ExerciseTotal)
    app.add_directive("question-index", QuestionIndex)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
