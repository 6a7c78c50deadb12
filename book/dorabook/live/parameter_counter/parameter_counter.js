// Trainable parameters of a model by rank, target modules and axis: counted, drawn to scale, and as peft prints them.
import { available, chosen, count, DECODERS, everything, MODULES, ONE_LAYER } from "./counting.js";
import { number, shape } from "../core/text.js";
import { whole } from "../core/whole.js";
import { choice, h, s, say } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { logSlider } from "../ui/log_slider.js";

export const KEYS = ["model", "rank", "per", "in_features", "out_features", ...MODULES];
const COLUMNS = ["module", "weight (out, in)", "copies", "A and B", "m, one per output", "m, one per input", "A and B against the weight"];
const WIDEST = 32768, MOST_RANK = 512;
const OTHER = { output: "input", input: "output" };

/** state: the choices. Returns the sentence, the table, the counts over the chosen layers and what peft prints. */
export function describe(state) {
  const layers = chosen(state);
  const counted = count(layers, state.rank);
  const peft = state.model === "SmolLM2-135M" && layers.length ? printed(counted.total[state.per]) : "";
  const sentences = [total(state, layers, counted), notLow(layers, state.rank), peft && inPeft(peft, state.per)];
  return { sentence: sentences.filter(Boolean).join(" "), columns: COLUMNS, rows: rows(layers, state.rank), layers, counted, peft };
}

function printed(trainable) {
  const { all, percent } = everything(trainable);
  return `trainable params: ${whole(trainable)} || all params: ${whole(all)} || trainable%: ${percent}`;
}

function total({ model, rank, per, in_features: into, out_features: out }, layers, { lowRank, magnitudes, total: all }) {
  if (!layers.length) return `${model} with no target module chosen: nothing is trained.`;
  const one = model === ONE_LAYER;
  const split = per === "none"
    ? `all in A and B; DoRA would add ${whole(magnitudes.output)} magnitudes per output or ${whole(magnitudes.input)} per input`
    : `${whole(lowRank)} in A and B and ${whole(magnitudes[per])} magnitudes, one per ${per}; `
      + `one per ${OTHER[per]} would be ${whole(magnitudes[OTHER[per]])}`;
  return `${one ? `A layer ${shape(out, into)}` : model} at rank ${rank}${one ? "" : ` with ${named(layers)}`}: `
    + `${whole(all[per])} trainable parameters, ${split}.`;
}

function named(layers) {
  return layers.length === MODULES.length ? "all seven target modules" : listed(layers.map(({ name }) => name));
}

function listed(names) {
  return [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");
}

const isLow = ({ into, out }, rank) => rank * (into + out) <= into * out;

function notLow(layers, rank) {
  const large = layers.filter((layer) => !isLow(layer, rank)).map(({ name }) => name);
  return large.length ? `In ${listed(large)} A and B hold more numbers than the weight: not low rank there.` : "";
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
  const { lowRank, magnitudes, weights } = count(layers, rank);
  const against = `${number((100 * lowRank) / weights)}%${lowRank > weights ? ", not low rank" : ""}`;
  return [name, weight, copies, whole(lowRank), whole(magnitudes.output), whole(magnitudes.input), against];
}

function build({ stage, set }) {
  const parts = [choices(set), headline(), modules(set), peftLine(), bars()]; // the boxes and what they change, on one screen
  stage.append(h("div", { class: "dora-pc" }, parts.map((part) => part.el)));
  return (said, state) => parts.forEach((part) => part.update(said, state));
}

function choices(set) {
  const model = choice({ legend: "Model", options: [...Object.keys(DECODERS), ONE_LAYER].map((name) => [name, name]), onchange: (value) => set({ model: value }) });
  const per = choice({ legend: "One magnitude per", options: [["output", "output"], ["input", "input"], ["none", "none: LoRA"]], onchange: (value) => set({ per: value }) });
  const rank = logSlider({ label: "Rank", min: 1, max: MOST_RANK, onchange: (value) => set({ rank: value }) });
  const into = logSlider({ label: "Inputs of the layer", min: 1, max: WIDEST, onchange: (value) => set({ in_features: value }) });
  const out = logSlider({ label: "Outputs of the layer", min: 1, max: WIDEST, onchange: (value) => set({ out_features: value }) });
  const sizes = h("div", { class: "dora-pc-sizes" }, out.el, into.el);
  return {
    el: h("div", { class: "dora-pc-choices" }, model.el, h("div", { class: "dora-pc-pair" }, per.el, rank.el), sizes),
    update(_, state) {
      model.set(state.model);
      per.set(state.per);
      rank.set(state.rank);
      into.set(state.in_features);
      out.set(state.out_features);
      sizes.hidden = state.model !== ONE_LAYER;
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
  const other = per === "output" ? "input" : "output";
  return total.output === total.input ? `Per ${other} the total is the same.` : `Per ${other} it would be ${whole(total[other])}.`;
}

/** Three levels, each showing a part of the one above enlarged: weights, what is trained, magnitudes. */
function bars() {
  const weights = bar("frozen", "");
  const small = bar("both", "trained, on the same scale");
  const trained = bar("both", "");
  const m = { output: bar("m", "m, one per output"), input: bar("m", "m, one per input") };
  const zooms = [zoom(), zoom()];
  const el = h("div", { class: "dora-pc-bars" }, weights.el, small.el, zooms[0].el, trained.el, zooms[1].el, m.output.el, m.input.el);
  return {
    el,
    update({ counted: { lowRank, magnitudes, total: all, weights: frozen }, layers }, { model, per }) {
      el.hidden = !layers.length;
      if (!layers.length) return;
      const [most, mine] = [Math.max(frozen, all[per]), magnitudes[per]];
      const larger = Math.max(magnitudes.output, magnitudes.input);
      weights.set(frozen / most, 0, whole(frozen), `frozen weights of the ${model === ONE_LAYER ? "layer" : "chosen modules"}`);
      small.set(lowRank / most, mine / most, whole(all[per]));
      trained.set(lowRank / all[per], mine / all[per], whole(mine), `A and B ${whole(lowRank)}`, mine > 0);
      zooms[0].set(0, all[per] / most, 1, most / all[per]);
      zooms[1].set(lowRank / all[per], 1, mine / larger, all[per] / larger, !mine);
      for (const axis of ["output", "input"]) m[axis].mark(axis === per).set(0, magnitudes[axis] / larger, whole(magnitudes[axis]));
    },
  };
}

function bar(role, text) {
  const name = h("span", {}, text), value = h("b"), tick = h("span", { class: "dora-pc-tick" });
  const [green, orange] = [h("i", { class: role === "frozen" ? "dora-pc-frozen" : "dora-pc-low" }), h("i", { class: "dora-pc-m" })];
  const el = h("div", { class: `dora-pc-bar dora-pc-of-${role}` }, h("p", {}, name, tick, value), h("div", { class: "dora-pc-rail", "aria-hidden": "true" }, green, orange));
  return {
    el,
    /** Parts of the whole width, the text at the right, and at the left where it changes. */
    set(first, second, right, left = text, shown = true) {
      green.style.width = `${100 * first}%`;
      orange.style.width = `${100 * second}%`;
      say(name, left);
      say(value, shown ? `${role === "both" && left !== text ? "m " : ""}${right}` : "");
    },
    mark(on) {
      el.classList.toggle("dora-pc-on", on);
      say(tick, on ? "\u2713" : "");
      return this;
    },
  };
}

/** What lies between left and right above is drawn from 0 to `width` below. */
function zoom() {
  const shade = s("polygon");
  const text = h("span");
  const el = h("div", { class: "dora-pc-zoom" }, s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, shade), text);
  return {
    el,
    set(left, right, width, factor, off = false) {
      shade.setAttribute("points", off ? "" : `${100 * left},0 ${100 * right},0 ${100 * width},10 0,10`);
      const times = factor < 1000 ? number(factor) : whole(Math.round(factor));
      say(text, off ? "DoRA would add one of these" : factor === 1 ? "drawn no larger" : `drawn ${times} times larger`);
    },
  };
}

/** What peft prints for SmolLM2, and what that tells about the axis. */
function peftLine() {
  const above = h("p", { class: "dora-hint" });
  const line = h("code");
  const below = h("p");
  const el = h("div", { class: "dora-pc-peft" }, above, h("p", {}, line), below);
  return {
    el,
    update({ peft, counted: { total: all } }, { per }) {
      el.hidden = !peft;
      if (!peft) return;
      const same = all.output === all.input;
      say(above, per === "input" ? "peft never prints this line, which counts one magnitude per input:"
        : `peft prints, with a frozen two-label head${per === "none" ? " and use_dora=False" : ""}:`);
      say(line, peft);
      say(below, per === "none" ? "" : per === "input" ? `The real peft holds one per output, and prints ${whole(all.output)}.`
        : same ? "One per input would print the same line: these modules have as many outputs as inputs."
          : `One per input would print ${whole(all.input)}, so the printed total tells the axis.`);
    },
  };
}

const HEADS = ["Target module", "Weight (out,\u00a0in)", "Copies", "A and B", "m per output", "m per input", "A and B against the weight, marked at 100%"];

/** One row a module, with the box that makes it a target. */
function modules(set) {
  const heads = HEADS.map((text, i) => h("th", { role: "columnheader", scope: "col", class: `dora-pc-c${i}` }, text));
  const body = h("tbody", { role: "rowgroup" });
  const el = h("table", { class: "dora-pc-table", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body);
  const all = line("all chosen", null);
  let lines = [], drawn = "";
  return {
    el,
    update({ layers: targets }, state) {
      const layers = available(state);
      if (drawn !== layers.map(({ name }) => name).join()) {
        drawn = layers.map(({ name }) => name).join();
        lines = layers.map(({ name }) => line(name, name === "the layer" ? null : (on) => set({ [name]: on })));
        body.replaceChildren(...lines.map((each) => each.el), ...(lines.length > 1 ? [all.el] : []));
      }
      heads[4].classList.toggle("dora-pc-on", state.per === "output");
      heads[5].classList.toggle("dora-pc-on", state.per === "input");
      const counted = layers.map((layer) => count([layer], state.rank));
      const most = Math.max(1, ...counted.map(({ lowRank, weights }) => lowRank / weights));
      layers.forEach(({ name, out, into, copies }, i) => lines[i].set([shape(out, into), String(copies)], counted[i], most, state, targets.some((one) => one.name === name)));
      all.set(["", ""], count(targets, state.rank), most, state, targets.length > 0);
    },
  };
}

function line(name, onchange) {
  const box = onchange && h("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  const title = onchange ? h("label", { class: "dora-toggle" }, box, h("code", {}, name)) : name;
  const first = h("th", { role: "rowheader", scope: "row", class: "dora-pc-c0" }, title);
  const cells = HEADS.slice(1).map((text, i) => h("td", { role: "cell", class: `dora-pc-c${i + 1}`, "data-name": text }));
  const fill = h("i"), one = h("span", { class: "dora-pc-one" }), text = h("span", { class: "dora-pc-percent" });
  cells[5].append(text, h("span", { class: "dora-pc-share", "aria-hidden": "true" }, fill, one));
  const el = h("tr", { role: "row", class: onchange ? null : "dora-pc-all" }, first, cells);
  return {
    el,
    set(texts, { lowRank, magnitudes, weights }, most, { per }, on) {
      if (box) box.checked = on;
      const share = weights && lowRank / weights;
      [...texts, whole(lowRank), whole(magnitudes.output), whole(magnitudes.input)].forEach((value, i) => say(cells[i], value));
      for (const [axis, cell] of [["output", cells[3]], ["input", cells[4]]]) cell.classList.toggle("dora-pc-on", on && per === axis);
      el.classList.toggle("dora-pc-off", !on);
      el.classList.toggle("dora-pc-large", share > 1);
      fill.style.width = `${(100 * share) / most}%`;
      one.style.left = `${100 / most}%`;
      say(text, `${number(100 * share)}%${share > 1 ? " \u2717 not low rank here" : ""}`);
    },
  };
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }) };
