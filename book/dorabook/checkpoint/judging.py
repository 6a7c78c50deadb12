"""Which axis each magnitude of an adapter lies along: by its shape and, where a layer is square, by the base's values.

What is wrong with one layer, or with its weight in the base, is said of that layer: it takes nothing from what shapes tell.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..text import clipped, number
from . import values
from .base import READ, Finder, Found, Stored, may_be_turned, square_stored, stored
from .families import FACTOR, FAMILIES, Adapter, Layer, is_read, layers_of
from .files import Checkpoint, read, read_adapter
from .names import NAMES
from .rules import RULES, matched, say
from .safetensors import FLOATS, Reader, Refused, numbers, open_files, sums_of_squares

Axis = Literal["per output", "per input", "per token", "cannot tell"]
Confidence = Literal["certain", "high", "fair", "none"]
FAR = RULES["distance"]["far"]  # of the base's norms: no training seen goes a tenth of that way
FARTHEST = RULES["distance"]["farthest"]  # beyond it no number is given


@dataclass(frozen=True)
class LayerVerdict:
    """What is known of one layer's magnitude.

    `evidence` is in sentences. `far`: m does not fit the base; `broken`: no training leaves such numbers. `distance` is
    |m - norms| / |norms| on the told axis, FARTHEST at most, `slopes` the fit of m to both norms of a square base weight; each
    None where there is none.
    """

    name: str
    key: str
    family: str
    shape: tuple[int, ...]
    outputs: int | None
    inputs: int | None
    base_key: str | None
    axis: Axis
    confidence: Confidence
    evidence: str
    far: bool = False
    broken: bool = False
    slopes: values.Slopes | None = None
    distance: float | None = None
    open: bool = False  # a square layer whose shape tells nothing for certain: values may

    def plus(self, sentences: str) -> "LayerVerdict":
        return replace(self, evidence=self.evidence + sentences)


@dataclass(frozen=True)
class Place:
    """A layer with its base weight, or None, and how that is stored; None where it does not fit."""

    layer: Layer
    found: Found | None
    stored: Stored | None


Progress = Callable[[int, int], None]


def judged(adapter: Checkpoint, base: Checkpoint | None, progress: Progress | None) -> tuple[list[LayerVerdict], str]:
    """One verdict for each magnitude, and what to say of the base. `progress(read, all)` is told bytes of base weights."""
    pairs = judged_places(adapter, base, progress)
    return [verdict for verdict, _ in pairs], of_base([place for _, place in pairs], adapter, base)


def judged_places(
    adapter: Checkpoint, base: Checkpoint | None, progress: Progress | None = None
) -> list[tuple[LayerVerdict, Place]]:
    tensors = Adapter(adapter.entries)
    layers = tensors.layers()
    if not layers:
        raise Refused(no_magnitudes(adapter, tensors))
    if base and layers_of(base.entries):
        raise Refused(say("two adapters", one=adapter.name, other=base.name))
    placed = places(layers, adapter, base)
    meter = Meter(sum(place.found.entry.size for place in placed if place.stored in READ), progress)
    with open_files() as read_entry, np.errstate(all="ignore"):
        pairs = [(judge_layer(place, base, tensors, read_entry, meter), place) for place in placed]
    sure = defaultdict(Counter)
    for verdict, place in pairs:
        if verdict.confidence == "certain" and not place.layer.embedding:
            sure[written_as(verdict)][verdict.axis] += 1
    return [(with_neighbours(verdict, place.layer, sure[written_as(verdict)]), place) for verdict, place in pairs]


def written_as(verdict: LayerVerdict) -> str:
    """What the library calls its magnitudes: one that writes two kinds has one on each axis."""
    return FAMILIES[verdict.family]["magnitude"]


class Meter:
    """Counts the bytes that were read, and reports them."""

    def __init__(self, size: int, progress: Progress | None):
        self.size, self.progress, self.done = size, progress, 0

    def add(self, size: int) -> None:
        self.done += size
        if self.progress:
            self.progress(self.done, self.size)


def no_magnitudes(adapter: Checkpoint, tensors: Adapter) -> str:
    *others, last = dict.fromkeys(family["magnitude"] for family in FAMILIES.values())
    known = {"name": adapter.name, "ends": f"{', '.join(others)} or {last}"}
    if found := unknown_name(tensors):
        return say("unknown name", **known, **found)
    if adapter.says_dora:
        return say("not saved", config=adapter.says_dora, **known)
    if not tensors.factors:
        return say("no magnitudes", **known)
    first = tensors.factors[0].string
    return say("a LoRA" if "lora_" in first or ".lora" in first else "factors", key=clipped(first), **known)


def unknown_name(tensors: Adapter) -> dict | None:
    """The first list of numbers beside A and B that is none of what libraries put there too."""
    for key, entry in tensors.entries.items():
        if sum(side > 1 for side in entry.shape) != 1 or not is_read(key):
            continue
        if FACTOR.fullmatch(key) or matched(NAMES["no magnitudes"], key):
            continue
        above = key.rpartition(".")[0]
        for stem in (above, above.rpartition(".")[0]):
            if stem and stem.replace(".", "_") in tensors.stems:
                return {"key": clipped(key), "shape": entry.shape, "layer": clipped(stem)}
    return None


def places(layers: list[Layer], adapter: Checkpoint, base: Checkpoint | None) -> list[Place]:
    finder = Finder(adapter, base, layers)
    placed = []
    for layer in layers:
        if layer.outputs is None and not layer.ranks and matched(NAMES["tokens"], layer.name):
            layer = replace(layer, embedding=True)
        found = finder.find(layer)
        placed.append(Place(layer, found, stored(layer, found, base) if found else None))
    placed = given_once(placed)
    # embeddings are (in, out) anyway
    others = [
        (place.layer.name, place.stored)
        for place in placed
        if place.found and not place.layer.embedding and place.layer.outputs is not None
    ]
    if any(place.stored == "square" for place in placed):
        ways = {turned: square_stored(turned, others, base) for turned in (False, True)}
        placed = [
            replace(place, stored=ways[may_be_turned(place.layer.name)]) if place.stored == "square" else place
            for place in placed
        ]
    return [replace(place, layer=sized_by(place)) for place in placed]


def given_once(placed: list[Place]) -> list[Place]:
    """A weight that layers of several names lead to is given to the one that it fits, or to none."""
    claims = defaultdict(list)
    whole = [
        place.found.entry if place.found and not place.found.rows and not place.found.parts else None
        for place in placed
    ]
    for place, entry in zip(placed, whole, strict=True):
        if entry:
            claims[entry].append(place)
    contested = {
        entry
        for entry, claim in claims.items()
        if names_of(claim) > 1 and names_of([one for one in claim if one.stored]) != 1
    }
    return [
        replace(place, stored="shared") if entry in contested else place
        for place, entry in zip(placed, whole, strict=True)
    ]


def names_of(placed: list[Place]) -> int:
    return len({place.layer.name for place in placed})


def sized_by(place: Place) -> Layer:
    """The layer with the sizes of its weight where A and B do not tell them, or where it is a convolution in groups."""
    layer = place.layer
    if not place.found:
        return layer
    shape = place.found.entry.shape
    if layer.outputs is None and not has_factors(layer) and place.stored in ("out, in", "in, out"):
        outputs, inputs = shape[:2] if place.stored == "out, in" else shape[1::-1]
        return replace(layer, outputs=outputs, inputs=inputs)
    if place.stored == "out, in" and len(shape) > 2:
        return replace(layer, inputs=shape[1])  # in groups, it has norms of a group's inputs
    return layer


def has_factors(layer: Layer) -> bool:
    return bool(layer.ranks) and 0 not in (*layer.ranks[0], *layer.ranks[1])


def of_base(placed: list[Place], adapter: Checkpoint, base: Checkpoint | None) -> str:
    """What is wrong with the base for every layer, "" where it has some; also of an adapter that lacks A and B, being a shard."""
    if not base:
        return of_shard(adapter) if any(place.layer.outputs is None for place in placed) else ""
    one, layer = of_shard(base), placed[0].layer
    if not any(place.found for place in placed):
        if not base.entries:
            return say("summary empty", base=base.name)
        if factors := Adapter(base.entries).factors:
            return say("summary factors", base=base.name, name=adapter.name, key=clipped(factors[0].string))
        hint = next(hint for pattern, hint in NAMES["hints"] if matched(pattern, layer.name))
        names = {"name": adapter.name, "base": base.name, "layer": shown(layer.name), "hint": hint}
        return f"{say('summary unmatched', **names)} {one}".strip()
    if not any(place.stored for place in placed):
        first = next(place.layer for place in placed if place.found)
        return say("summary misfit", base=base.name, name=adapter.name, layer=shown(first.name))
    return one if any(not place.found for place in placed) else ""


def of_shard(checkpoint: Checkpoint) -> str:
    """That a file is one of several, by its name."""
    if not (part := matched(NAMES["shard"], checkpoint.name)):
        return ""
    one, every = (number.lstrip("0") or "0" for number in part.groups())
    return say("summary shard", base=checkpoint.name, one=one, all=every)


def shown(name: str) -> str:
    return clipped(name) if name else say("itself")


def judge_layer(
    place: Place, base: Checkpoint | None, tensors: Adapter, read_entry: Reader, meter: Meter
) -> LayerVerdict:
    layer, entry = place.layer, place.layer.magnitude
    magnitude = numbers(entry, read_entry) if entry.dtype in FLOATS else None
    verdict = replace(by_shape(layer, tensors), base_key=place.found.entry.key if place.found else None)
    norms = base_norms(place, read_entry, meter) if place.stored in READ else None
    finite = norms if norms and all(np.isfinite(one).all() for one in norms.values()) else None
    sound = magnitude is not None and bool(np.isfinite(magnitude).all())
    if norms and place.stored == "unknown":
        verdict = replace(verdict, evidence=say("stored")) if verdict.open else verdict
    elif norms and magnitude is not None:
        verdict = by_value(verdict, layer, magnitude, norms)
    verdict = verdict.plus(about_base(place, base, norms is not finite))
    if finite and sound and verdict.axis != "cannot tell":
        verdict = with_distance(verdict, magnitude, finite)
    return with_numbers(verdict, entry, magnitude)


def with_numbers(verdict: LayerVerdict, entry, magnitude: np.ndarray | None) -> LayerVerdict:
    """What the numbers of m say of themselves: whole norms are finite and not below 0."""
    if magnitude is None:
        return verdict.plus(say("unread m", dtype=entry.dtype))
    counts = {
        "broken": int((~np.isfinite(magnitude)).sum()),
        "negative": int((magnitude < 0).sum()),
        "zero": int((magnitude == 0).sum()),
    }
    for name, count in counts.items():
        if count:
            verdict = verdict.plus(say(name, **{name: count, "all": len(magnitude)}))
    if len(magnitude) >= values.FEWEST and magnitude.min() == magnitude.max() != 0:
        verdict = verdict.plus(say("same m", all=len(magnitude)))
    return replace(verdict, broken=counts["broken"] > 0 or counts["negative"] * 4 >= len(magnitude) > 0)


def about_base(place: Place, base: Checkpoint | None, broken: bool) -> str:
    found = place.found
    if not found:
        return say("base without") if base else ""
    known = {"shape": found.entry.shape, "dtype": found.entry.dtype, "key": clipped(found.whole or found.entry.key)}
    known["keys"] = ", ".join(clipped(key) for key in found.parts)
    if not place.stored:
        return say("base misfit", **known)
    if place.stored not in READ:
        return say(f"base {place.stored}", **known)
    rows = say("base rows", **known, **{"from": found.rows[0] + 1, "to": found.rows[1]}) if found.rows else ""
    return rows + (say("base broken") if broken else "")


def by_shape(layer: Layer, tensors: Adapter) -> LayerVerdict:
    """The verdict that the shape of m allows, given how many outputs and inputs the layer has."""
    shape = layer.magnitude.shape
    if 0 in shape:
        return undecided(layer, "no numbers")
    if sum(side > 1 for side in shape) > 1:
        return undecided(layer, "shape")
    if has_factors(layer):
        return undecided(layer, "ranks")
    long = next((place for place, side in enumerate(shape) if side > 1), None)
    kept = len(shape) > 1 and long in (0, 1)
    verdict = by_side(layer, long) if kept else by_length(layer, max(shape, default=1))
    if not kept and layer.outputs is None and not layer.factors and (beside := tensors.beside(layer)):
        verdict = verdict.plus(say("beside", keys=", ".join(map(clipped, beside))))
    return verdict.plus(say("no factors", A=layer.ranks[0], B=layer.ranks[1])) if layer.ranks else verdict


def by_side(layer: Layer, long: int) -> LayerVerdict:
    """m keeps its dimensions, and its long side, the first or second, tells, unless the layer's sizes say otherwise."""
    shape, n = layer.magnitude.shape, max(layer.magnitude.shape)
    if long == 1 and len(shape) > 2 and not only_here(layer) and fits_both(layer, n):
        outward = FAMILIES[layer.family].get("convolution_side", 0) == 1  # peft has (1, out, 1, 1)
        return verdict_of(layer, axis_of(layer, outward), "fair", "convolution", open=True)
    if long == 1 and len(shape) == 2 and in_doubt(layer):
        return verdict_of(layer, axis_of(layer, False), "fair", "unusual", open=True)
    side = FAMILIES[layer.family].get("convolution_side", 0) if len(shape) > 2 else 0
    if side == 1 and long == 0 and fits_both(layer, n):  # as others keep outputs, under these names
        return verdict_of(layer, axis_of(layer, True), "fair", "kept", open=True)
    outward = long == side
    own, other = (layer.outputs, layer.inputs) if outward else (layer.inputs, layer.outputs)
    if layer.outputs is None and layer.turned and n not in (layer.turned[0][0], layer.turned[1][1]):
        return undecided(layer, "turned", n=n)
    if own is None or own == n:
        return verdict_of(layer, axis_of(layer, outward), "certain", "length" if side else "kept", n=n)
    if groups := groups_by(layer, n):
        return verdict_of(layer, "per input", "fair", "group", n=n, groups=groups)
    if other == n:
        what = things(layer) if outward else "outputs"
        sure = "certain" if side or len(shape) > 2 else "fair"
        return verdict_of(layer, axis_of(layer, not outward), sure, "other side", n=n, things=what)
    return undecided(layer, "neither side")


def in_doubt(layer: Layer) -> bool:
    """Whether m lies as no magnitude of this library does, and nothing tells its sides apart."""
    here = FAMILIES[layer.family].get("writes") == "per output" and not layer.embedding
    return here and fits_both(layer, max(layer.magnitude.shape))


def fits_both(layer: Layer, n: int) -> bool:
    """Whether n may be the number of outputs as well as of inputs."""
    return layer.outputs == layer.inputs in (n, None)


def groups_by(layer: Layer, n: int) -> int:
    """How many groups a convolution has if n is the number of a group's inputs, 0 where it cannot be."""
    if not layer.convolution or not layer.outputs or n in (0, layer.outputs, layer.inputs) or layer.inputs % n:
        return 0
    groups = layer.inputs // n
    return groups if layer.outputs % groups == 0 else 0


def only_here(layer: Layer) -> bool:
    """Whether only the library of these names writes such factors: then nobody else wrote m beside them."""
    return bool(layer.form) and not any("lora" in end or "linear" in end for end in layer.form)


def by_length(layer: Layer, n: int) -> LayerVerdict:
    """m is flat, so only its length can tell."""
    if layer.outputs is None:
        return undecided(layer, unsized(layer), n=n)
    if layer.outputs == layer.inputs == n:
        return undecided(layer, "square", open=True)
    if groups := groups_by(layer, n):
        return verdict_of(layer, "per input", "fair", "group", n=n, groups=groups)
    if n not in (layer.outputs, layer.inputs):
        return undecided(layer, "other length", n=n)
    return verdict_of(layer, axis_of(layer, n == layer.outputs), "certain", "length", n=n)


def unsized(layer: Layer) -> str:
    """Why neither A and B nor the base tell a layer's sizes."""
    if layer.ranks:
        return "empty sizes"
    return "turned" if layer.turned else "flat kernel" if layer.factors else "no sizes"


def axis_of(layer: Layer, outward: bool) -> Axis:
    return "per output" if outward else "per token" if layer.embedding else "per input"


def things(layer: Layer) -> str:
    return "tokens" if layer.embedding else "inputs"


def verdict_of(
    layer: Layer, axis: Axis, confidence: Confidence, sentence: str, open: bool = False, **values: object
) -> LayerVerdict:
    """A verdict whose evidence is this sentence about m and its layer."""
    m, sizes, family = layer.magnitude, (layer.outputs, layer.inputs), layer.family
    known = {"m": m.shape, "axis": axis, "family": family, "outputs": sizes[0], "inputs": sizes[1]}
    known |= dict(zip("AB", layer.ranks or layer.turned, strict=False)) | {"things": things(layer)} | values
    says = say(sentence, **known)
    return LayerVerdict(layer.name, m.key, family, m.shape, *sizes, None, axis, confidence, says, open=open)


def undecided(layer: Layer, sentence: str, **values: object) -> LayerVerdict:
    return verdict_of(layer, "cannot tell", "none", sentence, **values)


def base_norms(place: Place, read_entry: Reader, meter: Meter) -> dict[str, np.ndarray]:
    """Norms of the base weight, {"output": (outputs,), "input": (inputs,)} in float64."""
    first, second = (np.sqrt(sums) for sums in sums_of_squares(place.found.entry, read_entry, meter.add))
    return {"output": second, "input": first} if place.stored == "in, out" else {"output": first, "input": second}


def by_value(verdict: LayerVerdict, layer: Layer, magnitude: np.ndarray, norms: dict[str, np.ndarray]) -> LayerVerdict:
    """A flat m of a square layer is told by its values; one that keeps its dimensions is checked by them."""
    kept = not verdict.open and verdict.confidence == "certain" and len(verdict.shape) > 1
    if not verdict.open and not (kept and len(norms["output"]) == len(norms["input"]) == len(magnitude) > 1):
        return verdict
    fit = values.fit(magnitude, norms["output"], norms["input"])
    axis = axis_of(layer, fit.axis == "per output") if fit.axis else None
    if not verdict.open:
        return reshaped(verdict, fit) if fit.confidence == "high" and axis != verdict.axis else verdict
    evidence = say(fit.why, count=fit.compared, slopes=str(fit.slopes))
    if verdict.axis != "cannot tell" and not axis:
        evidence = f"{verdict.evidence} {evidence}"
    if not fit.slopes:
        return replace(verdict, evidence=evidence)
    return replace(
        verdict,
        axis=axis or verdict.axis,
        confidence=fit.confidence if axis else verdict.confidence,
        evidence=evidence,
        far=fit.why == "neither",
        slopes=fit.slopes,
    )


def reshaped(verdict: LayerVerdict, fit: values.Fit) -> LayerVerdict:
    evidence = say("reshaped", m=verdict.shape, axis=verdict.axis, slopes=str(fit.slopes))
    return replace(verdict, axis="cannot tell", confidence="none", evidence=evidence, slopes=fit.slopes)


def with_distance(verdict: LayerVerdict, magnitude: np.ndarray, norms: dict[str, np.ndarray]) -> LayerVerdict:
    norm = norms["output" if verdict.axis == "per output" else "input"]
    zeros, largest = int((norm == 0).sum()), norm.max(initial=0)  # by which all are divided: no square overflows
    if len(norm) == len(magnitude) and largest > 0:
        off = float(np.linalg.norm((magnitude - norm) / largest) / np.linalg.norm(norm / largest))
        far = off > FAR
        percent = say("farthest", percent=100 * FARTHEST) if off > FARTHEST else number(100 * off)
        verdict = replace(verdict, distance=min(off, FARTHEST), far=far)
        verdict = verdict.plus(say("far" if far else "near", percent=percent))
    return verdict.plus(say("zeros", zeros=zeros)) if zeros else verdict


def with_neighbours(verdict: LayerVerdict, layer: Layer, sure: Counter) -> LayerVerdict:
    """Where values could not tell a square layer: what the file's other layers say, or the library whose names these are.

    `sure` counts the axes that shapes told of layers with such a magnitude; an embedding has an axis of its own.
    """
    if not verdict.open or verdict.axis != "cannot tell" or verdict.far:
        return verdict
    if len(sure) == 1 and not layer.embedding:
        [(axis, count)] = sure.items()
        return replace(verdict.plus(say("neighbours", count=count, axis=axis)), axis=axis, confidence="fair")
    if writes := FAMILIES[verdict.family].get("writes"):
        return verdict.plus(say("converted", family=verdict.family, axis=writes))
    return verdict


def open_adapter(given: str | Path | Checkpoint) -> Checkpoint:
    return given if isinstance(given, Checkpoint) else read_adapter(given)


def open_base(given: str | Path | Checkpoint) -> Checkpoint:
    return given if isinstance(given, Checkpoint) else read(given)
