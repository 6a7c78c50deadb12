"""Which tensor of a base model belongs to an adapter's layer, and which of its sides are the outputs."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from .families import Layer, part
from .files import Checkpoint
from .rules import RULES, matched
from .safetensors import Entry

NAMES = RULES["names"]
LONGEST = NAMES["longest"]  # characters of a layer's name; no model has longer ones

Stored = Literal["out, in", "in, out", "square", "unknown"]


class Finder:
    """Looks up base weights by name, in the base model or, failing that, in the adapter's own file."""

    def __init__(self, adapter: Checkpoint, base: Checkpoint | None):
        self.own, self.base = adapter.entries, base.entries if base else {}
        self.whole, self.ending = defaultdict(list), defaultdict(list)
        for key, entry in self.base.items():
            if len(key) <= LONGEST and len(entry.shape) >= 2 and re.search(r"(^|\.)weight\Z", key):
                self._add(key, re.sub(r"(^|\.)(base_layer\.)?weight\Z", "", key).replace(".", "_"))

    def _add(self, key: str, name: str) -> None:
        """Every end of `name` that begins after "_" finds it too: a base may have words before the adapter's name."""
        self.whole[name].append(key)
        for underscore in re.finditer("_", name):
            self.ending[name[underscore.end() :]].append(key)

    def find(self, layer: Layer) -> Entry | None:
        if key := self._in_base(layer.name):
            return self.base[key]
        own = (self.own.get(part(layer.name, end)) for end in NAMES["own"])
        return next((entry for entry in own if entry and len(entry.shape) >= 2), None)

    def _in_base(self, layer: str) -> str | None:
        if not self.base or len(layer) > LONGEST:
            return None
        name = layer.replace(".", "_")
        for variant in variants(name):
            found = self.whole.get(variant) or self.ending.get(variant)
            if found:
                return found[0] if len(found) == 1 else None
        ends = (self.whole.get(name[underscore.end() :], ()) for underscore in re.finditer("_", name))
        return next((found[0] for found in ends if len(found) == 1), None)


def variants(name: str) -> Iterator[str]:
    """The name, and the name after each of the leading words, which say where a layer was, not which one it is."""
    yield name
    for _ in range(NAMES["most_leading"]):
        word = next((word for word in NAMES["leading"] if name.startswith(f"{word}_")), None)
        if word is None:
            return
        name = name[len(word) + 1 :]
        yield name


def stored(layer: Layer, shape: tuple[int, ...]) -> Stored | None:
    """How a base weight of this shape holds the layer; None where it cannot be this layer's."""
    a, b = shape[:2]
    if layer.embedding:
        return "in, out" if (a, b) == (layer.inputs, layer.outputs) else None
    if layer.outputs is None:
        return "out, in"
    grouped = len(shape) > 2 and b > 0 and layer.inputs % b == 0  # a grouped convolution holds inputs / groups
    fits = a == layer.outputs and (b == layer.inputs or grouped)
    turned = len(shape) == 2 and (a, b) == (layer.inputs, layer.outputs)
    if fits and turned:
        return "square"
    return "out, in" if fits else "in, out" if turned else None


def square_stored(turned: bool, others: Iterable[tuple[str, Stored | None]], base: Checkpoint | None) -> Stored:
    """How square weights are stored: as the adapter's other layers are or, failing these, the base's other weights.

    Layers whose names `may_be_turned` speak for each other only, since a model may mix them with Linear.
    `others` are names and how those layers are stored.
    """
    told = {one for other, one in others if one in ("out, in", "in, out") and may_be_turned(other) == turned}
    told = told or {one for other, one in (by_bias(base) if base else ()) if may_be_turned(other) == turned}
    if len(told) == 1:
        return told.pop()
    return "unknown" if turned or told else "out, in"


def by_bias(base: Checkpoint) -> Iterator[tuple[str, Stored]]:
    """Of weights that are not square, by name: the side that is as long as the bias is the outputs'."""
    for key, entry in base.entries.items():
        if len(entry.shape) != 2 or entry.shape[0] == entry.shape[1] or not re.search(r"(^|\.)weight\Z", key):
            continue
        bias = base.entries.get(key[: -len("weight")] + "bias")
        if bias and len(bias.shape) == 1 and bias.shape[0] in entry.shape:
            yield key.removesuffix(".weight"), "out, in" if bias.shape[0] == entry.shape[0] else "in, out"


def may_be_turned(name: str) -> bool:
    """GPT-2's names: its layers are Conv1D, stored (in, out), and others use the names for Linear, stored (out, in)."""
    return bool(matched(NAMES["turned"], name))
