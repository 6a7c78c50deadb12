// NormExplorer's picture: the matrix, the norms of its outputs and of its inputs as bars, the direction's norms as dots.
// Elements are made once for a size of weight and then moved, so that turning the matrix shows each cell go to its place.
import { bothNorms, direction, OTHER } from "../core/decompose.js";
import { largest, lineOf, shows } from "./explain.js";
import { layout } from "./layout.js";
import { shapes } from "./words.js";
import { fixed, measured, number, plural, shape } from "../core/text.js";
import { h, isLow, say } from "../ui/dom.js";
import { heatmap } from "./heatmap.js";
import { colour, watchTheme } from "../ui/theme.js";

const AXES = ["output", "input"];
const MOVING = 600; // ms that a turned matrix takes to its new place, with some to spare
const ROOM_TO_TRAIN = 1.3; // bars of a weight that Python sets may grow this much before all of them are drawn shorter
const ROOM_TO_POKE = 2; // what the longest bar may grow to: a poke's most
const TIGHT = 44; // pixels of a cell that have no room for 0.943 below it
const [FAR, NEAR] = [4, 1 / 16]; // of the scale: where bars are so long or short that they are drawn on another

/** read(i, j), edit(i, j, value): an entry of the weight; choose({ output, input }): the chosen cell; reach: the largest value to drag to. */
export function normStage({ choose, read, edit, reach, step, afterwards }) {
  const el = h("div", { class: "dora-ne-stage" });
  const readout = h("p", { class: "dora-ne-readout" });
  const view = h("div", { class: "dora-ne-view" }, el, readout);
  let parts = null, facts = null, place = null, pointed = null, drawn = "";

  let width = 0; // kept, since asking for it in every frame would force a layout
  const recolour = () => {
    parts?.forget();
    if (facts) refresh();
  };
  const resized = new ResizeObserver(() => { // also once a notebook has put on its page what was drawn beside it, where no colour is known
    width = view.clientWidth;
    recolour();
  });
  resized.observe(view);
  const unwatch = watchTheme(recolour);
  afterwards(() => { resized.disconnect(); unwatch(); });

  function point(what) {
    pointed = what;
    if (facts) highlight();
  }

  function refresh() {
    if (!view.isConnected) return; // in a box of widgets: a size and colours come with the document, and `resized` tells of them
    const { state, size } = facts;
    width ||= view.clientWidth || 640;
    const turned = state.storage === "in,out";
    const [rows, columns] = turned ? [size[1], size[0]] : size;
    const low = isLow(view) && view.closest(".dora-low").clientHeight;
    place = { ...layout({ width, rows, columns, whole: facts.whole, dots: shows(state, "direction"), low }), turned };
    const kind = `${size} ${place.grid}`;
    if (parts?.kind !== kind) {
      parts = make(kind, place.grid, facts, { choose, read, edit, reach, step, point, current: () => facts });
      el.replaceChildren(...parts.nodes);
      drawn = "";
    }
    const now = `${state.storage} ${width} ${low} ${kind}`;
    if (now !== drawn) {
      if (drawn.split(" ").slice(1).join() === now.split(" ").slice(1).join()) move();
      drawn = now;
      settleBoxes(parts, place, el, facts);
    }
    paint(parts, place, facts);
    highlight();
  }

  function move() {
    el.classList.add("dora-moving");
    setTimeout(() => el.classList.remove("dora-moving"), MOVING);
  }

  function highlight() {
    const shown = pointed ?? { per: facts.measured, index: facts.chosen };
    AXES.forEach((per) => {
      const index = shown.per === per ? shown.index : null;
      parts.bands[per].hidden = index === null;
      if (index !== null) box(parts.bands[per], lineBox(place, per, index));
    });
    parts.bands.output.classList.toggle("dora-m", facts.measured === "output");
    parts.bands.input.classList.toggle("dora-m", facts.measured === "input");
    say(readout, sumOf(facts, shown.per, shown.index));
  }

  return { el: view, update(next) { facts = next; refresh(); } };
}

/** The sum behind one bar, as a sentence with the shape it is taken in. */
export function sumOf(facts, per, index) {
  const { state, size } = facts;
  const { stored } = shapes(facts);
  const line = (per === "output") === (state.storage === "out,in") ? "row" : "column";
  const across = OTHER[per], count = per === "output" ? size[1] : size[0];
  const start = `Norm of ${per} ${index}, a ${line} of the stored ${shape(...stored)}: `;
  const length = measured(normsShown(facts)[per][index], facts.whole);
  if (!facts.whole || count > 8) return `${start}the root of a sum of ${plural(count, "square")}, one per ${across}, is ${length}.`;
  const terms = Array.from(lineOf(drawnMatrix(facts), per, index), (value) => fixed(value, 3)).map((text) => (text[0] === "\u2212" ? `(${text})\u00b2` : `${text}\u00b2`));
  return `${start}\u221a(${terms.join(" + ")}) = ${length}, a sum over its ${plural(count, across)}.`;
}

/** The matrix that the cells show. */
export function drawnMatrix(facts) {
  return facts.whole ? facts[facts.state.view] : facts.merged;
}

function normsShown(facts) {
  if (facts.state.view === "direction") return facts.directionNorms;
  return facts.state.view === "adapted" && facts.whole ? facts.adaptedNorms : facts.norms;
}

/** Makes all elements for one size of weight. */
function make(kind, grid, { size }, hands) {
  const counts = { output: size[0], input: size[1] };
  const parts = {
    kind, grid, counts, inks: null, scales: {},
    forget() {
      parts.inks = null;
      parts.map?.forget();
    },
    titles: Object.fromEntries(["outputs", "inputs"].map((name) => [name, h("div", { class: "dora-ne-title" })])),
    labels: {}, bars: {}, dots: {}, heads: {}, bands: {}, cells: [], nodes: [],
  };
  for (const per of AXES) {
    parts.bands[per] = h("div", { class: "dora-ne-band", hidden: true });
    parts.heads[per] = { bars: h("div", { class: "dora-ne-head" }, h("b"), h("span")), dots: h("div", { class: "dora-ne-head" }, h("b"), h("span")) };
    parts.bars[per] = grid ? buttons(per, counts[per], hands) : lane(per, counts[per], hands);
    parts.dots[per] = grid ? dots(per, counts[per], hands) : lane(per, counts[per], hands);
    parts.labels[per] = grid ? Array.from({ length: counts[per] }, (_, i) => h("div", { class: "dora-ne-label" }, String(i))) : [];
  }
  if (grid) parts.cells = cells(counts, hands);
  else parts.map = heatmap();
  parts.nodes = [
    parts.titles.outputs, parts.titles.inputs, ...AXES.flatMap((per) => [parts.heads[per].bars, parts.heads[per].dots]),
    ...(grid ? parts.cells : [parts.map.canvas]),
    ...AXES.flatMap((per) => parts.labels[per]),
    ...AXES.flatMap((per) => [parts.bars[per].nodes, parts.dots[per].nodes].flat()), parts.bands.output, parts.bands.input,
  ];
  if (!grid) pickOnMap(parts.map.canvas, counts, hands);
  return parts;
}

function buttons(per, count, { choose, point }) {
  const items = Array.from({ length: count }, (_, index) => {
    const fill = h("span", { class: "dora-ne-fill" }), tick = h("span", { class: "dora-ne-tick", hidden: true }), value = h("span", { class: "dora-ne-number" });
    const here = { per, index };
    const node = h("button", {
      type: "button", class: "dora-ne-bar", onclick: () => choose({ [per]: index }),
      onpointerenter: () => point(here), onpointerleave: () => point(null), onfocus: () => point(here), onblur: () => point(null),
    }, fill, tick, value);
    return { node, fill, tick, value };
  });
  return { items, nodes: items.map((item) => item.node) };
}

function dots(per, count, { point }) {
  const line = h("div", { class: "dora-ne-one" }, h("span", {}, "1"));
  const items = Array.from({ length: count }, (_, index) => {
    const stem = h("span", { class: "dora-ne-stem" }), dot = h("span", { class: "dora-ne-dot" }), value = h("span", { class: "dora-ne-number" });
    const here = { per, index };
    const node = h("div", { class: "dora-ne-dotlane", onpointerenter: () => point(here), onpointerleave: () => point(null) }, stem, dot, value);
    return { node, stem, dot, value };
  });
  return { line, items, nodes: [line, ...items.map((item) => item.node)] };
}

function lane(per, count, { choose, point }) {
  const canvas = h("canvas", { class: "dora-ne-lane", "aria-hidden": "true" });
  const index = (event) => {
    const area = canvas.getBoundingClientRect();
    const upright = canvas.classList.contains("dora-upright");
    const part = upright ? (event.clientX - area.left) / area.width : (event.clientY - area.top) / area.height;
    return Math.max(0, Math.min(count - 1, Math.floor(part * count)));
  };
  canvas.addEventListener("pointermove", (event) => point({ per, index: index(event) }));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => choose({ [per]: index(event) }));
  return { canvas, nodes: [canvas] };
}

function pickOnMap(canvas, counts, { choose, current }) {
  canvas.addEventListener("click", (event) => {
    const area = canvas.getBoundingClientRect();
    const across = (event.clientX - area.left) / area.width, down = (event.clientY - area.top) / area.height;
    const [out, into] = current().state.storage === "in,out" ? [across, down] : [down, across];
    choose({ output: Math.min(counts.output - 1, Math.floor(out * counts.output)), input: Math.min(counts.input - 1, Math.floor(into * counts.input)) });
  });
}

/** One element an entry: drag it up or down, or use the arrow keys on it. Left and right go to its neighbours. */
function cells(counts, { choose, read, edit, reach, step, current }) {
  const nodes = [];
  for (let i = 0; i < counts.output; i++) for (let j = 0; j < counts.input; j++) nodes.push(cell(i, j));
  return nodes;

  function cell(i, j) {
    const value = () => read(i, j);
    const write = (next) => edit(i, j, Math.max(-reach, Math.min(reach, Math.round(next / step) * step)));
    const keys = { ArrowUp: step, ArrowDown: -step, PageUp: 10 * step, PageDown: -10 * step };
    let held = null;
    const node = h("div", {
      class: "dora-ne-cell", role: "slider", tabindex: -1, "aria-orientation": "vertical", "aria-valuemin": -reach, "aria-valuemax": reach,
      "aria-label": `weight of output ${i} from input ${j}`,
      onfocus: () => choose({ output: i, input: j }),
      onpointerdown: (event) => {
        const chosenBefore = node.classList.contains("dora-chosen");
        node.focus({ preventScroll: true });
        if (event.pointerType === "touch" && !chosenBefore) return; // a first touch chooses and lets the page scroll
        node.setPointerCapture(event.pointerId);
        held = { y: event.clientY, value: value() };
      },
      onpointermove: (event) => held && write(held.value + ((held.y - event.clientY) * reach) / 120),
      onpointerup: () => { held = null; },
      onpointercancel: () => { held = null; },
      onkeydown: (event) => {
        if (event.key in keys) write(value() + keys[event.key]);
        else if (event.key === "Home") write(0);
        else if (event.key === "End") write(reach);
        else if (event.key === "ArrowLeft" || event.key === "ArrowRight") neighbour(event.key === "ArrowRight" ? 1 : -1);
        else return;
        event.preventDefault();
      },
    });
    // Left and right walk through the matrix as it is drawn, row after row.
    function neighbour(by) {
      const turned = current().state.storage === "in,out";
      const at = turned ? j * counts.output + i : i * counts.input + j;
      const next = (at + by + nodes.length) % nodes.length;
      const [a, b] = turned ? [next % counts.output, Math.floor(next / counts.output)] : [Math.floor(next / counts.input), next % counts.input];
      nodes[a * counts.input + b].focus();
    }
    return node;
  }
}

/** Where each element stands: only after a turn, a new width or a new size. */
function settleBoxes(parts, place, el, { size, whole }) {
  const { matrix, turned, cell: [w, hgt] } = place;
  el.style.height = `${place.height}px`;
  el.classList.toggle("dora-narrow", place.narrow);
  parts.cells.forEach((node, at) => {
    const i = Math.floor(at / size[1]), j = at % size[1];
    const [row, column] = turned ? [j, i] : [i, j];
    box(node, { x: matrix.x + column * w, y: matrix.y + row * hgt, w, h: hgt });
  });
  if (parts.map) {
    box(parts.map.canvas, matrix);
    parts.map.canvas.classList.toggle("dora-shrunk", whole && matrix.w < (turned ? size[0] : size[1]));
  }
  for (const per of AXES) {
    const asRow = (per === "output") !== turned;
    const side = asRow ? "rows" : "columns";
    parts.labels[per].forEach((node) => node.classList.toggle("dora-beside", asRow));
    parts.labels[per].forEach((node, i) => box(node, asRow
      ? { x: matrix.x - 30, y: matrix.y + i * hgt, w: 26, h: hgt } : { x: matrix.x + i * w, y: matrix.y - 22, w, h: 20 }));
    for (const kind of ["bars", "dots"]) {
      const area = place[kind][side], head = parts.heads[per][kind];
      if (parts.grid) parts[kind][per].items.forEach(({ node }, i) => {
        node.classList.toggle("dora-upright", !asRow);
        node.hidden = kind === "dots" && !place.lane.dots;
        box(node, asRow ? { ...area, y: area.y + i * hgt, h: hgt } : { ...area, x: area.x + i * w, w });
      });
      else {
        parts[kind][per].canvas.classList.toggle("dora-upright", !asRow);
        box(parts[kind][per].canvas, area);
      }
      const beside = place.bars.rows.x, wide = place.dots.rows.x + place.dots.rows.w - beside;
      head.hidden = kind === "dots" && !place.lane.dots;
      box(head, asRow ? { x: area.x, y: 0, w: area.w, h: place.top - 6 } : { x: beside, y: area.y + (place.low ? 0 : 14), w: wide, h: area.h });
      head.classList.toggle("dora-upright", !asRow);
    }
  }
  const over = { x: matrix.x, y: 0, w: matrix.w, h: 20 }, beside = { x: 0, y: matrix.y, w: place.narrow ? 14 : 20, h: matrix.h };
  box(parts.titles.outputs, turned ? over : beside);
  box(parts.titles.inputs, turned ? beside : over);
  parts.titles.outputs.classList.toggle("dora-sideways", !turned);
  parts.titles.inputs.classList.toggle("dora-sideways", turned);
}

/** What changes with every number. */
function paint(parts, place, facts) {
  const { state, measured, size } = facts;
  const m = drawnMatrix(facts);
  const shown = normsShown(facts);
  const scale = facts.whole ? held(parts.scales, facts, shown) : { bars: longestBar(parts, shown), dots: longestDot(facts.directionNorms), top: largest(m) || 1 };
  say(parts.titles.outputs, plural(size[0], "output"));
  say(parts.titles.inputs, plural(size[1], "input"));
  if (parts.grid) paintCells(parts.cells, m, scale.top, facts, place);
  else parts.map.draw(m, place.turned, scale.top);
  const unitOf = (asRow) => (asRow ? place.lane.bars - (place.narrow ? 36 : 48) : place.lane.tall - 20) / scale.bars;
  for (const per of AXES) {
    const isM = per === measured;
    const asRow = (per === "output") !== place.turned;
    heads(parts.heads[per], per, isM, facts, place.narrow && asRow);
    const unit = place.low ? unitOf(asRow) : Math.min(unitOf(true), unitOf(false)); // the same length is drawn as long at the side as below
    const numbers = { lengths: shown[per], towards: facts.directionNorms[per], isM, asRow, unit, most: scale.bars, longestDot: scale.dots, per };
    if (parts.grid) paintLanes(parts, place, facts, numbers);
    else paintCanvasLanes(parts, place, facts, numbers);
    parts.labels[per].forEach((node, i) => {
      node.classList.toggle("dora-chosen", state[per] === i);
      node.classList.toggle("dora-moved", per === "output" && movesOutput(facts, i));
    });
  }
}

function paintCells(cells, m, top, facts, place) {
  const { state, size, weight } = facts;
  const digits = place.cell[0] >= 52 ? 2 : 1;
  cells.forEach((node, at) => {
    const value = m.data[at];
    const i = Math.floor(at / size[1]), j = at % size[1];
    const chosen = i === Math.min(state.output, size[0] - 1) && j === Math.min(state.input, size[1] - 1);
    node.style.setProperty("--dora-heat", String(Math.min(1, Math.abs(value) / top)));
    node.classList.toggle("dora-below", value < 0);
    node.classList.toggle("dora-chosen", chosen);
    node.classList.toggle("dora-moved", movesEntry(facts, i, j));
    node.tabIndex = chosen ? 0 : -1;
    say(node, fixed(value, digits));
    node.setAttribute("aria-valuenow", String(weight.data[at]));
    node.setAttribute("aria-valuetext", number(weight.data[at]));
  });
}

function paintLanes(parts, place, facts, { lengths, towards, isM, asRow, unit, most, longestDot, per }) {
  const along = asRow ? "width" : "height", across = asRow ? "height" : "width";
  const start = asRow ? "left" : "top";
  const ticked = isM && facts.state.view === "merged" && facts.whole && facts.state.scaling > 0 && facts.fits;
  parts.bars[per].items.forEach(({ node, fill, tick, value }, i) => {
    const size = Math.max(1, Math.min(most, lengths[i]) * unit);
    const mark = ticked ? Math.min(most, facts.length[i]) * unit : 0;
    clear(fill, along, size, across);
    fill.classList.toggle("dora-over", lengths[i] > most * (1 + 1e-9));
    say(value, measured(lengths[i], facts.whole));
    const end = ticked ? Math.max(size, mark + 3) : size;
    value.style.left = asRow ? `${end + 6}px` : "0";
    value.style.top = asRow ? "0" : `${end + 1}px`;
    tick.hidden = !ticked;
    if (ticked) {
      tick.removeAttribute("style");
      tick.style[start] = `${mark}px`;
    }
    node.classList.toggle("dora-m", isM);
    node.classList.toggle("dora-chosen", facts.state[per] === i);
    node.setAttribute("aria-pressed", String(facts.state[per] === i));
    node.setAttribute("aria-label", sumOf(facts, per, i));
  });
  paintDots(parts.dots[per], place, facts, { towards, isM, asRow, along, start, longestDot });
}

/** A norm lies right of 0 (or above it, upright) as far as it is large; the stem shows how far it is from 1. */
function paintDots({ line, items }, place, facts, { towards, isM, asRow, along, start, longestDot }) {
  const { unit, zero } = dotScale(place, longestDot, asRow);
  const at = (norm) => (asRow ? Math.min(longestDot, norm) * unit : zero - Math.min(longestDot, norm) * unit);
  const one = at(1), area = place.dots[asRow ? "rows" : "columns"];
  line.hidden = !place.lane.dots;
  if (line.hidden) return;
  box(line, asRow ? { x: area.x + one, y: area.y - 4, w: 0, h: area.h + 8 } : { x: area.x - 6, y: area.y + one, w: area.w + 10, h: 0 });
  line.classList.toggle("dora-upright", !asRow);
  items.forEach(({ node, stem, dot, value }, i) => {
    const spot = at(towards[i]);
    node.classList.toggle("dora-m", isM);
    dot.style.left = asRow ? `${spot}px` : "50%";
    dot.style.top = asRow ? "50%" : `${spot}px`;
    stem.removeAttribute("style");
    stem.style[start] = `${Math.min(spot, one)}px`;
    stem.style[along] = `${Math.abs(spot - one)}px`;
    value.style.left = asRow ? `${Math.max(spot, one) + 11}px` : "0";
    const text = isM ? number(towards[i]) : measured(towards[i], facts.whole);
    say(value, place.narrow || (!asRow && place.cell[0] < TIGHT) ? text.replace(/^0\./, ".") : text);
  });
}

/** Pixels per unit of a direction's norm, and where 0 is in an upright lane. */
function dotScale(place, longest, asRow) {
  const zero = place.lane.low - (place.grid ? 20 : 2);
  return { unit: (asRow ? place.lane.dots - (place.narrow ? 44 : 52) : zero - 6) / longest, zero };
}

function clear(node, along, size, across) {
  node.style[along] = `${size}px`;
  node.style[across] = "";
}

/** The same two lanes for a large weight: one thin bar and one point an output or input, on canvas. */
function paintCanvasLanes(parts, place, facts, { lengths, towards, isM, asRow, unit, most, longestDot, per }) {
  const side = asRow ? "rows" : "columns";
  const bars = parts.bars[per].canvas, dots = parts.dots[per].canvas;
  parts.inks ??= Object.fromEntries(["magnitude", "frozen", "direction-ink", "edge"].map((name) => [name, colour(bars, name)]));
  const pen = sized(bars, place.bars[side]);
  const thick = (asRow ? place.matrix.h : place.matrix.w) / lengths.length;
  pen.fillStyle = parts.inks[isM ? "magnitude" : "frozen"];
  lengths.forEach((length, i) => {
    const [a, b, c, d] = [0, i * thick, Math.min(most, length) * unit, Math.max(thick, 0.6)];
    if (asRow) pen.fillRect(a, b, c, d);
    else pen.fillRect(b, a, d, c);
  });
  if (!place.lane.dots) return;
  const spot = sized(dots, place.dots[side]);
  const { unit: dotUnit, zero } = dotScale(place, longestDot, asRow);
  spot.fillStyle = parts.inks.edge;
  if (asRow) spot.fillRect(dotUnit, 0, 1, place.matrix.h);
  else spot.fillRect(0, zero - dotUnit, place.matrix.w, 1);
  spot.fillStyle = parts.inks["direction-ink"];
  towards.forEach((length, i) => {
    const [x, y] = asRow ? [length * dotUnit, (i + 0.5) * thick] : [(i + 0.5) * thick, zero - length * dotUnit];
    spot.fillRect(x - 1.25, y - 1.25, 2.5, 2.5);
  });
}

/** A clean pen on a canvas of this size, in CSS pixels. */
function sized(canvas, { w, h: tall }) {
  const ratio = window.devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  const [across, down] = [Math.round(w * ratio), Math.round(tall * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, tall);
  return pen;
}

/** Above the lanes of the drawn rows, beside those of the drawn columns; short where there is no room. */
function heads({ bars, dots }, per, isM, facts, short) {
  const { state } = facts;
  const asM = isM && (state.view === "merged" || !facts.whole);
  const m = shape(...shapes(facts).m);
  bars.classList.toggle("dora-m", asM);
  dots.classList.toggle("dora-d", isM);
  const what = { merged: "norm", adapted: "norm of W + sBA", direction: "norm of V" }[state.view];
  say(bars.firstChild, asM ? (short ? `m ${m}` : "magnitude m") : short ? "norm" : `${what} per ${per}`);
  say(bars.lastChild, asM ? (short ? `per ${per}` : `${m}, one per ${per}`) : isM ? "along m\u2019s axis" : "not m");
  say(dots.firstChild, "direction");
  say(dots.lastChild, isM ? "norm 1" : "norm not 1");
}

function movesEntry(facts, i, j) {
  const { measured, chosen, state, whole } = facts;
  return whole && state.poke !== 1 && (measured === "output" ? i : j) === chosen && facts.direction.data[i * facts.size[1] + j] !== 0;
}

function movesOutput(facts, i) {
  const { measured, chosen, state, whole } = facts;
  if (!whole || state.poke === 1) return false;
  return measured === "output" ? i === chosen : facts.direction.data[i * facts.size[1] + chosen] !== 0;
}

const most = (norms) => Math.max(...AXES.map((per) => norms[per].reduce((a, b) => Math.max(a, b), 0)));

/**
 * What the ends of the lanes stand for, and the strongest colour: from the weight as it was first drawn, and held while the
 * reader drags and pokes, so that what does not move stands still. A longer bar is cut at the end of its lane.
 */
function held(scales, facts, shown) {
  const kind = facts.state.view === "direction" ? "direction" : "weight", was = scales[kind], now = most(shown);
  if (was && now <= FAR * was.bars && now >= NEAR * was.bars) return was;
  const dots = longestDot(...AXES.map((per) => bothNorms(direction(facts.weight, per))));
  const bars = kind === "direction" ? dots : ROOM_TO_POKE * most(facts.startNorms);
  scales[kind] = { bars: Math.max(bars, now / FAR) || 1, dots, top: (kind === "direction" ? 1 : facts.top) || 1 };
  return scales[kind];
}

/** Room for these norms of a direction along both axes, and for 1.25 at least. */
function longestDot(...norms) {
  return Math.max(1.25, 1.04 * Math.max(...norms.map(most)));
}

/** Of a weight that Python sets while it trains: kept, so that a bar which stays is drawn as it was. */
function longestBar(parts, shown) {
  const now = most(shown);
  return (parts.longest = Math.max(now, parts.longest ?? ROOM_TO_TRAIN * now)) || 1;
}

function lineBox({ matrix, cell: [w, hgt], turned }, per, index) {
  return (per === "output") !== turned
    ? { x: matrix.x, y: matrix.y + index * hgt, w: matrix.w, h: hgt }
    : { x: matrix.x + index * w, y: matrix.y, w, h: matrix.h };
}

function box(node, { x, y, w, h: tall }) {
  node.style.left = `${x}px`;
  node.style.top = `${y}px`;
  node.style.width = `${w}px`;
  node.style.height = `${tall}px`;
}
