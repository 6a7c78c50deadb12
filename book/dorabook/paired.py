"""Two ways of training compared pair by pair: the mean difference, how sure it is, and whether it is smaller than what matters.

Accuracies are percent, differences percentage points. A pair is one seed: the same examples, order and start for both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MARGIN = 1.0  # points: what would matter
LEAST_GAP = 10.0  # points between floor and ceiling, below which a share of it says nothing
DRAWS = 10_000


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
    over_sentences: Interval | None  # 95 %, bootstrap; None where the single answers are not at hand

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


def compare(
    first: str,
    second: str,
    accuracies: dict[str, dict[int, float]],
    *,
    answers: tuple[np.ndarray, np.ndarray] | None = None,
    draws: int = DRAWS,
) -> Contrast:
    """Two names of `accuracies`, {name: {seed: percent}}, over the seeds that both have.

    `answers`: for both, whether each test sentence was right, (seeds, sentences), in the order of these seeds.
    """
    one, two = accuracies[first], accuracies[second]
    seeds = tuple(sorted(one.keys() & two.keys()))
    differences = tuple(one[seed] - two[seed] for seed in seeds)
    enough = len(seeds) > 1
    return Contrast(
        first,
        second,
        seeds,
        differences,
        t_interval(differences) if enough else None,
        two_one_sided(differences) if enough else None,
        bootstrap(*answers, draws=draws) if answers is not None and seeds else None,
    )


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

    `first`, `second`: (seeds, sentences) of right or wrong. A draw takes the same sentences for both and all seeds.
    """
    if first.shape != second.shape:
        raise ValueError(f"first is {first.shape}, second {second.shape}: pairs need one shape (seeds, sentences)")
    each = 100 * (first.astype(float) - second.astype(float)).mean(0)  # points, one a sentence
    rng = np.random.default_rng(seed)
    means = [each[rng.integers(len(each), size=len(each))].mean() for _ in range(draws)]
    return Interval(float(each.mean()), *(float(x) for x in np.quantile(means, [0.025, 0.975])))


def two_way(*each: np.ndarray, draws: int = DRAWS, seed: int = 0) -> list[np.ndarray]:
    """Means of `each` (seeds, sentences) under redrawn seeds and sentences, (draws,): the same draws for all of them.

    Crossed bootstrap (Owen, 2007): rows and columns of (seeds, sentences) are drawn apart, so that both sources of chance are in it.
    """
    if len({one.shape for one in each}) != 1:
        raise ValueError(f"shapes are {[one.shape for one in each]}: all need one shape (seeds, sentences)")
    seeds, sentences = each[0].shape
    rng = np.random.default_rng(seed)
    by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds  # (draws, seeds)
    means = np.zeros((len(each), draws))
    for k in range(draws):
        by_sentence = np.bincount(rng.integers(sentences, size=sentences), minlength=sentences) / sentences
        means[:, k] = [by_seed[k] @ one @ by_sentence for one in each]
    return list(means)


def percentile(drawn: np.ndarray, *, mean: float, level: float = 0.95) -> Interval:
    """The percentile interval of bootstrap draws around the mean that was observed."""
    return Interval(mean, *(float(x) for x in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])))


def sign_flip(differences: Sequence[float], *, alternative: str = "two-sided") -> float:
    """Exact p of the mean under every choice of signs, 2^n of them: no shape of the differences is assumed."""
    test = stats.permutation_test(
        (np.asarray(differences),),
        lambda x, axis: np.round(np.mean(x, axis=axis), 9),  # else means that are equal but for rounding are no ties
        permutation_type="samples",
        vectorized=True,
        alternative=alternative,
        n_resamples=np.inf,
        batch=4096,
    )
    return float(test.pvalue)


def mcnemar(first_alone: int, second_alone: int) -> float:
    """Exact two-sided p that of the pairs in which one alone fell, each was as likely to. 1 where there is none."""
    alone = first_alone + second_alone
    return float(stats.binomtest(first_alone, alone, 0.5).pvalue) if alone else 1.0


def share_of_gap(percent: float, *, floor: float, ceiling: float) -> float | None:
    """(percent - floor) / (ceiling - floor): 0 at the floor, 1 at the ceiling. None where the gap is below ten points.

    >>> share_of_gap(84.0, floor=64.0, ceiling=89.0)
    0.8
    """
    gap = ceiling - floor
    return (percent - floor) / gap if gap >= LEAST_GAP else None
