"""The benches of the norm: that they run, on small shapes, what they keep, and that a slow case is measured again before it counts."""

import csv
import json
import re

import pytest
import torch
from bench import norm, norm_gpu
from dorabook import factored, peft_norms
from torch import nn

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # peft's and transformers' imports take seconds


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Layers of some hundred numbers that count as large, few turns, and a record of its own."""
    shapes = {"tall": (20, 12), "wide": (6, 16)}
    for name in ("SHAPES", "RULE_SHAPES"):
        monkeypatch.setattr(norm, name, shapes)
    for name in ("STEP_SHAPES", "FEW_SHAPES", "HALF_SHAPES"):
        monkeypatch.setattr(norm, name, tuple(shapes))
    for name in ("RANKS", "FEW_RANKS", "HALF_RANKS", "STEP_RANKS"):
        monkeypatch.setattr(norm, name, (2,))
    monkeypatch.setattr(norm, "RULE_RANKS", {"output": (1, 2), "input": (2,)})
    monkeypatch.setattr(norm, "SECONDS", 0)
    monkeypatch.setattr(norm, "TURNS", 2)
    monkeypatch.setattr(norm, "TABLE", tmp_path / "norm_cost.csv")
    for module in (factored, peft_norms):
        monkeypatch.setattr(module, "FRESH", 100)
    norm.TABLE.write_text(",".join(norm.Row.__dataclass_fields__) + "\n", encoding="utf-8")
    return shapes


def kept_rows():
    with open(norm.TABLE, encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_every_part_of_layers_runs_and_is_kept_and_takes_the_place_of_its_old_rows(small, capsys):
    parts = [part for part in norm.PARTS if part != "model"]
    norm.main([*parts, "--record"])
    said = capsys.readouterr().out.splitlines()
    rows = kept_rows()
    assert list(dict.fromkeys(row["part"] for row in rows)) == parts
    norm.main(["half step", "--record"])
    again = kept_rows()
    assert len(again) == len(rows)
    assert [row for row in again if row["part"] != "half step"] == [row for row in rows if row["part"] != "half step"]
    measured = json.loads(norm.TABLE.with_suffix(".json").read_text(encoding="utf-8"))["measured"]
    assert list(measured) == parts
    cases = {
        part: {(row["layer"], row["rank"], row["per"], row["rows"]) for row in rows if row["part"] == part}
        for part in parts
    }
    assert [len(cases[part]) for part in parts] == [4, 6, 8, 2, 6, 6]
    assert re.match(r"above 1.05: \d of 6", next(line for line in said if line.startswith("above")))
    ways = {row["way"] for row in rows if row["part"] == "half step"}
    assert ways == {"lora", "given", "peft", "cheaper_norms", "again"}


def test_rows_of_two_threads_stand_beside_those_of_one(small):
    row = norm.Row("step", "tall", 20, 12, 2, "output", 64, "lora", 1.0, 1.0, 1.0, 5, 8)
    norm.record([row])
    norm.record([norm.replace(row, part=norm.named("step", 2), milliseconds=0.6)])
    assert [(each["part"], each["milliseconds"]) for each in kept_rows()] == [
        ("step", "1.0"),
        ("step, 2 threads", "0.6"),
    ]


def case(rule):
    times = {"whole, vector_norm": 1.0, "whole, squares in place": 2.0, "factored": 1.5, "rule": rule}
    return [norm.Row("rule", "tall", 20, 12, 2, "output", 0, way, ms, ms, ms, 5, 8) for way, ms in times.items()]


@pytest.mark.parametrize(("found", "asked"), [((1.04,), [1]), ((1.2, 1.05), [1, 4]), ((1.2, 1.1, 1.06), [1, 4, 12])])
def test_a_case_that_is_too_slow_is_measured_again_in_more_turns_before_it_counts(found, asked):
    longer, made = [], iter(found)

    def measured(**given):
        longer.append(given["longer"])
        return case(next(made))

    last = norm.settled(measured)
    assert longer == asked
    assert norm.milliseconds(last) == {"whole": 1.0, "factored": 1.5, "rule": found[-1]}
    slow = "\n(20, 12) rank 2 per output: 1.06" if found[-1] > norm.ABOVE else ""
    assert norm.above(last) == f"above 1.05: {len(slow) and 1} of 1{slow}"


def test_longer_is_in_turns_and_in_time(monkeypatch):
    monkeypatch.setattr(norm, "SECONDS", 0)
    times = norm.measure({"one": lambda: None}, longer=3)["one"][0]
    assert len(times) == 3 * norm.TURNS


def test_again_is_right_after_the_pass_that_took_the_norm_whatever_the_order(monkeypatch):
    monkeypatch.setattr(norm, "SECONDS", 0)
    dora, lora = (
        norm.adapted(nn.Sequential(nn.Linear(4, 6, bias=False)), ["0"], 2, dora=dora) for dora in (True, False)
    )
    ways, taken = norm.step_ways(lora, dora, torch.randn(3, 4).requires_grad_()), []
    norms, again = ways["again"].args[0], ways["again"]

    def counted():
        before = norms.taken
        again()
        taken.append(norms.taken - before)

    norm.measure(ways | {"again": counted}, longer=4)
    assert taken[1:-1] == [0] * (4 * norm.TURNS), "but for the first to warm up and the last for its memory"


@pytest.mark.deep
def test_the_script_for_a_gpu_prints_every_line_on_a_cpu(monkeypatch, capsys):
    """All 23 shapes of the paper's files, sides divided: what it would print on a GPU, but for its name and the times."""
    monkeypatch.setattr("sys.argv", ["norm_gpu", "cpu", "--tiny"])
    norm_gpu.main()
    first, *lines, half, full = capsys.readouterr().out.splitlines()
    assert first.startswith("cpu, torch ")
    assert len(set(norm_gpu.CASES)) == 23
    assert len(lines) == 2 * 2 * 23
    for kind in ("bfloat16", "float32"):
        norms, steps = (
            [line for line in lines if line.startswith(f"{what}, {kind}")] for what in ("norm", "step of 4")
        )
        assert len(norms) == len(steps) == 23
        assert all(re.search(r"whole, .* rule .* factored .* peft ", line) for line in norms)
        assert all(re.search(r"lora .* given .* peft .* cheaper_norms .* again ", line) for line in steps)
    for kind, line in (("bfloat16", half), ("float32", full)):
        assert re.fullmatch(rf"{kind}: the factored norm was ahead of the plain one in \d+ of 23", line)


def test_the_script_for_a_gpu_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("sys.argv", ["norm_gpu"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match=r"no GPU here\. To try the script without one: .* cpu --tiny"):
        norm_gpu.main()
