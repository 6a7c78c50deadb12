// A square layer's axis from its values: which of the base's two norms does ln m follow?
import { fit } from "../../../checkpoint/rules.json";
import { say } from "./rules.js";
import { fixed } from "../../core/text.js";

/**
 * magnitude, perOutput, perInput: Float64Arrays of one length; the latter are norms of the base weight.
 * Returns { axis: "per output" | "per input" | null, confidence, slopes: null or { output, outputError, input, inputError, z },
 * why: "few" | "constant" | "alike" | "tell" | "drifted" | "neither", k }.
 */
export function fitAxis(magnitude, perOutput, perInput) {
  const kept = [...magnitude.keys()].filter((i) => [magnitude, perOutput, perInput].every((all) => all[i] > 0 && all[i] < Infinity));
  const k = kept.length;
  if (k < fit.fewest) return { axis: null, confidence: "none", slopes: null, why: "few", k };
  if (kept.every((i) => magnitude[i] === magnitude[kept[0]])) return { axis: null, confidence: "none", slopes: null, why: "constant", k };
  const [x, p, q] = [magnitude, perOutput, perInput].map((all) => centred(tamed(kept.map((i) => Math.log(all[i])))));
  const spp = dot(p, p), sqq = dot(q, q), spq = dot(p, q), sxp = dot(x, p), sxq = dot(x, q);
  const determinant = spp * sqq - spq * spq;
  if (Math.min(spp, sqq) <= k * fit.least_spread ** 2 || determinant <= fit.alike * spp * sqq) return { axis: null, confidence: "none", slopes: null, why: "alike", k };
  const a = (sxp * sqq - sxq * spq) / determinant, b = (sxq * spp - sxp * spq) / determinant;
  const left = x.map((value, i) => value - a * p[i] - b * q[i]);
  const variance = Math.max(dot(left, left) / (k - 3), fit.least_variance);
  const slopes = {
    output: a,
    outputError: Math.sqrt((variance * sqq) / determinant),
    input: b,
    inputError: Math.sqrt((variance * spp) / determinant),
    z: fisher((a - b) / Math.sqrt((variance * (spp + sqq + 2 * spq)) / determinant), k),
  };
  return { ...verdict(slopes), slopes, k };
}

function verdict({ output, outputError, input, inputError, z }) {
  const told = confidence(output, input, z), other = confidence(input, output, -z);
  if (told) return { axis: "per output", confidence: told, why: "tell" };
  if (other) return { axis: "per input", confidence: other, why: "tell" };
  const neither = [[output, outputError], [input, inputError]].every(([slope, error]) => slope + fit.errors * error < fit.half);
  return { axis: null, confidence: "none", why: neither ? "neither" : "drifted" };
}

function confidence(own, other, z) {
  return ["high", "fair"].find((word) => {
    const [least, off, most] = fit[word];
    return z >= least && own >= 1 - off && own <= 1 + off && Math.abs(other) <= most;
  });
}

/** Fisher's z of the partial correlation behind t, in a form that does not overflow. */
const fisher = (t, k) => Math.asinh(t / Math.sqrt(k - 3)) * Math.sqrt(k - 4);

export function slopesInWords({ output, outputError, input, inputError }) {
  const [one, oneError, other, otherError] = [output, outputError, input, inputError].map((value) => fixed(value, 2));
  return say("slopes", { output: one, output_error: oneError, input: other, input_error: otherError });
}

/** `values` with the far ones drawn in, so that one huge channel that two models share decides nothing. */
function tamed(values) {
  const middle = median(values);
  const reach = fit.furthest * median(values.map((value) => Math.abs(value - middle)));
  return reach > 0 ? values.map((value) => Math.min(Math.max(value, middle - reach), middle + reach)) : values;
}

/** The mean of the two in the middle where there are two. */
function median(values) {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : sorted[half - 1] + (sorted[half] - sorted[half - 1]) / 2;
}

function centred(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

const dot = (one, other) => one.reduce((sum, value, i) => sum + value * other[i], 0);
