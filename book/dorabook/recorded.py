"""The recorded runs of the experiment, as chapter 9 reads them: the rows of recorded_rows.py as numbers.

Arms are named as in experiments/arms.py, tasks as in experiments/tasks.py. What is not in the rows is not in what these return.
"""

import csv

import numpy as np

from . import recorded_rows

Move = dict[str, str | int | float]


def accuracies(task: str) -> dict[str, dict[int, float]]:
    """{arm: {seed: percent of test sentences right}}, arms in the plan's order."""
    found: dict[str, dict[int, float]] = {}
    for row in _rows(recorded_rows.RUNS, task=task):
        found.setdefault(row["arm"], {})[int(row["seed"])] = 100 * int(row["correct"]) / int(row["test"])
    return found


def sizes(task: str) -> tuple[int, int]:
    """How many sentences a run is trained on and tested on."""
    row = _rows(recorded_rows.RUNS, task=task)[0]
    return int(row["train"]), int(row["test"])


def chosen_rates(task: str) -> dict[str, float]:
    """The learning rate each arm was run at, the head's for "head"."""
    return {row["arm"]: float(row["rate"]) for row in _rows(recorded_rows.RUNS, task=task)}


def validated(task: str) -> dict[str, dict[float, int]]:
    """{arm: {learning rate: validation sentences right}}: what the rates were chosen by."""
    found: dict[str, dict[float, int]] = {}
    for row in _rows(recorded_rows.CHOICES, task=task):
        found.setdefault(row["arm"], {})[float(row["rate"])] = int(row["correct"])
    return found


def answers(arm: str) -> np.ndarray:
    """Whether each of the primary task's test sentences was right, (seeds, sentences). The two primary arms alone."""
    lines = [row["bits"] for row in _rows(recorded_rows.ANSWERS, arm=arm)]
    return np.array([[int(bit) for digit in line for bit in f"{int(digit, 16):04b}"] for line in lines], dtype=bool)


def losses() -> dict[str, list[float]]:
    """{arm: the training loss of every step}, primary task, seed 0."""
    return {row["arm"]: [float(loss) for loss in row["losses"].split()] for row in _rows(recorded_rows.LOSSES)}


def moves() -> list[Move]:
    """dM and dD (equations 3 and 4 of the paper) of every trained matrix: arm, layer, kind, per, quarter of the steps, dM, dD."""
    return [
        {"arm": row["arm"], "layer": int(row["layer"]), "kind": row["kind"], "per": row["per"]}
        | {"quarter": quarter, "dM": float(dM), "dD": float(dD)}
        for row in _rows(recorded_rows.MOVES)
        for quarter, (dM, dD) in enumerate(zip(row["dM"].split(), row["dD"].split(), strict=True), 1)
    ]


def _rows(text: str, **asked: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(text.splitlines()) if asked.items() <= row.items()]
