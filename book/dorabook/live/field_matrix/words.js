// What a cell says: the verdict over its layers, a sentence for each, and what to do about it.
import { verdicts } from "./cells.json";
import { number, plural } from "../core/text.js";

export const HARM = verdicts;
export const SIGN = { right: "✓", refused: "✕", "m dropped": "m", "silently wrong": "≠" };
const STATES = { start: "at the start", trained: "once trained" };

/** The worst that happens on any layer, and the largest difference of the outputs. layers: [layer, verdict, start, trained, moved, outputs, said]. */
export function worst(layers) {
  const verdict = HARM[Math.max(...layers.map(([, one]) => HARM.indexOf(one)))];
  return { verdict, off: Math.max(0, ...layers.flatMap(([, , start, trained]) => [start, trained])) };
}

/** Whole percents, as the grid has them; two digits below one. */
export const percent = (part) => `${part >= 0.01 ? Math.round(100 * part) : number(100 * Number(part.toPrecision(2)))} %`;

export function inLayer([layer, verdict, start, trained, moved, outputs, said]) {
  if (verdict === "refused") return `${layer}: refused, ${said}`;
  const off = Object.entries({ start, trained }).filter(([, part]) => part > 0);
  const far = off.map(([state, part]) => `${percent(part)} off ${STATES[state]}`).join(" and ");
  const poke = moved === null ? "there is no m to poke" : `one poked number of m moves ${moved} of ${plural(outputs, "output")}`;
  return `${layer}: ${[verdict, far, poke].filter(Boolean).join(", ")}`;
}

/** A remedy that a reader can follow with the tools of the two names. */
export function remedy({ verdict, writer, reader, route }, axes) {
  const merge = `merge to dense weights with ${writer} and load those`;
  if (verdict === "right") return "nothing";
  if (verdict === "m dropped") return `${merge}: without its m the rest is another model`;
  const flag = reader.startsWith("LyCORIS") && axes.writer === "input" && !/^LyCORIS 2/.test(writer) && /LyCORIS|OneTrainer/.test(writer);
  if (verdict === "refused") {
    if (flag) return "make the network with create_lycoris(…, wd_on_output=False), then load_state_dict";
    if (route === "as written" && axes.writer === axes.reader) return `give m and the factors the names of ${reader}; see “names translated”`;
    return merge;
  }
  return `do not load it: ${merge}`;
}
