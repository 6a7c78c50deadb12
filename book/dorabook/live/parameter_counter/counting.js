// Trainable parameters of LoRA and DoRA from layer shapes, for either axis. The same as count.py: a test compares the two.

export const MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
export const DECODERS = {
  "SmolLM2-135M": { hidden: 576, intermediate: 1536, layers: 30, heads: 9, kvHeads: 3, headDim: 64, vocabulary: 49152, tied: true },
  "Llama-3.1-8B": { hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, headDim: 128, vocabulary: 128256, tied: false },
  "Qwen2.5-7B": { hidden: 3584, intermediate: 18944, layers: 28, heads: 28, kvHeads: 4, headDim: 128, vocabulary: 152064, tied: false },
};
const SMOL = DECODERS["SmolLM2-135M"];
const sum = (values) => values.reduce((all, value) => all + value, 0);

/** The seven linear layers of every block, as { name, into, out, copies }. */
export function decoderShapes({ hidden, intermediate, layers, heads, kvHeads, headDim }) {
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  const sizes = { // [into, out]
    q_proj: [hidden, query], k_proj: [hidden, keyValue], v_proj: [hidden, keyValue], o_proj: [query, hidden],
    gate_proj: [hidden, intermediate], up_proj: [hidden, intermediate], down_proj: [intermediate, hidden],
  };
  return MODULES.map((name) => ({ name, into: sizes[name][0], out: sizes[name][1], copies: layers }));
}

/** The layers that get an adapter. */
export function chosen(state) {
  return decoderShapes(DECODERS[state.model]).filter(({ name }) => state[name]);
}

/** Over `layers`: numbers in A and B, magnitudes by axis, weights, and what is trained in all by axis. */
export function count(layers, rank) {
  const lowRank = sum(layers.map(({ into, out, copies }) => copies * rank * (into + out)));
  const magnitudes = { output: sum(layers.map(({ out, copies }) => copies * out)), input: sum(layers.map(({ into, copies }) => copies * into)), none: 0 };
  const total = Object.fromEntries(Object.entries(magnitudes).map(([per, numbers]) => [per, lowRank + numbers]));
  return { lowRank, magnitudes, total, weights: sum(layers.map(({ into, out, copies }) => copies * into * out)) };
}

/** Weights of a frozen decoder: linear layers, embedding (twice where not tied) and RMSNorm gains. */
export function parameters(decoder) {
  const { hidden, layers, vocabulary, tied } = decoder;
  return count(decoderShapes(decoder), 1).weights + (2 * layers + 1) * hidden + (tied ? 1 : 2) * vocabulary * hidden;
}

/** All parameters that peft counts for SmolLM2-135M with a frozen two-label head, and the percentage it prints. */
export function everything(total) {
  const all = parameters(SMOL) + 2 * SMOL.hidden + total;
  return { all, percent: ((100 * total) / all).toFixed(4) };
}
