"""The built site, a server for it and a browser, made once and only for the tests that ask for them."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import browser as chromium
import build_site
import pytest
import serve
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.live_page import HOME, fill
from support.processes import answering
from support.window import Window

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

expect.set_options(timeout=60_000)  # ms: what is there in the end is right, however slow the machine

os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "support" / "jupyter")  # its kernel is called warm

# A process takes whole files, and one that takes long at the end is waited for alone: these come first, then what else is slow.
# The first needs the site, which is built while exercises and notebooks go on without it.
LONG = (
    "test_site",
    "test_exercises",
    "9-train-both",
    "test_pages",
    "test_publish",
    "test_slides",
    "test_room",
    "test_accessibility",
    "test_rehearsal",
    "test_front_ends",
    "test_security",
    "test_training_race",
)


# What make check leaves out: what asks for the site or a browser, and files that start kernels and commands, or train.
SLOW = {"site", "browser"}
COMMANDS = {
    "test_axis_command",
    "test_exercises",
    "test_front_ends",
    "test_norm_module",
    "test_publish",
    "test_tools",
}
TRAINING = {"test_chapter_9", "test_models", "test_race", "test_rates", "test_train_both", "test_wanted"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW & set(getattr(item, "fixturenames", ())) or item.path.stem in COMMANDS | TRAINING:
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG) + (item.path not in slow)
    )


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
    with serve.server(0, site) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium; without one the tests fail, they never skip."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.SWITCHES, NO_NETWORK])
        yield found
        found.close()


@pytest.fixture(scope="session")
def window(browser: Browser) -> Window:
    return Window(browser)


@pytest.fixture(autouse=True)
def closed_pages(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take back what a test was lent and close what it opened: Chromium keeps a spare process for each context until then."""
    if "browser" not in request.fixturenames:
        yield
        return
    opened, kept = (request.getfixturevalue(name) for name in ("browser", "window"))
    before = set(opened.contexts)  # those of wider fixtures are there already
    yield
    own = set(opened.contexts) - before
    kept.take_back()
    for context in own:
        context.close()


@pytest.fixture
def show(window: Window, tmp_path: Path) -> Callable[..., Page]:
    """show(figure, ...) opens a page that holds the figures and waits until the first is ready."""

    def open_page(*figures, ready: bool = True, scheme: str = "light", **options) -> Page:
        of_page = {name: options.pop(name) for name in ("theme", "hash", "from_disk", "between") if name in options}
        page = fill(window.lend(HOME, color_scheme=scheme, **options), *figures, folder=tmp_path, **of_page)
        if ready:
            page.wait_for_selector("figure[data-ready=true]")
        return page

    return open_page


@pytest.fixture(params=["http", "disk"])
def base(request: pytest.FixtureRequest, site: Path) -> str:
    """Where a page is read from: a server, or the reader's disk."""
    return request.getfixturevalue("address") if request.param == "http" else f"{site.as_uri()}/"


@pytest.fixture
def visit(window: Window) -> Iterator[Callable[..., Page]]:
    """visit(address, ...) opens a page of the site, for a reader who remembers nothing of the tests before."""

    def open_page(url: str, *, theme: str = "light", before: str = "", **options) -> Page:
        home = re.match(r"https?://[^/]+/|file://", url)[0]
        page = window.lend((home,), color_scheme=theme, **{"reduced_motion": "reduce"} | options)
        if before:
            planted.enter_context(page.add_init_script(before))
        page.goto(url)
        return page

    with ExitStack() as planted:
        yield open_page
