"""The commands: what they store, what they leave alone, and what they say when they cannot go on."""

import hashlib
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
import zipfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import browser
import build_site
import disk
import dora_site
import mathml
import nbformat
import pytest
import run_notebooks
import serve
from docutils import nodes
from docutils.core import publish_doctree
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support.makefile import make
from support.processes import answering, free_port, interrupted

ROOT = Path(__file__).parents[1]
DRAWING = """import matplotlib.pyplot as plt
plt.plot([1, 4, 2])
plt.show()"""


def write(path: Path, *sources: str) -> Path:
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


# ---- make run


def test_normalised_keeps_what_a_reader_uses_and_nothing_else():
    kept = {"tags": ["answer"], "jupyter": {"outputs_hidden": True}, "mystnb": {"image": {"alt": "Three bars"}}}
    cell = new_code_cell(
        "figure", id="mine", execution_count=7, metadata={**kept, "execution": {"a": "now"}, "scrolled": True}
    )
    figure = {run_notebooks.WIDGET_VIEW: {"model_id": "a"}, "text/html": "<p>5</p>", "text/plain": "5"}
    cell.outputs = [
        new_output("stream", name="stdout", text="one\n"),
        new_output("stream", name="stdout", text="two\n"),
        new_output("stream", name="stderr", text="three\n"),
        new_output("execute_result", data=figure, execution_count=7),
    ]
    notebook = new_notebook(cells=[new_markdown_cell("# Title", metadata={"lines_to_next_cell": 2}), cell])
    notebook.metadata = {"widgets": {}, "language_info": {"name": "python", "version": "3.11.7"}, "colab": {}}

    stored = run_notebooks.normalised(notebook)

    assert stored.metadata == {"kernelspec": run_notebooks.KERNEL, "language_info": {"name": "python"}}
    assert stored.cells[0].metadata == {}
    assert stored.cells[1].metadata == kept
    assert stored.cells[1].id == "mine"
    assert stored.cells[1].execution_count == 1
    assert [(o.get("name"), o.get("text")) for o in stored.cells[1].outputs[:2]] == [
        ("stdout", "one\ntwo\n"),
        ("stderr", "three\n"),
    ]
    assert stored.cells[1].outputs[2].data == {"text/html": "<p>5</p>", "text/plain": "5"}
    assert stored.cells[1].outputs[2].execution_count == 1
    nbformat.validate(stored)


def test_running_twice_stores_the_same_bytes(tmp_path):
    path = write(tmp_path / "a.ipynb", "print(1)\nprint(2)", DRAWING, "1 + 1")
    assert "stored anew" in run_notebooks.run(path)
    first = path.read_bytes()
    assert b"image/png" in first
    assert first.endswith(b"}\n")
    assert "as stored" in run_notebooks.run(path)
    assert path.read_bytes() == first


def test_the_kernel_starts_beside_the_notebook(tmp_path):
    path = write(tmp_path / "a.ipynb", "import os\nprint(os.path.basename(os.getcwd()))")
    run_notebooks.run(path)
    assert nbformat.read(path, 4).cells[0].outputs[0].text.strip() == tmp_path.name


def test_a_cell_that_fails_is_named_and_the_stored_notebook_stays(tmp_path):
    path = write(tmp_path / "a.ipynb", "x = 1", "raise ValueError('magnitude is (3,), expected (2, 1)')")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"cell 1: ValueError: magnitude is \(3,\), expected \(2, 1\)") as caught:
        run_notebooks.run(path)
    assert len(str(caught.value).splitlines()) < 40
    assert "\x1b" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_run_that_dies_while_writing_leaves_the_whole_old_file(tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "1")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        disk.replace(path, "half")
    assert path.read_bytes() == before
    assert [path.name] == os.listdir(tmp_path)


def test_a_notebook_that_is_not_there_is_one_sentence():
    with pytest.raises(SystemExit, match=r"There is no notebook book/9-nothing\.ipynb\. Give a path such as NB="):
        run_notebooks.chosen([str(ROOT / "book/9-nothing.ipynb")])


# ---- make site


@pytest.fixture
def sphinx(tmp_path, monkeypatch):
    """sphinx(pages, code) stands in for the builder: it writes the pages into its folder and ends with that code."""
    work, target = tmp_path / "_build" / "work", tmp_path / "_build" / "html"
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    target.mkdir(parents=True)

    def build(pages: dict[str, str], code: int = 0) -> int:
        def run(*_, **__):
            folder = work / "_build" / "html"
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in pages.items():
                (folder / name).write_text(text)
            return SimpleNamespace(returncode=code, stdout="a warning")

        monkeypatch.setattr(subprocess, "run", run)
        return build_site.build_site(work, target, lock=0)

    build.target, build.work = target, work
    return build


def test_a_build_replaces_what_changed_and_removes_what_is_gone(sphinx):
    assert sphinx({"a.html": "one", "b.html": "two"}) == 0
    kept = (sphinx.target / "a.html").stat().st_mtime_ns
    (sphinx.work / "_build" / "html" / "b.html").unlink()
    assert sphinx({"a.html": "one", "c.html": "three"}) == 0
    assert sorted(file.name for file in sphinx.target.iterdir()) == ["a.html", "c.html"]
    assert (sphinx.target / "a.html").stat().st_mtime_ns == kept


def test_a_build_that_fails_leaves_the_site_as_it_was_and_the_next_one_starts_afresh(sphinx, capsys):
    assert sphinx({"a.html": "one"}) == 0
    assert sphinx({"a.html": "broken"}, code=1) == 1
    assert (sphinx.target / "a.html").read_text() == "one"
    assert "The site was not built" in capsys.readouterr().err
    assert sphinx({"b.html": "two"}) == 0  # what the failed build had left is gone, so its warnings are seen again
    assert [file.name for file in sphinx.target.iterdir()] == ["b.html"]


def test_a_build_that_was_killed_is_not_taken_up(sphinx):
    assert sphinx({"a.html": "one"}) == 0
    (sphinx.work / "built-from").unlink()  # as a killed build leaves it
    assert sphinx({"b.html": "two"}) == 0
    assert not (sphinx.work / "_build" / "html" / "a.html").exists()


def test_a_change_of_what_every_page_depends_on_starts_afresh(sphinx, tmp_path):
    assert sphinx({"a.html": "one"}) == 0
    (tmp_path / "_config.yml").write_text("title: another")
    assert sphinx({"b.html": "two"}) == 0
    assert not (sphinx.work / "_build" / "html" / "a.html").exists()


# ---- make serve


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_said(text):
    with pytest.raises(SystemExit, match=r"is not a port: give a number from 1 to 65535"):
        serve.port_number(text)


def test_a_taken_port_is_one_sentence_with_a_way_out(capfd):
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, serve.__file__, "--check", str(port)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert f"make serve PORT={port + 1}" in done.stderr


def test_a_room_may_ask_at_once_and_leave_before_the_answer(tmp_path, capfd):
    (tmp_path / "large.bin").write_bytes(bytes(5_000_000))
    with serve.server(0, tmp_path) as server, ExitStack() as room:
        clients = [room.enter_context(socket.create_connection(server.server_address, timeout=20)) for _ in range(200)]
        for client in clients:
            client.sendall(b"GET /large.bin HTTP/1.0\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close without a word
            client.close()
        room.enter_context(answering(server))
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/large.bin", timeout=20) as answer:
            assert len(answer.read()) == 5_000_000
    assert capfd.readouterr().err == ""


def test_two_hundred_clients_at_once_all_get_their_answer_and_ctrl_c_is_quiet(tmp_path):
    """The recipe of `make serve` in a terminal: half of the clients have not read their answer when it is stopped."""
    tools, site, port = tmp_path / "tools", tmp_path / "_build" / "html", free_port()
    tools.mkdir()
    site.mkdir(parents=True)
    shutil.copy(serve.__file__, tools)
    (site / "index.html").write_text("the book")
    (site / "large.bin").write_bytes(bytes(5_000_000))
    [recipe] = re.findall(r'\t@\$\(BIN\)/python (tools/serve.py) "\$\(PORT\)"', (ROOT / "Makefile").read_text("utf-8"))
    (tmp_path / "Makefile").write_text(f"serve:\n\t@{sys.executable} {recipe} {port}\n")
    answers = []

    def visit() -> None:
        clients = [room.enter_context(socket.create_connection((serve.HOST, port), timeout=20)) for _ in range(200)]
        for at, client in enumerate(clients):
            client.sendall(f"GET /{'large.bin' if at % 2 else 'index.html'} HTTP/1.0\r\n\r\n".encode())
        answers.extend(client.makefile("rb").read() for client in clients[::2])

    with ExitStack() as room:
        code, said = interrupted(["make", "serve"], "Ctrl+C", visit, cwd=tmp_path)
    assert len(answers) == 100 and all(answer.endswith(b"\r\n\r\nthe book") for answer in answers)
    assert code in (0, 2, 130, -signal.SIGINT)  # as make ends where it is stopped
    assert said.replace("\r", "") == f"The book is at http://127.0.0.1:{port}/ (stop with Ctrl+C)\n^C\n"


def test_the_server_answers_on_this_machine_and_lets_nothing_go_stale(tmp_path, capsys):
    (tmp_path / "index.html").write_text("the book")
    with serve.server(0, tmp_path) as server, answering(server):
        assert server.server_address[0] == "127.0.0.1"
        connection = http.client.HTTPConnection(*server.server_address, timeout=5)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.read() == b"the book"
        assert answer.headers["Cache-Control"] == "no-cache"
        connection.close()
    assert capsys.readouterr() == ("", "")


# ---- make test


def test_without_a_browser_the_checks_fail_with_one_sentence(monkeypatch):
    tried = []
    monkeypatch.setattr(browser, "find", lambda: None)
    monkeypatch.setattr(browser, "install", lambda: tried.append("install"))
    with pytest.raises(SystemExit, match="need a Chromium and none could be installed"):
        browser.main()
    assert tried == ["install"]


def test_a_driver_that_lacks_a_library_is_given_it_or_said_in_one_sentence(monkeypatch):
    """As on a bare Debian 13: there it was a traceback."""
    reason, asked = "node: libatomic.so.1: cannot open shared object file", []
    answers = iter([reason, "", reason, reason])
    monkeypatch.setattr(browser, "stopped", lambda: next(answers))
    monkeypatch.setattr(browser, "apt", asked.append)
    monkeypatch.setattr(browser, "find", lambda: "/a/browser")
    browser.main()
    with pytest.raises(SystemExit, match=r"does not start: node: libatomic\.so\.1.*apt install libatomic1$"):
        browser.main()
    assert asked == ["libatomic1", "libatomic1"]


def test_why_the_driver_stopped_is_its_last_line(monkeypatch):
    assert browser.stopped() == ""
    done = SimpleNamespace(returncode=127, stderr="first\nnode: no library\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert browser.stopped() == "node: no library"


def test_a_browser_that_is_there_is_not_installed_again(monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: "/a/browser")
    monkeypatch.setattr(browser, "install", lambda: pytest.fail("installed"))
    browser.main()


# ---- the Makefile

COMMANDS = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()


def test_help_lists_every_command(tmp_path):
    assert {line.split()[1] for line in make(tmp_path).stdout.splitlines()} == set(COMMANDS)


def test_no_python_is_said_and_nothing_is_left(tmp_path):
    done = make(tmp_path, "serve", "PYTHON=no-such-python")
    assert done.returncode
    assert "Python 3.11 or newer is needed, and there is no no-such-python here" in done.stdout
    assert not (tmp_path / ".venv").exists()


def old_python(path: Path) -> Path:
    code = f'exec {sys.executable} -c "import sys; sys.version_info = (3, 8, 1); ${{2#import sys; }}"'
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo Python 3.8.1 && exit 0\n[ "$1" = -c ] && {code}\n')
    path.chmod(0o755)
    return path


def test_an_old_python_is_said(tmp_path):
    done = make(tmp_path, "site", f"PYTHON={old_python(tmp_path / 'my old' / 'python')}")
    assert done.returncode
    assert "is Python 3.8.1. Name another" in done.stdout


def test_an_old_python_in_a_venv_that_was_there_is_said(tmp_path):
    old_python(tmp_path / ".venv" / "bin" / "python")
    done = make(tmp_path, "site", "PYTHON=true")
    assert done.returncode
    assert "the .venv that was here already holds Python 3.8.1. Remove it: make clean" in done.stdout
    assert not (tmp_path / ".venv" / "python.done").exists()


@pytest.fixture
def called(tmp_path):
    """called(command, ...): the arguments, one by one, of all that make runs in a folder whose name has a space and an umlaut."""
    folder = tmp_path / "ä b"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", "bin/ruff", "python.done", "all.done", "site.done", "deep.done"):
        (folder / ".venv" / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> calls\n')
        (folder / ".venv" / name).chmod(0o755)
    (folder / "calls").touch()
    for name in ("notebook6", "newest", "epubcheck"):
        (folder / "_build" / name).mkdir(parents=True)
        (folder / "_build" / name / "done").touch()
    (folder / "_build" / "epubcheck" / "bin").symlink_to(folder / ".venv" / "bin")
    (folder / ".venv" / "bin" / "epubcheck").symlink_to("python")

    def call(*arguments: str) -> list[str]:
        done = make(folder, *arguments)
        assert done.returncode == 0, done.stderr
        return (folder / "calls").read_text(encoding="utf-8").splitlines()

    return call


@pytest.mark.deep
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_with_a_space_and_an_umlaut_is_one_word_to_every_command(command, called):
    assert [argument for argument in called(command) if "ä" in argument and "ä b/" not in argument] == []


@pytest.mark.deep
def test_a_name_that_is_given_to_a_command_is_one_word(called):
    assert called("run", "NB=/ö/1 law.ipynb")[-1] == "/ö/1 law.ipynb"
    given = ["MODEL=/ö/a model", "DATA=some data", "ONLY=one row"]
    assert called("remake", *given)[-6:] == ["--model", "/ö/a model", "--data", "some data", "--only", "one row"]


@pytest.fixture(scope="module")
def without_pip(tmp_path_factory):
    """A folder in which the site needs one package, that lies there, and whose .venv was made without pip, as uv makes it."""
    folder = tmp_path_factory.mktemp("book")
    with zipfile.ZipFile(folder / "one-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("one.py", "")
        wheel.writestr("one-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: one\nVersion: 1\n")
        wheel.writestr("one-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("one-1.dist-info/RECORD", "")
    (folder / "requirements-site.txt").write_text("./one-1-py3-none-any.whl\n")
    sum_ = hashlib.sha256((folder / "one-1-py3-none-any.whl").read_bytes()).hexdigest()
    (folder / "hashes-site.txt").write_text(f"./one-1-py3-none-any.whl --hash=sha256:{sum_}\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    return folder


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "value"),
    [("PIP_USER", "1"), ("PIP_TARGET", "there"), ("PIP_PREFIX", "there"), ("PIP_ROOT", "there"),
     ("pip.conf", ""), ("pip.conf", "user = true"), ("pip.conf", "target = there")],
)  # fmt: skip
def test_packages_go_into_the_venv_whatever_pip_is_set_to(name, value, without_pip):
    (without_pip / "pip.conf").write_text(f"[install]\n{value if name == 'pip.conf' else ''}\n")
    (without_pip / ".venv" / "site.done").unlink(missing_ok=True)
    settings = {"PIP_CONFIG_FILE": "pip.conf", "PIP_NO_INDEX": "1", name: value}
    done = make(without_pip, ".venv/site.done", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    (module,) = (without_pip / ".venv").rglob("one.py")
    module.unlink()
    shutil.rmtree(next(module.parent.glob("one-1.dist-info")))


@pytest.mark.deep
def test_a_file_that_is_not_the_one_it_was_is_not_installed(without_pip, tmp_path):
    folder = shutil.copytree(without_pip, tmp_path / "book", symlinks=True)
    (folder / ".venv" / "site.done").unlink(missing_ok=True)
    with zipfile.ZipFile(folder / "one-1-py3-none-any.whl", "a") as wheel:
        wheel.writestr("two.py", "")
    done = make(folder, ".venv/site.done", PIP_NO_INDEX="1")
    assert done.returncode and "DO NOT MATCH THE HASHES" in done.stderr
    assert not [*(folder / ".venv").rglob("one.py")] and not (folder / ".venv" / "site.done").exists()


# ---- the checkout


def test_a_checkout_by_a_git_that_ends_lines_as_windows_does_is_as_ours(tmp_path):
    """`make site` joins JavaScript modules by their line ends."""
    names = [
        "book/index.md",
        "book/_ext/themes/dora/static/preview.png",
        "tests/fixtures/torchtune.safetensors",
        ".gitattributes",
    ]
    for name in [
        "Makefile",
        "book/dorabook/live/norm_explorer/norm_explorer.js",
        "book/4-shape-mismatch.ipynb",
        *names,
    ]:
        (tmp_path / "book" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "book" / name)

    def git(*arguments: str) -> str:
        command = ["git", "-C", tmp_path / "book", "-c", "core.autocrlf=true", "-c", "core.safecrlf=false", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", ".")
    git("checkout-index", "-a", "--prefix=../checkout/")
    for name in git("ls-files").split():
        assert (tmp_path / "checkout" / name).read_bytes() == (ROOT / name).read_bytes(), name


# ---- what pages are made of


@pytest.mark.parametrize(
    ("tex", "reason"),
    [(r"\frac{a}{b", "expected '}' at end of input"), (r"\nonsense x", r"\nonsense"), (r"x^2^3", "Double superscript")],
)
def test_a_formula_that_cannot_be_read_is_an_error_with_its_reason(tex, reason):
    with pytest.raises(ValueError, match="at") as caught:
        mathml.mathml(tex, display=False)
    assert reason in str(caught.value)


def test_a_formula_becomes_mathml():
    assert "<mfrac>" in mathml.mathml(r"\frac{m}{\lVert W \rVert}", display=True)
    assert "display" not in mathml.mathml("x", display=False).split(">")[0]
    assert mathml.mathml(mathml.aligned(r"a &= b \\ c &= d"), display=True).count("<mtr>") == 2


def test_a_process_that_has_written_a_formula_ends():
    """An engine with a thread of its own, never closed, keeps Python 3.13 from ending."""
    command = [sys.executable, "-c", "import mathml; print(mathml.mathml('x', display=False))"]
    done = subprocess.run(command, cwd=Path(mathml.__file__).parent, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("<math>")
    assert done.returncode == 0, done.stderr


def test_an_elementwise_product_is_as_large_in_a_display_as_in_a_line():
    """Firefox takes the sign for one that is to be enlarged, and says so nowhere but in the picture."""
    assert '<mo largeop="false">⊙</mo>' in mathml.mathml(r"m \odot D", display=True)


def test_no_script_has_a_font_of_its_own():
    """Firefox would not make it small: it was a prime of full size beside each V."""
    style = (build_site.ROOT / "book" / "_ext" / "themes" / "dora" / "static" / "site.css").read_text(encoding="utf-8")
    assert [rule for rule in re.findall(r"mo[.\w-]* \{[^}]*\}", style) if "font" in rule.split("/*")[0]] == []


@pytest.mark.parametrize("formula", [False, True])
def test_an_answer_is_folded_with_the_paragraph_after_it_whatever_its_words(formula):
    cell = nodes.container(cell_metadata={"tags": ["answer"]}, hide_mode="output")
    picture, said = nodes.container(hide_mode="input"), nodes.paragraph("", "The second.")
    goes_on = [nodes.math_block("", "a = b"), nodes.paragraph("", "And so on.")] if formula else []
    document = nodes.container("", cell, picture, said, *goes_on, rest := nodes.paragraph("", "What else it shows."))
    dora_site.fold_answers(None, document)
    assert (document.children, cell.children) == ([cell, rest], [picture, said, *goes_on])
    assert cell["hide_mode"] == "all"


def test_a_pages_description_is_its_first_paragraph_cut_at_a_word():
    document = publish_doctree(f"Title\n=====\n\n{'word ' * 60}\n\nSecond.")
    text = dora_site.description(document)
    assert text.endswith("word …")
    assert len(text) <= 160
    assert dora_site.description(publish_doctree("Short.")) == "Short."
    assert dora_site.description(None) == ""
