"""Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are: by rules.json."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import prod

from .names import NAMES, canonical
from .rules import RULES, matched
from .safetensors import Entry


@dataclass(frozen=True)
class Layer:
    """A magnitude and what belongs to it. `name` is the layer's path, empty where the file is one layer.

    `outputs` and `inputs` are None where A and B are missing; the inputs of an `embedding` are tokens, those of a convolution
    in groups the ones of a group. `ranks` holds the shapes of A and B where these do not belong together or are empty. `factors`
    are the keys that A and B, or what stands for them, were found under, `form` the ends of such keys. `turned` holds
    their shapes where they stand the other way round than such names do.
    """

    name: str
    magnitude: Entry
    family: str
    outputs: int | None = None
    inputs: int | None = None
    embedding: bool = False
    ranks: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    factors: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    convolution: bool = False
    turned: tuple[tuple[int, ...], ...] = ()


Entries = Mapping[str, Entry]
LONGEST_KEY = RULES["files"]["longest_key"]  # characters
FAMILIES = {family["name"]: family for family in RULES["families"]}
FORMS = [form for family in RULES["families"] for form in family["factors"]]
FACTOR_ENDS = {re.escape(end).replace(r"\{adapter\}", r"(?:\.([^.]+))?") for form in FORMS for end in form["sides"]}
FACTOR = re.compile(rf"(?:(.*)\.)?(?:{'|'.join(sorted(FACTOR_ENDS))})", re.DOTALL)


class Adapter:
    """An adapter's tensors, and the spellings of its layers' names: some converters leave dots in one key and "_" in another."""

    def __init__(self, entries: Entries):
        self.entries = entries
        self.factors = [found for key in entries if is_read(key) and (found := FACTOR.fullmatch(key))]
        self.stems, self.adapters = defaultdict(set), defaultdict(dict)
        for found in self.factors:
            stem = found[1] or ""
            self.stems[stem.replace(".", "_")].add(stem)
            self.adapters[stem] |= {f".{name}": None for name in found.groups()[1:] if name}

    @cached_property
    def same(self) -> dict[tuple[str, str], set[str]]:
        """Stems by the name of their layer in one spelling."""
        found = defaultdict(set)
        for stem in self.adapters:
            found[canonical(stem)].add(stem)
        return found

    def layers(self) -> list[Layer]:
        """One for each magnitude, in the header's order."""
        return [layer for key in self.entries if is_read(key) and (layer := layer_of(key, self))]

    def names(self, layer: str) -> list[str]:
        """The layer's own name, and the one other that differs in "." and "_" alone or, failing this, in words before it."""
        others = two_of(self.stems.get(layer.replace(".", "_"), ()), but=layer)
        if not others and layer not in self.adapters and layer:
            others = two_of(self.same.get(canonical(layer), ()), but=layer)
        return [layer, *others] if len(others) == 1 else [layer]

    def named(self, stem: str, named: str) -> list[str]:
        """The adapter's name in a magnitude's key, and what may stand for it in those of A and B: none, or one of the first for none."""
        return [named, ""] if named else ["", *islice(self.adapters.get(stem, ()), NAMES["most_adapters"])]

    @cached_property
    def under(self) -> dict[str, list[str]]:
        """Keys with a shape to speak of, by the one and by the two words before their ends."""
        found = defaultdict(list)
        for key, entry in self.entries.items():
            above = key.rpartition(".")[0]
            for name in {above, above.rpartition(".")[0]} if len(entry.shape) > 1 else ():
                found[name].append(key)
        return found

    def beside(self, layer: Layer) -> list[str]:
        """Keys of the layer's other tensors, two at most."""
        return two_of(self.under.get(layer.name, ()) if layer.name else (), but=layer.magnitude.key)


def two_of(names: Iterable[str], *, but: str) -> list[str]:
    """The first two others, since of hostile files there are hundreds of thousands for each of as many layers."""
    return list(islice((name for name in names if name != but), 2))


def is_read(key: str) -> bool:
    """A longer name is no layer's, and would be looked at for a while."""
    return len(key) <= LONGEST_KEY


def layers_of(entries: Entries) -> list[Layer]:
    return Adapter(entries).layers()


def layer_of(key: str, adapter: Adapter) -> Layer | None:
    """By the first family that writes such a key; most do so only beside factors, since "m" alone says nothing.

    Beside its family's own names for A and B those of the others are looked for: files are converted.
    """
    found = list(readings(key, adapter))
    for layer, named, family in found:
        if sizes := first_sized(layer, named, family["factors"], adapter):
            return sizes
    for layer, named, _ in found[:1]:
        if sizes := first_sized(layer, named, FORMS, adapter):
            return sizes
    return next((layer for layer, _, family in found if family.get("alone")), None)


def readings(key: str, adapter: Adapter) -> Iterator[tuple[Layer, str, dict]]:
    """The layer that a key names in each family that writes such keys, with the adapter's name in it."""
    for family in RULES["families"]:
        if found := matched(rf"(?:(.*)\.)?{re.escape(family['magnitude'])}{family.get('adapter', '()')}", key):
            layer = Layer(found[1] or "", adapter.entries[key], family["name"])
            yield layer, f".{found[2]}" if found[2] else "", family


def first_sized(layer: Layer, named: str, forms: list[dict], adapter: Adapter) -> Layer | None:
    every = (
        sized(layer, name, form, one, adapter.entries)
        for name in adapter.names(layer.name)
        for one in adapter.named(name, named)
        for form in forms
    )
    return next(filter(None, every), None)


def part(name: str, end: str) -> str:
    return f"{name}.{end}" if name else end


def sized(layer: Layer, name: str, form: dict, named: str, entries: Entries) -> Layer | None:
    """`layer` with the sizes that its factors in this form give, None where they are not all there.

    A form names the sides of each factor; "outputs" and "inputs" are products over all of them, "rank" has to be one number.
    """
    keys = [part(name, end.replace("{adapter}", named)) for end in form["sides"]]
    found = [entries.get(key) for key in keys]
    if not all(found):
        return None
    shapes, words = [entry.shape for entry in found], [*form["sides"].values()]
    layer = replace(layer, factors=tuple(keys), form=tuple(form["sides"]), convolution=max(map(len, shapes)) > 2)
    if form.get("flat_kernel") and len(layer.magnitude.shape) > 2:
        return layer  # a side is inputs times kernel, and only the base's shape can tell the two apart
    layer = replace(layer, embedding=bool(matched(form.get("embedding", "(?!)"), layer.name)))
    whole = all(len(shape) >= len(sides) for shape, sides in zip(shapes, words, strict=True))
    pairs = [pair for sides, shape in zip(words, shapes, strict=True) for pair in zip(sides, shape, strict=False)]
    outputs, inputs, ranks = ([side for word, side in pairs if word == one] for one in ("outputs", "inputs", "rank"))
    if not any("rank" in sides for sides in words):
        sizes = prod(outputs), prod(inputs)
        return with_sizes(layer, form, *sizes) if whole and max(sizes) < 2**53 else None  # a page counts no further
    misfits = replace(layer, ranks=(shapes[0], shapes[1]))
    if not whole:
        return misfits
    groups = groups_of(ranks, inputs[0], outputs[0], convolution=layer.convolution)
    if any(0 in shape for shape in shapes):  # the rank may be what is empty
        return (
            replace(misfits, outputs=outputs[0], inputs=inputs[0]) if groups and outputs[0] and inputs[0] else misfits
        )
    turned = None if layer.convolution else other_way_round(layer, words[0], *shapes[:2])
    fits_turned = turned and turned.outputs == max(layer.magnitude.shape, default=1) != outputs[0]
    if groups and not fits_turned:
        return with_sizes(layer, form, outputs[0], inputs[0] // groups)
    return turned or misfits


def with_sizes(layer: Layer, form: dict, outputs: int, inputs: int) -> Layer:
    """With its sizes, unless a flat m may also have a number for each of the inputs that a kernel multiplies."""
    n = max(layer.magnitude.shape, default=1)
    if form.get("flat_kernel") and 1 < n < inputs and inputs % n == 0:
        return layer
    return replace(layer, outputs=outputs, inputs=inputs)


def other_way_round(layer: Layer, words: list[str], a: tuple[int, ...], b: tuple[int, ...]) -> Layer | None:
    """A and B whose ranks agree once each is turned. A of (x, rank) and B of (rank, y) give A B, and x is not always the inputs.

    The sides of a square layer agree so too, but a rank is not larger than a side.
    """
    if words[0] == "inputs" and a[0] == b[1] <= min(a[1], b[0]):
        return replace(layer, turned=(a, b), outputs=b[0], inputs=a[1])
    if words[0] == "rank" and a[1] == b[0] <= min(a[0], b[1]):
        square = a[0] if a[0] == b[1] else None
        return replace(layer, turned=(a, b), outputs=square, inputs=square)
    return None


def groups_of(ranks: list[int], inputs: int, outputs: int, *, convolution: bool) -> int | None:
    """1 where A and B have one rank; how many groups where B is a convolution in groups; None where they do not belong together.

    Where these do not divide the inputs, A is one in groups too, and has the inputs of one.
    """
    a, b = ranks
    if a == b:
        return 1
    if not (convolution and a and b and a % b == 0):
        return None
    return a // b if inputs % (a // b) == 0 else 1 if outputs % (a // b) == 0 else None
