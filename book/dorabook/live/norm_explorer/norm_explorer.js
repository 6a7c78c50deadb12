// The book's thesis as a figure: a weight, its norms along both axes, and which of them DoRA's magnitude is.
import { agrees, explain, largest, lineOf, matrixOf, scaledLine, shows } from "./explain.js";
import { toModel, withEntry } from "../core/matrix.js";
import { columns, rows, sentence, shapes } from "./words.js";
import { fixed, number, shape } from "../core/text.js";
import { choice, h, say, slider } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { normStage } from "./stage.js";

export const KEYS = ["weight", "lora_A", "lora_B", "per", "storage", "fan_in_fan_out", "view", "scaling", "poke", "output", "input",
  "shows", "shape", "norms", "across", "map"];
const FURTHEST = 4; // times what dragging reaches: where scaling ends. Python allows no less: the reach is at most three times the largest weight
const GIVEN = KEYS.slice(-5); // what it has controls for; of a weight too large for a page, or that Python sets while it trains, what is seen

export function describe(state) {
  const facts = explain(state);
  return { sentence: sentence(facts), columns: columns(facts), rows: rows(facts), facts };
}

function build({ stage, set, state, afterwards }) {
  const first = state();
  const { reach, step } = sliderReach(first);
  const edit = (i, j, value) => set({ weight: withEntry(state().weight, i, j, value) });
  const read = (i, j) => {
    const { columns, data } = matrixOf(state().weight); // of the model: between two frames it may be ahead of the picture
    return data[i * columns + j];
  };
  const picture = normStage({ choose: set, read, edit, reach, step, afterwards });
  const twins = changes({ first, set, state, edit, reach, step });
  const groups = [switches(first, set), ...(shows(first, "storage") ? [path()] : []), picture, first.weight ? moves(first, set) : averages(first)];
  stage.append(h("div", { class: "dora-ne" }, groups.map((group) => group.el)));
  stage.parentNode.querySelector(".dora-sentence").after(twins.el); // the sentence is on one screen with the picture
  groups.push(twins);
  return ({ facts }) => groups.forEach((group) => group.update(facts));
}

/** Which axis, how the matrix lies in memory, what the code is told about it. */
function switches(first, set) {
  const legend = shows(first, "storage") ? "Meant: one magnitude per" : "One magnitude per"; // what is told wrongly gives another
  const per = choice({ legend, options: [["output", "output"], ["input", "input"]], onchange: (value) => set({ per: value }) });
  const storage = choice({ legend: "The matrix is stored", options: [["out,in", "(out, in)"], ["in,out", "(in, out)"]], onchange: (value) => set({ storage: value }) });
  const flag = choice({ legend: "The code is told fan_in_fan_out", options: [["False", "False"], ["True", "True"]], onchange: (value) => set({ fan_in_fan_out: value === "True" }) });
  return {
    el: h("div", { class: "dora-ne-switches" }, per.el, shows(first, "storage") && [storage.el, flag.el]),
    update({ state }) {
      per.set(state.per);
      storage.set(state.storage);
      flag.set(state.fan_in_fan_out ? "True" : "False");
    },
  };
}

/** The four steps of peft's norm, each with the shape it leaves. */
function path() {
  const steps = ["stored", "transpose", "add", "norm"].map(() => h("li", {}, h("code"), h("span", { class: "dora-ne-shape" }), h("small")));
  const write = (item, texts) => texts.forEach((text, i) => say(item.children[i], text));
  return {
    el: h("ol", { class: "dora-ne-path", "aria-label": "How the code gets m" }, steps),
    update(facts) {
      const { state, size, measured } = facts;
      const { stored, read, dim, m } = shapes(facts);
      const right = agrees(state), square = size[0] === size[1];
      write(steps[0], ["weight", shape(...stored), state.storage.replace(",", ", ")]);
      write(steps[1], [`transpose(\u2026, ${state.fan_in_fan_out ? "True" : "False"})`, shape(...read), right ? "out, in" : "in, out"]);
      write(steps[2], ["+ s * B @ A", shape(...(right ? read : size)), right ? "out, in" : square ? "fits: square" : "does not fit"]);
      write(steps[3], [`norm(dim=${dim})`, `m ${shape(...m)}`, `one per ${measured}`]);
      steps[1].classList.toggle("dora-wrong", !right);
      steps[2].classList.toggle("dora-wrong", !right);
      steps[3].classList.toggle("dora-wrong", !right);
    },
  };
}

/** The two experiments: poke one magnitude, add the update. */
function moves(first, set) {
  const poke = slider({ label: "Poke", min: 0.25, max: 2, step: 0.05, show: (v) => `\u00d7 ${fixed(v, 2)}`, onchange: (value) => set({ poke: value }) });
  const update = slider({ label: "Update", min: 0, max: 1, step: 0.05, show: (v) => `s = ${fixed(v, 2)}`, onchange: (value) => set({ scaling: value }) });
  return {
    el: h("div", { class: "dora-ne-moves" }, shows(first, "poke") && h("div", { class: "dora-ne-poke" }, poke.el), shows(first, "update") && h("div", { class: "dora-ne-update" }, update.el)),
    update({ state, measured, chosen, rank, fits }) {
      poke.set(state.poke, { label: `Poke the magnitude of ${measured} ${chosen}` });
      update.set(fits ? state.scaling : 0, { disabled: !fits, label: fits ? `Add the rank-${rank} update sBA` : "The update sBA does not fit" });
    },
  };
}

/** For a weight too large for the page: what its picture leaves out. */
function averages({ shape: [out, into], map }) {
  const [tall, wide] = [Math.ceil(out / map.length), Math.ceil(into / map[0].length)];
  const text = `The map shows averages over blocks of about ${tall} by ${wide} weights. The norms are those of all ${out} outputs and all ${into} inputs.`;
  return { el: h("p", { class: "dora-hint" }, text), update() {} };
}

/** The slider twins of everything that can be dragged or clicked in the picture, and what the picture shows. */
function changes({ first, set, state, edit, reach, step }) {
  const chooseOutput = slider({ label: "Output", min: 0, max: 1, step: 1, onchange: (value) => set({ output: value }) });
  const chooseInput = slider({ label: "Input", min: 0, max: 1, step: 1, onchange: (value) => set({ input: value }) });
  const value = slider({ label: "Value", min: -reach, max: reach, step, show: number, onchange: (next) => { const now = state(); edit(now.output, now.input, next); } });
  const scale = { output: scaler("output", set, state, FURTHEST * reach), input: scaler("input", set, state, FURTHEST * reach) };
  const views = [["merged", "m \u00b7 V"], ...(shows(first, "update") ? [["adapted", "W + sBA"]] : []), ...(shows(first, "direction") ? [["direction", "V"]] : [])];
  const view = choice({ legend: "The cells show", options: views, onchange: (next) => set({ view: next }) });
  const inside = first.weight
    ? [chooseOutput.el, chooseInput.el, value.el, scale.output.el, scale.input.el, views.length > 1 && view.el] : [chooseOutput.el, chooseInput.el];
  return {
    el: h("details", { class: "dora-ne-more" }, h("summary", {}, first.weight ? "Change the weight" : "Choose an output or an input"), h("div", { class: "dora-ne-grid" }, inside)),
    update(facts) {
      const { size } = facts, now = facts.state;
      chooseOutput.set(Math.min(now.output, size[0] - 1), { max: size[0] - 1 });
      chooseInput.set(Math.min(now.input, size[1] - 1), { max: size[1] - 1 });
      if (!facts.whole) return;
      const at = now.output * size[1] + now.input;
      value.set(facts.weight.data[at], { label: `Weight from input ${now.input} to output ${now.output}` });
      scale.output.follow(now);
      scale.input.follow(now);
      view.set(now.view);
    },
  };
}

/** Multiplies one output's or one input's weights, none beyond `most`; the slider is back at 1 once another is chosen. */
function scaler(per, set, state, most) {
  let start = null, mine = null;
  const control = slider({
    label: "", min: 0.25, max: 2, step: 0.05, value: 1, show: (v) => `\u00d7 ${fixed(v, 2)}`,
    onchange: (factor) => {
      const now = state();
      start ??= { weight: now.weight, index: now[per] };
      const from = matrixOf(start.weight), top = largest({ data: lineOf(from, per, start.index) });
      mine = toModel(scaledLine(from, per, start.index, Math.min(factor, Math.max(1, most / top))), start.weight);
      set({ weight: mine });
    },
  });
  return {
    el: control.el,
    follow(now) {
      if (start && (now.weight !== mine || now[per] !== start.index)) start = null;
      control.set(start ? Number(control.input.value) : 1, { label: `Scale all weights of ${per} ${now[per]}` });
    },
  };
}

/** How far a cell can be moved, and in which steps: one and a half times the largest weight. */
function sliderReach(state) {
  if (!state.weight) return { reach: 1, step: 0.1 };
  const top = largest(matrixOf(state.weight)) || 1;
  const scale = 10 ** Math.floor(Math.log10(1.5 * top));
  const reach = Math.ceil((1.5 * top) / scale) * scale;
  return { reach, step: scale / 10 };
}

export default { low: true, rows: (state) => describe(state).rows, render: ({ model, el }) => mount({ model, el, keys: KEYS, given: GIVEN, describe, build }) };
