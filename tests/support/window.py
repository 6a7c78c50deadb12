"""One page of the browser, lent to one test after the other: a new window costs five times what it costs to load a page."""

from contextlib import suppress

from playwright.sync_api import Browser, Error, Page, Request

LEFT = "net::ERR_ABORTED"  # the page was left while its icon was still on the way
FORGET = "() => { localStorage.clear(); sessionStorage.clear(); window.name = ''; }"


class Window:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._page = self._open()
        self._lent = False

    def _open(self, **options: object) -> Page:
        return listened(self._browser.new_context(**options).new_page())

    def lend(
        self,
        home: tuple[str, ...],
        *,
        width: int = 1280,
        height: int = 900,
        color_scheme: str = "light",
        reduced_motion: str = "no-preference",
        forced_colors: str = "none",
        script: bool = True,
        **options: object,
    ) -> Page:
        """A page whose `problems` are what it logged, threw or asked for outside `home`.

        It is the kept one, and one of a browser context of its own where that is lent already or `options` ask for more.
        """
        if not script:
            options["java_script_enabled"] = False
        size = {"width": width, "height": height}
        if self._lent or options:
            page = self._open(**options)
        else:
            page, self._lent = self._page, True
        page.set_viewport_size(size)
        page.emulate_media(
            media="null", color_scheme=color_scheme, reduced_motion=reduced_motion, forced_colors=forced_colors
        )
        page.problems, page.home = [], home
        return page

    def take_back(self) -> None:
        """Leave the kept page as a new one is. What a test adds to it besides (a script, a listener) the test takes away."""
        if not self._lent:
            return
        self._lent, page = False, self._page
        for other in set(page.context.pages) - {page}:
            other.close()
        if page.is_closed():
            page.context.close()
            self._page = self._open()
            return
        page.unroute_all()
        page.context.unroute_all()
        page.mouse.up()
        page.mouse.move(0, 0)
        with suppress(Error):  # a page without an origin keeps nothing
            page.evaluate(FORGET)
        page.goto("about:blank")


def listened(page: Page) -> Page:
    page.problems, page.home = [], ()

    def asks(asked: Request) -> None:
        if not asked.url.startswith((*page.home, "data:", "about:")):
            page.problems.append(asked.url)

    page.context.on("request", asks)  # a window that the page opens is of the same context
    page.on("requestfailed", lambda asked: asked.failure != LEFT and page.problems.append(f"failed: {asked.url}"))
    page.on("console", lambda line: line.type in ("error", "warning") and page.problems.append(line.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    return page
