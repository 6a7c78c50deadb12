"""DirectionDial: its arrows and all it says are torch's numbers, and every arrow moves by mouse and keyboard."""

import re

import pytest
import torch
from dorabook.layers import DoRALinear
from dorabook.live.direction_dial.direction_dial import DirectionDial
from dorabook.text import number
from support.live_page import Core, drag, numbers, settle

NORMS = ["in graph", "detached"]


def random_state(seed, **chosen):
    draw = (
        torch.randn(4, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).round(decimals=2).tolist()
    )
    state = {"weight": draw[0], "update": draw[1], "target": draw[2], "magnitude": abs(draw[3][0]) + 0.5}
    return {**state, "amount": 0.7, "norm": "in graph", "per": "output", **chosen}


def by_autograd(state):
    """The same arrows from a DoRALinear with one output row, whose loss is half its squared distance to the target."""
    base = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    base.weight.data.copy_(torch.tensor([state["weight"]], dtype=torch.float64))
    layer = DoRALinear(base, per="output", norm=state["norm"], rank=1, alpha=1, generator=torch.Generator())
    layer.lora_A.data.copy_(torch.tensor([state["update"]], dtype=torch.float64))
    layer.lora_B.data.fill_(state["amount"])
    layer.magnitude.data.fill_(state["magnitude"])
    adapted = layer.adapted().detach().requires_grad_()
    layer.adapted = lambda: adapted
    row = layer.merged_weight()
    row.retain_grad()
    ((row - torch.tensor(state["target"], dtype=torch.float64)) ** 2 / 2).sum().backward()
    return {
        "adapted": adapted[0],
        "direction": layer.direction()[0],
        "merged": row[0],
        "pull": -row.grad[0],
        "push": -adapted.grad[0],
        "along": -layer.magnitude.grad[0, 0],
        "turn": (torch.complex(*adapted[0]) / torch.complex(*base.weight[0])).angle().rad2deg(),
        "pushAlong": -adapted.grad[0] @ layer.direction()[0],
    }


@pytest.fixture
def page():
    return Core("direction_dial/dial", "direction_dial/direction_dial")


DIAL = "(state) => modules['direction_dial/dial'].dial(state)"
SAID = "(state) => { const d = modules['direction_dial/direction_dial'].describe(state); return [d.sentence, d.rows]; }"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(5))
def test_the_page_draws_what_torch_computes(page, seed, norm):
    state = random_state(seed, norm=norm)
    drawn = page.evaluate(DIAL, state)
    for name, expected in by_autograd(state).items():
        torch.testing.assert_close(
            torch.tensor(drawn[name], dtype=torch.float64), expected.detach(), rtol=1e-6, atol=1e-9
        )


def test_a_right_angle_by_hand(page):
    state = {"weight": [5, 0], "update": [-5, 2], "amount": 1, "magnitude": 3, "target": [1, 7], "norm": "detached"}
    now = page.evaluate(DIAL, state)
    assert [now[name] for name in ("adapted", "direction", "merged", "turn")] == [[0, 2], [0, 1], [0, 3], 90]
    assert (now["pull"], now["foot"]) == ([1, 4], [0, 7])
    assert (now["along"], now["push"]) == (4, [1.5, 6])  # m / length = 3 / 2 times the pull
    kept = page.evaluate(DIAL, state | {"norm": "in graph"})
    assert (kept["push"], kept["pushAlong"]) == ([1.5, 0], 0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("per", ["output", "input"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_number_that_is_said_is_torchs(page, seed, norm, per):
    state = random_state(seed, norm=norm, per=per)
    sentence, rows = page.evaluate(SAID, state)
    torchs = {name: value.tolist() for name, value in by_autograd(state).items()}
    moved = [state["amount"] * part for part in state["update"]]
    arrows = [
        state["weight"],
        moved,
        *(torchs[name] for name in ("adapted", "direction", "merged")),
        state["target"],
        torchs["pull"],
        torchs["push"],
    ]
    assert [cells for _, *cells in rows] == [
        list(map(number, [*arrow, torch.tensor(arrow).norm().item()])) for arrow in arrows
    ]
    said = [
        state["magnitude"],
        abs(torchs["turn"]),
        torchs["along"],
        *([torchs["pushAlong"]] if norm == "detached" else []),
    ]
    assert numbers(sentence) == list(map(number, said))
    assert ("output row" in sentence) == (per == "output") != ("input column" in sentence)


def test_no_update_turns_nothing_and_a_vanished_row_is_said(page):
    still, _ = page.evaluate(SAID, random_state(0, amount=0))
    assert "turn" in still and len(numbers(still)) == 2  # m and its pull, and no angle
    gone, rows = page.evaluate(SAID, random_state(0, weight=[1.0, -2.0], update=[-1.0, 2.0], amount=1.0))
    assert "zero" in gone and len(rows) == 3


@pytest.mark.parametrize("norm", NORMS)
def test_that_nothing_reaches_the_row_is_said(page, norm):
    along = random_state(0, norm=norm, weight=[3.0, 4.0], amount=0.0, magnitude=2.0, target=[1.8, 2.4])
    for state, nothing in ((along, norm == "in graph"), (along | {"magnitude": 0.0}, True)):
        sentence, _ = page.evaluate(SAID, state)
        assert ("nothing reaches" in sentence) == nothing


def test_m_starts_as_the_length_of_the_row():
    assert DirectionDial([0.6, -0.8]).magnitude == 1
    assert DirectionDial(torch.tensor([3.0, 4.0])).magnitude == 5
    assert DirectionDial([3.0, 4.0], magnitude=2).magnitude == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"update": [1, 2, 3]}, r"update is \[1, 2, 3\], expected two numbers from -8 to 8"),
        ({"target": [9, 0]}, r"target is \[9, 0\]"),
        ({"target": [float("nan"), 0]}, "target is"),
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
    for name in ("Tip of W + sBA", "Tip of the merged arrow", "Target"):
        before = page.locator(".dora-sentence").inner_text()
        drag(page.get_by_role("slider", name=name, exact=True), -30, 40)
        settle(page)
        assert page.locator(".dora-sentence").inner_text() != before, name
    assert page.problems == []


def test_every_control_moves_by_keyboard(show):
    page = show(DirectionDial())
    sentence = page.locator(".dora-sentence")
    for name, key in [
        ("Tip of W + sBA", "ArrowLeft"),
        ("Tip of the merged arrow", "ArrowDown"),
        ("Target", "ArrowUp"),
        ("Apply the update", "ArrowLeft"),
        ("Magnitude m", "ArrowRight"),
        ("Target, x", "PageDown"),
        ("Target, y", "ArrowRight"),
    ]:
        before = sentence.inner_text() + page.evaluate("document.querySelector('.dora-dial svg').innerHTML")
        page.get_by_role("slider", name=re.compile(f"^{re.escape(name)}( |$)")).focus()
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
    page = show(DirectionDial(id="dial"), hash="#dial=norm:detached;magnitude:2;target:1~3")
    settle(page)
    expected = DirectionDial.describe(
        {**DirectionDial().state(), "norm": "detached", "magnitude": 2, "target": [-0.4, 3]}
    )
    assert page.locator(".dora-sentence").inner_text() == expected.sentence


def test_at_the_target_nothing_pulls(page):
    """Chapter 5's row: the update turns it onto (2, 6), and m = sqrt(40) reaches that."""
    there = {"weight": [4, 3], "update": [-2, 3], "amount": 1, "magnitude": 40**0.5, "target": [2, 6], "per": "output"}
    for norm in NORMS:
        now = page.evaluate(DIAL, there | {"norm": norm})
        assert max(map(abs, [*now["pull"], now["along"], *now["push"]])) < 1e-12
        assert "The target is reached, and nothing pulls" in page.evaluate(SAID, there | {"norm": norm})[0]
    near, _ = page.evaluate(SAID, there | {"norm": "detached", "magnitude": 6.3})
    assert near.endswith("The target is reached to within 0.0246, and hardly anything pulls any more.")
    assert "pull moves m" in page.evaluate(SAID, there | {"norm": "detached", "magnitude": 6.2})[0]


FRAME = "direction_dial/frame"
HUGE = [[0, 0], [1e9, 3e8], [-1e12, 1], [5, -1e15], [7.5, 8.4], [3, 3], [-4.5, -1.5], [1e6, -1e6]]


def test_however_long_an_arrow_is_what_is_drawn_lies_in_the_frame():
    page = Core(FRAME)
    drawn = page.evaluate(
        f"""(points) => {{
            const {{ at, clipped, squares, WIDTH, HEIGHT }} = modules["{FRAME}"];
            const pieces = points.flatMap((from) => points.map((to) => clipped(at(from), at(to)))).filter(Boolean);
            return [pieces, pieces.map((piece) => squares(...piece).length), [WIDTH, HEIGHT]];
        }}""",
        HUGE,
    )
    pieces, counts, (width, height) = drawn
    assert len(pieces) > len(HUGE)
    for x, y in (place for piece in pieces for place in piece):
        assert -1e-6 <= x <= width + 1e-6 and -1e-6 <= y <= height + 1e-6
    assert max(counts) <= (width**2 + height**2) ** 0.5 / 6 + 1


def test_a_line_is_cut_where_it_leaves_the_frame():
    """In the plane the frame goes from -4.5 to 7.5 and from -1.5 to 8.4, at 44 pixels a unit."""
    cut = (
        "([from, to]) => { const { at, clipped } = modules['direction_dial/frame']; return clipped(at(from), at(to)); }"
    )
    page = Core(FRAME)
    assert page.evaluate(cut, [[0, 0], [3, 4]]) == [[198, pytest.approx(369.6)], [330, pytest.approx(193.6)]]
    assert page.evaluate(cut, [[0, 0], [20, 0]])[1] == [528, pytest.approx(369.6)]
    assert page.evaluate(cut, [[9, 0], [9, 5]]) is None


def inside(page, selector):
    """Is all that is drawn of it inside the picture's box?"""
    return page.evaluate(
        """(selector) => {
            const frame = document.querySelector(".dora-dial svg").getBoundingClientRect();
            return [...document.querySelectorAll(selector)].every((node) => {
                const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
                return width + height === 0 || left >= frame.left - 2 && right <= frame.right + 2 && top >= frame.top - 2 && bottom <= frame.bottom + 2;
            });
        }""",
        selector,
    )


def test_a_row_near_zero_keeps_its_arrows_in_the_frame_and_its_grips_at_hand(show):
    page = show(DirectionDial(weight=(4, 3), update=(-4.02, -3.01), magnitude=7.5, target=(8, -8), norm="detached"))
    assert "component" in page.locator(".dora-sentence").inner_text()
    assert inside(page, ".dora-dial-shaft, .dora-dial-grip, .dora-dial-label")
    merged = page.get_by_role("slider", name="Tip of the merged arrow")
    drag(merged, 44, 44)
    settle(page)
    assert page.get_by_role("slider", name="Magnitude m").input_value() != "7.5"
    target = page.get_by_role("slider", name="Target", exact=True)
    drag(target, -60, -60)
    settle(page)
    assert page.get_by_role("slider", name="Target, x").input_value() != "8"
    assert page.problems == []


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_its_page(show, width):
    assert show(DirectionDial(), width=width).evaluate("document.documentElement.scrollWidth") <= width
