"""The pages of the built site: which there are, all that a reader can open on one, and what axe finds there."""

import re
from functools import cache
from pathlib import Path

import axe_playwright_python
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
PAGES = [f"{file}.html" for file in FILES] + ["search.html"]
CHAPTER = next(f"{file}.html" for file in FILES if re.search(r"/2-", file))
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ALIKE = ".cell ~ .cell .cell_input pre"  # of the code cells that follow one another axe looks at the first
# Colours are spans, two thirds of a chapter's elements, which axe would go through only to leave them out.
PLAIN = "(code) => document.querySelectorAll(code).forEach((each) => { each.textContent = each.textContent; })"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# A figure waits until it comes near, and on a slide that is not shown for its slide.
UNFOLD = """async () => {
    document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
    const deadline = performance.now() + 20000;
    for (const figure of document.querySelectorAll("figure[data-figure]")) {
        figure.scrollIntoView();
        while (figure.dataset.ready !== "true") {
            if (performance.now() > deadline) throw new Error(`${figure.id} is ${figure.dataset.ready ?? "not ready"}`);
            await new Promise(requestAnimationFrame);
        }
    }
    await Promise.all([...document.images].map((image) => {
        image.loading = "eager";
        return image.decode();
    }));
}"""


def unfold(page: Page) -> None:
    """Open every fold, and wait until every live figure and picture is there: all that a reader can come to see."""
    page.evaluate(UNFOLD)


def violations(page: Page, *rules: str) -> list[str]:
    """What axe sees of WCAG AA, or of some of its rules, of all but ALIKE."""
    page.evaluate(AXE)
    page.evaluate(PLAIN, ALIKE)
    scope = {"exclude": [[ALIKE]]}
    options = {"runOnly": list(rules) or LEVELS, "resultTypes": ["violations"]}
    found = page.evaluate("([scope, options]) => axe.run(scope, options)", [scope, options])["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@cache
def parsed(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
