"""The page's arithmetic, broken on purpose: each change is a mistake that somebody could make or has made.

`make deep` applies each to a copy of the book and runs `tests` there, files or single tests: one of them has to fail (tools/mutate_js.py).
`was` stands once in the module; a test in test_mutate.py holds every entry against the code.
"""

from dataclasses import dataclass

NORMS = ("test_norm_explorer.py::test_the_browser_agrees_with_a_dora_layer_on_random_weights",)
HAND = ("test_norm_explorer.py::test_the_browser_agrees_with_the_cases_checked_by_hand",)
FLAG = ("test_norm_explorer.py::test_magnitudes_are_those_of_the_code_that_transposes_by_the_flag",)
SAID = ("test_norm_explorer.py::test_every_number_that_is_said_is_torchs",)
DIAL = ("test_direction_dial.py::test_the_page_draws_what_torch_computes",)
COUNTS = ("test_parameter_counter.py::test_the_page_counts_what_count_py_counts_to_the_last_digit",)
SIZES = ("test_parameter_counter.py::test_the_page_has_the_same_layers_and_sizes_as_python",)
ROADS = (
    "test_two_roads.py::test_every_number_that_is_said_is_torchs",
    "test_two_roads.py::test_both_roads_give_the_same_numbers_and_they_are_torchs",
)
KNOBS = ("test_knobs.py::test_the_product_is_that_of_the_books_layer_and_of_a_linear_with_its_merged_weight",)
REACH = ("test_knobs.py::test_each_knob_moves_one_output_or_all_as_the_layers_magnitude_does",)
SCALE = ("test_knobs.py::test_the_scale_holds_whatever_is_turned",)
HEADERS = ("test_axis_detective.py::test_a_bad_file_is_answered_in_one_sentence",)
SUMS = ("test_axis_detective.py::test_sums_of_squares_are_torch_s_in_every_dtype",)
SHAPES = ("test_axis_detective.py::test_a_shape_tells_its_axis",)
EXAMPLES = ("test_axis_detective.py::test_python_and_javascript_say_the_same_of_an_example",)
FAMILIES = ("test_detective_parity.py::test_every_family_gets_the_same_verdicts_on_every_base",)
NAMES = ("test_detective_parity.py::test_names_lead_to_the_same_weights",)
STRANGE = ("test_checkpoint_kinds.py::test_strange_factors_tell_what_they_tell_and_no_more",)
KEYS = ("test_detective_parity.py::test_keys_are_taken_for_magnitudes_alike",)
FACTORS = ("test_detective_parity.py::test_sizes_are_taken_from_factors_alike",)
FIT = ("test_detective_parity.py::test_slopes_and_what_they_mean_are_the_same",)
SHARDS = ("test_detective_parity.py::test_sharded_bases_are_read_and_refused_alike",)
SQUARES = ("test_checkpoint_page.py::test_square_layers_get_the_same_verdicts_and_numbers",)
ADAPTERS = ("test_checkpoint_page.py::test_valid_adapters_drawn_at_random_get_one_report_and_a_true_one",)
RULES = "../checkpoint/rules.json"  # which Python has read already, rightly
CONVOLUTIONS = ("test_checkpoint_kinds.py::test_a_square_convolution_of_peft_is_read_on_pefts_side",)
SPELLINGS = ("test_checkpoint_kinds.py::test_a_layer_is_found_under_another_library_s_name",)
TWICE = ("test_checkpoint_kinds.py::test_two_weights_that_one_name_leads_to_are_neither",)
KINDS = ("test_checkpoint_page.py::test_a_model_of_every_kind_of_layer_gets_the_same_verdicts",)


@dataclass(frozen=True)
class Mutant:
    mistake: str
    file: str  # in dorabook/live
    was: str
    becomes: str
    tests: tuple[str, ...]


MUTANTS = [
    # the axis
    Mutant("both axes swapped", "core/decompose.js", "return { output, input };", "return { output: input, input: output };", HAND),
    Mutant("each row scaled by the factor of an input", "core/decompose.js", "data[at] * factors[i]", "data[at] * factors[j]", NORMS),
    Mutant("the other axis measured when the flag is right", "norm_explorer/explain.js", "agrees(state) ? state.per : OTHER[state.per]", "agrees(state) ? OTHER[state.per] : state.per", FLAG),
    Mutant("the flag believed to be right always", "norm_explorer/explain.js", "agrees(state) ? state.per : OTHER[state.per]", "state.per", FLAG),
    Mutant("the flag's meaning turned", "norm_explorer/explain.js", '=== (state.storage === "in,out")', '=== (state.storage === "out,in")', FLAG),
    Mutant("the update not transposed with the weight", "norm_explorer/explain.js", "agrees(state) ? update : transpose(update)", "update", FLAG),
    Mutant("a transpose that turns the shape and leaves the numbers", "core/matrix.js", "out.data[j * m.rows + i] =", "out.data[i * m.columns + j] =", FLAG),
    Mutant("magnitudes per output counted over inputs", "parameter_counter/counting.js", "output: sum(layers.map(({ out, copies }) => copies * out))", "output: sum(layers.map(({ into, copies }) => copies * into))", COUNTS),
    Mutant("a length that is the outputs' taken for the inputs'", "axis_detective/checkpoint/judging.js", 'axisOf(layer, n === outputs), "certain"', 'axisOf(layer, n === inputs), "certain"', SHAPES),
    Mutant("a matrix stored (in, out) read as (out, in)", "axis_detective/checkpoint/judging.js", 'return stored === "in, out" ?', 'return stored === "out, in" ?', FAMILIES),
    Mutant("m measured against the norms of the other axis", "axis_detective/checkpoint/judging.js", 'norms[layer.axis === "per output" ? "output" : "input"]', 'norms[layer.axis === "per output" ? "input" : "output"]', FAMILIES),
    Mutant("the knobs at the outputs at the inputs", "knobs/layer.js", "value * knobs.output[j]", "value * knobs.input[j]", KNOBS),
    Mutant("one knob for all inputs", "knobs/layer.js", "value * knobs.input[i]", "value * knobs.input[0]", KNOBS),
    Mutant("every output counted as reached", "knobs/layer.js", "parts.filter((row) => row[i] !== 0).length", "parts.length - 1", REACH),
    Mutant("a scale for knobs that stop at 1", "knobs/layer.js", "MOST * parts", "parts", SCALE),
    # the norm
    Mutant("no square root of a row's sum", "core/decompose.js", "output[i] = Math.sqrt(sum);", "output[i] = sum;", HAND),
    Mutant("no square root of a column's sum", "core/decompose.js", "input[j] = Math.sqrt(input[j]);", "input[j] = input[j];", HAND),
    Mutant("absolute values summed, not squares", "core/decompose.js", "data[at] * data[at]", "Math.abs(data[at])", HAND),
    Mutant("the weight not divided by its norm", "core/decompose.js", "length === 0 ? 0 : 1 / length", "length === 0 ? 0 : 1", NORMS),
    Mutant("a row of zeros divided by its norm", "core/decompose.js", "length === 0 ? 0 : 1 / length", "1 / length", SAID),
    Mutant("the norm of the start used for the adapted weight", "norm_explorer/explain.js", "direction(adapted, measured, length)", "direction(adapted, measured, start)", NORMS),
    Mutant("no square root of a base weight's norms", "axis_detective/checkpoint/judging.js", "all.map(Math.sqrt)", "all", SQUARES),
    # the update and its scaling
    Mutant("the scaling forgotten", "core/matrix.js", "a.data[i] + scale * b.data[i]", "a.data[i] + b.data[i]", HAND),
    Mutant("the update taken away", "core/matrix.js", "a.data[i] + scale * b.data[i]", "a.data[i] - scale * b.data[i]", HAND),
    Mutant("A times B in the other order of indices", "core/matrix.js", "left * b.data[k * b.columns + j]", "left * b.data[j * b.rows + k]", NORMS),
    Mutant("the poke added to the magnitude", "norm_explorer/explain.js", "magnitude[chosen] *= state.poke", "magnitude[chosen] += state.poke", HAND),
    Mutant("an angle given in radians", "norm_explorer/explain.js", "(turned * 180) / Math.PI", "turned", SAID),
    # the gradient
    Mutant("the norm kept in the graph where it is detached", "direction_dial/dial.js", 'norm === "in graph" ? plus', 'norm === "detached" ? plus', DIAL),
    Mutant("the part along the direction doubled, not removed", "direction_dial/dial.js", "plus(pull, direction, -along)", "plus(pull, direction, along)", DIAL),
    Mutant("the factor m / norm of the gradient forgotten", "direction_dial/dial.js", "times(kept, magnitude / size)", "times(kept, magnitude)", DIAL),
    Mutant("the magnitude's gradient taken along the weight at the start", "direction_dial/dial.js", "dot(pull, direction)", "dot(pull, weight)", DIAL),
    Mutant("a turn measured the wrong way round", "direction_dial/dial.js", "weight[0] * adapted[1] - weight[1] * adapted[0]", "weight[1] * adapted[0] - weight[0] * adapted[1]", DIAL),
    # counts and costs
    Mutant("only A counted", "parameter_counter/counting.js", "copies * rank * (into + out)", "copies * rank * into", COUNTS),
    Mutant("the blocks of a model counted once", "parameter_counter/counting.js", "output: sum(layers.map(({ out, copies }) => copies * out))", "output: sum(layers.map(({ out }) => out))", COUNTS),
    Mutant("keys and values as wide as queries", "parameter_counter/counting.js", "[heads * headDim, kvHeads * headDim]", "[heads * headDim, heads * headDim]", SIZES),
    Mutant("a tied embedding counted twice", "parameter_counter/counting.js", "(tied ? 1 : 2)", "(tied ? 2 : 1)", SIZES),
    Mutant("one norm a block", "parameter_counter/counting.js", "(2 * layers + 1) * hidden", "(layers + 1) * hidden", SIZES),
    Mutant("AB formed by rank times the inputs alone", "two_roads/roads.js", '["A · B", [in_features, rank, out_features]]', '["A · B", [in_features, rank, 1]]', ROADS),
    Mutant("a product made on columns of the left factor", "two_roads/roads.js", "value * right[k][j]", "value * right[j][k]", ROADS),
    Mutant("the break-even at the product of the sides", "two_roads/roads.js", "weights / (in_features + out_features)", "weights / in_features", ROADS),
    # the header reader
    Mutant("the header begins a byte too early", "axis_detective/checkpoint/safetensors.js", "{ source, start: 8, end: 8 + length }", "{ source, start: 7, end: 7 + length }", EXAMPLES),
    Mutant("the last byte of the header left out", "axis_detective/checkpoint/safetensors.js", "{ source, start: 8, end: 8 + length }", "{ source, start: 8, end: 7 + length }", EXAMPLES),
    Mutant("data counted from the start of the file", "axis_detective/checkpoint/safetensors.js", "start: from + start, end: from + end", "start, end", EXAMPLES),
    Mutant("a header that ends after the file let through", "axis_detective/checkpoint/safetensors.js", "if (8 + length > size)", "if (length > size)", HEADERS),
    Mutant("tensors in the same place let through", "axis_detective/checkpoint/safetensors.js", "if (start !== at) broken", "if (start > at) broken", HEADERS),
    Mutant("bytes between tensors let through", "axis_detective/checkpoint/safetensors.js", "if (start !== at) broken", "if (start < at) broken", HEADERS),
    Mutant("bytes after the last tensor let through", "axis_detective/checkpoint/safetensors.js", "if (more > 0) broken", "if (more > 8) broken", HEADERS),
    Mutant("bits taken for bytes", "axis_detective/checkpoint/safetensors.js", "bits === 8n * BigInt(", "bits === BigInt(", EXAMPLES),
    Mutant("a whole number read from its high byte first", "axis_detective/checkpoint/safetensors.js", ".getBigUint64(0, true)", ".getBigUint64(0, false)", EXAMPLES),
    Mutant("bfloat16 read as if its bits were float32's low ones", "axis_detective/checkpoint/safetensors.js", "bits[i] << 16", "bits[i]", SUMS),
    Mutant("float16's exponent off by one", "axis_detective/checkpoint/safetensors.js", "2 ** (exponent - 15)", "2 ** (exponent - 16)", SUMS),
    Mutant("a row that goes over two pieces begun anew", "axis_detective/checkpoint/safetensors.js", "column = at % width", "column = 0", SUMS),
    # which axis, by names and values
    Mutant("a convolution in groups given the inputs of all", "axis_detective/checkpoint/judging.js", "layer.inputs = b;", "layer.inputs *= 1;", ADAPTERS),
    Mutant("the ranks of a convolution in groups believed not to belong together", "axis_detective/checkpoint/families.js", "a % b === 0))", "a % b === 1))", ADAPTERS),
    Mutant("a distance given as a number however far", "axis_detective/checkpoint/judging.js", "off > distance.farthest ?", "off < 0 ?", ADAPTERS),
    Mutant("a library's word before a name left there", "axis_detective/checkpoint/names.js", '.replace(WRAPPERS, "")', "", SPELLINGS),
    Mutant("peft's convolutions read as LyCORIS's", RULES, '"writes": "per output", "convolution_side": 1', '"writes": "per output", "convolution_side": 0', CONVOLUTIONS),
    Mutant("the factors of mlx-lm read as peft's", RULES, '"lora_a": ["inputs", "rank"], "lora_b": ["rank", "outputs"]', '"lora_a": ["rank", "inputs"], "lora_b": ["outputs", "rank"]', STRANGE),
    Mutant("LoKr's sides added, not multiplied", "axis_detective/checkpoint/families.js", "all * side, 1)", "all + side, 0)", FACTORS),
    Mutant("any name that ends in a magnitude's taken for one", "axis_detective/checkpoint/families.js", "(?:(.*)\\\\.)?${", "(?:(.*))?${", KEYS),
    Mutant("a square base weight believed to be (out, in)", "axis_detective/checkpoint/base.js", 'if (fits && turned) return "square";', 'if (fits && turned) return "out, in";', SQUARES),
    Mutant("the first of two weights with one name taken", "axis_detective/checkpoint/base.js", "if (keys.length) return keys.length === 1 ? {", "if (keys.length) return keys.length ? {", TWICE),
    Mutant("the bias on the side of the inputs", "axis_detective/checkpoint/base.js", 'if (bias[0] === a) found.push({ name, stored: "out, in" })', 'if (bias[0] === a) found.push({ name, stored: "in, out" })', SQUARES),
    Mutant("an index whose files are not all there let through", "axis_detective/checkpoint/files.js", "if (missing) refuse", "if (missing && !opened.length) refuse", SHARDS),
    Mutant("magnitudes compared with norms, not their logarithms", "axis_detective/checkpoint/values.js", "Math.log(all[i])", "all[i]", FIT),
    Mutant("one slope fitted without the other", "axis_detective/checkpoint/values.js", "(sxp * sqq - sxq * spq) / determinant", "sxp / spp", FIT),
    Mutant("the variance of the fit without its degrees of freedom", "axis_detective/checkpoint/values.js", "dot(left, left) / (k - 3)", "dot(left, left) / k", FIT),
    Mutant("seven numbers thought enough", "axis_detective/checkpoint/values.js", "if (k < fit.fewest) return", "if (k < fit.fewest - 1) return", FIT),
    Mutant("one far channel left as it is", "axis_detective/checkpoint/values.js", "reach > 0 ?", "reach < 0 ?", FIT),
    Mutant("a name shown with its control characters", "axis_detective/checkpoint/text.js", '.replace(UNSEEN, "?")', "", NAMES),
    Mutant("a tuple of one side without its comma", "axis_detective/checkpoint/text.js", "`(${sides[0]},)`", "`(${sides[0]})`", SHAPES),
]  # fmt: skip
