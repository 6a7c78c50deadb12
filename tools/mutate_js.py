"""Is every mistake of tests/support/mutants_js.py noticed by the tests that hold the page's modules? Run by `make deep`.

    python tools/mutate_js.py [WORD ...]

With words, only the mistakes whose sentences hold one of them. Each is written into a copy of the book, and its own tests run there.
The exit status is 1 if one was not noticed. What noticed each is written to book/data/mutants_js.csv.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import kept
import mutate

sys.path.insert(0, str(mutate.ROOT / "tests"))
from support.mutants_js import MUTANTS, Mutant

LIVE = Path("book/dorabook/live")
FIELDS = ("mistake", "file", "was", "becomes", "noticed_by")
LIMIT = 300  # seconds for the tests of one mistake: with some a loop never ends, and then nothing has passed
COPIED = ("book", "tests", "tools", "pyproject.toml", "_toc.yml")


def changed(mutant: Mutant) -> str:
    """The module with the mistake. ValueError where the code has moved on, so that the entry names no place, or several."""
    text = (mutate.ROOT / LIVE / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.was) != 1:
        raise ValueError(
            f"{mutant.file} has {text.count(mutant.was)} times {mutant.was!r}, expected once: mend the entry"
        )
    return text.replace(mutant.was, mutant.becomes)


def noticed_by(folder: Path, tests: tuple[str, ...]) -> str:
    """The first of these tests that fails in the copy, or that had not ended when the time was over, or ""."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-v",
        "-p",
        "no:cacheprovider",
        *(f"tests/{test}" for test in tests),
    ]
    options = {"cwd": folder, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "text": True, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as ran:
        try:
            said, _ = ran.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(ran.pid, signal.SIGKILL)  # and the browser it has started
            return re.findall(r"^tests/[^\s\[]+::[^\s\[]+", ran.communicate()[0], re.M)[-1]
    if ran.returncode not in (0, 1):
        sys.exit(f"The tests could not be run:\n{said}")
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.M)
    return failed[1] if failed else ""


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.mistake for word in words)]
    folder = mutate.WORK / "js"
    shutil.rmtree(folder, ignore_errors=True)
    for part in COPIED:
        copy = shutil.copytree if (mutate.ROOT / part).is_dir() else shutil.copy2
        folder.mkdir(parents=True, exist_ok=True)
        copy(mutate.ROOT / part, folder / part)
    every = tuple(sorted({test for mutant in chosen for test in mutant.tests}))
    if failed := noticed_by(folder, every):
        sys.exit(f"{failed} fails without a mistake")
    rows = {row["mistake"]: row for row in kept.rows(mutate.BY_HAND)}
    for mutant in chosen:
        place = folder / LIVE / mutant.file
        sound = place.read_text(encoding="utf-8")
        place.write_text(changed(mutant), encoding="utf-8")
        by = noticed_by(folder, mutant.tests)
        place.write_text(sound, encoding="utf-8")
        print(f"{'noticed' if by else 'NOT NOTICED'}: {mutant.file}: {mutant.mistake}", flush=True)
        values = (mutant.mistake, mutant.file, mutant.was, mutant.becomes, by)
        rows[mutant.mistake] = dict(zip(FIELDS, values, strict=True))
        kept.write(mutate.BY_HAND, FIELDS, [rows[one.mistake] for one in MUTANTS if one.mistake in rows])
    missed = [mutant.mistake for mutant in chosen if not rows[mutant.mistake]["noticed_by"]]
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} mistakes in the page's modules were noticed", *missed, sep="\n"
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
