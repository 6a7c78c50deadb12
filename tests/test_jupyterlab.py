"""Live figures in a real JupyterLab: a stored chapter reads well before it runs, and a running figure obeys both sides."""

import re
import shutil
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
import recipes
from live_page import BOOK
from playwright.sync_api import Error
from processes import free_port, running, waited

CELLS = {
    "make": "from dorabook.live import DirectionDial\ndial = DirectionDial(id='dial')\ndial",
    "read": "print(dial.magnitude, type(dial).__name__)",
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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server on a copy of the book, closed again at the end. Gives its address and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(BOOK / "dorabook", folder / "dorabook")
    chapter = nbformat.read(BOOK / CHAPTER, as_version=4)
    at = next(i for i, cell in enumerate(chapter.cells) if cell.source.startswith("explorer = "))
    chapter.cells[at + 1 : at + 1] = [nbformat.v4.new_code_cell(source) for source in ASKED]
    for cell in chapter.cells:  # outputs stay; an empty count shows when a cell has run
        if cell.cell_type == "code":
            cell.execution_count = None
    nbformat.write(chapter, folder / CHAPTER)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}),
        folder / "figures.ipynb",
    )
    subprocess.run(
        [sys.executable, "-m", "jupyter", "trust", *map(str, folder.glob("*.ipynb"))], check=True, capture_output=True
    )
    port = free_port()
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder}",
    ]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", *options]
    with running(command):
        waited(lambda: urllib.request.urlopen(f"{address}/api", timeout=1))
        yield address, folder


@pytest.fixture
def open_notebook(lab, browser):
    contexts = []

    def open_one(name):
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{lab[0]}/lab/tree/{name}?reset")
        page.wait_for_selector(".jp-NotebookPanel-notebook .jp-Cell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")  # the kernel is up
        return page

    yield open_one
    for context in contexts:
        context.close()


def run_cell(page, name):
    """Run the cell of figures.ipynb that starts with CELLS[name]."""
    return run_code(page, list(CELLS).index(name))


def scroll_to(cell):
    """Scroll to a cell, again where a page that is still loading has put another node in its place."""
    for left in (2, 1, 0):
        try:
            return cell.scroll_into_view_if_needed()
        except Error as error:
            if not left or "not attached" not in error.message:
                raise


NUMBERED = re.compile(r"\d")  # a prompt that is "[*]:" runs, and one that says less belongs to a page still loading


def run_code(page, number):
    """Run the code cell with this number, from 0, and wait until it has its execution count."""
    cell = page.locator(".jp-CodeCell").nth(number)
    scroll_to(cell)
    before = cell.locator(".jp-InputPrompt").first.inner_text()
    prompt = cell.locator(".jp-InputPrompt").first
    asked, deadline = 0.0, time.monotonic() + 120
    while (said := prompt.inner_text()) == before or not NUMBERED.search(said):
        assert time.monotonic() < deadline, f"code cell {number} did not finish"
        if "*" not in said and time.monotonic() - asked > 5:  # a page still loading can lose the keys
            prompt.click()  # the code may be folded
            page.keyboard.press("Control+Enter")
            asked = time.monotonic()
        page.wait_for_timeout(100)
    return cell


def printed(page, name):
    return output(run_cell(page, name))


def output(cell):
    cell.locator(".jp-OutputArea-output").first.wait_for()
    return cell.locator(".jp-OutputArea-output").first.inner_text().strip()


def test_a_stored_chapter_shows_its_figures_words_before_anything_runs(open_notebook):
    page = open_notebook(CHAPTER)
    figure = page.locator("figure.dora-figure").first
    figure.scroll_into_view_if_needed()
    assert figure.locator("figcaption").is_visible()
    assert figure.locator("table").is_visible()
    assert page.get_by_text("model not found").count() == 0


def test_a_chapter_that_runs_brings_its_figure_to_life(open_notebook):
    page = open_notebook(CHAPTER)
    for number in range(3):  # imports, the first picture with its weight, the figure
        cell = run_code(page, number)
    slider = cell.get_by_role("slider", name="Poke the magnitude")
    slider.wait_for()
    assert output(run_code(page, 3)) == "1.0"

    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    by_key = float(output(run_code(page, 3)))
    assert by_key > 1

    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    page.wait_for_timeout(600)
    assert float(output(run_code(page, 3))) > by_key

    run_code(page, 4)
    page.wait_for_timeout(600)
    assert float(slider.input_value()) == 1.25


def test_a_figure_and_python_share_one_state(open_notebook):
    page = open_notebook("figures.ipynb")
    cell = run_cell(page, "make")
    slider = cell.get_by_role("slider", name="Magnitude m")
    slider.wait_for()
    assert printed(page, "read") == "5.0 DirectionDial"

    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)  # the figure waits for the end of a move before it tells the kernel
    assert slider.input_value() == "5.2"  # JupyterLab did not take the arrow keys
    assert printed(page, "read") == "5.2 DirectionDial"

    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    page.wait_for_timeout(600)
    assert float(printed(page, "read").split()[0]) > 6.5

    assert printed(page, "write") == "set"
    page.wait_for_timeout(600)
    assert slider.input_value() == "2"
    assert "m = 2 sets the length" in cell.get_by_role("status").inner_text()


def test_the_explorer_follows_keys_and_clicks_and_python_reads_its_tensors(open_notebook):
    page = open_notebook("figures.ipynb")
    cell = run_cell(page, "explore")
    slider = cell.get_by_role("slider", name="Poke the magnitude")
    slider.wait_for()
    assert printed(page, "poked") == "1.0 output (4, 1)"
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    cell.get_by_role("radio", name="input", exact=True).click()
    page.wait_for_timeout(600)
    moved, per, shape = printed(page, "poked").split(" ", 2)
    assert (float(moved) > 1, per, shape) == (True, "input", "(1, 5)")


def test_two_figures_compose_like_any_ipywidget(open_notebook):
    page = open_notebook("figures.ipynb")
    run_cell(page, "make")
    cell = run_cell(page, "compose")
    sliders = cell.get_by_role("slider", name="Magnitude m")
    sliders.nth(1).wait_for()
    sliders.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(800)
    assert [sliders.nth(i).input_value() for i in (0, 1)] == ["5.05", "5.05"]  # jslink
    assert printed(page, "heard") == "5.05 True True"  # observe


# ---- the recipes of back/drive-from-python.md, as a reader runs them

DRIVEN, HEARD = "driven.ipynb", "print(heard[-1], explorer.poke)"  # the second cell: what Python heard
RECORD = """(cell) => {
    const prompt = cell.querySelector(".jp-InputPrompt"), lanes = document.querySelectorAll("canvas.dora-ne-lane"), seen = new Set();
    const look = () => { if (prompt.innerText.includes("*")) seen.add(Array.from(lanes, (lane) => lane.toDataURL()).join()); };
    window.states = seen;
    setInterval(look, 20);
}"""


@pytest.fixture
def driven(lab, open_notebook):
    """The recipes, open in the front end, and `block(words)`: the number of the one that holds these words."""
    first, *rest = recipes.blocks()
    sources = [first, HEARD, *rest]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), lab[1] / DRIVEN)
    return open_notebook(DRIVEN), lambda words: next(i for i, source in enumerate(sources) if words in source)


def test_a_slider_of_ipywidgets_and_a_figure_move_each_other_and_python_hears_it(driven):
    page, block = driven
    cell = run_code(page, block("FigureBox([slider, explorer])"))
    poke = cell.get_by_role("slider", name="Poke the magnitude")
    poke.wait_for()
    run_code(page, block("heard = []"))
    slider = cell.locator(".slider-container .slider")
    slider.scroll_into_view_if_needed()
    track = slider.bounding_box()
    page.mouse.click(track["x"] + track["width"] * 0.9, track["y"] + track["height"] / 2)
    page.wait_for_timeout(600)
    moved = float(poke.input_value())
    assert 1.6 < moved < 2
    assert output(run_code(page, block(HEARD))) == f"('poke', {moved:g}) {moved:g}"

    poke.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(600)
    moved -= 0.05
    assert float(cell.locator(".widget-readout").inner_text()) == pytest.approx(moved)
    assert output(run_code(page, block(HEARD))) == f"('poke', {moved:g}) {moved:g}"


def test_a_figure_follows_a_layer_while_the_cell_that_trains_it_runs(driven):
    page, block = driven
    for words in ("import ipywidgets", "import torch", "FigureBox([monitor])"):
        cell = run_code(page, block(words))
    scroll_to(cell)
    cell.locator("canvas.dora-ne-lane").first.wait_for()
    trains = page.locator(".jp-CodeCell").nth(block("loss.backward()"))
    page.evaluate(RECORD, trains.element_handle())
    run_code(page, block("loss.backward()"))
    states = page.evaluate("window.states.size")
    assert states >= 3, f"the page saw {states} states before the cell had ended"
