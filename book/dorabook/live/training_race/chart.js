// The losses of a race by step, or at its end by learning rate, as shares of the start on a log scale: one line, dash and mark a student.
import { ARMS, RATES, STEPS } from "./race.js";
import { NAMES, REACHED } from "./words.js";
import { number } from "../core/text.js";
import { h, s } from "../ui/dom.js";

const TALL = 250;
const EDGE = { left: 64, right: 90, top: 16, bottom: 36 };
const BETWEEN = 17; // of two labels
const EVERY = 50; // steps from one mark to the next
const WORD = 52; // between two ticks, for both to have their word
const FLOOR = Math.log10(REACHED);
const MARKS = {
  lora: (x, y) => `M${x} ${y - 5.5}l5 9h-10z`,
  output: (x, y) => `M${x - 4} ${y - 4}h8v8h-8z`,
  input: (x, y) => disc(x, y, 4.5),
};

/** A disc as a piece of a path: one path with many is laid out and painted in a fraction of the time of as many circles. */
export function disc(x, y, radius) {
  return `M${(x - radius).toFixed(1)} ${y.toFixed(1)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;
}

/** A student's line and mark, to stand before its name. */
export function sample(arm) {
  return s("svg", { class: `dora-race-sample dora-race-${arm}`, viewBox: "0 0 36 14", width: 36, height: 14, "aria-hidden": "true" },
    s("path", { class: "dora-race-line", d: "M1 7h34" }), s("path", { class: "dora-race-mark", d: MARKS[arm](18, 7) }));
}

/**
 * One svg for both plots. { el, draw(plot, width) }; a plot is { what, lines, ticks, unit, at }: lines[arm] = { points, marked }, where points
 * are [part of the way across, share] and marked those with a mark besides the last; ticks are [part, text]; `at` is a part to rule, or null.
 */
export function lossChart() {
  const ground = s("g", { class: "dora-race-ground" }), chosen = s("path", { class: "dora-race-chosen" });
  const lines = ARMS.map((arm) => ({
    arm,
    el: s("g", { class: `dora-race-${arm}` }),
    line: s("path", { class: "dora-race-line" }),
    mark: s("path", { class: "dora-race-mark" }),
    name: s("text", { class: "dora-race-name" }, NAMES[arm]),
  }));
  lines.forEach(({ el, line, mark, name }) => el.append(line, mark, name));
  const svg = s("svg", { role: "img", height: TALL }, ground, chosen, lines.map(({ el }) => el));
  let ruled = "";
  return {
    el: h("div", { class: "dora-race-chart" }, svg),
    draw(plot, width) {
      const highest = Math.max(1, ...ARMS.map((arm) => most(plot.lines[arm].points)));
      const top = highest > 1.0001 ? Math.ceil(Math.log10(highest)) : 0;
      const across = (part) => EDGE.left + (width - EDGE.left - EDGE.right) * part;
      const down = (share) => EDGE.top + ((TALL - EDGE.top - EDGE.bottom) * (top - Math.max(FLOOR, Math.log10(share)))) / (top - FLOOR);
      if (ruled !== `${width} ${top} ${plot.unit}`) {
        ruled = `${width} ${top} ${plot.unit}`;
        svg.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
        svg.setAttribute("aria-label", `${plot.what}, as a share of the start, on a log scale. The numbers are in the text and the table.`);
        ground.replaceChildren(...rules(plot, top, across, down, width));
      }
      chosen.setAttribute("d", plot.at === null ? "" : `M${across(plot.at).toFixed(1)} ${EDGE.top}V${TALL - EDGE.bottom}`);
      const heads = lines.map(({ arm, el, line, mark }) => {
        const { points, marked } = plot.lines[arm];
        const place = ([part, share]) => [across(part), down(share)];
        const placed = points.map(place);
        el.toggleAttribute("hidden", !placed.length);
        line.setAttribute("d", placed.length ? `M${placed.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}` : "");
        const marks = [...marked.map(place), ...placed.slice(-1)];
        mark.setAttribute("d", marks.map(([x, y]) => MARKS[arm](Number(x.toFixed(1)), Number(y.toFixed(1)))).join(""));
        return placed.at(-1) ?? [0, 0];
      });
      apart(heads.map(([, y]) => y)).forEach((y, i) => {
        lines[i].name.setAttribute("x", heads[i][0] + 10);
        lines[i].name.setAttribute("y", y + 4.5);
      });
    },
  };
}

/** The losses of a race, from its start to a step. */
export function bySteps({ losses, nothing }, steps) {
  const lines = ARMS.map((arm) => {
    const points = [];
    for (let step = 0; step <= steps; step++) {
      const share = nothing ? 1 : losses[arm][step] / losses[arm][0];
      if (!Number.isFinite(share)) break;
      points.push([step / STEPS, share]);
    }
    return [arm, { points, marked: points.filter((_, step) => step && step % EVERY === 0 && points.length - 1 - step > 4) }];
  });
  const ticks = [0, 100, 200, 300].map((step) => [step / STEPS, String(step)]);
  return { what: "The loss of the three students by step", lines: Object.fromEntries(lines), ticks, unit: "steps", at: null };
}

/** What a sweep has found so far, and the rate that is chosen. */
export function byRate({ points }, nothing, chosen) {
  const part = (rate) => Math.log(rate / RATES[0]) / Math.log(RATES.at(-1) / RATES[0]);
  const lines = ARMS.map((arm) => {
    const found = points.map(({ rate, shares }) => [part(rate), nothing ? 1 : shares[arm]]).filter(([, share]) => Number.isFinite(share));
    return [arm, { points: found, marked: found }];
  });
  const ticks = RATES.map((rate) => [part(rate), number(rate)]);
  return { what: `The loss of the three students after ${STEPS} steps by learning rate`, lines: Object.fromEntries(lines), ticks, unit: "rate", at: part(chosen) };
}

function most(points) {
  return points.reduce((highest, [, share]) => Math.max(highest, share), 0);
}

function rules({ ticks, unit }, top, across, down, width) {
  const right = across(1);
  const decades = Array.from({ length: top - FLOOR + 1 }, (_, i) => top - i).filter((decade) => decade % 2 === 0 || (decade === top && top < 3));
  const levels = decades.flatMap((decade) => {
    const y = down(10 ** decade);
    return [s("path", { class: decade === 0 ? "dora-race-start" : "dora-race-rule", d: `M${EDGE.left} ${y}H${right}` }),
      s("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, `${decade > 4 ? `10^${decade + 2}` : number(100 * 10 ** decade)}%`)];
  });
  const bottom = TALL - EDGE.bottom, close = (right - EDGE.left) / ticks.length < WORD;
  const along = ticks.flatMap(([part, text]) => [
    s("path", { class: "dora-race-rule", d: `M${across(part)} ${bottom}v5` }),
    (!close || !/[25]$/.test(text)) && s("text", { x: across(part), y: bottom + 19, "text-anchor": "middle" }, text), // 1, 10, 100: room for few
  ]);
  return [...levels, ...along.filter(Boolean), s("text", { x: Math.min(width - 4, right + 24), y: bottom + 19, "text-anchor": "start" }, unit)];
}

/** The same heights, moved so that no two are nearer than BETWEEN and none is below the chart. */
function apart(heights) {
  const order = Array.from(heights.keys()).sort((a, b) => heights[a] - heights[b]);
  const placed = [...heights];
  order.forEach((at, i) => { if (i) placed[at] = Math.max(placed[at], placed[order[i - 1]] + BETWEEN); });
  let least = TALL - EDGE.bottom;
  for (const at of order.toReversed()) {
    placed[at] = Math.min(placed[at], least);
    least = placed[at] - BETWEEN;
  }
  return placed;
}
