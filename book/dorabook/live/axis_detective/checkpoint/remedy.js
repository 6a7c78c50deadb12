// What to do with an adapter, by the axes that were found: the sentences of dorabook/checkpoint/remedy.py.

const BY_AXIS = {
  "per output": "Per output: peft, torchtune and mlx-lm's linear layers read it so, with nothing to set; in LyCORIS set wd_on_output=True "
    + "(the default since 3.2.0), in OneTrainer lora_decompose_output_axis=True, for LoKr lokr_dora_on_output=True.",
  "per input": "Per input: LyCORIS needs wd_on_output=False (all it knew before 3.1.1), OneTrainer lora_decompose_output_axis=False, "
    + "for LoKr lokr_dora_on_output=False; peft cannot read it, and on square layers would load it without an error.",
  "per token": "Per token: mlx-lm writes an embedding so; peft keeps one number per feature there and cannot read it.",
  "cannot tell": "Where the axis cannot be told, give the base model the adapter was trained on, "
    + "or poke one number of m in the tool that trained it and see whether one output moves or all.",
};
const ALWAYS = [
  "To move it to another tool, load it with the tool that trained it, merge it to dense weights there and save those; "
    + "do not reshape, flatten or transpose m, and do not look for low-rank factors on the other axis, since in general there are none.",
  "Check it: run the same inputs through the merged model and through the tool that trained it, and look at the largest difference "
    + "of the outputs; only rounding may be left, about a hundred-thousandth of the largest output in float32.",
];

/** Sentences, one a paragraph. */
export function remedies(layers) {
  const axes = new Set(layers.map(({ axis }) => axis));
  return [...Object.keys(BY_AXIS).filter((axis) => axes.has(axis)).map((axis) => BY_AXIS[axis]), ...ALWAYS];
}
