// The sentences of the rules that this reader and dorabook.checkpoint share.
import { sentences } from "../../../checkpoint/rules.json";
import { shaped } from "./text.js";
import { whole } from "../../core/whole.js";

/** A sentence of the rules: `{n}` is a number, a shape or a word, and `{n|one|many}` a word that follows the number n. */
export function say(sentence, values = {}) {
  return sentences[sentence].replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (place, name, one, many) => {
    const value = values[name];
    if (one !== undefined) return value === 1 ? one : many;
    return Array.isArray(value) ? shaped(value) : typeof value === "number" ? whole(value) : value;
  });
}

const compiled = new Map(); // patterns are few, and tried on each of many names
function ofWhole(pattern) {
  if (!compiled.has(pattern)) compiled.set(pattern, new RegExp(`^(?:${pattern})$`, "su"));
  return compiled.get(pattern);
}

/** What `pattern` finds in the whole text, whose lines may end anywhere, or null. */
export const matched = (pattern, text) => ofWhole(pattern).exec(text);

const PAUSE = 256; // items between two pauses

/** use(item) on each of `items`, with pauses in which a page may draw and be told to stop. */
export function* each(items, use) {
  let count = 0;
  for (const item of items) {
    use(item);
    if ((count += 1) % PAUSE === 0) yield null;
  }
}

/** `pattern` as a rule of names is meant: a dot is any character. */
export const ofNames = (pattern, flags = "") => new RegExp(pattern, `su${flags}`);

/** `text` after each [RegExp, replacement] in turn; a replacement names groups as $1. */
export const rewritten = (pairs, text) => pairs.reduce((said, [pattern, replacement]) => said.replace(pattern, replacement), text);
