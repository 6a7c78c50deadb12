// Writers down, readers across: what each reader makes of each writer's file, as it was measured.
import { cells as ROUTES, grey as GREY, outcomes as OUTCOMES, readers as READERS, said as SAID, writers as WRITERS } from "./cells.json";
import { HARM, inLayer, percent, remedy, SIGN, worst } from "./words.js";
import { whole } from "../core/whole.js";
import { choice, h, say } from "../ui/dom.js";
import { mount } from "../ui/figure.js";

export const KEYS = ["writer", "reader", "route", "order"];
const EVERY = "all";
const COLUMNS = ["written by", "read by", "what happens", "layer by layer", "known from", "what to do"];
const HARMFUL = ["m dropped", "silently wrong"]; // what the table lists of the whole grid: what loads, and is another model
const FROM = { ran: "both were run", source: "one side was rebuilt from its source" };
const NAMES = { "as written": "under its own names", translated: "with its names translated and m reshaped" };

/** The cells of a state, sorted: { writer, reader, verdict, off, layers, evidence, remedy }. */
function chosen({ writer, reader, route, order }) {
  const found = ROUTES[route].flatMap((line, w) => line.map((outcome, r) => outcome === null ? null : cellAt(route, WRITERS[w], READERS[r], OUTCOMES[outcome])))
    .filter((cell) => cell && [EVERY, cell.writer].includes(writer) && [EVERY, cell.reader].includes(reader));
  const harm = (cell) => 10 * HARM.indexOf(cell.verdict) + Math.min(9, cell.off);
  return order === "harm" ? found.sort((one, two) => harm(two) - harm(one)) : found;
}

function cellAt(route, [writer, kept, one], [reader, read, other], outcome) {
  const layers = outcome.map(([layer, verdict, ...rest]) => [layer, HARM[verdict], ...rest.slice(0, 4), SAID[rest[4]] ?? ""]);
  const cell = { writer, reader, route, evidence: one === other ? one : "source", layers, ...worst(layers) };
  return { ...cell, remedy: remedy(cell, { writer: kept, reader: read }) };
}

export function describe(state) {
  const found = chosen(state);
  const unfiltered = state.writer === EVERY && state.reader === EVERY;
  const rows = found.filter(({ verdict }) => !unfiltered || HARMFUL.includes(verdict)).map((cell) => [
    cell.writer, cell.reader, short(cell), ...(unfiltered ? [] : [cell.layers.map(inLayer).join("; "), FROM[cell.evidence], cell.remedy]),
  ]);
  const sentence = found.length === 1 ? one(found[0]) : several(state, found);
  return { sentence, columns: unfiltered ? COLUMNS.slice(0, 3) : COLUMNS, rows, found };
}

const short = ({ verdict, off }) => (off > 0 ? `${verdict}, ${percent(off)} off` : verdict);

function one(cell) {
  const { writer, reader, route, evidence, layers } = cell;
  return `${writer} writes it, ${reader} reads it ${NAMES[route]}. ${layers.map(inLayer).map(capital).join(". ")}. `
    + `Known: ${FROM[evidence]}. What to do: ${cell.remedy}.`;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function several({ writer, reader, route }, found) {
  const who = `${writer === EVERY ? "a file of any of them" : `a file of ${writer}`}, read by ${reader === EVERY ? "any reader" : reader} ${NAMES[route]}`;
  const reason = GREY[writer] ?? GREY[reader];
  if (!found.length) return `${capital(who)}: ${reason ?? "nothing was run, and nothing was found in the source"}.`;
  const counts = HARM.map((verdict) => [verdict, found.filter((cell) => cell.verdict === verdict).length]).filter(([, count]) => count);
  const most = found.reduce((max, cell) => (cell.verdict === "silently wrong" && cell.off > (max?.off ?? 0) ? cell : max), null);
  const list = counts.map(([verdict, count]) => `${whole(count)} ${verdict}`).join(", ");
  return `${capital(who)}: ${whole(found.length)} pairs, ${list}.${most ? ` The farthest is ${percent(most.off)} off: ${most.writer}, read by ${most.reader}.` : ""}`;
}

function build({ stage, set }) {
  const named = (names) => [EVERY, ...names.map(([name]) => name)];
  const writer = menu("Mine writes", named(WRITERS), (value) => set({ writer: value }));
  const reader = menu("Mine reads", named(READERS), (value) => set({ reader: value }));
  const route = choice({ legend: "The file", options: [["as written", "as written"], ["translated", "names translated"]], onchange: (value) => set({ route: value }) });
  const order = choice({ legend: "In the order of", options: [["axis", "axes"], ["harm", "harm"]], onchange: (value) => set({ order: value }) });
  const grid = table(set);
  const legend = h("p", { class: "dora-fm-legend" }, HARM.map((verdict) => h("span", { "data-verdict": verdict }, h("b", { "aria-hidden": "true" }, SIGN[verdict]), ` ${verdict}`)),
    h("span", { class: "dora-fm-source" }, h("b", { "aria-hidden": "true" }, "┄"), " from its source alone"));
  stage.append(h("div", { class: "dora-fm" }, h("div", { class: "dora-fm-asked" }, writer.el, reader.el, route.el, order.el), grid.el, legend));
  return (said, state) => {
    writer.set(state.writer);
    reader.set(state.reader);
    route.set(state.route);
    order.set(state.order);
    grid.update(said.found, state);
  };
}

function menu(label, names, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) }, names.map((name) => h("option", { value: name }, name)));
  return { el: h("label", { class: "dora-fm-menu" }, h("span", {}, label), select), set(value) { select.value = value; } };
}

/** A button a cell; one of them is in the tab order, and the arrow keys go on from there. */
function table(set) {
  const head = h("tr"), body = h("tbody");
  const el = h("div", { class: "dora-fm-scroll" }, h("table", { class: "dora-fm-table" }, h("thead", {}, head), body));
  let drawn = "", buttons = [];

  function move(event) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const row = buttons.findIndex((line) => line.includes(event.target));
    let next = [row, buttons[row].indexOf(event.target)];
    do next = next.map((place, i) => place + step[i]); while (buttons[next[0]] && buttons[next[0]][next[1]] === null);
    const target = buttons[next[0]]?.[next[1]];
    if (target) {
      event.target.tabIndex = -1;
      target.tabIndex = 0;
      target.focus();
    }
  }
  body.addEventListener("keydown", move);

  return {
    el,
    update(found, state) {
      const all = chosen({ ...state, writer: EVERY, reader: EVERY });
      const shown = JSON.stringify([state.route, state.order]);
      if (shown !== drawn) {
        const writers = state.order === "axis" ? WRITERS.map(([name]) => name) : [...new Set(all.map((cell) => cell.writer))];
        const readers = state.order === "axis" ? READERS.map(([name]) => name) : [...new Set(all.map((cell) => cell.reader))];
        head.replaceChildren(h("td"), ...readers.map((name) => h("th", { scope: "col", "data-grey": name in GREY }, h("span", {}, name))));
        buttons = writers.map((writer) => readers.map((reader) => cellOf(all.find((cell) => cell.writer === writer && cell.reader === reader), set)));
        body.replaceChildren(...writers.map((writer, i) => h("tr", { "data-writer": writer }, h("th", { scope: "row", "data-grey": writer in GREY }, writer), buttons[i].map((one, j) => h("td", { "data-reader": readers[j] }, one ?? "")))));
        const first = buttons.flat().find(Boolean);
        if (first) first.tabIndex = 0;
        drawn = shown;
      }
      buttons.flat().filter(Boolean).forEach((one) => {
        const { writer, reader } = one.dataset;
        const within = [EVERY, writer].includes(state.writer) && [EVERY, reader].includes(state.reader);
        one.toggleAttribute("data-out", !within);
        one.setAttribute("aria-pressed", String(state.writer === writer && state.reader === reader));
      });
      body.parentNode.toggleAttribute("data-row", state.writer !== EVERY); // on a phone only a chosen row lists who refuses
      body.querySelectorAll("tr").forEach((row) => row.toggleAttribute("data-out", ![EVERY, row.dataset.writer].includes(state.writer)));
    },
  };
}

function cellOf(cell, set) {
  if (!cell) return null;
  const { writer, reader, verdict, off, evidence } = cell;
  const button = h("button", {
    type: "button", tabindex: "-1", class: "dora-fm-cell", "data-verdict": verdict, "data-evidence": evidence, "data-writer": writer, "data-reader": reader,
    "aria-label": `${writer}, read by ${reader}: ${short(cell)}`, title: `${reader}: ${short(cell)}`,
    onclick: () => (button.getAttribute("aria-pressed") === "true" ? set({ writer: EVERY, reader: EVERY }) : set({ writer, reader })),
  });
  say(button, verdict === "silently wrong" ? String(Math.round(100 * off)) : SIGN[verdict]);
  return button;
}

export default { render({ model, el }) { return mount({ model, el, keys: KEYS, describe, build }); } };
