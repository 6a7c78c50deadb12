"""DirectionDial: its arrows are torch's numbers, its words are Python's, and every arrow moves by mouse and keyboard."""

import pytest
import torch
from dorabook.layers import DoRALinear
from dorabook.live.direction_dial.dial import dial
from dorabook.live.direction_dial.direction_dial import DirectionDial
from support.live_page import drag, modules, settle

NORMS = ["in graph", "detached"]


def random_state(seed, **chosen):
    draw = (
        torch.randn(4, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).round(decimals=2).tolist()
    )
    state = {"weight": draw[0], "update": draw[1], "pull": draw[2], "magnitude": abs(draw[3][0]) + 0.5}
    return {**state, "amount": 0.7, "norm": "in graph", "per": "output", **chosen}


def by_autograd(state):
    """The same arrows from a DoRALinear with one output row: a loss of -pull . row has the pull as minus its gradient."""
    base = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    base.weight.data.copy_(torch.tensor([state["weight"]], dtype=torch.float64))
    layer = DoRALinear(base, per="output", norm=state["norm"], rank=1, alpha=1, generator=torch.Generator())
    layer.lora_A.data.copy_(torch.tensor([state["update"]], dtype=torch.float64))
    layer.lora_B.data.fill_(state["amount"])
    layer.magnitude.data.fill_(state["magnitude"])
    adapted = layer.adapted().detach().requires_grad_()
    layer.adapted = lambda: adapted
    row = layer.merged_weight()
    (-(row * torch.tensor(state["pull"], dtype=torch.float64))).sum().backward()
    return {
        "adapted": adapted[0],
        "direction": layer.direction()[0],
        "merged": row[0],
        "push": -adapted.grad[0],
        "along": -layer.magnitude.grad[0, 0],
    }


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(5))
def test_the_page_draws_what_torch_computes(browser, seed, norm):
    state = random_state(seed, norm=norm)
    drawn = modules(browser, "direction_dial/dial").evaluate(
        "(state) => modules['direction_dial/dial'].dial(state)", state
    )
    for name, expected in by_autograd(state).items():
        torch.testing.assert_close(
            torch.tensor(drawn[name], dtype=torch.float64), expected.detach(), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("seed", range(5))
def test_the_page_turns_as_far_and_the_same_way_round_as_python(browser, seed):
    state = random_state(seed, norm="detached")
    page = modules(browser, "direction_dial/dial")
    drawn = page.evaluate("(state) => modules['direction_dial/dial'].dial(state)", state)
    page.close()
    now = dial(state)
    assert [drawn["turn"], drawn["pushAlong"]] == pytest.approx([now.turn, now.push_along], rel=1e-9)


def test_a_right_angle_by_hand():
    now = dial({"weight": [5, 0], "update": [-5, 2], "amount": 1, "magnitude": 3, "pull": [1, 4], "norm": "detached"})
    assert (now.adapted, now.direction, now.merged, now.turn) == ((0, 2), (0, 1), (0, 3), 90)
    assert (now.along, now.push) == (4, (1.5, 6))  # m / length = 3 / 2 times the pull
    kept = dial({"weight": [5, 0], "update": [-5, 2], "amount": 1, "magnitude": 3, "pull": [1, 4], "norm": "in graph"})
    assert (kept.push, kept.push_along) == ((1.5, 0), 0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("per", ["output", "input"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_page_and_python_say_the_same(browser, seed, norm, per):
    state = random_state(seed, norm=norm, per=per)
    expected = DirectionDial.describe(state)
    page = modules(browser, "direction_dial/direction_dial")
    said = page.evaluate(
        "(state) => { const d = modules['direction_dial/direction_dial'].describe(state); return [d.sentence, d.columns, d.rows]; }",
        state,
    )
    assert said == [expected.sentence, list(expected.columns), [list(row) for row in expected.rows]]


def test_no_update_turns_nothing_and_a_vanished_row_is_said(browser):
    assert "the update does not turn." in DirectionDial.describe(random_state(0, amount=0)).sentence
    gone = random_state(0, weight=[1.0, -2.0], update=[-1.0, 2.0], amount=1.0)
    assert DirectionDial.describe(gone).sentence.startswith("W + sBA is zero here")
    said = modules(browser, "direction_dial/direction_dial").evaluate(
        "(state) => modules['direction_dial/direction_dial'].describe(state).sentence", gone
    )
    assert said == DirectionDial.describe(gone).sentence


@pytest.mark.parametrize("norm", NORMS)
def test_that_nothing_reaches_the_row_is_said(browser, norm):
    along = random_state(0, norm=norm, weight=[3.0, 4.0], amount=0.0, magnitude=2.0, pull=[0.6, 0.8])
    for state, nothing in ((along, norm == "in graph"), (along | {"magnitude": 0.0}, True)):
        expected = DirectionDial.describe(state).sentence
        assert expected.endswith("nothing reaches W + sBA here.") == nothing
        said = modules(browser, "direction_dial/direction_dial").evaluate(
            "(state) => modules['direction_dial/direction_dial'].describe(state).sentence", state
        )
        assert said == expected


def test_m_starts_as_the_length_of_the_row():
    assert DirectionDial([0.6, -0.8]).magnitude == 1
    assert DirectionDial(torch.tensor([3.0, 4.0])).magnitude == 5
    assert DirectionDial([3.0, 4.0], magnitude=2).magnitude == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"update": [1, 2, 3]}, r"update is \[1, 2, 3\], expected two numbers from -8 to 8"),
        ({"pull": [9, 0]}, r"pull is \[9, 0\]"),
        ({"pull": [float("nan"), 0]}, "pull is"),
        ({"weight": ["a", 0]}, "weight is"),
        ({"amount": 2}, "amount is 2, expected a number from 0 to 1.5"),
        ({"norm": "full"}, 'norm is \'full\', expected "in graph" or "detached"'),
    ],
)
def test_bad_input_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        DirectionDial(**options)


def test_every_grip_moves_by_mouse(show):
    page = show(DirectionDial())
    for name in ("Tip of W + sBA", "Tip of the merged arrow", "Tip of the pull"):
        before = page.locator(".dora-sentence").inner_text()
        drag(page.get_by_role("slider", name=name), -30, 40)
        settle(page)
        assert page.locator(".dora-sentence").inner_text() != before, name
    assert page.problems == []


def test_every_control_moves_by_keyboard(show):
    page = show(DirectionDial())
    sentence = page.locator(".dora-sentence")
    for name, key in [
        ("Tip of W + sBA", "ArrowLeft"),
        ("Tip of the merged arrow", "ArrowDown"),
        ("Tip of the pull", "ArrowUp"),
        ("Apply the update", "ArrowLeft"),
        ("Magnitude m", "ArrowRight"),
        ("Direction of the pull", "PageDown"),
    ]:
        before = sentence.inner_text() + page.evaluate("document.querySelector('.dora-dial svg').innerHTML")
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press(key)
        settle(page)
        assert sentence.inner_text() + page.evaluate("document.querySelector('.dora-dial svg').innerHTML") != before, (
            name
        )


def test_the_switches_change_the_words(show):
    page = show(DirectionDial())
    page.get_by_role("radio", name="detached").focus()
    page.keyboard.press("Space")
    page.get_by_role("radio", name="input column").click()
    settle(page)
    said = page.locator(".dora-sentence").inner_text()
    assert "lies along the direction" in said
    assert "this input column" in said
    assert page.get_by_text("weight to output 1").count() == 1


def test_a_link_opens_the_state_it_names(show):
    page = show(DirectionDial(id="dial"), hash="#dial=norm:detached;magnitude:2;pull:1~3")
    settle(page)
    expected = DirectionDial.describe(
        {**DirectionDial().state(), "norm": "detached", "magnitude": 2, "pull": [-2.2, 3]}
    )
    assert page.locator(".dora-sentence").inner_text() == expected.sentence


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_its_page(show, width):
    assert show(DirectionDial(), width=width).evaluate("document.documentElement.scrollWidth") <= width
