"""Which axis each magnitude of an adapter lies along: by its shape and, where a layer is square, by the base's values."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..text import clipped, number, plural, shaped
from . import values
from .base import Finder, Stored, may_be_turned, square_stored, stored
from .families import Layer, layers_of
from .files import (
    BITS,
    Checkpoint,
    Entry,
    Opener,
    Refused,
    numbers,
    one_thread,
    open_files,
    product,
    read,
    sums_of_squares,
)

Axis = Literal["per output", "per input", "per token", "cannot tell"]
Confidence = Literal["certain", "high", "fair", "none"]
FAR = 0.5  # of the base's norms: no training seen goes a tenth of that way
BROKEN = "m holds NaN or infinity: the training broke, or the file is damaged."


@dataclass(frozen=True)
class LayerVerdict:
    """What is known of one layer's magnitude.

    `evidence` is in sentences. `far`: m does not fit the base. `distance` is |m - norms| / |norms| on the told axis,
    `slopes` the fit of m to both norms of a square base weight; each None where there is none.
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
    size = sum(
        product(place.weight.shape) * BITS[place.weight.dtype] // 8 for place in placed if place.weight and place.stored
    )
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
    without = " (it is a LoRA without them)" if any("lora" in key for key in adapter.entries) else ""
    return (
        f"{adapter.name} has no DoRA magnitudes: no key ends in lora_magnitude_vector, dora_scale, magnitude or m"
        f"{without}: give a DoRA adapter"
    )


def places(layers: list[Layer], adapter: Checkpoint, base: Checkpoint | None) -> list[Place]:
    finder = Finder(adapter, base)
    placed = []
    for layer in layers:
        weight = finder.find(layer)
        how = stored(layer, weight.shape) if weight else None
        if weight and layer.outputs is None and not layer.ranks:
            layer = replace(layer, outputs=weight.shape[0], inputs=weight.shape[1])
        placed.append(Place(layer, weight, how))
    found = [place for place in placed if place.weight]
    if base:
        check_same_model(found, adapter, base)
    if not any(place.stored == "square" for place in placed):
        return placed
    others = [
        (place.layer.name, place.stored) for place in found if not place.layer.embedding
    ]  # they are (in, out) anyway
    ways = {turned: square_stored(turned, others, base) for turned in (False, True)}
    return [
        replace(place, stored=ways[may_be_turned(place.layer.name)]) if place.stored == "square" else place
        for place in placed
    ]


def check_same_model(found: list[Place], adapter: Checkpoint, base: Checkpoint) -> None:
    if not found:
        raise Refused(f"{base.name} has none of the layers of {adapter.name}: they belong to different models")
    if not any(place.stored for place in found):
        raise Refused(
            f"{base.name} has other shapes than {adapter.name} needs, first {shown(found[0].layer.name)}: they belong to different models"
        )


def shown(name: str) -> str:
    return clipped(name) if name else "the layer itself"


def judge_layer(place: Place, has_base: bool, tensors: Opener, meter: Meter) -> LayerVerdict:
    layer, weight = place.layer, place.weight
    magnitude = numbers(tensors(layer.magnitude))
    verdict = replace(by_shape(layer, magnitude), base_key=weight.key if weight else None)
    norms = base_norms(place, tensors, meter) if weight and place.stored and verdict.evidence != BROKEN else None
    finite = norms if norms and all(bool(torch.isfinite(one).all()) for one in norms.values()) else None
    if finite and place.stored == "unknown":
        verdict = replace(verdict, evidence=STORED_UNKNOWN) if verdict.open else verdict
    elif finite:
        verdict = by_value(verdict, layer, magnitude, finite)
    verdict = noted(verdict, about_base(place, has_base, norms is not finite))
    return with_distance(verdict, magnitude, finite) if finite and verdict.axis != "cannot tell" else verdict


def noted(verdict: LayerVerdict, sentences: str) -> LayerVerdict:
    return replace(verdict, evidence=verdict.evidence + sentences)


def about_base(place: Place, has_base: bool, broken: bool) -> str:
    if place.weight and not place.stored:
        return f" The base's weight is {shaped(place.weight.shape)}, which does not fit: another base model."
    if has_base and not place.weight:
        return " The base has no weight for this layer."
    return " The base weight holds NaN or infinity." if broken else ""


def by_shape(layer: Layer, magnitude: Tensor) -> LayerVerdict:
    """The verdict that the shape of m allows, given how many outputs and inputs the layer has."""
    shape, text = layer.magnitude.shape, shaped(layer.magnitude.shape)
    if len(magnitude) == 0 or sum(side > 1 for side in shape) > 1:
        return untold(layer, f"m is {text}, expected one number per output or per input.")
    if not torch.isfinite(magnitude).all():
        return untold(layer, BROKEN)
    if layer.ranks:
        a, b = map(shaped, layer.ranks)
        return untold(layer, f"A is {a} and B is {b}: their ranks differ, so they do not belong together.")
    long = next((place for place, side in enumerate(shape) if side > 1), None)
    return by_side(layer, long) if len(shape) > 1 and long in (0, 1) else by_length(layer, len(magnitude))


def by_side(layer: Layer, long: int) -> LayerVerdict:
    """m keeps its dimensions, and its long side, the first or second, tells, unless the layer's sizes say otherwise."""
    shape, text, n = layer.magnitude.shape, shaped(layer.magnitude.shape), max(layer.magnitude.shape)
    convolution = layer.family == "peft" and len(shape) > 2  # peft transposes a convolution's norms: (1, out, 1, 1)
    outward = long == (1 if convolution else 0)
    own, other = (layer.outputs, layer.inputs) if outward else (layer.inputs, layer.outputs)
    if own is None or own == n:
        evidence = f"m is {text}, a shape that keeps its dimensions: one number {axis_of(layer, outward)}."
        if convolution:
            evidence = f"m is {text}: peft writes a convolution's output channels on the second side."
        sure = "high" if convolution and layer.outputs == layer.inputs else "certain"
        return told(layer, axis_of(layer, outward), sure, evidence)
    if other == n:
        what = things(layer) if outward else "outputs"
        evidence = f"m is {text}, written along the other side, but its length {n:,} is the number of {what}."
        return told(layer, axis_of(layer, not outward), "fair", evidence)
    return untold(
        layer, f"m is {text}, but the layer has {layer.outputs:,} outputs and {layer.inputs:,} {things(layer)}."
    )


def by_length(layer: Layer, n: int) -> LayerVerdict:
    """m is flat, so only its length can tell."""
    text = shaped(layer.magnitude.shape)
    if layer.outputs is None:
        return untold(layer, f"m is {text}: without A, B or the base weight its length says nothing.")
    if layer.outputs == layer.inputs == n:
        evidence = f"The layer is square and m is {text}: only the base weight's norms can tell its axis."
        return replace(untold(layer, evidence), open=True)
    sizes = f"the layer {layer.outputs:,} outputs and {layer.inputs:,} {things(layer)}."
    if n not in (layer.outputs, layer.inputs):
        return untold(layer, f"m has {n:,} numbers, but {sizes}")
    return told(layer, axis_of(layer, n == layer.outputs), "certain", f"m has {n:,} numbers, and {sizes}")


def axis_of(layer: Layer, outward: bool) -> Axis:
    return "per output" if outward else "per token" if layer.embedding else "per input"


def things(layer: Layer) -> str:
    return "tokens" if layer.embedding else "inputs"


def told(layer: Layer, axis: Axis, confidence: Confidence, evidence: str) -> LayerVerdict:
    entry, sizes = layer.magnitude, (layer.outputs, layer.inputs)
    return LayerVerdict(layer.name, entry.key, layer.family, entry.shape, *sizes, None, axis, confidence, evidence)


def untold(layer: Layer, evidence: str) -> LayerVerdict:
    return told(layer, "cannot tell", "none", evidence)


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
    if fit.why in ("few", "alike"):
        return replace(verdict, evidence=NO_FIT[fit.why].format(plural(fit.compared, "number")))
    evidence = f"The layer is square, so values decide: {fit.slopes}{AFTER[fit.why]}"
    return replace(
        verdict,
        axis=axis or "cannot tell",
        confidence=fit.confidence,
        evidence=evidence,
        far=fit.why == "neither",
        slopes=fit.slopes,
    )


STORED_UNKNOWN = (
    "The layer is square, and nothing tells whether its base weight is stored (out, in) or (in, out), as GPT-2's is."
)
NO_FIT = {
    "few": "Only {} can be compared: too few.",
    "alike": "The base's norms per output and per input are alike: nothing to tell them apart by.",
}
AFTER = {
    "tell": ".",
    "drifted": ": too close, or m moved too far in training.",
    "neither": ": m follows neither, so this may be another base model.",
}


def reshaped(verdict: LayerVerdict, fit: values.Fit) -> LayerVerdict:
    evidence = f"m is {shaped(verdict.shape)}, which says {verdict.axis}, but {fit.slopes}: m was reshaped."
    return replace(verdict, axis="cannot tell", confidence="none", evidence=evidence, slopes=fit.slopes)


def with_distance(verdict: LayerVerdict, magnitude: Tensor, norms: dict[str, Tensor]) -> LayerVerdict:
    norm = norms["output" if verdict.axis == "per output" else "input"]
    zeros, size = int((norm == 0).sum()), float(norm.square().sum())
    if len(norm) == len(magnitude) and size > 0:
        distance = float(((magnitude - norm).square().sum() / size).sqrt())
        far = distance > FAR
        why = ", too far for a training: another base model, or m was rescaled" if far else ""
        verdict = replace(verdict, distance=distance, far=far)
        verdict = noted(verdict, f" It is {number(100 * distance)} % from the base's norms{why}.")
    are, them = ("is", "it") if zeros == 1 else ("are", "them")
    return (
        noted(verdict, f" {plural(zeros, 'norm')} of the base {are} 0: DoRA divides by {them}.") if zeros else verdict
    )


def with_neighbours(verdict: LayerVerdict, certain: Counter) -> LayerVerdict:
    """Where values could not tell a square layer: what the file's other layers say, or the library whose names these are.

    `certain` counts the axes that shapes told in this file.
    """
    if not verdict.open or verdict.axis != "cannot tell" or verdict.far:
        return verdict
    if len(certain) == 1:
        [(axis, count)] = certain.items()
        are = "layer of this file is" if count == 1 else "layers of this file are"
        evidence = f" {count:,} other {are} {axis}, and a training writes one axis."
        return replace(noted(verdict, evidence), axis=axis, confidence="fair")
    if verdict.family in ("peft", "torchtune"):
        return noted(verdict, f" {verdict.family} writes per output, but a converted file may not.")
    return verdict


def open_checkpoint(given: str | Path | Checkpoint) -> Checkpoint:
    return given if isinstance(given, Checkpoint) else read(given)
