// NormExplorer's sentence and table.
import { OTHER } from "../core/decompose.js";
import { agrees, shows } from "./explain.js";
import { fixed, measured, number, plural, settled, shape } from "../core/text.js";

const LISTED_ROWS = 12;
const COLUMNS = ["output or input", "norm of the weight", "magnitude m", "norm of the direction"];

export function sentence(facts) {
  return [axis(facts), direction(facts), zeros(facts), update(facts), poke(facts)].filter(Boolean).join(" ");
}

/** The shapes on the way to m: how the matrix lies, how the code reads it, what comes out. */
export function shapes({ state, size, measured }) {
  const [out, into] = size;
  const stored = state.storage === "out,in" ? [out, into] : [into, out];
  const read = state.fan_in_fan_out ? [stored[1], stored[0]] : stored;
  const dim = state.per === "output" ? 1 : 0;
  const count = measured === "output" ? out : into;
  return { stored, read, dim, m: dim === 1 ? [count, 1] : [1, count] };
}

function axis(facts) {
  const { state, measured, size } = facts;
  const [out, into] = size, other = OTHER[measured];
  const { stored, read, dim, m } = shapes(facts);
  if (agrees(state)) {
    const summed = plural(measured === "output" ? into : out, other);
    return `One magnitude per ${measured}: m is ${shape(...m)}, and each of its numbers is the root of a sum of squares over ${summed}.`;
  }
  const told = `The matrix is stored ${shape(...stored)}, ${state.storage.replace(",", " by ")}, yet fan_in_fan_out is `
    + `${state.fan_in_fan_out ? "True" : "False"}, so the code reads it as ${shape(...read)} and its norm over dim=${dim} sums over the `
    + `${other}s: m comes out ${shape(...m)}, one per ${measured}, not one per ${state.per}.`;
  return told + (size[0] === size[1]
    ? " The layer is square, so every shape fits and nothing complains."
    : ` Adding the update, which is ${shape(...size)}, fails here: the shapes do not match.`);
}

function direction({ state, whole, measured: axis, directionNorms }) {
  if (!agrees(state) || !shows(state, "direction")) return "";
  const across = directionNorms[OTHER[axis]];
  const [low, high] = [Math.min, Math.max].map((most) => measured(across.reduce((a, b) => most(a, b)), whole));
  const spread = low === high ? `is ${low}` : `runs from ${low} to ${high}`;
  return `The direction has norm 1 for every ${axis}; per ${OTHER[axis]} its norm ${spread}.`;
}

function zeros({ measured, zeros: [first] }) {
  return first === undefined ? "" : `The norm of ${measured} ${first} is 0, so it has no direction: dividing by that norm gives NaN.`;
}

function update(facts) {
  const { state, whole, measured, fits, turned } = facts;
  if (!whole || state.scaling === 0 || !fits) return "";
  return `With s = ${number(state.scaling)} the direction of an ${measured} turns by up to ${fixed(turned, 0)} degrees, and m stays: the green marks are the norms of W + sBA.`;
}

function poke({ state, whole, measured, chosen, moved, size }) {
  if (!whole || state.poke === 1) return "";
  const who = measured === "output" ? `output ${chosen} alone` : `${moved.outputs} of ${plural(size[0], "output")}`;
  const [entries, all] = [moved.entries, size[0] * size[1]].map(thousands);
  return `The magnitude of ${measured} ${chosen} times ${number(state.poke)} moves ${entries} of ${all} entries of the `
    + `merged weight, so ${who} can change, marked \u0394${measured === "input" && moved.outputs < size[0] ? ": the others do not read that input" : ""}.`;
}

function thousands(count) {
  return plural(count, "").split(" ")[0];
}

export function columns({ state }) {
  return shows(state, "direction") ? COLUMNS : COLUMNS.slice(0, -1);
}

export function rows({ state, size, whole, measured: axis, norms, directionNorms }) {
  return ["output", "input"].flatMap((per) => picked(norms[per], size[0] + size[1] <= LISTED_ROWS).map(([index, note]) => {
    const norm = measured(norms[per][index], whole);
    const towards = shows(state, "direction") ? [per === axis ? number(directionNorms[per][index]) : measured(directionNorms[per][index], whole)] : [];
    return [`${per} ${index}${note}`, norm, per === axis ? norm : "not m", ...towards];
  }));
}

/** Which indices the table lists: all, or the largest, the smallest and the first few, six in all. */
function picked(lengths, everything) {
  if (everything) return Array.from(lengths, (_, index) => [index, ""]);
  const round = Array.from(lengths, settled);
  const largest = round.indexOf(Math.max(...round)), smallest = round.indexOf(Math.min(...round));
  const ends = new Set([largest, smallest]);
  const others = [...Array(Math.min(LISTED_ROWS / 2, lengths.length)).keys()].filter((index) => !ends.has(index));
  const kept = [...ends, ...others.slice(0, LISTED_ROWS / 2 - ends.size)].sort((a, b) => a - b);
  const note = (index) => (index === largest ? " (largest)" : index === smallest ? " (smallest)" : "");
  return kept.map((index) => [index, note(index)]);
}
