"""NormExplorer: its numbers are torch's, in Python and in the browser, and its every control does what it says."""

import json
import random
import re
from decimal import Decimal
from pathlib import Path

import numpy
import pytest
import torch
from dorabook import decompose
from dorabook.layers import DoRALinear
from dorabook.live import NormExplorer
from dorabook.live.norm_explorer.norm_explorer import overview
from dorabook.live.traits import as_matrix, from_front, to_front
from dorabook.text import fixed, number, settled
from playwright.sync_api import expect
from support.live_page import Core, drag, numbers, settle
from torch import nn

GOLDEN = json.loads((Path(__file__).parent / "golden" / "rows.json").read_text())["cases"]
NAMED = pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
EXPLAIN = """state => {
    const { explain } = modules["norm_explorer/explain"], { toModel } = modules["core/matrix"];
    const facts = explain(state), list = (values) => Array.from(values);
    return { magnitude: list(facts.magnitude), norms: { output: list(facts.adaptedNorms.output), input: list(facts.adaptedNorms.input) },
        merged: toModel(facts.merged, []), direction: toModel(facts.direction, []), measured: facts.measured,
        directionNorms: { output: list(facts.directionNorms.output), input: list(facts.directionNorms.input) } };
}"""
DESCRIBE = """state => {
    const { sentence, rows } = modules["norm_explorer/norm_explorer"].describe(state);
    return [sentence, rows];
}"""
OTHER = {"output": "input", "input": "output"}


@pytest.fixture(scope="module")
def js():
    return Core(
        "norm_explorer/norm_explorer",
        "norm_explorer/explain",
        "core/matrix",
        "core/decompose",
        "core/text",
        "norm_explorer/layout",
    )


def drawn(seed: int, *size: int) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def state_of(case: dict, **changes) -> dict:
    index, factor = case["poke"]
    figure = NormExplorer(case["weight"], lora_A=case["lora_A"], lora_B=case["lora_B"], per=case["per"])
    figure.scaling, figure.poke, figure.output, figure.input = case["scaling"], factor, 0, 0
    setattr(figure, case["per"], index)
    return {**figure.state(), **changes}


def close(actual, expected, *, rtol: float = 1e-6) -> None:
    """Relative 1e-6, the book's promise for numbers in the page; absolute only for entries that cancel to 0."""
    actual, expected = (torch.as_tensor(value, dtype=torch.float64) for value in (actual, expected))
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=1e-12)


# The same numbers as torch's


@NAMED
def test_torch_agrees_with_the_cases_checked_by_hand(case):
    weight, A, B = (torch.tensor(case[name], dtype=torch.float64) for name in ("weight", "lora_A", "lora_B"))
    for per in ("output", "input"):
        close(decompose.norms(weight, per=per).flatten(), case["norms"][per])
    _, direction = decompose.split(weight + case["scaling"] * (B @ A), per=case["per"])
    magnitude = decompose.norms(weight, per=case["per"])
    magnitude.view(-1)[case["poke"][0]] *= case["poke"][1]
    close(magnitude.flatten(), case["magnitude"])
    close(direction, case["direction"])
    close(decompose.join(magnitude, direction, per=case["per"]), case["merged"])


@NAMED
def test_the_browser_agrees_with_the_cases_checked_by_hand(case, js):
    answer = js.evaluate(EXPLAIN, state_of(case))
    for name in ("magnitude", "direction", "merged"):
        close(answer[name], case[name])
    at_start = js.evaluate(EXPLAIN, state_of(case, scaling=0))
    close(at_start["norms"]["output"], case["norms"]["output"])
    close(at_start["norms"]["input"], case["norms"]["input"])


@pytest.mark.parametrize("per", ["output", "input"])
@pytest.mark.parametrize("size", [(4, 5), (1, 7), (9, 1), (37, 11), (64, 48)])
def test_the_browser_agrees_with_a_dora_layer_on_random_weights(js, per, size):
    seed = 10 * size[0] + size[1]
    base = nn.Linear(size[1], size[0], bias=False, dtype=torch.float64)
    base.weight.data = drawn(seed, *size)
    layer = DoRALinear(base, per=per, rank=3, alpha=2.0, generator=torch.Generator().manual_seed(seed))
    layer.lora_B.data = drawn(seed + 1, size[0], 3)
    index = seed % layer.magnitude.numel()
    layer.magnitude.data.view(-1)[index] *= 1.7
    state = {
        "weight": base.weight.tolist(), "lora_A": layer.lora_A.tolist(), "lora_B": layer.lora_B.tolist(), "per": per,
        "storage": "out,in", "fan_in_fan_out": False, "view": "merged", "scaling": layer.scaling, "poke": 1.7,
        "output": index, "input": index,
    }  # fmt: skip
    answer = js.evaluate(EXPLAIN, state)
    close(answer["magnitude"], layer.magnitude.flatten())
    close(answer["direction"], layer.direction())
    close(answer["merged"], layer.merged_weight())
    for axis in ("output", "input"):
        close(answer["norms"][axis], decompose.norms(layer.adapted(), per=axis).flatten())
        close(answer["directionNorms"][axis], decompose.norms(layer.direction(), per=axis).flatten())


@pytest.mark.parametrize("storage", ["out,in", "in,out"])
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("per", ["output", "input"])
@pytest.mark.parametrize("size", [(4, 5), (3, 3)])
def test_magnitudes_are_those_of_the_code_that_transposes_by_the_flag(js, storage, flag, per, size):
    """A second form: store the matrix, transpose it as peft does, add, take torch's norm over dim 1 (or 0)."""
    figure = NormExplorer(drawn(3, *size), storage=storage, fan_in_fan_out=flag, per=per, scaling=0.5)
    stored = figure.weight if storage == "out,in" else figure.weight.T
    read = stored.T if flag else stored
    update = 0.5 * figure.lora_B @ figure.lora_A
    m = read.norm(dim=1 if per == "output" else 0)
    close(figure.magnitude.flatten(), m)
    state = {
        **figure.state(),
        "weight": figure.weight.tolist(),
        "lora_A": figure.lora_A.tolist(),
        "lora_B": figure.lora_B.tolist(),
    }
    answer = js.evaluate(EXPLAIN, state)
    close(answer["magnitude"], m)
    if read.shape == update.shape:  # otherwise the code stops: the figure says so and adds nothing
        direction = (read + update) / (read + update).norm(dim=1 if per == "output" else 0, keepdim=True)
        by_meaning = direction.T if read.shape != figure.weight.shape or flag != (storage == "in,out") else direction
        close(answer["direction"], by_meaning)
        close(figure.direction, by_meaning)


def test_the_update_that_does_not_fit_is_an_error_in_torch_too():
    figure = NormExplorer(fan_in_fan_out=True, scaling=1)
    with pytest.raises(RuntimeError, match="must match"):
        figure.weight.T + figure.lora_B @ figure.lora_A
    assert "fails here: the shapes do not match" in figure.sentence


def test_merged_weight_is_the_weight_at_the_start_on_either_axis():
    for per in ("output", "input"):
        close(NormExplorer(drawn(1, 4, 6), per=per).merged_weight, drawn(1, 4, 6), rtol=1e-12)


def test_the_update_moves_the_weight_and_leaves_its_norms_along_the_axis():
    figure = NormExplorer(drawn(1, 4, 6), per="input", scaling=0.8)
    assert not torch.allclose(figure.merged_weight, figure.weight, atol=0.1)
    close(decompose.norms(figure.merged_weight, per="input"), decompose.norms(figure.weight, per="input"))


# What is said: every number of the sentence and of the table


def random_state(seed: int) -> dict:
    rng = random.Random(seed)
    size = rng.choice([(4, 5), (1, 1), (3, 3), (7, 2), (20, 9), (64, 64), (70, 70), (100, 50)])
    weight = drawn(seed, *size) * 10 ** rng.uniform(-3, 3)
    if seed % 5 == 0:
        weight[rng.randrange(size[0])] = 0
    words = {"per": ["output", "input"], "storage": ["out,in", "in,out"], "fan_in_fan_out": [False, True]}
    chosen = {name: rng.choice(options) for name, options in words.items()}
    numbers = {
        "scaling": rng.choice([0, rng.random()]),
        "poke": rng.choice([1, 1.5, 0.37]),
        "output": rng.randrange(size[0]),
    }
    return NormExplorer(weight, **chosen, **numbers).state()


def by_torch(state: dict) -> dict:
    """What the figure is to say of a state, from the weight itself or from what a page keeps of a large one."""
    right = state["fan_in_fan_out"] == (state["storage"] == "in,out")
    per = state["per"] if right else OTHER[state["per"]]
    if state["weight"] is None:
        norms = {axis: torch.tensor(state["norms"][axis], dtype=torch.float64) for axis in OTHER}
        towards = {per: (norms[per] > 0).double(), OTHER[per]: torch.tensor(state["across"][per], dtype=torch.float64)}
        return {"per": per, "right": right, "norms": norms, "towards": towards, "size": state["shape"], "zeros": []}
    weight, A, B = (torch.tensor(state[name], dtype=torch.float64) for name in ("weight", "lora_A", "lora_B"))
    out, into = weight.shape
    update = state["scaling"] * (B @ A)
    added = update if right else update.T if out == into else torch.zeros_like(weight)
    dim = 1 if per == "output" else 0
    direction = nn.functional.normalize(weight + added, dim=dim, eps=1e-300)
    m = weight.norm(dim=dim, keepdim=True)
    index = min(state[per], m.numel() - 1)
    m.view(-1)[index] *= state["poke"]
    cosines = nn.functional.cosine_similarity(weight, weight + added, dim=dim, eps=1e-300).clamp(-1, 1)
    lively = (weight.norm(dim=dim) > 0) & ((weight + added).norm(dim=dim) > 0)
    moved = int((direction.select(1 - dim, index) != 0).sum())
    return {
        "per": per, "right": right, "size": [out, into], "index": index, "moved": moved,
        "norms": {axis: (m * direction).norm(dim=1 if axis == "output" else 0) for axis in OTHER},
        "towards": {axis: direction.norm(dim=1 if axis == "output" else 0) for axis in OTHER},
        "turned": cosines[lively].acos().rad2deg().max().item() if lively.any() else 0.0,
        "zeros": ((weight + added).norm(dim=dim) == 0).nonzero().flatten().tolist(),
    }  # fmt: skip


def measured(value: float, known: bool = True) -> str:
    """A norm as a cell prints it, with three decimals around 1: without zeros at its end only where nothing is left out."""
    size = abs(settled(value))
    digits = (
        {True: 3, size >= 10: 2, size >= 100: 1}[True]
        if size >= 0.1
        else 4
        if size >= 0.01
        else 5
        if size >= 0.001
        else 6
    )
    text = f"{Decimal(settled(value)):.{digits}f}"
    exact = known and abs(float(text) - value) <= 1e-9 * size
    return fixed(value, digits) if exact or value == 0 else text


def numbers_said(state: dict, known: dict) -> list[str]:
    """The numbers of the sentence, in their order."""
    per, size = known["per"], known["size"]
    count = dict(zip(("output", "input"), size, strict=True))
    dim = 1 if state["per"] == "output" else 0
    m = [count[per], 1] if dim == 1 else [1, count[per]]
    if known["right"]:
        across = known["towards"][OTHER[per]].tolist()
        whole = state["weight"] is not None
        ends = (measured(end, whole) for end in (min(across), max(across)))
        said = [*m, f"{count[OTHER[per]]:,}", 1, *dict.fromkeys(ends)]
    else:
        stored = size if state["storage"] == "out,in" else size[::-1]
        read = stored[::-1] if state["fan_in_fan_out"] else stored
        said = [*stored, *read, dim, *m, *([] if size[0] == size[1] else size)]
    if known["zeros"]:
        said += [known["zeros"][0], 0]
    if state["weight"] and state["scaling"] and (known["right"] or size[0] == size[1]):
        said += [number(state["scaling"]), fixed(known["turned"], 0)]
    if state["weight"] and state["poke"] != 1:
        who = [known["index"]] if per == "output" else [f"{known['moved']:,}", f"{size[0]:,}"]
        said += [known["index"], number(state["poke"]), f"{known['moved']:,}", f"{size[0] * size[1]:,}", *who]
    return [str(each) for each in said]


@pytest.mark.parametrize("case", [*GOLDEN, *range(60)], ids=[*(case["name"] for case in GOLDEN), *range(60)])
def test_every_number_that_is_said_is_torchs(js, case):
    state = random_state(case) if isinstance(case, int) else state_of(case)
    known = by_torch(state)
    sentence, rows = js.evaluate(DESCRIBE, state)
    assert numbers(sentence) == numbers_said(state, known)
    whole, exact = sum(known["size"]) <= 12, state["weight"] is not None
    assert len(rows) == (sum(known["size"]) if whole else min(12, sum(min(6, n) for n in known["size"])))
    for name, *cells in rows:
        axis, index = name.split()[:2]
        length, towards = (known[of][axis][int(index)].item() for of in ("norms", "towards"))
        length, own = measured(length, exact), axis == known["per"]
        assert cells == [length, length if own else "not m", number(towards) if own else measured(towards, exact)]


@pytest.mark.parametrize("seed", range(5))
def test_what_a_page_keeps_of_a_large_weight_is_torchs(seed):
    weight = drawn(seed, 70 + seed, 61)
    kept = overview(weight)
    close(kept["norms"]["output"], weight.norm(dim=1))
    close(kept["norms"]["input"], weight.norm(dim=0))
    close(kept["across"]["output"], (weight / weight.norm(dim=1, keepdim=True)).norm(dim=0))
    close(kept["across"]["input"], (weight / weight.norm(dim=0, keepdim=True)).norm(dim=1))


def test_the_sentence_names_axis_shape_and_sum():
    said = {per: NormExplorer(per=per).sentence for per in OTHER}
    assert re.search(r"per output\b.*\(4, 1\).* squares over 5 inputs.*per input.*0\.484.*1\.103\b", said["output"])
    assert re.search(r"per input\b.*\(1, 5\).* squares over 4 outputs.*per output", said["input"])
    assert re.search(r"\(5, 1\), one per input, not .*per output", NormExplorer(storage="in,out").sentence)
    assert "square" in NormExplorer(drawn(0, 3, 3), storage="in,out").sentence
    assert "NaN" in NormExplorer([[1, 2], [3, 4], [0, 0]]).sentence


def test_the_sentence_counts_what_a_poke_moves():
    assert re.search("4 of 20 .*output 0 alone", NormExplorer(poke=1.5).sentence)
    assert re.search(
        "3 of 20 .*3 of 4 outputs can change, .*: the others do not", NormExplorer(poke=1.5, per="input").sentence
    )
    all_of_them = NormExplorer([[1, 2], [3, 2]], poke=1.5, per="input", input=0).sentence
    assert re.search("2 of 4 .*2 of 2 outputs can change, marked \u0394\\.", all_of_them)


def test_a_table_has_at_most_twelve_rows_and_holds_the_extremes():
    weight = drawn(2, 40, 30)
    lengths = decompose.norms(weight, per="output").flatten()
    rows = NormExplorer.describe(NormExplorer(weight).state()).rows
    names = [row[0] for row in rows]
    assert len(rows) == 12
    assert f"output {int(lengths.argmax())} (largest)" in names
    assert f"output {int(lengths.argmin())} (smallest)" in names


# What it takes and gives back


def test_a_weight_of_any_kind_gives_the_same_figure():
    exact = torch.tensor([[0.5, 2.0, -4.0], [1.0, 0.0, 3.0]])  # these numbers are exact in bfloat16 too
    kinds = [
        exact, nn.Parameter(exact), exact.bfloat16(), exact.half(), exact.double(), exact.T.contiguous().T, exact.numpy(), exact.tolist(),
    ]  # fmt: skip
    for weight in kinds:
        figure = NormExplorer(weight)
        assert figure.weight.dtype == torch.float64 and figure.weight.is_contiguous()
        close(figure.weight, exact)
        assert figure.sentence == NormExplorer(exact).sentence


def test_the_figure_does_not_share_memory_with_the_layer():
    layer = nn.Linear(3, 2).double()
    figure = NormExplorer(layer.weight)
    before = figure.weight.clone()
    with torch.no_grad():
        layer.weight.add_(1)
    assert torch.equal(figure.weight, before)


def test_reads_back_as_tensors_of_the_shapes_the_book_uses():
    figure = NormExplorer(drawn(0, 4, 6), poke=1.5, scaling=0.3)
    assert figure.magnitude.shape == (4, 1) and figure.direction.shape == (4, 6)
    figure.per = "input"
    assert figure.magnitude.shape == (1, 6)
    close(decompose.norms(figure.direction, per="input"), torch.ones(1, 6))


def test_lists_and_arrays_keep_every_digit():
    third = [[1 / 3, 0.1], [2.0, -1e-9]]
    for weight in (third, numpy.array(third)):
        assert NormExplorer(weight).weight.tolist() == third


@pytest.mark.parametrize("size", [(4, 6), (100, 50)])
def test_a_weight_travels_to_the_front_end_and_back_unchanged(size):
    weight = drawn(0, *size)
    sent = to_front(weight)
    assert isinstance(sent, list) == (weight.numel() <= 4096)
    assert torch.equal(as_matrix(from_front(sent), name="weight"), weight)


def test_cut_off_bytes_are_refused():
    sent = to_front(drawn(0, 100, 50))
    with pytest.raises(ValueError, match="matrix data holds 39992 bytes, expected 40000"):
        from_front({**sent, "data": sent["data"][:-8]})


def test_a_weight_of_another_shape_brings_an_update_that_fits():
    figure = NormExplorer(output=3, input=4)
    figure.weight = drawn(0, 2, 3)
    assert figure.lora_A.shape[1] == 3 and figure.lora_B.shape[0] == 2
    assert (figure.output, figure.input) == (1, 2)
    assert "m is (2, 1)" in figure.sentence


BAD = {
    "one dimension": (torch.zeros(3), r"weight is \(3,\), expected two non-empty dimensions"),
    "three dimensions": (torch.zeros(2, 3, 4), r"weight is \(2, 3, 4\)"),
    "empty": (torch.zeros(0, 3), r"weight is \(0, 3\)"),
    "NaN": (torch.tensor([[1.0, float("nan")]]), "weight holds NaN or infinity"),
    "infinity": (torch.tensor([[1.0, float("inf")]]), "weight holds NaN or infinity"),
    "meta": (torch.zeros(2, 3, device="meta"), "meta device"),
    "complex": (torch.zeros(2, 3, dtype=torch.complex64), "expected real numbers"),
    "ragged lists": ([[1, 2], [3]], "equally long rows"),
    "a word": ("weight", "weight is no matrix"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_weight_is_refused_by_name(name):
    value, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        NormExplorer(value)
    figure = NormExplorer()
    with pytest.raises(ValueError, match=message):
        figure.weight = value
    assert figure.weight.shape == (4, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per": "column"}, 'per is \'column\', expected "output" or "input"'),
        ({"storage": "(in, out)"}, "storage is"),
        ({"fan_in_fan_out": 1}, "fan_in_fan_out is 1, expected True or False"),
        ({"poke": 5}, "poke is 5, expected a number from 0.25 to 2"),
        ({"scaling": float("nan")}, "scaling is nan"),
        ({"output": 1.5}, "output is 1.5, expected a whole number"),
        ({"lora_A": [[1, 2, 3, 4, 5]], "lora_B": [[1], [2]]}, r"lora_B is \(2, 1\), expected \(4, rank\)"),
        ({"lora_A": [[1, 2]], "lora_B": [[1], [2], [3], [4]]}, r"lora_A is \(1, 2\), expected \(rank, 5\)"),
        ({"weight": [[1.0, 2.0]], "lora_A": [[1, 2]]}, "give both or neither"),
    ],
)
def test_a_bad_option_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        NormExplorer(**options)


def test_factors_of_two_ranks_are_refused_where_they_meet():
    with pytest.raises(ValueError, match=r"lora_B is \(2, 1\) and lora_A is \(2, 3\): their ranks differ"):
        NormExplorer(drawn(0, 2, 3), lora_A=drawn(0, 2, 3), lora_B=[[1], [2]])


def test_a_large_weight_is_not_in_the_page():
    figure = NormExplorer(drawn(0, 192, 576), id="k-proj")
    state = figure.state()
    assert state["weight"] is None and state["shape"] == [192, 576]
    assert [len(state["norms"][axis]) for axis in ("output", "input")] == [192, 576]
    assert max(len(state["map"]), len(state["map"][0])) <= 64
    assert len(figure.to_html()) < 30_000
    close(
        state["norms"]["output"], decompose.norms(figure.weight, per="output").flatten(), rtol=5e-4
    )  # four digits are kept
    close(torch.tensor(state["map"])[0, 0], figure.weight[:6, :18].mean(), rtol=5e-4)


def test_one_is_written_only_where_it_is_one(js):
    """Chapter 4's cell prints 1.103 for what was 1.1 here, and 1.0013 stood as 1 under "norm not 1"."""
    cases = {1: "1", 1.0002: "1.000", 0.99996: "1.000", 1.0013: "1.001", 1.1030: "1.103", 1.1: "1.1", 5**0.5: "2.236", 5: "5", 12.3456: "12.35",
             0.4842: "0.484", 0.01234: "0.0123", 0: "0", 100.04: "100.0"}  # fmt: skip
    said = js.evaluate("values => values.map((value) => modules['core/text'].measured(value))", list(cases))
    assert said == list(cases.values())
    kept = js.evaluate("values => values.map((value) => modules['core/text'].measured(value, false))", [1, 0.5, 3.4])
    assert kept == ["1.000", "0.500", "3.400"]  # of four digits nobody knows whether it was 1


# What it has controls for: a chapter shows a part when it needs it


def test_an_explorer_shows_the_parts_it_is_asked_for():
    all_of_it = NormExplorer()
    assert all_of_it.shows == all_of_it.state()["shows"] == ["storage", "direction", "update", "poke"]
    plain = NormExplorer(shows=())
    assert "direction" not in plain.sentence and "direction" in all_of_it.sentence
    assert plain.describe(plain.state()).columns == ["output or input", "norm of the weight", "magnitude m"]
    assert all(len(row) == 3 for row in plain.describe(plain.state()).rows)
    assert NormExplorer(shows="direction").sentence == all_of_it.sentence
    for per in OTHER:  # the numbers are those of an explorer with everything
        rows = [
            NormExplorer(per=per, shows=shows, poke=1.5)
            .describe(NormExplorer(per=per, shows=shows, poke=1.5).state())
            .rows
            for shows in ((), "direction")
        ]
        assert rows[0] == [row[:3] for row in rows[1]]
    with pytest.raises(
        ValueError, match='shows holds \'path\', expected some of "storage", "direction", "update", "poke"'
    ):
        NormExplorer(shows=["path"])


@pytest.mark.parametrize(
    ("shows", "links"),
    [
        ((), {"per", "output", "input", "weight", "view"}),
        ("poke", {"per", "poke", "output", "input", "weight", "view"}),
        ("storage", {"per", "output", "input", "weight", "view", "storage", "fan_in_fan_out"}),
        ("update", {"per", "output", "input", "weight", "view", "scaling"}),
    ],
)
def test_a_link_cannot_move_what_is_not_shown(shows, links):
    allowed = NormExplorer(shows=shows).allowed()
    assert set(allowed) == links
    assert allowed["view"] == ["merged", *(["adapted"] if shows == "update" else [])]


# In the page, by keyboard and by pointer


def status(page) -> str:
    settle(page)
    return page.locator("[role=status]").inner_text()


def says(page, **options) -> None:
    assert status(page) == NormExplorer(**options).sentence


def test_every_switch_works_by_keyboard(show):
    page = show(NormExplorer(id="hero"))
    says(page)
    for legend, key, options in [
        ("One magnitude per", "ArrowRight", {"per": "input"}),
        ("The matrix is stored", "ArrowRight", {"per": "input", "storage": "in,out"}),
        (
            "The code is told fan_in_fan_out",
            "ArrowRight",
            {"per": "input", "storage": "in,out", "fan_in_fan_out": True},
        ),
        ("One magnitude per", "ArrowLeft", {"storage": "in,out", "fan_in_fan_out": True}),
    ]:
        page.get_by_role("group", name=legend).locator("input:checked").focus()
        page.keyboard.press(key)
        says(page, **options)
    assert page.problems == []


def test_every_slider_works_by_keyboard(show):
    page = show(NormExplorer(id="hero"))
    page.get_by_role("slider", name="Poke the magnitude of output 0").focus()
    press(page, "ArrowRight", 10)
    says(page, poke=1.5)
    page.get_by_role("slider", name="Add the rank-1 update").focus()
    press(page, "ArrowRight", 8)
    says(page, poke=1.5, scaling=0.4)
    page.get_by_text("Change the weight").focus()
    page.keyboard.press("Enter")
    page.get_by_role("slider", name="Output", exact=True).focus()
    press(page, "ArrowRight", 2)
    says(page, poke=1.5, scaling=0.4, output=2)
    page.get_by_role("slider", name="Input", exact=True).focus()
    press(page, "ArrowRight", 1)
    page.get_by_role("slider", name="Weight from input 3 to output 2").focus()
    press(page, "ArrowLeft", 10)
    weight = NormExplorer().weight.clone()
    weight[2, 3] = -2
    options = {
        "lora_A": NormExplorer().lora_A,
        "lora_B": NormExplorer().lora_B,
        "poke": 1.5,
        "scaling": 0.4,
        "output": 2,
        "input": 3,
    }
    says(page, weight=weight, **options)
    page.get_by_role("slider", name="Scale all weights of output 2").focus()
    press(page, "ArrowRight", 20)
    weight[2] *= 2
    says(page, weight=weight, **options)
    page.get_by_role("slider", name="Scale all weights of input 3").focus()
    press(page, "ArrowLeft", 10)
    weight[:, 3] *= 0.5
    says(page, weight=weight, **options)
    page.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Enter")
    says(page)
    assert page.problems == []


def press(page, key: str, times: int) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def test_a_cell_is_moved_by_arrow_keys_and_walked_in_the_drawn_order(show):
    page = show(NormExplorer(id="hero"))
    page.get_by_role("slider", name="weight of output 0 from input 2").focus()
    press(page, "ArrowUp", 5)
    settle(page)
    assert page.locator(":focus").get_attribute("aria-valuetext") == "\u22123.5"
    assert page.locator(":focus").inner_text() == "\u22123.5"
    press(page, "ArrowRight", 3)
    assert page.locator(":focus").get_attribute("aria-label") == "weight of output 1 from input 0"
    press(page, "End", 1)
    settle(page)
    cell = page.locator(":focus")
    assert cell.get_attribute("aria-valuenow") == cell.get_attribute("aria-valuemax")
    press(page, "Home", 1)
    settle(page)
    assert page.locator(":focus").get_attribute("aria-valuenow") == "0"
    page.get_by_role("radio", name="(in, out)").check()
    settle(page)  # it is drawn a frame later
    page.get_by_role("slider", name="weight of output 3 from input 0").focus()
    press(page, "ArrowRight", 1)
    assert page.locator(":focus").get_attribute("aria-label") == "weight of output 0 from input 1"


def test_a_cell_is_dragged_up_and_down(show):
    page = show(NormExplorer(id="hero"))
    cell = page.get_by_role("slider", name="weight of output 2 from input 1")
    x, y = drag(cell, 0, -40)
    page.mouse.move(x, y + 60)
    settle(page)
    assert float(cell.get_attribute("aria-valuenow")) == 4  # 40 of 120 pixels, of a reach of 6
    weight = NormExplorer().weight.clone()
    weight[2, 1] = 4
    bar = page.get_by_role("button", name=re.compile("^Norm of output 2"))
    assert bar.locator(".dora-ne-number").inner_text() == measured(weight[2].norm().item())


def drawn_bars(page) -> dict[str, tuple]:
    """Of every bar, by what it measures: its box, and whether it is cut at its lane's end; and the strength of every cell's colour."""
    bars = page.locator(".dora-ne-bar").evaluate_all(
        """(all) => all.map((node) => {
            const fill = node.querySelector(".dora-ne-fill"), { x, y, width, height } = fill.getBoundingClientRect();
            return [node.getAttribute("aria-label").match(/(output|input) \\d+/)[0], [x, y, width, height, fill.classList.contains("dora-over")].join()];
        })"""
    )
    cells = page.locator(".dora-ne-cell").evaluate_all(
        "(all) => all.map((node) => [node.ariaLabel, node.style.getPropertyValue('--dora-heat')])"
    )
    return dict([*bars, *cells])


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_what_a_poke_or_a_drag_does_not_move_stands_still(show):
    page = show(NormExplorer(id="hero", output=1))
    start = drawn_bars(page)
    poke = page.get_by_role("slider", name="Poke the magnitude of output 1")
    poke.press("End")
    settle(page)
    poked = drawn_bars(page)
    row = {f"weight of output 1 from input {i}" for i in range(4)}  # the fifth is 0
    assert "output 1" in changed(start, poked) and not changed(start, poked) & {
        "output 0",
        "output 2",
        "output 3",
        "input 4",
    }
    assert {name for name in changed(start, poked) if name.startswith("weight")} <= row
    assert (
        page.get_by_role("button", name=re.compile("^Norm of output 1")).locator(".dora-ne-number").inner_text() == "14"
    )
    page.get_by_role("button", name="Reset").click()
    settle(page)
    before = drawn_bars(page)
    cell = page.get_by_role("slider", name="weight of output 2 from input 3")
    drag(cell, 0, -110)
    settle(page)
    assert changed(before, drawn_bars(page)) == {"output 2", "input 3", "weight of output 2 from input 3"}


def test_a_bar_longer_than_its_lane_is_cut_and_says_its_norm(show):
    page = show(NormExplorer(id="hero", output=1, poke=2))
    before = drawn_bars(page)
    for i in range(5):
        page.get_by_role("slider", name=f"weight of output 1 from input {i}").press("PageUp")
        page.get_by_role("slider", name=f"weight of output 1 from input {i}").press("PageUp")
    settle(page)
    after = drawn_bars(page)
    assert after["output 1"].endswith("true") and not before["output 1"].endswith("true")
    assert changed(before, after) & {"output 0", "output 2", "output 3"} == set()
    inside = "(node) => node.querySelector('.dora-ne-number').getBoundingClientRect().right <= node.getBoundingClientRect().right + 1"
    assert page.get_by_role("button", name=re.compile("^Norm of output 1")).evaluate(inside)


@pytest.mark.parametrize("shows", [(), "direction", ("storage", "direction", "update", "poke")])
def test_controls_picture_and_sentence_are_on_one_screen(show, shows):
    page = show(NormExplorer(id="hero", shows=shows, poke=1.5, **({"scaling": 0.4} if shows else {})))
    page.locator(".dora-mount").evaluate("(node) => { node.style.width = '704px'; }")  # a chapter's text at 1280
    settle(page)
    top = page.locator("#hero").bounding_box()["y"]
    sentence = page.locator(".dora-sentence").bounding_box()
    assert sentence["y"] + sentence["height"] - top <= 800 - 59  # below the page's bar
    assert (
        page.locator(".dora-ne-path").count()
        == page.get_by_role("group", name="The matrix is stored").count()
        == ("storage" in shows)
    )
    assert page.get_by_role("slider", name="Add the rank-1 update").count() == ("update" in shows)
    assert page.get_by_role("slider", name="Poke the magnitude").count() == ("poke" in shows)
    assert page.locator(".dora-ne-dot:visible").count() == (9 if shows else 0)
    assert page.problems == []


def test_a_bar_names_the_sum_and_chooses_what_is_poked(show):
    page = show(NormExplorer(id="hero"))
    readout = page.locator(".dora-ne-readout")
    page.get_by_role("button", name=re.compile("^Norm of input 0")).hover()
    assert (
        readout.inner_text()
        == "Norm of input 0, a column of the stored (4, 5): \u221a(0\u00b2 + 4\u00b2 + 0\u00b2 + (\u22123)\u00b2) = 5, a sum over its 4 outputs."
    )
    page.get_by_role("button", name=re.compile("^Norm of output 3")).focus()
    assert readout.inner_text().startswith("Norm of output 3, a row of the stored (4, 5):")
    page.keyboard.press("Enter")
    settle(page)
    assert page.get_by_role("slider", name="Poke the magnitude of output 3").count() == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_a_length_is_as_long_at_the_side_as_below(width, show):
    page = show(NormExplorer([[3, 4, 0], [-4, 0, 2]]), width=width)  # output 0 and input 0 have the length 5
    boxes = [
        page.get_by_role("button", name=re.compile(f"^Norm of {line} 0")).locator(".dora-ne-fill").bounding_box()
        for line in ("output", "input")
    ]
    assert boxes[0]["width"] > 10 and boxes[0]["width"] == pytest.approx(boxes[1]["height"], abs=0.5)


def test_the_sum_behind_a_bar_is_printed_as_closely_as_its_root(show):
    page = show(NormExplorer([[10.03, 0], [5.125, -0.25]]))
    page.get_by_role("button", name=re.compile("^Norm of output 0")).hover()
    readout = page.locator(".dora-ne-readout")
    expect(readout).to_contain_text("\u221a(10.03\u00b2 + 0\u00b2) = 10.03,")
    page.get_by_role("button", name=re.compile("^Norm of output 1")).hover()
    expect(readout).to_contain_text("\u221a(5.125\u00b2 + (\u22120.25)\u00b2) = 5.131,")


def test_a_poke_marks_the_entries_and_outputs_that_move(show):
    page = show(NormExplorer(id="hero", poke=1.5), NormExplorer(id="other", poke=1.5, per="input"))
    page.wait_for_selector("#other[data-ready=true]")
    for name, entries, outputs in [("hero", 4, 1), ("other", 3, 3)]:
        assert page.locator(f"#{name} .dora-ne-cell.dora-moved").count() == entries
        assert page.locator(f"#{name} .dora-ne-label.dora-moved").count() == outputs


def test_the_matrix_turns_and_every_cell_keeps_its_number(show):
    page = show(NormExplorer(id="hero"), reduced_motion="reduce")
    cell = page.get_by_role("slider", name="weight of output 1 from input 4")
    first = page.get_by_role("slider", name="weight of output 0 from input 0").bounding_box()
    before = cell.bounding_box()
    page.get_by_role("radio", name="(in, out)").check()
    settle(page)
    after = cell.bounding_box()
    assert cell.inner_text() == "0"
    near = pytest.approx
    assert (before["x"] - first["x"], before["y"] - first["y"]) == near((4 * first["width"], first["height"]), abs=2)
    assert (after["x"] - first["x"], after["y"] - first["y"]) == near((first["width"], 4 * first["height"]), abs=2)


def test_an_update_that_does_not_fit_cannot_be_moved(show):
    page = show(NormExplorer(id="hero", fan_in_fan_out=True, scaling=0.5))
    assert page.get_by_role("slider", name="The update sBA does not fit").is_disabled()
    assert "does not fit" in page.locator(".dora-ne-path").inner_text()


def test_a_large_weight_shows_every_magnitude_and_no_control_that_needs_the_weight(show):
    figure = NormExplorer(drawn(0, 192, 576), id="k-proj")
    page = show(figure)
    assert status(page) == figure.sentence
    assert page.get_by_role("slider", name="Poke").count() == 0
    assert "averages over blocks" in page.locator("#k-proj").inner_text()
    page.get_by_role("radio", name="input", exact=True).check()
    figure.per = "input"
    assert status(page) == figure.sentence
    page.get_by_text("Choose an output or an input").click()
    page.get_by_role("slider", name="Input", exact=True).focus()
    press(page, "End", 1)
    settle(page)
    assert (
        page.locator(".dora-ne-readout").inner_text().startswith("Norm of input 575, a column of the stored (192, 576)")
    )
    assert page.problems == []


@pytest.mark.parametrize("width", [280, 320, 360, 520, 700, 1200])
@pytest.mark.parametrize(("rows", "columns"), [(4, 5), (5, 4), (12, 12), (1, 30), (192, 576), (576, 192), (1, 1)])
def test_the_picture_fits_its_container(js, width, rows, columns):
    place = js.evaluate(
        "o => modules['norm_explorer/layout'].layout(o)",
        {"width": width, "rows": rows, "columns": columns, "whole": True},
    )
    lanes = place["dots"]["rows"]
    assert lanes["x"] + lanes["w"] <= max(width, 320)
    assert min(place["matrix"]["w"], place["matrix"]["h"]) >= 18
    assert place["dots"]["columns"]["y"] + place["dots"]["columns"]["h"] <= place["height"]
