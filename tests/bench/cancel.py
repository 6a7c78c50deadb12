"""How long a page that reads a hostile header cannot be told to stop: the longest of its turns, in time of the processor.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.cancel [KIND ...]

Each header is valid and of 30 MB, and made of what some part of the reader has most work with. Whoever presses Cancel is heard
between two turns. Time that other programs take on a busy machine is no part of a turn.
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

import browser as chromium
import torch
from bench.detective import FIGURE
from bench.record import keep
from bench.table import HEAD, Row, met, table
from playwright.sync_api import Browser, sync_playwright
from safetensors.torch import save_file
from support.hostile_headers import KINDS, header
from support.live_page import open_figures

SIZE = 30_000_000
MOST = 1000  # ms
LONGEST = 60_000  # ms that a reading is followed
TRACED = ["toplevel", "disabled-by-default-devtools.timeline"]


def longest_turn(browser: Browser, files: list[Path]) -> tuple[float, float, str]:
    """(ms of the longest turn, ms of all, what was said) while a page reads the files, or for as long as it is followed."""
    page = open_figures(browser, FIGURE, folder=None)
    page.wait_for_selector("#detective[data-ready=true]")
    status = page.locator("#detective [role=status]")
    browser.start_tracing(page=page, categories=TRACED)
    page.get_by_label("Choose a .safetensors adapter").set_input_files([str(file) for file in files])
    for _ in range(LONGEST // 500):
        page.wait_for_timeout(500)
        if (said := status.inner_text(timeout=10 * LONGEST)).startswith(files[0].name):
            break
    turns = turns_of(json.loads(browser.stop_tracing()))
    page.context.close()
    return max(turns), sum(turns), said


def turns_of(trace: dict) -> list[float]:
    """ms of the processor that each task of the page's main thread took."""
    events = trace["traceEvents"]
    main = {(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [one for one in events if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in main]
    return [one["tdur"] / 1000 for one in tasks if "tdur" in one]


def main(kinds: list[str]) -> None:
    longest = {"alone": ("", 0.0), "as a base": ("", 0.0)}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        adapter = Path(folder, "adapter.safetensors")
        save_file({f"layers.{n}.q.dora_scale": torch.ones(4) for n in range(8)}, adapter)
        hostile = Path(folder, "hostile.safetensors")
        for kind in kinds:
            raw = header(kind, SIZE)
            hostile.write_bytes(struct.pack("<Q", len(raw)) + raw)
            for how, files in (("alone", [hostile]), ("as a base", [adapter, hostile])):
                turn, every, said = longest_turn(browser, files)
                print(f"{kind}, {how}: {turn:.0f} ms of {every / 1000:.1f} s, {said[:80]}", flush=True)
                longest[how] = max(longest[how], (kind, turn), key=lambda one: one[1])
        browser.close()
    rows: list[Row] = [
        (f"{len(kinds)} kinds of valid headers of 30 MB, {how}: the longest turn", "–", f"{turn:.0f} ms ({kind})", f"≤ {MOST} ms", met(turn, MOST))
        for how, (kind, turn) in longest.items()
    ]  # fmt: skip
    print(table([HEAD, *rows]))
    keep("cancel", rows)


if __name__ == "__main__":
    main(sys.argv[1:] or list(KINDS))
