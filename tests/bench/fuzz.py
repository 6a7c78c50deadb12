"""Reads many valid adapters and many broken files, in Python and with the page's reader in the embedded engine.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.fuzz [100000 [SEED]]

A valid adapter, of which there is one for each ten broken files, must get the same report from both, and a true one. A broken file must
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
from support.both_readers import STRICTER, check_broken, check_valid
from support.fuzz_headers import mutants
from support.random_adapters import adapters

BATCH = 500


def main(count: int = 100_000, seed: int = 0) -> None:
    began, seen, done = time.perf_counter(), Counter(), 0
    for made, check in ((mutants(seed, count), check_broken), (adapters(seed, count // 10), check_valid)):
        while batch := list(islice(made, BATCH)):
            seen += check(batch)
            done += len(batch)
            if sys.stderr.isatty():
                print(f"\r{done:,}", end="", file=sys.stderr, flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} broken files and {count // 10:,} valid adapters, seed {seed}: no crash, no verdict on a file that"
    )
    print("  the library refuses, none that is wrong, and none on which Python and the page differ")
    print(f"  of the broken files {seen['valid']:,} are valid to the library and {seen['judged']:,} got a verdict")
    print(f"  {time.perf_counter() - began:.0f} s in all, at most {memory:.0f} MB")
    keep("fuzz", rows(count, seed, seen))
    print(f"  valid to the library and refused in the page: {sum(stricter(seen).values()):,}")
    for why, number in sorted(stricter(seen).items(), key=lambda one: -one[1]):
        print(f"    {number:6,} {why}")


def stricter(seen: Counter) -> dict[str, int]:
    """{reason: how many files the library takes and the page refuses for it}"""
    return {why.removeprefix(STRICTER): number for why, number in seen.items() if why.startswith(STRICTER)}


def rows(count: int, seed: int, seen: Counter) -> list[Row]:
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
        ("crashes, and files on which Python and the page differ", "–", "0", "0", "yes"),
        ("verdicts on a file that the library refuses", "–", f"0 of {seen['invalid']:,}", "0", "yes"),
        ("files that the library takes and the page refuses", "–", refused, "–", "–"),
    ]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
