// Which tensors of an adapter file are magnitudes, which tool wrote them, and how large their layers are.

const PEFT = /^(?:(.*)\.)?lora_magnitude_vector(?:\.([^.]+?))??(?:\.weight)?$/su;
const ENDS = [["dora_scale", "LyCORIS"], ["magnitude", ""], ["m", ""]];

/**
 * tensors: the header of an adapter. One layer for each magnitude, in the header's order:
 * { key, name, family, shape, outputs, inputs, embedding, ranks }, with null for sizes that A and B do not tell,
 * and ranks as [shape of A, shape of B] where they do not belong together.
 */
export function layersOf(tensors) {
  return [...tensors.keys()].map((key) => layerOf(key, tensors)).filter(Boolean);
}

function layerOf(key, tensors) {
  const found = PEFT.exec(key);
  if (found) {
    const [, name = "", adapter = ""] = found;
    return layer(key, name, "peft", tensors, peftPair(name, adapter, tensors));
  }
  for (const [end] of ENDS) {
    if (key !== end && !key.endsWith(`.${end}`)) continue;
    const name = key.slice(0, Math.max(0, key.length - end.length - 1));
    const [family, pair] = (end === "dora_scale" ? lycoris : end === "magnitude" ? magnitude : m)(name, tensors);
    if (family) return layer(key, name, family, tensors, pair);
  }
  return null;
}

function layer(key, name, family, tensors, pair) {
  const { outputs = null, inputs = null, embedding = false, ranks = null } = pair ?? {};
  return { key, name, family, shape: tensors.get(key).shape, outputs, inputs, embedding, ranks };
}

const part = (name, end) => (name ? `${name}.${end}` : end);

/** The sizes that A (rank, in, ...) and B (out, rank, ...) give, with A's and B's sides at the places named. */
function sizes(tensors, a, b, { rankOfA = 0, inOfA = 1, outOfB = 0, rankOfB = 1, embedding = false } = {}) {
  const A = tensors.get(a)?.shape, B = tensors.get(b)?.shape;
  if (!A || !B) return null;
  if (A.length < 2 || B.length < 2 || A[rankOfA] !== B[rankOfB]) return { ranks: [A, B], embedding };
  return { outputs: B[outOfB], inputs: A[inOfA], embedding };
}

function peftPair(name, adapter, tensors) {
  const middle = adapter ? `.${adapter}` : "";
  return sizes(tensors, part(name, `lora_A${middle}.weight`), part(name, `lora_B${middle}.weight`))
    ?? sizes(tensors, part(name, `lora_embedding_A${middle}`), part(name, `lora_embedding_B${middle}`), { embedding: true });
}

function lycoris(name, tensors) {
  const at = (end) => part(name, end);
  const convolution = tensors.get(at("dora_scale")).shape.length > 2;
  // a factor (rank, in * kernel): how many of its numbers are inputs only the base's shape can tell
  const flat = (factor, core) => convolution && tensors.has(at(factor)) && !tensors.has(at(core));
  const hada = tensors.has(at("hada_t1")) ? { rankOfA: 0, inOfA: 1, outOfB: 1, rankOfB: 0 } : {};
  return ["LyCORIS", sizes(tensors, at("lora_down.weight"), at("lora_up.weight"))
    ?? sizes(tensors, at("lora_A.weight"), at("lora_B.weight"))
    ?? (flat("hada_w1_b", "hada_t1") ? {} : null)
    ?? sizes(tensors, at("hada_w1_b"), at("hada_w1_a"), hada)
    ?? (flat("lokr_w2_b", "lokr_t2") ? {} : null)
    ?? kronecker(at, tensors)
    ?? dense(tensors.get(at("diff"))?.shape)];
}

/** LoKr: W is the Kronecker product of w1 and w2, each whole or as a product of two. */
function kronecker(at, tensors) {
  const sides = (which, tucker) => {
    const all = tensors.get(at(which))?.shape, a = tensors.get(at(`${which}_a`))?.shape, b = tensors.get(at(`${which}_b`))?.shape;
    if (all) return all;
    if (!(a?.length > 1 && b?.length > 1)) return null;
    return tucker ? [a[1], b[1]] : [a[0], b[1]];
  };
  const one = sides("lokr_w1", false), two = sides("lokr_w2", tensors.has(at("lokr_t2")));
  return one && two && one.length > 1 && two.length > 1 ? { outputs: one[0] * two[0], inputs: one[1] * two[1] } : null;
}

const dense = (shape) => (shape?.length > 1 ? { outputs: shape[0], inputs: shape[1] } : null);

function magnitude(name, tensors) {
  const torchtune = sizes(tensors, part(name, "lora_a.weight"), part(name, "lora_b.weight"));
  return torchtune ? ["torchtune", torchtune] : ["this book", sizes(tensors, part(name, "lora_A"), part(name, "lora_B"))];
}

function m(name, tensors) {
  const places = { rankOfA: 1, inOfA: 0, outOfB: 1, rankOfB: 0 };
  const last = name.split(".").pop();
  const mlx = sizes(tensors, part(name, "lora_a"), part(name, "lora_b"), { ...places, embedding: last.includes("emb") || last === "wte" });
  if (mlx) return ["mlx-lm", mlx];
  const raschka = sizes(tensors, part(name, "lora.A"), part(name, "lora.B"), places);
  return raschka ? ["Raschka", raschka] : ["", null];
}
