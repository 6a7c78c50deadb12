// Which tensor of a base model an adapter's layer belongs to, by stated rules on names, and which of its sides is which.
// The rules are those of dorabook/checkpoint/base.py, whose words explain them.
import { files, names as rules } from "../../../checkpoint/rules.json";
import { part } from "./families.js";
import { canonical } from "./names.js";
import { each, matched, ofNames } from "./rules.js";
import { within } from "./text.js";

const WEIGHT = ofNames(rules.weight);
const ITSELF = { whole: null, rows: null, parts: [] };
const isShort = (name) => within(name, rules.longest);

/** How a weight is stored whose values are looked at. */
export const READ = ["out, in", "in, out", "unknown"];

/** Finds what belongs to each of `layers`: find(layer) gives { source, key, dtype, shape, start, end, whole, rows, parts }, or null. */
export function* baseFinder(layers, adapter, base) {
  const { exact, named } = base ? yield* index(base.tensors) : { exact: new Map(), named: new Map() };
  const short = layers.filter(({ name }) => isShort(name));
  const spelled = new Set();
  yield* each(short, ({ name }) => spelled.add(canonical(name)[1]));
  const { more, less } = yield* beginningsOf(spelled, named);

  /**
   * Of the same part of the model, or of any where the base does not say; a name that does not say is of the main one.
   * It may also be of a text encoder that is alone, but never of what sees or hears.
   */
  function inPart(component, rest) {
    const held = named.get(rest);
    if (!held) return [];
    if (held.has(component)) return held.get(component);
    if (component) return held.get("") ?? [];
    return held.get(rules.main) ?? [...held].flatMap(([one, keys]) => (rules.aside.includes(one) ? [] : keys.slice(0, 2))); // two are as good as many
  }

  /** A layer of a model of several parts that says its own is under no words of the base's: they may say another part. */
  function begun(component, rest) {
    const all = [rest];
    if (more && component !== rules.main && !rules.aside.includes(component)) all.push(`${more}_${rest}`);
    if (less && rest.startsWith(`${less}_`)) all.push(rest.slice(less.length + 1));
    return all;
  }

  const called = (component, rest) => begun(component, rest).map((one) => inPart(component, one)).find((keys) => keys.length) ?? [];

  /** Its rows of a weight that holds several layers in one; the whole one where their order is not known. */
  function fused(layer) {
    const [component, rest] = canonical(layer.name);
    for (const rule of rules.fused) {
      const found = matched(rule.part, rest);
      if (!found) continue;
      for (const whole of rule.in) {
        const keys = called(component, whole.replace("$1", () => found[1]));
        if (keys.length === 1) return ofWhole(base.tensors.get(keys[0]), layer, rule.from);
      }
    }
    return null;
  }

  /** The weights that the layer holds as one, where all of them are there. */
  function parts(layer) {
    const [component, rest] = canonical(layer.name);
    for (const rule of rules.parts) {
      const found = matched(rule.whole, rest);
      if (!found) continue;
      const every = rule.are.map((name) => called(component, name.replace("$1", () => found[1])));
      if (every.every(({ length }) => length === 1)) return { ...base.tensors.get(every[0][0]), ...ITSELF, parts: every.flat() };
    }
    return null;
  }

  return function find(layer) {
    if (base && isShort(layer.name)) {
      const keys = exact.get(layer.name.replaceAll(".", "_")) ?? called(...canonical(layer.name));
      if (keys.length) return keys.length === 1 ? { ...base.tensors.get(keys[0]), ...ITSELF } : null;
      const found = fused(layer) ?? parts(layer);
      if (found) return found;
    }
    for (const end of rules.own) {
      const own = part(layer.name, end), tensor = adapter.tensors.get(own);
      if (tensor?.shape.length > 1) return { source: adapter.source, key: own, ...tensor, ...ITSELF };
    }
    return null;
  };
}

/** The keys of weights by their names as written, and by their names in one spelling and the part of the model. */
function* index(tensors) {
  const exact = new Map(), named = new Map();
  yield* each(tensors, ([key, tensor]) => {
    const end = isShort(key) && mayBeWeight(tensor) ? WEIGHT.exec(key) : null;
    if (!end) return;
    const name = key.slice(0, end.index), plain = name.replaceAll(".", "_"), [component, rest] = canonical(name);
    const held = into(named, rest, () => new Map());
    into(exact, plain, () => []).push(key);
    into(held, component, () => []).push(key);
  });
  return { exact, named };
}

function into(map, key, fresh) {
  if (!map.has(key)) map.set(key, fresh());
  return map.get(key);
}

/** A weight of a layer has two sides, unless it is packed or was saved empty. */
const mayBeWeight = ({ shape, dtype }) => shape.length > 1 || !files.floats.includes(dtype) || shape.includes(0);

/** Words before the names of most layers: those of the base that the adapter has not, and of the adapter that the base has not. */
function* beginningsOf(names, named) {
  const wanted = new Set([...names].filter((name) => !named.has(name))), found = names.size - wanted.size;
  const counts = { more: new Map(), less: new Map() }, count = (of, begin) => of.set(begin, (of.get(begin) ?? 0) + 1);
  yield* each(named.keys(), (name) => {
    for (const [begin, end] of beginnings(name)) if (wanted.has(end)) count(counts.more, begin);
  });
  yield* each(wanted, (name) => {
    for (const [begin, end] of beginnings(name)) if (named.has(end)) count(counts.less, begin);
  });
  return { more: most(counts.more, found), less: most(counts.less, found) };
}

/** A name's first words, without a number, and the rest, which has one: numbers say which layer it is. */
function beginnings(name) {
  const all = [];
  let at = -1;
  for (let word = 0; word < rules.most_words; word += 1) {
    at = name.indexOf("_", at + 1);
    if (at < 0 || /[0-9]/.test(name.slice(0, at))) return all;
    if (/[0-9]/.test(name.slice(at))) all.push([name.slice(0, at), name.slice(at + 1)]);
  }
  return all;
}

/** What comes most often, and more often than `least`; "" where two do. */
function most(counts, least) {
  const [[first, one] = ["", 0], [, other] = ["", 0]] = [...counts].sort(([, a], [, b]) => b - a);
  return one > Math.max(other, least) ? first : "";
}

/** place: the first row is that many times the layer's outputs, and that many times all rows. */
function ofWhole(tensor, { outputs, inputs, embedding }, place) {
  const [rows, width] = tensor.shape, whole = { ...tensor, ...ITSELF, whole: tensor.key };
  if (!place || outputs === null || embedding || !files.floats.includes(tensor.dtype) || tensor.shape.length !== 2) return whole;
  const from = place[0] * outputs + place[1] * rows, to = from + outputs;
  if (from < 0 || to > rows || width !== inputs) return whole;
  const bytes = (width * files.bits[tensor.dtype]) / 8;
  return { ...whole, shape: [outputs, width], start: tensor.start + from * bytes, end: tensor.start + to * bytes, rows: [from, to] };
}

/** How a base weight holds a layer: one of READ, a word for why it is not read, "square" where nothing tells, null where it does not fit. */
export function storage(layer, weight, base) {
  const { shape, dtype, key } = weight;
  if (weight.parts.length) return "parts";
  if (shape.includes(0)) return "empty";
  if (!files.floats.includes(dtype)) return "IU".includes(dtype[0]) ? "quantised" : "unread";
  if (base && rules.states.some((end) => base.tensors.has(part(key, end)))) return "quantised"; // four bits may be stored as another dtype's
  const how = weight.rows ? "out, in" : weight.whole ? "fused" : sides(layer, shape), name = key.replace(WEIGHT, "");
  return how && base && dtype.startsWith("F8") && rules.scales.some((end) => base.tensors.has(part(name, end))) ? "scaled" : how;
}

function sides({ name, outputs, inputs, embedding, turned: factors }, shape) {
  const [a, b] = shape;
  if (embedding) return outputs === null || (a === inputs && b === outputs) ? "in, out" : null;
  if (outputs === null && factors.length) {
    const pair = [factors[0][0], factors[1][1]];
    if (shape.length !== 2 || !(pair[0] === a ? pair[1] === b : pair[0] === b && pair[1] === a)) return null;
  }
  if (outputs === null) return shape.length === 2 && (a === b || mayBeTurned(name)) ? "square" : "out, in";
  const fits = a === outputs && (b === inputs || (shape.length > 2 && inputs % b === 0));
  const turned = shape.length === 2 && a === inputs && b === outputs;
  if (fits && turned) return "square";
  if (shape.length > 2 && !fits && a === inputs && b > 0 && outputs % b === 0) return "transposed";
  return fits ? "out, in" : turned ? "in, out" : null;
}

/**
 * How square weights are stored, "unknown" where nothing tells: as the adapter's other `layers` are or, failing these, the base's weights.
 * Those whose names may be turned speak for each other only, since a model may mix them with others.
 */
export function squareStorage(turned, layers, base) {
  const alike = ({ name, stored }) => mayBeTurned(name) === turned && (stored === "out, in" || stored === "in, out");
  const told = layers.filter((layer) => !layer.embedding && layer.outputs !== null && alike(layer)); // embeddings are (in, out) anyway
  const all = new Set((told.length || !base ? told : biases(base.tensors).filter(alike)).map(({ stored }) => stored));
  if (all.size === 1) return [...all][0];
  return turned || all.size ? "unknown" : "out, in";
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
