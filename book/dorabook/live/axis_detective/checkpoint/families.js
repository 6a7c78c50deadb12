// Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are: by rules.json.
import { families, files } from "../../../checkpoint/rules.json";
import { each, matched } from "./rules.js";

const FORMS = families.flatMap(({ factors }) => factors);
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const ENDS = [...new Set(FORMS.flatMap(({ sides }) => Object.keys(sides).map((end) => literal(end.replace("{adapter}", "")))))].sort();
const FACTOR = new RegExp(`^(?:(.*)\\.)?(?:${ENDS.join("|")})$`, "su");

export const isFactor = (key) => FACTOR.test(key);
export const part = (name, end) => (name ? `${name}.${end}` : end);

/** The spellings of an adapter's layers' names by name with "_" for ".": some converters leave dots in one key and "_" in another. */
export function* stemsOf(tensors) {
  const stems = new Map();
  yield* each(tensors.keys(), (key) => {
    const found = isRead(key) && FACTOR.exec(key);
    if (!found) return;
    const stem = found[1] ?? "", name = stem.replaceAll(".", "_");
    stems.set(name, (stems.get(name) ?? new Set()).add(stem));
  });
  return stems;
}

/** A longer name is no layer's, and would be looked at for a while. */
export const isRead = (key) => key.length <= 2 * files.longest_key && [...key].length <= files.longest_key;

/**
 * tensors: the header of an adapter. One layer for each magnitude, in the header's order: { key, name, family, shape, outputs,
 * inputs, embedding, ranks, form }, with null for sizes that A and B do not tell, the inputs of one group for a convolution in
 * groups, ranks as [shape of A, shape of B] where they do not belong together, and form as the names of the factors.
 */
export function* layersOf(tensors, stems) {
  const layers = [];
  yield* each(tensors.keys(), (key) => {
    const layer = isRead(key) && layerOf(key, tensors, stems);
    if (layer) layers.push(layer);
  });
  return layers;
}

/**
 * By the first family that writes such a key; most do so only beside factors, since "m" alone says nothing.
 * Beside its family's own names for A and B those of the others are looked for: files are converted.
 */
function layerOf(key, tensors, stems) {
  const found = families.map((family) => reading(key, family, tensors)).filter(Boolean);
  const sizedBy = ({ layer, named }, forms) => {
    for (const name of names(layer.name, stems)) {
      for (const form of forms) {
        const sizes = sized(layer, name, form, named, tensors);
        if (sizes) return { ...layer, ...sizes };
      }
    }
    return null;
  };
  for (const one of found) {
    const layer = sizedBy(one, one.layer.family.factors);
    if (layer) return layer;
  }
  const converted = found.length ? sizedBy(found[0], FORMS) : null;
  return converted ?? found.find(({ layer }) => layer.family.alone)?.layer ?? null;
}

const NAMED = new Map(families.map((family) => [family, `(?:(.*)\\.)?${literal(family.magnitude)}${family.adapter ?? "()"}`]));

function reading(key, family, tensors) {
  const found = key.includes(family.magnitude) && matched(NAMED.get(family), key);
  if (!found) return null;
  const [, name = "", adapter] = found;
  const layer = { key, name, family, shape: tensors.get(key).shape, outputs: null, inputs: null, embedding: false, ranks: null, form: [] };
  return { layer, named: adapter ? `.${adapter}` : "" };
}

/** The layer's own name, and the one other that differs in "." and "_" alone. */
function names(layer, stems) {
  const others = [...(stems.get(layer.replaceAll(".", "_")) ?? [])].filter((name) => name !== layer);
  return others.length === 1 ? [layer, ...others] : [layer];
}

/** Keys with a shape to speak of, by the one and by the two words before their ends. */
export function* underOf(tensors) {
  const above = (name) => name.slice(0, Math.max(0, name.lastIndexOf("."))), found = new Map();
  yield* each(tensors, ([key, { shape }]) => {
    if (shape.length < 2) return;
    for (const name of new Set([above(key), above(above(key))])) found.set(name, [...(found.get(name) ?? []), key].slice(0, 3));
  });
  return found;
}

/** Keys of a layer's other tensors, two at most. */
export const besideOf = ({ name, key }, under) => (name ? (under.get(name) ?? []).filter((one) => one !== key).slice(0, 2) : []);

const product = (sides) => sides.reduce((all, side) => all * side, 1);

/**
 * The sizes that a layer's factors in this form give, null where they are not all there. A form names the sides of each
 * factor; "outputs" and "inputs" are products over all of them, "rank" has to be one number.
 */
function sized({ shape, name: own }, name, { sides, embedding = "[]", flat_kernel: flat }, adapter, tensors) {
  const form = Object.keys(sides), shapes = form.map((end) => tensors.get(part(name, end.replace("{adapter}", adapter)))?.shape);
  if (!shapes.every(Boolean)) return null;
  if (flat && shape.length > 2) return { form }; // a side is inputs times kernel, and only the base's shape can tell the two apart
  const words = Object.values(sides), whole = shapes.every((one, i) => one.length >= words[i].length);
  const of = (word) => words.flatMap((all, i) => all.flatMap((one, place) => (one === word && place < shapes[i].length ? [shapes[i][place]] : [])));
  const [outputs, inputs, ranks] = ["outputs", "inputs", "rank"].map(of), kind = { form, embedding: Boolean(matched(embedding, own)) };
  if (!words.flat().includes("rank")) {
    const sizes = { outputs: product(outputs), inputs: product(inputs) };
    return whole && Object.values(sizes).every(Number.isSafeInteger) ? { ...kind, ...sizes } : null;
  }
  const groups = whole && groupsOf(ranks, inputs[0], shapes[0].length > 2);
  return groups && !ranks.includes(0) ? { ...kind, outputs: outputs[0], inputs: inputs[0] / groups } : { ...kind, ranks: shapes.slice(0, 2) };
}

/** 1 where A and B have one rank; how many groups where B is a convolution in groups; null where they do not belong together. */
function groupsOf([a, b], inputs, convolution) {
  if (a === b) return 1;
  return convolution && a && b && a % b === 0 && inputs % (a / b) === 0 ? a / b : null;
}
