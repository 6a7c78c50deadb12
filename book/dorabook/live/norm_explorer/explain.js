// What NormExplorer shows, as numbers: the weight taken apart along the axis that the code really measures.
import { OTHER, bothNorms, direction, join } from "../core/decompose.js";
import { addScaled, fromModel, matrix, multiply, transpose } from "../core/matrix.js";
import { settled } from "../core/text.js";

const held = new WeakMap(); // a model's value to its matrix: unchanged values are not parsed again

export function matrixOf(value) {
  if (!held.has(value)) held.set(value, fromModel(value));
  return held.get(value);
}

const facts = new WeakMap(); // what does not change while a weight stays

function known(weight) {
  if (!facts.has(weight)) facts.set(weight, { norms: bothNorms(weight), top: largest(weight) });
  return facts.get(weight);
}

/** The largest absolute entry. */
export function largest({ data }) {
  let top = 0;
  for (let at = 0; at < data.length; at++) top = Math.max(top, Math.abs(data[at]));
  return top;
}

/** Has this figure controls for a part: "storage", "direction", "update" or "poke"? */
export function shows({ shows: parts }, part) {
  return !parts || parts.includes(part);
}

/** Does the flag say how the matrix is stored? True means (in, out). */
export function agrees(state) {
  return state.fan_in_fan_out === (state.storage === "in,out");
}

/** The axis whose norms the code gets: the one it wants, unless the flag turns the matrix the wrong way. */
export function measuredAxis(state) {
  return agrees(state) ? state.per : OTHER[state.per];
}

/** Everything that the drawing, the sentence and the table need. */
export function explain(state) {
  return state.weight ? wholeWeight(state) : fromOverview(state);
}

function wholeWeight(state) {
  const weight = matrixOf(state.weight);
  const measured = measuredAxis(state);
  const update = updateOf(state, weight);
  const fits = agrees(state) || weight.rows === weight.columns;
  const scaling = fits && update ? state.scaling : 0;
  const adapted = scaling === 0 ? weight : addScaled(weight, agrees(state) ? update : transpose(update), scaling);
  const startNorms = known(weight).norms;
  const adaptedNorms = adapted === weight ? startNorms : bothNorms(adapted);
  const start = startNorms[measured], length = adaptedNorms[measured];
  const chosen = chosenIndex(state, measured, start.length);
  const magnitude = start.slice();
  magnitude[chosen] *= state.poke;
  const towards = direction(adapted, measured, length);
  const merged = join(magnitude, towards, measured);
  return {
    state, whole: true, weight, adapted, direction: towards, merged, magnitude, measured, chosen, fits, start, length,
    size: [weight.rows, weight.columns], top: known(weight).top,
    norms: bothNorms(merged), startNorms, adaptedNorms, directionNorms: bothNorms(towards),
    turned: largestTurn(weight, adapted, start, length, measured),
    zeros: [...length.keys()].filter((i) => length[i] === 0),
    moved: movedBy(towards, measured, chosen),
    rank: update ? matrixOf(state.lora_A).rows : 0,
  };
}

function fromOverview(state) {
  const measured = measuredAxis(state);
  const lengths = state.norms[measured];
  return {
    state, whole: false, measured, chosen: chosenIndex(state, measured, lengths.length), fits: true,
    merged: matrixOf(state.map), size: state.shape, norms: state.norms, zeros: [],
    directionNorms: { [measured]: lengths.map((length) => Number(length > 0)), [OTHER[measured]]: state.across[measured] },
  };
}

export function chosenIndex(state, per, count) {
  return Math.min(state[per], count - 1);
}

const products = new WeakMap();

/** lora_B @ lora_A, or null while a kernel is between two messages and the factors do not fit each other. */
function updateOf(state, weight) {
  const A = matrixOf(state.lora_A), B = matrixOf(state.lora_B);
  if (A.rows !== B.columns || A.columns !== weight.columns || B.rows !== weight.rows) return null;
  const made = products.get(A);
  if (made?.B === B) return made.update;
  const update = multiply(B, A);
  products.set(A, { B, update });
  return update;
}

/** The largest angle, in degrees, between a row (or column of (out, in)) before and after the update. */
function largestTurn(weight, adapted, start, length, per) {
  if (weight === adapted) return 0;
  const along = new Float64Array(start.length);
  const byOutput = per === "output";
  for (let i = 0, at = 0; i < weight.rows; i++)
    for (let j = 0; j < weight.columns; j++, at++) along[byOutput ? i : j] += weight.data[at] * adapted.data[at];
  let turned = 0;
  for (let i = 0; i < along.length; i++) {
    const lengths = start[i] * length[i];
    if (lengths > 0) turned = Math.max(turned, Math.acos(settled(Math.max(-1, Math.min(1, along[i] / lengths)))));
  }
  return (turned * 180) / Math.PI;
}

/** Entries and outputs of the weight that a change of the chosen magnitude moves: those whose direction is not 0. */
function movedBy(towards, per, chosen) {
  const entries = lineOf(towards, per, chosen).filter((value) => value !== 0).length;
  return { entries, outputs: per === "output" ? Math.min(entries, 1) : entries };
}

/** The numbers of one output (a row of (out, in)) or of one input (a column of (out, in)). */
export function lineOf(m, per, index) {
  if (per === "output") return m.data.subarray(index * m.columns, (index + 1) * m.columns);
  return Float64Array.from({ length: m.rows }, (_, i) => m.data[i * m.columns + index]);
}

/** The weight with one output or one input multiplied. */
export function scaledLine(m, per, index, factor) {
  const out = matrix(m.rows, m.columns, m.data.slice());
  for (let i = 0, at = 0; i < m.rows; i++)
    for (let j = 0; j < m.columns; j++, at++) if ((per === "output" ? i : j) === index) out.data[at] *= factor;
  return out;
}
