"""A page with live figures, as the site makes it, in a real Chromium with the network off."""

import json
import re
import sys
from functools import cache
from pathlib import Path

from dorabook import javascript
from playwright.sync_api import Browser, Locator, Page, Route
from support.window import Window

BOOK = Path(__file__).parents[2] / "book"
sys.path.insert(0, str(BOOK / "_ext"))
import live_host  # noqa: E402

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'none'"
)
ORIGIN = "http://book.test/"
HOME = (ORIGIN, "file:")


def open_figures(browser: Browser, *figures, folder: Path | None = None, **options) -> Page:
    """The figures on a page of a window of their own."""
    return fill(Window(browser).lend(HOME, **options), *figures, folder=folder)


def fill(
    page: Page,
    *figures,
    folder: Path | None,
    theme: str | None = "light",
    hash: str = "",
    from_disk: bool = False,
    between: str = "",
) -> Page:
    """Load a page with the figures, which are LiveFigures or HTML."""
    bodies = [figure if isinstance(figure, str) else figure.to_html() for figure in figures]
    files = {"page.html": document(between.join(bodies), theme=theme), **host()}
    if from_disk:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        page.goto((folder / "page.html").as_uri() + hash)
    else:
        page.context.route("**/*", lambda route: _answer(route, files))
        page.goto(f"{ORIGIN}page.html{hash}")
    return page


@cache
def host() -> dict[str, str]:
    """What brings figures to life, joined once a run."""
    return {live_host.SCRIPT: live_host.script(), live_host.STYLE: live_host.style()}


@cache
def stored() -> dict[str, str]:
    """{figure: the first that a chapter shows, as its notebook holds it}."""
    found = {}
    for figure, html in stored_figures():
        found.setdefault(figure, html)
    return found


def stored_states(figure: str) -> list[dict]:
    """Every state in which a chapter shows the figure."""
    shown = dict.fromkeys(html for name, html in stored_figures() if name == figure)
    scripts = (re.findall(r'data-figure="([a-z-]+)".*?<script[^>]*>(.*?)</script>', html, re.DOTALL) for html in shown)
    return [json.loads(text)["state"] for each in scripts for name, text in each if name == figure]


@cache
def stored_figures() -> list[tuple[str, str]]:
    """Each figure of the chapters, with the HTML that its notebook holds."""
    found = []
    for chapter in sorted(BOOK.glob("*.ipynb")):
        for cell in json.loads(chapter.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                html = "".join(output.get("data", {}).get("text/html", ""))
                found += [(figure, html) for figure in re.findall(r'data-figure="([a-z-]+)"', html)]
    return found


def document(body: str, *, theme: str | None) -> str:
    chosen = f' data-theme="{theme}"' if theme else ""
    return (
        f'<!doctype html><html lang="en"{chosen}><head><meta charset="utf-8"><title>Figures</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        "<style>:root{color-scheme:light}html[data-theme=dark]{color-scheme:dark;background:#14181e;color:#e8eaed}"
        "body{font:16px/1.6 system-ui,sans-serif;margin:0 auto;max-width:44rem;padding:1rem}</style>"
        f'<link rel="stylesheet" href="{live_host.STYLE}"><script src="{live_host.SCRIPT}" defer></script></head>'
        f"<body><main><h1>Figures</h1>{body}</main></body></html>"
    )


def modules(browser: Browser, *paths: str) -> Page:
    """A bare page whose `modules` holds what each module of dorabook/live gives: modules["core/text"].number(5)."""
    page = browser.new_page()
    page.add_script_tag(content=joined(*paths))
    return page


# A front end's model, with a figure that is drawn before it stands in the document: a box of ipywidgets does that.
BOXED = """([module, state]) => {
    const values = new Map(Object.entries(state)), heard = new Map(), el = document.createElement("div");
    window.model = {
        get: (name) => values.get(name), on: (event, call) => heard.set(event, call), off() {}, saved: 0, save_changes() { this.saved++; },
        set(name, value) { values.set(name, value); heard.get(`change:${name}`)?.(); },
    };
    modules[module].default.render({ model: window.model, el });
    document.body.append(el);
}"""


def boxed_figure(page: Page, module: str, state: dict) -> None:
    """Draw the figure of one of the page's `modules`; window.model.set is what a kernel sends."""
    page.evaluate(BOXED, [module, state])


class Core:
    """The same modules in QuickJS, in this process, for what needs no document. `evaluate` is used as a page's."""

    CALL = "(code, given) => { const made = (0, eval)(`(${code})`); return typeof made === 'function' ? made(given) : made; }"

    def __init__(self, *paths: str) -> None:
        self._ask = javascript.function(joined(*paths), self.CALL)

    def evaluate(self, code: str, given: object = None) -> object:
        return self._ask(code, given)


def joined(*paths: str) -> str:
    esm = live_host.joiner()
    files = [esm.FOLDER / f"{path}.js" for path in paths]
    named = ", ".join(f'"{path}": {esm.variable(file)}' for path, file in zip(paths, files, strict=True))
    return f"{esm.definitions(*files)}\nglobalThis.modules = {{ {named} }};"


def numbers(text: str) -> list[str]:
    """Every number of a sentence, as it is written."""
    return re.findall(r"\u2212?\d+(?:,\d{3})*(?:\.\d+)?", text)


def drag(target: Locator, right: float, down: float, *, steps: int = 4) -> tuple[float, float]:
    """Press the mouse on the middle of `target` and let it go so many pixels away. Gives where it was pressed."""
    box, mouse = target.bounding_box(), target.page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + right, y + down, steps=steps)
    mouse.up()
    return x, y


# A figure that moves by itself is never done, and what leaves the figure (the address, a class of a moving mark) is not waited for.
SETTLED = """async () => {
    const frame = () => new Promise(requestAnimationFrame), deadline = performance.now() + 60_000;
    await frame();
    await frame();
    while (document.querySelector(".dora[data-pending]") && performance.now() < deadline) await frame();
}"""


def settle(page: Page) -> None:
    """Until every change so far is drawn and its sentence written."""
    page.evaluate(SETTLED)


def _answer(route: Route, files: dict[str, str]) -> None:
    name = route.request.url.removeprefix(ORIGIN)
    kinds = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
    if name not in files:
        return route.abort()
    return route.fulfill(body=files[name], content_type=f"{kinds[name.rsplit('.', 1)[1]]}; charset=utf-8")
