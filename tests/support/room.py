"""What a room sees: the one thing that room mode shows, whether it is whole, and how small its letters are."""

from playwright.sync_api import Page

SCREENS = (1280, 800), (1920, 1080)
LEAST = 20  # pixels, of a letter

# What of the thing that is shown is not on the screen, and what is written smaller than it may be.
FAULTS = """async (least) => {
    const shown = document.querySelector(".alone"), found = [];
    const end = performance.now() + 15000;
    const figure = shown.matches("figure");
    while (figure && shown.dataset.ready !== "true" && performance.now() < end) await new Promise(requestAnimationFrame);
    if (figure && shown.dataset.ready !== "true") return [`is ${shown.dataset.ready ?? "not ready"}`];
    const size = () => [...shown.querySelectorAll("*")].map((node) => node.getBoundingClientRect().bottom).join();
    const soon = performance.now() + 2000;
    for (let alike = 0, before = ""; alike < 4 && performance.now() < soon; ) {
        const now = size(); // a knob is sized a frame after its figure
        alike = now === before ? alike + 1 : 0;
        before = now;
        await new Promise(requestAnimationFrame);
    }
    const down = shown.scrollHeight - shown.clientHeight, across = shown.scrollWidth - shown.clientWidth;
    if (figure && down > 1) found.push(`${down} px are below the screen`);
    if (across > 1) found.push(`${across} px are beside the screen`);
    const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const box = text.parentElement, { width, height } = box.getBoundingClientRect();
        if (!text.data.trim() || !box.checkVisibility({ visibilityProperty: true }) || Math.min(width, height) <= 2) continue;
        const scale = box.ownerSVGElement ? box.getScreenCTM().a : box.currentCSSZoom;
        const size = parseFloat(getComputedStyle(box).fontSize) * scale;
        if (size < least - 0.1) found.push(`${size.toFixed(1)} px: ${text.data.trim().slice(0, 30)}`);
    }
    return [...new Set(found)];
}"""


def faults(page: Page, *, letters: int = LEAST) -> list[str]:
    return page.evaluate(FAULTS, letters)


def alone(page: Page) -> str | None:
    """The id of what is shown."""
    page.wait_for_selector(".alone", timeout=15_000)
    return page.locator(".alone").get_attribute("id")
