"""What chapter 9 needs of book/data/train_both*.csv, as tables that travel with a published notebook.

    cd book && python -m experiments.excerpt         # writes dorabook/recorded/*.csv

Rows of complete seeds alone, as the analysis counts them, and the arms beside the plan that have run for one of these.
Numbers are cut to what a picture shows; counts and answers are whole.
"""

import sys
from pathlib import Path

from . import analysis, arms, records, train_both
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
ORDER = (*arms.PLANNED, *arms.SWAPPED, arms.PEFT)


def tables(folder: Path = analysis.DATA) -> dict[str, str]:
    """{"runs.csv": its text}. BadInput where no seed is complete."""
    store = train_both.Store(folder)
    parts = {
        "runs.csv": ["task,arm,seed,rate,train,test,correct", *runs(store)],
        "choices.csv": ["task,arm,rate,correct", *choices(store)],
        "answers.csv": ["arm,seed,bits", *answers(store)],
        "losses.csv": ["arm,losses", *losses(folder)],
        "moves.csv": ["arm,layer,kind,per,dM,dD", *moves(folder)],
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
