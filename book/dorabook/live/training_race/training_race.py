"""LoRA, DoRA per output and DoRA per input train side by side on a teacher that the reader shapes.

The words here come from dorabook.race, which trains with torch; training_race/race.js does the same by hand, and the two agree.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ...decompose import Per, norms
from ...race import Problem, loss, problem, students, train
from ...text import number
from ..figure import Description, LiveFigure
from ..traits import Choice, Number

STEPS = 300  # of a race: the learning rate falls in a straight line to 0 at its end
TURN_RANK = 2
NAMES = {"lora": "LoRA", "output": "per output", "input": "per input"}
AXES = ("output", "input")
REACHED = 1e-6  # of the starting loss: from here on a student has reached the teacher
LEVEL = 1.05  # students whose losses are this close are level


class TrainingRace(LiveFigure):
    """How much the teacher rescales its `output`, its `input` and by how much a rank-2 matrix `turn`s it, each 0 to 1;
    the students' `rank`, the `seed` of all random numbers, the first learning `rate` and whether the `norm` is "detached" or
    "in graph". `steps` of 300 have been taken: a link opens the race there."""

    figure = "training-race"
    output = Number(0.0, least=0, most=1).tag(sync=True, state=True)
    input = Number(1.0, least=0, most=1).tag(sync=True, state=True)
    turn = Number(0.0, least=0, most=1).tag(sync=True, state=True)
    rank = Number(2, least=1, most=8, whole=True).tag(sync=True, state=True)
    rate = Number(0.02, least=0.001, most=0.2).tag(sync=True, state=True)
    seed = Number(0, least=0, most=9999, whole=True).tag(sync=True, state=True)
    norm = Choice("detached", "in graph").tag(sync=True, state=True)
    steps = Number(0, least=0, most=STEPS, whole=True).tag(sync=True, state=True)

    @staticmethod
    def describe(state: dict[str, Any]) -> Description:
        now = race(**state)
        return Description(_sentence(state, now), ("what", *NAMES.values()), tuple(_rows(state, now)))


class Axis(NamedTuple):
    """One DoRA after the steps taken: lists of one number an output or an input, against their start."""

    magnitudes: list[float]
    marks: list[float]  # where the magnitudes of a student that reaches the teacher stand
    direction: dict[Per, list[float]]  # norms of the direction along either axis

    @property
    def off(self) -> float:
        """How far the magnitude furthest from its mark is from it."""
        return max(abs(m / mark - 1) for m, mark in zip(self.magnitudes, self.marks, strict=True))


class Race(NamedTuple):
    losses: dict[str, list[float]]  # of each student at the start and after every step
    parameters: dict[str, int]
    axes: dict[Per, Axis]
    nothing: bool  # the teacher is the frozen weight: nothing is trained

    def shares(self) -> dict[str, float]:
        """How much of its starting loss each student has left."""
        return {arm: 0.0 if self.nothing else each[-1] / each[0] for arm, each in self.losses.items()}


@lru_cache(maxsize=64)
def race(*, output: float, input: float, turn: float, rank: int, rate: float, seed: int, norm: str, steps: int) -> Race:
    """All three after `steps` of STEPS, trained by torch."""
    asked = problem(output=output, input=input, turn=turn, seed=seed, turn_rank=TURN_RANK)
    layers = students(asked, rank=rank, seed=seed, norm=norm)
    nothing = not (output or input or turn)
    return Race(
        losses={
            arm: [loss(layer, asked).item()] * (steps + 1)
            if nothing
            else train(layer, asked, steps=STEPS, rate=rate, stop=steps)
            for arm, layer in layers.items()
        },
        parameters={
            arm: sum(weight.numel() for weight in layer.parameters() if weight.requires_grad)
            for arm, layer in layers.items()
        },
        axes={per: _axis(layers[per], asked, per) for per in AXES},
        nothing=nothing,
    )


def _axis(layer: Any, asked: Problem, per: Per) -> Axis:
    start = norms(asked.weight, per=per)
    direction = layer.direction().detach()
    return Axis(
        magnitudes=(layer.magnitude.detach() / start).flatten().tolist(),
        marks=(norms(asked.target, per=per) / start).flatten().tolist(),
        direction={along: norms(direction, per=along).flatten().tolist() for along in AXES},
    )


def _sentence(state: dict[str, Any], now: Race) -> str:
    if now.nothing:
        return (
            "The teacher is the frozen weight itself: all three students start there, at loss 0, "
            "and there is nothing to learn."
        )
    made = {
        "turn": f"turned by a rank-{TURN_RANK} matrix",
        "output": "rescaled by output",
        "input": "rescaled by input",
    }
    standing = (
        f"After {state['steps']} of {STEPS} steps, {_ranking(now.shares())}."
        if state["steps"]
        else f"All three start level, at a loss of {number(now.losses['lora'][0])}."
    )
    return (
        f"The teacher is the frozen weight, {_listed([words for part, words in made.items() if state[part]])}. {standing} "
        f"The magnitude furthest from the teacher's mark is off by {number(100 * now.axes['output'].off)}% per output "
        f"and {number(100 * now.axes['input'].off)}% per input."
    )


def _ranking(shares: dict[str, float]) -> str:
    reached = [arm for arm in NAMES if shares[arm] < REACHED]
    rest = sorted((arm for arm in NAMES if shares[arm] >= REACHED), key=shares.get)
    if not rest:
        return f"all three have reached it: each has {_percent(0)} of its starting loss left"
    if reached:
        verb = "have" if len(reached) > 1 else "has"
        return f"{_named(reached)} {verb} reached it, with {_percent(0)} of the starting loss left; {_others(rest, shares)}"
    first = [arm for arm in rest if shares[arm] <= LEVEL * shares[rest[0]]]
    left = _listed([_percent(shares[arm]) for arm in first])
    if first == rest:
        return f"all three are level, {_named(rest)} with {left} of the starting loss left"
    who = f"{_named(first)} are level, with" if len(first) > 1 else f"{NAMES[first[0]]} is ahead, with"
    return f"{who} {left} of the starting loss left; {_others(rest[len(first) :], shares)}"


def _others(arms: list[str], shares: dict[str, float]) -> str:
    return _listed([f"{NAMES[arm]} {'' if i else 'has '}{_percent(shares[arm])}" for i, arm in enumerate(arms)])


def _named(arms: list[str]) -> str:
    return _listed([NAMES[arm] for arm in arms])


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _percent(share: float) -> str:
    return f"less than {number(100 * REACHED)}%" if share < REACHED else f"{number(100 * share)}%"


def _rows(state: dict[str, Any], now: Race) -> list[tuple[str, ...]]:
    axes = [now.axes[per] for per in AXES]
    starts = ["0" if now.nothing else number(each[0]) for each in now.losses.values()]
    losses = ["0" if now.nothing else number(each[-1]) for each in now.losses.values()]
    shares = ["none to lose" if now.nothing else _percent(share) for share in now.shares().values()]
    return [
        ("numbers trained", *(str(count) for count in now.parameters.values())),
        ("loss at the start", *starts),
        (f"loss after step {state['steps']}", *losses),
        ("of the starting loss", *shares),
        ("magnitudes", "none", *(str(len(axis.magnitudes)) for axis in axes)),
        ("magnitudes, times their start", "none", *(_range(axis.magnitudes) for axis in axes)),
        ("the teacher's marks, times the start", "none", *(_range(axis.marks) for axis in axes)),
        ("furthest from its mark", "none", *(f"{number(100 * axis.off)}%" for axis in axes)),
        ("direction norms per output", "none", *(_range(axis.direction["output"]) for axis in axes)),
        ("direction norms per input", "none", *(_range(axis.direction["input"]) for axis in axes)),
    ]


def _range(values: list[float]) -> str:
    least, most = number(min(values)), number(max(values))
    return least if least == most else f"{least} to {most}"
