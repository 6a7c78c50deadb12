"""The text of a chapter and its figures: phrases that set one, numbers that follow one, and the figure that stays in view."""

import re
from functools import cache
from pathlib import Path

import pytest
import stored_cells
from dorabook.live import Knobs, NormExplorer, TwoRoads
from playwright.sync_api import Page, expect
from standalone import joined
from support.live_page import Core

BOOK = Path(__file__).parents[1] / "book"
SPAN = re.compile(r'<span data-(sets|shows)="([^"=]+)=([^"]*)">([^<]*)</span>')


def spans() -> list[tuple[str, str, str, str, str]]:
    """(notebook, kind, figure's id, what it asks for, the words) of every chapter."""
    return [
        (path.name, *found)
        for path in sorted(BOOK.glob("[0-9]-*.ipynb"))
        for cell in stored_cells.cells(path)
        if cell["cell_type"] == "markdown"
        for found in SPAN.findall(joined(cell["source"]))
    ]


@cache
def core(figure: str) -> Core:
    module = figure.replace("-", "_")
    return Core("page/link", "page/prose", f"{module}/{module}")


def asked(notebook: str, id: str, code: str, text: str) -> object:
    """What JavaScript makes of `text` for the figure `id` as the notebook stores it."""
    shown = stored_cells.figure(stored_cells.cells(BOOK / notebook), id)
    figure = stored_cells.name(shown)
    module = figure.replace("-", "_")
    return core(figure).evaluate(
        f"""([text, {{ state, allowed }}]) => {{
            const {{ decode }} = modules["page/link"], {{ shown }} = modules["page/prose"], figure = modules["{module}/{module}"].default;
            return {code};
        }}""",
        [text, stored_cells.page_data(shown)],
    )


def test_no_span_of_a_chapter_is_anything_else():
    """A slip in one, such as a name that is not known, would leave plain text without a word."""
    for path in sorted(BOOK.glob("[0-9]-*.ipynb")):
        text = "".join(joined(c["source"]) for c in stored_cells.cells(path) if c["cell_type"] == "markdown")
        assert text.count("<span") == text.count("</span>") == len(SPAN.findall(text)), path.name
    assert {name[0] for name, kind, *_ in spans() if kind == "sets"} >= {"2", "4"}


@pytest.mark.parametrize(("notebook", "id", "text"), [(n, i, t) for n, kind, i, t, _ in spans() if kind == "sets"])
def test_a_phrase_asks_for_what_its_figure_can_show(notebook, id, text):
    assert asked(notebook, id, "decode(text, state, allowed).refused", text) == ""


@pytest.mark.parametrize(
    ("notebook", "id", "text", "said"), [(n, i, t, said) for n, kind, i, t, said in spans() if kind == "shows"]
)
def test_a_number_of_the_text_is_the_one_that_its_figure_shows(notebook, id, text, said):
    assert asked(notebook, id, "shown(text, state, figure.rows(state)) ?? null", text) == said


TEXT = """<p>Turn <span data-sets="knobs=per:output;output_knobs:1~1.5" id="one">one behind an output</span> or
<span data-sets="knobs=per:input;input_knobs:1~1.5" id="all">one on an input</span>. Input 1 is
<span data-shows="knobs=x.1" id="x">1.5</span>, and m[1] is <span data-shows="knobs=output 1/3" id="m">9</span>.
<span data-sets="knobs=per:sideways" id="wrong">Sideways</span>, and <span data-sets="other=per:input" id="none">elsewhere</span>.</p>"""
TALL = '<div style="height: 1500px"></div>'


@pytest.fixture
def page(show) -> Page:
    """A figure, a long way of nothing, and a text that speaks of the figure."""
    return show(Knobs(id="knobs"), TALL + TEXT + TALL)


def read(page: Page) -> None:
    """With a phrase of the figure in the middle of the window, which is pressed."""
    page.locator("#one").evaluate("(node) => scrollTo(0, node.getBoundingClientRect().top + scrollY - 400)")
    page.locator("#one").click()
    page.wait_for_selector(".dora-low")


@pytest.mark.parametrize("key", ["Enter", " ", "click"])
def test_a_phrase_sets_the_figure_and_the_second_time_gives_back_what_it_took_the_place_of(page, key):
    page.get_by_label("Magnitude of output 3").fill("0.5")
    act = (lambda one: one.click()) if key == "click" else (lambda one: one.press(key))
    for name, count in (("#one", "1 of 4"), ("#all", "4 of 4")):
        act(page.locator(name))
        expect(page.locator(name)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".dora-kn-tally b")).to_have_text(count)
    expect(page.get_by_label("Magnitude of output 3", exact=True)).to_have_value("1")
    act(page.locator("#all"))
    expect(page.get_by_label("Magnitude of output 3", exact=True)).to_have_value("0.5")
    expect(page.locator("#all")).to_have_attribute("aria-pressed", "false")


def test_a_phrase_that_has_been_pressed_says_that_it_goes_back_and_one_that_only_stands_does_not(show):
    page = show(Knobs(id="knobs"), TEXT + '<p><span data-sets="knobs=per:output" id="start">As it starts</span></p>')
    start, one = page.locator("#start"), page.locator("#one")
    expect(start).to_have_attribute("aria-pressed", "true")
    one.click()
    expect(one).to_have_attribute("title", "Press again to go back")
    assert [each.get_attribute("id") for each in page.locator("[data-own]").all()] == ["one"]
    one.click()
    expect(page.locator("[data-own]")).to_have_count(0)
    expect(one).to_have_attribute("title", "")


def test_the_figure_has_the_way_back_too_until_the_reader_changes_something(page):
    back = page.get_by_role("button", name="Back to before")
    expect(back).to_be_hidden()
    page.locator("#one").click()
    back.click()
    expect(page.locator(".dora-sentence")).to_contain_text("No knob is turned")
    expect(back).to_be_hidden()
    page.locator("#one").click()
    page.get_by_label("Magnitude of output 3").fill("0.5")
    expect(back).to_be_hidden()


def test_numbers_follow_the_figure_and_what_leads_nowhere_stays_text(page):
    moved = page.locator("[data-moved]")
    expect(moved).to_have_count(0)
    page.locator("#one").click()
    expect(page.locator("#m")).to_have_text("13.5")
    expect(moved).to_have_count(1)
    expect(moved).to_have_attribute("data-moved", "9")  # what it was stands before it
    page.locator("#one").click()
    expect(moved).to_have_count(0)
    for plain in ("#wrong", "#none"):
        assert page.locator(plain).get_attribute("role") is None


@pytest.mark.parametrize("size", [(1280, 800), (1280, 720), (390, 844), (320, 568)])
@pytest.mark.parametrize("figure", [Knobs(id="knobs"), NormExplorer(id="knobs")], ids=["knobs", "explorer"])
def test_the_figure_stays_in_view_while_its_phrases_are_read_in_few_pixels(show, figure, size):
    text = TEXT.replace("output_knobs:1~1.5", "").replace(";", "")
    page = show(figure, TALL + text + TALL, width=size[0], height=size[1])
    place = page.locator("figure").evaluate("(node) => node.offsetHeight")
    expect(page.locator(".dora-low")).to_have_count(0)
    read(page)
    low = page.locator(".dora-low")
    box = low.bounding_box()
    assert (box["y"], box["height"]) == (0, 240 if size == (1280, 800) else 200)
    assert page.locator("figure").evaluate("(node) => node.offsetHeight") == place  # nothing below it has jumped
    hide = page.get_by_role("button", name="Hide the figure here").bounding_box()["y"]
    for part in page.locator(".dora-low :is(.dora-kn-picture, .dora-kn-dial, .dora-ne-stage > *):visible").all():
        area = part.bounding_box()
        assert area["y"] >= 0 and area["y"] + area["height"] <= hide + 3, part.evaluate("(node) => node.outerHTML")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("scrollTo(0, 0)")
    expect(low).to_have_count(0)
    assert page.locator("figure").evaluate("(node) => node.offsetHeight") == place


@pytest.mark.parametrize("height", [70, 110, 160, 200, 260, 330])
def test_the_figure_comes_wherever_its_phrase_is_pressed_and_does_not_cover_it(page, height):
    page.locator("#one").evaluate(f"(node) => scrollTo(0, node.getBoundingClientRect().top + scrollY - {height})")
    page.locator("#one").evaluate("(node) => node.click()")
    expect(page.locator(".dora-low")).to_have_count(1)
    bottom = page.locator(".dora-low").evaluate("(node) => node.getBoundingClientRect().bottom")
    assert bottom < page.locator("p:has(#one)").bounding_box()["y"]
    assert page.locator("#one").bounding_box()["y"] < 420


def test_a_figure_whose_phrases_nobody_presses_stays_in_its_place_and_all_its_controls_can_be_reached(page):
    page.get_by_role("button", name="Copy link").focus()
    page.locator("#one").evaluate("(node) => scrollTo(0, node.getBoundingClientRect().top + scrollY - 400)")
    page.wait_for_timeout(150)
    expect(page.locator(".dora-low")).to_have_count(0)


def test_a_figure_comes_when_its_picture_is_out_of_view_and_only_the_lines_below_that_are_not(show):
    page = show(NormExplorer(id="knobs"), TEXT.replace("output_knobs:1~1.5", "").replace(";", "") + TALL)
    below = page.locator(".dora-stage").evaluate("(node) => node.getBoundingClientRect().bottom + scrollY")
    page.locator("#one").press("Enter")
    page.evaluate("(y) => scrollTo(0, y)", below - 60)
    expect(page.locator(".dora-low")).to_have_count(1)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".dora-low")).to_have_count(0)


def test_the_page_stays_where_it_is_when_a_figure_comes_and_lets_go(show):
    words = f"<p>{'Not a word of the figure. ' * 60}</p>"
    page = show(Knobs(id="knobs"), TEXT + words, NormExplorer(id="norms"), TALL, width=390, height=844)
    page.locator("#one").press("Enter")
    bottom = page.locator("figure").first.evaluate(
        "(node) => Math.round(node.getBoundingClientRect().bottom + scrollY)"
    )
    was_low = False
    for y in range(bottom - 250, bottom + 500, 50):
        page.evaluate("(y) => scrollTo(0, y)", y)
        page.wait_for_timeout(80)
        was_low |= page.locator(".dora-low").count() == 1
        assert page.evaluate("scrollY") == y
    assert was_low
    expect(page.locator(".dora-low")).to_have_count(0)


def test_a_figure_that_is_hidden_there_does_not_come_again_and_none_comes_into_a_low_window(page):
    read(page)
    page.get_by_role("button", name="Hide the figure here").click()
    expect(page.locator(".dora-low")).to_have_count(0)
    page.mouse.wheel(0, 40)
    page.wait_for_timeout(100)
    expect(page.locator(".dora-low")).to_have_count(0)
    page.locator("#all").click()  # unless it is asked for
    expect(page.locator(".dora-low")).to_have_count(1)


def test_none_comes_into_a_window_with_no_room_for_text_below_it(page):
    page.set_viewport_size({"width": 800, "height": 390})
    page.locator("#one").evaluate("(node) => scrollTo(0, node.getBoundingClientRect().top + scrollY - 250)")
    page.wait_for_timeout(150)
    expect(page.locator(".dora-low")).to_have_count(0)


def test_it_can_be_driven_there_and_says_its_sentence_to_a_screen_reader(page):
    read(page)
    page.get_by_label("Magnitude of output 1").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#m")).to_have_text("14.4")
    expect(page.get_by_role("status")).to_contain_text("Knob 1 at 1.6")


def test_a_figure_that_cannot_stay_in_view_is_shown_where_it_is(show):
    text = '<p><span data-sets="roads=rank:3" id="one">Rank 3</span></p>'
    page = show(TwoRoads(id="roads"), TALL + text + TALL)
    page.locator("#one").scroll_into_view_if_needed()
    expect(page.locator("figure")).not_to_be_in_viewport()
    page.locator("#one").click()
    expect(page.locator("figure")).to_be_in_viewport()
    expect(page.locator(".dora-low")).to_have_count(0)


def test_without_a_script_phrases_and_numbers_are_text(show):
    page = show(Knobs(id="knobs"), TEXT, ready=False, script=False)
    assert page.get_by_role("button").count() == 0
    expect(page.locator("p", has_text="Input 1 is")).to_contain_text("Input 1 is 1.5, and m[1] is 9.")


def test_state_that_stands_when_a_link_is_followed_is_not_taken_for_the_readers_own(show):
    page = show(Knobs(id="knobs"), TEXT, hash="#knobs=per:input;input_knobs:1~1.5")
    expect(page.locator("#all")).to_have_attribute("aria-pressed", "true")
    page.locator("#all").click()  # there is nothing before it
    expect(page.locator("#all")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".dora-kn-tally b")).to_have_text("4 of 4")
