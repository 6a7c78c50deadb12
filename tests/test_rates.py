"""The second experiment on a planted task, its plan's place in the history, and its analysis on planted answers."""

import hashlib
import json
import subprocess
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from dorabook import paired
from dorabook.decompose import norms
from dorabook.paired import Interval
from experiments import arms, rates, rates_analysis, records, train_both
from experiments.rates import Run
from experiments.rates_analysis import PER_INPUT, PER_OUTPUT, Effect, Incomplete, Results
from experiments.tasks import BadInput
from scipy import stats
from support.planted import bench, tiny_bert

SIZE = 400  # planted test sentences
QUIET = {"commit": "c0ffee", "say": lambda line: None}


def run(group="R", arm=PER_OUTPUT, rate=0.01, seed=5, bruise="", rank=2):
    return Run(group, arm, bruise, rank, rate, seed)


# The grid


def test_the_grid_is_the_plans():
    runs = rates.grid()
    assert len({r.key for r in runs}) == len(runs)
    count = Counter(r.group for r in runs)
    assert count == {"R": 2 * 6 * 16 + 6 * 8, "B": 2 * 3 * 8, "P": 64, "G": 64, "K": 64, "M": 64}
    assert [r.group for r in runs] == sorted((r.group for r in runs), key="RBPGKM".index)
    assert min(r.seed for r in runs) == 5, "seeds of the first experiment are not used again"
    assert {r.arm for r in runs} <= set(arms.ARMS)


def test_every_run_of_one_axis_has_its_pair_on_the_other():
    def other(arm):
        return arm.replace("output", "input") if "output" in arm else arm.replace("input", "output")

    keys = {r.key for r in rates.grid()}
    for r in rates.grid():
        assert r.arm == "lora" or (r.group, other(r.arm), *r.key[2:]) in keys


# Bruises


@pytest.mark.parametrize("per", rates.AXES)
def test_a_bruise_scales_rows_or_inputs_of_every_adapted_weight_and_nothing_else(per):
    whole = tiny_bert()
    hurt = rates.bruised(whole, per=per, seed=5)
    adapted = {f"{name}.weight" for name, _ in arms.linears(whole)}
    logs = []
    for name, before in whole.named_parameters():
        after = hurt.get_parameter(name)
        if name not in adapted:
            assert torch.equal(before, after)
            continue
        share = (after / before).detach()
        factors = share[:, :1] if per == "output" else share[:1]
        torch.testing.assert_close(share, factors.expand_as(share))
        logs.append(factors.flatten().log2())
    assert abs(float(torch.cat(logs).mean())) < 0.1
    assert float(torch.cat(logs).std()) == pytest.approx(0.5, abs=0.1)
    assert len(logs) == 12


def test_magnitudes_along_the_bruise_can_undo_it_alone():
    whole = tiny_bert()
    for per, undone in product(rates.AXES, rates.AXES):
        hurt = rates.bruised(whole, per=per, seed=5)
        for (_, before), (_, after) in zip(arms.linears(whole), arms.linears(hurt), strict=True):
            direction = after.weight / norms(after.weight, per=undone)
            healed = direction * norms(before.weight, per=undone)
            assert torch.allclose(healed, before.weight, atol=1e-6) == (per == undone)


def test_a_bruise_hangs_on_the_seed_and_is_the_same_for_all_arms():
    weights = [next(arms.linears(rates.bruised(tiny_bert(), per="output", seed=seed)))[1].weight for seed in (5, 5, 6)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


# Rows


def test_a_row_holds_its_answers_and_how_far_m_moved(tmp_path):
    b = bench()
    rates.go(b, tmp_path, [run(), run(arm="lora"), run(bruise="input")], **QUIET)
    row, lora, hurt = rates.done(tmp_path).values()
    assert [row[name] for name in rates.KEY] == ["R", PER_OUTPUT, "", "2", "0.01", "5"]
    assert (row["train"], row["test"], row["commit"], row["recipe"]) == ("24", "20", "c0ffee", rates.recipe(b))
    assert sum(records.unbits(row["answers"], 20)) == int(row["correct"])
    assert 0 < float(row["m_least"]) < 1 < float(row["m_most"])
    assert lora["m_least"] == lora["m_most"] == ""
    assert hurt["loss_first"] != row["loss_first"], "the bruise is not there when training begins"


def test_rows_of_a_pair_start_equal_and_differ_in_the_axis_alone(tmp_path):
    rates.go(bench(), tmp_path, [run(), run(arm=PER_INPUT)], **QUIET)
    one, two = rates.done(tmp_path).values()
    assert float(one["loss_first"]) == pytest.approx(float(two["loss_first"]), rel=1e-5)
    assert one["loss_last"] != two["loss_last"]


def test_what_is_trained_as_m_over_m0_is_read_as_m():
    encoder = tiny_bert()
    arms.dress(encoder, "dora-output-detached-relative", rank=2, seed=5)
    for m, (_, layer) in zip(rates.magnitudes(encoder), arms.linears(tiny_bert()), strict=True):
        torch.testing.assert_close(m, norms(layer.weight.detach(), per="output"))


def test_a_run_that_was_killed_goes_on_and_every_row_is_made_again_bit_for_bit(tmp_path):
    b, runs = bench(), [run(seed=seed) for seed in (5, 6)]
    said = []
    assert rates.go(b, tmp_path, runs[:1], **QUIET) == 1
    assert rates.go(b, tmp_path, runs, commit="c0ffee", say=said.append) == 1
    assert len(said) == 1 and "2/2 rows" in said[0]
    for one in runs:
        text, holds = rates.remake(b, tmp_path, one)
        assert holds and "0 sentences differ" in text
    path = tmp_path / "rates.csv"
    row = list(rates.done(tmp_path).values())[1]
    turned = f"{int(row['answers'][0], 16) ^ 8:x}" + row["answers"][1:]
    path.write_text(path.read_text().replace(row["answers"], turned))
    assert not rates.remake(b, tmp_path, runs[1])[1]


def test_one_row_of_each_group_that_has_rows_is_made_again(tmp_path, monkeypatch, capsys):
    b, runs = bench(), [run(), run(seed=6), run("B", bruise="input"), run("P", f"{PER_OUTPUT}-relative")]
    rates.go(b, tmp_path, runs[:3], **QUIET)
    monkeypatch.setattr(rates, "grid", lambda: runs)
    kept = rates.recipe(b)
    monkeypatch.setattr(rates, "recipe", lambda bench: kept)
    monkeypatch.setattr(train_both, "load_model", lambda folder: (None, None))
    monkeypatch.setattr(rates.tasks, "read", lambda folder, name: None)
    monkeypatch.setattr(train_both, "Bench", lambda *parts: b)
    assert rates.main(["--remake", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line[0] for line in said] == ["R", "B"] and all("0 sentences differ" in line for line in said)


def test_nothing_that_is_said_while_it_runs_tells_an_accuracy(tmp_path):
    said = []
    rates.go(bench(), tmp_path, [run()], commit="c0ffee", say=said.append)
    (row,) = rates.done(tmp_path).values()
    percent = 100 * int(row["correct"]) / 20
    assert not any(f"{percent:g}" in line.partition("seed 5")[2] or "%" in line for line in said)


@pytest.mark.parametrize("name", ["recipe", "commit"])
def test_rows_of_another_recipe_or_commit_are_not_mixed_in(tmp_path, name):
    b = bench()
    rates.go(b, tmp_path, [run()], **QUIET)
    path = tmp_path / "rates.csv"
    path.write_text(path.read_text().replace({"recipe": rates.recipe(b), "commit": "c0ffee"}[name], "0123"))
    with pytest.raises(BadInput, match=f"holds rows of {name} 0123, this is"):
        rates.go(b, tmp_path, [run(seed=6)], **QUIET)


def test_provenance_names_the_plan_and_what_the_file_holds(tmp_path):
    rates.go(bench(), tmp_path, [run()], **QUIET)
    said = json.loads((tmp_path / "rates.json").read_text())
    assert (said["plan"], said["rows"]) == ("c0ffee", 1)
    assert said["model"]["model.safetensors sha256"] == train_both.MODEL_SHA256


# The plan's place in the history


def git(folder, *words):
    options = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@t",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "protocol.file.allow=always",
    ]
    done = subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def history(tmp_path):
    """A repository in which a commit adds the plan, after another; gives its folder and the plan's commit."""
    folder = tmp_path / "book"
    (folder / "book" / "experiments").mkdir(parents=True)
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "before")
    (folder / "book" / "experiments" / "rates.py").write_text("plan")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "plan")
    return folder, git(folder, "rev-parse", "HEAD")


def test_rows_are_made_at_the_plans_commit_and_beside_its_own_results(history):
    folder, plan = history
    assert rates.plan_commit(folder) == plan
    (folder / "book" / "data").mkdir()
    (folder / "book" / "data" / "rates.csv").write_text("rows")
    assert rates.plan_commit(folder) == plan


def changed(folder):
    (folder / "book" / "experiments" / "rates.py").write_text("another plan")
    return folder


def added_to(folder):
    (folder / "book" / "new.py").write_text("")
    return folder


def gone_on(folder):
    git(changed(folder), "commit", "-aqm", "later")
    return folder


def shallow(folder):
    git(folder.parent, "clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    return folder.parent / "shallow"


def without_history(folder):
    plain = folder.parent / "plain"
    plain.mkdir()
    return plain


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (changed, r"has changes \(book/experiments/rates\.py\)"),
        (added_to, r"has changes \(book/new\.py\)"),
        (gone_on, "rows are made at the plan's"),
        (shallow, "plan's commit is not found here"),
        (without_history, "plan's commit is not found here"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(history, spoil, said):
    with pytest.raises(BadInput, match=said) as refused:
        rates.plan_commit(spoil(history[0]))
    assert "\n" not in str(refused.value)


def test_the_plan_was_committed_without_a_row():
    root = rates.Path(rates.__file__).parents[2]
    added = git(root, "log", "--diff-filter=A", "--format=%H", "--", "book/experiments/rates.py").splitlines()
    assert added, "the history is not here: clone the whole repository"
    there = git(root, "ls-tree", "-r", "--name-only", added[-1], "--", "book/data").splitlines()
    assert there and not [name for name in there if "rates" in name]


# Bad input


@pytest.fixture
def nothing_trains(monkeypatch):
    monkeypatch.setattr(train_both, "run", lambda *a, **k: pytest.fail("something was trained"))
    monkeypatch.setattr(rates, "plan_commit", lambda: "c0ffee")


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--only", "group=X"], "--only has 'group=X', and no planned run has that"),
        (["--only", "colour=R"], "names are group, arm, bruise, rank, rate, seed"),
        (["--only", "group=B,rate=0.007"], "names no planned run"),
        (["--out", "{folder}/none"], "is no folder: make it first"),
        (["--out", "{folder}", "--data", "{folder}"], r"holds no train.csv"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_trains(tmp_path, capsys, argv, said):
    assert rates.main([word.format(folder=tmp_path) for word in argv]) == 1
    assert said in capsys.readouterr().err


def test_without_a_clean_plan_nothing_is_read_or_trained(tmp_path, capsys, monkeypatch):
    def refused():
        raise BadInput("not at the plan")

    monkeypatch.setattr(rates, "plan_commit", refused)
    monkeypatch.setattr(train_both, "load_model", lambda *a: pytest.fail("the model was loaded"))
    assert rates.main(["--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "not at the plan\n"


# The analysis, on planted answers


def planted(percents, *, groups="RB", noise=0.0, size=SIZE):
    """Answers to `size` sentences for every run of the groups: `percents(run)` of the first ones right, and `noise` by seed."""
    rng = np.random.default_rng(1)
    shift = {seed: rng.normal(0, 1) for seed in range(5, 21)}
    return Results(
        {
            r.key: np.arange(size) < round(size * (percents(r) + noise * shift[r.seed]) / 100)
            for r in rates.grid()
            if r.group in groups
        }
    )


def random_answers(percents, *, size=SIZE, seed=3, groups="RB"):
    """Answers drawn apart for every run and sentence."""
    rng = np.random.default_rng(seed)
    return Results({r.key: rng.random(size) < percents(r) / 100 for r in rates.grid() if r.group in groups})


def by_axis(output, other=None):
    return lambda r: output if r.arm == PER_OUTPUT else (other if other is not None else output)


def test_equal_axes_are_smaller_than_half_a_point_and_a_planted_difference_is_found():
    level = rates_analysis.primary(planted(by_axis(85.0)), draws=500)
    assert level.axis.over_seeds.mean == 0
    found = rates_analysis.primary(random_answers(by_axis(86.0, 80.0), size=2000), draws=500)
    assert found.verdict == "different" and found.axis.over_both.low > 3
    none = rates_analysis.primary(random_answers(by_axis(85.0), size=60), draws=500)
    assert none.verdict == "undecided"


def test_a_verdict_needs_seeds_and_sentences():
    def narrow(r):  # the same few sentences in every seed: sure over seeds, not over sentences
        return 85.0 + (0.5 + 0.25 * (r.seed % 2) if r.arm == PER_OUTPUT else 0.0)

    said = rates_analysis.primary(planted(narrow), draws=2000)
    assert said.axis.over_seeds.low > 0 and said.axis.over_both.low <= 0
    assert "different" not in said.verdict


def test_the_primary_effect_is_the_mean_over_the_rates_up_to_0_003_alone():
    def at(r):
        high = {0.0005: 1, 0.001: 2, 0.002: 3, 0.003: 6, 0.005: 40, 0.007: 40}[r.rate]
        return 50.0 + (high if r.arm == PER_OUTPUT else 0)

    assert rates_analysis.axis_points(planted(at)).mean() == pytest.approx(3.0)


def test_both_forms_of_the_rate_effect():
    def at(r):
        return 80 + {0.001: 0.0, 0.002: 4.0, 0.003: 2.0}.get(r.rate, -30.0)

    found = planted(at)
    assert rates_analysis.rate_points(found).mean() == pytest.approx(2.0)
    assert rates_analysis.chosen_points(found).mean() == pytest.approx(4.0)
    said = rates_analysis.rate_against_axis(found, rates_analysis.rate_points(found), draws=400)
    assert (said.rate.over_seeds.mean, said.over_both.mean) == pytest.approx((2.0, 2.0))


def test_choosing_best_and_worst_does_not_favour_the_effect():
    means = [rates_analysis.chosen_points(random_answers(by_axis(85.0), seed=s, groups="R")).mean() for s in range(12)]
    assert abs(np.mean(means)) < 3 * np.std(means) / np.sqrt(len(means)) + 0.05
    naive = [
        np.ptp(
            [
                rates_analysis._at(random_answers(by_axis(85.0), seed=s, groups="R"), r).mean()
                for r in (0.001, 0.002, 0.003)
            ]
        )
        for s in range(4)
    ]
    assert min(naive) > 0, "a best and worst that each seed chooses for itself is never below 0"


def test_less_than_the_rate_is_said_only_where_both_intervals_say_so():
    def large(r):
        return 80.0 + (5.0 if r.rate == 0.003 else 0.0)

    sure = random_answers(large, size=2000)
    assert rates_analysis.rate_against_axis(sure, rates_analysis.rate_points(sure), draws=400).stands
    level = random_answers(by_axis(85.0), size=200)
    assert not rates_analysis.rate_against_axis(level, rates_analysis.rate_points(level), draws=400).stands

    def negative(r):
        return 80.0 - (5.0 if r.rate == 0.003 else 0.0)

    down = random_answers(negative, size=2000)
    assert rates_analysis.rate_against_axis(down, rates_analysis.rate_points(down), draws=400).stands


def test_breakdowns_are_counted_pair_by_pair():
    def at(r):
        falls = r.rate == 0.005 and (
            (r.arm == PER_INPUT and r.seed < 13) or (r.arm == PER_OUTPUT and r.seed in (5, 19))
        )
        return 59.5 if falls else 60.0

    said = rates_analysis.breakdowns(planted(at), 0.005)
    assert (said.runs, said.first, said.second, said.first_alone, said.second_alone) == (16, 2, 8, 1, 7)
    assert said.p == pytest.approx(2 * (1 + 8) / 2**8)  # both tails of eight fair coins
    assert rates_analysis.breakdowns(planted(at), 0.007).p == 1.0


def test_signs_of_the_bruises_are_confirmed_in_the_predicted_direction_alone():
    def right(r):
        return 80.0 + (3.0 if r.arm == f"dora-{r.bruise}-detached" else 0.0)

    def wrong(r):
        return 80.0 - (3.0 if r.arm == f"dora-{r.bruise}-detached" else 0.0)

    for bruise in rates.AXES:
        said = rates_analysis.bruise_sign(random_answers(right, size=2000), bruise, draws=400)
        assert said.verdict == "confirmed" and said.effect.over_seeds.mean * said.predicted > 2
        assert (
            rates_analysis.bruise_sign(random_answers(wrong, size=2000), bruise, draws=400).verdict == "not confirmed"
        )
        assert rates_analysis.bruise_sign(random_answers(by_axis(80.0)), bruise, draws=400).verdict == "not confirmed"


def seeds_and_sentences(found, group, arm, rate, bruise=""):
    """100 for each right answer of the group's seeds, straight from the planted ones."""
    keys = [key for key in found.answers if (key[0], key[1], key[2], float(key[4])) == (group, arm, bruise, rate)]
    return 100.0 * np.array([found.answers[key] for key in sorted(keys, key=lambda key: int(key[5]))])


def quantiles(drawn, low, mean):
    return Interval(pytest.approx(mean), *map(pytest.approx, np.quantile(drawn, [low, 1 - low])))


def students(by_seed):
    return Interval(
        pytest.approx(np.mean(by_seed)), *map(pytest.approx, stats.ttest_1samp(by_seed, 0).confidence_interval(0.95))
    )


def all_signs(by_seed):
    """Means of the differences under every choice of signs."""
    return (np.array(list(product((1, -1), repeat=len(by_seed)))) * by_seed).mean(1)


def effect_again(each, draws):
    by_seed, (drawn,) = each.mean(1), paired.two_way(each, draws=draws)
    p = (abs(all_signs(by_seed)) >= abs(by_seed.mean()) - 1e-9).mean()
    return Effect(tuple(by_seed), students(by_seed), quantiles(drawn, 0.025, each.mean()), pytest.approx(p))


def test_every_number_of_the_analysis_by_a_second_computation():
    """scipy's intervals and tests, every sign by enumeration, and the rates chosen in a loop. Per output is behind."""
    draws, steps = 150, {0.0005: 0, 0.001: 1, 0.002: 3, 0.003: 4}
    found = random_answers(lambda r: 80 + steps.get(r.rate, 0) - 0.8 * (r.arm == PER_OUTPUT), size=300)
    output, other = (
        {rate: seeds_and_sentences(found, "R", arm, rate) for rate in steps} for arm in (PER_OUTPUT, PER_INPUT)
    )
    axis = sum(output[rate] - other[rate] for rate in steps) / 4
    said, by_seed = rates_analysis.primary(found, draws=draws), axis.mean(1)
    assert axis.mean() < 0 and axis.shape == (16, 300)
    assert said.axis == effect_again(axis, draws)
    sides = [(-0.5, "greater"), (0.5, "less")]
    assert said.equivalent == pytest.approx(max(stats.ttest_1samp(by_seed, m, alternative=a).pvalue for m, a in sides))
    assert said.over_both_90 == quantiles(paired.two_way(axis, draws=draws)[0], 0.05, axis.mean())

    both = {rate: (output[rate] + other[rate]) / 2 for rate in steps}
    chosen = []
    for seed in range(16):
        means = {rate: np.delete(both[rate].mean(1), seed).mean() for rate in (0.001, 0.002, 0.003)}
        chosen.append(both[max(means, key=means.get)][seed] - both[min(means, key=means.get)][seed])
    for asked, each in (
        (rates_analysis.rate_points, both[0.003] - both[0.001]),
        (rates_analysis.chosen_points, np.array(chosen)),
    ):
        np.testing.assert_allclose(asked(found), each)
        said = rates_analysis.rate_against_axis(found, asked(found), draws=draws)
        drawn_rate, drawn_axis = paired.two_way(each, axis, draws=draws)
        assert each.mean() > 0 and said.rate == effect_again(each, draws)
        assert said.over_seeds == students(each.mean(1) + by_seed), "the axis effect is negative: its size is minus it"
        assert said.over_both == quantiles(abs(drawn_rate) - abs(drawn_axis), 0.025, each.mean() + axis.mean())


@pytest.mark.parametrize(("bruise", "predicted", "of"), [("output", 1, 0.05), ("input", -1, 0.95)])
def test_the_sign_of_a_bruise_by_a_second_computation(bruise, predicted, of):
    found = random_answers(lambda r: 80 + (r.arm == f"dora-{r.bruise}-detached"), size=300)
    one, other = (seeds_and_sentences(found, "B", arm, 0.002, bruise) for arm in (PER_OUTPUT, PER_INPUT))
    each, said = one - other, rates_analysis.bruise_sign(found, bruise, draws=150)
    by_seed = predicted * each.mean(1)
    assert each.shape == (8, 300) and said.predicted == predicted
    assert said.effect == effect_again(each, 150)
    assert said.one_sided == pytest.approx((all_signs(by_seed) >= by_seed.mean() - 1e-9).mean())
    assert said.bound == pytest.approx(np.quantile(paired.two_way(each, draws=150)[0], of))


@pytest.mark.parametrize(
    ("low", "high", "differs"), [(0.2, 2, True), (0, 1, False), (-1, 0, False), (-1, -0.1, True), (-1, 0.5, False)]
)
def test_an_interval_that_only_touches_0_holds_it(low, high, differs):
    assert rates_analysis._without_zero(Interval(0.0, low, high)) == differs


def test_pairs_that_fell_together_are_not_alone():
    said = rates_analysis.breakdowns(
        planted(lambda r: 50.0 if r.seed < 8 or (r.seed < 10 and r.arm == PER_OUTPUT) else 80.0), 0.005
    )
    assert (said.first, said.second, said.first_alone, said.second_alone) == (5, 3, 2, 0)
    lacking = planted(by_axis(85.0), groups="B")
    with pytest.raises(Incomplete, match="group R: 0 of 240"):
        rates_analysis.breakdowns(lacking, 0.005)


def test_as_many_answers_as_were_tested_come_back(monkeypatch):
    monkeypatch.setattr(rates, "done", lambda folder: {("R",): {"answers": "c0", "test": "3"}})
    assert rates_analysis.results().answers["R",].tolist() == [True, True, False]


@pytest.mark.parametrize(("effect", "says"), [(0.0, "undecided"), (6.0, "above 0")])
def test_the_report_says_what_the_analysis_found(effect, says, monkeypatch):
    found = random_answers(lambda r: 80.0 + effect * (r.rate == 0.003), size=200)
    monkeypatch.setattr(rates_analysis, "results", lambda folder: found)
    lines = rates_analysis.report(draws=50).splitlines()
    assert len(lines) == 9
    assert str(rates_analysis.primary(found, draws=50).over_both_90) in lines[0]
    rate = rates_analysis.rate_against_axis(found, rates_analysis.rate_points(found), draws=50)
    assert str(rate.rate.over_both) in lines[1] and str(rate.over_both) in lines[2]
    assert lines[2].endswith(f": {says}")
    assert f"bound {rates_analysis.bruise_sign(found, 'output', draws=50).bound:+.2f}: " in lines[7]


def test_a_group_that_lacks_a_run_gets_a_count_and_no_verdict(tmp_path):
    found = planted(by_axis(85.0))
    answers = dict(found.answers)
    del answers[next(r.key for r in rates.grid() if r.group == "R" and r.arm == "lora")]
    with pytest.raises(Incomplete, match=r"group R: 239 of 240 runs are there, no verdict yet"):
        rates_analysis.primary(Results(answers))
    assert "group R: 0 of 240 runs" in rates_analysis.report(tmp_path)


def test_stored_answers_come_back_as_they_were_given(tmp_path):
    rates.go(bench(), tmp_path, [run()], **QUIET)
    (row,) = rates.done(tmp_path).values()
    (answers,) = rates_analysis.results(tmp_path).answers.values()
    assert answers.dtype == bool and answers.sum() == int(row["correct"]) and len(answers) == 20


def test_the_report_says_every_question_once(monkeypatch):
    monkeypatch.setattr(rates_analysis, "results", lambda folder: random_answers(by_axis(85.0)))
    text = rates_analysis.report(draws=50)
    for asked in ("axis, per output", "rate, 0.003 - 0.001", "rate, best - worst", "at 0.005", "at 0.007"):
        assert text.count(asked) == 1
    assert "bruised per output" in text and "bruised per input" in text


# The stored rows


@pytest.fixture(scope="module")
def stored():
    return list(rates.done(rates_analysis.DATA).values())


def test_stored_rows_are_the_first_of_the_plan_in_its_order(stored):
    planned = [r.key for r in rates.grid()]
    assert stored and [tuple(row[name] for name in rates.KEY) for row in stored] == planned[: len(stored)]


def test_stored_rows_were_made_by_the_plans_commit_with_its_recipe(stored):
    root = rates.Path(rates.__file__).parents[2]
    plan = git(root, "log", "--diff-filter=A", "--format=%H", "--", "book/experiments/rates.py").splitlines()[-1]
    b = train_both.Bench(None, None, None, train_both.RECIPES)
    assert {(row["commit"], row["recipe"]) for row in stored} == {(plan, rates.recipe(b))}
    assert json.loads((rates_analysis.DATA / "rates.json").read_text())["plan"] == plan


def test_stored_rows_have_the_planned_sizes_and_their_own_counts(stored):
    for row in stored:
        assert (row["train"], row["test"], row["threads"]) == ("1500", "2000", "1")
        assert sum(records.unbits(row["answers"], 2000)) == int(row["correct"])
        assert (row["m_least"] == "") == (row["arm"] == "lora")


def test_stored_pairs_ran_on_one_processor(stored):
    where = {}
    for row in stored:
        pair = tuple(row[name] for name in ("group", "bruise", "rank", "rate", "seed"))
        where.setdefault(pair, set()).update([row["device"]] if row["arm"] != "lora" else [])
    assert all(len(devices) <= 1 for devices in where.values())
    assert len({row["device"] for row in stored}) > 1, "else there is nothing to say of it"


def test_stored_pairs_start_from_one_loss(stored):
    """One seed, one first batch, one head and an adapter that changes nothing yet: one loss, whatever the axis and the rate."""
    start = {}
    for row in stored:
        start.setdefault((row["bruise"], row["seed"]), []).append(float(row["loss_first"]))
    for losses in start.values():
        assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-5)


def test_provenance_gives_the_stored_files_rows_and_checksum(stored):
    said = json.loads((rates_analysis.DATA / "rates.json").read_text())
    content = (rates_analysis.DATA / "rates.csv").read_bytes()
    assert (said["rows"], said["sha256"]) == (len(stored), hashlib.sha256(content).hexdigest())
