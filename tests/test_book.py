"""The book keeps its own rules: every notebook passes every guard, and every guard is seen to see."""

import base64
import copy
import json
import os
import re
from pathlib import Path

import lock
import nbformat
import pytest
import run_notebooks
import spine
import yaml
from support import guards

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NOTEBOOKS = sorted(path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
CHAPTERS = [path for path in NOTEBOOKS if re.match(r"\d+-", path.name)]


def load(path: Path) -> guards.Notebook:
    return json.loads(path.read_text(encoding="utf-8"))


def called(value: object) -> str:
    return value.name if isinstance(value, Path) else getattr(value, "__name__", str(value))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=called)
@pytest.mark.parametrize("guard", guards.NOTEBOOK_GUARDS, ids=called)
def test_notebook_keeps(path, guard):
    assert guard(load(path)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
@pytest.mark.parametrize("guard", guards.CHAPTER_GUARDS, ids=called)
def test_chapter_keeps(path, guard):
    assert guard(load(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=called)
def test_notebook_is_stored_as_make_run_stores_it(path):
    content = path.read_text(encoding="utf-8")
    assert run_notebooks.text(run_notebooks.normalised(nbformat.reads(content, as_version=4))) == content


def test_there_are_chapters():
    assert len(CHAPTERS) >= 4


def test_contents_list_exactly_the_pages_there_are():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    pages = [
        path for path in (*BOOK.rglob("*.md"), *NOTEBOOKS) if not {"_ext", "dorabook", "upstream"} & set(path.parts)
    ]
    assert sorted(listed) == sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in pages)


def own_files():
    """The project's text files, without what is installed or built here."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name in (".ci", ".github") or not name.startswith((".", "_build", "__pycache__"))
        ]
        yield from (Path(folder, name) for name in names)


def test_no_file_names_a_package_registry():
    kinds = {"", ".cfg", ".css", ".html", ".js", ".md", ".py", ".toml", ".txt", ".yml"}
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8", "replace")
        for path in own_files()
        if path.suffix in kinds
    }
    assert {"Makefile", ".ci/run", ".github/workflows/test.yml", "book/_ext/fonts.md"} <= texts.keys()
    named = {name for name, text in texts.items() if guards.REGISTRY.search(text)}
    assert named <= {"tests/support/guards.py", "tests/test_book.py"}, named


def test_requirements_are_exact_and_frozen():
    frozen = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    for name in ("requirements-site.txt", "requirements.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-"))]
        for line in lines:
            package, version = line.split("==")
            assert frozen[package] == version, f"{name} and constraints.txt disagree about {package}"


def test_every_package_but_torch_is_held_to_hashes():
    plain = lambda name: re.sub("[-_.]+", "-", name).lower()  # noqa: E731
    pins = (line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    frozen = {plain(name): version for name, version in pins}
    found = {}
    for path in (lock.SITE, lock.ALL):
        text = path.read_text(encoding="utf-8")
        each = lock.entries(text)
        rest = re.sub(r"\n+", "\n", lock.ENTRY.sub("", text)).strip().splitlines()
        assert [line for line in rest if not line.startswith(("#", f"-r {lock.SITE.name}"))] == []
        assert not each.keys() & found.keys()
        found |= each
    versions = {plain(name): re.match(r"[^=]+==(\S+)", lines)[1] for name, lines in found.items()}
    assert set(frozen) - set(versions) == {"torch"}
    assert {name: version for name, version in versions.items() if frozen.get(name, version) != version} == {}
    assert "tensorboard==1" not in lock.entries("tensorboard==1\n"), "a package without a hash is none"


# ---- the spine of a chapter: a quarter of an hour

LIMITS = spine.Length(words=1500, cells=20)
MINUTES = 15


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_spine_takes_a_quarter_of_an_hour(path):
    found = spine.measured(load(path))[""]
    print(f"{path.stem}: {found}")
    held = found.words <= LIMITS.words and found.cells <= LIMITS.cells and found.minutes <= MINUTES
    assert held, f"{found}; at most {LIMITS.words:,} words, {LIMITS.cells} cells and {MINUTES} minutes"


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_thin_cell_shows_nothing_that_its_line_would_hide(path):
    thin = [cell for cell in guards.code_cells(load(path)) if spine.THIN in guards.tags(cell)]
    assert [guards.quoted(cell) for cell in thin if cell["outputs"]] == []
    assert "code" not in [spine.label([guards.text(cell["source"])]) for cell in thin]


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_go_deeper_begins_with_its_result_in_one_sentence(path):
    for text in guards.markdown(load(path)):
        for heading, below in spine.sections(text):
            if heading and heading[1].startswith(spine.DEEPER):
                result = below.strip().split("\n\n")[0]
                assert re.fullmatch(r"[^#|\n][^.]*(?:\.\d[^.]*)*\.", result), f"{heading[1]}: {result}"
                assert "](" not in result, "a link in a summary competes with opening it"
                assert len(result.split()) <= 25


PHONE_LINE = 46  # characters of a printed line that 390 pixels show
THEIRS = re.compile(r"print_trainable_parameters|getsource")  # what peft prints is peft's


def cut_on_a_phone(notebook: guards.Notebook) -> list[str]:
    """Lines that code of the spine prints, and that a phone would cut."""
    found, headings = [], []
    for cell in notebook["cells"]:
        source = guards.text(cell["source"])
        if cell["cell_type"] == "markdown":
            for heading in (heading for heading, _ in spine.sections(source) if heading):
                headings = [above for above in headings if above[0] < heading[0]] + [heading]
        elif spine.place_of(headings) == "" and not THEIRS.search(source):
            lines = [line for out in cell["outputs"] for line in guards.text(out.get("text", "")).splitlines()]
            found += [line for line in lines if len(line) > PHONE_LINE]
    return found


@pytest.mark.parametrize("path", CHAPTERS[:4], ids=called)
def test_what_a_spine_of_part_i_prints_is_whole_on_a_phone(path):
    assert cut_on_a_phone(load(path)) == []


def test_a_line_that_a_phone_would_cut_is_found_in_the_spine_alone():
    wide = printed("x" * (PHONE_LINE + 1))
    assert len(cut_on_a_phone(notebook(code(outputs=[wide])))) == 1
    for deeper in ("## Go deeper: Why", "## More\n\n### Go deeper: Why\n\n#### Part", "## Exercises"):
        assert cut_on_a_phone(notebook(prose(deeper), code(outputs=[wide]))) == []
    assert cut_on_a_phone(notebook(code("model.print_trainable_parameters()", outputs=[wide]))) == []


@pytest.mark.parametrize("path", CHAPTERS[2:4], ids=called)
def test_what_reveals_an_answer_computes_and_prints_it_and_its_asserts_are_in_a_thin_line(path):
    cells = guards.code_cells(load(path))
    asserting = {number for number, cell in enumerate(cells) if "assert" in guards.text(cell["source"])}
    answers = {number for number, cell in enumerate(cells) if "answer" in guards.tags(cell)}
    assert asserting & answers == set()
    for question in (cell for cell in cells if "predict" in guards.tags(cell)):
        name = guards.text(question["source"]).split(" = ")[0]
        checked = [cells[number] for number in asserting if f"{name}.answer" in guards.text(cells[number]["source"])]
        assert [spine.THIN in guards.tags(cell) for cell in checked] == [True], name


# ---- each guard, red once


def code(source="1", *, tags=(), outputs=(), count=1, **metadata):
    return {
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": {**({"tags": list(tags)} if tags else {}), **metadata},
    }


def prose(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def notebook(*cells, **metadata):
    return {"cells": list(cells), "metadata": metadata}


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data):
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("_", "/"): value for key, value in data.items()},
    }


FOLDED = {"source_hidden": True, "outputs_hidden": True}
STUB = code("def stub(): ...", tags=["exercise"], outputs=[shown(text_plain="stub: not filled in yet")])
SOLUTION = code(
    "check(solution, spec)",
    tags=["solution", "hide-cell"],
    outputs=[shown(text_plain="solution: correct on 2 examples")],
    jupyter=FOLDED,
)
PNG = base64.b64encode(b"\x89PNG" + bytes(40)).decode()
WIDE = base64.b64encode(b"\x89PNG" + bytes(12) + (531).to_bytes(4) + bytes(24)).decode()
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
EXERCISES = [STUB, SOLUTION] * 3
BOXED = shown(text_html=f"<figure></figure><p {guards.FIGURE_BOX}>With a kernel, more.</p>")
ALT = {"image": {"alt": "Three bars: output 1 is twice as long as the others"}}
GOOD = notebook(
    prose("# Title\n\nThe columns of the (out, in) weight. All 1,234 of them, [Someone 2016](https://a.b/2016)."),
    code("draw()", outputs=[shown(image_png=PNG), printed("1234 rows")], mystnb=ALT),
    code("1", count=2, tags=["answer", "hide-output"], outputs=[printed("5")], jupyter=FOLDED),
    *({**cell, "execution_count": count} for count, cell in enumerate(EXERCISES, 3)),
    code("ipywidgets.jslink(a, b)\nslider.observe(f)\nFigureBox([slider, figure])", count=9, outputs=[BOXED]),
)

RED = [
    (guards.every_cell_has_run_in_order, notebook(code(count=None))),
    (guards.every_cell_has_run_in_order, notebook(code(count=2), code(count=1))),
    (guards.no_widget_state, notebook(code(), widgets={})),
    (
        guards.no_widget_state,
        notebook(code(outputs=[{"output_type": "display_data", "data": {guards.WIDGET_VIEW: {}}}])),
    ),
    (guards.no_address, notebook(code(outputs=[printed("<Thing at 0x7f3a>")]))),
    (guards.no_address, notebook(code(outputs=[shown(text_html="<p>0xAB12</p>")]))),
    (guards.no_local_path, notebook(code(outputs=[printed("in /home/me/book.py")]))),
    (guards.no_local_path, notebook(code("open('/work/x')"))),
    (guards.no_local_path, notebook(code(outputs=[printed("lib/site-packages/peft/x.py:3: Warning")]))),
    (guards.no_error_output, notebook(code(outputs=[ERROR]))),
    (guards.no_colab_metadata, notebook(code(), colab={})),
    (guards.no_colab_metadata, notebook(code(outputId="a"))),
    (guards.pictures_are_small, notebook(code(outputs=[shown(image_png=base64.b64encode(bytes(60_001)).decode())]))),
    (guards.skipped_checks_have_a_reason, notebook(code("# NBVAL_SKIP\nslow()"))),
    (guards.skipped_checks_have_a_reason, notebook(code("# NBVAL_IGNORE_OUTPUT: no reason is read here\nx"))),
    (guards.skipped_checks_have_a_reason, notebook(code(tags=["nbval-skip"]))),
    (guards.pictures_fit_a_phone, notebook(code(outputs=[shown(image_png=WIDE)]))),
    (guards.pictures_have_alt_text, notebook(code(outputs=[shown(image_png=PNG)]))),
    (
        guards.pictures_have_alt_text,
        notebook(code(outputs=[shown(image_png=PNG)], mystnb={"image": {"alt": "A plot"}})),
    ),
    (guards.needs_no_kernel_to_be_alive, notebook(code("interact(f, x=3)"))),
    (guards.needs_no_kernel_to_be_alive, notebook(code("slider.observe(f)"))),
    (guards.needs_no_kernel_to_be_alive, notebook(code("out = widgets.Output()"))),
    (guards.needs_no_kernel_to_be_alive, notebook(code("interact(f)", outputs=[BOXED]))),
    (guards.needs_no_kernel_to_be_alive, notebook(code("ipywidgets.VBox([slider, figure])"))),
    (
        guards.needs_no_kernel_to_be_alive,
        notebook(code("slider", outputs=[shown(text_plain="FloatSlider(value=1.0)")])),
    ),
    (guards.no_colour_literal, notebook(code("plot(color='#D55E00')"))),
    (guards.no_registry_host, notebook(prose("pip install --index-url x"))),
    (guards.cells_are_short, notebook(code("x\n" * 21))),
    (guards.cells_are_short, notebook(*[code("x\n" * 6)] * 3)),
    (guards.exercises_have_solutions, notebook(STUB, SOLUTION, STUB, SOLUTION)),
    (guards.exercises_have_solutions, notebook(STUB, prose("Between"), SOLUTION, *EXERCISES)),
    (guards.exercises_have_solutions, notebook(*EXERCISES, STUB)),
    (guards.exercises_have_solutions, notebook(SOLUTION, *EXERCISES)),
    (guards.exercises_have_solutions, notebook(*EXERCISES, {**STUB, "outputs": SOLUTION["outputs"]}, SOLUTION)),
    (guards.exercises_have_solutions, notebook(*EXERCISES, STUB, {**SOLUTION, "outputs": STUB["outputs"]})),
    (
        guards.exercises_have_solutions,
        notebook(*EXERCISES, STUB, code(tags=["solution", "hide-cell"], outputs=SOLUTION["outputs"])),
    ),
    (guards.answers_are_folded, notebook(code(tags=["answer"], outputs=[printed("5")], jupyter=FOLDED))),
    (guards.answers_are_folded, notebook(code(tags=["answer", "hide-output"], outputs=[printed("5")]))),
    (
        guards.answers_are_folded,
        notebook(code(tags=["answer", "hide-output"], outputs=[printed("5")], jupyter={"outputs_hidden": True})),
    ),
    (guards.answers_are_folded, notebook(code(tags=["answer", "hide-output"], jupyter=FOLDED))),
    (guards.code_is_folded_in_jupyter_as_on_the_site, notebook(code(tags=["hide-input", "predict"]))),
    (guards.prose_numbers_are_computed, notebook(prose("It has 784 inputs."), code("x = 784"))),
    (
        guards.prose_numbers_are_computed,
        notebook(prose("It has 78,307,200 of them."), code(outputs=[printed("78,307,201")])),
    ),
    (guards.prose_numbers_are_computed, notebook(prose("36.79 percent"), code(outputs=[printed("36.7945")]))),
    (guards.prose_numbers_are_computed, notebook(prose("In 2024 it had 2024 rows."))),
    (guards.prose_percentages_are_computed, notebook(prose("54 % less"), code("x = 54", outputs=[printed("41%")]))),
    (guards.column_has_a_shape, notebook(prose("One number per column.\n\nThe weight is (out, in)."))),
    (guards.column_has_a_shape, notebook(prose("peft says column-wise."))),
]


@pytest.mark.parametrize("guard", [*guards.NOTEBOOK_GUARDS, *guards.CHAPTER_GUARDS], ids=called)
def test_guard_passes_a_good_notebook(guard):
    assert guard(copy.deepcopy(GOOD)) == []


@pytest.mark.parametrize(("guard", "bad"), RED, ids=[called(guard) for guard, _ in RED])
def test_guard_sees_a_notebook_that_breaks_its_rule(guard, bad):
    assert guard(bad) != []


def test_every_guard_has_been_seen_red():
    assert {guard for guard, _ in RED} == {*guards.NOTEBOOK_GUARDS, *guards.CHAPTER_GUARDS}


@pytest.mark.parametrize(
    ("text", "source", "output"),
    [
        ("784 inputs", "assert layer.in_features == 784", ""),
        ("78,307,200 numbers", "assert total == 78_307_200", ""),
        ("78,307,200 numbers", "", "trainable params: 78,307,200 || all"),
        ("155,520 magnitudes", "torch.testing.assert_close(count, 155520)", ""),
        ("12 of 34", "", ""),
        ("see [arXiv 2402.09353](https://arxiv.org/abs/2402.09353)", "", "2402.09353"),
        ("see [Salimans & Kingma 2016](https://arxiv.org/abs/1602.07868)", "", ""),
        ("weight normalization (Salimans and Kingma, 2016)", "", ""),
    ],
)
def test_a_number_counts_as_computed(text, source, output):
    assert guards.prose_numbers_are_computed(notebook(prose(text), code(source, outputs=[printed(output)]))) == []


@pytest.mark.parametrize(
    "text",
    [
        "a column of the (out, in) weight",
        "columns of `(192, 576)`",
        "one per column, [1, 784]",
        "a 2×3 weight's column",
    ],
)
def test_a_shape_beside_the_word_is_enough(text):
    assert guards.column_has_a_shape(notebook(prose(text))) == []
