"""The switch for large type: what it enlarges, that it is kept, that nothing breaks under it, and no meaning by colour alone."""

import re

import pytest
from playwright.sync_api import expect
from support.live_page import drag
from support.pages import CHAPTER, FILES, unfold, unreadable, violations

HERO = next(f"{file}.html" for file in FILES if re.search(r"/4-", file))
TEACH = [f"{file}.html" for file in FILES if "/teach/" in file]
SWITCH = {"name": "Large type"}
LARGE = "localStorage.setItem('dora-type', 'large')"


def large(visit, url, **options):
    """A page as a reader gets it who chose large type on another one."""
    return visit(url, before=LARGE, **options)


def height(page, selector: str) -> float:
    return page.locator(selector).first.bounding_box()["height"]


def test_the_switch_is_pressed_by_keyboard_and_kept_from_page_to_page(base, visit):
    page = visit(base + CHAPTER)
    switch = page.get_by_role("button", **SWITCH)
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.focus()
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.goto(f"{base}{FILES[0]}.html")
    expect(page.get_by_role("button", **SWITCH)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", **SWITCH).focus()
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("data-type", "normal")
    page.reload()
    expect(page.get_by_role("button", **SWITCH)).to_have_attribute("aria-pressed", "false")
    assert page.problems == []


def test_it_is_there_before_the_page_is_drawn(address, visit):
    """No flash: when the body begins, the type is already large."""
    page = visit(address + CHAPTER)
    page.evaluate(LARGE)
    with page.add_init_script(
        """new MutationObserver(() => {
             if (document.body && window.first === undefined) window.first = document.documentElement.dataset.type;
           }).observe(document, { childList: true, subtree: true })"""
    ):
        page.reload()
    assert page.evaluate("window.first") == "large"


def test_text_code_formulas_figures_and_pictures_grow_alike(address, visit):
    page = visit(address + HERO, width=1280)
    unfold(page)
    what = {"p": "h1 + p", "figure": ".dora-ne-cell", "button": ".dora-reset", "code": "pre .n", "mark": ".copy"}
    before = {name: height(page, selector) for name, selector in what.items() if page.locator(selector).count()}
    one_line = "getComputedStyle(document.querySelector('article p')).fontSize"
    page.get_by_role("button", **SWITCH).click()
    page.wait_for_timeout(300)
    zoom = float(page.evaluate("getComputedStyle(document.body).zoom"))
    assert zoom >= 1.4
    assert page.evaluate(one_line)
    for name in ("figure", "button", "code"):
        ratio = height(page, what[name]) / before[name]
        assert ratio == pytest.approx(zoom, rel=0.15), name
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("width", [320, 360, 560, 1024, 1920])
def test_nothing_scrolls_sideways_under_it(width, address, visit):
    page = large(visit, address + HERO, width=width)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_cell_of_a_figure_is_dragged_where_the_pointer_is(address, visit):
    page = large(visit, address + HERO)
    figure = page.locator("figure[data-figure=norm-explorer]").first
    figure.scroll_into_view_if_needed()
    expect(figure).to_have_attribute("data-ready", "true")
    cell = figure.locator(".dora-ne-cell").nth(7)
    cell.scroll_into_view_if_needed()
    cell.click()
    expect(cell).to_have_class(re.compile("dora-chosen"))
    before = cell.inner_text()
    drag(cell, 0, -40)
    page.wait_for_timeout(300)
    assert float(cell.inner_text().replace("\u2212", "-")) > float(before.replace("\u2212", "-"))


def test_the_contents_are_one_button_away(address, visit):
    page = large(visit, address + CHAPTER)
    contents = page.get_by_role("navigation", name="Book")
    expect(contents).to_be_hidden()
    page.get_by_role("button", name="Contents").click()
    link = contents.get_by_role("link", name="Credits")
    link.scroll_into_view_if_needed()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(contents).to_be_hidden()


def test_a_heading_that_a_link_leads_to_is_not_under_the_bar(address, visit):
    page = large(visit, f"{address}{CHAPTER}")
    page.goto(f"{address}{CHAPTER}#exercises")
    page.wait_for_timeout(300)
    bar = page.locator(".top").bounding_box()
    assert page.locator("#exercises h2").first.bounding_box()["y"] >= bar["y"] + bar["height"] - 1


def test_on_paper_the_type_is_as_ever(address, visit):
    zoom = "() => [document.body, document.querySelector('.dora-figure'), document.querySelector('main')].map((one) => one.currentCSSZoom)"
    sizes = []
    for page in (visit(address + CHAPTER), large(visit, address + CHAPTER)):
        page.emulate_media(media="print")
        sizes.append(page.evaluate(zoom))
    assert sizes[0] == sizes[1]
    assert None not in sizes[0]


def test_it_is_no_obstacle_where_the_browser_keeps_nothing(address, visit):
    page = visit(address + CHAPTER)
    with page.add_init_script(
        "for (const name of ['getItem', 'setItem']) Storage.prototype[name] = () => { throw new DOMException('no'); }"
    ):
        page.reload()
    page.get_by_role("button", **SWITCH).click()
    expect(page.locator("html")).to_have_attribute("data-type", "large")
    assert page.problems == []


@pytest.mark.parametrize("name", [CHAPTER, *TEACH])
def test_page_is_accessible_under_it_in_both_themes(name, address, visit):
    page = large(visit, address + name)
    unfold(page)
    assert unreadable(page) == []
    page.get_by_role("button", name="Dark theme").click()
    assert unreadable(page) == []
    page.get_by_role("button", name="Dark theme").click()
    assert violations(page) == []


# ---- no meaning by colour alone


@pytest.mark.parametrize("name", TEACH)
def test_links_on_a_teaching_page_are_seen_without_colour(name, address, visit):
    page = visit(address + name)
    bare = page.locator("article a:not(.headerlink)").evaluate_all(
        """(links) => links.filter((link) => !/underline/.test(getComputedStyle(link).textDecorationLine))
                           .map((link) => link.textContent)"""
    )
    assert bare == []


@pytest.mark.parametrize("name", TEACH)
def test_a_teaching_page_says_nothing_by_colour(name, site):
    """No word of it has a colour of its own, and none names one as the way to know something."""
    text = (site / name).read_text(encoding="utf-8")
    article = text[text.index("<body") :]
    assert not re.search(r"style=\"[^\"]*colou?r", article)
    assert not re.search(r"\b(?:in|the) (?:red|green|orange|blue|grey)\b", re.sub(r"<[^>]+>", "", article), re.I)
