"""TrainingRace: torch's losses and all it says, a race that a link opens at its step, every control by keyboard."""

import itertools
import math
import re
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from dorabook.decompose import norms
from dorabook.live import TrainingRace
from dorabook.live.training_race.training_race import STEPS
from dorabook.race import RATES, Draws, loss, problem, students, train
from dorabook.text import number
from playwright.sync_api import expect
from support.live_page import Core, modules, numbers, settle
from support.pages import unclean

START = TrainingRace().state()
NAMES = {"lora": "LoRA", "output": "per output", "input": "per input"}
AXES = ("output", "input")
CORNERS = [
    {"output": 1, "steps": STEPS, "rank": 1, "rate": 0.001, "norm": "detached"},
    {"output": 1, "steps": STEPS, "rank": 8, "rate": 0.2, "norm": "detached", "turn": 1},
    {"output": 1, "steps": STEPS, "rank": 1, "rate": 0.2, "norm": "in graph"},
]
STATES = [
    {},
    {"steps": 1},
    {"steps": 60},
    {"input": 0, "output": 1, "steps": STEPS, "rank": 1},
    {"input": 0, "turn": 1, "steps": 250},
    {
        "output": 0.35,
        "input": 0.6,
        "turn": 0.85,
        "rank": 5,
        "rate": 0.05,
        "seed": 4711,
        "norm": "in graph",
        "steps": 200,
    },
    {"input": 0, "steps": 40},
    *CORNERS,
]


def page_races(page, states):
    call = "(states) => states.map((state) => modules['training_race/race'].raceAt(state).losses)"
    return page.evaluate(call, states)


@cache
def race(**state) -> SimpleNamespace:
    """What torch makes of a state: every loss, what of it is left, and each DoRA's magnitudes and direction norms."""
    amounts = {name: state[name] for name in ("output", "input", "turn")}
    asked = problem(**amounts, seed=state["seed"])
    layers = students(asked, rank=state["rank"], seed=state["seed"], norm=state["norm"])
    nothing, steps = not any(amounts.values()), state["steps"]
    losses = {
        arm: [loss(layer, asked).item()] * (steps + 1) if nothing else train(layer, asked, steps=STEPS, rate=state["rate"], stop=steps)
        for arm, layer in layers.items()
    }  # fmt: skip
    axes = {}
    for per in AXES:
        start, direction = norms(asked.weight, per=per), layers[per].direction().detach()
        magnitudes, marks = layers[per].magnitude.detach() / start, norms(asked.target, per=per) / start
        axes[per] = SimpleNamespace(
            magnitudes=magnitudes.flatten().tolist(), marks=marks.flatten().tolist(), off=(magnitudes / marks - 1).abs().max().item(),
            stretch=(norms(layers[per].adapted().detach(), per=per) / start).flatten().tolist(),
            direction={along: norms(direction, per=along).flatten().tolist() for along in AXES},
        )  # fmt: skip
    return SimpleNamespace(
        losses=losses, axes=axes, nothing=nothing,
        shares={arm: 0.0 if nothing else each[-1] / each[0] for arm, each in losses.items()},
        trained={arm: sum(w.numel() for w in layer.parameters() if w.requires_grad) for arm, layer in layers.items()},
    )  # fmt: skip


# Numbers


def test_the_page_draws_the_numbers_that_python_draws():
    """mulberry32 as its author publishes it for JavaScript is the third witness."""
    page = Core("training_race/race")
    published = """(a, count) => Array.from({ length: count }, () => {
        a |= 0; a = a + 0x6D2B79F5 | 0;
        let t = Math.imul(a ^ a >>> 15, 1 | a);
        t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
        return ((t ^ t >>> 14) >>> 0) / 4294967296;
    })"""
    for seed in (0, 1, 9999, 2**31, 2**32 - 1):
        uniform = Draws(seed).uniform(5, 8)
        drawn = page.evaluate(
            "(seed) => Array.from(modules['training_race/race'].draws(seed).uniform(5, 8).data)", seed
        )
        assert drawn == uniform.flatten().tolist() == page.evaluate(f"(seed) => ({published})(seed, 40)", seed)
        drawn = page.evaluate(
            "(seed) => Array.from(modules['training_race/race'].draws(seed, 1).normal(3, 4).data)", seed
        )
        assert drawn == Draws(seed, stream=1).normal(3, 4).flatten().tolist()


@pytest.mark.parametrize("state", [{}, {"output": 1}, {"output": 0.3, "input": 0.7, "turn": 0.9, "seed": 12}], ids=str)
def test_the_page_makes_the_problem_that_python_makes(state):
    amounts = {name: {**START, **state}[name] for name in ("output", "input", "turn", "seed")}
    page = Core("training_race/race")
    made = page.evaluate(
        """(state) => {
            const { weight, target, gram, marks } = modules["training_race/race"].problem(state);
            const list = (values) => Array.from(values);
            return [list(weight.data), list(target.data), list(gram), list(marks.output), list(marks.input)];
        }""",
        amounts,
    )
    asked = problem(**amounts)
    expected = [
        asked.weight,
        asked.target,
        asked.inputs.T @ asked.inputs / asked.inputs.shape[0] / 24,
        norms(asked.target, per="output") / norms(asked.weight, per="output"),
        norms(asked.target, per="input") / norms(asked.weight, per="input"),
    ]
    for got, want in zip(made, expected, strict=True):
        torch.testing.assert_close(torch.tensor(got, dtype=torch.float64), want.flatten(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("state", [*STATES[3:6], *CORNERS], ids=str)
def test_the_first_200_losses_are_torchs(browser, state):
    state = {**START, **state, "steps": 200}
    expected = race(**state).losses
    for arm, losses in page_races(modules(browser, "training_race/race"), [state])[0].items():
        assert len(losses) == 201
        assert losses == pytest.approx(expected[arm], rel=1e-5, abs=0), arm
    assert expected["lora"][-1] < expected["lora"][0]


@pytest.mark.parametrize("norm", ["detached", "in graph"])
@pytest.mark.parametrize("arm", NAMES)
def test_the_pages_gradient_is_torchs(arm, norm):
    """Adam's first step is the rate times the sign of the gradient, so the first two steps tell its every entry."""
    state = {**START, "output": 0.5, "turn": 0.5, "norm": norm, "rank": 3}
    values = """([state, arm]) => {
        const { problem, student } = modules["training_race/race"];
        const one = student(problem(state), { ...state, arm });
        for (const rate of [0.02, 0.03]) { one.forward(); one.step(rate); }
        return [one.forward(), one.magnitudes() && Array.from(one.magnitudes())];
    }"""
    found, magnitudes = Core("training_race/race").evaluate(values, [state, arm])
    asked = problem(**{name: state[name] for name in ("output", "input", "turn", "seed")})
    layer = students(asked, rank=3, seed=0, norm=norm)[arm]
    adam = torch.optim.Adam([weight for weight in layer.parameters() if weight.requires_grad])
    for rate in (0.02, 0.03):
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        torch.nn.functional.mse_loss(layer(asked.inputs), asked.inputs @ asked.target.T).backward()
        adam.step()
    left = torch.nn.functional.mse_loss(layer(asked.inputs), asked.inputs @ asked.target.T)
    assert found == pytest.approx(left.item(), rel=1e-10)
    if arm != "lora":
        assert magnitudes == pytest.approx(layer.magnitude.flatten().tolist(), rel=1e-10)


def test_trained_in_parts_or_at_once_the_race_is_the_same():
    page = Core("training_race/race")
    whole = page_races(page, [{**START, "steps": 50}])[0]
    parts = page_races(page, [{**START, "seed": 1}, *({**START, "steps": steps} for steps in (0, 7, 8, 50))])[-1]
    assert parts == whole
    assert page_races(page, [{**START, "steps": 20}])[0] == {arm: losses[:21] for arm, losses in whole.items()}


def test_the_direction_has_norm_1_along_its_own_axis_and_not_along_the_other():
    now = race(**{**START, "output": 1, "turn": 1, "steps": 80})
    for per, other in (AXES, AXES[::-1]):
        assert now.axes[per].direction[per] == pytest.approx([1] * len(now.axes[per].marks), rel=1e-12)
        assert max(abs(norm - 1) for norm in now.axes[per].direction[other]) > 0.2


@pytest.mark.slow
def test_the_right_axis_walks_to_the_teachers_marks_and_the_wrong_one_has_flat_marks():
    for per, other in (AXES, AXES[::-1]):
        now = race(**{**START, "input": 0, per: 1, "steps": STEPS})
        shares = now.shares
        assert shares[per] < 1e-4 and shares[other] > 0.2 and shares["lora"] > shares[other]
        assert now.axes[per].off < 0.01
        own, flat = (torch.tensor(now.axes[axis].marks) for axis in (per, other))
        assert own.std() > 3 * flat.std()


# The sweep


SWEPT = [{"output": 1, "input": 0, "rank": 8, "rate": 0.001}, {"norm": "in graph", "seed": 3, "rate": 0.03}]
SWEEP = """(states) => states.map((state) => {
    const { points } = modules["training_race/race"].sweepAt(state);
    return points.map(({ rate, shares, least }) => [rate, shares, least]);
})"""


@cache
def swept(**state) -> dict[float, SimpleNamespace]:
    """{rate: torch's race to its end}."""
    return {rate: race(**{**state, "rate": rate, "steps": STEPS}) for rate in RATES}


def least(now: SimpleNamespace) -> dict[str, float]:
    return {per: min(now.axes[per].stretch) for per in AXES}


def steady(now: SimpleNamespace) -> bool:
    """Where a row or column of W + BA, (24, 16), has nearly lost its norm, a detached layer divides by almost 0, and rounding decides the rest."""
    return min(least(now).values()) > 0.05


@pytest.mark.slow
def test_where_a_row_has_nearly_lost_its_norm_rounding_decides_in_torch_itself():
    asked, ends = problem(output=1, input=0, turn=0, seed=0), []
    for nudge in (0, 1e-15):
        layer = students(asked, rank=8, seed=0)["output"]
        layer.lora_A.data *= 1 + nudge
        ends.append(train(layer, asked, steps=STEPS, rate=0.002)[-1])
    assert least(race(**{**START, **SWEPT[0], "rate": 0.002, "steps": STEPS}))["output"] < 0.001
    assert abs(ends[1] / ends[0] - 1) > 0.001


def test_a_sweep_leaves_what_torch_leaves_at_every_rate(browser):
    states = [{**START, **state} for state in SWEPT]
    for state, points in zip(states, modules(browser, "training_race/race").evaluate(SWEEP, states), strict=True):
        expected = swept(**state)
        assert [rate for rate, *_ in points] == list(expected) == list(RATES)
        assert sum(map(steady, expected.values())) >= 6
        for (rate, shares, shortest), now in zip(points, expected.values(), strict=True):
            for arm, share in now.shares.items():
                near = 1e-5 if steady(now) else 0.3
                assert shares[arm] == pytest.approx(share, rel=near, abs=1e-4), (rate, arm)
            if steady(now):
                assert shortest == pytest.approx(least(now), rel=1e-4, abs=0.001), rate


def test_a_sweep_says_who_is_ahead_at_which_rates_and_the_table_has_them_all(browser):
    page = modules(browser, "training_race/words")
    call = "(state) => { const d = modules['training_race/words'].describe(state); return [d.sentence, d.columns, d.rows]; }"
    for state in ({**START, **each} for each in SWEPT):
        left = {rate: now.shares for rate, now in swept(**state).items()}
        sentence, columns, rows = page.evaluate(call, {**state, "by": "rate", "steps": 7})
        assert columns == [f"after {STEPS} steps", *NAMES.values()]
        kept, shortest = rows[: len(RATES)], rows[len(RATES) :]
        assert [row[0] for row in kept] == [f"left at rate {number(rate)}" for rate in RATES]
        assert [row[0].split()[-1] for row in shortest] == [number(rate) for rate in RATES]
        for row, short, now in zip(kept, shortest, swept(**state).values(), strict=True):
            if steady(now):
                cells = zip(row[1:], now.shares.values(), strict=True)
                assert all(share < 1e-3 or cell == percent(share) for cell, share in cells), row
                assert short[1:] == ["none", *(number(each) for each in least(now).values())]
        chosen = race(**{**state, "steps": STEPS}).shares
        in_order = sorted(chosen, key=chosen.get)
        _, ahead, at_chosen = sentence.split(". ")
        assert numbers(at_chosen) == [number(state["rate"]), *(numbers(percent(chosen[arm]))[0] for arm in in_order)]
        for arm, name in NAMES.items():
            others = [other for other in NAMES if other != arm]
            alone = [rate for rate in RATES if 1.05 * left[rate][arm] < min(left[rate][other] for other in others)]
            spans = re.findall(rf"{name} is ahead at ([\d.]+)(?: to ([\d.]+))?", ahead)
            said = [rate for rate in RATES for low, high in spans if float(low) <= rate <= float(high or low)]
            assert said == alone, sentence


def test_a_sweep_of_a_teacher_that_is_the_frozen_weight_has_nothing_to_say():
    state = {**START, "input": 0, "by": "rate"}
    sentence, rows = Core("training_race/words").evaluate(
        "(state) => { const d = modules['training_race/words'].describe(state); return [d.sentence, d.rows]; }", state
    )
    assert "nothing to learn" in sentence and len(rows) == 2 * len(RATES)
    assert {cell for row in rows[: len(RATES)] for cell in row[1:]} == {"none to lose"}


def test_python_and_the_page_have_one_list_of_rates():
    given = Core("training_race/race").evaluate(
        "[modules['training_race/race'].RATES, modules['training_race/race'].STEPS]"
    )
    assert given == [list(RATES), STEPS]
    assert (TrainingRace(rate=RATES[0]).rate, TrainingRace(rate=RATES[-1]).rate) == (RATES[0], RATES[-1])


# What is said


REACHED = 1e-6  # of the starting loss: from here on a student has reached the teacher


def percent(share: float) -> str:
    return f"less than {number(100 * REACHED)}%" if share < REACHED else f"{number(100 * share)}%"


def span(values: list[float]) -> str:
    return " to ".join(dict.fromkeys([number(min(values)), number(max(values))]))


def expected_rows(now: SimpleNamespace) -> list[list[str]]:
    axes = [now.axes[per] for per in AXES]
    some = not now.nothing
    return [
        [str(count) for count in now.trained.values()],
        [number(each[0]) if some else "0" for each in now.losses.values()],
        [number(each[-1]) if some else "0" for each in now.losses.values()],
        [percent(share) if some else "none to lose" for share in now.shares.values()],
        ["none", *(str(len(axis.magnitudes)) for axis in axes)],
        ["none", *(span(axis.magnitudes) for axis in axes)],
        ["none", *(span(axis.marks) for axis in axes)],
        ["none", *(f"{number(100 * axis.off)}%" for axis in axes)],
        ["none", *(span(axis.stretch) for axis in axes)],
        *(["none", *(span(axis.direction[along]) for axis in axes)] for along in AXES),
    ]


def numbers_said(state: dict, now: SimpleNamespace) -> list[str]:
    """The numbers of the sentence, those of the standing in the order of what is left."""
    if now.nothing:
        return ["0"]
    lost = sorted(number(100 * max(share, REACHED)) for share in now.shares.values() if share >= REACHED)
    lost += [number(100 * REACHED)] * (len(lost) < 3)
    standing = [str(state["steps"]), str(STEPS), *lost] if state["steps"] else [number(now.losses["lora"][0])]
    return [*(["2"] if state["turn"] else []), *standing, *(number(100 * now.axes[per].off) for per in AXES)]


def test_every_number_that_is_said_is_torchs(browser):
    """In Chromium, which trains a hundred times faster than QuickJS; that QuickJS says the same is tested in test_live."""
    page = modules(browser, "training_race/words")
    states = [{**START, **state} for state in STATES]
    call = "(states) => states.map((state) => { const d = modules['training_race/words'].describe(state); return [d.sentence, d.columns, d.rows]; })"
    for state, (sentence, columns, rows) in zip(states, page.evaluate(call, states), strict=True):
        now = race(**state)
        assert columns[1:] == list(NAMES.values())
        assert [row[1:] for row in rows] == expected_rows(now), state
        assert sorted(numbers(sentence)) == sorted(numbers_said(state, now)), sentence


TOLD = re.compile(r"LoRA|per output|per input|less than [\d.]+%|[\d.]+%|ahead|level|reached|all three")


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((0.5, 0.4, 0.1), "per input, ahead, 10%, per output, 40%, LoRA, 50%"),
        ((0.5, 0.21, 0.2), "per input, per output, level, 20%, 21%, LoRA, 50%"),
        ((0.9, 0.9, 0.91), "all three, level, LoRA, per output, per input, 90%, 90%, 91%"),
        ((0.5, 1e-9, 0.4), "per output, reached, less than 0.0001%, per input, 40%, LoRA, 50%"),
        ((1e-9, 1e-8, 0.4), "LoRA, per output, reached, less than 0.0001%, per input, 40%"),
        ((0, 0, 0), "all three, reached, less than 0.0001%"),
        ((3, 2.5, 2), "per input, ahead, 200%, per output, 250%, LoRA, 300%"),
    ],
)
def test_the_standing_is_told_honestly(shares, says):
    named = dict(zip(NAMES, shares, strict=True))
    told = Core("training_race/words").evaluate("(shares) => modules['training_race/words'].ranking(shares)", named)
    assert TOLD.findall(told) == says.split(", ")


def test_a_loss_that_is_no_number_is_said_and_stays_out_of_the_state():
    """Within the rates a reader can choose Adam does not get there, so the page's numbers are asked directly."""
    page = Core("training_race/race", "training_race/words")
    wild = {**START, "rate": 1e300, "steps": 30}
    sentence, losses = page.evaluate(
        "(state) => { const d = modules['training_race/words'].describe(state); return [d.sentence, d.race.losses.lora.map(String)]; }",
        wild,
    )
    assert re.search("the loss of .*LoRA.* is no number any more: lower the learning rate", sentence)
    assert losses[-1] in ("NaN", "Infinity") and len(losses) == 31
    with pytest.raises(ValueError, match=r"rate is 1e\+300, expected a number from 0.001 to 0.2"):
        TrainingRace(rate=1e300)


@pytest.mark.slow
@pytest.mark.parametrize("state", CORNERS, ids=str)
def test_at_the_ends_of_every_range_the_losses_are_numbers(state):
    for losses in race(**{**START, **state}).losses.values():
        assert all(0 <= loss < 1000 for loss in losses)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"output": 1.1}, "output is 1.1, expected a number from 0 to 1"),
        ({"turn": float("nan")}, "turn is nan"),
        ({"rank": 0}, "rank is 0, expected a whole number from 1 to 8"),
        ({"rate": 0}, "rate is 0, expected a number from 0.001 to 0.2"),
        ({"seed": 1.5}, "seed is 1.5, expected a whole number from 0 to 9999"),
        ({"steps": 301}, "steps is 301, expected a whole number from 0 to 300"),
        ({"by": "seed"}, 'by is \'seed\', expected "step" or "rate"'),
        ({"norm": "none"}, 'norm is \'none\', expected "detached" or "in graph"'),
    ],
)
def test_bad_input_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        TrainingRace(**options)


# Driving it


PATIENCE = 20_000  # ms, for a busy machine


def says(page, sentence):
    expect(page.get_by_role("status")).to_have_text(sentence, timeout=PATIENCE)


def reaches(page, steps):
    expect(page.locator(".dora-race-count")).to_have_text(f"step {steps} of {STEPS}", timeout=PATIENCE)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def slowly(page):
    """At 15 steps a second a run is not over before a test that waits for the machine takes hold of it."""
    page.get_by_role("radio", name="slow").check(force=True)


def test_nothing_moves_before_run_is_pressed_and_a_pause_stays(show):
    page = show(TrainingRace(id="race"))
    page.wait_for_timeout(400)
    says(page, TrainingRace().sentence)
    slowly(page)
    press(page, "Run")
    expect(page.locator(".dora-race-count")).to_have_text(re.compile("step [1-9]"), timeout=PATIENCE)
    press(page, "Pause")
    settle(page)
    steps = int(re.search(r"step (\d+)", page.locator(".dora-race-count").inner_text())[1])
    page.wait_for_timeout(300)
    says(page, TrainingRace(steps=steps).sentence)
    assert page.get_by_role("button", name="Run", exact=True).count() == 1
    assert page.problems == []


def test_it_runs_to_its_end_and_again(show):
    page = show(TrainingRace(id="race", steps=200))
    page.get_by_role("radio", name="fast").check(force=True)
    press(page, "Run")
    reaches(page, STEPS)
    says(page, TrainingRace(steps=STEPS).sentence)
    assert page.get_by_role("button", name="One step").is_disabled()
    slowly(page)
    press(page, "Run again")
    expect(page.locator(".dora-race-run")).to_have_text("Pause", timeout=PATIENCE)
    assert page.problems == []


def test_one_step_and_to_the_start(show):
    page = show(TrainingRace(steps=9))
    press(page, "One step")
    reaches(page, 10)
    says(page, TrainingRace(steps=10).sentence)
    press(page, "To the start")
    reaches(page, 0)
    says(page, TrainingRace().sentence)


def test_the_sentence_is_spoken_when_a_run_has_ended_and_not_on_the_way(show):
    page = show(TrainingRace())
    status = page.get_by_role("status")
    slowly(page)
    press(page, "Run")
    expect(status).to_have_attribute("aria-busy", "true", timeout=PATIENCE)
    press(page, "Pause")
    expect(status).to_have_attribute("aria-busy", "false", timeout=PATIENCE)


def test_the_problem_can_be_changed_while_it_runs(show):
    page = show(TrainingRace(id="race"))
    slowly(page)
    press(page, "Run")
    page.get_by_role("slider", name="Rescale outputs").press("End")
    page.get_by_role("spinbutton", name="Seed").fill("5")
    page.get_by_role("slider", name="Rank of all three").press("Home")
    page.get_by_role("slider", name="Learning rate").press("End")
    page.get_by_role("radio", name="in the graph").check(force=True)
    press(page, "Pause")
    settle(page)
    steps = int(re.search(r"step (\d+)", page.locator(".dora-race-count").inner_text())[1])
    says(page, TrainingRace(output=1, seed=5, rank=1, rate=0.2, norm="in graph", steps=steps).sentence)
    assert page.problems == []


@pytest.mark.parametrize("press_reset", [True, False], ids=["Reset", "a link"])
def test_a_state_from_elsewhere_stops_the_run(show, press_reset):
    page = show(TrainingRace(id="race", steps=20))
    press(page, "Run")
    expect(page.locator(".dora-race-count")).to_have_text(
        re.compile(r"step (2[3-9]|[3-9]\d|\d{3}) of"), timeout=PATIENCE
    )
    if press_reset:
        press(page, "Reset")
    else:
        page.evaluate("location.hash = '#race=steps:5'")
    reaches(page, 20 if press_reset else 5)
    page.wait_for_timeout(200)
    says(page, TrainingRace(steps=20 if press_reset else 5).sentence)
    assert page.get_by_role("button", name="Run", exact=True).count() == 1


@pytest.mark.parametrize(
    ("name", "amounts"),
    [
        ("rescales outputs", {"output": 1, "input": 0}),
        ("turns", {"input": 0, "turn": 1}),
        ("does all three", {"output": 1, "turn": 1}),
    ],
)
def test_a_teacher_is_one_press_and_starts_from_the_beginning(show, name, amounts):
    page = show(TrainingRace(steps=30))
    press(page, name)
    settle(page)
    says(page, TrainingRace(**amounts).sentence)
    assert page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="rescales inputs").get_attribute("aria-pressed") == "false"


def test_every_slider_moves_by_keyboard(show):
    page = show(TrainingRace(steps=12))
    for name, key, change in [
        ("Rescale outputs", "ArrowRight", {"output": 0.05}),
        ("Rescale inputs", "ArrowLeft", {"input": 0.95}),
        ("Turn, by rank 2", "End", {"turn": 1}),
        ("Rank of all three", "ArrowUp", {"rank": 3}),
        ("Learning rate", "ArrowRight", {"rate": 0.05}),
    ]:
        page.get_by_role("button", name="Reset").click()
        page.get_by_role("slider", name=name).press(key)
        settle(page)
        says(page, TrainingRace(**{"steps": 12, **change}).sentence)
    assert page.problems == []


def test_a_rate_between_the_sliders_stops_is_shown_as_it_is(show):
    page = show(TrainingRace(rate=0.03))
    assert page.get_by_role("slider", name="Learning rate").get_attribute("aria-valuetext") == "0.03"


def test_run_is_pressed_by_keyboard(show):
    page = show(TrainingRace())
    slowly(page)
    page.get_by_role("button", name="Run", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".dora-race-count")).to_have_text(re.compile("step [1-9]"), timeout=PATIENCE)
    page.keyboard.press("Space")
    settle(page)
    assert page.get_by_role("button", name="Run", exact=True).count() == 1


def test_a_link_opens_the_race_at_its_step_and_is_what_the_figure_gives(show):
    hash = "#race=output:0.4;input:0;rank:3;rate:0.05;seed:77;steps:140;norm:in%20graph"
    page = show(TrainingRace(id="race"), hash=hash, from_disk=True)
    reaches(page, 140)
    says(page, TrainingRace(output=0.4, input=0, rank=3, rate=0.05, seed=77, norm="in graph", steps=140).sentence)
    press(page, "Copy link to this state")
    given = page.get_by_label("Link to this state").input_value()
    assert given.endswith("#race=input:0;norm:in%20graph;output:0.4;rank:3;rate:0.05;seed:77;steps:140")
    assert page.problems == []


def test_less_motion_goes_in_jumps(show):
    page = show(TrainingRace(id="race", steps=100), reduced_motion="reduce")
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => window.seen.push(document.querySelector(".dora-race-count").textContent))
            .observe(document.querySelector(".dora-race-count"), { childList: true, characterData: true, subtree: true });
    }""")
    press(page, "Run")
    reaches(page, STEPS)
    steps = [100, *(int(text.split()[1]) for text in page.evaluate("window.seen"))]
    jumps = [after - before for before, after in itertools.pairwise(steps)]
    assert min(jumps[:-1]) >= 36  # 0.6 seconds of 60 steps
    says(page, TrainingRace(steps=STEPS).sentence)


# Until the count has been the same for forty frames, in which a slow run that is seen takes ten steps, and on a slow machine more.
STANDS = """async () => {
    const count = document.querySelector(".dora-race-count");
    for (let alike = 0, before = "", frames = 0; alike < 40; frames += 1) {
        if (frames > 400) throw new Error("it never stands still");
        alike = count.textContent === before ? alike + 1 : 0;
        before = count.textContent;
        await new Promise(requestAnimationFrame);
    }
    return count.textContent;
}"""


def test_it_waits_while_it_is_off_screen_and_goes_on_when_it_is_back(show):
    page = show(TrainingRace(id="race"), '<div style="height: 4000px"></div>')
    slowly(page)
    press(page, "Run")
    count = page.locator(".dora-race-count")
    page.evaluate("window.scrollTo(0, 3500)")
    stood = page.evaluate(STANDS)
    expect(page.locator(".dora-race-run")).to_have_text("Pause")
    page.evaluate("window.scrollTo(0, 0)")
    expect(count).not_to_have_text(stood, timeout=PATIENCE)
    assert page.problems == []


def test_two_races_on_a_page_keep_apart(show):
    page = show(TrainingRace(id="one", steps=3), TrainingRace(id="two", steps=7, seed=2))
    page.locator("#two").scroll_into_view_if_needed()
    page.wait_for_selector("#two[data-ready=true]")
    page.locator("#one").get_by_role("button", name="One step").click()
    settle(page)
    expect(page.locator("#one [role=status]")).to_have_text(TrainingRace(steps=4).sentence, timeout=PATIENCE)
    expect(page.locator("#two [role=status]")).to_have_text(TrainingRace(steps=7, seed=2).sentence, timeout=PATIENCE)


# Driving the sweep


COUNTED = """() => {
    window.seen = [];
    const count = document.querySelector(".dora-race-count");
    new MutationObserver(() => window.seen.push(count.textContent)).observe(count, { childList: true, characterData: true, subtree: true });
}"""
ALL_RATES = f"{len(RATES)} of {len(RATES)} rates"


def show_by(page, name):
    page.get_by_role("radio", name=name, exact=True).check(force=True)


def is_swept(page):
    expect(page.locator(".dora-race-count")).to_have_text(ALL_RATES, timeout=PATIENCE)
    settle(page)


def test_a_sweep_is_drawn_where_its_numbers_are_and_leaves_the_step_alone(show):
    page = show(TrainingRace(id="race", steps=40, **SWEPT[0]))
    show_by(page, "learning rate")
    is_swept(page)
    expect(page.get_by_role("status")).to_contain_text("LoRA is ahead at 0.001", timeout=PATIENCE)
    expected = swept(**{**START, **SWEPT[0]})
    ground = page.evaluate("""() => [...document.querySelectorAll(".dora-race-chart .dora-race-ground text")]
        .map((text) => [text.textContent, Number(text.getAttribute("x")), Number(text.getAttribute("y")) - 4])""")
    level, at = ({name: place[axis] for name, *place in ground} for axis in (1, 0))
    for arm in NAMES:
        path = page.locator(f".dora-race-chart .dora-race-{arm} .dora-race-line").get_attribute("d")
        points = [[float(part) for part in point.split()] for point in path.removeprefix("M").split("L")]
        assert len(points) == len(RATES)
        for (x, y), rate in zip(points, RATES, strict=True):
            assert x == pytest.approx(at[number(rate)], abs=0.2)
            share = expected[rate].shares[arm]
            if share > 1e-3 and steady(expected[rate]):
                down = -math.log10(share) / 6 * (level["0.0001%"] - level["100%"])
                assert y == pytest.approx(level["100%"] + down, abs=0.2)
    assert page.locator(".dora-race-score b").first.inner_text() == percent(expected[0.001].shares["lora"])
    show_by(page, "step")
    reaches(page, 40)
    settle(page)
    says(page, TrainingRace(steps=40, **SWEPT[0]).sentence)
    assert page.problems == []


# Look at the rates, and away again in the frame in which the first of them is counted: a sweep is over before a test is back.
LOOKED_AWAY = """() => {
    const count = document.querySelector(".dora-race-count"), [step, rate] = ["step", "rate"].map((by) => document.querySelector(`.dora-race input[value=${by}]`));
    const busy = [];
    const first = new MutationObserver(() => {
        first.disconnect();
        busy.push(document.querySelector("[role=status]").ariaBusy, count.textContent);
        step.click();
    });
    first.observe(count, { childList: true, characterData: true, subtree: true });
    rate.click();
    return new Promise((seen) => requestAnimationFrame(function look() { busy.length ? seen(busy) : requestAnimationFrame(look); }));
}"""


def test_a_sweep_is_cancelled_by_looking_away_and_goes_on_from_there(show):
    page = show(TrainingRace(id="race", rank=8))
    page.evaluate(COUNTED)
    busy, counted = page.evaluate(LOOKED_AWAY)
    assert busy == "true" and counted.endswith(f" of {len(RATES)} rates")
    reaches(page, 0)
    settle(page)
    expect(page.get_by_role("status")).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
    reached = page.evaluate("window.seen").count(ALL_RATES)
    page.wait_for_timeout(1500)
    page.evaluate("window.seen = []")
    show_by(page, "learning rate")
    is_swept(page)
    assert not reached and page.evaluate("window.seen")[0] != ALL_RATES
    expect(page.get_by_role("status")).to_have_attribute("aria-busy", "false", timeout=PATIENCE)


def test_a_change_sweeps_anew_and_a_run_shows_the_steps_again(show):
    page = show(TrainingRace(id="race"), hash="#race=by:rate")
    is_swept(page)
    page.evaluate(COUNTED)
    page.get_by_role("radio", name="in the graph").check(force=True)
    page.get_by_role("button", name="rescales outputs").click()
    page.wait_for_function("window.seen.length > 0")
    is_swept(page)
    expect(page.get_by_role("status")).to_contain_text("rescaled by output", timeout=PATIENCE)
    press(page, "Run")
    expect(page.locator(".dora-race-count")).to_have_text(re.compile("step [1-9]"), timeout=PATIENCE)
    assert page.get_by_role("radio", name="step", exact=True).is_checked()
    assert page.problems == []


def test_a_sweep_trains_at_each_rate_once_however_often_it_is_drawn_on_its_way(show):
    """Told by the square roots, of which Adam takes one for each number at each step: a clock would tell the machine's pace."""
    page = show(TrainingRace(id="race", rank=8, steps=10))
    page.evaluate("""() => {
        const { sqrt } = Math;
        window.roots = 0;
        Math.sqrt = (value) => { window.roots += 1; return sqrt(value); };
    }""")
    show_by(page, "learning rate")
    is_swept(page)
    moved = len(RATES) * STEPS * sum(race(**{**START, "rank": 8}).trained.values())
    assert moved <= page.evaluate("window.roots") < 1.5 * moved  # besides, the race at the chosen rate, and norms


# The picture


@pytest.mark.parametrize("steps", [0, 60, STEPS])
def test_lines_and_dots_lie_where_the_numbers_are(show, steps):
    page = show(TrainingRace(steps=steps))
    reaches(page, steps)
    settle(page)  # at another width the rules are drawn anew, and the lines with the next frame
    now = race(**{**START, "steps": steps})
    rules = page.evaluate("""() => [...document.querySelectorAll(".dora-race-chart .dora-race-ground text")]
        .map((text) => [text.textContent, Number(text.getAttribute("x")), Number(text.getAttribute("y")) - 4])""")
    level = {name: y for name, _, y in rules}
    at = {name: x for name, x, _ in rules}
    for arm, share in now.shares.items():
        path = page.locator(f".dora-race-chart .dora-race-{arm} .dora-race-line").get_attribute("d")
        x, y = map(float, path.removeprefix("M").split("L")[-1].split())
        decades = -torch.tensor(share).log10().item() / 6
        assert y == pytest.approx(level["100%"] + decades * (level["0.0001%"] - level["100%"]), abs=0.2)
        assert x == pytest.approx(at["0"] + steps / STEPS * (at["300"] - at["0"]), abs=0.2)
    for per in AXES:
        panel = page.get_by_role("region", name=f"DoRA per {per}")
        dots = panel.locator(".dora-race-dot").get_attribute("d")
        heights = [float(y) for y in re.findall(r"M\S+ (\S+?)a", dots)]
        one, two = (
            panel.locator("text", has_text=f"{level}×").evaluate("(t) => Number(t.getAttribute('y')) - 4")
            for level in (1, 2)
        )
        drawn = sorted(1 + (y - one) / (two - one) for y in heights)
        assert drawn == pytest.approx(sorted(now.axes[per].magnitudes), abs=0.002)


@pytest.mark.parametrize("state", [{}, {"steps": 90, "output": 1, "turn": 1}, {"input": 0}], ids=str)
def test_axe_finds_nothing(show, state):
    page = show(TrainingRace(id="race", **state))
    page.locator("summary").click()
    press(page, "Copy link to this state")
    page.get_by_role("spinbutton", name="Seed").fill("-1")
    settle(page)
    assert unclean(page) == []


@pytest.mark.parametrize("width", [320, 1280])
def test_a_sweep_keeps_its_place_and_axe_finds_nothing(show, width):
    page = show(TrainingRace(id="race"), hash="#race=by:rate", width=width)
    is_swept(page)
    page.locator("summary").click()
    expect(page.locator(".dora-numbers tbody tr")).to_have_count(2 * len(RATES), timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    words = """() => [...document.querySelectorAll(".dora-race-chart .dora-race-ground text[text-anchor=middle]")]
        .map((node) => node.getBoundingClientRect()).map((box) => [box.left, box.right]).sort((a, b) => a[0] - b[0])"""
    for (_, right), (left, _) in itertools.pairwise(page.evaluate(words)):
        assert left - right >= 4, "a rate keeps its distance from the next"
    assert unclean(page) == []


@pytest.mark.parametrize("width", [320, 344, 360, 768, 1280])
def test_nothing_scrolls_sideways_or_leaves_its_place(show, width):
    page = show(TrainingRace(id="race", steps=STEPS, input=1, output=1, rate=0.001), width=width)
    reaches(page, STEPS)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = """(width) => [...document.querySelectorAll(".dora-race *")].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.width && (box.right > width || box.left < 0);
    }).map((node) => node.outerHTML.slice(0, 120))"""
    assert page.evaluate(beyond, width) == []
    labels = """() => [...document.querySelectorAll(".dora-race-name")].map((node) => node.getBoundingClientRect())
        .map((box) => [box.top, box.bottom]).sort((a, b) => a[0] - b[0])"""
    for (_, bottom), (top, _) in itertools.pairwise(page.evaluate(labels)):
        assert top >= bottom - 2
    names = """() => [...document.querySelectorAll(".dora-race-score > span")].map((span) => {
        const text = document.createRange();
        text.selectNodeContents(span);
        return [span.getBoundingClientRect().left, text.getBoundingClientRect().right];
    })"""
    for (_, right), (left, _) in itertools.pairwise(page.evaluate(names)):
        assert left - right >= 4, "a name keeps its distance from the next one's mark"


def test_another_width_is_drawn_anew(show):
    page = show(TrainingRace(steps=60))
    reaches(page, 60)
    page.set_viewport_size({"width": 400, "height": 900})
    for chart in (".dora-race-chart svg", ".dora-race-axis svg[role=img]"):
        node = page.locator(chart).first
        width = round(node.bounding_box()["width"])
        expect(node).to_have_attribute("viewBox", re.compile(f"^0 0 {width} "), timeout=PATIENCE)
        assert width < 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_lines_dots_and_names(show, scheme):
    page = show(TrainingRace(steps=60), theme="light", scheme=scheme, forced_colors="active")
    reaches(page, 60)
    strokes = page.evaluate("""() => [...document.querySelectorAll(".dora-race-chart .dora-race-line")]
        .map((line) => [getComputedStyle(line).stroke, getComputedStyle(line).strokeDasharray])""")
    assert len({dash for _, dash in strokes}) == 3, "a dash of its own for each, whatever the colours"
    assert all(stroke not in ("none", "rgba(0, 0, 0, 0)") for stroke, _ in strokes)
    text, names = page.evaluate("""() => [getComputedStyle(document.querySelector(".dora-sentence")).color,
        [...document.querySelectorAll(".dora-race-name")].map((name) => getComputedStyle(name).fill)]""")
    assert {strokes[2][0], *names} == {text}, "in the system's colour of text, though the page's theme is light"


def test_without_a_script_the_page_says_it_all(show):
    page = show(TrainingRace(steps=60), script=False, ready=False)
    assert page.locator("figcaption").inner_text() == TrainingRace(steps=60).sentence
    assert page.locator("tbody tr").count() == 11
