// A layer's magnitudes as a row of knobs: four at the outputs, or five at the inputs. Turn one: how many outputs move?
import { button, choice, h, isLow, say } from "../ui/dom.js";
import { mount } from "../ui/figure.js";
import { dial } from "./dial.js";
import { bothTried, count, play } from "./layer.js";
import { knobAt, layout } from "./layout.js";
import { picture } from "./picture.js";
import { alone, COLUMNS, digits, place, rows, score, sentence, whose } from "./words.js";

export const KEYS = ["weight", "x", "per", "output_knobs", "input_knobs", "told"];
const AXES = ["output", "input"];
const EVIDENCE = "book/4-shape-mismatch.html", VERDICT = "#the-verdict-one-magnitude-per-output";

export function describe(state) {
  const facts = play(state);
  return { sentence: sentence(facts, state), columns: COLUMNS, rows: rows(facts), facts, told: state.told || bothTried(facts) };
}

function build({ stage, foot, set, state, afterwards }) {
  const where = sides(set), board = bench(state, set, afterwards), reveal = verdict(set);
  foot.prepend(reveal.el);
  stage.append(h("div", { class: "dora-kn" }, h("div", { class: "dora-kn-head" },
    h("p", { class: "dora-kn-ask" }, h("span", {}, "Turn one knob."), " ", h("span", {}, "How many outputs move?")), where.el), board.el));
  return (said, current) => [where, board, reveal].forEach((part) => part.update(said, current));
}

/** The switch, which keeps each side's score and, once told, whose it is. */
function sides(set) {
  const { el, set: choose } = choice({
    legend: "Magnitudes m, a knob each:", options: AXES.map((per) => [per, ""]), onchange: (per) => set({ per }),
  });
  const places = [...el.querySelectorAll(".dora-segments span")].map((label) => label.appendChild(h("span", {})));
  const scores = places.map((label) => label.parentNode.appendChild(h("small", {})));
  return {
    el,
    update({ facts, told }, { per }) {
      choose(per);
      AXES.forEach((axis, a) => {
        const who = told ? `, ${whose(axis)}` : "";
        say(places[a], place(facts.weight, axis));
        say(scores[a], `${alone(facts, axis)}${who}`);
        scores[a].dataset.lit = count(facts, axis) !== null;
      });
    },
  };
}

/** The picture with the knobs on it. */
function bench(state, set, afterwards) {
  const drawn = picture(), tally = h("p", { class: "dora-kn-tally", "aria-hidden": "true" }, h("b"), h("span"));
  const el = h("div", { class: "dora-kn-bench" }, drawn.el, tally);
  const rowsOf = { output: [], input: [] };
  let at = null, seen = "";

  function fit(facts) {
    const width = Math.floor(el.clientWidth) || 320, low = isLow(el), key = [width, low, facts.weight.rows, ...facts.weight.data, ...facts.x].join();
    if (key === seen) return;
    seen = key;
    at = layout(width, facts.weight, low);
    el.style.height = `${at.height}px`;
    Object.assign(tally.style, { left: `${at.y.left}px`, right: 0, top: 0, height: `${at.grid.top - 4}px` });
    drawn.fit(at, facts);
  }

  /** As many dials as the row has places; the others leave. */
  function follow(facts, per) {
    for (const axis of AXES) {
      const dials = rowsOf[axis], names = `${axis}_knobs`, count = facts.knobs[axis].length;
      while (dials.length > count) dials.pop().el.remove();
      while (dials.length < count) {
        const k = dials.length;
        dials.push(dial({ onchange: (value) => set({ [names]: replaced(state()[names], k, value) }) }));
        el.append(dials[k].el);
      }
      dials.forEach((each, k) => {
        const [left, top] = knobAt(at, per, Math.min(k, facts.knobs[per].length - 1)); // those of the other row wait where this one is
        each.move({ left, top, size: at.dial, away: axis !== per });
        each.set(facts.knobs[axis][k], { m: digits(facts.m[axis][k]), label: `Magnitude of ${axis} ${k}` });
      });
    }
  }

  function draw({ facts }, { per }) {
    fit(facts);
    follow(facts, per);
    drawn.draw(facts, per);
    const moved = count(facts, per);
    say(tally.firstChild, score(facts, per));
    say(tally.lastChild, moved === null ? "outputs move? Drag a knob up or down, or tap it." : "outputs moved");
    tally.dataset.lit = moved !== null;
  }

  const observer = new ResizeObserver(() => { if (el.isConnected) draw(describe(state()), state()); });
  observer.observe(el);
  afterwards(() => observer.disconnect());
  return { el, update: draw };
}

const replaced = (list, k, value) => list.map((old, at) => (at === k ? value : old));

/** A quiet way to the answer, and from there on to where it is shown. */
function verdict(set) {
  const ask = button("Which of them is DoRA?", () => set({ told: true }), { class: "dora-button dora-kn-which" });
  const root = document.documentElement.dataset.content_root; // of the book's own pages
  const here = location.pathname.endsWith(EVIDENCE), to = here ? VERDICT : root === undefined ? null : root + EVIDENCE + VERDICT;
  const link = h(to === null ? "span" : "a", { class: "dora-kn-on", href: to }, `Per output: see ${here ? "below" : "chapter 4"}`);
  return {
    el: h("span", { class: "dora-kn-verdict" }, ask, link),
    update({ told }) {
      const asked = document.activeElement === ask;
      ask.hidden = told;
      link.hidden = !told;
      if (told && asked) link.focus();
    },
  };
}

export default { low: true, rows: (state) => describe(state).rows, render: ({ model, el }) => mount({ model, el, keys: KEYS, given: ["weight", "x"], describe, build }) };
