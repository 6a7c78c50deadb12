"""Counts against real modules, and against the line peft prints for SmolLM2-135M."""

import pytest
import torch
from dorabook.count import LLAMA_3_1_8B, QWEN_2_5_7B, SMOLLM2_135M, Count, LayerShape, trainable
from dorabook.layers import DoRALinear, LoRALinear
from torch import nn


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
