"""Train both: per output against per input on a real pretrained encoder and real sentences. Writes book/data/train_both*.csv.

    cd book && python -m experiments.train_both                     # model from the hub, data from its repository
    cd book && python -m experiments.train_both --model DIR --data DIR
    cd book && python -m experiments.train_both --only arm=lora,seed=0,task=banking77
    cd book && python -m experiments.train_both --model DIR --data DIR --remake   # one stored row, made again and compared

Killing it loses the run it is in; the same command goes on. Several can share one folder if their --only do not overlap.
With one thread on one machine a row is made again bit for bit; another processor or torch version rounds differently.

THE QUESTION. Does it matter for accuracy whether DoRA's magnitudes stand one per output (peft, the authors' code) or one
per input (Raschka's tutorial)?

MODEL. sentence-transformers/all-MiniLM-L6-v2, 22 M parameters, six blocks. The six linear layers of each block are adapted:
four of 384x384, where the axes have equal shapes, and 1536x384 and 384x1536, where they have not. Dropout is off.

TASKS. Two, from the sentences of Banking77 (experiments/tasks.py).
  bigram-shift  1,500 sentences drawn by the seed: were two neighbouring words swapped? 2,000 fixed test sentences.
                Mean-pooled frozen features can hardly tell, so the adapter has something to do: the task of the primary contrast.
  banking77     ten sentences for each of 77 intents, drawn by the seed; all 3,080 test sentences. The encoder was made for
                such sentences: a tuned head on frozen features is hard to beat, and arms may well tie with the floor.
FLOOR AND CEILING. Arm head trains only the head on the frozen encoder, arm full trains everything; the other arms are
read as a share of that gap, (arm - head) / (full - head), where the gap is at least ten points, and never elsewhere.

ARMS. lora; dora-{output,input}-{detached,graph}: the axis, and whether the norm is part of the gradient; magnitude-{output,input}:
magnitudes alone; head; full. Rank 8, alpha / rank = 2. All arms of a seed see the same sentences in the same order, and start
from the same A and the same head. peft-dora is dora-output-detached computed by the installed peft, once, as a check on our layer.

LEARNING RATES are chosen per arm and task on validation sentences drawn from the training file with an extra seed, never on
test sentences: three values each, stated in RATES; most validation sentences right, on a tie the smaller rate. The head's rate
is chosen first, by arm head, and kept for all arms. AdamW, warm-up over a tenth of the steps, then linearly to 0; weight decay
0.01 on matrices, none on magnitudes. A fixed number of epochs; the last one is reported.

THE ANALYSIS, written before the first test result was seen (experiments/analysis.py computes it).
  Primary contrast, the only one: test accuracy of dora-output-detached minus dora-input-detached, rank 8, bigram-shift, paired by
  seed, over the seeds that are complete. The number of seeds is what time allows, at least five, and is not chosen by looking.
  - a paired t interval (95 %) over seeds: does the difference differ from 0?
  - two one-sided t tests at 5 % against -1 and +1 point (that is: is the 90 % interval inside): is it smaller than matters?
    Both, one or neither can hold; neither is reported as undecided.
  - a bootstrap over test sentences (10,000 draws, the same sentences for both arms and all seeds): how far the answer hangs on
    which sentences happened to be in the test set. Seeds share one test set, so the t interval does not contain this.
  Every other comparison is exploratory: shown with its interval, no claim.
WHAT WE EXPECT. A difference below one point, since A and B can make up for either axis at rank 8.
WHAT WOULD CHANGE OUR MIND. A 95 % interval without 0 and a mean of one point or more, of the same sign with m/m0 trained
(below). Then the axis matters in training here, and the book's sentence "both are good adapters" goes.
CONFOUND. On the 1536x384 layers a magnitude starts about twice as large per input as per output (2.54 against 1.25, means over
the six blocks), on the 384x1536 layers half as large (0.85 against 1.69), and Adam's step does not grow with it: the same rate is relatively half as fast there.
Arms *-relative train m/m0, which starts at 1 on both axes, and separate the two explanations.
STRENGTH. A block has 3,456 magnitudes on either axis, so neither arm has more to train.
NOT SHOWN. One encoder of one size, one language, two tasks made from one source, one rank unless more rows are there.

SEEN SINCE, after the first seed, and not changed. Some chosen rates are the smallest or largest of their three: the head's on
bigram-shift (0.1), magnitude-* (largest on bigram-shift, smallest on banking77), and dora-input-detached on bigram-shift (0.001,
by 862 to 859 of 1,000, where per output chose 0.003 by 870 to 862). So the primary arms train at rates three times apart, by a
choice within the validation's noise. Exploratory arms *-swapped run each axis at the other's rate on bigram-shift and so tell the
axis from the rate; they are no part of the primary contrast.
"""

import argparse
import copy
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from . import arms, deltas, records, tasks, training
from .tasks import TASKS, BadInput, Rows, Task

HUB = "sentence-transformers/all-MiniLM-L6-v2"
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of model.safetensors

RECIPES = {"bigram-shift": training.Recipe(epochs=3, batch=32), "banking77": training.Recipe(epochs=5, batch=32)}
RATES = {  # by what an arm trains; an arm is found by the first word of its name
    "head": (1e-2, 3e-2, 1e-1),
    "full": (3e-5, 1e-4, 3e-4),
    "lora": (1e-3, 3e-3, 1e-2),
    "dora": (1e-3, 3e-3, 1e-2),
    "magnitude": (3e-3, 1e-2, 3e-2),
}
RANK, SEEDS = 8, 5
CHOICE_SEED = 1000  # of the draw that learning rates are chosen on
DELTA_ARMS = ("lora", *arms.PRIMARY, "full", *arms.SWAPPED)  # at one rate, dM and dD compare the axes alone
ONCE = "bigram-shift", 0  # task and seed of what is done once: dM and dD, every loss, and peft

KEY = ("task", "arm", "rank", "seed")
ROW = (
    *KEY,
    "lr_adapter",
    "lr_head",
    "epochs",
    "batch",
    "train",
    "test",
    "correct",
    "accuracy",
    "loss_first",
    "loss_last",
)
ROW += ("trained", "seconds", "device", "threads", "torch", "recipe")
CHOICE = (*KEY, "lr_adapter", "lr_head", "epochs", "batch", "train", "validation", "correct", "loss_first", "loss_last")
CHOICE += ("seconds", "device", "threads", "torch", "recipe")
SENTENCES = (*KEY, "correct_bits")
DELTAS = (*KEY, "quarter", "layer", "kind", "per", "dM", "dD")
LOSSES = (*KEY, "step", "loss")
FILES = {
    "train_both": ROW,
    "train_both_choice": CHOICE,
    "train_both_sentences": SENTENCES,
    "train_both_deltas": DELTAS,
    "train_both_losses": LOSSES,
}


@dataclass(frozen=True)
class Job:
    task: str
    arm: str
    rank: int
    seed: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.task, self.arm, str(self.rank), str(self.seed)

    def __str__(self) -> str:
        return f"{self.task}, {self.arm}, " + (f"rank {self.rank}, " if self.rank else "") + f"seed {self.seed}"


@dataclass
class Bench:
    """What every run needs: the encoder, its tokenizer, the data. The test file is read when a test set is asked for."""

    encoder: nn.Module
    tokenizer: Callable
    rows: Callable[[str], Rows]  # "train.csv" or "test.csv"
    recipes: dict[str, training.Recipe]
    tasks: dict[str, Task] = field(default_factory=lambda: TASKS)
    threads: int = 1

    @cached_property
    def train_rows(self) -> Rows:
        return self.rows("train.csv")

    @cached_property
    def test_rows(self) -> Rows:
        return self.rows("test.csv")

    @cached_property
    def recipe(self) -> str:
        """A hash of everything that a row depends on and that is equal for all rows."""
        settings = {
            "version": 1,
            "model": MODEL_SHA256,
            "data": tasks.SHA256,
            "recipes": {name: asdict(recipe) for name, recipe in self.recipes.items()},
            "rates": RATES,
            "scaling": arms.SCALING,
            "sizes": [tasks.PER_CLASS, tasks.SHIFT_TRAIN, tasks.SHIFT_VALIDATION, tasks.SHIFT_TEST, list(tasks.WORDS)],
            "tokens": [training.MOST_TOKENS, training.POOL],
            "seed": CHOICE_SEED,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


class Store:
    """The five csv files of one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self, name: str) -> list[records.Row]:
        return records.read(self.folder / f"{name}.csv", FILES[name])

    def mend(self, name: str) -> None:
        records.mend(self.folder / f"{name}.csv")

    def append(self, name: str, rows: list[dict]) -> None:
        records.append(self.folder / f"{name}.csv", FILES[name], rows)

    def done(self) -> dict[tuple[str, ...], records.Row]:
        return records.first_of_each(self.read("train_both"), KEY)


def jobs(*, seeds: int, ranks: tuple[int, ...], only: dict[str, set[str]]) -> list[Job]:
    """The grid, seed by seed so that whole pairs accumulate; within a seed the primary contrast comes first."""
    grid = [
        Job(task, arm, arms.rank_of(arm, rank), seed)
        for rank in ranks
        for seed in range(seeds)
        for arm in (*arms.PLANNED, *_beside_the_plan(rank, seed))
        for task in TASKS
        if arm in arms.PLANNED or task == ONCE[0]
    ]
    wanted = [job for job in grid if all(str(getattr(job, name)) in values for name, values in only.items())]
    return list(dict.fromkeys(wanted))


def _beside_the_plan(rank: int, seed: int) -> tuple[str, ...]:
    """Arms that run on the primary task only, peft's once."""
    return (*arms.SWAPPED, *([arms.PEFT] if seed == ONCE[1] else [])) if rank == RANK else ()


def run(
    bench: Bench, job: Job, train: tasks.Examples, held: tasks.Examples, lr_adapter: float, lr_head: float, **more
) -> tuple:
    """Train one model and read it on `held`. Returns which were right, the losses and what both csv files say of a run."""
    began = time.perf_counter()
    encoder = copy.deepcopy(bench.encoder)
    arms.dress(encoder, job.arm, rank=job.rank or 1, seed=job.seed)
    model = training.Classifier(encoder, bench.tasks[job.task].classes, seed=job.seed)
    recipe = bench.recipes[job.task]
    sentences = training.encode(bench.tokenizer, train)
    measure = more["measure"](encoder) if "measure" in more else lambda step, steps: None
    rates = {"lr_adapter": lr_adapter, "lr_head": lr_head}
    losses = training.train(model, sentences, train.labels, recipe, seed=job.seed, measure=measure, **rates)
    right = training.correct(model, training.encode(bench.tokenizer, held), held.labels)
    last = losses[-math.ceil(len(train) / recipe.batch) :]
    said = dict(zip(KEY, job.key, strict=True)) | {
        "lr_adapter": f"{lr_adapter:g}",
        "lr_head": f"{lr_head:g}",
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "train": len(train),
        "correct": sum(right),
        "loss_first": f"{losses[0]:.9g}",
        "loss_last": f"{sum(last) / len(last):.9g}",  # mean over the last epoch
        "seconds": f"{time.perf_counter() - began:.1f}",
        "device": device(),
        "threads": bench.threads,
        "torch": torch.__version__,
        "recipe": bench.recipe,
    }
    return right, losses, said | {"trained": sum(p.numel() for p in encoder.parameters() if p.requires_grad)}


def choose(bench: Bench, store: Store, job: Job) -> tuple[float, float]:
    """Learning rates of adapter and head for the job's arm, task and rank. Runs what the choice file lacks."""
    arm = {arms.PEFT: "dora-output-detached", **arms.SWAPPED}.get(job.arm, job.arm)
    head = _best(bench, store, Job(job.task, "head", 0, CHOICE_SEED), None)
    if arm == "head":
        return 0.0, head
    return _best(bench, store, Job(job.task, arm, job.rank, CHOICE_SEED), head), head


def _best(bench: Bench, store: Store, job: Job, head: float | None) -> float:
    """The rate of `job`'s own grid with most validation sentences right; of equals the smallest."""
    own = "lr_head" if head is None else "lr_adapter"
    right = {}
    for lr in RATES[job.arm.split("-")[0]]:
        seen = records.first_of_each(store.read("train_both_choice"), (*KEY, own))
        row = seen.get((*job.key, f"{lr:g}"))
        if row is None:
            train, validation = bench.tasks[job.task].draw(bench.train_rows, seed=job.seed, validate=True)
            _, _, said = run(bench, job, train, validation, *((0.0, lr) if head is None else (lr, head)))
            row = {name: said.get(name) for name in CHOICE} | {"validation": len(validation)}
            store.append("train_both_choice", [row])
        right[lr] = int(row["correct"])
    return min(right, key=lambda lr: (-right[lr], lr))


def make(bench: Bench, store: Store, job: Job) -> dict:
    """One row of the grid, stored. Its sentences go first: a row is there only when everything of it is."""
    lr_adapter, lr_head = choose(bench, store, job)
    train, test = _examples(bench, job)
    once = (job.task, job.seed) == ONCE and job.rank in (0, RANK)
    quarters: list[dict] = []
    more = {"measure": lambda encoder: _quarters(encoder, job, quarters)} if once and job.arm in DELTA_ARMS else {}
    right, losses, said = run(bench, job, train, test, lr_adapter, lr_head, **more)
    names = dict(zip(KEY, job.key, strict=True))
    if quarters:
        store.append("train_both_deltas", quarters)
    if once:
        store.append("train_both_losses", [names | {"step": i, "loss": f"{x:.9g}"} for i, x in enumerate(losses)])
    store.append("train_both_sentences", [names | {"correct_bits": records.bits(right)}])
    row = said | {"test": len(test), "accuracy": f"{100 * sum(right) / len(test):.3f}"}
    store.append("train_both", [row])
    return row


def _examples(bench: Bench, job: Job) -> tuple[tasks.Examples, tasks.Examples]:
    task = bench.tasks[job.task]
    return task.draw(bench.train_rows, seed=job.seed)[0], task.test(bench.test_rows)


def remake(bench: Bench, store: Store, job: Job) -> tuple[str, bool]:
    """One stored row made again at its stored rates, nothing written: a sentence, and whether the row holds.

    On the same processor and torch every test sentence must come out as stored; on others half a point is rounding.
    """
    row = store.done().get(job.key)
    if row is None:
        raise BadInput(f"{store.folder} has no row of {job}: make it first, without --remake.")
    answers = records.first_of_each(store.read("train_both_sentences"), KEY)[job.key]["correct_bits"]
    right, _, said = run(bench, job, *_examples(bench, job), float(row["lr_adapter"]), float(row["lr_head"]))
    differ = sum(a != b for a, b in zip(right, records.unbits(answers, len(right)), strict=True))
    same = all(str(said[name]) == row[name] for name in ("device", "threads", "torch"))
    off = 100 * abs(sum(right) - int(row["correct"])) / len(right)
    where = "on what the stored row was made on" if same else f"on {said['device']}, stored on {row['device']}"
    text = f"{job}: {sum(right)} of {len(right)} right, stored {row['correct']}; {differ} sentences differ, {where}"
    return text, differ == 0 if same else off <= 0.5


def _quarters(encoder: nn.Module, job: Job, rows: list[dict]) -> Callable[[int, int], None]:
    """A measure that adds dM and dD of every matrix along both axes after each quarter of the steps."""
    start = arms.weights(encoder)

    def measure(step: int, steps: int) -> None:
        for quarter in (1, 2, 3, 4):
            if step == round(quarter * steps / 4):
                rows.extend(_moved(job, quarter, start, arms.weights(encoder)))

    return measure


def _moved(job: Job, quarter: int, start: dict, now: dict) -> Iterator[dict]:
    for name, weight in now.items():
        layer, kind = arms.place_of(name)
        for per in ("output", "input"):
            d_magnitude, d_direction = deltas.moved(start[name], weight, per=per)
            where = {"quarter": quarter, "layer": layer, "kind": kind, "per": per}
            yield (
                dict(zip(KEY, job.key, strict=True)) | where | {"dM": f"{d_magnitude:.6g}", "dD": f"{d_direction:.6g}"}
            )


def load_model(folder: Path | None, *, download: Callable[[], str] | None = None) -> tuple[nn.Module, Callable]:
    """The encoder without dropout, and its tokenizer, from `folder` or the hub. BadInput where it is not this model."""
    where = Path((download or _from_hub)()) if folder is None else folder
    missing = [name for name in MODEL_FILES if not (where / name).is_file()]
    if missing:
        raise BadInput(f"--model {where} holds no {missing[0]}: give the folder of {HUB}, or leave --model out.")
    found = hashlib.sha256((where / "model.safetensors").read_bytes()).hexdigest()
    if found != MODEL_SHA256:
        raise BadInput(
            f"{where}/model.safetensors has the checksum {found[:12]}…, expected {MODEL_SHA256[:12]}…: it is not {HUB}."
        )
    from transformers import AutoTokenizer, BertModel, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return BertModel.from_pretrained(where, add_pooling_layer=False, **off), AutoTokenizer.from_pretrained(where)


def _from_hub() -> str:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(HUB, allow_patterns=list(MODEL_FILES))
    except Exception as error:  # the hub's client raises many kinds; each means that there is no model
        raise BadInput(
            f"{HUB} cannot be loaded from the hub ({type(error).__name__}): give a local copy with --model DIR."
        ) from None


def parse_only(text: str) -> dict[str, set[str]]:
    """`arm=lora,seed=0,seed=1` as {"arm": {"lora"}, "seed": {"0", "1"}}."""
    allowed = {"arm": arms.ARMS, "task": tuple(TASKS), "seed": None, "rank": None}
    only: dict[str, set[str]] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in allowed or not value:
            raise BadInput(f"--only has {part!r}, expected arm=…, task=…, seed=… or rank=….")
        if allowed[name] and value not in allowed[name]:
            raise BadInput(f"{name} is {value!r}, expected one of {', '.join(allowed[name])}.")
        if not allowed[name] and not value.isdigit():
            raise BadInput(f"--only has {part!r}, expected a whole number from 0.")
        only.setdefault(name, set()).add(value)
    return only


def device() -> str:
    """What computed, for a row."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"cpu {names[0] if names else platform.processor() or platform.machine()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if os.path.exists(path) else []


def provenance(store: Store, bench: Bench) -> None:
    """train_both.json beside the files: where model and data come from, what ran, and each file's rows and checksum."""
    from importlib.metadata import version

    files = {f"{name}.csv": store.folder / f"{name}.csv" for name in FILES}
    said = {
        "what": "test accuracy of LoRA and DoRA per output and per input; columns and plan in book/experiments/train_both.py",
        "command": "cd book && python -m experiments.train_both --model DIR --data DIR",
        "model": {"hub": HUB, "model.safetensors sha256": MODEL_SHA256},
        "data": {"source": tasks.SOURCE, "licence": "CC BY 4.0, not stored here", "sha256": tasks.SHA256},
        "recipe": bench.recipe,
        "commit": COMMIT,
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "peft", "numpy")}
        | {"python": platform.python_version()},
        "device": f"{device()}, {platform.system()}, {bench.threads} thread",
        "date": datetime.now(UTC).date().isoformat(),
        "files": {
            name: {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "rows": len(path.read_text().splitlines()) - 1,
            }
            for name, path in files.items()
            if path.exists()
        },
    }
    records.replace(store.folder / "train_both.json", json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return asked.stdout.strip() or "unknown"


COMMIT = _commit()  # of the code that was read into this process, not of what the folder holds when it ends


def bar(done: int, total: int, seconds_left: float) -> str:
    """`[####------] 4/10 rows, 1 h 05 min left`"""
    filled = 20 * done // max(1, total)
    hours, minutes = divmod(round(seconds_left / 60), 60)
    return (
        f"[{'#' * filled}{'-' * (20 - filled)}] {done}/{total} rows, "
        + (f"{hours} h " if hours else "")
        + f"{minutes} min left"
    )


def go(bench: Bench, store: Store, grid: list[Job], *, say: Callable[[str], None] = print) -> int:
    """Make every row of `grid` that the store lacks. Returns how many were made."""
    others = {row["recipe"] for name in ("train_both", "train_both_choice") for row in store.read(name)} - {
        bench.recipe
    }
    if others:
        raise BadInput(
            f"{store.folder} holds rows of recipe {others.pop()}, this is {bench.recipe}: name another folder with --out."
        )
    made, began = 0, time.perf_counter()
    for job in grid:
        done = store.done()
        left = [other for other in grid if other.key not in done]
        if job not in left:
            continue
        row = make(bench, store, job)
        provenance(store, bench)
        made += 1
        ahead = (time.perf_counter() - began) / made * (len(left) - 1)
        say(f"{bar(len(grid) - len(left) + 1, len(grid), ahead)}: {job}: {row['accuracy']} %")
    return made


def places(name: str, doc: str) -> argparse.ArgumentParser:
    """A command of this folder, that is told where model, data and rows are."""
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{name}", description=doc.split("\n")[0])
    parser.add_argument("--model", type=Path, help=f"folder of {HUB}; without it, from the hub")
    parser.add_argument(
        "--data", type=Path, help="folder with Banking77's train.csv and test.csv; without it, from its repository"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "data", help="folder of the csv files (%(default)s)"
    )
    return parser


def bench_of(args: argparse.Namespace, *, threads: int = 1) -> Bench:
    """BadInput where model or data are not there or are others."""
    files = {name: tasks.read(args.data, name) for name in tasks.SHA256}
    return Bench(*load_model(args.model), files.__getitem__, RECIPES, threads=threads)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = places("train_both", __doc__)
    parser.add_argument(
        "--only", default="", help="a slice: arm=…,task=…,seed=…,rank=…; a name given twice means either"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds 0 to N-1 (%(default)s)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[RANK], help="(%(default)s)")
    parser.add_argument("--remake", action="store_true", help="make one stored row again (of --only) and compare")
    parser.add_argument("--threads", type=int, default=1, help="of torch (%(default)s: the recorded rows)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        only = parse_only(args.only)
        for rank in args.ranks:
            arms.check("lora", rank)
        if args.seeds < 1 or args.threads < 1:
            raise BadInput(f"--seeds {args.seeds} --threads {args.threads}: both are whole numbers of 1 or more.")
        grid = jobs(seeds=args.seeds, ranks=tuple(args.ranks), only=only)
        if not grid:
            raise BadInput(f"--only {args.only} names no run of the grid with seeds 0 to {args.seeds - 1}.")
        if not args.out.is_dir():
            raise BadInput(f"--out {args.out} is no folder: make it first.")
        torch.set_num_threads(args.threads)
        store = Store(args.out)
        for name in FILES:
            store.mend(name)
            store.read(name)
        bench = bench_of(args, threads=args.threads)
        if args.remake:
            text, holds = remake(bench, store, grid[0])
            print(text)
            return 0 if holds else 1
        made = go(bench, store, grid, say=lambda line: print(line, flush=True))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        why = f"{error.filename or args.out}: {error.strerror or error}"
        print(f"{why}. Every row that is there is whole: see to that, and the same command goes on.", file=sys.stderr)
        return 1
    print(f"{made} rows made, {len(grid) - made} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
