"""Take the versions of today's Colab into tests/colab/versions.txt, from the list that Colab publishes. Needs a network.

    python tools/colab_versions.py

The file keeps of that list the packages that it already names: what the book needs, and what that needs. A build for one kind
of machine, "+cpu", is written as the version it is of.
"""

import datetime
import re
import sys
import urllib.request
from pathlib import Path

import disk

PATH = Path(__file__).parents[1] / "tests" / "colab" / "versions.txt"
ADDRESS = "https://raw.githubusercontent.com/googlecolab/backend-info/main/"
PACKAGES, SYSTEM = "pip-freeze.txt", "os-info.txt"
HEAD = """\
# Colab's versions of what the book needs, and of what that needs. Refreshed by tools/colab_versions.py from Colab's public list.
# As of {day}, Python {python}
"""
# "torch==2.11.0", or "torch @ https://…/torch-2.11.0%2Bcpu-cp313-….whl"
LINE = re.compile(r"^([\w.-]+)(?:==| @ .*/[\w.]+?-)(\d[\w.]*)", re.M)


def python() -> str:
    """The version that the file names: "3.13.15"."""
    return re.search(r"^# As of .*, Python ([\d.]+)$", PATH.read_text(encoding="utf-8"), re.M)[1]


def listed(text: str) -> dict[str, str]:
    return {plain(name): version for name, version in LINE.findall(text)}


def plain(name: str) -> str:
    """As pip compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def refreshed(kept: str, packages: str, system: str, day: str) -> str:
    """The file's text `kept` with the versions of Colab's two lists."""
    found = listed(packages)
    names = [name for name, _ in LINE.findall(kept)]
    if gone := [name for name in names if plain(name) not in found]:
        raise ValueError(
            f"Colab's list has no {', '.join(gone)} any more: take that out of {PATH.name}, or find out why"
        )
    lines = [f"{name}=={found[plain(name)]}\n" for name in names]
    return HEAD.format(day=day, python=re.search(r"^Python ([\d.]+)$", system, re.M)[1]) + "".join(lines)


def fetched(name: str) -> str:
    with urllib.request.urlopen(ADDRESS + name, timeout=30) as answer:
        return answer.read().decode("utf-8")


def main() -> None:
    try:
        packages, system = fetched(PACKAGES), fetched(SYSTEM)
    except OSError as error:
        sys.exit(
            f"Colab's list could not be had from {ADDRESS} ({error}): connect to the network. {PATH.name} is as it was."
        )
    kept = PATH.read_text(encoding="utf-8")
    try:
        text = refreshed(kept, packages, system, datetime.date.today().isoformat())
    except ValueError as error:
        sys.exit(f"{error}. {PATH.name} is as it was.")
    disk.replace(PATH, text)
    changed = [line for line in text.splitlines() if line not in kept.splitlines() and not line.startswith("#")]
    print(f"Python {python()}. Changed: {', '.join(changed) or 'nothing'}")


if __name__ == "__main__":
    main()
