"""Find a Chromium for the tests, or install one: the system's, else Playwright's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The same engine without a window comes first: the whole browser starts a process of its own interface for each test's context.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Of two such lists the later one holds, so what Playwright switches off stands here too. RenderDocument, a new frame for each page
# that is opened, doubles what that costs.
OFF = (
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "RenderDocument",
    "ThirdPartyStoragePartitioning",
)
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(OFF)}",
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


def stopped() -> str:
    """Why Playwright's driver does not start on this machine; nothing where it does."""
    done = subprocess.run([sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["it gives no reason"])[-1] if done.returncode else ""


def install() -> None:
    """Try Debian's package where that is allowed, then Playwright's download. Neither raises: find() tells."""
    for package in NAMES[:2]:
        if not find():
            apt(package)
    if not find():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


def apt(package: str) -> None:
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"])
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])


def main() -> None:
    if stopped():
        apt("libatomic1")  # a bare Debian lacks it
    if reason := stopped():
        sys.exit(
            f"Playwright, which the page tests drive a browser with, does not start: {reason}. Where libatomic.so.1 is missing, on Debian and Ubuntu: apt install libatomic1"
        )
    if not find():
        install()
    if not find():
        sys.exit(
            "The page tests need a Chromium and none could be installed: install chromium or google-chrome, then run make test again."
        )


if __name__ == "__main__":
    main()
