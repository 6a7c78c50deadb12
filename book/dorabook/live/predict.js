// A question to answer before reading on: a few options, each with its own reply.
import { h } from "./ui/dom.js";
import { mount } from "./ui/figure.js";

export const KEYS = ["question", "options", "right", "chosen"];
const LETTERS = "abcde";

/** state: { question, options: [[option, reply], ...], right, chosen: -1 while open }. */
export function describe({ question, options, right, chosen }) {
  const named = options.map(([option], i) => [`(${LETTERS[i]})`, option]);
  const open = !(chosen >= 0 && chosen < options.length);
  const asked = [question, ...named.map(([letter, option]) => `${letter} ${option};`)].join(" ");
  const said = open
    ? `${asked.slice(0, -1)}.`
    : `${named[chosen][0]} is ${chosen === right ? "right" : "not it"}. ${options[chosen][1]}`;
  return { sentence: said.replaceAll("`", ""), columns: ["option", "says"], rows: named, open, correct: !open && chosen === right };
}

/** Text with `code` between backticks, as nodes. */
function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

function build({ stage, set, state }) {
  const { question, options } = state();
  const marks = options.map(() => h("span", { class: "dora-predict-mark" }));
  const buttons = options.map(([option], i) =>
    h("button", { type: "button", "aria-pressed": "false", onclick: () => set({ chosen: i }) },
      h("span", { class: "dora-predict-letter", "aria-hidden": "true" }, LETTERS[i]), h("span", {}, withCode(option)), marks[i]));
  const group = h("div", { class: "dora-predict-options", role: "group", "aria-label": "Your answer" }, buttons);
  const view = h("div", { class: "dora-predict" }, h("p", { class: "dora-predict-question" }, h("strong", {}, "Predict. "), withCode(question)), group);
  stage.append(view);

  return function update({ open, correct }, { chosen }) {
    view.dataset.open = open;
    view.dataset.correct = correct;
    buttons.forEach((node, i) => {
      node.setAttribute("aria-pressed", String(i === chosen));
      marks[i].textContent = i !== chosen ? "" : correct ? "✓ right" : "✗ not it";
    });
  };
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }) };
