"""The field guide's tables, cell by cell."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "book" / "back" / "field-guide.md"
AXES = ("Per output", "Per input", "Either, by a flag or a guess")


def section(name: str) -> str:
    return re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)[1]


def rows(name: str) -> list[list[str]]:
    """The cells of a section's table, without its head; what stands under a library's name is a cell of its own."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").replace("<br>", "|").split("|")] for line in lines[2:]]
