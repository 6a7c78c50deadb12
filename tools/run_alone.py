"""Run every published notebook alone, and compare all its outputs with the stored ones, beside the tests that are named.

    python tools/run_alone.py PYTEST-OPTIONS-AND-TESTS [NOTEBOOK ...]

Each lies in a folder of its own outside the repository, which cannot be written to, and Python does not find the book's
package there. The answers' outputs are put back for the comparison, so the cells compared are those of the stored chapter,
and the cells before them have to print nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import publish_notebooks

standalone = publish_notebooks.standalone
ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    named = [Path(name).resolve() for name in arguments if name.endswith(".ipynb")]
    options = [option for option in arguments if not option.endswith(".ipynb")]
    with tempfile.TemporaryDirectory(prefix="dora-alone-") as folder:
        alone = Path(folder)
        for path in named or publish_notebooks.chapters():
            lay_out(path, alone / path.stem)
        before = listed(alone)
        code = run(alone, options)
        if listed(alone) != before:
            print(f"A notebook wrote into its folder: {sorted(listed(alone) - before)}", file=sys.stderr)
            code = code or 1
        for inner in alone.iterdir():
            inner.chmod(0o755)
    return code


def lay_out(path: Path, folder: Path) -> None:
    """The published form of `path` alone in `folder`, as if it had run: a cell that never ran is not compared."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    made = standalone.self_contained(stored, path.stem, answers=True)
    for count, cell in enumerate((cell for cell in made["cells"] if cell["cell_type"] == "code"), 1):
        cell["execution_count"] = count
    folder.mkdir()
    (folder / path.name).write_text(standalone.written(made), encoding="utf-8")
    folder.chmod(0o555)


def run(alone: Path, options: list[str]) -> int:
    """pytest in the repository, with its settings; the notebooks' kernels start in their own folders, and with no other path."""
    environment = {**os.environ, "JUPYTER_PATH": str(ROOT / "tests" / "support" / "jupyter")}
    environment.pop("PYTHONPATH", None)
    if not subprocess.run(
        [sys.executable, "-c", "import dorabook"], cwd=alone, env=environment, capture_output=True
    ).returncode:
        sys.exit("dorabook is installed in .venv, so running without it would prove nothing: pip uninstall it.")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir", str(ROOT), "--nbval"]
    return subprocess.run([*command, *options, str(alone)], cwd=ROOT, env=environment).returncode


def listed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
