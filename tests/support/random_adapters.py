"""Valid adapters drawn at random, with and without their base: every family and form of checkpoint/rules.json, to try readers with.

`adapters(seed, count)` yields the same ones for the same seed. A family that is added to the rules is drawn from then on.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import dorabook.checkpoint
import torch
from safetensors.torch import save
from torch import Tensor

FAMILIES = json.loads(Path(dorabook.checkpoint.__file__).with_name("rules.json").read_text("utf-8"))["families"]
CONVOLUTIONS = ("peft", "LyCORIS")  # the others adapt matrices alone
KEPT = ("LyCORIS", "this book", "Raschka")  # write m as (out, 1) or (1, in) too
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
BEFORE = ("", "", "base_model.model.", "base_model.model.model.", "diffusion_model.", "unet.transformer.")
UNKNOWN = ("a.tool.s.", "model." * 12)  # before names too, and found where the base has nothing before them
NAMES = ("q_proj", "to_k", "mlp.up_proj", "attn.c_proj", "c_fc", "conv_in", "tok_embeddings")


@dataclass(frozen=True)
class Made:
    """Files by name, the adapter first; of each layer its path and the axis its magnitude is on; whether their shapes tell it."""

    what: str
    files: list[tuple[str, bytes]]
    axes: dict[str, str]
    told: set[str]


@dataclass(frozen=True)
class Kind:
    """What a layer is: `groups` and `kernel` of a convolution, whose weight is (outputs, inputs / groups, *kernel)."""

    outputs: int
    inputs: int
    kernel: tuple[int, ...] = ()
    groups: int = 1
    embedding: bool = False

    @property
    def weight(self) -> tuple[int, ...]:
        if self.embedding:
            return self.inputs, self.outputs
        return self.outputs, self.inputs // self.groups, *self.kernel


def adapters(seed: int, count: int) -> Iterator[Made]:
    for one in range(count):
        draw = random.Random(f"{seed} {one}")
        yield adapter(draw, torch.Generator().manual_seed(draw.randrange(2**31)))


def adapter(draw: random.Random, numbers: torch.Generator) -> Made:
    """Up to four layers in one family's names, with their base more often than not."""
    family = draw.choice(FAMILIES)
    per, has_base = draw.choice(("output", "input")), draw.random() < 0.6
    before, dtype, turned = draw.choice((*BEFORE, *UNKNOWN)), draw.choice(DTYPES), draw.random() < 0.5
    tensors, base, axes, told, whats = {}, {}, {}, set(), []
    for block in range(draw.choice((1, 1, 2, 4))):
        form = draw.choice(family["factors"])
        kind = drawn_kind(draw, family["name"], form)
        place = f"layers.{block}.{'wte' if kind.embedding else draw.choice(NAMES[:-1])}"
        name = before + place
        if family["name"] == "LyCORIS" and draw.random() < 0.7:
            name = draw.choice(("lora_unet_", "lycoris_", "lora_te1_")) + place.replace(".", "_")
        named = draw.choice(("", ".default")) if "adapter" in family else ""
        axis = "output" if family["name"] == "peft" and kind.kernel else per
        weight = weights(kind.weight, numbers)
        m = (norms(weight, kind, axis) * (1 + 0.02 * randn(len(norms(weight, kind, axis)), of=numbers))).float()
        scale = draw.choice((1, 1, 1, 1e5, 1e-5))
        flat = scale * m
        shape = kept(draw, family["name"], kind, axis, len(m), has_base=has_base)
        key = family["magnitude"] + named + draw.choice(("", ".weight") if "adapter" in family else ("",))
        tensors[f"{name}.{key}"] = flat.reshape(shape).to(dtype if 1e-3 < scale < 1e3 else torch.float32)
        tensors |= {f"{name}.{end.format(adapter=named)}": randn(*sides, of=numbers).to(dtype)
            for end, sides in factors(draw, form, kind, family["name"]).items()}  # fmt: skip
        stored = weight.T if turned and may_be_turned(place, kind) else weight
        if has_base:
            words = "" if before in UNKNOWN else draw.choice(("", "model.", "own.words."))
            base[f"{words}{place}.weight"] = stored.to(dtype)
        axes[name] = "per output" if axis == "output" else "per token" if kind.embedding else "per input"
        grouped = kind.groups > 1 and family["name"] != "peft"  # the ranks of peft's factors tell the groups
        sizes = kind.weight if kind.embedding else (kind.outputs, kind.inputs // kind.groups)
        if sizes[0] != sizes[1] and not grouped and not (kind.kernel and form.get("flat_kernel")):
            told.add(name)
        whats.append(f"{family['name']} {[*form['sides']]} {kind} m {shape} {axis} x{scale:g} {name}")
    files = [("a.safetensors", packed(tensors))]
    files += [("b.safetensors", packed(base))] if base else []
    return Made(f"{'with' if base else 'no'} base, {dtype}: " + "; ".join(whats), files, axes, told)


def may_be_turned(place: str, kind: Kind) -> bool:
    """GPT-2's Conv1D holds a matrix as (in, out)."""
    return "c_" in place and not kind.kernel and not kind.embedding


def drawn_kind(draw: random.Random, family: str, form: dict) -> Kind:
    """Square or not, small or large enough for values to tell."""
    most = draw.choice((6, 12, 40))
    outputs, inputs = draw.randint(1, most), draw.randint(1, most)
    if draw.random() < 0.4:
        outputs = inputs
    if form.get("embedding") and (form["embedding"] == ".*" or draw.random() < 0.5):
        return Kind(outputs, inputs, embedding=True)
    if family not in CONVOLUTIONS or draw.random() < 0.4:
        return Kind(outputs, inputs)
    groups, kernel = draw.choice((1, 1, 2, 3)), (draw.choice((1, 3)),) * draw.choice((1, 2, 3))
    return Kind(outputs * groups, inputs * groups, kernel, groups)


def factors(draw: random.Random, form: dict, kind: Kind, family: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's factors, as its library writes them. Sides of one name multiply to the layer's."""
    rank = draw.randint(1, 4) * kind.groups
    left = {"outputs": kind.outputs, "inputs": kind.inputs}
    holders = {word: sum(word in sides for sides in form["sides"].values()) for word in left}
    shapes, inner = {}, (1,) * len(kind.kernel)
    for end, words in form["sides"].items():
        shape = []
        for word in words:
            if word in left:
                holders[word] -= 1
                side = (
                    draw.choice([n for n in range(1, left[word] + 1) if left[word] % n == 0])
                    if holders[word]
                    else left[word]
                )
                left[word] //= side
                shape.append(side)
            else:
                shape.append(rank)
        if not words:
            shape = [rank, rank, *kind.kernel]  # a Tucker core
        elif kind.kernel:
            shape = with_kernel(shape, words, form, kind, inner)
            if family == "peft" and words == ["outputs", "rank"]:
                shape[1] = rank // kind.groups
        shapes[end] = tuple(shape)
    return shapes


def with_kernel(shape: list[int], words: list[str], form: dict, kind: Kind, inner: tuple[int, ...]) -> list[int]:
    if any(end.endswith(("_t1", "_t2")) for end in form["sides"]):
        return shape  # the core has the kernel
    if "lora_mid.weight" in form["sides"]:
        return [*shape, *inner]
    if form.get("flat_kernel"):
        return (
            [shape[0], shape[1] * prod(kind.kernel)]
            if words == ["", "inputs"] or words == ["rank", "inputs"]
            else shape
        )
    if "_w1" in str(form["sides"]) and "lokr_w2" in form["sides"]:
        return shape  # LoKr's second factor may be a matrix, over a kernel of one
    return [*shape, *(kind.kernel if "inputs" in words else inner)]


def kept(draw: random.Random, family: str, kind: Kind, axis: str, n: int, *, has_base: bool) -> tuple[int, ...]:
    """The shape of m: flat, or with its dimensions where the library keeps them.

    Without the base nothing tells how many groups a convolution has, and so not whether a flat m has a number per input.
    """
    ones = (1,) * len(kind.kernel)
    if family == "peft":
        return (1, n, *ones) if kind.kernel else (n,)
    if family not in KEPT or (draw.random() < 0.4 and (has_base or kind.groups == 1)):
        return (n,)
    return (n, 1, *ones) if axis == "output" else (1, n, *ones)


def weights(shape: tuple[int, ...], numbers: torch.Generator) -> Tensor:
    """Normal numbers whose norms differ along both sides."""
    ones = (1,) * (len(shape) - 2)
    tall, wide = randn(shape[0], 1, *ones, of=numbers), randn(1, shape[1], *ones, of=numbers)
    return randn(*shape, of=numbers) * (0.4 * tall).exp() * (0.4 * wide).exp()


def norms(weight: Tensor, kind: Kind, per: str) -> Tensor:
    side = 0 if (per == "output") != kind.embedding else 1
    return weight.square().sum([one for one in range(weight.ndim) if one != side]).sqrt()


def randn(*shape: int, of: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=of, dtype=torch.float64)


def packed(tensors: dict[str, Tensor]) -> bytes:
    return save({key: value.contiguous().clone() for key, value in tensors.items()})
