// Canvas cannot use CSS variables: read them, and say when the page's theme changes.

const ATTRIBUTES = ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "class"];

/** What the colour --dora-* comes to where `canvas` is, as "rgb(r, g, b)": black off the page. A canvas has no other use for its own colour. */
export function colour(canvas, name) {
  canvas.style.color = `var(--dora-${name})`;
  return getComputedStyle(canvas).color || "rgb(0, 0, 0)";
}

/** Calls `changed` after a theme switch of the page or the system; returns what stops it. */
export function watchTheme(changed) {
  const observer = new MutationObserver(changed);
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributes: true, attributeFilter: ATTRIBUTES });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", changed);
  };
}
