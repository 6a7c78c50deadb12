"""Join the ES modules of this folder into one text, with no tool but Python.

anywidget loads a figure from one text, and a page opened from disk can load only a classic script, so
neither can follow `import "./core/decompose.js"`. Each module becomes a function called once, in the
order its importers need: names inside it stay inside it, so two modules may use the same helper name.
Standard library only, and imported by path in the site's build, where torch is not installed. Texts come from
this module's loader, which reads files here and memory in a published notebook, so paths are compared as written.

A module here writes `import { a, b as c } from "./x.js";`, `export function`, `export const`, `export class`
and `export default`, each at the start of a line; anything else is refused by name and line.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|const|class) (\w+)", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
_REM = re.compile(r"(?<![\w.])(\d*\.?\d+)rem\b")
_REFUSED = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


def afm(figure: str) -> str:
    """The text anywidget loads for the figure "norm-explorer": norm_explorer/norm_explorer.js and all it imports."""
    entry = source(figure)
    return f"{definitions(entry)}\nexport default {variable(entry)}.default;\n"


def describing(figure: str) -> tuple[str, str]:
    """A script, and what in it is the function of a figure's state to its sentence, columns and rows. It needs no document."""
    entry = source(figure)
    named = "({ sentence, columns, rows }) => [sentence, columns, rows]"
    return definitions(entry), f"(state) => ({named})({variable(entry)}.describe(state))"


def css(figure: str) -> str:
    """The style sheet of one figure in a notebook: what all share, then its own where it has one, in pixels: Notebook 6 has a rem of 10."""
    text = read(FOLDER / "live.css")
    with suppress(FileNotFoundError):
        text += "\n" + read(source(figure).with_suffix(".css"))
    return _REM.sub(lambda found: f"{16 * float(found[1]):g}px", text)


def figures() -> list[str]:
    """Names of all figures: every folder with a module of its name."""
    return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*/*.js") if path.stem == path.parent.name)


def source(figure: str) -> Path:
    name = figure.replace("-", "_")
    return FOLDER / name / f"{name}.js"


def read(path: Path) -> str:
    return __loader__.get_data(str(path)).decode("utf-8")


def definitions(*entries: Path) -> str:
    """Every module that `entries` reach, each once and after those it imports."""
    texts = modules(*entries)
    names = [variable(path) for path in texts]
    if len(set(names)) < len(names):
        raise ValueError(f"two modules share a name once joined: {sorted(names)}")
    return "\n".join(_wrap(path, text) for path, text in texts.items())


def modules(*entries: Path) -> dict[Path, str]:
    """The sources that `entries` reach, each after those it imports."""
    texts: dict[Path, str] = {}
    for entry in entries:
        _collect(_plain(entry), texts, below=())
    return texts


def variable(path: Path) -> str:
    """The name a joined module goes by: core/decompose.js is $core_decompose."""
    return "$" + re.sub(r"\W", "_", str(_plain(path).relative_to(FOLDER).with_suffix("")))


def _collect(path: Path, texts: dict[Path, str], *, below: tuple[Path, ...]) -> None:
    if path in below:
        raise ValueError(f"{path.name} imports itself through {' and '.join(p.name for p in below)}")
    if path in texts:
        return
    text = read(path)
    for _, target in _IMPORT.findall(text):
        _collect(_plain(path.parent / target), texts, below=(*below, path))
    texts[path] = text


def _plain(path: Path) -> Path:
    """Without `..`, and without asking the disk, where a notebook's modules are not."""
    return Path(os.path.normpath(path))


def _wrap(path: Path, text: str) -> str:
    def take(match: re.Match) -> str:
        names = " ".join(match[1].split()).rstrip(", ").replace(" as ", ": ")
        return f"const {{ {names} }} = {variable(path.parent / match[2])};"

    given = [name for _, name in _EXPORT.findall(text)]
    if _DEFAULT.search(text):
        given.append("default: $default")
    text = _DEFAULT.sub("const $default = ", _EXPORT.sub(r"\1 \2", _IMPORT.sub(take, text)))
    if refused := _REFUSED.search(text):
        line = text[: refused.start()].count("\n") + 1
        raise ValueError(f"{path.name}, line {line}: cannot join {refused[0]!r}, see the forms in _esm.py")
    return f"const {variable(path)} = (() => {{\n{text.strip()}\nreturn {{ {', '.join(given)} }};\n}})();"
