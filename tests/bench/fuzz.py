"""Reads many broken adapters, in Python and in a page, with the safetensors library as the judge of what is valid.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.fuzz [100000 [SEED]]

Both readers must answer every file with the same verdict or the same one sentence, and refuse whatever the library refuses.
A file the library takes and the readers do not is counted: they are stricter where a file can only be a mistake.
"""

import faulthandler
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import browser as chromium
from bench.record import keep
from bench.table import Row, met
from dorabook.checkpoint import Refused, read
from playwright.sync_api import sync_playwright
from safetensors import SafetensorError, deserialize
from support import page_reader
from support.both_readers import assert_same, in_python
from support.fuzz_headers import mutants
from support.live_page import modules

NAME = "mutant.safetensors"
BATCH = 500
STRICTER = "stricter: "
HANG = 1200  # seconds for one batch of both readers, which takes about two on an idle machine
Files = list[tuple[str, bytes]]


def main(count: int = 100_000, seed: int = 0) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        page = modules(browser, *page_reader.MODULES)
        judged = page_reader.reader(page)
        said, times = fuzz(seed, count, lambda files: judged([[(NAME, raw)] for _, raw in files]))
        browser.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} broken files, seed {seed}: no crash, no hang, no verdict on a file that the library refuses, none unlike"
    )
    print(
        f"  {said['valid']:,} are valid to the library and {said['invalid']:,} are not; {said['judged']:,} got a verdict"
    )
    print(
        f"  Python: {times['python']:.0f} s in all, slowest {1000 * times['slowest']:.0f} ms, at most {memory:.0f} MB"
    )
    print(f"  page: {times['page']:.0f} s in all, slowest {BATCH} together {1000 * times['slowest batch']:.0f} ms")
    keep("fuzz", rows(count, seed, said, times))
    reasons = stricter(said)
    print(f"  valid to the library and refused here: {sum(reasons.values()):,}")
    for why, number in sorted(reasons.items(), key=lambda one: -one[1]):
        print(f"    {number:6,} {why}")


def stricter(said: Counter) -> dict[str, int]:
    """{reason: how many files the library takes and the readers refuse for it}"""
    return {why.removeprefix(STRICTER): number for why, number in said.items() if why.startswith(STRICTER)}


def rows(count: int, seed: int, said: Counter, times: Counter) -> list[Row]:
    """For the record; a file that is answered wrongly ends the run before."""
    return [
        (
            "broken files that both readers were given",
            "–",
            f"{count:,}, seed {seed}",
            "≥ 100,000",
            met(-count, -100_000),
        ),
        ("crashes, hangs, and files on which Python and the page differ", "–", "0", "0", "yes"),
        ("verdicts on a file that the library refuses", "–", f"0 of {said['invalid']:,}", "0", "yes"),
        (
            "files that the library takes and the readers refuse",
            "–",
            f"{sum(stricter(said).values()):,} of {said['valid']:,}",
            "–",
            "–",
        ),
        ("the slowest file in Python", "–", f"{1000 * times['slowest']:.0f} ms", "–", "–"),
        (f"the slowest {BATCH} files in the page", "–", f"{1000 * times['slowest batch']:.0f} ms", "–", "–"),
    ]


def fuzz(seed: int, count: int, in_page: Callable[[Files], list]) -> tuple[Counter, Counter]:
    """What became of `count` mutants, and seconds. AssertionError with what was done to the first that is answered wrongly."""
    said, times = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        for batch in batches(mutants(seed, count)):
            faulthandler.dump_traceback_later(HANG, exit=True)
            began = time.perf_counter()
            in_a_page = in_page(batch)
            spent = time.perf_counter() - began
            times += Counter(page=spent)
            times["slowest batch"] = max(times["slowest batch"], spent)
            for (done, raw), theirs in zip(batch, in_a_page, strict=True):
                path.write_bytes(raw)
                began = time.perf_counter()
                ours = in_python(path)
                spent = time.perf_counter() - began
                times += Counter(python=spent)
                times["slowest"] = max(times["slowest"], spent)
                check(done, raw, ours, theirs)
                count_up(said, raw, ours, path)
            if sys.stderr.isatty():
                print(f"\r{said['valid'] + said['invalid']:,} of {count:,}", end="", file=sys.stderr, flush=True)
    faulthandler.cancel_dump_traceback_later()
    return said, times


def batches(files: Iterator) -> Iterator[Files]:
    while batch := list(islice(files, BATCH)):
        yield batch


def check(done: str, raw: bytes, python: dict | str, page: dict | str) -> None:
    assert_same(page, python, done)
    assert isinstance(python, str) or library_takes(raw), f"{done}: a verdict on a file that is not valid"
    if isinstance(python, str):
        assert re.fullmatch(rf"{re.escape(NAME)} [^\n]+", python), (done, python)


def library_takes(raw: bytes) -> bool:
    try:
        deserialize(raw)
    except SafetensorError:
        return False
    return True


def count_up(said: Counter, raw: bytes, python: dict | str, path: Path) -> None:
    valid = library_takes(raw)
    said["valid" if valid else "invalid"] += 1
    said["judged"] += not isinstance(python, str)
    try:
        read(path)
    except Refused as refused:
        if valid:
            why = re.sub(r"the tensor .* (twice|without)", r"a tensor \1", str(refused).removeprefix(NAME))
            said[STRICTER + why.strip()[:60]] += 1
    else:
        assert valid, "the header of a file that is not valid is read"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
