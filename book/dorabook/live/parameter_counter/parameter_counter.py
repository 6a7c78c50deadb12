"""How many parameters LoRA and DoRA train in a model, with one magnitude per output or one per input."""

from collections.abc import Iterable
from typing import Any

from ...count import LLAMA_3_1_8B, QWEN_2_5_7B, SMOLLM2_135M, Count, LayerShape, trainable
from ...text import number, shape
from ..figure import Description, LiveFigure
from ..traits import Choice, Flag, Number

DECODERS = {"SmolLM2-135M": SMOLLM2_135M, "Llama-3.1-8B": LLAMA_3_1_8B, "Qwen2.5-7B": QWEN_2_5_7B}
ONE_LAYER = "one layer"
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
HEAD = 2 * SMOLLM2_135M.hidden  # weights of the two-label head, frozen, in what peft counts as all
COLUMNS = (
    "module",
    "weight (out, in)",
    "copies",
    "A and B",
    "m, one per output",
    "m, one per input",
    "A and B against the weight",
)
WIDEST = 32_768


class ParameterCounter(LiveFigure):
    """`ParameterCounter("SmolLM2-135M", rank=8, modules=["q_proj", "v_proj"], per="input")`.

    `model` is a key of DECODERS, or "one layer", whose weight is (out_features, in_features). `modules` are the target
    modules, all seven by default; each is also a trait of its own. `per` is "output", "input" or "none": LoRA, which
    has no magnitudes.
    """

    figure = "parameter-counter"
    model = Choice(*DECODERS, ONE_LAYER).tag(sync=True, state=True)
    rank = Number(256, least=1, most=512, whole=True).tag(sync=True, state=True)
    per = Choice("output", "input", "none").tag(sync=True, state=True)
    in_features = Number(784, least=1, most=WIDEST, whole=True).tag(sync=True, state=True)
    out_features = Number(128, least=1, most=WIDEST, whole=True).tag(sync=True, state=True)
    q_proj = Flag(True).tag(sync=True, state=True)
    k_proj = Flag(True).tag(sync=True, state=True)
    v_proj = Flag(True).tag(sync=True, state=True)
    o_proj = Flag(True).tag(sync=True, state=True)
    gate_proj = Flag(True).tag(sync=True, state=True)
    up_proj = Flag(True).tag(sync=True, state=True)
    down_proj = Flag(True).tag(sync=True, state=True)

    def __init__(
        self, model: str = "SmolLM2-135M", *, modules: Iterable[str] | None = None, id: str = "", **traits: Any
    ) -> None:
        if modules is not None:
            named = [modules] if isinstance(modules, str) else list(modules)
            if unknown := [name for name in named if name not in MODULES]:
                raise ValueError(f"modules holds {unknown[0]!r}, expected some of {', '.join(MODULES)}")
            traits = {**{name: name in named for name in MODULES}, **traits}
        super().__init__(id=id, model=model, **traits)

    @property
    def modules(self) -> tuple[str, ...]:
        """The target modules that are chosen."""
        return tuple(name for name in MODULES if getattr(self, name))

    @staticmethod
    def describe(state: dict[str, Any]) -> Description:
        return Description(" ".join(filter(None, _sentences(state))), COLUMNS, tuple(_rows(state)))


def shapes(state: dict[str, Any]) -> list[LayerShape]:
    """The linear layers that get an adapter."""
    if state["model"] == ONE_LAYER:
        return [LayerShape("the layer", state["in_features"], state["out_features"])]
    return [layer for layer in DECODERS[state["model"]].shapes() if state[layer.name]]


def counts(state: dict[str, Any]) -> dict[str, Count]:
    """By axis: what is trained with one magnitude per output, per input, and with none."""
    layers = shapes(state)
    return {
        per: trainable(layers, rank=state["rank"], per=None if per == "none" else per)
        for per in ("output", "input", "none")
    }


def printed(total: int) -> str:
    """What peft's print_trainable_parameters prints for SmolLM2-135M with a frozen two-label head."""
    everything = SMOLLM2_135M.parameters() + HEAD + total
    return f"trainable params: {total:,} || all params: {everything:,} || trainable%: {100 * total / everything:.4f}"


def _sentences(state: dict[str, Any]) -> list[str]:
    layers, per = shapes(state), state["per"]
    if not layers:
        return [f"{state['model']} with no target module chosen: nothing is trained."]
    count = counts(state)
    split = f"{count['none'].total:,} in A and B and {count[per].magnitudes:,} magnitudes, one per {per}"
    if per == "none":
        split = f"all in A and B; DoRA would add {count['output'].magnitudes:,} magnitudes per output or {count['input'].magnitudes:,} per input"
    other = {"output": "input", "input": "output"}.get(per)
    than = f"; one per {other} would be {count[other].magnitudes:,}" if other else ""
    who = (
        f"A layer {shape(state['out_features'], state['in_features'])}"
        if state["model"] == ONE_LAYER
        else state["model"]
    )
    which = "" if state["model"] == ONE_LAYER else f" with {_named(layers)}"
    return [
        f"{who} at rank {state['rank']}{which}: {count[per].total:,} trainable parameters, {split}{than}.",
        _not_low(layers, state["rank"]),
        _peft(count, per) if state["model"] == "SmolLM2-135M" else "",
    ]


def _named(layers: list[LayerShape]) -> str:
    return "all seven target modules" if len(layers) == len(MODULES) else _listed([layer.name for layer in layers])


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _not_low(layers: list[LayerShape], rank: int) -> str:
    large = [layer.name for layer in layers if not _is_low(layer, rank)]
    return f"In {_listed(large)} A and B hold more numbers than the weight: not low rank there." if large else ""


def _is_low(layer: LayerShape, rank: int) -> bool:
    return rank * (layer.in_features + layer.out_features) <= layer.in_features * layer.out_features


def _peft(count: dict[str, Count], per: str) -> str:
    line = printed(count[per].total)
    if per == "input":
        return f"peft has no such DoRA; if it had, it would print: {line}. What it prints has one per output."
    return f"peft, with a two-label head{' and no DoRA' if per == 'none' else ''}, prints: {line}."


def _rows(state: dict[str, Any]) -> list[tuple[str, ...]]:
    layers, rank = shapes(state), state["rank"]
    rows = [
        _row(layer.name, shape(layer.out_features, layer.in_features), str(layer.copies), [layer], rank)
        for layer in layers
    ]
    return [*rows, _row("in all", "", "", layers, rank)] if len(layers) > 1 else rows


def _row(name: str, weight: str, copies: str, layers: list[LayerShape], rank: int) -> tuple[str, ...]:
    by_output, by_input = (trainable(layers, rank=rank, per=per) for per in ("output", "input"))
    whole = sum(layer.copies * layer.in_features * layer.out_features for layer in layers)
    against = f"{number(100 * by_output.low_rank / whole)}%{', not low rank' if by_output.low_rank > whole else ''}"
    return (
        name,
        weight,
        copies,
        f"{by_output.low_rank:,}",
        f"{by_output.magnitudes:,}",
        f"{by_input.magnitudes:,}",
        against,
    )
