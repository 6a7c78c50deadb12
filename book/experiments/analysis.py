"""The analysis of `train_both`, as its header states it: seeds as pairs, one primary contrast, every answer with its interval.

    cd book && python -m experiments.analysis        # what the stored rows say so far

Accuracies are percent, differences percentage points. Only complete seeds count: all planned arms of the task are there.
The intervals and tests themselves are dorabook/paired.py, which chapter 9 uses too.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from dorabook.paired import DRAWS, Contrast, compare, share_of_gap

from . import arms, records, train_both

DATA = Path(__file__).parents[1] / "data"

Accuracies = dict[tuple[str, str, int], dict[int, float]]  # (task, arm, rank) -> seed -> percent


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


def contrast(
    first: str, second: str, *, task: str, rank: int = train_both.RANK, folder: Path = DATA, draws: int = DRAWS
) -> Contrast:
    """Two arms compared over the task's complete seeds; of those, the ones that both arms have."""
    found = accuracies(folder)
    ranks = {arm: arms.rank_of(arm, rank) for arm in (first, second)}
    stored = {arm: found.get((task, arm, ranks[arm]), {}) for arm in ranks}
    seeds = [s for s in complete_seeds(found, task, rank=rank) if all(s in stored[arm] for arm in ranks)]
    percents = {arm: {s: stored[arm][s] for s in seeds} for arm in ranks}
    right = tuple(answers(folder, task, arm, ranks[arm], seeds) for arm in ranks)
    return compare(first, second, percents, answers=right, draws=draws)


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
