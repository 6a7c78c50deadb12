"""Csv files that grow by a row at a time, in a way that a killed run costs one row and never the file."""

import csv
import fcntl
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .tasks import BadInput

Row = dict[str, str]


def read(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """The rows of `path`, none where there is no file. BadInput for another header or a broken row.

    A last line without its end is being written, or was when a run was killed: it is left out.
    """
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    lines = list(csv.reader(whole.splitlines()))
    if not lines:
        return []
    if tuple(lines[0]) != columns:
        raise BadInput(f"{path} has other columns than {', '.join(columns)}: name another folder with --out.")
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(columns):
            raise BadInput(f"{path}, line {number}, has {len(line)} values, expected {len(columns)}: delete that line.")
    return [dict(zip(columns, line, strict=True)) for line in lines[1:]]


def replace(path: Path, text: str) -> None:
    """The old file or the new one, never half of one."""
    half = path.with_name(f".{path.name}.{os.getpid()}.new")  # one for each of the processes that share the folder
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def mend(path: Path) -> None:
    """Cut off a half-written last line, and say so."""
    if path.exists():
        with locked(path) as file:
            cut(file, path)


def append(path: Path, columns: tuple[str, ...], rows: Iterable[dict]) -> None:
    """Add rows, all of them or none; a file that is empty or not there gets the header first.

    Half a line that another process left when it was killed is cut off before, else the first row would be glued to it.
    """
    with locked(path) as file:
        size = cut(file, path)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        if not size:
            writer.writeheader()
        writer.writerows(rows)
        left = text.getvalue().encode("utf-8")
        try:
            while left:  # a full disk takes a part
                left = left[file.write(left) :]
        except OSError:
            file.truncate(size)
            raise


@contextmanager
def locked(path: Path) -> Iterator[io.FileIO]:
    """`path`, made where it is not there, for one process at a time. What is written goes to its end."""
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def cut(file: io.FileIO, path: Path) -> int:
    """Cut off a last line without its end, and say so. Returns the size that is left, in bytes."""
    file.seek(0)
    whole, end, rest = file.readall().rpartition(b"\n")
    size = len(whole) + len(end)
    if rest:
        file.truncate(size)
        start = rest[:40].decode(errors="replace")
        print(f"{path}: the last line is half-written and is dropped: {start}…", file=sys.stderr)
    return size


def first_of_each(rows: list[Row], key: tuple[str, ...]) -> dict[tuple[str, ...], Row]:
    """Rows by key. A key that two processes both ran stands twice in the file: the first one counts."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in key), row)
    return found


def bits(correct: list[bool]) -> str:
    """True and False as hexadecimal digits, four answers a digit, the first answer in the highest bit, filled up with 0.

    >>> bits([True, False, False, False, True])
    '88'
    """
    filled = correct + [False] * (-len(correct) % 4)
    return "".join(f"{sum(b << (3 - k) for k, b in enumerate(filled[i : i + 4])):x}" for i in range(0, len(filled), 4))


def unbits(digits: str, count: int) -> list[bool]:
    """The first `count` answers of `bits`.

    >>> unbits("88", 5)
    [True, False, False, False, True]
    """
    return [bool(int(digit, 16) >> shift & 1) for digit in digits for shift in (3, 2, 1, 0)][:count]
