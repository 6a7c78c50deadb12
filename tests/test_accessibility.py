"""Every state of every figure under axe and in forced colours, and what headings, landmarks and paper say."""

import re
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import live_host
import pytest
from dorabook.live import DirectionDial
from playwright.sync_api import Locator, Page
from support.live_page import settle, stored
from support.pages import AXE, FILES, ONE_OF_EACH, PAGES, parsed, unfold, unreadable

BOOK = Path(__file__).parents[1] / "book"
RULES = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "best-practice",
]  # SMALL below looks at the size of targets, which axe takes long for
CHAPTERS = [f"{file}.html" for file in FILES if re.search(r"/\d-", file)]
SLIDES = "slides.html"  # one main part and nothing around it


# ---- what a page says of its parts


@pytest.mark.parametrize("name", [name for name in PAGES if not name.endswith(SLIDES)])
def test_page_has_one_of_each_landmark_and_every_navigation_has_its_own_name(name, site):
    body = parsed(site / name).body
    assert len(body.find_all("main")) == 1
    for landmark in ("header", "footer"):  # of the page, so not within its main part
        assert len([one for one in body.find_all(landmark) if not one.find_parent(["main", "article", "section"])]) == 1
    names = [nav.get("aria-label") for nav in body.find_all("nav")]
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PAGES)
def test_headings_begin_with_the_title_and_leave_out_no_level(name, site):
    levels = [int(heading.name[1]) for heading in parsed(site / name).main.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_column_and_row_of_a_table_has_a_name(name, site):
    for head in parsed(site / name).main.select("table th"):
        assert head.get_text(strip=True), head.find_parent("table")


# ---- every figure in every state


# Each is pressed in turn and left as it is: a later state has what came before it.
ALIKE = 4  # check boxes, or pressed buttons, of which a figure has many
SMALL = """(figure) => [...figure.querySelectorAll("button, input, summary, [role=slider]")].filter((node) => {
    const box = (node.closest("label") ?? node).getBoundingClientRect();
    return node.checkVisibility() && !node.disabled && (box.width < 24 || box.height < 24);
}).map((node) => node.outerHTML.slice(0, 160))"""


def states(page: Page, figure: Locator):
    """Bring the figure into one state after another: every choice, all sliders at either end, what cannot be taken, a file."""
    yield "as it comes"
    for summary in figure.locator("details:not([open]) > summary").element_handles():
        summary.evaluate("(node) => node.click()")
    yield "unfolded"
    radios = figure.locator("input[type=radio]:not(:checked)").element_handles()
    others = figure.locator("input[type=checkbox], [class*=options] button, button[aria-pressed]").element_handles()
    for choice in [*radios, *others[:ALIKE]]:
        if choice.evaluate("(node) => node.isConnected && (node.closest('label') ?? node).checkVisibility()"):
            choice.evaluate("(node) => node.click()")
            yield choice.evaluate("(node) => (node.closest('label') ?? node).textContent")
    for end in ("min", "max"):
        for slider in figure.locator("input[type=range]:enabled").all():
            slider.evaluate(
                "(node, end) => { node.value = node[end]; node.dispatchEvent(new Event('input', { bubbles: true })); }",
                end,
            )
        yield f"every slider at its {end}"
    fields = [
        field for field in figure.locator("input[type=number], .dora-field").element_handles() if field.is_visible()
    ]
    for field in fields:
        field.fill("0")
        field.press("Enter")
    if fields:
        yield "0 typed"
    if (files := figure.locator("input[type=file]")).count():
        files.set_input_files([{"name": "no.safetensors", "mimeType": "", "buffer": b"<!doctype html>"}])
        yield "a file that cannot be read"
    figure.get_by_role("button", name="Copy link").click()
    yield "with its link"


# What can have the focus, and has it without what keeps a notebook's shortcuts off it.
UNKEPT = """(figure) => {
    const found = [...figure.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]")].filter((node) => {
        node.focus();
        return node === document.activeElement && !node.hasAttribute("data-lm-suppress-shortcuts");
    }).map((node) => node.outerHTML.slice(0, 160));
    document.activeElement.blur();
    return found;
}"""
MOVING = "document.getAnimations().filter((one) => one.playState === 'running').length"


class Walk(NamedTuple):
    """What is wrong in some state of a figure, and how many states it was brought into."""

    unclean: list[str]
    unkept: list[str]
    states: int
    problems: list[str]


@pytest.fixture
def walk(show) -> Callable[[str], Walk]:
    """walk(name) brings a figure into all its states, once for all tests."""

    def once(name: str) -> Walk:
        if name not in WALKED:
            WALKED[name] = walked(
                show(stored()[name], reduced_motion="reduce")
            )  # alone: axe looks through the whole page
        return WALKED[name]

    return once


WALKED: dict[str, Walk] = {}


def walked(page: Page) -> Walk:
    figure = page.locator("figure[data-figure]")
    page.evaluate(AXE)
    unclean, unkept, seen = [], [], 0
    for state in states(page, figure):
        settle(page)
        seen += 1
        unclean += [f"{state}: {line}" for line in violations(page, figure)]
        unclean += [f"{state}: under 24 pixels: {node}" for node in figure.evaluate(SMALL)]
        unclean += [f"{state}: something moves"] * page.evaluate(MOVING)
        unkept += [f"{state}: {node}" for node in figure.evaluate(UNKEPT)]  # last: it moves the focus
    return Walk(unclean, unkept, seen, page.problems)


@pytest.mark.parametrize("name", sorted(stored()))
def test_every_state_of_a_figure_is_clean_in_both_themes_without_motion_and_large_enough_to_hit(name, walk):
    found = walk(name)
    assert found.unclean == []
    assert found.states >= 3
    assert found.problems == []


@pytest.mark.parametrize("name", sorted(stored()))
def test_every_control_in_every_state_keeps_a_notebooks_shortcuts_off(name, walk):
    assert walk(name).unkept == []


def test_every_kind_of_figure_is_in_a_chapter_and_so_walked():
    assert set(stored()) == set(live_host.joiner().figures())


def violations(page: Page, figure: Locator) -> list[str]:
    """All that axe sees in the light theme, and every word that is hard to read in either."""
    page.evaluate(ONE_OF_EACH)
    ran = figure.evaluate("(figure, rules) => axe.run(figure, { runOnly: rules, resultTypes: ['violations'] })", RULES)
    lines = [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary']}"
        for rule in ran["violations"]
        for node in rule["nodes"]
    ]
    for theme in ("dark", "light"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        lines += [f"{theme}: {line}" for line in unreadable(page)]
    return lines


DIALS = [
    {"weight": (4, 3), "update": (-2, 3), "amount": 0, "magnitude": 5.2, "target": (2, 6)},  # chapter 5
    {"weight": (0, 5), "update": (3, -1), "magnitude": 7.5, "target": (5.5, 4), "norm": "detached"},  # chapter 6
    {"amount": 0},
    {"per": "input", "magnitude": 1.0},
]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("state", DIALS, ids=range(len(DIALS)))
def test_no_word_of_the_dial_covers_another(show, state, width):
    page = show(DirectionDial(id="dial", **state), width=width)
    shown = "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBBox()).map((box) => [box.x, box.y, box.width, box.height])"
    boxes = page.locator(".dora-dial text").evaluate_all(shown)
    assert len(boxes) >= 6
    for (left, top, width, height), (x, y, wide, high) in combinations(boxes, 2):
        apart = max(x - left - width, left - x - wide, y - top - height, top - y - high)
        assert apart > -1, (left, top, x, y)


@pytest.mark.parametrize("width", [360, 1280])
def test_no_word_of_the_dial_lies_on_a_grip_or_on_the_pull(show, width):
    page = show(DirectionDial(id="dial", **DIALS[0]), width=width)
    covers = """(svg) => {
        const over = (word, [x, y], room) => {
            const { left, right, top, bottom, height } = word.getBoundingClientRect();
            const [high, low] = [top + height / 4, bottom - height / 4]; // its letters, without the room above and below them
            return Math.hypot(x - Math.max(left, Math.min(right, x)), y - Math.max(high, Math.min(low, y))) < room;
        };
        const middle = ({ left, top, width }) => [left + width / 2, top + width / 2];
        const places = [...svg.querySelectorAll(".dora-dial-grip")].map((grip) => grip.getBoundingClientRect())
            .map((box) => [middle(box), box.width / 2 - 1]);
        for (const line of svg.querySelectorAll(".dora-dial-pull line"))
            for (let part = 0; part <= 1; part += 0.02) {
                const point = line.getPointAtLength(part * line.getTotalLength()).matrixTransform(line.getScreenCTM());
                places.push([[point.x, point.y], 1]);
            }
        return [...svg.querySelectorAll(".dora-dial-label")].filter((word) => word.checkVisibility())
            .filter((word) => places.some(([point, room]) => over(word, point, room))).map((word) => word.textContent);
    }"""
    assert page.locator(".dora-dial svg").evaluate(covers) == []


# ---- in the system's colours

# Words in less than 4.5 to 1 on the system's ground, in HTML and in drawings. A part that keeps its own colours has its own ground.
UNSEEN = """(figure) => {
    const probe = document.body.appendChild(document.createElement("i"));
    const light = (colour) => {
        probe.style.cssText = `forced-color-adjust: none; color: ${colour}`;
        const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = light("Canvas");
    return [...figure.querySelectorAll("*")].filter((node) => {
        const style = getComputedStyle(node);
        if (!node.checkVisibility() || style.forcedColorAdjust === "none") return false;
        if (![...node.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim())) return false;
        const ink = light(node.namespaceURI.endsWith("svg") ? style.fill : style.color);
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) < 4.5;
    }).map((node) => node.outerHTML.slice(0, 160));
}"""


@pytest.mark.parametrize("name", sorted(stored()))
def test_every_word_of_a_figure_is_seen_in_forced_colours_whichever_the_theme(name, show):
    page = show(stored()[name], forced_colors="active", reduced_motion="reduce")
    for theme, scheme in (("light", "light"), ("light", "dark"), ("dark", "light")):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        assert page.locator("figure[data-figure]").evaluate(UNSEEN) == [], (theme, scheme)


# ---- on paper


def test_paper_does_not_tell_the_answer_before_the_question(address, visit):
    page = visit(address + CHAPTERS[0])
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".tag_answer .cell_output").first.is_visible()
    code = page.locator(".asked .cell_input")  # of the questions, which has their answers
    assert code.count() >= 2
    assert code.filter(visible=True).count() == 0


def test_paper_is_white_under_the_dark_theme_and_the_screen_dark_again(address, visit):
    page = visit(address + FILES[0] + ".html", theme="dark")
    unfold(page)
    ink = "getComputedStyle(document.querySelector('.dora')).color"
    dark = page.evaluate(ink)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(ink) == "rgb(27, 31, 36)" != dark
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ink) == dark


def test_without_a_script_figures_are_as_light_as_the_page(address, visit):
    page = visit(address + FILES[0] + ".html", theme="dark", script=False)
    sentence = page.locator(".dora-figure figcaption").first
    assert sentence.evaluate("(node) => getComputedStyle(node).color") == "rgb(29, 32, 37)"  # the page's ink
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
