// Trainable parameters of a model by rank, target modules and axis: counted, and as peft prints them.
import { chosen, count, DECODERS, decoderShapes, everything, MODULES } from "./counting.js";
import { shape } from "../core/text.js";
import { whole } from "../core/whole.js";
import { choice, h, say } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { logSlider } from "../ui/log_slider.js";

export const KEYS = ["model", "rank", "per", ...MODULES];
const COLUMNS = ["module", "weight (out, in)", "copies", "A and B", "m, one per output", "m, one per input"];
const MOST_RANK = 512;
const OTHER = { output: "input", input: "output" };

/** state: the choices. Returns the sentence, the table, the counts over the chosen layers and what peft prints. */
export function describe(state) {
  const layers = chosen(state);
  const counted = count(layers, state.rank);
  const peft = state.model === "SmolLM2-135M" && layers.length ? printed(counted.total[state.per]) : "";
  const sentences = [total(state, layers, counted), ...(peft ? [inPeft(peft, state.per)] : [])];
  return { sentence: sentences.join(" "), columns: COLUMNS, rows: rows(layers, state.rank), layers, counted, peft };
}

function printed(trainable) {
  const { all, percent } = everything(trainable);
  return `trainable params: ${whole(trainable)} || all params: ${whole(all)} || trainable%: ${percent}`;
}

function total({ model, rank, per }, layers, { lowRank, magnitudes, total: all }) {
  if (!layers.length) return `${model} with no target module chosen: nothing is trained.`;
  const split = per === "none"
    ? `all in A and B; DoRA would add ${whole(magnitudes.output)} magnitudes per output or ${whole(magnitudes.input)} per input`
    : `${whole(lowRank)} in A and B and ${whole(magnitudes[per])} magnitudes, one per ${per}; `
      + `one per ${OTHER[per]} would be ${whole(magnitudes[OTHER[per]])}`;
  return `${model} at rank ${rank} with ${named(layers)}: ${whole(all[per])} trainable parameters, ${split}.`;
}

function named(layers) {
  return layers.length === MODULES.length ? "all seven target modules" : listed(layers.map(({ name }) => name));
}

function listed(names) {
  return [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");
}

function inPeft(line, per) {
  if (per === "input") return `peft has no such DoRA; if it had, it would print: ${line}. What it prints has one per output.`;
  return `peft, with a two-label head${per === "none" ? " and no DoRA" : ""}, prints: ${line}.`;
}

function rows(layers, rank) {
  const each = layers.map((layer) => row(layer.name, shape(layer.out, layer.into), String(layer.copies), [layer], rank));
  return layers.length > 1 ? [...each, row("in all", "", "", layers, rank)] : each;
}

function row(name, weight, copies, layers, rank) {
  const { lowRank, magnitudes } = count(layers, rank);
  return [name, weight, copies, whole(lowRank), whole(magnitudes.output), whole(magnitudes.input)];
}

function build({ stage, set }) {
  const parts = [choices(set), headline(), modules(set)];
  stage.append(h("div", { class: "dora-pc" }, parts.map((part) => part.el)));
  return (said, state) => parts.forEach((part) => part.update(said, state));
}

function choices(set) {
  const model = choice({ legend: "Model", options: Object.keys(DECODERS).map((name) => [name, name]), onchange: (value) => set({ model: value }) });
  const per = choice({ legend: "One magnitude per", options: [["output", "output"], ["input", "input"], ["none", "none: LoRA"]], onchange: (value) => set({ per: value }) });
  const rank = logSlider({ label: "Rank", min: 1, max: MOST_RANK, onchange: (value) => set({ rank: value }) });
  return {
    el: h("div", { class: "dora-pc-choices" }, model.el, h("div", { class: "dora-pc-pair" }, per.el, rank.el)),
    update(_, state) {
      model.set(state.model);
      per.set(state.per);
      rank.set(state.rank);
    },
  };
}

function headline() {
  const all = h("b");
  const split = h("span");
  return {
    el: h("p", { class: "dora-pc-headline" }, all, " trainable parameters", split),
    update({ counted, layers }, { per }) {
      if (!layers.length) say(split, "choose a target module below");
      say(all, whole(counted.total[per]));
      if (layers.length) say(split, per === "none" ? "all of them in A and B" : `${whole(counted.lowRank)} in A and B, ${whole(counted.magnitudes[per])} magnitudes. ${otherwise(counted.total, per)}`);
    },
  };
}

/** In sight while boxes are unticked: whether the total tells the axis. */
function otherwise(total, per) {
  return total.output === total.input ? `Per ${OTHER[per]} the total is the same.` : `Per ${OTHER[per]} it would be ${whole(total[OTHER[per]])}.`;
}

const HEADS = ["Target module", "Weight (out,\u00a0in)", "A and B", "m per output", "m per input"];

/** One row a module, with the box that makes it a target; the box in the head is for all of them. */
function modules(set) {
  const every = h("input", { type: "checkbox", "aria-label": "Target module: all", onchange: () => set(Object.fromEntries(MODULES.map((name) => [name, every.checked]))) });
  const titles = [h("label", { class: "dora-toggle" }, every, HEADS[0]), ...HEADS.slice(1)];
  const heads = titles.map((text, i) => h("th", { role: "columnheader", scope: "col", class: `dora-pc-c${i}` }, text));
  const lines = MODULES.map((name) => line(name, (on) => set({ [name]: on }))), all = line("all chosen", null);
  const body = h("tbody", { role: "rowgroup" }, [...lines, all].map((each) => each.el));
  return {
    el: h("table", { class: "dora-pc-table", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body),
    update({ layers, counted }, state) {
      heads[3].classList.toggle("dora-pc-on", state.per === "output");
      heads[4].classList.toggle("dora-pc-on", state.per === "input");
      every.checked = layers.length === MODULES.length;
      every.indeterminate = layers.length > 0 && !every.checked;
      const shapes = decoderShapes(DECODERS[state.model]);
      shapes.forEach((layer, i) => lines[i].set(shape(layer.out, layer.into), count([layer], state.rank), state.per, state[layer.name]));
      say(heads[1], `${HEADS[1]}, ${shapes[0].copies}\u00a0of\u00a0each`);
      all.set("", counted, state.per, layers.length > 0);
    },
  };
}

function line(name, onchange) {
  const box = onchange && h("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  const title = onchange ? h("label", { class: "dora-toggle" }, box, h("code", {}, name)) : name;
  const cells = HEADS.slice(1).map((_, i) => h("td", { role: "cell", class: `dora-pc-c${i + 1}` }));
  const el = h("tr", { role: "row", class: onchange ? null : "dora-pc-all" }, h("th", { role: "rowheader", scope: "row", class: "dora-pc-c0" }, title), cells);
  return {
    el,
    set(text, { lowRank, magnitudes }, per, on) {
      if (box) box.checked = on;
      [text, whole(lowRank), whole(magnitudes.output), whole(magnitudes.input)].forEach((value, i) => say(cells[i], value));
      for (const [axis, cell] of [["output", cells[2]], ["input", cells[3]]]) cell.classList.toggle("dora-pc-on", on && per === axis);
      el.classList.toggle("dora-pc-off", !on);
    },
  };
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }) };
