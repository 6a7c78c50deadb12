"""What chapter 9 needs of book/data/train_both*.csv, rates.csv and wanted.csv, as tables that travel with a published notebook.

    cd book && python -m experiments.excerpt         # writes dorabook/recorded/*.csv

Rows of complete seeds alone, as the analysis counts them, and the arms beside the plan that have run for one of these.
Numbers are cut to what a picture shows; counts and answers are whole. Of the second experiment, groups that have all their planned
runs, and of the others the number that is planned: so the tables change only when a group becomes whole.
"""

import base64
import sys
import zlib
from pathlib import Path

import numpy as np

from . import analysis, arms, rates, rates_analysis, records, train_both, wanted
from .tasks import TASKS, BadInput

FOLDER = Path(__file__).parents[1] / "dorabook" / "recorded"
PRIMARY_TASK, FIRST_SEED = train_both.ONCE
LOSS_ARMS = ("lora", *arms.PRIMARY, arms.PEFT)
KINDS = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention out",
    "intermediate.dense": "widening",
    "output.dense": "narrowing",
}
MOVE_ARMS = ("lora", arms.PRIMARY[0], f"{arms.PRIMARY[1]}-swapped", "full")  # the adapters at one learning rate
WANTED = ("size", *wanted.MISSED, *wanted.RANKS)
ORDER = (*arms.PLANNED, *arms.SWAPPED, arms.PEFT)
GROUPS = {
    "R": "rates",
    "B": "bruised encoders",
    "P": "m/m₀ in place of m",
    "G": "norm in the graph",
    "K": "ranks 1 and 32",
    "M": "magnitudes alone",
}


def tables(folder: Path = analysis.DATA) -> dict[str, str]:
    """{"runs.csv": its text}. BadInput where no seed is complete."""
    store = train_both.Store(folder)
    parts = {
        "runs.csv": ["task,arm,seed,rate,train,test,correct", *runs(store)],
        "choices.csv": ["task,arm,rate,correct", *choices(store)],
        "answers.csv": ["arm,seed,bits", *answers(store)],
        "losses.csv": ["arm,losses", *losses(folder)],
        "moves.csv": ["arm,layer,kind,per,dM,dD", *moves(folder)],
        "wanted.csv": [",".join(["layer", "kind", *WANTED]), *wants(folder)],
    }
    return {name: "\n".join(lines) + "\n" for name, lines in parts.items()} | rate_tables(folder)


def rate_tables(folder: Path) -> dict[str, str]:
    """The tables of the second experiment."""
    parts = {
        "plan.csv": ["group,what,runs,whole", *plan(folder)],
        "rates.csv": ["group,arm,bruise,rank,rate,first_seed,test,m_least,m_most,correct", *rate_runs(folder)],
        "rate_answers.csv": ["group,arms,bruises,rates,first_seed,seeds,sentences,packed", *rate_answers(folder)],
    }
    return {name: "\n".join(lines) + "\n" for name, lines in parts.items()}


def complete(store: train_both.Store) -> list[records.Row]:
    """Rows at the planned rank and of complete seeds, tasks and arms in the plan's order."""
    found = analysis.accuracies(store.folder)
    seeds = {task: analysis.complete_seeds(found, task) for task in TASKS}
    if not all(seeds.values()):
        raise BadInput(f"{store.folder} has no complete seed of {min(seeds, key=lambda t: len(seeds[t]))}.")
    grid = [(task, arm, seed) for task in TASKS for arm in ORDER for seed in seeds[task]]
    keys = [(task, arm, str(arms.rank_of(arm, train_both.RANK)), str(seed)) for task, arm, seed in grid]
    return [row for row in map(store.done().get, keys) if row]


def runs(store: train_both.Store) -> list[str]:
    names = "task", "arm", "seed"
    return [
        ",".join([*(row[name] for name in names), _rate(row), row["train"], row["test"], row["correct"]])
        for row in complete(store)
    ]


def choices(store: train_both.Store) -> list[str]:
    rows = records.first_of_each(store.read("train_both_choice"), (*train_both.KEY, "lr_adapter", "lr_head")).values()
    ranks = {str(arms.rank_of(arm, train_both.RANK)) for arm in arms.PLANNED}
    rows = sorted(
        (row for row in rows if row["rank"] in ranks),
        key=lambda row: (list(TASKS).index(row["task"]), ORDER.index(row["arm"]), float(_rate(row))),
    )
    return [",".join([row["task"], row["arm"], _rate(row), row["correct"]]) for row in rows]


def _rate(row: records.Row) -> str:
    return row["lr_head" if row["arm"] == "head" else "lr_adapter"]


def answers(store: train_both.Store) -> list[str]:
    seeds = {row["seed"] for row in complete(store) if row["task"] == PRIMARY_TASK}
    rows = records.first_of_each(store.read("train_both_sentences"), ("task", "arm", "seed"))
    return [
        f"{arm},{seed},{rows[PRIMARY_TASK, arm, seed]['correct_bits']}"
        for arm in arms.PRIMARY
        for seed in sorted(seeds, key=int)
    ]


def losses(folder: Path) -> list[str]:
    found = analysis.losses(folder)
    return [f"{arm}," + " ".join(f"{loss:.5g}" for loss in found[arm]) for arm in LOSS_ARMS if arm in found]


def moves(folder: Path) -> list[str]:
    """One line a matrix and axis, its four quarters side by side."""
    lines: dict[tuple[str, ...], dict[str, list[str]]] = {}
    found = [move for move in analysis.moves(folder) if move["arm"] in MOVE_ARMS]
    for move in sorted(found, key=lambda move: (MOVE_ARMS.index(move["arm"]), move["quarter"])):
        line = lines.setdefault((move["arm"], str(move["layer"]), KINDS[move["kind"]], move["per"]), {})
        for d in ("dM", "dD"):
            line.setdefault(d, []).append(f"{move[d]:.3g}")
    return [",".join([*name, " ".join(both["dM"]), " ".join(both["dD"])]) for name, both in lines.items()]


def wants(folder: Path) -> list[str]:
    """One line a matrix: means over the seeds of what full fine-tuning's change of it misses and needs."""
    found: dict[tuple[str, str], list[records.Row]] = {}
    for row in wanted.read(folder):
        found.setdefault((row["layer"], KINDS[row["kind"]]), []).append(row)
    return [
        ",".join([*matrix, *(f"{np.mean([float(row[name]) for row in rows]):.4g}" for name in WANTED)])
        for matrix, rows in found.items()
    ]


def plan(folder: Path) -> list[str]:
    """How many runs each group of the second experiment has by its plan, and whether they are all there."""
    there = whole_groups(folder)
    planned = [run.group for run in rates.grid()]
    return [f"{group},{what},{planned.count(group)},{int(group in there)}" for group, what in GROUPS.items()]


def whole_groups(folder: Path) -> list[str]:
    there = rates.done(folder)
    return [group for group in GROUPS if all(run.key in there for run in rates.grid() if run.group == group)]


def rate_runs(folder: Path) -> list[str]:
    """One line an arm and rate of a whole group: the smallest and largest m / m0 at the end of any seed, right answers seed by seed."""
    there, whole, lines = rates.done(folder), whole_groups(folder), {}
    for run in (run for run in rates.grid() if run.group in whole):
        lines.setdefault((*run.key[:-1], str(rates.FIRST_SEED)), []).append(there[run.key])
    return [
        ",".join([*name, rows[0]["test"], *_reach(rows), " ".join(row["correct"] for row in rows)])
        for name, rows in lines.items()
    ]


def _reach(rows: list[records.Row]) -> tuple[str, str]:
    """Two empty words where an arm has no magnitudes."""
    if not rows[0]["m_least"]:
        return "", ""
    least, most = (pick(float(row[name]) for row in rows) for pick, name in ((min, "m_least"), (max, "m_most")))
    return f"{least:.4g}", f"{most:.4g}"


def rate_answers(folder: Path) -> list[str]:
    """Answers of the runs whose verdict needs them: both axes at the rates of the primary contrast, and after a bruise.

    Bits by sentence, then seed, bruise, rate and arm: what lies side by side is nearly alike, so that it packs well.
    """
    lines, found = [], rates_analysis.results(folder).answers
    axes = rates_analysis.PER_OUTPUT, rates_analysis.PER_INPUT
    for group in whole_groups(folder):
        wanted = {
            "R": (rates.SEEDS, ("",), rates_analysis.PRIMARY_RATES),
            "B": (rates.FEWER, rates.AXES, (rates.BRUISED_AT,)),
        }
        if group in wanted:
            seeds, bruises, at = wanted[group]
            runs = [
                rates.Run(group, arm, bruise, 8, rate, seed)
                for seed in rates.first_seeds(seeds)
                for bruise in bruises
                for rate in at
                for arm in axes
            ]
            bits = np.array([found[run.key] for run in runs]).T  # (sentences, runs)
            packed = base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode()
            names = [" ".join(axes), " ".join(bruises), " ".join(f"{rate:g}" for rate in at)]
            lines.append(",".join([group, *names, str(rates.FIRST_SEED), str(seeds), str(len(bits)), packed]))
    return lines


def main() -> int:
    try:
        made = tables()
    except BadInput as error:
        print(error, file=sys.stderr)
        return 1
    for name, text in made.items():
        records.replace(FOLDER / name, text)
        print(f"{name}: {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
