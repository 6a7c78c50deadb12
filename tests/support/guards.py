"""What every notebook of the book keeps to. Each guard takes a notebook and gives the problems it sees, a sentence each.

tests/test_book.py runs all of them on the book, and each of them on a notebook that breaks its rule.
"""

import base64
import re
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from evidence import numbers, plain, proved

Notebook = dict[str, Any]
Cell = dict[str, Any]
Guard = Callable[[Notebook], list[str]]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LONGEST, MEDIAN = 20, 5  # lines of a code cell
PICTURE = 60_000  # bytes
PHONE = 530  # pixels: what 349 of a phone show at two thirds, where its letters can just be read
EXERCISES = 3
ADDRESS = re.compile(r"\b0x[0-9a-f]+", re.I)
PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|usr|opt)/\w|site-packages|ipykernel_\d+")
COLOUR = re.compile(r"""['"]#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})['"]""", re.I)
REGISTRY = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|anaconda)\.(?:org|com)\b|--(?:extra-)?index-url|--registry\b", re.I
)
KERNEL_ONLY = re.compile(r"\b(?:interact(?:ive)?|Output)\(")
KERNEL_TOO = re.compile(r"\.observe\(|\bipywidgets\.")  # in a FigureBox, whose stored form is a figure that is alive
FIGURE_BOX = 'class="dora-without"'
REPR = re.compile(r"^\w+\((?:children|description|value|layout)=")  # of a plain ipywidget
MARKER = re.compile(r"^\s*#\s*(NBVAL_\w+|PYTEST_VALIDATE_\w+)(.*)$")
PERCENTAGE = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)\s?(?:%|percent\b)")
COLUMN = re.compile(r"\bcolumns?\b", re.I)
SHAPE = re.compile(r"[(\[]\s*[\w·*×]+\s*,\s*[\w·*×]*\s*[)\]]|\d\s*[×x]\s*\d")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)\s]*\)")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def code_cells(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def markdown(notebook: Notebook) -> list[str]:
    return [text(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def tags(cell: Cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def output_texts(cell: Cell) -> Iterator[str]:
    """Everything a cell has put out that is text: streams, plain forms, HTML."""
    for output in cell.get("outputs", []):
        yield text(output.get("text", ""))
        yield from (text(value) for mime, value in output.get("data", {}).items() if mime.startswith("text/"))


def quoted(cell: Cell, count: int = 40) -> str:
    """How a message names a cell."""
    first = next((line.strip() for line in text(cell["source"]).splitlines() if line.strip()), "(empty)")
    return f"cell {first[:count]!r}"


# ---- what is stored


def every_cell_has_run_in_order(notebook: Notebook) -> list[str]:
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}: run the notebook"]


def no_widget_state(notebook: Notebook) -> list[str]:
    state = ["metadata.widgets is stored"] if "widgets" in notebook["metadata"] else []
    views = [cell for cell in code_cells(notebook) for o in cell["outputs"] if WIDGET_VIEW in o.get("data", {})]
    return state + [f"{quoted(cell)} stores a widget view" for cell in views]


def no_address(notebook: Notebook) -> list[str]:
    found = [
        (cell, match) for cell in code_cells(notebook) for out in output_texts(cell) if (match := ADDRESS.search(out))
    ]
    return [f"{quoted(cell)} puts out the address {match[0]}" for cell, match in found]


def no_local_path(notebook: Notebook) -> list[str]:
    texts = [(cell, out) for cell in code_cells(notebook) for out in [text(cell["source"]), *output_texts(cell)]]
    return [f"{quoted(cell)} shows the path {match[0]!r}" for cell, out in texts if (match := PATH.search(out))]


def no_error_output(notebook: Notebook) -> list[str]:
    cells = [cell for cell in code_cells(notebook) for o in cell["outputs"] if o["output_type"] == "error"]
    return [f"{quoted(cell)} stores an error" for cell in cells]


def no_colab_metadata(notebook: Notebook) -> list[str]:
    keys = {"colab", "accelerator", "gpuClass"} & set(notebook["metadata"])
    cells = [cell for cell in notebook["cells"] if {"colab", "outputId"} & set(cell["metadata"])]
    return [f"metadata.{key} is stored" for key in sorted(keys)] + [
        f"{quoted(cell)} has Colab metadata" for cell in cells
    ]


def pictures_are_small(notebook: Notebook) -> list[str]:
    problems = []
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            picture = output.get("data", {}).get("image/png")
            size = len(base64.b64decode(text(picture))) if picture else 0
            problems += (
                [f"{quoted(cell)} has a picture of {size:,} bytes, at most {PICTURE:,}"] if size > PICTURE else []
            )
    return problems


def skipped_checks_have_a_reason(notebook: Notebook) -> list[str]:
    """nbval reads a marker only where nothing else is on its line, so the reason is the comment on the next one."""
    problems = []
    for cell in code_cells(notebook):
        lines = text(cell["source"]).splitlines()
        for line, after in zip(lines, [*lines[1:], ""], strict=True):
            match = MARKER.match(line)
            if match and not re.match(r"\s*#\s*(?!NBVAL_)\w.{14,}", after):
                problems.append(f"{quoted(cell)} says {match[1]} and gives no reason on the next line")
        hidden = [tag for tag in tags(cell) if tag.startswith("nbval-")]
        problems += [f"{quoted(cell)} carries the tag {tag}: use a comment with a reason" for tag in hidden]
    return problems


# ---- what a reader meets


def cells_are_short(notebook: Notebook) -> list[str]:
    cells = code_cells(notebook)
    lines = [len(text(cell["source"]).splitlines()) for cell in cells]
    long = [
        f"{quoted(cell)} has {n} lines, at most {LONGEST}" for cell, n in zip(cells, lines, strict=True) if n > LONGEST
    ]
    middle = median(lines) if lines else 0
    return long + ([f"the median code cell has {middle} lines, at most {MEDIAN}"] if middle > MEDIAN else [])


def exercises_have_solutions(notebook: Notebook) -> list[str]:
    """A stub that does not pass its check, then a folded solution that does."""
    cells = notebook["cells"]
    stubs = [i for i, cell in enumerate(cells) if "exercise" in tags(cell)]
    problems = [f"{len(stubs)} exercises, at least {EXERCISES}"] if len(stubs) < EXERCISES else []
    for i in stubs:
        after = cells[i + 1] if i + 1 < len(cells) else None
        if after is None or not {"solution", "hide-cell"} <= set(tags(after)):
            problems.append(f"{quoted(cells[i])} is not followed by a cell tagged solution and hide-cell")
        if passes(cells[i]):
            problems.append(f"{quoted(cells[i])} passes its check before the reader has done anything")
    for i, cell in enumerate(cells):
        if "solution" in tags(cell):
            problems += [] if i - 1 in stubs else [f"{quoted(cell)} is a solution without an exercise before it"]
            problems += [] if passes(cell) else [f"{quoted(cell)} is a solution and does not pass its check"]
            problems += [] if folded(cell, "source", "outputs") else [f"{quoted(cell)} is not folded in Jupyter"]
    return problems


def passes(cell: Cell) -> bool:
    return any(re.search(r": correct on \d+ example", out) for out in output_texts(cell))


def folded(cell: Cell, *parts: str) -> bool:
    return all(cell["metadata"].get("jupyter", {}).get(f"{part}_hidden") is True for part in parts)


def answers_are_folded(notebook: Notebook) -> list[str]:
    """A predicted answer is computed, and hidden until it is asked for: on the site by a tag, in Jupyter by metadata."""
    problems = []
    for cell in notebook["cells"]:
        if "answer" in tags(cell):
            hidden = "hide-output" in tags(cell) and folded(cell, "source", "outputs")
            problems += (
                [] if hidden else [f"{quoted(cell)} is an answer in plain sight: hide-output, and both in Jupyter"]
            )
            problems += [] if cell["outputs"] else [f"{quoted(cell)} is an answer without an output"]
    return problems


def code_is_folded_in_jupyter_as_on_the_site(notebook: Notebook) -> list[str]:
    """A prediction's code names the right option."""
    shown = [cell for cell in code_cells(notebook) if "hide-input" in tags(cell) and not folded(cell, "source")]
    return [f"{quoted(cell)} is folded on the site and open in Jupyter: source_hidden" for cell in shown]


def pictures_fit_a_phone(notebook: Notebook) -> list[str]:
    return [
        f"{quoted(cell)} has a picture {width} pixels wide, at most {PHONE}: give each panel a picture, or a row, of its own"
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        if (picture := output.get("data", {}).get("image/png"))
        if (width := int.from_bytes(base64.b64decode(text(picture))[16:20])) > PHONE
    ]


def pictures_have_alt_text(notebook: Notebook) -> list[str]:
    problems = []
    for cell in code_cells(notebook):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        drawn = any("image/png" in output.get("data", {}) for output in cell["outputs"])
        problems += [f"{quoted(cell)} has a picture and the alt text {alt!r}"] if drawn and len(alt) <= 20 else []
    return problems


def computed(notebook: Notebook) -> set[str]:
    """Every number that stands in an output or an assertion."""
    return {number for cell in code_cells(notebook) for number in proved(cell)}


def paragraphs(notebook: Notebook) -> list[str]:
    return [part for prose in markdown(notebook) for part in re.split(r"\n\s*\n", prose)]


def prose_numbers_are_computed(notebook: Notebook) -> list[str]:
    """A number of three or more digits in the text also stands in an output or an assertion."""
    known = computed(notebook)
    claimed = [number for prose in markdown(notebook) for number in numbers(without_references(prose))]
    return [
        f"{number} in the text stands in no output and no assertion" for number in claimed if plain(number) not in known
    ]


def prose_percentages_are_computed(notebook: Notebook) -> list[str]:
    """Those have fewer digits, and are as easily left behind. One that is cited stands in a paragraph with its source."""
    known = computed(notebook)
    known |= {f"{100 * float(number):g}" for number in known if number.startswith("0.")}
    own = (part for part in paragraphs(notebook) if "](http" not in part)
    claimed = [number for part in own for number in PERCENTAGE.findall(part)]
    return [
        f"{number} percent in the text stands in no output and no assertion"
        for number in claimed
        if number not in known
    ]


def without_references(prose: str) -> str:
    """The text without addresses, what a phrase sets, and the years of what is cited."""
    prose = re.sub(r"</?span[^>]*>", "", prose)
    cited = LINK.sub(lambda match: YEAR.sub("", match[1]), prose)
    cited = re.sub(r"<https?://[^>]*>|https?://\S+|arXiv:\d+\.\d+(?:v\d+)?", "", cited)
    return re.sub(r"\([^()]*\b(?:19|20)\d\d\)", lambda match: YEAR.sub("", match[0]), cited)


def column_has_a_shape(notebook: Notebook) -> list[str]:
    """The word means opposite things under (out, in) and (in, out), so it never stands alone."""
    return [
        f"'column' without a shape: {' '.join(part.split())[:70]!r}"
        for part in paragraphs(notebook)
        if COLUMN.search(part) and not SHAPE.search(part)
    ]


def needs_no_kernel_to_be_alive(notebook: Notebook) -> list[str]:
    """No control on a page is dead. What needs a kernel stands in a FigureBox, which stores the figures and says so."""
    problems = []
    for cell in code_cells(notebook):
        source, shown = text(cell["source"]), list(output_texts(cell))
        boxed = any(FIGURE_BOX in out for out in shown)
        if match := KERNEL_ONLY.search(source) or (None if boxed else KERNEL_TOO.search(source)):
            problems.append(f"{quoted(cell)} uses {match[0]!r}, which is dead on the page: show it in a FigureBox")
        problems += [f"{quoted(cell)} stores a plain ipywidget: {out[:30]!r}" for out in shown if REPR.match(out)]
    return problems


def no_colour_literal(notebook: Notebook) -> list[str]:
    found = [(cell, match) for cell in code_cells(notebook) if (match := COLOUR.search(text(cell["source"])))]
    return [f"{quoted(cell)} has the colour {match[0]}: use ROLES" for cell, match in found]


def no_registry_host(notebook: Notebook) -> list[str]:
    sources = [text(cell["source"]) for cell in notebook["cells"]]
    return [f"a package registry is named: {match[0]}" for source in sources if (match := REGISTRY.search(source))]


NOTEBOOK_GUARDS: list[Guard] = [
    every_cell_has_run_in_order,
    no_widget_state,
    no_address,
    no_local_path,
    no_error_output,
    no_colab_metadata,
    pictures_are_small,
    pictures_fit_a_phone,
    skipped_checks_have_a_reason,
    pictures_have_alt_text,
    needs_no_kernel_to_be_alive,
    no_colour_literal,
    no_registry_host,
]
CHAPTER_GUARDS: list[Guard] = [
    cells_are_short,
    exercises_have_solutions,
    answers_are_folded,
    code_is_folded_in_jupyter_as_on_the_site,
    prose_numbers_are_computed,
    prose_percentages_are_computed,
    column_has_a_shape,
]
