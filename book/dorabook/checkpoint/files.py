"""Which files belong together: one .safetensors file, a sharded model's index and its shards, or a folder."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..text import clipped
from .families import layers_of
from .rules import RULES, matched, say
from .safetensors import Entry, Refused, read_header, refuse_special, shown_path

LONGEST_INDEX = RULES["files"]["longest_header"]  # bytes
CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a file, or the files of a sharded model, hold: `entries` by key in the header's order. No tensor is loaded.

    `says_dora` is that the configuration beside it says so, peft's or mlx-lm's, or empty.
    """

    name: str
    entries: Mapping[str, Entry]
    says_dora: str = ""


def read(path: str | Path) -> Checkpoint:
    """The checkpoint at `path`: a .safetensors file, a model.safetensors.index.json, or a folder with either.

    Refused, a ValueError with one sentence, where it is none.
    """
    path = Path(path)
    if os.path.isdir(path):
        return read_folder(path)
    refuse_special(path)
    return read_index(path) if path.name.endswith(".index.json") else Checkpoint(clipped(path.name), read_header(path))


def read_adapter(path: str | Path) -> Checkpoint:
    """As `read`; of a folder, or of its folders, the one with magnitudes, since two adapters have nothing to do with each other."""
    path = Path(path)
    found = [one for one in parts_of(path) if layers_of(one.entries)] if os.path.isdir(path) else []
    if len(found) > 1:
        raise Refused(say("two adapters", one=found[0].name, other=found[1].name))
    checkpoint = found[0] if found else read(path)
    config = config_of(path)
    says = "use_dora" if config.get("use_dora") is True else "dora" if config.get("fine_tune_type") == "dora" else ""
    return replace(checkpoint, says_dora=says and f"{CONFIG} says {says}")


def parts_of(folder: Path) -> Iterator[Checkpoint]:
    """What may be an adapter in a folder: each of its files, or those of each of its folders; nothing where an index binds them."""
    if listed(folder, ".safetensors.index.json"):
        return
    files = listed(folder, ".safetensors")
    yield from map(read, files)
    for inner in [] if files else inner_folders(folder):
        one = read(inner)
        yield replace(one, name=clipped(f"{inner.name}/{one.name}"))


def inner_folders(folder: Path) -> list[Path]:
    return [one for one in listed(folder, "") if os.path.isdir(one) and listed(one, ".safetensors")]


def listed(folder: Path, end: str) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.name.endswith(end))
    except OSError as error:
        raise Refused(say("unreadable", name=shown_path(folder), why=error.strerror)) from None


def read_folder(folder: Path) -> Checkpoint:
    """A folder's only index; or all its .safetensors files together; or those of its folders, as a diffusers model has them."""
    name, indexes = shown_path(folder), listed(folder, ".safetensors.index.json")
    if len(indexes) == 1:
        return read_index(indexes[0])
    files = listed(folder, ".safetensors")
    if len(files) == 1:
        return Checkpoint(clipped(files[0].name), read_header(files[0]))
    if files:
        return Checkpoint(name, together(name, [(file.name, read_header(file)) for file in files]))
    parts = [
        (f"{one.name}/", {f"{one.name}.{key}": entry for key, entry in read(one).entries.items()})
        for one in inner_folders(folder)
    ]
    if parts:
        return Checkpoint(name, together(name, parts))
    others = [file.name for file in listed(folder, "") if matched(RULES["files"]["others"], file.name)]
    raise Refused(say("other files", name=name, other=clipped(others[0])) if others else say("no files", name=name))


def together(name: str, parts: list[tuple[str, Mapping[str, Entry]]]) -> dict[str, Entry]:
    """The tensors of several files; a name in two of them says that they are not one model's."""
    holders: dict[str, str] = {}
    for file, entries in parts:
        for key in entries:
            if key in holders:
                raise Refused(say("twice", name=name, key=clipped(key), one=clipped(holders[key]), other=clipped(file)))
            holders[key] = file
    return {key: entry for _, entries in parts for key, entry in entries.items()}


def read_index(index: Path) -> Checkpoint:
    name, shards = clipped(index.name), weight_map(index)
    headers = {}
    for shard in dict.fromkeys(shards.values()):
        if not os.path.exists(index.parent / shard):
            raise Refused(say("no shard", name=name, shard=clipped(shard)))
        headers[shard] = read_header(index.parent / shard)
    for key, shard in shards.items():
        if key not in headers[shard]:
            raise Refused(say("no tensor", name=name, shard=clipped(shard), key=clipped(key)))
    return Checkpoint(name, {key: headers[shard][key] for key, shard in shards.items()})


def weight_map(index: Path) -> dict[str, str]:
    """The names of tensors, and of the files beside the index that hold them."""
    name = clipped(index.name)
    refuse_special(index)
    shards = as_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise Refused(say("no map", name=name))
    for shard in shards.values():
        if re.search(r"[\\/\0]", shard) or shard in ("", ".", ".."):
            raise Refused(say("outside", name=name, shard=clipped(shard)))
    return shards


def as_json(path: Path) -> dict:
    """The object in a text of JSON, {} where it is none or absurdly long."""
    try:
        if path.stat().st_size > LONGEST_INDEX:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(say("unreadable", name=clipped(path.name), why=error.strerror)) from None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def config_of(path: Path) -> dict:
    """What stands in the configuration beside an adapter, or {}."""
    config = (path if os.path.isdir(path) else path.parent) / CONFIG
    return as_json(config) if os.path.isfile(config) else {}
