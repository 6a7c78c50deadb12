// Which of the chosen files is the adapter and which the base: by what they hold, in whatever order they come.
import { files as rules } from "../../../checkpoint/rules.json";
import { layersOf } from "./families.js";
import { say } from "./rules.js";
import { Refused, readHeader } from "./safetensors.js";
import { clipped } from "./text.js";

/** { adapter: { source, tensors }, base: { name, tensors } or null }; a base's tensors are { source, key, dtype, shape, start, end }. */
export function* openFiles(sources) {
  const isIndex = ({ name }) => name.endsWith(".json");
  const indexes = sources.filter(isIndex), opened = [];
  for (const source of sources) {
    if (!isIndex(source) || sources.length === 1) opened.push({ source, tensors: yield* readHeader(source) });
  }
  if (!opened.length) throw new Refused(`${clipped(indexes[0].name)} is an index: choose the adapter and the files it names too`);
  const adapters = opened.filter(({ tensors }) => layersOf(tensors).length);
  if (adapters.length > 1) {
    const both = `${clipped(adapters[0].source.name)} and ${clipped(adapters[1].source.name)} both hold magnitudes: judge one adapter at a time`;
    throw Object.assign(new Refused(both), { adapters: adapters.map(({ source }) => source.name) });
  }
  const adapter = adapters[0] ?? opened.reduce((one, other) => (other.source.size < one.source.size ? other : one));
  const rest = opened.filter((one) => one !== adapter);
  const maps = [];
  for (const source of indexes.filter(({ name }) => name.endsWith(".index.json") || (rest.length && indexes.length === 1))) {
    maps.push({ source, shards: yield* weightMap(source) });
  }
  if (maps.length) return { adapter, base: sharded(maps[0], opened) };
  return { adapter, base: rest.length ? { name: rest[0].source.name, tensors: together(rest) } : null };
}

/** The index of a sharded model: Map of tensor name to file name. */
function* weightMap(source) {
  const refuse = () => { throw new Refused(say("no map", { name: clipped(source.name) })); };
  if (source.size > rules.longest_header) refuse();
  const bytes = source.size ? yield { source, start: 0, end: source.size } : new Uint8Array();
  let map = null;
  try {
    map = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))?.weight_map;
  } catch {
    refuse();
  }
  if (typeof map !== "object" || map === null || Array.isArray(map)) refuse();
  const shards = Object.entries(map);
  if (!shards.every(([, shard]) => typeof shard === "string" && !/[\\/\0]/.test(shard))) refuse();
  return shards;
}

function sharded({ source, shards }, opened) {
  const files = new Map(opened.map((one) => [one.source.name, one]));
  const tensors = new Map();
  const missing = shards.find(([, shard]) => !files.has(shard));
  const refuse = (sentence, shard, key = "") => { throw new Refused(say(sentence, { name: clipped(source.name), shard: clipped(shard), key: clipped(key) })); };
  if (missing) refuse("no shard", missing[1]);
  for (const [key, shard] of shards) {
    const file = files.get(shard), tensor = file.tensors.get(key);
    if (!tensor) refuse("no tensor", shard, key);
    tensors.set(key, { source: file.source, key, ...tensor });
  }
  return { name: source.name, tensors };
}

function together(opened) {
  return new Map(opened.flatMap(({ source, tensors }) => [...tensors].map(([key, tensor]) => [key, { source, key, ...tensor }])));
}
