"""The analysis of `train_both`, as its header states it: seeds as pairs, one primary contrast, every answer with its interval.

    cd book && python -m experiments.analysis        # what the stored rows say so far

Accuracies are percent, differences percentage points. Only complete seeds count: all planned arms of the task are there.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from . import arms, records, train_both

DATA = Path(__file__).parents[1] / "data"
MARGIN = 1.0  # points: what would matter
LEAST_GAP = 10.0  # points between floor and ceiling, below which a share of it says nothing
DRAWS = 10_000

Accuracies = dict[tuple[str, str, int], dict[int, float]]  # (task, arm, rank) -> seed -> percent


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


@dataclass(frozen=True)
class Contrast:
    """Accuracy of `first` minus `second`, in points. The fields that need two seeds are None with fewer."""

    first: str
    second: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    over_seeds: Interval | None  # 95 %, paired t
    equivalent: (
        float | None
    )  # p of the two one-sided tests at the margin: below 0.05 the difference is smaller than that
    over_sentences: Interval | None  # 95 %, bootstrap

    @property
    def verdict(self) -> str:
        """What may be said, in the plan's words."""
        if self.over_seeds is None:
            return "too few seeds"
        differs = self.over_seeds.low > 0 or self.over_seeds.high < 0
        small = self.equivalent < 0.05
        return {
            (False, False): "undecided",
            (False, True): f"smaller than {MARGIN:g} point",
            (True, False): "different",
            (True, True): f"different, and smaller than {MARGIN:g} point",
        }[differs, small]


def accuracies(folder: Path = DATA) -> Accuracies:
    """Test accuracy of every stored row."""
    found: Accuracies = {}
    for (task, arm, rank, seed), row in train_both.Store(folder).done().items():
        percent = 100 * int(row["correct"]) / int(row["test"])
        found.setdefault((task, arm, int(rank)), {})[int(seed)] = percent
    return found


def complete_seeds(found: Accuracies, task: str, *, rank: int = train_both.RANK) -> tuple[int, ...]:
    """Seeds for which every planned arm of the task is there: no arm is read from half a seed."""
    seeds = [set(found.get((task, arm, arms.rank_of(arm, rank)), {})) for arm in arms.PLANNED]
    return tuple(sorted(set.intersection(*seeds)))


def answers(folder: Path, task: str, arm: str, rank: int, seeds: Sequence[int]) -> np.ndarray:
    """Whether each test sentence got its class, (seeds, sentences)."""
    store = train_both.Store(folder)
    rows, right = store.done(), records.first_of_each(store.read("train_both_sentences"), train_both.KEY)
    keys = [(task, arm, str(rank), str(seed)) for seed in seeds]
    return np.array([records.unbits(right[key]["correct_bits"], int(rows[key]["test"])) for key in keys])


def share_of_gap(percent: float, *, floor: float, ceiling: float) -> float | None:
    """(arm - head) / (full - head): 0 is the frozen encoder, 1 is full fine-tuning. None where the gap is below ten points.

    >>> share_of_gap(84.0, floor=64.0, ceiling=89.0)
    0.8
    """
    gap = ceiling - floor
    return (percent - floor) / gap if gap >= LEAST_GAP else None


def shares(found: Accuracies, task: str, *, rank: int = train_both.RANK) -> dict[str, dict[int, float | None]]:
    """Every planned arm's share of the gap of its own seed."""
    floor, ceiling = found.get((task, "head", 0), {}), found.get((task, "full", 0), {})
    return {
        arm: {
            seed: share_of_gap(
                found[task, arm, arms.rank_of(arm, rank)][seed], floor=floor[seed], ceiling=ceiling[seed]
            )
            for seed in complete_seeds(found, task, rank=rank)
        }
        for arm in arms.PLANNED
    }


def t_interval(differences: Sequence[float], *, level: float = 0.95) -> Interval:
    """Mean of paired differences and its Student interval. Needs two pairs."""
    if len(differences) < 2:
        raise ValueError(f"{len(differences)} difference has no interval: run two seeds or more")
    mean, error = float(np.mean(differences)), float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    half = float(stats.t.ppf((1 + level) / 2, len(differences) - 1)) * error
    return Interval(mean, mean - half, mean + half)


def two_one_sided(differences: Sequence[float], *, margin: float = MARGIN) -> float:
    """p of the two one-sided t tests against -margin and +margin: the larger of both.

    Below 0.05 exactly where the 90 % interval lies inside the margins (Schuirmann, 1987).
    """
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def bootstrap(first: np.ndarray, second: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Mean difference in points and its 95 % percentile interval over redrawn test sentences.

    `first`, `second`: (seeds, sentences) of right or wrong. A draw takes the same sentences for both arms and all seeds.
    """
    if first.shape != second.shape:
        raise ValueError(f"first is {first.shape}, second {second.shape}: pairs need one shape (seeds, sentences)")
    each = 100 * (first.astype(float) - second.astype(float)).mean(0)  # points, one a sentence
    rng = np.random.default_rng(seed)
    means = [each[rng.integers(len(each), size=len(each))].mean() for _ in range(draws)]
    return Interval(float(each.mean()), *(float(x) for x in np.quantile(means, [0.025, 0.975])))


def contrast(
    first: str, second: str, *, task: str, rank: int = train_both.RANK, folder: Path = DATA, draws: int = DRAWS
) -> Contrast:
    """Two arms compared over the task's complete seeds; of those, the ones that both arms have."""
    found = accuracies(folder)
    ranks = [arms.rank_of(arm, rank) for arm in (first, second)]
    one, two = (found.get((task, arm, r), {}) for arm, r in zip((first, second), ranks, strict=True))
    seeds = tuple(s for s in complete_seeds(found, task, rank=rank) if s in one and s in two)
    differences = tuple(one[s] - two[s] for s in seeds)
    enough = len(seeds) > 1
    right = [answers(folder, task, arm, r, seeds) for arm, r in zip((first, second), ranks, strict=True)]
    return Contrast(
        first,
        second,
        seeds,
        differences,
        t_interval(differences) if enough else None,
        two_one_sided(differences) if enough else None,
        bootstrap(*right, draws=draws) if seeds else None,
    )


def primary(*, folder: Path = DATA, draws: int = DRAWS) -> Contrast:
    """The one primary contrast: per output minus per input, detached, rank 8, bigram-shift."""
    return contrast(*arms.PRIMARY, task=train_both.ONCE[0], folder=folder, draws=draws)


def moves(folder: Path = DATA) -> list[dict]:
    """dM and dD of every trained matrix: task, arm, quarter, layer, kind, per, dM, dD, as numbers where they are."""
    key = (*train_both.KEY, "quarter", "layer", "kind", "per")
    rows = records.first_of_each(train_both.Store(folder).read("train_both_deltas"), key).values()
    whole = ("rank", "seed", "quarter", "layer")
    return [row | {name: int(row[name]) for name in whole} | {d: float(row[d]) for d in ("dM", "dD")} for row in rows]


def losses(folder: Path = DATA) -> dict[str, list[float]]:
    """The loss of every step by arm, for the task and seed they were kept for."""
    rows = records.first_of_each(train_both.Store(folder).read("train_both_losses"), (*train_both.KEY, "step"))
    found: dict[str, list[float]] = {}
    for row in sorted(rows.values(), key=lambda row: int(row["step"])):
        found.setdefault(row["arm"], []).append(float(row["loss"]))
    return found


def report(folder: Path = DATA) -> str:
    """Every task's arms over its complete seeds, and the primary contrast, as text."""
    found, lines = accuracies(folder), []
    for task in train_both.TASKS:
        seeds = complete_seeds(found, task)
        lines.append(f"{task}: {len(seeds)} complete seeds {list(seeds)}")
        for arm in arms.PLANNED if seeds else ():
            percents = [found[task, arm, arms.rank_of(arm, train_both.RANK)][seed] for seed in seeds]
            part = [s for s in shares(found, task)[arm].values() if s is not None]
            share = f"{100 * float(np.mean(part)):4.0f} % of the gap" if part else "the gap is below ten points"
            lines.append(f"  {arm:30} {float(np.mean(percents)):6.2f} %  {share}")
    main = primary(folder=folder)
    lines.append(f"primary, {main.first} - {main.second}: {[round(d, 2) for d in main.differences]}: {main.verdict}")
    if main.over_seeds:
        lines.append(f"  over seeds {main.over_seeds}, two one-sided p {main.equivalent:.3f}")
    if main.over_sentences:
        lines.append(f"  over test sentences {main.over_sentences}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA))
