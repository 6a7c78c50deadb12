"""The book's budgets: how heavy its pages are, how soon a figure is live, what a drag, a build and a chapter cost.

`make bench` prints one table, with today's default build of one chapter beside ours in the same run, and whether each budget is met.
It is no test: no time in it can fail, and a machine that is busy shows in the numbers. Its load is printed before and after.
`RECORD=1` keeps the rows (bench/record.py).
"""

import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import browser as chromium
import build_site
import torch
from bench import cells, clone, drag, norm, race, stock
from bench.loading import LOADS, Loaded, Side, live_times, ratio
from bench.record import keep
from bench.serving import in_folder, serving
from bench.table import HEAD, MISSING, Row, kilo, met, spread, table
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, sync_playwright

SITE = build_site.ROOT / "_build" / "html"
CHAPTER = build_site.ROOT / "book" / "4-shape-mismatch.ipynb"
WEIGHT, PICTURE, LIVE_RATIO = 250_000, 60_000, 0.35  # bytes, bytes, of stock's time
FRAME = {(64, 64): 4, (192, 576): 16}  # ms
NORMS = ("SmolLM2 k_proj", "SmolLM2 up_proj", "Llama q_proj")
RANK = 16
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def weight_rows(loads: dict[str, Loaded], theirs: Loaded | None) -> list[Row]:
    """`loads` has every page of the book; the default build is of one chapter."""
    mine = loads[f"book/{CHAPTER.stem}.html"]
    chapters = {page: load for page, load in loads.items() if page.count("/") == 1 and page != "book/index.html"}
    heaviest = max(chapters, key=lambda page: chapters[page].size)
    outside = sum(load.outside for load in loads.values())
    size, requests, abroad = (kilo(theirs.size), str(theirs.requests), str(theirs.outside)) if theirs else [MISSING] * 3
    return [
        (f"chapter {CHAPTER.stem[0]}, gzip, before a scroll", size, kilo(mine.size), f"≤ {kilo(WEIGHT)}", met(mine.size, WEIGHT)),
        ("its requests", requests, str(mine.requests), "–", "–"),
        ("of them outside", abroad, str(mine.outside), "0", met(mine.outside, 0)),
        (f"the heaviest of {len(chapters)} chapters", "–", f"{kilo(chapters[heaviest].size)}, {Path(heaviest).stem}",
         f"≤ {kilo(WEIGHT)}", met(chapters[heaviest].size, WEIGHT)),
        ("the heaviest of all other pages", "–", kilo(max(load.size for page, load in loads.items() if page not in chapters)), "–", "–"),
        (f"outside requests of all {len(loads)} pages", "–", str(outside), "0", met(outside, 0)),
    ]  # fmt: skip


def picture_rows(pages: list[str]) -> list[Row]:
    """Sizes of the files, and whether the browser waits with each until the reader comes near."""
    shown = [
        (SITE / page).parent / picture["src"] if picture.get("loading") == "lazy" else None
        for page in pages
        for picture in BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser").select("article img")
    ]
    eager, largest = shown.count(None), max(file.stat().st_size for file in shown if file)
    return [
        (f"the largest of {len(shown)} pictures", "–", kilo(largest), f"≤ {kilo(PICTURE)}", met(largest, PICTURE)),
        ("pictures that are not loaded lazily", "–", str(eager), "0", met(eager, 0)),
    ]


def live_row(browser: Browser, ours: Side, default: Side | None) -> Row:
    what, budget = "time to the live figure", f"≤ {LIVE_RATIO} of stock"
    if not default:
        return what, MISSING, spread(live_times(browser, [ours])[0]), budget, "not known"
    mine, theirs = live_times(browser, [ours, default])
    part = ratio(mine, theirs)
    return what, spread(theirs), f"{spread(mine)} = {part:.2f} of stock", budget, met(part, LIVE_RATIO)


def drag_rows(browser: Browser) -> list[Row]:
    rows = []
    for (out, into), budget in FRAME.items():
        for what, times in drag.frame_times(browser, out, into).items():
            high = statistics.quantiles(times, n=20)[-1]
            name = f"script of a drag frame, {out}×{into}, {what}"
            shown = f"p95 {high:.1f} ms, median {statistics.median(times):.1f} ms"
            rows.append((name, "–", shown, f"p95 ≤ {budget} ms", met(high, budget)))
    return rows


def norm_rows() -> list[Row]:
    """The norm by the road that the book takes, and by the best plain form and the installed peft's: time and peak memory."""
    torch.set_num_threads(1)
    rows = []
    for layer in NORMS:
        for per in ("output", "input"):
            shape = norm.SHAPES[layer]
            taken = {
                way: (statistics.median(times), peak)
                for way, (times, peak) in norm.measure(norm.norm_ways(*shape, RANK, per)).items()
            }
            plain = min((told for way, told in taken.items() if way.startswith("whole")))
            road = next(way for way, name in norm.ROADS.items() if name == norm.cheaper_road(*shape, rank=RANK))
            peft = f"; peft {cost(taken['peft'])}" if "peft" in taken else ""
            shown = "; ".join(f"{way} {cost(taken[way])}" for way in dict.fromkeys((road, "factored")))
            rows.append((f"norm of {shape}, rank {RANK}, per {per}", f"plain {cost(plain)}{peft}", shown, "–", "–"))
    return rows


def cost(told: tuple[float, int]) -> str:
    return f"{told[0]:.3g} ms, {told[1] / 1e6:.3g} MB"


def default_side(stack: ExitStack, folder: Path) -> Side | None:
    """The default page; None, with the reason printed, where it cannot be had."""
    try:
        find = stock.build(CHAPTER, folder)
    except stock.NoStock as error:
        print(f"No stock column: {error}", file=sys.stderr)
        return None
    return Side(stack.enter_context(serving(find)), f"{CHAPTER.stem}.html")


def load() -> str:
    return "load " + ", ".join(f"{part:.1f}" for part in os.getloadavg())


def main() -> None:
    pages = sorted(str(file.relative_to(SITE)) for file in (SITE / "book").rglob("*.html"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = stack.enter_context(serving(in_folder(SITE)))
        default = default_side(stack, folder / "stock")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.SWITCHES, NO_NETWORK])
        stack.callback(browser.close)
        print(
            f"Chromium {browser.version}, {os.cpu_count()} cores, {load()}; medians of {LOADS} cold loads, {drag.FRAMES} frames a drag."
        )
        print(
            "Pages are served from this machine, gzip, without a network's delay. Every page, before a scroll, output pictures apart:\n"
        )
        loads = {page: Side(site, page).loaded(browser) for page in pages}
        print(
            table(
                [
                    ("page", "gzip", "requests"),
                    *((page, kilo(one.size), str(one.requests)) for page, one in loads.items()),
                ]
            )
        )
        ours = Side(site, f"book/{CHAPTER.stem}.html")
        rows = weight_rows(loads, default.loaded(browser) if default else None)
        rows += [*picture_rows(pages), live_row(browser, ours, default), *drag_rows(browser)]
        parts = {"pages": rows, "race": race.rows(browser), "clone": clone.rows(folder / "clone")}
        parts |= {"cells": cells.rows(), "norm": norm_rows()}
    print(f"\n{table([HEAD, *chain.from_iterable(parts.values())])}\n\n{load()} at the end.")
    for part, rows in parts.items():
        keep(part, rows)


if __name__ == "__main__":
    main()
