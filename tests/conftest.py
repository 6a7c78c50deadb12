"""The built site, a server for it and a browser, made once and only for the tests that ask for them."""

import fcntl
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import browser as chromium
import build_site
import pytest
import serve
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from support.live_page import open_figures

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
LEFT = "net::ERR_ABORTED"  # the page was left while its icon was still on the way

sys.modules["rfc3987_syntax"] = None  # nbformat tries it, for two seconds in each process, and needs none of it
os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "support" / "jupyter")  # its kernel is called warm

# A process takes whole files, and one that takes long at the end is waited for alone. The first needs the site, which is built
# while the next three go on without it.
LONG = (
    "test_site",
    "test_exercises",
    "test_publish",
    "test_front_ends",
    "test_accessibility",
    "test_slides",
    "test_security",
)


# What make check leaves out: what asks for the site or a browser, and files that start kernels and commands, or train.
SLOW = {"site", "browser"}
COMMANDS = {"test_exercises", "test_publish", "test_front_ends", "test_warm_kernel", "test_tools"}
TRAINING = {"test_train_both", "test_rates", "test_race", "test_models"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW & set(getattr(item, "fixturenames", ())) or item.path.stem in COMMANDS | TRAINING:
            item.add_marker("slow")
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def site(testrun_uid: str) -> Path:
    """The site's folder, built from what is there now by the first process of a run that asks for it."""
    build = build_site.ROOT / "_build"
    build.mkdir(exist_ok=True)
    with open(build / ".built-for", "a+") as run:
        fcntl.flock(run, fcntl.LOCK_EX)
        run.seek(0)
        if run.read() != testrun_uid:
            assert build_site.main() == 0, "the site does not build: its messages are above"
            run.truncate(0)
            run.write(testrun_uid)
    return build / "html"


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The site over http, from a server of its own on a free port."""
    with serve.server(0, site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium; without one the tests fail, they never skip."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.SWITCHES, NO_NETWORK])
        yield found
        found.close()


@pytest.fixture(autouse=True)
def closed_pages(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test opened: Chromium keeps a spare process for each context until then, and a run opens hundreds."""
    if "browser" not in request.fixturenames:
        yield
        return
    opened = request.getfixturevalue("browser")
    before = set(opened.contexts)  # those of wider fixtures are there already
    yield
    for context in set(opened.contexts) - before:
        context.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Callable[..., Page]:
    """show(figure, ...) opens a page that holds the figures and waits until the first is ready."""

    def open_page(*figures, ready: bool = True, **options) -> Page:
        page = open_figures(browser, *figures, folder=tmp_path, **options)
        if ready:
            page.wait_for_selector("figure[data-ready=true]")
        return page

    return open_page


@pytest.fixture(params=["http", "disk"])
def base(request: pytest.FixtureRequest, site: Path) -> str:
    """Where a page is read from: a server, or the reader's disk."""
    return request.getfixturevalue("address") if request.param == "http" else f"{site.as_uri()}/"


@pytest.fixture(scope="session")
def reader(browser: Browser) -> Iterator[BrowserContext]:
    """One reader of the site, whose browser has the scripts at hand that a test before has loaded."""
    with browser.new_context(reduced_motion="reduce") as context:
        yield context


@pytest.fixture
def visit(browser: Browser, reader: BrowserContext) -> Iterator:
    """visit(address, ...) opens a page. Its `problems` are what it asked for elsewhere, logged or threw.

    The first of a test that asks for nothing special is the reader's, who remembers nothing of the tests before.
    """
    listening = []

    def open_page(url: str, *, width=1280, theme="light", script=True, before="", **options) -> Page:
        special = listening or options or not script
        context = browser.new_context(java_script_enabled=script, **options) if special else reader
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.problems = []
        home = re.match(r"https?://[^/]+/|file://", url)[0]

        def asks(asked: Request) -> None:
            if not asked.url.startswith((home, "data:")):
                page.problems.append(asked.url)

        context.on("request", asks)  # a window that the page opens is of the same context
        listening.append((context, asks))
        page.on("requestfailed", lambda asked: asked.failure != LEFT and page.problems.append(f"failed: {asked.url}"))
        page.on("console", lambda line: line.type in ("error", "warning") and page.problems.append(line.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        forget = {"origin": re.match("file://|https?://[^/]+", url)[0], "storageTypes": "local_storage"}
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
        if before:
            page.add_init_script(before)
        page.goto(url)
        return page

    yield open_page
    for context, asks in listening:
        context.remove_listener("request", asks)
    for page in reader.pages:
        page.close()
