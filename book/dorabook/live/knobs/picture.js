// The picture behind the knobs: x above, the weight, y at its right, and the wires between them. Nodes are made once a shape and
// width; turning writes only what it changes.
import { fixed, shape } from "../core/text.js";
import { s, say } from "../ui/dom.js";
import { scale, stretches } from "./layout.js";
import { digits } from "./words.js";

const FORMULA = { output: "y = m/norm \u00b7 W x", input: "y = W(m/norm \u00b7 x)" };
const text = (kind, x, y, words = "", anchor = "middle") => s("text", { class: `dora-kn-${kind}`, x, y, "text-anchor": anchor }, words);
const rect = (kind, x, y, width, height) => s("rect", { class: `dora-kn-${kind}`, x, y, width, height });
const wire = (x1, y1, x2, y2) => s("line", { class: "dora-kn-wire", x1, y1, x2, y2 });
const low = (name, k) => `${name}${"\u2080\u2081\u2082\u2083\u2084\u2085"[k]}`;

/** Returns { el, fit(at, facts), draw(facts, per) }: `at` is where everything stands. */
export function picture() {
  const ink = s("g"), el = s("svg", { class: "dora-kn-picture", role: "img" }, ink);
  let at = null, parts = null;
  return {
    el,
    fit(place, facts) {
      at = place;
      el.setAttribute("viewBox", `0 0 ${at.width} ${at.height}`);
      el.setAttribute("aria-label", inWords(facts));
      parts = { bands: bands(at, facts), y: facts.start.map((_, j) => output(at, j, facts)), formula: text("note", at.y.left, at.bottom + 16, "", "start") };
      ink.replaceChildren(...wires(at, facts), ...facts.x.flatMap((value, i) => input(at, i, value, facts.range.x)), weight(at, facts.weight),
        ...parts.bands.output, ...parts.bands.input, zero(at, facts), ...parts.y.map((each) => each.el),
        text("note", at.grid.left + at.grid.width / 2, at.bottom + 16, `W ${shape(facts.weight.rows, facts.weight.columns)}, frozen`), parts.formula);
    },
    draw(facts, per) {
      for (const axis of ["output", "input"])
        parts.bands[axis].forEach((band, k) => band.classList.toggle("dora-kn-on-now", axis === per && facts.turned[axis].includes(k)));
      parts.y.forEach((each, j) => each.draw(facts.y[per][j], facts.moved[per][j]));
      say(parts.formula, `${FORMULA[per]}${at.narrow ? "" : `, a norm per ${per}`}`);
    },
  };
}

function inWords({ weight, x }) {
  const rows = Array.from({ length: weight.rows }, (_, j) => Array.from(weight.data.subarray(j * weight.columns, (j + 1) * weight.columns), digits).join(" "));
  return `The weight W ${shape(weight.rows, weight.columns)}, one row an output: ${rows.join("; ")}. x, above its columns: ${x.map(digits).join(" ")}. y, beside its rows.`;
}

function wires(at, { weight: { columns } }) {
  return Array.from({ length: columns }, (_, i) => wire(at.column(i), at.x.bottom, at.column(i), at.grid.top));
}

function input(at, i, value, range) {
  const up = scale(range, [at.x.bottom, at.x.top]), wide = Math.min(26, at.cell * 0.5), ends = [up(0), up(value)];
  return [text("name", at.column(i), at.x.name, at.low ? "" : low("x", i)), text("value", at.column(i), at.x.value, digits(value)),
    rect("kept", at.column(i) - wide / 2, Math.min(...ends), wide, Math.abs(ends[0] - ends[1]))];
}

/** Grey, for it is frozen, and violet where it is negative: the stronger the larger. */
function weight(at, { rows, columns, data }) {
  const most = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  const cells = Array.from(data, (value, n) => {
    const i = n % columns, j = Math.floor(n / columns);
    const box = [at.grid.left + i * at.cell + 1, at.grid.top + j * at.tall + 1, at.cell - 2, at.tall - 2];
    const shade = rect(value < 0 ? "heat dora-kn-below" : "heat", ...box);
    shade.style.fillOpacity = (0.55 * Math.abs(value)) / most;
    return s("g", {}, rect("cell", ...box), shade, text("entry", at.column(i), at.row(j) + 5, fixed(value, at.cell < 34 ? 1 : 3)));
  });
  return s("g", {}, cells);
}

/** What a knob reaches: a row of the weight (out, in) on its way to one output, or a column on its way to all. */
function bands(at, { weight: { rows, columns } }) {
  const row = (j) => rect("band", at.grid.left, at.grid.top + j * at.tall + 1, at.right + at.lane - at.grid.left - 2, at.tall - 2);
  const column = (i) => rect("band", at.grid.left + i * at.cell + 1, at.x.bottom + 2, at.cell - 2, at.bottom - at.x.bottom - 2);
  const rounded = (band) => { band.setAttribute("rx", 8); return band; };
  return { output: Array.from({ length: rows }, (_, j) => rounded(row(j))), input: Array.from({ length: columns }, (_, i) => rounded(column(i))) };
}

function across(at, range) {
  return scale(range, [at.y.left, at.y.right]);
}

function zero(at, { range }) {
  const x = across(at, range.y)(0);
  return s("line", { class: "dora-kn-zero", x1: x, x2: x, y1: at.grid.top, y2: at.bottom });
}

/** One output: the bar as it started, what is kept of it, what is new and what is lost. */
function output(at, j, facts) {
  const along = across(at, facts.range.y), start = facts.start[j], middle = at.row(j) + at.y.down, top = middle - at.y.thick / 2;
  const bars = Object.fromEntries(["kept", "lost", "gained"].map((kind) => [kind, rect(kind, 0, top, 0, at.y.thick)]));
  const name = at.narrow ? text("name", at.y.left, at.row(j) - 4, low("y", j), "start") : text("name", at.y.left - 8, middle + 4, low("y", j), "end");
  const value = at.narrow ? text("value", at.y.right - 2, at.row(j) - 4, "", "end") : text("value", at.width - at.y.values + 6, middle + 5, "", "start");
  const line = wire(at.right, at.row(j), at.right + at.lane, at.row(j));
  const lit = rect("lit", at.right + at.lane, at.grid.top + j * at.tall + 1, at.width - at.right - at.lane, at.tall - 2);
  lit.setAttribute("rx", 6);
  const el = s("g", { class: "dora-kn-output" }, lit, line, bars.kept, bars.lost, bars.gained, name, value);
  return {
    el,
    draw(now, moved) {
      for (const [kind, [from, to]] of Object.entries(stretches(start, moved ? now : start))) {
        const [left, right] = [along(from), along(to)].sort((a, b) => a - b);
        bars[kind].setAttribute("x", left);
        bars[kind].setAttribute("width", right - left);
      }
      say(value, moved ? `${digits(start)} \u2192 ${digits(now)}` : digits(start));
      el.classList.toggle("dora-kn-moved", moved);
    },
  };
}
