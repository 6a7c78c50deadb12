"""Run notebooks in place and store their outputs in one form: the same notebook gives the same file.

    python tools/run_notebooks.py [NOTEBOOK ...]

Without arguments every notebook of the book is run. A file changes only when its notebook ran to the end and the result differs.
"""

import os
import re
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import disk
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = ("jupyter", "mystnb", "tags")  # of a cell's metadata
SECONDS = 120  # for one cell
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run(path: Path) -> str:
    """Run one notebook and store it. Returns one line for the reader; raises RuntimeError, with a screenful, if a cell fails."""
    try:
        return ran(path)
    except OSError as error:
        raise RuntimeError(disk.sentence(error, str(shown(path)))) from None


def ran(path: Path) -> str:
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    quiet = ["--log-level=40"]  # else each kernel warns that it listens without encryption, on this machine
    options = {"timeout": SECONDS, "kernel_name": "python3", "extra_arguments": quiet, "record_timing": False}
    client = NotebookClient(notebook, resources=place, **options)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(failure(path, notebook, error)) from None
    after = text(normalised(notebook))
    if after == before:
        return f"{shown(path)}: as stored"
    disk.replace(path, after)
    return f"{shown(path)}: stored anew"


def normalised(notebook: NotebookNode) -> NotebookNode:
    """Only what a reader or a check uses, in a fixed form."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate((cell for cell in code if cell.source.strip()), 1):
        cell.execution_count = count
        cell.outputs = merged(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)  # it would promise a live widget where no kernel has one
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one: where a stream was cut depends on timing."""
    whole: list[NotebookNode] = []
    for output in outputs:
        last = whole[-1] if whole else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            whole.append(output)
    return whole


def text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def failure(path: Path, notebook: NotebookNode, error: Exception) -> str:
    """Which notebook, which cell, what happened: one screen."""
    failed = [
        (i, o) for i, cell in enumerate(notebook.cells) for o in cell.get("outputs", []) if o.output_type == "error"
    ]
    if not failed:
        return f"{shown(path)}: {ANSI.sub('', str(error))[-1500:]}"
    index, output = failed[-1]
    trace = ANSI.sub("", "\n".join(output.traceback)).splitlines()
    cell = "\n".join(f"    {line}" for line in notebook.cells[index].source.splitlines()[:20])
    return "\n".join(
        [
            f"{shown(path)}, cell {index}: {output.ename}: {output.evalue[:500]}",
            cell,
            "",
            *trace[-12:],
            "The stored notebook is as it was.",
        ]
    )


def shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def chosen(names: list[str]) -> list[Path]:
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "book").rglob("*.ipynb"))
    wrong = [path for path in paths if path.suffix != ".ipynb" or not path.is_file()]
    if wrong:
        sys.exit(f"There is no notebook {shown(wrong[0])}. Give a path such as NB=book/1-distributive-law.ipynb")
    return [path for path in paths if ".ipynb_checkpoints" not in path.parts]


def end_with(parent: int) -> None:
    """For a worker: end where the command was killed, and with it the kernel, which would run on and store what nobody waits for."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(names: list[str]) -> int:
    failures = 0
    with ProcessPoolExecutor(max_workers=2, initializer=end_with, initargs=(os.getpid(),)) as pool:
        for job in [pool.submit(run, path) for path in chosen(names)]:
            try:
                print(job.result(), flush=True)
            except BrokenProcessPool:
                sys.exit("A notebook's runner was killed, often for memory: those not named above are as they were.")
            except RuntimeError as error:
                failures += 1
                print(error, file=sys.stderr)
    return min(failures, 1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Stopped: the notebooks that are not named above are as they were.")
    except OSError as error:
        sys.exit(disk.sentence(error, "A notebook"))
