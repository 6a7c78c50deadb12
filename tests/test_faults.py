"""Commands that are killed at any write or in the middle of one, that meet a full disk, or that may not write at all."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import build_site
import disk
import make_zip
import nbformat
import psutil
import publish_notebooks
import pytest
import run_notebooks
import standalone
from experiments import records, train_both
from nbformat.v4 import new_code_cell, new_notebook
from support import dying
from support.makefile import make

pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[1]
LONG = "0123456789" * 2000  # 20 kB: more than Python or a pipe takes at once


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def lay(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


# What each command writes, in a small folder: the first version is there, and the second is on the way


@dataclass
class Command:
    """`write(folder, version)` does what the command does; `good(folder)` is what a reader finds there after any end."""

    write: Callable[[Path, int], object]
    good: Callable[[Path], object]


def store(folder: Path, version: int) -> None:
    disk.replace(folder / "a.ipynb", f"{version} {LONG}")


def site(folder: Path, version: int) -> None:
    pages = {"index.html": f"{version} {LONG}", f"_static/{version}.js": LONG, "same.html": LONG}
    work = folder / f"work {version}"
    lay(work, pages)
    with build_site.locked(folder):
        build_site.publish(work, folder / "html")


def notebooks(folder: Path, version: int) -> None:
    paths = [folder / "stored" / f"{name}.ipynb" for name in ("1-one", "2-two")]
    paths[0].parent.mkdir(exist_ok=True)
    for path in paths:
        made = new_notebook(cells=[new_code_cell(f"print({version})\n# {LONG}", id="a")])
        path.write_text(nbformat.writes(made))
    standalone.write_notebooks(paths, folder / "published")


def notebooks_found(folder: Path) -> dict[str, str]:
    read = {path.name: json.loads(path.read_text()) for path in (folder / "published").glob("*.ipynb")}
    return {name: re.search(r"print\((\d)\)", json.dumps(notebook))[1] for name, notebook in read.items()}


COLUMNS = ("k", "v")


def rows(folder: Path, version: int) -> None:
    have = {row["k"] for row in records.read(folder / "a.csv", COLUMNS)}
    for k in range(version * 2):
        if str(k) not in have:
            records.append(folder / "a.csv", COLUMNS, [{"k": k, "v": f"{k} {LONG}"}])


def rows_found(folder: Path) -> list[str]:
    return [row["k"] for row in records.read(folder / "a.csv", COLUMNS)]


COMMANDS = {
    "make run": Command(store, lambda folder: (folder / "a.ipynb").read_text()[:1]),
    "make site": Command(site, lambda folder: tree(folder / "html")),
    "publish_notebooks": Command(notebooks, notebooks_found),
    "train_both, a row": Command(rows, rows_found),
}


def between(found: object, old: object, new: object) -> bool:
    """Files of a folder may be of both versions, each whole; rows that were added one after another are a beginning."""
    if isinstance(new, list):
        return new[: len(found)] == found and found[: len(old)] == old
    if isinstance(new, dict) and not any(name.endswith(".html") for name in new):
        return found.keys() == new.keys() and all(found[name] in (old[name], new[name]) for name in new)
    return found in (old, new, {})  # a site is of one version, or between two names, and `make serve` has none to serve


def prepared(tmp_path: Path, command: Command) -> tuple[Callable[[int], Path], object, object]:
    """fresh(i) makes a folder with the first version; then what is found of the first and of both."""

    def fresh(i: int) -> Path:
        folder = tmp_path / str(i)
        folder.mkdir()
        assert not dying.ended(lambda: command.write(folder, 1), lambda: None, signal.SIGKILL)
        return folder

    folder = fresh(0)
    old = command.good(folder)
    assert not dying.ended(lambda: command.write(folder, 2), lambda: None, signal.SIGKILL)
    new = command.good(folder)
    assert new != old
    return fresh, old, new


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_killed_at_any_write_it_leaves_the_old_or_the_new_and_goes_on(tmp_path, command):
    fresh, old, new = prepared(tmp_path, command)
    step, seen = 1, []
    while True:
        folder = fresh(step)
        if not dying.killed(lambda folder=folder: command.write(folder, 2), at=step):
            break
        seen.append(command.good(folder))
        assert between(seen[-1], old, new), f"after a kill at write {step}"
        assert not dying.ended(lambda folder=folder: command.write(folder, 2), lambda: None, signal.SIGKILL)
        assert command.good(folder) == new
        step += 1
    assert old in seen and step > 2


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_killed_in_the_middle_of_a_file_it_leaves_the_old_and_goes_on(tmp_path, command):
    fresh, old, new = prepared(tmp_path, command)
    folder = fresh(1)
    grown = (folder / "a.csv").stat().st_size if command.write is rows else 0  # a file that grows is cut in its new row
    assert dying.cut(lambda: command.write(folder, 2), size=9000 + grown)
    assert between(command.good(folder), old, new)
    assert not dying.ended(lambda: command.write(folder, 2), lambda: None, signal.SIGXFSZ)
    assert command.good(folder) == new


# Rows of several processes


def test_a_row_is_not_glued_to_half_a_row_that_another_process_left(tmp_path, capsys):
    path = tmp_path / "a.csv"
    records.append(path, COLUMNS, [{"k": 1, "v": "one"}])
    with path.open("a") as file:
        file.write("2,tw")  # and was killed
    records.append(path, COLUMNS, [{"k": 3, "v": "three"}])
    assert path.read_text() == "k,v\n1,one\n3,three\n"
    assert "half-written and is dropped: 2,tw" in capsys.readouterr().err


def test_a_file_with_half_a_header_gets_a_whole_one(tmp_path):
    (tmp_path / "a.csv").write_text("k,")
    records.append(tmp_path / "a.csv", COLUMNS, [{"k": 1, "v": "one"}])
    assert (tmp_path / "a.csv").read_text() == "k,v\n1,one\n"


def test_rows_that_do_not_fit_on_the_disk_leave_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.csv"
    records.append(path, COLUMNS, [{"k": 1, "v": "one"}])
    before = path.read_bytes()

    def act() -> None:
        with pytest.raises(OSError, match="File too large"):
            records.append(path, COLUMNS, [{"k": 2, "v": LONG}])

    limit = len(before) + 5000
    assert not dying.ended(act, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), signal.SIGKILL)
    assert path.read_bytes() == before


@pytest.mark.parametrize("act", [records.mend, lambda path: records.append(path, COLUMNS, [])])
def test_nobody_cuts_a_row_that_is_still_being_written(tmp_path, monkeypatch, act):
    path = tmp_path / "a.csv"
    path.write_text("k,v\n1,one\n2,tw")  # another process holds the lock and is not done

    def waited(file: object, how: int) -> None:
        assert how == records.fcntl.LOCK_EX
        with path.open("a") as other:
            other.write("o\n")

    monkeypatch.setattr(records.fcntl, "flock", waited)
    act(path)
    assert path.read_text() == "k,v\n1,one\n2,two\n"


# A command and what it started


def slow(path: Path, seconds: float) -> bytes:
    code = f"import time\nprint('begun')\ntime.sleep({seconds})\nprint('done')"
    nbformat.write(new_notebook(cells=[new_code_cell(code, id="a")]), path)
    return path.read_bytes()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_a_killed_run_leaves_no_kernel_behind_that_would_store_a_notebook_later(tmp_path, by):
    before = {name: slow(tmp_path / name, 1000) for name in ("a.ipynb", "b.ipynb")}  # far longer than the test
    command = [sys.executable, run_notebooks.__file__, *(str(tmp_path / name) for name in before)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    process = psutil.Process(running.pid)
    try:
        wait_until(lambda: sum("ipykernel" in " ".join(words(one)) for one in process.children(recursive=True)) == 2)
        started = process.children(recursive=True)
    finally:
        running.send_signal(by)
        running.wait()
    _, alive = psutil.wait_procs(started, timeout=300)
    for one in alive:
        one.kill()
    assert alive == []
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_until(holds: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


# A full disk: a file that stands for the half-written one takes nothing more


def one_sentence(text: str) -> str:
    [line] = text.strip().splitlines()
    assert re.fullmatch(
        r"[^:]+ cannot be written \([^)]+\): [^.]+, and run the command again\. What was there is as it was\.", line
    )
    return line


@pytest.fixture
def full():
    """full(path): whatever is written in place of `path` meets a full disk."""
    assert Path("/dev/full").is_char_device() or sys.platform != "linux"
    return lambda path: path.with_name(f".{path.name}.new").symlink_to("/dev/full")


def test_a_full_disk_leaves_the_file_and_takes_no_room(tmp_path, full):
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    full(path)
    with pytest.raises(OSError, match="No space left") as caught:
        disk.replace(path, LONG)
    assert caught.value.errno == errno.ENOSPC
    assert tree(tmp_path) == {"a.ipynb": b"old"}


def test_make_run_on_a_full_disk_is_one_sentence_for_the_notebook(tmp_path, full):
    before = slow(tmp_path / "a.ipynb", 0)
    full(tmp_path / "a.ipynb")
    command = [sys.executable, run_notebooks.__file__, str(tmp_path / "a.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a.ipynb cannot be written (No space left on device): make room on this disk" in one_sentence(done.stderr)
    assert (tmp_path / "a.ipynb").read_bytes() == before


def test_publishing_notebooks_on_a_full_disk_is_one_sentence(tmp_path, full, monkeypatch):
    notebooks(tmp_path, 1)
    before = tree(tmp_path / "published")
    monkeypatch.setattr(publish_notebooks, "chapters", lambda: sorted((tmp_path / "stored").glob("*.ipynb")))
    full(tmp_path / "published" / "2-two.ipynb")
    with pytest.raises(SystemExit) as ended:
        publish_notebooks.main([str(tmp_path / "published")])
    assert "No space left on device" in one_sentence(str(ended.value))
    assert tree(tmp_path / "published") == before


def test_make_zip_on_a_full_disk_is_one_sentence(tmp_path, full, monkeypatch):
    lay(tmp_path, {"html/index.html": LONG})
    monkeypatch.setattr(make_zip, "BUILD", tmp_path)
    full(tmp_path / f"dora-magnitude-{standalone.version()}.zip")
    with pytest.raises(SystemExit) as ended:
        make_zip.main()
    assert one_sentence(str(ended.value)).startswith("The archive cannot be written (No space left on device)")
    assert list(tmp_path.glob("*.zip")) == []


@pytest.fixture
def tiny_site(tmp_path, monkeypatch):
    """A site that is there, and build(said, code): what Sphinx says and how it ends."""
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    lay(tmp_path, {"_build/html/index.html": "old"})

    def build(said: str = "", code: int = 0) -> int:
        def run(*_, **__):
            lay(tmp_path / "_build/work/_build/html", {"index.html": LONG})
            return SimpleNamespace(returncode=code, stdout=said)

        monkeypatch.setattr(subprocess, "run", run)
        return build_site.main()

    build.site = tmp_path / "_build" / "html"
    return build


FULL = """Traceback (most recent call last):
  File "sphinx/builders/html.py", line 1, in write
OSError: [Errno 28] No space left on device
RuntimeError: There was an error in building your book. Look above for the cause.
"""


def test_a_disk_that_is_full_for_sphinx_is_one_sentence(tiny_site, capfd):
    assert tiny_site(FULL, 1) == 1
    expected = "The site cannot be written (No space left on device): make room on this disk"
    assert one_sentence(capfd.readouterr().err).startswith(expected)
    assert tree(tiny_site.site) == {"index.html": b"old"}


def test_another_failure_of_sphinx_is_shown_as_it_is(tiny_site, capfd):
    assert tiny_site("WARNING: [Errno 2] No such file", 1) == 1
    assert "[Errno 2] No such file" in capfd.readouterr().err


def test_a_disk_that_is_full_for_the_site_is_one_sentence_and_the_site_stays(tiny_site, capfd, monkeypatch):
    def copyfile(source, target):
        Path(target).write_text("ha")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(build_site.shutil, "copyfile", copyfile)
    assert tiny_site() == 1
    assert "No space left on device" in one_sentence(capfd.readouterr().err)
    assert tree(tiny_site.site) == {"index.html": b"old"}
    assert sorted(path.name for path in tiny_site.site.parent.iterdir()) == [".lock", "html", "work"]
    monkeypatch.undo()


# A folder that cannot be written to. A superuser may write everywhere, so the system's answer is put in


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """Below tmp_path nothing can be made, as on a disk that was mounted so."""
    real_open, real_mkdir = os.open, os.mkdir

    def refuse(path) -> None:
        if not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(tmp_path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    def opened(path, mode="r", *more, **named):
        if set(mode) & set("wax+"):
            refuse(path)
        return real_io_open(path, mode, *more, **named)

    import builtins
    import io

    real_io_open = io.open
    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(os, "mkdir", lambda path, *more, **named: (refuse(path), real_mkdir(path, *more, **named)))
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, *more, **named: (
            flags & dying.WRITING and refuse(path),
            real_open(path, flags, *more, **named),
        )[1],
    )


WAY_OUT = "(Read-only file system): copy the book to a folder of yours, and run the command again"


@pytest.mark.usefixtures("read_only")
def test_a_site_in_a_read_only_clone_is_one_sentence(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    assert build_site.main() == 1
    assert WAY_OUT in one_sentence(capfd.readouterr().err)


def test_an_archive_in_a_read_only_clone_is_one_sentence(tmp_path, monkeypatch, request):
    lay(tmp_path, {"html/index.html": LONG})
    monkeypatch.setattr(make_zip, "BUILD", tmp_path)
    request.getfixturevalue("read_only")
    with pytest.raises(SystemExit) as ended:
        make_zip.main()
    assert WAY_OUT in one_sentence(str(ended.value))


def test_a_notebook_in_a_read_only_clone_is_one_sentence(tmp_path, request):
    slow(tmp_path / "a.ipynb", 0)
    request.getfixturevalue("read_only")
    with pytest.raises(RuntimeError) as ended:
        run_notebooks.run(tmp_path / "a.ipynb")
    assert WAY_OUT in one_sentence(str(ended.value))


@pytest.mark.usefixtures("read_only")
def test_the_checks_in_a_read_only_clone_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as ended:
        disk.main()
    assert WAY_OUT in one_sentence(str(ended.value))


def test_the_checks_on_a_full_disk_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "ROOT", tmp_path)
    disk.main()
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=3_000_000))
    with pytest.raises(SystemExit) as ended:
        disk.main()
    assert "(3 MB of the disk are free, and 100 are needed): make room" in one_sentence(str(ended.value))
    assert list((tmp_path / "_build").iterdir()) == []


def test_rows_in_a_read_only_folder_are_one_sentence(tmp_path, monkeypatch, capsys, request):
    (tmp_path / "train_both.csv").write_text(",".join(train_both.ROW) + "\nhalf")
    request.getfixturevalue("read_only")
    assert train_both.main(["--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"{tmp_path / 'train_both.csv'}: Read-only file system. "
        "Every row that is there is whole: see to that, and the same command goes on.\n"
    )


@pytest.mark.parametrize("target", ["site", "serve", "run", "zip", "test"])
def test_a_fresh_clone_that_cannot_be_written_to_is_one_sentence_of_make(tmp_path, target):
    shell = tmp_path / "shell"  # for which nothing is writable
    shell.write_text('#!/bin/sh\ntest() { [ "$1" != -w ] && command test "$@"; }\neval "$2"\n')
    shell.chmod(0o755)
    folder = tmp_path / "clone"
    folder.mkdir()
    done = make(folder, target, f"SHELL={shell}", f"PYTHON={sys.executable}")
    assert done.returncode
    assert done.stdout.strip() == (
        "This folder cannot be written to, and the book keeps its packages in .venv and its pages in _build here: "
        "copy it to a folder of yours."
    )
    assert not (folder / ".venv").exists()
