// Which tensors of an adapter are magnitudes, which library writes such names, and how large their layers are: by rules.json.
import { families, files, names as rules } from "../../../checkpoint/rules.json";
import { canonical } from "./names.js";
import { each, matched } from "./rules.js";
import { within } from "./text.js";

const FORMS = families.flatMap(({ factors }) => factors);
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const ENDS = [...new Set(FORMS.flatMap(({ sides }) => Object.keys(sides).map((end) => literal(end).replace("\\{adapter\\}", "(?:\\.([^.]+))?"))))].sort();
const FACTOR = new RegExp(`^(?:(.*)\\.)?(?:${ENDS.join("|")})$`, "su");

export const isFactor = (key) => FACTOR.test(key);
export const part = (name, end) => (name ? `${name}.${end}` : end);

/**
 * The spellings of an adapter's layers' names, since some converters leave dots in one key and "_" in another: `plain` by name
 * with "_" for ".", `same` by name in one library's spelling; `adapters`, the names between A and its end, and `first`, a factor's key.
 */
export function* stemsOf(tensors) {
  const plain = new Map(), adapters = new Map(), spelled = new Map();
  const put = (map, name, one) => map.set(name, (map.get(name) ?? new Set()).add(one));
  let first = null;
  yield* each(tensors.keys(), (key) => {
    const found = isRead(key) && FACTOR.exec(key);
    if (!found) return;
    first ??= key;
    const [, stem = "", ...named] = found;
    put(plain, stem.replaceAll(".", "_"), stem);
    adapters.set(stem, adapters.get(stem) ?? new Set());
    named.filter(Boolean).forEach((one) => put(adapters, stem, `.${one}`));
  });
  yield* each(adapters.keys(), (stem) => put(spelled, canonical(stem).join("\0"), stem));
  return { plain, adapters, first, same: (layer) => spelled.get(canonical(layer).join("\0")) ?? new Set() };
}

/** A longer name is no layer's, and would be looked at for a while. */
export const isRead = (key) => within(key, files.longest_key);

/**
 * tensors: the header of an adapter. One layer for each magnitude, in the header's order: { key, name, family, shape, outputs,
 * inputs, embedding, ranks, form, convolution, turned }, with null for sizes that A and B do not tell, the inputs of one group for
 * a convolution in groups, ranks as [shape of A, shape of B] where they do not belong together or are empty, form as the names of
 * the factors, and turned as those shapes where they stand the other way round than such names do.
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
      for (const one of namedAs(name, named, stems)) {
        for (const form of forms) {
          const sizes = sized(layer, name, form, one, tensors);
          if (sizes) return { ...layer, ...sizes };
        }
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
  const layer = { key, name, family, shape: tensors.get(key).shape, outputs: null, inputs: null, embedding: false, ranks: null, form: [], convolution: false, turned: [] };
  return { layer, named: adapter ? `.${adapter}` : "" };
}

/** The first two others, since of hostile files there are hundreds of thousands for each of as many layers. */
function twoOf(names, but) {
  const found = [];
  for (const name of names) {
    if (name !== but) found.push(name);
    if (found.length === 2) break;
  }
  return found;
}

/** The layer's own name, and the one other that differs in "." and "_" alone or, failing this, in words before it. */
function names(layer, { plain, adapters, same }) {
  let others = twoOf(plain.get(layer.replaceAll(".", "_")) ?? [], layer);
  if (!others.length && !adapters.has(layer) && layer) others = twoOf(same(layer), layer);
  return others.length === 1 ? [layer, ...others] : [layer];
}

/** The adapter's name in a magnitude's key, and what may stand for it in those of A and B: none, or one of the first for none. */
const namedAs = (stem, named, { adapters }) => (named ? [named, ""] : ["", ...[...(adapters.get(stem) ?? [])].slice(0, rules.most_adapters)]);

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
export const besideOf = ({ name, key }, under) => twoOf(name ? (under.get(name) ?? []) : [], key);

export const product = (sides) => sides.reduce((all, side) => all * side, 1);

/**
 * The sizes that a layer's factors in this form give, null where they are not all there. A form names the sides of each
 * factor; "outputs" and "inputs" are products over all of them, "rank" has to be one number.
 */
function sized({ shape, name: own }, name, { sides, embedding = "[]", flat_kernel: flat = false }, adapter, tensors) {
  const form = Object.keys(sides), shapes = form.map((end) => tensors.get(part(name, end.replace("{adapter}", adapter)))?.shape);
  if (!shapes.every(Boolean)) return null;
  const convolution = shapes.some((one) => one.length > 2), n = Math.max(1, ...shape);
  if (flat && shape.length > 2) return { form, convolution }; // a side is inputs times kernel, and only the base's shape can tell the two apart
  const words = Object.values(sides), whole = shapes.every((one, i) => one.length >= words[i].length);
  const of = (word) => words.flatMap((all, i) => all.flatMap((one, place) => (one === word && place < shapes[i].length ? [shapes[i][place]] : [])));
  const [outputs, inputs, ranks] = ["outputs", "inputs", "rank"].map(of), kind = { form, convolution, embedding: Boolean(matched(embedding, own)) };
  // a flat m may also have a number for each of the inputs that a kernel multiplies
  const withSizes = (out, into) => (flat && n > 1 && n < into && into % n === 0 ? kind : { ...kind, outputs: out, inputs: into });
  if (!words.flat().includes("rank")) {
    const sizes = [product(outputs), product(inputs)];
    return whole && sizes.every(Number.isSafeInteger) ? withSizes(...sizes) : null;
  }
  const misfits = { ...kind, ranks: shapes.slice(0, 2) };
  if (!whole) return misfits;
  const groups = groupsOf(ranks, inputs[0], outputs[0], convolution);
  if (shapes.some((one) => one.includes(0))) { // the rank may be what is empty
    return groups && outputs[0] && inputs[0] ? { ...misfits, outputs: outputs[0], inputs: inputs[0] } : misfits;
  }
  const turned = convolution ? null : otherWayRound(kind, words[0], shapes), fitsTurned = turned?.outputs === n && n !== outputs[0];
  return groups && !fitsTurned ? withSizes(outputs[0], inputs[0] / groups) : turned ?? misfits;
}

/**
 * A and B whose ranks agree once each is turned. A of (x, rank) and B of (rank, y) give A B, and x is not always the inputs.
 * The sides of a square layer agree so too, but a rank is not larger than a side.
 */
function otherWayRound(kind, words, [a, b]) {
  if (words[0] === "inputs" && a[0] === b[1] && b[1] <= Math.min(a[1], b[0])) return { ...kind, turned: [a, b], outputs: b[0], inputs: a[1] };
  if (words[0] !== "rank" || a[1] !== b[0] || b[0] > Math.min(a[0], b[1])) return null;
  const square = a[0] === b[1] ? a[0] : null;
  return { ...kind, turned: [a, b], outputs: square, inputs: square };
}

/**
 * 1 where A and B have one rank; how many groups where B is a convolution in groups; null where they do not belong together.
 * Where these do not divide the inputs, A is one in groups too, and has the inputs of one.
 */
function groupsOf([a, b], inputs, outputs, convolution) {
  if (a === b) return 1;
  if (!(convolution && a && b && a % b === 0)) return null;
  return inputs % (a / b) === 0 ? a / b : outputs % (a / b) === 0 ? 1 : null;
}
