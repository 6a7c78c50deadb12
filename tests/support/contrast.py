"""What in a figure cannot be read: its words against the ground that is painted behind them, as the browser computes both."""

from playwright.sync_api import Locator

ENOUGH = 4.5  # WCAG 2.1, 1.4.3, for text of any size

# Each colour that a ground may have is tried, of a gradient as well. What is behind a drawing is the ground of the HTML around it.
FAINT = """(root, enough) => {
    const parts = ([, mixed, inside]) => { // rgb(27, 31, 36), or a mixed colour: color(srgb 0.42 0.45 0.5 / 0.3)
        const [r, g, b, a = 1] = inside.split(/[ ,/]+/).map(Number), full = mixed ? 255 : 1;
        return [r * full, g * full, b * full, a];
    };
    const colours = (text) => [...text.matchAll(/(?:rgba?\\(|(color\\(srgb ))([^)]+)\\)/g)].map(parts);
    const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => a * part + (1 - a) * under[i]);
    const light = (colour) => colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const behind = new Map(); // of an element: the colours that its ground may have, and how much of its ink is left
    const seen = (node) => {
        if (!node) return { grounds: [[255, 255, 255]], opacity: 1 };
        if (!behind.has(node)) {
            const { grounds, opacity } = seen(node.parentElement), style = getComputedStyle(node);
            const plain = grounds.map((ground) => over(colours(style.backgroundColor)[0], ground)), drawn = colours(style.backgroundImage);
            behind.set(node, {
                grounds: drawn.length ? plain.flatMap((ground) => drawn.map((colour) => over(colour, ground))) : plain,
                opacity: opacity * Number(style.opacity),
            });
        }
        return behind.get(node);
    };
    const words = (node) => [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE).map((one) => one.data.trim()).join("")
        || (node.matches("input:not([type=range], [type=radio], [type=checkbox], [type=file])") ? node.value : "");
    const least = (node) => {
        const style = getComputedStyle(node), { grounds, opacity } = seen(node);
        const [r, g, b, a] = colours(node.namespaceURI.endsWith("svg") ? style.fill : style.color)[0];
        return Math.min(...grounds.map((ground) => contrast(over([r, g, b, a * opacity], ground), ground)));
    };
    const read = [root, ...root.querySelectorAll("*")].filter((node) => words(node) && !node.matches("script, :disabled")
        && node.checkVisibility({ visibilityProperty: true, opacityProperty: true }));
    if (!read.length) return ["no words at all"];
    return read.map((node) => [least(node), node]).filter(([found]) => found < enough)
        .map(([found, node]) => `${found.toFixed(2)}: ${node.outerHTML.slice(0, 120)}`);
}"""


def faint(root: Locator) -> list[str]:
    """The words in `root` that have less contrast, with what they have."""
    return root.evaluate(FAINT, ENOUGH)
