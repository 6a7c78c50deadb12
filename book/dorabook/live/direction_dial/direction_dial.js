// One row of a weight as an arrow: m sets its length, the low-rank update turns it, the gradient pushes it to a target.
import { dial, dot, length, plus } from "./dial.js";
import { at, clipped, edges, FRAME, HEIGHT, inside, pixels, squares, way, WIDTH } from "./frame.js";
import { alongside, around, settle } from "./labels.js";
import { number } from "../core/text.js";
import { choice, h, s, slider, unique } from "../ui/dom.js";
import { mount } from "../ui/figure.js";

export const KEYS = ["weight", "update", "amount", "magnitude", "target", "norm", "per"];
const GIVEN = ["weight"];
const LIMIT = 8;
const GRIP = 16; // a grip's radius; on a narrow figure the style sheet makes it larger
const REACHED = 0.05; // a step of m: nearer to a target whose distance is no round number m need not come
const SQUARE = 0.02; // a pull with less than that along the direction is drawn as square to it

/** state: see dial(). Returns the sentence and the table, and the arrows to draw. */
export function describe(state) {
  const now = dial(state);
  const line = state.per === "output" ? "output row" : "input column";
  const rows = [row("W, frozen", state.weight), row("update sBA", now.moved), row("W + sBA", now.adapted)];
  const columns = ["arrow", "x", "y", "length"];
  if (!now.direction)
    return { sentence: "W + sBA is zero here: it has no direction, and DoRA would divide by 0.", columns, rows, now };
  rows.push(row("direction", now.direction), row("merged, m times direction", now.merged), row("target", state.target),
    row(`pull on the merged ${line.split(" ")[1]}`, now.pull), row("what reaches W + sBA", now.push));
  const turns = Math.abs(now.turn) < 0.05 ? "does not turn" : `turns it by ${number(Math.abs(now.turn))}°`;
  const sentence = `m = ${number(state.magnitude)} sets the length of this ${line}; the update ${turns}. ${pulled(state, now)}`;
  return { sentence, columns, rows, now };
}

function pulled({ norm }, { pull, along, push, pushAlong }) {
  const left = length(pull);
  if (left < 1e-9) return "The target is reached, and nothing pulls any more.";
  if (left < REACHED) return `The target is reached to within ${number(left)}, and hardly anything pulls any more.`;
  return `The pull moves m by ${number(along)}. ${reach(norm, push, pushAlong)}`;
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

/** An arrow and its label, drawn above all arrows: set(from, to) moves it, set(null) hides it. What leaves the frame is cut off. */
function arrow(role, text, { dashed = false, side = 1, middle = false } = {}) {
  const shaft = s("line", { class: "dora-dial-shaft" });
  const head = s("polygon", { class: "dora-dial-head" });
  const label = s("text", { class: "dora-dial-label" }, text);
  const el = s("g", { class: `dora-dial-arrow dora-dial-${role}${dashed ? " dora-dial-dashed" : ""}` }, shaft, head);
  const name = s("g", { class: `dora-dial-arrow dora-dial-${role}` }, label);
  let places = [], seen = null;
  return {
    el,
    name,
    set(from, to) {
      const [tail, tip] = from ? [at(from), at(to)] : [[0, 0], [0, 0]];
      const size = Math.hypot(tip[0] - tail[0], tip[1] - tail[1]);
      seen = size < 3 ? null : clipped(tail, tip);
      el.style.display = name.style.display = seen ? "" : "none";
      if (!seen) return;
      const [[x1, y1], [x2, y2]] = seen;
      const [ux, uy] = [(tip[0] - tail[0]) / size, (tip[1] - tail[1]) / size];
      const shown = Math.hypot(x2 - x1, y2 - y1);
      const long = x2 === tip[0] && y2 === tip[1] ? Math.min(13, size * 0.6) : 0; // no head where the tip is elsewhere
      const points = [[x2, y2], [x2 - long * ux + 0.42 * long * uy, y2 - long * uy - 0.42 * long * ux],
        [x2 - long * ux - 0.42 * long * uy, y2 - long * uy + 0.42 * long * ux]];
      attributes(shaft, { x1, y1, x2: x2 - 0.8 * long * ux, y2: y2 - 0.8 * long * uy });
      head.setAttribute("points", points.map((point) => point.join(",")).join(" "));
      places = middle || !long ? alongside([x1, y1], [ux, uy], shown, side) : around([x2, y2], [ux, uy], side);
    },
    /** What the label needs: its size, and the places it would take, the best first. */
    wanted() {
      if (!seen) return null;
      const { width, height } = label.getBBox();
      return { width, height, places, put: ({ x, y, anchor }) => attributes(label, { x, y, "text-anchor": anchor }) };
    },
    /** Where the shaft lies, as boxes too small to move a label onto another one. */
    taken: () => (seen ? squares(...seen) : []),
  };
}

const disc = ([x, y], radius) => edges({ x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius });

function attributes(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
}

/**
 * A round grip at a vector's tip, or at the frame's edge where the tip is beyond it: drag it, or focus it and use the arrow keys.
 * tip() is where the vector ends now; onmove(point) hears where it is to end.
 */
function grip(label, tip, onmove) {
  const el = s("circle", { class: "dora-dial-grip", r: GRIP, tabindex: 0, role: "slider", "aria-label": label });
  let held = null; // where the hand and the tip were when it took hold: a tip outside the frame moves as the hand does
  const hand = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(el.ownerSVGElement.getScreenCTM().inverse());
    return [x, y];
  };
  el.addEventListener("pointerdown", (event) => {
    if (!tip()) return;
    el.setPointerCapture(event.pointerId);
    event.preventDefault();
    el.focus();
    held = { hand: hand(event), tip: tip() };
  });
  el.addEventListener("pointermove", (event) => {
    if (!held || !el.hasPointerCapture(event.pointerId)) return;
    const [x, y] = hand(event);
    onmove(plus(held.tip, way([x - held.hand[0], y - held.hand[1]])));
  });
  el.addEventListener("lostpointercapture", () => { held = null; });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  el.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    if (tip()) onmove(plus(tip(), step, event.shiftKey ? 1 : 0.1));
  });
  return {
    el,
    set(point, size, text) {
      const [cx, cy] = inside(at(point), radiusOf(el) + 3);
      attributes(el, { cx, cy, "aria-valuenow": Number(size.toFixed(2)), "aria-valuemin": 0, "aria-valuemax": 12, "aria-valuetext": text });
    },
  };
}

const radiusOf = (circle) => circle.getBBox().width / 2 || GRIP; // what the style sheet makes of it

const keep = (value, low = -LIMIT, high = LIMIT) => Math.min(high, Math.max(low, Number(value.toFixed(2))));
const point = (vector) => `at ${number(vector[0])}, ${number(vector[1])}`;

function build({ stage, set, state }) {
  const parts = drawing();
  const now = () => dial(state());
  const follow = {
    update(tip) { // the tip of W + sBA: the update is what is left after W, at the amount chosen
      const { weight, amount } = state();
      if (amount > 0.05) set({ update: [0, 1].map((i) => keep((tip[i] - weight[i]) / amount)) });
    },
    magnitude(tip) { // along the direction only
      const { direction } = now();
      if (direction) set({ magnitude: keep(dot(tip, direction), 0) });
    },
    target: (tip) => set({ target: tip.map((part) => keep(part)) }),
  };
  const tips = { update: () => now().adapted, magnitude: () => now().merged, target: () => state().target };
  const names = { update: "Tip of W + sBA", magnitude: "Tip of the merged arrow", target: "Target" };
  const grips = Object.fromEntries(Object.keys(tips).map((key) => [key, grip(names[key], tips[key], follow[key])]));
  parts.svg.append(...["target", "update", "magnitude"].map((key) => grips[key].el));

  const amount = slider({ label: "Apply the update sBA", min: 0, max: 1.5, step: 0.01, show: (v) => `× ${number(v)}`, onchange: (v) => set({ amount: v }) });
  const magnitude = slider({ label: "Magnitude m", min: 0, max: LIMIT, step: 0.05, show: number, onchange: (v) => set({ magnitude: v }) });
  const aim = ["x", "y"].map((name, i) => slider({
    label: `Target, ${name}`, min: -LIMIT, max: LIMIT, step: 0.05, show: number,
    onchange: (v) => set({ target: state().target.map((part, j) => (i === j ? v : part)) }),
  }));
  const norm = choice({ legend: "Norm in the backward pass", options: [["in graph", "in the graph"], ["detached", "detached"]], onchange: (v) => set({ norm: v }) });
  const per = choice({ legend: "The arrow is one", options: [["output", "output row"], ["input", "input column"]], onchange: (v) => set({ per: v }) });
  stage.append(h("div", { class: "dora-dial" }, parts.svg,
    h("div", { class: "dora-dial-controls" }, amount.el, magnitude.el, h("div", { class: "dora-dial-aim" }, aim.map((each) => each.el)), norm.el, per.el)));

  return function update({ now: drawn }, current) {
    const missing = !drawn.direction;
    grips.magnitude.el.style.display = missing ? "none" : "";
    grips.update.set(drawn.adapted, drawn.size, `${point(drawn.adapted)}, length ${number(drawn.size)}`);
    grips.target.set(current.target, length(current.target), point(current.target));
    if (!missing) grips.magnitude.set(drawn.merged, current.magnitude, `length ${number(current.magnitude)}`);
    parts.set(drawn, current, Object.values(grips).map((each) => each.el));
    amount.set(current.amount);
    magnitude.set(current.magnitude);
    aim.forEach((each, i) => each.set(current.target[i]));
    norm.set(current.norm);
    per.set(current.per);
  };
}

function drawing() {
  const [zx, zy] = at([0, 0]);
  const title = unique("dora-dial"), frame = unique("dora-dial");
  const clip = s("clipPath", { id: frame }, s("rect", { x: 0, y: 0, width: WIDTH, height: HEIGHT }));
  const circle = s("circle", { class: "dora-dial-circle", cx: zx, cy: zy });
  const plumb = s("path", { class: "dora-dial-plumb" });
  const goal = s("path", { class: "dora-dial-goal" });
  const axes = [[WIDTH - 6, zy - 8, "end"], [zx + 8, 16, "start"]].map(([x, y, anchor]) =>
    s("text", { class: "dora-dial-axis", x, y, "text-anchor": anchor }));
  const goalName = s("text", { class: "dora-dial-label" }, "target");
  const arrows = {
    weight: arrow("frozen", "W", { side: 1 }),
    moved: arrow("update", "sBA", { dashed: true, side: -1, middle: true }),
    adapted: arrow("direction", "W + sBA", { dashed: true, side: -1 }),
    merged: arrow("magnitude", "m · direction", { side: 1, middle: true }),
    direction: arrow("direction", "direction", { side: 1, middle: true }),
    pull: arrow("pull", "pull", { side: 1, middle: true }),
    push: arrow("pull", "reaches W + sBA", { dashed: true, side: -1 }),
  };
  const all = Object.values(arrows);
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-labelledby": title },
    s("title", { id: title }, "Arrows of one row of the weight"), clip,
    s("g", { "clip-path": `url(#${frame})` },
      s("line", { class: "dora-dial-zero", x1: 0, x2: WIDTH, y1: zy, y2: zy }), s("line", { class: "dora-dial-zero", x1: zx, x2: zx, y1: 0, y2: HEIGHT }),
      circle, plumb, goal, all.map((each) => each.el)),
    axes, s("g", { class: "dora-dial-arrow dora-dial-pull" }, goalName), all.map((each) => each.name));
  return {
    svg,
    set(now, { weight, magnitude, target, per }, grips) {
      const other = per === "output" ? "input" : "output";
      axes.forEach((node, i) => { node.textContent = `weight ${per === "output" ? "from" : "to"} ${other} ${i}`; });
      circle.setAttribute("r", pixels(magnitude));
      goal.setAttribute("d", cross(at(target)));
      plumb.setAttribute("d", now.direction ? plumbLine(now, target) : "");
      arrows.weight.set([0, 0], weight);
      arrows.moved.set(weight, now.adapted);
      arrows.adapted.set([0, 0], now.adapted);
      arrows.direction.set(now.direction && [0, 0], now.direction);
      arrows.merged.set(now.direction && [0, 0], now.merged);
      arrows.pull.set(now.direction && now.merged, now.direction && target);
      arrows.push.set(now.direction && now.adapted, now.direction && plus(now.adapted, now.push));
      const discs = grips.filter((node) => node.style.display !== "none")
        .map((node) => disc([Number(node.getAttribute("cx")), Number(node.getAttribute("cy"))], radiusOf(node)));
      const kept = [...discs, ...arrows.pull.taken(), ...arrows.push.taken(), ...axes.map((node) => edges(node.getBBox()))];
      const { width, height } = goalName.getBBox();
      const place = inside(at(target), 0);
      const named = { width, height, places: around(place, [0, -1], 1).concat(around(place, [0, 1], 1)), put: ({ x, y, anchor }) => attributes(goalName, { x, y, "text-anchor": anchor }) };
      settle([...all.map((each) => each.wanted()).filter(Boolean), named], kept, FRAME);
    },
  };
}

const cross = ([x, y]) => `M${x - 7} ${y - 7}l14 14M${x - 7} ${y + 7}l14 -14`;

/** From the target square onto the line that m can move the row along, with the sign of a right angle where the row stands there. */
function plumbLine({ direction, foot, along, pull }, target) {
  const [[fx, fy], [tx, ty]] = [at(foot), at(target)];
  const size = Math.hypot(tx - fx, ty - fy);
  if (size < 3 || size > 1e4) return "";
  const [ux, uy] = [(tx - fx) / size, (ty - fy) / size], [dx, dy] = [-direction[0], direction[1]]; // back along the row
  const corner = Math.abs(along) < SQUARE && length(pull) > REACHED && size > 30
    ? `M${fx + 10 * dx} ${fy + 10 * dy}l${10 * ux} ${10 * uy}l${-10 * dx} ${-10 * dy}` : "";
  return `M${fx} ${fy}L${tx} ${ty}${corner}`;
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, given: GIVEN, describe, build }) };
