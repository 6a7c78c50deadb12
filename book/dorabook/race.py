"""A small problem whose teacher can be shaped, and three students on one start: LoRA and DoRA on either axis.

The teacher's weight is diag(d) (W + T) diag(e): the frozen weight W, turned by a low-rank T, then rescaled by output and by
input. A student that reaches it has loss 0. Everything is float64 and drawn by `Draws`, which live/training_race/race.js repeats
bit for bit, so the page trains on the same numbers. The steps of a race and the rates of a sweep stand in race.json, for both.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import DoRALinear, LoRALinear, NormGradient
from .text import plural

SETTINGS = json.loads(__loader__.get_data(str(Path(__file__).with_name("race.json"))))
STEPS = SETTINGS["steps"]  # of a race in the page: the learning rate falls in a straight line to 0 at its end
RATES = tuple(SETTINGS["rates"])  # that a reader of the page can choose, and that a sweep goes through
REACH = 0.75  # at amount 1 every rescale is 1 plus a draw between -REACH and REACH
TURN = 0.5  # at amount 1 the expected size of T, next to that of W


class Draws:
    """Uniform and normal numbers from one small generator, mulberry32: the same bits in Python and JavaScript.

    `stream` gives independent numbers for one seed. Source: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
    """

    def __init__(self, seed: int, *, stream: int = 0):
        self._state = (_whole("seed", seed, 0, 2**32 - 1) + stream * 0x9E3779B9) % 2**32

    def uniform(self, rows: int, columns: int) -> Tensor:
        """(rows, columns) in [0, 1), multiples of 2^-32."""
        return torch.tensor([[self._next() for _ in range(columns)] for _ in range(rows)], dtype=torch.float64)

    def normal(self, rows: int, columns: int) -> Tensor:
        """(rows, columns), mean 0 and variance 1: the sum of twelve uniform draws less 6, which rounds nowhere."""
        return self.uniform(rows, 12 * columns).reshape(rows, columns, 12).sum(-1) - 6

    def _next(self) -> float:
        self._state = (self._state + 0x6D2B79F5) % 2**32
        mixed = self._state
        mixed = (mixed ^ mixed >> 15) * (mixed | 1) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (mixed | 61)) % 2**32
        return (mixed ^ mixed >> 14) / 2**32


@dataclass(frozen=True)
class Problem:
    """`inputs` (rows, in_features) are to give inputs @ target.T, from a layer whose frozen weight is `weight`."""

    weight: Tensor  # W (out_features, in_features)
    output_scale: Tensor  # d (out_features, 1)
    input_scale: Tensor  # e (1, in_features)
    turn: Tensor  # T (out_features, in_features), of rank `turn_rank`
    inputs: Tensor

    @property
    def target(self) -> Tensor:
        """The teacher's weight (out_features, in_features)."""
        return self.output_scale * (self.weight + self.turn) * self.input_scale

    @cached_property
    def wanted(self) -> Tensor:
        """What the teacher makes of `inputs`, (rows, out_features)."""
        return self.inputs @ self.target.T


def problem(
    *,
    output: float,
    input: float,
    turn: float,
    seed: int,
    turn_rank: int = 2,
    out_features: int = 24,
    in_features: int = 16,
    rows: int = 64,
) -> Problem:
    """A teacher of which each amount, 0 to 1, says how much it rescales outputs, rescales inputs and turns.

    The amounts change nothing else: problems of one seed share W, the inputs, and what their amounts multiply.
    """
    for name, amount in {"output": output, "input": input, "turn": turn}.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= 1:
            raise ValueError(f"{name} is {amount!r}, expected an amount from 0 to 1")
    for name, size in {"out_features": out_features, "in_features": in_features, "rows": rows}.items():
        _whole(name, size, 1)
    _whole("turn_rank", turn_rank, 1, min(out_features, in_features))
    draws = Draws(seed)
    small = in_features**-0.5  # then the norm of an output row is about 1
    return Problem(
        weight=small * draws.normal(out_features, in_features),
        inputs=draws.normal(rows, in_features),
        output_scale=1 + output * REACH * (2 * draws.uniform(out_features, 1) - 1),
        input_scale=1 + input * REACH * (2 * draws.uniform(1, in_features) - 1),
        turn=turn
        * TURN
        * small
        * turn_rank**-0.5
        * (draws.normal(out_features, turn_rank) @ draws.normal(turn_rank, in_features)),
    )


def students(problem: Problem, *, rank: int, seed: int, norm: NormGradient = "detached") -> dict[str, LoRALinear]:
    """Three layers on the same frozen weight with the same A (Kaiming, as in peft), B = 0 and scaling 1.

    "lora", "output" (DoRA with a magnitude per output) and "input" (per input): all three start as `problem.weight`.
    """
    out_features, in_features = problem.weight.shape
    base = nn.utils.skip_init(nn.Linear, in_features, out_features, bias=False, dtype=torch.float64)
    base.weight.data.copy_(problem.weight)
    options = {"rank": rank, "alpha": rank, "generator": torch.Generator()}
    layers = {
        "lora": LoRALinear(base, **options),
        "output": DoRALinear(base, per="output", norm=norm, **options),
        "input": DoRALinear(base, per="input", norm=norm, **options),
    }
    first = (2 * Draws(seed, stream=1).uniform(rank, in_features) - 1) * in_features**-0.5
    for layer in layers.values():
        layer.lora_A.data.copy_(first)
    return layers


def loss(layer: nn.Module, problem: Problem) -> Tensor:
    """Mean squared difference between the layer's outputs and the teacher's, over rows and outputs."""
    return F.mse_loss(layer(problem.inputs), problem.wanted)


def train(layer: nn.Module, problem: Problem, *, steps: int, rate: float, stop: int | None = None) -> list[float]:
    """Train what of `layer` is trainable, in place, by Adam on all rows. The losses: at the start and after every step.

    The learning rate falls from `rate` in a straight line to 0 after `steps`. `stop` ends the same run early, after that
    many steps. ValueError where the loss stops being finite.
    """
    _whole("steps", steps, 1)
    stop = steps if stop is None else _whole("stop", stop, 0, steps)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise ValueError(f"rate is {rate!r}, expected a learning rate above 0")
    optimizer = torch.optim.Adam([weight for weight in layer.parameters() if weight.requires_grad])
    losses = [loss(layer, problem)]
    for step in range(stop):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
        losses.append(loss(layer, problem))
        if not losses[-1].isfinite():
            raise ValueError(
                f"the loss is {losses[-1].item()} after {plural(step + 1, 'step')} at rate {rate}: lower the rate"
            )
    return [each.item() for each in losses]


def lora_floor(problem: Problem, *, rank: int) -> float:
    """The least loss that W + BA can have at this rank.

    With X the inputs, the loss is that of X (target - W)^T; its best approximation of a rank leaves the smaller singular
    values (Eckart and Young), and every such approximation is X (BA)^T for some B and A.
    """
    missing = problem.inputs @ (problem.target - problem.weight).T
    return (torch.linalg.svdvals(missing)[rank:].square().sum() / missing.numel()).item()


def _whole(name: str, value: int, least: int, most: int | None = None) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bound = f"from {least} to {most}" if most is not None else f"of {least} or more"
        raise ValueError(f"{name} is {value!r}, expected a whole number {bound}")
    return value
