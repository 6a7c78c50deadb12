"""What to do with an adapter, by the axes that were found. Flags and versions are those of the book's field guide."""

from collections.abc import Iterable

from .judging import LayerVerdict

BY_AXIS = {
    "per output": (
        "Per output: peft, torchtune and mlx-lm's linear layers read it so, with nothing to set; in LyCORIS set wd_on_output=True "
        "(the default since 3.2.0), in OneTrainer lora_decompose_output_axis=True, for LoKr lokr_dora_on_output=True."
    ),
    "per input": (
        "Per input: LyCORIS needs wd_on_output=False (all it knew before 3.1.1), OneTrainer lora_decompose_output_axis=False, "
        "for LoKr lokr_dora_on_output=False; peft cannot read it, and on square layers would load it without an error."
    ),
    "per token": "Per token: mlx-lm writes an embedding so; peft keeps one number per feature there and cannot read it.",
    "cannot tell": (
        "Where the axis cannot be told, give the base model the adapter was trained on, "
        "or poke one number of m in the tool that trained it and see whether one output moves or all."
    ),
}
ALWAYS = (
    "To move it to another tool, load it with the tool that trained it, merge it to dense weights there and save those; "
    "do not reshape, flatten or transpose m, and do not look for low-rank factors on the other axis, since in general there are none.",
    "Check it: run the same inputs through the merged model and through the tool that trained it, and look at the largest difference "
    "of the outputs; only rounding may be left, about a hundred-thousandth of the largest output in float32.",
)


def remedies(layers: Iterable[LayerVerdict]) -> list[str]:
    """Sentences, each a paragraph: the flags for each axis found, how to move the adapter, and the check that it worked."""
    axes = {layer.axis for layer in layers}
    return [*(sentence for axis, sentence in BY_AXIS.items() if axis in axes), *ALWAYS]
