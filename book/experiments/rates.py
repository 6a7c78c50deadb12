"""Accuracy against learning rate: per output against per input, the second experiment. Writes book/data/rates.csv.

    cd book && python -m experiments.rates                     # model from the hub, data from its repository
    cd book && python -m experiments.rates --model DIR --data DIR --out DIR
    cd book && python -m experiments.rates --model DIR --data DIR --remake      # a stored row of each group, made again

Runs from a clean clone of the plan's commit, the one that added this file, and refuses to write from anything else. Killing
it loses the run it is in; the same command goes on. With one thread on one machine a row is made again bit for bit.

WHY A SECOND ONE. The first (experiments/train_both.py) chose each arm's rate on one seed, by differences within the noise of its
validation, so that the two axes trained at rates three times apart and their contrast measured the rate as much as the axis. Five
seeds cannot give a sign-flip p below 1/16. And its plan cannot be told from its first results in the history. Here no rate is
chosen, both axes are read at every rate, and the history shows this file before any row.

THE QUESTION, as before. Does it matter for accuracy whether DoRA's magnitudes stand one per output or one per input?

WHAT IS EQUAL. The first experiment's recipe, unchanged: all-MiniLM-L6-v2 without dropout, the six linear layers of its six blocks
adapted, bigram shift on Banking77's sentences (1,500 to train on, drawn by the seed; the same 2,000 to test on), rank 8,
alpha / rank = 2 at every rank, AdamW, 3 epochs of batches of 32, the head's rate 0.1, one thread. All runs of a seed see the same
sentences in the same order and start from the same head and, at one rank, the same A. The last epoch is reported. Seeds are 5 and up: those of
the first experiment, 0 to 4, and the pilot's are not among them.

THE GRID, in the order it runs. Within a group seed by seed, so that whole pairs accumulate.
  R  rates          DoRA, norm detached, per output and per input, at 0.0005, 0.001, 0.002, 0.003, 0.005 and 0.007, seeds 5 to 20;
                    LoRA at the same rates, seeds 5 to 12.
  B  bruises        Before training, the outputs (rows) of every adapted weight (out_features, in_features) are multiplied by factors 2^z, z normal with
                    standard deviation 0.5, drawn by seed and layer; or, the other bruise, its inputs are. The bias stays as it is.
                    DoRA per output, per input and LoRA repair it at 0.002, seeds 5 to 12.
  P  m / m0         DoRA detached with m / m0 trained in place of m, both axes, 0.001, 0.002, 0.003, 0.005, seeds 5 to 12.
  G  in the graph   DoRA with the norm in the gradient, both axes, the same rates and seeds.
  K  ranks          DoRA detached at ranks 1 and 32, both axes, 0.001 and 0.003, seeds 5 to 12.
  M  magnitudes     m alone, both axes, 0.01, 0.03, 0.06, 0.1, seeds 5 to 12.
The number of seeds is this one and is not chosen by looking. A group without all its runs gets no verdict: the analysis says how
many are there, and the chapter what has not run. No run is left out, however it ended.

THE ANALYSIS, written before the first row (experiments/rates_analysis.py computes it and nothing else is a claim).
  Accuracies in percent, differences in points, always paired by seed. "Two-way" is a percentile bootstrap that redraws seeds and
  test sentences together, 10,000 draws, the same sentences for all arms: the seeds share one test set, and the t interval knows
  nothing of that.
  1 Primary. The axis effect: per output minus per input, mean over the four rates up to 0.003, 16 seeds.
      - different: the paired 95 % t interval and the two-way 95 % interval both exclude 0; the exact sign-flip p stands beside.
      - smaller than half a point: two one-sided t tests at 5 % against -0.5 and +0.5, and the two-way 90 % interval lies inside.
      Both, one or neither can hold; neither is undecided.
  2 The rate effect, mean of both axes, 16 seeds, in two forms. (a) 0.003 minus 0.001. (b) The best of 0.001, 0.002 and 0.003
    minus the worst; for each seed best and worst are those of the other 15 seeds' means, so that choosing does not favour it.
    Each with its t and its two-way interval. Then rate effect minus |axis effect|: "the axis matters less than the rate"
    stands only if, for (a), taken as |0.003 minus 0.001|, the t interval (signs as observed) and the two-way interval are both
    above 0. (b) is shown beside it.
  3 Breaking down. A run that ends below 60 % of the test sentences has broken down (guessing is 50 %). A pilot on other seeds
    showed that at 0.005 some runs do, and not equally often on both axes. At 0.005 and at 0.007 the counts of the two axes are
    compared pair by pair: exact McNemar test, each at 2.5 %.
  4 The two signs of B, 8 seeds. Per output minus per input is above 0 where outputs were bruised, and below 0 where inputs were.
    A sign is confirmed where the exact one-sided sign-flip p is below 0.05 and the two-way one-sided 95 % bound excludes 0.
  Everything else (P, G, K, M, LoRA, single rates, the columns of the smallest and largest m / m0) is exploratory: shown with its
  interval, no claim.

WHAT WE EXPECT.
  1 Smaller than half a point. A and B can make up for either axis at rank 8.
  2 (a) about +0.7 point, as the first experiment's five seeds gave; larger than the axis effect.
  3 If Adam's relative step is the cause, per input breaks down more often. Adam's step does not grow with what it moves, so m moves by
    rate / m of itself: the mean of 1 / m0 over all adapted layers is 0.95 per input and 0.81 per output, and 6.5 % of the magnitudes per input
    start below 0.7 against 2.5 % per output. In P both axes start at 1: then the two counts at 0.005 come together, and they do
    not vanish, since m / m0 moves by the same share as an m of 1. If P's counts are as far apart as R's on the same seeds, the relative
    step is not the cause. If LoRA breaks down as often, m is not the cause at all.
  4 Signs as said: a factor per output is what m per output undoes alone, and the other axis needs A and B for it (chapter 5). The size is
    another matter: at 0.002 the rates of the 141 steps add up to about 0.14, so an m near 1 moves by a seventh at most, where
    the bruise is a factor of 1.4 for a typical output. So +0.5 and -0.5 point, with a range from 0 to 2.
WHAT WOULD CHANGE OUR MIND. "Different" in 1 with a mean of half a point or more: then the axis matters in training here, and the
book says so. A sign of B against the prediction, confirmed by the same rule turned round: then chapter 5's argument does not carry over to training.
NOT SHOWN. One encoder of one size, one task, one language, English bank customers.
"""

import argparse
import copy
import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from dorabook.decompose import Per
from dorabook.layers import DoRALinear
from torch import nn

from . import arms, records, tasks, train_both
from .tasks import BadInput

TASK = "bigram-shift"
HEAD_RATE = 0.1
FIRST_SEED, SEEDS, FEWER = 5, 16, 8
RATES = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.007)
BRUISED_AT = 0.002
SPREAD = 0.5  # standard deviation of the bruises' binary logarithm
AXES: tuple[Per, ...] = ("output", "input")

KEY = ("group", "arm", "bruise", "rank", "rate", "seed")
ROW = (*KEY, "train", "test", "correct", "loss_first", "loss_last", "trained", "m_least", "m_most", "seconds")
ROW += ("device", "threads", "torch", "recipe", "commit", "answers")
FILE = "rates"


@dataclass(frozen=True)
class Run:
    group: str
    arm: str
    bruise: str  # "" or the axis whose factors were drawn
    rank: int
    rate: float
    seed: int

    @property
    def key(self) -> tuple[str, ...]:
        return self.group, self.arm, self.bruise, str(self.rank), f"{self.rate:g}", str(self.seed)

    def __str__(self) -> str:
        bruise = f", bruised per {self.bruise}" if self.bruise else ""
        return f"{self.group}: {self.arm}{bruise}, rank {self.rank}, rate {self.rate:g}, seed {self.seed}"


def grid() -> list[Run]:
    """Every planned run, in the plan's order."""
    runs = []
    for seed in first_seeds(SEEDS):
        for rate in RATES:
            runs += [_run("R", f"dora-{per}-detached", rate, seed) for per in AXES]
            runs += [_run("R", "lora", rate, seed)] if seed in first_seeds(FEWER) else []
    for seed in first_seeds(FEWER):
        for bruise in AXES:
            repairs = ("dora-output-detached", "dora-input-detached", "lora")
            runs += [_run("B", arm, BRUISED_AT, seed, bruise=bruise) for arm in repairs]
    for group, arm in (("P", "dora-{}-detached-relative"), ("G", "dora-{}-graph")):
        runs += _both_axes(group, arm, (0.001, 0.002, 0.003, 0.005))
    runs += _both_axes("K", "dora-{}-detached", (0.001, 0.003), ranks=(1, 32))
    runs += _both_axes("M", "magnitude-{}", (0.01, 0.03, 0.06, 0.1))
    return runs


def first_seeds(count: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + count)


def _both_axes(group: str, arm: str, rates: tuple[float, ...], *, ranks: tuple[int, ...] = (8,)) -> list[Run]:
    return [
        _run(group, arm.format(per), rate, seed, rank=rank)
        for seed in first_seeds(FEWER)
        for rank in ranks
        for rate in rates
        for per in AXES
    ]


def _run(group: str, arm: str, rate: float, seed: int, *, bruise: str = "", rank: int = 8) -> Run:
    return Run(group, arm, bruise, arms.rank_of(arm, rank), rate, seed)


def bruised(encoder: nn.Module, *, per: Per, seed: int) -> nn.Module:
    """A copy of `encoder`, every adapted weight (out_features, in_features) times seeded factors: one an output, or one an input."""
    encoder = copy.deepcopy(encoder)
    with torch.no_grad():
        for name, layer in arms.linears(encoder):
            outputs, inputs = layer.weight.shape
            size = (outputs, 1) if per == "output" else (1, inputs)
            draw = torch.randn(size, generator=tasks.stream(seed, "bruise", per, name), dtype=torch.float64)
            layer.weight.mul_((2 ** (SPREAD * draw)).to(layer.weight))
    return encoder


def train(bench: train_both.Bench, run: Run) -> dict:
    """One run of the grid as a row of the csv."""
    if run.bruise:
        bench = replace(bench, encoder=bruised(bench.encoder, per=run.bruise, seed=run.seed))
    task = bench.tasks[TASK]
    examples, held = task.draw(bench.train_rows, seed=run.seed)[0], task.test(bench.test_rows)
    ends: dict[str, str] = {}

    def measure(encoder: nn.Module) -> Callable[[int, int], None]:
        start = magnitudes(encoder)
        return lambda step, steps: ends.update(extremes(start, magnitudes(encoder))) if step == steps else None

    job = train_both.Job(TASK, run.arm, run.rank, run.seed)
    right, _, said = train_both.run(bench, job, examples, held, run.rate, HEAD_RATE, measure=measure)
    row = said | dict(zip(KEY, run.key, strict=True)) | ends | {"test": len(held), "answers": records.bits(right)}
    return {name: row.get(name, "") for name in ROW} | {"recipe": recipe(bench)}


def magnitudes(encoder: nn.Module) -> list[torch.Tensor]:
    return [m.magnitude.detach().clone() for m in encoder.modules() if isinstance(m, DoRALinear)]


def extremes(start: list[torch.Tensor], now: list[torch.Tensor]) -> dict[str, str]:
    """Smallest and largest m / m0 over all layers; nothing where an arm has no m."""
    if not start:
        return {}
    shares = torch.cat([(new / old).flatten() for new, old in zip(now, start, strict=True)])
    return {"m_least": f"{shares.min():.6g}", "m_most": f"{shares.max():.6g}"}


def recipe(bench: train_both.Bench) -> str:
    """A hash of everything that a row depends on: the first experiment's recipe and this grid."""
    own = [bench.recipe, HEAD_RATE, SPREAD, [run.key for run in grid()]]
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()[:12]


def done(folder: Path) -> dict[tuple[str, ...], records.Row]:
    """The stored rows by their key."""
    return records.first_of_each(records.read(folder / f"{FILE}.csv", ROW), KEY)


def go(bench: train_both.Bench, folder: Path, runs: list[Run], *, commit: str, say: Callable[[str], None]) -> int:
    """Make every row of `runs` that `folder` lacks. Returns how many were made."""
    there = done(folder)
    for name, mine in (("recipe", recipe(bench)), ("commit", commit)):
        if others := {row[name] for row in there.values()} - {mine}:
            raise BadInput(
                f"{folder} holds rows of {name} {others.pop()}, this is {mine}: name another folder with --out."
            )
    left, began = [run for run in runs if run.key not in there], time.perf_counter()
    for number, run in enumerate(left, 1):
        row = train(bench, run) | {"commit": commit}
        records.append(folder / f"{FILE}.csv", ROW, [row])
        provenance(folder, bench, commit)
        ahead = (time.perf_counter() - began) / number * (len(left) - number)
        bar = train_both.bar(len(runs) - len(left) + number, len(runs), ahead)
        say(f"{bar}: {run}, {float(row['seconds']):.0f} s")  # no accuracy: nobody looks before a group is whole
    return len(left)


def provenance(folder: Path, bench: train_both.Bench, commit: str) -> None:
    """rates.json beside the rows: plan, model, data, versions, and the file's rows and checksum."""
    content = (folder / f"{FILE}.csv").read_bytes()
    said = {
        "what": "test accuracy of DoRA per output and per input against learning rate; plan in book/experiments/rates.py",
        "command": "cd book && python -m experiments.rates --model DIR --data DIR --out DIR",
        "plan": commit,
        "model": {"hub": train_both.HUB, "model.safetensors sha256": train_both.MODEL_SHA256},
        "data": {"source": tasks.SOURCE, "licence": "CC BY 4.0, not stored here", "sha256": tasks.SHA256},
        "recipe": recipe(bench),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")}
        | {"python": platform.python_version()},
        "date": datetime.now(UTC).date().isoformat(),
        "rows": content.count(b"\n") - 1,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    records.replace(folder / f"{FILE}.json", json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def remake(bench: train_both.Bench, folder: Path, run: Run) -> tuple[str, bool]:
    """One stored row made again, nothing written: a sentence, and whether the row holds.

    On the same processor and torch every answer must come out as stored; on others half a point is rounding.
    """
    row = done(folder).get(run.key)
    if row is None:
        raise BadInput(f"{folder} has no row of {run}: make it first, without --remake.")
    new, count = train(bench, run), int(row["test"])
    both = zip(records.unbits(new["answers"], count), records.unbits(row["answers"], count), strict=True)
    differ = sum(a != b for a, b in both)
    same = all(str(new[name]) == row[name] for name in ("device", "threads", "torch"))
    where = "on what the stored row was made on" if same else f"on {new['device']}, stored on {row['device']}"
    text = f"{run}: {new['correct']} of {count} right, stored {row['correct']}; {differ} sentences differ, {where}"
    return text, differ == 0 if same else 100 * abs(new["correct"] - int(row["correct"])) / count <= 0.5


def plan_commit(root: Path = Path(__file__).parents[2]) -> str:
    """The commit that added this file, where the checkout is at it and clean. BadInput for anything else."""
    try:
        shallow = _git(root, "rev-parse", "--is-shallow-repository") == "true"
        added = (
            "" if shallow else _git(root, "log", "--diff-filter=A", "--format=%H", "--", "book/experiments/rates.py")
        )
    except (OSError, subprocess.CalledProcessError):
        added = ""
    if not added:
        raise BadInput(
            "The plan's commit is not found here, and rows are made in a git clone with its whole history: make one."
        )
    plan = added.splitlines()[-1]
    if (head := _git(root, "rev-parse", "HEAD")) != plan:
        raise BadInput(
            f"This is commit {head[:10]}, and rows are made at the plan's: git clone . ../plan && git -C ../plan "
            f"checkout {plan[:10]}, then run there."
        )
    if changes := _git(
        root, "status", "--porcelain", "--", ".", *(f":(exclude)book/data/{FILE}.{e}" for e in ("csv", "json"))
    ):
        raise BadInput(
            f"The checkout has changes ({changes.splitlines()[0].split()[-1]}), and rows are made by the plan's code "
            "alone: run from a clean clone."
        )
    return plan


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def parse_only(text: str, runs: list[Run]) -> list[Run]:
    """The runs that `group=R,seed=5,seed=6` names; a name given twice means either."""
    wanted: dict[str, set[str]] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in KEY or value not in {run.key[KEY.index(name)] for run in runs}:
            raise BadInput(f"--only has {part!r}, and no planned run has that: names are {', '.join(KEY)}.")
        wanted.setdefault(name, set()).add(value)
    found = [r for r in runs if all(r.key[KEY.index(name)] in values for name, values in wanted.items())]
    if not found:
        raise BadInput(f"--only {text} names no planned run.")
    return found


def first_of_each_group(runs: list[Run]) -> list[Run]:
    return list({run.group: run for run in reversed(runs)}.values())[::-1]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.rates", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help=f"folder of {train_both.HUB}; without it, from the hub")
    parser.add_argument(
        "--data", type=Path, help="folder with Banking77's train.csv and test.csv; without it, from its repository"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "data", help="folder of the csv (%(default)s)"
    )
    parser.add_argument(
        "--only", default="", help="a slice: group=…,arm=…,rate=…,seed=…; a name given twice means either"
    )
    parser.add_argument(
        "--remake", action="store_true", help="make the first stored row of each group (of --only) again and compare"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        runs = parse_only(args.only, grid())
        if not args.out.is_dir():
            raise BadInput(f"--out {args.out} is no folder: make it first.")
        commit = "" if args.remake else plan_commit()
        torch.set_num_threads(1)
        records.mend(args.out / f"{FILE}.csv")
        there = done(args.out)
        files = {name: tasks.read(args.data, name) for name in tasks.SHA256}
        bench = train_both.Bench(*train_both.load_model(args.model), files.__getitem__, train_both.RECIPES)
        if args.remake:
            stored = [run for run in runs if run.key in there]
            held = [remake(bench, args.out, run) for run in first_of_each_group(stored or runs[:1])]
            print("\n".join(text for text, _ in held))
            return 0 if all(holds for _, holds in held) else 1
        made = go(bench, args.out, runs, commit=commit, say=lambda line: print(line, flush=True))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        why = f"{error.filename or args.out}: {error.strerror or error}"
        print(f"{why}. Every row that is there is whole: see to that, and the same command goes on.", file=sys.stderr)
        return 1
    print(f"{made} rows made, {len(runs) - made} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
