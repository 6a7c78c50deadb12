"""The Makefile, in a folder with nothing else of the book."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    for path in (
        ROOT / "Makefile",
        ROOT / "constraints.txt",
        *ROOT.glob("requirements*.txt"),
        *ROOT.glob("hashes*.txt"),
    ):
        if not (folder / path.name).exists():
            shutil.copy2(path, folder)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env={**clean, **environment}, capture_output=True, text=True
    )
