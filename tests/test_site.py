"""The built pages, in a real Chromium with the network off: over http and from disk, light and dark, wide and narrow."""

import re
import shutil
import unicodedata
from urllib.parse import unquote, urldefrag

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import expect
from support.pages import CHAPTER, DRIVEN, FILES, PAGES, anchors, parsed, unfold, unreadable, violations

# ---- every page; test_pages.py has what needs one that is open


@pytest.mark.parametrize("name", DRIVEN)  # test_pages.py opens the others from disk
def test_page_from_disk_asks_nobody_else_and_logs_nothing(name, site, visit):
    page = visit(f"{site.as_uri()}/{name}")
    unfold(page)
    assert page.problems == []


FAINT = '<p style="color: #999">One word</p>'


@pytest.mark.parametrize(
    ("body", "unread", "axe"),
    [
        (FAINT, 1, ["color-contrast"]),
        (2 * FAINT, 2, ["color-contrast"]),  # alike, so axe looks at one of them
        (f'<p>A word</p><div style="background: #333">{FAINT.replace("999", "555")}</div>', 1, ["color-contrast"]),
        (
            '<p>Words, and <a href="#x" style="color: #036; text-decoration: none">more</a>.</p>',
            1,
            ["link-in-text-block"],
        ),
        ('<p>Words, and <a href="#x" style="color: #036">more</a>.</p>', 0, []),
        ("<button></button>", 0, ["button-name"]),
    ],
)
def test_what_cannot_be_read_is_seen(body, unread, axe, window):
    page = window.lend(())
    page.set_content(f"<html lang=en><title>A page</title><main><h1>A page</h1>{body}</main></html>")
    assert len(unreadable(page)) == unread
    assert [line.split(":")[0] for line in violations(page)] == axe


@pytest.mark.parametrize("name", PAGES)
def test_page_has_one_heading_a_language_and_a_title_of_its_own(name, site):
    soup = parsed(site / name)
    assert soup.html["lang"] == "en"
    assert len(soup.find_all("h1")) == 1
    assert len(soup.title.text) > 8
    assert name == "search.html" or len(soup.find("meta", attrs={"name": "description"})["content"]) > 20


def test_titles_differ(site):
    titles = [parsed(site / name).title.text for name in PAGES]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_within_the_book_leads_somewhere(name, site):
    soup = parsed(site / name)
    for link in soup.select("a[href], link[href], script[src], img[src]"):
        target, anchor = urldefrag(unquote(link.get("href") or link.get("src")))
        if re.match(r"[a-z]+:", target):
            continue
        file = ((site / name).parent / target.split("?")[0]).resolve() if target else site / name
        assert file.is_file(), f"{name} links to {target}, which is not there"
        if anchor and "=" not in anchor:  # a figure's state is no anchor
            assert anchor in anchors(file), f"{name} links to {target}#{anchor}, which is not there"


@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_drawn_and_none_is_left_as_source(name, site):
    skipped = {"code", "pre", "script", "figure"}
    pieces = parsed(site / name).find("main").find_all(string=True)
    words = "".join(piece for piece in pieces if not skipped & {parent.name for parent in piece.parents})
    assert not re.search(r"\$[^$\n]+\$|\\(?:frac|text|lVert|mathbb|begin|odot|times)\b", words)


def test_the_maths_font_has_every_character_of_every_formula(site):
    drawn = set()
    for name in PAGES:
        for element in parsed(site / name).select("mi, mo, mn, mtext"):
            letters = element.get_text()
            alone = element.name == "mi" and len(letters) == 1 and not element.get("mathvariant")
            drawn |= {italic(letters) if alone else letter for letter in letters}
    font = TTFont(site / "_static" / "fonts" / "stix-two-math.woff2").getBestCmap()
    invisible = {"\u2061", "\u2062", "\u200b", "\u2009", "\u202f"}
    assert {letter for letter in drawn if ord(letter) not in font} - invisible == set()


def italic(letter: str) -> str:
    """The character that a letter alone in <mi> is drawn with."""
    match = re.fullmatch("(?:LATIN|GREEK) (SMALL|CAPITAL) LETTER (.+)", unicodedata.name(letter))
    if not match or letter == "h":
        return "\N{PLANCK CONSTANT}" if match else letter
    return unicodedata.lookup(f"MATHEMATICAL ITALIC {match[1]} {match[2]}")


@pytest.mark.parametrize("name", PAGES)
def test_pictures_wait_for_the_reader_and_keep_their_place(name, site):
    for picture in parsed(site / name).select("article img"):
        assert picture["loading"] == "lazy"
        assert int(picture["width"]) > 0
        assert int(picture["height"]) > 0
        assert len(picture["alt"] or picture.find_parent(role="img")["aria-label"]) > 20  # of panels their picture's


# ---- the policy


@pytest.mark.parametrize("name", PAGES)
def test_no_cell_shows_a_control_that_needs_a_kernel(name, site):
    """What stands below a cell before any script runs cannot be moved: a figure's controls come with its script."""
    shown = parsed(site / name).select(".cell_output")
    controls = "input, button, select, [role=slider], [class*=widget], script[type*=widget]"
    assert [found for output in shown for found in output.select(controls)] == []
    assert not [line for output in shown if (line := re.search(r"\w+\(children=.*", output.get_text()))]


def test_every_control_of_a_figure_in_a_box_moves_it_without_a_kernel(address, visit):
    page = visit(f"{address}book/4-shape-mismatch.html#drive-it-from-python")
    boxed = page.locator(".dora-box .dora-figure")
    assert boxed.count() == 3
    for figure in boxed.all():
        figure.scroll_into_view_if_needed()
        says = figure.get_by_role("status")
        says.wait_for()
        controls = figure.locator("input:not(:checked, details:not([open]) *)").element_handles()
        assert len(controls) >= 3
        for control in controls:
            before = says.inner_text()
            control.focus()
            page.keyboard.press("Space" if control.get_attribute("type") == "radio" else "ArrowRight")
            expect(says).not_to_have_text(before)
            figure.get_by_role("button", name="Reset").click()
            expect(says).to_have_text(before)
    assert page.problems == []


def test_an_inline_script_does_not_run(base, site, visit, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    page = copy / CHAPTER
    page.write_text(
        page.read_text(encoding="utf-8").replace("</body>", "<script>document.title = 'ran'</script></body>"), "utf-8"
    )
    seen = visit(f"{copy.as_uri()}/{CHAPTER}")
    assert seen.title() != "ran"
    assert any("Content Security Policy" in problem for problem in seen.problems)


@pytest.mark.parametrize("name", [*PAGES, "index.html"])
def test_page_carries_the_policy_and_no_inline_script(name, site):
    soup = parsed(site / name)
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src[^;]*unsafe-inline", policy) is None
    assert [script for script in soup.find_all("script") if not script.get("src") and not data(script)] == []
    assert [tag.name for tag in soup.find_all(lambda tag: any(key.startswith("on") for key in tag.attrs))] == []


def data(script) -> bool:
    return script.get("type") == "application/json"


# ---- what a reader does


def test_search_finds_a_word_and_leads_to_it(base, visit):
    page = visit(f"{base}{CHAPTER}")
    page.get_by_role("searchbox", name="Search the book").fill("magnitude")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=magnitude*")
    first = page.locator("#search-results li a").first
    expect(first).to_be_visible()
    first.click()
    page.wait_for_url("**/book/**")
    assert "magnitude" in page.locator("main").inner_text()
    assert page.problems == []


def test_search_says_so_when_nothing_is_found(address, visit):
    page = visit(f"{address}search.html?q=zyzzyva")
    expect(page.locator("#search-results")).to_contain_text("did not match")


BLOCKED = """Object.defineProperty(window, "localStorage", { configurable: true, get() { throw new DOMException("no", "SecurityError"); } })"""


def test_search_works_where_the_browser_keeps_nothing(address, visit):
    page = visit(f"{address}search.html?q=magnitude", before=BLOCKED)
    expect(page.locator("#search-results li a").first).to_be_visible()
    assert page.problems == []


def test_search_takes_a_word_of_thousands_of_letters(site, visit):
    page = visit(f"{site.as_uri()}/search.html?q={'w' * 200_000}")
    expect(page.locator("#search-results")).to_contain_text("did not match")
    assert page.problems == []


@pytest.mark.parametrize(("kept", "theme"), [("light", "light"), ("blue", "dark"), (None, "dark")])
def test_a_theme_that_is_none_of_ours_is_no_choice(kept, theme, address, visit):
    ours = f"localStorage.setItem('dora-theme', '{kept}')" if kept else ""
    another = "localStorage.setItem('theme', 'light')"  # of another project at this address
    page = visit(address + FILES[0] + ".html", theme="dark", before=f"{another}; {ours}")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)


def test_the_theme_switch_is_kept_from_page_to_page(base, visit):
    page = visit(base + CHAPTER)
    switch = page.get_by_role("button", name="Dark theme")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.focus()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.goto(base + FILES[0] + ".html")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_once_an_option_is_chosen_its_answer_offers_the_run(address, visit):
    page = visit(address + CHAPTER)
    question, said = page.locator(".tag_predict").first, page.locator(".tag_answer summary").first
    question.scroll_into_view_if_needed()
    option = question.locator(".dora-predict-options button").first
    option.wait_for()
    expect(said).to_have_text("Reveal the answer", use_inner_text=True)
    option.click()
    expect(said).to_have_text("Show the run", use_inner_text=True)
    question.get_by_role("button", name="Reset").click()
    expect(said).to_have_text("Reveal the answer", use_inner_text=True)


def test_an_answer_is_folded_until_it_is_asked_for(address, visit):
    page = visit(address + CHAPTER)
    fold = page.locator(".tag_answer details").first
    summary = fold.locator("> summary")
    expect(summary).to_have_text(re.compile("Reveal the answer"))
    whole = [fold.locator(".cell_input").first, fold.locator(".cell_output"), fold.locator("> p").first]
    expect(whole[-1]).to_have_text(re.compile(r"It is \([abc]\)"))
    for part in whole:  # the code too: it names the option that it computes
        expect(part).to_be_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    for part in whole:
        expect(part).to_be_visible()


def test_a_solution_is_folded_with_its_code(address, visit):
    page = visit(address + CHAPTER)
    fold = page.locator(".tag_solution details").first
    expect(fold.locator("summary")).to_have_text(re.compile("Show a solution"))
    expect(fold.locator("pre").first).to_be_hidden()


def test_code_is_copied_by_its_button(address, visit):
    page = visit(address + CHAPTER, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".fold.thin summary").first.click()
    button = page.locator(".cell_input .copy").first
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("import ")


def test_contents_open_and_close_by_keyboard_where_there_is_no_room_for_them(address, visit):
    page = visit(address + CHAPTER, width=320)
    contents = page.get_by_role("navigation", name="Book")
    expect(contents).to_be_hidden()
    page.get_by_role("button", name="Contents").focus()
    page.keyboard.press("Enter")
    expect(contents.get_by_role("link", name="Glossary")).to_be_visible()
    page.keyboard.press("Escape")
    expect(contents).to_be_hidden()


def test_the_first_tab_leads_past_the_navigation(address, visit):
    page = visit(address + CHAPTER)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"


# Where a node stands once it has stood still for thirty frames, and what is on the screen is built: a page may glide.
LANDED = """async (node) => {
    const shown = (box) => box.bottom > 0 && box.top < innerHeight;
    const waiting = () => [...document.querySelectorAll("figure[data-figure]:not([data-ready=true])")]
        .some((figure) => figure.checkVisibility() && shown(figure.getBoundingClientRect()));
    for (let alike = 0, before = NaN, frames = 0; alike < 30 && frames < 3000; frames += 1) {
        const { top } = node.getBoundingClientRect();
        alike = top === before && !waiting() ? alike + 1 : 0;
        before = top;
        await new Promise(requestAnimationFrame);
    }
    return node.getBoundingClientRect().top;
}"""


@pytest.mark.parametrize("target", ["how-wrong-is-it-then", "when-load=room:votes"])
def test_a_link_far_down_a_chapter_lands_there_although_the_figures_above_grow(target, address, visit):
    page = visit(f"{address}book/index.html")
    page.emulate_media(reduced_motion="no-preference")  # as most readers have it
    page.goto(f"{address}book/4-shape-mismatch.html#{target}")
    assert 0 < page.locator(f"#{target.split('=')[0]}").evaluate(LANDED) < 200


def test_page_reads_without_script(base, visit):
    page = visit(base + CHAPTER, script=False)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation", name="Book").get_by_role("link", name="Glossary")).to_be_visible()
    expect(page.locator("math").first).to_be_visible()
    expect(page.get_by_role("button", name="Dark theme")).to_be_hidden()
    page.locator(".tag_answer summary").first.click()
    expect(page.locator(".tag_answer .cell_output").first).to_be_visible()
    assert page.problems == []


def test_paper_shows_what_is_folded_and_no_navigation(address, visit):
    page = visit(address + CHAPTER, script=False)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Book")).to_be_hidden()
    assert page.locator(".tag_answer .cell_output").first.bounding_box()["height"] > 10


def test_the_sites_own_address_leads_to_the_first_page(base, visit):
    page = visit(f"{base}index.html")
    page.wait_for_url(f"**/{FILES[0]}.html")
    assert page.problems == []


def test_wide_tables_and_code_scroll_inside_themselves_by_keyboard(address, visit):
    page = visit(address + CHAPTER, width=320)
    wide = page.locator("main :is(pre, .pst-scrollable-table-container, .formula)").evaluate_all(
        "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.tabIndex)"
    )
    assert wide
    assert set(wide) == {0}
