"""What the norm of W + sBA costs by each way, and what it is of a training step with the installed peft.

    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm              # prints every row; about half an hour
    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm step model   # some parts only
    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm --record     # and writes book/data/norm_cost.csv and .json
    PYTHONPATH=book:tests:tools .venv/bin/python -m bench.norm step --record  # these parts' rows anew, the others stay

One process, one thread, float32 but for "half". The ways of a case take turns, so that what disturbs one disturbs all, and a row has the
median and the quartiles of the processor time of its turns. Peak memory is of tensors (bench/memory.py), from one more run. With
`--threads 2` the parts have other names, "step, 2 threads", and a time is the wall's: for a machine that does nothing else.

norm   One norm. "whole": the best plain form, torch.addmm(W, B, A, alpha=s), then the faster of torch.linalg.vector_norm and
       square_().sum().sqrt_(). "rule": adapted_norms, |W|^2 kept, and its two roads, "sliced" and "factored". "peft": get_lora_weight and
       get_weight_norm of the installed peft, which has no norm per input. (The rows of norm and half were recorded before "rule", on an
       AMD EPYC, of roads with more calls, slices from 16 MB on.)
rule   The same without peft, on all linear layers of four models: is adapted_norms ever slower than the better of "whole" and "factored"?
       A case in which it is, by more than 5 %, is measured again, twice, each time with more turns: what the last one says, counts.
few    A step of few rows: the norm "given", taken "apart", and "joined", A being more rows of x.
half   The ways of norm per output in bfloat16, on a few shapes and ranks.
step   Forward and backward of one linear layer of the installed peft at 1, 64 and 512 rows, after a change of B as by an optimizer:
       "lora", DoRA as "peft" and inside "cheaper_norms", as "given" with a norm that costs nothing, and as "again" inside the block
       with nothing changed, as for the second of several passes of one step. "half step": the same, base and adapters in bfloat16.
model  The same of a whole encoder of the shapes of all-MiniLM-L6-v2, all 36 linear layers adapted, 12 sentences of 16 tokens.
"""

import argparse
import hashlib
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import disk
import kept
import torch
from bench.memory import Peak
from bench.record import machine
from dorabook import peft_norms
from dorabook.factored import adapted_norms, squared_norms
from dorabook.peft_norms import cheaper_norms
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.dora import DoraLinearLayer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

TABLE = Path(__file__).parents[2] / "book" / "data" / "norm_cost.csv"
SCALING = 2.0
RANKS = (4, 8, 16, 32, 64, 128, 256)
RULE_RANKS = {"output": RANKS[1:], "input": (16, 64, 256)}
SHAPES = {  # (out_features, in_features)
    "SmolLM2 k_proj": (192, 576),
    "SmolLM2 q_proj": (576, 576),
    "SmolLM2 up_proj": (1536, 576),
    "MiniLM query": (384, 384),
    "MiniLM intermediate": (1536, 384),
    "MiniLM output": (384, 1536),
    "GPT-2 c_attn": (2304, 768),
    "GPT-2 mlp.c_proj": (768, 3072),
    "Llama q_proj": (4096, 4096),
    "Llama up_proj": (14336, 4096),
}
RULE_SHAPES = SHAPES | {  # with these, every linear layer in the blocks of the four models
    "SmolLM2 down_proj": (576, 1536),
    "GPT-2 attn.c_proj": (768, 768),
    "GPT-2 c_fc": (3072, 768),
    "Llama k_proj": (1024, 4096),
    "Llama down_proj": (4096, 14336),
}
FEW_SHAPES = ("GPT-2 c_attn", "Llama q_proj")
FEW_RANKS = (16, 64)
FEW_ROWS = (1, 16, 64, 128)
HALF_SHAPES = ("SmolLM2 k_proj", "GPT-2 c_attn", "Llama q_proj")
HALF_RANKS = (16, 64)
STEP_SHAPES = ("SmolLM2 k_proj", "SmolLM2 q_proj", "SmolLM2 up_proj", "GPT-2 c_attn", "Llama q_proj")
STEP_RANKS = (8, 16, 64, 256)
STEP_ROWS = (1, 64, 512)
MODEL_RANKS = (8, 16, 64)
SENTENCES, LENGTH = 12, 16
SECONDS = 0.15  # of the processor, for the turns of a case, which takes at least TURNS
TURNS = 5
ABOVE = 1.05  # of the better of plain and factored: what the rule may take
LONGER = (1, 4, 12)  # times SECONDS and TURNS: a case above ABOVE is measured again
ROADS = {"sliced": "formed", "factored": "factored"}

Ways = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    part: str
    layer: str
    out_features: int
    in_features: int
    rank: int
    per: str
    rows: int  # of x; 0 where there is none
    way: str
    milliseconds: float
    low_quartile: float
    high_quartile: float
    turns: int
    peak_bytes: int


def measure(ways: Ways, longer: int = 1) -> dict[str, tuple[list[float], int]]:
    """Milliseconds of each way's turns, and its peak of bytes."""
    for run in ways.values():
        run()  # warm
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times, order = {way: [] for way in ways}, random.Random(0)
    end = clock() + SECONDS * longer
    while len(times[next(iter(ways))]) < TURNS * longer or clock() < end:
        for way, run in order.sample(
            sorted(ways.items()), len(ways)
        ):  # none always finds the cache as the same other left it
            if way == "again":
                ways["cheaper_norms"]()  # the first pass of the step
            start = clock()
            run()
            times[way].append(1e3 * (clock() - start))
    peaks = {}
    for way, run in ways.items():
        with Peak() as peak:
            run()
        peaks[way] = peak.peak
    return {way: (times[way], peaks[way]) for way in ways}


def rows(
    part: str, layer: str, size: tuple[int, int], rank: int, per: str, ways: Ways, tokens: int = 0, longer: int = 1
) -> list[Row]:
    made = []
    for way, (times, peak) in measure(ways, longer).items():
        low, middle, high = (round(value, 4) for value in statistics.quantiles(times, n=4))
        made.append(Row(part, layer, *size, rank, per, tokens, way, middle, low, high, len(times), peak))
    return made


def factors(out_features: int, in_features: int, rank: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    sizes = (out_features, in_features), (rank, in_features), (out_features, rank)
    drawn = (torch.randn(size, generator=draw, device="cpu") / size[1] ** 0.5 for size in sizes)
    return tuple(tensor.to(torch.get_default_device(), dtype) for tensor in drawn)


def norm_ways(out_features: int, in_features: int, rank: int, per: str, dtype: torch.dtype = torch.float32) -> Ways:
    W, A, B = factors(out_features, in_features, rank, dtype)
    dim, kept = (1 if per == "output" else 0), squared_norms(W, per=per)

    def whole() -> Tensor:
        return torch.addmm(W, B, A, alpha=SCALING)

    ways = {
        "whole, vector_norm": lambda: torch.linalg.vector_norm(whole(), dim=dim, keepdim=True),
        "whole, squares in place": lambda: whole().square_().sum(dim, keepdim=True).sqrt_(),
    }
    ways["rule"] = lambda: adapted_norms(W, A, B, scaling=SCALING, per=per, weight_squared=kept)
    for way, road in ROADS.items():
        options = {"scaling": SCALING, "per": per, "weight_squared": kept, "road": road}
        ways[way] = partial(adapted_norms, W, A, B, **options)
    return ways | ({"peft": pefts_norm(W, A, B)} if per == "output" else {})


def pefts_norm(W: Tensor, A: Tensor, B: Tensor) -> Callable[[], object]:
    """The two steps of peft's forward that end in the norm, in the graph as there."""
    layer = DoraLinearLayer(fan_in_fan_out=False)
    lora_A, lora_B = (nn.Linear(*reversed(factor.shape), bias=False) for factor in (A, B))
    lora_A.weight.data, lora_B.weight.data = A, B

    def run() -> tuple[Tensor, Tensor]:
        product = layer.get_lora_weight(lora_A=lora_A, lora_B=lora_B)
        return product, layer.get_weight_norm(W, product.detach(), SCALING)

    return run


def norm_rows() -> Iterator[list[Row]]:
    for layer, rank, per in product(SHAPES, RANKS, ("output", "input")):
        ways = norm_ways(*SHAPES[layer], rank, per)
        yield best_plain(rows("norm", layer, SHAPES[layer], rank, per, ways))


def rule_rows() -> Iterator[list[Row]]:
    for layer, per in product(RULE_SHAPES, RULE_RANKS):
        for rank in RULE_RANKS[per]:
            ways = norm_ways(*RULE_SHAPES[layer], rank, per)
            ways.pop("peft", None)
            yield settled(partial(rows, "rule", layer, RULE_SHAPES[layer], rank, per, ways))


def settled(case: Callable[..., list[Row]]) -> list[Row]:
    """The rows of a case, measured again while it is above ABOVE: the first turns are few, and the machine has other work."""
    for longer in LONGER:
        made = best_plain(case(longer=longer))
        if over(milliseconds(made)) <= ABOVE:
            break
    return made


def half_rows() -> Iterator[list[Row]]:
    for layer, rank in product(HALF_SHAPES, HALF_RANKS):
        ways = norm_ways(*SHAPES[layer], rank, "output", torch.bfloat16)
        yield best_plain(rows("half", layer, SHAPES[layer], rank, "output", ways))


def best_plain(made: list[Row]) -> list[Row]:
    """The rows with one "whole", the fastest of the plain forms."""
    plain = min((row for row in made if row.way.startswith("whole")), key=lambda row: row.milliseconds)
    return [Row(**asdict(plain) | {"way": "whole"})] + [row for row in made if not row.way.startswith("whole")]


def step_ways(lora: nn.Module, dora: nn.Module, x: Tensor) -> Ways:
    """A forward and a backward pass of each way."""
    with cheaper_norms(dora, strict=True) as norms:  # it keeps |W|^2 from turn to turn, as it would over a training run
        there_and_back(dora, x)
        known = {layer: taken.norm for layer, taken in norms.kept.items()}
        kept = dict(norms.kept)

    def inside(block: object, *, moved: bool = True) -> None:
        peft_norms._active.append(block)
        try:
            there_and_back(dora, x, moved=moved)
        finally:
            peft_norms._active.remove(block)

    norms.kept.update(kept)
    given = SimpleNamespace(norm=lambda layer, *_: known[layer], strict=True)

    def free() -> None:
        few, peft_norms.FEW = peft_norms.FEW, 0  # with the norm known, there is nothing to read W once for
        try:
            inside(given)
        finally:
            peft_norms.FEW = few

    return {
        "lora": partial(there_and_back, lora, x),
        "given": free,
        "peft": partial(there_and_back, dora, x),
        "cheaper_norms": partial(inside, norms),
        "again": partial(inside, norms, moved=False),  # right after: nothing has moved since
    }


def there_and_back(model: nn.Module, x: Tensor, *, moved: bool = True) -> None:
    model.zero_grad()
    if moved:  # as by an optimizer
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.mul_(0.9999)
    y = model(x)
    getattr(y, "last_hidden_state", y).square().mean().backward()


def adapted(model: nn.Module, targets: list[str], rank: int, *, dora: bool) -> nn.Module:
    """The model with peft's LoRA or DoRA, B away from 0, in training mode."""
    torch.manual_seed(0)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, use_dora=dora, target_modules=targets)
    model = get_peft_model(model, config).train()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
    return model


def step_rows(part: str = "step", dtype: torch.dtype = torch.float32) -> Iterator[list[Row]]:
    for layer, rank, tokens in product(STEP_SHAPES, STEP_RANKS, STEP_ROWS):
        out_features, in_features = SHAPES[layer]
        x = torch.randn(tokens, in_features, dtype=dtype).requires_grad_()
        models = [
            adapted(
                nn.Sequential(nn.Linear(in_features, out_features, bias=False, dtype=dtype)), ["0"], rank, dora=dora
            )
            for dora in (False, True)
        ]
        yield rows(part, layer, SHAPES[layer], rank, "output", step_ways(*models, x), tokens)


def few_rows() -> Iterator[list[Row]]:
    """A step with the norm given, taken by itself, and taken in the product of W and x."""

    def within(rows: int, run: Callable[[], object]) -> None:
        peft_norms.FEW = rows
        run()

    for layer, rank, tokens in product(FEW_SHAPES, FEW_RANKS, FEW_ROWS):
        x = torch.randn(tokens, SHAPES[layer][1]).requires_grad_()
        base = [nn.Sequential(nn.Linear(*reversed(SHAPES[layer]), bias=False)) for _ in range(2)]
        models = [adapted(each, ["0"], rank, dora=dora) for each, dora in zip(base, (False, True), strict=True)]
        ways, most = step_ways(*models, x), peft_norms.FEW
        ways = {
            "given": ways["given"],
            "apart": partial(within, 0, ways["cheaper_norms"]),
            "joined": partial(within, tokens, ways["cheaper_norms"]),
        }
        yield rows("few", layer, SHAPES[layer], rank, "output", ways, tokens)
        peft_norms.FEW = most


def model_rows() -> Iterator[list[Row]]:
    sizes = {"vocab_size": 30522, "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig(**sizes, **dropout, num_attention_heads=12)
    ids = torch.randint(1000, 30000, (SENTENCES, LENGTH), generator=torch.Generator().manual_seed(0))
    targets = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
    for rank in MODEL_RANKS:
        models = [
            adapted(BertModel(config, add_pooling_layer=False), targets, rank, dora=dora) for dora in (False, True)
        ]
        yield rows(
            "model", "all-MiniLM-L6-v2, 36 layers", (0, 0), rank, "output", step_ways(*models, ids), SENTENCES * LENGTH
        )


PARTS = {
    "norm": norm_rows,
    "rule": rule_rows,
    "few": few_rows,
    "half": half_rows,
    "step": step_rows,
    "half step": partial(step_rows, "half step", torch.bfloat16),
    "model": model_rows,
}


def summary(case: list[Row]) -> str:
    """One line: milliseconds and megabytes of each way, then ratios of milliseconds."""
    row, times = case[0], milliseconds(case)
    ways = "  ".join(f"{r.way} {r.milliseconds:.3g} ms {r.peak_bytes / 1e6:.3g} MB" for r in case)
    if row.part in ("norm", "rule", "half"):
        ratios = (
            f"rule / better of plain and factored {over(times):.2f}, whole / rule {times['whole'] / times['rule']:.2f}"
        )
        ratios += f", peft / rule {times['peft'] / times['rule']:.1f}" if "peft" in times else ""
    else:
        least = next(iter(times))
        ratios = ", ".join(f"{way} / {least} {times[way] / times[least]:.2f}" for way in times if way != least)
    size = f"({row.out_features}, {row.in_features})"
    return (
        f"{row.part:5} {row.layer:19} {size:13} rank {row.rank:3} rows {row.rows:3} per {row.per:6}  {ways}  [{ratios}]"
    )


def milliseconds(case: list[Row]) -> dict[str, float]:
    return {row.way: row.milliseconds for row in case}


def over(times: dict[str, float]) -> float:
    """What the rule takes, of the better of the plain sum and the factored norm."""
    return times["rule"] / min(times["whole"], times["factored"])


def record(made: list[Row]) -> None:
    """The table and its provenance, other parts' rows kept."""
    parts, order = {row.part for row in made}, [named(part, count) for count in (1, 2) for part in PARTS]
    lines = [{"rows": 0} | row for row in kept.rows(TABLE) if row["part"] not in parts] + [asdict(row) for row in made]
    lines.sort(key=lambda row: order.index(row["part"]))  # stable: within a part, as measured
    kept.write(TABLE, tuple(field.name for field in fields(Row)), lines)
    note = TABLE.with_suffix(".json")
    before = json.loads(note.read_text(encoding="utf-8"))["measured"] if note.exists() else {}
    measured = {part: threads() if part in parts else before.get(part) for part in order}
    told = {
        "what": "time and peak memory of the norm of W + sBA by each way, and of training steps of LoRA and of DoRA with and "
        "without cheaper_norms; ways and fields in tests/bench/norm.py",
        "command": "PYTHONPATH=book:tests:tools python -m bench.norm --record",
        "time": "processor time of one thread, of two the wall's, median and quartiles of the turns that the ways of a case take in turn, float32 but for half and half step, which are bfloat16",
        "load": "processes that ran or waited, over the last minute, at the end",
        "measured": {part: one for part, one in measured.items() if one},
    }
    disk.replace(note, json.dumps(told | size(TABLE), indent=1) + "\n")


def named(part: str, count: int) -> str:
    return part if count == 1 else f"{part}, {count} threads"


def threads() -> dict[str, object]:
    told, count = machine(), torch.get_num_threads()
    return told | {"device": f"{told['device']}, {count} thread{'s' * (count > 1)}"}


def size(table: Path) -> dict[str, object]:
    return {"rows": len(kept.rows(table)), "sha256": hashlib.sha256(table.read_bytes()).hexdigest()}


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.norm")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"some of {', '.join(PARTS)}; all when left out")
    parser.add_argument(
        "--record", action="store_true", help="write these parts into book/data/norm_cost.csv and .json"
    )
    parser.add_argument("--threads", type=int, default=1, choices=(1, 2), help="of torch")
    asked = parser.parse_args(given)
    if unknown := [part for part in asked.parts if part not in PARTS]:
        parser.error(f"part is {unknown[0]}, expected some of {', '.join(PARTS)}")
    torch.set_num_threads(asked.threads)
    made = []
    for part in asked.parts or PARTS:
        for case in PARTS[part]():
            print(summary(case), flush=True)
            made += [replace(row, part=named(row.part, asked.threads)) for row in case]
    if told := above([row for row in made if row.part.startswith("rule")]):
        print(told)
    if asked.record:
        record(made)


def above(made: list[Row]) -> str:
    """In how many cases the rule takes more than it may, and which they are."""
    cases: dict[tuple, dict[str, float]] = {}
    for row in made:
        cases.setdefault((row.out_features, row.in_features, row.rank, row.per), {})[row.way] = row.milliseconds
    slow = {case: over(times) for case, times in cases.items() if over(times) > ABOVE}
    which = "".join(
        f"\n({out}, {into}) rank {rank} per {per}: {slow[out, into, rank, per]:.2f}" for out, into, rank, per in slow
    )
    return f"above {ABOVE}: {len(slow)} of {len(cases)}{which}" if cases else ""


if __name__ == "__main__":
    main()
