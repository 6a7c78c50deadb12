// The header of a .safetensors file and the values of its tensors, read in pieces: a file may be far larger than memory.
// What reads is a generator: it yields { source, start, end }, is given those bytes as a Uint8Array, and yields null
// where a page may draw. Whoever runs it brings the bytes, from memory at once or from a file in turns, or lets it lie.
import { files as rules } from "../../../checkpoint/rules.json";
import { each, matched, say } from "./rules.js";
import { clipped } from "./text.js";
import { whole } from "../../core/whole.js";

const READ = 4 << 20; // bytes of one read
const STEP = 1 << 17; // numbers or letters between two pauses, about a millisecond
const LONG = 1 << 18, DEEP = 8; // letters of a header that are read at once, and how deep brackets may stand in more

/** What is wrong with a file, as a sentence for whoever chose it. */
export class Refused extends Error {}

/** Map of tensor name to { dtype, shape, start, end }, places in the file, in the header's order. */
export function* readHeader(source) {
  const { size } = source, name = clipped(source.name);
  const broken = (why) => { throw new Refused(say("damaged", { name, why })); };
  if (size === 0) throw new Refused(say("empty", { name }));
  const head = yield { source, start: 0, end: Math.min(size, 32) };
  const kind = head[8] !== 0x7b && Object.keys(rules.kinds).find((one) => matched(`${rules.kinds[one]}.*`, String.fromCharCode(...head)));
  if (kind) throw new Refused(say(kind, { name }));
  const length = size < 8 ? Infinity : Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  if (length > rules.longest_header) broken(`it has no header of at most ${whole(rules.longest_header)} bytes`);
  if (8 + length > size) broken(`its header of ${whole(length)} bytes ends after the file`);
  return yield* placed(yield* parsed(yield { source, start: 8, end: 8 + length }, broken), 8 + length, size, broken);
}

/** The header's tensors as a Map. A name that comes twice, half a character or a 1.0 do not survive being written again as they were. */
function* parsed(bytes, broken) {
  const unlike = () => broken("its header is not what safetensors writes"), tensors = new Map();
  let text = "", described = false;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    broken("its header is not JSON");
  }
  for (const { piece, goesOn } of yield* pieces(text, unlike)) {
    const header = object(piece, broken, unlike), { __metadata__: metadata = {}, ...found } = header, fresh = Object.hasOwn(header, "__metadata__") && !goesOn;
    if (fresh && described) unlike();
    described ||= fresh;
    if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) broken("its metadata is not text");
    for (const [key, entry] of Object.entries(found)) {
      if (tensors.has(key)) unlike();
      if (!fits(entry)) broken(`${clipped(key)} has no dtype, shape and place that fit together`);
      tensors.set(key, entry);
    }
    yield null;
  }
  return tensors;
}

/** A long header in objects of some of its entries each, or of its metadata's, which are read in turns. No tensor's entry is long or deep. */
function* pieces(text, unlike) {
  if (text.length <= LONG) return [{ piece: text, goesOn: false }];
  if (!/^\s*\{/.test(text)) unlike();
  const cuts = [];
  let depth = 0, quoted = false, from = 0, entry = 0, pause = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter === "\\") at += 1;
      else if (letter === '"') quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === "{" || letter === "[") depth += 1;
    else if (letter === "}" || letter === "]") depth -= 1;
    else if (letter === "," && at - from > LONG && (depth === 1 || (depth === 2 && METADATA.test(text.slice(entry, entry + 99))))) {
      cuts.push({ at, goesOn: depth === 2 });
      from = at;
    }
    if (letter === "," && depth === 1 && !quoted) entry = at;
    if (depth > DEEP) unlike();
    if (at > pause) {
      pause = at + STEP;
      yield null;
    }
  }
  return [{ at: -1, goesOn: false }, ...cuts].map(({ at, goesOn }, n) => {
    const next = cuts[n], inside = text.slice(at + 1, next?.at), begin = goesOn ? '{"__metadata__":{' : n ? "{" : "";
    if (inside.length > 4 * LONG && !goesOn && !METADATA.test(inside.slice(0, 99))) unlike();
    return { piece: `${begin}${inside}${next ? (next.goesOn ? "}}" : "}") : ""}`, goesOn };
  });
}

const METADATA = /^[\s{,]*"__metadata__"/;

function object(text, broken, unlike) {
  let found = null, again = "";
  try {
    found = JSON.parse(text);
    again = JSON.stringify(found);
  } catch {
    broken("its header is not JSON");
  }
  if (!isObject(found) || outline(text) !== outline(again) || again.replaceAll("\\\\", "").includes("\\ud")) unlike();
  return found;
}

/** How many signs of JSON stand outside its strings, but for the space between: as many as in the same written by another. */
function outline(text) {
  let count = 0, quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted && letter === "\\") at += 1;
    else if (letter === '"') quoted = !quoted;
    if (!quoted && letter > " ") count += 1;
  }
  return count;
}

function fits(entry) {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (typeof dtype !== "string" || !Object.hasOwn(rules.bits, dtype) || !areCounts(shape) || !areCounts(offsets) || offsets.length !== 2) return false;
  const bits = shape.reduce((product, side) => product * BigInt(side), BigInt(rules.bits[dtype]));
  return bits === 8n * BigInt(offsets[1] - offsets[0]);
}

/** Data must lie one after another with nothing between, from the header to the end of the file. */
function* placed(tensors, from, size, broken) {
  const places = Array.from(tensors.values(), (entry) => entry.data_offsets).sort(([a, b], [c, d]) => a - c || b - d), found = new Map();
  let at = 0;
  yield* each(places, ([start, end]) => {
    if (start !== at) broken("its tensors do not lie one after another");
    at = end;
  });
  const more = size - from - at;
  if (more < 0) broken(`it ends ${whole(-more)} bytes too early`);
  if (more > 0) broken(`it goes on for ${whole(more)} bytes after its last tensor`);
  yield* each(tensors, ([key, { dtype, shape, data_offsets: [start, end] }]) => found.set(key, { dtype, shape, start: from + start, end: from + end }));
  return found;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const areCounts = (list) => Array.isArray(list) && list.every((value) => Number.isSafeInteger(value) && value >= 0);

/** Runs a generator whose sources hold all their `bytes`, and returns what it returns. */
export function atOnce(program) {
  let { done, value } = program.next();
  while (!done) ({ done, value } = program.next(value && value.source.bytes.subarray(value.start, value.end)));
  return value;
}

/** All numbers of a tensor of a floating dtype, as Float64Array. */
export function* readNumbers(source, tensor) {
  const numbers = new Float64Array((8 * (tensor.end - tensor.start)) / rules.bits[tensor.dtype]);
  yield* eachPiece(source, tensor, (values, at) => numbers.set(values, at));
  return numbers;
}

/** Sums of squares of a tensor (rows, columns) along both axes, in one pass: { rows, columns }, each a Float64Array. */
export function* sumsOfSquares(source, tensor, rows, columns) {
  const sums = { rows: new Float64Array(rows), columns: new Float64Array(columns) };
  yield* eachPiece(source, tensor, (values, at) => add(values, at, sums));
  return sums;
}

/** values: entries of a matrix from number `at` on, counted row by row. */
function add(values, at, { rows, columns }) {
  const width = columns.length;
  let row = Math.floor(at / width), column = at % width;
  for (let i = 0; i < values.length; row += 1, column = 0) {
    const stop = Math.min(values.length, i + width - column);
    let sum = 0;
    for (; i < stop; i += 1, column += 1) {
      const square = values[i] * values[i];
      sum += square;
      columns[column] += square;
    }
    rows[row] += sum;
  }
}

/** Calls use(values, at) on all numbers of a tensor in order, in pieces that take about a millisecond each. */
function* eachPiece(source, { dtype, start, end }, use) {
  const size = rules.bits[dtype] / 8;
  for (let from = start; from < end; from += READ) {
    const bytes = yield { source, start: from, end: Math.min(from + READ, end) };
    const all = bytes.byteOffset % size ? bytes.slice() : bytes; // typed arrays start at whole numbers
    for (let at = 0; at < all.length; at += STEP * size) {
      const piece = all.subarray(at, at + STEP * size);
      use(DECODE[dtype](piece.buffer, piece.byteOffset, piece.length / size), (from - start + at) / size);
      yield null;
    }
  }
}

const wide = new Float32Array(STEP), words = new Uint32Array(wide.buffer); // a piece of a 16-bit tensor, as float32
let halves = null; // every float16 there is, by its bits

const DECODE = {
  F64: (buffer, at, length) => new Float64Array(buffer, at, length),
  F32: (buffer, at, length) => new Float32Array(buffer, at, length),
  BF16(buffer, at, length) {
    const bits = new Uint16Array(buffer, at, length);
    for (let i = 0; i < length; i += 1) words[i] = bits[i] << 16;
    return wide.subarray(0, length);
  },
  F16(buffer, at, length) {
    halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => half(bits));
    const bits = new Uint16Array(buffer, at, length);
    for (let i = 0; i < length; i += 1) wide[i] = halves[bits[i]];
    return wide.subarray(0, length);
  },
  F8_E4M3: (buffer, at, length) => looked(eighths.F8_E4M3, new Uint8Array(buffer, at, length)),
  F8_E5M2: (buffer, at, length) => looked(eighths.F8_E5M2, new Uint8Array(buffer, at, length)),
};

function looked(table, bits) {
  for (let i = 0; i < bits.length; i += 1) wide[i] = table[bits[i]];
  return wide.subarray(0, bits.length);
}

/** The 256 numbers of each format of eight bits. E5M2 is the first half of a float16. */
const eighths = {
  F8_E4M3: Float32Array.from({ length: 256 }, (_, bits) => {
    const exponent = (bits >> 3) & 15, fraction = bits & 7;
    if ((bits & 127) === 127) return NaN;
    return (bits & 128 ? -1 : 1) * (exponent ? (1 + fraction / 8) * 2 ** (exponent - 7) : fraction * 2 ** -9);
  }),
  F8_E5M2: Float32Array.from({ length: 256 }, (_, bits) => half(bits << 8)),
};

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
