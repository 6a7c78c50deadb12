"""Which norms of a square base weight does a magnitude follow?

A magnitude starts as one of the two sets of norms and training moves it a little. Both sets have the same sum of squares,
so their size tells nothing. What tells is the pattern: ln m = a ln(norms per output) + b ln(norms per input) + constant
has slopes (1, 0) for a magnitude per output that never moved and (0, 1) for one per input. The fit takes both at once,
so norms that resemble each other show as large errors, and a magnitude of another model as two slopes near 0.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..text import fixed
from .rules import RULES, say

FIT = RULES["fit"]
FEWEST = FIT["fewest"]  # numbers to fit two slopes, a constant and a spread
LEAST_VARIANCE = FIT["least_variance"]  # of ln m: a hundredth of a percent, finer than half precision stores
FURTHEST = FIT["furthest"]  # median distances from the median: three standard deviations of normal numbers
ALIKE = FIT["alike"]  # 1 - squared correlation of the two sets of norms
LEAST_SPREAD = FIT["least_spread"]  # of ln norms: below it rounding draws the pattern
HIGH, FAIR = (
    FIT["high"],
    FIT["fair"],
)  # (z, furthest own slope from 1, furthest other slope from 0); by tests/bench/calibrate.py


@dataclass(frozen=True)
class Slopes:
    """Slopes of ln m on both sets of norms, their standard errors, and `z`, in standard deviations: above 0 for outputs."""

    output: float
    output_error: float
    input: float
    input_error: float
    z: float

    def __str__(self) -> str:
        numbers = {name: fixed(value, 2) for name, value in vars(self).items()}
        return say("slopes", **numbers)


@dataclass(frozen=True)
class Fit:
    """`why`: "tell", "drifted" or "neither", and "few", "constant" or "alike" where no slopes exist. `compared` numbers were used."""

    why: Literal["tell", "drifted", "neither", "few", "constant", "alike"]
    compared: int
    axis: Literal["per output", "per input"] | None = None
    confidence: Literal["high", "fair", "none"] = "none"
    slopes: Slopes | None = None


def fit(magnitude: np.ndarray, per_output: np.ndarray, per_input: np.ndarray) -> Fit:
    """All three are (n,) float64; the latter two are norms of the base weight (n, n)."""
    magnitude, per_output, per_input = (np.asarray(one, np.float64) for one in (magnitude, per_output, per_input))
    kept = np.all([np.isfinite(one) & (one > 0) for one in (magnitude, per_output, per_input)], axis=0)
    count = int(kept.sum())
    if count < FEWEST:
        return Fit("few", count)
    if np.ptp(magnitude[kept]) == 0:
        return Fit("constant", count)
    x, p, q = (centred(tamed(np.log(values[kept]))) for values in (magnitude, per_output, per_input))
    spp, sqq, spq, sxp, sxq = (float(one @ other) for one, other in ((p, p), (q, q), (p, q), (x, p), (x, q)))
    determinant = spp * sqq - spq * spq
    if min(spp, sqq) <= count * LEAST_SPREAD**2 or determinant <= ALIKE * spp * sqq:
        return Fit("alike", count)
    a, b = (sxp * sqq - sxq * spq) / determinant, (sxq * spp - sxp * spq) / determinant
    variance = max(float(np.square(x - a * p - b * q).sum()) / (count - 3), LEAST_VARIANCE)
    t = (a - b) / math.sqrt(variance * (spp + sqq + 2 * spq) / determinant)
    # Fisher's z of the partial correlation that belongs to t, in a form that does not overflow
    z = math.asinh(t / math.sqrt(count - 3)) * math.sqrt(count - 4)
    slopes = Slopes(a, math.sqrt(variance * sqq / determinant), b, math.sqrt(variance * spp / determinant), z)
    return decided(slopes, count)


def decided(slopes: Slopes, count: int) -> Fit:
    sides = (
        ("per output", slopes.output, slopes.input, slopes.z),
        ("per input", slopes.input, slopes.output, -slopes.z),
    )
    for axis, own, other, z in sides:
        if told := confidence(own, other, z):
            return Fit("tell", count, axis, told, slopes)
    below = [
        slope + FIT["errors"] * error < FIT["half"]
        for slope, error in ((slopes.output, slopes.output_error), (slopes.input, slopes.input_error))
    ]
    return Fit("neither" if all(below) else "drifted", count, slopes=slopes)


def confidence(own: float, other: float, z: float) -> Literal["high", "fair"] | None:
    for word, (least, off, most) in (("high", HIGH), ("fair", FAIR)):
        if z >= least and 1 - off <= own <= 1 + off and abs(other) <= most:
            return word
    return None


def tamed(values: np.ndarray) -> np.ndarray:
    """`values` with the far ones drawn in to FURTHEST, so that one huge channel that two models share decides nothing."""
    middle = np.median(values)
    reach = FURTHEST * np.median(np.abs(values - middle))
    return values.clip(middle - reach, middle + reach) if reach > 0 else values


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()
