"""Trainable parameters of LoRA and DoRA, from layer shapes alone, for either axis.

A layer costs rank * (in_features + out_features) for A and B, and DoRA adds one magnitude per output
(out_features) or per input (in_features). Counts are plain integers; nothing here needs torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LayerShape:
    """`copies` linear layers called `name`, each (out_features, in_features)."""

    name: str
    in_features: int
    out_features: int
    copies: int = 1

    def __post_init__(self):
        for field in ("in_features", "out_features", "copies"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{field} of {self.name} is {value!r}, expected a whole number of 1 or more")


@dataclass(frozen=True)
class Count:
    """Trainable parameters: `low_rank` in A and B, `magnitudes` in m (0 for plain LoRA)."""

    low_rank: int
    magnitudes: int

    @property
    def total(self) -> int:
        return self.low_rank + self.magnitudes


def trainable(shapes: Iterable[LayerShape], *, rank: int, per: Literal["output", "input"] | None) -> Count:
    """Count over `shapes`. `per=None` is LoRA, which has no magnitudes.

    >>> trainable([LayerShape("k_proj", 576, 192)], rank=8, per="output")
    Count(low_rank=6144, magnitudes=192)
    """
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"rank is {rank!r}, expected a whole number of 1 or more")
    if per not in ("output", "input", None):
        raise ValueError(f'per is {per!r}, expected "output", "input" or None for LoRA without magnitudes')
    shapes = list(shapes)
    low_rank = sum(s.copies * rank * (s.in_features + s.out_features) for s in shapes)
    sides = {"output": "out_features", "input": "in_features"}
    magnitudes = 0 if per is None else sum(s.copies * getattr(s, sides[per]) for s in shapes)
    return Count(low_rank, magnitudes)


@dataclass(frozen=True)
class Decoder:
    """A Llama-style decoder by its sizes; `shapes()` are the seven linear layers of every block."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool

    def shapes(self) -> list[LayerShape]:
        query, key_value = self.heads * self.head_dim, self.kv_heads * self.head_dim
        sizes = {  # name: (in_features, out_features)
            "q_proj": (self.hidden, query),
            "k_proj": (self.hidden, key_value),
            "v_proj": (self.hidden, key_value),
            "o_proj": (query, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }
        return [LayerShape(name, *size, copies=self.layers) for name, size in sizes.items()]

    def parameters(self) -> int:
        """Weights of the frozen decoder: linear layers, embedding (twice where not tied) and RMSNorm gains."""
        linear = sum(s.copies * s.in_features * s.out_features for s in self.shapes())
        gains = (2 * self.layers + 1) * self.hidden
        return linear + gains + (1 if self.tied else 2) * self.vocabulary * self.hidden


SMOLLM2_135M = Decoder(576, 1536, 30, heads=9, kv_heads=3, head_dim=64, vocabulary=49152, tied=True)
LLAMA_3_1_8B = Decoder(4096, 14336, 32, heads=32, kv_heads=8, head_dim=128, vocabulary=128256, tied=False)
QWEN_2_5_7B = Decoder(3584, 18944, 28, heads=28, kv_heads=4, head_dim=128, vocabulary=152064, tied=False)
