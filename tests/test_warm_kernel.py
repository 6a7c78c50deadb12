"""The kernel of the tests is a fork with its imports done, and in all else as Jupyter's own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from support.processes import waited

pytestmark = pytest.mark.deep  # `make test` compares every cell of the book in this kernel
WARM = Path(__file__).parent / "support" / "jupyter" / "kernels" / "warm" / "warm.py"
LOOK = """import os, sys
print(os.getcwd(), os.environ["DORA_ASKED"], sys.path, "dorabook" in sys.modules, "matplotlib.pyplot" in sys.modules)"""


def said(kernel: str, folder: Path, *cells: str) -> list[str]:
    made = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(made, kernel_name=kernel, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return ["".join(output.get("text", "") or str(list(output.data)) for output in cell.outputs) for cell in made.cells]


def test_it_looks_as_jupyters_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DORA_ASKED", "yes")
    cells = LOOK, "import sys\nprint('error', file=sys.stderr)", "from matplotlib import pyplot\npyplot.plot([1]);"
    assert said("warm", tmp_path, *cells) == said("python3", tmp_path, *cells)


def test_what_one_leaves_is_not_in_the_next(tmp_path):
    assert said("warm", tmp_path, "import torch\ntorch.left = 1\nhasattr(torch, 'left')") == ["['text/plain']"]
    assert said("warm", tmp_path, "import torch\nprint(hasattr(torch, 'left'))") == ["False\n"]


def test_its_plain_kind_runs_torchs_plainest_code(tmp_path):
    code = "import torch\nprint(torch.backends.cpu.get_cpu_capability())"
    assert said("plain", tmp_path, code) == ["DEFAULT\n"]
    assert said("warm", tmp_path, code) == said("python3", tmp_path, code)


@contextmanager
def running(folder: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager = KernelManager(kernel_name="warm")
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_it_ends_with_the_process_that_jupyter_knows(tmp_path):
    with running(tmp_path) as (manager, client):
        fork = pid(client)
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        waited(lambda: not alive(fork))


def pid(client: BlockingKernelClient) -> int:
    reply = client.execute_interactive("", user_expressions={"id": "__import__('os').getpid()"}, timeout=60)
    return int(reply["content"]["user_expressions"]["id"]["data"]["text/plain"])


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_import_that_says_something_is_an_error(tmp_path):
    """In a notebook it would stand in an output."""
    (tmp_path / "peft.py").write_text("print('mind the gap')")
    asked = [sys.executable, "-S", str(WARM), "x.json"]
    done = subprocess.run(
        asked, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode
    assert "An import says something: mind the gap" in done.stderr


def test_it_can_be_interrupted(tmp_path):
    with running(tmp_path) as (manager, client):
        asked = client.execute("import time\nprint('begun')\ntime.sleep(60)")
        while client.get_iopub_msg(timeout=30)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=30))["parent_header"].get("msg_id") != asked:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
