// Which axis an adapter's magnitudes lie along: by shape, and where a layer is square by its base weight's norms.
// The rules and every sentence are those of dorabook.checkpoint; a test runs both on the same files.
import { baseFinder, mayBeTurned, squareStorage, storage } from "./base.js";
import { openFiles } from "./files.js";
import { layersOf } from "./families.js";
import { remedies } from "./remedy.js";
import { clipped, shaped } from "./text.js";
import { fitAxis, slopesInWords } from "./values.js";
import { Refused, checkFloats, readNumbers, sumsOfSquares } from "./safetensors.js";
import { number, plural } from "../../core/text.js";
import { whole } from "../../core/whole.js";

const AXES = ["per output", "per input", "per token", "cannot tell"];
const COLUMNS = ["Layer", "m", "Weight", "Axis", "Confidence", "Evidence"];
const FAR = 0.5, FARTHEST = 1000; // of the base's norms; beyond the latter no number is given

/** sources: the chosen files. Runs as safetensors.js says; returns { sentence, columns, rows, kinds, remedy, layers }. */
export function* judge(sources) {
  const { adapter, base } = yield* openFiles(sources);
  const layers = layersOf(adapter.tensors);
  if (!layers.length) throw new Refused(noMagnitudes(adapter));
  yield* placeInBase(layers, adapter, base);
  for (const layer of layers) yield* judgeLayer(layer, adapter, base);
  const certain = layers.filter(({ confidence }) => confidence === "certain").map(({ axis }) => axis);
  layers.forEach((layer) => addNeighbours(layer, certain));
  return { ...said(layers, adapter.source.name), remedy: remedies(layers), layers };
}

function noMagnitudes({ source, tensors }) {
  const without = [...tensors.keys()].some((key) => key.includes("lora")) ? " (it is a LoRA without them)" : "";
  return `${clipped(source.name)} has no DoRA magnitudes: no key ends in lora_magnitude_vector, dora_scale, magnitude or m${without}: give a DoRA adapter`;
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
  if (base && !found.length) throw new Refused(`${clipped(base.name)} has none of the layers of ${clipped(adapter.source.name)}: they belong to different models`);
  if (base && found.every(({ stored }) => !stored)) {
    throw new Refused(`${clipped(base.name)} has other shapes than ${clipped(adapter.source.name)} needs, first ${nameOf(found[0])}: they belong to different models`);
  }
  const [straight, turned] = [false, true].map((one) => squareStorage(one, found, base));
  for (const layer of found) {
    if (layer.stored === "square") layer.stored = mayBeTurned(layer.name) ? turned : straight;
  }
}

const nameOf = ({ name }) => (name ? clipped(name) : "the layer itself");

/** Adds to a layer: axis, confidence, evidence, far, slopes, distance, and square where its shape tells nothing. */
function* judgeLayer(layer, { source, tensors }, base) {
  const tensor = tensors.get(layer.key);
  checkFloats(source, layer.key, tensor);
  const magnitude = yield* readNumbers(source, tensor);
  Object.assign(layer, { slopes: null, distance: null, far: false }, byShape(layer, magnitude));
  const norms = layer.weight && layer.stored && layer.evidence !== BROKEN ? yield* baseNorms(layer) : null;
  const finite = norms && [norms.output, norms.input].every((all) => all.every(Number.isFinite));
  if (layer.square && finite && layer.stored === "?") layer.evidence = STORED_UNKNOWN;
  else if (layer.square) byValue(layer, magnitude, finite && layer.stored !== "?" ? norms : null);
  else if (finite && layer.stored !== "?") checkKept(layer, magnitude, norms);
  if (layer.weight && !layer.stored) layer.evidence += ` The base's weight is ${shaped(layer.weight.shape)}, which does not fit: another base model.`;
  if (base && !layer.weight) layer.evidence += " The base has no weight for this layer.";
  if (norms && !finite) layer.evidence += " The base weight holds NaN or infinity.";
  if (finite && layer.axis !== "cannot tell") addDistance(layer, magnitude, norms[layer.axis === "per output" ? "output" : "input"]);
}

const STORED_UNKNOWN = "The layer is square, and nothing tells whether its base weight is stored (out, in) or (in, out), as GPT-2's is.";
const BROKEN = "m holds NaN or infinity: the training broke, or the file is damaged.";
const told = (axis, confidence, evidence) => ({ axis, confidence, evidence });
const untold = (evidence) => told("cannot tell", "none", evidence);

function byShape({ shape, outputs, inputs, embedding, ranks, family }, magnitude) {
  const n = magnitude.length, text = shaped(shape);
  const long = shape.findIndex((side) => side > 1);
  if (n === 0 || shape.filter((side) => side > 1).length > 1) return untold(`m is ${text}, expected one number per output or per input.`);
  if (!magnitude.every(Number.isFinite)) return untold(BROKEN);
  if (ranks) return untold(`A is ${shaped(ranks[0])} and B is ${shaped(ranks[1])}: their ranks differ, so they do not belong together.`);
  const across = embedding ? "per token" : "per input";
  const things = embedding ? "tokens" : "inputs";
  const known = outputs !== null;
  const convolution = family === "peft" && shape.length > 2;
  if (shape.length > 1 && n > 1 && long < 2) {
    const out = convolution ? long === 1 : long === 0;
    const [own, other] = out ? [outputs, inputs] : [inputs, outputs];
    const axis = out ? "per output" : across;
    if (!known || own === n) {
      const says = convolution ? `m is ${text}: peft writes a convolution's output channels on the second side.` : `m is ${text}, a shape that keeps its dimensions: one number ${axis}.`;
      return told(axis, convolution && outputs === inputs ? "high" : "certain", says);
    }
    if (other === n) return told(out ? across : "per output", "fair", `m is ${text}, written along the other side, but its length ${whole(n)} is the number of ${out ? things : "outputs"}.`);
    return untold(`m is ${text}, but the layer has ${whole(outputs)} outputs and ${whole(inputs)} ${things}.`);
  }
  if (!known) return untold(`m is ${text}: without A, B or the base weight its length says nothing.`);
  const counts = `the layer ${whole(outputs)} outputs and ${whole(inputs)} ${things}.`;
  if (outputs === inputs && outputs === n) return { ...untold(`The layer is square and m is ${text}: only the base weight's norms can tell its axis.`), square: true };
  if (n !== outputs && n !== inputs) return untold(`m has ${whole(n)} numbers, but ${counts}`);
  return told(n === outputs ? "per output" : across, "certain", `m has ${whole(n)} numbers, and ${counts}`);
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
  const across = layer.embedding ? "per token" : "per input";
  const { axis, confidence, slopes, why, k } = fitAxis(magnitude, norms.output, norms.input);
  layer.slopes = slopes;
  if (why === "few") layer.evidence = `Only ${plural(k, "number")} can be compared: too few.`;
  if (why === "alike") layer.evidence = "The base's norms per output and per input are alike: nothing to tell them apart by.";
  if (!slopes) return;
  const after = { tell: ".", drifted: ": too close, or m moved too far in training.", neither: ": m follows neither, so this may be another base model." }[why];
  Object.assign(layer, { confidence, far: why === "neither", evidence: `The layer is square, so values decide: ${slopesInWords(slopes)}${after}` });
  if (axis) layer.axis = axis === "per output" ? axis : across;
}

/** An m that keeps its dimensions tells by its shape, unless its values say the other axis. */
function checkKept(layer, magnitude, norms) {
  if (layer.shape.length < 2 || (layer.confidence !== "certain" && layer.confidence !== "high")) return;
  if (norms.output.length !== norms.input.length || norms.output.length !== magnitude.length) return;
  const { axis, confidence, slopes } = fitAxis(magnitude, norms.output, norms.input);
  if (confidence !== "high" || (axis === "per output") === (layer.axis === "per output")) return;
  const evidence = `m is ${shaped(layer.shape)}, which says ${layer.axis}, but ${slopesInWords(slopes)}: m was reshaped.`;
  Object.assign(layer, { axis: "cannot tell", confidence: "none", slopes, evidence });
}

function addDistance(layer, magnitude, norms) {
  const zeros = norms.filter((norm) => norm === 0).length;
  const largest = norms.reduce((most, norm) => Math.max(most, norm), 0); // by which all are divided, so that no square overflows
  if (norms.length === magnitude.length && largest > 0) {
    const size = norms.reduce((sum, norm) => sum + (norm / largest) ** 2, 0);
    const off = Math.sqrt(magnitude.reduce((sum, m, i) => sum + ((m - norms[i]) / largest) ** 2, 0) / size);
    layer.distance = Math.min(off, FARTHEST);
    layer.far = off > FAR;
    const percent = off > FARTHEST ? `more than ${whole(100 * FARTHEST)}` : number(100 * off);
    layer.evidence += ` It is ${percent} % from the base's norms${layer.far ? ", too far for a training: another base model, or m was rescaled" : ""}.`;
  }
  if (zeros) layer.evidence += ` ${plural(zeros, "norm")} of the base ${zeros === 1 ? "is" : "are"} 0: DoRA divides by ${zeros === 1 ? "it" : "them"}.`;
}

/** A square layer that values could not tell: what the file's other layers say, or the tool that wrote it. `certain`: axes that shapes told. */
function addNeighbours(layer, certain) {
  if (!layer.square || layer.axis !== "cannot tell" || layer.far) return;
  const [axis] = certain;
  if (axis && certain.every((one) => one === axis)) {
    const are = certain.length === 1 ? "layer of this file is" : "layers of this file are";
    layer.evidence += ` ${whole(certain.length)} other ${are} ${axis}, and a training writes one axis.`;
    Object.assign(layer, { axis, confidence: "fair" });
  } else if (layer.family === "peft" || layer.family === "torchtune") {
    layer.evidence += ` ${layer.family} writes per output, but a converted file may not.`;
  }
}

function said(layers, name) {
  const counts = AXES.map((axis) => [axis, layers.filter((layer) => layer.axis === axis).length]).filter(([, count]) => count);
  const far = layers.filter((layer) => layer.far).length;
  return {
    sentence: `${clipped(name)}: ${summary(counts, layers.length)}.${far ? ` In ${whole(far)} of them m is far from the base's norms.` : ""}`,
    columns: COLUMNS,
    rows: layers.map((layer) => [nameOf(layer), shaped(layer.shape), sizeOf(layer), layer.axis, layer.confidence, layer.evidence]),
    kinds: layers.map(({ axis }) => axis),
  };
}

function summary(counts, n) {
  if (counts.length > 1) return counts.map(([axis, count]) => `${whole(count)} ${axis}`).join(", ");
  const [[axis]] = counts;
  if (axis === "cannot tell") return n === 1 ? "the axis of its magnitude cannot be told" : `the axis of all ${whole(n)} magnitudes cannot be told`;
  return n === 1 ? `its magnitude is ${axis}` : `all ${whole(n)} magnitudes are ${axis}`;
}

const sizeOf = ({ outputs, inputs }) => (outputs === null ? "unknown" : `${whole(outputs)} \u00d7 ${whole(inputs)}`);
