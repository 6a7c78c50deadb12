// Which axis an adapter's magnitudes lie along: by shape, and where a layer is square by its base weight's norms.
// The rules and every sentence are those of dorabook.checkpoint, from rules.json; a test runs both on the same files.
// What is wrong with one layer, or with its weight in the base, is said of that layer: it takes nothing from what shapes tell.
import { distance, families, files, fit, names } from "../../../checkpoint/rules.json";
import { READ, baseFinder, mayBeTurned, squareStorage, storage } from "./base.js";
import { openFiles } from "./files.js";
import { besideOf, isFactor, isRead, product, stemsOf, underOf } from "./families.js";
import { reportOf, shown } from "./report.js";
import { each, matched, say } from "./rules.js";
import { clipped } from "./text.js";
import { fitAxis, slopesInWords } from "./values.js";
import { Refused, readNumbers, sumsOfSquares } from "./safetensors.js";
import { number } from "../../core/text.js";

/** sources: the chosen files. Runs as safetensors.js says; returns { sentence, columns, rows, kinds, remedy, layers }. */
export function* judge(sources) {
  const { adapter, base } = yield* openFiles(sources);
  const { layers } = adapter;
  if (!layers.length) throw new Refused(yield* noMagnitudes(adapter));
  yield* placeInBase(layers, adapter, base);
  const under = yield* underOf(adapter.tensors);
  for (const layer of layers) {
    yield* judgeLayer(layer, adapter, base, under);
    yield null;
  }
  const sure = new Map(); // of each library's magnitudes: the axes that shapes told, with how many
  for (const { confidence, embedding, family: { magnitude }, axis } of layers) {
    if (confidence !== "certain" || embedding) continue;
    if (!sure.has(magnitude)) sure.set(magnitude, new Map());
    sure.get(magnitude).set(axis, (sure.get(magnitude).get(axis) ?? 0) + 1);
  }
  yield* each(layers, (layer) => addNeighbours(layer, sure.get(layer.family.magnitude) ?? new Map()));
  return { ...reportOf(layers, adapter.source.name, yield* ofBase(layers, adapter, base)), layers };
}

function* noMagnitudes({ source, tensors, stems, saysDora }) {
  const ends = [...new Set(families.map(({ magnitude }) => magnitude))], last = ends.pop();
  const known = { name: clipped(source.name), ends: `${ends.join(", ")} or ${last}` }, found = yield* unknownName(tensors, stems);
  if (found) return say("unknown name", { ...known, ...found });
  if (saysDora) return say("not saved", { ...known, config: saysDora });
  const { first } = stems;
  if (!first) return say("no magnitudes", known);
  return say(first.includes("lora_") || first.includes(".lora") ? "a LoRA" : "factors", { ...known, key: clipped(first) });
}

/** The first list of numbers beside A and B that is none of what libraries put there too. */
function* unknownName(tensors, stems) {
  const above = (name) => name.slice(0, Math.max(0, name.lastIndexOf(".")));
  for (const [key, { shape }] of tensors) {
    if (shape.filter((side) => side > 1).length !== 1 || !isRead(key) || isFactor(key) || matched(names["no magnitudes"], key)) continue;
    const layer = [above(key), above(above(key))].find((stem) => stem && stems.plain.has(stem.replaceAll(".", "_")));
    if (layer) return { key: clipped(key), shape, layer: clipped(layer) };
    yield null;
  }
  return null;
}

/** Gives each layer its `weight` (a tensor of the base, or null), how that is `stored`, and sizes that it tells. */
function* placeInBase(layers, adapter, base) {
  const find = yield* baseFinder(layers, adapter, base);
  yield* each(layers, (layer) => {
    if (layer.outputs === null && !layer.ranks && matched(names.tokens, layer.name)) layer.embedding = true;
    layer.weight = find(layer);
    layer.stored = layer.weight && storage(layer, layer.weight, base);
  });
  giveOnce(layers);
  const found = layers.filter(({ weight }) => weight);
  const [straight, turned] = [false, true].map((one) => squareStorage(one, found, base));
  for (const layer of found) {
    if (layer.stored === "square") layer.stored = mayBeTurned(layer.name) ? turned : straight;
  }
  found.forEach(takeSizes);
}

/** A weight that layers of several names lead to is given to the one that it fits, or to none. */
function giveOnce(layers) {
  const claims = new Map();
  for (const layer of layers.filter(({ weight }) => weight && !weight.rows && !weight.parts.length)) {
    const at = `${layer.weight.source.name}\0${layer.weight.key}`;
    if (!claims.has(at)) claims.set(at, []);
    claims.get(at).push(layer);
  }
  for (const claim of claims.values()) {
    const names = (some) => new Set(some.map(({ name }) => name)).size;
    if (names(claim) > 1 && names(claim.filter(({ stored }) => stored)) !== 1) claim.forEach((layer) => { layer.stored = "shared"; });
  }
}

/** The sizes of its weight where A and B do not tell them, or where it is a convolution in groups. */
function takeSizes(layer) {
  const { shape } = layer.weight, [a, b] = shape;
  if (layer.outputs === null && !hasFactors(layer) && (layer.stored === "out, in" || layer.stored === "in, out")) {
    [layer.outputs, layer.inputs] = layer.stored === "out, in" ? [a, b] : [b, a];
  } else if (layer.stored === "out, in" && shape.length > 2) layer.inputs = b; // in groups, it has norms of a group's inputs
}

const hasFactors = ({ ranks }) => ranks !== null && !ranks.flat().includes(0);

/** What is wrong with the base for every layer, "" where it has some; also of an adapter that lacks A and B, being a shard. */
function* ofBase(layers, adapter, base) {
  if (!base) return layers.some(({ outputs }) => outputs === null) ? ofShard(clipped(adapter.source.name)) : "";
  const one = ofShard(base.name);
  const said = { name: clipped(adapter.source.name), base: base.name }, found = layers.filter(({ weight }) => weight);
  if (!found.length) {
    if (!base.tensors.size) return say("summary empty", said);
    const { first } = yield* stemsOf(base.tensors);
    if (first) return say("summary factors", { ...said, key: clipped(first) });
    const [, hint] = names.hints.find(([pattern]) => matched(pattern, layers[0].name));
    return `${say("summary unmatched", { ...said, layer: shown(layers[0]), hint })} ${one}`.trim();
  }
  if (found.every(({ stored }) => !stored)) return say("summary misfit", { ...said, layer: shown(found[0]) });
  return found.length < layers.length ? one : "";
}

/** That a file is one of several, by its name. */
function ofShard(base) {
  const shard = matched(names.shard, base), plain = (digits) => digits.replace(/^0+/, "") || "0";
  return shard ? say("summary shard", { base, one: plain(shard[1]), all: plain(shard[2]) }) : "";
}

/** Adds to a layer: axis, confidence, evidence, far, broken, slopes, distance, and open where its shape tells nothing for certain. */
function* judgeLayer(layer, { source, tensors }, base, under) {
  const tensor = tensors.get(layer.key), magnitude = files.floats.includes(tensor.dtype) ? yield* readNumbers(source, tensor) : null;
  Object.assign(layer, { slopes: null, distance: null, far: false, broken: false, open: false }, byShape(layer, under));
  const norms = READ.includes(layer.stored) ? yield* baseNorms(layer) : null;
  const finite = norms !== null && [norms.output, norms.input].every((all) => all.every(Number.isFinite));
  const sound = magnitude !== null && magnitude.every(Number.isFinite);
  if (norms && layer.stored === "unknown") {
    if (layer.open) layer.evidence = say("stored");
  } else if (norms && magnitude) byValue(layer, magnitude, norms);
  layer.evidence += aboutBase(layer, base, norms !== null && !finite);
  if (finite && sound && layer.axis !== "cannot tell") addDistance(layer, magnitude, norms[layer.axis === "per output" ? "output" : "input"]);
  addNumbers(layer, tensor, magnitude);
}

/** What the numbers of m say of themselves: whole norms are finite and not below 0. */
function addNumbers(layer, { dtype }, magnitude) {
  if (!magnitude) {
    layer.evidence += say("unread m", { dtype });
    return;
  }
  const all = magnitude.length, count = (is) => magnitude.reduce((sum, value) => sum + (is(value) ? 1 : 0), 0);
  const broken = count((value) => !Number.isFinite(value)), negative = count((value) => value < 0), zero = count((value) => value === 0);
  if (broken) layer.evidence += say("broken", { broken });
  if (negative) layer.evidence += say("negative", { negative, all });
  if (zero) layer.evidence += say("zero", { zero, all });
  if (all >= fit.fewest && magnitude[0] !== 0 && magnitude.every((value) => value === magnitude[0])) layer.evidence += say("same m", { all });
  layer.broken = broken > 0 || (all > 0 && 4 * negative >= all);
}

function aboutBase({ weight, stored }, base, broken) {
  if (!weight) return base ? say("base without") : "";
  const { shape, dtype, rows } = weight, key = clipped(weight.whole ?? weight.key), keys = weight.parts.map(clipped).join(", "), known = { shape, dtype, key, keys };
  if (!stored) return say("base misfit", known);
  if (!READ.includes(stored)) return say(`base ${stored}`, known);
  return (rows ? say("base rows", { ...known, from: rows[0] + 1, to: rows[1] }) : "") + (broken ? say("base broken") : "");
}

const axisOf = ({ embedding }, outward) => (outward ? "per output" : embedding ? "per token" : "per input");
const things = ({ embedding }) => (embedding ? "tokens" : "inputs");

/** A verdict whose evidence is this sentence about m and its layer. */
function verdictOf(layer, axis, confidence, sentence, values = {}) {
  const { shape: m, outputs, inputs, ranks, turned } = layer, [A, B] = ranks ?? turned;
  return { axis, confidence, evidence: say(sentence, { m, axis, family: layer.family.name, outputs, inputs, things: things(layer), A, B, ...values }) };
}

const undecided = (layer, sentence, values) => verdictOf(layer, "cannot tell", "none", sentence, values);

/** The verdict that the shape of m allows, given how many outputs and inputs the layer has. */
function byShape(layer, under) {
  const { shape, ranks } = layer, long = shape.findIndex((side) => side > 1);
  if (shape.includes(0)) return undecided(layer, "no numbers");
  if (shape.filter((side) => side > 1).length > 1) return undecided(layer, "shape");
  if (hasFactors(layer)) return undecided(layer, "ranks");
  const kept = shape.length > 1 && (long === 0 || long === 1);
  const verdict = kept ? bySide(layer, shape[long], long) : byLength(layer, Math.max(1, ...shape));
  const beside = !kept && layer.outputs === null && !layer.form.length ? besideOf(layer, under) : [];
  if (beside.length) verdict.evidence += say("beside", { keys: beside.map(clipped).join(", ") });
  if (ranks) verdict.evidence += say("no factors", { A: ranks[0], B: ranks[1] });
  return verdict;
}

/** m keeps its dimensions, and its long side, the first or second, tells, unless the layer's sizes say otherwise. */
function bySide(layer, n, long) {
  const { outputs, inputs, family } = layer, second = family.convolution_side ?? 0; // peft has (1, out, 1, 1)
  const convolution = layer.shape.length > 2;
  if (long === 1 && convolution && !onlyHere(layer) && fitsBoth(layer, n)) {
    return { ...verdictOf(layer, axisOf(layer, second === 1), "fair", "convolution"), open: true };
  }
  if (long === 1 && layer.shape.length === 2 && inDoubt(layer)) return { ...verdictOf(layer, axisOf(layer, false), "fair", "unusual"), open: true };
  const side = convolution ? second : 0, outward = long === side, [own, other] = outward ? [outputs, inputs] : [inputs, outputs];
  if (side === 1 && long === 0 && fitsBoth(layer, n)) { // as others keep outputs, under these names
    return { ...verdictOf(layer, axisOf(layer, true), "fair", "kept"), open: true };
  }
  const { turned } = layer;
  if (outputs === null && turned.length && n !== turned[0][0] && n !== turned[1][1]) return undecided(layer, "turned", { n });
  if (own === null || own === n) return verdictOf(layer, axisOf(layer, outward), "certain", side ? "length" : "kept", { n });
  const groups = groupsBy(layer, n);
  if (groups) return verdictOf(layer, "per input", "fair", "group", { n, groups });
  if (other === n) return verdictOf(layer, axisOf(layer, !outward), convolution ? "certain" : "fair", "other side", { n, things: outward ? things(layer) : "outputs" });
  return undecided(layer, "neither side");
}

/** Whether m lies as no magnitude of this library does, and nothing tells its sides apart. */
const inDoubt = (layer) => layer.family.writes === "per output" && !layer.embedding && fitsBoth(layer, Math.max(...layer.shape));

/** Whether n may be the number of outputs as well as of inputs. */
const fitsBoth = ({ outputs, inputs }, n) => outputs === inputs && (outputs === null || outputs === n);

/** How many groups a convolution has if n is the number of a group's inputs, 0 where it cannot be. */
function groupsBy({ outputs, inputs, convolution }, n) {
  if (!convolution || !outputs || n === 0 || n === outputs || n === inputs || inputs % n) return 0;
  return outputs % (inputs / n) === 0 ? inputs / n : 0;
}

/** Whether only the library of these names writes such factors: then nobody else wrote m beside them. */
const onlyHere = ({ form }) => form.length > 0 && !form.some((end) => end.includes("lora") || end.includes("linear"));

/** Why neither A and B nor the base tell a layer's sizes. */
function unsized({ ranks, turned, form }) {
  if (ranks) return "empty sizes";
  return turned.length ? "turned" : form.length ? "flat kernel" : "no sizes";
}

/** m is flat, so only its length can tell. */
function byLength(layer, n) {
  const { outputs, inputs } = layer, groups = groupsBy(layer, n);
  if (outputs === null) return undecided(layer, unsized(layer), { n });
  if (outputs === inputs && outputs === n) return { ...undecided(layer, "square"), open: true };
  if (groups) return verdictOf(layer, "per input", "fair", "group", { n, groups });
  if (n !== outputs && n !== inputs) return undecided(layer, "other length", { n });
  return verdictOf(layer, axisOf(layer, n === outputs), "certain", "length", { n });
}

/** Norms of a layer's base weight: { output, input }, each a Float64Array. */
function* baseNorms({ weight, stored }) {
  const [a, b, ...rest] = weight.shape;
  const inner = product(rest);
  const sums = yield* sumsOfSquares(weight.source, weight, a, b * inner);
  const columns = new Float64Array(b);
  sums.columns.forEach((sum, i) => { columns[Math.floor(i / inner)] += sum; });
  const [first, second] = [sums.rows, columns].map((all) => all.map(Math.sqrt));
  return stored === "in, out" ? { output: second, input: first } : { output: first, input: second };
}

/** A flat m of a square layer is told by its values; one that keeps its dimensions is checked by them. */
function byValue(layer, magnitude, norms) {
  const alike = norms.output.length === norms.input.length && norms.output.length === magnitude.length && magnitude.length > 1;
  if (!layer.open && !(layer.confidence === "certain" && layer.shape.length > 1 && alike)) return;
  const { axis, confidence, slopes, why, k } = fitAxis(magnitude, norms.output, norms.input);
  const found = axis && axisOf(layer, axis === "per output");
  if (!layer.open) {
    if (confidence !== "high" || found === layer.axis) return;
    const evidence = say("reshaped", { m: layer.shape, axis: layer.axis, slopes: slopesInWords(slopes) });
    Object.assign(layer, { axis: "cannot tell", confidence: "none", slopes, evidence });
    return;
  }
  const evidence = say(why, { count: k, slopes: slopes && slopesInWords(slopes) });
  layer.evidence = layer.axis !== "cannot tell" && !found ? `${layer.evidence} ${evidence}` : evidence;
  layer.slopes = slopes;
  layer.far = why === "neither";
  if (found) Object.assign(layer, { axis: found, confidence });
}

function addDistance(layer, magnitude, norms) {
  const zeros = norms.filter((norm) => norm === 0).length;
  const largest = norms.reduce((most, norm) => Math.max(most, norm), 0); // by which all are divided, so that no square overflows
  if (norms.length === magnitude.length && largest > 0) {
    const size = norms.reduce((sum, norm) => sum + (norm / largest) ** 2, 0);
    const off = Math.sqrt(magnitude.reduce((sum, m, i) => sum + ((m - norms[i]) / largest) ** 2, 0) / size);
    layer.distance = Math.min(off, distance.farthest);
    layer.far = off > distance.far;
    const percent = off > distance.farthest ? say("farthest", { percent: 100 * distance.farthest }) : number(100 * off);
    layer.evidence += say(layer.far ? "far" : "near", { percent });
  }
  if (zeros) layer.evidence += say("zeros", { zeros });
}

/**
 * A square layer that values could not tell: what the file's other layers say, or the tool that wrote it. `sure`: the axes that
 * shapes told of layers with such a magnitude, with how many; an embedding has an axis of its own.
 */
function addNeighbours(layer, sure) {
  if (!layer.open || layer.axis !== "cannot tell" || layer.far) return;
  if (sure.size === 1 && !layer.embedding) {
    const [[axis, count]] = sure;
    layer.evidence += say("neighbours", { count, axis });
    Object.assign(layer, { axis, confidence: "fair" });
  } else if (layer.family.writes) {
    layer.evidence += say("converted", { family: layer.family.name, axis: layer.family.writes });
  }
}
