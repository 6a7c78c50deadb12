"""Every page's twin in Markdown says what the page says, and llms.txt leads to all of them."""

import json
import re
from pathlib import Path

import markdown_twins
import pytest
import stored_cells
from docutils import nodes
from support.pages import FILES, parsed

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = [file for file in FILES if re.search(r"/\d-", file)]


def twin(site: Path, file: str) -> str:
    return (site / f"{file}.md").read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Letters and digits alone: quotation marks and spaces differ between a page and a notebook."""
    return re.sub(r"\W", "", text)


@pytest.mark.parametrize("file", FILES)
def test_the_page_leads_to_its_twin_which_has_the_same_headings(file, site):
    page = parsed(site / f"{file}.html")
    link = page.find("link", rel="alternate", type="text/markdown")
    assert (site / file).parent / link["href"] == site / f"{file}.md"
    headings = re.findall(r"^(#+) (.+)$", re.sub(r"^```.*?^```", "", twin(site, file), flags=re.S | re.M), re.M)
    shown = [(int(head.name[1]), plain(head.get_text())) for head in page.select("main :is(h1, h2, h3, h4)")]
    assert [(len(marks), plain(re.sub(r"\]\([^)]*\)", "", text))) for marks, text in headings] == shown


@pytest.mark.parametrize("file", FILES)
def test_a_twin_is_text_without_html_and_its_links_lead_somewhere(file, site):
    prose = re.sub(r"^```.*?^```|`[^`\n]+`", "", twin(site, file), flags=re.S | re.M)
    assert not re.search(r"</?(?:div|span|figure|table|svg|p|script)\b", prose)
    assert "\x1b" not in twin(site, file)
    for address in re.findall(r"\]\(([^)\s]+)\)", prose):
        target = address.split("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            assert ((site / file).parent / target).is_file(), f"{file}.md links to {target}, which is not there"


@pytest.mark.parametrize("file", CHAPTERS)
def test_a_chapters_twin_holds_its_code_its_outputs_its_pictures_and_its_figures(file, site):
    text = twin(site, file)
    cells = stored_cells.cells(BOOK.parent / f"{file}.ipynb")
    known = plain(text)
    for cell in cells:
        if cell["cell_type"] == "code":
            assert "".join(cell["source"]).strip() in text
    for cell, shown in stored_cells.outputs(cells, "text/html"):
        if "predict" not in cell["metadata"].get("tags", []):
            assert plain(parsed_text(shown)) in known
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        assert plain(re.sub(r"\x1b\[[\d;]*m", "", "".join(output.get("text", "")))) in known
    for cell, _ in stored_cells.outputs(cells, "image/png"):
        assert plain(cell["metadata"]["mystnb"]["image"]["alt"]) in known


def parsed_text(figure: str) -> str:
    return next(markdown_twins.raw_blocks(figure)).removeprefix("*Figure.*")


@pytest.mark.parametrize("file", CHAPTERS)
def test_a_predictions_replies_are_there_and_the_right_one_is_marked(file, site):
    text = twin(site, file)
    states = [
        json.loads(state)["state"]
        for _, shown in stored_cells.outputs(stored_cells.cells(BOOK.parent / f"{file}.ipynb"), "text/html")
        for name, state in re.findall(r'data-figure="([a-z-]+)".*?<script[^>]*>(.*?)</script>', shown, re.S)
        if name == "predict"
    ]
    assert len(states) >= 2
    for state in states:
        assert f"**Predict.** {state['question']}" in text
        for number, (option, reply) in enumerate(state["options"]):
            verdict = "Right" if number == state["right"] else "Not it"
            assert f"({'abcde'[number]}) {option}. *{verdict}.* {reply}" in text


def test_formulas_are_tex_again(site):
    text = twin(site, FILES[4])
    assert r"\text{per output: } \Delta y_1 = \tfrac12\, y_1" in text
    assert "$$" in text


def test_llms_txt_leads_to_every_page_part_by_part(site):
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# What is DoRA's magnitude vector?\n\n> ")
    assert re.findall(r"\]\(([^)]+)\.md\)", text) == FILES
    assert re.findall(r"^## (.+)$", text, re.M) == ["Two implementations", "Consequences", "Teach it", "Back matter"]


def test_lists_tables_and_quotes_keep_their_form():
    item = nodes.list_item("", nodes.paragraph("", "one"), nodes.math_block("", "x\ny"))
    listing = nodes.enumerated_list("", item, nodes.list_item("", nodes.paragraph("", "two | three")), start=3)
    assert list(markdown_twins.blocks(listing, 1)) == ["3. one\n\n   $$\n   x\n   y\n   $$\n4. two | three"]
    assert list(
        markdown_twins.blocks(nodes.block_quote("", nodes.paragraph("", "a"), nodes.paragraph("", "b")), 1)
    ) == ["> a\n> \n> b"]
    assert markdown_twins.table([["a|b", "c"], ["1", "2"]]) == "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |"
    assert markdown_twins.inline(nodes.literal("", "a`b")) == "``a`b``"
