"""What stands in a chapter's stored cells, for pages that show it again: figures, printed lines, functions.

Each function takes the notebook's cells and raises a ValueError where what is asked for is not there, or is there twice.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from standalone import joined

Cell = dict[str, Any]
STATE = re.compile(r'(<script type="application/json">)(.*?)(</script>)', re.S)


def cells(notebook: Path) -> list[Cell]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def outputs(cells: list[Cell], mime: str) -> Iterator[tuple[Cell, str]]:
    for cell in cells:
        for output in cell.get("outputs", []):
            if mime in output.get("data", {}):
                yield cell, joined(output["data"][mime])


def only(found: list, what: str) -> Any:
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} {what}, expected 1")
    return found[0]


def figure(cells: list[Cell], id: str) -> str:
    """The HTML of the live figure `id`."""
    opening = re.compile(rf'<figure[^>]*\bid="{re.escape(id)}"')
    return only([shown for _, shown in outputs(cells, "text/html") if opening.search(shown)], f"live figures {id!r}")


def name(shown: str) -> str:
    """Which figure it is: "norm-explorer"."""
    return re.search(r'data-figure="([^"]+)"', shown)[1]


def page_data(shown: str) -> dict[str, Any]:
    """What a figure's HTML keeps for the page's script: `state`, and for each of its names what a link may set."""
    return json.loads(STATE.search(shown)[2])


def with_page_data(shown: str, data: dict[str, Any]) -> str:
    """The same HTML with other data for the page's script."""
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return STATE.sub(lambda match: match[1] + packed + match[3], shown)


def printed(cells: list[Cell], pattern: str) -> str:
    """The printed lines that match, each once, in the chapter's order."""
    streams = [joined(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])]
    lines = [line.rstrip() for stream in streams for line in stream.splitlines() if re.search(pattern, line)]
    if not lines:
        raise ValueError(f"no printed line matches {pattern!r}")
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(dict.fromkeys(line[indent:] for line in lines))


def function(cells: list[Cell], name: str) -> str:
    """The source of the function `name`, with its decorators and without what is said behind its lines."""
    for cell in cells:
        source = joined(cell["source"])
        if cell["cell_type"] != "code" or f"def {name}(" not in source:
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                lines = source.splitlines()[first - 1 : node.end_lineno]
                return "\n".join(re.sub(r"  # .*", "", line) for line in lines)
    raise ValueError(f"no cell defines a function {name}")
