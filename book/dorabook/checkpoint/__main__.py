"""The command `dora-axis`, from a clone `python -m dorabook.checkpoint`:

    dora-axis adapter.safetensors [--base model] [--json]
    dora-axis merge adapter.safetensors --base model --out merged
    dora-axis extract adapter.safetensors --base model --out lora.safetensors --rank 16

Exit codes: 0 where every axis is told and nothing is far from the base, 1 where a layer cannot be told or something is wrong
with it or the base, 2 where a file is refused or the command is wrong, 130 where it was stopped.
"""

import argparse
import codecs
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ..text import clipped, number
from . import Refused, judge
from .safetensors import shown_path

LARGE = 200_000_000  # bytes of base weights, from which on a pipe is told of progress too
STEP = 0.1  # of all bytes, between two lines of a pipe
SHOWN = 40  # layers whose error is listed
SIGNS = {"\u2212": "-", "\u00d7": "x", "\u00b1": "+-", "\u2026": "..."}  # in a terminal that has none of these


def in_other_signs(error: UnicodeError) -> tuple[str, int]:
    """A terminal of one language has no sign for a name of another, and may have none for a minus: "?" would leave out the sign of a number."""
    return "".join(SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error("in_other_signs", in_other_signs)


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="in_other_signs")
    try:
        run, parse = next((work for name, *work in WORK if arguments[:1] == [name]), (judging, judge_parser))
        with ends_as_stops():
            return run(parse().parse_args(arguments[parse is not judge_parser :]))
    except KeyboardInterrupt:
        print("Stopped: nothing was written.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, a pager or head, has seen enough
        leave_unflushed()
        return 0
    except OSError as error:
        with suppress(OSError):  # what could not be written may have been a refusal
            print(f"The answer could not be written ({error.strerror}).", file=sys.stderr)
        leave_unflushed()
        return 2


@contextmanager
def ends_as_stops() -> Iterator[None]:
    """A command that is ended, or whose terminal is closed, leaves nothing half-written either."""
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {end: signal.signal(end, signal.default_int_handler) for end in ends}
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)


def leave_unflushed() -> None:
    """Nothing is written again as the command ends: it would fail once more, in a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def judging(options: argparse.Namespace) -> int:
    try:
        report = judge(options.adapter, options.base, progress=progress_on(sys.stderr))
    except Refused as refused:
        return refuse(refused, options)
    answer = json.dumps(report.to_json(), indent=1) if options.json else report
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        leave_unflushed()
    return int(not report.sound)


def merging(options: argparse.Namespace) -> int:
    from .merge import merge

    try:
        jobs = merge(options.adapter, options.base, options.out, per=options.per, alpha=options.alpha,
            progress=progress_on(sys.stderr, "merging"))  # fmt: skip
    except Refused as refused:
        return refuse(refused, options)
    axes = ", ".join(
        f"{axis} {sum(job.axis == axis for job in jobs):,}" for axis in dict.fromkeys(job.axis for job in jobs)
    )
    said = {
        "out": str(options.out),
        "layers": len(jobs),
        "axes": axes,
        "rounding": rounding({job.entry.dtype for job in jobs}),
    }
    plain = f"{clipped(options.out.name)} has {len(jobs):,} merged layers ({axes}). {said['rounding']}"
    print(json.dumps(said, indent=1) if options.json else plain, flush=True)
    return 0


# What a dtype is computed in and called, and how many bits of a number it keeps.
BITS = {"F64": ("float64", "float64", 53), "F32": ("float32", "float32", 24), "F16": ("float32", "float16", 11),
    "BF16": ("float32", "bfloat16", 8), "F8_E4M3": ("float32", "float8 E4M3", 4), "F8_E5M2": ("float32", "float8 E5M2", 3)}  # fmt: skip
SMALL = {"F16": 14, "F8_E4M3": 6, "F8_E5M2": 14}  # halvings of 1, below which it keeps fewer


def rounding(dtypes: set[str]) -> str:
    """How far each number may be from the one that was computed."""
    return f"Each number was {'; or '.join(map(rounded, sorted(dtypes)))}."


def rounded(dtype: str) -> str:
    by, name, bits = BITS[dtype]
    said = f"computed in {by} and stored in {name}, rounded once by at most 1/{2**bits:,} of it"
    if dtype not in SMALL:
        return said
    return f"{said}, or below 1/{2 ** SMALL[dtype]:,} by at most 1/{2 ** (SMALL[dtype] + bits):,}"


def extracting(options: argparse.Namespace) -> int:
    from .merge import extract

    try:
        errors = extract(options.adapter, options.base, options.out, options.rank, per=options.per, alpha=options.alpha,
            progress=progress_on(sys.stderr, "extracting"))  # fmt: skip
    except Refused as refused:
        return refuse(refused, options)
    if options.json:
        print(
            json.dumps({"out": str(options.out), "rank": options.rank, "left_out": dict(errors)}, indent=1), flush=True
        )
        return 0
    print(
        f"{clipped(options.out.name)} is a LoRA of rank {options.rank}. Of each layer's change it leaves out, by norm:"
    )
    for name, error in sorted(errors, key=lambda one: -one[1])[:SHOWN]:
        print(f"  {number(100 * error)} %  {clipped(name)}")
    if len(errors) > SHOWN:
        print(f"  and less of {len(errors) - SHOWN:,} more")
    print(end="", flush=True)
    return 0


def refuse(refused: Refused, options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps({"adapter": shown_path(Path(options.adapter)), "refused": str(refused)}, indent=1), flush=True)
    else:
        print(refused, file=sys.stderr)
    return 2


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        super().error(clipped(message))  # which repeats what was given, whatever it does to a terminal


def judge_parser() -> Parser:
    made = Parser(
        prog="dora-axis",
        description="Tell which axis the magnitudes of a DoRA adapter lie along.",
        epilog="dora-axis merge --help and dora-axis extract --help tell how to move the adapter. "
        "Exit codes: 0 all told, 1 a layer cannot be told or does not fit the base, 2 a file is refused.",
    )
    made.add_argument("adapter", help="a .safetensors adapter, or the folder of one")
    made.add_argument("--base", help="the model it was trained on: a .safetensors file, its .index.json, or a folder")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def merge_parser() -> Parser:
    return writing(
        "merge", "Write the base with the adapter merged into it, on the axis of its magnitudes, in the base's dtype."
    )


def extract_parser() -> Parser:
    made = writing(
        "extract", "Write the plain LoRA nearest to what the adapter changes, and what it leaves out of each layer."
    )
    made.add_argument("--rank", type=rank, required=True, help="of the LoRA")
    return made


def writing(name: str, description: str) -> Parser:
    made = Parser(prog=f"dora-axis {name}", description=description)
    made.add_argument("adapter", type=Path, help="a .safetensors adapter, or the folder of one")
    made.add_argument(
        "--base", type=Path, required=True, help="the model it was trained on: a file, its .index.json, or a folder"
    )
    made.add_argument(
        "--out", type=Path, required=True, help="what to write: a new file, or a new folder for a base in a folder"
    )
    made.add_argument("--per", choices=("output", "input"), help="the axis of layers that do not tell theirs for sure")
    made.add_argument("--alpha", type=float, help="the adapter's alpha, where no file says it")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def rank(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**6:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return int(text)


WORK = (("merge", merging, merge_parser), ("extract", extracting, extract_parser))


def progress_on(stream: TextIO | None, what: str = "reading the base"):
    """A terminal sees a line that changes; a pipe sees a line each tenth, and only of a large base."""
    last = -1.0

    def progress(done: int, size: int) -> None:
        nonlocal last
        part = done / size if size else 1.0
        if stream is None:
            return
        if stream.isatty():
            if part - last >= 0.01 or done == size:
                last = part
                print(f"\r{what}: {100 * part:.0f} %", end="\n" if done == size else "", file=stream, flush=True)
        elif size >= LARGE and (part - last >= STEP or done == size):
            last = part
            print(f"{what}: {100 * part:.0f} %", file=stream, flush=True)

    return progress


if __name__ == "__main__":
    sys.exit(main())
