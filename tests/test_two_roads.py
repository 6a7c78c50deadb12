"""TwoRoads: torch's numbers and FLOPs, both break-evens on one line, every control by keyboard."""

import itertools
import random
import re

import pytest
import torch
from dorabook.live import TwoRoads
from dorabook.live.two_roads.two_roads import MOST
from dorabook.text import fixed
from support.live_page import Core, numbers, settle
from support.pages import unclean
from torch.utils.flop_counter import FlopCounterMode

MOST_OF = {"rows": MOST, "in_features": MOST, "out_features": MOST, "rank": MOST}
CORNERS = [
    dict(zip(MOST_OF, sizes, strict=True)) for sizes in itertools.product(*((1, most) for most in MOST_OF.values()))
]
STATES = [
    {},
    {"rows": 110},
    {"rows": 111, "rank": 200},
    {"rows": 2, "in_features": 3, "out_features": 2, "rank": 1},
    {"rows": 4, "in_features": 8, "out_features": 8, "rank": 4},  # both break-evens met exactly
    CORNERS[0],
    CORNERS[-1],
]


def random_states(number, seed=0):
    draw = random.Random(seed)
    return [
        {name: round(2 ** draw.uniform(0, most.bit_length() - 1)) for name, most in MOST_OF.items()}
        for _ in range(number)
    ]


@pytest.fixture(scope="module")
def core():
    return Core("two_roads/roads", "two_roads/two_roads", "two_roads/layout")


@pytest.fixture(scope="module")
def count(core):
    return lambda **state: core.evaluate("(state) => modules['two_roads/roads'].cost(state)", state)


# Numbers


def drawn(*shape):
    return torch.empty(*shape, device="meta")


def multiplications(road):
    with FlopCounterMode(display=False) as counter:
        road()
    return counter.get_total_flops() / 2  # torch counts a multiplication and an addition as two


@pytest.mark.parametrize("state", [*random_states(12), TwoRoads().state()], ids=str)
def test_each_road_multiplies_as_often_as_torch_does(count, state):
    rows, into, out, rank = (state[name] for name in MOST_OF)
    x, w, a, b = drawn(rows, into), drawn(into, out), drawn(into, rank), drawn(rank, out)
    cost = count(**state)
    assert cost["formedTotal"] == multiplications(lambda: x @ (w + a @ b))
    assert cost["splitTotal"] == multiplications(lambda: x @ w + (x @ a) @ b)
    assert (cost["parameters"], cost["weights"]) == (a.numel() + b.numel(), w.numel())


def test_for_784_by_128_both_break_evens_lie_between_110_and_111(count):
    below, above = (count(rows=n, in_features=784, out_features=128, rank=n) for n in (110, 111))
    assert below["splitTotal"] < below["formedTotal"]
    assert above["splitTotal"] > above["formedTotal"]
    assert below["parameters"] < below["weights"] < above["parameters"]
    assert f"{below['breakEven']:.2f}" == "110.04"


@pytest.mark.parametrize("state", random_states(40, seed=1), ids=range(40))
def test_the_break_even_of_rows_does_not_depend_on_rank(count, state):
    for rank in (1, 7, MOST):
        cost = count(**{**state, "rank": rank})
        assert (cost["splitTotal"] < cost["formedTotal"]) == (state["rows"] < cost["breakEven"])
    cost = count(**state)
    assert (cost["parameters"] < cost["weights"]) == (state["rank"] < cost["breakEven"])


EXAMPLE = "(state) => modules['two_roads/roads'].example(state)"
SMALL = (3, 4, 3, 2)  # rows, in, out and rank whose numbers are written out


def test_both_roads_give_the_same_numbers_and_they_are_torchs(core):
    for state in [TwoRoads().state(), *random_states(10), {"rows": 2, "in_features": 3, "out_features": 1, "rank": 1}]:
        made = core.evaluate(EXAMPLE, state)
        x, w, a, b = (torch.tensor(made[name]) for name in "xWAB")
        assert (*x.shape, w.shape[1], a.shape[1]) == tuple(map(min, SMALL, (state[name] for name in MOST_OF)))
        assert made["W + AB"] == (w + a @ b).tolist()
        assert made["x(W + AB)"] == made["xW + xAB"] == (x @ (w + a @ b)).tolist()
        assert (made["xW"], made["xAB"]) == ((x @ w).tolist(), (x @ a @ b).tolist())
        assert any(value for row in made["xAB"] for value in row), "an update that does nothing shows nothing"


def test_the_difference_would_be_seen(core):
    apart = {"x(W + AB)": [[1, 2], [3, 4]], "xW + xAB": [[1, 2], [8, 4]]}
    assert core.evaluate("(made) => modules['two_roads/roads'].difference(made)", apart) == 5


def up_to_two_decimals(value: float) -> str:
    """Both where more follow: "1" is 1 exactly, and 0.998 is "1.00"."""
    return fixed(value, 2) if 100 * value == int(100 * value) else f"{value:.2f}"


def test_every_number_that_is_said_is_torchs(core):
    states = [*CORNERS, *(TwoRoads(**state).state() for state in STATES), *random_states(60)]
    call = "(states) => states.map((state) => { const d = modules['two_roads/two_roads'].describe(state); return [d.sentence, d.rows]; })"
    for state, (sentence, rows) in zip(states, core.evaluate(call, states), strict=True):
        n, into, out, rank = (state[name] for name in MOST_OF)
        x, w, a, b = drawn(n, into), drawn(into, out), drawn(into, rank), drawn(rank, out)
        products = [lambda: a @ b, lambda: x @ w, lambda: x @ w, lambda: x @ a, lambda: drawn(n, rank) @ b]  # noqa: B023
        ab, formed, base, xa, xab = map(multiplications, products)
        totals = {"formed": ab + formed, "split": base + xa + xab}
        even, held = up_to_two_decimals(into * out / (into + out)), a.numel() + b.numel()
        small = list(map(min, SMALL, (n, into, out, rank)))
        assert [row[1:] for row in rows] == [
            [f"{ab:,.0f}", f"{into} × {rank} × {out}"],
            [f"{formed:,.0f}", f"{n} × {into} × {out}"],
            [f"{totals['formed']:,.0f}", "the two above"],
            [f"{base:,.0f}", f"{n} × {into} × {out}"],
            [f"{xa:,.0f}", f"{n} × {into} × {rank}"],
            [f"{xab:,.0f}", f"{n} × {rank} × {out}"],
            [f"{totals['split']:,.0f}", "the three above"],
            [f"{held:,}", f"{rank} × ({into} + {out})"],
            [f"{w.numel():,}", f"{into} × {out}"],
            [even, f"{into} × {out} / ({into} + {out})"],
            ["0", "x ({}, {}), W ({}, {}), rank {}, whole numbers".format(*small[:2], *small[1:])],
        ]
        saved = totals["formed"] - totals["split"]
        said = [f"{n:,}", str(into), str(out), f"{totals['split']:,.0f}", f"{totals['formed']:,.0f}"]
        said += [f"{abs(saved):,.0f}"] if saved else []
        assert numbers(sentence) == [*said, str(rank), f"{held:,}", f"{w.numel():,}", even]
        assert ("splitting saves" in sentence, "forming AB first saves" in sentence) == (saved > 0, saved < 0)
        against = "as many as" if held == w.numel() else "fewer than" if held < w.numel() else "more than"
        assert f"{against} the {w.numel():,}" in sentence


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({}, ["6,889,472 multiplications", "7,225,344", "335,872", "7,296 parameters", "110.04"]),
        ({"rows": 1, "in_features": 1, "out_features": 1, "rank": 1}, ["1 row of x and W (1, 1)", "2 parameters"]),
    ],
)
def test_the_sentence_counts_one_of_a_thing_as_one(state, says):
    for part in says:
        assert part in TwoRoads(**state).sentence


# A part of it


@pytest.mark.parametrize("state", [*random_states(6, seed=3), TwoRoads().state()], ids=range(7))
def test_the_roads_alone_say_what_is_built_and_what_it_costs_and_not_which_size_decides(core, state):
    call = "(state) => { const d = modules['two_roads/two_roads'].describe(state); return [d.sentence, d.rows]; }"
    sentence, rows = core.evaluate(call, {**state, "shows": "roads"})
    told = " ".join([sentence, *(cell for row in rows for cell in row)])
    assert not re.search(r"parameter|cheap|fewer|saves|break|side", told)
    n, into, out, rank = (state[name] for name in MOST_OF)
    x, w, a, b = drawn(n, into), drawn(into, out), drawn(into, rank), drawn(rank, out)
    products = {
        "A · B": (a, b),
        "x · (W + AB)": (x, w + a @ b),
        "x · W": (x, w),
        "x · A": (x, a),
        "xA · B": (x @ a, b),
    }
    assert rows == [
        [name, "({}, {})".format(*(left @ right).shape), f"{multiplications(lambda: left @ right):,.0f}"]  # noqa: B023
        for name, (left, right) in products.items()
    ]
    formed, split = multiplications(lambda: x @ (w + a @ b)), multiplications(lambda: x @ w + (x @ a) @ b)
    said = [f"{n:,}", str(rank), str(into), str(out), f"{formed:,.0f}", str(n), str(rank), f"{split:,.0f}"]
    assert numbers(sentence) == said


def test_one_row_more_makes_the_other_road_cheaper_in_the_first_figure_and_no_rank_does(count):
    sizes = {"in_features": 8, "out_features": 6}
    for rows, cheaper in ((3, "splitTotal"), (4, "formedTotal")):
        for rank in (1, 2, 8):
            paid = count(rows=rows, rank=rank, **sizes)
            assert (
                paid[cheaper]
                == min(paid["splitTotal"], paid["formedTotal"])
                < max(paid["splitTotal"], paid["formedTotal"])
            )


@pytest.mark.parametrize(
    ("shows", "seen"),
    [
        ("all", {"axes": True, "verdict": True, "roads": True, "counts": True, "numbers": True}),
        ("roads", {"axes": True, "verdict": False, "roads": True, "counts": True, "numbers": False}),
        ("break-evens", {"axes": True, "verdict": True, "roads": False, "counts": False, "numbers": False}),
    ],
)
def test_a_part_of_it_is_shown(show, shows, seen):
    page = show(TwoRoads(shows=shows))
    where = {
        "axes": ".dora-tr-track",
        "verdict": ".dora-tr-verdict",
        "roads": ".dora-tr-road svg",
        "counts": ".dora-tr-total",
    }
    where |= {"numbers": ".dora-tr-same"}
    assert {name: page.locator(selector).first.is_visible() for name, selector in where.items()} == seen
    page.get_by_role("slider", name="Rank").press("ArrowRight")
    settle(page)
    assert page.locator("[role=status]").inner_text() == TwoRoads(shows=shows, rank=9).sentence
    assert unclean(page) == []


# The picture


def test_matrices_are_drawn_to_one_scale_inside_their_frame_and_no_label_lies_on_another(core):
    for width in (288, 328, 338, 640):
        frame = {"width": width, "height": 276, "letter": 6.25 if width < 300 else 6.65}
        states = [*CORNERS, *random_states(60, seed=2)]
        for state, laid in zip(
            states,
            core.evaluate(
                "([states, frame]) => states.map((s) => modules['two_roads/layout'].layout(s, frame))", [states, frame]
            ),
            strict=True,
        ):
            for road in (laid["formed"], laid["split"]):
                for box in road["boxes"]:
                    rows, columns = map(int, re.findall(r"\d+", box["shape"]))
                    assert box["height"] == pytest.approx(max(2, rows * laid["scale"]))
                    assert box["width"] == pytest.approx(max(2, columns * laid["scale"]))
                    assert box["left"] >= -0.1 and box["left"] + box["width"] <= width + 0.1
                    assert box["top"] >= -0.1 and box["top"] + box["height"] <= 276.1
                texts = [extent(label, frame["letter"]) for label in road["labels"]]
                for left, top, right, bottom in texts:
                    assert left >= -1 and right <= width + 1 and top >= -1 and bottom <= 277, (state, width)
                sides = [
                    (box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"])
                    for box in road["boxes"]
                ]
                for one, other in [*itertools.combinations(texts, 2), *itertools.product(texts, sides)]:
                    assert not overlap(one, other), (state, width)


SIDES = {"rows": ("height", "x xW xA xAB"), "in_features": ("width", "x"), "out_features": ("width", "B xAB W xW")}


@pytest.mark.parametrize(("key", "least", "most"), [("rows", 3, 12), ("in_features", 4, 12), ("out_features", 4, 12)])
def test_while_a_size_grows_its_own_blocks_grow_and_the_others_keep_their_size(core, key, least, most):
    """But where all of them would not fit any more: then all are drawn at three quarters of the scale."""
    state = TwoRoads(rows=3, in_features=8, out_features=6, rank=2).state()
    frame = {"width": 338, "height": 276, "letter": 6.65}
    call = "([states, frame]) => states.map((state) => modules['two_roads/layout'].layout(state, frame))"
    laid = core.evaluate(call, [[{**state, key: value} for value in range(least, most + 1)], frame])
    side, own = SIDES[key]
    held = 0
    for before, after in itertools.pairwise(laid):
        assert after["scale"] in (before["scale"], before["scale"] * 0.75)
        if after["scale"] != before["scale"]:
            continue
        held += 1
        for one, other in zip(before["split"]["boxes"], after["split"]["boxes"], strict=True):
            grown = {name for name in ("width", "height") if other[name] > one[name]}
            assert (side in grown) == (one["name"] in own.split()), one["name"]
            assert all(other[name] >= one[name] for name in ("width", "height"))
    assert held >= 5


BARS = """() => [...document.querySelectorAll('.dora-tr-road')].map((road) => {
  const long = [...road.querySelectorAll('.dora-tr-bar > span')].reduce((sum, part) => sum + part.getBoundingClientRect().width, 0);
  return [long, Number(road.querySelector('.dora-tr-total b').textContent.replaceAll(',', ''))];
})"""


@pytest.mark.parametrize(("key", "least"), [("ArrowRight", 7), ("ArrowLeft", 3)])
@pytest.mark.parametrize("name", ["Rows of x", "Inputs of W", "Outputs of W", "Rank"])
def test_while_a_size_of_the_first_figure_changes_a_longer_bar_is_a_larger_number(show, name, key, least):
    page = show(TwoRoads(rows=3, in_features=8, out_features=6, rank=2, shows="roads"))
    slider, bars = page.get_by_role("slider", name=name), []
    for _ in range(6):
        bars += page.evaluate(BARS)
        slider.press(key)
        settle(page)
    assert len({count for _, count in bars}) >= least
    for length, count in bars:
        assert length / count == pytest.approx(bars[0][0] / bars[0][1], rel=0.02)


def test_a_full_bar_that_has_come_to_stand_for_another_number_says_so_once(show):
    page = show(TwoRoads(rows=10, in_features=8, out_features=6, rank=2, shows="roads"))
    scales = page.locator(".dora-tr-total span")
    said = []
    for key in ("", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "Home"):
        if key:
            page.get_by_role("slider", name="Rows of x").press(key)
            settle(page)
        assert len(set(scales.all_inner_texts())) == 1
        said.append(re.findall(r"\((.*)\)", scales.first.inner_text())[0])
    assert said == ["bar: 0 to 768", "bar now: 0 to 3,072", *3 * ["bar: 0 to 3,072"], "bar now: 0 to 192"]


def test_a_bar_always_fits_and_is_never_lost(core):
    totals = [10**digits + more for digits in range(12) for more in (0, 1, 7)]
    call = "(totals) => totals.map((n) => modules['two_roads/layout'].fullBar({ formedTotal: n, splitTotal: 1 }))"
    for total, full in zip(totals, core.evaluate(call, totals), strict=True):
        assert total <= full and (full < 4 * total or full == 3)


def extent(label, letter):
    size = letter * max(map(len, label["lines"]))
    left = label["left"] - {"start": 0, "middle": size / 2, "end": size}[label["anchor"]]
    return left, label["top"], left + size, label["top"] + 15 * len(label["lines"])


def overlap(one, other, least=1):
    return all(min(one[i + 2], other[i + 2]) - max(one[i], other[i]) > least for i in (0, 1))


def middle(page, selector):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2


@pytest.mark.parametrize("sizes", [(784, 128), (512, 512), (4096, 4096), (3, 2)])
def test_one_line_marks_both_break_evens(show, sizes):
    even = sizes[0] * sizes[1] / sum(sizes)
    nearest = max(1, round(even))
    page = show(TwoRoads(rows=nearest, rank=nearest, in_features=sizes[0], out_features=sizes[1]))
    line = middle(page, ".dora-tr-line")
    thumbs = page.evaluate("""() => [...document.querySelectorAll('.dora-tr-track input')].map((input) => {
        const box = input.getBoundingClientRect();
        return box.left + 9 + (box.width - 18) * input.value / input.max;
    })""")
    axis = page.locator(".dora-tr-axes").bounding_box()
    octave = axis["width"] / 13
    for thumb, value in zip(thumbs, (nearest, nearest), strict=True):
        assert thumb == pytest.approx(axis["x"] + octave * (1 + torch.tensor(value).log2().item()), abs=1.5)
    assert line - thumbs[1] == pytest.approx(octave * torch.tensor(even / nearest).log2().item(), abs=1.5)


def test_the_cheaper_road_is_named_in_words(show):
    page = show(TwoRoads())
    badges = page.locator(".dora-tr-badge")
    assert badges.all_inner_texts() == ["4.88% more", "✓ cheaper"]
    assert page.locator(".dora-tr-verdict b").all_inner_texts() == ["A and B are smaller", "splitting is cheaper"]
    page.get_by_role("slider", name="Rows of x").press("End")
    page.get_by_role("slider", name="Rank").press("End")
    settle(page)
    assert badges.first.inner_text() == "✓ cheaper"
    assert page.locator(".dora-tr-verdict b").all_inner_texts() == ["W is smaller", "forming AB is cheaper"]
    assert page.locator("[role=status]").inner_text() == TwoRoads(rows=MOST, rank=MOST).sentence


def test_small_shapes_show_their_own_numbers(show, core):
    page = show(TwoRoads(rows=2, in_features=3, out_features=2, rank=1))
    assert page.get_by_text("Both roads at these shapes").count() == 1
    made = core.evaluate(EXAMPLE, TwoRoads(rows=2, in_features=3, out_features=2, rank=1).state())
    for name in ("x", "W + AB", "x(W + AB)", "xW", "xAB", "xW + xAB"):
        cells = (
            page.get_by_role("img", name=re.compile(f"^{re.escape(name)} \\("))
            .locator(".dora-tr-cells > span")
            .all_inner_texts()
        )
        assert [int(cell.replace("−", "-")) for cell in cells] == [value for row in made[name] for value in row]
    assert "difference between the two outputs: 0." in page.locator(".dora-tr-result").inner_text()


# Driving it

SLIDERS = {"Inputs of W": "in_features", "Outputs of W": "out_features", "Rank": "rank", "Rows of x": "rows"}


@pytest.mark.parametrize(("name", "key"), SLIDERS.items())
def test_every_slider_moves_by_keyboard(show, name, key):
    page = show(TwoRoads(id="roads"))
    start = TwoRoads().state()
    slider = page.get_by_role("slider", name=name, exact=True)
    field = page.get_by_role("spinbutton", name=f"{name}, typed")
    expected = start[key]
    for press, step in [
        ("ArrowRight", 1),
        ("ArrowUp", 1),
        ("ArrowLeft", -1),
        ("PageUp", expected + 1),
        ("ArrowDown", -1),
    ]:
        slider.press(press)
        expected += step
        settle(page)
        assert (slider.get_attribute("aria-valuetext"), field.input_value()) == (f"{expected:,}", str(expected))
        assert page.locator("[role=status]").inner_text() == TwoRoads(**{key: expected}).sentence
    for press, value in [
        ("PageDown", round(expected / 2 + 1e-9)),
        ("Home", 1),
        ("ArrowLeft", 1),
        ("End", MOST_OF[key]),
        ("PageUp", MOST_OF[key]),
    ]:
        slider.press(press)
        settle(page)
        assert field.input_value() == str(value)
    assert page.problems == []


@pytest.mark.parametrize(("name", "key"), SLIDERS.items())
def test_every_slider_moves_by_pointer(show, name, key):
    page = show(TwoRoads())
    slider = page.get_by_role("slider", name=name, exact=True)
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    settle(page)
    assert page.locator("[role=status]").inner_text() == TwoRoads(**{key: MOST_OF[key]}).sentence


@pytest.mark.parametrize(("name", "key"), SLIDERS.items())
def test_every_size_can_be_typed(show, name, key):
    page = show(TwoRoads())
    page.get_by_role("spinbutton", name=f"{name}, typed").fill("37")
    settle(page)
    assert page.locator("[role=status]").inner_text() == TwoRoads(**{key: 37}).sentence
    assert page.get_by_role("slider", name=name, exact=True).get_attribute("aria-valuetext") == "37"


def test_what_is_no_size_is_named_and_the_last_good_one_stays(show):
    page = show(TwoRoads())
    before = page.locator("[role=status]").inner_text()
    field = page.get_by_role("spinbutton", name="Rows of x, typed")
    for typed in ["0", "-3", "1.5", "5000", "", "1e9"]:
        field.fill(typed)
        settle(page)
        note = page.locator(f"#{field.get_attribute('aria-describedby')}")
        assert note.inner_text() == f"{typed or 'That'} is not a whole number from 1 to 4,096; 64 stays."
        assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", typed)
        assert page.locator("[role=status]").inner_text() == before
        field.press("Tab")
        assert (field.get_attribute("aria-invalid"), field.input_value()) == (None, "64")
        assert note.is_visible(), "what was typed stays named"
    field.fill("65")
    settle(page)
    assert not note.is_visible()
    assert page.locator("[role=status]").inner_text() == TwoRoads(rows=65).sentence
    assert page.problems == []


def test_reset_goes_back(show):
    page = show(TwoRoads(rank=3))
    page.get_by_role("slider", name="Rank").press("End")
    page.get_by_role("spinbutton", name="Rows of x, typed").fill("0")
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert page.locator("[role=status]").inner_text() == TwoRoads(rank=3).sentence
    assert page.get_by_role("spinbutton", name="Rank, typed").input_value() == "3"
    assert page.get_by_role("spinbutton", name="Rows of x, typed").input_value() == "64"


def test_a_link_opens_the_state_it_names_and_is_what_the_figure_gives(show):
    page = show(TwoRoads(id="roads"), hash="#roads=rows:200;rank:16", from_disk=True)
    settle(page)
    assert page.locator("[role=status]").inner_text() == TwoRoads(rows=200, rank=16).sentence
    page.get_by_role("button", name="Copy link").click()
    assert page.get_by_label("Link to this state").input_value().endswith("#roads=rank:16;rows:200")
    assert page.problems == []


def test_two_figures_on_a_page_keep_apart(show):
    page = show(TwoRoads(id="one"), TwoRoads(id="two", rank=9))
    page.locator("#two").scroll_into_view_if_needed()
    page.wait_for_selector("#two[data-ready=true]")
    page.locator("#one").get_by_role("slider", name="Rank").press("ArrowRight")
    settle(page)
    assert page.locator("#one [role=status]").inner_text() == TwoRoads(rank=9).sentence
    assert page.locator("#two [role=status]").inner_text() == TwoRoads(rank=9).sentence
    page.locator("#two").get_by_role("slider", name="Rank").press("ArrowRight")
    settle(page)
    assert page.locator("#one [role=status]").inner_text() == TwoRoads(rank=9).sentence


@pytest.mark.parametrize("state", [STATES[0], STATES[3], STATES[6]], ids=["default", "small", "largest"])
def test_axe_finds_nothing(show, state):
    page = show(TwoRoads(id="roads", **state))
    page.locator("summary").click()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("spinbutton", name="Rank, typed").fill("0")
    settle(page)
    assert unclean(page) == []


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_scrolls_sideways_or_leaves_its_place(show, width):
    figures = [TwoRoads(id=f"f{i}", **state) for i, state in enumerate(STATES)]
    page = show(*figures, width=width)
    for figure in figures:
        page.locator(f"#{figure.id}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{figure.id}[data-ready=true]")
        page.locator(f"#{figure.id} summary").click()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    reach = "Math.max(...[...document.querySelectorAll('.dora-tr *:not(input)')].map((node) => node.getBoundingClientRect().right))"
    assert page.evaluate(reach) <= width
    assert page.evaluate(
        "[...document.querySelectorAll('.dora-tr-steps li')].every((node) => node.scrollWidth <= node.clientWidth)"
    )


def test_the_roads_are_whole_on_one_screen(show):
    page = show(TwoRoads(shows="roads"))
    page.locator(".dora-mount").evaluate("(node) => { node.style.width = '704px'; }")  # a chapter's text at 1280
    settle(page)
    assert page.locator(".dora").bounding_box()["height"] <= 800 - 60  # below the page's bar


@pytest.mark.parametrize("name", ["Rank", "Rows of x"])
def test_the_focus_ring_lies_over_the_number_between_the_axes(show, name):
    page = show(TwoRoads(shows="break-evens"))
    slider, value = page.get_by_role("slider", name=name), page.locator(".dora-tr-even")
    slider.focus()
    box, number = slider.bounding_box(), value.bounding_box()
    ring = box["y"] + box["height"] + 1 if name == "Rank" else box["y"] - 2
    assert number["y"] - 4 <= ring <= number["y"] + number["height"] + 4
    order = "(node) => Number(getComputedStyle(node).zIndex) || 0"
    assert slider.locator("..").evaluate(order) > value.evaluate(order)


def test_on_a_phone_rank_and_rows_stay_in_sight_of_both_roads_and_hide_no_control(show):
    page = show(TwoRoads(shows="roads"), width=390, height=844)
    assert page.locator(".dora-tr-board").bounding_box()["height"] <= 80
    for road in page.locator(".dora-tr-road").all():
        road.evaluate("(node) => node.scrollIntoView()")
        settle(page)
        for name in ("Rank", "Rows of x"):
            assert page.get_by_role("slider", name=name).bounding_box()["y"] < 844 - 18
    page.evaluate("scrollTo(0, 0)")
    size = page.get_by_role("slider", name="Outputs of W")
    size.press("ArrowRight")
    settle(page)
    both = page.locator(".dora-tr-totals")
    assert numbers(both.inner_text()) == page.locator(".dora-tr-total b").all_inner_texts()
    assert both.bounding_box()["y"] <= 844 - 12  # with the slider that changed them
    assert size.evaluate("""(node) => {
      const { left, top } = node.getBoundingClientRect();
      return document.elementFromPoint(left + 4, top + 4) === node;
    }""")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rows": 0}, "rows is 0, expected a whole number from 1 to 4096"),
        ({"in_features": 4097}, "in_features is 4097, expected a whole number from 1 to 4096"),
        ({"out_features": 1.5}, "out_features is 1.5, expected a whole number"),
        ({"rank": 4097}, "rank is 4097, expected a whole number from 1 to 4096"),
        ({"rank": True}, "rank is True"),
        ({"rank": "8"}, "rank is '8'"),
        ({"shows": "costs"}, 'shows is \'costs\', expected "all" or "roads" or "break-evens"'),
        ({"rows": float("nan")}, "rows is nan"),
    ],
)
def test_bad_input_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        TwoRoads(**options)


def test_an_unknown_option_is_named():
    with pytest.raises(TypeError, match="TwoRoads has no 'columns': its options are id, "):
        TwoRoads(columns=3)
