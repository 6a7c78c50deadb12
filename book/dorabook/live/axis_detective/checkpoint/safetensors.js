// The header of a .safetensors file and the values of its tensors, read in pieces: a file may be far larger than memory.
// What reads is a generator: it yields { source, start, end }, is given those bytes as a Uint8Array, and yields null
// where a page may draw. Whoever runs it brings the bytes, from memory at once or from a file in turns, or lets it lie.
import { clipped, shaped } from "./text.js";
import { whole } from "../../core/whole.js";

const BITS = {
  F64: 64, F32: 32, F16: 16, BF16: 16, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, F6_E2M3: 6, F6_E3M2: 6,
  F4: 4, I64: 64, I32: 32, I16: 16, I8: 8, U64: 64, U32: 32, U16: 16, U8: 8, BOOL: 8, C64: 64,
};
const LONGEST_HEADER = 32_000_000; // bytes
const READ = 4 << 20; // bytes of one read
const STEP = 1 << 17; // numbers between two pauses, about a millisecond

const AGAIN = "download or save it again";
const DAMAGED = "it is damaged, or not a safetensors file";
const LIBRARY = "save it again with the safetensors library";
const SAVE = "load it where it was written and save it with safetensors.torch.save_file";

/** What is wrong with a file, as a sentence for whoever chose it. */
export class Refused extends Error {}

/** Map of tensor name to { dtype, shape, start, end }, places in the file, in the header's order. */
export function* readHeader(source) {
  const { name, size } = source;
  const refuse = (text) => { throw new Refused(`${clipped(name)} ${text}`); };
  if (size === 0) refuse(`is empty: ${AGAIN}`);
  const head = yield { source, start: 0, end: Math.min(size, 32) };
  if (head[8] !== 0x7b) otherKind(head, refuse);
  if (size < 8) refuse(`has ${whole(size)} bytes, too few for a safetensors header: it was cut off, so ${AGAIN}`);
  const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER) refuse(`says that its header is longer than ${whole(LONGEST_HEADER)} bytes: ${DAMAGED}`);
  if (8 + length > size) {
    refuse(`says that its header has ${whole(length)} bytes, but ${whole(size - 8)} follow: it was cut off, so ${AGAIN}`);
  }
  const tensors = checked(parse(yield { source, start: 8, end: 8 + length }, refuse), refuse);
  return placed(tensors, 8 + length, size, refuse);
}

/** Refuses what begins like a file of another kind. */
function otherKind(head, refuse) {
  const text = String.fromCharCode(...head);
  if (text.startsWith("PK\x03\x04")) refuse(`is a zip file, as PyTorch's .bin and .pt files are, and not safetensors: ${SAVE}`);
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) refuse(`is a Python pickle and not safetensors: ${SAVE}`);
  if (text.startsWith("GGUF")) refuse("is a GGUF file and not safetensors: give the .safetensors file it was made from");
  if (text.startsWith("version https://git-lfs")) refuse("is a Git LFS pointer and not the file itself: run git lfs pull");
  if (/^[{<]/.test(text)) refuse("is a text and not safetensors: give the file with the tensors");
}

/** The header as [key, entry] in its own order; entry is null where a key of it comes twice or a number is not written in digits. */
function parse(bytes, refuse) {
  const noJson = () => refuse(`has a header that is not JSON: ${DAMAGED}`);
  let text = "", header = null;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    noJson();
  }
  const { deepest, endless, keys } = outline(text);
  if (deepest > 3) refuse(`has a header that nests deeper than safetensors does: ${DAMAGED}`);
  try {
    header = JSON.parse(text, HALF.test(text) ? refuseHalf : undefined);
  } catch {
    noJson();
  }
  if (endless || !isObject(header)) noJson();
  const seen = new Set();
  for (const { key } of keys) {
    if (seen.has(key)) refuse(`names the tensor ${clipped(key)} twice: ${LIBRARY}`);
    seen.add(key);
  }
  return keys.map(({ key, improper }) => [key, improper ? null : header[key]]);
}

const HALF = /\\u[dD][89a-fA-F]/; // how half a character, or one in two halves, is written
const LONE = /[\ud800-\udfff]/u;
const NUMBER = /-?\d[\d.eE+-]*/y;

/** For JSON.parse: no key and no text may hold half a character, as in every library that reads the file. */
function refuseHalf(key, value) {
  if (LONE.test(key) || (typeof value === "string" && LONE.test(value))) throw new Error("half a character");
  return value;
}

/**
 * How deep a JSON text nests, whether a number in it is too large to be one, and the keys of its outer object, each with whether
 * its own object is `improper`: has a key twice, or a list with a number that is not written in digits. 1.0 and -0 are no sizes.
 */
function outline(text) {
  const keys = [];
  let depth = 0, deepest = 0, inner = new Set(), list = false, endless = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "{" || letter === "[") {
      deepest = Math.max(deepest, (depth += 1));
      list = letter === "[";
    } else if (letter === "}" || letter === "]") {
      depth -= 1;
      list = false;
    } else if (letter === "-" || (letter >= "0" && letter <= "9")) {
      NUMBER.lastIndex = at;
      const digits = NUMBER.exec(text)?.[0] ?? letter;
      if (Math.abs(Number(digits)) === Infinity) endless = true;
      if (list && depth === 3 && keys.length && /\D/.test(digits)) keys[keys.length - 1].improper = true;
      at += digits.length - 1;
    }
    else if (letter === '"') {
      const end = closing(text, at);
      if ((depth === 1 || depth === 2) && followedByColon(text, end)) {
        const key = unquoted(text.slice(at, end));
        if (depth === 1) {
          keys.push({ key, improper: false });
          inner = new Set();
        } else if (inner.has(key) && keys.length) {
          keys[keys.length - 1].improper = true;
        }
        if (depth === 2) inner.add(key);
      }
      at = end - 1;
    }
  }
  return { deepest, endless, keys };
}

/** The place after the string that opens at `at`. */
function closing(text, at) {
  for (let i = at + 1; i < text.length; i += 1) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

function followedByColon(text, at) {
  while (" \t\n\r".includes(text[at] ?? ":")) at += 1;
  return text[at] === ":";
}

function unquoted(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text; // not JSON then, which is said when the whole is read
  }
}

function checked(header, refuse) {
  for (const [key, entry] of header) {
    if (key === "__metadata__") {
      if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === "string")) refuse(`has metadata that is not text: ${LIBRARY}`);
    } else {
      checkEntry(key, entry, refuse);
    }
  }
  return header.filter(([key]) => key !== "__metadata__").map(([key, { dtype, shape, data_offsets: [start, end] }]) => [key, { dtype, shape, start, end }]);
}

function checkEntry(key, entry, refuse) {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  const proper = typeof dtype === "string" && areCounts(shape) && areCounts(offsets) && offsets.length === 2 && offsets[0] <= offsets[1];
  if (!proper) refuse(`describes the tensor ${clipped(key)} without a proper dtype, shape and place: it is damaged, so ${AGAIN}`);
  if (!Object.hasOwn(BITS, dtype)) refuse(`stores ${clipped(key)} as ${clipped(dtype)}, a dtype that safetensors does not have: ${LIBRARY}`);
  const bytes = offsets[1] - offsets[0];
  const bits = shape.reduce((product, side) => product * BigInt(side), BigInt(BITS[dtype]));
  if (bits !== 8n * BigInt(bytes)) {
    refuse(`stores ${clipped(key)}, ${shaped(shape)} of ${dtype}, in ${whole(bytes)} bytes, which is not its size: it is damaged, so ${AGAIN}`);
  }
}

/** Data must lie one after another with nothing between, from the header to the end of the file. */
function placed(tensors, from, size, refuse) {
  const sorted = [...tensors].sort(([one, a], [other, b]) => a.start - b.start || a.end - b.end || byCodePoint(one, other));
  let at = 0, previous = "";
  for (const [key, { start, end }] of sorted) {
    if (start < at) refuse(`has ${clipped(previous)} and ${clipped(key)} in the same place: it is damaged, so ${AGAIN}`);
    if (start > at) refuse(`leaves ${whole(start - at)} bytes before ${clipped(key)} unused: it is damaged, so ${AGAIN}`);
    [at, previous] = [end, key];
  }
  const more = size - from - at;
  if (more < 0) refuse(`ends ${whole(-more)} bytes too early: it was cut off, so ${AGAIN}`);
  if (more > 0) refuse(`goes on for ${whole(more)} bytes after its last tensor: it is damaged, so ${AGAIN}`);
  return new Map(tensors.map(([key, entry]) => [key, { ...entry, start: from + entry.start, end: from + entry.end }]));
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const areCounts = (list) => Array.isArray(list) && list.every((value) => Number.isSafeInteger(value) && value >= 0);

/** As Python orders texts, also where a letter takes two places in JavaScript's. */
function byCodePoint(one, other) {
  const [a, b] = [[...one], [...other]];
  const at = a.findIndex((letter, i) => letter !== b[i]);
  if (at < 0) return a.length - b.length;
  return at < b.length ? a[at].codePointAt(0) - b[at].codePointAt(0) : 1;
}

export const FLOATS = ["F64", "F32", "F16", "BF16"];

/** Refuses a tensor whose numbers cannot be read as they stand. */
export function checkFloats(source, key, { dtype }) {
  if (!FLOATS.includes(dtype)) {
    throw new Refused(`${clipped(source.name)} stores ${clipped(key)} as ${dtype}, whose numbers are quantised or not floats: give the file in float32, float16 or bfloat16`);
  }
}

/** Runs a generator whose sources hold all their `bytes`, and returns what it returns. */
export function atOnce(program) {
  let { done, value } = program.next();
  while (!done) ({ done, value } = program.next(value && value.source.bytes.subarray(value.start, value.end)));
  return value;
}

/** All numbers of a tensor of a floating dtype, as Float64Array. */
export function* readNumbers(source, tensor) {
  const numbers = new Float64Array((8 * (tensor.end - tensor.start)) / BITS[tensor.dtype]);
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
  const size = BITS[dtype] / 8;
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
};

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
