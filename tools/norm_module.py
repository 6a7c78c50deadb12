"""Put cheaper_norms into one file that needs torch and peft, and nothing else of this book.

    python tools/norm_module.py                 # writes _build/dora_norms.py
    python tools/norm_module.py some/folder     # or there

It joins what `peft_norms.py` takes from the modules beside it, as they stand: imports first, then each definition with its comments.
"""

import ast
import sys
from pathlib import Path

import disk

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "book" / "dorabook"
MODULES = ("decompose", "factored", "peft_norms")  # the last one's words open the file
OF_DECOMPOSE = {"Per", "_SUMMED", "check_per", "check_weight"}
FROM = '# From the book "DoRA\'s magnitude vector", under the MIT licence. Made by tools/norm_module.py.\n'


def joined() -> str:
    words, imports, definitions = "", [], []
    for module in MODULES:
        text = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
        lines, at = text.splitlines(), 0
        for node in ast.parse(text).body:
            part, at = "\n".join(lines[at : node.end_lineno]).strip("\n"), node.end_lineno
            if isinstance(node, ast.Expr):
                words = part.replace("dorabook.factored.", "")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(node)
            elif module != "decompose" or named(node) in OF_DECOMPOSE:
                definitions.append(part)
    return "\n\n".join([words, FROM + imported(imports), "\n\n\n".join(definitions)]) + "\n"


def imported(nodes: list[ast.Import | ast.ImportFrom]) -> str:
    """One line for each module, without those of this book."""
    plain = {f"import {name.name}" for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.setdefault(node.module, set()).update(name.name for name in node.names)
    return "\n".join(
        [*sorted(plain), *(f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names))]
    )


def named(node: ast.stmt) -> str:
    return node.targets[0].id if isinstance(node, ast.Assign) else getattr(node, "name", "")


def main(folder: Path = ROOT / "_build") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "dora_norms.py"
    disk.replace(target, joined())
    return target


if __name__ == "__main__":
    print(f"cheaper_norms is in {main(*map(Path, sys.argv[1:]))}: put it beside your script")
