// Canvas cannot use CSS variables: read them, and say when the page's theme changes.

const ATTRIBUTES = ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "class"];

/** The value of a --dora-* variable where `node` is. */
export function variable(node, name) {
  return getComputedStyle(node).getPropertyValue(`--dora-${name}`).trim();
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
