// Small makers of elements: native inputs with labels, so keyboard and screen reader work by themselves.

const copy = Math.random().toString(36).slice(2, 8); // JupyterLab loads this module once a figure
let count = 0;

/** An id or radio name that no other view on the page has. */
export function unique(prefix) {
  count += 1;
  return `${prefix}-${copy}-${count}`;
}

/** h("p", { class: "x", onclick: f, "aria-label": "y" }, "text", child): null and false children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The height of a figure that a page keeps in view beside the text, in pixels, at least. */
export const LOWEST = 200;

/** Is it drawn there? */
export function isLow(el) {
  return el.closest(".dora-low") !== null;
}

/** Writes text only where it differs: a live region does not speak the same sentence twice. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A labelled slider. `show(value)` is its text, seen and spoken; `onchange(value)` follows every move.
 * Returns { el, input, set(value, { disabled, label }) }; set never calls onchange.
 */
export function slider({ label, min, max, step, value = min, show = String, onchange, hint = null }) {
  const name = h("span", { class: "dora-label" }, label);
  const shown = h("span", { class: "dora-value", "aria-hidden": "true" });
  const input = h("input", { type: "range", min, max, step, value, oninput: () => { write(); onchange(Number(input.value)); } });
  const note = hint && h("span", { class: "dora-hint" }, hint);
  const write = () => {
    const text = show(Number(input.value));
    say(shown, text);
    input.setAttribute("aria-valuetext", text);
    const part = (Number(input.value) - Number(input.min)) / (Number(input.max) - Number(input.min) || 1);
    input.style.setProperty("--dora-part", `${100 * part}%`);
  };
  write();
  return {
    el: h("label", { class: "dora-slider" }, h("span", { class: "dora-slider-head" }, name, shown), input, note),
    input,
    set(next, { disabled = false, label: text = null, max: most = null } = {}) {
      if (most !== null) input.max = most;
      if (Number(input.value) !== next) input.value = next;
      input.disabled = disabled;
      if (text !== null) say(name, text);
      write();
    },
  };
}

/** One of a few, as radio buttons drawn side by side. options: [[value, text], ...]. Returns { el, set(value) }. */
export function choice({ legend, options, onchange }) {
  const name = unique("dora-choice");
  const inputs = options.map(([value]) => h("input", { type: "radio", name, value, onchange: () => onchange(value) }));
  const labels = options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)));
  return {
    el: h("fieldset", { class: "dora-choice" }, h("legend", {}, legend), h("div", { class: "dora-segments" }, labels)),
    set(value) {
      options.forEach(([option], i) => { inputs[i].checked = option === value; });
    },
  };
}

/** A check box with its label. Returns { el, set(value) }. */
export function toggle({ label, onchange }) {
  const input = h("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  return { el: h("label", { class: "dora-toggle" }, input, h("span", {}, label)), set(value) { input.checked = value; } };
}

/** A button; type="button" so that it submits nothing. */
export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", class: "dora-button", onclick, ...attributes }, text);
}
