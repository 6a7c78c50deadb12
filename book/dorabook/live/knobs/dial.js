// One knob: a slider of the browser's own for keyboard and screen reader, drawn round, and turned by dragging.
import { h, s, say } from "../ui/dom.js";
import { MOST, STEPS } from "./layer.js";
import { digits } from "./words.js";

const SWEEP = 135; // degrees to either side of 12 o'clock, where the knob is at 1
const RADIUS = 19; // in a drawing of 48 by 48
const PIXELS = 70; // of a drag, up or to the right, that turn it by 1
const SLIP = 4; // pixels that are no drag yet
const TAP = 1.5;

/** Returns { el, set(value, { m, label }), move({ left, top, size, away }) }; onchange(value) follows every turn. */
export function dial({ onchange }) {
  const input = h("input", { type: "range", min: 0, max: MOST, step: 1 / STEPS, oninput: () => onchange(Number(input.value)) });
  const turned = s("path", { class: "dora-kn-turned" }), hand = s("circle", { class: "dora-kn-hand", r: 4 });
  const m = s("text", { class: "dora-kn-m", y: 4.5 });
  const drawing = s("svg", { viewBox: "-24 -24 48 48", "aria-hidden": "true" },
    s("circle", { class: "dora-kn-face", r: RADIUS }), s("path", { class: "dora-kn-track", d: arc(-SWEEP, SWEEP) }), turned, hand, m);
  const el = h("div", { class: "dora-kn-dial" }, drawing, input);
  turnable(el, input, onchange);
  return {
    el,
    set(value, { m: text, label }) {
      if (Number(input.value) !== value) input.value = value;
      input.setAttribute("aria-label", label);
      input.setAttribute("aria-valuetext", `knob at ${digits(value)}, m = ${text}`);
      const angle = (value - 1) * SWEEP, [x, y] = point(angle);
      turned.setAttribute("d", value === 1 ? "" : arc(Math.min(0, angle), Math.max(0, angle)));
      hand.setAttribute("cx", x);
      hand.setAttribute("cy", y);
      say(m, text);
      m.style.fontSize = `${Math.min(14, 44 / text.length)}px`;
    },
    move({ left, top, size, away }) {
      Object.assign(el.style, { left: `${left - size / 2}px`, top: `${top - size / 2}px`, width: `${size}px`, height: `${size}px` });
      el.classList.toggle("dora-kn-away", away);
      input.disabled = away;
    },
  };
}

/** Dragging turns it, and a tap turns it to 1.5 or back to 1. */
function turnable(el, input, onchange) {
  let grip = null;
  const value = () => Number(input.value);
  const turn = (to) => {
    const next = Math.min(MOST, Math.max(0, Math.round(to * STEPS) / STEPS));
    if (next !== value()) {
      input.value = next;
      onchange(Number(input.value));
    }
  };
  el.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || input.disabled) return;
    event.preventDefault();
    input.focus({ preventScroll: true, focusVisible: false });
    el.setPointerCapture(event.pointerId);
    grip = { x: event.clientX, y: event.clientY, from: value(), dragged: false };
  });
  el.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const along = event.clientX - grip.x + grip.y - event.clientY;
    grip.dragged ||= Math.hypot(event.clientX - grip.x, event.clientY - grip.y) > SLIP;
    if (grip.dragged) turn(grip.from + along / PIXELS);
  });
  const release = (tapped) => {
    if (grip && tapped && !grip.dragged) turn(value() === 1 ? TAP : 1);
    grip = null;
  };
  el.addEventListener("pointerup", () => release(true));
  el.addEventListener("pointercancel", () => release(false));
}

function point(angle) {
  const radians = (angle * Math.PI) / 180;
  return [RADIUS * Math.sin(radians), -RADIUS * Math.cos(radians)].map((part) => Number(part.toFixed(2)));
}

function arc(from, to) {
  return `M${point(from).join(" ")}A${RADIUS} ${RADIUS} 0 ${to - from > 180 ? 1 : 0} 1 ${point(to).join(" ")}`;
}
