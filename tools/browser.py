"""Find a Chromium for the tests, or install one: the system's, else Playwright's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The same engine without a window comes first: the whole browser starts a process of its own interface for each test's context.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find() -> str | None:
    """The path of a Chromium on this machine, or None."""
    system = next(filter(None, map(shutil.which, NAMES)), None)
    return system or playwrights_own()


def playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Try Debian's package where that is allowed, then Playwright's download. Neither raises: find() tells."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"])
        for package in NAMES[:2]:
            if not find():
                subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
    if not find():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


def main() -> None:
    if not find():
        install()
    if not find():
        sys.exit(
            "The page tests need a Chromium and none could be installed: install chromium or google-chrome, then run make test again."
        )


if __name__ == "__main__":
    main()
