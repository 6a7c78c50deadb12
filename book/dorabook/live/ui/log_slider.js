// A slider over a wide range of whole numbers, and the field to type one in. Equal steps of the slider are equal
// ratios; an arrow key still moves by 1, Page Up and Page Down double and halve.
import { whole } from "../core/whole.js";
import { h, say, unique } from "./dom.js";

const STEPS = 64; // of the slider, in a doubling

/** Returns { el, set(value) }; onchange(value) follows every move, set never calls it. */
export function logRange({ label, min, max, onchange, show = whole }) {
  let now = min;
  const keep = (value) => Math.min(max, Math.max(min, Math.round(value)));
  const keys = {
    ArrowRight: () => now + 1, ArrowUp: () => now + 1, ArrowLeft: () => now - 1, ArrowDown: () => now - 1,
    PageUp: () => now * 2, PageDown: () => now / 2, Home: () => min, End: () => max,
  };
  const input = h("input", {
    type: "range", "aria-label": label, min: 0, max: Math.ceil(STEPS * Math.log2(max / min)), step: 1,
    onkeydown(event) {
      if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      move(keep(keys[event.key]()));
    },
    oninput() {
      const place = Number(input.value), was = placeOf(now);
      const next = keep(min * 2 ** (place / STEPS));
      move(next === now && place !== was ? keep(now + Math.sign(place - was)) : next); // low down, one step is less than 1
    },
  });
  const placeOf = (value) => Math.round(STEPS * Math.log2(value / min));

  function move(value) {
    const changed = value !== now;
    set(value);
    if (changed) onchange(value);
  }

  function set(value) {
    now = value;
    input.value = placeOf(value);
    input.setAttribute("aria-valuetext", show(value));
    input.style.setProperty("--dora-part", `${(100 * placeOf(value)) / Number(input.max)}%`);
  }

  return { el: input, set };
}

/** A field for a whole number. What is no such number is named below it, and the last good one stays. */
export function wholeField({ label, min, max, onchange }) {
  let now = min;
  const note = h("span", { class: "dora-field-note", id: unique("dora-field"), hidden: true });
  const input = h("input", {
    type: "number", class: "dora-field", "aria-label": label, inputmode: "numeric", min, max, step: 1,
    oninput() {
      const value = input.valueAsNumber;
      const fits = Number.isInteger(value) && value >= min && value <= max;
      complain(fits ? "" : `${input.value || "That"} is not a whole number from ${whole(min)} to ${whole(max)}; ${whole(now)} stays.`);
      if (!fits || value === now) return;
      now = value;
      onchange(value);
    },
    onchange() {
      if (input.valueAsNumber === now) return;
      input.value = now;
      input.removeAttribute("aria-invalid");
    },
  });

  function complain(text) {
    say(note, text);
    note.hidden = !text;
    for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", note.id]]) {
      if (text) input.setAttribute(name, value);
      else input.removeAttribute(name);
    }
  }

  return {
    el: input,
    note,
    set(value) {
      if (value !== now) complain("");
      now = value;
      if (input.valueAsNumber !== value && !input.hasAttribute("aria-invalid")) input.value = value;
    },
  };
}

/** Both in one: a label, the field at its right, the slider below. Returns { el, set(value) }. */
export function logSlider({ label, min, max, onchange }) {
  const field = wholeField({ label: `${label}, typed`, min, max, onchange: (value) => { range.set(value); onchange(value); } });
  const range = logRange({ label, min, max, onchange: (value) => { field.set(value); onchange(value); } });
  return {
    el: h("div", { class: "dora-slider" },
      h("div", { class: "dora-slider-head" }, h("span", { class: "dora-label" }, label), field.el), range.el, field.note),
    set(value) {
      range.set(value);
      field.set(value);
    },
  };
}
