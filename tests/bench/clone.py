"""From a fresh clone to a served page, step by step, and a rebuild of a site that has been built.

A copy of the files that git would hold is made in a temporary folder, and the book's own make targets are timed in it. Installing
the packages is the floor: what comes above it is the book's. The packages come from wherever pip is set to get them.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import build_site
import serve
from bench.table import MISSING, Row, met

REBUILD = 10  # seconds
# make hands the variables of its own command line on, and a reader's shell lets Python keep what it has compiled.
NOT_A_READERS = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}


@dataclass(frozen=True)
class Split:
    """Seconds of each step."""

    venv: float
    install: float
    build: float
    page: float
    unchanged: float
    edited: float


def rows(folder: Path) -> list[Row]:
    try:
        split = measured(folder)
    except subprocess.CalledProcessError as error:
        print(f"No fresh clone was served: {error.stderr[-800:]}", file=sys.stderr)
        return [("from a fresh clone to a served page", MISSING, MISSING, "–", "not known")]
    floor, above = split.venv + split.install, split.build + split.page
    steps = (
        f"venv {split.venv:.0f} s, packages {split.install:.0f} s, build {split.build:.0f} s, page {split.page:.1f} s"
    )
    return [
        ("a fresh clone served", "–", f"{floor + above:.0f} s: {steps}", "–", "–"),
        ("of it above its packages", "–", f"{above:.0f} s, {above / (floor + above):.0%}", "as little as it gets", "–"),
        ("warm rebuild, nothing edited", "–", f"{split.unchanged:.1f} s", f"≤ {REBUILD} s", met(split.unchanged, REBUILD)),
        ("warm rebuild, a chapter edited", "–", f"{split.edited:.1f} s", f"≤ {REBUILD} s", met(split.edited, REBUILD)),
    ]  # fmt: skip


def measured(folder: Path) -> Split:
    copy(folder)
    venv, install, build = (made(folder, target) for target in (".venv/python.done", ".venv/site.done", "site"))
    page = first_page(folder)
    unchanged = made(folder, "site")
    next((folder / "book").glob("4-*.ipynb")).touch()
    return Split(venv, install, build, page, unchanged, made(folder, "site"))


def copy(folder: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=build_site.ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = build_site.ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def made(folder: Path, target: str) -> float:
    """Seconds that `make target` takes."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_A_READERS}
    command = ["make", target, f"PYTHON={sys._base_executable}"]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - start


def first_page(folder: Path) -> float:
    """Seconds from starting the server until the first page has been read from it."""
    start = time.perf_counter()
    with serve.server(0, folder / "_build" / "html") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urllib.request.urlopen(f"http://{serve.HOST}:{server.server_port}/book/index.html").read()
        server.shutdown()
    return time.perf_counter() - start
