"""Kills the book's commands at random moments, again and again, and looks at what they leave.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.kill [TIMES [SEED]]

Each command runs in a small copy of the book, is killed TIMES times (half by SIGKILL, half by SIGTERM, with everything it
started left to itself), and then runs to its end. After each kill every file that a reader uses must be there whole, of the
version before or the one on the way, and the last run must end as if there had been no kill.
"""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import standalone
from bench.record import keep
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
CELL = "import time\nprint({version})\ntime.sleep(0.2)\nprint('{filler}')"
TRAIN = """import sys
from pathlib import Path
from experiments import train_both
from support import planted
store = train_both.Store(Path(sys.argv[1]))
for name in train_both.FILES:
    store.mend(name)
train_both.go(planted.bench(), store, planted.grid(), say=print)"""
Files = dict[str, bytes]


@dataclass
class Trial:
    """`prepare(version)` changes the sources; `check()` raises AssertionError where a file is not whole."""

    command: list[str]
    prepare: Callable[[int], None]
    check: Callable[[], object]
    end: Callable[[], object] = lambda: None  # what must be the same after all kills as after a run without one


def copy(folder: Path) -> Path:
    """The book with its front page and one chapter, of which both versions can be told apart."""
    book = folder / "a book"
    for name in ("tools", "book"):
        shutil.copytree(ROOT / name, book / name, ignore=shutil.ignore_patterns("__pycache__", ".*.new", "data"))
    for name in ("_config.yml", "constraints.txt"):
        shutil.copy(ROOT / name, book / name)
    for path in book.joinpath("book").rglob("*"):
        if path.suffix in (".ipynb", ".md") and "_ext" not in path.parts:
            path.unlink()
    (book / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n- caption: Chapters\n  chapters:\n  - file: book/1-one\n"
    )
    return book


def sources(book: Path, version: int) -> None:
    (book / "book" / "index.md").write_text(f"# A book\n\nThis is version {version}.\n")
    cells = [
        nbformat.v4.new_markdown_cell(f"# One\n\nThis is version {version}.", id="t"),
        new_code_cell("1", id="a", execution_count=1),
    ]
    made = new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    (book / "book" / "1-one.ipynb").write_text(nbformat.writes(made))


def version_of(text: str) -> str:
    return text.split("version ")[1][:1]


def runs(folder: Path) -> Trial:
    paths = [folder / f"{name}.ipynb" for name in ("one", "two")]

    def prepare(version: int) -> None:
        for path in paths:
            cell = new_code_cell(CELL.format(version=version, filler="x" * 50_000), id="a")
            path.write_text(nbformat.writes(new_notebook(cells=[cell])))

    def check() -> list[int]:
        read = [nbformat.read(path, 4) for path in paths]
        for notebook in read:
            nbformat.validate(notebook)
            outputs = "".join(output.text for output in notebook.cells[0].outputs)
            assert outputs == "" or outputs.endswith("x" * 50_000 + "\n"), "outputs in part"
        return [len(notebook.cells[0].outputs) for notebook in read]

    return Trial([sys.executable, str(ROOT / "tools" / "run_notebooks.py"), *map(str, paths)], prepare, check)


def sites(folder: Path) -> Trial:
    book = copy(folder)

    def check() -> str:
        html = book / "_build" / "html" / "book"
        if not html.exists():  # killed between two names: there is no site, and the next build makes one
            return ""
        told = [version_of((html / name).read_text(encoding="utf-8")) for name in ("index.html", "1-one.html")]
        assert told[0] == told[1], "a site of two versions"
        assert (html / "1-one.html").read_text(encoding="utf-8").rstrip().endswith("</html>"), "a page in part"
        return told[0]

    return Trial([sys.executable, str(book / "tools" / "build_site.py")], lambda version: sources(book, version), check)


def archives(folder: Path) -> Trial:
    book = copy(folder)
    html, name = book / "_build" / "html", f"dora-magnitude-{standalone.version()}"

    def prepare(version: int) -> None:
        html.mkdir(parents=True, exist_ok=True)
        (html / "index.html").write_text(f"version {version} ")
        for i in range(300):
            (html / f"{i}.bin").write_bytes(random.Random(i).randbytes(20_000))

    def check() -> str:
        with zipfile.ZipFile(book / "_build" / f"{name}.zip") as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 302
            return version_of(archive.read(f"{name}/index.html").decode())

    return Trial([sys.executable, str(book / "tools" / "make_zip.py")], prepare, check)


def notebooks(folder: Path) -> Trial:
    book = copy(folder)
    target = folder / "published"

    def check() -> str:
        text = (target / "1-one.ipynb").read_text(encoding="utf-8")
        nbformat.validate(nbformat.reads(text, as_version=4))
        return version_of(text)

    command = [sys.executable, str(book / "tools" / "publish_notebooks.py"), str(target)]
    return Trial(command, lambda version: sources(book, version), check)


def rows(folder: Path) -> Trial:
    """Rows are added and never changed: what is there is whole, and the end is that of a run without a kill."""

    def check() -> int:
        count = 0
        for path in folder.glob("*.csv"):
            whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
            lines = list(csv.reader(whole.splitlines()))
            assert all(len(line) == len(lines[0]) for line in lines), path.name
            count += len(lines)
        if (folder / "train_both.json").exists():
            json.loads((folder / "train_both.json").read_text(encoding="utf-8"))
        return count

    def prepare(version: int) -> None:
        """A run that was killed is taken up again, and one that came to its end starts anew."""
        if len(read_rows(folder / "train_both.csv")) == 3:
            for path in folder.iterdir():
                path.unlink()

    def end() -> dict[str, list]:
        kept = {path.name: read_rows(path) for path in sorted(folder.glob("*.csv"))}
        for (
            name,
            found,
        ) in kept.items():  # what was killed between two files is made again, and the first of two rows counts
            for row in found:
                row.pop("seconds", None)
            kept[name] = [row for i, row in enumerate(found) if row not in found[:i]]
        return kept

    return Trial([sys.executable, "-c", TRAIN, str(folder)], prepare, check, end)


def read_rows(path: Path) -> list[dict]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []


TRIALS = {
    "make run": runs,
    "make site": sites,
    "make zip": archives,
    "publish_notebooks": notebooks,
    "train_both": rows,
}


def main(times: int = 20, seed: int = 0) -> None:
    draw = random.Random(seed)
    rows = []
    for name, make in TRIALS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append((name, "–", killed(make(Path(folder)), times, draw), "files are whole", "yes"))
            print(f"{name}: {rows[-1][2]}, {rows[-1][3]}", flush=True)
    keep("kill", rows)


def killed(trial: Trial, times: int, draw: random.Random) -> str:
    """What was seen; AssertionError at the first file that is half-written, and where the last run does not end like the first."""
    trial.prepare(1)
    seconds = whole(trial)
    before = trial.end()
    seen, ended = {str(trial.check())}, 0
    for i in range(times):
        trial.prepare(2 + i % 8)
        running = start(trial)
        time.sleep(draw.uniform(0, 1.1 * seconds))
        by = (signal.SIGKILL, signal.SIGTERM)[i % 2]
        ended += running.poll() is not None
        running.send_signal(by)
        running.wait()
        seen.add(str(trial.check()))
    trial.prepare(9)
    whole(trial)
    assert trial.end() == before
    return f"{times - ended} kills in a run of {seconds:.1f} s, different ends: {len(seen)}"


def start(trial: Trial) -> subprocess.Popen:
    paths = os.pathsep.join(str(ROOT / name) for name in ("book", "tests", "tools", "book/_ext"))
    options = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "PYTHONPATH": paths},
    }
    return subprocess.Popen(trial.command, **options)


def whole(trial: Trial) -> float:
    """Seconds of a run to its end; what was left of killed ones may hold it up."""
    began = time.perf_counter()
    running = start(trial)
    _, said = running.communicate()
    assert running.returncode == 0, said
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
