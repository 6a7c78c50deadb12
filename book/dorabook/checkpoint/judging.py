"""Which axis each magnitude of an adapter lies along: by its shape and, where a layer is square, by the base's values."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..text import clipped, number
from . import values
from .base import Finder, Stored, may_be_turned, square_stored, stored
from .families import FAMILIES, Layer, layers_of
from .files import Checkpoint, read
from .rules import RULES, say
from .safetensors import BITS, Entry, Opener, Refused, numbers, one_thread, open_files, sums_of_squares

Axis = Literal["per output", "per input", "per token", "cannot tell"]
Confidence = Literal["certain", "high", "fair", "none"]
FAR = RULES["distance"]["far"]  # of the base's norms: no training seen goes a tenth of that way
FARTHEST = RULES["distance"]["farthest"]  # beyond it no number is given


@dataclass(frozen=True)
class LayerVerdict:
    """What is known of one layer's magnitude.

    `evidence` is in sentences. `far`: m does not fit the base. `distance` is |m - norms| / |norms| on the told axis, FARTHEST at
    most, `slopes` the fit of m to both norms of a square base weight; each None where there is none.
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
    slopes: values.Slopes | None = None
    distance: float | None = None
    open: bool = False  # a square layer whose m has one dimension: its shape tells nothing


@dataclass(frozen=True)
class Place:
    """A layer with its base weight, or None, and how that is stored; None where it does not fit."""

    layer: Layer
    weight: Entry | None
    stored: Stored | None


Progress = Callable[[int, int], None]


def judged(adapter: Checkpoint, base: Checkpoint | None, progress: Progress | None) -> list[LayerVerdict]:
    """One verdict for each magnitude. `progress(read, all)` is told the bytes of the base weights as they are read."""
    layers = layers_of(adapter.entries)
    if not layers:
        raise Refused(no_magnitudes(adapter))
    placed = places(layers, adapter, base)
    weights = [place.weight for place in placed if place.weight and place.stored]
    size = sum(prod(weight.shape) * BITS[weight.dtype] // 8 for weight in weights)
    meter = Meter(size, progress)
    with open_files() as tensors, one_thread():
        verdicts = [judge_layer(place, base is not None, tensors, meter) for place in placed]
    certain = Counter(verdict.axis for verdict in verdicts if verdict.confidence == "certain")
    return [with_neighbours(verdict, certain) for verdict in verdicts]


class Meter:
    """Counts the bytes that were read, and reports them."""

    def __init__(self, size: int, progress: Progress | None):
        self.size, self.progress, self.done = size, progress, 0

    def add(self, size: int) -> None:
        self.done += size
        if self.progress:
            self.progress(self.done, self.size)


def no_magnitudes(adapter: Checkpoint) -> str:
    *others, last = dict.fromkeys(family["magnitude"] for family in FAMILIES.values())
    sentence = "a LoRA" if any("lora" in key for key in adapter.entries) else "no magnitudes"
    return say(sentence, name=adapter.name, ends=f"{', '.join(others)} or {last}")


def places(layers: list[Layer], adapter: Checkpoint, base: Checkpoint | None) -> list[Place]:
    finder = Finder(adapter, base)
    placed = []
    for layer in layers:
        weight = finder.find(layer)
        how = stored(layer, weight.shape) if weight else None
        if weight and layer.outputs is None and not layer.ranks:
            layer = replace(layer, outputs=weight.shape[0], inputs=weight.shape[1])
        elif how == "out, in" and len(weight.shape) > 2:
            layer = replace(layer, inputs=weight.shape[1])  # in groups, it has norms of a group's inputs
        placed.append(Place(layer, weight, how))
    found = [place for place in placed if place.weight]
    if base:
        check_same_model(found, adapter, base)
    if not any(place.stored == "square" for place in placed):
        return placed
    # embeddings are (in, out) anyway
    others = [(place.layer.name, place.stored) for place in found if not place.layer.embedding]
    ways = {turned: square_stored(turned, others, base) for turned in (False, True)}
    return [
        replace(place, stored=ways[may_be_turned(place.layer.name)]) if place.stored == "square" else place
        for place in placed
    ]


def check_same_model(found: list[Place], adapter: Checkpoint, base: Checkpoint) -> None:
    if not found:
        raise Refused(say("no layers", base=base.name, adapter=adapter.name))
    if not any(place.stored for place in found):
        first = shown(found[0].layer.name)
        raise Refused(say("other shapes", base=base.name, adapter=adapter.name, layer=first))


def shown(name: str) -> str:
    return clipped(name) if name else say("itself")


def judge_layer(place: Place, has_base: bool, tensors: Opener, meter: Meter) -> LayerVerdict:
    layer, weight = place.layer, place.weight
    magnitude = numbers(tensors(layer.magnitude))
    verdict = replace(by_shape(layer, magnitude), base_key=weight.key if weight else None)
    norms = base_norms(place, tensors, meter) if weight and place.stored and verdict.evidence != say("broken") else None
    finite = norms if norms and all(bool(torch.isfinite(one).all()) for one in norms.values()) else None
    if finite and place.stored == "unknown":
        verdict = replace(verdict, evidence=say("stored")) if verdict.open else verdict
    elif finite:
        verdict = by_value(verdict, layer, magnitude, finite)
    verdict = noted(verdict, about_base(place, has_base, norms is not finite))
    return with_distance(verdict, magnitude, finite) if finite and verdict.axis != "cannot tell" else verdict


def noted(verdict: LayerVerdict, sentences: str) -> LayerVerdict:
    return replace(verdict, evidence=verdict.evidence + sentences)


def about_base(place: Place, has_base: bool, broken: bool) -> str:
    if place.weight and not place.stored:
        return say("base misfit", shape=place.weight.shape)
    if has_base and not place.weight:
        return say("base without")
    return say("base broken") if broken else ""


def by_shape(layer: Layer, magnitude: Tensor) -> LayerVerdict:
    """The verdict that the shape of m allows, given how many outputs and inputs the layer has."""
    shape = layer.magnitude.shape
    if len(magnitude) == 0 or sum(side > 1 for side in shape) > 1:
        return untold(layer, "shape")
    if not torch.isfinite(magnitude).all():
        return untold(layer, "broken")
    if layer.ranks:
        return untold(layer, "ranks")
    long = next((place for place, side in enumerate(shape) if side > 1), None)
    return by_side(layer, long) if len(shape) > 1 and long in (0, 1) else by_length(layer, len(magnitude))


def by_side(layer: Layer, long: int) -> LayerVerdict:
    """m keeps its dimensions, and its long side, the first or second, tells, unless the layer's sizes say otherwise."""
    shape, n = layer.magnitude.shape, max(layer.magnitude.shape)
    side = FAMILIES[layer.family].get("convolution_side", 0) if len(shape) > 2 else 0  # peft has (1, out, 1, 1)
    outward = long == side
    own, other = (layer.outputs, layer.inputs) if outward else (layer.inputs, layer.outputs)
    if own is None or own == n:
        sure = "high" if side and layer.outputs == layer.inputs else "certain"
        return told(layer, axis_of(layer, outward), sure, "convolution" if side else "kept")
    if other == n:
        what = things(layer) if outward else "outputs"
        return told(layer, axis_of(layer, not outward), "fair", "other side", n=n, things=what)
    return untold(layer, "neither side")


def by_length(layer: Layer, n: int) -> LayerVerdict:
    """m is flat, so only its length can tell."""
    if layer.outputs is None:
        return untold(layer, "no sizes")
    if layer.outputs == layer.inputs == n:
        return replace(untold(layer, "square"), open=True)
    if n not in (layer.outputs, layer.inputs):
        return untold(layer, "other length", n=n)
    return told(layer, axis_of(layer, n == layer.outputs), "certain", "length", n=n)


def axis_of(layer: Layer, outward: bool) -> Axis:
    return "per output" if outward else "per token" if layer.embedding else "per input"


def things(layer: Layer) -> str:
    return "tokens" if layer.embedding else "inputs"


def told(layer: Layer, axis: Axis, confidence: Confidence, sentence: str, **values: object) -> LayerVerdict:
    """A verdict whose evidence is this sentence about m and its layer."""
    entry, sizes = layer.magnitude, (layer.outputs, layer.inputs)
    known = {"m": entry.shape, "axis": axis, "family": layer.family, "outputs": sizes[0], "inputs": sizes[1]}
    known |= dict(zip("AB", layer.ranks or (), strict=False)) | {"things": things(layer)} | values
    evidence = say(sentence, **known)
    return LayerVerdict(layer.name, entry.key, layer.family, entry.shape, *sizes, None, axis, confidence, evidence)


def untold(layer: Layer, sentence: str, **values: object) -> LayerVerdict:
    return told(layer, "cannot tell", "none", sentence, **values)


def base_norms(place: Place, tensors: Opener, meter: Meter) -> dict[str, Tensor]:
    """Norms of the base weight, {"output": (outputs,), "input": (inputs,)} in float64."""
    first, second = (sums.sqrt() for sums in sums_of_squares(tensors(place.weight), meter.add))
    return {"output": second, "input": first} if place.stored == "in, out" else {"output": first, "input": second}


def by_value(verdict: LayerVerdict, layer: Layer, magnitude: Tensor, norms: dict[str, Tensor]) -> LayerVerdict:
    """A flat m of a square layer is told by its values; one that keeps its dimensions is checked by them."""
    kept = not verdict.open and verdict.confidence in ("certain", "high") and len(verdict.shape) > 1
    if not verdict.open and not (kept and len(norms["output"]) == len(norms["input"]) == len(magnitude) > 1):
        return verdict
    fit = values.fit(magnitude, norms["output"], norms["input"])
    axis = axis_of(layer, fit.axis == "per output") if fit.axis else None
    if not verdict.open:
        return reshaped(verdict, fit) if fit.confidence == "high" and axis != verdict.axis else verdict
    evidence = say(fit.why, count=fit.compared, slopes=str(fit.slopes))
    if not fit.slopes:
        return replace(verdict, evidence=evidence)
    return replace(
        verdict,
        axis=axis or "cannot tell",
        confidence=fit.confidence,
        evidence=evidence,
        far=fit.why == "neither",
        slopes=fit.slopes,
    )


def reshaped(verdict: LayerVerdict, fit: values.Fit) -> LayerVerdict:
    evidence = say("reshaped", m=verdict.shape, axis=verdict.axis, slopes=str(fit.slopes))
    return replace(verdict, axis="cannot tell", confidence="none", evidence=evidence, slopes=fit.slopes)


def with_distance(verdict: LayerVerdict, magnitude: Tensor, norms: dict[str, Tensor]) -> LayerVerdict:
    norm = norms["output" if verdict.axis == "per output" else "input"]
    zeros, largest = (
        int((norm == 0).sum()),
        max(norm.tolist(), default=0),
    )  # by which all are divided: no square overflows
    if len(norm) == len(magnitude) and largest > 0:
        off = float(((magnitude - norm) / largest).norm() / (norm / largest).norm())
        far = off > FAR
        percent = say("farthest", percent=100 * FARTHEST) if off > FARTHEST else number(100 * off)
        verdict = replace(verdict, distance=min(off, FARTHEST), far=far)
        verdict = noted(verdict, say("far" if far else "near", percent=percent))
    return noted(verdict, say("zeros", zeros=zeros)) if zeros else verdict


def with_neighbours(verdict: LayerVerdict, certain: Counter) -> LayerVerdict:
    """Where values could not tell a square layer: what the file's other layers say, or the library whose names these are.

    `certain` counts the axes that shapes told in this file.
    """
    if not verdict.open or verdict.axis != "cannot tell" or verdict.far:
        return verdict
    if len(certain) == 1:
        [(axis, count)] = certain.items()
        evidence = say("neighbours", count=count, axis=axis)
        return replace(noted(verdict, evidence), axis=axis, confidence="fair")
    if writes := FAMILIES[verdict.family].get("writes"):
        return noted(verdict, say("converted", family=verdict.family, axis=writes))
    return verdict


def open_checkpoint(given: str | Path | Checkpoint) -> Checkpoint:
    return given if isinstance(given, Checkpoint) else read(given)
