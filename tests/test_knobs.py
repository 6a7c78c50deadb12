"""Knobs: torch's numbers on both axes, outputs counted that really move, bars that stand still, and the first screen of the book."""

import copy
import itertools
import re

import pytest
import torch
from bs4 import BeautifulSoup
from dorabook.decompose import norms
from dorabook.layers import DoRALinear
from dorabook.live import Knobs
from dorabook.live.knobs.knobs import MOST, SIDE, WEIGHT
from dorabook.text import fixed
from playwright.sync_api import Locator, Page, expect
from support.live_page import Core, boxed_figure, drag, modules, numbers, settle
from support.pages import parsed, unclean
from torch import nn

AXES = ("output", "input")
TURNED = {"output_knobs": [1, 1.5, 1, 1], "input_knobs": [1, 1, 1, 0.4, 1]}  # one in each row


@pytest.fixture(scope="module")
def core():
    return Core("knobs/layer", "knobs/knobs", "knobs/layout")


@pytest.fixture(scope="module")
def play(core):
    return lambda state: core.evaluate("(state) => modules['knobs/layer'].play(state)", state)


def random_figure(seed: int, per: str) -> Knobs:
    """Of a real Linear's weight, not square, with x of both signs and every knob turned."""
    draw = torch.Generator().manual_seed(seed)
    out_features, in_features = (int(torch.randint(1, SIDE + 1, (), generator=draw)) for _ in AXES)
    if out_features == in_features:
        in_features = in_features % SIDE + 1
    layer = nn.Linear(in_features, out_features, bias=False, dtype=torch.float64)
    layer.weight.data.normal_(generator=draw)
    knobs = [torch.rand(size, generator=draw, dtype=torch.float64) * MOST for size in (out_features, in_features)]
    x = torch.randn(in_features, generator=draw, dtype=torch.float64)
    return Knobs(layer.weight, x=x, per=per, output_knobs=knobs[0], input_knobs=knobs[1])


def dora(weight: torch.Tensor, per: str) -> DoRALinear:
    base = nn.Linear(*weight.T.shape, bias=False, dtype=torch.float64)
    base.weight.data.copy_(weight)
    return DoRALinear(base, per=per, rank=2, alpha=4, generator=torch.Generator().manual_seed(0))


def as_page(state: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """What the page computes with: its weight and its x, of four digits."""
    return torch.tensor(state["weight"], dtype=torch.float64), torch.tensor(state["x"], dtype=torch.float64)


# Numbers


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("seed", range(12))
def test_the_product_is_that_of_the_books_layer_and_of_a_linear_with_its_merged_weight(seed, per, play):
    state = random_figure(seed, per).state()
    facts, (weight, x) = play(state), as_page(state)
    layer = dora(weight, per)
    start = layer.magnitude.detach().clone()
    torch.testing.assert_close(start.flatten(), torch.tensor(facts["norms"][per], dtype=torch.float64))
    layer.magnitude.data *= torch.tensor(state[f"{per}_knobs"], dtype=torch.float64).view_as(start)
    torch.testing.assert_close(layer.magnitude.flatten(), torch.tensor(facts["m"][per], dtype=torch.float64))
    y = torch.tensor(facts["y"][per], dtype=torch.float64)
    torch.testing.assert_close(y, layer(x))
    plain = nn.Linear(*weight.T.shape, bias=False, dtype=torch.float64)
    plain.weight.data.copy_(Knobs(**state).merged_weight)
    torch.testing.assert_close(y, plain(x))
    torch.testing.assert_close(Knobs(**state).magnitude, layer.magnitude.data)


@pytest.mark.parametrize("seed", range(6))
def test_at_knob_1_both_give_exactly_what_the_weight_gives(seed, play):
    state = Knobs(**random_figure(seed, "output").state()).state()
    state |= {f"{per}_knobs": [1] * len(state[f"{per}_knobs"]) for per in AXES}
    facts, (weight, x) = play(state), as_page(state)
    assert facts["y"]["output"] == facts["y"]["input"] == facts["start"]
    torch.testing.assert_close(torch.tensor(facts["start"], dtype=torch.float64), weight @ x)


def really_moves(weight: torch.Tensor, x: torch.Tensor, per: str, index: int, factor: float) -> torch.Tensor:
    layer = dora(weight, per)
    before = layer(x)
    layer.magnitude.data.view(-1)[index] *= factor
    return ~torch.isclose(layer(x), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", [0, 0.9, 1.5, 2])
@pytest.mark.parametrize("per", AXES)
def test_each_knob_moves_one_output_or_all_as_the_layers_magnitude_does(per, factor, play):
    figure = Knobs(per=per)
    weight, x = as_page(figure.state())
    expected = {"output": 1, "input": 4}[per]
    for index in range(len(getattr(figure, f"{per}_knobs"))):
        turned = Knobs(per=per)
        knobs = [1.0] * len(getattr(turned, f"{per}_knobs"))
        knobs[index] = factor
        setattr(turned, f"{per}_knobs", knobs)
        facts, moves = play(turned.state()), really_moves(weight, x, per, index, factor)
        assert facts["moved"][per] == moves.tolist() and int(moves.sum()) == expected == facts["reach"][per][index]
        assert turned.sentence.endswith(f"{expected} of 4 outputs moved.")


@pytest.mark.parametrize("per", AXES)
def test_an_entry_of_0_and_an_x_of_0_are_not_counted_as_moving(per, play):
    weight = torch.tensor([[0.0, 2.0, 1.0], [1.0, -2.0, 0.0], [3.0, 0.0, 4.0], [1.0, 1.0, 1.0]])
    x = [0.5, 0.0, -1.0]
    facts = play(Knobs(weight, x=x).state())
    for index, count in enumerate(facts["reach"][per]):
        moved = really_moves(weight.double(), torch.tensor(x, dtype=torch.float64), per, index, 1.5)
        assert count == int(moved.sum())
    assert facts["reach"]["input"] == [3, 0, 3]


def test_knobs_that_undo_each_other_leave_an_output_where_it_was(play):
    state = Knobs([[1, 1, 1], [1, 2, 1]], x=[1, 1, 1], per="input", input_knobs=[1.3, 1, 0.7]).state()
    assert play(state)["moved"]["input"] == [False, False]
    assert Knobs(**state).sentence.endswith("Knobs 0 and 2 at the inputs are turned: 0 of 2 outputs moved.")


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("seed", range(8))
def test_the_scale_holds_whatever_is_turned(seed, per, play):
    state = random_figure(seed, per).state()
    ranges = []
    for turn in range(20):
        draw = torch.Generator().manual_seed(turn)
        for axis in AXES:
            knobs = torch.rand(len(state[f"{axis}_knobs"]), generator=draw)
            state[f"{axis}_knobs"] = [round(MOST * float(k > 0.5) if turn % 2 else MOST * float(k), 1) for k in knobs]
        facts = play(state)
        low, high = facts["range"]["y"]
        assert all(low - 1e-9 <= y <= high + 1e-9 for axis in AXES for y in [*facts["y"][axis], *facts["start"]])
        ranges.append((low, high, *facts["range"]["x"]))
    assert len(set(ranges)) == 1


def test_no_norm_and_no_start_of_the_figure_needs_a_decimal():
    weight = torch.tensor(WEIGHT, dtype=torch.float64)
    assert norms(weight, per="output").flatten().tolist() == [7, 9, 10, 9]
    assert norms(weight, per="input").flatten().tolist() == [7, 9, 6, 9, 8]
    assert (weight != 0).all(), "every knob on an input moves every output"


# Words


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("seed", range(10))
def test_every_number_of_the_sentence_and_the_table_is_torchs(seed, per):
    state = random_figure(seed, per).state()
    keys = {axis: f"{axis}_knobs" for axis in AXES}
    index = seed % len(state[keys[per]])
    knob = [0.3, 1.7, 2, 0][seed % 4]
    state |= {key: [1] * len(state[key]) for key in keys.values()}
    state[keys[per]][index] = knob
    weight, x = as_page(state)
    start, norm = weight @ x, norms(weight, per=per).flatten()[index].item()
    now = torch.tensor(knob, dtype=torch.float64) * (start[index] if per == "output" else x[index])
    moved = int(really_moves(weight, x, per, index, knob).sum())
    figure = Knobs(**state)
    was = (start if per == "output" else x)[index].item()
    said = [str(index), fixed(knob, 3), str(index), fixed(knob, 3), fixed(norm, 3), fixed(knob * norm, 3), str(index)]
    said += [fixed(was, 3), fixed(now.item(), 3), str(moved), str(len(weight))]
    assert numbers(figure.sentence) == said
    rows = figure.describe(state).rows
    assert [row[0] for row in rows] == [f"{axis} {k}" for axis in AXES for k in range(len(state[keys[axis]]))]
    (row,) = [row for row in rows if row[0] == f"{per} {index}"]
    value = f"y = {fixed(now.item(), 3)}" if per == "output" else f"x = {fixed(was, 3)}"
    whole = f"{len(weight)} output{'s' * (len(weight) != 1)}"
    assert row[1:] == [value, fixed(knob, 3), fixed(knob * norm, 3), f"{moved} of {whole}"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({}, "One magnitude m per output, in its knob: the norm of its row of the (4, 5) weight. No knob is turned, so y is exactly W x."),
        ({"per": "input"}, "One magnitude m per input, in its knob: the norm of its column of the (4, 5) weight. No knob is turned, so y is exactly W x."),
        ({"output_knobs": [1, 1.5, 1, 1]}, "Knob 1 at 1.5: m[1] = 1.5 × 9 = 13.5. It multiplies output 1, from 18 to 27, and no other: 1 of 4 outputs moved."),
        ({"per": "input", "input_knobs": [1, 1.5, 1, 1, 1]}, "Knob 1 at 1.5: m[1] = 1.5 × 9 = 13.5. It multiplies input 1, from 1.5 to 2.25, before W mixes it: 4 of 4 outputs moved."),
        ({"output_knobs": [0, 1.5, 1, 2]}, "Knobs 0, 1 and 3 at the outputs are turned: 3 of 4 outputs moved."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_was_turned_and_what_moved(state, says):
    assert Knobs(**state).sentence == repr(Knobs(**state)) == says


DORA = "DoRA has one per output: its first author says so, and so do the official code and peft. Raschka's layer has one per input."


def test_which_of_them_is_dora_is_told_once_both_were_tried_or_asked_for():
    for state in ({}, {"output_knobs": TURNED["output_knobs"]}, {"input_knobs": TURNED["input_knobs"]}):
        assert "DoRA" not in Knobs(**state).sentence
        assert Knobs(**state, told=True).sentence == f"{Knobs(**state).sentence} {DORA}"
    assert Knobs(**TURNED).sentence.endswith(f" {DORA}")


def test_without_script_the_figure_says_how_many_outputs_each_knob_moves():
    page = BeautifulSoup(Knobs(id="hero").to_html(), "html.parser")
    assert page.figcaption.get_text() == Knobs().sentence
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.tbody.find_all("tr")]
    assert rows[1] == ["output 1", "y = 18", "1", "9", "1 of 4 outputs"]
    assert [row[-1] for row in rows] == ["1 of 4 outputs"] * 4 + ["4 of 4 outputs"] * 5


# Geometry

DRAWN = 43 / 48  # of the square that a knob has, dial.js draws a ring so wide


@pytest.mark.parametrize("width", [275, 345, 479, 480, 640, 828, 1200])
@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (6, 6), (2, 6), (6, 2)])
def test_everything_stands_inside_the_figure_and_no_knob_on_another(shape, width, core):
    rows, columns = shape
    ask = """([width, rows, columns]) => { const { layout, knobAt } = modules['knobs/layout'], at = layout(width, { rows, columns });
        const centres = (per, count) => Array.from({ length: count }, (_, k) => knobAt(at, per, k));
        return { ...at, output: centres("output", rows), input: centres("input", columns) }; }"""
    at = core.evaluate(ask, [width, rows, columns])
    assert at["dial"] >= 23 and at["y"]["right"] - at["y"]["left"] >= 40
    assert at["y"]["right"] + at["y"]["values"] <= width
    for centres, apart in (at["output"], (False, True)), (at["input"], (True, False)):
        for x, y in centres:
            assert at["dial"] / 2 <= x <= at["y"]["left"] - at["dial"] / 2 + 1 and y + at["dial"] / 2 <= at["height"]
        for (x, y), (right, down) in itertools.pairwise(centres):
            assert (right > x, down > y) == apart and right - x + down - y >= DRAWN * at["dial"]


@pytest.mark.parametrize(
    ("start", "now", "kept", "gained", "lost"),
    [
        (4, 6, [0, 4], [4, 6], [4, 4]),
        (4, 1, [0, 1], [1, 1], [1, 4]),
        (4, -2, [0, 0], [0, -2], [0, 4]),
        (-4, -6, [0, -4], [-4, -6], [-4, -4]),
        (0, 3, [0, 0], [0, 3], [0, 0]),
    ],
)
def test_a_bar_shows_what_is_kept_new_and_lost(start, now, kept, gained, lost, core):
    ask = "([start, now]) => modules['knobs/layout'].stretches(start, now)"
    assert core.evaluate(ask, [start, now]) == {"kept": kept, "gained": gained, "lost": lost}


# In the page


def knob(page: Page, axis: str, index: int) -> Locator:
    return page.get_by_role("slider", name=f"Magnitude of {axis} {index}")


def said(page: Page) -> str:
    settle(page)
    return page.locator(".dora-sentence").inner_text()


BARS = """() => [...document.querySelectorAll(".dora-kn-output")].map((one) => [...one.querySelectorAll("rect, text")]
    .filter((part) => part.checkVisibility({ visibilityProperty: true })).map((part) => {
        const { x, y, width, height } = part.getBoundingClientRect();
        return [x, y, width, height, part.textContent].join();
    }))"""
STILL = """() => [...document.querySelectorAll(".dora-kn-picture > g > :is(rect, text, line):not(.dora-kn-band), .dora-kn-cell, .dora-kn-entry")]
    .filter((part) => !part.closest(".dora-kn-output")).map((part) => Object.values(part.getBoundingClientRect().toJSON()).join() + part.textContent)"""


def test_a_knob_is_turned_by_keys_and_only_its_output_moves_on_the_screen(show):
    page = show(Knobs(id="hero"))
    before, still = page.evaluate(BARS), page.evaluate(STILL)
    slider = knob(page, "output", 2)
    value = 1.0
    for press, step in [
        ("ArrowUp", 0.1),
        ("ArrowRight", 0.1),
        ("ArrowLeft", -0.1),
        ("ArrowDown", -0.1),
        ("ArrowUp", 0.1),
    ]:
        slider.press(press)
        value = round(value + step, 1)
        turned = [1, 1, value, 1]
        assert said(page) == Knobs(output_knobs=turned).sentence
    for press, value in [("Home", 0), ("ArrowDown", 0), ("End", 2), ("ArrowUp", 2)]:
        slider.press(press)
        assert said(page) == Knobs(output_knobs=[1, 1, value, 1]).sentence
        assert slider.get_attribute("aria-valuetext") == f"knob at {value}, m = {10 * value}"
        now = page.evaluate(BARS)
        assert [one == other for one, other in zip(now, before, strict=True)] == [True, True, False, True]
    assert page.evaluate(STILL) == still
    assert page.locator(".dora-kn-tally").inner_text().split("\n") == ["1 of 4", "outputs moved"]
    assert page.problems == []


def test_on_the_inputs_one_knob_moves_every_bar_and_the_two_scores_and_the_answer_stay(show):
    page = show(Knobs(id="hero"))
    knob(page, "output", 0).press("End")
    settle(page)
    before, still = page.evaluate(BARS), page.evaluate(STILL)
    page.get_by_role("radio", name="five, at the inputs").check()
    assert said(page) == Knobs(per="input", output_knobs=[2, 1, 1, 1]).sentence
    expect(knob(page, "output", 0)).to_have_count(0)
    untouched = page.evaluate(BARS)
    knob(page, "input", 3).press("End")
    assert said(page) == Knobs(per="input", output_knobs=[2, 1, 1, 1], input_knobs=[1, 1, 1, 2, 1]).sentence
    assert all(one != other for one, other in zip(page.evaluate(BARS), untouched, strict=True))
    assert [label.inner_text() for label in page.locator(".dora-segments small").all()] == [
        "1 of 4, DoRA, peft",
        "4 of 4, Raschka's",
    ]
    assert DORA in said(page)
    page.get_by_role("radio", name="four, at the outputs").check()
    settle(page)
    assert (page.evaluate(BARS), page.evaluate(STILL)) == (before, still)
    assert page.problems == []


def test_a_knob_is_turned_by_dragging_and_by_a_tap_and_a_finger(show):
    page = show(Knobs(id="hero"), has_touch=True)
    dial = page.locator(".dora-kn-dial:not(.dora-kn-away)").nth(1)
    drag(dial, 0, -35)
    assert said(page) == Knobs(output_knobs=[1, 1.5, 1, 1]).sentence
    drag(dial, -500, 0)
    assert said(page) == Knobs(output_knobs=[1, 0, 1, 1]).sentence
    page.get_by_role("button", name="Reset").click()
    dial.click()
    assert said(page) == Knobs(output_knobs=[1, 1.5, 1, 1]).sentence
    dial.tap()
    assert said(page) == Knobs().sentence
    assert page.evaluate("getComputedStyle(document.querySelector('.dora-kn-dial')).touchAction") == "none"
    assert page.problems == []


def test_who_wants_it_at_once_is_told_and_led_on(show):
    page = show(Knobs(id="hero"))
    link = page.get_by_text("Per output: see chapter 4")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Which of them is DoRA?").click()
    assert said(page) == Knobs(told=True).sentence
    expect(link).to_be_visible()
    expect(page.get_by_role("button", name="Which of them is DoRA?")).to_be_hidden()
    page.get_by_role("button", name="Reset").click()
    assert said(page) == Knobs().sentence


@pytest.mark.parametrize(
    "state", [{}, TURNED, {"per": "input", "input_knobs": [1, 0.1, 1, 2, 1]}, {"per": "input", "told": True}]
)
def test_a_link_opens_the_state_it_was_copied_from(state, show):
    first = show(Knobs(id="hero", **state))
    page = show(Knobs(id="hero"), hash=link_of(state))
    assert said(page) == said(first) == Knobs(**state).sentence
    page.get_by_role("button", name="Copy link").click()
    assert "#" + page.get_by_label("Link to this state").input_value().split("#")[1] == link_of(state)
    assert page.problems == []


def link_of(state: dict) -> str:
    """What the page writes: each key that differs, in the order of the alphabet."""
    rest = Knobs().state()

    def changed(key: str) -> str:
        if not isinstance(rest[key], list):
            return str(state[key]).lower()
        pairs = enumerate(zip(state[key], rest[key], strict=True))
        return ",".join(f"{k}~{now:g}" for k, (now, was) in pairs if now != was)

    parts = ";".join(f"{key}:{changed(key)}" for key in sorted(state))
    return f"#hero={parts}" if parts else "#hero"


HOSTILE = [
    "#hero=per:column", "#hero=output_knobs:1~9", "#hero=output_knobs:7~1", "#hero=input_knobs:1~NaN", "#hero=output_knobs:1~-1",
    "#hero=poke:1.5", "#hero=x:0~1e300", "#hero=told:maybe", "#hero=output_knobs:length~3", "#hero=weight:0.0.0~1", "#hero=per:%E0%A4%A",
]  # fmt: skip


def test_a_hostile_link_leaves_the_figure_as_it_is(show):
    page = show(Knobs(id="hero"), hash=HOSTILE[0])
    for hash in HOSTILE:
        page.evaluate("(hash) => { location.hash = hash; }", hash)
        settle(page)
        asked = hash.removeprefix("#hero=")
        what = "cannot be read" if "%" in asked else f"asks for {asked}, which this figure cannot show"
        assert said(page) == f"The link {what}, so the figure stands as it starts. {Knobs().sentence}"
    assert page.problems == []


def test_an_output_that_a_row_of_zeros_makes_is_moved_by_no_knob(play):
    """A kernel may send such a weight, one value after the other."""
    facts = play(Knobs().state() | {"weight": [[0] * 5, *WEIGHT[1:]], "output_knobs": [2, 1, 1, 1]})
    assert (facts["y"]["output"][0], facts["moved"]["output"], facts["reach"]["output"]) == (
        0,
        [False] * 4,
        [0, 1, 1, 1],
    )


def test_a_weight_that_a_kernel_sends_is_drawn_anew(browser):
    page, other = modules(browser, "knobs/knobs"), copy.deepcopy(WEIGHT)
    other[0][0], other[2][3] = -6, 1
    boxed_figure(page, "knobs/knobs", Knobs().state())
    page.evaluate("(other) => window.model.set('weight', other)", other)
    assert said(page) == Knobs().sentence
    drawn = [entry.text_content() for entry in page.locator(".dora-kn-entry").all()]
    assert (drawn[0], drawn[13]) == ("\u22126", "1")
    expect(page.locator(".dora-kn-output").nth(0)).to_contain_text("4")


def test_until_a_kernel_has_sent_what_goes_with_another_weight_the_rest_is_at_rest(play):
    facts = play(Knobs().state() | {"weight": [[1] * 6] * 5})
    assert facts["knobs"] == {"output": [1] * 5, "input": [1] * 6} and facts["x"] == [2, 1.5, 1, 1.5, 1, 0]


def test_python_sets_the_knobs_and_another_weight_gets_its_own():
    figure = Knobs()
    figure.output_knobs = torch.tensor([1.0, 1.0, 0.5, 1.0])
    assert figure.output_knobs == [1, 1, 0.5, 1] and figure.magnitude.tolist() == [[7], [9], [5], [9]]
    figure.weight = torch.eye(3)[:2] + 1
    assert (len(figure.x), figure.output_knobs, figure.input_knobs) == (3, [1, 1], [1, 1, 1])
    assert (
        "one magnitude m per output, in its knob: the norm of its row of the (2, 3) weight" in figure.sentence.lower()
    )


@pytest.mark.parametrize("state", [{}, TURNED, {"per": "input", **TURNED}], ids=["start", "output", "input"])
def test_axe_finds_nothing(state, show):
    page = show(Knobs(id="hero", **state))
    page.locator("summary").click()
    page.get_by_role("button", name="Copy link").click()
    settle(page)
    assert unclean(page) == []


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_scrolls_sideways(width, show):
    figures = [
        Knobs(id="a", **TURNED),
        Knobs(torch.linspace(-1, 1, 36).view(6, 6) ** 3 + 0.1, id="b", per="input", told=True),
    ]
    page = show(*figures, width=width)
    page.locator("#b").scroll_into_view_if_needed()
    page.wait_for_selector("#b[data-ready=true]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    reach = (
        "Math.max(...[...document.querySelectorAll('.dora-kn *')].map((node) => node.getBoundingClientRect().right))"
    )
    assert page.evaluate(reach) <= width


@pytest.mark.parametrize(
    ("given", "options", "says"),
    [
        (torch.ones(128, 784), {}, r"weight is \(128, 784\), expected at most 6 outputs and 6 inputs: show a part, weight\[:6, :6\]"),
        ([[1, 2], [0, 0]], {}, "output 1 of the weight is all zeros"),
        ([[1, 0], [2, 0]], {}, "input 1 of the weight is all zeros"),
        ([[1, 2], [3]], {}, "weight is no matrix"),
        (torch.ones(2, 2, device="meta"), {}, "weight is on the meta device"),
        (None, {"x": [1, 2]}, r"x has 2 numbers, expected 5: one per input of the \(4, 5\) weight"),
        (None, {"output_knobs": [1] * 5}, r"output_knobs has 5 numbers, expected 4: one per output"),
        (None, {"input_knobs": [1] * 4}, r"input_knobs has 4 numbers, expected 5: one per input"),
        (None, {"output_knobs": [1, 3, 1, 1]}, r"output_knobs\[1\] is 3, expected a number from 0 to 2"),
        (None, {"x": [1, 2, float("nan"), 4, 5]}, r"x\[2\] is nan, expected a number from -1000 to 1000"),
        (None, {"x": ["1", 2, 3, 4, 5]}, r"x\[0\] is '1'"),
        (None, {"x": 3}, "x is 3, expected a list of numbers"),
        (None, {"per": "column"}, "per is 'column', expected \"output\" or \"input\""),
        (None, {"told": 1}, "told is 1, expected True or False"),
    ],
)  # fmt: skip
def test_bad_input_is_named(given, options, says):
    with pytest.raises(ValueError, match=says):
        Knobs(given, **options)


def test_a_weight_is_not_taken_away():
    figure = Knobs()
    with pytest.raises(ValueError, match="weight is None, expected a matrix"):
        figure.weight = None
    with pytest.raises(TypeError, match="Knobs has no 'poke': its options are id, "):
        Knobs(poke=1.5)


# On the first screen of the book

SCREENS = {"a laptop": (1280, 800), "a phone": (390, 844)}
FRAME = """() => [document.querySelector("h1"), ...document.querySelectorAll("#hero .dora-stage, #hero .dora-sentence, #hero .dora-foot :is(button, a), #hero .dora-numbers")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true })).map((one) => one.getBoundingClientRect()).filter(({ height }) => height)"""


@pytest.mark.parametrize("state", ["", "=input_knobs:1~1.5;output_knobs:1~1.5;per:input"], ids=["at first", "told"])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_whole_figure_is_on_the_first_screen(screen, state, address, visit):
    width, height = SCREENS[screen]
    page = visit(f"{address}book/index.html")
    page.set_viewport_size({"width": width, "height": height})
    page.goto("about:blank")
    page.goto(f"{address}book/index.html#hero{state}")
    expect(page.locator("#hero")).to_have_attribute("data-ready", "true")
    settle(page)
    page.evaluate("scrollTo(0, 0)")
    parts = page.evaluate(FRAME)
    assert len(parts) == 7 and all(part["left"] >= 0 and part["right"] <= width for part in parts)
    bottom = max(part["bottom"] for part in parts)
    assert bottom <= height
    if width > height and not state:
        assert page.locator("#hero .dora").bounding_box()["height"] <= 480


@pytest.mark.parametrize("screen", SCREENS)
def test_the_answer_has_its_place_and_pushes_nothing(screen, address, visit):
    width, height = SCREENS[screen]
    page, tall = visit(f"{address}book/index.html", width=width, height=height), []
    for state in (
        "",
        "=told:true",
        "=input_knobs:3~1.4;output_knobs:3~1.4",
        "=input_knobs:3~1.4;output_knobs:3~1.4;per:input",
    ):
        page.goto("about:blank")
        page.goto(f"{address}book/index.html#hero{state}")
        expect(page.locator("#hero")).to_have_attribute("data-ready", "true")
        settle(page)  # a figure is sized a frame later
        tall.append(page.locator("#hero .dora").bounding_box()["height"])
    assert max(tall) - min(tall) <= 2.5, tall


def test_the_way_on_leads_to_a_heading_that_is_there(site, address, visit):
    for name, where in {"index": "chapter 4", "4-shape-mismatch": "below"}.items():
        page = visit(f"{address}book/{name}.html#hero=told:true")
        page.get_by_role("link", name=f"Per output: see {where}", exact=True).click()
        page.wait_for_url(re.compile("4-shape-mismatch.html#"))
        target = page.url.split("#")[1]
        assert page.locator(f"[id='{target}'] h2").first.inner_text().startswith("The verdict")


def test_chapter_4_opens_with_the_figure_and_keeps_the_norms(site):
    chapter, index = (parsed(site / "book" / f"{name}.html") for name in ("4-shape-mismatch", "index"))
    figures = [figure["id"] for figure in chapter.select("figure[data-figure]")]
    assert figures[0] == "hero" and "norms" in figures
    assert [figure["id"] for figure in index.select("figure[data-figure]")] == ["hero"]
    assert index.h1.find_next(["figure", "p", "h2", "table"])["id"] == "hero", "nothing stands between title and figure"


def test_where_several_knobs_are_turned_the_switch_keeps_what_each_of_them_moves(show):
    page = show(Knobs(output_knobs=[1.5, 1.5, 1, 2], input_knobs=[1, 0.5, 1.5, 1, 1]))
    expect(page.locator(".dora-segments small")).to_have_text(["1 of 4 each, DoRA, peft", "4 of 4 each, Raschka's"])
    expect(page.locator(".dora-kn-tally b")).to_have_text("3 of 4")  # what they move together
