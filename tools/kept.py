"""What `make deep` finds out and keeps: tables in book/data, and the part of a page that is made of them."""

import csv
from collections.abc import Iterable
from pathlib import Path

import disk


def rows(table: Path) -> list[dict[str, str]]:
    """The rows of a table; none where it is not there."""
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(table: Path, fields: tuple[str, ...], found: Iterable[dict[str, str]]) -> None:
    """The old table or the new one, never half."""
    table.parent.mkdir(exist_ok=True)
    with disk.making(table) as half, half.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def put(page: Path, start: str, end: str, text: str) -> None:
    """Replace what stands on the page between the lines `start` and `end`."""
    before, rest = page.read_text(encoding="utf-8").split(start)
    disk.replace(page, f"{before}{start}{text}{end}{rest.split(end)[1]}")
