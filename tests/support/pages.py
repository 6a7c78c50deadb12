"""The pages of the built site: which there are, all that a reader can open on one, and what axe finds there."""

import re
from functools import cache
from pathlib import Path

import axe_playwright_python
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page
from support.contrast import faint

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
PAGES = [f"{file}.html" for file in FILES] + ["search.html"]
READ = [f"{file}.html" for file in FILES if file == FILES[0] or re.search(r"/\d-", file)]
DRIVEN = [*READ, "search.html"]
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

# A browser that prints lays the page out for paper and tells no ResizeObserver: a figure stays as it was drawn for the window.
NOT_REDRAWN = """window.ResizeObserver = class extends ResizeObserver {
    constructor(tell) { super((...all) => window.onPaper || tell(...all)); }
};"""


def unfold(page: Page) -> None:
    """Open every fold, and wait until every live figure and picture is there: all that a reader can come to see."""
    page.evaluate(UNFOLD)


# Behind a word axe looks through the whole page, for seconds a page. So it looks behind one of all words that are painted
# alike, in colour, size and weight on the same grounds; `unreadable` measures every word.
ONE_OF_EACH = """() => {
    axe.configure({ rules: [{ id: "color-contrast", selector: "[data-one-of-each]" }] });
    const grounds = new Map([[null, ""]]), seen = new Set();
    const ground = (node) => {
        if (!grounds.has(node)) {
            const { backgroundColor, backgroundImage, opacity, position } = getComputedStyle(node);
            const own = [backgroundColor, backgroundImage, opacity, position].join().replace("rgba(0, 0, 0, 0),none,1,static", "");
            grounds.set(node, ground(node.parentElement) + own);
        }
        return grounds.get(node);
    };
    const written = (node) => node.matches("input, textarea") || [...node.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    for (const node of [...document.body.querySelectorAll("*")].filter(written)) {
        const { color, fill, fontSize, fontWeight, textShadow } = getComputedStyle(node);
        const painted = [ground(node), color, fill, fontSize, fontWeight, textShadow, node.checkVisibility({ visibilityProperty: true })].join();
        node.toggleAttribute("data-one-of-each", !seen.has(painted));
        seen.add(painted);
    }
}"""
# Links in running text that only their colour tells from it.
UNMARKED = """() => [...document.querySelectorAll("main :is(p, li, td, dd) a[href]")].filter((link) => {
    const block = link.closest("p, li, td, dd").cloneNode(true);
    for (const other of block.querySelectorAll("a, script, style")) other.remove();
    const { textDecorationLine, borderBottomStyle } = getComputedStyle(link);
    return /\\w/.test(block.textContent) && link.checkVisibility() && !link.matches(".headerlink")
        && textDecorationLine !== "underline" && borderBottomStyle === "none";
}).map((link) => `no line under ${link.outerHTML.slice(0, 120)}`)"""


def violations(page: Page, *rules: str, within: str = "html", without: str = "") -> list[str]:
    """What axe sees of WCAG AA, or of some of its rules, `within` and `without` what selectors say, in all but ALIKE."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    page.evaluate(PLAIN, ALIKE)
    page.evaluate(ONE_OF_EACH)
    scope = {"include": [[within]], "exclude": [[selector] for selector in (ALIKE, without) if selector]}
    options = {"runOnly": list(rules) or LEVELS, "resultTypes": ["violations"]}
    found = page.evaluate("([scope, options]) => axe.run(scope, options)", [scope, options])["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def unclean(page: Page) -> list[str]:
    """All that axe sees with all its rules, as the page is, and every word that is hard to read in either theme."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    page.evaluate(ONE_OF_EACH)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    lines = [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
    for theme in ("dark", "light"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        lines += [f"{theme}: {line}" for line in unreadable(page)]
    return lines


def unreadable(page: Page) -> list[str]:
    """Every word that its ground makes hard to read, and every link that only its colour tells, in the theme as it is."""
    return [*faint(page.locator("body")), *page.evaluate(UNMARKED)]


COLOURED = re.compile(
    r'<span class="[a-z]{1,2}\d?">([^<]*)</span>'
)  # a word of code, of which there are more than of all else


@cache
def parsed(file: Path) -> BeautifulSoup:
    """A page of the site, read once in a process, without the colours of its code."""
    return BeautifulSoup(COLOURED.sub(r"\1", file.read_text(encoding="utf-8")), "html.parser")


@cache
def anchors(file: Path) -> frozenset[str]:
    """What a link can lead to on a page."""
    return frozenset(tag["id"] for tag in parsed(file).find_all(id=True))
