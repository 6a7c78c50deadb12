"""Notebook front ends for the tests: a real server of each, and one page that opens a notebook in it and runs its cells.

JupyterLab 4 and Notebook 7 are in .venv. Notebook 6 wants ipywidgets 7 and an older kernel: `make frontends` sets it up in a
folder of its own.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Locator, Page
from support.processes import free_port, running, waited

ROOT = Path(__file__).parents[2]
NOTEBOOK_6 = ROOT / "_build" / "notebook6" / "bin" / "python"
PATIENCE = 120  # seconds for one cell
AGAIN = 5  # seconds after which a cell that has not started is asked once more: a page still loading can lose the keys


@dataclass(frozen=True)
class FrontEnd:
    """`run` starts its server, `path` leads to a notebook, the rest are selectors."""

    run: tuple[str, ...]
    path: str = "notebooks/{}"
    ready: str = ".jp-Notebook-ExecutionIndicator[data-status=idle]"  # the kernel is up
    cell: str = ".jp-Cell"
    code: str = ".jp-CodeCell"
    prompt: str = ".jp-InputPrompt"
    output: str = ".jp-OutputArea-output"


def served(module: str, *, python: Path | str = sys.executable, app: str = "ServerApp", folder: str = "root_dir"):
    options = ("ip=127.0.0.1", "token=", "password=", "allow_root=True", "open_browser=False", "port_retries=0")
    return (str(python), "-m", module, *(f"--{app}.{option}" for option in options), f"--{app}.{folder}")


FRONT_ENDS = {
    "notebook7": FrontEnd(served("notebook")),
    "jupyterlab": FrontEnd(served("jupyterlab"), path="lab/tree/{}?reset"),
    "notebook6": FrontEnd(
        served("notebook", python=NOTEBOOK_6, app="NotebookApp", folder="notebook_dir"),
        ready="#kernel_indicator_icon.kernel_idle_icon",
        cell=".cell",
        code=".code_cell",
        prompt=".input_prompt",
        output=".output_subarea",
    ),
}


@contextmanager
def serving(front_end: FrontEnd, folder: Path) -> Iterator[str]:
    """Its server on this folder, whose notebooks it trusts: gives the address. Where it has a dark theme, it is dark as the system is."""
    *command, root = front_end.run
    notebooks = map(str, folder.glob("*.ipynb"))
    trust = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()"
    subprocess.run([command[0], "-c", trust, *notebooks], check=True, capture_output=True)
    themes = folder / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    themes.parent.mkdir(parents=True)
    themes.write_text('{"adaptive-theme": true}')
    settings = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    port, app = free_port(), root.split(".")[0]
    address = f"http://127.0.0.1:{port}/"
    with running([*command, f"{root}={folder}", f"{app}.port={port}"], env=settings) as server:
        waited(lambda: urllib.request.urlopen(f"{address}api", timeout=10), of=server)
        yield address


class Notebook:
    """A notebook that is open in a front end. `page` is Playwright's."""

    def __init__(self, front_end: FrontEnd, page: Page, address: str, name: str) -> None:
        self.front_end, self.page = front_end, page
        page.set_default_timeout(60_000)
        page.goto(address + front_end.path.format(name))
        page.wait_for_selector(front_end.code)
        page.wait_for_selector(front_end.ready)

    def cells(self) -> int:
        return self.page.locator(self.front_end.cell).count()

    def run(self, number: int) -> Locator:
        """Run the code cell with this number, from 0, and wait until it has its execution count."""
        cell = self.page.locator(self.front_end.code).nth(number)
        scroll_to(cell)
        prompt = cell.locator(self.front_end.prompt).first
        before = prompt.inner_text()
        asked, deadline = 0.0, time.monotonic() + PATIENCE
        while (now := prompt.inner_text()) == before or not re.search(r"\d", now):  # a star while it runs
            assert time.monotonic() < deadline, f"code cell {number} did not finish"
            if "*" not in now and time.monotonic() - asked > AGAIN:
                prompt.click()  # the code may be folded
                self.page.keyboard.press("Control+Enter")
                asked = time.monotonic()
            self.page.wait_for_timeout(100)
        return cell

    def printed(self, number: int) -> str:
        output = self.run(number).locator(self.front_end.output).first
        output.wait_for()
        return output.inner_text().strip()


def scroll_to(cell: Locator) -> None:
    """Scroll to a cell, again where a page that is still loading has put another node in its place."""
    for left in (2, 1, 0):
        try:
            return cell.scroll_into_view_if_needed()
        except Error as error:
            if not left or "not attached" not in error.message:
                raise
