"""A page opened in a browser where nothing is cached: what it asks for, and how soon its figure is live."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench import stock
from bench.serving import Server
from playwright.sync_api import Browser, Page

# The same mark of the same module in both pages: NormExplorer has drawn itself and listens.
LIVE = ".dora[data-ready=true] .dora-ne"
# Opens our page at the figure, which waits until it is near the window; the default page builds all its figures at once.
HERO = "#norms"
LOADS = 7
PATIENCE = 180_000  # ms that a page may take on a busy machine
WATCH = f"""new MutationObserver((_, watch) => {{
    if (!document.querySelector({LIVE!r})) return;
    window.liveAt = performance.now(); // counted from the start of the navigation
    watch.disconnect();
}}).observe(document, {{ subtree: true, childList: true, attributes: true, attributeFilter: ["data-ready"] }});"""


@dataclass(frozen=True)
class Loaded:
    """What one page asked for before a scroll until it was still, output pictures apart."""

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
        context.set_default_timeout(PATIENCE)
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
            page.wait_for_timeout(700)
            sent = [(path, size) for path, size in self.server.sent if not path.endswith(".png")]
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


def ratio(mine: list[float], theirs: list[float]) -> float:
    return statistics.median(mine) / statistics.median(theirs)
