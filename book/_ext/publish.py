"""Sphinx extension, and a plain module: a chapter as one notebook that needs nothing else from the book.

`self_contained` puts cells before a stored chapter: a heading with the version and the licences, the set-up (notebook_setup.py),
one folded cell for each module of dorabook that the chapter imports or that those import, and one with the scripts and
styles of its live figures. The chapter follows as it is stored, without the outputs of its answers, which a reader is to
predict, and with links that lead to the site or are plain words. Everything is read from sources: nothing here imports torch.

The build writes notebooks/<chapter>.ipynb, and the chapter's page offers it. Where the repository's address is known, the
page also links Colab to <chapter>.ipynb on the branch published-<version>, where the publishing workflow puts the same files.
"""

import ast
import copy
import csv
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import live_host
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri

BOOK = Path(__file__).parents[1]
PACKAGE = "dorabook"
SETUP = Path(__file__).with_name("notebook_setup.py")
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # as Colab and as JupyterLab fold a cell
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")

Notebook = dict[str, Any]
Cell = dict[str, Any]


# ---- what travels


@dataclass
class Needs:
    """What the code of a chapter, with all it imports from the book, takes from elsewhere."""

    files: dict[str, str] = field(
        default_factory=dict
    )  # "dorabook/decompose.py" -> source, each after those it imports and the data it reads
    figures: list[str] = field(default_factory=list)  # names of live figures
    packages: set[str] = field(default_factory=set)  # import names of installed packages
    torch: set[str] = field(default_factory=set)  # parts of torch taken by name: "torch.linalg.vector_norm"


def needs(code: str, book: Path = BOOK) -> Needs:
    found = Needs()
    asked = asked_names(code, book)
    add(ast.parse(code), "", found, asked, book)
    return found


def asked_names(code: str, book: Path) -> dict[str, set[str]]:
    """For each module of the book, the names that the chapter or another module takes from it; "*" for all of them."""
    asked: dict[str, set[str]] = {}
    queue = [(ast.parse(code), "")]
    while queue:
        tree, inside = queue.pop()
        for module, names in imports(tree, inside, book):
            if not is_ours(module):
                continue
            fresh = (set(names) or {"*"}) - asked.get(module, set())
            if module not in asked or fresh:
                asked.setdefault(module, set()).update(fresh)
                file = module_file(module, book)
                queue.append((ast.parse(trimmed((book / file).read_text("utf-8"), file, asked[module])), file))
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
    add(ast.parse(text), file, found, asked, book)
    del found.files[file]
    found.files |= {data: (book / data).read_text(encoding="utf-8") for data in data_of(text, file)}
    found.files[file] = text


def data_of(text: str, file: str) -> Iterable[str]:
    """The JSON files that a module reads beside itself."""
    return (Path(file).with_name(name).as_posix() for name in re.findall(r'with_name\("(\w+\.json)"\)', text))


def imports(tree: ast.Module, inside: str, book: Path) -> Iterable[tuple[str, list[str]]]:
    """Each import as (module, names taken from it). A module taken from its package counts as that module."""
    for node in ast.walk(tree):
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
    lines, tree = text.splitlines(keepends=True), ast.parse(text)
    taken = asked | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in reversed(tree.body):
        if isinstance(node, ast.ImportFrom) and node.level:
            kept = [alias for alias in node.names if (alias.asname or alias.name) in taken]
            line = f"from {'.' * node.level}{node.module or ''} import {', '.join(map(ast.unparse, kept))}\n"
            lines[node.lineno - 1 : node.end_lineno] = [line] if kept else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ", ".join(f'"{name}"' for name in ast.literal_eval(node.value) if name in asked)
            lines[node.lineno - 1 : node.end_lineno] = [f"__all__ = [{names}]\n"] if names else []
    return "".join(lines).rstrip() + "\n"


def chains(tree: ast.Module) -> Iterable[str]:
    """What is taken from an imported module by dots: torch.linalg.vector_norm, F.linear as torch.nn.functional.linear."""
    local = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            local |= {alias.asname or alias.name.split(".")[0]: alias.asname and alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            local |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            root, *rest = ast.unparse(node).split(".")
            if root in local and all(part.isidentifier() for part in rest):
                yield ".".join([local[root] or root, *rest])


def figures_of(tree: ast.Module) -> Iterable[str]:
    """The names that classes give with `figure = "norm-explorer"`."""
    for node in ast.walk(tree):
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


# ---- the notebook


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
        files = {file: text for file, text in scripts(found.figures).items() if file not in found.files}
        parts = "\n".join(f"{comment(file)}\n{text.strip()}\n" for file, text in files.items())
        yield folded(name, "scripts", f"%%dora_file\n#@title Scripts and styles of the live figures\n{parts}")


def comment(file: str) -> str:
    return f"/* file: {file} */" if file.endswith(".css") else f"// file: {file}"


def setup_text(found: Needs, chapter: str, book: Path) -> str:
    body = ast.get_docstring(ast.parse(text := SETUP.read_text(encoding="utf-8")), clean=False)
    intro = "\n".join(f"# {line}".rstrip() for line in body.split("publish.py")[0].strip().splitlines())
    code = text.split('"""\n', 1)[1].strip()
    packages = sorted(f"peft{least_peft(chapter, book)}" if name == "peft" else name for name in found.packages)
    return (
        f"#@title Set up this notebook\n{intro}\n{code}\n\n\n"
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


# ---- the addresses


def repository(configured: str, environment: Mapping[str, str]) -> str:
    """Of the GitHub workflow that builds, so that a fork's pages lead to the fork; else as configured; else ""."""
    if environment.get("GITHUB_ACTIONS") == "true" and environment.get("GITHUB_REPOSITORY"):
        return f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{environment['GITHUB_REPOSITORY']}"
    if configured and not re.match(r"https?://[^/]+/[^/]+/[^/]+", configured):
        raise ValueError(
            f"book_repository is {configured!r}, expected an address such as https://github.com/owner/name"
        )
    return configured


def site_address(configured: str, environment: Mapping[str, str]) -> str:
    """Where the site will be read, ending in "/": BOOK_ADDRESS, which the publishing workflow sets, else as configured; else ""."""
    address = environment.get("BOOK_ADDRESS") or configured
    if address and not re.match(r"https?://[^/]+", address):
        raise ValueError(f"the site's address is {address!r}, expected one such as https://owner.github.io/name/")
    return address if not address or address.endswith("/") else f"{address}/"


def colab(address: str, number: str, name: str) -> str:
    """Where Colab opens a published chapter, or "" where it cannot: it reads github.com alone."""
    match = GITHUB.fullmatch(address)
    if not match:
        return ""
    return f"https://colab.research.google.com/github/{match[1]}/{match[2]}/blob/published-{number}/{name}.ipynb"


# ---- the site


def settle_addresses(app: Sphinx, config: Any) -> None:
    """Before pages are read, so that a change of an address writes all pages anew."""
    try:
        config.html_baseurl = site_address(config.html_baseurl or "", os.environ)
        config.book_repository = repository(config.book_repository, os.environ)
    except ValueError as error:
        raise ExtensionError(f"_config.yml: {error}") from error


def chapters(app: Sphinx) -> dict[str, Path]:
    """Every page that is a notebook, and its file."""
    pages = {page: Path(app.env.doc2path(page)) for page in app.env.found_docs}
    return {page: path for page, path in sorted(pages.items()) if path.suffix == ".ipynb"}


def offer(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    """What layout.html needs for the links above a chapter."""
    path = chapters(app).get(page)
    if path:
        target = f"notebooks/{path.name}"
        context["notebook"] = relative_uri(app.builder.get_target_uri(page), target)
        context["colab"] = colab(app.config.book_repository, version(), path.stem)


def write(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    paths = list(chapters(app).values())
    if len({path.name for path in paths}) < len(paths):
        raise ExtensionError("two notebooks of the book have one name, and would be published as one file")
    folder = Path(app.outdir, "notebooks")
    made = write_notebooks(paths, folder, site=app.config.html_baseurl)
    for old in {path for path in folder.iterdir() if path.is_file()} - set(made):
        old.unlink()


def setup(app: Sphinx) -> dict:
    app.add_config_value("book_repository", "", "html")
    app.connect("config-inited", settle_addresses)
    app.connect("html-page-context", offer)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
