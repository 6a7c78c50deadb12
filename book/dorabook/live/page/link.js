// A figure's state in the address: #hero=per:input;poke:1.5;weight:1.2~3.5&second=rank:8
// Only what differs from the authored state is written; what cannot be read is ignored without a word.

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

/** The changes a link asks for, as far as they make sense for this figure. */
export function decode(text, authored, allowed) {
  const changes = {};
  for (const part of text.split(";")) {
    const at = part.indexOf(":");
    const key = part.slice(0, at);
    if (at < 1 || !Object.hasOwn(authored, key)) continue;
    const value = parse(part.slice(at + 1), authored[key], allowed[key]);
    if (value !== undefined) changes[key] = value;
  }
  return changes;
}

/** "#a=x&b=y" as [["a", "x"], ["b", "y"]]; an ordinary anchor gives []. */
export function split(hash) {
  return hash.slice(1).split("&").filter((part) => part.includes("=")).map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at), part.slice(at + 1)];
  });
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
  if (value === undefined || !allowed) return typeof authored === "number" ? value : undefined;
  return fits(value, allowed) ? value : undefined;
}

function fits(value, { least, most, whole }) {
  return value >= least && value <= most && (!whole || Number.isInteger(value));
}

function parseEntries(text, authored, allowed) {
  const changed = structuredClone(authored);
  for (const part of text.split(",")) {
    const [at, digits] = part.split("~");
    const path = at.split(".");
    const value = finite(digits);
    const last = path.pop();
    const row = path.reduce((inner, index) => (Array.isArray(inner) ? inner[index] : undefined), changed);
    if (!/^\d+(\.\d+)*$/.test(at) || value === undefined || !Array.isArray(row) || typeof row[last] !== "number") return undefined;
    if (allowed && !fits(value, allowed)) return undefined;
    row[last] = value;
  }
  return changed;
}

function finite(text) {
  return /^-?\d+(\.\d+)?(e-?\d+)?$/.test(text ?? "") && Math.abs(Number(text)) <= 1e6 ? Number(text) : undefined;
}

function short(value) {
  return String(Number(value.toPrecision(4)));
}
