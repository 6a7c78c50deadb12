"""Safetensors files: the header checked before anything is read, and then tensors, through the safetensors library.

The library refuses a bad file too, in words for programmers. Here each fault has one sentence that names the file and
the fix. Nothing is read that a header only claims: sizes are compared with the file's first.
"""

import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..text import clipped, shaped

BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
FLOATS = ("F64", "F32", "F16", "BF16")
LONGEST_HEADER = 32_000_000  # bytes; real ones have about a hundred for a tensor
DEEPEST = 3  # {"name": {"shape": [...]}}
LARGEST_WHOLE = 2**53 - 1  # what a page can count to
PIECE = 1 << 17  # numbers in memory as float64 at once: a megabyte, which a cache holds

AGAIN = "download or save it again"
DAMAGED = "it is damaged, or not a safetensors file"
BROKEN = f"it is damaged, so {AGAIN}"
CUT = f"it was cut off, so {AGAIN}"
LIBRARY = "save it again with the safetensors library"
SAVE = "load it where it was written and save it with safetensors.torch.save_file"

OTHER_KINDS = (
    (rb"PK\x03\x04", f"is a zip file, as PyTorch's .bin and .pt files are, and not safetensors: {SAVE}"),
    (rb"\x80[\x02-\x05]", f"is a Python pickle and not safetensors: {SAVE}"),
    (rb"GGUF", "is a GGUF file and not safetensors: give the .safetensors file it was made from"),
    (rb"version https://git-lfs", "is a Git LFS pointer and not the file itself: run git lfs pull"),
    (rb"[{<]", "is a text and not safetensors: give the file with the tensors"),
)
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)  # the last one may not be closed
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Refused(ValueError):
    """What is wrong with a file, as one sentence for whoever gave it."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: where it is, its key, dtype as safetensors writes it, and shape."""

    path: Path
    key: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Checkpoint:
    """What a file, or the files of a sharded model, hold: `entries` by key in the header's order. No tensor is loaded."""

    name: str
    entries: Mapping[str, Entry]


def read(path: str | Path) -> Checkpoint:
    """The checkpoint at `path`: a .safetensors file, a model.safetensors.index.json, or a folder with either.

    Refused, a ValueError with one sentence, where it is none.
    """
    path = Path(path)
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise Refused(f"{clipped(path.name)} is not there: give the path of a .safetensors file")
    return read_index(path) if path.name.endswith(".index.json") else Checkpoint(clipped(path.name), read_header(path))


def read_folder(folder: Path) -> Checkpoint:
    """A folder's only index; or its only .safetensors file; or all of them together."""
    indexes, files = sorted(folder.glob("*.safetensors.index.json")), sorted(folder.glob("*.safetensors"))
    if len(indexes) == 1:
        return read_index(indexes[0])
    if not files:
        raise Refused(f"{clipped(folder.name)} has no .safetensors files: give the folder or the file that has them")
    if len(files) == 1:
        return Checkpoint(clipped(files[0].name), read_header(files[0]))
    return Checkpoint(clipped(folder.name), {key: entry for file in files for key, entry in read_header(file).items()})


def read_index(index: Path) -> Checkpoint:
    name = clipped(index.name)
    refused = Refused(
        f"{name} has no weight_map of tensor names to file names: give the index that belongs to the .safetensors files"
    )
    if index.stat().st_size > LONGEST_HEADER:
        raise refused
    try:
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = set(shards.values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise refused from None
    if not all(isinstance(name, str) and not re.search(r"[\\/\0]", name) for name in names):
        raise refused
    headers = {}
    for shard in dict.fromkeys(shards.values()):
        if not (index.parent / shard).is_file():
            raise Refused(
                f"{name} names the file {clipped(shard)}, which is not there: download it too, next to the index"
            )
        headers[shard] = read_header(index.parent / shard)
    for key, shard in shards.items():
        if key not in headers[shard]:
            raise Refused(
                f"{name} says that {clipped(shard)} has {clipped(key)}, which it has not: download both again"
            )
    return Checkpoint(name, {key: headers[shard][key] for key, shard in shards.items()})


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of one file by key, in the header's order; every check that a header allows is made."""
    with naming(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise Refused(f"is empty: {AGAIN}")
        head = file.read(32)
        if head[8:9] != b"{":
            check_kind(head)
        if size < 8:
            raise Refused(f"has {size:,} bytes, too few for a safetensors header: {CUT}")
        length = int.from_bytes(head[:8], "little")
        if length > LONGEST_HEADER:
            raise Refused(f"says that its header is longer than {LONGEST_HEADER:,} bytes: {DAMAGED}")
        if 8 + length > size:
            raise Refused(f"says that its header has {length:,} bytes, but {size - 8:,} follow: {CUT}")
        file.seek(8)
        header = parsed(file.read(length))
        check_metadata(header.pop("__metadata__", {}))
        for key, entry in header.items():
            check_entry(key, entry)
        check_places(header, size - 8 - length)
    return {key: Entry(path, key, entry["dtype"], tuple(entry["shape"])) for key, entry in header.items()}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the file's name before the sentence of a refusal, and makes one of what the system refuses."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{clipped(path.name)} cannot be read ({error.strerror}): check that it is yours to read"
        ) from None
    except Refused as refused:
        raise Refused(f"{clipped(path.name)} {refused}") from None


def check_kind(head: bytes) -> None:
    for begins, sentence in OTHER_KINDS:
        if re.match(begins, head, re.DOTALL):
            raise Refused(sentence)


class Twice(dict):
    """A JSON object that has the key `key` more than once."""

    key: str


def parsed(raw: bytes) -> dict:
    """The header as an object. Its depth is counted first, since a parser may run out of stack."""
    no_json = Refused(f"has a header that is not JSON: {DAMAGED}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise no_json from None
    steps = (1 if bracket in b"[{" else -1 for bracket in STRING.sub(b"", raw).translate(None, NO_BRACKETS))
    if any(depth > DEEPEST for depth in itertools.accumulate(steps)):
        raise Refused(f"has a header that nests deeper than safetensors does: {DAMAGED}")
    try:
        header = json.loads(text, object_pairs_hook=with_twice, parse_constant=refuse_constant, **NUMBERS)
    except (ValueError, RecursionError):
        raise no_json from None
    if HALF.search(text) and SURROGATE.search(json.dumps(header, ensure_ascii=False)):
        raise no_json
    if isinstance(header, Twice):
        raise Refused(f"names the tensor {clipped(header.key)} twice: {LIBRARY}")
    if not isinstance(header, dict):
        raise no_json
    return header


def with_twice(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen, found = set(), Twice(found)
    found.key = next(key for key, _ in pairs if key in seen or seen.add(key))
    return found


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def as_number(text: str) -> int | float:
    """Whole only where it is written so: 1.0, 1e0 and -0 are no sizes to the safetensors library."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is more than a number can be")
    return int(text) if text.isdigit() else value


NUMBERS = {"parse_int": as_number, "parse_float": as_number}
HALF = re.compile(r"\\u[dD][89a-fA-F]")  # how half a character, or one in two halves, is written
SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_metadata(metadata: object) -> None:
    proper = isinstance(metadata, dict) and not isinstance(metadata, Twice)
    if not proper or not all(isinstance(value, str) for value in metadata.values()):
        raise Refused(f"has metadata that is not text: {LIBRARY}")


def check_entry(key: str, entry: object) -> None:
    if not is_proper(entry):
        raise Refused(f"describes the tensor {clipped(key)} without a proper dtype, shape and place: {BROKEN}")
    dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in BITS:
        raise Refused(f"stores {clipped(key)} as {clipped(dtype)}, a dtype that safetensors does not have: {LIBRARY}")
    if product(shape) * BITS[dtype] != 8 * (end - start):
        sides = shaped(tuple(shape))
        raise Refused(
            f"stores {clipped(key)}, {sides} of {dtype}, in {end - start:,} bytes, which is not its size: {BROKEN}"
        )


def is_proper(entry: object) -> bool:
    if not isinstance(entry, dict) or isinstance(entry, Twice):
        return False
    if any(isinstance(value, float) for values in entry.values() if isinstance(values, list) for value in values):
        return False
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2):
        return False
    return all(map(is_count, (*shape, *offsets))) and offsets[0] <= offsets[1]


def is_count(value: object) -> bool:
    """A whole number from 0 that a page can count to."""
    return isinstance(value, int) and not isinstance(value, bool) and value <= LARGEST_WHOLE


def product(sides: list[int]) -> int:
    """Exact, and 0 as soon as a side is: the others may be absurd."""
    result = 1
    for side in [] if 0 in sides else sides:
        result *= side
        if result > 8 * LARGEST_WHOLE:
            return result  # more than any file holds; the rest would only take time
    return 0 if 0 in sides else result


def check_places(header: dict, data: int) -> None:
    """Tensors lie one after another, with nothing between, and fill the file. `data` is in bytes."""
    places = sorted((*entry["data_offsets"], key) for key, entry in header.items())
    at, previous = 0, ""
    for start, end, key in places:
        if start < at:
            raise Refused(f"has {clipped(previous)} and {clipped(key)} in the same place: {BROKEN}")
        if start > at:
            raise Refused(f"leaves {start - at:,} bytes before {clipped(key)} unused: {BROKEN}")
        at, previous = end, key
    if at > data:
        raise Refused(f"ends {at - data:,} bytes too early: {CUT}")
    if at < data:
        raise Refused(f"goes on for {data - at:,} bytes after its last tensor: {BROKEN}")


def check_floats(entry: Entry) -> None:
    if entry.dtype not in FLOATS:
        raise Refused(
            f"{clipped(entry.path.name)} stores {clipped(entry.key)} as {entry.dtype}, whose numbers are quantised or not floats: "
            "give the file in float32, float16 or bfloat16"
        )


Opener = Callable[[Entry], Tensor]


@contextmanager
def open_files() -> Iterator[Opener]:
    """A function that gives an entry's tensor in its file: its memory is the mapped file, of which only what is used is read.

    Each file is opened once: the library reads the header every time.
    """
    with ExitStack() as stack:
        files = {}

        def tensor(entry: Entry) -> Tensor:
            check_floats(entry)
            try:
                if entry.path not in files:
                    files[entry.path] = stack.enter_context(safe_open(entry.path, framework="pt"))
                return files[entry.path].get_tensor(entry.key)
            except (SafetensorError, OSError) as error:
                raise Refused(f"{clipped(entry.path.name)} cannot be read ({str(error)[:200]}): {AGAIN}") from None

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
    inner = product(rest)
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
