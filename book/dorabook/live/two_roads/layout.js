// Where the matrices of both roads lie, to one scale. Each product lies in the corner between its factors: the left
// one at its left, the other above it. Numbers in, numbers out; the unit is the pixel.
import { shape } from "../core/text.js";

export const LINE = 15; // height of a line of a label
const THIN = 2; // no matrix is drawn thinner
const GAPS = { afterX: 9, afterA: 10, below: 9, aboveX: 2 * LINE + 8, margin: 4 };
const beforeSum = ({ width }) => (width < 300 ? 24 : 46); // room for the plus
const LARGEST = 26; // pixels for one entry: that, or STEP of it, STEP of that, ..., so that a size that grows makes its own block larger
const STEP = 0.75;

/** What the whole width of both bars stands for, once it stood for `held`: that, while the longer fits and fills a twelfth of it. */
export function fullBar({ formedTotal, splitTotal }, held = 0) {
  const most = Math.max(formedTotal, splitTotal);
  if (most <= held && held <= 12 * most) return held;
  let full = 3;
  while (full < most) full *= 4;
  return full;
}

/** state, and the picture's { width, height, letter: width of a character }. Returns { scale, formed, split }. */
export function layout(state, frame) {
  const text = labels(state);
  const fits = (scale) => {
    const { columns, tall } = measures(state, frame, text, scale);
    return columns.total <= frame.width && tall <= frame.height;
  };
  let scale = LARGEST;
  while (scale > 1e-4 && !fits(scale)) scale *= STEP;
  return { scale, ...place(text, frame, measures(state, frame, text, scale)) };
}

/** Labels as lines of text: the name and the shape. */
function labels({ rows, in_features: into, out_features: out, rank }) {
  return {
    x: ["x", shape(rows, into)], A: ["A", shape(into, rank)], B: ["B", shape(rank, out)],
    W: ["W", shape(into, out)], AB: ["AB", shape(into, out)], sum: ["W + AB", shape(into, out)],
    y: ["y", shape(rows, out)], xA: ["xA", shape(rows, rank)], xAB: ["xAB", shape(rows, out)], xW: ["xW", shape(rows, out)],
  };
}

const longest = (lines) => Math.max(...lines.map((line) => line.length));

function measures(state, frame, text, scale) {
  const { letter } = frame;
  const size = (count) => Math.max(THIN, scale * count);
  const room = (...names) => letter * Math.max(...names.map((name) => longest(text[name])));
  const n = size(state.rows), into = size(state.in_features), out = size(state.out_features), rank = size(state.rank);
  const columns = {
    x: Math.max(into, room("x", "A"), room("xA") - rank - GAPS.afterX),
    A: rank,
    update: Math.max(out, room("AB", "B", "xAB")),
    sum: Math.max(out, room("sum", "W", "xW", "y")),
  };
  columns.total = columns.x + columns.A + columns.update + columns.sum + GAPS.afterX + GAPS.afterA + beforeSum(frame) + 2 * GAPS.margin;
  const formed = 2 * LINE + rank + GAPS.below + into + GAPS.aboveX + n + 2 * LINE;
  const split = 2 * LINE + Math.max(rank, into, 4 * LINE + 7) + GAPS.aboveX + n + 2 * LINE;
  return { n, into, out, rank, columns, tall: Math.max(formed, split) + GAPS.below };
}

function place(text, frame, { n, into, out, rank, columns, tall }) {
  const spare = (frame.width - columns.total) / 2;
  const x = spare + GAPS.margin + columns.x; // the right edge of x
  const a = x + GAPS.afterX;
  const update = a + rank + GAPS.afterA + columns.update / 2; // centres of the two wide columns
  const plus = a + rank + GAPS.afterA + columns.update + beforeSum(frame) / 2;
  const sum = plus + beforeSum(frame) / 2 + columns.sum / 2;
  const floor = (frame.height + tall) / 2 - 2 * LINE - n - 4; // top of x and of all it makes
  const above = floor - GAPS.aboveX; // bottom of what stands above
  const box = (name, role, left, top, width, height) => ({ name, role, left, top, width, height, shape: text[name][1] });
  const label = (name, left, top, anchor = "middle") => ({ lines: text[name], left, top, anchor });
  const over = (name, left, top) => label(name, left, top - text[name].length * LINE - 4);
  const under = (name, left, top, anchor) => label(name, left, top + 2, anchor);
  const xLabel = label("x", x, floor - 2 * LINE - 3, "end");
  const aTop = above - into;
  const shared = {
    boxes: [box("x", "plain", x - into, floor, into, n), box("A", "update", a, aTop, rank, into)],
    labels: [xLabel, label("A", a - 5, Math.min(aTop - 2, xLabel.top - 2 * LINE - 7), "end")],
  };
  const bTop = aTop - GAPS.below - rank;
  const beside = (left, right, top, height) => ({ left, top, width: right - left, height });
  const below = (centre, top, bottom) => ({ left: centre - out / 2, top, width: out, height: bottom - top });
  const formed = {
    guides: [beside(a + rank, update - out / 2, aTop, into), below(update, bTop + rank, aTop), beside(x, sum - out / 2, floor, n), below(sum, above, floor)],
    boxes: [...shared.boxes, box("B", "update", update - out / 2, bTop, out, rank), box("AB", "update", update - out / 2, aTop, out, into),
      box("sum", "both", sum - out / 2, aTop, out, into), box("y", "plain", sum - out / 2, floor, out, n)],
    labels: [...shared.labels, over("B", update, bTop), under("AB", update, above), over("sum", sum, aTop), under("y", sum, floor + n)],
    signs: [{ text: frame.width < 300 ? "+W" : "+W =", left: plus, top: above - into / 2 }],
  };
  const split = {
    guides: [beside(x, sum - out / 2, floor, n), below(update, above, floor), below(sum, above, floor), { left: a, top: above, width: rank, height: floor - above }],
    boxes: [...shared.boxes, box("xA", "update", a, floor, rank, n), box("B", "update", update - out / 2, above - rank, out, rank),
      box("xAB", "update", update - out / 2, floor, out, n), box("W", "frozen", sum - out / 2, aTop, out, into),
      box("xW", "frozen", sum - out / 2, floor, out, n)],
    labels: [...shared.labels, under("xA", a + rank, floor + n, "end"), over("B", update, above - rank), under("xAB", update, floor + n),
      over("W", sum, aTop), under("xW", sum, floor + n)],
    signs: [{ text: "+", left: plus, top: floor + n / 2 }],
  };
  return { formed, split };
}

/** What the pictures show, in words for those who do not see them. */
export function inWords(state) {
  const text = labels(state);
  const named = (name) => `${text[name][0]} ${text[name][1]}`;
  return {
    formed: `To scale: ${named("A")} times ${named("B")} gives ${named("AB")}; ${named("x")} times ${named("sum")} gives ${named("y")}.`,
    split: `To scale: ${named("x")} times ${named("W")} gives ${named("xW")}; x times ${named("A")} gives ${named("xA")}, `
      + `which times ${named("B")} gives ${named("xAB")}.`,
  };
}
