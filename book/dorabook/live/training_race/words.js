// What a race says: its sentence and its table.
import { ARMS, IN, OUT, raceAt, STEPS, TURN_RANK } from "./race.js";
import { number } from "../core/text.js";

export const NAMES = { lora: "LoRA", output: "per output", input: "per input" };
export const REACHED = 1e-6; // of the starting loss: from here on a student has reached the teacher
const LEVEL = 1.05; // students whose losses are this close are level

/** state: the amounts, rank, rate, seed, norm and steps. Returns the sentence, the table, the race and each arm's standing. */
export function describe(state) {
  const now = raceAt(state);
  const shares = Object.fromEntries(ARMS.map((arm) => [arm, now.nothing ? 0 : now.losses[arm][state.steps] / now.losses[arm][0]]));
  const axes = ["output", "input"].map((per) => axis(now, per));
  return { sentence: sentence(state, now, shares, axes), columns: ["what", ...ARMS.map((arm) => NAMES[arm])], rows: rows(state, now, shares, axes), race: now, shares, axes };
}

/** One DoRA: its magnitudes against their start, the teacher's marks, how far the furthest is from its own, and direction norms. */
function axis({ problem, students }, per) {
  const marks = problem.marks[per];
  const magnitudes = students[per].magnitudes().map((m, i) => m / problem.norms[per][i]);
  const off = magnitudes.reduce((most, m, i) => Math.max(most, Math.abs(m / marks[i] - 1)), 0);
  return { per, marks, magnitudes, off, norms: students[per].directionNorms(), order: problem.order };
}

export function percent(share) {
  if (!Number.isFinite(share)) return "no number";
  return share < REACHED ? `less than ${number(100 * REACHED)}%` : `${number(100 * share)}%`;
}

function sentence({ output, input, turn, steps }, now, shares, axes) {
  if (now.nothing) return "The teacher is the frozen weight itself: all three students start there, at loss 0, and there is nothing to learn.";
  const made = [turn && `turned by a rank-${TURN_RANK} matrix`, output && "rescaled by output", input && "rescaled by input"].filter(Boolean);
  const standing = steps ? `After ${steps} of ${STEPS} steps, ${ranking(shares)}.` : `All three start level, at a loss of ${number(now.losses.lora[0])}.`;
  return `The teacher is the frozen weight, ${listed(made)}. ${standing} The magnitude furthest from the teacher's mark is off by `
    + `${number(100 * axes[0].off)}% per output and ${number(100 * axes[1].off)}% per input.`;
}

export function ranking(shares) {
  const lost = ARMS.filter((arm) => !Number.isFinite(shares[arm]));
  if (lost.length) return `the loss of ${listed(lost.map((arm) => NAMES[arm]))} is no number any more: lower the learning rate`;
  const first = leaders(shares);
  const reached = first.filter((arm) => shares[arm] < REACHED);
  const rest = ARMS.filter((arm) => shares[arm] >= REACHED).sort((a, b) => shares[a] - shares[b]);
  if (reached.length === ARMS.length) return `all three have reached it: each has ${percent(0)} of its starting loss left`;
  if (reached.length)
    return `${listed(reached.map((arm) => NAMES[arm]))} ${reached.length > 1 ? "have" : "has"} reached it, with ${percent(0)} of the starting loss left; ${others(rest, shares)}`;
  const left = listed(first.map((arm) => percent(shares[arm])));
  if (first.length === ARMS.length) return `all three are level, ${listed(rest.map((arm) => NAMES[arm]))} with ${left} of the starting loss left`;
  const who = first.length > 1 ? `${listed(first.map((arm) => NAMES[arm]))} are level, with` : `${NAMES[first[0]]} is ahead, with`;
  return `${who} ${left} of the starting loss left; ${others(rest.slice(first.length), shares)}`;
}

/** Who has reached the teacher; else who is ahead, with all that are level with it, the least loss first. */
export function leaders(shares) {
  const reached = ARMS.filter((arm) => shares[arm] < REACHED);
  if (reached.length) return reached;
  const order = [...ARMS].sort((a, b) => shares[a] - shares[b]);
  return order.filter((arm) => shares[arm] <= LEVEL * shares[order[0]]);
}

function others(arms, shares) {
  return listed(arms.map((arm, i) => `${NAMES[arm]} ${i ? "" : "has "}${percent(shares[arm])}`));
}

/** a, b and c. */
function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function rows({ steps }, now, shares, axes) {
  const each = (name, value) => [name, ...ARMS.map(value)];
  const dora = (name, value) => [name, "none", ...axes.map(value)];
  return [
    each("numbers trained", (arm) => String(now.students[arm].parameters)),
    each("loss at the start", (arm) => (now.nothing ? "0" : number(now.losses[arm][0]))),
    each(`loss after step ${steps}`, (arm) => (now.nothing ? "0" : number(now.losses[arm][steps]))),
    each("of the starting loss", (arm) => (now.nothing ? "none to lose" : percent(shares[arm]))),
    dora("magnitudes", ({ per }) => String(per === "output" ? OUT : IN)),
    dora("magnitudes, times their start", ({ magnitudes }) => range(magnitudes)),
    dora("the teacher's marks, times the start", ({ marks }) => range(marks)),
    dora("furthest from its mark", ({ off }) => `${number(100 * off)}%`),
    dora("direction norms per output", ({ norms }) => range(norms.output)),
    dora("direction norms per input", ({ norms }) => range(norms.input)),
  ];
}

export function range(values) {
  const [least, most] = [number(Math.min(...values)), number(Math.max(...values))];
  return least === most ? least : `${least} to ${most}`;
}
