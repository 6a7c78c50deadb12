"""`python -m dorabook.checkpoint adapter.safetensors [--base base.safetensors] [--json]`

Exit codes: 0 where every axis is told and nothing is far from the base, 1 where a layer cannot be told or is far,
2 where a file is refused or the command is wrong.
"""

import argparse
import json
import os
import sys
from typing import TextIO

from . import Refused, judge

LARGE = 200_000_000  # bytes of base weights, from which on a pipe is told of progress too
STEP = 0.1  # of all bytes, between two lines of a pipe


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        report = judge(options.adapter, options.base, progress=progress_on(sys.stderr))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    try:
        print(json.dumps(report.to_json(), indent=1) if options.json else report, flush=True)
    except BrokenPipeError:  # the reader, a pager or head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(not report.sound)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m dorabook.checkpoint",
        description="Tell which axis the magnitudes of a DoRA adapter lie along.",
        epilog="Exit codes: 0 all told, 1 a layer cannot be told or is far from the base, 2 a file is refused.",
    )
    made.add_argument("adapter", help="a .safetensors adapter")
    made.add_argument("--base", help="the model it was trained on: a .safetensors file, its .index.json, or a folder")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def progress_on(stream: TextIO):
    """A terminal sees a line that changes; a pipe sees a line each tenth, and only of a large base."""
    last = -1.0

    def progress(done: int, size: int) -> None:
        nonlocal last
        part = done / size if size else 1.0
        if stream.isatty():
            if part - last >= 0.01 or done == size:
                last = part
                print(
                    f"\rreading the base: {100 * part:.0f} %", end="\n" if done == size else "", file=stream, flush=True
                )
        elif size >= LARGE and (part - last >= STEP or done == size):
            last = part
            print(f"reading the base: {100 * part:.0f} %", file=stream, flush=True)

    return progress


if __name__ == "__main__":
    sys.exit(main())
