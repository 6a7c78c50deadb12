"""What full fine-tuning wants: how its change of each matrix splits into a rescale and a rank. Writes book/data/wanted.csv.

    cd book && python -m experiments.wanted          # model from the hub, data from its repository
    cd book && python -m experiments.wanted --model DIR --data DIR --remake   # the first stored seed again, compared

THE QUESTION. Before any DoRA is trained: how much could an axis matter for this encoder and task? Arm full of the first
experiment (bigram shift, its chosen rate) is trained on seeds of the second, and the change of each of the 36 matrices, W' - W,
is asked what chapter 5 asks of a made one. Every answer is a share of the change that is *missed*, by Frobenius norm:
  output, input       by the best rescale of the outputs, of the inputs, and nothing else;
  rank8               by the best update of rank 8, and nothing else;
  rank8_output, _input  by both together: chapter 5's alternation, ROUNDS rounds from the best update and from the best rescale;
  rank90, rank90_output, _input  the least rank after which at most a tenth of the change's squares is left, of the whole
                      change, and of what the best rescale leaves.
A random change is no rescale: of its squares the best one per output takes one part in in_features on average, per input one in
out_features. Exploratory; no claim was planned.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from dorabook.decompose import Per, split
from torch import Tensor, nn

from . import arms, rates, records, tasks, train_both
from .tasks import BadInput

FILE = "wanted"
SEEDS = range(rates.FIRST_SEED, rates.FIRST_SEED + 3)
RATE = 1e-4  # what the first experiment chose for arm full (train_both_choice.csv)
RANK, ROUNDS, LEFT = 8, 10, 0.1
MISSED = ("output", "input", "rank8", "rank8_output", "rank8_input")
RANKS = ("rank90", "rank90_output", "rank90_input")
KEY = ("seed", "layer", "kind")
ROW = (*KEY, "size", *MISSED, *RANKS, "correct", "device", "torch", "recipe")


def rescaled(target: Tensor, weight: Tensor, *, per: Per) -> Tensor:
    """The nearest to `target` that a rescale of `weight` reaches, both (out_features, in_features)."""
    direction = split(weight, per=per)[1]
    return (target * direction).sum(1 if per == "output" else 0, keepdim=True) * direction


def truncated(matrix: Tensor, rank: int) -> Tensor:
    """The nearest matrix of this rank."""
    U, sizes, V = torch.linalg.svd(matrix, full_matrices=False)
    return (U[:, :rank] * sizes[:rank]) @ V[:rank]


def together(target: Tensor, weight: Tensor, *, per: Per, rank: int = RANK, rounds: int = ROUNDS) -> Tensor:
    """The nearest found that a rescale of `weight` and an update of this rank reach, by turns; a turn can only help.

    It begins once from the best update and once from the best rescale, since either start can end short of the other.
    """
    found = []
    for update in (truncated(target - weight, rank), torch.zeros_like(weight)):
        for _ in range(rounds):
            near = rescaled(target - update, weight, per=per)
            update = truncated(target - near, rank)
        found.append(near + update)
    return min(found, key=lambda near: float((target - near).norm()))


def rank_needed(rest: Tensor, change: Tensor, left: float = LEFT) -> int:
    """The least rank of an update after which at most `left` of the change's squares remains of `rest`."""
    squares = torch.linalg.svdvals(rest).square()
    tails = squares.sum() - squares.cumsum(0)  # after rank 1, 2, ...
    most = left * change.square().sum()
    return 0 if squares.sum() <= most else 1 + int((tails > most).sum())


def asked(before: Tensor, after: Tensor) -> dict[str, float | int]:
    """What one matrix's change wants: MISSED as shares and RANKS as whole numbers, and the change's size against W."""
    weight, target = before.double(), after.double()
    change = target - weight
    near: dict[str, Tensor] = {per: rescaled(target, weight, per=per) for per in rates.AXES}
    ranks = {"rank90": rank_needed(change, change)}
    ranks |= {f"rank90_{per}": rank_needed(target - near[per], change) for per in rates.AXES}
    near["rank8"] = weight + truncated(change, RANK)
    near |= {f"rank8_{per}": together(target, weight, per=per) for per in rates.AXES}
    missed = {name: float((target - near[name]).norm() / change.norm()) for name in MISSED}
    return {"size": float(change.norm() / weight.norm())} | missed | ranks


def rows_of(bench: train_both.Bench, seed: int) -> list[dict]:
    """One full fine-tuning, and what each of its matrices wants."""
    job = train_both.Job(train_both.ONCE[0], "full", 0, seed)
    task, last = bench.tasks[job.task], {}

    def measure(encoder: nn.Module) -> Callable[[int, int], None]:
        return lambda step, steps: last.update(arms.weights(encoder)) if step == steps else None

    train, test = task.draw(bench.train_rows, seed=seed)[0], task.test(bench.test_rows)
    _, _, said = train_both.run(bench, job, train, test, RATE, rates.HEAD_RATE, measure=measure)
    also = {name: said[name] for name in ("correct", "device", "torch", "recipe")}
    found = []
    for name, before in arms.weights(bench.encoder).items():
        layer, kind = arms.place_of(name)
        wants = {key: f"{value:.6g}" for key, value in asked(before, last[name]).items()}
        found.append({"seed": seed, "layer": layer, "kind": kind} | wants | also)
    return found


def provenance(folder: Path) -> None:
    content = (folder / f"{FILE}.csv").read_bytes()
    said = {
        "what": "what full fine-tuning's change of each matrix wants; columns in book/experiments/wanted.py",
        "command": "cd book && python -m experiments.wanted --model DIR --data DIR",
        "model": {"hub": train_both.HUB, "model.safetensors sha256": train_both.MODEL_SHA256},
        "data": {"source": tasks.SOURCE, "licence": "CC BY 4.0, not stored here", "sha256": tasks.SHA256},
        "commit": train_both.COMMIT,
        "rows": content.count(b"\n") - 1,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    records.replace(folder / f"{FILE}.json", json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def read(folder: Path) -> list[records.Row]:
    return list(records.first_of_each(records.read(folder / f"{FILE}.csv", ROW), KEY).values())


def go(bench: train_both.Bench, folder: Path, *, say: Callable[[str], None]) -> int:
    """Make every seed that `folder` lacks. Returns how many were made."""
    there = {int(row["seed"]) for row in read(folder)}
    left = [seed for seed in SEEDS if seed not in there]
    for seed in left:
        records.append(folder / f"{FILE}.csv", ROW, rows_of(bench, seed))
        provenance(folder)
        say(f"seed {seed} made")
    return len(left)


def remake(bench: train_both.Bench, folder: Path) -> tuple[str, bool]:
    """The first stored seed made again, nothing written: a sentence, and whether its rows hold."""
    stored = {key: row for row in read(folder) if (key := (row["layer"], row["kind"])) and row["seed"] == f"{SEEDS[0]}"}
    if not stored:
        raise BadInput(f"{folder} has no rows of seed {SEEDS[0]}: make them first, without --remake.")
    again = rows_of(bench, SEEDS[0])
    far = max(
        abs(float(row[name]) - float(stored[row["layer"], row["kind"]][name])) for row in again for name in MISSED
    )
    return (
        f"full fine-tuning, seed {SEEDS[0]}: no share differs by more than {far:.2g} from the stored one",
        far <= 0.01,
    )


def main(argv: list[str] | None = None) -> int:
    parser = train_both.places("wanted", __doc__)
    parser.add_argument("--remake", action="store_true", help="make the first stored seed again and compare")
    args = parser.parse_args(argv)
    try:
        if not args.out.is_dir():
            raise BadInput(f"--out {args.out} is no folder: make it first.")
        torch.set_num_threads(1)
        records.mend(args.out / f"{FILE}.csv")
        bench = train_both.bench_of(args)
        if args.remake:
            text, holds = remake(bench, args.out)
            print(text)
            return 0 if holds else 1
        made = go(bench, args.out, say=lambda line: print(line, flush=True))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made} seeds made, {len(SEEDS) - made} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
