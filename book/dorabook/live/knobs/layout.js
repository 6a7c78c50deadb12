// Where everything stands, for a given width in pixels: x above its columns of the weight, y at the right of its rows, and between
// them two lanes for the knobs. What stands where depends on the width and the shape alone, so that turning moves only what it turns.

const NARROW = 480;
const LINES = ["name", "value", "top", "bottom"]; // of an x: its name, its number, and from where to where its bar may go
const WIDE_SIZES = { lane: 50, tall: 41, x: [11, 26, 32, 64], name: 30, values: 108, thick: 20, down: 0, dial: 48, foot: 20 };
const NARROW_SIZES = { lane: 40, tall: 39, x: [11, 24, 29, 58], name: 4, values: 0, thick: 12, down: 8, dial: 40, foot: 20 };
const LOW_SIZES = { lane: 30, tall: 26, x: [0, 11, 16, 34], thick: 9, foot: 2 };

/** low: in 170 pixels, for a weight of four outputs. */
export function layout(width, { rows, columns }, low = false) {
  const narrow = width < NARROW;
  const { lane, tall, name, values, thick, down, dial, foot, ...sizes } = { ...(narrow ? NARROW_SIZES : WIDE_SIZES), ...(low && LOW_SIZES) };
  const beside = narrow ? 0.35 * width : Math.max(330, 0.54 * width - lane);
  const cell = Math.max(24, Math.min(64, Math.floor((width - lane - beside) / columns)));
  const x = Object.fromEntries(LINES.map((line, at) => [line, sizes.x[at]]));
  const grid = { left: 1, top: x.bottom + lane, width: cell * columns, height: tall * rows };
  const right = grid.left + grid.width, bottom = grid.top + grid.height;
  const y = { left: right + lane + name, right: width - values - 2, thick, down, values };
  return {
    narrow, low, width, height: bottom + foot, cell, tall, lane, x, y, grid, right, bottom,
    dial: Math.min(dial, cell - 1, tall + 3), // across
    row: (j) => grid.top + (j + 0.5) * tall, column: (i) => grid.left + (i + 0.5) * cell,
  };
}

/** The middle of knob k of a row. */
export function knobAt(at, per, k) {
  return per === "output" ? [at.right + at.lane / 2, at.row(k)] : [at.column(k), at.x.bottom + at.lane / 2];
}

/** [least, most] of what a bar shows to [from, to] in pixels. */
export function scale([least, most], [from, to]) {
  return (value) => from + ((value - least) / (most - least)) * (to - from);
}

/** A bar from 0 to `now` that stood at `start`: the stretch that is kept, the one that is new and the one that is lost, each [from, to]. */
export function stretches(start, now) {
  const kept = start * now > 0 ? Math.sign(start) * Math.min(Math.abs(start), Math.abs(now)) : 0;
  return { kept: [0, kept], gained: [kept, now], lost: [kept, start] };
}
