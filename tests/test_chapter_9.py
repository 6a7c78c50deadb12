"""Chapter 9: the rows that travel with it are the recorded ones, its verdicts are the plan's and a second computation's, its pictures
draw what they get, and its recipe runs."""

import base64
import csv
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from dorabook import figures, paired, recorded
from dorabook.layers import DoRALinear
from experiments import analysis, arms, excerpt, rates, rates_analysis, train_both
from experiments.tasks import TASKS, BadInput
from experiments.train_both import KEY, Store
from matplotlib import pyplot as plt
from scipy import stats
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).parents[1]
DATA = ROOT / "book" / "data"
CHAPTER = json.loads((ROOT / "book" / "9-train-both.ipynb").read_text(encoding="utf-8"))


def stored(name):
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# The rows that travel


def test_the_rows_that_travel_are_made_from_the_recorded_files():
    there = {path.name: path.read_text(encoding="utf-8") for path in excerpt.FOLDER.glob("*.csv")}
    assert unpacked(there) == unpacked(excerpt.tables()), "run: cd book && python -m experiments.excerpt"


def unpacked(tables):
    """Packed answers as bytes: another zlib may pack the same ones in another way."""
    lines = [line.rpartition(",") for line in tables["rate_answers.csv"].splitlines()[1:]]
    return tables | {"rate_answers.csv": [(names, zlib.decompress(base64.b64decode(bits))) for names, _, bits in lines]}


@pytest.mark.parametrize("task", TASKS)
def test_accuracies_are_the_counts_of_the_recorded_rows_for_seeds_that_have_all_planned_arms(task):
    mine = [row for row in stored("train_both") if row["task"] == task]
    arms_of = {seed: {row["arm"] for row in mine if row["seed"] == seed} for seed in {row["seed"] for row in mine}}
    complete = {int(seed) for seed, found in arms_of.items() if found >= set(arms.PLANNED)}
    found = recorded.accuracies(task)
    for arm in arms.PLANNED:
        assert set(found[arm]) == complete
    for row in mine:
        if int(row["seed"]) in complete:
            count = found[row["arm"]][int(row["seed"])] * int(row["test"]) / 100
            assert count == pytest.approx(int(row["correct"]), abs=1e-9)
    assert recorded.sizes(task) == tuple(int(mine[0][name]) for name in ("train", "test"))


@pytest.mark.parametrize("task", TASKS)
def test_each_arms_rate_is_the_one_most_validated_and_of_equals_the_smaller(task):
    validated, rates = recorded.validated(task), recorded.chosen_rates(task)
    for arm in arms.PLANNED:
        assert len(validated[arm]) == 3
        assert rates[arm] == min(validated[arm], key=lambda rate: (-validated[arm][rate], rate))


def test_answers_add_up_to_the_accuracies_seed_by_seed():
    for arm in arms.PRIMARY:
        percents = list(recorded.accuracies("bigram-shift")[arm].values())
        assert (100 * recorded.answers(arm).mean(1)).tolist() == pytest.approx(percents)


def test_the_chapters_primary_contrast_is_the_analysis():
    first, second = arms.PRIMARY
    answers = recorded.answers(first), recorded.answers(second)
    assert paired.compare(first, second, recorded.accuracies("bigram-shift"), answers=answers) == analysis.primary()


def test_losses_and_moves_are_the_recorded_ones_to_the_digits_kept():
    for arm, losses in recorded.losses().items():
        assert losses == pytest.approx([float(r["loss"]) for r in stored("train_both_losses") if r["arm"] == arm], 1e-4)
    kept = {(m["arm"], str(m["layer"]), m["kind"], m["per"], str(m["quarter"])): m for m in recorded.moves()}
    assert Counter(key[0] for key in kept) == dict.fromkeys(excerpt.MOVE_ARMS, 6 * 6 * 2 * 4)
    seen = 0
    for row in stored("train_both_deltas"):
        move = kept.get((row["arm"], row["layer"], excerpt.KINDS[row["kind"]], row["per"], row["quarter"]))
        if move:
            assert (move["dM"], move["dD"]) == pytest.approx((float(row["dM"]), float(row["dD"])), rel=5.1e-3)
            seen += 1
    assert seen == len(kept)


def test_what_full_fine_tuning_wants_is_the_mean_of_the_recorded_seeds():
    rows = stored("wanted")
    for matrix in (found := recorded.wanted()):
        mine = [r for r in rows if (int(r["layer"]), excerpt.KINDS[r["kind"]]) == (matrix["layer"], matrix["kind"])]
        assert {r["seed"] for r in mine} == {"5", "6", "7"}
        for name in excerpt.WANTED:
            assert matrix[name] == pytest.approx(sum(float(r[name]) for r in mine) / 3, rel=1e-3)
    assert len(found) == 36


def plant(folder, seeds, lacking=()):
    """Rows of both tasks in which every arm has 60 of 100 right, but for the (task, arm, seed) in `lacking`."""
    for task in TASKS:
        for seed in range(seeds):
            for arm in arms.PLANNED:
                names = dict(zip(KEY, (task, arm, arms.rank_of(arm, 8), seed), strict=True))
                if (task, arm, seed) not in lacking:
                    row = dict.fromkeys(train_both.ROW, "") | names | {"test": 100, "correct": 60}
                    Store(folder).append("train_both", [row])
                    Store(folder).append("train_both_sentences", [names | {"correct_bits": "f" * 25}])


def test_a_seed_that_lacks_an_arm_does_not_travel(tmp_path):
    plant(tmp_path, 3, lacking={("bigram-shift", "lora", 1)})
    tables = excerpt.tables(tmp_path)
    kept = [tuple(line.split(",")[:3]) for line in tables["runs.csv"].splitlines()[1:]]
    assert {seed for task, _, seed in kept if task == "bigram-shift"} == {"0", "2"}
    assert {seed for task, _, seed in kept if task == "banking77"} == {"0", "1", "2"}
    assert [line.split(",")[1] for line in tables["answers.csv"].splitlines()[1:]] == ["0", "2"] * 2


def test_without_a_complete_seed_nothing_is_written(tmp_path, monkeypatch, capsys):
    plant(tmp_path, 1, lacking={("banking77", "full", 0)})
    with pytest.raises(BadInput, match="has no complete seed of banking77"):
        excerpt.tables(tmp_path)
    monkeypatch.setattr(excerpt, "FOLDER", tmp_path / "tables")
    monkeypatch.setattr(excerpt, "tables", partial(excerpt.tables, tmp_path))
    assert excerpt.main() == 1
    assert "has no complete seed" in capsys.readouterr().err
    assert not (tmp_path / "tables").exists()


def test_answers_are_read_bit_by_bit_from_the_highest(monkeypatch):
    monkeypatch.setattr(recorded, "_text", {"answers.csv": "arm,seed,bits\nx,0,8f\nx,1,01\ny,0,ff\n"}.get)
    assert recorded.answers("x").tolist() == [
        [True, False, False, False, True, True, True, True],
        [False] * 7 + [True],
    ]


# The second experiment


def plant_rates(folder, groups, lacking=0):
    """Rows of all runs of the groups but for the last `lacking`, each with its own answers to 16 sentences."""
    runs = [run for run in rates.grid() if run.group in groups]
    rows = []
    for number, run in enumerate(runs[: len(runs) - lacking]):
        bits = f"{(number * 2654435761) % 2**16:04x}"
        row = dict.fromkeys(rates.ROW, "") | dict(zip(rates.KEY, run.key, strict=True)) | {"test": 16, "answers": bits}
        moved = {} if run.arm == "lora" else {"m_least": 0.5 + run.seed / 100, "m_most": 1.5 + run.seed / 100}
        rows.append(row | {"correct": f"{int(bits, 16):b}".count("1")} | moved)
    rates.records.append(folder / "rates.csv", rates.ROW, rows)


def carried(folder, monkeypatch):
    monkeypatch.setattr(recorded, "_text", excerpt.rate_tables(folder).get)


def test_nothing_of_a_group_travels_until_it_is_whole(tmp_path, monkeypatch):
    plant_rates(tmp_path, "RB", lacking=1)
    carried(tmp_path, monkeypatch)
    planned = Counter(run.group for run in rates.grid())
    assert {group: runs for group, (_, runs, _) in recorded.plan().items()} == planned
    assert [group for group, (*_, whole) in recorded.plan().items() if whole] == ["R"]
    assert recorded.at_rates("B") == recorded.rate_answers("B") == {} != recorded.at_rates("R")


def test_runs_and_answers_of_whole_groups_come_back_as_they_were_stored(tmp_path, monkeypatch):
    plant_rates(tmp_path, "RB")
    carried(tmp_path, monkeypatch)
    there, seen = rates_analysis.results(tmp_path), 0
    for group in "RB":
        for (arm, bruise, rank, rate), by_seed in recorded.at_rates(group).items():
            assert by_seed == there.percents(group, arm, rate, rank=rank, bruise=bruise)
            seen += len(by_seed)
        for (arm, bruise, rate), each in recorded.rate_answers(group).items():
            seeds = rates.first_seeds(len(each))
            np.testing.assert_array_equal(100.0 * each, there.points(group, arm, rate, seeds, bruise=bruise))
        assert set(recorded.reach(group)) == {key for key in recorded.at_rates(group) if key[0] != "lora"}
        for key, reach in recorded.reach(group).items():
            assert reach == (0.55, 1.5 + max(recorded.at_rates(group)[key]) / 100), "of all seeds, from seed 5 on"
    assert seen == 240 + 48
    assert len(recorded.rate_answers("R")) == 8 and len(recorded.rate_answers("B")) == 4


@dataclass
class Answer:
    """What a cell asks of the question before it."""

    answer: str


@pytest.fixture(scope="module")
def space():
    """What the chapter's cells have made, up to the contrasts of the second experiment and the verdicts on bruises."""
    made = {"stats": stats, "how_sure": Answer("About 0.4"), "rate_says": Answer("It holds 0")}
    wanted = "def percents", "answers = {", "at = {", "def best_minus", "CONTRASTS = {", "def bruise_"
    for cell in CHAPTER["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and (
            source.startswith(("import copy", "from dorabook.paired")) or any(part in source for part in wanted)
        ):
            exec(source.replace("\nuse_style()", ""), made)
    return made


@pytest.fixture(scope="module")
def registered():
    """What the registered analysis says of the stored rows: of the axis, and of both contrasts of the rate."""
    found = rates_analysis.results()
    points = {"0.003 − 0.001": rates_analysis.rate_points(found), "best − worst": rates_analysis.chosen_points(found)}
    against = {name: rates_analysis.rate_against_axis(found, each) for name, each in points.items()}
    return SimpleNamespace(axis=rates_analysis.primary(found), rate=against)


def test_the_chapters_contrasts_are_the_registered_analysis(space, registered):
    axis = registered.axis.axis
    assert space["CONTRASTS"]["axis"] == (axis.over_seeds, axis.over_both)
    for name, said in registered.rate.items():
        assert list(map(str, space["CONTRASTS"][f"rate, {name}"])) == [
            str(said.rate.over_seeds),
            str(said.rate.over_both),
        ]
        assert list(map(str, space["CONTRASTS"][f"rate − axis, {name}"])) == [str(said.over_seeds), str(said.over_both)]


def test_the_chapters_verdict_on_a_bruise_is_the_plans(space):
    """Planted: in every second case the axis of the bruise is ahead, by little or by much."""
    rng = np.random.default_rng(0)
    for ahead in (-3.0, 0.3, 3.0):
        percent = {False: 80.0, True: 80.0 + ahead}
        planned = {
            run.key: rng.random(500) < percent[run.arm == f"dora-{run.bruise}-detached"] / 100
            for run in rates.grid()
            if run.group == "B"
        }
        found = rates_analysis.Results(planned)
        for bruise in rates.AXES:
            answers = {
                (arm, bruise, 0.002): found.points("B", arm, 0.002, rates.first_seeds(8), bruise=bruise) / 100
                for arm in (rates_analysis.PER_OUTPUT, rates_analysis.PER_INPUT)
            }
            assert space["bruise_verdict"](bruise, answers) == rates_analysis.bruise_sign(found, bruise).verdict


# The analysis of the stored rows by a second computation, from the csv on, without a line of ours


@pytest.fixture(scope="module")
def right():
    """{axis or "lora", then the rate: 100 for right and 0 for wrong, (seeds, sentences)} of group R."""
    rows = sorted((row for row in stored("rates") if row["group"] == "R"), key=lambda row: int(row["seed"]))
    found = {}
    for row in rows:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(row["answers"]), dtype=np.uint8))
        assert bits.size == 2000 and bits.sum() == int(row["correct"])
        per = "lora" if row["arm"] == "lora" else row["arm"].split("-")[1]
        found.setdefault(per + row["rate"], []).append(100.0 * bits)
    return {name: np.array(each) for name, each in found.items()}


def test_the_axis_by_scipy(right, registered):
    output, inputs = (
        np.mean([right[f"{per}{rate}"] for rate in ("0.0005", "0.001", "0.002", "0.003")], axis=0)
        for per in ("output", "input")
    )
    said = registered.axis
    test = stats.ttest_rel(output.mean(1), inputs.mean(1))
    assert (said.axis.over_seeds.low, said.axis.over_seeds.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    one_sided = [
        stats.ttest_rel(output.mean(1) + 0.5, inputs.mean(1), alternative="greater").pvalue,
        stats.ttest_rel(output.mean(1) - 0.5, inputs.mean(1), alternative="less").pvalue,
    ]
    assert said.equivalent == pytest.approx(max(one_sided))
    d = output.mean(1) - inputs.mean(1)
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    assert said.axis.sign_flip == pytest.approx((abs(signs @ d) >= abs(d.sum()) - 1e-9).mean())
    assert_two_way(said.axis.over_both, output - inputs)


def assert_two_way(interval, each):
    """A percentile interval against the normal one of the crossed bootstrap's variance, in closed form (Owen, 2007)."""
    n, m = each.shape
    by_seed, by_sentence = each.mean(1), each.mean(0)
    inner = each - by_seed[:, None] - by_sentence + each.mean()
    variance = by_seed.var() / n + by_sentence.var() / m + (inner**2).mean() / (n * m)
    half = stats.norm.ppf(0.975) * variance**0.5
    assert (interval.low, interval.high) == pytest.approx(
        (each.mean() - half, each.mean() + half), abs=0.08 * half + 0.01
    )


def test_the_rate_by_scipy(right, registered):
    at = {rate: (right[f"output{rate}"] + right[f"input{rate}"]) / 2 for rate in ("0.001", "0.002", "0.003")}
    axis = np.mean([right[f"output{r}"] - right[f"input{r}"] for r in ("0.0005", "0.001", "0.002", "0.003")], axis=0)
    means = np.array([each.mean(1) for each in at.values()])  # (rates, seeds)
    chosen = []
    for seed in range(16):
        others = means[:, np.arange(16) != seed].mean(1)
        chosen.append(list(at.values())[others.argmax()][seed] - list(at.values())[others.argmin()][seed])
    for name, each in (("0.003 − 0.001", at["0.003"] - at["0.001"]), ("best − worst", np.array(chosen))):
        said = registered.rate[name]
        interval = stats.ttest_1samp(each.mean(1), 0).confidence_interval(0.95)
        assert (said.rate.over_seeds.low, said.rate.over_seeds.high) == pytest.approx(tuple(interval))
        assert_two_way(said.rate.over_both, each)
        assert each.mean() > 0 < axis.mean(), "signs as observed are those of the differences"
        interval = stats.ttest_rel(each.mean(1), axis.mean(1)).confidence_interval(0.95)
        assert (said.over_seeds.low, said.over_seeds.high) == pytest.approx(tuple(interval))


@pytest.mark.parametrize("rate", ["0.005", "0.007"])
def test_breaking_down_by_scipy(right, rate):
    one, other = (right[f"{per}{rate}"].mean(1) < 60 for per in ("output", "input"))
    said = rates_analysis.breakdowns(rates_analysis.results(), float(rate))
    alone = int((one & ~other).sum()), int((other & ~one).sum())
    assert (said.first, said.second, said.first_alone, said.second_alone) == (one.sum(), other.sum(), *alone)
    assert said.p == pytest.approx(stats.binomtest(alone[0], sum(alone)).pvalue if sum(alone) else 1.0)


# The pictures


@pytest.fixture
def ax():
    with mpl.rc_context(), mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield figures.panels(1)[0]
    plt.close("all")


def test_every_run_is_a_dot_at_its_value_in_the_order_given(ax):
    assert figures.plot_runs({"LoRA": ([3.0, 1.0, 2.0], "update"), "none": ([5.0], "frozen")}, ax=ax, label="%") is ax
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata().tolist() for dot in dots] == [[3.0, 1.0, 2.0], [5.0]]
    heights = dots[0].get_ydata()
    assert (np.diff(heights) > 0).all() and np.abs(heights).max() < 0.5 and dots[1].get_ydata() == [1.0]
    means = [segment[0][0] for marks in ax.collections for segment in marks.get_segments()]
    assert means == [2.0, 5.0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["LoRA", "none"]
    assert ax.yaxis_inverted()


def test_an_interval_is_a_line_from_end_to_end_with_its_mean_and_its_pairs_beside_the_margin(ax):
    figures.plot_intervals({"a − b": ([1.0, 3.0], (-0.5, 2.0, 4.5), "magnitude")}, ax=ax, margin=1.0, label="points")
    zero, line, mean, pairs = ax.lines
    assert list(line.get_xdata()) == [-0.5, 4.5] and mean.get_xdata() == [2.0] and list(pairs.get_xdata()) == [1, 3]
    assert list(zero.get_xdata()) == [0, 0]
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-1.0, 1.0))


# The recipe for a reader's own model


def recipe():
    """The chapter's one block of Python that does not run there, since the page needs no network."""
    prose = "\n".join("".join(cell["source"]) for cell in CHAPTER["cells"] if cell["cell_type"] == "markdown")
    (block,) = re.findall(r"```python\n(.*?)```", prose, flags=re.S)
    return block


class Letters:
    """A tokenizer of one token a letter."""

    def __call__(self, text, *, truncation, max_length, return_tensors):
        assert truncation and return_tensors == "pt"
        ids = torch.tensor([[ord(letter) % 31 + 1 for letter in text][:max_length]])
        return type("Encoding", (), {"input_ids": ids})


@pytest.fixture
def tiny(monkeypatch):
    """What the hub would give: a Llama of one tiny block, the same each time."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=32, num_key_value_heads=1, **sizes)

    def model(name, *, dtype):
        assert (name, dtype) == ("HuggingFaceTB/SmolLM2-135M", torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return LlamaForCausalLM(config)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", model)
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda name: Letters())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("tiny")
def test_the_recipe_for_ones_own_model_runs_and_prints_both_axes_for_every_rate_and_seed(capsys):
    space = {"texts": [f"text {i} says {i % 3} and {i % 5}" for i in range(104)]}
    exec(compile(recipe().replace("texts[:100], texts[100:]", "texts[:2], texts[100:]"), "recipe", "exec"), space)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and all(re.search(r"per output \d\.\d{4} per input \d\.\d{4}$", line) for line in lines)
    assert len(set(lines)) == 9


@pytest.mark.usefixtures("tiny")
def test_the_recipe_gives_both_axes_one_start_and_trains_only_the_adapters():
    space = {"texts": ["a text", "another"]}
    exec(recipe().split("for rate in")[0], space)
    models = {per: space["dressed"](per, 3) for per in ("output", "input")}
    layers = {per: [m for m in model.modules() if isinstance(m, DoRALinear)] for per, model in models.items()}
    assert len(layers["output"]) == 7 and {layer.per for layer in layers["input"]} == {"input"}
    for one, two in zip(layers["output"], layers["input"], strict=True):
        assert torch.equal(one.lora_A, two.lora_A) and torch.equal(one.base.weight, two.base.weight)
    other = [m for m in space["dressed"]("output", 4).modules() if isinstance(m, DoRALinear)]
    assert not torch.equal(other[0].lora_A, layers["output"][0].lora_A)
    names = {name.split(".")[-1] for name, p in models["input"].named_parameters() if p.requires_grad}
    assert names == {"lora_A", "lora_B", "magnitude"}
    losses = [space["loss"](model, "some text").item() for model in models.values()]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
