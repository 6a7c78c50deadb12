"""The page "Drive it from Python": what it tells a reader to copy runs, alone and in the notebook that it names."""

import json
import re

import closure
import pytest
import standalone
from dorabook.live import NormExplorer, NormMonitor
from support import recipes

CHAPTER = closure.BOOK / "4-shape-mismatch.ipynb"


def code() -> str:
    return "\n\n".join(recipes.blocks())


@pytest.fixture(scope="module")
def ran() -> dict:
    """The names that the page's code leaves behind, all blocks run in order."""
    names: dict = {}
    for block in recipes.blocks():
        exec(block, names)
    return names


def test_every_block_is_found_and_runs(ran):
    assert len(recipes.blocks()) == recipes.DRIVE.read_text(encoding="utf-8").count("```") / 2 >= 6
    assert ran["monitor"].weight.shape == (192, 576)


def test_the_page_needs_nothing_that_chapter_4_does_not_bring():
    chapter = json.loads(CHAPTER.read_text(encoding="utf-8"))
    cells = [standalone.python(cell) for cell in chapter["cells"] if cell["cell_type"] == "code"]
    page, notebook = closure.needs(code()), closure.needs("\n\n".join(cells))
    assert page.files.keys() <= notebook.files.keys() and page.packages <= notebook.packages


def test_a_message_is_the_size_that_the_page_says(ran):
    said = {int(size) for size in re.findall(r"(\d+) kB", recipes.DRIVE.read_text(encoding="utf-8"))}
    weight, state = ran["monitor"].weight, ran["monitor"].get_state(["shape", "norms", "across", "map"])
    assert said == {round(weight.numel() * 8 / 1000), round(len(json.dumps(state)) / 1000, -1)}
    assert isinstance(ran["monitor"], NormMonitor) and isinstance(ran["explorer"], NormExplorer)
