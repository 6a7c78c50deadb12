"""Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .files import Entry

PEFT = re.compile(r"(?:(?P<layer>.*)\.)?lora_magnitude_vector(?:\.(?P<adapter>[^.]+?))??(?:\.weight)?", re.DOTALL)


@dataclass(frozen=True)
class Layer:
    """A magnitude and what belongs to it. `name` is the layer's path, empty where the file is one layer.

    `outputs` and `inputs` are None where A and B are missing; the inputs of an `embedding` are tokens.
    `ranks` holds the shapes of A and B where these do not belong together.
    """

    name: str
    magnitude: Entry
    family: str
    outputs: int | None = None
    inputs: int | None = None
    embedding: bool = False
    ranks: tuple[tuple[int, ...], tuple[int, ...]] | None = None


Entries = Mapping[str, Entry]


def layers_of(entries: Entries) -> list[Layer]:
    """One layer for each magnitude, in the header's order."""
    return [layer for key in entries if (layer := layer_of(key, entries))]


def layer_of(key: str, entries: Entries) -> Layer | None:
    if found := PEFT.fullmatch(key):
        layer = Layer(found["layer"] or "", entries[key], "peft")
        return peft(layer, found["adapter"], entries)
    name, _, end = key.rpartition(".")
    layer = Layer(name, entries[key], "")
    if end == "dora_scale":
        return lycoris(replace(layer, family="LyCORIS"), entries)
    if end == "magnitude":
        return magnitude(layer, entries)
    return bare_m(layer, entries) if end == "m" else None


def part(name: str, end: str) -> str:
    return f"{name}.{end}" if name else end


def sized(layer: Layer, entries: Entries, a: str, b: str, *, rank_in=(0, 1), size_in=(1, 0), **also) -> Layer | None:
    """`layer` with the sizes of A and B, None where either is missing.

    A is (rank, in, ...) and B (out, rank, ...); `rank_in` and `size_in` say on which side of A and of B, where that differs.
    """
    A, B = (entries.get(part(layer.name, end)) for end in (a, b))
    if not A or not B:
        return None
    if len(A.shape) < 2 or len(B.shape) < 2 or A.shape[rank_in[0]] != B.shape[rank_in[1]]:
        return replace(layer, ranks=(A.shape, B.shape), **also)
    return replace(layer, inputs=A.shape[size_in[0]], outputs=B.shape[size_in[1]], **also)


TURNED = {"rank_in": (1, 0), "size_in": (0, 1)}  # A (in, rank) and B (rank, out)


def peft(layer: Layer, adapter: str | None, entries: Entries) -> Layer:
    middle = f".{adapter}" if adapter else ""
    return (
        sized(layer, entries, f"lora_A{middle}.weight", f"lora_B{middle}.weight")
        or sized(layer, entries, f"lora_embedding_A{middle}", f"lora_embedding_B{middle}", embedding=True)
        or layer
    )


def lycoris(layer: Layer, entries: Entries) -> Layer:
    tucker = part(layer.name, "hada_t1") in entries
    places = {"rank_in": (0, 0), "size_in": (1, 1)} if tucker else {}
    return (
        sized(layer, entries, "lora_down.weight", "lora_up.weight")
        or sized(layer, entries, "lora_A.weight", "lora_B.weight")
        or (flat_kernel(layer, entries, "hada_w1_b", tucker=tucker) and layer)
        or sized(layer, entries, "hada_w1_b", "hada_w1_a", **places)  # LoHa: the first of its two products
        or (flat_kernel(layer, entries, "lokr_w2_b", tucker=part(layer.name, "lokr_t2") in entries) and layer)
        or kronecker(layer, entries)
        or dense(layer, entries)
        or layer
    )


def flat_kernel(layer: Layer, entries: Entries, factor: str, *, tucker: bool) -> bool:
    """A convolution's factor (rank, in * kernel): how many of its numbers are inputs only the base's shape can tell."""
    return len(layer.magnitude.shape) > 2 and part(layer.name, factor) in entries and not tucker


def kronecker(layer: Layer, entries: Entries) -> Layer | None:
    """LoKr: W is the Kronecker product of w1 and w2, so its sides are the products of theirs."""
    one = factor("lokr_w1", layer, entries)
    two = factor("lokr_w2", layer, entries, tucker=part(layer.name, "lokr_t2") in entries)
    return one and two and replace(layer, outputs=one[0] * two[0], inputs=one[1] * two[1])


def factor(name: str, layer: Layer, entries: Entries, *, tucker: bool = False) -> tuple[int, int] | None:
    """Both sides of a factor that is stored whole, or as a product (out, rank) (rank, in)."""
    whole, a, b = (entries.get(part(layer.name, name + end)) for end in ("", "_a", "_b"))
    if whole:
        return whole.shape[:2] if len(whole.shape) > 1 else None
    if not a or not b or len(a.shape) < 2 or len(b.shape) < 2:
        return None
    return a.shape[1 if tucker else 0], b.shape[1]


def dense(layer: Layer, entries: Entries) -> Layer | None:
    whole = entries.get(part(layer.name, "diff"))
    return replace(layer, outputs=whole.shape[0], inputs=whole.shape[1]) if whole and len(whole.shape) > 1 else None


def magnitude(layer: Layer, entries: Entries) -> Layer:
    if found := sized(layer, entries, "lora_a.weight", "lora_b.weight"):
        return replace(found, family="torchtune")
    ours = replace(layer, family="this book")
    return sized(ours, entries, "lora_A", "lora_B") or ours


def bare_m(layer: Layer, entries: Entries) -> Layer | None:
    """`m` is too common a name to say anything without its neighbours."""
    last = layer.name.rpartition(".")[2]
    embedding = "emb" in last or last == "wte"
    return sized(replace(layer, family="mlx-lm"), entries, "lora_a", "lora_b", embedding=embedding, **TURNED) or sized(
        replace(layer, family="Raschka"), entries, "lora.A", "lora.B", **TURNED
    )
