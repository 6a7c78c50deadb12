// What every figure's render does: builds the view once, then follows the model, at most once a frame.
import { button, h, say } from "./dom.js";

const SAVE_AFTER = 80; // ms without a change before a kernel is told: a drag sends a few messages, not hundreds
const SPEAK_AFTER = 120; // ms: the sentence is a live region, and a drag should not make it stutter

/** Also one of a slider's keys that does nothing to it: it would scroll the page away from under the reader. */
function stays(event) {
  event.stopPropagation();
  if (event.target.matches("[role=slider]") && ["Home", "End", "PageUp", "PageDown"].includes(event.key)) event.preventDefault();
}

/**
 * model, el: what the AFM render got. keys: the names of the state. given: those that no control changes, which Reset lets be.
 * describe(state): { sentence, columns, rows, ... }.
 * build({ stage, foot, set, state, afterwards, again }): fills `stage`, and `foot` with buttons, and returns
 * update(description, state), called on every change.
 * A page's model may hold a `refusal`, a sentence on a link that could not be followed: it is said first, until a control is moved.
 * set(changes) writes the model; afterwards(f) is called when the view goes; again() asks for an update where what
 * `describe` says has changed without the model.
 * Returns the clean-up that AFM calls when the view goes.
 */
export function mount({ model, el, keys, given = [], describe, build }) {
  const read = () => Object.fromEntries(keys.map((key) => [key, model.get(key)]));
  const authored = Object.fromEntries(Object.entries(read()).filter(([key]) => !given.includes(key)));
  const endings = [], heard = [...keys, "refusal"];
  let frame = 0, saving = 0, speaking = 0, said = null;

  const stage = h("div", { class: "dora-stage" });
  const sentence = h("p", { class: "dora-sentence", role: "status" });
  const numbers = h("details", { class: "dora-numbers", ontoggle: () => tell() }, h("summary", {}, "The numbers as a table"));
  const foot = h("div", { class: "dora-foot" }, button("Reset", () => set(authored), { class: "dora-button dora-reset" }));
  // Keys stay in the figure. Notebook 7 takes them before a figure can stop them, unless the very element in focus has this attribute.
  const root = h("div", { class: "dora", onkeydown: stays, onfocusin: ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; } },
    stage, sentence, numbers, foot);

  function save() {
    clearTimeout(saving);
    saving = 0;
    model.save_changes();
  }

  function set(changes) {
    if (model.get("refusal")) model.set("refusal", "");
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    clearTimeout(saving);
    saving = setTimeout(save, SAVE_AFTER);
  }

  function tell() {
    clearTimeout(speaking);
    speaking = 0;
    root.toggleAttribute("data-refused", Boolean(model.get("refusal")));
    say(sentence, [model.get("refusal"), said.sentence].filter(Boolean).join(" "));
    if (numbers.open) numbers.replaceChildren(numbers.firstChild, table(said));
    if (!frame) delete root.dataset.pending;
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const state = read();
    said = describe(state);
    update(said, state);
    speaking ||= setTimeout(tell, SPEAK_AFTER);
  }

  function follow() {
    root.dataset.pending = "true"; // until the change is drawn and said
    frame ||= requestAnimationFrame(() => {
      try {
        draw();
      } catch (error) {
        el.dispatchEvent(new CustomEvent("dora-error", { detail: error, bubbles: true }));
        throw error;
      }
    });
  }

  el.append(root); // first, so that a drawing can measure itself and read the theme
  const update = build({ stage, foot, set, state: read, afterwards: (ending) => endings.push(ending), again: follow });
  draw();
  tell();
  heard.forEach((key) => model.on(`change:${key}`, follow));
  el.addEventListener("dora-fit", draw); // its place has another height
  root.dataset.ready = "true";
  return () => {
    if (saving) save();
    cancelAnimationFrame(frame);
    clearTimeout(speaking);
    heard.forEach((key) => model.off(`change:${key}`, follow));
    el.removeEventListener("dora-fit", draw);
    endings.forEach((ending) => ending());
  };
}

function table({ columns, rows }) {
  const head = h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name))));
  const body = rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((cell) => h("td", {}, cell))));
  return h("table", { class: "dora-table" }, head, h("tbody", {}, body));
}
