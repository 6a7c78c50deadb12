"""A figure's state in the page's address: what a link may set, what is refused, and that no link makes a page hang."""

import random
import re
from functools import cache

import live_host
import pytest
import torch
from dorabook.live import NormExplorer
from playwright.sync_api import expect
from support.live_page import Core
from support.random_links import DRAWN, FIGURES, drawn_like, kept, picked, random_link, within

NAMED = pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)


@cache
def link() -> Core:
    return Core("page/link")


def decoded(figure, text: str) -> dict:
    return link().evaluate(
        "([text, { state, allowed }]) => modules['page/link'].decode(text, state, allowed)", [text, kept(figure)]
    )


HOSTILE = {
    "dial": ["target:0~1e6", "target:0~8.01", "target:2~1", "target:0~1,0~2,1~3,1~4", "weight:0~4,1~3;update:0~-4,1~-3;amount:0.9999999", "amount:1.6"],
    "race": ["input:1e-20", "input:0.051", "steps:301", "rate:0", "rate:1e300", "seed:1.5"],
    "large": ["shape:0~0.5,1~-3", "norms:0~1", "map:0.0~9", "weight:0.0~1", "poke:1.5", "scaling:1", "output:192", "view:direction"],
    "monitor": ["shape:0~9", "poke:1.5", "output:4"],
    "small": ["weight:0.0~49", "weight:4.0~1", "weight:0.0~1,0.0~2,0.0~x", "lora_A:0.0~2", "output:4", "input:5", "poke:2.01", "poke:NaN", "per:column",
              "__proto__:1", "constructor:1", "poke:1.5;poke:1.6", "poke:1.5;", ";", ":", "per", "pre:input", "norms:0~1"],
    "counter": ["model:GPT-2", "rank:0", "rank:513", "rank:1.5", "k_proj:maybe", "k_proj:1"],
    "roads": ["rows:5000", "in_features:0", "out_features:0.5", "rank:1e4"],
    "detective": ["example:", "example:%E0%A4%A", "example:<b>"],
    "predict": ["right:1", "question:x", "options:0.0~1", "chosen:5", "hands:0~1000", "hands:3~1", "hands:0~-1", "room:open"],
}  # fmt: skip
PAIRS = [(name, text) for name, texts in HOSTILE.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), PAIRS, ids=[f"{name} {text}" for name, text in PAIRS])
def test_what_no_control_can_set_is_refused_and_named(name, text):
    said = decoded(FIGURES[name], text)
    assert said["changes"] == {}
    bad = [part for part in text.split(";") if part in said["refused"]]
    assert said["refused"] == "The link cannot be read, so the figure stands as it starts." or bad
    assert re.fullmatch(r"The link .+, so the figure stands as it starts\.", said["refused"])
    assert "<" not in said["refused"] and "%" not in said["refused"]


@NAMED
def test_what_a_link_may_set_is_of_the_state_and_says_its_ends(figure):
    state, allowed = kept(figure)["state"], kept(figure)["allowed"]
    assert set(allowed) <= set(state)
    for name, ends in allowed.items():
        assert isinstance(ends, list) or ends["least"] <= ends["most"], name
        leaves = torch.as_tensor(state[name], dtype=torch.float64).flatten().tolist() if isinstance(ends, dict) else []
        assert all(ends["least"] <= leaf <= ends["most"] for leaf in leaves), name


@NAMED
def test_random_links_set_what_is_allowed_and_the_figure_can_say_it(figure):
    """300 links, the same in every run. What one sets is within its ends, and for the first ten the figure is asked for its sentence."""
    draw = random.Random(figure.figure + str(sorted(figure.allowed())))
    page, given = Core("page/link", f"{figure.figure}/{figure.figure}".replace("-", "_")), kept(figure)
    links = [random_link(draw, figure) for _ in range(300)]
    answers = page.evaluate(
        """([links, { state, allowed }, name]) => {
            let asked = 0;
            return links.map((text) => {
                const { changes, refused } = modules["page/link"].decode(text, state, allowed);
                const wanted = Object.keys(changes).length && asked++ < 10;
                return [changes, refused, wanted ? modules[name].describe({ ...state, ...changes }).sentence : ""];
            });
        }""",
        [links, given, f"{figure.figure}/{figure.figure}".replace("-", "_")],
    )
    followed = [changes for changes, _, _ in answers if changes]
    assert len(followed) >= 15 and len(followed) <= 285
    for text, (changes, refused, said) in zip(links, answers, strict=True):
        assert bool(changes) != bool(refused) or text == "", text
        assert all(within(value, given["allowed"][key]) for key, value in changes.items()), text
        assert not re.search("undefined|Infinity|NaN%", said), text
    assert sum(bool(said) for _, _, said in answers) == min(10, len(followed))


@pytest.mark.parametrize("seed", range(20))
def test_a_link_to_any_state_that_the_controls_reach_opens_it(seed):
    draw = random.Random(seed)
    for figure in FIGURES.values():
        given = kept(figure)
        state = dict(given["state"])
        for name, ends in given["allowed"].items():
            if not ends or draw.random() < 0.3:
                continue
            if isinstance(ends, list):
                state[name] = draw.choice(ends)
            elif isinstance(state[name], list):
                state[name] = drawn_like(state[name], draw, ends)
            else:
                state[name] = picked(draw, ends)
        text = link().evaluate(
            "([state, authored]) => modules['page/link'].encode(state, authored)", [state, given["state"]]
        )
        said = decoded(figure, text)
        assert said["refused"] == ""
        assert {**given["state"], **said["changes"]} == state


# Size: what is done for a link is bounded by the figure, not by the link


def test_a_link_of_more_than_a_few_kilobytes_is_refused_unread():
    long = ",".join(f"{i % 4}.{i % 5}~1" for i in range(1500))
    assert decoded(FIGURES["small"], f"weight:{long}") == {
        "changes": {},
        "refused": "The link cannot be read, so the figure stands as it starts.",
    }


def test_a_matrix_takes_no_more_entries_than_it_has():
    all_of_it = ",".join(f"{i}.{j}~1.5" for i in range(4) for j in range(5))
    assert decoded(FIGURES["small"], f"weight:{all_of_it}")["changes"] == {"weight": [[1.5] * 5] * 4}
    assert decoded(FIGURES["small"], f"weight:{all_of_it},0.0~1.5")["changes"] == {}


def test_a_figure_named_often_is_opened_once():
    hash = "#" + "&".join(f"f=poke:1.{i % 9}" for i in range(100_000)) + "&g=per:input&"
    assert link().evaluate("(hash) => modules['page/link'].split(hash)", hash) == [
        ["f", "poke:1.0"],
        ["g", "per:input"],
    ]


# In the page


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dial", "target:0~1e6"),
        ("dial", "pull:0~1e6"),
        ("dial", "weight:0~4,1~3;update:0~-4,1~-3;amount:0.9999999"),
        ("race", "input:1e-20"),
        ("large", "shape:0~0.5,1~-3"),
    ],
    ids=["dial", "another edition", "not its row", "race", "shape"],
)
def test_a_hostile_link_opens_the_figure_as_it_starts_and_a_good_one_still_works(show, name, text):
    figure = FIGURES[name]
    good = {"dial": "norm:detached", "race": "seed:3", "large": "per:input", "small": "per:input"}[name]
    page = show(figure, hash=f"#f={text}")
    status = page.get_by_role("status")
    expect(status).to_have_text(
        re.compile(r"The link .+, so the figure stands as it starts\. " + re.escape(figure.sentence))
    )
    page.evaluate(f"location.hash = '#f={good}'")
    expect(status).to_have_text(live_host.opened(figure.figure, kept(figure), good))
    assert page.problems == []


def test_arrows_of_any_length_make_few_marks(show):
    """Within its ends a link can still ask for a row of length 5e-7, whose gradient is some thousand kilometres long on the screen."""
    page = show(FIGURES["dial"], hash="#f=update:0~-4,1~-3;amount:0.9999999;norm:detached")
    expect(page.get_by_role("status")).to_have_text(re.compile("lies along the direction"))
    assert page.locator(".dora-dial svg *").count() < 60
    assert page.problems == []


def test_a_state_that_is_too_long_for_a_link_says_so(show):
    """A reader can scale a weight row by row, and every entry that has changed stands in the link."""
    page = show(NormExplorer(DRAWN[:40, :40] / 7, id="f"))
    page.get_by_text("Change the weight").click()
    for output in range(30):
        page.get_by_role("slider", name=re.compile("^Output")).evaluate(
            f"(node) => {{ node.value = {output}; node.dispatchEvent(new Event('input')); }}"
        )
        page.get_by_role("slider", name=re.compile(f"^Scale all weights of output {output}\\b")).evaluate(
            "(node) => { node.value = 0.75; node.dispatchEvent(new Event('input')); }"
        )
        page.wait_for_selector(".dora:not([data-pending])")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="This state is too long for a link")).to_be_visible()
    assert page.url.endswith("page.html")
