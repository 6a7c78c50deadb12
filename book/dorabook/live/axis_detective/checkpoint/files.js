// Which of the chosen files is the adapter and which the base: by what they hold, in whatever order they come.
import { files as rules } from "../../../checkpoint/rules.json";
import { layersOf, stemsOf } from "./families.js";
import { each, say } from "./rules.js";
import { Refused, readHeader } from "./safetensors.js";
import { clipped } from "./text.js";

const CONFIG = "adapter_config.json";

/**
 * { adapter: { source, tensors, stems, layers, saysDora }, base: { name, tensors } or null }; a base's tensors are { source, key, dtype, shape, start, end }.
 * saysDora is that a chosen configuration says so, peft's or mlx-lm's, or "".
 */
export function* openFiles(all) {
  const configs = all.length > 1 ? all.filter(({ name }) => name === CONFIG) : [];
  const sources = all.filter((source) => !configs.includes(source)), opened = [];
  const isIndex = ({ name }) => name.endsWith(".json");
  const indexes = sources.filter(isIndex);
  for (const source of sources) {
    if (!isIndex(source) || sources.length === 1) opened.push({ source, tensors: yield* readHeader(source) });
  }
  if (!opened.length) throw new Refused(`${clipped(indexes[0].name)} is an index: choose the adapter and the files it names too`);
  for (const one of opened) {
    one.stems = yield* stemsOf(one.tensors);
    one.layers = yield* layersOf(one.tensors, one.stems);
  }
  const adapters = opened.filter(({ layers }) => layers.length);
  if (adapters.length > 1) {
    const [one, other] = adapters.map(({ source }) => clipped(source.name)), both = say("two adapters", { one, other });
    throw Object.assign(new Refused(both), { adapters: adapters.map(({ source }) => source.name) });
  }
  const adapter = adapters[0] ?? opened.reduce((one, other) => (other.source.size < one.source.size ? other : one));
  const rest = opened.filter((one) => one !== adapter);
  for (const source of configs) {
    const config = yield* asJson(source), says = config?.use_dora === true ? "use_dora" : config?.fine_tune_type === "dora" ? "dora" : "";
    if (says) adapter.saysDora = `${CONFIG} says ${says}`;
  }
  const maps = [];
  for (const source of indexes.filter(({ name }) => name.endsWith(".index.json") || (rest.length && indexes.length === 1))) {
    maps.push({ source, shards: yield* weightMap(source) });
  }
  if (maps.length) return { adapter, base: yield* sharded(maps[0], opened) };
  return { adapter, base: rest.length ? { name: clipped(rest[0].source.name), tensors: yield* together(rest) } : null };
}

/** The index of a sharded model: [name of a tensor, name of its file] of each. */
function* weightMap(source) {
  const name = clipped(source.name), refuse = (sentence, shard = "") => { throw new Refused(say(sentence, { name, shard: clipped(shard) })); };
  const map = (yield* asJson(source))?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) refuse("no map");
  const shards = Object.entries(map);
  if (!shards.every(([, shard]) => typeof shard === "string")) refuse("no map");
  const outside = shards.find(([, shard]) => /[\\/\0]/.test(shard) || ["", ".", ".."].includes(shard));
  if (outside) refuse("outside", outside[1]);
  return shards;
}

/** What a text of JSON holds, or null where it is none or absurdly long. */
function* asJson(source) {
  if (source.size > rules.longest_header || !source.size) return null;
  const bytes = yield { source, start: 0, end: source.size };
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return null;
  }
}

function* sharded({ source, shards }, opened) {
  const files = new Map(opened.map((one) => [one.source.name, one]));
  const tensors = new Map();
  const missing = shards.find(([, shard]) => !files.has(shard));
  const refuse = (sentence, shard, key = "") => { throw new Refused(say(sentence, { name: clipped(source.name), shard: clipped(shard), key: clipped(key) })); };
  if (missing) refuse("no shard", missing[1]);
  yield* each(shards, ([key, shard]) => {
    const file = files.get(shard), tensor = file.tensors.get(key);
    if (!tensor) refuse("no tensor", shard, key);
    tensors.set(key, { source: file.source, key, ...tensor });
  });
  return { name: clipped(source.name), tensors };
}

/** The tensors of several files; a name in two of them says that they are not one model's. */
function* together(opened) {
  const all = new Map();
  for (const { source, tensors } of opened) {
    yield* each(tensors, ([key, tensor]) => {
      const held = all.get(key), [name, one, other] = [opened[0].source, held?.source, source].map((file) => clipped(file?.name ?? ""));
      if (held) throw new Refused(say("twice", { name, key: clipped(key), one, other }));
      all.set(key, { source, key, ...tensor });
    });
  }
  return all;
}
