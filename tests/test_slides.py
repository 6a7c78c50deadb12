"""The deck: one page of slides with live figures, from http and from disk, with the network off."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
import slides
import stored_cells
from playwright.sync_api import Page, expect
from support import guards
from support.live_page import drag, settle
from support.pages import FILES, NOT_REDRAWN, PAGES, ROOT, parsed, unreadable, violations
from support.window import Window

DECK = "book/teach/slides.html"
SOURCE = ROOT / "book" / "teach" / "slides.md"
CHAPTERS = [ROOT / f"{file}.ipynb" for file in FILES if (ROOT / f"{file}.ipynb").exists()]


@pytest.fixture
def show(visit) -> Callable[..., Page]:
    """show(base, ...) opens the deck in a window of 1280 × 720 and waits until every figure in it is alive."""

    def open_deck(base: str, hash: str = "", *, width: int = 1280, height: int = 720, **options) -> Page:
        page = visit(f"{base}{DECK}{hash}", width=width, **options)
        page.set_viewport_size({"width": width, "height": height})
        return alive(page)

    return open_deck


def alive(page: Page) -> Page:
    expect(page.locator("html")).to_have_attribute("data-deck", "ready", timeout=60_000)
    expect(page.locator("figure[data-figure]:not([data-ready=true])")).to_have_count(0, timeout=60_000)
    page.evaluate("document.fonts.ready.then(() => 0)")
    return page


@pytest.fixture(scope="module")
def kept(browser, address) -> Page:
    page = Window(browser).lend((address,), height=720, reduced_motion="reduce")
    page.goto(address + DECK)
    return alive(page)


@pytest.fixture
def page(kept) -> Page:
    """The deck on its first slide, loaded once for all tests that leave its figures and its settings as they are."""
    kept.set_viewport_size({"width": 1280, "height": 720})
    go(kept, "start")
    kept.evaluate("document.activeElement.blur()")
    settle(kept)
    return kept


PUT_BACK = """() => document.querySelectorAll(".dora-reset").forEach((reset) => reset.click())"""


@pytest.fixture
def used(page) -> Iterator[Page]:
    """The same, for a test that moves a figure: figures stand as they are stored again behind it."""
    yield page
    page.evaluate(PUT_BACK)
    assert page.problems == []


@pytest.fixture(scope="module", params=["http", "disk"])
def opened_pair(request, browser, site) -> tuple[Page, Page]:
    base = request.getfixturevalue("address") if request.param == "http" else f"{site.as_uri()}/"
    page = Window(browser).lend((base,), height=720, reduced_motion="reduce")
    page.goto(base + DECK)
    alive(page)
    with page.expect_popup() as opening:
        page.keyboard.press("s")
    speaker = opening.value
    speaker.on("console", lambda line: line.type in ("error", "warning") and page.problems.append(line.text))
    speaker.on("pageerror", lambda error: page.problems.append(str(error)))
    return page, speaker


@pytest.fixture
def pair(opened_pair) -> tuple[Page, Page]:
    """The deck on its first slide, and its speaker's window, opened once for the tests of both."""
    page, speaker = opened_pair
    page.keyboard.press("Home")
    expect(speaker.locator("h1")).to_contain_text("1 / ")
    return page, speaker


@pytest.fixture(scope="module")
def sections(site) -> list:
    return parsed(site / DECK).select(".slides > section")


def here(page: Page) -> str:
    return page.locator(".slides > section.present").get_attribute("id")


def go(page: Page, id: str) -> None:
    page.evaluate(
        "(id) => Reveal.slide([...document.querySelectorAll('.slides > section')].findIndex((slide) => slide.id === id))",
        id,
    )
    expect(page.locator(".slides > section.present")).to_have_attribute("id", id)


def slide_of(page: Page, figure: str) -> str:
    return page.evaluate("(id) => document.getElementById(id).closest('section').id", figure)


def reveal_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('section.present .fragment').forEach(() => Reveal.nextFragment())")


# Act so many times, and look after each time at what has been drawn.
EACH = """async ([times, act, look]) => {
  const doing = { "Reveal.next()": () => Reveal.next(), "reveal all": (i) => {
    Reveal.slide(i);
    document.querySelectorAll("section.present .fragment").forEach(() => Reveal.nextFragment());
  } }[act];
  const seen = [];
  for (let i = 0; i < times; i += 1) {
    doing(i);
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const page = document.querySelector("section.present .slide");
    seen.push([page.parentElement.id, Math.max(look === "down" ? page.scrollHeight - page.clientHeight : 0, page.scrollWidth - page.clientWidth)]);
  }
  return seen;
}"""


def status(page: Page, figure: str):
    return page.locator(f"#{figure} [role=status]").first


# ---- what is on the slides was computed


def cells_of_the_book() -> list[dict]:
    return [cell for chapter in CHAPTERS for cell in json.loads(chapter.read_text(encoding="utf-8"))["cells"]]


def test_every_number_on_a_slide_stands_in_an_output_or_an_assertion_of_a_chapter():
    code = [cell for cell in cells_of_the_book() if cell["cell_type"] == "code"]
    words = {"cell_type": "markdown", "source": SOURCE.read_text(encoding="utf-8"), "metadata": {}}
    assert guards.prose_numbers_are_computed({"cells": [*code, words]}) == []


def test_the_word_column_never_stands_without_a_shape():
    words = {"cell_type": "markdown", "source": SOURCE.read_text(encoding="utf-8"), "metadata": {}}
    assert guards.column_has_a_shape({"cells": [words]}) == []


def test_what_is_printed_on_a_slide_is_printed_or_written_in_a_chapter(sections):
    code = [cell for cell in cells_of_the_book() if cell["cell_type"] == "code"]
    known = [
        line
        for cell in code
        for text in [*guards.output_texts(cell), guards.text(cell["source"])]
        for line in text.splitlines()
    ]
    lines = [line.strip() for pre in sections for block in pre.select("pre") for line in block.get_text().splitlines()]
    assert len(lines) > 12
    assert [line for line in lines if not any(line in stored for stored in known)] == []


def test_the_figures_are_the_chapters_own_in_their_stored_state(sections):
    stored = {}
    for cell in cells_of_the_book():
        for text in guards.output_texts(cell):
            if match := re.search(r'<figure[^>]*data-figure="([^"]*)".*?json">(.*?)</script>', text, re.S):
                stored.setdefault(match[1], []).append(json.loads(match[2])["state"])
    shown = [
        (figure["data-figure"], json.loads(figure.script.string)["state"])
        for slide in sections
        for figure in slide.select("figure[data-figure]")
    ]
    assert len(shown) >= 5
    for name, state in shown:
        votes = {"room": "votes", "hands": [0] * len(state.get("options", []))} if name == "predict" else {}
        assert state in [{**kept, **votes} for kept in stored[name]]


def test_the_first_slide_shows_both_sets_of_lengths_and_not_which_of_them_is_m(sections, site):
    handout = parsed(site / "book/teach/handout.html")
    asked, told = (
        [text.get_text() for text in soup.select_one("svg.axis-picture").select("text")]
        for soup in (sections[0], handout)
    )
    names = {"DoRA, peft", "Raschka, catid"}
    assert names < set(told)
    assert asked == [text.removeprefix("m ") for text in told if text not in names]


def test_every_slide_has_a_heading_and_notes_and_the_minutes_make_an_hour(sections):
    assert 15 <= len(sections) <= 20
    minutes = []
    for slide in sections:
        heading = slide.select_one("h1, h2").get_text()
        (notes,) = slide.select("aside.notes")
        assert len(notes.get_text()) > 60, f"{heading!r} has next to no notes"
        minutes.append(float(notes["data-minutes"]))
    assert min(minutes) >= 1
    assert sum(minutes) == 60


def test_the_notes_of_a_question_say_what_to_answer_to_each_option(sections):
    for slide in sections:
        for figure in slide.select("figure[data-figure=predict]"):
            state = json.loads(figure.script.string)["state"]
            said = slide.select_one("aside.notes").get_text()
            assert all(reply.replace("`", "") in said for _, reply in state["options"])
            assert f"({'abcde'[state['right']]}) right." in said


# ---- asked for what is not there


def notebook(*outputs: dict, source: str = "x = 1") -> list[dict]:
    return [{"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}}]


FIGURE = '<figure class="dora-figure" id="one" data-figure="predict">\n<script type="application/json">{"state":{"rank":1}}</script>\n</figure>'


def test_what_a_chapter_does_not_hold_is_an_error_that_names_it():
    html = {"data": {"text/html": FIGURE}}
    with pytest.raises(ValueError, match="0 live figures 'two'"):
        stored_cells.figure(notebook(html), "two")
    with pytest.raises(ValueError, match="2 live figures 'one'"):
        stored_cells.figure(notebook(html, html), "one")
    with pytest.raises(ValueError, match="no printed line matches '\\^loss'"):
        stored_cells.printed(notebook({"text": "a loss\n"}), "^loss")
    with pytest.raises(ValueError, match="no cell defines a function poke"):
        stored_cells.function(notebook(), "poke")
    with pytest.raises(ValueError, match="the figure 'one' has no 'rows'"):
        slides.states("one", ["rank:2 = two", "rows:3 = three"], {"rank": 1})


def test_stored_things_come_back_whole():
    assert stored_cells.figure(notebook({"data": {"text/html": [FIGURE[:40], FIGURE[40:]]}}), "one") == FIGURE
    assert stored_cells.page_data(stored_cells.with_page_data(FIGURE, {"state": {"says": "</script>"}})) == {
        "state": {"says": "</script>"}
    }
    assert (
        "</script>"
        not in stored_cells.STATE.search(stored_cells.with_page_data(FIGURE, {"state": {"says": "</script>"}}))[2]
    )
    assert stored_cells.printed(notebook({"text": "  a 1\nb\n    a 2\n  a 1\n"}), "a") == "a 1\n  a 2"
    code = "y = 2\n\n\n@torch.no_grad()\ndef poke(layer):\n    return layer  # (out,)\n\n\nz = 3\n"
    assert (
        stored_cells.function(notebook(source=code), "poke") == "@torch.no_grad()\ndef poke(layer):\n    return layer"
    )


# ---- the page


def test_only_the_deck_loads_the_decks_scripts_and_its_policy_is_that_of_every_page(site):
    policies = {
        name: parsed(site / name).find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
        for name in PAGES
    }
    assert len(set(policies.values())) == 1
    assert DECK in policies
    for name in PAGES:
        loaded = [
            tag.get("src") or tag.get("href") for tag in parsed(site / name).select("script[src], link[rel=stylesheet]")
        ]
        assert any("/deck/" in file for file in loaded) == (name == DECK)


def test_the_whole_deck_asks_nobody_else_and_logs_nothing(base, show, sections):
    page = show(base)
    steps = len(sections) + sum(len(slide.select(".fragment")) for slide in sections) - 1
    page.evaluate(EACH, [steps, "Reveal.next()"])
    assert here(page) == sections[-1]["id"]
    expect(page.locator(".place")).to_have_text(f"{len(sections)} / {len(sections)}")
    assert page.problems == []


def test_keys_move_and_the_address_follows(address, show, sections):
    page = show(address)
    ids = [slide["id"] for slide in sections]
    assert here(page) == ids[0]
    page.keyboard.press("ArrowRight")
    assert here(page) == ids[1]
    assert page.url.endswith(f"#{ids[1]}")
    hidden = page.locator("section.present .fragment").first
    expect(hidden).to_be_hidden()
    page.keyboard.press("Space")
    expect(hidden).to_be_visible()
    assert here(page) == ids[1]
    page.keyboard.press("PageDown")
    assert here(page) == ids[2]
    page.keyboard.press("End")
    assert here(page) == ids[-1]
    page.keyboard.press("ArrowLeft")
    assert here(page) == ids[-2]
    page.keyboard.press("Home")
    assert here(page) == ids[0]
    page.reload()
    page.goto(f"{address}{DECK}#{ids[4]}")
    expect(page.locator(".slides > section.present")).to_have_attribute("id", ids[4])


def test_only_the_present_slide_is_seen_by_anybody(page):
    page.keyboard.press("End")
    seen = page.locator(".slides > section").evaluate_all(
        "(all) => all.filter((one) => getComputedStyle(one).visibility === 'visible').length"
    )
    assert seen == 1
    assert page.locator(".reveal").get_attribute("role") is None


def test_the_list_leads_to_a_slide_by_keyboard(page):
    page.get_by_role("button", name="All slides").focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("navigation", name="Slides").get_by_role("link", name="The poke test, for any layer")
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("section.present h2")).to_have_text("The poke test, for any layer")
    expect(link).to_be_hidden()


@pytest.mark.parametrize(("name", "opens"), [("All slides", "#deck-list"), ("Keys", "#deck-keys")])
def test_escape_closes_what_the_bar_has_opened(name, opens, page):
    page.get_by_role("button", name=name).click()
    expect(page.locator(opens)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(opens)).to_be_hidden()


# ---- figures in place


def test_dragging_in_a_figure_moves_the_figure_and_not_the_slide(used):
    page, slide = used, slide_of(used, "direction")
    go(page, slide)
    before = status(page, "direction").inner_text()
    drag(page.locator("#direction .dora-ne-cell").nth(6), 60, -60, steps=6)
    expect(status(page, "direction")).not_to_have_text(before)
    assert here(page) == slide


def test_keys_in_a_figure_are_the_figures_but_for_a_clickers(used):
    page, slide = used, slide_of(used, "direction")
    go(page, slide)
    slider = page.locator("#direction .dora-ne-cell").nth(6)
    slider.focus()
    value = slider.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    page.keyboard.press("End")
    expect(slider).not_to_have_attribute("aria-valuenow", value)
    assert here(page) == slide
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    assert here(page) != slide
    go(page, slide)
    slider.focus()
    page.keyboard.press("PageDown")
    assert here(page) not in ("start", slide)


def test_links_on_a_slide_set_its_figure_and_work_twice(used):
    page, slide = used, slide_of(used, "direction")
    go(page, slide)
    link = page.locator("section.present .states a", has_text="per input")
    for _ in range(2):
        expect(status(page, "direction")).to_contain_text("One magnitude per output")
        link.click()
        expect(status(page, "direction")).to_contain_text("One magnitude per input")
        page.locator("#direction .dora-reset").evaluate("(button) => button.click()")
    page.locator("section.present .states a", has_text="per output").click()
    expect(status(page, "direction")).to_contain_text("One magnitude per output")
    assert here(page) == slide


def test_every_link_to_a_state_changes_its_figure(used, sections):
    page = used
    assert sum(len(slide.select(".states a")) for slide in sections) >= 5
    for slide in sections:
        for link in slide.select(".states a:not([href$='='])"):
            figure = re.match("#([a-z-]+)=", link["href"])[1]
            go(page, slide["id"])
            page.locator(f"#{figure} .dora-reset").evaluate("(button) => button.click()")
            shown = page.locator(f"#{figure} .dora")
            before = shown.inner_text()
            page.evaluate("(hash) => { location.hash = hash; }", "#-")
            page.evaluate("(hash) => { location.hash = hash; }", link["href"])
            expect(shown).not_to_have_text(before, use_inner_text=True)


def test_an_address_opens_the_slide_with_its_figure_in_a_state_and_sets_none_of_the_decks_options(base, show):
    page = show(base, "?postMessage=true&plugins=x&controls=true#direction=per:input;view:direction")
    assert here(page) == slide_of(page, "direction")
    expect(status(page, "direction")).to_contain_text("One magnitude per input")
    assert page.evaluate("[Reveal.getConfig().postMessage, Reveal.getConfig().controls]") == [False, False]
    assert page.problems == []


def test_hands_are_counted_and_the_next_key_reveals(used):
    page, slide = used, slide_of(used, "when-load")
    go(page, slide)
    page.locator("#when-load").get_by_role("button", name="One hand more for (a)").click()
    page.keyboard.press("c")
    expect(page.locator("#when-load").get_by_label("Hands for (c)")).to_have_value("1")
    right = json.loads(page.locator("#when-load script").text_content())["state"]["right"]
    reply = page.locator("#when-load .dora-predict-reply").nth(right)
    expect(reply).to_be_hidden()
    page.keyboard.press("PageDown")
    expect(reply).to_be_visible()
    expect(reply).to_contain_text("right")
    assert here(page) == slide
    page.keyboard.press("PageUp")
    expect(reply).to_be_hidden()
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    assert here(page) != slide


# ---- the speaker


def test_notes_are_shown_beneath_the_slide(page):
    beneath = page.get_by_role("complementary", name="Notes to this slide")
    expect(beneath).to_be_hidden()
    page.keyboard.press("t")
    expect(beneath).to_contain_text("Arrow keys turn the slides")
    page.keyboard.press("ArrowRight")
    expect(beneath).to_contain_text("The answers: (128, 784)")
    page.keyboard.press("t")
    expect(beneath).to_be_hidden()


def test_the_speakers_window_stays_where_it_is_when_it_is_sent_no_slide(pair):
    page, speaker = pair
    title = speaker.locator("h1")
    send = "(index) => window.open('', 'dora-speaker').postMessage({ deck: 'at', index }, '*')"
    for index in (2, "x", 0.5, None):
        page.evaluate(send, index)
    expect(title).to_contain_text("3 / ")
    speaker.wait_for_timeout(300)
    expect(title).to_contain_text("3 / ")
    page.keyboard.press("ArrowRight")  # and hears the deck as before
    expect(title).to_contain_text("2 / ")


def test_another_sites_page_cannot_lead_a_speakers_window(address, browser):
    page = browser.new_context().new_page()
    page.route(
        "http://elsewhere.test/", lambda route: route.fulfill(body="<h1>Elsewhere</h1>", content_type="text/html")
    )
    page.goto("http://elsewhere.test/")
    with page.expect_popup() as opening:
        page.evaluate(f"window.theirs = window.open('{address}{DECK}?speaker#start')")
    title = opening.value.locator("h1")
    expect(title).to_contain_text("1 / ")
    page.evaluate("theirs.postMessage({ deck: 'at', index: 3 }, '*')")
    opening.value.wait_for_timeout(300)
    expect(title).to_contain_text("1 / ")


def test_odd_messages_turn_nothing_and_none_is_sent_to_another_site(pair):
    page, speaker = pair
    page.keyboard.press("ArrowRight")
    expect(speaker.locator("h1")).to_contain_text("2 / ")
    before = here(page)
    for data in ("{ deck: 'turn' }", "{ deck: 'turn', by: 'x' }", "{ deck: 'turn', by: [2] }", "{ deck: 'turn', by: -1e9 }", "null", "'turn'", "[]",
            "{ deck: { by: 1 } }", "JSON.stringify({ method: 'slide', args: [3] })"):  # fmt: skip
        speaker.evaluate(f"window.opener.postMessage({data}, '*')")
        page.evaluate(f"window.postMessage({data.replace('-1e9', '1')}, '*')")  # from no speaker's window
    page.wait_for_timeout(300)
    assert here(page) == before
    speaker.evaluate("window.opener.postMessage({ deck: 'turn', by: -1 }, '*')")
    expect(speaker.locator("h1")).to_contain_text("1 / ")
    assert page.problems == []


SENT = """window.sent = [];
Object.defineProperty(window, "opener", { value: { postMessage: (data, to) => window.sent.push(to), closed: false } });"""


@pytest.mark.parametrize("name", [f"{DECK}?speaker", "book/2-raschkas-layer.html?room"])
def test_a_window_speaks_to_its_own_site_alone(name, base, visit):
    """Whoever has opened it: what stands in another site's page is not told what the room sees. A page from disk has no site."""
    page = visit(base + name, before=SENT)
    page.wait_for_selector("html[data-deck=ready], .alone")
    page.keyboard.press("PageDown")
    sent = page.evaluate("window.sent")
    assert sent and set(sent) == {"*" if base.startswith("file") else base.rstrip("/")}


def test_the_speakers_window_goes_with_the_deck_and_turns_it(pair, sections):
    page, speaker = pair
    expect(speaker.locator(".says")).to_contain_text("Arrow keys turn the slides")
    expect(speaker.locator(".says p").first).to_have_css("font-style", "normal")
    page.keyboard.press("ArrowRight")
    expect(speaker.locator("h1")).to_contain_text("After this hour")
    expect(speaker.locator(".plan")).to_have_text("planned 1:00 to 3:00")
    expect(speaker.locator(".next")).to_contain_text("First, six letters on paper")
    expect(speaker.locator(".time")).to_have_text(re.compile(r"\d:\d\d"))
    speaker.keyboard.press("PageDown")  # the deck's next step is a fragment
    expect(page.locator("section.present .fragment")).to_be_visible()
    speaker.keyboard.press("PageDown")
    expect(speaker.locator("h1")).to_contain_text("First, six letters")
    speaker.keyboard.press("p")
    expect(speaker.locator("h1")).to_contain_text("After this hour")
    speaker.keyboard.press("Space")
    expect(speaker.locator("h1")).to_contain_text("First, six letters")
    assert here(page) == sections[2]["id"]
    assert page.problems == []


def test_the_speakers_page_alone_turns_by_itself(address, visit):
    page = visit(f"{address}{DECK}?speaker")
    expect(page.locator("h1")).to_contain_text("1 / ")
    page.keyboard.press("ArrowRight")
    expect(page.locator("h1")).to_contain_text("After this hour")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("h1")).to_contain_text("1 / ")
    assert violations(page) == []
    assert page.problems == []


# ---- large enough, small enough


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def test_a_pdf_has_a_page_for_each_slide_and_with_the_notes_two(page, sections):
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pages(pdf) == len(sections)
    assert set(re.findall(rb"/MediaBox\s*\[([^\]]*)\]", pdf)) == {b"0 0 960 540"}
    page.keyboard.press("t")
    assert pages(page.pdf(prefer_css_page_size=True, print_background=True)) == 2 * len(sections)
    page.keyboard.press("t")


def test_paper_shows_each_slide_whole_and_its_figure_as_it_stands(address, show):
    page = show(address, "#direction=per:input;view:direction", theme="dark", width=1920, height=1080)
    page.add_init_script(NOT_REDRAWN)
    page.reload()
    expect(status(alive(page), "direction")).to_contain_text("One magnitude per input")
    settle(page)
    page.evaluate("window.onPaper = true")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("html").get_attribute("data-theme") == "light"
    expect(status(page, "direction")).to_be_visible()
    expect(status(page, "direction")).to_contain_text("One magnitude per input")
    over = page.locator(".slide").evaluate_all(
        "(all) => all.map((one) => [one.parentElement.id, one.scrollHeight - one.clientHeight]).filter(([, by]) => by > 1)"
    )
    assert over == []
    faint = page.locator(".fragment:not([data-reveals])").evaluate_all(
        "(all) => all.filter((one) => getComputedStyle(one).opacity !== '1').length"
    )
    assert faint == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"


LETTERS = """() => [...document.querySelectorAll(".slide")].flatMap((slide) => {
  const small = [], walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const box = text.parentElement, { width, height } = box.getBoundingClientRect();
    if (!text.data.trim() || !box.checkVisibility() || Math.min(width, height) <= 2) continue;
    const size = parseFloat(getComputedStyle(box).fontSize) * (box.ownerSVGElement ? box.getScreenCTM().a : box.currentCSSZoom);
    if (size < 19.9) small.push(`${slide.parentElement.id}: ${size.toFixed(1)} px, ${text.data.trim().slice(0, 20)}`);
  }
  return small;
})"""


def test_no_letter_on_a_slide_is_smaller_than_20_pixels(page):
    assert page.evaluate(LETTERS) == []


def test_letters_count_wherever_the_focus_is_and_no_key_blacks_the_screen(used):
    page = used
    go(page, slide_of(page, "when-load"))
    hands = page.locator("#when-load").get_by_label("Hands for (b)")
    page.keyboard.press("b")
    expect(hands).to_have_value("1")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    expect(hands).to_have_value("2")
    page.locator("#when-load").get_by_role("button", name="One hand more for (a)").click()
    slide = here(page)
    for key in ("ArrowRight", "ArrowRight"):  # the answer, then the next slide, with the focus still in the question
        page.keyboard.press(key)
    assert here(page) != slide
    for key in ("b", ".", "/"):
        page.keyboard.press(key)
    assert page.locator(".reveal.paused").count() == 0
    page.keyboard.press("?")
    expect(page.locator("#deck-keys")).to_be_visible()
    page.keyboard.press("Escape")


def test_each_slide_fits_a_projector_in_type_that_can_be_read(page, sections):
    for width, height in ((1280, 720), (1920, 1080), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator(".slide[tabindex]")).to_have_count(0)
        seen = page.evaluate(EACH, [len(sections), "reveal all", "down"])
        assert [(id, over) for id, over in seen if over > 1] == [], (width, height)
        if width >= 1280:
            size = page.locator("section.present .slide").evaluate(
                "(one) => parseFloat(getComputedStyle(one).fontSize)"
            )
            assert size >= 28 * height / 720


def test_each_slide_fits_a_phone_or_a_much_enlarged_page(page, sections):
    page.set_viewport_size({"width": 320, "height": 640})
    settle(page)
    seen = page.evaluate(EACH, [len(sections), "reveal all", "across"])
    assert [(id, over) for id, over in seen if over > 1] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    go(page, slide_of(page, "direction"))
    assert page.locator("section.present .slide").get_attribute("tabindex") == "0"
    assert violations(page, "scrollable-region-focusable", "button-name", "label", "nested-interactive") == []


LOOKED_AT = """() => axe.run("section.present", { runOnly: ["color-contrast"] })
    .then(({ passes, incomplete }) => passes.length > 0 && !incomplete.some(({ nodes }) => nodes.some(({ target }) => /h1|h2/.test(target))))"""
KINDS = [
    "start",
    "two-codes-asked-for-the-shape-of-m",
    "what-the-paper-prints",
    "the-poke-test-for-any-layer",
    "how-wrong-is-a-silent-load",
]
FIGURES = ["direction", "when-load", "hero"]  # one of each kind that the deck shows


def test_slides_of_each_kind_are_accessible_in_both_themes(page):
    each = [*KINDS, *(slide_of(page, figure) for figure in FIGURES)]
    for id in each:
        go(page, id)
        reveal_all(page)
        for theme in ("dark", "light"):
            page.locator("html").evaluate("(root, theme) => { root.dataset.theme = theme; }", theme)
            assert unreadable(page) == [], f"{id}, {theme}"
        assert violations(page, within="section.present") == [], id
        assert page.evaluate(LOOKED_AT), f"{id}: nothing lies over the slide, so that its contrast can be seen"
    assert violations(page) == []


def test_the_theme_is_switched_and_kept(address, show):
    page = show(address)
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


def test_nothing_moves_for_who_asks_for_that(address, show):
    page = show(address)
    assert page.evaluate("Reveal.getConfig().transition") == "none"
    moving = page.locator("body *").evaluate_all(
        "(all) => all.filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length"
    )
    assert moving == 0
    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-deck", "ready")
    assert page.evaluate("Reveal.getConfig().transition") == "fade"


def test_without_script_the_slides_are_a_page_with_its_notes(base, visit, sections):
    page = visit(base + DECK, script=False)
    expect(page.locator(".slides h2").last).to_be_visible()
    expect(page.locator("aside.notes").last).to_be_visible()
    assert page.locator(".slides > section:visible").count() == len(sections)
    assert page.locator(".bar button:visible").count() == 0
    assert page.problems == []
