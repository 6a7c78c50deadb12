"""Do the figures say in Firefox, and in WebKit, the engine of Safari, what they say in Chromium?

Every figure of every page is brought through its states in each browser, and what it says in each is compared, letter for letter.
Chromium is the yardstick, since the tests hold it to torch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import browser as chromium
import build_site
from bench.record import keep
from bench.serving import Find, in_folder, serving
from bench.table import HEAD, MISSING, Row, met, table
from playwright.sync_api import Browser, sync_playwright
from support import other_engines

SITE = build_site.ROOT / "_build" / "html"
NARROW = 360  # px
FRAME = f'<!doctype html><html lang="en"><title>Narrow</title><body style="margin: 0"><iframe style="border: 0; width: {NARROW}px; height: 780px"></iframe></body></html>'
WANTED = ("Firefox", "WebKit")

# One after another, every figure comes into view and into its states; what it then says is all its text and every control's value.
WALK = """async () => {
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    const until = async (true_) => { for (let i = 0; i < 1000 && !true_(); i++) await wait(10); return true_(); };
    const wrong = [];
    addEventListener("error", ({ message }) => wrong.push(message));
    addEventListener("unhandledrejection", ({ reason }) => wrong.push(String(reason)));
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => wrong.push(`${violatedDirective} ${blockedURI}`));
    document.addEventListener("dora-error", ({ detail }) => wrong.push(String(detail)));
    document.querySelectorAll("details:not([open])").forEach((folded) => { folded.open = true; });
    const states = [], dead = [];
    const figures = [...document.querySelectorAll("figure[data-figure]")];
    for (const [at, figure] of figures.entries()) {
        figure.scrollIntoView({ block: "center", behavior: "instant" });
        const name = `${figure.dataset.figure} ${at}`;
        if (!await until(() => figure.dataset.ready === "true" && figure.querySelector(".dora"))) { dead.push(name); continue; }
        const root = figure.querySelector(".dora");
        const tell = async (what) => {
            await wait(0);
            if (!await until(() => !root.dataset.pending)) wrong.push(`${name} is still at work: ${what}`);
            const values = [...root.querySelectorAll("input:not([type=file])")].map((one) => one.type === "radio" || one.type === "checkbox" ? one.checked : one.value);
            const spoken = [...root.querySelectorAll("[aria-valuetext]")].map((one) => one.getAttribute("aria-valuetext"));
            states.push([name, what, [root.textContent, ...values, ...spoken].join(" ").replace(/\\s+/g, " ")]);
        };
        for (const summary of root.querySelectorAll("details:not([open]) > summary")) summary.click();
        await tell("as it comes");
        const press = [...root.querySelectorAll("input[type=radio]:not(:checked), input[type=checkbox], [class*=options] button, button[aria-pressed]")];
        for (const one of press.slice(0, 24)) {
            if (!one.isConnected || one.disabled) continue;
            one.click();
            await tell((one.closest("label") ?? one).textContent);
        }
        for (const part of [0, 0.37, 1])
            for (const slider of root.querySelectorAll("input[type=range]:enabled")) {
                const [low, high] = [Number(slider.min), Number(slider.max)];
                slider.value = low + part * (high - low); // the browser takes the nearest step
                for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
                await tell(`a slider at ${part}`);
            }
        for (const grip of root.querySelectorAll("[role=slider]")) {
            for (const key of ["ArrowRight", "ArrowUp", "End"]) {
                grip.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
                await tell(`${grip.getAttribute("aria-label")} ${key}`);
            }
        }
        root.querySelector(".dora-reset")?.click();
        await tell("reset");
    }
    return { figures: figures.map(({ id }) => id), dead, wrong, states };
}"""

# In a frame as wide as a phone, with every figure alive: how far does the page reach?
FITS = """async (address) => {
    const frame = document.querySelector("iframe");
    await new Promise((done) => { frame.onload = done; frame.src = address; });
    const page = frame.contentDocument;
    for (const figure of page.querySelectorAll("figure[data-figure]")) {
        figure.scrollIntoView({ block: "center", behavior: "instant" });
        for (let i = 0; i < 500 && figure.dataset.ready !== "true"; i++) await new Promise((done) => setTimeout(done, 10));
    }
    await new Promise((done) => setTimeout(done, 100));
    return page.documentElement.scrollWidth;
}"""


class Walk(NamedTuple):
    """Of one browser: its name and version, by page what its figures said, and how wide the page is on a phone."""

    name: str
    said: dict[str, dict]
    widths: dict[str, int]


def main() -> None:
    pages = sorted(str(page.relative_to(SITE)) for page in SITE.glob("book/**/*.html") if page.name != "slides.html")
    with serving(with_frame(in_folder(SITE))) as server:
        theirs = {name: walked(opened, server.address, pages) for name, opened in other_engines.installed().items()}
        mine = walked(playing, server.address, pages)
    found = rows(mine, theirs)
    print(table([HEAD, *found]))
    for name, walk in theirs.items():
        for page in pages:
            for problem in problems(walk.said[page], mine.said[page]):
                print(f"{name}, {page}: {problem}")
    keep("engines", found)


def with_frame(find: Find) -> Find:
    return lambda path: FRAME.encode() if path == "/frame.html" else find(path)


class Chromium:
    """As other_engines.Engine, through Playwright."""

    name = "Chromium"

    def __init__(self, browser: Browser) -> None:
        self.version = browser.version
        self._page = browser.new_page()
        self.goto = self._page.goto

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def run(self, function: str, *arguments: object) -> object:
        return self._page.evaluate(f"(given) => ({function})(...given)", list(arguments))


@contextmanager
def playing() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        yield Chromium(browser)
        browser.close()


def walked(opened: Callable, address: str, pages: list[str]) -> Walk:
    with opened() as engine:
        engine.resize(1280, 900)
        said = {}
        for page in pages:
            engine.goto(f"{address}/{page}")
            said[page] = engine.run(WALK)
        engine.goto(f"{address}/frame.html")
        widths = {page: engine.run(FITS, f"/{page}") for page in pages}
        return Walk(f"{engine.name} {engine.version}", said, widths)


def problems(theirs: dict, mine: dict) -> list[str]:
    """What is wrong with a page in another browser, and what its figures say there and not in Chromium."""
    found = [f"not live: {name}" for name in theirs["dead"]] + theirs["wrong"]
    if [state[:2] for state in theirs["states"]] != [state[:2] for state in mine["states"]]:
        found.append("its states are others than Chromium's")
    return found + [
        f"{name}, {what}: {difference(there, here)}"
        for (name, what, there), (_, _, here) in zip(theirs["states"], mine["states"], strict=False)
        if there != here
    ]


def difference(one: str, other: str) -> str:
    """The first words that differ, with a few before."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(0, at - 40) : at + 40]!r}, in Chromium {other[max(0, at - 40) : at + 40]!r}"


def rows(mine: Walk, theirs: dict[str, Walk]) -> list[Row]:
    figures, states = (sum(len(one[what]) for one in mine.said.values()) for what in ("figures", "states"))
    found = []
    for name in WANTED:
        if name not in theirs:
            found.append((f"{name}: figures that come alive, of {figures}", "–", MISSING, str(figures), "not known"))
            continue
        walk = theirs[name]
        live = figures - sum(len(one["dead"]) for one in walk.said.values())
        unlike = sum(len(problems(walk.said[page], mine.said[page])) for page in walk.said)
        wide = sum(width > NARROW for width in walk.widths.values())
        found += [
            (f"{walk.name}: figures that come alive, of {figures}", "–", str(live), str(figures), met(-live, -figures)),
            (f"{name}: other words than in Chromium, in {states:,} states", "–", str(unlike), "0", met(unlike, 0)),
            (f"{name}: pages wider than a phone of {NARROW} px, of {len(walk.widths)}", "–", str(wide), "0", met(wide, 0)),
        ]  # fmt: skip
    return found


if __name__ == "__main__":
    main()
