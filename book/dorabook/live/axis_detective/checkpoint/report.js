// The verdicts of a file as a sentence, a table's rows, and what to do next.
import { report } from "../../../checkpoint/rules.json";
import { remedies } from "./remedy.js";
import { say } from "./rules.js";
import { clipped, shaped } from "./text.js";

/** layers as judging.js leaves them; kinds are the words that rows are counted under, aboutBase what is wrong with the base as a whole. */
export function reportOf(layers, name, aboutBase) {
  const counts = report.axes.map((axis) => [axis, layers.filter((layer) => layer.axis === axis).length]).filter(([, count]) => count);
  const far = layers.filter((layer) => layer.far).length;
  const said = say("summary", { name: clipped(name), counts: summary(counts) });
  return {
    sentence: [far ? say("summary far", { name: clipped(name), far, all: layers.length }) : "", aboutBase, said].filter(Boolean).join(" "),
    far: layers.filter(({ far: one, broken }) => one || broken).length + (aboutBase ? 1 : 0),
    columns: report.columns,
    rows: layers.map((layer) => [shown(layer), shaped(layer.shape), sizeOf(layer), layer.axis, layer.confidence, layer.evidence]),
    kinds: layers.map(({ axis }) => axis),
    remedy: remedies(layers),
  };
}

export const shown = ({ name }) => (name ? clipped(name) : say("itself"));
const sizeOf = ({ outputs, inputs }) => (outputs === null ? say("no size") : say("size", { outputs, inputs }));

function summary(counts) {
  if (counts.length > 1) return counts.map(([axis, count]) => say("several", { axis, count })).join(", ");
  const [[axis, count]] = counts;
  return say((count === 1 ? "one" : "all") + (axis === "cannot tell" ? " untold" : ""), { axis, count });
}
