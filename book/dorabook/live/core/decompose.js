// A weight (out, in) as magnitude times direction: the same mathematics as dorabook/decompose.py and layers.py.
// `per` is "output" or "input"; a magnitude is a Float64Array with one number an output or one an input.
import { addScaled, matrix } from "./matrix.js";

export const OTHER = { output: "input", input: "output" };

/** Length of every output row, out numbers, or of every input column of (out, in), in numbers. */
export function norms(weight, per) {
  return bothNorms(weight)[per];
}

/** The norms along both axes, in one pass over the weight. */
export function bothNorms({ rows, columns, data }) {
  const output = new Float64Array(rows), input = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, at++) {
      const square = data[at] * data[at];
      sum += square;
      input[j] += square;
    }
    output[i] = Math.sqrt(sum);
  }
  for (let j = 0; j < columns; j++) input[j] = Math.sqrt(input[j]);
  return { output, input };
}

/** weight times one factor an output or an input. */
export function scaleBy({ rows, columns, data }, factors, per) {
  const out = matrix(rows, columns);
  for (let i = 0, at = 0; i < rows; i++) {
    if (per === "output") for (let j = 0; j < columns; j++, at++) out.data[at] = data[at] * factors[i];
    else for (let j = 0; j < columns; j++, at++) out.data[at] = data[at] * factors[j];
  }
  return out;
}

/** weight / norms(weight): norm 1 along `per`. A row or column of zeros has no direction and stays zeros. */
export function direction(weight, per, lengths = norms(weight, per)) {
  return scaleBy(weight, lengths.map((length) => (length === 0 ? 0 : 1 / length)), per);
}

/** magnitude * direction. */
export function join(magnitude, towards, per) {
  return scaleBy(towards, magnitude, per);
}

/** m * (W + s BA) / norm(W + s BA), equation 5 of the DoRA paper. `update` is BA, (out, in). */
export function merged(weight, update, scaling, magnitude, per) {
  return join(magnitude, direction(addScaled(weight, update, scaling), per), per);
}
