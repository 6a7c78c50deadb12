// One DoRA of a race: its magnitudes on their way from the start to the teacher's marks, and the norms of its direction.
import { IN, OUT } from "./race.js";
import { range } from "./words.js";
import { h, s, say } from "../ui/dom.js";
import { disc, sample } from "./chart.js";

const TALL = 156, NORMS_TALL = 74;
const EDGE = { left: 28, right: 4, top: 4, bottom: 22 };
const MOST = 2.5; // times the start: what lies beyond is drawn at the edge
const FROM = { left: 80, right: 92 }; // the strips of norms
const COUNT = { output: OUT, input: IN };
const AXES = ["output", "input"];

/** { el, draw(axis, width) }; axis as words.js gives it. */
export function axisPanel(per) {
  const ground = s("g", { class: "dora-race-ground" });
  const stems = s("path", { class: "dora-race-stem" }), goals = s("path", { class: "dora-race-goal" }), dots = s("path", { class: "dora-race-dot" });
  const svg = s("svg", { role: "img", height: TALL, "aria-label": `The ${COUNT[per]} magnitudes per ${per}, as multiples of their start, and the teacher's marks. The numbers are in the table.` },
    ground, stems, goals, dots);
  const norms = normStrips(per);
  let ruled = 0;
  return {
    el: h("section", { class: "dora-race-axis", "aria-label": `DoRA per ${per}` },
      h("p", { class: "dora-race-title" }, sample(per), h("b", {}, `DoRA per ${per}`), h("span", {}, `${COUNT[per]} magnitudes`)),
      svg, h("p", { class: "dora-hint" }, `Norms of its direction, and of W + BA per ${per} against the start`), norms.el),
    draw(axis, width) {
      const across = (place) => EDGE.left + ((width - EDGE.left - EDGE.right) * (place + 0.5)) / COUNT[per];
      const down = (value) => EDGE.top + (TALL - EDGE.top - EDGE.bottom) * (1 - Math.min(MOST, Math.max(0, value)) / MOST);
      const half = Math.min(7, (across(1) - across(0)) * 0.4);
      if (ruled !== width) {
        ruled = width;
        svg.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
        ground.replaceChildren(...rules(per, down, width));
      }
      const placed = axis.order[per].map((index, place) => ({ x: across(place), y: down(axis.magnitudes[index]), goal: down(axis.marks[index]) }));
      path(stems, placed, ({ x, y }) => `M${x.toFixed(1)} ${down(1)}V${y.toFixed(1)}`);
      path(goals, placed, ({ x, goal }) => `M${(x - half).toFixed(1)} ${goal.toFixed(1)}h${2 * half}`);
      path(dots, placed, ({ x, y }) => disc(x, y, 3.6));
      norms.draw(axis, width);
    },
  };
}

function rules(per, down, width) {
  const levels = [0, 1, 2].flatMap((level) => [
    s("path", { class: level === 1 ? "dora-race-start" : "dora-race-rule", d: `M${EDGE.left} ${down(level)}H${width - EDGE.right}` }),
    s("text", { x: EDGE.left - 7, y: down(level) + 4, "text-anchor": "end" }, `${level}×`),
  ]);
  return [...levels, s("text", { x: (EDGE.left + width) / 2, y: TALL - 4, "text-anchor": "middle" }, `${per}s, in the order of the teacher's rescale`)];
}

/** Three lines of ticks, 0 to 2: the norms of the direction along either axis, and those of W + BA along this one as multiples of their start. */
function normStrips(per) {
  const line = s("path", { class: "dora-race-start" });
  const strip = (text, row, of, kind) => ({
    of,
    y: 12 + 24 * row,
    rail: s("path", { class: "dora-race-rule" }),
    name: s("text", { x: 0, y: 16 + 24 * row, class: kind }, text),
    value: s("text", { y: 16 + 24 * row, "text-anchor": "end", class: kind }),
    ticks: s("path", { class: "dora-race-norm" }),
  });
  const strips = [
    ...AXES.map((along, row) => strip(`per ${along}`, row, ({ norms }) => ({ values: norms[along], text: along === per ? "all 1" : range(norms[along]) }), along === per ? "dora-race-own" : "")),
    strip("W + BA", 2, ({ stretch }) => ({ values: stretch, text: range(stretch) }), ""),
  ];
  const svg = s("svg", { role: "img", height: NORMS_TALL, "aria-label": `Norms of the direction: 1 for every ${per}, other numbers along the other axis. Below, the norms of W + BA per ${per}, as multiples of their start.` },
    line, strips.flatMap(({ rail, name, value, ticks }) => [rail, name, value, ticks]));
  return {
    el: svg,
    draw(axis, width) {
      const across = (value) => FROM.left + ((width - FROM.left - FROM.right) * Math.min(2, value)) / 2;
      svg.setAttribute("viewBox", `0 0 ${width} ${NORMS_TALL}`);
      line.setAttribute("d", `M${across(1)} 0V${NORMS_TALL - 2}`);
      for (const { of, y, rail, value, ticks } of strips) {
        const { values, text } = of(axis);
        rail.setAttribute("d", `M${across(0)} ${y}H${across(2)}`);
        value.setAttribute("x", width);
        say(value, text);
        path(ticks, values, (norm) => `M${across(norm).toFixed(1)} ${y - 6}v12`);
      }
    },
  };
}

function path(node, items, piece) {
  node.setAttribute("d", Array.from(items, piece).join(""));
}
