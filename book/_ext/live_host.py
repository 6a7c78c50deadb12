"""Sphinx extension: one script and one style sheet that bring the live figures of a page to life.

Both are joined from the package's own sources when the build starts, and only pages that hold a figure load them.
The script is a classic one, since a page opened from disk may not load modules. Nothing here imports torch.
`opened` says what a figure will say in the state that a link asks for.
"""

import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).parent
SCRIPT, STYLE = "dora-live.js", "dora-live.css"


def of_package(name: str) -> ModuleType:
    """A module of dorabook that needs no torch, loaded by its path: importing the package of figures would import torch."""
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), HERE.parent / "dorabook" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def joiner() -> ModuleType:
    return of_package("live/_esm")


@cache
def opener(figure: str) -> Callable[..., str]:
    esm = joiner()
    entry, link = esm.source(figure), esm.FOLDER / "page" / "link.js"
    says = f"""({{ state, allowed }}, text) => {{
        const {{ changes, refused }} = {esm.variable(link)}.decode(text, state, allowed);
        return [refused, refused ? "" : {esm.variable(entry)}.describe({{ ...state, ...changes }}).sentence];
    }}"""
    return of_package("javascript").function(esm.definitions(entry, link), says)


def opened(figure: str, kept: dict[str, Any], state: str) -> str:
    """The sentence of a figure whose HTML keeps `kept` for the page's script, once a link has opened it: "per:input;poke:1.5"."""
    refused, said = opener(figure)(kept, state)
    if refused:
        raise ValueError(refused)
    return said


def script(*names: str) -> str:
    """All figures or those named, what they share once, and the host, as one classic script."""
    esm = joiner()
    names = names or tuple(esm.figures())
    entries = [esm.source(name) for name in names]
    modules = ", ".join(f"{json.dumps(name)}: {esm.variable(esm.source(name))}.default" for name in names)
    host = esm.FOLDER / "page" / "host.js"
    text = esm.definitions(*entries, host)
    return f'(() => {{\n"use strict";\n{text}\n{esm.variable(host)}.start({{ {modules} }});\n}})();\n'


def style(*names: str) -> str:
    esm = joiner()
    sheets = [esm.FOLDER / "live.css", *(esm.source(name).with_suffix(".css") for name in names or esm.figures())]
    return "\n".join(path.read_text(encoding="utf-8") for path in sheets if path.exists())


def write(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    for name, text in ((SCRIPT, script()), (STYLE, style())):
        path = static / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def add_to_page(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    if 'data-figure="' in context.get("body", ""):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", write)
    app.connect("html-page-context", add_to_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
