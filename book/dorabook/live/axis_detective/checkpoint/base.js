// Which tensor of a base model an adapter's layer belongs to, and which of its sides is which.
import { names as rules } from "../../../checkpoint/rules.json";
import { matched } from "./rules.js";

const PAUSE = 256; // keys between two pauses

/** Finds what belongs to each of `layers`: find(layer) gives { source, key, dtype, shape, start, end }, or null. */
export function* baseFinder(layers, adapter, base) {
  const names = base ? yield* index(base.tensors, layers) : new Map();
  return function find(layer) {
    const key = base && belongs(layer.name, names);
    if (key) return base.tensors.get(key);
    for (const end of rules.own) {
      const own = layer.name ? `${layer.name}.${end}` : end;
      const tensor = adapter.tensors.get(own);
      if (tensor?.shape.length > 1) return { source: adapter.source, key: own, ...tensor };
    }
    return null;
  };
}

/**
 * The keys of weights by their names, and by those ends of their names, after "_", that some layer may ask for:
 * all ends of all names may be far more than the header that they came in.
 */
function* index(tensors, layers) {
  const wanted = new Set(layers.filter(({ name }) => name.length <= rules.longest).flatMap(({ name }) => variants(name.replaceAll(".", "_"))));
  const lengths = new Set([...wanted].map((name) => name.length));
  const names = new Map();
  let count = 0;
  for (const [key, { shape }] of tensors) {
    if ((count += 1) % PAUSE === 0) yield null;
    if (key.length > rules.longest || shape.length < 2 || !/(^|\.)weight$/.test(key)) continue;
    const name = key.replace(/(^|\.)(base_layer\.)?weight$/, "").replaceAll(".", "_");
    for (let at = 0; at >= 0; at = name.indexOf("_", at) + 1 || -1) {
      if (at && !lengths.has(name.length - at)) continue;
      const end = name.slice(at);
      if (at && !wanted.has(end)) continue;
      const kept = names.get(end) ?? { whole: [], ending: [] };
      kept[at ? "ending" : "whole"].push(key);
      names.set(end, kept);
    }
  }
  return names;
}

function belongs(layer, names) {
  if (layer.length > rules.longest) return null;
  const name = layer.replaceAll(".", "_");
  for (const variant of variants(name)) {
    const { whole, ending } = names.get(variant) ?? { whole: [], ending: [] };
    const all = whole.length ? whole : ending;
    if (all.length) return all.length === 1 ? all[0] : null;
  }
  for (let at = name.indexOf("_"); at >= 0; at = name.indexOf("_", at + 1)) {
    const whole = names.get(name.slice(at + 1))?.whole ?? [];
    if (whole.length === 1) return whole[0];
  }
  return null;
}

/** The name, and the name after each of the leading words, which say where a layer was, not which one it is. */
function variants(name) {
  const all = [name];
  for (;;) {
    const word = rules.leading.find((one) => name.startsWith(`${one}_`));
    if (!word || all.length > rules.most_leading) return all;
    name = name.slice(word.length + 1);
    all.push(name);
  }
}

/** How a base weight is stored: "out, in", "in, out", "square" where nothing tells, null where it does not fit. */
export function storage({ outputs, inputs, embedding }, shape) {
  const [a, b] = shape;
  if (embedding) return a === inputs && b === outputs ? "in, out" : null;
  if (outputs === null) return "out, in";
  const fits = a === outputs && (b === inputs || (shape.length > 2 && inputs % b === 0));
  const turned = shape.length === 2 && a === inputs && b === outputs;
  if (fits && turned) return "square";
  return fits ? "out, in" : turned ? "in, out" : null;
}

/**
 * How square weights are stored, "?" where nothing tells: as the adapter's other `layers` are or, failing these, the base's weights.
 * Those whose names may be turned speak for each other only, since a model may mix them with others.
 */
export function squareStorage(turned, layers, base) {
  const alike = ({ name, stored }) => mayBeTurned(name) === turned && (stored === "out, in" || stored === "in, out");
  const told = layers.filter((layer) => !layer.embedding && alike(layer)); // embeddings are (in, out) anyway
  const all = new Set((told.length || !base ? told : biases(base.tensors).filter(alike)).map(({ stored }) => stored));
  if (all.size === 1) return [...all][0];
  return turned || all.size ? "?" : "out, in";
}

function biases(tensors) {
  const found = [];
  for (const [key, { shape: [a, b, more] }] of tensors) {
    if (more !== undefined || b === undefined || a === b || !/(^|\.)weight$/.test(key)) continue;
    const bias = tensors.get(key.replace(/weight$/, "bias"))?.shape;
    if (bias?.length !== 1) continue;
    const name = key.replace(/\.weight$/, "");
    if (bias[0] === a) found.push({ name, stored: "out, in" });
    if (bias[0] === b) found.push({ name, stored: "in, out" });
  }
  return found;
}

/** GPT-2's names, whose layers some libraries store turned. */
export const mayBeTurned = (name) => matched(rules.turned, name) !== null;
