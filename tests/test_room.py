"""Room mode: one thing of a page alone on a projected screen, whole, in letters that the last row reads."""

import re

import pytest
from playwright.sync_api import expect
from support import room
from support.live_page import drag
from support.pages import FILES, unreadable, violations

CHAPTERS = [f"{file}.html" for file in FILES if re.search(r"/\d-", file)]
MISMATCH = next(name for name in CHAPTERS if "/4-" in name)
GRADIENT = next(name for name in CHAPTERS if "/6-" in name)
TEACH = [f"{file}.html" for file in FILES if "/teach/" in file]


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_and_question_is_whole_and_has_no_small_letter(name, address, visit):
    page = visit(f"{address}{name}", width=1280, height=800)
    shown = 'article figure[data-figure]:not([data-figure="field-matrix"])'  # a table to look things up in
    ids = page.locator(shown).evaluate_all("(all) => all.map((one) => one.id)")
    found = []
    page.goto(f"{address}{name}?room#{ids[0]}")
    for (width, height), key in zip(room.SCREENS, ("PageDown", "PageUp"), strict=True):  # there and back again
        page.set_viewport_size({"width": width, "height": height})
        for number, id in enumerate(ids):
            if number:
                page.keyboard.press(key)
            expect(page.locator(".alone")).to_have_attribute("id", id)
            found += [f"{id} at {width}: {fault}" for fault in room.faults(page)]
        ids.reverse()
    assert not found, "\n".join(found)
    assert page.problems == []


def test_a_link_opens_a_state_alone_from_disk_too_and_keys_turn(base, visit):
    page = visit(f"{base}{MISMATCH}?room#norms=per:input", width=1280, height=800)
    assert room.alone(page) == "norms"
    figure = page.locator("#norms")
    sentence = figure.locator(".dora-sentence")
    expect(sentence).to_contain_text("One magnitude per input")
    assert sentence.bounding_box()["y"] < figure.locator(".dora-ne-cell").first.bounding_box()["y"]
    assert page.locator("#book-contents").evaluate(
        "(nav) => Boolean(nav.closest('[inert]'))"
    )  # behind it, out of reach
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".alone")).to_have_attribute("data-figure", "predict")
    assert "?room" in page.url
    page.keyboard.press("b")  # letters count without a click
    page.keyboard.press("b")
    expect(page.locator(".alone").get_by_label("Hands for (b)")).to_have_value("2")
    page.keyboard.press("PageUp")
    expect(page.locator(".alone")).to_have_attribute("id", "norms")
    assert figure.evaluate("(node) => node.contains(document.activeElement)"), "in a control from the start"
    page.keyboard.press("n")  # which none of them takes
    expect(page.locator(".alone")).to_have_attribute("data-figure", "predict")
    assert page.problems == []


def test_who_turns_the_page_at_once_stays_where_they_turned(address, visit):
    """The address follows hands a moment after they were counted: by then it is another figure's."""
    page = visit(f"{address}{MISMATCH}?room#which-check=room:votes", width=1280, height=800)
    expect(page.locator(".alone .dora-predict")).to_be_focused()
    page.keyboard.press("a")
    page.evaluate("location.hash = '#norms'")
    page.wait_for_timeout(400)
    assert page.url.endswith("#norms")
    assert room.alone(page) == "norms"
    page.evaluate("location.hash = '#which-check'")
    expect(page.locator(".alone .dora-predict")).to_be_focused()
    page.keyboard.press("a")
    page.wait_for_url(re.compile("#which-check=hands:0~2;room:votes$"))


def test_the_switch_shows_what_is_near_and_gives_the_page_back(base, visit):
    page = visit(f"{base}{MISMATCH}", width=1280, height=800)
    page.locator("#norms").evaluate("(figure) => figure.scrollIntoView()")
    page.get_by_role("button", name="Room mode", exact=True).focus()
    page.keyboard.press("Enter")
    assert room.alone(page) == "norms"
    assert "?room" in page.url
    page.reload()
    room.alone(page)
    page.get_by_role("button", name="Leave room mode").click()
    expect(page.locator(".alone")).to_have_count(0)
    assert "room" not in page.url
    expect(page.get_by_role("button", name="Room mode", exact=True)).to_be_focused()
    assert page.locator("[inert]").count() == 0
    assert page.problems == []


def test_a_cell_is_dragged_where_the_pointer_is(address, visit):
    page = visit(f"{address}{MISMATCH}?room#norms", width=1280, height=800)
    expect(page.locator(".alone")).to_have_attribute("data-ready", "true")
    cell = page.locator("#norms .dora-ne-cell").nth(7)
    cell.click()
    before = cell.inner_text()
    drag(cell, 0, -40)
    page.wait_for_timeout(300)
    assert float(cell.inner_text().replace("\u2212", "-")) > float(before.replace("\u2212", "-"))


def test_an_arrow_is_dragged_to_where_the_pointer_is(address, visit):
    page = visit(f"{address}{GRADIENT}?room#in-the-graph", width=1600, height=900)
    figure = page.locator("#in-the-graph")
    expect(figure).to_have_attribute("data-ready", "true")
    page.wait_for_timeout(300)
    grip = figure.get_by_role("slider", name="Tip of the merged arrow")
    slider = figure.locator("input[type=range]").nth(1)
    before = slider.input_value()
    x, y = drag(grip, -60, 80, steps=5)  # towards the origin, along the arrow
    expect(slider).not_to_have_value(before)
    after = grip.bounding_box()
    assert abs(after["x"] + after["width"] / 2 - (x - 60)) < 8
    assert abs(after["y"] + after["height"] / 2 - (y + 80)) < 8


def test_a_section_and_a_page_of_words_are_shown_alone(address, visit):
    page = visit(f"{address}{MISMATCH}?room#the-verdict-one-magnitude-per-output", width=1280, height=800)
    assert room.alone(page) == "the-verdict-one-magnitude-per-output"
    expect(page.locator(".alone")).to_contain_text("first author")
    page.goto(f"{address}book/back/errata.html?room")
    page.wait_for_selector(".alone")
    expect(page.locator(".alone h1")).to_be_visible()
    assert page.problems == []


def test_what_is_alone_is_accessible_in_both_themes(address, visit):
    page = visit(f"{address}{MISMATCH}?room#hero", width=1280, height=800)
    for _ in range(3):
        expect(page.locator(".alone")).to_have_attribute("data-ready", "true")
        for theme in ("dark", "light"):
            page.locator("html").evaluate("(root, theme) => { root.dataset.theme = theme; }", theme)
            assert unreadable(page) == []
        assert violations(page, within=".alone, .room-bar") == []
        page.keyboard.press("PageDown")


def test_without_its_script_the_page_is_there(address, visit):
    page = visit(f"{address}{MISMATCH}")
    page.route("**/room.js", lambda route: route.abort())
    page.goto(f"{address}{MISMATCH}?room#norms")
    expect(page.locator("h1")).to_be_visible()


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
