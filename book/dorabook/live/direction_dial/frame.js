// The part of the plane that DirectionDial draws, in pixels of the drawing, and what of an arrow lies in it.

const VIEW = { left: -4.5, right: 7.5, bottom: -1.5, top: 8.4 };
const UNIT = 44; // pixels per unit
const APART = 6; // pixels from one square of a shaft to the next

export const WIDTH = (VIEW.right - VIEW.left) * UNIT;
export const HEIGHT = (VIEW.top - VIEW.bottom) * UNIT;
export const FRAME = { left: 0, right: WIDTH, top: 0, bottom: HEIGHT };

/** Where a point of the plane lies in the drawing. */
export const at = ([x, y]) => [(x - VIEW.left) * UNIT, (VIEW.top - y) * UNIT];
/** A way in the drawing as one in the plane. */
export const way = ([x, y]) => [x / UNIT, -y / UNIT];
export const pixels = (length) => length * UNIT;

/** The nearest place in the frame, `room` from its edges: where a grip waits whose arrow ends outside. */
export function inside([x, y], room) {
  return [Math.min(WIDTH - room, Math.max(room, x)), Math.min(HEIGHT - room, Math.max(room, y))];
}

/** The piece of a line that lies in the frame, as [[x, y], [x, y]], or null; Liang and Barsky's way. */
export function clipped([x1, y1], [x2, y2]) {
  let [from, to] = [0, 1];
  for (const [step, room] of [[x1 - x2, x1], [x2 - x1, WIDTH - x1], [y1 - y2, y1], [y2 - y1, HEIGHT - y1]]) {
    if (step === 0 && room < 0) return null;
    if (step < 0) from = Math.max(from, room / step);
    if (step > 0) to = Math.min(to, room / step);
  }
  const place = (part) => inside([x1 + part * (x2 - x1), y1 + part * (y2 - y1)], 0); // from far away, rounding is pixels
  return from > to ? null : [from === 0 ? [x1, y1] : place(from), to === 1 ? [x2, y2] : place(to)];
}

/** A small square every few pixels of a line in the frame: never more than the frame's diagonal has room for. */
export function squares([x1, y1], [x2, y2]) {
  const count = Math.ceil(Math.min(Math.hypot(x2 - x1, y2 - y1), Math.hypot(WIDTH, HEIGHT)) / APART);
  return Array.from({ length: count }, (_, i) => edges({
    x: x1 + ((i + 0.5) / count) * (x2 - x1) - 1, y: y1 + ((i + 0.5) / count) * (y2 - y1) - 1, width: 2, height: 2,
  }));
}

export const edges = ({ x, y, width, height }) => ({ left: x, right: x + width, top: y, bottom: y + height });
