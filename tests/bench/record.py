"""What the benches measured, kept: book/data/bench.csv, and the part of "How this book is checked" that is made of it.

    RECORD=1 make bench

Each bench hands its rows to `keep`, which stores them in place of that bench's old ones when RECORD is 1 and does nothing otherwise.
"""

import json
import os
import platform
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import disk
import kept
import torch
from bench.table import HEAD, Row

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "book" / "data" / "bench.csv"
NOTE = TABLE.with_suffix(".json")
PAGE = ROOT / "book" / "back" / "how-checked.md"
START, END = "<!-- made by RECORD=1 make bench -->\n", "<!-- benches to here -->\n"
FIELDS = ("part", *HEAD)
PARTS = {  # in the order of the page
    "pages": "The pages",
    "race": "A training step in the page",
    "engines": "The figures in other browsers",
    "cells": "The chapters",
    "suite": "Every check",
    "clone": "From a fresh clone",
    "norm": "The norm of W + sBA",
    "checkpoint": "An adapter and its base, 1 GB, judged and merged in Python",
    "detective": "The same, dropped on the page",
    "cancel": "How long a page that reads a hostile file cannot be told to stop",
    "fuzz": "Broken files",
    "odd": "Odd valid files",
    "links": "Links that ask for anything",
}


def keep(part: str, rows: list[Row]) -> None:
    if os.environ.get("RECORD") != "1":
        return
    others = [row for row in kept.rows(TABLE) if row["part"] != part]
    mine = [{"part": part, **dict(zip(HEAD, row, strict=True))} for row in rows]
    kept.write(TABLE, FIELDS, sorted([*others, *mine], key=lambda row: list(PARTS).index(row["part"])))
    disk.replace(NOTE, json.dumps({**note(), part: machine()}, indent=1) + "\n")
    kept.put(PAGE, START, END, page_part())


def note() -> dict[str, dict]:
    """part -> when it was measured, on what, and how busy that was."""
    return json.loads(NOTE.read_text(encoding="utf-8")) if NOTE.exists() else {}


def machine() -> dict[str, object]:
    """What a time depends on: the date, the processor, how busy it was in the last minute, and the versions."""
    versions = {name: version(name) for name in ("torch", "peft", "transformers")}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
        "device": f"cpu {cpu()}, {torch.backends.cpu.get_cpu_capability()}",
        "cores": os.cpu_count(),
        "versions": versions | {"python": platform.python_version()},
    }


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def page_part() -> str:
    """On which machine it was, then a table a part under what it is and when it was made."""
    found, told = kept.rows(TABLE), note()
    machines = sorted({f"{one['cores']} cores of {one['device'].removeprefix('cpu ')}" for one in told.values()})
    sections = [
        section(part, [row for row in found if row["part"] == part], told[part]) for part in PARTS if part in told
    ]
    return "\n".join(["", f"The machine had {', or '.join(machines)}.", "", *sections])


def section(part: str, rows: list[dict[str, str]], told: dict) -> str:
    shown = [name for name in HEAD if name == "what" or any(row[name] != "–" for row in rows)]
    lines = [f"| {' | '.join(shown)} |", f"|{'---|' * len(shown)}"]
    lines += [f"| {' | '.join(row[name] for name in shown)} |" for row in rows]
    day = date.fromisoformat(told["date"])
    return "\n".join([f"**{PARTS[part]}.** {day.day} {day:%B %Y}, load {told['load']}.\n", *lines, ""])
