"""Which tensor of a base model belongs to an adapter's layer, by stated rules on names, and which of its sides are the outputs.

Names are compared by their words: "." is "_", words that say where a layer was and not which one it is are left out, and
the spellings of one model in several libraries are made one, by rules.json. A model's own words before all its layers may
be left out too, if they are the same for most layers and hold no number. No end of a name is enough.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from .families import Layer, part
from .files import Checkpoint
from .names import NAMES, canonical
from .rules import matched
from .safetensors import FLOATS, Entry

LONGEST = NAMES["longest"]  # characters of a layer's name; no model has longer ones
WEIGHT = re.compile(NAMES["weight"], re.DOTALL)

Stored = Literal[
    "out, in",
    "in, out",
    "square",
    "unknown",
    "quantised",
    "scaled",
    "unread",
    "empty",
    "fused",
    "parts",
    "transposed",
    "shared",
]
READ = ("out, in", "in, out", "unknown")  # whose values are looked at


@dataclass(frozen=True)
class Found:
    """A base weight, or the rows of one that holds several layers; `whole` is the key of that one.

    `parts` are the keys of several weights that the layer holds as one, the first of which is `entry`.
    """

    entry: Entry
    whole: str | None = None
    rows: tuple[int, int] | None = None
    parts: tuple[str, ...] = ()


class Finder:
    """Looks up base weights by name, in the base model or, failing that, in the adapter's own file."""

    def __init__(self, adapter: Checkpoint, base: Checkpoint | None, layers: Iterable[Layer]):
        self.own, self.base = adapter.entries, base.entries if base else {}
        self.exact, self.named = defaultdict(list), defaultdict(lambda: defaultdict(list))
        for key, entry in self.base.items():
            if len(key) <= LONGEST and may_be_weight(entry) and (end := WEIGHT.search(key)):
                name = key[: end.start()]
                component, rest = canonical(name)
                self.exact[name.replace(".", "_")].append(key)
                self.named[rest][component].append(key)
        self.more, self.less = self._beginnings(
            {canonical(layer.name)[1] for layer in layers if len(layer.name) <= LONGEST}
        )

    def _beginnings(self, wanted: set[str]) -> tuple[str, str]:
        """Words before the names of most layers: those of the base that the adapter has not, and of the adapter that the base has not."""
        found, wanted = len(wanted & self.named.keys()), wanted - self.named.keys()
        more = Counter(begin for name in self.named for begin, end in beginnings(name) if end in wanted)
        less = Counter(begin for name in wanted for begin, end in beginnings(name) if end in self.named)
        return most(more, found), most(less, found)

    def find(self, layer: Layer) -> Found | None:
        if self.base and len(layer.name) <= LONGEST:
            if keys := self._keys(layer.name):
                return Found(self.base[keys[0]]) if len(keys) == 1 else None
            if found := self._fused(layer) or self._parts(layer):
                return found
        own = (self.own.get(part(layer.name, end)) for end in NAMES["own"])
        return next((Found(entry) for entry in own if entry and len(entry.shape) >= 2), None)

    def _keys(self, name: str) -> list[str]:
        if keys := self.exact.get(name.replace(".", "_")):
            return keys
        component, rest = canonical(name)
        return self._called(component, rest)

    def _called(self, component: str, rest: str) -> list[str]:
        return next(filter(None, (self._named(component, one) for one in self._begun(component, rest))), [])

    def _begun(self, component: str, rest: str) -> Iterator[str]:
        """A layer of a model of several parts that says its own is under no words of the base's: they may say another part."""
        yield rest
        if self.more and component not in (NAMES["main"], *NAMES["aside"]):
            yield f"{self.more}_{rest}"
        if self.less and rest.startswith(f"{self.less}_"):
            yield rest[len(self.less) + 1 :]

    def _named(self, component: str, rest: str) -> list[str]:
        """Of the same part of the model, or of any where the base does not say; a name that does not say is of the main one.

        It may also be of a text encoder that is alone, but never of what sees or hears.
        """
        held = self.named.get(rest, {})
        if component in held:
            return held[component]
        if component:
            return held.get("", [])
        every = (key for one, keys in held.items() if one not in NAMES["aside"] for key in keys)
        return held.get(NAMES["main"]) or list(islice(every, 2))  # two are as good as many

    def _fused(self, layer: Layer) -> Found | None:
        """Its rows of a weight that holds several layers in one; the whole one where their order is not known."""
        component, rest = canonical(layer.name)
        for rule in NAMES["fused"]:
            if not (found := matched(rule["part"], rest)):
                continue
            for whole in rule["in"]:
                name = whole.replace("$1", found[1])
                keys = self._called(component, name)
                if len(keys) == 1:
                    return of_whole(self.base[keys[0]], layer, rule.get("from"))
        return None

    def _parts(self, layer: Layer) -> Found | None:
        """The weights that the layer holds as one, where all of them are there."""
        component, rest = canonical(layer.name)
        for rule in NAMES["parts"]:
            if found := matched(rule["whole"], rest):
                every = [self._called(component, name.replace("$1", found[1])) for name in rule["are"]]
                if all(len(keys) == 1 for keys in every):
                    return Found(self.base[every[0][0]], parts=tuple(keys[0] for keys in every))
        return None


def may_be_weight(entry: Entry) -> bool:
    """A weight of a layer has two sides, unless it is packed or was saved empty."""
    return len(entry.shape) >= 2 or entry.dtype not in FLOATS or 0 in entry.shape


def beginnings(name: str) -> Iterator[tuple[str, str]]:
    """A name's first words, without a number, and the rest, which has one: numbers say which layer it is."""
    at = -1
    for _ in range(NAMES["most_words"]):
        at = name.find("_", at + 1)
        if at < 0 or re.search("[0-9]", name[:at]):
            return
        if re.search("[0-9]", name[at:]):
            yield name[:at], name[at + 1 :]


def most(counts: Counter, least: int) -> str:
    """What comes most often, and more often than `least`; "" where two do."""
    first, second = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return first[0] if first[1] > max(second[1], least) else ""


def of_whole(entry: Entry, layer: Layer, place: list[int] | None) -> Found:
    """`place`: the first row is that many times the layer's outputs, and that many times all rows."""
    if place is None or layer.outputs is None or layer.embedding or entry.dtype not in FLOATS or len(entry.shape) != 2:
        return Found(entry, entry.key)
    start = place[0] * layer.outputs + place[1] * entry.shape[0]
    if start < 0 or start + layer.outputs > entry.shape[0] or entry.shape[1] != layer.inputs:
        return Found(entry, entry.key)
    rows = start, start + layer.outputs
    return Found(entry.rows(*rows), entry.key, rows)


def stored(layer: Layer, found: Found, base: Checkpoint | None) -> Stored | None:
    """How a base weight holds the layer; None where it cannot be this layer's."""
    entry, shape = found.entry, found.entry.shape
    if found.parts:
        return "parts"
    if 0 in shape:
        return "empty"
    if entry.dtype not in FLOATS:
        return "quantised" if entry.dtype[0] in "IU" else "unread"
    if base and any(part(entry.key, end) in base.entries for end in NAMES["states"]):
        return "quantised"  # four bits may be stored as another dtype's
    how = "out, in" if found.rows else "fused" if found.whole else sides(layer, shape)
    return "scaled" if how and entry.dtype.startswith("F8") and base and has_scale(entry.key, base) else how


def has_scale(key: str, base: Checkpoint) -> bool:
    name = WEIGHT.sub("", key)
    return any(part(name, end) in base.entries for end in NAMES["scales"])


def sides(layer: Layer, shape: tuple[int, ...]) -> Stored | None:
    a, b = shape[:2]
    if layer.embedding:
        return "in, out" if layer.outputs is None or (a, b) == (layer.inputs, layer.outputs) else None
    if layer.outputs is None:
        if layer.turned and sorted((layer.turned[0][0], layer.turned[1][1])) != sorted(shape):
            return None
        return "square" if len(shape) == 2 and (a == b or may_be_turned(layer.name)) else "out, in"
    grouped = len(shape) > 2 and b > 0 and layer.inputs % b == 0  # a grouped convolution holds inputs / groups
    fits = a == layer.outputs and (b == layer.inputs or grouped)
    turned = len(shape) == 2 and (a, b) == (layer.inputs, layer.outputs)
    if fits and turned:
        return "square"
    if len(shape) > 2 and not fits and a == layer.inputs and b > 0 and layer.outputs % b == 0:
        return "transposed"
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
