"""The spine: what a page folds by a heading or a tag, how long the rest takes, and that nothing folded is out of reach."""

import json
import re

import pytest
import spine
from docutils import nodes
from playwright.sync_api import expect
from support.pages import FILES, parsed


def code(source="1", *tags):
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": []}


def prose(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def measured(*cells):
    return spine.measured({"cells": list(cells)})


# ---- how long it takes


def test_words_cells_and_predictions_are_counted_where_they_stand():
    found = measured(
        prose("# 1 · Title\n\nFour words stand here.\n\n## Go deeper: More\n\nIts result. Two sentences."),
        code(),
        prose("### Inside\n\nStill deeper.\n\n## Back\n\nOne [more word](4-x.ipynb#a) with 3 in it."),
        code(),
        code("p", "predict", "hide-input"),
        prose("## Exercises\n\nNot counted at all."),
        code("s", "exercise"),
        code("t"),
        prose("## What changed\n\n| a | b |\n|---|---|\n| c | d |"),
    )
    assert found == {"": spine.Length(4 + 7 + 4, 1, 1), "More": spine.Length(4 + 2, 1, 0)}


@pytest.mark.parametrize("tag", ["thin", "hide-input", "hide-cell", "answer", "solution", "exercise", "predict"])
def test_a_cell_whose_code_is_not_in_sight_is_no_visible_cell(tag):
    assert measured(prose("# A"), code("1", tag))[""].cells == 0


def test_the_paragraph_that_is_folded_with_an_answer_is_not_counted():
    verdict = "It is (c). Six words in all here:\n\n$$x = y$$\n\nand the end of it.\n\nFour words come after."
    assert measured(prose("# A"), code("1", "answer"), prose(verdict))[""].words == 4
    assert measured(prose("# A"), code("1"), prose(verdict))[""].words > 4


def test_a_heading_inside_a_fence_is_code():
    assert set(measured(prose("# A\n\n```python\n# Go deeper: no\n```"))) == {""}


def test_minutes_are_those_of_a_reader_at_200_words_a_minute():
    assert spine.Length(400, 3, 2).minutes == pytest.approx(2 + 1 + 2)


# ---- what a thin line says


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (["import torch\nfrom torch import nn\nuse_style()\ngenerator = nn.G()"], "imports"),
        (["import torch", "def draw(n):\n    assert n\n    return n"], "imports · helper: draw"),
        (["def f(): ...\n\nclass G: ...\nh = lambda x: x"], "helpers: f, G, h"),
        (["assert a\nfor x in y:\n    torch.testing.assert_close(x, 1)\n    assert x"], "checked: 3 asserts"),
        (["assert a == 1"], "checked: 1 assert"),
        (["x, (y, z) = 1, (2, 3)", "x = 4\n_ = f()"], "prepared: x, y, z"),
        (["assert a\nwith b:\n    m.mul_(2)\n    m.copy_(A)\n    A.T.zero_()"], "changed: m · checked: 1 assert"),
        (["%matplotlib inline\nimport a"], "imports"),
        (["f()"], "code"),
    ],
)
def test_a_thin_line_says_what_its_cells_hold(sources, says):
    assert spine.label(sources) == says


def cell(source, *tags):
    made = nodes.container(nb_element="cell_code", cell_metadata={"tags": list(tags)})
    made += nodes.container("", nodes.literal_block(source, source), classes=["cell_input"])
    return made


def test_thin_neighbours_share_a_line_and_others_do_not():
    document = nodes.section()
    document += [cell("import a", "thin"), cell("def f(): ...", "thin"), nodes.paragraph("", "between")]
    document += [cell("assert a", "thin"), cell("assert b"), cell("assert c", "thin")]
    spine.fold_thin(None, document)
    said = [getattr(node, "attributes", {}).get("prompt_show", node.astext()) for node in document]
    assert said == ["imports · helper: f", "between", "checked: 1 assert", "assert b", "checked: 1 assert"]
    assert [len(node.children) for node in document] == [2, 1, 1, 1, 1]


# ---- the page


CHAPTERS = [name for name in FILES if re.search(r"/\d-", name)]
STANDING = [name for name in CHAPTERS if re.search(r"/[1-7]-", name)]
PICTURED = [name for name in CHAPTERS if name not in STANDING]  # 8 and 9 open with a picture of what was measured
PAGE = "book/2-raschkas-layer.html"
DEEP = "the-unmerged-class-in-his-repository-is-a-different-function"
every_chapter = pytest.mark.parametrize("name", CHAPTERS)


def named(section):
    """The title of a section, without the link to itself."""
    return section.find(["h2", "h3"]).contents[0]


@every_chapter
def test_each_go_deeper_is_closed_and_says_its_title_its_result_and_its_minutes(name, site):
    notebook = json.loads((site.parents[1] / f"{name}.ipynb").read_text(encoding="utf-8"))
    titles = [title for title in spine.measured(notebook) if title]
    found = parsed(site / f"{name}.html").select(".go-deeper")
    assert [named(each).replace("’", "'") for each in found] == titles
    for each in found:
        fold = each.find("details", class_="deeper", recursive=False)
        assert not fold.has_attr("open")
        assert re.fullmatch(r"Go deeper, \d+ minutes?", fold.summary.select_one(".kind").text)
        assert fold.summary.select_one(".result").text.endswith(".")
        assert fold.summary.select("a") == [], "a link in a summary competes with opening it"
        assert each["id"] == spine.slug(named(each))


@every_chapter
def test_what_goes_deeper_is_in_the_pages_contents_under_its_own_name_and_marked_as_closed(name, site):
    page = parsed(site / f"{name}.html")
    marked = [link["href"] for link in page.select(".page-nav a.closed")]
    assert marked == [f"#{each['id']}" for each in page.select(".go-deeper")]
    assert "Go deeper:" not in page.get_text()


def deeper(page, id=DEEP):
    return page.locator(f"#{id} > details.deeper")


def test_its_heading_is_a_heading_and_the_keyboard_opens_it(address, visit):
    page = visit(address + PAGE)
    expect(page.get_by_role("heading", name="The unmerged class in his repository")).to_be_visible()
    summary = deeper(page).locator("> summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(deeper(page).locator("pre").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(deeper(page).locator("pre").first).to_be_hidden()
    assert page.problems == []


def test_a_link_to_it_opens_it_and_so_does_the_same_link_again(base, visit):
    page = visit(f"{base}{PAGE}#{DEEP}")
    expect(deeper(page)).to_have_attribute("open", "")
    top = page.locator(f"#{DEEP}").evaluate("(node) => node.getBoundingClientRect().top")
    assert 0 <= top < 200
    deeper(page).locator("> summary").click()
    page.evaluate("(id) => document.querySelector(`.page-nav a[href='#${id}']`).click()", DEEP)
    expect(deeper(page)).to_have_attribute("open", "")


def test_a_link_to_a_question_inside_opens_what_it_stands_in(address, visit):
    page = visit(f"{address}book/1-distributive-law.html#training-step=room:votes")
    expect(page.locator("#training-step .dora-predict-room")).to_be_visible()


def test_what_is_searched_for_in_the_page_is_found_inside(address, visit):
    """The browser's own search opens a closed <details>; `beforematch` and the like need no script of ours."""
    page = visit(f"{address}{PAGE}#:~:text=There%20the%20branch%20is%20zero")
    expect(deeper(page)).to_have_attribute("open", "")


def test_without_a_script_it_opens_and_on_paper_it_is_open(address, visit):
    page = visit(address + PAGE, script=False)
    inside = deeper(page).locator("p").first
    expect(inside).to_be_hidden()
    deeper(page).locator("> summary").click()
    expect(inside).to_be_visible()
    deeper(page).locator("> summary").click()
    page.emulate_media(media="print")
    assert inside.bounding_box()["height"] > 10


@pytest.mark.parametrize("name", STANDING)
def test_the_first_live_figure_stands_on_the_first_screen(name, address, visit):
    page = visit(f"{address}{name}.html", width=1280)
    assert page.locator("figure[data-figure]").first.bounding_box()["y"] < 700


@pytest.mark.parametrize("name", [name for name in PICTURED if "/9-" in name])
def test_the_picture_that_a_chapter_opens_with_is_whole_on_the_first_screen(name, address, visit):
    page = visit(f"{address}{name}.html", width=1280)
    box = page.locator("article .cell_output img").first.bounding_box()
    assert box["y"] + box["height"] <= 800


# ---- a question's code


@every_chapter
def test_a_questions_code_comes_after_its_answer(name, site):
    page = parsed(site / f"{name}.html")
    questions = page.select(".tag_predict")
    assert questions
    for question in questions:
        assert question.select("pre") == []
        answer = question.find_next_sibling(class_="tag_answer")
        (asked,) = answer.select(":scope > details > details.asked")
        assert "answer=" in asked.get_text()
        assert "Reveal" in answer.select_one("summary").get_text()
        assert asked.find_next_siblings() == []


def test_a_room_is_asked_in_room_mode_alone(address, visit):
    page = visit(f"{address}book/1-distributive-law.html#which-ranks")
    figure = page.locator("#which-ranks")
    figure.get_by_role("button", name="For every rank").click()
    offers = figure.locator(".dora-predict-ask, .dora-link")
    expect(figure.get_by_role("button", name="Reset")).to_be_visible()
    assert offers.count() == 2
    assert offers.filter(visible=True).count() == 0
    page.get_by_role("button", name="Room mode", exact=True).click()
    expect(page.locator(".alone")).to_have_attribute("id", "which-ranks")
    expect(figure.locator(".dora-predict-room")).to_be_visible()
