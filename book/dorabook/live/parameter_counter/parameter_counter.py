"""How many parameters LoRA and DoRA train in a model, with one magnitude per output or one per input."""

from collections.abc import Iterable
from typing import Any

from ..figure import LiveFigure
from ..traits import Choice, Flag, Number

MODELS = ("SmolLM2-135M", "Llama-3.1-8B", "Qwen2.5-7B")
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class ParameterCounter(LiveFigure):
    """`ParameterCounter("SmolLM2-135M", rank=8, modules=["q_proj", "v_proj"], per="input")`.

    `model` is one of MODELS. `modules` are the target modules, all seven by default; each is also a trait of its own.
    `per` is "output", "input" or "none": LoRA, which has no magnitudes.
    """

    figure = "parameter-counter"
    model = Choice(*MODELS).tag(sync=True, state=True)
    rank = Number(256, least=1, most=512, whole=True).tag(sync=True, state=True)
    per = Choice("output", "input", "none").tag(sync=True, state=True)
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
