// Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are: by rules.json.
import { families } from "../../../checkpoint/rules.json";
import { matched } from "./rules.js";

/**
 * tensors: the header of an adapter. One layer for each magnitude, in the header's order: { key, name, family, shape, outputs,
 * inputs, embedding, ranks }, with null for sizes that A and B do not tell, the inputs of one group for a convolution in
 * groups, and ranks as [shape of A, shape of B] where they do not belong together.
 */
export function layersOf(tensors) {
  return [...tensors.keys()].map((key) => layerOf(key, tensors)).filter(Boolean);
}

/** By the first family that writes such a key; most do so only beside factors, since "m" alone says nothing. */
function layerOf(key, tensors) {
  for (const family of families) {
    const found = matched(`(?:(.*)\\.)?${family.magnitude.replaceAll(".", "\\.")}${family.adapter ?? "()"}`, key);
    if (!found) continue;
    const [, name = "", adapter] = found;
    const layer = { key, name, family, shape: tensors.get(key).shape, outputs: null, inputs: null, embedding: false, ranks: null };
    for (const form of family.factors) {
      const sizes = sized(layer, form, adapter ? `.${adapter}` : "", tensors);
      if (sizes) return { ...layer, ...sizes };
    }
    if (family.alone) return layer;
  }
  return null;
}

const part = (name, end) => (name ? `${name}.${end}` : end);
const product = (sides) => sides.reduce((all, side) => all * side, 1);

/**
 * The sizes that a layer's factors in this form give, null where they are not all there. A form names the sides of each
 * factor; "outputs" and "inputs" are products over all of them, "rank" has to be one number.
 */
function sized({ name, shape }, { sides, embedding = "[]", flat_kernel: flat }, adapter, tensors) {
  const shapes = Object.keys(sides).map((end) => tensors.get(part(name, end.replace("{adapter}", adapter)))?.shape);
  if (!shapes.every(Boolean)) return null;
  if (flat && shape.length > 2) return {}; // a side is inputs times kernel, and only the base's shape can tell the two apart
  const words = Object.values(sides), whole = shapes.every((one, i) => one.length >= words[i].length);
  const of = (word) => words.flatMap((all, i) => all.flatMap((one, place) => (one === word ? [shapes[i][place]] : [])));
  const [outputs, inputs, ranks] = ["outputs", "inputs", "rank"].map(of), kind = { embedding: Boolean(matched(embedding, name)) };
  if (!ranks.length) return whole ? { ...kind, outputs: product(outputs), inputs: product(inputs) } : null;
  const groups = whole && groupsOf(ranks, inputs[0], shapes[0].length > 2);
  return groups ? { ...kind, outputs: outputs[0], inputs: inputs[0] / groups } : { ...kind, ranks: shapes.slice(0, 2) };
}

/** 1 where A and B have one rank; how many groups where B is a convolution in groups; null where they do not belong together. */
function groupsOf([a, b], inputs, convolution) {
  if (a === b) return 1;
  return convolution && a % b === 0 && inputs % (a / b) === 0 ? a / b : null;
}
