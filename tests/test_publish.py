"""A published notebook: what travels in it, that it runs alone, what it says when it cannot, and how a page offers it."""

import ast
import copy
import importlib.metadata
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import closure
import nbformat
import notebook_setup
import publish
import publish_notebooks
import pytest
import run_alone
import standalone
import yaml
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.pages import parsed

ROOT = Path(__file__).parents[1]
CHAPTERS = publish_notebooks.chapters()
LIMIT = 180_000  # bytes of the package's modules in one notebook: chapter 7 has the whole reader of checkpoints and the matrix
GITHUB_KEEPS = (
    frozenset(  # elements that GitHub leaves in HTML it did not write; scripts and styles go with what they hold
        [
            "a",
            "b",
            "blockquote",
            "br",
            "caption",
            "code",
            "dd",
            "del",
            "details",
            "div",
            "dl",
            "dt",
            "em",
            "figcaption",
            "figure",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "i",
            "img",
            "ins",
            "kbd",
            "li",
            "ol",
            "p",
            "pre",
            "q",
            "s",
            "samp",
            "small",
            "span",
            "strong",
            "sub",
            "summary",
            "sup",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
            "ul",
            "var",
        ]
    )
)


def called(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def published(path: Path) -> dict:
    """The chapter as it is published, made once for the tests that read it."""
    return standalone.self_contained(load(path), path.stem)


def chapter(*cells: dict) -> dict:
    return {"cells": list(cells), "metadata": {"widgets": {}}, "nbformat": 4, "nbformat_minor": 5}


def prose(source: str) -> dict:
    return {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": source}


def code(source: str, name: str = "code", **metadata) -> dict:
    printed = {"output_type": "stream", "name": "stdout", "text": "as stored\n"}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [printed],
        "execution_count": 1,
    }


def small(*sources: str) -> dict:
    """A chapter that needs no torch, published."""
    cells = [code(source, f"code-{i}") for i, source in enumerate(sources)]
    return standalone.self_contained(chapter(prose("# Small"), *cells), "9-small")


def sources(notebook: dict) -> list[str]:
    return [standalone.joined(cell["source"]) for cell in notebook["cells"]]


def files(notebook: dict) -> list[str]:
    """The paths of the modules in a notebook, in order."""
    heads = [source.splitlines()[0].split() for source in sources(notebook) if source.startswith("%%dora_file")]
    return [head[1] for head in heads if head[-1].endswith(".py")]


def run(notebook: dict, folder: Path, *, kernel: str = "") -> list[str]:
    """Run a notebook in a kernel of a folder. Gives what each code cell printed."""
    made = nbformat.reads(standalone.written(notebook), as_version=4)
    kernel = kernel or (
        "python3" if "PYTHONPATH" in os.environ else "warm"
    )  # whose packages are loaded, whatever the path
    NotebookClient(made, kernel_name=kernel, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return ["".join(o.get("text", "") for o in cell.outputs) for cell in made.cells if cell.cell_type == "code"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that cannot be written to, and no way from it to the package."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o555)
    yield empty
    assert list(empty.iterdir()) == []


# ---- what travels


def test_the_modules_that_travel_are_those_imported_and_what_they_import_and_no_more():
    found = closure.needs("from dorabook.layers import LoRALinear\nimport torch")
    assert list(found.files) == ["dorabook/__init__.py", "dorabook/decompose.py", "dorabook/layers.py"]
    assert (found.figures, found.packages) == ([], {"torch"})


# Each chapter's own imports run in a copy of one kernel, which has all else imported.
LOADED = """
import json, os, sys
from matplotlib import pyplot
for path, imports in {asked}.items():
    told, tell = os.pipe()
    if not os.fork():
        try:
            exec(imports)
            os.write(tell, json.dumps([name for name in sys.modules if name.split(".")[0] == "dorabook"]).encode())
        finally:
            os._exit(0)
    os.close(tell)
    print(json.dumps([path, json.load(open(told))]))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """{chapter: the modules of the book that Python has loaded after its imports}"""
    imports = {}
    for path in CHAPTERS:
        text = "\n".join(standalone.python(cell) for cell in load(path)["cells"] if cell["cell_type"] == "code")
        asked = [node for node in ast.parse(text).body if ast.unparse(node).startswith("from dorabook")]
        imports[called(path)] = "\n".join(map(ast.unparse, asked))
    (said,) = run(chapter(code(LOADED.format(asked=imports))), ROOT / "book", kernel="warm")
    return dict(map(json.loads, said.splitlines()))


def module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_chapters_modules_are_what_python_loads_for_it(path, loaded):
    """The second reason: run the chapter's own imports and ask Python which modules of the book it has loaded."""
    travelled = set(map(module, files(published(path))))
    figures = set(map(module, closure.needs("import dorabook.live").files))  # with those that it does not show
    assert travelled
    assert travelled <= set(loaded[called(path)])
    assert set(loaded[called(path)]) - travelled <= figures


def test_a_package_gives_only_the_names_that_are_asked_for():
    found = closure.needs("from dorabook.live import Predict")
    text = found.files["dorabook/live/__init__.py"]
    assert "from .predict import Predict\n" in text
    assert '__all__ = ["Predict"]' in text
    assert "NormExplorer" not in text
    assert found.figures == ["predict"]
    assert "dorabook/live/norm_explorer/norm_explorer.py" not in found.files


def test_a_package_taken_whole_gives_all_its_names():
    found = closure.needs("import dorabook.live")
    assert found.files["dorabook/live/__init__.py"] == (ROOT / "book/dorabook/live/__init__.py").read_text("utf-8")


def test_the_scripts_that_travel_are_those_the_figures_import():
    texts = closure.scripts(["predict"])
    assert set(texts) == {
        f"dorabook/live/{name}"
        for name in (
            "ui/dom.js",
            "ui/figure.js",
            "predict/predict.js",
            "live.css",
            "predict/predict.css",
            "core/text.js",
        )
    }


def test_a_figure_asks_for_the_engine_that_says_its_sentence_and_goes_on_without(folder, tmp_path, monkeypatch):
    published = small("from dorabook.live import Predict\nprint(Predict('Why?', {'so': 'a', 'not': 'b'}, answer='so'))")
    assert "dorabook/javascript.py" in files(published)
    assert '"quickjs"' in next(s for s in sources(published) if "Set up this notebook" in s).splitlines()[-1]
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "quickjs.py").write_text("raise ImportError('built for another machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    assert [said for said in run(published, folder) if said] == ["Predict\n"]


def test_the_data_that_modules_and_scripts_read_travels_once():
    rules = "dorabook/checkpoint/rules.json"
    found = closure.needs("from dorabook.checkpoint import judge\nfrom dorabook.live import AxisDetective")
    assert (
        found.files[rules] == closure.scripts(["axis-detective"])[rules] == (ROOT / "book" / rules).read_text("utf-8")
    )
    cells = list(standalone.cells_before(found, "7-which-axis", "", closure.BOOK))
    assert sum('"magnitude": "lora_magnitude_vector"' in cell["source"] for cell in cells) == 1
    assert rules not in closure.needs("from dorabook.live import Predict").files


def test_what_is_taken_from_torch_is_named_in_full():
    found = closure.needs("import torch\nfrom torch.nn import functional as F\nF.linear(torch.linalg.norm(x).T, y)")
    assert found.torch == {"torch.nn.functional", "torch.nn.functional.linear", "torch.linalg.norm", "torch"}


def test_data_that_a_module_names_and_that_lies_beside_it_travels_behind_it(tmp_path):
    package = tmp_path / "dorabook"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text('TABLES = "one.csv", "rules.json", "not there.csv"\n')
    for name in ("one.csv", "rules.json", "of nobody.csv"):
        (package / name).write_text(name)
    found = closure.needs("import dorabook.a", tmp_path).files
    assert list(found) == [f"dorabook/{name}" for name in ("__init__.py", "a.py", "one.csv", "rules.json")]
    assert found["dorabook/rules.json"] == "rules.json"


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"there is no module dorabook\.nothing"):
        closure.needs("from dorabook.nothing import x")


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_published_chapter_is_valid_small_and_the_same_each_time(path):
    made = published(path)
    text = standalone.written(made)
    assert text == standalone.written(standalone.self_contained(load(path), path.stem))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert "widgets" not in notebook.metadata
    modules = [source for source in sources(made) if source.startswith("%%dora_file dorabook")]
    assert sum(len(source.encode()) for source in modules) <= LIMIT
    assert f"version {standalone.version()}" in notebook.cells[1].source
    assert "CC BY 4.0" in notebook.cells[1].source


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_the_cells_before_a_chapter_are_folded_and_the_chapter_follows_as_stored(path):
    stored, made = load(path), published(path)
    before = len(made["cells"]) - len(stored["cells"])
    for cell in made["cells"][2 : before + 1]:
        assert cell["metadata"] == {"cellView": "form", "jupyter": {"source_hidden": True}}
        assert "#@title" in "\n".join(cell["source"].splitlines()[:2])
    for old, new in zip(stored["cells"][1:], made["cells"][before + 1 :], strict=True):
        assert old["id"] == new["id"]
        assert {key: value for key, value in new["metadata"].items() if key != "cellView"} == old["metadata"]
        if old["cell_type"] == "code":
            answer = "answer" in old["metadata"].get("tags", [])
            assert standalone.joined(new["source"]) == standalone.joined(old["source"])
            assert new["outputs"] == ([] if answer else old["outputs"])
            hidden = {"hide-input", "answer", "solution"} & set(old["metadata"].get("tags", []))
            assert ("cellView" in new["metadata"]) == bool(hidden)


def test_folding_marks_for_colab_are_in_no_stored_notebook():
    assert [path for path in CHAPTERS if "cellView" in path.read_text(encoding="utf-8")] == []


def test_the_set_up_begins_with_the_summary_of_its_source_and_none_of_what_is_for_who_writes_it(tmp_path, monkeypatch):
    source = tmp_path / "setup.py"
    source.write_text('"""What a reader wants to know.\n\nWhat an author does.\n"""\n\nimport os\n')
    monkeypatch.setattr(standalone, "SETUP", source)
    assert "# What a reader wants to know.\nimport os\n" in "\n".join(sources(small("1")))
    assert "author" not in "\n".join(sources(small("1")))


# ---- links


@pytest.mark.parametrize(
    ("before", "unknown", "known"),
    [
        ("[one](1-law.ipynb)", "one", "[one](https://b.org/book/1-law.html)"),
        ("[a `b`](2-x.ipynb#part)", "a `b`", "[a `b`](https://b.org/book/2-x.html#part)"),
        ("[six](back/six.md)", "six", "[six](https://b.org/book/back/six.html)"),
        ("[out](https://a.b/c.ipynb)", "[out](https://a.b/c.ipynb)", "[out](https://a.b/c.ipynb)"),
        ("[here](#part)", "[here](#part)", "[here](#part)"),
    ],
)
def test_a_link_leads_to_the_site_or_is_plain_words(before, unknown, known):
    assert standalone.relinked(before, "") == unknown
    assert standalone.relinked(before, "https://b.org/") == known


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_no_link_in_a_published_chapter_is_dead(path):
    for made in (published(path), standalone.self_contained(load(path), path.stem, site="https://b.org/")):
        text = "\n".join(standalone.joined(c["source"]) for c in made["cells"] if c["cell_type"] == "markdown")
        targets = [target for _, target in standalone.LINK.findall(text)]
        assert targets
        assert [target for target in targets if not target.startswith(("http", "#"))] == []


# ---- alone


def test_a_notebook_runs_alone_and_its_set_up_says_nothing(folder):
    notebook = small("from dorabook.count import LayerShape\nprint(LayerShape('k_proj', 576, 192))")
    assert files(notebook) == ["dorabook/__init__.py", "dorabook/count.py"]
    *before, said = run(notebook, folder)
    assert before == ["", "", ""]
    assert "out_features=192" in said


def test_recorded_tables_are_read_where_nothing_else_of_the_book_is(folder):
    said = run(small("from dorabook import recorded\nprint(recorded.sizes('bigram-shift'))"), folder)[-1]
    assert said == "(1500, 2000)\n"


def test_without_one_of_its_modules_a_notebook_says_which(folder):
    notebook = small("from dorabook.count import LayerShape")
    notebook["cells"] = [cell for cell in notebook["cells"] if "%%dora_file dorabook/count.py" not in cell["source"]]
    with pytest.raises(CellExecutionError, match=r"dorabook\.count is not in this notebook"):
        run(notebook, folder)


def test_source_and_tracebacks_show_a_modules_lines(folder):
    lines = [
        "import inspect, traceback, dorabook.count as count",
        "print(inspect.getsource(count) == inspect.getsource(inspect.getmodule(count.trainable)), count.__file__)",
        "try: count.trainable([], rank=0, per=None)",
        "except Exception: print(traceback.format_exc())",
    ]
    said = run(small("\n".join(lines)), folder)[-1]
    assert said.startswith("True dorabook/count.py")
    text = (ROOT / "book/dorabook/count.py").read_text(encoding="utf-8").splitlines()
    place = [line for line in said.splitlines() if 'File "dorabook/count.py"' in line]
    assert place
    number = int(place[0].split("line ")[1].split(",")[0])
    assert text[number - 1].strip() in said


def test_the_notebooks_own_module_wins_over_an_installed_one(folder, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere" / "dorabook"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = 'another'")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    notebook = small("import dorabook\nprint(dorabook.__version__)")
    notebook["cells"].insert(1, {**code("import dorabook\nprint(dorabook.__version__)", "first"), "outputs": []})
    said = run(notebook, folder)
    assert (said[0].strip(), said[-1].strip()) == ("another", standalone.version())


def test_a_changed_cell_that_is_run_again_counts(folder):
    notebook = small("import dorabook\nprint(dorabook.__version__)")
    at = next(i for i, cell in enumerate(notebook["cells"]) if "dora_file dorabook/__init__.py" in cell["source"])
    changed = copy.deepcopy(notebook["cells"][at : at + 2])
    changed[0]["source"] = changed[0]["source"].replace(standalone.version(), "mine")
    notebook["cells"] += [{**cell, "id": f"again-{i}"} for i, cell in enumerate(changed)]
    assert [text.strip() for text in run(notebook, folder)[-3:]] == [standalone.version(), "", "mine"]


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_the_check_that_runs_chapters_alone_compares_every_stored_cell(path, tmp_path):
    run_alone.lay_out(path, tmp_path / "alone")
    laid, stored = load(tmp_path / "alone" / path.name), load(path)
    compared = [cell for cell in laid["cells"] if cell["cell_type"] == "code"]
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    before, after = compared[: -len(cells)], compared[-len(cells) :]
    assert [(c["source"], c["outputs"]) for c in after] == [(c["source"], c["outputs"]) for c in cells]
    assert [cell["outputs"] for cell in before] == [[]] * len(before)
    assert all(cell["execution_count"] for cell in compared)  # a cell that never ran is not compared


def test_a_notebook_that_writes_beside_itself_is_seen(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_alone, "run", lambda alone, _: (alone / "left").write_text("x") and 0)
    assert run_alone.main([str(CHAPTERS[0])]) == 1
    assert "wrote into its folder: ['left']" in capsys.readouterr().err


# ---- what cannot run


class Pip:
    """In place of pip: writes down what it is asked, and what it installs is there afterwards."""

    def __init__(self, monkeypatch, stderr="", **there):
        self.asked, self.environments, self.there = [], [], there  # import name -> version, or None
        self.stderr, self.found = stderr, importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", self.find)
        monkeypatch.setattr(importlib.metadata, "version", lambda name: self.there[name])
        monkeypatch.setattr(subprocess, "run", self.run)

    def find(self, name, *rest):
        return (self.there[name] and "a spec") if name in self.there else self.found(name, *rest)

    def run(self, command, env=None, **_):
        self.asked += command[command.index("1") + 1 :]
        self.environments.append(env)
        if not self.stderr:
            self.there = dict.fromkeys(self.there, "9.0.0")
        return SimpleNamespace(returncode=int(bool(self.stderr)), stderr=self.stderr)


def refused(*needed):
    """The one sentence in place of a traceback."""
    with pytest.raises(notebook_setup.CannotRun) as caught:
        notebook_setup.install(list(needed))
    assert caught.value._render_traceback_() == [str(caught.value)]
    return str(caught.value)


def test_only_what_is_missing_is_installed_in_one_line(monkeypatch, capsys):
    pip = Pip(monkeypatch, scipy=None)
    notebook_setup.install(["matplotlib", "scipy"])
    assert capsys.readouterr().out == "Installed scipy.\n"
    assert pip.asked == ["scipy"]


def test_where_anywidget_was_missing_the_run_ends_until_the_page_is_loaded_again(monkeypatch, capsys):
    """A page takes the scripts of a package when it is loaded, and until then the figures stand still."""
    Pip(monkeypatch, anywidget=None)
    with pytest.raises(
        notebook_setup.CannotRun, match=r"^Installed anywidget: reload this page, then run all cells\.$"
    ):
        notebook_setup.install(["anywidget"])
    notebook_setup.install(["anywidget"])  # after it, the cell goes on
    Pip(monkeypatch, anywidget=None)
    monkeypatch.setitem(sys.modules, "google.colab", None)  # Colab loads a figure's scripts by itself
    notebook_setup.install(["anywidget"])
    assert capsys.readouterr().out == "Installed anywidget.\n"


def test_a_package_is_looked_for_as_it_is_imported_and_installed_as_pip_calls_it(monkeypatch, capsys):
    setup = next(s for s in sources(small("from sklearn.datasets import load_digits")) if "Set up this notebook" in s)
    assert setup.splitlines()[-1].startswith('start(["sklearn"]')
    pip = Pip(monkeypatch, sklearn="1.0")
    notebook_setup.install(["sklearn"])
    assert pip.asked == []
    pip.there["sklearn"] = None
    notebook_setup.install(["sklearn"])
    assert pip.asked == ["scikit-learn"]
    assert capsys.readouterr().out == "Installed scikit-learn.\n"


def test_what_is_forgotten_is_not_lost_to_a_thread_that_imports(monkeypatch):
    loaded = {f"module{n}": None for n in range(20_000)} | {"dorabook": None, "dorabook.live": None}
    monkeypatch.setattr(notebook_setup, "sys", SimpleNamespace(modules=loaded))
    done = threading.Event()

    def imports():
        for n in itertools.count():
            loaded[f"another{n % 50_000}"] = None
            if done.is_set():
                return

    thread = threading.Thread(target=imports)
    thread.start()
    try:
        for _ in range(20):
            notebook_setup.forget()
    finally:
        done.set()
        thread.join()
    assert "module0" in loaded
    assert not [name for name in loaded if name.startswith("dorabook")]


@pytest.mark.parametrize("stderr", ["", "ERROR: No matching distribution found for quickjs-ng\n"])
def test_what_is_welcome_is_installed_and_not_missed_where_it_cannot_be(monkeypatch, capsys, stderr):
    pip = Pip(monkeypatch, stderr, quickjs=None)
    monkeypatch.setattr(notebook_setup, "get_ipython", lambda: SimpleNamespace(register_magic_function=lambda *_: None))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(notebook_setup, "forget", lambda: None)
    monkeypatch.setattr(notebook_setup, "check_torch", lambda used: None)
    notebook_setup.start(["matplotlib", "quickjs"], "")
    assert pip.asked == ["quickjs-ng"]
    assert capsys.readouterr().out == ("" if stderr else "Installed quickjs-ng.\n")


@pytest.mark.parametrize("there", ["0.21.2", "0.21.10", "0.22.0.dev0", "1.0"])
def test_nothing_missing_is_no_word_and_no_command(monkeypatch, capsys, there):
    pip = Pip(monkeypatch, peft=there)
    notebook_setup.install(["matplotlib", "torch", "peft>=0.21.2"])
    assert (pip.asked, capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize("there", ["0.20.0", "0.9.9", "0.21.1"])
def test_a_package_too_old_for_the_chapter_is_updated_in_one_line(monkeypatch, capsys, there):
    monkeypatch.delitem(sys.modules, "peft", raising=False)
    pip = Pip(monkeypatch, peft=there)
    notebook_setup.install(["peft>=0.21.2"])
    assert pip.asked == ["peft>=0.21.2"]
    said = f"Updated peft {there} to 9.0.0: not all that this chapter says holds on the old one.\n"
    assert capsys.readouterr().out == said


def test_an_old_package_that_is_loaded_is_not_taken_for_the_new_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", SimpleNamespace())
    Pip(monkeypatch, peft="0.20.0")
    assert refused("peft>=0.21.2").endswith("and that is loaded. Restart the kernel, then run all cells.")


def test_a_chapter_asks_for_the_peft_from_which_on_all_its_claims_hold():
    """As the tables of how-checked.md have it: unmerge, and the helper that keeps norms. What holds everywhere asks for none."""
    asked = {}
    for path in CHAPTERS:
        setup = next(s for s in sources(published(path)) if "Set up this notebook" in s)
        asked[path.stem[0]] = re.findall(r'"(peft[^"]*)"', setup.splitlines()[-1])
    assert {chapter: peft for chapter, peft in asked.items() if peft} == {
        "3": ["peft>=0.21.2"], "4": ["peft"], "5": ["peft"], "7": ["peft"], "8": ["peft>=0.19.1"],
    }  # fmt: skip


REFUSED = {  # what pip said, and what a reader is told
    "no such version": (
        "ERROR: No matching distribution found for scipy\n",
        "This chapter needs scipy, and pip could not install it (ERROR: No matching distribution found for scipy). See to that "
        "and run this cell again, or install by hand: pip install scipy",
    ),
    "a system that installs by itself": (
        "error: externally-managed-environment\n\n× This environment is externally managed\n",
        "This chapter needs scipy, and pip could not install it (error: externally-managed-environment). See to that and run "
        "this cell again, or install by hand: pip install scipy",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_could_not_be_installed_is_one_sentence_with_the_reason_that_was_seen(monkeypatch, why):
    stderr, sentence = REFUSED[why]
    Pip(monkeypatch, stderr, scipy=None)
    assert refused("scipy") == sentence


def test_pip_itself_without_a_network_is_understood(monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/")  # where nothing answers
    assert refused("not_there") == (
        "This chapter needs not_there, and the network to install it from could not be reached. Connect to it and run this cell "
        "again."
    )


def test_without_pip_nobody_is_told_to_connect(monkeypatch):
    """As in an environment made by uv."""
    Pip(monkeypatch, scipy=None, pip=None)
    assert refused("scipy") == (
        "This chapter needs scipy, and this Python has no pip. Install it with the tool that made this environment, such as: uv "
        "pip install scipy, and run this cell again."
    )


def test_pip_is_not_sent_elsewhere_by_the_readers_settings(monkeypatch):
    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "kept")
    pip = Pip(monkeypatch, scipy=None)
    notebook_setup.install(["scipy"])
    assert pip.environments[0]["PIP_FIND_LINKS"] == "kept"
    assert not {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"} & set(pip.environments[0])


def test_what_pip_has_put_elsewhere_is_not_called_installed(monkeypatch):
    pip = Pip(monkeypatch, scipy=None)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0, stderr=""))
    assert refused("scipy").startswith(
        "pip has installed scipy where this Python does not look. `pip config list` says where"
    )
    assert pip.there == {"scipy": None}


# ---- a torchao that peft does not go with


def judged(monkeypatch, *, fits):
    """A peft that finds the torchao here as it is said to."""

    def is_torchao_available():
        if not fits:
            raise ImportError("Found an incompatible version of torchao.")
        return True

    monkeypatch.setitem(sys.modules, "torchao", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "peft", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "peft.import_utils", SimpleNamespace(is_torchao_available=is_torchao_available))
    versions = {"torchao": "0.10.0", "peft": "0.20.0"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)


def test_a_torchao_that_peft_stops_at_is_hidden_in_one_line(monkeypatch, capsys):
    judged(monkeypatch, fits=False)
    notebook_setup.hide_torchao()
    assert importlib.util.find_spec("torchao") is None  # which is how peft looks
    assert capsys.readouterr().out == (
        "Hid torchao 0.10.0 in this kernel: peft 0.20.0 stops where it finds that version, and this chapter does not use it.\n"
    )


def test_a_torchao_that_peft_goes_with_is_left_and_not_spoken_of(monkeypatch, capsys):
    judged(monkeypatch, fits=True)
    notebook_setup.hide_torchao()
    assert sys.modules["torchao"] is not None
    assert capsys.readouterr().out == ""


@pytest.mark.deep
def test_peft_builds_a_layer_after_the_set_up_beside_a_torchao_of_2025(folder, tmp_path, monkeypatch):
    """The installed peft itself, beside a stub that calls itself torchao 0.10.0, as Colab's image had it in August 2026."""
    stub = tmp_path / "stub"
    (stub / "torchao").mkdir(parents=True)
    (stub / "torchao" / "__init__.py").write_text("")
    (stub / "torchao-0.10.0.dist-info").mkdir()
    (stub / "torchao-0.10.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchao\nVersion: 0.10.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(stub))
    lines = [
        "from peft import LoraConfig, get_peft_model",
        "from torch import nn",
        "config = LoraConfig(r=2, use_dora=True, target_modules=['0'])",
        "print(type(get_peft_model(nn.Sequential(nn.Linear(8, 4)), config)).__name__)",
    ]
    before, *_, said = run(small("\n".join(lines)), folder)
    assert before.startswith("Hid torchao 0.10.0 in this kernel")
    assert before.count("\n") == 1
    assert said == "PeftModel\n"


def test_torch_itself_is_never_fetched_behind_a_readers_back(monkeypatch):
    pip = Pip(monkeypatch, torch=None, scipy=None)
    assert refused("scipy", "torch").startswith("This chapter needs torch: install it")
    assert pip.asked == []


def test_an_old_torch_is_one_sentence_that_names_what_it_lacks(folder):
    notebook = small("1")
    setup = next(cell for cell in notebook["cells"] if "Set up this notebook" in cell["source"])
    setup["source"] = setup["source"].rsplit("start(", 1)[0] + 'start(["torch"], "torch.nn.Linear torch.nn.NotYet")'
    made = nbformat.reads(standalone.written(notebook), as_version=4)
    with pytest.raises(CellExecutionError):
        NotebookClient(made, kernel_name="warm", resources={"metadata": {"path": str(folder)}}).execute()
    error = next(cell for cell in made.cells if "Set up this" in cell.source).outputs[0]
    assert len(error.traceback) == 1
    assert "has no torch.nn.NotYet, which this chapter uses: install a newer torch" in error.traceback[0]


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_torch_here_has_all_that_the_chapters_take(path):
    text = "\n".join(standalone.python(cell) for cell in load(path)["cells"] if cell["cell_type"] == "code")
    notebook_setup.check_torch(" ".join(closure.needs(text).torch))


# ---- other front ends


@pytest.mark.parametrize("path", CHAPTERS, ids=called)
def test_a_stored_figure_says_all_without_script_or_style(path):
    """As GitHub shows it: elements it does not know go, scripts and styles with what they hold."""
    shown = 0
    for cell in load(path)["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" not in data:
                continue
            soup = BeautifulSoup(standalone.joined(data["text/html"]), "html.parser")
            for element in soup.find_all(["script", "style"]):
                element.decompose()
            assert {element.name for element in soup.find_all(True)} <= GITHUB_KEEPS
            if figures := soup.find_all("figure"):
                shown += 1
                captions = " ".join(figure.figcaption.text for figure in figures)
                assert captions.split() == standalone.joined(data["text/plain"]).split()
                assert all(len(figure.select("table tbody tr")) >= 2 for figure in figures)
                assert "{" not in soup.text  # the state, which is for the script alone
    assert shown >= 2


# ---- addresses


def test_a_workflows_own_repository_comes_before_the_configured_one():
    workflow = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "a-fork/book",
    }
    assert publish.repository("https://github.com/owner/book", workflow) == "https://github.com/a-fork/book"
    assert publish.repository("https://github.com/owner/book", {}) == "https://github.com/owner/book"
    assert publish.repository("", {}) == ""


def test_colab_opens_a_chapter_from_the_branch_of_its_version_and_from_github_alone():
    expected = "https://colab.research.google.com/github/owner/name.x/blob/published-0.1.0/1-law.ipynb"
    for address in ("https://github.com/owner/name.x", "https://github.com/owner/name.x.git"):
        assert publish.colab(address, "0.1.0", "1-law") == expected
    assert publish.colab("", "0.1.0", "1-law") == ""
    assert publish.colab("https://git.example.org/owner/name", "0.1.0", "1-law") == ""


@pytest.mark.parametrize("wrong", ["github.com/owner/name", "owner/name", "https://github.com/owner"])
def test_an_address_that_is_none_is_said(wrong):
    with pytest.raises(ValueError, match=r"expected an address such as https://github\.com/owner/name"):
        publish.repository(wrong, {})


def test_the_sites_address_ends_in_a_slash_and_may_come_from_the_workflow():
    assert publish.site_address("https://b.org", {}) == "https://b.org/"
    assert publish.site_address("", {"BOOK_ADDRESS": "https://c.org/x/"}) == "https://c.org/x/"
    assert publish.site_address("", {}) == ""
    with pytest.raises(ValueError, match="expected one such as"):
        publish.site_address("b.org", {})


def test_the_command_writes_what_the_site_offers(site, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("BOOK_ADDRESS", raising=False)
    publish_notebooks.main([str(tmp_path / "out")])
    out = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.ipynb")}
    assert out == {path.name: path.read_bytes() for path in (site / "notebooks").glob("*.ipynb")}
    with pytest.raises(SystemExit, match="Name the folder to write to"):
        publish_notebooks.main([])


# ---- pages


def pages() -> list[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


@pytest.mark.parametrize("name", pages())
def test_a_chapters_page_offers_its_notebook_and_no_other_page_does(name, site):
    soup = parsed(site / f"{name}.html")
    links = soup.select(".run a[download]")
    if not (ROOT / f"{name}.ipynb").exists():
        assert (links, soup.select(".run")) == ([], [])
        return
    assert len(links) == 1
    target = (site / f"{name}.html").parent / links[0]["href"]
    assert target.resolve() == site / "notebooks" / f"{Path(name).name}.ipynb"
    assert target.is_file()
    if not os.environ.get("GITHUB_REPOSITORY"):
        assert soup.select("a[href*=colab]") == []
        assert "Upload notebook" in soup.select_one(".run").text


def test_a_page_links_colab_where_the_repository_is_known(monkeypatch):
    environment = SimpleNamespace(found_docs={"book/1-law"}, doc2path=lambda page: f"/x/{page}.ipynb")
    builder = SimpleNamespace(get_target_uri=lambda page: f"{page}.html")
    config = SimpleNamespace(book_repository="https://github.com/owner/name")
    app, context = SimpleNamespace(env=environment, builder=builder, config=config), {}
    publish.offer(app, "book/1-law", "page.html", context, None)
    assert context["notebook"] == "../notebooks/1-law.ipynb"
    assert context["colab"].endswith(f"/owner/name/blob/published-{standalone.version()}/1-law.ipynb")
    publish.offer(app, "book/index", "page.html", other := {}, None)
    assert other == {}


def test_a_packages_own_code_keeps_what_it_uses(tmp_path):
    package = tmp_path / "dorabook"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tool").mkdir()
    (package / "tool" / "__init__.py").write_text("from .a import One, Two\n\n\ndef judge(x: One): ...\n")
    (package / "tool" / "a.py").write_text("class One: ...\n\n\nclass Two: ...\n")
    files = closure.needs("from dorabook.tool import judge", tmp_path).files
    assert "from .a import One\n" in files["dorabook/tool/__init__.py"]
    assert "Two" not in files["dorabook/tool/__init__.py"]
