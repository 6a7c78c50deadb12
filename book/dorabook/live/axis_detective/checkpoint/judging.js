// Which axis an adapter's magnitudes lie along: by shape, and where a layer is square by its base weight's norms.
// The rules and every sentence are those of dorabook.checkpoint, from rules.json; a test runs both on the same files.
import { distance, families } from "../../../checkpoint/rules.json";
import { baseFinder, mayBeTurned, squareStorage, storage } from "./base.js";
import { openFiles } from "./files.js";
import { layersOf } from "./families.js";
import { reportOf, shown } from "./report.js";
import { say } from "./rules.js";
import { clipped } from "./text.js";
import { fitAxis, slopesInWords } from "./values.js";
import { Refused, checkFloats, readNumbers, sumsOfSquares } from "./safetensors.js";
import { number } from "../../core/text.js";

/** sources: the chosen files. Runs as safetensors.js says; returns { sentence, columns, rows, kinds, remedy, layers }. */
export function* judge(sources) {
  const { adapter, base } = yield* openFiles(sources);
  const layers = layersOf(adapter.tensors);
  if (!layers.length) throw new Refused(noMagnitudes(adapter));
  yield* placeInBase(layers, adapter, base);
  for (const layer of layers) yield* judgeLayer(layer, adapter, base);
  const certain = layers.filter(({ confidence }) => confidence === "certain").map(({ axis }) => axis);
  layers.forEach((layer) => addNeighbours(layer, certain));
  return { ...reportOf(layers, adapter.source.name), layers };
}

function noMagnitudes({ source, tensors }) {
  const ends = [...new Set(families.map(({ magnitude }) => magnitude))], last = ends.pop();
  const sentence = [...tensors.keys()].some((key) => key.includes("lora")) ? "a LoRA" : "no magnitudes";
  return say(sentence, { name: clipped(source.name), ends: `${ends.join(", ")} or ${last}` });
}

/** Gives each layer its `weight` (a tensor of the base, or null) and how that is `stored`. */
function* placeInBase(layers, adapter, base) {
  const find = yield* baseFinder(layers, adapter, base);
  for (const layer of layers) {
    layer.weight = find(layer);
    layer.stored = layer.weight && storage(layer, layer.weight.shape);
    if (!layer.weight) continue;
    const [a, b, kernel] = layer.weight.shape;
    if (layer.outputs === null && !layer.ranks) [layer.outputs, layer.inputs] = [a, b];
    else if (layer.stored === "out, in" && kernel !== undefined) layer.inputs = b; // grouped, it has inputs / groups norms
  }
  const found = layers.filter(({ weight }) => weight);
  const names = base && { base: clipped(base.name), adapter: clipped(adapter.source.name) };
  if (base && !found.length) throw new Refused(say("no layers", names));
  if (base && found.every(({ stored }) => !stored)) throw new Refused(say("other shapes", { ...names, layer: shown(found[0]) }));
  const [straight, turned] = [false, true].map((one) => squareStorage(one, found, base));
  for (const layer of found) {
    if (layer.stored === "square") layer.stored = mayBeTurned(layer.name) ? turned : straight;
  }
}

/** Adds to a layer: axis, confidence, evidence, far, slopes, distance, and square where its shape tells nothing. */
function* judgeLayer(layer, { source, tensors }, base) {
  const tensor = tensors.get(layer.key);
  checkFloats(source, layer.key, tensor);
  const magnitude = yield* readNumbers(source, tensor);
  Object.assign(layer, { slopes: null, distance: null, far: false }, byShape(layer, magnitude));
  const norms = layer.weight && layer.stored && layer.evidence !== say("broken") ? yield* baseNorms(layer) : null;
  const finite = norms && [norms.output, norms.input].every((all) => all.every(Number.isFinite));
  if (layer.square && finite && layer.stored === "?") layer.evidence = say("stored");
  else if (layer.square) byValue(layer, magnitude, finite && layer.stored !== "?" ? norms : null);
  else if (finite && layer.stored !== "?") checkKept(layer, magnitude, norms);
  if (layer.weight && !layer.stored) layer.evidence += say("base misfit", { shape: layer.weight.shape });
  if (base && !layer.weight) layer.evidence += say("base without");
  if (norms && !finite) layer.evidence += say("base broken");
  if (finite && layer.axis !== "cannot tell") addDistance(layer, magnitude, norms[layer.axis === "per output" ? "output" : "input"]);
}

const axisOf = ({ embedding }, outward) => (outward ? "per output" : embedding ? "per token" : "per input");
const things = ({ embedding }) => (embedding ? "tokens" : "inputs");

/** A verdict whose evidence is this sentence about m and its layer. */
function told(layer, axis, confidence, sentence, values = {}) {
  const { shape: m, outputs, inputs, ranks } = layer, [A, B] = ranks ?? [];
  return { axis, confidence, evidence: say(sentence, { m, axis, family: layer.family.name, outputs, inputs, things: things(layer), A, B, ...values }) };
}

const untold = (layer, sentence, values) => told(layer, "cannot tell", "none", sentence, values);

/** The verdict that the shape of m allows, given how many outputs and inputs the layer has. */
function byShape(layer, magnitude) {
  const { shape, ranks } = layer, n = magnitude.length, long = shape.findIndex((side) => side > 1);
  if (n === 0 || shape.filter((side) => side > 1).length > 1) return untold(layer, "shape");
  if (!magnitude.every(Number.isFinite)) return untold(layer, "broken");
  if (ranks) return untold(layer, "ranks");
  return shape.length > 1 && (long === 0 || long === 1) ? bySide(layer, n, long) : byLength(layer, n);
}

/** m keeps its dimensions, and its long side, the first or second, tells, unless the layer's sizes say otherwise. */
function bySide(layer, n, long) {
  const { outputs, inputs } = layer, side = layer.shape.length > 2 ? layer.family.convolution_side ?? 0 : 0; // peft has (1, out, 1, 1)
  const outward = long === side, [own, other] = outward ? [outputs, inputs] : [inputs, outputs];
  if (own === null || own === n) {
    return told(layer, axisOf(layer, outward), side && outputs === inputs ? "high" : "certain", side ? "convolution" : "kept");
  }
  if (other === n) return told(layer, axisOf(layer, !outward), "fair", "other side", { n, things: outward ? things(layer) : "outputs" });
  return untold(layer, "neither side");
}

/** m is flat, so only its length can tell. */
function byLength(layer, n) {
  const { outputs, inputs } = layer;
  if (outputs === null) return untold(layer, "no sizes");
  if (outputs === inputs && outputs === n) return { ...untold(layer, "square"), square: true };
  if (n !== outputs && n !== inputs) return untold(layer, "other length", { n });
  return told(layer, axisOf(layer, n === outputs), "certain", "length", { n });
}

/** Norms of a layer's base weight: { output, input }, each a Float64Array. */
function* baseNorms({ weight, stored }) {
  checkFloats(weight.source, weight.key, weight);
  const [a, b, ...rest] = weight.shape;
  const inner = rest.reduce((product, side) => product * side, 1);
  const sums = yield* sumsOfSquares(weight.source, weight, a, b * inner);
  const columns = new Float64Array(b);
  sums.columns.forEach((sum, i) => { columns[Math.floor(i / inner)] += sum; });
  const [first, second] = [sums.rows, columns].map((all) => all.map(Math.sqrt));
  return stored === "in, out" ? { output: second, input: first } : { output: first, input: second };
}

function byValue(layer, magnitude, norms) {
  if (!norms) return;
  const { axis, confidence, slopes, why, k } = fitAxis(magnitude, norms.output, norms.input);
  layer.slopes = slopes;
  layer.evidence = say(why, { count: k, slopes: slopes && slopesInWords(slopes) });
  Object.assign(layer, { confidence, far: why === "neither" });
  if (axis) layer.axis = axisOf(layer, axis === "per output");
}

/** An m that keeps its dimensions tells by its shape, unless its values say the other axis. */
function checkKept(layer, magnitude, norms) {
  if (layer.shape.length < 2 || (layer.confidence !== "certain" && layer.confidence !== "high")) return;
  if (norms.output.length !== norms.input.length || norms.output.length !== magnitude.length) return;
  const { axis, confidence, slopes } = fitAxis(magnitude, norms.output, norms.input);
  if (confidence !== "high" || (axis === "per output") === (layer.axis === "per output")) return;
  const evidence = say("reshaped", { m: layer.shape, axis: layer.axis, slopes: slopesInWords(slopes) });
  Object.assign(layer, { axis: "cannot tell", confidence: "none", slopes, evidence });
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

/** A square layer that values could not tell: what the file's other layers say, or the tool that wrote it. `certain`: axes that shapes told. */
function addNeighbours(layer, certain) {
  if (!layer.square || layer.axis !== "cannot tell" || layer.far) return;
  const [axis] = certain;
  if (axis && certain.every((one) => one === axis)) {
    layer.evidence += say("neighbours", { count: certain.length, axis });
    Object.assign(layer, { axis, confidence: "fair" });
  } else if (layer.family.writes) {
    layer.evidence += say("converted", { family: layer.family.name, axis: layer.family.writes });
  }
}
