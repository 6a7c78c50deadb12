// One row of a weight as an arrow: m sets its length, the low-rank update turns it, the gradient pushes it.
import { dial, length } from "./dial.js";
import { number } from "../core/text.js";
import { choice, h, s, slider, unique } from "../ui/dom.js";
import { mount } from "../ui/figure.js";

export const KEYS = ["weight", "update", "amount", "magnitude", "pull", "norm", "per"];
const VIEW = { left: -4.5, right: 7.5, bottom: -1.5, top: 8.4 }; // the plane's part that is drawn
const UNIT = 44; // pixels of the drawing per unit
const LIMIT = 8;
const GRIP = 16; // a grip's radius; on a narrow figure the style sheet makes it larger

/** state: see dial(). Returns the sentence and the table, and the arrows to draw. */
export function describe(state) {
  const now = dial(state);
  const line = state.per === "output" ? "output row" : "input column";
  const rows = [row("W, frozen", state.weight), row("update sBA", now.moved), row("W + sBA", now.adapted)];
  const columns = ["arrow", "x", "y", "length"];
  if (!now.direction)
    return { sentence: "W + sBA is zero here: it has no direction, and DoRA would divide by 0.", columns, rows, now };
  rows.push(row("direction", now.direction), row("merged, m times direction", now.merged),
    row(`pull on the merged ${line.split(" ")[1]}`, state.pull), row("what reaches W + sBA", now.push));
  const way = Math.abs(now.turn) < 0.05 ? "does not turn" : `turns it by ${number(Math.abs(now.turn))}°`;
  const sentence = `m = ${number(state.magnitude)} sets the length of this ${line}; the update ${way}. `
    + `The pull moves m by ${number(now.along)}. ${reach(state.norm, now.push, now.pushAlong)}`;
  return { sentence, columns, rows, now };
}

function reach(norm, push, along) {
  const inGraph = norm === "in graph";
  const nothing = Math.max(...push.map(Math.abs)) < 1e-9; // the rest is rounding
  return `With the norm ${inGraph ? "in the graph" : "detached"}, ` + (nothing ? "nothing reaches W + sBA here."
    : inGraph ? "what reaches W + sBA is square to the direction: it can only turn it."
      : `what reaches W + sBA has a component of ${number(along)} that lies along the direction, where it turns nothing.`);
}

function row(name, vector) {
  return [name, number(vector[0]), number(vector[1]), number(length(vector))];
}

/** Where a point of the plane lies in the drawing. */
const at = ([x, y]) => [(x - VIEW.left) * UNIT, (VIEW.top - y) * UNIT];
const sum = (a, b) => [a[0] + b[0], a[1] + b[1]];

/** An arrow and its label, drawn above all arrows: set(from, to) moves it, set(null) hides it. */
function arrow(role, text, { dashed = false, side = 1, middle = false } = {}) {
  const shaft = s("line", { class: "dora-dial-shaft" });
  const head = s("polygon", { class: "dora-dial-head" });
  const label = s("text", { class: "dora-dial-label" }, text);
  const el = s("g", { class: `dora-dial-arrow dora-dial-${role}${dashed ? " dora-dial-dashed" : ""}` }, shaft, head);
  const name = s("g", { class: `dora-dial-arrow dora-dial-${role}` }, label);
  let places = [], line = null;
  return {
    el,
    name,
    set(from, to) {
      const [x1, y1] = from ? at(from) : [0, 0];
      const [x2, y2] = from ? at(to) : [0, 0];
      const size = Math.hypot(x2 - x1, y2 - y1);
      el.style.display = name.style.display = size < 3 ? "none" : "";
      line = size < 3 ? null : [[x1, y1], [x2, y2], size];
      if (size < 3) return;
      const [ux, uy] = [(x2 - x1) / size, (y2 - y1) / size];
      const tip = Math.min(13, size * 0.6);
      const points = [[x2, y2], [x2 - tip * ux + 0.42 * tip * uy, y2 - tip * uy - 0.42 * tip * ux],
        [x2 - tip * ux - 0.42 * tip * uy, y2 - tip * uy + 0.42 * tip * ux]];
      attributes(shaft, { x1, y1, x2: x2 - 0.8 * tip * ux, y2: y2 - 0.8 * tip * uy });
      head.setAttribute("points", points.map((point) => point.join(",")).join(" "));
      places = middle ? alongside([x1, y1], [ux, uy], size, side) : around([x2, y2], [ux, uy], side);
    },
    /** What the label needs: its size, and the places it would take, the best first. */
    wanted() {
      if (el.style.display === "none") return null;
      const { width, height } = label.getBBox();
      return { label, width, height, places };
    },
    /** Where the shaft lies, as boxes too small to move a label onto another one. */
    taken: () => (line ? squares(...line) : []),
  };
}

/** A square every few pixels of a line. */
function squares([x1, y1], [x2, y2], size) {
  const count = Math.ceil(size / 6);
  return Array.from({ length: count }, (_, i) => edges({
    x: x1 + ((i + 0.5) / count) * (x2 - x1) - 1, y: y1 + ((i + 0.5) / count) * (y2 - y1) - 1, width: 2, height: 2,
  }));
}

/** Places beside a shaft: the middle first, then nearer to the tip and the tail, on `side` and on the other. */
function alongside([x, y], [ux, uy], size, side) {
  return [1 / 2, 2 / 3, 1 / 3].flatMap((part) => [side, -side].map((way) => {
    const lean = way * uy;
    return { x: x + part * size * ux + way * 12 * uy, y: y + part * size * uy - way * 12 * ux, anchor: anchor(lean) };
  }));
}

/** Places around a tip: ahead of it on `side`, then on the other, then further to the sides, then turned about. */
function around([x, y], [ux, uy], side) {
  const sideways = [12, 26, 40].flatMap((off) => [side * off, -side * off]);
  const place = (off) => ({ x: x + 14 * ux + off * uy, y: y + 14 * uy - off * ux });
  return [
    ...sideways.map((off) => ({ ...place(off), anchor: anchor(Math.sign(off) * uy + ux) })),
    ...sideways.flatMap((off) => ["middle", "start", "end"].map((turned) => ({ ...place(off), anchor: turned }))),
  ];
}

const anchor = (lean) => (lean > 0.3 ? "start" : lean < -0.3 ? "end" : "middle");

/** One label after the other takes the first of its places where it covers no other, no grip, and stays in the frame. */
function settle(labels, taken, frame) {
  for (const { label, width, height, places } of labels) {
    const boxes = places.map(({ x, y, anchor: side }) => {
      const left = side === "start" ? x : side === "end" ? x - width : x - width / 2;
      return { left, right: left + width, top: y - height / 2, bottom: y + height / 2 };
    });
    const spoilt = boxes.map((box) => taken.reduce((all, other) => all + shared(box, other), 2 * (width * height - shared(box, frame))));
    const best = spoilt.indexOf(Math.min(...spoilt));
    taken.push(boxes[best]);
    attributes(label, { x: places[best].x, y: places[best].y, "text-anchor": places[best].anchor });
  }
}

const edges = ({ x, y, width, height }) => ({ left: x, right: x + width, top: y, bottom: y + height });
const disc = ([x, y], radius) => edges({ x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius });

/** The area that two boxes share. */
function shared(one, other) {
  const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return wide > 0 && high > 0 ? wide * high : 0;
}

function attributes(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
}

/** A round grip at a vector's tip: drag it, or focus it and use the arrow keys. */
function grip(label, onmove, onnudge) {
  const el = s("circle", { class: "dora-dial-grip", r: GRIP, tabindex: 0, role: "slider", "aria-label": label });
  el.addEventListener("pointerdown", (event) => {
    el.setPointerCapture(event.pointerId);
    event.preventDefault();
    el.focus();
  });
  el.addEventListener("pointermove", (event) => {
    if (!el.hasPointerCapture(event.pointerId)) return;
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(el.ownerSVGElement.getScreenCTM().inverse());
    onmove([place.x / UNIT + VIEW.left, VIEW.top - place.y / UNIT]);
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  el.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    onnudge(step.map((part) => part * (event.shiftKey ? 1 : 0.1)));
  });
  return {
    el,
    set(point, size, text) {
      const [cx, cy] = at(point);
      attributes(el, { cx, cy, "aria-valuenow": Number(size.toFixed(2)), "aria-valuemin": 0, "aria-valuemax": 12, "aria-valuetext": text });
    },
  };
}

const keep = (value, low = -LIMIT, high = LIMIT) => Math.min(high, Math.max(low, Number(value.toFixed(2))));

function build({ stage, set, state }) {
  const parts = drawing();
  const follow = {
    update(tip) { // the tip of W + sBA: the update is what is left after W, at the amount chosen
      const { weight, amount } = state();
      if (amount > 0.05) set({ update: [0, 1].map((i) => keep((tip[i] - weight[i]) / amount)) });
    },
    magnitude(tip) { // along the direction only
      const { now } = describe(state());
      if (now.direction) set({ magnitude: keep(tip[0] * now.direction[0] + tip[1] * now.direction[1], 0) });
    },
    pull(tip) {
      const { now } = describe(state());
      if (now.direction) set({ pull: [0, 1].map((i) => keep(tip[i] - now.merged[i])) });
    },
  };
  const from = { update: (now) => now.adapted, magnitude: (now) => now.merged, pull: (now, { pull }) => sum(now.merged, pull) };
  const names = { update: "Tip of W + sBA", magnitude: "Tip of the merged arrow", pull: "Tip of the pull" };
  const grips = Object.fromEntries(Object.keys(from).map((key) => [key, grip(names[key], follow[key], (step) => {
    const { now } = describe(state());
    if (now.direction) follow[key](sum(from[key](now, state()), step));
  })]));
  parts.svg.append(...Object.values(grips).map((each) => each.el));

  const amount = slider({ label: "Apply the update sBA", min: 0, max: 1.5, step: 0.01, show: (v) => `× ${number(v)}`, onchange: (v) => set({ amount: v }) });
  const magnitude = slider({ label: "Magnitude m", min: 0, max: LIMIT, step: 0.05, show: number, onchange: (v) => set({ magnitude: v }) });
  const angle = slider({
    label: "Direction of the pull", hint: "minus the gradient at m · direction", min: -180, max: 180, step: 1, show: (v) => `${v}°`,
    onchange: (v) => {
      const size = length(state().pull) || 1;
      set({ pull: [size * Math.cos((v * Math.PI) / 180), size * Math.sin((v * Math.PI) / 180)] });
    },
  });
  const norm = choice({ legend: "Norm in the backward pass", options: [["in graph", "in the graph"], ["detached", "detached"]], onchange: (v) => set({ norm: v }) });
  const per = choice({ legend: "The arrow is one", options: [["output", "output row"], ["input", "input column"]], onchange: (v) => set({ per: v }) });
  stage.append(h("div", { class: "dora-dial" }, parts.svg,
    h("div", { class: "dora-dial-controls" }, amount.el, magnitude.el, angle.el, norm.el, per.el)));

  return function update({ now, sentence }, current) {
    parts.set(now, current, sentence);
    const missing = !now.direction;
    for (const key of Object.keys(grips)) grips[key].el.style.display = missing && key !== "update" ? "none" : "";
    grips.update.set(now.adapted, now.size, `at ${number(now.adapted[0])}, ${number(now.adapted[1])}, length ${number(now.size)}`);
    if (!missing) {
      grips.magnitude.set(now.merged, current.magnitude, `length ${number(current.magnitude)}`);
      grips.pull.set(sum(now.merged, current.pull), length(current.pull), `length ${number(length(current.pull))}`);
    }
    amount.set(current.amount);
    magnitude.set(current.magnitude);
    angle.set(Math.round((Math.atan2(current.pull[1], current.pull[0]) * 180) / Math.PI));
    norm.set(current.norm);
    per.set(current.per);
  };
}

function drawing() {
  const [width, height] = [(VIEW.right - VIEW.left) * UNIT, (VIEW.top - VIEW.bottom) * UNIT];
  const [zx, zy] = at([0, 0]);
  const title = unique("dora-dial");
  const frame = unique("dora-dial");
  const clip = s("clipPath", { id: frame }, s("rect", { x: 0, y: 0, width, height }));
  const circle = s("circle", { class: "dora-dial-circle", cx: zx, cy: zy, "clip-path": `url(#${frame})` });
  const axes = [["x", width - 6, zy - 8, "end"], ["y", zx + 8, 16, "start"]].map(([, x, y, anchor]) =>
    s("text", { class: "dora-dial-axis", x, y, "text-anchor": anchor }));
  const arrows = {
    weight: arrow("frozen", "W", { side: 1 }),
    moved: arrow("update", "sBA", { dashed: true, side: -1, middle: true }),
    adapted: arrow("direction", "W + sBA", { dashed: true, side: -1 }),
    merged: arrow("magnitude", "m · direction", { side: 1, middle: true }),
    direction: arrow("direction", "direction", { side: 1, middle: true }),
    pull: arrow("pull", "pull", { side: 1 }),
    push: arrow("pull", "reaches W + sBA", { dashed: true, side: -1 }),
  };
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-labelledby": title },
    s("title", { id: title }, "Arrows of one row of the weight"),
    s("line", { class: "dora-dial-zero", x1: 0, x2: width, y1: zy, y2: zy }),
    s("line", { class: "dora-dial-zero", x1: zx, x2: zx, y1: 0, y2: height }),
    clip, circle, axes, Object.values(arrows).map((each) => each.el), Object.values(arrows).map((each) => each.name));
  return {
    svg,
    set(now, { weight, magnitude, pull, per }) {
      const other = per === "output" ? "input" : "output";
      axes.forEach((node, i) => { node.textContent = `weight ${per === "output" ? "from" : "to"} ${other} ${i}`; });
      circle.setAttribute("r", magnitude * UNIT);
      arrows.weight.set([0, 0], weight);
      arrows.moved.set(weight, now.adapted);
      arrows.adapted.set([0, 0], now.adapted);
      arrows.direction.set(now.direction && [0, 0], now.direction);
      arrows.merged.set(now.direction && [0, 0], now.merged);
      arrows.pull.set(now.direction && now.merged, now.direction && sum(now.merged, pull));
      arrows.push.set(now.direction && now.adapted, now.direction && sum(now.adapted, now.push));
      const grips = now.direction ? [now.adapted, now.merged, sum(now.merged, pull)] : [now.adapted];
      const radius = svg.querySelector(".dora-dial-grip").getBBox().width / 2 || GRIP; // what the style sheet makes of it
      const kept = [...grips.map((tip) => disc(at(tip), radius)), ...arrows.pull.taken(), ...arrows.push.taken(), ...axes.map((node) => edges(node.getBBox()))];
      settle(Object.values(arrows).map((each) => each.wanted()).filter(Boolean), kept, edges({ x: 0, y: 0, width, height }));
    },
  };
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }) };
