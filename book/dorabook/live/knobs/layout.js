// Where everything stands, for a given width in pixels: x above its columns of the weight, y at the right of its rows, and between
// them two lanes for the knobs. What stands where depends on the width and the shape alone, so that turning moves only what it turns.

const NARROW = 480;

export function layout(width, { rows, columns }) {
  const narrow = width < NARROW;
  const lane = narrow ? 40 : 50, tall = narrow ? 39 : 42, beside = narrow ? 0.35 * width : Math.max(330, 0.54 * width - lane);
  const cell = Math.max(24, Math.min(64, Math.floor((width - lane - beside) / columns)));
  const x = { name: 11, value: narrow ? 24 : 26, top: narrow ? 29 : 32, bottom: narrow ? 58 : 64 };
  const grid = { left: 1, top: x.bottom + lane, width: cell * columns, height: tall * rows };
  const right = grid.left + grid.width, bottom = grid.top + grid.height;
  const name = narrow ? 4 : 30, values = narrow ? 0 : 108; // beside the bars, where there is room
  const y = { left: right + lane + name, right: width - values - 2, thick: narrow ? 12 : 20, down: narrow ? 8 : 0, values };
  return {
    narrow, width, height: bottom + 20, cell, tall, lane, x, y, grid, right, bottom,
    dial: Math.min(narrow ? 40 : 48, cell - 1, tall + 3), // across
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
