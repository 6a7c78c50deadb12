// Small adapter files to judge, made here byte by byte.

const SIZE = 24, NARROW = 8, RANK = 2;

/** The chosen files of an example, as sources that hold all their bytes. */
export function exampleSources(example) {
  const { adapter, base } = FILES[example]();
  const sources = [source("adapter.safetensors", adapter)];
  return base ? [...sources, source("base.safetensors", base)] : sources;
}

const FILES = {
  output: () => ({ adapter: [...peft("self_attn.k_proj", NARROW, 1), ...peft("self_attn.q_proj", SIZE, 2), ...peft("mlp.up_proj", 2 * SIZE, 3)] }),
  input: () => ({ adapter: [...lycoris("attn1_to_q", SIZE, [1, SIZE], 1), ...lycoris("attn2_to_k", NARROW, [1, SIZE], 2), ...lycoris("ff_net_2", 2 * SIZE, [1, SIZE], 3)] }),
  square: () => ({ adapter: squares() }),
  "square with base": () => ({ adapter: squares(), base: [base("attn1_to_q", 1), base("attn1_to_out_0", 2)] }),
};

const squares = () => [...lycoris("attn1_to_q", SIZE, [SIZE], 1), ...lycoris("attn1_to_out_0", SIZE, [SIZE], 2)];
const base = (name, seed) => [`${name.replaceAll("attn1_", "attn1.").replace("out_0", "out.0")}.weight`, [SIZE, SIZE], weight(SIZE, seed)];

function peft(name, outputs, seed) {
  const layer = `base_model.model.model.layers.0.${name}`;
  return [
    [`${layer}.lora_A.weight`, [RANK, SIZE], draw(RANK * SIZE, seed + 10)],
    [`${layer}.lora_B.weight`, [outputs, RANK], draw(outputs * RANK, seed + 20)],
    [`${layer}.lora_magnitude_vector`, [outputs], trained(rowNorms(weight(outputs, seed)), seed)],
  ];
}

function lycoris(name, outputs, shape, seed) {
  const layer = `lora_unet_${name}`;
  return [
    [`${layer}.dora_scale`, shape, trained(columnNorms(weight(outputs, seed)), seed)],
    [`${layer}.lora_down.weight`, [RANK, SIZE], draw(RANK * SIZE, seed + 10)],
    [`${layer}.lora_up.weight`, [outputs, RANK], draw(outputs * RANK, seed + 20)],
  ];
}

/** `count` numbers from -1 to 1, each a multiple of 1/1024. */
function draw(count, seed) {
  let x = 7919 * seed;
  return Array.from({ length: count }, () => {
    x = (16807 * x) % 2147483647;
    return ((x % 2049) - 1024) / 1024;
  });
}

/** A weight (outputs, SIZE) in one list, row by row, whose rows and columns of that shape differ in length. */
function weight(outputs, seed) {
  const numbers = draw(outputs * SIZE, seed), rows = draw(outputs, seed + 30), columns = draw(SIZE, seed + 40);
  return numbers.map((value, i) => Math.fround(value * (1 + rows[Math.floor(i / SIZE)] / 2) * (1 + columns[i % SIZE] / 2)));
}

const rowNorms = (numbers) => norms(numbers, numbers.length / SIZE, (i) => Math.floor(i / SIZE));
const columnNorms = (numbers) => norms(numbers, SIZE, (i) => i % SIZE);

function norms(numbers, count, place) {
  const sums = new Array(count).fill(0);
  numbers.forEach((value, i) => { sums[place(i)] += value * value; });
  return sums.map(Math.sqrt);
}

/** What a training leaves of a magnitude that started as `norms`: each moved by up to 2 %. */
const trained = (values, seed) => draw(values.length, seed + 50).map((part, i) => values[i] * (1 + part / 50));

function source(name, tensors) {
  const header = {};
  let end = 0;
  for (const [key, shape, numbers] of tensors) header[key] = { dtype: "F32", shape, data_offsets: [end, (end += 4 * numbers.length)] };
  const text = JSON.stringify(header);
  const head = new TextEncoder().encode(text.padEnd(8 * Math.ceil(text.length / 8)));
  const bytes = new Uint8Array(8 + head.length + end), view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  tensors.flatMap(([, , numbers]) => numbers).forEach((value, i) => view.setFloat32(8 + head.length + 4 * i, value, true));
  return { name, size: bytes.length, bytes };
}
