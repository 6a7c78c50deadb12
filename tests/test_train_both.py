"""The experiment on a planted task and a BERT of two tiny blocks, its analysis on planted results, and the stored files."""

import csv
import hashlib
import json
import math
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dorabook import paired
from dorabook.decompose import norms
from dorabook.layers import DoRALinear, LoRALinear
from experiments import analysis, arms, deltas, records, tasks, train_both, training
from experiments.tasks import BadInput, Examples, Rows
from experiments.train_both import FILES, KEY, Bench, Job, Store
from hypothesis import given, settings
from hypothesis import strategies as st
from support.planted import RECIPE, TASK, bench, draw, grid, job, tiny_bert, tokenizer
from torch.nn import functional as F
from transformers import BertConfig, BertModel

DATA = train_both.Path(train_both.__file__).parents[1] / "data"
ADAPTED = [arm for arm in arms.ARMS if arm not in ("head", "full")]
MAGNITUDES = [arm for arm in ADAPTED if arm in arms.DORA]


def dressed(arm, seed=0, rank=2, encoder=None):
    encoder = encoder or tiny_bert()
    arms.dress(encoder, arm, rank=rank, seed=seed)
    return encoder


def outputs(encoder):
    tokens, mask = training.padded([[1, 2, 3, 4], [5, 6]])
    with torch.no_grad():
        return encoder(input_ids=tokens, attention_mask=mask).last_hidden_state[mask.bool()]


def without_seconds(path):
    rows = csv.DictReader(path.read_text().splitlines())
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


# Tasks


def banking(intents=4, each=30):
    return Rows(tuple((f"sentence {i} of {k}", f"intent {k}") for i in range(each) for k in range(intents)))


def test_the_intents_draw_is_ten_sentences_of_each_and_none_of_them_is_validated_on():
    train, validation = tasks.draw_intents(banking(), seed=0, validate=True)
    assert Counter(train.labels) == Counter(validation.labels) == dict.fromkeys(range(4), 10)
    assert len(set(train.texts) | set(validation.texts)) == 80
    assert all(text.endswith(f"of {label}") for text, label in zip(train.texts, train.labels, strict=True))


def test_validating_does_not_change_what_is_trained_on_and_another_seed_does():
    rows = banking()
    assert tasks.draw_intents(rows, seed=0)[0] == tasks.draw_intents(rows, seed=0, validate=True)[0]
    assert tasks.draw_intents(rows, seed=0)[0] != tasks.draw_intents(rows, seed=1)[0]
    assert len(tasks.draw_intents(rows, seed=0)[1]) == 0


def long_rows(count):
    return Rows(tuple((f"Where is my card number {i} now?!", "card") for i in range(count)))


def test_half_of_the_shift_sentences_have_one_pair_of_neighbours_swapped(monkeypatch):
    monkeypatch.setattr(tasks, "SHIFT_TRAIN", 40)
    monkeypatch.setattr(tasks, "SHIFT_VALIDATION", 10)
    rows = long_rows(60)
    originals = {text for text, _ in rows.pairs}
    train, validation = tasks.draw_shifts(rows, seed=0, validate=True)
    assert (len(train), len(validation)) == (40, 10)
    assert sum(train.labels) == 20
    numbers = []
    for text, label in zip(train.texts + validation.texts, train.labels + validation.labels, strict=True):
        assert (text not in originals) == bool(label)
        assert text.endswith("?!")
        words = text[:-2].split()
        number = next(word for word in words if word.isdigit())
        numbers.append(number)
        original = f"Where is my card number {number} now".split()
        moved = [i for i in range(len(words)) if words[i] != original[i]]
        assert moved == ([moved[0], moved[0] + 1] if label else [])
        assert sorted(words) == sorted(original)
    assert len(set(numbers)) == 50, "a sentence is used twice"


def test_a_shift_never_swaps_two_equal_words():
    for i in range(30):
        assert tasks.shift("no No no yes.", generator=tasks.stream(i)) == "no No yes no."


def test_the_shift_test_set_is_one_for_all_seeds_and_the_shift_draw_is_not(monkeypatch):
    for name in ("SHIFT_TRAIN", "SHIFT_TEST"):
        monkeypatch.setattr(tasks, name, 10)
    assert tasks.fixed_shifts(long_rows(30)) == tasks.fixed_shifts(long_rows(30))
    assert tasks.draw_shifts(long_rows(30), seed=0) != tasks.draw_shifts(long_rows(30), seed=1)


def test_too_few_sentences_to_shift_are_named():
    with pytest.raises(BadInput, match=r"holds 30 sentences of 5 to 20 words, and 1500 are needed"):
        tasks.draw_shifts(long_rows(30), seed=0)


def test_a_file_is_read_by_its_checksum_from_a_folder_or_by_name_from_its_repository(tmp_path):
    content = b'text,category\n"one,  two\nthree",a\nfour,b\n'
    (tmp_path / "train.csv").write_bytes(content)
    right = {"train.csv": hashlib.sha256(content).hexdigest()}
    asked = []
    local = tasks.read(tmp_path, "train.csv", sha256=right)
    hub = tasks.read(None, "train.csv", sha256=right, download=lambda url: asked.append(url) or content)
    assert local == hub == Rows((("one, two three", "a"), ("four", "b")))
    assert asked == [tasks.SOURCE + "train.csv"]
    with pytest.raises(BadInput, match="another file"):
        tasks.read(None, "train.csv", download=lambda url: content)


# Arms


@pytest.mark.parametrize("arm", arms.ARMS)
def test_every_arm_starts_as_the_frozen_encoder(arm):
    torch.testing.assert_close(outputs(dressed(arm)), outputs(tiny_bert()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arm", [arm for arm in ADAPTED if not arm.startswith("magnitude")])
def test_all_arms_of_a_seed_start_from_the_same_a_and_the_same_head(arm):
    def starts(arm, seed):
        encoder = dressed(arm, seed=seed)
        found = {name.replace(".default.weight", ""): p for name, p in encoder.named_parameters() if "lora_A" in name}
        return found | {"head": training.Classifier(encoder, 3, seed=seed).head.weight}

    reference, here, other = starts("lora", 0), starts(arm, 0), starts(arm, 1)
    assert len(here) == 2 * 6 + 1 and here.keys() == reference.keys()
    assert all(torch.equal(here[name], reference[name]) for name in reference)
    assert not any(torch.equal(here[name], other[name]) for name in reference)


def test_each_layer_of_a_run_has_an_a_of_its_own():
    first = [m.lora_A[0, :4].tolist() for m in dressed("lora").modules() if isinstance(m, LoRALinear)]
    assert len(set(map(tuple, first))) == 12


def trained(arm, encoder):
    return {name: p for name, p in dressed(arm, rank=8, encoder=encoder).named_parameters() if p.requires_grad}


def test_a_minilm_block_has_3456_magnitudes_on_either_axis():
    def block():
        return tiny_bert(hidden=384, intermediate=1536, layers=1)

    low_rank = 8 * (4 * (384 + 384) + 2 * (384 + 1536))
    for arm in ("magnitude-output", "magnitude-input"):
        found = trained(arm, block())
        assert sum(p.numel() for p in found.values()) == 3456 == 4 * 384 + 384 + 1536
        assert all("magnitude" in name for name in found)
    assert sum(p.numel() for p in trained("lora", block()).values()) == low_rank
    for arm in MAGNITUDES[:6]:
        assert sum(p.numel() for p in trained(arm, block()).values()) == low_rank + 3456


def test_the_pair_of_each_name_differs_in_the_axis_only():
    for name, (per, norm) in arms.DORA.items():
        assert per in name and ("graph" in name) == (norm == "in graph")
        other = name.replace("output", "INPUT").replace("input", "output").replace("INPUT", "input")
        assert arms.DORA[other] == ({"output": "input", "input": "output"}[per], norm)


def test_head_and_full_train_nothing_and_everything_of_the_encoder():
    assert not trained("head", tiny_bert())
    assert len(trained("full", tiny_bert())) == len(list(tiny_bert().parameters()))


@pytest.mark.parametrize("arm", [arm for arm in MAGNITUDES if not arm.startswith("magnitude")])
def test_an_arm_gives_its_layer_the_outputs_and_gradients_of_doralinear(arm):
    """Away from the start, in float64, on a layer that is not square."""
    per, norm = arms.DORA[arm]
    name = "encoder.layer.1.intermediate.dense"
    ours = dressed(arm, encoder=tiny_bert().double()).get_submodule(name)
    base = tiny_bert().double().get_submodule(name)
    plain = DoRALinear(base, per=per, norm=norm, rank=2, alpha=4, generator=arms.start_of(name, 0, 2))
    x, target = (torch.randn(5, n, generator=tasks.stream(n), dtype=torch.float64) for n in (16, 40))
    b = torch.randn(40, 2, generator=tasks.stream("B"), dtype=torch.float64)
    by = 1 + 0.2 * torch.rand(plain.magnitude.shape, generator=tasks.stream("m"), dtype=torch.float64)
    relative = arm.endswith("relative")
    own = ours.parametrizations.magnitude.original if relative else ours.magnitude
    start = norms(base.weight, per=per)
    with torch.no_grad():
        for layer in (ours, plain):
            layer.lora_B.copy_(b)
        own.copy_(by if relative else by * start)
        plain.magnitude.copy_(by * start)
    for layer in (ours, plain):
        F.mse_loss(layer(x), target).backward()
    torch.testing.assert_close(ours(x), plain(x))
    torch.testing.assert_close(ours.lora_A.grad, plain.lora_A.grad)
    torch.testing.assert_close(ours.lora_B.grad, plain.lora_B.grad)
    torch.testing.assert_close(own.grad, plain.magnitude.grad * (start if relative else 1))  # the chain rule of m0 * r


def test_magnitude_arms_move_lengths_along_their_axis_and_no_direction():
    for arm in ("magnitude-output", "magnitude-input"):
        per = arm.split("-")[1]
        encoder = dressed(arm)
        before = arms.weights(encoder)
        model = training.Classifier(encoder, 2, seed=0)
        train, _ = draw(None, seed=0)
        training.train(
            model, training.encode(tokenizer, train), train.labels, RECIPE, seed=0, lr_adapter=0.003, lr_head=0.1
        )
        for name, after in arms.weights(encoder).items():
            d_magnitude, d_direction = deltas.moved(before[name], after, per=per)
            assert d_magnitude > 1e-3 and d_direction < 1e-6


@pytest.mark.parametrize("arm", [*MAGNITUDES, arms.PEFT])
def test_no_magnitude_is_decayed_and_the_head_has_its_own_rate(arm):
    model = training.Classifier(dressed(arm), 2, seed=0)
    head, matrices, rest = training.groups(model, RECIPE, 0.5, 0.25)
    names = {id(p): name for name, p in model.named_parameters()}
    assert [names[id(p)] for p in head["params"]] == ["head.weight", "head.bias"]
    assert (head["lr"], matrices["lr"], rest["lr"]) == (0.25, 0.5, 0.5)
    assert len(rest["params"]) == 12 and all("magnitude" in names[id(p)] for p in rest["params"])
    assert rest["weight_decay"] == 0 and matrices["weight_decay"] == 0.01
    assert not any("magnitude" in names[id(p)] for p in matrices["params"])
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert {id(p) for group in (head, matrices, rest) for p in group["params"]} == trained


# Training


@given(st.lists(st.integers(1, 32), min_size=1, max_size=80), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_every_epoch_takes_every_sentence_once(lengths, size):
    for generator in (None, tasks.stream(0)):
        cut = training.batches(lengths, size, generator=generator)
        assert sorted(i for batch in cut for i in batch) == list(range(len(lengths)))
        assert all(len(batch) <= size for batch in cut)


def test_the_rate_rises_over_a_tenth_of_the_steps_and_falls_in_a_line():
    rates = [training.rate(step, 20, 0.1) for step in range(20)]
    assert rates[:3] == [0.5, 1.0, 18 / 19]
    assert rates[-1] == pytest.approx(1 / 19)
    assert max(rates) == 1 and np.allclose(np.diff(rates[2:]), -1 / 19)


def test_padding_changes_no_answer():
    model = training.Classifier(tiny_bert(), 3, seed=0)
    short, long = [5, 6], [1, 2, 3, 4, 7, 8]
    with torch.no_grad():
        together, alone = model(*training.padded([short, long]))[0], model(*training.padded([short]))[0]
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_answers_come_back_in_the_order_of_the_sentences():
    class Parrot(torch.nn.Module):  # says the first token
        def forward(self, tokens, mask):
            return F.one_hot(tokens[:, 0], 10).float()

    sentences = [[3, 1, 1], [4], [5, 1, 1, 1, 1], [6, 1]]
    assert training.correct(Parrot(), sentences, (3, 4, 0, 6), size=2) == [True, True, False, True]


def test_the_planted_task_is_learned_by_lora_beyond_the_head_alone():
    b = bench(recipe=training.Recipe(epochs=25, batch=8))
    train, _ = draw(None, seed=1)
    loss = {arm: train_both.run(b, job(arm), train, train, 0.02, 0.02)[1] for arm in ("head", "lora")}
    assert loss["lora"][0] == pytest.approx(loss["head"][0], rel=1e-5)
    assert np.mean(loss["lora"][-3:]) < 0.5 * np.mean(loss["head"][-3:])


# Records


@given(st.lists(st.booleans(), max_size=70))
def test_bits_and_back(correct):
    assert records.unbits(records.bits(correct), len(correct)) == correct
    assert len(records.bits(correct)) == math.ceil(len(correct) / 4)


def test_a_half_written_last_line_is_cut_off_and_said(tmp_path, capsys):
    path = tmp_path / "a.csv"
    records.append(path, ("x", "y"), [{"x": 1, "y": 2}])
    whole = path.read_bytes()
    path.write_bytes(whole + b"3,")
    assert records.read(path, ("x", "y")) == [{"x": "1", "y": "2"}]
    records.mend(path)
    assert path.read_bytes() == whole == b"x,y\n1,2\n"
    assert capsys.readouterr().err == f"{path}: the last line is half-written and is dropped: 3,…\n"
    records.mend(path)
    assert capsys.readouterr().err == ""


def test_a_file_cut_in_its_header_starts_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,")
    records.mend(path)
    records.append(path, ("x", "y"), [{"x": 1, "y": 2}])
    assert path.read_bytes() == b"x,y\n1,2\n"


def test_of_a_row_that_two_processes_made_the_first_counts():
    rows = [{"k": "a", "v": "1"}, {"k": "b", "v": "2"}, {"k": "a", "v": "3"}]
    assert records.first_of_each(rows, ("k",)) == {("a",): rows[0], ("b",): rows[1]}


# Learning rates


def never(name):
    raise AssertionError(f"{name} is read")


def test_choosing_rates_and_their_validation_never_open_the_test_file(tmp_path):
    def rows(name):
        return never(name) if name == "test.csv" else Rows(())

    b, store = bench(rows), Store(tmp_path)
    train_both.choose(b, store, job("dora-input-detached"))
    with pytest.raises(AssertionError, match=r"test\.csv is read"):
        train_both.make(b, store, job("dora-input-detached"))
    chosen = store.read("train_both_choice")
    assert [row["lr_head"] for row in chosen[:3]] == ["0.01", "0.03", "0.1"]
    assert [row["lr_adapter"] for row in chosen[3:]] == ["0.001", "0.003", "0.01"]
    assert {row["seed"] for row in chosen} == {"1000"} and int(chosen[0]["validation"]) == 16


def choice_row(arm, lr_adapter, lr_head, correct, rank="2"):
    said = {"task": TASK, "arm": arm, "rank": rank, "seed": "1000", "lr_adapter": lr_adapter, "lr_head": lr_head}
    return dict.fromkeys(train_both.CHOICE, "") | said | {"correct": correct}


def test_the_rate_with_most_validated_sentences_wins_and_of_equals_the_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(train_both, "run", lambda *a, **k: pytest.fail("trains what is chosen already"))
    store = Store(tmp_path)
    rows = [choice_row("head", 0, lr, n, rank="0") for lr, n in (("0.01", 5), ("0.03", 9), ("0.1", 8))]
    rows += [choice_row("lora", lr, "0.03", n) for lr, n in (("0.001", 3), ("0.003", 7), ("0.01", 7))]
    one, two = arms.PRIMARY
    rows += [choice_row(one, lr, "0.03", n) for lr, n in (("0.001", 3), ("0.003", 3), ("0.01", 4))]
    rows += [choice_row(two, lr, "0.03", n) for lr, n in (("0.001", 3), ("0.003", 2), ("0.01", 1))]
    store.append("train_both_choice", rows)
    chosen = {
        arm: train_both.choose(None, store, job(arm)) for arm in ("head", "lora", one, two, arms.PEFT, *arms.SWAPPED)
    }
    assert chosen["head"] == (0.0, 0.03)
    assert chosen["lora"] == (0.003, 0.03)
    assert (chosen[one], chosen[two]) == ((0.01, 0.03), (0.001, 0.03))
    assert chosen[arms.PEFT] == chosen[one]
    assert [chosen[f"{arm}-swapped"] for arm in (one, two)] == [chosen[two], chosen[one]]


# Rows


def test_a_planted_row_is_made_again_bit_for_bit(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        train_both.go(bench(), Store(folder), grid(), say=lambda line: None)
    for name in FILES:
        one, two = (folder / f"{name}.csv" for folder in folders)
        assert one.exists() == two.exists() == (name not in ("train_both_deltas", "train_both_losses"))
        assert not one.exists() or without_seconds(one) == without_seconds(two)


def test_remake_holds_for_a_true_row_and_not_for_one_that_was_tampered_with(tmp_path):
    b, store = bench(), Store(tmp_path)
    train_both.go(b, store, [job()], say=lambda line: None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    text, holds = train_both.remake(b, store, job())
    assert holds and "0 sentences differ" in text
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}, "remaking writes"
    path = tmp_path / "train_both_sentences.csv"
    last = path.read_text().rstrip("\n")[-1]
    path.write_text(path.read_text()[:-2] + f"{int(last, 16) ^ 1:x}\n")
    text, holds = train_both.remake(b, store, job())
    assert not holds and "1 sentences differ" in text
    with pytest.raises(BadInput, match="has no row of bigram-shift, lora, rank 2, seed 3"):
        train_both.remake(b, store, job(seed=3))


@pytest.mark.parametrize("half_written", [False, True])
def test_a_killed_run_costs_one_row_and_the_rest_comes_out_the_same(tmp_path, monkeypatch, half_written):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    train_both.go(bench(), Store(whole), grid(), say=lambda line: None)

    real, left = (
        training.train,
        [10],
    )  # the head's and lora's choices (6), lora's row, then three runs into the next arm

    def dies(*args, **options):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(training, "train", dies)
    with pytest.raises(KeyboardInterrupt):
        train_both.go(bench(), Store(cut), grid(), say=lambda line: None)
    monkeypatch.setattr(training, "train", real)
    assert [row["arm"] for row in Store(cut).read("train_both")] == ["lora"]
    if half_written:
        with (cut / "train_both.csv").open("a") as file:
            file.write("bigram-shift,dora-inp")
        Store(cut).mend("train_both")
    said = []
    assert train_both.go(bench(), Store(cut), grid(), say=said.append) == 2
    assert said[-1].startswith("[####################] 3/3 rows, 0 min left: bigram-shift, magnitude-output, seed 1: ")
    assert train_both.go(bench(), Store(cut), grid(), say=said.append) == 0
    for name in ("train_both", "train_both_choice", "train_both_sentences"):
        assert without_seconds(cut / f"{name}.csv") == without_seconds(whole / f"{name}.csv")


def test_a_row_says_what_it_is(tmp_path):
    b, store = bench(), Store(tmp_path)
    train_both.go(b, store, [job("dora-input-detached")], say=lambda line: None)
    (row,) = store.read("train_both")
    (answers,) = store.read("train_both_sentences")
    assert [row[name] for name in KEY] == [answers[name] for name in KEY] == [TASK, "dora-input-detached", "2", "1"]
    assert (row["train"], row["test"], row["epochs"], row["batch"], row["threads"]) == ("24", "20", "2", "8", "1")
    assert sum(records.unbits(answers["correct_bits"], 20)) == int(row["correct"])
    assert float(row["accuracy"]) == 5 * int(row["correct"])
    layers = 2 * [(16, 16)] * 4 + 2 * [(40, 16), (16, 40)]
    assert int(row["trained"]) == sum(2 * (out + into) + into for out, into in layers)
    said = json.loads((tmp_path / "train_both.json").read_text())
    assert said["files"]["train_both.csv"]["rows"] == 1 and said["recipe"] == row["recipe"] == b.recipe


def test_all_arms_of_a_seed_train_on_the_same_batches_in_the_same_order(monkeypatch):
    seen = {}
    real = training.padded
    train, _ = draw(None, seed=1)
    for arm in arms.ARMS:
        taken = seen.setdefault(arm, [])
        monkeypatch.setattr(training, "padded", lambda s, taken=taken: taken.append(s) or real(s))
        train_both.run(bench(), job(arm), train, train, 0.001, 0.01)
    assert len(seen["lora"]) > 6 and all(batches == seen["lora"] for batches in seen.values())


def test_another_seed_takes_the_sentences_in_another_order(monkeypatch):
    train, _ = draw(None, seed=1)
    real, taken = training.padded, []
    monkeypatch.setattr(training, "padded", lambda s: taken.append(s) or real(s))
    for seed in (1, 2):
        train_both.run(bench(), job(seed=seed), train, Examples((), ()), 0.001, 0.01)
    assert taken[:6] != taken[6:] and len(taken) == 12
    assert sorted(s for batch in taken[:3] for s in batch) == sorted(s for batch in taken[6:9] for s in batch)


def test_what_is_kept_once_is_kept_for_the_primary_task_and_the_first_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(train_both, "RANK", 2)
    store = Store(tmp_path)
    train_both.go(bench(), store, [job("lora", 0), job("head", 0), job("lora", 1)], say=lambda line: None)
    moved = store.read("train_both_deltas")
    keys = Counter((row["quarter"], row["layer"], row["kind"], row["per"]) for row in moved)
    assert {row["arm"] for row in moved} == {"lora"} and len(keys) == 4 * 2 * 6 * 2 == len(moved)
    early, late = ([float(row["dD"]) for row in moved if row["quarter"] == q] for q in "14")
    assert np.mean(late) > np.mean(early) > 0
    assert Counter((row["arm"], row["seed"]) for row in store.read("train_both_losses")) == {
        ("lora", "0"): 6,
        ("head", "0"): 6,
    }


def test_pefts_own_layer_gives_the_losses_and_answers_of_ours():
    train, _ = draw(None, seed=1)
    runs = [train_both.run(bench(), job(arm), train, train, 0.01, 0.01) for arm in ("dora-output-detached", arms.PEFT)]
    (right, ours, said), (right_peft, theirs, said_peft) = runs
    assert ours[-1] < ours[0] and right == right_peft
    assert ours == pytest.approx(theirs, rel=2e-5)
    assert said["trained"] == said_peft["trained"]
    other = train_both.run(bench(), job("dora-input-detached"), train, train, 0.01, 0.01)[1]
    assert other != pytest.approx(theirs, rel=2e-5), "the other axis passes for peft's too"


# The grid


def test_the_grid_goes_seed_by_seed_and_starts_with_the_primary_contrast():
    planned = train_both.jobs(seeds=5, ranks=(8,), only={})
    assert [(j.task, j.arm) for j in planned[:4]] == [
        (t, arm) for arm in arms.PRIMARY for t in ("bigram-shift", "banking77")
    ]
    assert [j.seed for j in planned] == sorted(j.seed for j in planned)
    assert len(planned) == len(set(planned)) == 5 * (2 * 11 + 2) + 1
    assert [j for j in planned if j.arm == arms.PEFT] == [Job("bigram-shift", arms.PEFT, 8, 0)]
    further = set(train_both.jobs(seeds=5, ranks=(8, 2), only={})) - set(planned)
    assert {j.rank for j in further} == {2} and {j.arm for j in further} == {
        a for a in arms.PLANNED if arms.rank_of(a, 2)
    }


def test_slices_share_the_grid_without_overlap():
    def chosen(text):
        return train_both.jobs(seeds=5, ranks=(8,), only=train_both.parse_only(text))

    slices = [chosen(f"seed={seed}") for seed in range(5)]
    assert Counter(j for part in slices for j in part) == Counter(chosen(""))
    assert chosen("arm=lora,task=banking77,seed=0,seed=3") == [Job("banking77", "lora", 8, s) for s in (0, 3)]


def test_the_bar_says_rows_and_time_left():
    assert train_both.bar(5, 20, 3900) == "[#####---------------] 5/20 rows, 1 h 5 min left"
    assert train_both.bar(20, 20, 0) == "[####################] 20/20 rows, 0 min left"


# How far weights moved


def test_moved_measures_equations_3_and_4_on_a_weight_small_enough_for_hand():
    before = torch.tensor([[3.0, 0.0], [0.0, 2.0], [4.0, 0.0]])  # (3 outputs, 2 inputs): rows 3, 2, 4; columns 5, 2
    after = torch.tensor([[0.0, 3.0], [0.0, 4.0], [4.0, 0.0]])  # rows 3, 4, 4; columns 4, 5
    assert deltas.moved(before, after, per="output") == pytest.approx((2 / 3, 1 / 3))  # turns: 90 degrees, none, none
    cosines = 16 / (5 * 4), 8 / (2 * 5)
    assert deltas.moved(before, after, per="input") == pytest.approx(((1 + 3) / 2, 1 - sum(cosines) / 2))


# The analysis, on numbers with known answers


def plant(folder, differences, arms_missing=(), rank=8, full=80.0, size=200):
    """Rows in which per output beats per input by `differences` points, seed by seed; head 60 % right."""
    percents = dict.fromkeys(arms.PLANNED, 75.0) | {"head": 60.0, "full": full}
    store = Store(folder)
    for seed, difference in enumerate(differences):
        for arm in arms.PLANNED:
            if (seed, arm) in arms_missing:
                continue
            percent = percents[arm] + (difference if arm == "dora-output-detached" else 0)
            count = round(size * percent / 100)
            names = dict(zip(KEY, (TASK, arm, arms.rank_of(arm, rank), seed), strict=True))
            answers = records.bits([i < count for i in range(size)])
            store.append("train_both_sentences", [names | {"correct_bits": answers}])
            row = dict.fromkeys(train_both.ROW, "") | names | {"test": size, "correct": count}
            store.append("train_both", [row])


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([3.0, 3.5, 2.5, 3.0, 3.0], "different"),
        ([0.0, 0.5, -0.5, 0.5, 0.0], "smaller than 1 point"),
        ([0.5, 0.5, 0.5, 0.5, 0.0], "different, and smaller than 1 point"),
        ([3.0, -2.0, 1.0, 4.0, -3.0], "undecided"),
        ([3.0], "too few seeds"),
    ],
)
def test_the_primary_contrast_gives_the_planted_answer(tmp_path, differences, verdict):
    plant(tmp_path, differences)
    found = analysis.primary(folder=tmp_path, draws=200)
    assert found.verdict == verdict
    assert found.differences == pytest.approx(tuple(differences))
    assert found.over_sentences.mean == pytest.approx(np.mean(differences))
    assert verdict.split(",")[0] in analysis.report(tmp_path)


def test_a_seed_that_lacks_an_arm_is_not_analysed(tmp_path):
    plant(tmp_path, [1.0, 5.0, 2.0], arms_missing={(1, "magnitude-input")})
    found = analysis.primary(folder=tmp_path, draws=50)
    assert found.seeds == (0, 2) and found.differences == pytest.approx((1.0, 2.0))
    assert analysis.shares(analysis.accuracies(tmp_path), TASK)["lora"] == {0: 0.75, 2: 0.75}


def test_another_rank_has_seeds_shares_and_contrasts_of_its_own(tmp_path):
    plant(tmp_path, [1.0, 2.0, 3.0], rank=4, size=202)  # in hexadecimal digits 202 answers take 204 places
    found = analysis.accuracies(tmp_path)
    assert analysis.complete_seeds(found, TASK, rank=4) == (0, 1, 2) != analysis.complete_seeds(found, TASK) == ()
    assert analysis.shares(found, TASK, rank=4)["lora"] == dict.fromkeys(range(3), pytest.approx(0.75, abs=0.02))
    assert analysis.shares(found, TASK) == {arm: {} for arm in arms.PLANNED}
    contrast = analysis.contrast(*arms.PRIMARY, task=TASK, rank=4, folder=tmp_path, draws=20)
    assert contrast.seeds == (0, 1, 2) and analysis.primary(folder=tmp_path, draws=20).seeds == ()
    answers = [analysis.answers(tmp_path, TASK, arm, 4, contrast.seeds) for arm in arms.PRIMARY]
    assert answers[0].shape == (3, 202)
    assert contrast.over_sentences == paired.bootstrap(*answers, draws=20)


def test_an_arm_without_rows_is_compared_over_no_seed_and_has_no_share(tmp_path):
    plant(tmp_path, [1.0, 2.0])
    assert analysis.complete_seeds(analysis.accuracies(tmp_path), TASK) == (0, 1)
    assert analysis.contrast("lora", "peft-dora", task=TASK, folder=tmp_path, draws=20).seeds == ()
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    plant(lacking, [1.0, 2.0], arms_missing={(seed, arm) for seed in (0, 1) for arm in ("head", "full")})
    assert analysis.shares(analysis.accuracies(lacking), TASK)["lora"] == {}


def test_as_many_draws_as_were_asked_for_are_taken(tmp_path):
    plant(tmp_path, [1.0, 2.0])
    few, more = (analysis.primary(folder=tmp_path, draws=draws).over_sentences for draws in (20, 400))
    assert few != more
    assert few == analysis.contrast(*arms.PRIMARY, task=TASK, folder=tmp_path, draws=20).over_sentences


@pytest.mark.parametrize(("full", "share"), [(80.0, "  75 % of the gap"), (69.0, "the gap is below ten points")])
def test_the_report_has_a_line_for_each_arm_of_the_tasks_that_have_seeds(full, share, tmp_path):
    plant(tmp_path, [1.0, 2.0], full=full)
    lines = analysis.report(tmp_path).splitlines()
    assert f"{TASK}: 2 complete seeds [0, 1]" in lines
    assert len(lines) == len(train_both.TASKS) + len(arms.PLANNED) + 3
    (lora,) = (line for line in lines if line.split()[0] == "lora")
    assert lora == f"  {'lora':30}  75.00 %  {share}"


def test_losses_and_moves_come_back_as_numbers_once_each(tmp_path):
    store = Store(tmp_path)
    names = dict(zip(KEY, (TASK, "lora", 8, 0), strict=True))
    store.append(
        "train_both_losses", [names | {"step": s, "loss": x} for s, x in ((0, 2.5), (1, 1.5), (0, 2.5), (1, 1.5))]
    )
    where = {"quarter": 1, "layer": 3, "kind": "output.dense", "per": "input", "dM": "0.25", "dD": "1e-3"}
    store.append("train_both_deltas", [names | where, names | where])
    assert analysis.losses(tmp_path) == {"lora": [2.5, 1.5]}
    (move,) = analysis.moves(tmp_path)
    assert (move["layer"], move["per"], move["dM"], move["dD"]) == (3, "input", 0.25, 0.001)


# Bad input: one sentence, before anything is trained


@pytest.fixture
def nothing_trains(monkeypatch):
    monkeypatch.setattr(training, "train", lambda *a, **k: pytest.fail("training started"))
    monkeypatch.setattr(tasks, "_download", lambda url: pytest.fail("the network is asked"))


def refused(capsys, *argv):
    assert train_both.main(list(map(str, argv))) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.endswith(".\n")
    return said.err


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--only", "arm=dora"], "arm is 'dora', expected one of head, full, lora"),
        (["--only", "task=imdb"], "task is 'imdb', expected one of bigram-shift, banking77"),
        (["--only", "colour=red"], "--only has 'colour=red', expected arm=…"),
        (["--only", "seed=first"], "--only has 'seed=first', expected a whole number"),
        (["--only", "seed=7"], "--only seed=7 names no run of the grid with seeds 0 to 4"),
        (["--ranks", "0"], "rank is 0, expected a whole number of 1 or more"),
        (["--ranks", "-3"], "rank is -3, expected a whole number of 1 or more"),
        (["--seeds", "0"], "--seeds 0 --threads 1: both are whole numbers of 1 or more"),
        (["--out", "nowhere"], "--out nowhere is no folder"),
        (["--data", "nowhere"], "--data nowhere holds no train.csv"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(tmp_path, monkeypatch, capsys, argv, said):
    monkeypatch.chdir(tmp_path)
    argv = argv if "--out" in argv else [*argv, "--out", tmp_path]
    assert said in refused(capsys, *argv)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A data folder whose checksums are right, a model folder with every file of the wrong content, and an output folder."""
    where = SimpleNamespace(data=tmp_path / "data", model=tmp_path / "model", out=tmp_path / "out")
    for folder in vars(where).values():
        folder.mkdir()
    for name in tasks.SHA256:
        (where.data / name).write_bytes(b"text,category\na,b\n")
    good = dict.fromkeys(tasks.SHA256, hashlib.sha256(b"text,category\na,b\n").hexdigest())
    monkeypatch.setattr(tasks.read, "__kwdefaults__", {"sha256": good, "download": None})
    for name in train_both.MODEL_FILES:
        (where.model / name).write_bytes(b"{}")
    return where


@pytest.mark.usefixtures("nothing_trains")
def test_a_wrong_model_or_data_folder_is_refused(folders, capsys):
    argv = ["--data", folders.data, "--model", folders.model, "--out", folders.out]
    assert "model.safetensors has the checksum 44136fa355b3…, expected 53aa51172d14…" in refused(capsys, *argv)
    (folders.model / "tokenizer.json").unlink()
    assert f"--model {folders.model} holds no tokenizer.json" in refused(capsys, *argv)
    (folders.data / "test.csv").write_bytes(b"text,category\na,c\n")
    assert f"{folders.data}/test.csv has the checksum" in refused(capsys, *argv)


@pytest.mark.usefixtures("nothing_trains")
def test_a_broken_csv_is_refused_with_the_line_and_a_foreign_one_with_the_columns(folders, capsys):
    argv = ["--data", folders.data, "--model", folders.model, "--out", folders.out]
    path = folders.out / "train_both.csv"
    path.write_text(",".join(train_both.ROW) + "\nbigram-shift,lora,8\n")
    assert f"{path}, line 2, has 3 values, expected {len(train_both.ROW)}: delete that line" in refused(capsys, *argv)
    path.write_text("a,b\n1,2\n")
    assert f"{path} has other columns than task, arm" in refused(capsys, *argv)


def test_rows_of_another_recipe_are_not_mixed_in(tmp_path, nothing_trains):
    Store(tmp_path).append("train_both", [dict.fromkeys(train_both.ROW, "") | {"recipe": "0123"}])
    with pytest.raises(BadInput, match=r"holds rows of recipe 0123, this is \w{12}: name another folder"):
        train_both.go(bench(), Store(tmp_path), [job()])


def test_without_folders_model_and_data_are_asked_for_by_name(folders, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks, "_download", lambda url: asked.append(url) or b"text,category\na,b\n")
    monkeypatch.setattr(train_both, "_from_hub", lambda: asked.append(train_both.HUB) or str(folders.model))
    assert "is not sentence-transformers/all-MiniLM-L6-v2" in refused(capsys, "--out", folders.out)
    assert asked == [tasks.SOURCE + "train.csv", tasks.SOURCE + "test.csv", train_both.HUB]


def test_no_network_is_one_sentence_for_data_and_model(monkeypatch):
    def refuse(*args, **options):
        raise OSError("no route")

    monkeypatch.setattr(tasks.urllib.request, "urlopen", refuse)
    with pytest.raises(
        BadInput, match=r"train\.csv cannot be loaded \(no route\): give a local copy with --data FOLDER"
    ):
        tasks.read(None, "train.csv")
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(
        BadInput, match=r"cannot be loaded from the hub \(OSError\): give a local copy with --model DIR"
    ):
        train_both.load_model(None)


def test_the_right_model_folder_is_opened_without_dropout(folders, monkeypatch):
    config = BertConfig(vocab_size=5, hidden_size=16, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2)
    assert config.hidden_dropout_prob == 0.1
    BertModel(config).save_pretrained(folders.model)
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "hello": 4}
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folders.model)
    weights = (folders.model / "model.safetensors").read_bytes()
    monkeypatch.setattr(train_both, "MODEL_SHA256", hashlib.sha256(weights).hexdigest())
    encoder, reads = train_both.load_model(folders.model)
    assert all(m.p == 0 for m in encoder.modules() if isinstance(m, torch.nn.Dropout))
    assert training.encode(reads, Examples(("hello you " * 30,), (0,))) == [[4, 1] * 16]


# The stored files: whatever number of rows is there


@pytest.fixture(scope="module")
def stored():
    store = Store(DATA)
    return SimpleNamespace(
        rows=store.done(),
        choice=store.read("train_both_choice"),
        answers=records.first_of_each(store.read("train_both_sentences"), KEY),
    )


def test_stored_rows_are_of_the_recipe_in_the_code(stored):
    recipe = Bench(None, None, None, train_both.RECIPES).recipe
    assert stored.rows and {row["recipe"] for row in [*stored.rows.values(), *stored.choice]} == {recipe}


def test_stored_rows_have_the_planned_sizes_and_counts(stored):
    sizes = {"bigram-shift": ("1500", "2000", "3"), "banking77": ("770", "3080", "5")}
    layers = 6 * ([(384, 384)] * 4 + [(1536, 384), (384, 1536)])
    for (task, arm, rank, _), row in stored.rows.items():
        assert (row["train"], row["test"], row["epochs"]) == sizes[task]
        magnitudes = sum(into if "input" in arm else out for out, into in layers)
        low_rank = sum(int(rank) * (out + into) for out, into in layers)
        encoder = 22565376  # 22.7 M less the pooling layer's 384 * 384 + 384
        count = {"head": 0, "full": encoder, "lora": low_rank}
        assert int(row["trained"]) == count.get(arm, low_rank + magnitudes)
        assert row["device"] and row["threads"] and row["torch"]


def test_stored_accuracies_are_their_own_arithmetic(stored):
    for key, row in stored.rows.items():
        answers = records.unbits(stored.answers[key]["correct_bits"], int(row["test"]))
        assert sum(answers) == int(row["correct"])
        assert float(row["accuracy"]) == pytest.approx(100 * int(row["correct"]) / int(row["test"]), abs=5e-4)
        assert len(stored.answers[key]["correct_bits"]) == int(row["test"]) / 4


def test_arms_of_a_stored_seed_are_paired(stored):
    """Same first batch, A, B = 0 and head: the first loss of all arms of a seed is one, and differs between seeds."""
    first = {}
    for (task, _, _, seed), row in stored.rows.items():
        first.setdefault((task, seed), []).append(float(row["loss_first"]))
    for values in first.values():
        assert values == pytest.approx([values[0]] * len(values), rel=1e-5)
    starts = sorted(values[0] for values in first.values())
    assert all(after > before * (1 + 1e-5) for before, after in pairwise(starts))


def test_stored_rates_are_the_best_validated_of_three(stored):
    own = {"head": "lr_head"}
    seen = records.first_of_each(stored.choice, (*KEY, "lr_adapter", "lr_head")).values()
    for (task, arm, rank, _), row in stored.rows.items():
        source = {arms.PEFT: "dora-output-detached", **arms.SWAPPED}.get(arm, arm)
        tried = [r for r in seen if (r["task"], r["arm"], r["rank"]) == (task, source, rank)]
        rate = own.get(arm, "lr_adapter")
        assert sorted(float(r[rate]) for r in tried) == sorted(train_both.RATES[source.split("-")[0]])
        most = max(int(r["correct"]) for r in tried)
        assert float(row[rate]) == min(float(r[rate]) for r in tried if int(r["correct"]) == most)
        floor = stored.rows.get((task, "head", "0", "0"), row)
        assert row["lr_head"] == floor["lr_head"]


def test_stored_moves_hold_every_matrix_quarter_and_axis_of_the_arms_that_ran(stored):
    moves = analysis.moves()
    ran = {arm for task, arm, _, seed in stored.rows if (task, seed) == ("bigram-shift", "0")}
    assert {move["arm"] for move in moves} >= ran & set(train_both.DELTA_ARMS)
    for arm in {move["arm"] for move in moves}:
        own = [move for move in moves if move["arm"] == arm]
        assert len(own) == 4 * 36 * 2
        assert len({(move["layer"], move["kind"]) for move in own}) == 36
        assert all(move["dM"] > 0 and 0 < move["dD"] < 1 for move in own)


def test_stored_losses_begin_and_end_as_the_rows_say(stored):
    losses = analysis.losses()
    steps = math.ceil(1500 / 32)
    for arm, values in losses.items():
        row = next((r for (t, a, _, s), r in stored.rows.items() if (t, a, s) == ("bigram-shift", arm, "0")), None)
        assert len(values) == 3 * steps
        if row:  # a run's losses are written before its row
            assert values[0] == float(row["loss_first"])
            assert np.mean(values[-steps:]) == pytest.approx(float(row["loss_last"]), rel=1e-6)


def test_stored_peft_run_gives_our_accuracy_and_our_first_losses(stored):
    ours, theirs = (stored.rows["bigram-shift", arm, "8", "0"] for arm in ("dora-output-detached", arms.PEFT))
    assert abs(float(ours["accuracy"]) - float(theirs["accuracy"])) <= 0.5
    losses = analysis.losses()
    assert losses["dora-output-detached"][:20] == pytest.approx(losses[arms.PEFT][:20], rel=1e-3)
    assert losses["lora"][:20] != pytest.approx(losses[arms.PEFT][:20], rel=1e-3)


def test_provenance_gives_the_checksum_of_what_the_files_held(stored):
    """Files only grow, so the rows that the provenance counts are still their beginning."""
    said = json.loads((DATA / "train_both.json").read_text(encoding="utf-8"))
    assert set(said["files"]) == {f"{name}.csv" for name in FILES}
    assert (
        said["data"]["sha256"] == tasks.SHA256 and said["model"]["model.safetensors sha256"] == train_both.MODEL_SHA256
    )
    assert {"commit", "versions", "device", "command", "date"} <= said.keys()
    for name, file in said["files"].items():
        lines = (DATA / name).read_bytes().splitlines(keepends=True)[: file["rows"] + 1]
        assert hashlib.sha256(b"".join(lines)).hexdigest() == file["sha256"]
