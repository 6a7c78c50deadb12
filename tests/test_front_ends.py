"""Live figures in real notebook front ends: a stored chapter reads well before it runs, and a running figure obeys both sides.

`make test` runs a chapter in Notebook 7, the strictest with keys: it takes them before a figure can stop them. It is made of
JupyterLab's parts. `make frontends` opens JupyterLab 4 and Notebook 6 with ipywidgets 7 as well, and does all there is to do.
"""

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect
from support import recipes
from support.contrast import faint
from support.front_ends import FRONT_ENDS, FrontEnd, Notebook, scroll_to, serving
from support.live_page import BOOK
from support.processes import waited

NAMES = os.environ.get("FRONT_ENDS", "notebook7").split()
CELLS = {
    "make": "from dorabook.live import DirectionDial\ndial = DirectionDial(id='dial')\ndial",
    "read": "print(dial.magnitude, dial.norm, type(dial).__name__)",
    "write": "dial.magnitude = 2.0\nprint('set')",
    "explore": "from dorabook.live import NormExplorer\nexplorer = NormExplorer(id='hero')\nexplorer",
    "poked": "print(explorer.poke, explorer.per, tuple(explorer.magnitude.shape))",
    "compose": """import ipywidgets
heard = []
first, second = DirectionDial(id='first'), DirectionDial(id='second')
link = ipywidgets.jslink((first, 'magnitude'), (second, 'magnitude'))
second.observe(lambda change: heard.append(change['new']), 'magnitude')
ipywidgets.VBox([first, second])""",
    "heard": "print(second.magnitude, len(heard) > 0, heard[-1:] == [second.magnitude])",
}
CHAPTER = "2-raschkas-layer.ipynb"
ASKED = ["print(explorer.poke)", "explorer.poke = 1.25"]  # put behind the chapter's first figure
TOLD = 600  # ms: a figure waits for the end of a move before it tells the kernel


@dataclass(frozen=True)
class Server:
    front_end: FrontEnd
    address: str
    folder: Path


@pytest.fixture(scope="module", params=NAMES)
def server(request, tmp_path_factory):
    """A front end's server on a copy of the book, closed again at the end."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(BOOK / "dorabook", folder / "dorabook")
    chapter = nbformat.read(BOOK / CHAPTER, as_version=4)
    at = next(i for i, cell in enumerate(chapter.cells) if "explorer = " in cell.source)
    chapter.cells[at + 1 : at + 1] = [nbformat.v4.new_code_cell(source) for source in ASKED]
    for cell in chapter.cells:  # outputs stay; an empty count shows when a cell has run
        if cell.cell_type == "code":
            cell.execution_count = None
    nbformat.write(chapter, folder / CHAPTER)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "figures.ipynb")
    front_end = FRONT_ENDS[request.param]
    with serving(front_end, folder) as address:
        yield Server(front_end, address, folder)


@pytest.fixture(scope="module")
def opened(server, browser):
    """opened(name) is that notebook in the front end, opened once: each of its tests runs the cells that it asks."""
    with browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme="dark") as context:
        yield cache(lambda name: Notebook(server.front_end, context.new_page(), server.address, name))


def number(name: str) -> int:
    return list(CELLS).index(name)


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(TOLD)


def click(notebook: Notebook, slider, part: float) -> None:
    at(notebook, slider, part)
    notebook.page.wait_for_timeout(TOLD)


def at(notebook: Notebook, slider, part: float) -> None:
    """Press the mouse on a slider, so far along it."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)


def told(notebook: Notebook, cell: int, *, above: float) -> float:
    """The number that a cell prints, which is run again until it is above another: a kernel hears of a move a while after it."""
    return waited(lambda: (said := float(notebook.printed(cell))) > above and said)


def test_a_stored_chapter_shows_its_figures_words_before_anything_runs(opened):
    page = opened(CHAPTER).page
    figure = page.locator("figure.dora-figure").first
    figure.scroll_into_view_if_needed()
    assert figure.locator("figcaption").is_visible()
    assert figure.locator("table").is_visible()
    assert page.get_by_text("model not found").count() == 0
    assert faint(figure) == []


def test_a_chapter_that_runs_brings_its_figure_to_life(opened):
    chapter = opened(CHAPTER)
    for cell in range(3):  # imports, what is prepared, the figure
        shown = chapter.run(cell)
    slider = shown.get_by_role("slider", name="Poke the magnitude")
    slider.wait_for()
    assert chapter.printed(3) == "1.0"

    slider.focus()
    chapter.page.keyboard.press("ArrowRight")
    by_key = told(chapter, 3, above=1)
    at(chapter, slider, 0.9)
    assert told(chapter, 3, above=by_key) > 1.5

    chapter.run(4)
    expect(slider).to_have_value("1.25")

    for figure in (
        shown.locator(".dora"),
        chapter.page.locator("figure.dora-figure").last,
    ):  # live, and with its style sheet as stored
        scroll_to(figure)
        assert faint(figure) == []


@pytest.mark.deep
def test_a_figure_and_python_share_one_state(opened):
    notebook = opened("figures.ipynb")
    cell = notebook.run(number("make"))
    slider = cell.get_by_role("slider", name="Magnitude m")
    slider.wait_for()
    assert notebook.printed(number("read")) == "5.0 in graph DirectionDial"

    slider.scroll_into_view_if_needed()
    slider.focus()
    press(notebook, *["ArrowRight"] * 4)
    assert slider.input_value() == "5.2"  # the front end did not take the arrow keys
    assert notebook.printed(number("read")) == "5.2 in graph DirectionDial"

    cell.get_by_role("radio", name="in the graph").focus()
    press(notebook, "ArrowRight")
    assert notebook.printed(number("read")) == "5.2 detached DirectionDial"

    click(notebook, slider, 0.9)
    assert float(notebook.printed(number("read")).split()[0]) > 6.5

    assert notebook.printed(number("write")) == "set"
    notebook.page.wait_for_timeout(TOLD)
    assert slider.input_value() == "2"
    assert "m = 2 sets the length" in cell.get_by_role("status").inner_text()


@pytest.mark.deep
def test_a_letter_typed_on_a_control_is_no_command_to_the_notebook(opened):
    notebook = opened("figures.ipynb")
    cell = notebook.run(number("make"))
    before = notebook.cells()
    for control in (
        cell.get_by_role("button", name="Reset"),
        cell.get_by_role("slider", name="Magnitude m"),
        cell.locator(".dora-dial-grip").first,
        cell.get_by_text("The numbers as a table"),
    ):
        control.focus()
        press(notebook, "b", "a")  # in command mode: a cell below, a cell above
        assert notebook.cells() == before, control


@pytest.mark.deep
def test_the_explorer_follows_keys_and_clicks_and_python_reads_its_tensors(opened):
    notebook = opened("figures.ipynb")
    cell = notebook.run(number("explore"))
    slider = cell.get_by_role("slider", name="Poke the magnitude")
    slider.wait_for()
    assert notebook.printed(number("poked")) == "1.0 output (4, 1)"
    slider.focus()
    press(notebook, *["ArrowRight"] * 2)
    cell.get_by_role("radio", name="input", exact=True).click()
    notebook.page.wait_for_timeout(TOLD)
    moved, per, shape = notebook.printed(number("poked")).split(" ", 2)
    assert (float(moved) > 1, per, shape) == (True, "input", "(1, 5)")


@pytest.mark.deep
def test_two_figures_compose_like_any_ipywidget(opened):
    notebook = opened("figures.ipynb")
    notebook.run(number("make"))
    cell = notebook.run(number("compose"))
    sliders = cell.get_by_role("slider", name="Magnitude m")
    sliders.nth(1).wait_for()
    sliders.nth(0).focus()
    press(notebook, "ArrowRight")
    assert [sliders.nth(i).input_value() for i in (0, 1)] == ["5.05", "5.05"]  # jslink
    assert notebook.printed(number("heard")) == "5.05 True True"  # observe


# The recipes of back/drive-from-python.md, as a reader runs them

DRIVEN, HEARD = "driven.ipynb", "print(heard[-1], explorer.poke)"  # the second cell: what Python heard
RECORD = """(prompt) => {
    const lanes = document.querySelectorAll("canvas.dora-ne-lane"), seen = new Set();
    const look = () => { if (prompt.innerText.includes("*")) seen.add(Array.from(lanes, (lane) => lane.toDataURL()).join()); };
    window.states = seen;
    setInterval(look, 20);
}"""


@pytest.fixture(scope="module")
def driven(server, opened):
    """The recipes, open in the front end, and `block(words)`: the number of the one that holds these words. On a busy machine ten steps
    are over after two pictures."""
    first, *rest = (source.replace("range(10)", "range(100)") for source in recipes.blocks())
    sources = [first, HEARD, *rest]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), server.folder / DRIVEN)
    return opened(DRIVEN), lambda words: next(i for i, source in enumerate(sources) if words in source)


@pytest.mark.deep
def test_a_slider_of_ipywidgets_and_a_figure_move_each_other_and_python_hears_it(driven):
    notebook, block = driven
    cell = notebook.run(block("FigureBox([slider, explorer])"))
    poke = cell.get_by_role("slider", name="Poke the magnitude")
    poke.wait_for()
    notebook.run(block("heard = []"))
    click(notebook, cell.locator(".slider-container .slider"), 0.9)
    moved = float(poke.input_value())
    assert 1.6 < moved < 2
    assert notebook.printed(block(HEARD)) == f"('poke', {moved:g}) {moved:g}"

    poke.focus()
    press(notebook, "ArrowLeft")
    moved -= 0.05
    assert float(cell.locator(".widget-readout").inner_text()) == pytest.approx(moved)
    assert notebook.printed(block(HEARD)) == f"('poke', {moved:g}) {moved:g}"


@pytest.mark.deep
def test_a_figure_follows_a_layer_while_the_cell_that_trains_it_runs(driven):
    notebook, block = driven
    for words in ("import ipywidgets", "import torch", "FigureBox([monitor])"):
        cell = notebook.run(block(words))
    scroll_to(cell)
    cell.locator("canvas.dora-ne-lane").first.wait_for()
    trains = block("loss.backward()")
    prompt = notebook.page.locator(notebook.front_end.code).nth(trains).locator(notebook.front_end.prompt).first
    notebook.page.evaluate(RECORD, prompt.element_handle())
    notebook.run(trains)
    states = notebook.page.evaluate("window.states.size")
    assert states >= 3, f"the page saw {states} states before the cell had ended"
