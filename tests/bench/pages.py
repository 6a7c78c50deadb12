"""How heavy a chapter is, how soon its figure is live and what a drag costs, beside the same chapter built by default.

`make bench` prints the table. It is no test: no time in it can fail, and a machine that is busy shows in the numbers.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import browser as chromium
import build_site
from bench import drag, stock
from bench.serving import Server, in_folder, serving
from playwright.sync_api import Browser, Page, sync_playwright

CHAPTER = build_site.ROOT / "book" / "4-shape-mismatch.ipynb"
# The same mark of the same module in both pages: NormExplorer has drawn itself and listens.
LIVE = ".dora[data-ready=true] .dora-ne"
# Opens our page at the figure, which waits until it is near the window; the default page builds all its figures at once.
HERO = "#hero"
LOADS = 7
WEIGHT, LIVE_RATIO = 250_000, 0.35
FRAME = {(64, 64): 4, (192, 576): 16}  # ms
MISSING = "not had"
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
WATCH = f"""new MutationObserver((_, watch) => {{
    if (!document.querySelector({LIVE!r})) return;
    window.liveAt = performance.now(); // counted from the start of the navigation
    watch.disconnect();
}}).observe(document, {{ subtree: true, childList: true, attributes: true, attributeFilter: ["data-ready"] }});"""

Row = tuple[str, str, str, str, str]  # what, stock, ours, budget, met


@dataclass(frozen=True)
class Loaded:
    """What one page asked for until it was still, output pictures apart."""

    size: int
    requests: int
    outside: int


@dataclass(frozen=True)
class Side:
    server: Server
    page: str

    def open(self, browser: Browser, act: Callable[[Page], object], *, at: str = "") -> object:
        """Act on the page in a browser context of its own, where nothing is cached."""
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(WATCH)
        page.asked = []
        page.on(
            "request", lambda request: request.url.startswith(("http:", "https:")) and page.asked.append(request.url)
        )
        self.server.sent.clear()
        page.goto(f"{self.server.address}/{self.page}{at}")
        answer = act(page)
        context.close()
        return answer

    def loaded(self, browser: Browser) -> Loaded:
        def count(page: Page) -> Loaded:
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)
            sent = [(path, size) for path, size in self.server.sent if "/_images/" not in path]
            beyond = [url for url in page.asked if not url.startswith(self.server.address)]
            outside = [path for path, _ in sent if path.startswith(stock.OUTSIDE)] + beyond
            return Loaded(sum(size for _, size in sent), len(sent) + len(beyond), len(outside))

        return self.open(browser, count)

    def live_after(self, browser: Browser) -> float:
        """Milliseconds from the start of the navigation until the figure is live."""

        def read(page: Page) -> float:
            page.wait_for_selector(LIVE, state="attached")
            return page.evaluate("window.liveAt")

        return self.open(browser, read, at=HERO)


def live_times(browser: Browser, sides: list[Side]) -> list[list[float]]:
    """For each side, the time of every load; the sides take turns, and a first load of each is not counted."""
    rounds = [[side.live_after(browser) for side in sides] for _ in range(LOADS + 1)][1:]
    return [list(times) for times in zip(*rounds, strict=True)]


def weight_rows(browser: Browser, ours: Side, default: Side | None) -> list[Row]:
    mine = ours.loaded(browser)
    theirs = default.loaded(browser) if default else None
    size, requests, outside = (
        (kilo(theirs.size), str(theirs.requests), str(theirs.outside)) if theirs else [MISSING] * 3
    )
    return [
        ("a chapter page, gzip, before a scroll", size, kilo(mine.size), f"≤ {kilo(WEIGHT)}", met(mine.size, WEIGHT)),
        ("its requests", requests, str(mine.requests), "–", "–"),
        ("of them outside", outside, str(mine.outside), "0", met(mine.outside, 0)),
    ]


def live_row(browser: Browser, ours: Side, default: Side | None) -> Row:
    what, budget = "time to the live figure", f"≤ {LIVE_RATIO} of stock"
    if not default:
        return what, MISSING, spread(live_times(browser, [ours])[0]), budget, "not known"
    mine, theirs = live_times(browser, [ours, default])
    ratio = statistics.median(mine) / statistics.median(theirs)
    return what, spread(theirs), f"{spread(mine)} = {ratio:.2f} of stock", budget, met(ratio, LIVE_RATIO)


def drag_rows(browser: Browser) -> list[Row]:
    rows = []
    for (out, into), budget in FRAME.items():
        for what, times in drag.frame_times(browser, out, into).items():
            high = statistics.quantiles(times, n=20)[-1]
            name = f"script of a drag frame, {out}×{into}, {what}"
            shown = f"p95 {high:.1f} ms, median {statistics.median(times):.1f} ms"
            rows.append((name, "–", shown, f"p95 ≤ {budget} ms", met(high, budget)))
    return rows


def kilo(size: int) -> str:
    return f"{size / 1000:,.0f} kB"


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):,.0f} ms ({min(times):,.0f} to {max(times):,.0f})"


def met(value: float, budget: float) -> str:
    return "yes" if value <= budget else "NO"


def table(rows: list[Row]) -> str:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def default_side(stack: ExitStack, folder: Path) -> Side | None:
    """The default page; None, with the reason printed, where it cannot be had."""
    try:
        find = stock.build(CHAPTER, folder)
    except stock.NoStock as error:
        print(f"No stock column: {error}", file=sys.stderr)
        return None
    return Side(stack.enter_context(serving(find)), f"{CHAPTER.stem}.html")


def main() -> None:
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        site = stack.enter_context(serving(in_folder(build_site.ROOT / "_build" / "html")))
        ours = Side(site, f"book/{CHAPTER.stem}.html")
        default = default_side(stack, Path(folder))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.SWITCHES, NO_NETWORK])
        stack.callback(browser.close)
        rows = [*weight_rows(browser, ours, default), live_row(browser, ours, default), *drag_rows(browser)]
    machine = f"Chromium {browser.version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; medians of {LOADS} cold loads, {drag.FRAMES} frames a drag.")
    print("Both pages are served from this machine, gzip, without a network's delay.\n")
    print(table([("what", "stock", "ours", "budget", "met"), *rows]))


if __name__ == "__main__":
    main()
