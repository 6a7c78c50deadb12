"""Trainable parameters of LoRA and DoRA, from layer shapes alone, for either axis.

A layer costs rank * (in_features + out_features) for A and B, and DoRA adds one magnitude per output
(out_features) or per input (in_features). Counts are plain integers; nothing here needs torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


def check_size(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number of 1 or more")


@dataclass(frozen=True)
class LayerShape:
    """`copies` linear layers called `name`, each (out_features, in_features)."""

    name: str
    in_features: int
    out_features: int
    copies: int = 1

    def __post_init__(self):
        for field in ("in_features", "out_features", "copies"):
            check_size(f"{field} of {self.name}", getattr(self, field))


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
    check_size("rank", rank)
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


@dataclass(frozen=True)
class Encoder:
    """A BERT by its sizes; `shapes()` are the six linear layers of every block."""

    hidden: int
    intermediate: int
    layers: int
    positions: int
    vocabulary: int

    def shapes(self) -> list[LayerShape]:
        sizes = {  # name: (in_features, out_features)
            "query": (self.hidden, self.hidden),
            "key": (self.hidden, self.hidden),
            "value": (self.hidden, self.hidden),
            "attention.output.dense": (self.hidden, self.hidden),
            "intermediate.dense": (self.hidden, self.intermediate),
            "output.dense": (self.intermediate, self.hidden),
        }
        return [LayerShape(name, *size, copies=self.layers) for name, size in sizes.items()]

    def parameters(self) -> int:
        """All weights: blocks, word, position and two segment embeddings, and the pooler, there even where unused."""
        norms = (2 * self.layers + 1) * 2 * self.hidden  # LayerNorm: a gain and a bias each
        pooler = LayerShape("pooler.dense", self.hidden, self.hidden)
        return _with_biases([*self.shapes(), pooler]) + norms + (self.vocabulary + self.positions + 2) * self.hidden


@dataclass(frozen=True)
class GPT2:
    """A GPT-2 by its sizes. Its four Conv1D layers store their weight as (in_features, out_features)."""

    hidden: int
    layers: int
    positions: int
    vocabulary: int

    def shapes(self) -> list[LayerShape]:
        sizes = {  # name: (in_features, out_features); c_attn is query, key and value in one
            "c_attn": (self.hidden, 3 * self.hidden),
            "attn.c_proj": (self.hidden, self.hidden),
            "c_fc": (self.hidden, 4 * self.hidden),
            "mlp.c_proj": (4 * self.hidden, self.hidden),
        }
        return [LayerShape(name, *size, copies=self.layers) for name, size in sizes.items()]

    def parameters(self) -> int:
        """All weights: blocks, word embedding (also the head) and position embedding."""
        norms = (2 * self.layers + 1) * 2 * self.hidden  # LayerNorm: a gain and a bias each
        return _with_biases(self.shapes()) + norms + (self.vocabulary + self.positions) * self.hidden


def _with_biases(shapes: list[LayerShape]) -> int:
    return sum(s.copies * s.out_features * (s.in_features + 1) for s in shapes)


SMOLLM2_135M = Decoder(576, 1536, 30, heads=9, kv_heads=3, head_dim=64, vocabulary=49152, tied=True)
LLAMA_3_1_8B = Decoder(4096, 14336, 32, heads=32, kv_heads=8, head_dim=128, vocabulary=128256, tied=False)
QWEN_2_5_7B = Decoder(3584, 18944, 28, heads=28, kv_heads=4, head_dim=128, vocabulary=152064, tied=False)
ALL_MINILM_L6_V2 = Encoder(384, 1536, 6, positions=512, vocabulary=30522)
GPT_2 = GPT2(768, 12, positions=1024, vocabulary=50257)
