"""Follows many random links in every live figure, and asks how long one may hold a page up.

    PYTHONPATH=book:tests:tools:book/_ext python -m bench.links [10000 [SEED]]

A link is read and the figure's sentence said, in a Chromium that shows nothing. What it asks for must be refused in a sentence or lie within
the ends of the figure's controls, and no sentence may speak of what is no number. Its time is set beside that of the state in which the
figure starts, in the same run.
"""

import random
import re
import sys

import browser as chromium
from bench.record import keep
from bench.table import Row, met
from playwright.sync_api import sync_playwright
from support.live_page import modules
from support.random_links import FIGURES, kept, random_link, within

LONGEST = 200  # ms that a link may hold a page up
FOLLOW = """([links, { state, allowed }, name]) => {
    const { decode } = modules["page/link"], { describe } = modules[name];
    return links.map((text) => {
        const start = performance.now();
        const { changes, refused } = decode(text, state, allowed), { sentence } = describe({ ...state, ...changes });
        const sweeps = { ...state, ...changes }.by === "rate"; // which a page does in turns: bench.race measures it
        return [sweeps ? 0 : performance.now() - start, changes, refused, sentence];
    });
}"""


def main(count: int = 10_000, seed: int = 0) -> None:
    each, slowest, refusals = -(-count // len(FIGURES)), (0.0, "", ""), 0
    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
        for name, figure in FIGURES.items():
            module, given, draw = figure.figure.replace("-", "_"), kept(figure), random.Random(f"{seed} {name}")
            page = modules(shown, "page/link", f"{module}/{module}")
            links = ["", *(random_link(draw, figure) for _ in range(each))]
            answers = page.evaluate(FOLLOW, [links, given, f"{module}/{module}"])
            for text, (took, changes, refused, said) in zip(links, answers, strict=True):
                held = all(within(value, given["allowed"][key]) for key, value in changes.items())
                if not held or (changes and refused) or re.search("undefined|Infinity|NaN%", said):
                    sys.exit(f"{name} was opened wrongly by the link {text!r}: {refused or said}")
                refusals += bool(refused)
                slowest = max(slowest, (took, name, text))
            page.close()
    done = each * len(FIGURES)
    took, name, text = slowest
    print(f"{done:,} links over {len(FIGURES)} figures, seed {seed}: {refusals:,} refused, none followed by half")
    print(f"  the slowest, {name} {text!r}, took {took:.0f} ms")
    keep("links", rows(done, took))


def rows(done: int, took: float) -> list[Row]:
    return [
        ("random links that every figure was given", "–", f"{done:,}", "≥ 10,000", met(-done, -10_000)),
        ("the slowest of them", "–", f"{took:.0f} ms", f"≤ {LONGEST} ms", met(took, LONGEST)),
    ]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
