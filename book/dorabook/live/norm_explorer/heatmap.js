// A matrix on a canvas, one pixel an entry, enlarged by CSS: as a cell's colours, grey above 0, violet below, the ground at 0.
import { h } from "../ui/dom.js";
import { colour } from "../ui/theme.js";

const STEPS = 127;

export function heatmap() {
  const canvas = h("canvas", { class: "dora-ne-map", "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  let image = null, inks = null;

  /** m (rows, columns) as drawn, or turned where `turned`; `top` is the size of the strongest colour. */
  function draw(m, turned, top) {
    const width = turned ? m.rows : m.columns, height = turned ? m.columns : m.rows;
    if (canvas.width !== width || canvas.height !== height || !image) {
      canvas.width = width;
      canvas.height = height;
      image = context.createImageData(width, height);
    }
    inks ??= palette(...["cell", "frozen", "below"].map((name) => colour(canvas, name).match(/\d+/g).map(Number)));
    const pixels = new Uint32Array(image.data.buffer);
    const factor = top > 0 ? STEPS / top : 0;
    for (let i = 0, at = 0; i < m.rows; i++)
      for (let j = 0; j < m.columns; j++, at++) {
        const level = Math.max(-STEPS, Math.min(STEPS, Math.round(m.data[at] * factor)));
        pixels[turned ? j * width + i : at] = inks[level + STEPS];
      }
    context.putImageData(image, 0, 0);
  }

  return { canvas, draw, forget() { inks = null; } };
}

function palette(ground, above, below) {
  const inks = new Uint32Array(2 * STEPS + 1);
  const bytes = new Uint8ClampedArray(inks.buffer);
  for (let level = -STEPS; level <= STEPS; level++) {
    const towards = level < 0 ? below : above;
    const part = Math.abs(level) / STEPS;
    for (let c = 0; c < 3; c++) bytes[4 * (level + STEPS) + c] = ground[c] + part * (towards[c] - ground[c]);
    bytes[4 * (level + STEPS) + 3] = 255;
  }
  return inks;
}
