"""Run the self-contained notebooks of a folder, as Colab would: python run_published.py FOLDER

Needs nbclient and nothing of the book, so that it runs in Colab's own image. Nothing is stored, and what the cells print is not
compared, since it may differ with the versions there; their asserts are the check. Each notebook starts in an empty folder.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

SECONDS = 600  # for one cell; the first may install


def run(path: Path) -> str:
    """ "" if every cell ran, else the end of what it said."""
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        client = NotebookClient(
            nbformat.read(path, as_version=4), timeout=SECONDS, kernel_name="python3", resources=place
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            return str(error).strip()[-1500:] or type(error).__name__
    return ""


def main(arguments: list[str]) -> int:
    paths = sorted(Path(arguments[0]).glob("*.ipynb")) if len(arguments) == 1 else []
    if not paths:
        sys.exit("Name a folder with the published notebooks: python run_published.py FOLDER")
    failures = 0
    for path in paths:
        problem = run(path)
        failures += bool(problem)
        print(f"{path.name}: {problem or 'ran'}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
