"""Where one is on a page, code that is never cut, and pictures that are at home in the dark and on a phone."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from support.pages import CHAPTER, unfold
from support.processes import waited

# ---- the page's contents


@pytest.mark.parametrize("width", [1280, 1366])
def test_the_pages_contents_stand_beside_the_text(width, address, visit):
    page = visit(address + CHAPTER, width=width)
    beside = page.get_by_role("navigation", name="On this page")
    expect(beside.get_by_role("link").first).to_be_visible()
    box = beside.bounding_box()
    assert box["x"] + box["width"] <= width
    assert box["x"] >= page.locator("article").evaluate("(text) => text.getBoundingClientRect().right")
    expect(page.locator("details.here")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1100])
def test_where_there_is_no_room_they_are_folded_under_the_title(width, address, visit):
    page = visit(address + CHAPTER, width=width)
    expect(page.get_by_role("navigation", name="On this page")).to_be_hidden()
    fold = page.locator("h1 + details.here")
    link = fold.get_by_role("link").nth(1)
    expect(fold).to_be_visible()
    expect(link).to_be_hidden()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    link.click()
    assert 0 < page.locator(page.evaluate("location.hash")).evaluate("(node) => node.getBoundingClientRect().top") < 200


def test_on_a_phone_the_menu_begins_with_them_and_closes_behind_a_choice(address, visit):
    page = visit(address + CHAPTER, width=390)
    page.get_by_role("button", name="Contents").click()
    menu = page.get_by_role("navigation", name="Book")
    first = menu.locator("a:visible").first
    expect(first).to_have_attribute("href", re.compile("^#."))
    first.click()
    expect(menu).to_be_hidden()
    assert page.evaluate("location.hash")


def test_the_section_that_is_read_is_marked_and_a_line_says_how_far_one_is(address, visit):
    page = visit(address + CHAPTER)
    passed = page.locator(".read")
    assert part(passed) == 0
    heading = page.locator("article h2").nth(3)
    heading.evaluate("(node) => node.scrollIntoView()")
    expect(page.locator(".page-nav [aria-current]")).to_have_text(heading.inner_text().removesuffix("#"))
    assert 0 < part(passed) < 1
    # Pictures that load on the way make the page longer.
    waited(lambda: page.keyboard.press("End") or part(passed) == 1)


def part(passed) -> float:
    return float(passed.evaluate("(line) => getComputedStyle(line).scale").split()[0])


# ---- code


def test_a_line_that_goes_on_below_is_copied_as_one(address, visit):
    page = visit(address + CHAPTER, width=390)
    unfold(page)
    pre = page.locator("pre:has(.long)").first
    assert pre.evaluate("(code) => code.innerText.trimEnd()") == pre.evaluate("(code) => code.textContent.trimEnd()")


def test_a_printed_line_goes_on_below_where_it_is_not_a_tables(address, visit):
    page = visit(f"{address}book/3-pefts-layer.html", width=390)
    source = page.locator(".cell_output pre", has_text="dim=1")
    assert source.evaluate("(pre) => pre.scrollWidth <= pre.clientWidth")
    page = visit(f"{address}book/8-what-it-costs.html", width=390)
    assert (
        page.locator(".cell_output .long.aligned").first.evaluate("(line) => getComputedStyle(line).whiteSpace")
        == "pre"
    )


# ---- pictures


def test_panels_stand_side_by_side_and_on_a_phone_one_below_the_other(address, visit):
    page = visit(address + CHAPTER)
    first, second = (page.locator(".panels").first.locator("img").nth(i) for i in (0, 1))
    assert first.bounding_box()["x"] + first.bounding_box()["width"] <= second.bounding_box()["x"]
    assert (
        second.bounding_box()["x"] + second.bounding_box()["width"]
        <= page.locator("article").bounding_box()["x"] + (page.locator("article").bounding_box()["width"])
    )
    page.set_viewport_size({"width": 390, "height": 844})
    assert first.bounding_box()["y"] + first.bounding_box()["height"] <= second.bounding_box()["y"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_pictures_ground_is_the_page_and_its_ink_is_not(theme, address, visit):
    page = visit(address + CHAPTER, theme=theme)
    shown = seen(page)
    paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    assert shown.getpixel((shown.width // 2, 2)) == tuple(map(int, re.findall(r"\d+", paper)))
    darkest, lightest = shown.convert("L").getextrema()
    assert lightest - darkest > 180


def seen(page: Page) -> Image.Image:
    picture = page.locator(".picture img").first
    picture.scroll_into_view_if_needed()
    picture.evaluate("(image) => image.decode()")
    return Image.open(io.BytesIO(picture.screenshot())).convert("RGB")


def test_focus_on_a_button_of_the_bar_on_top_leaves_the_page_where_it_is(address, visit):
    page = visit(f"{address}book/4-shape-mismatch.html", width=1280)
    page.evaluate("scrollTo(0, 2000)")
    page.wait_for_timeout(200)  # figures that come alive above give the page another height
    before = page.evaluate("scrollY")
    for control in page.locator(".top :is(a, button):visible").all():
        control.focus()
        assert page.evaluate("scrollY") == before
