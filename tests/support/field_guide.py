"""The field guide's tables, cell by cell, as its page shows them."""

from pathlib import Path

import field_guide

PAGE = Path(__file__).parents[2] / "book" / "back" / "field-guide.md"
AXES = ("Per output", "Per input", "Either, by a flag or a guess")


def rows(name: str) -> list[list[str]]:
    """The cells of a section's table; where a library was read is a cell of its own."""
    return [field_guide.cells(row) for row in field_guide.of_section(name)]


def threads() -> list[list[str]]:
    """The cells of the one table that is written on the page itself."""
    text = PAGE.read_text(encoding="utf-8").partition("## Threads, by date\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
