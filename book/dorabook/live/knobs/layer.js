// A layer with a knob on every output or on every input: what it gives, and which outputs have moved. Numbers in, numbers out.
import { bothNorms } from "../core/decompose.js";
import { fromModel, matrix, multiply } from "../core/matrix.js";

export const MOST = 2; // of a knob; it starts at 1
export const STEPS = 10; // in which it turns by 1
const ROUNDING = 1e-9; // of the sizes that were added: a smaller difference is none

/**
 * Returns for each axis the knobs, the norms, the magnitudes m, the outputs y, which of the knobs are turned, which outputs
 * have moved and how many each knob moves; beside them x, the outputs at the start, and the range that each of x and y can reach.
 */
export function play({ weight: given, x: inputs, output_knobs, input_knobs }) {
  const weight = fromModel(given), norms = bothNorms(weight);
  // A kernel sends a weight of another shape before what goes with it.
  const filled = (list, count, rest) => Array.from({ length: count }, (_, k) => list[k] ?? rest);
  const x = filled(inputs, weight.columns, 0), knobs = { output: filled(output_knobs, weight.rows, 1), input: filled(input_knobs, weight.columns, 1) };
  const start = product(weight, x), parts = start.map((_, j) => x.map((value, i) => value * weight.data[j * weight.columns + i]));
  const sizes = parts.map((row) => row.reduce((sum, part) => sum + Math.abs(part), 0));
  const differs = (one, other, j) => Math.abs(one - other) > ROUNDING * sizes[j];
  const y = { output: start.map((value, j) => value * knobs.output[j]), input: product(weight, x.map((value, i) => value * knobs.input[i])) };
  const both = (make) => ({ output: make("output"), input: make("input") });
  return {
    weight, x, start, knobs, norms, y,
    m: both((per) => knobs[per].map((knob, k) => knob * norms[per][k])),
    turned: both((per) => knobs[per].flatMap((knob, k) => (knob === 1 ? [] : [k]))),
    moved: both((per) => y[per].map((value, j) => differs(value, start[j], j))),
    reach: {
      output: start.map((value, j) => Number(differs(value, 0, j))),
      input: x.map((_, i) => parts.filter((row) => row[i] !== 0).length),
    },
    range: { x: around(x), y: around(parts.flatMap(extremes)) },
  };
}

/** How many outputs the row of knobs has moved, or null where none of its knobs is turned. */
export function count({ turned, moved }, per) {
  return turned[per].length ? moved[per].filter(Boolean).length : null;
}

/** Whether the reader has turned a knob in both rows. */
export function bothTried({ turned }) {
  return Object.values(turned).every((each) => each.length > 0);
}

function product(weight, x) {
  return Array.from(multiply(weight, matrix(x.length, 1, Float64Array.from(x))).data);
}

/** The least and the most that an output can come to, whatever is turned on either side. */
function extremes(parts) {
  const sum = (keep) => MOST * parts.filter(keep).reduce((total, part) => total + part, 0);
  return [sum((part) => part < 0), sum((part) => part > 0)];
}

function around(values) {
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  return least === most ? [0, 1] : [least, most];
}

