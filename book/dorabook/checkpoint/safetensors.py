"""Safetensors files: what the header says, and then tensors, through the safetensors library, which maps a file and reads none whole.

The library refuses a bad file, in words for programmers: they stand in one sentence that names the file and the fix. A file of
another kind is named before.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..text import clipped
from .rules import RULES, matched, say

BITS, FLOATS, KINDS = (RULES["files"][name] for name in ("bits", "floats", "kinds"))
PIECE = 1 << 17  # numbers in memory as float64 at once: a megabyte, which a cache holds


class Refused(ValueError):
    """What is wrong with a file, as one sentence for whoever gave it."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: where it is, its key, dtype as safetensors writes it, and shape."""

    path: Path
    key: str
    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of one file by key, in the header's order."""
    try:
        with path.open("rb") as file:
            refuse_other_kinds(path, file.read(32))
            with refused_by_library(path), safe_open(path, framework="pt"):
                file.seek(0)
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except OSError as error:
        raise Refused(
            f"{clipped(path.name)} cannot be read ({error.strerror}): check that it is yours to read"
        ) from None
    header.pop("__metadata__", None)
    return {key: Entry(path, key, entry["dtype"], tuple(entry["shape"])) for key, entry in header.items()}


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


Opener = Callable[[Entry], Tensor]


@contextmanager
def open_files() -> Iterator[Opener]:
    """A function that gives an entry's tensor in its file: its memory is the mapped file, of which only what is used is read.

    Each file is opened once: the library reads the header every time.
    """
    with ExitStack() as stack:
        files = {}

        def tensor(entry: Entry) -> Tensor:
            if entry.dtype not in FLOATS:
                name, key = clipped(entry.path.name), clipped(entry.key)
                raise Refused(say("quantised", name=name, key=key, dtype=entry.dtype))
            with refused_by_library(entry.path):
                if entry.path not in files:
                    files[entry.path] = stack.enter_context(safe_open(entry.path, framework="pt"))
                return files[entry.path].get_tensor(entry.key)

        yield tensor


@contextmanager
def one_thread() -> Iterator[None]:
    """Small pieces one after another: threads that wait for each other at every piece cost far more than they add up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def numbers(tensor: Tensor) -> Tensor:
    """All numbers of a tensor, (n,) in float64: for magnitudes, which are short."""
    return tensor.reshape(-1).to(torch.float64, copy=True)


def sums_of_squares(tensor: Tensor, done: Callable[[int], None]) -> tuple[Tensor, Tensor]:
    """Sums of squares of a tensor (a, b, ...) in float64: (a,), each over all but the first side, and (b,), over all but the second.

    Reads the tensor once, in pieces, and tells `done` the bytes of each.
    """
    a, b, *rest = tensor.shape
    inner = prod(rest)
    width = b * inner
    first, columns = torch.zeros(a, dtype=torch.float64), torch.zeros(b, dtype=torch.float64)
    matrix = tensor.reshape(a, width)
    for top, left in pieces(a, width):
        rows, flat = slice(top, top + max(1, PIECE // width)), slice(left, left + PIECE)
        piece = matrix[rows, flat].to(torch.float64, copy=True).square_()
        first[rows] += piece.sum(1)
        which = torch.arange(left, left + piece.shape[1]).div(inner, rounding_mode="floor")
        columns.index_add_(0, which, piece.sum(0))
        done(piece.numel() * tensor.element_size())
    return first, columns


def pieces(a: int, width: int) -> Iterator[tuple[int, int]]:
    """Corners of pieces of (a, width) with at most PIECE numbers: whole rows, or parts of one where rows are long."""
    if width:
        for top in range(0, a, max(1, PIECE // width)):
            for left in range(0, width, PIECE):
                yield top, left
