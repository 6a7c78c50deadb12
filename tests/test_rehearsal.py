"""The sessions rehearsed: each link of a sheet is opened in the room's window, what the sheet says to do is done there, and what it says
will be seen is seen: whole, and in letters for the last row."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Page, expect
from support import room
from support.live_page import drag, settle
from support.pages import parsed

SESSIONS = ("15-minutes", "60-minutes", "90-minutes")
PROJECTOR = {"width": 1280, "height": 800}


def sheet(site: Path, session: str) -> BeautifulSoup:
    return parsed(site / "book" / "teach" / f"{session}.html")


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def stations(site: Path, session: str) -> list[Tag]:
    """The sheet's links in order."""
    found = sheet(site, session).select('article section a[target="dora-room"]')
    return [link for link in found if not link.find_parent(class_="glance")]


def quoted(link: Tag) -> str:
    """What the sheet says that the figure then says."""
    after = link.find_next(lambda tag: tag.name == "a" or "says" in tag.get("class", []))
    return words(after).strip("\u201c\u201d") if after and "says" in after.get("class", []) else ""


# ---- what is done at a link, and what is to be seen then


def lengths(page: Page) -> list[float]:
    """Of the nine bars, four beside the weight and five below."""
    boxes = [bar.bounding_box() for bar in page.locator(".alone .dora-ne-bar > .dora-ne-fill").all()]
    return [max(box["width"] * (i < 4), box["height"] * (i >= 4)) for i, box in enumerate(boxes)]


def drag_a_cell(page: Page) -> None:
    """Two of the nine bars move, one beside and one below, and the others stay as they are."""
    cell = page.locator(".alone .dora-ne-cell").nth(6)
    expect(cell).to_have_text("6")
    before = lengths(page)
    assert len(before) == 9
    drag(cell, 0, -40, steps=5)
    settle(page)
    moved = [i for i, (old, new) in enumerate(zip(before, lengths(page), strict=True)) if abs(old - new) > 0.6]
    assert moved == [1, 4 + 1]
    page.locator(".alone .dora-reset").click()


def count_hands(page: Page) -> None:
    """Letters count without a click, nothing tells the answer, and the reveal says which is right."""
    before = page.locator(".alone .dora-predict-reply").filter(visible=True)
    assert before.count() == 0
    for letter in "abbc":
        page.keyboard.press(letter)
    expect(page.locator(".alone").get_by_label("Hands for (b)")).to_have_value("2")
    assert room.faults(page) == []
    page.get_by_role("button", name="Reveal the answer").click()
    expect(page.locator(".alone [data-told=right]")).to_have_count(1)
    expect(page.locator(".alone [data-told=wrong] .dora-predict-reply").first).to_be_visible()


def count_without_magnitudes(page: Page) -> None:
    """A third total, for LoRA alone."""
    page.locator(".alone").get_by_role("radio", name="none: LoRA").click()
    expect(page.locator(".alone .dora-sentence")).to_contain_text("78,151,680 trainable parameters")


def turn_another_knob(page: Page) -> None:
    """Move output 2, and no other: per output its knob does it."""
    per = "output" if "output_knobs" in page.url else "input"
    page.locator(".alone .dora-kn-dial:not(.dora-kn-away) > input").nth(2).press("ArrowUp")
    expect(page.locator(".alone .dora-sentence")).to_contain_text(
        "4 of 4 outputs" if per == "input" else "of 4 outputs"
    )


# Keys scroll a frame or more after they were pressed, on a slow machine many.
SCROLLED = """async (box) => {
    for (let frames = 0; !box.scrollTop && frames < 600; frames += 1) await new Promise(requestAnimationFrame);
    return box.scrollTop;
}"""


def scroll_by_keys(page: Page) -> None:
    """What is longer than the screen moves by the arrow keys, without a click first, and N still goes on."""
    tall = "(box) => box.scrollHeight - box.clientHeight - box.scrollTop"
    if page.locator(".alone").evaluate(tall) > 1:
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        assert page.locator(".alone").evaluate(SCROLLED) > 0


def read_five_lines(page: Page) -> None:
    shown = page.locator(".alone")
    scroll_by_keys(page)
    expect(shown).to_contain_text("def poke(layer, magnitude, x):")
    expect(shown).to_contain_text("peft: 1 of 576 outputs moved")
    expect(shown).to_contain_text("ours, per input: 576 of 576 outputs moved")


def read_four_rows(page: Page) -> None:
    scroll_by_keys(page)
    assert page.locator(".alone tbody tr").count() == 4
    expect(page.locator(".alone")).to_contain_text("the first author")


def let_the_race_end(page: Page) -> None:
    """Per output wins the teacher that rescales outputs, by far; per input the one that rescales inputs."""
    for teacher, winner in (("rescales outputs", "per output"), ("rescales inputs", "per input")):
        page.locator(".alone").get_by_role("button", name=teacher).click()
        page.locator(".alone .dora-race-run").click()
        expect(page.locator(".alone .dora-race-run")).to_have_text("Run again", timeout=90_000)
        expect(page.locator(".alone .dora-sentence")).to_contain_text(f"{winner} is ahead")


def open_its_table(page: Page) -> None:
    expect(page.locator(".alone .dora-ad-table tbody tr").first).to_be_visible()


PLAYS: dict[tuple[str, str], Callable[[Page], None]] = {
    ("norms", ""): drag_a_cell,
    ("fingerprint", ""): count_without_magnitudes,
    ("hero", "output_knobs:1~1.5"): turn_another_knob,
    ("hero", "input_knobs:1~1.5;per:input"): turn_another_knob,
    ("five-lines-for-any-linear-layer", ""): read_five_lines,
    ("the-verdict-one-magnitude-per-output", ""): read_four_rows,
    ("race", "input:0;output:1"): let_the_race_end,
    ("detective", "example:input"): open_its_table,
}


def play(page: Page, id: str, state: str) -> None:
    if state == "room:votes":
        count_hands(page)
    elif act := PLAYS.get((id, state)):
        act(page)


@pytest.fixture
def windows(visit, site) -> Callable[[str], tuple[Page, Page]]:
    """windows(session) opens a sheet from disk and, with its first N, the room's window beside it."""

    def open_both(session: str) -> tuple[Page, Page]:
        own = visit(f"{site.as_uri()}/book/teach/{session}.html")
        with own.expect_popup() as opening:
            own.keyboard.press("n")
        opening.value.set_viewport_size(PROJECTOR)
        opening.value.emulate_media(reduced_motion="reduce")
        return own, opening.value

    return open_both


HOUR = pytest.param("60-minutes", marks=pytest.mark.deep)  # whose every step the long session has, says test_teach.py


@pytest.mark.parametrize("session", ["15-minutes", HOUR, "90-minutes"])
def test_each_link_shows_in_the_room_what_the_sheet_says_and_does_what_it_says_to_do(session, windows, site):
    own, there = windows(session)
    lost = []
    there.on("console", lambda line: line.type in ("error", "warning") and lost.append(line.text))
    there.on("pageerror", lambda error: lost.append(str(error)))
    links = stations(site, session)
    assert len(links) >= 5
    wrong = []
    for number, link in enumerate(links):
        if number:
            (own if number % 2 else there).keyboard.press("n" if number % 2 else "PageDown")
        id, _, state = link["href"].split("#")[1].partition("=")
        there.wait_for_url(re.compile(re.escape(f"#{id}{'=' if state else ''}{state}") + "$"))
        expect(there.locator(".alone")).to_have_attribute("id", id, timeout=15_000)
        expect(there.locator(".alone:is(section, [data-ready=true])")).to_have_count(1, timeout=15_000)
        if said := quoted(link):
            expect(there.locator(".alone .dora-sentence")).to_contain_text(said)
        wrong += [f"{words(link)}: {fault}" for fault in room.faults(there)]
        play(there, id, state)
        wrong += [f"{words(link)}, played: {fault}" for fault in room.faults(there)]
    assert not wrong, "\n".join(wrong)
    assert own.problems == lost == []
    assert own.url.endswith(f"{session}.html"), "the sheet stays where it is"
    assert len(own.context.pages) == 2, "one window for the room"


def test_a_link_that_is_clicked_is_the_one_that_next_goes_on_from(windows, site):
    own, there = windows("15-minutes")
    links = stations(site, "15-minutes")
    own.locator('article section a[target="dora-room"]:not(.glance a)').nth(2).click()
    there.wait_for_url(re.compile(re.escape(links[2]["href"].split("#")[1])))
    room.alone(there)
    expect(own.locator("[aria-current=step]")).to_have_count(1)
    there.keyboard.press("PageUp")
    there.wait_for_url(re.compile(re.escape(links[1]["href"].split("#")[1])))
    expect(own.locator(".sheet-bar")).to_contain_text(f"In the room: {words(links[1])}")


def test_a_sheet_hears_the_rooms_window_alone_and_no_odd_message(windows):
    own, there = windows("15-minutes")
    said = own.locator(".sheet-bar").inner_text()
    for by in ("undefined", "'x'", "[]", "5", "-1e9", "null"):
        there.evaluate(f"window.opener.postMessage({{ room: 'turn', by: {by} }}, '*')")
    own.evaluate("window.postMessage({ room: 'turn', by: 1 }, '*')")  # another window of the same origin
    own.wait_for_timeout(300)
    assert own.locator(".sheet-bar").inner_text() == said
    there.keyboard.press("PageDown")
    expect(own.locator(".sheet-bar")).not_to_have_text(said)


def test_no_link_of_a_sheet_opens_over_the_sheet(site):
    for session in SESSIONS:
        for link in sheet(site, session).select("article a.state, .glance a"):
            if "?room" in link["href"]:
                assert link["target"] == "dora-room"


# ---- sheet and deck


def starts(site: Path) -> dict[str, float]:
    """When each figure of the deck comes, in minutes."""
    deck = parsed(site / "book/teach/slides.html")
    passed, found = 0.0, {}
    for slide in deck.select(".slides > section"):
        for figure in slide.select("figure[data-figure]"):
            found[figure["id"]] = passed
        passed += float(slide.select_one("aside.notes")["data-minutes"])
    return found


def test_the_deck_shows_the_figures_of_the_hour_when_the_sheet_does(site):
    clock = {}
    for link in stations(site, "60-minutes"):
        hours, minutes = words(link.find_parent("section").select_one(".clock")).split(":")
        clock.setdefault(link["href"].split("#")[1].partition("=")[0], 60 * int(hours) + int(minutes))
    both = {id: (at, clock[id]) for id, at in starts(site).items() if id in clock}
    assert {"direction", "how-many", "which-check", "hero", "when-load"} <= set(both)
    assert [id for id, (slide, step) in both.items() if slide != step] == []
