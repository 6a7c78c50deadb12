"""The analysis of `rates`, as its header states it: the axis, the rate, breaking down, and the signs of two bruises.

    cd book && python -m experiments.rates_analysis        # what the stored rows say

Accuracies are percent, differences percentage points, pairs are seeds. A group that lacks a run gets a count and no verdict.
What is general, intervals and exact tests, is dorabook/paired.py.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dorabook import paired
from dorabook.paired import DRAWS, Interval

from . import rates, records
from .rates import Run

DATA = Path(__file__).parents[1] / "data"
MARGIN = 0.5  # points: what would matter
PRIMARY_RATES = (0.0005, 0.001, 0.002, 0.003)
RATE_PAIR = (0.003, 0.001)
CHOICES = (0.001, 0.002, 0.003)
BREAKING = (0.005, 0.007)
LEAST = 60.0  # percent: a run that ends below has broken down
PER_OUTPUT, PER_INPUT = "dora-output-detached", "dora-input-detached"


class Incomplete(Exception):
    """A group has not all its runs; the message says how many there are."""


@dataclass(frozen=True)
class Results:
    """Answers of every stored run: right or wrong for each test sentence."""

    answers: dict[tuple[str, ...], np.ndarray]  # Run.key -> (sentences,) of bool

    def percents(self, group: str, arm: str, rate: float, *, rank: int = 8, bruise: str = "") -> dict[int, float]:
        """Accuracy by seed of what is stored; nobody draws a conclusion from half a group."""
        of = [
            run
            for run in rates.grid()
            if (run.group, run.arm, run.rate, run.bruise, run.rank) == (group, arm, rate, bruise, rank)
        ]
        return {run.seed: 100 * float(self.answers[run.key].mean()) for run in of if run.key in self.answers}

    def whole(self, group: str) -> None:
        """Incomplete unless every planned run of the group is there."""
        planned = [run.key for run in rates.grid() if run.group == group]
        there = sum(key in self.answers for key in planned)
        if there < len(planned):
            raise Incomplete(f"group {group}: {there} of {len(planned)} runs are there, no verdict yet")

    def points(self, group: str, arm: str, rate: float, seeds: range, *, bruise: str = "") -> np.ndarray:
        """100 for each right answer and 0 for each wrong one, (seeds, sentences): its means are percents."""
        keys = [Run(group, arm, bruise, 8, rate, seed).key for seed in seeds]
        return np.array([100.0 * self.answers[key] for key in keys])


def results(folder: Path = DATA) -> Results:
    stored = rates.done(folder)
    return Results({key: np.array(records.unbits(row["answers"], int(row["test"]))) for key, row in stored.items()})


@dataclass(frozen=True)
class Effect:
    """A mean over paired seeds, with both intervals."""

    by_seed: tuple[float, ...]
    over_seeds: Interval  # 95 %, paired t
    over_both: Interval  # 95 %, two-way bootstrap over seeds and sentences
    sign_flip: float  # exact p, two-sided


def effect(each: np.ndarray, *, draws: int = DRAWS) -> Effect:
    """`each`: a difference in points for every seed and sentence, (seeds, sentences)."""
    by_seed = each.mean(1)
    both = paired.two_way(each, draws=draws)[0]
    return Effect(
        tuple(map(float, by_seed)),
        paired.t_interval(by_seed),
        paired.percentile(both, mean=float(each.mean())),
        paired.sign_flip(by_seed),
    )


# 1 the axis


def axis_points(found: Results) -> np.ndarray:
    """Per output minus per input, mean over the rates up to 0.003, (seeds, sentences)."""
    return np.mean([_axes(found, rate) for rate in PRIMARY_RATES], axis=0)


def _axes(found: Results, rate: float) -> np.ndarray:
    found.whole("R")
    seeds = rates.first_seeds(rates.SEEDS)
    return found.points("R", PER_OUTPUT, rate, seeds) - found.points("R", PER_INPUT, rate, seeds)


@dataclass(frozen=True)
class Primary:
    axis: Effect
    equivalent: float  # p of the two one-sided t tests at the margin
    over_both_90: Interval

    @property
    def verdict(self) -> str:
        differs = _without_zero(self.axis.over_seeds) and _without_zero(self.axis.over_both)
        inside = self.over_both_90.low > -MARGIN and self.over_both_90.high < MARGIN
        said = ["different"] * differs + [f"smaller than {MARGIN:g} point"] * (self.equivalent < 0.05 and inside)
        return " and ".join(said) or "undecided"


def primary(found: Results, *, draws: int = DRAWS) -> Primary:
    each = axis_points(found)
    both = paired.two_way(each, draws=draws)[0]
    return Primary(
        effect(each, draws=draws),
        paired.two_one_sided(each.mean(1), margin=MARGIN),
        paired.percentile(both, mean=float(each.mean()), level=0.90),
    )


def _without_zero(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


# 2 the rate


def rate_points(found: Results) -> np.ndarray:
    """(a): 0.003 minus 0.001, mean of both axes, (seeds, sentences)."""
    high, low = (_at(found, rate) for rate in RATE_PAIR)
    return high - low


def chosen_points(found: Results) -> np.ndarray:
    """(b): best minus worst of three rates, chosen for each seed by the other seeds' means, (seeds, sentences)."""
    at = np.array([_at(found, rate) for rate in CHOICES])  # (rates, seeds, sentences)
    means = at.mean(2)  # (rates, seeds)
    others = (means.sum(1, keepdims=True) - means) / (means.shape[1] - 1)
    seeds = np.arange(means.shape[1])
    return at[others.argmax(0), seeds] - at[others.argmin(0), seeds]


def _at(found: Results, rate: float) -> np.ndarray:
    found.whole("R")
    seeds = rates.first_seeds(rates.SEEDS)
    return (found.points("R", PER_OUTPUT, rate, seeds) + found.points("R", PER_INPUT, rate, seeds)) / 2


@dataclass(frozen=True)
class RateAgainstAxis:
    rate: Effect
    over_seeds: Interval  # of |rate effect| minus |axis effect|, signs as observed
    over_both: Interval  # the same with the signs of each draw

    @property
    def stands(self) -> bool:
        """May "the axis matters less than the rate" be said?"""
        return self.over_seeds.low > 0 and self.over_both.low > 0


def rate_against_axis(found: Results, points: np.ndarray, *, draws: int = DRAWS) -> RateAgainstAxis:
    """`points`: the rate effect as `rate_points` or `chosen_points` gives it."""
    axis = axis_points(found)
    by_rate, by_axis = (np.sign(each.mean()) * each.mean(1) for each in (points, axis))
    drawn_rate, drawn_axis = paired.two_way(points, axis, draws=draws)
    mean = abs(float(points.mean())) - abs(float(axis.mean()))
    return RateAgainstAxis(
        effect(points, draws=draws),
        paired.t_interval(by_rate - by_axis),
        paired.percentile(abs(drawn_rate) - abs(drawn_axis), mean=mean),
    )


# 3 breaking down


@dataclass(frozen=True)
class Breakdowns:
    """How many runs of each arm ended below 60 %, and the exact McNemar p of the pairs in which one did."""

    runs: int
    first: int
    second: int
    first_alone: int
    second_alone: int
    p: float


def breakdowns(
    found: Results, rate: float, *, group: str = "R", arms: tuple[str, str] = (PER_OUTPUT, PER_INPUT)
) -> Breakdowns:
    found.whole(group)
    first, second = (found.percents(group, arm, rate) for arm in arms)
    pairs = [(first[seed] < LEAST, second[seed] < LEAST) for seed in sorted(first.keys() & second.keys())]
    alone = pairs.count((True, False)), pairs.count((False, True))
    return Breakdowns(len(pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs), *alone, paired.mcnemar(*alone))


# 4 the bruises


@dataclass(frozen=True)
class Sign:
    """Per output minus per input after one bruise, with the sign that chapter 5 predicts."""

    predicted: int
    effect: Effect
    one_sided: float  # exact sign-flip p in the predicted direction
    bound: float  # two-way one-sided 95 % bound, on the side of 0

    @property
    def verdict(self) -> str:
        return "confirmed" if self.one_sided < 0.05 and self.bound * self.predicted > 0 else "not confirmed"


def bruise_sign(found: Results, bruise: str, *, draws: int = DRAWS) -> Sign:
    found.whole("B")
    seeds = rates.first_seeds(rates.FEWER)
    first, second = (found.points("B", arm, rates.BRUISED_AT, seeds, bruise=bruise) for arm in (PER_OUTPUT, PER_INPUT))
    predicted = 1 if bruise == "output" else -1
    each = first - second
    bound = float(np.quantile(paired.two_way(each, draws=draws)[0], 0.05 if predicted > 0 else 0.95))
    one_sided = paired.sign_flip(predicted * each.mean(1), alternative="greater")
    return Sign(predicted, effect(each, draws=draws), one_sided, bound)


def report(folder: Path = DATA, *, draws: int = DRAWS) -> str:
    """What the header's four questions have for answers, as text."""
    found, lines = results(folder), []
    for ask in (_say_axis, _say_rate, _say_breaking, _say_bruises):
        try:
            lines += ask(found, draws)
        except Incomplete as why:
            lines.append(str(why))
    return "\n".join(lines)


def _say_axis(found: Results, draws: int) -> list[str]:
    said = primary(found, draws=draws)
    return [
        f"axis, per output - per input: {_say(said.axis)}; 90 % over both {said.over_both_90}; "
        f"two one-sided p {said.equivalent:.4f}: {said.verdict}"
    ]


def _say_rate(found: Results, draws: int) -> list[str]:
    lines = []
    for name, points in (("0.003 - 0.001", rate_points(found)), ("best - worst", chosen_points(found))):
        said = rate_against_axis(found, points, draws=draws)
        lines.append(f"rate, {name}: {_say(said.rate)}")
        lines.append(
            f"  |rate| - |axis|: seeds {said.over_seeds}, both {said.over_both}: "
            + ("above 0" if said.stands else "undecided")
        )
    return lines


def _say_breaking(found: Results, draws: int) -> list[str]:
    return [f"below {LEAST:g} % at {rate:g}, per output and per input: {breakdowns(found, rate)}" for rate in BREAKING]


def _say_bruises(found: Results, draws: int) -> list[str]:
    lines = []
    for bruise in rates.AXES:
        said = bruise_sign(found, bruise, draws=draws)
        lines.append(
            f"bruised per {bruise}: {_say(said.effect)}; one-sided p {said.one_sided:.4f}, bound {said.bound:+.2f}: {said.verdict}"
        )
    return lines


def _say(effect: Effect) -> str:
    return f"seeds {effect.over_seeds}, both {effect.over_both}, sign-flip p {effect.sign_flip:.4f}"


if __name__ == "__main__":
    print(report(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA))
