"""The field guide's one table, book/data/field_guide.json, and what pages show of it.

    {field-guide} Per output          the libraries of that section, a row each
    {field-guide} In short            who keeps which axis: the rows that have a `short`, those that say the same together
    {field-guide} Names               what m is called, and its shape, by the same rows

A row is a claim about one library: which axis it keeps, what it calls m and in which shape, and where that was read, in files whose SHA-256
and a few words (`anchor`) are kept, so that `make field` can say when one has changed. `rows()` is the only way in: it refuses a row that
does not say where it was read, or whose shape is of another axis than it claims.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from from_book import FromBook

TABLE = Path(__file__).parents[1] / "data" / "field_guide.json"
MATRIX = Path(__file__).parents[1] / "dorabook" / "live" / "field_matrix" / "cells.json"
SECTIONS = {
    "Per output": "output",
    "Per input": "input",
    "Either, by a flag or a guess": "either",
    "Through another library": "theirs",
    "No m at all": "none",
}
SIDES = {"output": r"\bout\b|features", "input": r"\bin\b|tokens"}
SHOWN = {"output": "output", "input": "**input**"}
OTHER = {"output": "input", "input": "output"}
TEXTS = (
    "key",
    "linear",
    "convolution",
    "option",
    "decides",
    "bare_square",
    "norm_of",
    "gradient",
    "epsilon",
    "scaling",
    "merging",
    "note",
    "standing",
)
FIELDS = {"id", "library", "part", "role", "axis", *TEXTS, "evidence", "source", "committed", "read", "files"}
# The default by the version it came with; a claim about one version alone; in the small tables.
MORE = {"default", "pinned", "short"}


@cache
def rows() -> list[dict]:
    """Every row. ValueError with the row's name where one is not whole."""
    return checked(json.loads(TABLE.read_text(encoding="utf-8")))


def checked(table: list[dict]) -> list[dict]:
    for row in table:
        if fault := next(faults(row), None):
            raise ValueError(f"{TABLE.name}, row {row.get('id', '?')}: {fault}")
    if len({row["id"] for row in table}) < len(table):
        raise ValueError(f"{TABLE.name} has two rows with one id")
    return table


def faults(row: dict) -> Iterator[str]:
    if FIELDS - row.keys() or row.keys() - FIELDS - MORE:
        yield f"its fields are not the known ones: {sorted(FIELDS.symmetric_difference(row) - MORE)}"
        return
    if row["axis"] not in SECTIONS.values():
        yield f"its axis is {row['axis']!r}, expected one of {', '.join(SECTIONS.values())}"
    if row["evidence"] not in ("ran", "source"):
        yield f"its evidence is {row['evidence']!r}, expected ran or source"
    if set(row["source"]) not in ({"package", "version"}, {"repository", "commit"}):
        yield "its source is neither a package and its version nor a repository and its commit"
    elif "commit" in row["source"] and not re.fullmatch("[0-9a-f]{40}", row["source"]["commit"]):
        yield "its commit can move: give all 40 digits"
    for when in filter(None, (row["read"], row["committed"])):
        date.fromisoformat(when)
    if not row["files"]:
        yield "it names no file"
    for file in row["files"]:
        if len(file.get("anchor", "").strip()) < 10 or file.get("line", 0) < 1:
            yield f"{file.get('path')} has no line with an anchor of a few words"
        if not re.fullmatch("[0-9a-f]{64}", file.get("sha256", "")):
            yield f"{file.get('path')} has no SHA-256"
    if row["axis"] in SIDES:
        shapes = f"{row['linear']} {row['convolution']}"
        if not re.search(SIDES[row["axis"]], shapes) or re.search(SIDES[OTHER[row["axis"]]], shapes):
            yield f"it claims one magnitude per {row['axis']}, and its shape of m is {shapes.strip() or 'not given'}"
    if default := [*row.get("default", {}).values()][-1:]:
        first = row["linear"].partition(" or ")[0]
        if row["axis"] != "either" or default[0] not in SIDES or not re.search(SIDES[default[0]], first):
            yield f"its default is one magnitude per {default[0]}, and the first shape of m it gives is {first}"


# ---- what a page shows


def cells(row: dict) -> list[str]:
    """Library with its part, where it was read, m, and the norm; of a library without a layer of its own, what it does."""
    name = ", ".join(filter(None, [row["library"], row["part"]]))
    if row["axis"] in ("theirs", "none"):
        return [name, where(row), row["note"]]
    norm = "; ".join([row["gradient"], *([] if row["epsilon"] == "none" else [f"epsilon {row['epsilon']}"])])
    return [name, where(row), row["linear"] or row["convolution"], norm]


def where(row: dict) -> str:
    source, parts, last = row["source"], [], None
    for file in row["files"]:
        shown = str(file["line"]) if file["path"] == last else f"`{Path(file['path']).name}` {file['line']}"
        last = file["path"]
        if "repository" in source:
            place = f"https://github.com/{source['repository']}/blob/{source['commit']}/{file['path']}"
            place += "" if file["path"].endswith(".ipynb") else f"#L{file['line']}"
            shown = f"[{shown}]({place})"
        parts.append(shown)
    committed = day(row["committed"]) if row["committed"] else source.get("commit", "")[:7]
    version = committed if "repository" in source else f"{source['package']} {source['version']}"
    stands = f", **{row['standing']}**" if row["standing"] else ""
    return f"{', '.join(parts)}, {version}{stands}"


def day(iso: str) -> str:
    when = date.fromisoformat(iso)
    return f"{when.day} {when:%b %Y}"


def of_section(name: str) -> list[dict]:
    return [row for row in rows() if row["axis"] == SECTIONS[name]]


def markdown(name: str) -> str:
    """The table of a section, of "How a reader decides", of "In words", "In short" or "Names", in Markdown."""
    if name == "In short":
        head, lines = ["library", "one magnitude per", "what to know"], in_short()
    elif name == "Names":
        head = ["where", "shape of m", "its name"]
        lines = [[called(row), row["linear"], f"`{row['key']}`"] for row in rows() if "short" in row and row["key"]]
    elif name == "In words":
        head, lines = ["written by", "read rightly by", "m is dropped by", "silently wrong in"], in_words()
    elif name == "How a reader decides":
        head = ["reader", "looks at", "a bare m on a square layer", "norm of"]
        lines = [
            [" ".join(cells(row)[0].split()), row["decides"], row["bare_square"], row["norm_of"]]
            for row in rows()
            if row["bare_square"]
        ]
    else:
        found = of_section(name)
        head = [
            "library, file and line, read at",
            *(["what it does"] if found[0]["axis"] in ("theirs", "none") else ["m", "norm"]),
        ]
        lines = [[f"{library}<br>{place}", *rest] for library, place, *rest in map(cells, found)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def called(row: dict) -> str:
    """A library by its name, and by its part where the small tables have two of it."""
    twice = [other["library"] for other in rows() if "short" in other].count(row["library"]) > 1
    return f"{row['library']} ({row['part']})" if twice else row["library"]


def in_short() -> list[list[str]]:
    """Libraries that say the same share a line, and with peft stand those that take its layer. Per input is bold: that is not DoRA's."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in (row for row in rows() if "short" in row):
        *before, (version, axis) = row.get("default", {"": row["axis"]}).items()
        per = SHOWN[axis] + (" by default" if row["option"] else "") + (version and f" since {version}")
        per += "".join(f", {SHOWN[axis]} before" for _, axis in before)
        note = row["short"] or f"`{row['option']}=True` is per output"
        names = found.setdefault((per, note), [])
        names.append(called(row))
        if row["id"] == "peft-linear":
            names.append(f"and with it {', '.join(row['library'] for row in of_section('Through another library'))}")
    return [[", ".join(names), per, note] for (per, note), names in found.items()]


def in_words() -> list[list[str]]:
    """For each writer of the matrix the readers of its files as they were written, by what happens; the rest refuse them."""
    drawn = json.loads(MATRIX.read_text(encoding="utf-8"))
    lines = []
    kinds = ["right", "m dropped", "silently wrong"]
    for (writer, _, known), outcomes in zip(drawn["writers"], drawn["cells"]["as written"], strict=True):
        found: list[list[str]] = [[], [], []]
        for (reader, _, read), outcome in zip(drawn["readers"], outcomes, strict=True):
            happens = drawn["outcomes"][outcome] if outcome is not None else ()
            verdicts = {drawn["verdicts"][layer[1]] for layer in happens}
            if worst := next((kind for kind in reversed(kinds) if kind in verdicts), None):
                found[kinds.index(worst)].append(f"*{reader}*" if "source" in (known, read) else reader)
        lines.append([writer, *map("; ".join, found)])
    return lines


class FieldGuide(FromBook):
    required_arguments = 1
    final_argument_whitespace = True

    def made(self) -> Iterator[nodes.Node]:
        self.watched(TABLE)
        self.watched(MATRIX)
        rows.cache_clear()
        box = nodes.Element()
        text = StringList(markdown(self.arguments[0]).splitlines(), source=self.name)
        self.state.nested_parse(text, self.content_offset, box)
        for table in box.findall(nodes.table):
            table["classes"].append(nodes.make_id(self.arguments[0]))
        yield from box.children


def setup(app):
    app.add_directive("field-guide", FieldGuide)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
