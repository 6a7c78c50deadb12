"""Which files belong together: one .safetensors file, a sharded model's index and its shards, or a folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..text import clipped
from .rules import RULES, say
from .safetensors import Entry, Refused, read_header

LONGEST_INDEX = RULES["files"]["longest_header"]  # bytes


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
    name, shards = clipped(index.name), weight_map(index)
    headers = {}
    for shard in dict.fromkeys(shards.values()):
        if not (index.parent / shard).is_file():
            raise Refused(say("no shard", name=name, shard=clipped(shard)))
        headers[shard] = read_header(index.parent / shard)
    for key, shard in shards.items():
        if key not in headers[shard]:
            raise Refused(say("no tensor", name=name, shard=clipped(shard), key=clipped(key)))
    return Checkpoint(name, {key: headers[shard][key] for key, shard in shards.items()})


def weight_map(index: Path) -> dict[str, str]:
    """The names of tensors, and of the files beside the index that hold them."""
    refused = Refused(say("no map", name=clipped(index.name)))
    if index.stat().st_size > LONGEST_INDEX:
        raise refused
    try:
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = set(shards.values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise refused from None
    if not all(isinstance(name, str) and not re.search(r"[\\/\0]", name) for name in names):
        raise refused
    return shards
