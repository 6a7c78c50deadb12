"""Write which files the packages that the book installs may come as: hashes-site.txt for `make serve`, hashes.txt for the rest.

    make lock

Of each package in the version of constraints.txt every file that the index has, for every system and for Python 3.11 to 3.14, by its
SHA-256, as uv asks the index for it. torch is left out: its builds for a CPU and for each CUDA are different files of one version.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import disk

ROOT = disk.ROOT
SITE, ALL = ROOT / "hashes-site.txt", ROOT / "hashes.txt"
HEAD = "# Made by `make lock` from {}: the files that each package may come as.\n"
OF_TORCH = """[[dependency-metadata]]
name = "torch"
requires-dist = ["filelock", "typing-extensions", "setuptools", "sympy", "networkx", "jinja2", "fsspec"]
"""
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)[^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+$", re.MULTILINE
)


def entries(text: str) -> dict[str, str]:
    """{package: its lines in a file of hashes}"""
    return {found["name"]: found[0] for found in ENTRY.finditer(text)}


def locked(requirements: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "uv.toml").write_text(OF_TORCH, "utf-8")
        asked = ["pip", "compile", "-q", "--system-certs", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header",
            "--no-annotate", "--no-emit-package", "torch", "--config-file", f"{folder}/uv.toml", requirements]  # fmt: skip
        done = subprocess.run([sys.executable, "-m", "uv", *asked], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{requirements} could not be locked, for the reason above.")
    return entries(done.stdout)


def main() -> None:
    site, every = locked("requirements-site.txt"), locked("requirements.txt")
    common = [
        lines for name, lines in every.items() if name in site
    ]  # where the rest needs one on more systems, so may the site
    disk.replace(SITE, HEAD.format("requirements-site.txt") + "\n".join(common) + "\n")
    rest = [lines for name, lines in every.items() if name not in site]
    disk.replace(ALL, HEAD.format("requirements.txt") + f"-r {SITE.name}\n" + "\n".join(rest) + "\n")
    print(f"{SITE.name} has {len(site)} packages and {ALL.name} {len(rest)} more.")


if __name__ == "__main__":
    main()
