// Three students of one teacher, trained step by step: the same numbers as dorabook/race.py, layers.py and torch's Adam.
import { rates, steps } from "../../race.json";
import { bothNorms } from "../core/decompose.js";
import { matrix } from "../core/matrix.js";

export const OUT = 24;
export const IN = 16;
export const ROWS = 64;
export const TURN_RANK = 2;
export const STEPS = steps; // of a race: the learning rate falls in a straight line to 0 at its end
export const RATES = rates; // that a reader can choose, and that a sweep goes through
export const ARMS = ["lora", "output", "input"];
const REACH = 0.75;
const TURN = 0.5;
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8]; // torch.optim.Adam's own

/** Uniform numbers in [0, 1) from mulberry32, whose state is one whole number of 32 bits. */
export function draws(seed, stream = 0) {
  let state = (seed + stream * 0x9e3779b9) % 2 ** 32;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const fill = (rows, columns, draw) => matrix(rows, columns, Float64Array.from({ length: rows * columns }, draw));
  const normal = () => {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += next();
    return sum - 6;
  };
  return { uniform: (rows, columns) => fill(rows, columns, next), normal: (rows, columns) => fill(rows, columns, normal) };
}

const made = { seed: null };

/** What a seed gives, whatever the amounts: W, X^T X / (rows * OUT), and what the amounts multiply. */
function parts(seed) {
  if (made.seed === seed) return made;
  const from = draws(seed);
  const weight = from.normal(OUT, IN);
  weight.data.forEach((value, i) => { weight.data[i] = value / 4; }); // IN ** -0.5
  const gram = gramOf(from.normal(ROWS, IN));
  const [output, input] = [from.uniform(OUT, 1).data, from.uniform(1, IN).data].map((u) => u.map((draw) => 2 * draw - 1));
  const [left, right] = [from.normal(OUT, TURN_RANK), from.normal(TURN_RANK, IN)];
  const turn = new Float64Array(OUT * IN);
  for (let i = 0; i < OUT; i++) for (let j = 0; j < IN; j++) for (let k = 0; k < TURN_RANK; k++) turn[i * IN + j] += left.data[i * TURN_RANK + k] * right.data[k * IN + j];
  return Object.assign(made, { seed, weight, gram, output, input, turn });
}

/** X^T X / (rows * OUT), (IN, IN): the loss of a difference D is the sum of D * (D gram). */
function gramOf({ data }) {
  const gram = new Float64Array(IN * IN);
  for (let row = 0; row < ROWS; row++)
    for (let i = 0; i < IN; i++) for (let j = 0; j < IN; j++) gram[i * IN + j] += data[row * IN + i] * data[row * IN + j];
  return gram.map((sum) => sum / (ROWS * OUT));
}

/**
 * The teacher of these amounts, each 0 to 1: target = diag(d) (W + T) diag(e), both (OUT, IN).
 * marks.output and marks.input: the norms of target over those of W, where the magnitudes of a student that reaches it
 * stand, against their start. order.output and order.input: indices by their own rescale, the same for every amount.
 */
export function problem({ output, input, turn, seed }) {
  const base = parts(seed);
  const target = matrix(OUT, IN);
  const size = turn * TURN * (1 / 4) * TURN_RANK ** -0.5;
  for (let i = 0, at = 0; i < OUT; i++)
    for (let j = 0; j < IN; j++, at++)
      target.data[at] = (1 + output * REACH * base.output[i]) * (base.weight.data[at] + size * base.turn[at]) * (1 + input * REACH * base.input[j]);
  const [norms, wanted] = [bothNorms(base.weight), bothNorms(target)];
  const over = (per) => wanted[per].map((norm, i) => norm / norms[per][i]);
  const sorted = (values) => Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  return {
    weight: base.weight, gram: base.gram, target, norms,
    marks: { output: over("output"), input: over("input") },
    order: { output: sorted(base.output), input: sorted(base.input) },
  };
}

/** One student: forward() gives the loss at its weights now, step(rate) is one step of Adam from there. */
export function student(asked, { arm, rank, seed, norm }) {
  const weight = asked.weight.data, target = asked.target.data, gram = asked.gram;
  const first = draws(seed, 1).uniform(rank, IN).data.map((draw) => (2 * draw - 1) / 4);
  const A = parameter(first), B = parameter(new Float64Array(OUT * rank));
  const m = arm === "lora" ? null : parameter(asked.norms[arm].slice());
  const perOutput = arm === "output", inGraph = norm === "in graph";
  const adapted = matrix(OUT, IN); // W + BA
  const rescale = new Float64Array(perOutput ? OUT : IN).fill(1); // m / lengths
  const along = new Float64Array(rescale.length); // gradient . (W + BA) / lengths: what moves m
  const difference = new Float64Array(IN);
  const gradient = new Float64Array(OUT * IN); // of the loss, by the merged weight and then by W + BA
  let lengths = asked.norms[arm]; // norms of W + BA

  function adapt() {
    const into = adapted.data, a = A.value, b = B.value;
    into.set(weight);
    for (let i = 0; i < OUT; i++)
      for (let k = 0; k < rank; k++) {
        const left = b[i * rank + k];
        for (let j = 0; j < IN; j++) into[i * IN + j] += left * a[k * IN + j];
      }
    if (!m) return;
    lengths = bothNorms(adapted)[arm];
    for (let g = 0; g < rescale.length; g++) rescale[g] = m.value[g] / lengths[g];
  }

  function forward() {
    adapt();
    const from = adapted.data;
    let loss = 0;
    for (let i = 0; i < OUT; i++) {
      for (let j = 0; j < IN; j++) difference[j] = rescale[perOutput ? i : j] * from[i * IN + j] - target[i * IN + j];
      for (let j = 0; j < IN; j += 4) { // four sums at once: each is a chain of additions that the processor would wait for
        let [a, b, c, d] = [0, 0, 0, 0];
        for (let l = 0, at = j; l < IN; l++, at += IN) {
          const by = difference[l];
          a += by * gram[at];
          b += by * gram[at + 1];
          c += by * gram[at + 2];
          d += by * gram[at + 3];
        }
        loss += difference[j] * a + difference[j + 1] * b + difference[j + 2] * c + difference[j + 3] * d;
        const to = i * IN + j;
        gradient[to] = 2 * a;
        gradient[to + 1] = 2 * b;
        gradient[to + 2] = 2 * c;
        gradient[to + 3] = 2 * d;
      }
    }
    return loss;
  }

  /** From the gradient by the merged weight to that by m and by W + BA: equations 6, 7 and 11 of the DoRA paper. */
  function through() {
    const from = adapted.data;
    along.fill(0);
    for (let i = 0, at = 0; i < OUT; i++) for (let j = 0; j < IN; j++, at++) along[perOutput ? i : j] += gradient[at] * from[at];
    for (let g = 0; g < along.length; g++) along[g] /= lengths[g];
    m.gradient.set(along);
    for (let i = 0, at = 0; i < OUT; i++)
      for (let j = 0; j < IN; j++, at++) {
        const g = perOutput ? i : j;
        gradient[at] = rescale[g] * (inGraph ? gradient[at] - (along[g] / lengths[g]) * from[at] : gradient[at]);
      }
  }

  function step(rate) {
    if (m) through();
    const a = A.value, b = B.value, toA = A.gradient, toB = B.gradient;
    toA.fill(0);
    for (let i = 0; i < OUT; i++)
      for (let k = 0; k < rank; k++) {
        const left = b[i * rank + k];
        let sum = 0;
        for (let j = 0; j < IN; j++) {
          const g = gradient[i * IN + j];
          sum += g * a[k * IN + j];
          toA[k * IN + j] += left * g;
        }
        toB[i * rank + k] = sum;
      }
    A.move(rate);
    B.move(rate);
    m?.move(rate);
  }

  return {
    forward, step,
    parameters: A.value.length + B.value.length + (m ? m.value.length : 0),
    magnitudes: () => m && m.value,
    /** Norms of W + BA along this arm's own axis, as multiples of their start. */
    stretch: () => lengths.map((norm, i) => norm / asked.norms[arm][i]),
    /** Norms along both axes of (W + BA) / norm along this arm's own. */
    directionNorms() {
      const towards = adapted.data.map((value, at) => value / lengths[perOutput ? Math.floor(at / IN) : at % IN]);
      return bothNorms(matrix(OUT, IN, towards));
    },
  };
}

/** Numbers that Adam moves, with both its averages and their corrections. */
function parameter(value) {
  const [gradient, first, second] = [0, 1, 2].map(() => new Float64Array(value.length));
  let [part1, part2] = [1, 1]; // beta to the power of the steps taken
  return {
    value, gradient,
    move(rate) {
      part1 *= BETA1;
      part2 *= BETA2;
      const size = rate / (1 - part1), root = Math.sqrt(1 - part2);
      for (let i = 0; i < value.length; i++) {
        first[i] += (1 - BETA1) * (gradient[i] - first[i]);
        second[i] = BETA2 * second[i] + (1 - BETA2) * gradient[i] * gradient[i];
        value[i] -= (size * first[i]) / (Math.sqrt(second[i]) / root + EPSILON);
      }
    },
  };
}

/** The race of a state, from its start: to(step) trains all three on; losses[arm] holds the start and every step. */
export function race(options) {
  const asked = problem(options);
  const students = Object.fromEntries(ARMS.map((arm) => [arm, student(asked, { ...options, arm })]));
  const losses = Object.fromEntries(ARMS.map((arm) => [arm, [students[arm].forward()]]));
  const nothing = !(options.output || options.input || options.turn); // then the loss is rounding, which Adam would blow up
  let taken = 0;
  return {
    problem: asked, students, losses, nothing,
    taken: () => taken,
    to(step) {
      for (; taken < step; taken++)
        for (const arm of ARMS) {
          const last = losses[arm][taken];
          if (!nothing && Number.isFinite(last)) students[arm].step(options.rate * (1 - taken / STEPS));
          losses[arm].push(nothing || !Number.isFinite(last) ? last : students[arm].forward());
        }
    },
  };
}

/** What each student has left of its starting loss after so many steps, 0 to 1 and more. */
export function sharesAt({ losses, nothing }, step) {
  return Object.fromEntries(ARMS.map((arm) => [arm, nothing ? 0 : losses[arm][step] / losses[arm][0]]));
}

/** Races at all rates, one after the other: on() trains a few steps more, points holds the rates that are at their end. */
function sweep(state) {
  const points = [];
  let now = null;
  return {
    points,
    done: () => points.length === RATES.length,
    on() {
      const rate = RATES[points.length];
      now ??= race({ ...state, rate });
      now.to(Math.min(STEPS, now.taken() + BURST));
      if (now.taken() < STEPS) return;
      const least = (arm) => Math.min(...now.students[arm].stretch());
      points.push({ rate, shares: sharesAt(now, STEPS), least: { output: least("output"), input: least("input") } });
      now = null;
    },
  };
}

const KEPT = 4; // of the last races and sweeps: several figures may race on one page
const BURST = 5; // steps between two looks at the clock
const races = new Map(), sweeps = new Map(); // the latest at the end
const SWEPT = ["output", "input", "turn", "rank", "seed", "norm"]; // what a sweep depends on

function latest(kept, key, make, fits) {
  let found = kept.get(key);
  kept.delete(key);
  if (!found || !fits(found)) found = make();
  kept.set(key, found);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return found;
}

/** The race of a state: only what differs in more than its steps, or a step back, makes a new one. */
function raceOf(state) {
  const key = [...SWEPT, "rate"].map((name) => state[name]).join();
  return latest(races, key, () => race(state), (found) => found.taken() <= state.steps);
}

/** The sweep of a state, whatever its own rate and steps. */
function sweepOf(state) {
  return latest(sweeps, SWEPT.map((name) => state[name]).join(), () => sweep(state), () => true);
}

/** The race of a state after state.steps. */
export function raceAt(state) {
  const found = raceOf(state);
  found.to(state.steps);
  return found;
}

/** Trains for about so many milliseconds towards state.steps, and gives the steps then taken. */
export function towards(state, milliseconds) {
  const found = raceOf(state), end = performance.now() + milliseconds;
  while (found.taken() < state.steps && performance.now() < end) found.to(Math.min(state.steps, found.taken() + BURST));
  return found.taken();
}

/** The sweep of a state, whole. */
export function sweepAt(state) {
  const found = sweepOf(state);
  while (!found.done()) found.on();
  return found;
}

/** Sweeps for about so many milliseconds, and gives the sweep as far as it is. */
export function sweepTowards(state, milliseconds) {
  const found = sweepOf(state), end = performance.now() + milliseconds;
  while (!found.done() && performance.now() < end) found.on();
  return found;
}
