// Where everything of NormExplorer's picture goes, in pixels: the matrix, a lane of bars and a lane of dots at each side.
import { LOWEST } from "../ui/dom.js";

const TALL = 190; // of a grid on a wide figure, so that picture, controls and sentence are on one screen,
const LEAST = 28; // unless its cells would be too low to read
const BROAD = 54; // of a cell at most: the numbers below it need more room than its own
const LOW = { rows: 2, side: 24, tall: 88 }; // of the lowest figure: with more rows the direction's norms have no room; a cell; the grid
const LARGEST_GRID = 144; // entries: above, or where a cell would be too small to read, the matrix is a picture

/**
 * width: of the container. rows, columns: of the matrix as drawn. whole: are the entries at hand, or only an overview?
 * dots: are the direction's norms drawn? Where not, their lanes have no size. low: pixels of the whole figure, or false.
 * Returns boxes { x, y, w, h } named matrix, bars.rows, bars.columns, dots.rows, dots.columns, and the whole size.
 */
export function layout({ width, rows, columns, whole, dots: asked = true, low = false }) {
  const more = low && low - LOWEST; // is the grid's
  const narrow = width < 520, dots = asked && !(low && rows > LOW.rows);
  const left = narrow ? 40 : 56, top = low ? 36 : narrow ? 50 : 44, gap = low ? 4 : narrow ? 6 : 12;
  const lane = low ? { bars: narrow ? 74 : 170, dots: narrow ? 58 : 120, tall: dots ? 36 : 44, low: 36 } : narrow ? { bars: 74, dots: 58, tall: 76, low: 62 } : { bars: 170, dots: 120, tall: dots ? 84 : 104, low: 58 };
  if (!dots) Object.assign(lane, { bars: lane.bars + lane.dots, dots: 0, low: 0 });
  const room = width - left - 2 * gap - lane.bars - lane.dots, most = Math.max(rows, columns);
  const side = Math.floor(Math.min(room / most, low ? Math.min(LOW.side + more / rows, (LOW.tall + more) / rows) : narrow ? 42 : Math.max(LEAST, Math.min(72, TALL / most)))); // the same when turned
  const broad = narrow && !low ? side : Math.max(side, Math.floor(Math.min(BROAD, room / most))); // room for the numbers below a cell
  const grid = whole && rows * columns <= LARGEST_GRID && side >= 18;
  const [w, h] = grid ? [broad * columns, side * rows] : pictureSize(room, rows, columns);
  lane.bars += Math.max(0, Math.min(64, room - w)); // what the matrix leaves
  const x = left;
  const right = x + w + gap, below = top + h + gap;
  return {
    narrow, low: Boolean(low), grid, cell: [w / columns, h / rows], lane, left, top,
    matrix: { x, y: top, w, h },
    bars: { rows: { x: right, y: top, w: lane.bars, h }, columns: { x, y: below, w, h: lane.tall } },
    dots: { rows: { x: right + lane.bars + gap, y: top, w: lane.dots, h }, columns: { x, y: below + lane.tall + gap, w, h: lane.low } },
    height: below + lane.tall + (dots ? gap + lane.low : 0) + (low ? 0 : 4),
  };
}

function pictureSize(room, rows, columns) {
  const tallest = 260, least = 96;
  const h = Math.max(least, Math.min(tallest, (room * rows) / columns));
  const w = Math.max(least, Math.min(room, (Math.max(h, least) * columns) / rows));
  return [Math.round(w), Math.round(h)];
}
