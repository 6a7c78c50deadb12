"""Where the time of a norm goes that arithmetic does not explain: into memory that is asked for anew.

    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm_pages             # prints every row; half a minute
    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm_pages --record    # and writes book/data/norm_pages.csv and .json

The ways are those of bench/norm.py, per output, on one thread. They run in three processes that differ in one setting of
glibc's allocator: "default"; "keeps", which gives no freed memory back to the operating system, so that a large tensor
gets pages that were in use before; and "returns", which gives back every tensor above 128 kB. A page fault is the
operating system putting in a page of memory, 4 kB here, at its first use. Linux and glibc only.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

import disk
import kept
from bench import norm

TABLE = norm.TABLE.with_name("norm_pages.csv")
RANK, TURNS = 16, 21
LAYERS = ("GPT-2 c_attn", "Llama q_proj", "Llama up_proj")
ALLOCATORS = {  # https://man7.org/linux/man-pages/man3/mallopt.3.html
    "default": {},
    "keeps": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)},
    "returns": {"MALLOC_MMAP_THRESHOLD_": str(2**17)},
}
FIELDS = ("allocator", "layer", "out_features", "in_features", "rank", "way", "milliseconds", "system", "faults")


def measure(run: Callable[[], object]) -> tuple[float, float, int]:
    """Processor milliseconds, those of them in the operating system, and page faults: medians of the turns."""
    turns = []
    for _ in range(TURNS):
        before = resource.getrusage(resource.RUSAGE_SELF)
        run()
        after = resource.getrusage(resource.RUSAGE_SELF)
        user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        turns.append((1e3 * (user + system), 1e3 * system, after.ru_minflt - before.ru_minflt))
    time, system, faults = (statistics.median(values) for values in zip(*turns, strict=True))
    return round(time, 2), round(system, 2), round(faults)


def measure_all(allocator: str) -> None:
    """The rows of this process, as lines of csv on standard output."""
    norm.torch.set_num_threads(1)
    norm.torch.zeros(
        2**22
    ).sum()  # 16 MB, freed: the default allocator keeps tensors up to the largest it has seen freed
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for layer in LAYERS:
        ways = norm.norm_ways(*norm.SHAPES[layer], RANK, "output")
        ways = {way.removesuffix(", vector_norm"): run for way, run in ways.items() if "squares" not in way}
        for way, run in ways.items():
            run()
            writer.writerow([allocator, layer, *norm.SHAPES[layer], RANK, way, *measure(run)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.norm_pages")
    parser.add_argument("--record", action="store_true", help="write book/data/norm_pages.csv and .json")
    parser.add_argument("--allocator", help="measure in this process, whose allocator is set already")
    asked = parser.parse_args()
    if asked.allocator:
        measure_all(asked.allocator)
        return
    lines = []
    for allocator, settings in ALLOCATORS.items():
        command = [sys.executable, "-m", "bench.norm_pages", "--allocator", allocator]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
        lines += done.stdout.splitlines()
        print(done.stdout, end="", flush=True)
    if asked.record:
        kept.write(TABLE, FIELDS, csv.DictReader(lines, FIELDS))
        told = {
            "what": "processor time, time in the operating system and page faults of the norm of W + sBA by each way, "
            "with three settings of the allocator; ways and fields in tests/bench/norm_pages.py",
            "command": "PYTHONPATH=book:tests:tools python -m bench.norm_pages --record",
            "time": f"processor time of one thread, median of {TURNS} turns, float32",
            "load": "processes that ran or waited, over the last minute, at the end",
        }
        told |= norm.threads() | norm.size(TABLE)
        disk.replace(TABLE.with_suffix(".json"), json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
