"""Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are: by rules.json."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from .rules import RULES, matched
from .safetensors import Entry


@dataclass(frozen=True)
class Layer:
    """A magnitude and what belongs to it. `name` is the layer's path, empty where the file is one layer.

    `outputs` and `inputs` are None where A and B are missing; the inputs of an `embedding` are tokens, those of a convolution
    in groups the ones of a group. `ranks` holds the shapes of A and B where these do not belong together.
    """

    name: str
    magnitude: Entry
    family: str
    outputs: int | None = None
    inputs: int | None = None
    embedding: bool = False
    ranks: tuple[tuple[int, ...], tuple[int, ...]] | None = None


Entries = Mapping[str, Entry]
FAMILIES = {family["name"]: family for family in RULES["families"]}


def layers_of(entries: Entries) -> list[Layer]:
    """One layer for each magnitude, in the header's order."""
    return [layer for key in entries if (layer := layer_of(key, entries))]


def layer_of(key: str, entries: Entries) -> Layer | None:
    """By the first family that writes such a key; most do so only beside factors, since "m" alone says nothing."""
    for family in RULES["families"]:
        found = matched(rf"(?:(.*)\.)?{re.escape(family['magnitude'])}{family.get('adapter', '()')}", key)
        if not found:
            continue
        layer = Layer(found[1] or "", entries[key], family["name"])
        adapter = f".{found[2]}" if found[2] else ""
        every = (sized(layer, form, adapter, entries) for form in family["factors"])
        if layer := next(filter(None, every), layer if family.get("alone") else None):
            return layer
    return None


def part(name: str, end: str) -> str:
    return f"{name}.{end}" if name else end


def sized(layer: Layer, form: dict, adapter: str, entries: Entries) -> Layer | None:
    """`layer` with the sizes that its factors in this form give, None where they are not all there.

    A form names the sides of each factor; "outputs" and "inputs" are products over all of them, "rank" has to be one number.
    """
    found = [entries.get(part(layer.name, end.replace("{adapter}", adapter))) for end in form["sides"]]
    if not all(found):
        return None
    if form.get("flat_kernel") and len(layer.magnitude.shape) > 2:
        return layer  # a side is inputs times kernel, and only the base's shape can tell the two apart
    layer = replace(layer, embedding=bool(matched(form.get("embedding", "(?!)"), layer.name)))
    shapes, words = [entry.shape for entry in found], [*form["sides"].values()]
    whole = all(len(shape) >= len(sides) for shape, sides in zip(shapes, words, strict=True))
    named = [pair for sides, shape in zip(words, shapes, strict=True) for pair in zip(sides, shape, strict=False)]
    outputs, inputs, ranks = ([side for word, side in named if word == one] for one in ("outputs", "inputs", "rank"))
    if not any("rank" in sides for sides in words):
        return replace(layer, outputs=prod(outputs), inputs=prod(inputs)) if whole else None
    groups = groups_of(ranks, inputs[0], convolution=len(shapes[0]) > 2) if whole else None
    if not groups:
        return replace(layer, ranks=(shapes[0], shapes[1]))
    return replace(layer, outputs=outputs[0], inputs=inputs[0] // groups)


def groups_of(ranks: list[int], inputs: int, *, convolution: bool) -> int | None:
    """1 where A and B have one rank; how many groups where B is a convolution in groups; None where they do not belong together."""
    a, b = ranks
    if a == b:
        return 1
    return a // b if convolution and a and b and a % b == 0 and inputs % (a // b) == 0 else None
