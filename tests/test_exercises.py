"""Every exercise of every chapter, proven three ways; and the copies for students and facilitators, run alone.

The chapters and their exercises are found by walking the notebooks, so a new chapter is held to all of this.
"""

import ast
import copy
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import exercises
import nbformat
import numpy as np
import publish_notebooks
import pytest
import standalone
import torch
from dorabook.exercise import Verdict, check
from nbclient import NotebookClient
from support import guards
from support.pages import parsed
from torch.nn import functional as F

ROOT = Path(__file__).parents[1]
CHAPTERS = publish_notebooks.chapters()
LEAST_WRONG = 2


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


FOUND = [(path, exercise) for path in CHAPTERS for exercise in exercises.read(load(path))]


def called(value: object) -> str:
    return value.name if isinstance(value, Path | exercises.Exercise) else str(value)


every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=called)
every_exercise = pytest.mark.parametrize(("path", "exercise"), FOUND, ids=called)
both = pytest.mark.parametrize("role", exercises.COPIES)


# ---- what is asked for


@every_chapter
def test_a_chapter_has_three_exercises_or_more_with_minutes_difficulty_and_what_they_train(path):
    found = exercises.read(load(path))
    assert len(found) >= guards.EXERCISES
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert {each.chapter for each in found} == {int(path.name.split("-")[0])}
    for each in found:
        assert 2 <= each.minutes <= 20
        assert each.trains.endswith(".")


@every_chapter
def test_the_walk_finds_every_stub_and_every_heading(path):
    notebook = load(path)
    stubs = [cell for cell in notebook["cells"] if "exercise" in guards.tags(cell)]
    headings = re.findall(r"^### Exercise", "\n".join(guards.markdown(notebook)), re.M)
    assert len(exercises.read(notebook)) == len(stubs) == len(headings)


def test_the_three_mistakes_that_people_made_are_there_to_debug():
    debug = [f"{exercise.title} {guards.text(exercise.cells[0]['source'])}" for _, exercise in FOUND if exercise.debug]
    assert len(debug) >= 3
    for mistake in ("catid", "square", "flattens m"):  # catid's experiment, the square layer, m of the wrong axis
        assert [text for text in debug if mistake in text], mistake


@pytest.mark.parametrize(
    ("heading", "says"),
    [
        ("### Exercise 1.1: Title (5 minutes)", r"should be '### Exercise 1\.2: Title \(5 minutes, easy\)'"),
        ("### Exercise 1.1: Title (5 minutes, harder)", "or medium or hard"),
        ("### Exercise 1.1: Title (5 minutes, easy)", r"followed by a line such as '\*Trains"),
    ],
)
def test_a_heading_that_does_not_say_all_is_named(heading, says):
    prose = {"cell_type": "markdown", "metadata": {}, "source": f"## Exercises\n\n{heading}\n\nText."}
    with pytest.raises(ValueError, match=says):
        exercises.read({"cells": [prose]})


# ---- proven three ways


class Checks:
    """A chapter's exercises as they run: what every check was given, and what it said."""

    def __init__(self, path: Path):
        notebook = load(path)
        found = exercises.read(notebook)
        self.given: dict[str, list[tuple]] = {}
        self.name = ""
        space = {}
        exec(exercises.taken(notebook, found), space)
        space["check"] = self.check
        for exercise in found:
            for cell in exercise.cells:
                if cell["cell_type"] == "code":
                    self.name = f"{exercise.name} {' '.join(guards.tags(cell))}"
                    exec(standalone.python(cell), space)

    def check(self, attempt, *given, **options) -> Verdict:
        verdict = check(attempt, *given, **options)
        self.given.setdefault(self.name, []).append(Given(verdict, attempt, *given[:1], given[1:], options))
        return verdict

    def of(self, exercise, tag: str) -> "Given":
        (only,) = self.given[f"{exercise.name} {tag}"]
        return only


class Given(NamedTuple):
    """What a check was given, and what it said."""

    verdict: Verdict
    attempt: Callable
    spec: Callable
    examples: tuple
    options: dict

    @property
    def wrong(self) -> dict[str, Callable]:
        return self.options["wrong"]

    def says_of(self, attempt: Callable) -> Verdict:
        """What the same check says of another answer."""
        return check(attempt, self.spec, *self.examples, **self.options)


@pytest.fixture(scope="module")
def checks():
    ran: dict[Path, Checks] = {}

    def get(path: Path) -> Checks:
        if path not in ran:
            ran[path] = Checks(path)
        return ran[path]

    return get


@every_exercise
def test_the_stub_is_not_filled_in_yet(path, exercise, checks):
    verdict = checks(path).of(exercise, "exercise").verdict
    assert not verdict.ok
    assert verdict.sentence.endswith(": not filled in yet")


@every_exercise
def test_the_solution_passes(path, exercise, checks):
    given = checks(path).of(exercise, "solution hide-cell")
    assert given.verdict.ok, given.verdict
    assert len(given.examples) >= 2


@every_exercise
def test_each_wrong_answer_gets_its_own_sentence_and_no_other(path, exercise, checks):
    given = checks(path).of(exercise, "exercise")
    assert len(given.wrong) >= LEAST_WRONG
    for sentence, function in given.wrong.items():
        verdict = given.says_of(function)
        assert not verdict.ok
        assert verdict.sentence.endswith(f" {sentence}"), verdict
        assert [other for other in given.wrong if other in verdict.sentence] == [sentence]


@every_exercise
def test_a_sentence_about_a_wrong_answer_is_a_sentence(path, exercise, checks):
    given = checks(path).of(exercise, "exercise")
    for sentence in [*given.wrong, *given.options.get("never", ())]:
        assert re.match(r"[A-Z\d`]|[ms] ", sentence)  # or it begins with a number or its name
        assert sentence.endswith(".")
        assert len(sentence.split()) >= 3


@every_exercise
def test_the_facilitators_table_lists_what_the_check_knows(path, exercise, checks):
    """The table is read from the source, the check's list from a run: they are the same, in the same order."""
    listed = exercises.wrong_answers(exercise)
    assert [sentence for _, sentence in listed] == list(checks(path).of(exercise, "exercise").wrong)
    assert all(code for code, _ in listed)


@every_exercise
def test_stub_and_solution_are_checked_alike(path, exercise, checks):
    one, other = (checks(path).of(exercise, tag) for tag in ("exercise", "solution hide-cell"))
    assert one.options == other.options
    assert one.spec.__code__ is other.spec.__code__


# ---- answers of whole kinds


@every_exercise
def test_a_specification_handed_back_is_refused(path, exercise, checks):
    given = checks(path).of(exercise, "solution hide-cell")
    spec = (inspect.getclosurevars(given.spec).nonlocals or {"merge": given.spec})["merge"]
    verdict = given.says_of(lambda *arguments: spec(*arguments))
    if exercise.name == "8.3":  # its specification takes other arguments, on purpose
        assert not verdict.ok
    else:
        assert verdict.sentence.endswith(f"it calls {spec.__name__}, the specification: write it without.")


@every_exercise
def test_a_forgotten_return_is_said(path, exercise, checks):
    given = checks(path).of(exercise, "solution hide-cell")

    def forgot(*arguments):
        given.attempt(*arguments)

    assert "forgot returned None on example 1: is a `return` missing?" in given.says_of(forgot).sentence


@every_exercise
def test_an_answer_may_use_its_arguments_up(path, exercise, checks):
    given = checks(path).of(exercise, "solution hide-cell")
    if given.options.get("through"):  # its gradients are asked for afterwards
        return

    def used_up(*arguments):
        answer = copy.deepcopy(given.attempt(*arguments))
        destroy(arguments)
        return answer

    assert given.says_of(used_up).ok


def destroy(value):
    if isinstance(value, list | tuple):
        for one in value:
            destroy(one)
    if isinstance(value, list):
        value.clear()
    if isinstance(value, torch.Tensor):
        value.zero_()


@every_exercise
def test_a_right_answer_may_be_numpys(path, exercise, checks):
    given = checks(path).of(exercise, "solution hide-cell")
    if given.options.get("through"):
        return
    assert given.says_of(lambda *arguments: in_numpy(given.attempt(*arguments))).ok


def in_numpy(answer):
    if isinstance(answer, tuple):
        return tuple(map(in_numpy, answer))
    if isinstance(answer, torch.Tensor):
        return answer.numpy()
    return np.array(answer)[()]  # np.int64, np.float64, np.str_


@every_exercise
def test_where_two_factors_meet_an_example_has_rank_two_and_no_two_sides_alike(path, exercise, checks):
    """At rank 1 an entry by entry product passes for BA, on a square layer a weight turned over for the weight."""
    given = checks(path).of(exercise, "exercise")
    names = list(inspect.signature(given.spec).parameters)
    factors = [names.index(name) for name in ("A", "lora_A", "B", "lora_B") if name in names]
    if len(factors) < 2:
        return
    shapes = [[tuple(example[at].shape[-2:]) for at in factors] for example in given.examples]
    outer = [sorted(one + other, key=(one + other).count)[:2] for one, other in shapes]  # out and in, where they differ
    ranks = [set(one) & set(other) for one, other in shapes]
    assert any(min(rank, default=1) > 1 and len(set(sides)) == 2 for rank, sides in zip(ranks, outer, strict=True))


# ---- answers that were once judged wrongly, each a kind


def changed(before, after):
    return (before != after).nonzero().tolist()


WRONG_AFTER_ALL = {
    ("1.2", "built"): lambda x, w, a, b, who: torch.stack([r @ (w + b[k] @ a[k]).T for r, k in zip(x, who, strict=True)]),
    ("1.3", "rank 1 alone"): lambda w, a, b, s: w + s * (a * b.T[:, :1].T).T,
    ("2.3", "built"): lambda x, w, a, b, m, s: x @ (m * F.normalize(w + s * b @ a, dim=0)).T,
    ("4.1", "of one row"): lambda before, after: (
        ("input", changed(before, after)[0][1])
        if (before != after)[0].sum() == 1
        else ("output", changed(before, after)[0][0])
    ),
    ("4.1", "counted"): lambda before, after: (
        ("output", changed(before, after)[0][0])
        if len(changed(before, after)) == before.shape[1]
        else ("input", changed(before, after)[0][1])
    ),
    ("4.3", "entry by entry"): lambda w, a, b, m: m[:, None] * F.normalize(w + b * a, dim=1),
    ("4.3", "keepdim"): lambda w, a, b, m: m[:, None] / (w + b @ a).norm(dim=1) * (w + b @ a),
    ("4.3", "frozen"): lambda w, a, b, m: m[:, None] / w.norm(dim=1, keepdim=True) * (w + b @ a),
    ("4.4", "kept size unread"): lambda m, w: (
        ("output" if m[1] == 1 else "input")
        if len(m) == 2
        else {(True, True): "unknown", (True, False): "output", (False, True): "input"}.get(
            (m[0] == w[0], m[0] == w[1]), "neither"
        )
    ),
    ("5.4", "the question overwritten"): lambda weights, rescales: (
        [rescale.fill_(1.0) for rescale in rescales],
        torch.ones_like(rescales[0]),
    )[1],
    ("7.1", "kept size unread"): lambda shape, o, i: (
        ("output" if shape[1] == 1 else "input")
        if len(shape) > 1
        else {(True, False): "output", (False, True): "input"}.get((shape[0] == o, shape[0] == i), "cannot tell")
    ),
    ("9.2", "the last of equals"): lambda rates, validated, tested: tested[(validated == validated.max()).nonzero()[-1, 0]],
    ("9.2", "the first of equals"): lambda rates, validated, tested: tested[validated.argmax()],
    ("9.2", "the largest rate of equals"): lambda r, v, t: t[max(range(len(r)), key=lambda i: (v[i], r[i]))],
}  # fmt: skip

RIGHT_AFTER_ALL = {
    ("1.1", "NumPy's"): lambda i, o: np.int64((i * o - 1) // (i + o)),
    ("4.1", "NumPy's"): lambda before, after: (
        ("output", np.flatnonzero((before != after).numpy().any(axis=1))[0])
        if (before != after).any(dim=1).sum() == 1
        else ("input", np.flatnonzero((before != after).numpy().any(axis=0))[0])
    ),
    ("5.4", "in place"): lambda weights, rescales: (
        (squares := torch.stack([weight.square_().sum(dim=0) for weight in weights]))
        .mul(torch.cat(rescales))
        .sum(dim=0, keepdim=True)
        / squares.sum(dim=0, keepdim=True)
    ),
    ("8.4", "used up"): lambda devices, A, s: sum(
        (W.add_(s * B @ A)).square().sum(dim=0, keepdim=True)
        for W, B in (devices.pop() for _ in range(len(devices)))
    ).sqrt(),
}  # fmt: skip


def of_name(name: str) -> tuple:
    return next((path, exercise) for path, exercise in FOUND if exercise.name == name)


@pytest.mark.parametrize("case", WRONG_AFTER_ALL, ids=" ".join)
def test_a_wrong_answer_that_once_passed_does_not(case, checks):
    path, exercise = of_name(case[0])
    verdict = checks(path).of(exercise, "exercise").says_of(WRONG_AFTER_ALL[case])
    assert not verdict.ok, verdict


NAMED = [case for case in WRONG_AFTER_ALL if case[1] not in ("rank 1 alone", "the question overwritten")]


@pytest.mark.parametrize("case", [case for case in NAMED if case[1] != "the largest rate of equals"], ids=" ".join)
def test_and_is_told_what_it_did(case, checks):
    path, exercise = of_name(case[0])
    given = checks(path).of(exercise, "exercise")
    said = given.says_of(WRONG_AFTER_ALL[case]).sentence
    assert [text for text in [*given.wrong, *given.options.get("never", ())] if said.endswith(text)], said


@pytest.mark.parametrize("case", RIGHT_AFTER_ALL, ids=" ".join)
def test_a_right_answer_that_was_once_refused_passes(case, checks):
    path, exercise = of_name(case[0])
    verdict = checks(path).of(exercise, "exercise").says_of(RIGHT_AFTER_ALL[case])
    assert verdict.ok, verdict


# ---- what the copies take from the chapter


def cell(source: str) -> dict:
    return {"cell_type": "code", "id": "x", "source": source, "metadata": {}, "outputs": [], "execution_count": 1}


def chapter(above: str, *own: str) -> dict:
    heading = "## Exercises\n\n### Exercise 1.1: Title (5 minutes, easy)\n\n*Trains: nothing.*"
    prose = [{"cell_type": "markdown", "id": "y", "source": text, "metadata": {}} for text in ("# 1 · Title", heading)]
    return {"cells": [prose[0], cell(above), prose[1], *map(cell, own)], "metadata": {}}


@pytest.mark.parametrize(
    ("above", "own", "kept"),
    [
        ("a = 1\nb = a + 1\nc = 3", "print(b)", ["a = 1", "b = a + 1"]),
        ("a = 1\na = 2\na = 3", "print(a)", ["a = 3"]),
        ("a = 1\nb = a\na = 2", "print(b)", ["a = 1", "b = a"]),
        ("a = 1", "a = 2\nprint(a)", []),
        ("a = [1]\na[0] = 2\na.append_(3)\nb = a", "print(a)", ["a = [1]", "a[0] = 2", "a.append_(3)"]),
        ("x = 1\ndef f(x):\n    y = x\n    return y + z\nz = 4", "f(2)", ["def f(x):\n    y = x\n    return y + z", "z = 4"]),
        ("from torch import nn as n, optim as o\nimport torch", "n.Linear", ["from torch import nn as n", "import torch"]),
        ("x = 1\ny = 2\ndraw(x)\nweight.mul_(draw(y))\nweight = 3", "weight", ["weight = 3"]),
        ("x = 1\nnn.init.ones_(x)\nprint(x)", "x", ["x = 1", "nn.init.ones_(x)"]),
        ("y = 5\nf = lambda x: x + y\ny = 6", "f(1)", ["f = lambda x: x + y", "y = 6"]),
        ("k = 1\nz = 2\nx = [k + z for k in [3]]\nk = 4", "x", ["z = 2", "x = [k + z for k in [3]]"]),
        ("k = 1\nv = 2\nx = {k: {v for v in [k]} for k in [3]}", "x", ["x = {k: {v for v in [k]} for k in [3]}"]),
    ],
)  # fmt: skip
def test_a_copy_takes_the_statements_that_give_its_names_their_values_and_no_others(above, own, kept):
    notebook = chapter(above, own)
    text = exercises.taken(notebook, exercises.read(notebook))
    assert [ast.unparse(node) for node in ast.parse(text).body] == [ast.unparse(ast.parse(line)) for line in kept]


# ---- the copies


@every_chapter
def test_the_students_copy_has_no_solution_and_no_word_of_one(path):
    notebook = load(path)
    made = exercises.copy_of(notebook, path.stem, "student")
    text = "\n".join(standalone.joined(cell["source"]) for cell in made["cells"])
    assert "solution_" not in text
    assert [cell for cell in made["cells"] if "solution" in guards.tags(cell)] == []
    for exercise in exercises.read(notebook):
        answer = standalone.joined(exercise.only("solution")["source"])
        (body,) = [node for node in ast.parse(answer).body if getattr(node, "name", "").startswith("solution_")]
        written = ast.get_source_segment(answer, body).split("\n", 1)[1]
        assert written not in text
    assert [cell["outputs"] for cell in made["cells"] if "exercise" in guards.tags(cell)] == [[]] * len(
        exercises.read(notebook)
    )


@every_chapter
def test_the_facilitators_copy_has_the_solution_the_time_and_every_wrong_answer(path):
    notebook = load(path)
    made = exercises.copy_of(notebook, path.stem, "facilitator")
    text = "\n".join(standalone.joined(cell["source"]) for cell in made["cells"])
    for exercise in exercises.read(notebook):
        assert standalone.joined(exercise.only("solution")["source"]) in text
        assert f"Allow {exercise.minutes} minutes ({exercise.difficulty})." in text
        for _, sentence in exercises.wrong_answers(exercise):
            assert f"| {sentence} |" in text


@every_chapter
@both
def test_a_copy_has_every_exercise_and_links_that_lead_somewhere(path, role):
    notebook = load(path)
    made = exercises.copy_of(notebook, path.stem, role, site="https://b.org/")
    prose = "\n".join(standalone.joined(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "markdown")
    assert re.findall(r"^### Exercise (\S+):", prose, re.M) == [each.name for each in exercises.read(notebook)]
    assert [target for _, target in standalone.LINK.findall(prose) if not target.startswith(("https://", "#"))] == []
    ids = [cell["id"] for cell in made["cells"]]
    assert len(set(ids)) == len(ids)
    nbformat.validate(nbformat.reads(standalone.written(made), as_version=4))


def run(notebook: dict, folder: Path) -> list[tuple[list[str], str]]:
    """Run a notebook in a kernel that does not find the package. Gives each code cell's tags and what it said."""
    made = nbformat.reads(standalone.written(notebook), as_version=4)
    NotebookClient(made, kernel_name="warm", timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    said = []
    for one in [one for one in made.cells if one.cell_type == "code"]:
        texts = [o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in one.outputs]
        said.append((one.metadata.get("tags", []), "".join(texts)))
    return said


@every_chapter
@both
def test_a_copy_runs_alone_in_an_empty_folder(path, role, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "empty"
    folder.mkdir(mode=0o555)
    notebook = load(path)
    made = exercises.copy_of(notebook, path.stem, role)
    code = [standalone.joined(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code"]
    head = next(at for at, text in enumerate(code, 1) if text.startswith("#@title What the exercises take"))
    said = run(made, folder)
    assert list(folder.iterdir()) == []
    stubs = [text for tags, text in said if "exercise" in tags]
    solutions = [text for tags, text in said if "solution" in tags]
    count = len(exercises.read(notebook))
    assert len(stubs) == count
    assert all(text.endswith(": not filled in yet") for text in stubs), stubs
    assert len(solutions) == (count if role == "facilitator" else 0)
    assert all(re.search(r": correct on \d+ examples$", text) for text in solutions), solutions
    assert [text for _, text in said[:head] if text] == []  # the set-up, and what is taken from the chapter


def test_without_a_statement_of_the_chapter_a_copy_does_not_run(tmp_path, monkeypatch):
    """The run above would see it."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    made = exercises.copy_of(load(CHAPTERS[0]), "1", "student")
    above = next(cell for cell in made["cells"] if "What the exercises take" in cell["source"])
    above["source"] = above["source"].replace("def roads(", "def other(")
    stub = copy.deepcopy(next(cell for cell in made["cells"] if "exercise" in guards.tags(cell)))
    assert "roads(" in standalone.joined(stub["source"])
    stub["source"] = f"{standalone.joined(stub['source'])}\nrows_spec(2, 3)"
    made["cells"] = [*made["cells"][: made["cells"].index(above) + 1], stub]
    with pytest.raises(Exception, match="name 'roads' is not defined"):
        run(made, tmp_path)


# ---- the site


def test_the_site_has_both_copies_of_every_chapter_and_no_other(site):
    there = sorted(path.name for path in (site / "notebooks" / exercises.FOLDER).iterdir())
    assert there == sorted(exercises.copy_name(path.stem, role) for path in CHAPTERS for role in exercises.COPIES)


def test_the_command_writes_the_same_copies(site, tmp_path, monkeypatch):
    monkeypatch.delenv("BOOK_ADDRESS", raising=False)
    publish_notebooks.main([str(tmp_path)])
    for path in (site / "notebooks" / exercises.FOLDER).iterdir():
        assert (tmp_path / exercises.FOLDER / path.name).read_bytes() == path.read_bytes()


@every_chapter
def test_the_index_has_every_exercise_with_its_minutes_and_leads_to_its_heading(path, site):
    page = site / "book/teach/exercises.html"
    soup = parsed(page)
    rows = {row.a.text.split()[0]: row for row in soup.select("tbody tr") if row.a}
    there = parsed(site / f"book/{path.stem}.html")
    for exercise in exercises.read(load(path)):
        cells = [" ".join(cell.text.split()) for cell in rows[exercise.name].find_all("td")]
        assert cells[1:3] == [str(exercise.minutes), exercise.difficulty]
        target, anchor = rows[exercise.name].a["href"].split("#")
        assert (page.parent / target).resolve() == site / f"book/{path.stem}.html"
        found = there.find(id=anchor)
        assert found.find(re.compile("h[1-6]")).text.startswith(f"Exercise {exercise.name}: ")


@every_chapter
def test_the_index_leads_to_both_copies(path, site):
    page = site / "book/teach/exercises.html"
    soup = parsed(page)
    targets = {(page.parent / link["href"]).resolve() for link in soup.select("a[download]")}
    for role in exercises.COPIES:
        assert site / "notebooks" / exercises.FOLDER / exercises.copy_name(path.stem, role) in targets
