"""The run sheets and the handout: every link opens what the sheet says, the clock adds up, one page is one page."""

import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urljoin

import evidence
import live_host
import pytest
import stored_cells
import teach
import torch
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from dorabook.decompose import norms
from dorabook.layers import peft_style, raschka_style
from playwright.sync_api import Locator, Page, expect
from sphinx.errors import ExtensionError
from support import field_guide, guards
from support.live_page import settle
from support.pages import parsed
from support.peft_layer import peft_layer
from torch import nn

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "book" / "teach"
SESSIONS = ("15-minutes", "60-minutes", "90-minutes")
SHEETS = (*SESSIONS, "run-sheet", "handout", "questions-on-paper", "cards", "debrief")
MARGIN = 10  # millimetres, what a browser leaves at least
PAPERS = {"A4": (210, 297), "Letter": (215.9, 279.4)}


def built(site: Path, name: str) -> BeautifulSoup:
    return parsed(site / "book" / "teach" / f"{name}.html")


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def straight(text: str) -> str:
    """Without the typographer's quotes that a Markdown page gets and a figure does not."""
    return text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2026: "..."})


# ---- the clock


class Step(NamedTuple):
    clock: str
    title: str
    minutes: int
    section: Tag


def steps(site: Path, session: str) -> list[Step]:
    found = []
    for heading in built(site, session).select("article h2:has(.clock)"):
        clock = words(heading.select_one(".clock"))
        title, minutes = re.fullmatch(rf"{clock} (.+?) \((\d+) minutes?\)#?", words(heading)).groups()
        found.append(Step(clock, title, int(minutes), heading.parent))
    return found


def source(session: str) -> str:
    """A session's Markdown, with what it includes of another one."""
    text = (SOURCES / f"{session}.md").read_text(encoding="utf-8")

    def included(match: re.Match) -> str:
        whole = (SOURCES / match[1]).read_text(encoding="utf-8")
        return whole.split(match[2])[1].split(match[3])[0]

    return re.sub(r'```\{include\} (\S+)\n:start-after: "(.+)"\n:end-before: "(.+)"\n```', included, text)


@pytest.mark.parametrize("session", SESSIONS)
def test_the_minutes_of_a_session_add_up_to_its_name(session, site):
    written = [int(minutes) for minutes in re.findall(r"^## .+ \((\d+) minutes?\)$", source(session), re.M)]
    assert sum(written) == int(session.split("-")[0])
    assert built(site, session).h1.get_text().startswith(f"{sum(written)} minutes: ")
    shown = steps(site, session)
    assert [step.minutes for step in shown] == written
    for number, step in enumerate(shown):
        passed = sum(written[:number])
        assert step.clock == f"{passed // 60}:{passed % 60:02d}"


def test_steps_that_do_not_add_up_stop_the_build():
    def session(*minutes: int) -> nodes.document:
        parts = [nodes.section("", nodes.title("", f"Talk ({n} minutes)"), ids=[f"talk-{n}"]) for n in minutes]
        whole = nodes.section("", nodes.title("", "20 minutes: a test"), *parts)
        return nodes.document(None, None, "", whole)

    class App:
        class env:
            docname = "test"

    teach.set_clock(App, session(12, 8))
    with pytest.raises(ExtensionError, match="take 19 minutes together, and its title says 20"):
        teach.set_clock(App, session(12, 7))


@pytest.mark.parametrize("session", SESSIONS)
def test_the_table_has_every_step_with_its_clock_and_all_that_it_opens(session, site):
    rows = [[cell for cell in row.find_all(["td", "th"])] for row in built(site, session).select(".glance tbody tr")]
    *rows, end = rows
    length = int(session.split("-")[0])
    assert end[0].get_text() == f"{length // 60}:{length % 60:02d}"
    shown = steps(site, session)
    assert [(row[0].get_text(), row[2].get_text(), row[3].get_text()) for row in rows] == [
        (step.clock, str(step.minutes), step.title) for step in shown
    ]
    for row, step in zip(rows, shown, strict=True):
        linked = [link["href"] for link in row[4].find_all("a")]
        assert linked == list(dict.fromkeys(link["href"] for link in step.section.select("a.state")))


def test_the_long_session_is_the_hour_with_steps_put_in(site):
    hour, long = ([(step.title, step.minutes) for step in steps(site, name)] for name in ("60-minutes", "90-minutes"))
    assert [step for step in long if step in hour] == hour
    assert sum(minutes for step, minutes in long if (step, minutes) not in hour) == 30


@pytest.mark.parametrize("session", ["60-minutes", "90-minutes"])
def test_a_step_has_an_aim_three_answers_and_a_way_out(session, site):
    *middle, last = steps(site, session)
    assert [step.minutes for step in middle if step.title == "Slack"] == [5]
    middle = [step for step in middle if step.title != "Slack"]
    for step in [*middle, last]:
        said = words(step.section)
        assert "Aim." in said and re.search(r"\bbehind\b", said, re.I), step.title
        assert "Ask" in said or step.section.select(".vote"), step.title
    for step in middle:
        assert "If it stalls" in words(step.section), step.title
        lists = step.section.find_all("ul")
        assert lists and all(len(each.find_all("li")) == 3 for each in lists), step.title


def test_cut_lines_come_in_order_and_within_their_step(site):
    """Behind? names a time: one at which the step is on."""
    for step in steps(site, "60-minutes"):
        times = [
            60 * int(h) + int(m) for h, m in re.findall(r"\b(\d):(\d\d)\b", words(step.section).split("Behind?")[1])
        ]
        begins = 60 * int(step.clock[0]) + int(step.clock[2:])
        assert times == sorted(times)
        assert all(begins < time <= begins + step.minutes + 2 for time in times), step.title


def test_the_hour_names_the_formula_before_any_shape_of_m_and_no_answer_before_its_vote(site):
    said = [words(step.section) for step in steps(site, "60-minutes")]
    formula = next(i for i, text in enumerate(said) if "W′ = m · (W + sBA) / ‖W + sBA‖" in text)
    shapes = next(i for i, text in enumerate(said) if "(1, 784)" in text)
    vote = next(i for i, step in enumerate(steps(site, "60-minutes")) if step.section.select('a[href*="#how-many"]'))
    assert formula < vote == shapes
    assert sum(bool(step.section.select(".vote")) for step in steps(site, "60-minutes")) == 3


# ---- the links


class Opened(NamedTuple):
    href: str
    words: str
    says: str | None


def links(site: Path, session: str) -> list[Opened]:
    """Every link that opens a figure, with the quotation that follows it."""
    article = built(site, session).article
    found = []
    for tag in article.select("a.state, .says"):
        if "says" in tag["class"]:
            found[-1] = found[-1]._replace(says=words(tag).strip("\u201c\u201d"))
        else:
            found.append(Opened(plain(tag["href"]), words(tag), None))
    return [link for link in found if link.says or link.href.endswith("room:votes")]


def plain(href: str) -> str:
    """A link's figure on its page; tests/test_rehearsal.py follows it into the room."""
    return href.replace("?room", "")


NAMED = {  # how a sheet's words name what a link sets
    "per": "per {}", "poke": "poked to {} times", "view": "the {}", "storage": "stored ({})", "norm": "norm {}",
    "output": "rescales outputs", "input": "no inputs", "steps": "{} steps", "fan_in_fan_out": "fan_in_fan_out {}", "example": "{}", "output_knobs": "knob {}", "input_knobs": "knob {}",
}  # fmt: skip


class Followed(NamedTuple):
    """A figure after a link: the state that it stood in, what it says and says as stored, and the link that it then gives itself."""

    state: dict
    sentence: str
    authored: str
    reached: str


def led(page: Page, url: str) -> Locator:
    """The figure that a link leads to, followed on its page where that is open already."""
    place, _, hash = url.partition("#")
    if page.url.partition("#")[0] == place:
        page.evaluate("(hash) => { location.hash = hash; }", hash)
    else:
        page.goto(url)
    return page.locator(f"figure#{hash.partition('=')[0]}")


def followed(page: Page, url: str, *, until: str = "") -> Followed:
    """Follow a link, until the figure says what it is to say."""
    figure = led(page, url)
    id = figure.get_attribute("id")
    expect(figure).to_have_attribute("data-ready", "true")
    expect(figure).to_be_in_viewport()
    settle(page)  # the state of the address is drawn a frame after the figure is there, a file later still
    sentence = figure.locator(".dora-sentence")
    with suppress(AssertionError):  # what it says instead is reported
        expect(sentence).to_contain_text(until)
    figure.get_by_role("button", name="Copy link to this state").click()
    given = (
        figure.get_by_label("Link to this state").input_value().split("#")[1]
    )  # each figure of the page that was moved
    reached = dict(part.partition("=")[::2] for part in given.split("&"))
    return Followed(
        json.loads(figure.locator('script[type="application/json"]').text_content())["state"],
        sentence.inner_text(), figure.locator("figcaption").text_content(), reached.get(id, ""),
    )  # fmt: skip


def problems(link: Opened, seen: Followed) -> list[str]:
    """What is wrong with a link: a state that it does not reach, words or a quotation that say something else."""
    asked, state, low = link.href.split("#")[1].partition("=")[2], {**seen.state}, link.words.lower()
    found = [] if seen.reached == asked else [f"asks for {asked!r} and reaches {seen.reached!r}"]
    for key, value in (part.split(":") for part in asked.split(";") if part):
        value = unquote(value).replace(",", ", ").replace("~", " at ").lower()
        state[key] = int(value) if value.isdigit() else value
        if key not in NAMED or NAMED[key].format(value) not in low:
            found.append(f"the words {link.words!r} do not name {key}:{value}")
    found += [f"the words say per {per}" for per in re.findall(r"per (\w+)", low) if per != state.get("per")]
    found += [
        f"the words say {axis} {n}" for axis, n in re.findall(r"(output|input) (\d+)", low) if int(n) != state.get(axis)
    ]
    if not link.says or link.says not in seen.sentence:
        found.append(f"the sheet quotes {link.says!r}, the figure says {seen.sentence!r}")
    elif seen.sentence != seen.authored and link.says in seen.authored:
        found.append(f"the quotation {link.says!r} fits the figure without the link's state as well")
    return [f"{link.href}: {problem}" for problem in found]


SAID = "One magnitude: m is (1, 5), and each of its numbers is the root of 1,024 squares. It runs from 0.4 to 1.1 and so on."


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("sentence 2", "It runs from 0.4 to 1.1 and so on."),
        ("sentence 1, parts 1 to 2", "One magnitude: m is (1, 5)"),
        ("sentence 1,\nparts 2 to 3", "m is (1, 5), and each of its numbers is the root of 1,024 squares"),
        ("sentence 2, part 2", "so on"),
    ],
)
def test_a_part_of_what_a_figure_says_is_named_by_its_place(which, words):
    assert teach.quoted(SAID, which) == words


@pytest.mark.parametrize(
    "which", ["sentence 3", "sentence 0", "sentence 2, part 3", "sentence 1, parts 2 to 1", "m is (1, 5)"]
)
def test_a_quotation_of_what_is_not_there_stops_the_build(which):
    with pytest.raises(ValueError, match=f"^there is no {which} in: One magnitude|is not: sentence 2"):
        teach.quoted(SAID, which)


@pytest.mark.parametrize("state", ["", "per:input", "view:direction;poke:1.5", "weight:0.0~3.5"])
def test_a_sheet_quotes_what_the_page_says_after_the_link(state, show):
    page = show(explorer(), hash=f"#flag={state}")
    settle(page)
    opened = live_host.opened("norm-explorer", stored_cells.page_data(explorer()), state)
    assert opened == page.locator(".dora-sentence").inner_text()


@pytest.mark.parametrize("state", ["poke:99", "nothing:1", "per:input;output"])
def test_a_sheet_does_not_link_to_what_the_page_refuses(state):
    with pytest.raises(ValueError, match=f"The link asks for {state.split(';')[-1]}, which this figure cannot show"):
        live_host.opened("norm-explorer", stored_cells.page_data(explorer()), state)


def sheet_address(site: Path, session: str) -> str:
    return f"{site.as_uri()}/book/teach/{session}.html"


def test_every_link_opens_from_disk_what_the_sheet_says(site, visit):
    address = sheet_address(site, SESSIONS[0])  # the sheets lie in one folder, and link alike to what they share
    page, opened = visit(address), {}
    for session in SESSIONS:
        mine = [link for link in links(site, session) if not link.href.endswith("room:votes")]
        assert len(mine) >= 4
        opened |= dict.fromkeys(mine)
    wrong = []
    for link in sorted(
        opened
    ):  # a page is opened once, and test_rehearsal.py opens each link in the order of its sheet
        wrong += problems(link, followed(page, urljoin(address, link.href), until=link.says))
    assert wrong == []
    assert page.problems == []


@cache
def explorer() -> str:
    return stored_cells.figure(stored_cells.cells(ROOT / "book" / "3-pefts-layer.ipynb"), "flag")


def said_of(state: str, which: str) -> str:
    return teach.quoted(live_host.opened("norm-explorer", stored_cells.page_data(explorer()), state), which)


AXIS, POKED = "sentence 1, parts 1 to 2", "sentence 3, part 2"


WRONG = [
    ("flag=per:sideways", "per sideways", ("", AXIS)),  # a dead value
    ("flag=axis:input", "per output", ("", AXIS)),  # a dead key
    ("flag=per:output", "per output", ("", AXIS)),  # how it stands anyway
    ("flag=per:input;poke:9", "per input, poked to 9 times", ("per:input", AXIS)),  # out of reach
    ("flag=per:input", "the other one", ("per:input", AXIS)),  # words that name nothing
    ("flag=poke:1.5", "per input, poked to 1.5 times", ("poke:1.5", POKED)),  # words that name the other
    ("flag=poke:1.5", "output 2 poked to 1.5 times", ("poke:1.5", POKED)),
    ("flag=per:input", "per input", ("", AXIS)),  # a quotation of another state
    ("flag=poke:1.5", "poked to 1.5 times", ("", AXIS)),  # one that was there before
    ("flag=per:input", "per input", None),
]


def test_a_link_that_is_wrong_is_found(site, visit):
    address = sheet_address(site, "60-minutes")
    page, missed = visit(address), []
    for state, text, says in WRONG:
        link = Opened(f"../3-pefts-layer.html#{state}", text, says and said_of(*says))
        if not problems(link, followed(page, urljoin(address, link.href))):
            missed.append(link)
    assert missed == []


def test_every_vote_opens_for_a_room_with_the_options_and_replies_of_the_sheet(site, visit):
    address = sheet_address(site, SESSIONS[0])
    page, opened = visit(address), {}
    for session in SESSIONS:
        asked = built(site, session).select(".vote")
        assert asked
        for vote in sorted(asked, key=lambda vote: vote.a["href"]):  # a page is opened once
            href = plain(vote.a["href"])
            if href not in opened:
                opened[href] = ballot(page, urljoin(address, href))
            question, options, told = opened[href]
            assert question == f"Predict. {straight(words(vote.strong))}"
            sheet = [straight(words(item)) for item in vote.find_next("ul").find_all("li")]
            assert len(sheet) == len(told) == len(options) >= 3
            for letter, line, option, reply in zip("abcde", sheet, options, told, strict=False):
                assert line.startswith(f"({letter}) {option}. ")
                assert line.endswith(reply.replace("\u2713 right.", "Right.").replace("\u2717 not it.", "Not it."))


def ballot(page: Page, address: str) -> tuple[str, list[str], list[str]]:
    """A question as a room sees it, its options, and once it is revealed its replies."""
    figure = led(page, address)
    room = figure.get_by_role("group", name="Hands of the room")
    expect(room).to_be_visible()
    question = " ".join(figure.locator(".dora-predict-question").inner_text().split())
    expect(room.locator(".dora-predict-reply").first).to_be_hidden()
    figure.get_by_role("button", name="Reveal the answer").click()
    told = [" ".join(reply.inner_text().split()) for reply in room.locator(".dora-predict-reply").all()]
    shown = room.locator(".dora-predict-says > span:not([class])").all()
    return question, [" ".join(option.inner_text().split()) for option in shown], told


# ---- paper


def on_paper(page: Page, paper: str) -> bytes:
    margin = {side: f"{MARGIN}mm" for side in ("top", "right", "bottom", "left")}
    return page.pdf(format=paper, margin=margin)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("handout", 1, 1), ("questions-on-paper", 1, 1), ("15-minutes", 1, 2), ("60-minutes", 2, 4), ("90-minutes", 3, 6)],
)
def test_a_sheet_fits_its_paper(name, least, most, paper, site, visit):
    page = visit(sheet_address(site, name), theme="dark")
    assert least <= pages(on_paper(page, paper)) <= most
    page.emulate_media(media="print")
    wide, tall = ((side - 2 * MARGIN) * 96 / 25.4 for side in PAPERS[paper])
    page.set_viewport_size({"width": int(wide), "height": int(tall)})
    clipped = """(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1
        || one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 90))"""
    assert page.locator("article :is(pre, table, svg, p, .pst-scrollable-table-container)").evaluate_all(clipped) == []
    if most == 1:
        box = page.locator("article").bounding_box()
        assert 0.55 * tall < box["height"] <= tall


# ---- the handout


def axes(site: Path) -> dict[str, str]:
    tables = built(site, "handout").find_all("table")
    (rows,) = [t.tbody.find_all("tr") for t in tables if "one magnitude per" in t.thead.get_text()]
    return {words(row.find_all("td")[0]): words(row.find_all("td")[1]) for row in rows}


def entries(text: str) -> list[str]:
    """What semicolons outside all brackets part."""
    depth, found = 0, [""]
    for letter in straight(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == ";" and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [entry.strip() for entry in found]


def test_the_handout_names_every_library_of_the_field_guide_on_its_axis_and_no_other(site):
    small = axes(site)
    assert list(small) == ["output", "input", "either"]
    for axis, section in zip(small, field_guide.AXES, strict=True):
        guide: dict[str, list[str]] = {}
        for library, _, magnitude, _ in field_guide.rows(section):
            name, _, part = library.partition(", ")
            guide.setdefault(name, []).extend([part, f"m {magnitude}"] if axis == "either" else [part])
        listed = entries(small[axis])
        assert len(listed) == len(guide)
        for (name, parts), entry in zip(guide.items(), listed, strict=True):
            assert entry.startswith(name) and all(part.replace("`", "") in entry for part in parts), entry


def test_the_handouts_names_are_the_glossarys(site):
    def rows(soup: BeautifulSoup) -> list[list[str]]:
        (table,) = [t for t in soup.find_all("table") if words(t.thead) == "code maths shape note"]
        return [[words(cell) for cell in row.find_all("td")] for row in table.tbody.find_all("tr")]

    glossary = parsed(site / "book" / "back" / "glossary.html")
    assert rows(built(site, "handout")) == rows(glossary)
    assert len(rows(glossary)) >= 9


@pytest.mark.parametrize("size", [(5, 3), (4, 4), (576, 192)])
def test_the_handouts_code_tells_the_axis_and_its_calls_run_as_printed(size, site):
    code, calls = (pre.get_text() for pre in built(site, "handout").find_all("pre"))
    names = {"torch": torch}
    exec(code, names)
    assert len([line for line in code.splitlines() if line.startswith(" ")]) <= 6
    generator = torch.Generator().manual_seed(0)
    rows, peft, ours = calls.replace("576", str(size[0])).strip().splitlines()
    layers = [(peft_layer(nn.Linear(*size)), peft)]
    layers += [
        (make(nn.Linear(*size), rank=2, alpha=4, generator=generator), ours) for make in (peft_style, raschka_style)
    ]
    exec(rows, names)
    said = [eval(call, {**names, "layer": layer}) for layer, call in layers]
    assert said == [f"{moved} of {size[1]} outputs moved" for moved in (1, 1, size[1])]


def test_the_handout_says_which_book_and_paper_it_is_of(site):
    assert re.search(r"magnitude vector\?, version [\d.]+, \d+ \w+ \d{4}", words(built(site, "handout").article))
    assert "arXiv:2402.09353" in words(built(site, "handout").article)


def test_the_handouts_picture_has_torchs_norms_along_both_axes(site):
    soup = built(site, "handout")
    drawing = soup.select_one("svg.axis-picture")
    chapter = parsed(site / "book" / "4-shape-mismatch.html")
    state = json.loads(chapter.select_one("figure#norms script").string)["state"]
    weight = torch.tensor(state["weight"], dtype=torch.float64)
    bars = drawing.select('rect[fill="#D55E00"]')
    lengths = torch.cat([norms(weight, per=per).flatten() for per in ("output", "input")])
    across = [float(bar["width"]) for bar in bars[: len(weight)]]
    down = [float(bar["height"]) for bar in bars[len(weight) :]]
    drawn = torch.tensor(across + down, dtype=torch.float64)
    torch.testing.assert_close(drawn / drawn.max(), lengths / lengths.max(), rtol=1e-3, atol=0)
    numbers = [text.get_text() for text in drawing.select('text[font-weight="600"]')]
    assert [float(n) for n in numbers if n.isdigit()] == lengths.tolist()
    cells = [text.get_text().replace("\u2212", "-") for text in drawing.select("text:not([font-weight])")]
    assert [float(n) for n in cells if re.fullmatch(r"-?\d+", n)] == weight.flatten().tolist()
    assert all(f"{length:.0f}" in drawing["aria-label"] for length in lengths)


# ---- the six questions


def answers(site: Path) -> list[str]:
    page = parsed(site / "book" / "back" / "six-questions.html")
    return [re.match(r"\((\w)\)", words(fold.find("strong")))[1] for fold in page.select("details.fold")]


def test_the_key_has_the_letters_of_the_six_questions(site):
    right = answers(site)
    assert len(right) == 6
    for session in ("60-minutes", "90-minutes"):
        assert f"The letters: {', '.join(f'{i + 1} {letter}' for i, letter in enumerate(right))}." in words(
            built(site, session).article
        )


def test_the_questions_on_paper_are_all_there_and_answer_nothing(site):
    paper = built(site, "questions-on-paper").article
    page = parsed(site / "book" / "back" / "six-questions.html")
    asked = [section for section in page.select("article section section") if section.find("details")]
    assert len(asked) == len(paper.select(".asked")) == 6
    for section, sheet in zip(asked, paper.select(".asked"), strict=True):
        options = [words(item) for item in section.select("ul.options li")]
        assert len(options) == 4
        assert [words(item) for item in sheet.find_all("li")] == options
        for paragraph in section.select("details p"):
            assert words(paragraph)[:40] not in words(paper)
    assert not paper.find("details")


# ---- what is written by hand


@cache
def computed() -> frozenset[str]:
    """Every number in an output or an assertion of a chapter."""
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "book").glob("[0-9]*.ipynb")]
    cells = [cell for notebook in notebooks for cell in guards.code_cells(notebook)]
    return frozenset(number for cell in cells for number in evidence.proved(cell))


def uncomputed(text: str) -> list[str]:
    prose = re.sub(r"<[\w-]+#\S+>|^```\{.*$|\(\S+\.(?:md|ipynb)\S*\)", "", text, flags=re.M)
    claimed = evidence.numbers(guards.without_references(prose))
    return [number for number in claimed if evidence.plain(number) not in computed()]


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheets_numbers_are_computed_in_a_chapter_and_columns_have_a_shape(name):
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    assert uncomputed(text) == []
    assert guards.column_has_a_shape({"cells": [{"cell_type": "markdown", "source": text, "metadata": {}}]}) == []


def test_a_number_that_no_chapter_computes_is_found():
    assert uncomputed("peft prints 78,307,201 and 78,307,200.") == ["78,307,201"]
