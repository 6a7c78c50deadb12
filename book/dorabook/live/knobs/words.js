// What the knobs say: the sentence, the table, the score of each row, and which of the two is DoRA.
import { fixed, plural, shape } from "../core/text.js";
import { bothTried, count } from "./layer.js";

const WORDS = ["no", "one", "two", "three", "four", "five", "six"];
const WHERE = { output: "at the outputs", input: "at the inputs" };
export const COLUMNS = ["output or input", "value", "knob", "m", "one knob moves"];
export const digits = (value) => fixed(value, 3); // as the cells of the chapters print them

export function sentence(facts, state) {
  return [turned(facts, state.per), state.told || bothTried(facts) ? ANSWER : ""].filter(Boolean).join(" ");
}

/** "four, at the outputs", "five, at the inputs". */
export function place({ rows, columns }, per) {
  return `${WORDS[per === "output" ? rows : columns]}, ${WHERE[per]}`;
}

/** "1 of 4", and "? of 4" until a knob of the row is turned. */
export function score(facts, per) {
  return `${count(facts, per) ?? "?"} of ${facts.start.length}`;
}

/** The same for the switch: what one knob moves alone, also where several are turned. */
export function alone(facts, per) {
  const turned = facts.turned[per];
  return turned.length < 2 ? score(facts, per) : `${Math.max(...turned.map((k) => facts.reach[per][k]))} of ${facts.start.length} each`;
}

/** Which of the two is DoRA, and who has which. */
const ANSWER = "DoRA has one per output: its first author says so, and so do the official code and peft. Raschka's layer has one per input.";

export function rows(facts) {
  const row = (per, k, value) => [`${per} ${k}`, `${per === "output" ? "y" : "x"} = ${digits(value)}`, digits(facts.knobs[per][k]),
    digits(facts.m[per][k]), `${facts.reach[per][k]} of ${plural(facts.start.length, "output")}`];
  return [...facts.knobs.output.map((_, j) => row("output", j, facts.y.output[j])), ...facts.x.map((value, i) => row("input", i, value))];
}

function turned(facts, per) {
  const { weight, knobs, norms, m, start, x, y } = facts;
  const which = facts.turned[per], side = shape(weight.rows, weight.columns);
  if (!which.length) {
    return `One magnitude m per ${per}, in its knob: the norm of its ${per === "output" ? "row" : "column"} of the ${side} weight. `
      + "No knob is turned, so y is exactly W x.";
  }
  const moved = `${count(facts, per)} of ${plural(start.length, "output")} moved.`;
  if (which.length > 1) return `Knobs ${listed(which)} ${WHERE[per]} are turned: ${moved}`;
  const [k] = which, knob = digits(knobs[per][k]);
  const made = `Knob ${k} at ${knob}: m[${k}] = ${knob} \u00d7 ${digits(norms[per][k])} = ${digits(m[per][k])}.`;
  return per === "output"
    ? `${made} It multiplies output ${k}, from ${digits(start[k])} to ${digits(y.output[k])}, and no other: ${moved}`
    : `${made} It multiplies input ${k}, from ${digits(x[k])} to ${digits(x[k] * knobs.input[k])}, before W mixes it: ${moved}`;
}

function listed(which) {
  return `${which.slice(0, -1).join(", ")} and ${which.at(-1)}`;
}

/** Who has this side's knobs, in few words. */
export function whose(per) {
  return per === "output" ? "DoRA, peft" : "Raschka's";
}
