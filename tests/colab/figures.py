"""`make colab`: every live figure under Colab's versions of IPython, ipywidgets and anywidget, in a widget manager as Colab has one.

The kernel is that of tools/colab.py, the manager that of tools/colab_manager.py, the page this test's own. A figure moved by mouse
says the same as Python, and one that Python has set says the same as Python; what its cell leaves in the notebook is whole.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import colab
import colab_manager
import pytest
from dorabook import live
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from playwright.sync_api import Page, Route
from support.live_page import BOOK, drag, settle
from support.processes import waited

ORIGIN = "https://colab.test/"
ANYWIDGET = "https://cdn.jsdelivr.net/npm/anywidget@~0.9"  # where a manager looks for a widget's scripts
NBEXTENSION = colab.PYTHON.parents[1] / "share" / "jupyter" / "nbextensions" / "anywidget" / "index.js"  # the same file
HOST = Path(__file__).with_name("host.js")
VIEW = "application/vnd.jupyter.widget-view+json"

# The figure, what the mouse moves or presses, and what Python sets.
FIGURES = {
    "knobs": ("Knobs()", ("radio", "five, at the inputs"), "figure.output_knobs = [1, 2, 1, 1]"),
    "two roads": ("TwoRoads()", ("slider", "Rank"), "figure.rank = 200"),
    "norms": ("NormExplorer()", ("slider", "Poke the magnitude"), "figure.per = 'input'"),
    "norms, large": (
        "NormExplorer(torch.eye(70))",
        ("radio", "input"),
        "figure.weight = 2 * torch.eye(80)",
    ),
    "norms, of a layer that trains": (
        "NormMonitor(torch.eye(70))",
        ("radio", "input"),
        "figure.weight = 2 * torch.eye(80)",
    ),
    "dial": ("DirectionDial()", ("slider", "Magnitude m"), "figure.magnitude = 2.0"),
    "counter": ("ParameterCounter()", ("slider", "Rank"), "figure.per = 'input'"),
    "race": ("TrainingRace()", ("slider", "Turn, by rank"), "figure.steps = 40"),
    "detective": ("AxisDetective()", ("radio", "one per input"), "figure.example = 'square'"),
    "question": ("Predict('2 + 2?', {'3': 'No.', '4': 'Yes.'}, answer='4')", ("button", "3"), "figure.chosen = 1"),
}


class Kernel:
    """A kernel of Colab's versions. What it says to widgets goes to the page, and what they say to it comes from there."""

    def __init__(self, client: BlockingKernelClient):
        self.client, self.page = client, None

    def run(self, code: str) -> dict:
        """Run a cell. Gives the content of its last output."""
        asked, output = self.client.execute(code), {}
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            if kind in ("comm_open", "comm_msg"):
                self.tell(kind, content, message["buffers"])
            elif kind in ("stream", "execute_result", "display_data"):
                output = {**content, "kind": kind}
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif content.get("execution_state") == "idle" and message["parent_header"].get("msg_id") == asked:
                return output

    def said(self) -> str:
        return self.run("print(repr(figure))")["text"].strip()

    def tell(self, kind: str, content: dict, buffers: list) -> None:
        ask = (
            "([id, data, buffers]) => host.open(id, data, buffers)"
            if kind == "comm_open"
            else ("([id, data, buffers]) => host.receive(id, data, buffers)")
        )
        texts = [base64.b64encode(bytes(buffer)).decode() for buffer in buffers]
        self.page.evaluate(ask, [content["comm_id"], content["data"], texts])

    def hear(self, id: str, data: dict, buffers: list[str]) -> None:
        given = [base64.b64decode(text) for text in buffers]
        content = {"comm_id": id, "data": data}
        self.client.session.send(self.client.shell_channel.socket, "comm_msg", content, buffers=given)


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[BlockingKernelClient]:
    kinds = tmp_path_factory.mktemp("kernels")
    (kinds / "colab").mkdir()
    command = [str(colab.PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Colab's versions", "language": "python"}
    (kinds / "colab" / "kernel.json").write_text(json.dumps(spec))
    manager = KernelManager(kernel_name="colab", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kinds)]))
    manager.start_kernel(cwd=str(BOOK))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(client, browser) -> Iterator[Kernel]:
    """The kernel, with a page beside it."""
    kernel, context = Kernel(client), browser.new_context(viewport={"width": 1000, "height": 1000})
    kernel.page = page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    context.route("**/*", answer)
    page.expose_function("toKernel", kernel.hear)
    page.goto(ORIGIN)
    page.wait_for_function("window.host")
    yield kernel
    assert page.problems == []
    context.close()


def answer(route: Route) -> None:
    """The page, the manager and anywidget's scripts, and nothing else."""
    scripts = colab_manager.scripts()
    files = {ORIGIN + path.name: path for path in [*scripts, HOST]} | {f"{ORIGIN}manager.js": colab_manager.module()}
    if route.request.url == ORIGIN:
        tags = "".join(f'<script src="{path.name}"></script>' for path in scripts)
        page = f'<!doctype html><title>Colab</title><script>process = {{ argv: [], env: {{}} }}</script>{tags}<script type="module" src="host.js"></script><main></main>'
        return route.fulfill(body=page, content_type="text/html")
    path = NBEXTENSION if route.request.url.startswith(ANYWIDGET) else files.get(route.request.url)
    headers = {"Access-Control-Allow-Origin": "*"}
    return route.fulfill(path=path, content_type="text/javascript", headers=headers) if path else route.abort()


def shown(kernel: Kernel, figure: str) -> Page:
    """Run the cell that makes the figure and show what it put out, as a page with a widget manager does."""
    made = kernel.run(f"import torch\nfrom dorabook.live import *\nfigure = {figure}\nfigure")
    kernel.page.evaluate("(id) => host.display(id)", made["data"][VIEW]["model_id"])
    kernel.page.locator(".dora [role=status]").first.wait_for(state="attached")
    return kernel.page


def status(page: Page) -> str:
    settle(page)
    return " ".join(page.locator("[role=status]").first.inner_text().split())


def move(page: Page, role: str, name: str) -> None:
    control = page.get_by_role(role, name=name).first
    control.scroll_into_view_if_needed()
    if role == "slider":
        drag(control, control.bounding_box()["width"] * 0.3, 0)
    else:
        control.click(force=True)  # a radio lies under its label


def test_every_figure_is_driven_here():
    driven = {figure.split("(")[0] for figure, _, _ in FIGURES.values()}
    assert driven == set(live.__all__) - {"Description", "FigureBox", "LiveFigure"}  # a box shows figures and is none


@pytest.mark.parametrize("name", FIGURES)
def test_what_the_mouse_does_reaches_python_and_what_python_sets_reaches_the_figure(kernel, name):
    figure, control, sets = FIGURES[name]
    page = shown(kernel, figure)
    before = kernel.said()
    assert status(page) in ("", before)  # a question says nothing before it is answered

    move(page, *control)
    waited(lambda: page.wait_for_timeout(100) or kernel.said() == status(page) != before)

    moved = kernel.said()
    kernel.run(sets)
    waited(lambda: page.wait_for_timeout(100) or kernel.said() == status(page) != moved)


@pytest.mark.parametrize("name", FIGURES)
def test_a_saved_notebook_keeps_the_sentence_and_the_table(kernel, name):
    output = kernel.run(f"import torch\nfrom dorabook.live import *\nfigure = {FIGURES[name][0]}\nfigure")
    assert output["kind"] == "execute_result"
    assert set(output["data"]) == {VIEW, "text/html", "text/plain"}
    assert output["data"]["text/plain"] == kernel.said()
    assert "<figcaption>" in output["data"]["text/html"]
    assert "<table" in output["data"]["text/html"]


def test_colab_is_told_of_the_manager_that_loads_the_figure(kernel):
    """Colab shows a widget of others only where the output names a manager, which anywidget asks Colab's own module for."""
    module = "types.SimpleNamespace(enable_custom_widget_manager=print, _widgets=types.SimpleNamespace(_installed_url='here'))"
    kernel.run(f"import sys, types\nsys.modules['google.colab.output'] = {module}")
    output = kernel.run("from dorabook.live import TwoRoads\nTwoRoads()")
    kernel.run("del sys.modules['google.colab.output']")
    assert output["metadata"][VIEW]["colab"]["custom_widget_manager"]["url"] == "here"
