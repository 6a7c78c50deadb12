"""What every page of the site is held to, in a window that opens each page once: quiet, by keyboard, in any type, on paper, under axe.

The tests of a page go from what leaves it as it is to what changes it: `violations` takes the colours from its code.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from support.live_page import settle
from support.pages import DRIVEN, NOT_REDRAWN, PAGES, READ, unfold, unreadable, violations
from support.window import Window

# Those that the most tests want come first: pytest keeps the tests of a page together where a page has the same place in all lists.
FIRST_CHAPTER = READ[1]
PRINTED = [*DRIVEN, *(name for name in PAGES if name not in DRIVEN and not name.endswith("slides.html"))]
EVERY = [*PRINTED, *(name for name in PAGES if name not in PRINTED)]
SIDEWAYS = "document.documentElement.scrollWidth"

CUT_OFF = """() => [...document.querySelectorAll("article *")].filter((node) => node.checkVisibility()
    && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 160))"""


@pytest.fixture(scope="module")
def own(browser) -> Window:
    """A window of this module's own: what a test is lent besides is taken back after it."""
    return Window(browser)


@pytest.fixture(scope="module")
def page(request, site, address, own) -> Iterator[Page]:
    """The page with all its folds open and its figures live. `page.at_first` is its width before they are, in a narrow window,
    and `page.words_at_first` what a reader can read then.

    What is read or driven comes from a server, and from disk in test_site.py; the rest comes from disk here.
    """
    base = address if request.param in DRIVEN else f"{site.as_uri()}/"
    page = own.lend((base,), width=320, reduced_motion="reduce")
    page.name = request.param
    with page.add_init_script(NOT_REDRAWN):
        page.goto(base + page.name)
    page.at_first = page.evaluate(SIDEWAYS)
    page.words_at_first = page.locator("main").inner_text()
    page.set_viewport_size({"width": 1280, "height": 900})  # before its figures are drawn, which would draw them anew
    unfold(page)
    yield page
    own.take_back()


def of(names: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", names, indirect=True, scope="module")


def sized(page: Page, width: int, height: int = 900) -> Page:
    page.set_viewport_size({"width": width, "height": height})
    settle(page)
    return page


@of(EVERY)
def test_it_asks_nobody_else_and_logs_nothing(page):
    assert page.problems == []


@of(READ)
def test_no_answer_stands_in_plain_sight_below_its_question(page):
    seen = page.words_at_first
    assert not re.search(r"^It is \([abc]\)|\.answer\b", seen, re.M), "an option is named before it is asked for"
    assert "Choose before you read on" not in seen, "a question is announced twice"


# ---- by keyboard

# Every element that Tab should reach, and what is wrong with the focus as it arrives at each. A reader sees the focus on
# the control, or on the label that is drawn in its place.
FOLLOW = """() => {
    const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[inert]");
    const selector = "a[href], button, input, select, textarea, summary, [tabindex]";
    const first = new Map(); // of the radio buttons of a group, the keyboard stops at one
    window.stops = [...document.querySelectorAll(selector)].filter((node) => {
        if (node.tabIndex < 0 || node.disabled || !shown(node)) return false;
        if (node.type !== "radio") return true;
        const group = document.getElementsByName(node.name);
        return [...group].some((one) => one.checked) ? node.checked : group[0] === node;
    });
    window.reached = [];
    window.wrong = [];
    const says = (node) => `${node.tagName} ${node.className.baseVal ?? node.className} ${(node.textContent || node.ariaLabel || "").trim().slice(0, 40)}`;
    const marked = (node) => {
        const style = getComputedStyle(node);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || parseFloat(style.strokeWidth) >= 4;
    };
    document.addEventListener("focusin", ({ target }) => {
        reached.push(target);
        if (![target, target.closest("label")].some((node) => node && marked(node))) wrong.push(`no focus is seen: ${says(target)}`);
        const { top, bottom, left, right } = target.getBoundingClientRect();
        const bar = target.closest(".top, .skip") ? 0 : document.querySelector(".top").getBoundingClientRect().bottom;
        if (bottom <= bar || top >= innerHeight || right <= 0 || left >= innerWidth) wrong.push(`out of sight: ${says(target)}`);
    });
    window.missed = () => stops.filter((node) => !reached.includes(node)).map(says);
    window.disorder = () => reached.slice(1).flatMap((node, i) =>
        reached[i].compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING ? [] : [says(node)]);
    return stops.length;
}"""


# Alike on every page: the keyboard goes through them in the first chapter.
ALIKE = "#book-contents, .page-nav, .headerlink, .copy"
INERT = "([selector, inert]) => document.querySelectorAll(selector).forEach((node) => { node.inert = inert; })"


@of(DRIVEN)
def test_tab_reaches_every_control_in_the_order_of_reading_and_leaves_each(page):
    sized(page, 1280)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(INERT, [ALIKE, page.name != FIRST_CHAPTER])
    stops = page.evaluate(FOLLOW)
    for _ in range(stops):
        page.keyboard.press("Tab")
    assert page.evaluate("missed()") == []
    assert page.evaluate("wrong") == []
    assert page.evaluate("disorder()") == []
    page.evaluate(INERT, [ALIKE, False])


# ---- in windows of any size

SCROLLED = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent.slice(0, 60))"
EDGES = "(all) => all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"


@of(EVERY)
def test_no_code_is_cut_nor_what_it_prints_where_there_is_room(page):
    assert sized(page, 1280).locator("article pre").evaluate_all(SCROLLED) == []
    code = sized(page, 390, 844).locator("article pre:not(.cell_output pre)")
    assert code.evaluate_all(SCROLLED) == []


@of(READ)
def test_every_picture_is_whole_on_a_phone(page):
    sized(page, 390, 844)
    edges = page.locator("article .picture img").evaluate_all(EDGES)
    assert [edge for edge in edges if edge[0] < 0 or edge[1] > 390] == []
    assert page.locator("article .picture").evaluate_all(SCROLLED) == []


@of(READ)
def test_it_fits_windows_between_a_phones_and_a_desks(page):
    wide = [width for width in (700, 768, 940, 1020, 1232) if sized(page, width).evaluate(SIDEWAYS) > width]
    assert wide == []


@pytest.mark.deep
@of(EVERY)
def test_no_width_lets_it_scroll_sideways(page):
    wide = [width for width in range(320, 1921, 8) if sized(page, width).evaluate(SIDEWAYS) > width]
    assert wide == []


# ---- in large and loose type

# WCAG 1.4.12. What hides its overflow must have none.
LOOSE = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
p { margin-bottom: 2em !important; }"""
CUT = """() => [...document.querySelectorAll("body *")].filter((node) => {
    const style = getComputedStyle(node);
    const hides = (way) => ["hidden", "clip"].includes(style[way]);
    return style.clipPath === "none"
        && ((hides("overflowX") && node.scrollWidth > node.clientWidth + 1) || (hides("overflowY") && node.scrollHeight > node.clientHeight + 1))
        && node.checkVisibility() && node.innerText; // last, for it lays the page out
}).map((node) => node.outerHTML.slice(0, 160))"""


SETTINGS = {  # name: (width of the window, style)
    "zoomed to 200 %": (640, "/* as it is */"),  # Playwright takes no empty style
    "with loose text": (1280, LOOSE),
    "zoomed to 400 %, with loose text": (320, LOOSE),
    "with text of twice the size": (1280, "html { font-size: 225% !important; }"),
}


@of(READ)
def test_larger_and_looser_text_is_not_cut_and_moves_nothing_off_the_page(page):
    for setting, (width, style) in SETTINGS.items():
        page.set_viewport_size({"width": width, "height": 900})
        added = page.add_style_tag(content=style)
        settle(page)
        assert page.evaluate(SIDEWAYS) <= width, setting
        assert page.evaluate(CUT) == [], setting
        added.evaluate("(node) => node.remove()")


# ---- on paper


@of(PRINTED)
def test_paper_cuts_nothing_off_and_has_no_button(page):
    sized(page, 1280)
    page.evaluate("window.onPaper = true")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print", reduced_motion="reduce")
    settle(page)
    assert page.evaluate(CUT_OFF) == []
    hidden = ".dora-foot, .dora-race-run, .dora-ad-drop, .copy, nav"
    assert page.locator(hidden).filter(visible=True).count() == 0
    page.emulate_media(media="null", reduced_motion="reduce")
    page.evaluate("window.onPaper = false")


# ---- under axe

FIGURES = "figure[data-figure]"  # test_accessibility.py brings each kind into every state, alone
TWICE = """() => Object.entries(Object.groupBy(document.querySelectorAll("[id]"), ({ id }) => id))
    .filter(([, all]) => all.length > 1).map(([id]) => id)"""  # axe leaves that to be reviewed
WIDE = [
    *READ[:2],
    "book/teach/60-minutes.html",
    "search.html",
]  # one of each kind: a narrow window lacks what stands beside a text


@of(EVERY)
def test_every_word_is_seen_in_both_themes(page):
    sized(page, 1280)
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert unreadable(page) == []
    page.get_by_role("button", name="Dark theme").click()
    assert unreadable(page) == []
    page.get_by_role("button", name="Dark theme").click()


@of(WIDE)
def test_axe_finds_nothing(page):
    assert violations(page, without=FIGURES) == []


@of(EVERY)
def test_it_fits_a_narrow_window_and_axe_finds_nothing_there(page):
    assert page.at_first <= 320, "as it opens, its figures not yet live"
    assert sized(page, 320).evaluate(SIDEWAYS) <= 320
    assert page.evaluate(TWICE) == []
    assert violations(page) == []
