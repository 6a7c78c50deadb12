// What a race says: its sentence and its table.
import { ARMS, IN, OUT, raceAt, RATES, sharesAt, STEPS, sweepAt, TURN_RANK } from "./race.js";
import { number } from "../core/text.js";

export const NAMES = { lora: "LoRA", output: "per output", input: "per input" };
export const REACHED = 1e-6; // of the starting loss: from here on a student has reached the teacher
const LEVEL = 1.05; // students whose losses are this close are level

/** state: the amounts, rank, rate, seed, norm, steps, and `by` what the losses are shown. What `told` says of all its training. */
export function describe(state) {
  return told({ ...state, steps: goal(state) }, state.by === "rate" ? sweepAt(state) : null);
}

/** The step that a state shows: by learning rate every race stands at its end. */
export function goal({ by, steps }) {
  return by === "rate" ? STEPS : steps;
}

/** The sentence, the table, the race and each arm's standing after state.steps; with a sweep, whole or on its way, of its rates. */
export function told(state, sweep) {
  const now = raceAt(state), shares = sharesAt(now, state.steps);
  const axes = ["output", "input"].map((per) => axis(now, per));
  const standing = { race: now, shares, axes, sweep };
  const names = ARMS.map((arm) => NAMES[arm]);
  if (sweep) return { ...standing, sentence: sweepSentence(state, now, shares, sweep), columns: [`after ${STEPS} steps`, ...names], rows: sweepRows(now, sweep) };
  return { ...standing, sentence: sentence(state, now, shares, axes), columns: ["what", ...names], rows: rows(state, now, shares, axes) };
}

/** One DoRA: its magnitudes against their start, the teacher's marks, how far the furthest is from its own, and direction norms. */
function axis({ problem, students }, per) {
  const marks = problem.marks[per];
  const magnitudes = students[per].magnitudes().map((m, i) => m / problem.norms[per][i]);
  const off = magnitudes.reduce((most, m, i) => Math.max(most, Math.abs(m / marks[i] - 1)), 0);
  return { per, marks, magnitudes, off, norms: students[per].directionNorms(), stretch: students[per].stretch(), order: problem.order };
}

export function percent(share) {
  if (!Number.isFinite(share)) return "no number";
  return share < REACHED ? `less than ${number(100 * REACHED)}%` : `${number(100 * share)}%`;
}

const NOTHING = "The teacher is the frozen weight itself: all three students start there, at loss 0, and there is nothing to learn.";

function teacher({ output, input, turn }) {
  const made = [turn && `turned by a rank-${TURN_RANK} matrix`, output && "rescaled by output", input && "rescaled by input"].filter(Boolean);
  return `The teacher is the frozen weight, ${listed(made)}.`;
}

function sentence(state, now, shares, axes) {
  if (now.nothing) return NOTHING;
  const { steps } = state;
  const standing = steps ? `After ${steps} of ${STEPS} steps, ${ranking(shares)}.` : `All three start level, at a loss of ${number(now.losses.lora[0])}.`;
  return `${teacher(state)} ${standing} The magnitude furthest from the teacher's mark is off by `
    + `${number(100 * axes[0].off)}% per output and ${number(100 * axes[1].off)}% per input.`;
}

/** Who is ahead from which rate to which, and what is left at the rate chosen. */
function sweepSentence(state, now, shares, { points, done }) {
  if (now.nothing) return NOTHING;
  if (!done()) return `${teacher(state)} ${points.length} of ${RATES.length} learning rates are trained.`;
  const spans = [];
  for (const { rate, shares: left } of points) {
    const first = ARMS.filter((arm) => leaders(left).includes(arm)).join();
    if (spans.at(-1)?.first === first) spans.at(-1).to = rate;
    else spans.push({ first, from: rate, to: rate });
  }
  const ahead = spans.map(({ first, from, to }) => {
    const arms = first.split(",");
    const who = arms.length === ARMS.length ? "all three are level" : `${listed(arms.map((arm) => NAMES[arm]))} ${arms.length > 1 ? "are level" : "is ahead"}`;
    return `${who} at ${from === to ? number(from) : `${number(from)} to ${number(to)}`}`;
  });
  const sorted = [...ARMS].sort((a, b) => shares[a] - shares[b]);
  return `${teacher(state)} After ${STEPS} steps, by learning rate: ${listed(ahead)}. At ${number(state.rate)}, ${others(sorted, shares)} of the starting loss left.`;
}

function sweepRows({ nothing }, { points }) {
  return [
    ...points.map(({ rate, shares }) => [`left at rate ${number(rate)}`, ...ARMS.map((arm) => (nothing ? "none to lose" : percent(shares[arm])))]),
    ...points.map(({ rate, least }) => [`least norm of W + BA, times its start, at ${number(rate)}`, "none", number(least.output), number(least.input)]),
  ];
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
    dora("norms of W + BA along its axis, times their start", ({ stretch }) => range(stretch)),
    dora("direction norms per output", ({ norms }) => range(norms.output)),
    dora("direction norms per input", ({ norms }) => range(norms.input)),
  ];
}

export function range(values) {
  const [least, most] = [number(Math.min(...values)), number(Math.max(...values))];
  return least === most ? least : `${least} to ${most}`;
}
