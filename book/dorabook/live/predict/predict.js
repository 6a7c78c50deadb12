// A question to answer before reading on: a few options, each with its own reply; or for a room that raises hands.
import { plural } from "../core/text.js";
import { button, h } from "../ui/dom.js";
import { mount } from "../ui/figure.js";

export const KEYS = ["question", "options", "right", "chosen", "room", "hands"];
const LETTERS = "abcde";
const MOST_HANDS = 999;

/**
 * state: { question, options: [[option, reply], ...], right, chosen: -1 while open,
 *          room: "off" | "votes" | "answer", hands: a count for each option }.
 */
export function describe({ question, options, right, chosen, room, hands }) {
  const named = options.map(([option], i) => [`(${LETTERS[i]})`, option]);
  if (room !== "off") return counted({ right, room, hands }, named);
  const open = !(chosen >= 0 && chosen < options.length);
  const asked = [question, ...named.map(([letter, option]) => `${letter} ${option};`)].join(" ");
  const said = open
    ? `${asked.slice(0, -1)}.`
    : `${named[chosen][0]} is ${chosen === right ? "right" : "not it"}. ${options[chosen][1]}`;
  return { sentence: said.replaceAll("`", ""), columns: ["option", "says"], rows: named, open, correct: !open && chosen === right };
}

/** What a room is told: the hands, and once it is revealed the right option. */
function counted({ right, room, hands }, named) {
  const total = hands.reduce((sum, count) => sum + count, 0);
  const counts = named.map(([letter], i) => `${letter} ${hands[i]}`).join(", ");
  const answer = room === "answer" ? ` ${named[right][0]} is right.` : "";
  return {
    sentence: `${plural(total, "hand")}: ${counts}.${answer}`,
    columns: ["option", "says", "hands"],
    rows: named.map((pair, i) => [...pair, String(hands[i])]),
    total,
  };
}

/** Text with `code` between backticks, as nodes. */
function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

function letterOf(i) {
  return h("span", { class: "dora-predict-letter", "aria-hidden": "true" }, LETTERS[i]);
}

// ---- one reader

function reader({ options }, { set }) {
  const marks = options.map(() => h("span", { class: "dora-predict-mark" }));
  const buttons = options.map(([option], i) =>
    h("button", { type: "button", "aria-pressed": "false", onclick: () => set({ chosen: i }) },
      letterOf(i), h("span", {}, withCode(option)), marks[i]));
  const group = h("div", { class: "dora-predict-options", role: "group", "aria-label": "Your answer" }, buttons);
  return {
    el: group,
    first: buttons[0],
    update({ correct }, { chosen }) {
      buttons.forEach((node, i) => {
        node.setAttribute("aria-pressed", String(i === chosen));
        marks[i].textContent = i !== chosen ? "" : correct ? "✓ right" : "✗ not it";
      });
    },
  };
}

// ---- a room: hands are counted for each option, and nothing tells the answer until it is revealed

function clean(count) {
  return Math.max(0, Math.min(MOST_HANDS, Math.trunc(count) || 0));
}

function room({ options, right }, { set, state }) {
  const count = (i, by) => put(i, state().hands[i] + by);
  const put = (i, value) => set({ hands: state().hands.map((old, j) => (j === i ? clean(value) : old)) });
  const rows = options.map((pair, i) => row(pair, i, i === right, count, put));
  const turn = button("", () => set({ room: state().room === "answer" ? "votes" : "answer" }), { class: "dora-button dora-predict-turn" });
  const clear = button("Clear the counts", () => set({ hands: options.map(() => 0) }));
  const leave = button("Back to one reader", () => set({ room: "off" }));
  const keys = `${LETTERS[0]} to ${LETTERS[options.length - 1]}`;
  const el = h("div", { class: "dora-predict-room", role: "group", "aria-label": "Hands of the room" },
    rows.map((each) => each.el),
    h("div", { class: "dora-predict-tools" }, turn, clear, leave),
    h("p", { class: "dora-hint" }, `Keys ${keys} add a hand, with Shift they take one back. The counts are in this page's address.`));
  return {
    el,
    first: rows[0].more,
    /** A letter typed anywhere in the figure. */
    press(event) {
      const i = LETTERS.indexOf(event.key.toLowerCase());
      if (i < 0 || i >= options.length || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      count(i, event.shiftKey ? -1 : 1);
    },
    update({ total }, now) {
      const told = now.room === "answer";
      turn.textContent = told ? "Hide the answer" : "Reveal the answer";
      clear.disabled = total === 0;
      rows.forEach((each, i) => each.update(now.hands[i], total, told));
    },
  };
}

function row([option, reply], i, correct, count, put) {
  const name = `(${LETTERS[i]})`;
  const input = h("input", {
    type: "number", class: "dora-field", min: 0, max: MOST_HANDS, step: 1, inputmode: "numeric", autocomplete: "off",
    "aria-label": `Hands for ${name}`, oninput: () => put(i, Number(input.value)),
    onchange: () => { input.value = clean(input.value); }, onfocus: () => input.select(),
  });
  const less = button("−", () => count(i, -1), { "aria-label": `One hand less for ${name}` });
  const more = button("+", () => count(i, 1), { "aria-label": `One hand more for ${name}` });
  const mark = h("span", { class: "dora-predict-mark" });
  const bar = h("span", { class: "dora-predict-bar" });
  const says = h("p", { class: "dora-predict-reply", hidden: true }, h("strong", {}, correct ? "✓ right. " : "✗ not it. "), withCode(reply));
  return {
    el: h("div", { class: "dora-predict-row" },
      h("div", { class: "dora-predict-says" }, letterOf(i), h("span", {}, withCode(option)), mark),
      h("div", { class: "dora-predict-count" }, less, input, more),
      h("div", { class: "dora-predict-track", "aria-hidden": "true" }, bar),
      says),
    more,
    update(hands, total, told) {
      if (Number(input.value) !== hands || (input.value === "" && document.activeElement !== input)) input.value = hands;
      less.disabled = hands === 0;
      bar.style.width = `${total ? (100 * hands) / total : 0}%`;
      mark.textContent = total ? `${Math.round((100 * hands) / total)}%` : "";
      says.hidden = !told;
      says.parentElement.dataset.told = !told ? "" : correct ? "right" : "wrong";
    },
  };
}

function build({ stage, foot, set, state }) {
  const asked = state();
  const one = reader(asked, { set }), many = room(asked, { set, state });
  const ask = button("Ask a room", () => set({ room: "votes" }), { class: "dora-button dora-predict-ask" });
  const view = h("div", { class: "dora-predict", onkeydown: (event) => { if (state().room !== "off") many.press(event); } },
    h("p", { class: "dora-predict-question" }, h("strong", {}, "Predict. "), withCode(asked.question)), one.el, many.el);
  stage.append(view);
  foot.append(ask);
  let shown = null;

  return function update(said, now) {
    const alone = now.room === "off";
    view.dataset.open = alone && said.open;
    view.dataset.correct = alone && said.correct;
    view.dataset.room = now.room;
    one.el.hidden = !alone;
    many.el.hidden = alone;
    (alone ? one : many).update(said, now);
    if (shown !== null && (shown === "off") !== alone) (alone ? one : many).first.focus({ preventScroll: true });
    shown = now.room;
  };
}

/** A reader's own answer stays in this browser, by the option's words, so that a changed order does not change it. */
const memory = {
  save: ({ options, chosen }) => options[chosen]?.[0] ?? null,
  load: (text, { options }) => ({ chosen: options.findIndex(([option]) => option === text) }),
};

export default {
  render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }),
  memory,
  /** What a link holds: one's own answer only in a link to this question. */
  shared: (state, own) => (own && state.room === "off" ? state : { ...state, chosen: -1 }),
  /** A vote is kept in the page's address as it goes on. */
  inAddress: ({ room }) => room !== "off",
};
