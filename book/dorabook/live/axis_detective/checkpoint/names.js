// A layer's name in one library's spelling, as dorabook/checkpoint/names.py has it.
import { names as rules } from "../../../checkpoint/rules.json";
import { ofNames, rewritten } from "./rules.js";

const WRAPPERS = ofNames(rules.wrappers, "g"), BLOCK = ofNames(rules.block);
const NEUTRAL = ofNames(`^(?:${rules.neutral})*(?=.)`);
const COMPONENTS = Object.entries(rules.components).map(([word, begins]) => [word, ofNames(`^(?:${begins})(?=.)`)]);
const SPELLINGS = rules.spellings.map(([pattern, replacement]) => [ofNames(pattern), replacement]);

/** [the part of a model that a name is in, "" where it does not say, and the layer's name there, in one library's spelling]. */
export function canonical(name) {
  let rest = name.replaceAll(".", "_").replace(WRAPPERS, "").replace(/^_+|_+$/g, "") || name;
  let component = "";
  rest = rest.replace(NEUTRAL, "");
  for (const [word, begins] of COMPONENTS) {
    if (!begins.test(rest)) continue;
    component = word;
    rest = rest.replace(begins, "").replace(NEUTRAL, "");
    break;
  }
  rest = rest.replace(BLOCK, (block) => rules.blocks[block] ?? block);
  return [component, rewritten(SPELLINGS, rest)];
}
