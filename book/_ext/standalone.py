"""A chapter as one notebook that needs nothing else from the book.

`self_contained` puts cells before a stored chapter: a heading with the version and the licences, the set-up (notebook_setup.py),
one folded cell for each module of dorabook that travels with it (closure.py), and one with the scripts and styles of its live
figures. The chapter follows as it is stored, without the outputs of its answers, which a reader is to predict, and with links
that lead to the site or are plain words.
"""

import ast
import copy
import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from closure import BOOK, PACKAGE, Needs, needs, scripts

SETUP = Path(__file__).with_name("notebook_setup.py")
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # as Colab and as JupyterLab fold a cell
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")

Notebook = dict[str, Any]
Cell = dict[str, Any]


def self_contained(
    notebook: Notebook, name: str, *, site: str = "", answers: bool = False, book: Path = BOOK
) -> Notebook:
    """The published form of the stored chapter `name`, whose folder in the book is the site's `book/`.

    `site` is the address the book is read at, ending in "/", or "" where it is not known. `answers` leaves the outputs of
    answers in, for the check that compares all outputs.
    """
    found = needs("\n\n".join(python(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"), book)
    made = copy.deepcopy(notebook)
    made["metadata"] = {key: value for key, value in made["metadata"].items() if key != "widgets"}
    chapter = [published(cell, site, answers) for cell in made["cells"]]
    title, *rest = chapter
    made["cells"] = [title, *cells_before(found, name, site, book), *rest]
    made["nbformat_minor"] = 5
    return made


def cells_before(found: Needs, name: str, site: str, book: Path, *, what: str = "A chapter") -> Iterable[Cell]:
    yield markdown(name, "about", about(site, version(book), what))
    yield folded(name, "set-up", setup_text(found, name.split()[0], book))
    for file, text in found.files.items():
        yield folded(name, file, f"%%dora_file {file}\n#@title {file}\n{text}")
    if found.figures:
        files = scripts(found.figures)
        parts = "\n".join(f"{comment(file)}\n{text.strip()}\n" for file, text in files.items())
        yield folded(name, "scripts", f"%%dora_file\n#@title Scripts and styles of the live figures\n{parts}")


def comment(file: str) -> str:
    return f"/* file: {file} */" if file.endswith(".css") else f"// file: {file}"


def setup_text(found: Needs, chapter: str, book: Path) -> str:
    text = SETUP.read_text(encoding="utf-8")
    docstring, *_ = ast.parse(text).body
    summary = docstring.value.value.splitlines()[0]
    code = "\n".join(text.splitlines()[docstring.end_lineno :]).strip()
    packages = sorted(f"peft{least_peft(chapter, book)}" if name == "peft" else name for name in found.packages)
    return (
        f"#@title Set up this notebook\n# {summary}\n{code}\n\n\n"
        f"start({json.dumps(packages)}, {json.dumps(' '.join(sorted(found.torch)))})"
    )


def least_peft(chapter: str, book: Path) -> str:
    """ ">=0.21.2" if some claim of the chapter failed on older versions when `make deep` tried them, else ""."""
    path = book / "data" / "peft_range.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["chapter"] == chapter]
    failed = [at for at, row in enumerate(rows) if row["held"] != row["claims"]]
    return f">={rows[failed[-1] + 1]['peft']}" if failed and failed[-1] + 1 < len(rows) else ""


def about(site: str, number: str, what: str) -> str:
    book = f"[the book]({site})" if site else "the book"
    return (
        f'*{what} of {book} "What is DoRA\'s magnitude vector?", version {number}. Text CC BY 4.0, code MIT. The folded '
        "cells below hold all the code this chapter needs: run them first, or choose Run all.*"
    )


def published(cell: Cell, site: str, answers: bool) -> Cell:
    if cell["cell_type"] == "markdown":
        cell["source"] = relinked(joined(cell["source"]), site)
        return cell
    cell["source"] = joined(cell["source"])
    if cell["metadata"].get("jupyter", {}).get("source_hidden"):
        cell["metadata"]["cellView"] = "form"
    if "answer" in cell["metadata"].get("tags", []) and not answers:
        cell["outputs"], cell["execution_count"] = [], None
    return cell


def relinked(prose: str, site: str) -> str:
    """Links within the book lead to its site, or are plain words where the site's address is not known."""

    def change(match: re.Match) -> str:
        words, target = match[1], match[2]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        page = re.sub(r"\.(?:ipynb|md)(?=#|$)", ".html", target)
        return f"[{words}]({urljoin(f'{site}book/', page)})" if site else words

    return LINK.sub(change, prose)


def folded(name: str, part: str, source: str) -> Cell:
    cell = {"cell_type": "code", "execution_count": None, "id": "", "metadata": copy.deepcopy(FOLDED), "outputs": []}
    return {**cell, "id": cell_id(name, part), "source": source.rstrip("\n")}


def markdown(name: str, part: str, source: str) -> Cell:
    return {"cell_type": "markdown", "id": cell_id(name, part), "metadata": {}, "source": source}


def cell_id(name: str, part: str) -> str:
    return hashlib.sha256(f"{name} {part}".encode()).hexdigest()[:8]


def python(cell: Cell) -> str:
    """A cell's code without the lines that only IPython reads."""
    return re.sub(r"^[ \t]*[%!].*$", "", joined(cell["source"]), flags=re.M)


def joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def version(book: Path = BOOK) -> str:
    return re.search(r'^__version__ = "(.+)"', (book / PACKAGE / "__init__.py").read_text("utf-8"), re.M)[1]


def written(notebook: Notebook) -> str:
    """As nbformat writes it: sources and texts as lists of lines, so that a change is seen line by line."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        cell["source"] = joined(cell["source"]).splitlines(keepends=True)
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_notebooks(paths: Iterable[Path], folder: Path, **options: Any) -> list[Path]:
    """Publish stored chapters into `folder`. Gives the files, one a chapter."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in paths:
        stored = json.loads(path.read_text(encoding="utf-8"))
        made.append(folder / path.name)
        replace(made[-1], written(self_contained(stored, path.stem, **options)))
    return made


def replace(path: Path, text: str) -> None:
    """The old file or the new one, never half of one."""
    half = path.with_name(f".{path.name}.new")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
