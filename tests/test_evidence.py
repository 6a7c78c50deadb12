"""Where the numbers of a chapter's text come from, and what its names stand for, as its page shows it."""

import re
from pathlib import Path

import evidence
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect
from support.pages import FILES, parsed

CHAPTERS = [file for file in FILES if re.search(r"/\d-", file)]
GLOSSARY = Path(__file__).parents[1] / "book" / "back" / "glossary.md"


def page_of(site: Path, file: str) -> BeautifulSoup:
    return parsed(site / f"{file}.html")


@pytest.mark.parametrize("file", CHAPTERS)
def test_what_a_number_leads_to_has_the_number(site, file):
    for link in page_of(site, file).select("a.evidence"):
        cell = page_of(site, file).find(id=link["href"].removeprefix("#"))
        held = set(map(evidence.plain, evidence.NUMBER.findall(cell.get_text(" "))))
        assert held & set(map(evidence.plain, evidence.numbers(link.get_text()))), (link.get_text(), link["href"])


@pytest.mark.parametrize("file", CHAPTERS)
def test_every_number_of_a_paragraph_leads_somewhere(site, file):
    """But for those of headings, links and years, which need no evidence, and those that an answer further down gives."""
    for text in page_of(site, file).select("article section > p"):
        words = "".join(piece for piece in text.find_all(string=True) if not piece.find_parent("a"))
        bare = re.sub(r"\([^()]*\b(?:19|20)\d\d\)", "", words)
        answers = " ".join(fold.get_text(" ") for fold in text.find_all_next(class_="tag_answer"))
        ahead = set(map(evidence.plain, evidence.NUMBER.findall(answers)))
        assert {evidence.plain(number) for number in evidence.numbers(bare)} <= ahead, text.get_text()


def cell(name, *, printed="", source="1", tags=()):
    made = {"id": name, "cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}
    return made | {"outputs": [{"text": printed}]}


def test_the_nearest_cell_before_is_meant_and_none_after_that_gives_an_answer_away():
    made = [cell("a", printed="784"), cell("b", printed="784"), cell("c", printed="128, 784", tags=["answer"])]
    made += [cell("d", source="assert n == 1_797")]
    for each in made:
        each["proved"] = evidence.proved(each)

    def ask(number, at):
        return evidence.nearest(number, at, made)

    assert [ask("784", at) for at in (-1, 0, 1, 2, 3)] == [0, 0, 1, 2, 2]
    assert [ask("128", at) for at in (1, 2)] == [None, 2]
    assert (ask("1,797", 0), ask("1796", 0)) == (3, None)


@pytest.mark.parametrize(
    "name", ["weight", "lora_A", "lora_B", "rank", "alpha", "scaling", "delta", "adapted", "magnitude", "direction"]
)
def test_every_name_of_the_code_says_its_shape(name):
    says = evidence.shapes(GLOSSARY)[name]
    rows = [line.split("|") for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    shape = next(row[3] for row in rows if f"`{name}`" in row[1])
    assert shape.replace("`", "").strip() in says


def test_a_letter_with_two_shapes_says_both():
    assert evidence.shapes(GLOSSARY)["A"] == "lora_A: (rank, in), random at the start; (in, r) in the row form"


def test_a_link_opens_the_fold_that_holds_its_evidence_and_says_it_to_the_keyboard(visit, base):
    page = visit(f"{base}{CHAPTERS[2]}.html")
    folded = page.evaluate("""() => [...document.querySelectorAll("a.evidence")].findIndex(
        (link) => document.querySelector(link.hash).closest("details:not([open])") && link.checkVisibility())""")
    link = page.locator("a.evidence").nth(folded)
    link.focus()
    assert link.evaluate("(node) => getComputedStyle(node, '::after').content").strip('"') == link.get_attribute(
        "title"
    )
    page.keyboard.press("Enter")
    expect(page.locator(".cell:target")).to_be_in_viewport()
