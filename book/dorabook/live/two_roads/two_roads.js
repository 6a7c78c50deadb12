// Two roads to the same numbers, x(W + AB) and xW + xAB, drawn to scale and counted.
import { cost, difference, example, MOST, product, SMALL } from "./roads.js";
import { fullBar, inWords, layout, LINE } from "./layout.js";
import { fixed, number, plural, shape } from "../core/text.js";
import { whole } from "../core/whole.js";
import { h, s, say, unique } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { logRange, logSlider, wholeField } from "../ui/log_slider.js";

const SIZES = ["rows", "in_features", "out_features", "rank"];
export const KEYS = [...SIZES, "shows"];
const ROADS = ["formed", "split"];
const OCTAVES = 13; // of both axes: from one half, the least break-even, to 4096
const TALL = 276; // pixels of each picture

/**
 * state: the four sizes, and shows: "all", "roads" (what each builds, and how often it multiplies) or "break-evens" (the axes alone).
 * Returns the sentence, the table, what each road costs and the small example.
 */
export function describe(state) {
  const paid = cost(state);
  const numbers = example(state);
  const told = state.shows === "roads"
    ? { sentence: built(state, paid), columns: ["what", "shape", "multiplications"], rows: blocks(state, paid) }
    : { sentence: sentence(state, paid), columns: ["what", "how many", "computed as"], rows: rows(state, paid, numbers) };
  return { ...told, cost: paid, numbers };
}

/** What each road makes on its way, and how many multiplications that takes. */
function built({ rows: count, in_features: into, out_features: out, rank }, paid) {
  return `For ${plural(count, "row")} of x and rank ${rank}, x(W + AB) builds AB, ${shape(into, out)}, and takes ${plural(paid.formedTotal, "multiplication")}; `
    + `xW + xAB builds xA, ${shape(count, rank)}, and takes ${whole(paid.splitTotal)}.`;
}

/** The products, each with its shape. */
function blocks({ rows: count, in_features: into, out_features: out, rank }, { formed, split }) {
  const shapes = [[into, out], [count, out], [count, out], [count, rank], [count, out]];
  return [...formed, ...split].map((step, i) => [step[0], shape(...shapes[i]), whole(product(step))]);
}

function same(numbers) {
  const shapes = `x ${shapeOf(numbers.x)}, W ${shapeOf(numbers.W)}, rank ${numbers.B.length}, whole numbers`;
  return ["largest difference of the outputs", String(difference(numbers)), shapes];
}

function sentence({ rows: count, in_features: into, out_features: out, rank }, paid) {
  const saved = paid.formedTotal - paid.splitTotal;
  const verdict = saved ? `${saved > 0 ? "splitting" : "forming AB first"} saves ${whole(Math.abs(saved))}` : "both cost the same";
  const against = paid.parameters === paid.weights ? "as many as" : paid.parameters < paid.weights ? "fewer than" : "more than";
  return `For ${plural(count, "row")} of x and W ${shape(into, out)}, xW + xAB takes ${plural(paid.splitTotal, "multiplication")} `
    + `and x(W + AB) takes ${whole(paid.formedTotal)}: ${verdict}. `
    + `At rank ${rank}, A and B hold ${plural(paid.parameters, "parameter")}, ${against} the ${whole(paid.weights)} of W. `
    + `Both change sides at in × out / (in + out) = ${even(paid)}: the multiplications in rows of x, the parameters in rank.`;
}

function rows({ in_features: into, out_features: out, rank }, paid, numbers) {
  const steps = (road) => paid[road].map(([name, [a, b, c]]) => [name, whole(a * b * c), `${a} × ${b} × ${c}`]);
  return [
    ...steps("formed"), ["x(W + AB), multiplications", whole(paid.formedTotal), "the two above"],
    ...steps("split"), ["xW + xAB, multiplications", whole(paid.splitTotal), "the three above"],
    ["parameters of A and B", whole(paid.parameters), `${rank} × (${into} + ${out})`],
    ["weights of W", whole(paid.weights), `${into} × ${out}`],
    ["break-even, in rows and in rank", even(paid), `${into} × ${out} / (${into} + ${out})`],
    same(numbers),
  ];
}

/** Up to two decimals, and both where more follow: "1" is 1 exactly. */
const even = ({ breakEven }) => (Number.isInteger(100 * breakEven) ? fixed(breakEven, 2) : breakEven.toFixed(2));
const shapeOf = (matrix) => shape(matrix.length, matrix[0].length);

function build({ stage, set, state, afterwards }) {
  const parts = [sizes(set), board(set), pictures({ state, afterwards }), sameNumbers()];
  const view = h("div", { class: "dora-tr" }, parts.map((part) => part.el));
  stage.append(view);
  return (said, current) => {
    view.dataset.shows = current.shows;
    parts.forEach((part) => part.update(said, current));
  };
}

/** The two sizes of W. */
function sizes(set) {
  const into = logSlider({ label: "Inputs of W", min: 1, max: MOST, onchange: (value) => set({ in_features: value }) });
  const out = logSlider({ label: "Outputs of W", min: 1, max: MOST, onchange: (value) => set({ out_features: value }) });
  return {
    el: h("div", { class: "dora-tr-sizes" }, into.el, out.el),
    update(_, state) {
      into.set(state.in_features);
      out.set(state.out_features);
    },
  };
}

/** Rank and rows of x, each a slider on its axis, and the one line at which both change sides. */
function board(set) {
  const rank = axis({ label: "Rank", key: "rank", set });
  const count = axis({ label: "Rows of x", key: "rows", set });
  const line = h("div", { class: "dora-tr-line", "aria-hidden": "true" });
  const value = h("p", { class: "dora-tr-even" }, h("span", {}), h("b"));
  const ticks = h("div", { class: "dora-tr-ticks", "aria-hidden": "true" }, [1, 4, 16, 64, 256, 1024, 4096].map((tick) => {
    const mark = h("span", {}, whole(tick));
    mark.style.left = `${place(tick)}%`;
    return mark;
  }));
  const axes = h("div", { class: "dora-tr-axes" }, line, rank.track, value, count.track);
  const totals = h("p", { class: "dora-tr-totals dora-mono", "aria-hidden": "true" }, ROADS.map(() => h("span"))); // where the board covers those of the roads
  const why = h("p", { class: "dora-hint" }, "The same number twice. A and B hold rank × (in + out) numbers, W holds in × out. "
    + "For the update, splitting multiplies rank × rows × (in + out) times and forming AB rank × in × out times: "
    + "the rank cancels, so the rows alone decide.");
  return {
    el: h("div", { class: "dora-tr-board" }, rank.head, rank.note, axes, ticks, count.head, count.note, why, totals),
    update({ cost: paid }, state) {
      axes.style.setProperty("--dora-even", `${place(paid.breakEven)}%`);
      say(value.firstChild, `${state.in_features} × ${state.out_features} / (${state.in_features} + ${state.out_features}) = `);
      say(value.lastChild, even(paid));
      ROADS.forEach((road, r) => say(totals.children[r], `${ROAD[road].title}: ${whole(paid[`${road}Total`])}`));
      rank.update(state.rank, ["A and B are smaller", "W is smaller", "equally large"], paid.parameters - paid.weights,
        `A and B hold ${whole(paid.parameters)} numbers, W ${whole(paid.weights)}`);
      count.update(state.rows, ["splitting is cheaper", "forming AB is cheaper", "equally cheap"], paid.splitTotal - paid.formedTotal,
        `${whole(paid.splitTotal)} multiplications split, ${whole(paid.formedTotal)} formed`);
    },
  };
}

const place = (value) => (100 * (Math.log2(value) + 1)) / OCTAVES; // in percent of the axis

function axis({ label, key, set }) {
  const field = wholeField({ label: `${label}, typed`, min: 1, max: MOST, onchange: (value) => { range.set(value); set({ [key]: value }); } });
  const range = logRange({ label, min: 1, max: MOST, onchange: (value) => { field.set(value); set({ [key]: value }); } });
  const verdict = h("b");
  const numbers = h("span", { class: "dora-tr-numbers" });
  return {
    head: h("div", { class: "dora-tr-head" }, h("span", { class: "dora-label" }, label), field.el, h("span", { class: "dora-tr-verdict" }, verdict, numbers)),
    note: field.note,
    track: h("div", { class: `dora-tr-track dora-tr-${key}` }, h("span", { class: "dora-tr-rail" }), range.el),
    update(value, [below, above, level], over, text) {
      range.set(value);
      field.set(value);
      say(verdict, over < 0 ? `${below} ` : over > 0 ? `${above} ` : `${level} `);
      verdict.dataset.side = over < 0 ? "below" : "above";
      say(numbers, text);
    },
  };
}

const ROAD = {
  formed: { title: "x(W + AB)", does: "builds AB and adds it to W" },
  split: { title: "xW + xAB", does: "sends x through W, and through A and then B" },
};

/** Both roads, each with its matrices to one scale, its multiplications and a bar. */
function pictures({ state, afterwards }) {
  const roads = ROADS.map(picture);
  const el = h("div", { class: "dora-tr-roads" }, roads.map((road) => road.el));
  const draw = (current) => {
    const width = roads[0].width();
    const letter = width < 300 ? 6.25 : 6.65;
    const laid = layout(current, { width, height: TALL, letter });
    const words = inWords(current);
    roads.forEach((road, i) => road.draw(laid[ROADS[i]], laid.scale, width, words[ROADS[i]]));
  };
  let seen = 0, held = 0; // a width; what the whole bars stood for
  const observer = new ResizeObserver(() => {
    if (roads[0].width() === seen) return;
    seen = roads[0].width();
    draw(state());
  });
  observer.observe(el);
  afterwards(() => observer.disconnect());
  return {
    el,
    update({ cost: paid }, current) {
      seen = roads[0].width();
      draw(current);
      const full = fullBar(paid, held), changed = held > 0 && held !== full;
      roads.forEach((road) => road.count(paid, full, changed));
      held = full;
    },
  };
}

function picture(name) {
  const hatch = unique("dora-hatch");
  const ink = s("g", {});
  const svg = s("svg", { role: "img", height: TALL }, s("defs", {}, s("pattern", { id: hatch, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    s("rect", { class: "dora-tr-under", width: 6, height: 6 }), s("rect", { class: "dora-tr-over", width: 3, height: 6 }))), ink);
  const steps = h("ol", { class: "dora-tr-steps" });
  const total = h("b"), scale = h("span");
  const verdict = h("span", { class: "dora-tr-badge" });
  const bar = h("div", { class: "dora-tr-bar", "aria-hidden": "true" });
  const el = h("div", { class: "dora-tr-road", role: "group", "aria-label": ROAD[name].title },
    h("p", { class: "dora-tr-title" }, h("code", {}, ROAD[name].title), verdict), h("p", { class: "dora-hint" }, ROAD[name].does),
    svg, steps, h("p", { class: "dora-tr-total" }, scale, total), bar);
  return {
    el,
    width: () => Math.floor(el.clientWidth) || 320,
    draw({ guides, boxes, labels, signs }, scale, width, words) {
      svg.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
      svg.setAttribute("aria-label", words);
      ink.replaceChildren(...guides.map(guide), ...boxes.map((box) => matrix(box, scale, hatch)), ...labels.map(label), ...signs.map(sign));
    },
    count(paid, full, changed) {
      const other = paid[`${ROADS.find((road) => road !== name)}Total`], mine = paid[`${name}Total`];
      steps.replaceChildren(...paid[name].map(step));
      bar.replaceChildren(...paid[name].map((each) => piece(each, full)));
      say(scale, `multiplications (bar${changed ? " now" : ""}: 0 to ${whole(full)})`);
      say(total, whole(mine));
      say(verdict, mine < other ? "\u2713 cheaper" : mine === other ? "equal" : share(mine, other));
      el.dataset.cheaper = mine < other;
    },
  };
}

/** How much more the dearer road takes: in percent, and from twice as many on in times. */
function share(more, less) {
  if (more >= 2 * less) return `${number(more / less)} times as many`;
  const percent = (100 * (more - less)) / less;
  return percent < 0.01 ? "under 0.01% more" : `${number(percent)}% more`;
}

const kind = (name) => (/^x · \(?W/.test(name) ? "base" : "extra");

/** A product's part of the bar. */
function piece(step, full) {
  const el = h("span", { class: `dora-tr-${kind(step[0])}` });
  el.style.width = `${(100 * product(step)) / full}%`;
  return el;
}

function step([name, factors]) {
  return h("li", {}, h("span", { class: `dora-tr-swatch dora-tr-${kind(name)}` }), h("code", {}, name), h("small", {}, factors.join("\u2009×\u2009")), h("span", {}, whole(product([name, factors]))));
}

/** A matrix as a rectangle, ruled into entries where they are large enough to see. */
function matrix({ role, left, top, width, height }, scale, hatch) {
  const rect = s("rect", { class: `dora-tr-box dora-tr-${role}`, x: left, y: top, width, height });
  if (role === "both") rect.style.fill = `url(#${hatch})`;
  if (scale < 7) return rect;
  const across = Array.from({ length: Math.round(width / scale) - 1 }, (_, i) => `M${left + (i + 1) * scale} ${top}v${height}`);
  const down = Array.from({ length: Math.round(height / scale) - 1 }, (_, i) => `M${left} ${top + (i + 1) * scale}h${width}`);
  return s("g", {}, rect, s("path", { class: "dora-tr-grid", d: [...across, ...down].join("") }));
}

/** A faint band between two factors and their product, whose sides it joins. */
function guide({ left, top, width, height }) {
  return s("rect", { class: "dora-tr-guide", x: left, y: top, width, height });
}

function label({ lines, left, top, anchor }) {
  const text = s("text", { class: "dora-tr-label", "text-anchor": anchor });
  const kinds = ["name", "shape"];
  text.append(...lines.map((line, i) => s("tspan", { class: `dora-tr-${kinds[i]}`, x: left, y: top + LINE * (i + 0.8) }, line)));
  return text;
}

function sign({ text, left, top }) {
  return s("text", { class: "dora-tr-sign", x: left, y: top + 5, "text-anchor": "middle" }, text);
}

/** Small matrices of whole numbers: what both roads give is the same, entry for entry. */
function sameNumbers() {
  const title = h("p", { class: "dora-hint" });
  const chain = h("div", { class: "dora-tr-chain" });
  const result = h("p", { class: "dora-tr-result" });
  let drawn = "";
  return {
    el: h("div", { class: "dora-tr-same" }, title, chain, result),
    update({ numbers }, state) {
      const all = SIZES.every((key) => state[key] <= SMALL[key]);
      say(title, all ? "Both roads at these shapes, on whole numbers" : "Both roads on whole numbers, at shapes small enough to read");
      const key = [shapeOf(numbers.x), shapeOf(numbers.W), numbers.B.length].join();
      if (key === drawn) return;
      drawn = key;
      const show = (name) => written(name, numbers[name]);
      const group = (...children) => h("span", { class: "dora-tr-side" }, children);
      const mark = (text) => h("span", { class: "dora-tr-mark" }, text);
      chain.replaceChildren(group(show("x"), mark("·"), show("W + AB"), mark("="), show("x(W + AB)")),
        group(mark("="), show("xW"), mark("+"), show("xAB"), mark("="), show("xW + xAB")));
      say(result, `Rank ${numbers.B.length}. Largest difference between the two outputs: ${difference(numbers)}.`);
    },
  };
}

function written(name, matrix) {
  const text = matrix.map((row) => row.join(" ").replaceAll("-", "\u2212")).join("; ");
  const cells = h("span", { class: "dora-tr-cells", "aria-hidden": "true" }, matrix.flatMap((row) => row.map((value) => h("span", {}, String(value).replace("-", "\u2212")))));
  cells.style.gridTemplateColumns = `repeat(${matrix[0].length}, auto)`;
  return h("span", { class: "dora-tr-matrix", role: "img", "aria-label": `${name} ${shapeOf(matrix)}: ${text}` }, cells,
    h("span", { class: "dora-tr-caption", "aria-hidden": "true" }, h("b", {}, name), h("small", {}, shapeOf(matrix))));
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe, build }) };
