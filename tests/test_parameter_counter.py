"""ParameterCounter: count.py's integers to the last digit, peft's own line, every control by keyboard."""

import random
import re

import pytest
import torch
from dorabook.count import LLAMA_3_1_8B, QWEN_2_5_7B, SMOLLM2_135M, LayerShape, trainable
from dorabook.live import ParameterCounter
from dorabook.live.parameter_counter.parameter_counter import MODELS, MODULES
from dorabook.models import smollm2
from peft import LoraConfig, get_peft_model
from support.live_page import Core, numbers, settle
from support.pages import unclean

DECODERS = dict(zip(MODELS, (SMOLLM2_135M, LLAMA_3_1_8B, QWEN_2_5_7B), strict=True))
HEAD = 2 * 576  # weights of the two-label head, frozen, in what peft counts as all
THE_LINE = "trainable params: 78,307,200 || all params: 212,823,360 || trainable%: 36.7945"
OTHER_LINE = "trainable params: 78,301,440 || all params: 212,817,600 || trainable%: 36.7927"
STATES = [
    {},
    {"per": "input", "rank": 8},
    {"per": "none", "rank": 512},
    {"model": "Llama-3.1-8B", "rank": 1, "modules": ["q_proj", "down_proj"]},
    {"model": "Qwen2.5-7B", "rank": 64},
    {"modules": []},
]


def random_states(number, seed=0):
    draw = random.Random(seed)
    for _ in range(number):
        yield {
            "model": draw.choice(MODELS),
            "rank": round(2 ** draw.uniform(0, 9)),
            "per": draw.choice(["output", "input", "none"]),
            **{name: draw.random() < 0.6 for name in MODULES},
        }


def states():
    return [*(ParameterCounter(**state).state() for state in STATES), *random_states(300)]


def shapes(state) -> list[LayerShape]:
    """The linear layers that get an adapter."""
    return [layer for layer in DECODERS[state["model"]].shapes() if state[layer.name]]


def counts(layers, rank) -> dict:
    """By axis: what is trained with one magnitude per output, per input, and with none."""
    return {per or "none": trainable(layers, rank=rank, per=per) for per in ("output", "input", None)}


def printed(total: int) -> tuple[str, str]:
    """The last two numbers of peft's line for SmolLM2-135M with a frozen two-label head."""
    everything = SMOLLM2_135M.parameters() + HEAD + total
    return f"{everything:,}", f"{100 * total / everything:.4f}"


@pytest.fixture
def page():
    return Core("parameter_counter/counting", "parameter_counter/parameter_counter")


DESCRIBE = "modules['parameter_counter/parameter_counter'].describe(state)"

# Numbers


@pytest.mark.parametrize(("model", "decoder"), DECODERS.items())
def test_the_page_has_the_same_layers_and_sizes_as_python(page, model, decoder):
    read = "(model) => { const c = modules['parameter_counter/counting'], d = c.DECODERS[model]; return [c.decoderShapes(d), c.parameters(d)]; }"
    layers, parameters = page.evaluate(read, model)
    assert [LayerShape(one["name"], one["into"], one["out"], one["copies"]) for one in layers] == decoder.shapes()
    assert parameters == decoder.parameters()


def test_the_page_counts_what_count_py_counts_to_the_last_digit(page):
    counted = page.evaluate(
        f"(states) => states.map((state) => {DESCRIBE}.counted)",
        states(),
    )
    for state, one in zip(states(), counted, strict=True):
        layers = shapes(state)
        for per, expected in counts(layers, state["rank"]).items():
            assert (one["lowRank"], one["magnitudes"][per], one["total"][per]) == (
                expected.low_rank,
                expected.magnitudes,
                expected.total,
            )
        assert one["weights"] == sum(layer.copies * layer.in_features * layer.out_features for layer in layers)


@pytest.mark.parametrize(
    ("targets", "rank", "dora"),
    [(MODULES, 256, True), (("k_proj", "down_proj"), 5, True), (("gate_proj", "q_proj"), 3, False)],
)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # asked by peft itself
def test_the_line_is_the_one_the_installed_peft_prints(page, capsys, targets, rank, dora):
    with torch.device("meta"):
        model = get_peft_model(smollm2(), LoraConfig(r=rank, use_dora=dora, target_modules=list(targets)))
    model.print_trainable_parameters()
    line = capsys.readouterr().out.strip()
    figure = ParameterCounter(rank=rank, modules=targets, per="output" if dora else "none")
    assert f" {line}." in figure.sentence
    assert page.evaluate(f"(state) => {DESCRIBE}.peft", figure.state()) == line
    if rank == 256:
        assert line == THE_LINE


def test_the_other_axis_would_have_printed_another_line_which_peft_never_prints():
    sentence = ParameterCounter(per="input").sentence
    assert re.search(rf"\b78,301,440 .*peft has no such DoRA.* {re.escape(OTHER_LINE)}\.", sentence)


def test_no_percentage_lies_halfway_where_two_languages_could_round_apart(page):
    layers = SMOLLM2_135M.shapes()
    totals = sorted({one.total for rank in range(1, 513) for layer in layers for one in counts([layer], rank).values()})
    said = page.evaluate(
        "(totals) => totals.map((total) => modules['parameter_counter/counting'].everything(total).percent)", totals
    )
    assert said == [printed(total)[1] for total in totals]


def numbers_said(state) -> list[str]:
    """The numbers of the sentence behind the model's name and the rank, in their order, up to those of modules' names."""
    layers, rank, per = shapes(state), state["rank"], state["per"]
    count = counts(layers, rank)
    said = [count[per].total]
    if per == "none":
        said += [count["output"].magnitudes, count["input"].magnitudes]
    else:
        said += [count[per].low_rank, count[per].magnitudes, count["input" if per == "output" else "output"].magnitudes]
    return [f"{each:,}" for each in said]


def row(name, weight, copies, layers, rank) -> list[str]:
    count = counts(layers, rank)
    magnitudes = [f"{count[per].magnitudes:,}" for per in ("output", "input")]
    return [name, weight, copies, f"{count['none'].total:,}", *magnitudes]


def test_every_number_that_is_said_is_count_pys(page):
    said = page.evaluate(
        f"(states) => states.map((state) => {{ const d = {DESCRIBE}; return [d.sentence, d.rows]; }})", states()
    )
    for state, (sentence, rows) in zip(states(), said, strict=True):
        layers, rank = shapes(state), state["rank"]
        if not layers:
            assert "nothing is trained" in sentence and rows == []
            continue
        each = [
            row(one.name, f"({one.out_features}, {one.in_features})", str(one.copies), [one], rank) for one in layers
        ]
        assert rows == ([*each, row("in all", "", "", layers, rank)] if len(layers) > 1 else each)
        assert sentence.startswith(f"{state['model']} at rank {rank} with ")
        assert numbers(sentence.split(": ", 1)[1].split(".")[0]) == numbers_said(state)
        line = (f"{counts(layers, rank)[state['per']].total:,}", *printed(counts(layers, rank)[state["per"]].total))
        assert ("trainable params: {} || all params: {} || trainable%: {}.".format(*line) in sentence) == (
            state["model"] == MODELS[0]
        )


def test_modules_are_named_by_a_list_or_one_by_one():
    figure = ParameterCounter(modules=["v_proj", "q_proj"])
    assert figure.modules == ("q_proj", "v_proj")
    figure.k_proj = True
    assert figure.modules == ("q_proj", "k_proj", "v_proj")
    assert ParameterCounter(modules="up_proj", down_proj=True).modules == ("up_proj", "down_proj")
    assert ParameterCounter(q_proj=False).modules == MODULES[1:]
    assert ParameterCounter(modules=[]).sentence == "SmolLM2-135M with no target module chosen: nothing is trained."


# The picture


def table(page):
    """The row of each module as texts."""
    return page.locator(".dora-pc-table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


def test_the_table_counts_every_module(show):
    rows = {row[0]: row[1:] for row in table(show(ParameterCounter()))}
    assert rows["k_proj"] == ["(192, 576)", "5,898,240", "5,760", "17,280"]
    assert rows["down_proj"] == ["(576, 1536)", "16,220,160", "17,280", "46,080"]
    assert rows["all chosen"][1:] == ["78,151,680", "155,520", "149,760"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({}, "155,520 magnitudes. Per input it would be 78,301,440."),
        ({"per": "input"}, "149,760 magnitudes. Per output it would be 78,307,200."),
        ({"modules": ["q_proj", "o_proj"]}, "34,560 magnitudes. Per input the total is the same."),
        ({"per": "none"}, "all of them in A and B"),
    ],
)
def test_the_total_that_stays_in_sight_says_whether_it_tells_the_axis(show, state, says):
    assert show(ParameterCounter(**state)).locator(".dora-pc-headline span").inner_text().endswith(says)


@pytest.mark.parametrize("state", [{"model": "Llama-3.1-8B"}, {"modules": []}])
def test_no_line_is_said_where_peft_was_not_asked(state):
    assert "||" not in ParameterCounter(**state).sentence


def test_the_whole_figure_is_on_one_screen(show):
    page = show(ParameterCounter())
    page.locator(".dora-mount").evaluate("(node) => { node.style.width = '704px'; }")  # a chapter's text at 1280
    total, boxes = page.locator(".dora-pc-headline").bounding_box(), page.get_by_role("checkbox").all()
    assert len(boxes) == len(MODULES) + 1  # and the one for all
    ends = [box.bounding_box()["y"] + box.bounding_box()["height"] for box in boxes]
    assert total["y"] < min(ends) and max(ends) - total["y"] <= 400
    assert page.locator(".dora").bounding_box()["height"] <= 800 - 60  # below the page's bar


def test_on_a_phone_the_total_stays_in_view_while_the_boxes_scroll(show):
    page = show(ParameterCounter(), width=390)
    page.set_viewport_size({"width": 390, "height": 480})
    page.evaluate("document.documentElement.style.setProperty('--page-top', '40px')")  # below the page's own bar
    page.get_by_role("checkbox", name="down_proj").evaluate(
        "(node) => scrollTo(0, node.getBoundingClientRect().y + scrollY - 300)"
    )
    assert page.locator(".dora-pc-headline").bounding_box()["y"] == 40
    page.get_by_role("checkbox", name="down_proj").click()
    settle(page)
    left = [name for name in MODULES if name != "down_proj"]
    total = counts(shapes(ParameterCounter(modules=left).state()), 256)["output"].total
    assert page.locator(".dora-pc-headline b").inner_text() == f"{total:,}"


# Driving it


def status(page):
    settle(page)
    return page.locator("[role=status]").inner_text()


def test_every_control_moves_by_keyboard(show):
    page = show(ParameterCounter(id="counter"))
    page.get_by_role("radio", name="SmolLM2-135M").press("ArrowRight")
    assert status(page) == ParameterCounter("Llama-3.1-8B").sentence
    page.get_by_role("radio", name="output").press("ArrowRight")
    assert status(page) == ParameterCounter("Llama-3.1-8B", per="input").sentence
    page.get_by_role("slider", name="Rank").press("PageDown")
    assert status(page) == ParameterCounter("Llama-3.1-8B", per="input", rank=128).sentence
    left = list(MODULES)
    for name in MODULES:
        page.get_by_role("checkbox", name=name).press("Space")
        left.remove(name)
        assert status(page) == ParameterCounter("Llama-3.1-8B", per="input", rank=128, modules=left).sentence
    page.get_by_role("checkbox", name="v_proj").press("Space")
    page.get_by_role("spinbutton", name="Rank, typed").fill("5")
    assert status(page) == ParameterCounter("Llama-3.1-8B", per="input", rank=5, modules=["v_proj"]).sentence
    page.get_by_role("button", name="Reset").press("Enter")
    assert status(page) == ParameterCounter().sentence
    assert page.problems == []


def test_how_many_blocks_are_counted_stands_over_the_weights_where_these_are(show):
    for width, blocks, model in ((1280, 30, "SmolLM2-135M"), (390, 32, "Llama-3.1-8B")):
        head = show(ParameterCounter(model), width=width).get_by_role("columnheader").nth(1)
        assert re.sub(r"\s", " ", head.inner_text()) == f"Weight (out, in), {blocks} of each"


def test_one_box_takes_all_modules_or_none_and_is_between_the_two_where_some_are_taken(show):
    page = show(ParameterCounter())
    every = page.get_by_role("checkbox", name="Target module: all")

    def state():
        return every.evaluate("(box) => [box.checked, box.indeterminate]")

    assert state() == [True, False]
    every.press("Space")
    assert status(page) == ParameterCounter(modules=[]).sentence and state() == [False, False]
    page.get_by_role("checkbox", name="k_proj").press("Space")
    assert status(page) == ParameterCounter(modules=["k_proj"]).sentence and state() == [False, True]
    every.press("Space")
    assert status(page) == ParameterCounter().sentence and state() == [True, False]


def test_each_control_is_in_the_link(show):
    page = show(ParameterCounter(id="counter"))
    page.get_by_role("checkbox", name="q_proj").uncheck()
    page.get_by_role("radio", name="Qwen2.5-7B").check(force=True)
    page.get_by_role("radio", name="none: LoRA").check(force=True)
    page.get_by_role("spinbutton", name="Rank, typed").fill("16")
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_label("Link to this state").input_value()
    assert link.endswith("#counter=model:Qwen2.5-7B;per:none;q_proj:false;rank:16")


def test_a_link_opens_the_state_it_names(show):
    page = show(ParameterCounter(id="counter"), hash="#counter=model:Qwen2.5-7B;per:input;rank:40", from_disk=True)
    assert status(page) == ParameterCounter("Qwen2.5-7B", per="input", rank=40).sentence
    assert page.problems == []
    page = show(ParameterCounter(id="counter"), hash="#counter=k_proj:false;rank:12")
    assert status(page) == ParameterCounter(rank=12, k_proj=False).sentence


@pytest.mark.parametrize("state", [STATES[0], STATES[3], STATES[5]], ids=["default", "two modules", "none"])
def test_axe_finds_nothing(show, state):
    page = show(ParameterCounter(id="counter", **state))
    page.locator("summary").click()
    page.get_by_role("spinbutton", name="Rank, typed").fill("0")
    settle(page)
    assert unclean(page) == []


def test_axe_finds_nothing_on_a_narrow_page_and_the_table_stays_one(show):
    page = show(ParameterCounter(rank=3), width=320)
    assert unclean(page) == []
    assert page.get_by_role("cell", name=re.compile("46,080")).count() >= 3


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_scrolls_sideways(show, width):
    figures = [ParameterCounter(id=f"f{i}", **state) for i, state in enumerate(STATES)]
    page = show(*figures, width=width)
    for figure in figures:
        page.locator(f"#{figure.id}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{figure.id}[data-ready=true]")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    reach = "Math.max(...[...document.querySelectorAll('.dora-pc *:not(thead *)')].map((node) => node.getBoundingClientRect().right))"
    assert page.evaluate(reach) <= width


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"model": "GPT-2"},
            'model is \'GPT-2\', expected "SmolLM2-135M" or "Llama-3.1-8B" or "Qwen2.5-7B"',
        ),
        ({"rank": 0}, "rank is 0, expected a whole number from 1 to 512"),
        ({"rank": 2.5}, "rank is 2.5"),
        ({"per": 1}, "per is 1, expected"),
        ({"modules": ["q_proj", "lm_head"]}, "modules holds 'lm_head', expected some of q_proj, k_proj"),
        ({"modules": "lm_head"}, "modules holds 'lm_head'"),
        ({"q_proj": 1}, "q_proj is 1, expected True or False"),
    ],
)
def test_bad_input_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        ParameterCounter(**options)
