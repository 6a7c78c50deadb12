"""How often values tell a square layer's axis, and how often wrongly, as a magnitude drifts away from the norms it started from.

`PYTHONPATH=book:tests python -m bench.calibrate` prints a row for each kind of weight, size and drift. Half of the magnitudes are per
output, half per input. "other base" has the magnitudes of one weight judged with another of the same kind.
"""

from collections import Counter
from collections.abc import Callable

import torch
from dorabook.checkpoint.values import fit
from torch import Tensor

TRIALS = 400
SIZES = (16, 64, 576)
DRIFTS = (0.0, 0.01, 0.05, 0.2, 0.5)


def normal(size: int, draw: torch.Generator) -> Tensor:
    """As at the start of a training: all norms nearly alike."""
    return torch.randn(size, size, generator=draw, dtype=torch.float64)


def spread(size: int, draw: torch.Generator) -> Tensor:
    """As after one: outputs and inputs differ."""
    rows, columns = (torch.randn(size, generator=draw, dtype=torch.float64).mul(0.2).exp() for _ in range(2))
    return normal(size, draw) * rows[:, None] * columns


def outliers(size: int, draw: torch.Generator) -> Tensor:
    """A few inputs far larger than the others, as language models have; the outputs nearly alike."""
    weight = normal(size, draw)
    weight[:, torch.randperm(size, generator=draw)[: max(1, size // 50)]] *= 8
    return weight


def shared(size: int, draw: torch.Generator) -> Tensor:
    """Outputs and inputs with the same pattern, as channels of one stream have."""
    pattern = torch.randn(size, generator=draw, dtype=torch.float64).mul(0.2).exp()
    return normal(size, draw) * pattern[:, None] * pattern


def symmetric(size: int, draw: torch.Generator) -> Tensor:
    weight = normal(size, draw)
    return weight + weight.T


def independent(norms: Tensor, drift: float, draw: torch.Generator) -> Tensor:
    return norms * (1 + drift * torch.randn(len(norms), generator=draw, dtype=torch.float64))


def to_the_mean(norms: Tensor, drift: float, draw: torch.Generator) -> Tensor:
    """Drawn to their mean, and rescaled together."""
    return 1.3 * independent(norms.mean() + (1 - drift) * (norms - norms.mean()), drift, draw)


WEIGHTS: dict[str, Callable] = {
    "normal": normal,
    "spread": spread,
    "outliers": outliers,
    "shared": shared,
    "symmetric": symmetric,
}
MOVES: dict[str, Callable] = {"independent": independent, "to the mean": to_the_mean}


def verdicts(kind: str, size: int, drift: float, move: str, *, other_base: bool = False) -> Counter:
    """Counts of "right", "wrong" and "cannot tell", the first two with their confidence."""
    draw = torch.Generator().manual_seed(hash_of(kind, size, drift, move))
    counted = Counter()
    for trial in range(TRIALS):
        weight = WEIGHTS[kind](size, draw)
        norms = weight.norm(dim=1), weight.norm(dim=0)
        magnitude = MOVES[move](norms[trial % 2], drift, draw)
        if other_base:
            weight = WEIGHTS[kind](size, draw)
        found = fit(magnitude, weight.norm(dim=1), weight.norm(dim=0))
        if found.axis is None:
            counted["cannot tell"] += 1
            continue
        right = found.axis == ("per output", "per input")[trial % 2]
        counted[f"{'right' if right else 'wrong'}, {found.confidence}"] += 1
    return counted


def hash_of(*parts: object) -> int:
    """The same number in every process, unlike hash()."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(repr(parts)))


COLUMNS = ("right, high", "right, fair", "cannot tell", "wrong, fair", "wrong, high")


def main() -> None:
    print(
        f"{'weight':12} {'size':>4} {'drift':>6} {'moved':12} "
        + " ".join(f"{name:>11}" for name in COLUMNS)
        + f"   of {TRIALS}"
    )
    everything = Counter()
    for kind in WEIGHTS:
        for size in SIZES:
            rows = [(drift, move, False) for move in MOVES for drift in DRIFTS] + [(0.02, "independent", True)]
            for drift, move, other_base in rows:
                counted = verdicts(kind, size, drift, move, other_base=other_base)
                everything += counted
                name = "other base" if other_base else move
                print(f"{kind:12} {size:4} {drift:6} {name:12} " + " ".join(f"{counted[key]:11}" for key in COLUMNS))
    print(f"{'all':37} " + " ".join(f"{everything[key]:11}" for key in COLUMNS))


if __name__ == "__main__":
    main()
