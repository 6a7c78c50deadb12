// A figure's state in the address: #hero=per:input;poke:1.5;weight:1.2~3.5&second=rank:8
// Only what differs from the authored state is written. A link sets what a control of the figure could have set, within the
// control's ends, and is followed whole or not at all: half of a link would be a state that nobody meant.

export const LONGEST = 8000; // characters: some 600 entries of a weight; the controls of a figure make a tenth of that

/** What differs, as key:value parts; "" where nothing does. A matrix gives row.column~value for each changed entry. */
export function encode(state, authored) {
  const parts = [];
  for (const key of Object.keys(authored).sort()) {
    if (typeof authored[key] === "object" && !Array.isArray(authored[key])) continue; // null, or what no control changes
    const text = Array.isArray(authored[key]) ? entries(state[key], authored[key]) : scalar(state[key], authored[key]);
    if (text) parts.push(`${key}:${text}`);
  }
  return parts.join(";");
}

/**
 * The changes a link asks for. allowed: by key the words, or the ends { least, most, whole, step }, of what a control can set.
 * { changes, refused }: where one part cannot be followed, no changes, and a sentence that names it.
 */
export function decode(text, authored, allowed) {
  const changes = {};
  if (text.length > LONGEST) return { changes, refused: refusal("") };
  for (const part of text ? text.split(";") : []) {
    const at = part.indexOf(":"), key = part.slice(0, Math.max(0, at));
    const known = Object.hasOwn(allowed, key) && Object.hasOwn(authored, key) && !Object.hasOwn(changes, key);
    const value = known ? parse(part.slice(at + 1), authored[key], allowed[key]) : undefined;
    if (value === undefined) return { changes: {}, refused: refusal(part) };
    changes[key] = value;
  }
  return { changes, refused: "" };
}

/** What a figure says where a link cannot be followed. A part that is long or odd is not repeated to the reader. */
export function refusal(part) {
  const asks = /^[\w:.~,+-]{1,40}$/.test(part) ? `asks for ${part}, which this figure cannot show` : "cannot be read";
  return `The link ${asks}, so the figure stands as it starts.`;
}

/** "#a=x&b=y" as [["a", "x"], ["b", "y"]], each name once; an ordinary anchor gives []. */
export function split(hash) {
  const parts = hash.slice(1).split("&").filter((part) => part.includes("="));
  return [...new Map(parts.map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at), part.slice(at + 1)];
  }))];
}

function scalar(value, authored) {
  if (value === authored) return "";
  return typeof value === "number" ? short(value) : encodeURIComponent(String(value));
}

function entries(value, authored) {
  const was = new Map(leaves(authored));
  return leaves(value).filter(([at, leaf]) => was.has(at) && was.get(at) !== leaf).map(([at, leaf]) => `${at}~${short(leaf)}`).join(",");
}

function leaves(value, at = "") {
  return Array.isArray(value) ? value.flatMap((item, i) => leaves(item, at ? `${at}.${i}` : String(i))) : [[at, value]];
}

function parse(text, authored, allowed) {
  if (Array.isArray(authored)) return parseEntries(text, authored, allowed);
  let word;
  try {
    word = decodeURIComponent(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(allowed)) return allowed.find((option) => String(option) === word);
  if (typeof authored === "string") return word;
  const value = finite(word);
  return value !== undefined && fits(value, allowed) ? value : undefined;
}

function fits(value, { least, most, whole, step }) {
  const onStep = !step || value === digits(step * Math.round(value / step));
  return value >= least && value <= most && onStep && (!whole || Number.isInteger(value));
}

function parseEntries(text, authored, allowed) {
  const changed = structuredClone(authored);
  const parts = text.split(",");
  if (parts.length > leaves(authored).length) return undefined;
  for (const part of parts) {
    const [at, digits] = part.split("~");
    const path = at.split(".");
    const value = finite(digits);
    const last = path.pop();
    const row = path.reduce((inner, index) => (Array.isArray(inner) ? inner[index] : undefined), changed);
    if (!/^\d+(\.\d+)*$/.test(at) || value === undefined || !Array.isArray(row) || typeof row[last] !== "number") return undefined;
    if (!fits(value, allowed)) return undefined;
    row[last] = value;
  }
  return changed;
}

function finite(text) {
  return /^-?\d+(\.\d+)?(e-?\d+)?$/.test(text ?? "") && Math.abs(Number(text)) <= 1e6 ? Number(text) : undefined;
}

function short(value) {
  return String(Number.isInteger(value) ? value : digits(value));
}

function digits(value) {
  return Number(value.toPrecision(4));
}
