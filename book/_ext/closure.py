"""What travels with a chapter: the modules of dorabook that its code imports, what those import, the data that such a module names
and that lies beside it, and the scripts of its figures.

Everything is read from sources: nothing here imports torch.
"""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import live_host

BOOK = Path(__file__).parents[1]
PACKAGE = "dorabook"
parsed = cache(ast.parse)  # the same modules travel with chapter after chapter


@dataclass
class Needs:
    """What the code of a chapter, with all it imports from the book, takes from elsewhere."""

    files: dict[str, str] = field(
        default_factory=dict
    )  # "dorabook/decompose.py" -> source, each after those it imports
    figures: list[str] = field(default_factory=list)  # names of live figures
    packages: set[str] = field(default_factory=set)  # import names of installed packages
    torch: set[str] = field(default_factory=set)  # parts of torch taken by name: "torch.linalg.vector_norm"


def needs(code: str, book: Path = BOOK) -> Needs:
    found = Needs()
    asked = asked_names(code, book)
    add(parsed(code), "", found, asked, book)
    return found


def asked_names(code: str, book: Path) -> dict[str, set[str]]:
    """For each module of the book, the names that the chapter or another module takes from it; "*" for all of them."""
    asked: dict[str, set[str]] = {}
    queue = [(parsed(code), "")]
    while queue:
        tree, inside = queue.pop()
        for module, names in imports(tree, inside, book):
            if not is_ours(module):
                continue
            fresh = (set(names) or {"*"}) - asked.get(module, set())
            if module not in asked or fresh:
                asked.setdefault(module, set()).update(fresh)
                file = module_file(module, book)
                queue.append((parsed(trimmed((book / file).read_text("utf-8"), file, asked[module])), file))
    return asked


def add(tree: ast.Module, inside: str, found: Needs, asked: Mapping[str, set[str]], book: Path) -> None:
    """Add what `tree`, the source of the file `inside` or of a chapter, imports, and all that this imports."""
    for module, names in imports(tree, inside, book):
        top = module.split(".")[0]
        if is_ours(module):
            parts = module.split(".")
            for end in range(1, len(parts) + 1):  # a package is loaded before what is in it
                add_module(".".join(parts[:end]), found, asked, book)
        elif top not in sys.stdlib_module_names:
            found.packages.add(top)
            if top == "torch":
                found.torch |= {f"{module}.{name}" for name in names} or {module}
    found.torch |= {path for path in chains(tree) if path.startswith("torch.")}
    found.figures += [name for name in figures_of(tree) if name not in found.figures]


def add_module(module: str, found: Needs, asked: Mapping[str, set[str]], book: Path) -> None:
    file = module_file(module, book)
    if file in found.files:
        return
    text = trimmed((book / file).read_text(encoding="utf-8"), file, asked.get(module, set()))
    found.files[file] = ""  # being added: two modules may import each other
    add(parsed(text), file, found, asked, book)
    del found.files[file]
    found.files[file] = text
    found.files |= {data: (book / data).read_text(encoding="utf-8") for data in data_beside(text, file, book)}


def data_beside(text: str, file: str, book: Path) -> list[str]:
    words = [node.value for node in nodes(parsed(text)) if isinstance(node, ast.Constant)]
    named = {word for word in words if isinstance(word, str) and re.fullmatch(r"[\w-]+\.(csv|json)", word)}
    beside = [Path(file).with_name(name).as_posix() for name in sorted(named)]
    return [path for path in beside if (book / path).is_file()]


@cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    return list(ast.walk(tree))


def imports(tree: ast.Module, inside: str, book: Path) -> Iterable[tuple[str, list[str]]]:
    """Each import as (module, names taken from it). A module taken from its package counts as that module."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, inside)
            names = [alias.name for alias in node.names]
            modules = [name for name in names if is_ours(base) and is_module(f"{base}.{name}", book)]
            yield from ((f"{base}.{name}", ["*"]) for name in modules)
            if rest := [name for name in names if name not in modules]:
                yield base, rest


def absolute(node: ast.ImportFrom, inside: str) -> str:
    """The module a `from` names, where it stands in the file `inside`."""
    if not node.level:
        return node.module
    package = Path(inside).parents[node.level - 1]
    return ".".join([*package.parts, *([node.module] if node.module else [])])


def is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def is_module(module: str, book: Path) -> bool:
    path = book.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def module_file(module: str, book: Path) -> str:
    folder = module.replace(".", "/")
    for file in (f"{folder}.py", f"{folder}/__init__.py"):
        if (book / file).is_file():
            return file
    raise ValueError(f"there is no module {module} in {book.name}: a chapter imports it")


def trimmed(text: str, file: str, asked: set[str]) -> str:
    """A package's __init__ with only those of its re-exports that are asked for or that it uses; any other module as it is."""
    if Path(file).name != "__init__.py" or "*" in asked:
        return text
    lines, tree = text.splitlines(keepends=True), parsed(text)
    taken = asked | {node.id for node in nodes(tree) if isinstance(node, ast.Name)}
    for node in reversed(tree.body):
        if isinstance(node, ast.ImportFrom) and node.level:
            kept = [alias for alias in node.names if (alias.asname or alias.name) in taken]
            line = f"from {'.' * node.level}{node.module or ''} import {', '.join(map(ast.unparse, kept))}\n"
            lines[node.lineno - 1 : node.end_lineno] = [line] if kept else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ", ".join(f'"{name}"' for name in ast.literal_eval(node.value) if name in asked)
            lines[node.lineno - 1 : node.end_lineno] = [f"__all__ = [{names}]\n"] if names else []
    return "".join(lines).rstrip() + "\n"


@cache
def chains(tree: ast.Module) -> frozenset[str]:
    """What is taken from an imported module by dots: torch.linalg.vector_norm, F.linear as torch.nn.functional.linear."""
    local, found = {}, set()
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            local |= {alias.asname or alias.name.split(".")[0]: alias.asname and alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            local |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    inner = {node.value for node in nodes(tree) if isinstance(node, ast.Attribute)}
    for node in nodes(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            root, *rest = ast.unparse(node).split(".")
            if root in local and all(part.isidentifier() for part in rest):
                found.add(".".join([local[root] or root, *rest]))
    return frozenset(found)


def figures_of(tree: ast.Module) -> Iterable[str]:
    """The names that classes give with `figure = "norm-explorer"`."""
    for node in nodes(tree):
        for line in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "figure":
                yield ast.literal_eval(line.value)


def scripts(figures: list[str]) -> dict[str, str]:
    """The scripts, data and style sheets of these figures, by their paths in the book."""
    esm = live_host.joiner()
    texts = esm.modules(*map(esm.source, figures))
    sheets = [esm.FOLDER / "live.css", *(esm.source(name).with_suffix(".css") for name in figures)]
    texts |= {sheet: sheet.read_text(encoding="utf-8") for sheet in sheets if sheet.exists()}
    return {path.relative_to(BOOK).as_posix(): text for path, text in texts.items()}
