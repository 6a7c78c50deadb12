"""The built site, a server for it and a browser, made once and only for the tests that ask for them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import browser as chromium
import build_site
import pytest
import serve
from playwright.sync_api import Browser, sync_playwright

# A process takes whole files, and one that takes long at the end is waited for alone.
LONG = (
    "test_slides",
    "test_site",
    "test_accessibility",
    "test_exercises",
    "test_jupyterlab",
    "test_security",
    "test_publish",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def site() -> Path:
    """The site's folder, built from what is there now."""
    assert build_site.main() == 0, "the site does not build: its messages are above"
    return build_site.ROOT / "_build" / "html"


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
        found = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
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
