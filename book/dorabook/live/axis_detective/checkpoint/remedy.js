// What to do with an adapter, by the axes that were found.
import { remedies as byAxis, report } from "../../../checkpoint/rules.json";

/** Sentences, one a paragraph. */
export function remedies(layers) {
  const found = new Set(layers.map(({ axis }) => axis));
  return [...report.axes.filter((axis) => found.has(axis)).map((axis) => byAxis[axis]), ...byAxis.always];
}
