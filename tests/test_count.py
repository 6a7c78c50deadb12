"""Counts against real modules, and against the line peft prints for SmolLM2-135M."""

import pytest
import torch
from dorabook.count import (
    ALL_MINILM_L6_V2,
    GPT_2,
    LLAMA_3_1_8B,
    QWEN_2_5_7B,
    SMOLLM2_135M,
    Count,
    LayerShape,
    trainable,
)
from dorabook.layers import DoRALinear, LoRALinear
from dorabook.models import SMOLLM2_CONFIG
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.pytorch_utils import Conv1D


def parameters(layer):
    return sum(p.numel() for p in layer.parameters() if p.requires_grad)


@pytest.mark.parametrize("per", ["output", "input"])
def test_count_of_a_dora_layer_is_what_its_module_holds(per):
    layer = DoRALinear(nn.Linear(7, 4), per=per, rank=3, alpha=1, generator=torch.Generator())
    assert trainable([LayerShape("layer", 7, 4)], rank=3, per=per).total == parameters(layer)


def test_count_of_a_lora_layer_has_no_magnitudes():
    layer = LoRALinear(nn.Linear(7, 4), rank=3, alpha=1, generator=torch.Generator())
    assert trainable([LayerShape("layer", 7, 4)], rank=3, per=None) == Count(parameters(layer), 0)


def test_smollm2_has_the_line_the_blog_post_printed():
    count = trainable(SMOLLM2_135M.shapes(), rank=256, per="output")
    assert (count.low_rank, count.magnitudes, count.total) == (78_151_680, 155_520, 78_307_200)
    assert SMOLLM2_135M.parameters() + 2 * 576 + count.total == 212_823_360  # 2 * 576: the frozen head


def test_smollm2_on_the_other_axis_would_have_printed_another_line():
    assert trainable(SMOLLM2_135M.shapes(), rank=256, per="input").total == 78_301_440


def test_copies_multiply():
    one, thirty = (LayerShape("k_proj", 576, 192, copies=n) for n in (1, 30))
    single, many = (trainable([shape], rank=8, per="input") for shape in (one, thirty))
    assert (many.low_rank, many.magnitudes) == (30 * single.low_rank, 30 * single.magnitudes)


@pytest.mark.parametrize(("decoder", "published"), [(LLAMA_3_1_8B, 8_030_261_248), (QWEN_2_5_7B, 7_615_616_512)])
def test_decoders_have_their_published_size(decoder, published):
    biases = 0
    if decoder is QWEN_2_5_7B:  # Qwen adds a bias to q, k and v, which the shapes leave out
        biases = decoder.layers * (decoder.heads + 2 * decoder.kv_heads) * decoder.head_dim
    assert decoder.parameters() + biases == published


def llama_like(vocabulary, hidden, intermediate, layers, kv_heads, heads, **more):
    sizes = {"vocab_size": vocabulary, "hidden_size": hidden, "intermediate_size": intermediate}
    heads = {"num_attention_heads": heads, "num_key_value_heads": kv_heads}
    return {**sizes, "num_hidden_layers": layers, **heads, "tie_word_embeddings": False, **more}


MINILM = {"vocab_size": 30522, "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6}
MODELS = {  # the published configurations
    "SmolLM2-135M": (SMOLLM2_135M, LlamaForCausalLM, LlamaConfig(**SMOLLM2_CONFIG)),
    "Llama-3.1-8B": (LLAMA_3_1_8B, LlamaForCausalLM, LlamaConfig(**llama_like(128256, 4096, 14336, 32, 8, 32))),
    "Qwen2.5-7B": (QWEN_2_5_7B, Qwen2ForCausalLM, Qwen2Config(**llama_like(152064, 3584, 18944, 28, 4, 28))),
    "all-MiniLM-L6-v2": (ALL_MINILM_L6_V2, BertModel, BertConfig(**MINILM, num_attention_heads=12)),
    "GPT-2": (GPT_2, GPT2Model, GPT2Config()),
}


@pytest.fixture(scope="module", params=MODELS)
def sizes_and_module(request):
    """Our sizes, and transformers' own module, on the meta device: shapes without numbers."""
    sizes, kind, config = MODELS[request.param]
    with torch.device("meta"):
        return sizes, kind(config)


def test_shapes_are_those_of_the_linear_layers_in_the_blocks(sizes_and_module):
    sizes, module = sizes_and_module
    found = {}  # in the first block, name there: (in_features, out_features)
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | Conv1D) and ".0." in name:
            out_in = layer.weight.T.shape if isinstance(layer, Conv1D) else layer.weight.shape
            found["." + name.split(".0.")[1]] = tuple(reversed(out_in))
    ours = sizes.shapes()
    assert len(found) == len(ours)
    for shape in ours:
        name = min((name for name in found if name.endswith("." + shape.name)), key=len)  # not attention's output.dense
        assert found.pop(name) == (shape.in_features, shape.out_features)


def test_parameters_are_those_of_the_module(sizes_and_module):
    sizes, module = sizes_and_module
    biases = 0
    if isinstance(module, Qwen2ForCausalLM):  # q, k and v have one, which the shapes leave out
        biases = sum(p.numel() for name, p in module.named_parameters() if name.endswith("bias"))
    assert sizes.parameters() + biases == sum(p.numel() for p in module.parameters())


def test_minilm_has_as_many_magnitudes_on_either_axis():
    per_block = {
        per: trainable(ALL_MINILM_L6_V2.shapes(), rank=1, per=per).magnitudes // 6 for per in ("output", "input")
    }
    assert per_block == {"output": 3456, "input": 3456}


@pytest.mark.parametrize(
    ("field", "value"),
    [("in_features", 0), ("out_features", -1), ("copies", 0), ("in_features", 2.0), ("copies", True)],
)
def test_a_size_that_is_not_a_positive_whole_number_is_named(field, value):
    with pytest.raises(ValueError, match=f"{field} of k_proj is {value}, expected a whole number"):
        LayerShape("k_proj", **{"in_features": 4, "out_features": 3, field: value})


@pytest.mark.parametrize(
    ("options", "says"), [({"rank": 0}, "rank is 0"), ({"rank": True}, "rank is True"), ({"per": 1}, "per is 1")]
)
def test_bad_options_are_named(options, says):
    with pytest.raises(ValueError, match=says):
        trainable([LayerShape("k_proj", 4, 3)], **{"rank": 2, "per": "output", **options})
