"""Run every published notebook with Colab's versions, alone in an empty folder: python tools/colab.py [NOTEBOOK ...]

Makes an environment in _build/colab with Colab's Python and the packages in tests/colab/versions.txt, which takes some gigabytes
and, the first time, a network. In Colab every notebook has a machine of its own, so what one has installed is put back before
the next. What Colab has and no registry offers is not there: its `google.colab` package, its builds of torch, a GPU.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import colab_versions
import disk
import publish_notebooks

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "_build" / "colab"
PYTHON = FOLDER / "env" / "bin" / "python"
ROOM = 10_000_000_000  # bytes; torch for a GPU, which is what the registry has, is most of it


def base() -> str:
    """A Python of Colab's minor version on this machine."""
    minor = ".".join(colab_versions.python().split(".")[:2])
    named = os.environ.get("COLAB_PYTHON") or f"python{minor}"
    path = shutil.which(named)
    asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    found = path and subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    if found != minor:
        here = f"{named} is {found}" if found else f"there is no {named} here"
        sys.exit(
            f"Colab runs Python {minor}, and {here}. Install it, or name yours: make colab COLAB_PYTHON=/path/to/python{minor}"
        )
    return path


def install() -> None:
    """Colab's versions, whether there are none yet or a notebook has changed some."""
    if not PYTHON.exists():
        try:
            disk.check(FOLDER, ROOM)
        except OSError as error:
            sys.exit(disk.sentence(error, "The environment with Colab's versions"))
        print(f"Installing Colab's versions into {PYTHON.parents[1].relative_to(ROOT)}", flush=True)
        subprocess.run([base(), "-m", "venv", str(PYTHON.parents[1])], check=True)
    subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", "-r", str(colab_versions.PATH)], check=True)


def run(path: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or each kernel warns of Python 3.13's frozen modules
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        command = [str(PYTHON), str(ROOT / "tools" / "run_published.py"), folder]
        return subprocess.run(command, env=environment).returncode


def main(arguments: list[str]) -> int:
    chapters = [Path(name).resolve() for name in arguments] or publish_notebooks.chapters()
    failures = 0
    try:
        for path in publish_notebooks.standalone.write_notebooks(chapters, FOLDER / "notebooks"):
            install()
            failures += bool(run(path))
        install()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Colab's versions could not be installed, for the reason above (exit {error.returncode}).")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
