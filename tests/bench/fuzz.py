"""Reads many valid adapters, odd ones and broken files, in Python and with the page's reader in the embedded engine.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.fuzz [100000 [SEED]]

A valid adapter, of which there is one for each ten broken files, must get the same report from both, and a true one; as many odd ones
(nothing in them, far numbers, deep and long names, many tensors and sides, folders, shards) the same report or the same sentence. A broken file must
be refused by both wherever the safetensors library refuses it, in the same sentence but for the reason. A file the library takes and the page does
not is counted: it is stricter where a file can only be a mistake.
"""

import resource
import sys
import time
from collections import Counter
from itertools import islice

from bench.record import keep
from bench.table import Row, met
from support.both_readers import STRICTER, check_broken, check_odd, check_valid
from support.fuzz_headers import mutants
from support.odd_files import odd_sets
from support.random_adapters import adapters

BATCH = 500
MOST = 300  # MB that reading may take above what the readers themselves need


def main(count: int = 100_000, seed: int = 0) -> None:
    began, seen, done, loaded = time.perf_counter(), Counter(), 0, 0.0
    kinds = (
        (mutants(seed, count), check_broken),
        (adapters(seed, count // 10), check_valid),
        (odd_sets(seed, count // 10), check_odd),
    )
    for made, check in kinds:
        while batch := list(islice(made, BATCH)):
            seen += check(batch)
            done += len(batch)
            loaded = loaded or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            if sys.stderr.isatty():
                print(f"\r{done:,}", end="", file=sys.stderr, flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} broken files, {count // 10:,} valid adapters and as many odd ones, seed {seed}: no crash, no verdict on a file that"
    )
    print("  the library refuses, none that is wrong, and none on which Python and the page differ")
    print(f"  of the broken files {seen['valid']:,} are valid to the library and {seen['judged']:,} got a verdict")
    print(
        f"  {time.perf_counter() - began:.0f} s in all, at most {memory:.0f} MB, {memory - loaded:.0f} above the first batch's"
    )
    keep("fuzz", rows(count, seed, seen, memory - loaded))
    print(f"  valid to the library and refused in the page: {sum(stricter(seen).values()):,}")
    for why, number in sorted(stricter(seen).items(), key=lambda one: -one[1]):
        print(f"    {number:6,} {why}")


def stricter(seen: Counter) -> dict[str, int]:
    """{reason: how many files the library takes and the page refuses for it}"""
    return {why.removeprefix(STRICTER): number for why, number in seen.items() if why.startswith(STRICTER)}


def rows(count: int, seed: int, seen: Counter, more: float) -> list[Row]:
    """For the record; a file that is answered wrongly ends the run before."""
    many, refused = f"{count:,}, seed {seed}", f"{sum(stricter(seen).values()):,} of {seen['valid']:,}"
    return [
        ("broken files that both readers were given", "–", many, "≥ 100,000", met(-count, -100_000)),
        (
            "valid adapters that both readers were given",
            "–",
            f"{count // 10:,}, seed {seed}",
            "≥ 10,000",
            met(-count, -100_000),
        ),
        (
            "odd valid files that both readers were given",
            "–",
            f"{count // 10:,}, seed {seed}",
            "≥ 10,000",
            met(-count, -100_000),
        ),
        ("memory above the first batch's", "–", f"{more:.0f} MB", f"≤ {MOST} MB", met(more, MOST)),
        ("crashes, and files on which Python and the page differ", "–", "0", "0", "yes"),
        ("verdicts on a file that the library refuses", "–", f"0 of {seen['invalid']:,}", "0", "yes"),
        ("files that the library takes and the page refuses", "–", refused, "–", "–"),
    ]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
