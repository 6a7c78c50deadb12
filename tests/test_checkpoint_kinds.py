"""One small adapter of every kind that is met in the wild, judged by Python and by the page: what each is told, and what must not be said."""

import json
from pathlib import Path

import pytest
import torch
from dorabook.checkpoint import Refused, judge
from safetensors.torch import save, save_file
from support.adapters import drawn, spread
from support.both_readers import assert_same, in_page, in_python
from torch import Tensor

Tensors = dict[str, Tensor]


def some(*shape: int, seed: int = 0) -> Tensor:
    """Numbers as magnitudes and weights have them: float32, none near 0."""
    return (drawn(*shape, seed=seed).abs() + 0.1).float()


def lora(a: str, b: str, inputs: int = 8, outputs: int = 32) -> Tensors:
    return {a: some(4, inputs), b: some(outputs, 4)}


def peft(name: str, inputs: int = 8, outputs: int = 32) -> Tensors:
    return lora(f"{name}.lora_A.weight", f"{name}.lora_B.weight", inputs, outputs) | {
        f"{name}.lora_magnitude_vector": some(outputs)
    }


def both(folder: Path, adapter: Tensors, base: Tensors | None = None, name: str = "b.safetensors") -> dict | str:
    """What both readers say of the files, which has to be the same."""
    files = [("a.safetensors", save(adapter)), *([(name, save(base))] if base is not None else [])]
    for file, data in files:
        (folder / file).write_bytes(data)
    [page], python = in_page([files]), in_python(*(folder / file for file, _ in files))
    assert_same(page, python, "")
    return python


# Names: whatever a library calls A, B and m

PER_OUTPUT = {
    "ai-toolkit": lora("t.q.lora_A.weight", "t.q.lora_B.weight") | {"t.q.magnitude": some(32)},
    "ai-toolkit, kohya's": lora("t_q.lora_down.weight", "t_q.lora_up.weight") | {"t_q.magnitude": some(32)},
    "diffusers": lora("u.k.lora.down.weight", "u.k.lora.up.weight") | {"u.k.lora_magnitude_vector": some(32)},
    "diffusers, older": lora("u.k.lora_linear_layer.down.weight", "u.k.lora_linear_layer.up.weight") | {"u.k.lora_magnitude_vector.weight": some(32)},
    "two stems": lora("lora_unet_a_k.lora_down.weight", "lora_unet_a_k.lora_up.weight") | {"lora_unet_a.k.lora_magnitude_vector": some(32)},
    "two stems, turned": lora("a.k.lora_A.weight", "a.k.lora_B.weight") | {"a_k.dora_scale": some(32)},
    "an adapter's name": lora("q.lora_A.default_0.weight", "q.lora_B.default_0.weight") | {"q.lora_magnitude_vector.default_0.weight": some(32)},
    "the authors": lora("q.lora_A.weight", "q.lora_B.weight") | {"q.weight_m_wdecomp.weight": some(32, 1)},
    "fsdp_qlora": lora("q.dora_layer.lora_A.weight", "q.dora_layer.lora_B.weight") | {"q.magnitude_layer.magnitude": some(32)},
    "Megatron": lora("q.adapter.linear_in.weight", "q.adapter.linear_out.weight") | {"q.adapter.weight_magnitude": some(32)},
    "BoRA's rows": lora("q.lora_A.weight", "q.lora_B.weight") | {"q.magnitude_r": some(32)},
    "peft's m, kohya's A": lora("q.lora_down.weight", "q.lora_up.weight") | {"q.lora_magnitude_vector": some(32)},
    "m beside peft's A": lora("q.lora_A.weight", "q.lora_B.weight") | {"q.m": some(32)},
    "half precision": {key: value.bfloat16() for key, value in peft("q").items()},
    "eight bits": {key: value.to(torch.float8_e5m2) for key, value in peft("q").items()},
}  # fmt: skip


@pytest.mark.parametrize("adapter", PER_OUTPUT.values(), ids=PER_OUTPUT)
def test_a_and_b_are_found_under_every_library_s_names(tmp_path, adapter):
    said = both(tmp_path, adapter)
    [[_, _, size, axis, sure, _]] = said["rows"]
    assert (size, axis, sure) == ("32 × 8", "per output", "certain")


M, M_NAMED = "lora_magnitude_vector", "lora_magnitude_vector.default.weight"
NAMED = {  # m and the names that A and B have, of an adapter or none, in the file's order; and whether they are found
    "A and B have one": ("q.", M, [("A", "one"), ("B", "one")], True),
    "two, and one of them whole": ("q.", M, [("A", "one"), ("B", "one"), ("A", "two")], True),
    "m has one": ("q.", M_NAMED, [("A", ""), ("B", "")], True),
    "a layer without a name": ("", M, [("A", "one"), ("B", "one")], True),
    "the last of sixteen": ("q.", M, [*(("A", f"n{i}") for i in range(15)), ("A", "one"), ("B", "one")], True),
    "after sixteen others": ("q.", M, [*(("A", f"n{i}") for i in range(16)), ("A", "one"), ("B", "one")], False),
}


@pytest.mark.parametrize(("stem", "m", "factors", "found"), NAMED.values(), ids=NAMED)
def test_an_adapter_s_name_may_stand_in_the_keys_of_m_or_of_a_and_b_alone(tmp_path, stem, m, factors, found):
    sizes = {"A": (4, 8), "B": (32, 4)}
    keys = {f"{stem}lora_{side}{name and f'.{name}'}.weight": some(*sizes[side]) for side, name in factors}
    [row] = both(tmp_path, keys | {f"{stem}{m}": some(32)})["rows"]
    assert row[2] == ("32 × 8" if found else "unknown")


def test_where_both_factors_are_convolutions_in_groups_the_inputs_are_those_of_one(tmp_path):
    factors = {"c.lora_down.weight": some(8, 3, 3, 3), "c.lora_up.weight": some(12, 2, 1, 1)}
    [row] = both(tmp_path, factors | {"c.dora_scale": some(12, 1, 1, 1)})["rows"]
    assert row[2] == "12 × 3"


def test_both_magnitudes_of_a_layer_are_told_and_do_not_speak_for_each_other(tmp_path):
    factors = lora("q.lora_A.weight", "q.lora_B.weight", 8, 8) | lora("k.lora_A.weight", "k.lora_B.weight")
    said = both(
        tmp_path,
        factors
        | {"k.magnitude_r": some(32), "k.magnitude_c": some(8), "q.magnitude_r": some(8), "q.magnitude_c": some(8)},
    )
    assert {(row[0], row[3]) for row in said["rows"]} == {
        ("k", "per output"),
        ("k", "per input"),
        ("q", "per output"),
        ("q", "per input"),
    }
    assert [row[4] for row in said["rows"]] == ["certain", "certain", "fair", "fair"]


def test_names_that_are_not_known_are_not_called_absent(tmp_path):
    strange = {"q.down_factor": some(4, 8), "q.up_factor": some(32, 4), "q.dora_scale": some(32)}
    [row] = both(tmp_path, strange)["rows"]
    assert row[3] == "cannot tell" and row[5].endswith(
        "Beside it stand q.down_factor, q.up_factor: names not known here."
    )
    [row] = both(tmp_path, {"dora_scale": some(32), "down": some(4, 8), "x.up": some(32, 4)})["rows"]
    assert row[3] == "cannot tell" and "Beside it" not in row[5]  # a layer without a name has none either
    said = both(tmp_path, lora("q.lora_A.weight", "q.lora_B.weight") | {"q.dora_gain.weight": some(32)})
    assert (
        "but q.dora_gain.weight, (32,), beside A and B: if that is the magnitude, save it as q.lora_magnitude_vector"
        in said
    )
    plain = both(
        tmp_path, lora("q.lora_A.weight", "q.lora_B.weight") | {"q.alpha": torch.tensor(4.0), "q.lora_B.bias": some(32)}
    )
    assert plain.startswith("a.safetensors has LoRA's A and B, but no DoRA magnitudes under a name known here (")


# The base: whatever is wrong with it, what shapes prove stays proved

WRONG_BASES = {
    "nf4": ({"q.weight": torch.zeros(128, 1, dtype=torch.uint8)}, "stores this weight quantised (U8, (128, 1))"),
    "int8": ({"q.weight": torch.zeros(32, 8, dtype=torch.int8)}, "stores this weight quantised (I8, (32, 8))"),
    "GPTQ": ({"q.qweight": torch.zeros(1, 32, dtype=torch.int32)}, "stores this weight quantised (I32, (1, 32))"),
    "MLX": ({"q.weight": torch.zeros(32, 1, dtype=torch.uint32)}, "stores this weight quantised (U32, (32, 1))"),
    "packed": ({"q.weight_packed": torch.zeros(32, 1, dtype=torch.int32)}, "stores this weight quantised (I32, (32, 1))"),
    "eight bits with scales": ({"q.weight": some(32, 8).to(torch.float8_e4m3fn), "q.weight_scale": some(1)}, "as F8_E4M3 with scales of its own"),
    "another shape": ({"q.weight": some(32, 9)}, "is (32, 9), which does not fit: another layer, or a model of another size"),
    "another layer": ({"k.weight": some(32, 8)}, "has no weight under this name: it may be one shard of several"),
    "empty": ({"q.weight": some(0)}, "is saved empty, (0,): gather the parts"),
    "NaN": ({"q.weight": torch.full((32, 8), torch.nan)}, "The base weight holds NaN or infinity."),
    "zeros": ({"q.weight": torch.zeros(32, 8)}, "32 norms of the base are 0"),
    "a deeper one": ({"q.weight": some(32, 8, 3, 3)}, " % from the base's norms"),
    "fused, in no known order": ({"query_key_value.weight": some(96, 8)}, "has no weight under this name"),
    "nothing": ({}, "has no weight under this name"),
}  # fmt: skip


@pytest.mark.parametrize(("base", "says"), WRONG_BASES.values(), ids=WRONG_BASES)
@pytest.mark.parametrize("m", [(32,), (32, 1)])
def test_no_base_takes_anything_from_what_a_shape_proves(tmp_path, base, says, m):
    adapter = lora("q.lora_A.weight", "q.lora_B.weight") | {"q.dora_scale": some(*m)}
    [row] = both(tmp_path, adapter, base)["rows"]
    assert (row[3], row[4]) == ("per output", "certain") and says in row[5]


def test_floats_of_eight_bits_are_read(tmp_path):
    weight = spread(48).float()
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
        stored = weight.to(dtype)
        adapter = lora("q.lora_A.weight", "q.lora_B.weight", 48, 48) | {
            "q.lora_magnitude_vector": stored.double().norm(dim=1)
        }
        [row] = both(tmp_path, adapter, {"q.weight": stored})["rows"]
        assert (row[3], row[4]) == ("per output", "high") and "It is 0 % from" in row[5]


def test_a_base_of_which_no_name_matches_is_not_called_another_model(tmp_path):
    said = both(
        tmp_path,
        peft("transformer.transformer_blocks.0.attn.to_q"),
        {"mixer.0.attention.weight": some(96, 8)},
    )
    assert said["sentence"].startswith(
        "No layer of a.safetensors has its name in b.safetensors: perhaps the same model under other names or with fused"
    )
    assert (
        "those of the diffusers folder of the model" in said["sentence"] and "different models" not in said["sentence"]
    )
    assert said["rows"][0][3:5] == ["per output", "certain"]


def test_a_shard_is_known_by_its_name(tmp_path):
    base = {"layers.0.q.weight": some(32, 8)}
    said = both(tmp_path, peft("layers.0.q") | peft("layers.1.q"), base, "model-00001-of-00003.safetensors")
    assert "model-00001-of-00003.safetensors is shard 1 of 3 by its name: give the index" in said["sentence"]
    whole = both(tmp_path, peft("layers.0.q"), base, "model-00001-of-00003.safetensors")
    assert "shard" not in whole["sentence"]


# Magnitudes that are none


@pytest.mark.parametrize(
    ("adapter", "axis", "says"),
    [
        ({"q.lora_A.weight": some(0), "q.lora_B.weight": some(0), "q.lora_magnitude_vector": some(0)}, "cannot tell", "m is saved empty, (0,)"),
        ({"q.lora_A.weight": some(0), "q.lora_B.weight": some(0), "q.lora_magnitude_vector": some(32)}, "per output", "A is (0,) and B is (0,), saved empty"),
        ({"q.lora_A.weight": some(0), "q.lora_B.weight": some(0), "q.dora_scale": some(32, 1)}, "per output", "m is (32, 1), a shape that keeps"),
        (peft("q") | {"q.lora_magnitude_vector": some(0, 8)}, "cannot tell", "m is saved empty, (0, 8)"),
        (peft("q") | {"q.lora_magnitude_vector": some(32).index_fill(0, torch.tensor([3]), torch.nan)}, "per output", "1 number of m is NaN or infinity"),
        (peft("q") | {"q.lora_magnitude_vector": torch.full((32,), torch.inf)}, "per output", "32 numbers of m are NaN or infinity"),
        (peft("q") | {"q.lora_magnitude_vector": torch.zeros(32)}, "per output", "32 of 32 numbers of m are 0."),
        (peft("q") | {"q.lora_magnitude_vector": drawn(32).float()}, "per output", "numbers of m are below 0, which no norm is: LyCORIS 2.2.0 stored means"),
        (peft("q") | {"q.lora_magnitude_vector": torch.ones(32, dtype=torch.int8)}, "per output", "m is stored as I8, whose values are not read"),
    ],
)  # fmt: skip
def test_numbers_that_are_no_norms_are_said_as_what_they_are(tmp_path, adapter, axis, says):
    [row] = both(tmp_path, adapter, {"q.weight": some(32, 8)})["rows"]
    assert row[3] == axis and says in row[5]


@pytest.mark.parametrize(
    ("size", "below", "lost", "broken"),
    [(32, 0, 0, False), (32, 7, 0, False), (32, 8, 0, True), (32, 32, 0, True), (32, 0, 1, True), (1, 1, 0, True)],
)
def test_a_quarter_of_m_below_0_or_one_number_lost_is_no_row_of_norms(tmp_path, size, below, lost, broken):
    m = some(size)
    m[:below] *= -1
    m[below : below + lost] = torch.nan
    save_file(peft("q", 8, size) | {"q.lora_magnitude_vector": m}, tmp_path / "a.safetensors")
    [layer] = judge(tmp_path / "a.safetensors").layers
    assert layer.broken == broken


def test_a_zero_row_that_was_never_trained_is_named_on_both_sides(tmp_path):
    weight = some(32, 8)
    weight[4] = 0
    [row] = both(tmp_path, peft("q") | {"q.lora_magnitude_vector": weight.norm(dim=1)}, {"q.weight": weight})["rows"]
    assert "1 norm of the base is 0: DoRA divides by it." in row[5] and "1 of 32 numbers of m are 0." in row[5]


# Suffixes and neighbours


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (3, 3, 3)])
@pytest.mark.parametrize(
    "names",
    [
        ("lora_A.weight", "lora_B.weight"),
        ("lora_down.weight", "lora_up.weight"),
        ("linear_in.weight", "linear_out.weight"),
    ],
)
@pytest.mark.parametrize("m", ["dora_scale", "lora_magnitude_vector"])
def test_the_second_side_of_a_square_convolution_proves_nothing(tmp_path, kernel, names, m):
    ones = (1,) * len(kernel)
    adapter = {f"c.{names[0]}": some(4, 8, *kernel), f"c.{names[1]}": some(8, 4, *ones), f"c.{m}": some(1, 8, *ones)}
    [row] = both(tmp_path, adapter)["rows"]
    assert (
        row[4] == "fair"
        and "peft writes a convolution's outputs, and LyCORIS its inputs" in row[5]
        and "norms prove it" in row[5]
    )


@pytest.mark.parametrize("factors", [True, False])
def test_the_first_side_of_a_convolution_under_pefts_names_proves_nothing_either(tmp_path, factors):
    """peft keeps outputs on the second: who wrote this is not known, and no sentence has a size that is not."""
    adapter = {"c.lora_magnitude_vector": some(8, 1, 1, 1)}
    if factors:
        adapter |= {"c.lora_A.weight": some(2, 8, 3, 3), "c.lora_B.weight": some(8, 2, 1, 1)}
    [row] = both(tmp_path, adapter)["rows"]
    assert row[3:5] == ["per output", "fair"]
    assert row[5] == "m is (8, 1, 1, 1), a shape that keeps its dimensions: one number per output."


def test_the_values_of_a_square_convolution_prove_it(tmp_path):
    weight = (spread(16)[:, :, None] * drawn(16, 16, 3).mul(0.1).exp()).float()
    factors = {"c.lora_A.weight": some(2, 16, 3), "c.lora_B.weight": some(16, 2, 1)}
    for dims, axis in (((1, 2), "per output"), ((0, 2), "per input")):
        m = weight.norm(dim=dims).reshape(1, 16, 1)
        assert both(tmp_path, factors | {"c.dora_scale": m}, {"c.weight": weight})["rows"][0][3:5] == [axis, "high"]


def test_an_embedding_s_axis_is_its_own(tmp_path):
    mlx = {
        "k.lora_a": some(8, 4),
        "k.lora_b": some(4, 3),
        "k.m": some(3),
        "q.lora_a": some(8, 4),
        "q.lora_b": some(4, 8),
        "q.m": some(8),
    }
    emb = {
        "emb.lora_a": some(20, 4),
        "emb.lora_b": some(4, 8),
        "emb.m": some(20),
        "wte.lora_a": some(8, 4),
        "wte.lora_b": some(4, 8),
        "wte.m": some(8),
    }
    rows = {row[0]: row[3:5] for row in both(tmp_path, emb | mlx)["rows"]}
    assert rows == {
        "emb": ["per token", "certain"],
        "k": ["per output", "certain"],
        "q": ["per output", "fair"],
        "wte": ["cannot tell", "none"],
    }


def test_a_weight_stored_turned_gives_the_sizes_of_a_layer_without_a_and_b(tmp_path):
    base = {"h.0.c_attn.weight": some(8, 24), "h.0.c_attn.bias": some(24), "wte.weight": some(50, 8)}
    rows = {
        row[0]: row[2:4]
        for row in both(
            tmp_path, {"h.0.c_attn.lora_magnitude_vector": some(24), "wte.lora_magnitude_vector": some(8)}, base
        )["rows"]
    }
    assert rows == {"h.0.c_attn": ["24 × 8", "per output"], "wte": ["8 × 50", "per output"]}


@pytest.mark.parametrize("groups", [2, 4, 8])
@pytest.mark.parametrize("kernel", [(1,), (3, 3)])
def test_a_grouped_convolution_has_norms_of_a_group_s_inputs(tmp_path, groups, kernel):
    ones = (1,) * len(kernel)
    adapter = {
        "c.dora_scale": some(8),
        "c.lora_down.weight": some(1, 8, *kernel),
        "c.lora_up.weight": some(8, 1, *ones),
    }
    [row] = both(tmp_path, adapter, {"c.weight": some(8, 8 // groups, *kernel)})["rows"]
    assert row[2:5] == [f"8 × {8 // groups}", "per output", "certain"]


@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("m", [(6, 1, 1, 1), (6,), (1, 8, 1, 1)])
def test_a_transposed_convolution_is_said_to_be_one(tmp_path, groups, m):
    """torch stores it (inputs, outputs / groups, kernel); norms along its first side would be those of inputs."""
    weight = torch.nn.ConvTranspose2d(24, 6, 2, groups=groups).weight.data
    down, up = some(4, 24, 2, 2), some(6, 4, 1, 1)
    m = tuple(24 if side == 8 else side for side in m)
    adapter = {"up.lora_down.weight": down, "up.lora_up.weight": up, "up.dora_scale": some(*m)}
    [row] = both(tmp_path, adapter, {"up.weight": weight})["rows"]
    assert row[3:5] == ["per input" if 24 in m else "per output", "certain"]
    assert row[5].endswith(
        f"is {tuple(weight.shape)}, inputs first, as a transposed convolution's is: its values are not read."
    )


# Names of the base's weights


def layer(name: str, n: int = 8) -> Tensors:
    """A layer whose sizes only its base weight tells, so that a wrong match is seen."""
    return {f"{name}.dora_scale": some(n)}


SAME = [  # a layer of an adapter, a weight of a base, and what else the base has
    ("lycoris_q_", "q", []),
    ("layers.0.q", "text_encoder.layers.0.q", []),  # alone
    ("layers.0.q", "language_model.layers.0.q", ["text_encoder.layers.0.q"]),
    ("base_model.model.model.layers.0.q_proj", "model.language_model.layers.0.q_proj", ["model.visual.layers.0.q_proj"]),
    ("model.language_model.layers.0.q_proj", "language_model.model.layers.0.q_proj", ["vision_tower.vision_model.layers.0.q_proj"]),
    ("base_model.model.vision_tower.encoder.layers.0.q_proj", "vision_tower.vision_model.encoder.layers.0.q_proj", ["language_model.model.layers.0.q_proj"]),
    ("lora_te1_text_model_encoder_layers_0_mlp_fc1", "text_encoder.text_model.encoder.layers.0.mlp.fc1", ["text_encoder_2.text_model.encoder.layers.0.mlp.fc1"]),
    ("lora_te2_text_model_encoder_layers_0_mlp_fc1", "text_encoder_2.text_model.encoder.layers.0.mlp.fc1", ["text_encoder.text_model.encoder.layers.0.mlp.fc1"]),
    ("lora_te2_text_model_encoder_layers_0_mlp_fc1", "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc", ["conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1"]),
    ("lora_te1_text_model_encoder_layers_0_mlp_fc1", "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1", ["text_encoders.clip_g.transformer.text_model.encoder.layers.0.mlp.fc1"]),
    ("lora_unet_down_blocks_1_attentions_0_proj_in", "model.diffusion_model.input_blocks.4.1.proj_in", ["model.diffusion_model.input_blocks.1.1.proj_in"]),
    ("lora_unet_input_blocks_4_1_proj_in", "down_blocks.1.attentions.0.proj_in", ["down_blocks.0.attentions.0.proj_in"]),
    ("unet.mid_block.resnets.1.conv1", "middle_block.2.in_layers.2", []),
    ("unet.up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv", ["output_blocks.2.1.proj_in"]),
    ("transformer.single_transformer_blocks.3.proj_out", "model.diffusion_model.single_blocks.3.linear2", []),
    ("lora_unet_double_blocks_0_img_mlp_0", "transformer_blocks.0.ff.net.0.proj", ["transformer_blocks.0.ff_context.net.0.proj"]),
    ("model.layers.0._orig_mod.q_proj", "layers.0._fsdp_wrapped_module.q_proj", []),
    ("a.tool.layers.0.q", "layers.0.q", []),
    ("layers.0.q", "own.words.layers.0.q", []),
    ("vision_tower.vision_tower.vision_model.encoder.layers.0.q", "model.vision_tower.encoder.layers.0.q", ["language_model.encoder.layers.0.q"]),
    ("base_model.model.model.layers.0.q_proj", "language_model.layers.0.q_proj", ["audio_tower.layers.0.q_proj"]),
    ("lora_te3_encoder_block_0_layer_0_SelfAttention_q", "t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q", []),
    ("text_encoder_3.encoder.block.0.layer.0.SelfAttention.q", "text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q", []),
    ("transformer.transformer_blocks.0.attn.to_add_out", "model.diffusion_model.joint_blocks.0.context_block.attn.proj", ["model.diffusion_model.joint_blocks.0.x_block.attn.proj"]),
    ("transformer.transformer_blocks.0.ff.net.0.proj", "joint_blocks.0.x_block.mlp.fc1", ["joint_blocks.0.x_block.mlp.fc2"]),
    ("model.layers.0.to_q.parametrizations.weight.0", "model.layers.0.to_q", []),
    ("decoder.layers.0.self_attention.linear_proj.adapter", "module.decoder.layers.0.self_attention.linear_proj.to_wrap", []),
    ("base_model.model.model.layers.0.self_attn.o_proj", "decoder.layers.0.self_attention.linear_proj", ["decoder.layers.0.mlp.linear_fc2"]),
    ("module.decoder.layers.0.mlp.linear_fc2.adapter", "model.layers.0.mlp.down_proj", ["model.layers.0.self_attn.o_proj"]),
    ("diffusion_model.blocks.0.self_attn.q", "blocks.0.attn1.to_q", ["blocks.0.attn2.to_q"]),
    ("transformer.blocks.0.attn2.to_out.0", "model.diffusion_model.blocks.0.cross_attn.o", ["model.diffusion_model.blocks.0.self_attn.o"]),
    ("diffusion_model.blocks.0.cross_attn.k_img", "blocks.0.attn2.add_k_proj", ["blocks.0.attn2.to_k"]),
    ("lora_unet_blocks_0_ffn_0", "transformer.blocks.0.ffn.net.0.proj", ["transformer.blocks.0.ffn.net.2"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "weight", "others"), SAME)
def test_a_layer_is_found_under_another_library_s_name(tmp_path, name, weight, others):
    [row] = both(
        tmp_path, layer(name), {f"{weight}.weight": some(8, 5)} | {f"{other}.weight": some(8, 6) for other in others}
    )["rows"]
    assert row[2:4] == ["8 × 5", "per output"]


OTHER = [  # a layer of an adapter, and a base that has no weight for it
    ("transformer.proj_out", ["blocks.3.proj_out"]),
    ("proj_out", ["decoder.proj_out"]),
    ("layers.0.q", ["encoder.layers.0.q", "decoder.layers.0.q"]),
    ("decoder.layers.0.q", ["encoder.layers.0.q"]),
    ("layers.1.q", ["layers.11.q", "blocks.1.layers.1.q"]),
    ("lora_te2_text_model_encoder_layers_0_q", ["text_encoder.text_model.encoder.layers.0.q"]),
    ("vision_tower.layers.0.q", ["language_model.layers.0.q"]),
    ("language_model.model.layers.0.q", ["audio_tower.layers.0.q"]),
    ("language_model.model.layers.0.q", ["some_tower.layers.0.q"]),
    ("model.layers.0.q", ["vision_tower.layers.0.q"]),
    ("model.layers.0.q", ["audio_tower.layers.0.q", "vision_tower.layers.0.q"]),
]


@pytest.mark.parametrize(("name", "weights"), OTHER)
def test_the_end_of_a_name_is_not_enough(tmp_path, name, weights):
    [row] = both(tmp_path, layer(name), {f"{one}.weight": some(8, 5) for one in weights})["rows"]
    assert row[2] == "unknown" and "The base has no weight under this name" in row[5]


def test_a_beginning_is_left_out_only_where_most_layers_have_it(tmp_path):
    base = {"layers.0.q.weight": some(8, 5), "layers.1.q.weight": some(8, 5)}
    rows = both(tmp_path, layer("layers.0.q") | layer("layers.1.q") | layer("draft.layers.1.q"), base)["rows"]
    assert {row[0]: row[2] for row in rows} == {
        "layers.0.q": "8 × 5",
        "layers.1.q": "8 × 5",
        "draft.layers.1.q": "unknown",
    }


def test_words_are_left_out_of_a_name_that_begins_with_them_and_of_no_other_as_long(tmp_path):
    base = {f"layers.{name}.weight": some(8, 5) for name in ("0.q", "1.q", "1.k")}
    rows = both(tmp_path, layer("wrap.layers.0.q") | layer("wrap.layers.1.q") | layer("else.layers.1.k"), base)["rows"]
    assert [row[2] for row in rows if row[0].startswith("wrap")] == ["8 × 5", "8 × 5"]
    assert [row[2] for row in rows if row[0].startswith("else")] == ["unknown"]


@pytest.mark.parametrize(("words", "size"), [(8, "8 × 5"), (9, "unknown")])
def test_as_many_words_before_a_name_are_left_out_by_both_readers(tmp_path, words, size):
    begin = ".".join("abcdefghi"[:words])
    [row] = both(tmp_path, layer("layers.0.q"), {f"{begin}.layers.0.q.weight": some(8, 5)})["rows"]
    assert row[2] == size


def test_a_weight_is_not_given_to_layers_of_two_parts(tmp_path):
    names = [f"lora_te{i}_text_model_encoder_layers_0_mlp_fc1" for i in (1, 2)]
    rows = both(
        tmp_path, layer(names[0]) | layer(names[1]), {"text_model.encoder.layers.0.mlp.fc1.weight": some(8, 5)}
    )["rows"]
    assert all("Several layers lead to text_model.encoder.layers.0.mlp.fc1.weight" in row[5] for row in rows)
    factors = lora(f"{names[0]}.lora_down.weight", f"{names[0]}.lora_up.weight", 5, 8) | lora(
        f"{names[1]}.lora_down.weight", f"{names[1]}.lora_up.weight", 6, 8
    )
    rows = both(
        tmp_path,
        layer(names[0]) | layer(names[1]) | factors,
        {"text_model.encoder.layers.0.mlp.fc1.weight": some(8, 5)},
    )["rows"]
    assert ["% from" in row[5] for row in rows] == [True, False] and "which does not fit" in rows[1][5]


FUSED = [  # a layer, its sizes, the weight that holds it, that weight's rows, and the layer's first
    ("layers.0.self_attn.q_proj", 24, "layers.0.self_attn.qkv_proj", 72, 0),
    ("layers.0.self_attn.k_proj", 8, "layers.0.self_attn.qkv_proj", 40, 24),  # fewer keys than queries
    ("layers.0.self_attn.v_proj", 8, "layers.0.self_attn.qkv_proj", 40, 32),
    ("layers.0.mlp.up_proj", 24, "layers.0.mlp.gate_up_proj", 48, 24),
    ("transformer.single_transformer_blocks.0.attn.to_k", 24, "single_blocks.0.linear1", 168, 24),
    ("transformer.single_transformer_blocks.0.proj_mlp", 96, "single_blocks.0.linear1", 168, 72),
    ("diffusion_model.layers.0.attention.to_q", 24, "layers.0.attention.qkv", 40, 0),
    ("diffusion_model.layers.0.attention.to_k", 8, "layers.0.attention.qkv", 40, 24),  # fewer keys than queries
    ("diffusion_model.layers.0.attention.to_v", 8, "layers.0.attention.qkv", 40, 32),
    ("unet.blocks.0.attn2.to_k", 24, "blocks.0.attn2.to_kv", 48, 0),
    ("unet.blocks.0.attn2.to_v", 24, "blocks.0.attn2.to_kv", 48, 24),
    ("transformer.transformer_blocks.0.attn.to_k", 24, "joint_blocks.0.x_block.attn.qkv", 72, 24),
    ("transformer.transformer_blocks.0.attn.add_v_proj", 24, "joint_blocks.0.context_block.attn.qkv", 72, 48),
    ("transformer.transformer_blocks.0.attn.add_v_proj", 24, "double_blocks.0.txt_attn.qkv", 72, 48),
    ("base_model.model.model.layers.0.mlp.up_proj", 24, "decoder.layers.0.mlp.linear_fc1", 48, 24),
    ("lora_te2_text_model_encoder_layers_0_self_attn_v_proj", 24, "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj", 72, 48),
]  # fmt: skip


@pytest.mark.parametrize(("name", "outputs", "whole", "rows", "first"), FUSED)
def test_the_rows_of_a_fused_weight_are_used_where_their_order_is_known(tmp_path, name, outputs, whole, rows, first):
    weight = some(rows, 24)
    m = weight[first : first + outputs].double().norm(dim=1)
    adapter = lora(f"{name}.lora_A.weight", f"{name}.lora_B.weight", 24, outputs) | {f"{name}.lora_magnitude_vector": m}
    key = f"{whole}_weight" if whole.endswith("in_proj") else f"{whole}.weight"
    [row] = both(tmp_path, adapter, {key: weight})["rows"]
    assert row[3] == "per output" and "It is 0 % from" in row[5]
    assert f"Its weight is rows {first + 1} to {first + outputs} of {key}, which holds several layers in one." in row[5]


def test_of_two_parts_of_a_model_a_fused_weight_and_split_ones_are_those_of_the_layer_s_own(tmp_path):
    inner = "text_model.encoder.layers.0.self_attn"
    one, two = (f"text_encoder{n}.{inner}" for n in ("", "_2"))
    name = f"lora_te2_{inner.replace('.', '_')}"
    base = {f"{part}.qkv_proj.weight": some(96, 8) for part in (one, two)}
    [row] = both(tmp_path, peft(f"{name}_q_proj"), base)["rows"]
    assert f"Its weight is rows 1 to 32 of {two}.qkv_proj.weight" in row[5]
    base = {f"{part}.{letter}_proj.weight": some(32, 8) for part in (one, two) for letter in "qkv"}
    [row] = both(tmp_path, peft(f"{name}_qkv_proj", 8, 96), base)["rows"]
    assert f"The base has {', '.join(f'{two}.{letter}_proj.weight' for letter in 'qkv')} in its place" in row[5]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("layers.0.attn.q_proj", "layers.0.attn.query_key_value"),
        ("base_model.model.model.layers.0.self_attn.q_proj", "decoder.layers.0.self_attention.linear_qkv"),
    ],
)
def test_a_fused_weight_in_no_known_order_is_said_to_be_one(tmp_path, name, whole):
    """Megatron puts the queries of a group before its key and value, and how many there are stands in no file."""
    [row] = both(tmp_path, peft(name), {f"{whole}.weight": some(96, 8)})["rows"]
    assert row[3:5] == ["per output", "certain"]
    assert f"The base has it inside {whole}.weight, fused with other layers in an order that is not known" in row[5]


PARTS = [  # a layer that holds several as one, and these
    ("decoder.layers.0.self_attention.linear_qkv", [f"model.layers.0.self_attn.{one}_proj" for one in "qkv"]),
    ("layers.0.self_attn.qkv_proj", [f"layers.0.self_attn.{one}_proj" for one in "qkv"]),
    ("model.layers.0.mlp.gate_up_proj", ["layers.0.mlp.gate_proj", "layers.0.mlp.up_proj"]),
    ("lora_unet_double_blocks_0_img_attn_qkv", [f"transformer_blocks.0.attn.to_{one}" for one in "qkv"]),
    ("double_blocks.0.txt_attn.qkv", [f"transformer_blocks.0.attn.add_{one}_proj" for one in "qkv"]),
    ("single_blocks.0.linear1", ["single_transformer_blocks.0.attn.to_q", "single_transformer_blocks.0.attn.to_k", "single_transformer_blocks.0.attn.to_v", "single_transformer_blocks.0.proj_mlp"]),
    ("blocks.0.attn2.to_kv", ["blocks.0.attn2.to_k", "blocks.0.attn2.to_v"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parts"), PARTS)
def test_a_layer_that_the_base_has_in_parts_is_said_to_be_one(tmp_path, name, parts):
    base = {f"{one}.weight": some(32, 8) for one in parts}
    [row] = both(tmp_path, peft(name, 8, 96), base)["rows"]
    assert row[3:5] == ["per output", "certain"]
    assert f"The base has {', '.join(base)} in its place, which this layer holds as one: their values are not" in row[5]
    base.popitem()
    [row] = both(tmp_path, peft(name, 8, 96), base)["rows"]
    assert "The base has no weight under this name: it may be one shard of several" in row[5]


def test_parts_of_a_fused_layer_are_still_their_own_layers(tmp_path):
    name = "layers.0.self_attn"
    weights = {f"{name}.{one}_proj.weight": some(32, 8, seed=at) for at, one in enumerate("qkv")}
    m = weights[f"{name}.q_proj.weight"].double().norm(dim=1)
    rows = both(
        tmp_path,
        peft(f"{name}.qkv_proj", 8, 96) | peft(f"{name}.q_proj") | {f"{name}.q_proj.lora_magnitude_vector": m},
        weights,
    )["rows"]
    said = {row[0]: row[5] for row in rows}
    assert "in its place, which" in said[f"{name}.qkv_proj"] and "It is 0 % from" in said[f"{name}.q_proj"]


def test_what_two_layers_contest_is_no_contest_for_a_layer_that_holds_it_with_others(tmp_path):
    base = {f"layers.0.self_attn.{one}_proj.weight": some(32, 8) for one in "qkv"}
    contesting = layer("layers.0.self_attn.q_proj") | layer("base_model.model.layers.0.self_attn.q_proj")
    rows = both(tmp_path, contesting | peft("layers.0.self_attn.qkv_proj", 8, 96), base)["rows"]
    said = [row[5] for row in rows]
    assert sum("Several layers lead to layers.0.self_attn.q_proj.weight" in text for text in said) == 2
    assert sum("in its place, which this layer holds as one" in text for text in said) == 1


# Folders and configurations


def test_two_adapters_in_one_folder_are_judged_one_at_a_time(tmp_path):
    save_file(peft("l.0.q", 8, 8), tmp_path / "one.safetensors")
    save_file({"x.dora_scale": some(1, 8)}, tmp_path / "two.safetensors")
    with pytest.raises(
        Refused, match=r"^one.safetensors and two.safetensors both hold magnitudes: judge one adapter at a time$"
    ):
        judge(tmp_path)


def test_the_one_adapter_of_a_folder_is_judged_alone(tmp_path):
    save_file(peft("q", 8, 8), tmp_path / "adapter.safetensors")
    save_file({"q.weight": some(8, 8)}, tmp_path / "model.safetensors")
    report = judge(tmp_path)
    assert report.adapter == "adapter.safetensors" and report.layers[0].base_key is None


def test_two_models_in_one_folder_are_no_base(tmp_path):
    for name in ("model", "model.fp16"):
        save_file({"q.weight": some(32, 8)}, tmp_path / f"{name}.safetensors")
    (tmp_path / "adapter").mkdir()
    save_file(peft("q"), tmp_path / "adapter/a.safetensors")
    with pytest.raises(Refused) as refused:
        judge(tmp_path / "adapter", tmp_path)
    says = f"{tmp_path.name} has q.weight in both model.fp16.safetensors and model.safetensors: give the files of one"
    assert str(refused.value).startswith(says)
    for name, key in (("a", "b.q.weight"), ("a.b", "q.weight")):
        (tmp_path / "model" / name).mkdir(parents=True)
        save_file({key: some(32, 8)}, tmp_path / "model" / name / "model.safetensors")
    with pytest.raises(Refused, match=r"^model has a\.b\.q\.weight in both a/ and a\.b/: give the files of one"):
        judge(tmp_path / "adapter", tmp_path / "model")


def test_a_diffusers_folder_is_read_by_its_folders(tmp_path):
    name = "text_model.encoder.layers.0.mlp.fc1"
    for part, inputs in (("text_encoder", 5), ("text_encoder_2", 6)):
        (tmp_path / "model" / part).mkdir(parents=True)
        save_file({f"{name}.weight": some(8, inputs)}, tmp_path / "model" / part / "model.safetensors")
    save_file(layer(f"lora_te2_{name.replace('.', '_')}"), tmp_path / "a.safetensors")
    [found] = judge(tmp_path / "a.safetensors", tmp_path / "model").layers
    assert (found.base_key, found.inputs) == (f"{name}.weight", 6)


def test_a_pickle_alone_in_a_folder_is_named(tmp_path):
    (tmp_path / "adapter_model.bin").write_bytes(b"PK\3\4")
    with pytest.raises(
        Refused, match=r" has no .safetensors files, but adapter_model.bin: load that where it was written and save"
    ):
        judge(tmp_path)


def test_a_configuration_that_says_dora_where_none_was_saved(tmp_path):
    files = [
        ("adapter_model.safetensors", save(lora("q.lora_A.weight", "q.lora_B.weight"))),
        ("adapter_config.json", json.dumps({"use_dora": True}).encode()),
    ]
    for name, data in files:
        (tmp_path / name).write_bytes(data)
    [page] = in_page([files])
    assert page == in_python(tmp_path / "adapter_model.safetensors") == in_python(tmp_path)
    assert page.startswith(
        "adapter_model.safetensors has no DoRA magnitudes, though adapter_config.json says use_dora: they were not saved, or under"
    )
    (tmp_path / "adapter_config.json").write_text('{"use_dora": false}')
    assert in_python(tmp_path).startswith("adapter_model.safetensors has LoRA's A and B, but no DoRA magnitudes")
    (tmp_path / "adapter_config.json").write_text("[" * 10_000)
    assert in_python(tmp_path).startswith("adapter_model.safetensors has LoRA's A and B, but no DoRA magnitudes")


def test_two_weights_that_one_name_leads_to_are_neither(tmp_path):
    base = {"model.block.1.q.weight": some(8, 8), "model_block_1_q.weight": some(8, 8, seed=1)}
    [[*_, axis, _, evidence]] = both(tmp_path, peft("block.1.q", 8, 8), base)["rows"]
    assert axis == "cannot tell"
    assert "The base has no weight under this name" in evidence


def test_a_square_convolution_of_peft_is_read_on_pefts_side(tmp_path):
    """(1, out, 1, 1), where others have (1, in, 1, 1); the name says which, and only fairly."""
    factors = {"c.lora_A.weight": some(4, 8, 3, 3), "c.lora_B.weight": some(8, 4, 1, 1)}
    [[_, _, _, axis, sure, _]] = both(tmp_path, factors | {"c.lora_magnitude_vector": some(1, 8, 1, 1)})["rows"]
    assert (axis, sure) == ("per output", "fair")


# Others of the same kinds, as strangers' files have them


TOLD = {  # an adapter, its base or None, and how its layer is told
    "an adapter's name in A and B alone": ({"q.lora_A.default.weight": some(4, 8), "q.lora_B.default.weight": some(32, 4), "q.magnitude": some(32)}, None, "32 × 8 per output certain"),
    "an adapter's name in m alone": (lora("q.lora_A.weight", "q.lora_B.weight") | {"q.lora_magnitude_vector.default.weight": some(32)}, None, "32 × 8 per output certain"),
    "two adapters' A and B": ({f"q.lora_{end}.{name}.weight": some(*shape) for name in "ab" for end, shape in (("A", (4, 8)), ("B", (32, 4)))} | {"q.weight_m_wdecomp.weight": some(32, 1)}, None, "32 × 8 per output certain"),
    "other words before two stems": (lora("lora_unet_a_k.lora_down.weight", "lora_unet_a_k.lora_up.weight") | {"unet.a.k.lora_magnitude_vector": some(32)}, None, "32 × 8 per output certain"),
    "mlx's names, peft's sides": ({"q.lora_a": some(4, 8), "q.lora_b": some(32, 4), "q.m": some(32)}, None, "32 × 8 per output certain"),
    "mlx's own sides": ({"q.lora_a": some(8, 4), "q.lora_b": some(4, 32), "q.m": some(32)}, None, "32 × 8 per output certain"),
    "catid's sides": ({"q.lora_A": some(32, 4), "q.lora_B": some(4, 8), "q.m": some(1, 8)}, None, "unknown per input certain"),
    "catid's sides and a weight": ({"q.lora_A": some(32, 4), "q.lora_B": some(4, 8), "q.m": some(8)}, {"q.weight": some(32, 8)}, "32 × 8 per input certain"),
    "turned sides, m alone": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 32), "q.magnitude": some(32)}, None, "unknown cannot tell none"),
    "turned sides of another weight": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 32), "q.magnitude": some(32)}, {"q.weight": some(32, 9)}, "unknown cannot tell none"),
    "turned sides, an m that fits none": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 32), "q.dora_scale": some(1, 5)}, None, "unknown cannot tell none"),
    "turned sides, and m kept along one": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 32), "q.dora_scale": some(1, 8)}, None, "unknown per input certain"),
    "turned sides, and m kept along the rank": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 32), "q.dora_scale": some(1, 4)}, None, "unknown cannot tell none"),
    "turned sides of full rank": ({"q.lora_a": some(5, 5), "q.lora_b": some(9, 5), "q.m": some(9)}, None, "9 × 5 per output certain"),
    "a rank above the outputs, turned or not": ({"q.lora_a": some(5, 9), "q.lora_b": some(3, 5), "q.m": some(3)}, None, "unknown cannot tell none"),
    "two numbers beside a kernel that may be flat": ({f"c.hada_w{n}_{end}": some(*shape) for n in (1, 2) for end, shape in (("a", (32, 4)), ("b", (4, 8)))} | {"c.dora_scale": some(2)}, None, "unknown cannot tell none"),
    "one number beside a kernel that may be flat": ({f"c.hada_w{n}_{end}": some(*shape) for n in (1, 2) for end, shape in (("a", (32, 4)), ("b", (4, 8)))} | {"c.dora_scale": some(1)}, None, "32 × 8 cannot tell none"),
    "turned sides of a square layer": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 8), "q.m": some(8)}, None, "8 × 8 cannot tell none"),
    "a rank above both sides": ({"q.lora_A": some(8, 4), "q.lora_B": some(4, 8), "q.m": some(4)}, None, "4 × 4 cannot tell none"),
    "Stable Audio's parametrization": ({f"q.parametrizations.weight.0.{end}": some(*shape) for end, shape in (("lora_A", (4, 8)), ("lora_B", (8, 4)), ("magnitude", (8, 1)))}, {"q.weight": some(8, 8)}, "8 × 8 per output certain"),
    "a rank of nothing": ({"q.lora_A.weight": some(0, 8), "q.lora_B.weight": some(32, 0), "q.lora_magnitude_vector": some(32)}, None, "32 × 8 per output certain"),
    "both factors in groups": ({"c.lora_A.weight": some(16, 1, 5), "c.lora_B.weight": some(16, 1, 1), "c.lora_magnitude_vector": some(1, 16, 1)}, {"c.weight": some(16, 1, 5)}, "16 × 1 per output certain"),
    "a group's inputs, flat": ({"c.lora_down.weight": some(2, 16, 3), "c.lora_up.weight": some(16, 2, 1), "c.dora_scale": some(4)}, None, "16 × 16 per input fair"),
    "a group's inputs, kept": ({"c.lora_down.weight": some(2, 16, 3), "c.lora_up.weight": some(16, 2, 1), "c.dora_scale": some(1, 4, 1)}, {"c.weight": some(16, 4, 3)}, "16 × 4 per input certain"),
    "a group's inputs, kept, without a base": ({"c.lora_down.weight": some(2, 16, 3), "c.lora_up.weight": some(16, 2, 1), "c.dora_scale": some(1, 4, 1)}, None, "16 × 16 per input fair"),
    "a group's inputs that do not share the outputs out": ({"c.lora_down.weight": some(2, 16, 3), "c.lora_up.weight": some(18, 2, 1), "c.dora_scale": some(1, 4, 1)}, None, "18 × 16 cannot tell none"),
    "a large layer of whole factors": ({"q.lokr_w1": some(16, 8), "q.lokr_w2": some(32, 16), "q.dora_scale": some(512, 1)}, None, "512 × 128 per output certain"),
    "two outputs": (lora("q.lora_down.weight", "q.lora_up.weight", 8, 2) | {"q.dora_scale": some(2, 1)}, None, "2 × 8 per output certain"),
    "outputs along the inputs' side": (lora("q.lora_down.weight", "q.lora_up.weight") | {"q.dora_scale": some(1, 32)}, None, "32 × 8 per output fair"),
    "outputs along a kernel's side": ({"c.lora_down.weight": some(2, 8, 3), "c.lora_up.weight": some(32, 2, 1), "c.dora_scale": some(1, 32, 1)}, None, "32 × 8 per output certain"),
    "inputs along a kernel's first side": ({"c.lora_down.weight": some(2, 8, 3), "c.lora_up.weight": some(32, 2, 1), "c.dora_scale": some(8, 1, 1)}, None, "32 × 8 per input certain"),
    "inputs along peft's side of outputs": ({"c.lora_A.weight": some(2, 8, 3), "c.lora_B.weight": some(32, 2, 1), "c.lora_magnitude_vector": some(1, 8, 1)}, None, "32 × 8 per input certain"),
    "a single number": (lora("q.lora_A.weight", "q.lora_B.weight", 8, 1) | {"q.magnitude": torch.tensor(3.0)}, None, "1 × 8 per output certain"),
    "A and B under two other spellings": (lora("x.a_k.lora_A.weight", "x.a_k.lora_B.weight") | lora("x_a.k.lora_A.weight", "x_a.k.lora_B.weight") | {"x_a_k.lora_magnitude_vector": some(32)}, None, "unknown cannot tell none"),
    "its own of two adapters' A and B": ({f"q.lora_{end}.{name}.weight": some(*shape) for name, inputs in (("b", 9), ("a", 8)) for end, shape in (("A", (4, inputs)), ("B", (32, 4)))} | {"q.lora_magnitude_vector.a.weight": some(32)}, None, "32 × 8 per output certain"),
    "inputs or a kernel's, flat": ({"c.hada_w1_a": some(16, 2), "c.hada_w1_b": some(2, 144), "c.dora_scale": some(16)}, None, "unknown cannot tell none"),
    "inputs and a kernel, flat": ({"c.lokr_w1": some(4, 2), "c.lokr_w2_a": some(4, 2), "c.lokr_w2_b": some(2, 72), "c.dora_scale": some(16)}, {"c.weight": some(16, 16, 3, 3)}, "16 × 16 cannot tell none"),
    "an m that lies as peft writes none": (peft("q", 8, 8) | {"q.lora_magnitude_vector": some(1, 8)}, None, "8 × 8 per input fair"),
}  # fmt: skip


@pytest.mark.parametrize(("adapter", "base", "told"), TOLD.values(), ids=TOLD)
def test_strange_factors_tell_what_they_tell_and_no_more(tmp_path, adapter, base, told):
    [row] = both(tmp_path, adapter, base)["rows"]
    assert " ".join(row[2:5]) == told


def test_the_first_side_of_a_square_convolution_of_peft_is_told_by_values(tmp_path):
    weight = spread(32)[:, :, None].float() * some(3)
    factors = {"c.lora_A.weight": some(2, 32, 3), "c.lora_B.weight": some(32, 2, 1)}
    for dims, axis in (((1, 2), "per output"), ((0, 2), "per input")):
        m = weight.norm(dim=dims).reshape(32, 1, 1)
        [row] = both(tmp_path, factors | {"c.lora_magnitude_vector": m}, {"c.weight": weight})["rows"]
        assert row[3:5] == [axis, "high"]


def test_an_m_that_lies_as_peft_writes_none_is_told_by_values(tmp_path):
    weight = spread(32).float()
    for dim, axis in ((1, "per output"), (0, "per input")):
        m = weight.norm(dim=dim)[None]
        [row] = both(tmp_path, peft("q", 32, 32) | {"q.lora_magnitude_vector": m}, {"q.weight": weight})["rows"]
        assert row[3:5] == [axis, "high"]


NO_PAIR = {
    "a rank above the inputs": {"q.lora_A.weight": some(3, 5), "q.lora_B.weight": some(5, 9)},
    "convolutions that would fit turned over": {"q.lora_A.weight": some(9, 4, 1, 1), "q.lora_B.weight": some(4, 7, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("factors", NO_PAIR.values(), ids=NO_PAIR)
def test_factors_that_only_seem_to_be_turned_are_no_pair(tmp_path, factors):
    m = {"q.lora_magnitude_vector": some(*factors["q.lora_B.weight"].shape[1:2])}
    [row] = both(tmp_path, factors | m)["rows"]
    assert row[5].endswith("their ranks differ, so they are no pair.")


SAID = {  # an adapter, its base, and what is said of its layer
    "ranks that agree once turned": ({"q.lora_A.weight": some(8, 4), "q.lora_B.weight": some(4, 32), "q.lora_magnitude_vector": some(32)}, None, "A is (8, 4) and B is (4, 32), so that A B is the product"),
    "ranks that agree once turned, as large as a side": ({"q.lora_A.weight": some(9, 5), "q.lora_B.weight": some(5, 5), "q.lora_magnitude_vector": some(5)}, None, "A is (9, 5) and B is (5, 5), so that A B is the product"),
    "A saved empty": ({"q.lora_A.weight": some(0), "q.lora_B.weight": some(32, 4), "q.lora_magnitude_vector": some(32)}, None, "m is (32,): without A and B or the base weight its length says nothing. A is (0,) and B is (32, 4), saved empty"),
    "B saved empty beside a kept m": ({"q.lora_down.weight": some(4, 8), "q.lora_up.weight": some(0), "q.dora_scale": some(1, 8)}, None, "A is (4, 8) and B is (0,), saved empty"),
    "a group's inputs": ({"c.lora_down.weight": some(2, 16, 3), "c.lora_up.weight": some(16, 2, 1), "c.dora_scale": some(1, 4, 1)}, None, "m has 4 numbers, which are a group's inputs if this convolution of 16 outputs and 16 inputs has 4 groups"),
    "a group's one input": ({"c.lora_down.weight": some(2, 4, 3, 3), "c.lora_up.weight": some(8, 2, 1, 1), "c.dora_scale": some(1, 1, 1, 1)}, None, "m has 1 number, which is a group's inputs if this convolution of 8 outputs and 4 inputs has 4 groups"),
    "a single number of one output": (lora("q.lora_A.weight", "q.lora_B.weight", 8, 1) | {"q.magnitude": torch.tensor(3.0)}, None, "m has 1 number, and the layer 1 output and 8 inputs."),
    "a single number of many": (lora("q.lora_A.weight", "q.lora_B.weight") | {"q.magnitude": torch.tensor(3.0)}, None, "m has 1 number, but the layer 32 outputs and 8 inputs."),
    "a weight packed into one side": (peft("q"), {"q.weight": torch.zeros(128, dtype=torch.uint8)}, "stores this weight quantised (U8, (128,))"),
    "the other side": ({"c.lora_A.weight": some(2, 8, 3), "c.lora_B.weight": some(32, 2, 1), "c.lora_magnitude_vector": some(1, 8, 1)}, None, "written along the other side, but its length 8 is the number of inputs"),
    "four bits stored as bfloat16": (peft("q"), {"q.weight": torch.zeros(64, 1).bfloat16(), "q.weight.absmax": some(4), "q.weight.quant_state.bitsandbytes__nf4": torch.zeros(90, dtype=torch.uint8)}, "stores this weight quantised (BF16, (64, 1))"),
    "another eight bits": (peft("q"), {"q.weight": some(32, 8).to(torch.float8_e4m3fnuz)}, "stores this weight as F8_E4M3FNUZ, whose values are not read"),
    "a fused weight of eight bits with scales": (peft("l.0.mlp.gate_proj"), {"l.0.mlp.gate_up_proj.weight": some(64, 8).to(torch.float8_e4m3fn), "l.0.mlp.gate_up_proj.weight_scale": some(1)}, "as F8_E4M3 with scales of its own"),
    "keys and values fused": (peft("l.0.attn.v_proj"), {"l.0.attn.kv_proj.weight": some(64, 8)}, "has it inside l.0.attn.kv_proj.weight, fused with other layers"),
    "all ones": (peft("q") | {"q.lora_magnitude_vector": torch.ones(32)}, None, "All 32 numbers of m are the same, as where it starts from ones"),
    "all ones, of as few numbers as are looked at": (peft("q", 8, 8) | {"q.lora_magnitude_vector": torch.ones(8)}, None, "All 8 numbers of m are the same"),
    "all ones on a square layer": (peft("q", 32, 32) | {"q.lora_magnitude_vector": torch.ones(32)}, {"q.weight": some(32, 32)}, "the 32 numbers of m that can be compared are all the same: values tell nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("adapter", "base", "says"), SAID.values(), ids=SAID)
def test_what_is_strange_is_said_as_what_it_is(tmp_path, adapter, base, says):
    said = both(tmp_path, adapter, base)
    assert says in said["rows"][0][5]
    assert "another model" not in said["sentence"] and "are no pair" not in said["rows"][0][5]


@pytest.mark.parametrize("broken", ["m", "base"])
def test_numbers_that_are_sound_tell_an_axis_beside_some_that_are_not(tmp_path, broken):
    weight = spread(32).float()
    m = weight.norm(dim=0)
    (m if broken == "m" else weight[3])[3] = torch.nan
    [row] = both(tmp_path, peft("q", 32, 32) | {"q.lora_magnitude_vector": m}, {"q.weight": weight})["rows"]
    assert row[3:5] == ["per input", "high"] and "NaN or infinity" in row[5]


def test_factors_without_m_are_named_and_not_called_a_and_b(tmp_path):
    named = both(tmp_path, {"x.hada_w1_a": some(8, 2), "x.hada_w1_b": some(2, 8)})
    assert named.startswith(
        "a.safetensors has x.hada_w1_a and other factors, but no DoRA magnitudes under a name known"
    )
    assert both(tmp_path, {"lora_unet_x.oft_blocks": some(4, 8, 8)}).startswith("a.safetensors has no DoRA magnitudes")
    for names in (
        ("q.lora_A.x.weight", "q.lora_B.x.weight"),
        ("lora_A.weight", "lora_B.weight"),
        ("q.lora.A", "q.lora.B"),
    ):
        assert both(tmp_path, lora(*names)).startswith("a.safetensors has LoRA's A and B")


def test_a_base_that_is_no_model_is_said_to_be_none(tmp_path):
    for base, says in (
        ({}, "b.safetensors holds no tensor at all: give the model. "),
        (
            lora("k.lora_A.weight", "k.lora_B.weight"),
            "b.safetensors holds k.lora_A.weight, as an adapter does, and no weight",
        ),
    ):
        assert both(tmp_path, peft("q"), base)["sentence"].startswith(says)
    said = both(tmp_path, peft("q"), peft("k"))
    assert said == "a.safetensors and b.safetensors both hold magnitudes: judge one adapter at a time"


def test_an_adapter_that_is_a_shard_is_said_to_be_one(tmp_path):
    m = {"q.lora_magnitude_vector": some(32)}
    name, whole = "a-00002-of-00003.safetensors", " is shard 2 of 3 by its name: give the index, or the folder with all"
    save_file(m, tmp_path / name)
    [page], python = in_page([[(name, save(m))]]), in_python(tmp_path / name)
    assert_same(page, python, "")
    assert python["sentence"].startswith(f"{name}{whole}") and not judge(tmp_path / name).sound
    save_file(peft("q"), tmp_path / name)
    assert whole not in in_python(tmp_path / name)["sentence"]


@pytest.mark.parametrize("inner", [("checkpoint-100", "checkpoint-200"), ("text_encoder", "unet")])
def test_adapters_in_folders_of_a_folder_are_judged_one_at_a_time(tmp_path, inner):
    for name in inner:
        (tmp_path / name).mkdir()
        save_file(peft("q"), tmp_path / name / "adapter_model.safetensors")
    with pytest.raises(Refused) as refused:
        judge(tmp_path)
    one, other = (f"{name}/adapter_model.safetensors" for name in inner)
    assert str(refused.value) == f"{one} and {other} both hold magnitudes: judge one adapter at a time"
    (tmp_path / inner[0] / "adapter_model.safetensors").unlink()
    report = judge(tmp_path)
    assert (report.adapter, [layer.name for layer in report.layers]) == (other, ["q"])
    save_file(peft("k"), tmp_path / "own.safetensors")  # which is the folder's own
    report = judge(tmp_path)
    assert (report.adapter, [layer.name for layer in report.layers]) == ("own.safetensors", ["k"])


def test_mlx_lm_s_configuration_says_dora_too(tmp_path):
    files = [
        ("adapters.safetensors", save({"q.lora_a": some(8, 4), "q.lora_b": some(4, 32)})),
        ("adapter_config.json", json.dumps({"fine_tune_type": "dora"}).encode()),
    ]
    for name, data in files:
        (tmp_path / name).write_bytes(data)
    [page] = in_page([files])
    assert page == in_python(tmp_path)
    assert page.startswith(
        "adapters.safetensors has no DoRA magnitudes, though adapter_config.json says dora: they were"
    )
