"""Chapter 9: the rows that travel with it are the recorded ones, its pictures draw what they get, and its recipe runs."""

import csv
import json
import re
from collections import Counter
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from dorabook import figures, paired, recorded
from dorabook.layers import DoRALinear
from experiments import analysis, arms, excerpt, train_both
from experiments.tasks import TASKS, BadInput
from experiments.train_both import KEY, Store
from matplotlib import pyplot as plt
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
    assert there == excerpt.tables(), "run: cd book && python -m experiments.excerpt"


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


def test_a_comparison_takes_the_seeds_that_both_have():
    found = {"a": {0: 80.0, 1: 82.0, 3: 84.0}, "b": {3: 83.0, 0: 80.5, 2: 10.0}}
    contrast = paired.compare("a", "b", found)
    assert (contrast.seeds, contrast.differences) == ((0, 3), (-0.5, 1.0))
    assert contrast.over_seeds.mean == 0.25 and contrast.over_sentences is None


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
