"""The recorded runs of both experiments, as chapter 9 reads them: the tables beside this file as numbers.

`python -m experiments.excerpt` takes the tables from book/data/train_both*.csv, rates.csv and wanted.csv. How those came
about, and which machine ran them: book/experiments/train_both.py, rates.py and wanted.py, and the json beside each csv.

Arms are named as in experiments/arms.py, tasks as in experiments/tasks.py. What is not in the rows is not in what these return.
"""

import base64
import csv
import zlib
from pathlib import Path

import numpy as np

Move = dict[str, str | int | float]


def accuracies(task: str) -> dict[str, dict[int, float]]:
    """{arm: {seed: percent of test sentences right}}, arms in the plan's order."""
    found: dict[str, dict[int, float]] = {}
    for row in _rows("runs.csv", task=task):
        found.setdefault(row["arm"], {})[int(row["seed"])] = 100 * int(row["correct"]) / int(row["test"])
    return found


def sizes(task: str) -> tuple[int, int]:
    """How many sentences a run is trained on and tested on."""
    row = _rows("runs.csv", task=task)[0]
    return int(row["train"]), int(row["test"])


def chosen_rates(task: str) -> dict[str, float]:
    """The learning rate each arm was run at, the head's for "head"."""
    return {row["arm"]: float(row["rate"]) for row in _rows("runs.csv", task=task)}


def validated(task: str) -> dict[str, dict[float, int]]:
    """{arm: {learning rate: validation sentences right}}: what the rates were chosen by."""
    found: dict[str, dict[float, int]] = {}
    for row in _rows("choices.csv", task=task):
        found.setdefault(row["arm"], {})[float(row["rate"])] = int(row["correct"])
    return found


def answers(arm: str) -> np.ndarray:
    """Whether each of the primary task's test sentences was right, (seeds, sentences). The two primary arms alone."""
    lines = [row["bits"] for row in _rows("answers.csv", arm=arm)]
    return np.array([[int(bit) for digit in line for bit in f"{int(digit, 16):04b}"] for line in lines], dtype=bool)


def losses() -> dict[str, list[float]]:
    """{arm: the training loss of every step}, primary task, seed 0."""
    return {row["arm"]: [float(loss) for loss in row["losses"].split()] for row in _rows("losses.csv")}


def moves() -> list[Move]:
    """dM and dD (equations 3 and 4 of the paper) of every trained matrix: arm, layer, kind, per, quarter of the steps, dM, dD."""
    return [
        {"arm": row["arm"], "layer": int(row["layer"]), "kind": row["kind"], "per": row["per"]}
        | {"quarter": quarter, "dM": float(dM), "dD": float(dD)}
        for row in _rows("moves.csv")
        for quarter, (dM, dD) in enumerate(zip(row["dM"].split(), row["dD"].split(), strict=True), 1)
    ]


def wanted() -> list[dict[str, str | int | float]]:
    """What full fine-tuning's change of each matrix wants, means over three seeds: layer, kind, size (of the change, against W),
    shares missed and ranks needed, named as in experiments/wanted.py."""
    return [
        {
            name: value if name == "kind" else int(value) if name == "layer" else float(value)
            for name, value in row.items()
        }
        for row in _rows("wanted.csv")
    ]


def plan() -> dict[str, tuple[str, int, bool]]:
    """{group of the second experiment: (what it varies, planned runs, whether all of them are there)}."""
    return {row["group"]: (row["what"], int(row["runs"]), row["whole"] == "1") for row in _rows("plan.csv")}


def at_rates(group: str = "R") -> dict[tuple[str, str, int, float], dict[int, float]]:
    """{(arm, bruise, rank, rate): {seed: percent of test sentences right}} of a group, nothing until it is whole."""
    return {
        (row["arm"], row["bruise"], int(row["rank"]), float(row["rate"])): {
            seed: 100 * int(count) / int(row["test"])
            for seed, count in enumerate(row["correct"].split(), int(row["first_seed"]))
        }
        for row in _rows("rates.csv", group=group)
    }


def reach(group: str = "R") -> dict[tuple[str, str, int, float], tuple[float, float]]:
    """{(arm, bruise, rank, rate): (smallest, largest m / m0 at the end of any seed)} of the arms that have magnitudes."""
    return {
        (row["arm"], row["bruise"], int(row["rank"]), float(row["rate"])): (float(row["m_least"]), float(row["m_most"]))
        for row in _rows("rates.csv", group=group)
        if row["m_least"]
    }


def rate_answers(group: str = "R") -> dict[tuple[str, str, float], np.ndarray]:
    """{(arm, bruise, rate): whether each test sentence was right, (seeds, sentences)}: both axes, the rates of the primary contrast."""
    found = {}
    for row in _rows("rate_answers.csv", group=group):
        arms, bruises, rates = row["arms"].split(" "), row["bruises"].split(" "), row["rates"].split(" ")
        sizes = int(row["sentences"]), int(row["seeds"]), len(bruises), len(rates), len(arms)
        bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(row["packed"])), dtype=np.uint8))
        each = bits[: np.prod(sizes)].reshape(sizes).astype(bool)
        for b, bruise in enumerate(bruises):
            for r, rate in enumerate(rates):
                found |= {(arm, bruise, float(rate)): each[:, :, b, r, a].T for a, arm in enumerate(arms)}
    return found


def _rows(table: str, **asked: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(_text(table).splitlines()) if asked.items() <= row.items()]


def _text(table: str) -> str:
    """From this module's loader, which reads files here and memory in a published notebook."""
    return __loader__.get_data(str(Path(__file__).with_name(table))).decode("utf-8")
