"""Both commands of the README on every Python of the book that is on the PATH, each in a fresh clone of what is committed.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.pythons

Needs a network, and a quarter of an hour and some GB of disk for each. What the commands said is kept in _build.
"""

import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TextIO

import build_site
from bench.clone import NOT_A_READERS
from support.processes import free_port, running, waited

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def main() -> int:
    failed = 0
    for version in VERSIONS:
        python = interpreter(version)
        if python is None:
            print(f"Python {version}: not run, there is no python{version} here", flush=True)
            continue
        log = build_site.ROOT / "_build" / f"python{version}.log"
        log.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder, open(log, "w", encoding="utf-8") as said:
            try:
                read_and_tested(python, Path(folder) / "book", said)
                print(f"Python {version}: make serve and make test pass", flush=True)
            except (subprocess.CalledProcessError, OSError) as error:
                failed += 1
                print(f"Python {version}: {error} See {log.relative_to(build_site.ROOT)}", flush=True)
    return int(failed > 0)


def interpreter(version: str) -> str | None:
    """Where this Python is. A name on the PATH may be a stand-in of a version manager for one that is not there."""
    try:
        command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return None


def read_and_tested(python: str, folder: Path, said: TextIO) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_A_READERS}
    options = {"cwd": folder, "env": environment}
    subprocess.run(["git", "clone", "-q", build_site.ROOT, folder], check=True, stdout=said, stderr=said)
    make = ["make", f"PYTHON={python}"]
    subprocess.run([*make, "site"], check=True, stdout=said, stderr=said, **options)
    port = free_port()
    with running([*make, "serve", f"PORT={port}"], **options):
        waited(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/").read())
    subprocess.run([*make, "test"], check=True, stdout=said, stderr=said, **options)


if __name__ == "__main__":
    sys.exit(main())
