"""Run notebooks in place and store their outputs in one form: the same notebook gives the same file.

    python tools/run_notebooks.py [NOTEBOOK ...]

Without arguments every notebook of the book is run. A file changes only when its notebook ran to the end and the result differs.
"""

import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

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
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place, record_timing=False)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(failure(path, notebook, error)) from None
    after = text(normalised(notebook))
    if after == before:
        return f"{shown(path)}: as stored"
    replace(path, after)
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


def replace(path: Path, content: str) -> None:
    """The old file or the new one, never half of one."""
    half = path.with_name(f".{path.name}.new")
    half.write_text(content, encoding="utf-8")
    os.replace(half, path)


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


def main(names: list[str]) -> int:
    failures = 0
    with ProcessPoolExecutor(max_workers=2) as pool:
        for job in [pool.submit(run, path) for path in chosen(names)]:
            try:
                print(job.result(), flush=True)
            except RuntimeError as error:
                failures += 1
                print(error, file=sys.stderr)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
