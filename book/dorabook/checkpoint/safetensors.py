"""Safetensors files: what the header says, and then numbers, read in pieces: a file may be far larger than memory, and is mapped nowhere.

The safetensors library checks a header, and refuses in words for programmers: they stand in one sentence that names the file
and the fix. A file of another kind is named before.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ..text import clipped
from .rules import RULES, matched, say

BITS, FLOATS, KINDS = (RULES["files"][name] for name in ("bits", "floats", "kinds"))
PIECE = 1 << 17  # numbers in memory as float64 at once: a megabyte, which a cache holds


class Refused(ValueError):
    """What is wrong with a file, as one sentence for whoever gave it."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: where it is, its key, dtype as safetensors writes it, shape, and its first byte's place."""

    path: Path
    key: str
    dtype: str
    shape: tuple[int, ...]
    start: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * BITS[self.dtype] // 8

    def rows(self, start: int, stop: int) -> "Entry":
        """Those of its first side, as a tensor of their own."""
        width = prod(self.shape[1:]) * BITS[self.dtype] // 8
        return replace(self, start=self.start + start * width, shape=(stop - start, *self.shape[1:]))


def shown_path(path: Path) -> str:
    """The last of its names; "." and "/" have none."""
    return clipped(path.name or str(path))


def refuse_special(path: Path) -> None:
    """A pipe would wait for ever, and a device never end."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            return
    except (OSError, ValueError):
        raise Refused(say("lost", name=shown_path(path))) from None
    raise Refused(say("special", name=shown_path(path)))


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of one file by key, in the header's order."""
    refuse_special(path)
    try:
        with path.open("rb") as file:
            refuse_other_kinds(path, file.read(32))
            with refused_by_library(path), safe_open(path, framework="np"):
                file.seek(0)
                length = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(length))
    except OSError as error:
        raise Refused(say("unreadable", name=clipped(path.name), why=error.strerror)) from None
    header.pop("__metadata__", None)
    return {
        key: Entry(path, key, entry["dtype"], tuple(entry["shape"]), 8 + length + entry["data_offsets"][0])
        for key, entry in header.items()
    }


def refuse_other_kinds(path: Path, head: bytes) -> None:
    """By the first bytes, where no header begins behind its length."""
    if not head:
        raise Refused(say("empty", name=clipped(path.name)))
    for kind, begins in KINDS.items():
        if head[8:9] != b"{" and matched(f"{begins}.*", head.decode("latin-1")):
            raise Refused(say(kind, name=clipped(path.name)))


@contextmanager
def refused_by_library(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError) as error:
        why = clipped(str(error).removeprefix("Error while deserializing header: "))
        raise Refused(say("damaged", name=clipped(path.name), why=why)) from None


Reader = Callable[[Entry], bytes]


@contextmanager
def open_files() -> Iterator[Reader]:
    """A function that gives an entry's bytes. Each file is opened once; one that was cut since its header was read is refused."""
    with ExitStack() as stack:
        files = {}

        def read(entry: Entry) -> bytes:
            try:
                if entry.path not in files:
                    files[entry.path] = stack.enter_context(entry.path.open("rb"))
                files[entry.path].seek(entry.start)
                raw = files[entry.path].read(entry.size)
            except OSError as error:
                raise Refused(say("unreadable", name=clipped(entry.path.name), why=error.strerror)) from None
            if len(raw) != entry.size:
                raise Refused(say("changed", name=clipped(entry.path.name)))
            return raw

        yield read


def decoded(raw: bytes, dtype: str) -> np.ndarray:
    """The numbers of one of FLOATS, exactly, in the smallest type of numpy that holds them."""
    if dtype in ("F64", "F32", "F16"):
        return np.frombuffer(raw, f"<f{BITS[dtype] // 8}")
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return eighths(dtype)[np.frombuffer(raw, "u1")]


@cache
def eighths(dtype: str) -> np.ndarray:
    """The 256 numbers of a format of eight bits."""
    if dtype == "F8_E5M2":  # the first half of a float16
        return (np.arange(256, dtype="<u2") << 8).view("<f2").astype("<f4")
    bits = np.arange(256)
    exponent, fraction = bits >> 3 & 15, bits & 7
    size = np.where(exponent, (1 + fraction / 8) * 2.0 ** (exponent - 7), fraction * 2.0**-9)
    size[(bits & 127) == 127] = np.nan
    return np.where(bits < 128, size, -size).astype("<f4")


def numbers(entry: Entry, read: Reader) -> np.ndarray:
    """All numbers of a tensor, (n,) in float64: for magnitudes, which are short."""
    return decoded(read(entry), entry.dtype).astype(np.float64)


def sums_of_squares(entry: Entry, read: Reader, done: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of a tensor (a, b, ...) in float64: (a,), each over all but the first side, and (b,), over all but the second.

    Reads the tensor once, in pieces, and tells `done` the bytes of each.
    """
    a, b, *rest = entry.shape
    inner = prod(rest)
    width = b * inner
    first, columns = np.zeros(a), np.zeros(b)
    for top, left, piece in pieces(entry, a, width):
        values = decoded(read(piece), entry.dtype).astype(np.float64).reshape(-1, min(width, PIECE, width - left))
        np.square(values, out=values)
        first[top : top + len(values)] += values.sum(1)
        sums = values.sum(0)
        if inner == 1:
            columns[left : left + len(sums)] += sums
        else:
            np.add.at(columns, np.arange(left, left + len(sums)) // inner, sums)
        done(piece.size)
    return first, columns


def pieces(entry: Entry, a: int, width: int) -> Iterator[tuple[int, int, Entry]]:
    """Parts of (a, width) with at most PIECE numbers, and their corners: whole rows, or parts of one where rows are long."""
    item = BITS[entry.dtype] // 8
    step = max(1, PIECE // width) if width else 1
    for top in range(0, a if width else 0, step):
        for left in range(0, width, PIECE):
            count = min(step, a - top) * width if width <= PIECE else min(PIECE, width - left)
            yield top, left, replace(entry, start=entry.start + (top * width + left) * item, shape=(count,))
