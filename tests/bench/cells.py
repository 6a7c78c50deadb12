"""How long each chapter's cells take through the strict check, with as many processes as `make test` has."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import build_site
from bench.table import MISSING, Row, met

BUDGET = 20  # seconds a chapter
STRICT = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "--nbval-sanitize-with", "tests/sanitize.cfg"]


def seconds(chapter: Path) -> float:
    """The time between the first cell and the last, from pytest's own count; starting pytest is not a cell."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *STRICT, str(chapter)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=build_site.ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{chapter.name} fails the strict check: {done.stdout[-800:]}")
    told = re.search(r"in ([\d.]+)s", done.stdout)
    return float(told[1]) if told else time.perf_counter() - start


def rows() -> list[Row]:
    try:
        taken = {chapter: seconds(chapter) for chapter in sorted((build_site.ROOT / "book").glob("*.ipynb"))}
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return [("the slowest chapter's cells through nbval", "–", MISSING, f"≤ {BUDGET} s", "not known")]
    slowest = max(taken, key=taken.get)
    shown = f"{taken[slowest]:.0f} s, {slowest.stem}; all {len(taken)}: {sum(taken.values()):.0f} s"
    return [("the slowest chapter's cells through nbval", "–", shown, f"≤ {BUDGET} s", met(taken[slowest], BUDGET))]
