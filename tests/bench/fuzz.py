"""Reads many broken files, valid adapters and odd ones, in Python and with the page's reader in the embedded engine.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.fuzz [broken] [valid] [odd]

A broken file must be refused by both wherever the safetensors library refuses it, in the same sentence but for the reason. A file the library
takes and the page does not is counted: it is stricter where a file can only be a mistake. A valid adapter must get the same report from both,
and a true one; an odd one (nothing in it, far numbers, deep and long names, many tensors and sides, folders, shards) the same report or the
same sentence. A file that is answered wrongly ends the run.
"""

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from bench.record import keep
from bench.table import HEAD, Row, met, table
from support.both_readers import STRICTER, check_broken, check_odd, check_valid
from support.fuzz_headers import mutants
from support.odd_files import odd_sets
from support.random_adapters import adapters

BATCH, SEED = 500, 0
MOST = 300  # MB that reading may take above what the readers themselves need


class Kind(NamedTuple):
    what: str
    count: int
    made: Callable[[int, int], Iterable]
    check: Callable[[list], Counter]


KINDS = {
    "broken": Kind("broken files", 100_000, mutants, check_broken),
    "valid": Kind("valid adapters", 10_000, adapters, check_valid),
    "odd": Kind("odd valid files", 10_000, odd_sets, check_odd),
}


PARTS = {"fuzz": ("broken", "valid"), "odd": ("odd",)}  # of the record, which has all kinds of a part or none


def main(kinds: list[str]) -> None:
    found = {kind: run(KINDS[kind]) for kind in kinds or KINDS}
    print(table([HEAD, *(row for its in found.values() for row in its)]))
    for part, its in PARTS.items():
        if all(kind in found for kind in its):
            keep(part, [row for kind in its for row in found[kind]])


def run(kind: Kind) -> list[Row]:
    began, seen, done, loaded = time.perf_counter(), Counter(), 0, 0.0
    made = iter(kind.made(SEED, kind.count))
    while batch := list(islice(made, BATCH)):
        seen += kind.check(batch)
        done += len(batch)
        loaded = loaded or memory()
        if sys.stderr.isatty():
            print(f"\r{done:,}", end="", file=sys.stderr, flush=True)
    print(f"{kind.what}: {time.perf_counter() - began:.0f} s, {memory():.0f} MB in all")
    for why, number in sorted(stricter(seen).items(), key=lambda one: -one[1]):
        print(f"  valid and refused in the page: {number:6,} {why}")
    return rows(kind, seen, memory() - loaded)


def memory() -> float:
    """MB, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stricter(seen: Counter) -> dict[str, int]:
    """{reason: how many files the library takes and the page refuses for it}"""
    return {why.removeprefix(STRICTER): number for why, number in seen.items() if why.startswith(STRICTER)}


def rows(kind: Kind, seen: Counter, more: float) -> list[Row]:
    """For the record; a file that is answered wrongly ends the run before."""
    found: list[Row] = [
        (f"{kind.what} that both readers were given", "–", f"{kind.count:,}, seed {SEED}", "–", "–"),
        ("crashes, and files on which the two differ", "–", "0", "0", "yes"),
        ("memory above the first batch's", "–", f"{more:.0f} MB", f"≤ {MOST} MB", met(more, MOST)),
    ]
    if "invalid" in seen:
        refused = f"{sum(stricter(seen).values()):,} of {seen['valid']:,}"
        found += [
            ("verdicts on a file that the library refuses", "–", f"0 of {seen['invalid']:,}", "0", "yes"),
            ("files that the library takes and the page refuses", "–", refused, "–", "–"),
        ]
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
