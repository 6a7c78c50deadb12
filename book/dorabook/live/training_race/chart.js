// The losses of a race by step, each as a share of its start, on a log scale: one line, dash and mark a student.
import { ARMS, STEPS } from "./race.js";
import { NAMES, REACHED } from "./words.js";
import { number } from "../core/text.js";
import { h, s } from "../ui/dom.js";

const TALL = 250;
const EDGE = { left: 64, right: 90, top: 16, bottom: 36 };
const BETWEEN = 17; // of two labels
const EVERY = 50; // steps from one mark to the next
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

/** { el, draw(race, steps, width) } */
export function lossChart() {
  const ground = s("g", { class: "dora-race-ground" });
  const lines = ARMS.map((arm) => ({
    arm,
    el: s("g", { class: `dora-race-${arm}` }),
    line: s("path", { class: "dora-race-line" }),
    mark: s("path", { class: "dora-race-mark" }),
    name: s("text", { class: "dora-race-name" }, NAMES[arm]),
  }));
  lines.forEach(({ el, line, mark, name }) => el.append(line, mark, name));
  const svg = s("svg", { role: "img", height: TALL, "aria-label": "The loss of the three students by step, as a share of the start, on a log scale. The numbers are in the text and the table." },
    ground, lines.map(({ el }) => el));
  let ruled = "";
  return {
    el: h("div", { class: "dora-race-chart" }, svg),
    draw({ losses, nothing }, steps, width) {
      const highest = nothing ? 1 : Math.max(...ARMS.map((arm) => finiteMost(losses[arm], steps) / losses[arm][0]));
      const top = highest > 1.0001 ? Math.ceil(Math.log10(highest)) : 0;
      const across = (step) => EDGE.left + ((width - EDGE.left - EDGE.right) * step) / STEPS;
      const down = (share) => EDGE.top + ((TALL - EDGE.top - EDGE.bottom) * (top - Math.max(FLOOR, Math.log10(share)))) / (top - FLOOR);
      if (ruled !== `${width} ${top}`) {
        ruled = `${width} ${top}`;
        svg.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
        ground.replaceChildren(...rules(top, across, down, width));
      }
      const heads = lines.map(({ arm, line, mark }) => {
        const points = [];
        for (let step = 0; step <= steps; step++) {
          const share = nothing ? 1 : losses[arm][step] / losses[arm][0];
          if (!Number.isFinite(share)) break;
          points.push([across(step), down(share)]);
        }
        line.setAttribute("d", `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`);
        const head = points.at(-1);
        const marked = points.filter((_, step) => step && step % EVERY === 0 && points.length - 1 - step > 4);
        mark.setAttribute("d", [...marked, head].map(([x, y]) => MARKS[arm](Number(x.toFixed(1)), Number(y.toFixed(1)))).join(""));
        return head;
      });
      apart(heads.map(([, y]) => y)).forEach((y, i) => {
        lines[i].name.setAttribute("x", heads[i][0] + 10);
        lines[i].name.setAttribute("y", y + 4.5);
      });
    },
  };
}

function finiteMost(losses, steps) {
  let most = losses[0];
  for (let step = 1; step <= steps; step++) if (losses[step] > most && Number.isFinite(losses[step])) most = losses[step];
  return most;
}

function rules(top, across, down, width) {
  const right = across(STEPS);
  const decades = Array.from({ length: top - FLOOR + 1 }, (_, i) => top - i).filter((decade) => decade % 2 === 0 || (decade === top && top < 3));
  const levels = decades.flatMap((decade) => {
    const y = down(10 ** decade);
    return [s("path", { class: decade === 0 ? "dora-race-start" : "dora-race-rule", d: `M${EDGE.left} ${y}H${right}` }),
      s("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, `${decade > 4 ? `10^${decade + 2}` : number(100 * 10 ** decade)}%`)];
  });
  const bottom = TALL - EDGE.bottom;
  const ticks = [0, 100, 200, 300].flatMap((step) => [
    s("path", { class: "dora-race-rule", d: `M${across(step)} ${bottom}v5` }),
    s("text", { x: across(step), y: bottom + 19, "text-anchor": "middle" }, String(step)),
  ]);
  return [...levels, ...ticks, s("text", { x: Math.min(width - 4, right + 24), y: bottom + 19, "text-anchor": "start" }, "steps")];
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
