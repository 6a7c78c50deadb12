// LoRA, DoRA per output and DoRA per input train side by side on a teacher that the reader shapes.
import { ARMS, RATES, STEPS, sweepTowards, towards, TURN_RANK } from "./race.js";
import { describe as inWords, goal, leaders, NAMES, percent, REACHED, told } from "./words.js";
import { number } from "../core/text.js";
import { button, choice, h, s, say, slider } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { wholeField } from "../ui/log_slider.js";
import { axisPanel } from "./axis.js";
import { byRate, bySteps, lossChart, sample } from "./chart.js";
import { clock } from "./clock.js";

export const KEYS = ["output", "input", "turn", "rank", "rate", "seed", "norm", "steps", "by"];
export const describe = inWords;
const PART = 5; // ms of a frame for training: a link or a moved slider replays all its steps, over a few frames if it must
const SWEEP_PART = 8; // ms of a frame for both, while the rates are swept: 0.2 seconds of training take half a second
const SPEEDS = [[15, "slow"], [60, "steady"], [300, "fast"]]; // steps a second
const TEACHERS = [
  ["rescales outputs", { output: 1, input: 0, turn: 0 }], ["rescales inputs", { output: 0, input: 1, turn: 0 }],
  ["turns", { output: 0, input: 0, turn: 1 }], ["does all three", { output: 1, input: 1, turn: 1 }],
];

/** What the state says as far as it is trained by now: its steps, and with them its sweep, may be on their way, which is `unfinished`. */
function soFar(state) {
  const end = performance.now() + SWEEP_PART, asked = goal(state);
  const steps = towards({ ...state, steps: asked }, PART);
  const sweep = state.by === "rate" ? sweepTowards(state, steps < asked ? 0 : end - performance.now()) : null;
  return { ...told({ ...state, steps }, sweep), steps, unfinished: steps < asked || (sweep !== null && !sweep.done()) };
}

function build({ stage, set, state, afterwards, again }) {
  const views = picture(set, afterwards);
  const drive = controls({ set, state, again, watched: views.el });
  afterwards(drive.end);
  const parts = [teacher({ set, restart: drive.restart }), learners(set), drive, views];
  stage.append(h("div", { class: "dora-race" }, parts.map((part) => part.el)));
  const sentence = stage.parentElement.querySelector("[role=status]");
  return (said, current) => {
    parts.forEach((part) => part.update(said, current));
    const sweeping = said.sweep !== null && said.unfinished;
    sentence.setAttribute("aria-busy", String(drive.running() || sweeping)); // the last words of a run are spoken, not all on the way
    if (said.unfinished) again();
  };
}

/** What the teacher is: three amounts, and four teachers to start from. */
function teacher({ set, restart }) {
  const part = (key, label) => slider({ label, min: 0, max: 1, step: 0.05, show: (v) => `${number(100 * v)}%`, onchange: (v) => set({ [key]: v }) });
  const sliders = {
    output: part("output", "Rescale outputs"),
    input: part("input", "Rescale inputs"),
    turn: part("turn", `Turn, by rank ${TURN_RANK}`),
  };
  const buttons = TEACHERS.map(([text, amounts]) => button(text, () => restart(amounts), { class: "dora-button dora-race-teacher" }));
  return {
    el: h("div", { class: "dora-race-problem" },
      h("div", { class: "dora-race-teachers", role: "group", "aria-label": "A teacher that" }, h("span", { class: "dora-label" }, "A teacher that"), buttons),
      h("div", { class: "dora-race-amounts" }, Object.values(sliders).map((each) => each.el))),
    update(_, state) {
      for (const [key, each] of Object.entries(sliders)) each.set(state[key]);
      TEACHERS.forEach(([, amounts], i) => buttons[i].setAttribute("aria-pressed", String(Object.keys(amounts).every((key) => amounts[key] === state[key]))));
    },
  };
}

/** What all three students share. */
function learners(set) {
  const rank = slider({ label: "Rank of all three", min: 1, max: 8, step: 1, onchange: (v) => set({ rank: v }) });
  let shown = 0;
  const rate = slider({
    label: "Learning rate", min: 0, max: RATES.length - 1, step: 1, show: (at) => number(RATES[at] === nearest(shown) ? shown : RATES[at]),
    onchange: (at) => set({ rate: RATES[at] }),
  });
  const norm = choice({ legend: "DoRA's norm in the backward pass", options: [["detached", "detached"], ["in graph", "in the graph"]], onchange: (v) => set({ norm: v }) });
  const seed = wholeField({ label: "Seed", min: 0, max: 9999, onchange: (v) => set({ seed: v }) });
  return {
    el: h("div", { class: "dora-race-learners" }, rank.el, rate.el, norm.el,
      h("div", { class: "dora-race-seed" }, h("span", { class: "dora-label", "aria-hidden": "true" }, "Seed"), seed.el, seed.note)),
    update(_, state) {
      rank.set(state.rank);
      shown = state.rate;
      rate.set(RATES.indexOf(nearest(state.rate)));
      norm.set(state.norm);
      seed.set(state.seed);
    },
  };
}

const nearest = (rate) => RATES.reduce((best, each) => (Math.abs(Math.log(each / rate)) < Math.abs(Math.log(best / rate)) ? each : best));

/** Run, step, start again, and how fast. */
function controls({ set, state, again, watched }) {
  let mine = state().steps; // what this view last set: any other count comes from a link, a kernel or Reset, and stops the run
  const time = clock({ onsteps: (count) => (state().steps === mine ? to(mine + count) : halt()), watched });
  time.speed(SPEEDS[1][0]);

  function to(steps, changes = {}) {
    mine = Math.min(STEPS, steps);
    if (mine === STEPS) time.stop();
    set({ ...changes, steps: mine, by: "step" });
    write();
  }

  function halt() {
    time.stop();
    again(); // the state may be the same, yet what is said of it is now to be spoken
  }

  function toggle() {
    if (time.running()) return halt();
    to(state().steps >= STEPS ? 0 : state().steps);
    time.start();
    return again();
  }

  function write() {
    say(run, time.running() ? "Pause" : state().steps >= STEPS ? "Run again" : "Run");
    const ended = state().steps >= STEPS;
    step.disabled = ended || time.running();
    if (state().by === "step") say(count, `step ${state().steps} of ${STEPS}`);
  }

  const run = button("Run", toggle, { class: "dora-button dora-race-run" });
  const step = button("One step", () => to(state().steps + 1));
  const back = button("To the start", () => { time.stop(); to(0); });
  const count = h("span", { class: "dora-race-count" });
  const speed = choice({
    legend: "Speed", options: SPEEDS, onchange: time.speed,
  });
  speed.set(SPEEDS[1][0]);
  return {
    el: h("div", { class: "dora-race-drive" }, run, step, back, speed.el, count),
    running: time.running,
    end: time.end,
    restart: (amounts) => (state().by === "rate" ? set(amounts) : to(0, amounts)), // a sweep stays one
    update({ sweep }, { steps }) {
      if (steps !== mine || sweep) time.stop();
      mine = steps;
      if (sweep) say(count, `${sweep.points.length} of ${RATES.length} rates`);
      write();
    },
  };
}

/** The scores, the losses and both DoRAs, drawn anew when the figure's width changes. */
function picture(set, afterwards) {
  const scores = Object.fromEntries(ARMS.map((arm) => [arm, { el: h("b"), word: h("small") }]));
  const chart = lossChart();
  const panels = { output: axisPanel("output"), input: axisPanel("input") };
  const what = h("p", { class: "dora-hint" });
  const by = choice({ legend: "Loss by", options: [["step", "step"], ["rate", "learning rate"]], onchange: (v) => set({ by: v }) });
  const el = h("div", { class: "dora-race-picture" },
    h("div", { class: "dora-race-view" }, what, by.el),
    h("div", { class: "dora-race-scores" }, ARMS.map((arm) => h("p", { class: `dora-race-score dora-race-${arm}` },
      h("span", {}, sample(arm), NAMES[arm]), scores[arm].el, scores[arm].word))),
    chart.el,
    h("p", { class: "dora-hint dora-race-key" }, key("circle", { class: "dora-race-dot", cx: 8, cy: 7, r: 4 }, "magnitude now"),
      key("path", { class: "dora-race-goal", d: "M2 7h13" }, "the teacher's mark"), key("path", { class: "dora-race-start", d: "M0 7h17" }, "the start")),
    h("div", { class: "dora-race-axes" }, Object.values(panels).map((panel) => panel.el)));
  let widths = null, said = null; // measured only when they may have changed: to ask makes the browser lay out at once
  const draw = ({ race, axes, steps, sweep, rate }) => {
    widths ??= { chart: chart.el.clientWidth || 320, panel: panels.output.el.clientWidth || 300 };
    chart.draw(sweep ? byRate(sweep, race.nothing, rate) : bySteps(race, steps), widths.chart);
    for (const axis of axes) panels[axis.per].draw(axis, widths.panel);
  };
  const observer = new ResizeObserver(() => {
    if (chart.el.clientWidth === widths?.chart && panels.output.el.clientWidth === widths.panel) return;
    widths = null;
    if (said) draw(said);
  });
  observer.observe(el);
  afterwards(() => observer.disconnect());
  return {
    el,
    update(now, state) {
      said = { ...now, rate: state.rate };
      by.set(state.by);
      say(what, `Of the starting loss, left${now.sweep ? ` after ${STEPS} steps at rate ${number(state.rate)}` : ""}`);
      const first = now.steps && !now.race.nothing ? leaders(now.shares) : [];
      for (const arm of ARMS) {
        say(scores[arm].el, now.race.nothing ? "–" : percent(now.shares[arm]).replace("less than ", "< "));
        say(scores[arm].word, !first.includes(arm) ? "" : now.shares[arm] < REACHED ? "reached it" : first.length > 1 ? "level" : "ahead");
      }
      draw(said);
    },
  };
}

function key(tag, attributes, text) {
  return h("span", {}, s("svg", { viewBox: "0 0 17 14", width: 17, height: 14, "aria-hidden": "true" }, s(tag, attributes)), text);
}

export default { render: ({ model, el }) => mount({ model, el, keys: KEYS, describe: soFar, build }) };
