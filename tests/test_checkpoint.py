"""Adapters in every library's names: the axis told by shape, by value against the base, and everything that may be wrong with a file."""

import io
import itertools
import json
import math
import re
import resource
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import dorabook.checkpoint as checkpoint
import pytest
import torch
from dorabook.checkpoint import Refused, __main__, compare, families, files, judge, judging, read, values
from dorabook.checkpoint import base as weights
from dorabook.checkpoint import safetensors as stored
from dorabook.checkpoint.judging import FAR
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig
from safetensors import SafetensorError, deserialize
from safetensors.torch import load_file, save_file
from support.adapters import ENDS, drawn, moved, partners, spread
from support.broken_files import AGAIN, BAD, packed
from support.fuzz_headers import mutants
from support.hostile_headers import header
from support.peft_adapter import kept, trained

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def saved(tmp_path):
    def save(name: str = "adapter", **parts: torch.Tensor) -> Path:
        path = tmp_path / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in parts.items()}, path)
        return path

    return save


def told(report) -> list[tuple[str, str]]:
    return [(layer.axis, layer.confidence) for layer in report.layers]


# Files that are no checkpoints: the sentences are those of the page, held against the same files there


@pytest.mark.parametrize(("data", "says"), BAD.values(), ids=BAD)
def test_a_bad_file_is_answered_in_one_sentence(tmp_path, data, says):
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(Refused) as refused:
        judge(path)
    unread = says.startswith("cannot be read (")  # for a reason, in the library's words
    told = str(refused.value).removeprefix("a.safetensors ")
    assert re.fullmatch(rf"cannot be read \(.+\): {AGAIN}", told) if unread else told == says


@pytest.mark.parametrize("seed", range(6))
def test_a_broken_header_gives_a_verdict_or_one_sentence(tmp_path, seed):
    path = tmp_path / "a.safetensors"
    for done, raw in mutants(seed, 100):
        path.write_bytes(raw)
        try:
            report = judge(path)
        except Refused as refused:
            said = str(refused)
        else:
            said = report.sentence
            json.dumps(report.to_json())
        assert said.startswith("a.safetensors") and "\n" not in said, done


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Refused, match=r"^lost.safetensors is not there: give the path"):
        judge(tmp_path / "lost.safetensors")
    with pytest.raises(Refused, match=r"has no .safetensors files"):
        read(tmp_path)


@pytest.mark.slow
def test_ten_thousand_tensors_are_judged(tmp_path):
    header = {
        f"layers.{i}.dora_scale": {
            "dtype": "F32",
            "shape": [1, 2] if i % 4 else [2, 1],
            "data_offsets": [8 * i, 8 * i + 8],
        }
        for i in range(10_000)
    }
    path = tmp_path / "many.safetensors"
    path.write_bytes(packed(header, bytes(80_000)))
    verdict = judge(path)
    assert verdict.counts == {"per output": 2_500, "per input": 7_500}
    assert "and 9,960 more" in str(verdict)


@pytest.mark.slow
def test_a_base_of_many_long_names_takes_memory_for_its_names_alone(tmp_path, saved):
    """Not for every end of every name, of which one with twelve words has thirteen."""
    raw = header("names of many words", 500_000)
    base = tmp_path / "base.safetensors"
    base.write_bytes(len(raw).to_bytes(8, "little") + raw)
    adapter = saved(**{f"layers.{n}.q.dora_scale": drawn(1, 3) for n in range(2)})
    tracemalloc.start()
    judge(adapter, base)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * len(raw)


# Shapes


@pytest.mark.parametrize("family", ENDS)
@pytest.mark.parametrize(("count", "axis"), [(5, "per output"), (3, "per input")])
def test_a_flat_magnitude_is_told_by_its_length_in_every_library_s_names(saved, family, count, axis):
    path = saved(**partners(family, 5, 3), **{f"block.{ENDS[family]}": drawn(count)})
    [layer] = judge(path).layers
    assert (layer.name, layer.family, layer.outputs, layer.inputs) == ("block", family.partition(",")[0], 5, 3)
    assert (layer.axis, layer.confidence) == (axis, "certain")


@pytest.mark.parametrize("family", ["LyCORIS", "this book", "Raschka"])
@pytest.mark.parametrize(("shape", "axis"), [((4, 1), "per output"), ((1, 4), "per input")])
def test_a_magnitude_that_keeps_its_dimensions_tells_even_on_a_square_layer(saved, family, shape, axis):
    assert told(judge(saved(**partners(family, 4, 4), **{f"block.{ENDS[family]}": drawn(*shape)}))) == [
        (axis, "certain")
    ]


def test_raschka_s_layer_whose_m_has_a_number_per_output_in_a_row_is_told_by_length(saved):
    [layer] = judge(saved(**partners("Raschka", 5, 3), **{"block.m": drawn(1, 5).abs()})).layers
    assert (layer.axis, layer.confidence) == ("per output", "fair")
    assert layer.evidence == "m is (1, 5), written along the other side, but its length 5 is the number of outputs."


def test_names_with_and_without_weight_and_adapter_name_are_the_same_layer(saved):
    for end in ("", ".weight", ".default", ".default.weight", ".my-adapter.weight"):
        path = saved(**{f"a.b.lora_magnitude_vector{end}": drawn(3)})
        assert [layer.name for layer in judge(path).layers] == ["a.b"], end


@pytest.mark.parametrize(
    ("parts", "axis", "says"),
    [
        ({"x.dora_scale": drawn(2, 3)}, "cannot tell", "m is (2, 3), expected one number per output or per input."),
        ({"x.dora_scale": drawn(0)}, "cannot tell", "m is saved empty, (0,): a sharded training does that"),
        (
            {"x.dora_scale": torch.tensor([1, math.nan])},
            "cannot tell",
            "1 number of m is NaN or infinity: the training broke, or",
        ),
        (
            {"x.dora_scale": drawn(4)},
            "cannot tell",
            "m is (4,): no A and B under names known here, and without them or the base weight",
        ),
        (
            {**partners("peft", 4, 3), "block.lora_magnitude_vector": drawn(5)},
            "cannot tell",
            "m has 5 numbers, but the layer 4 outputs and 3 inputs.",
        ),
        (
            {**partners("LyCORIS", 4, 3), "block.dora_scale": drawn(1, 5)},
            "cannot tell",
            "m is (1, 5), but the layer has 4 outputs and 3 inputs.",
        ),
        (
            {**partners("peft", 4, 3), "block.lora_B.weight": drawn(4, 7), "block.lora_magnitude_vector": drawn(4)},
            "cannot tell",
            "A is (2, 3) and B is (4, 7): their ranks differ",
        ),
        (
            {**partners("peft", 4, 4), "block.lora_magnitude_vector": drawn(4)},
            "cannot tell",
            "peft writes per output, but a converted file may not.",
        ),
        (
            {"embed.lora_a": drawn(9, 2), "embed.lora_b": drawn(2, 4), "embed.m": drawn(9)},
            "per token",
            "m has 9 numbers, and the layer 4 outputs and 9 tokens.",
        ),
    ],
)
def test_a_verdict_names_its_evidence(saved, parts, axis, says):
    [layer] = judge(saved(**parts)).layers
    assert layer.axis == axis
    assert says in layer.evidence


def test_m_is_a_magnitude_only_beside_its_factors(saved):
    with pytest.raises(Refused, match="has no DoRA magnitudes"):
        judge(saved(**{"block.m": drawn(1, 3)}))


def test_a_square_layer_without_a_base_follows_the_file_s_other_layers(saved):
    square, narrow = partners("LyCORIS", 4, 4), partners("LyCORIS", 3, 4)
    parts = {**square, "block.dora_scale": drawn(4), **{key.replace("block", "other"): v for key, v in narrow.items()}}
    [first, _] = judge(saved(**parts, **{"other.dora_scale": drawn(4)})).layers
    assert (first.axis, first.confidence) == ("per input", "fair")
    assert "1 other layer of this file is per input, and a training writes one axis." in first.evidence


# Values


@pytest.mark.parametrize(("dim", "axis"), [(1, "per output"), (0, "per input")])
def test_a_flat_magnitude_of_a_square_layer_is_told_by_the_norms_it_started_from(saved, dim, axis):
    weight = spread(48)
    adapter = saved(**partners("peft", 48, 48), **{"block.lora_magnitude_vector": moved(weight.norm(dim=dim))})
    [layer] = compare(saved("base", **{"model.block.weight": weight}), adapter).layers
    assert (layer.axis, layer.confidence, layer.base_key) == (axis, "high", "model.block.weight")


def test_slopes_and_their_errors_are_those_of_least_squares():
    p, q, noise = (
        torch.rand(30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) for seed in range(3)
    )
    p, q = (1 + p), (1 + q)  # no entry is far from the others, so none is drawn in
    magnitude = p * (1 + 0.1 * noise)
    found = values.fit(magnitude, p, q).slopes
    design = torch.stack([torch.ones_like(p), p.log(), q.log()], dim=1)
    solution = torch.linalg.lstsq(design, magnitude.log()[:, None]).solution[:, 0]
    left = magnitude.log() - design @ solution
    covariance = torch.linalg.inv(design.T @ design) * left.square().sum() / (30 - 3)
    expected = [solution[1], covariance[1, 1].sqrt(), solution[2], covariance[2, 2].sqrt()]
    got = [found.output, found.output_error, found.input, found.input_error]
    assert got == pytest.approx([float(value) for value in expected], rel=1e-9)
    difference = solution[1] - solution[2]
    t = difference / (covariance[1, 1] + covariance[2, 2] - 2 * covariance[1, 2]).sqrt()
    partial = float(t / (t**2 + 27).sqrt())  # the partial correlation that belongs to t
    assert found.z == pytest.approx(math.atanh(partial) * math.sqrt(26), rel=1e-9)


@pytest.mark.parametrize("dim", [0, 1])
def test_one_huge_channel_that_two_models_share_decides_nothing(dim):
    weight, other = drawn(64, 64), drawn(64, 64, seed=1)
    for one in (weight, other):
        one.select(1 - dim, 5).mul_(8)
    assert values.fit(other.norm(dim=dim), weight.norm(dim=1), weight.norm(dim=0)).axis is None


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(8, 80),
    seed=st.integers(0, 10**6),
    drift=st.floats(0, 1),
    dim=st.sampled_from([0, 1]),
    scale=st.floats(1e-3, 1e3),
)
def test_values_tell_the_right_axis_or_none_and_turn_with_the_weight(size, seed, drift, dim, scale):
    weight = spread(size, seed)
    magnitude = scale * weight.norm(dim=dim) * (1 + drift * drawn(size, seed=seed + 3))
    found = values.fit(magnitude, weight.norm(dim=1), weight.norm(dim=0))
    assert found.axis in (None, ("per input", "per output")[dim])
    turned = values.fit(magnitude, weight.T.norm(dim=1), weight.T.norm(dim=0))
    assert turned.axis == {"per output": "per input", "per input": "per output", None: None}[found.axis]
    if found.slopes:
        assert turned.slopes.z == pytest.approx(-found.slopes.z, rel=1e-6, abs=1e-6)


def test_a_magnitude_of_another_model_follows_neither_norm(saved):
    adapter = saved(**partners("peft", 300, 300), **{"block.lora_magnitude_vector": spread(300, seed=50).norm(dim=1)})
    report = compare(saved("base", **{"block.weight": spread(300)}), adapter)
    assert told(report) == [("cannot tell", "none")] and report.layers[0].far
    assert report.layers[0].evidence.endswith("m follows neither, so this may be another base model.")


def test_norms_that_are_alike_tell_nothing(saved):
    weight = drawn(20, 20) + drawn(20, 20).T
    adapter = saved(**partners("torchtune", 20, 20), **{"block.magnitude": weight.norm(dim=1)})
    [layer] = compare(saved("base", **{"block.weight": weight}), adapter).layers
    assert (layer.axis, layer.confidence) == ("cannot tell", "none")
    assert layer.evidence.startswith(
        "The base's norms per output and per input are alike: nothing to tell them apart by."
    )


def test_seven_numbers_are_too_few(saved):
    adapter = saved(**partners("peft", 7, 7), **{"block.lora_magnitude_vector": spread(7).norm(dim=1)})
    assert (
        "Only 7 numbers can be compared: too few."
        in compare(saved("b", **{"block.weight": spread(7)}), adapter).layers[0].evidence
    )


def test_a_magnitude_that_was_reshaped_is_told_by_its_values(saved):
    weight = spread(40)
    adapter = saved(**partners("LyCORIS", 40, 40), **{"block.dora_scale": moved(weight.norm(dim=0))[:, None]})
    [layer] = compare(saved("base", **{"block.weight": weight}), adapter).layers
    assert layer.axis == "cannot tell"
    assert (
        layer.evidence.startswith("m is (40, 1), which says per output, but m follows")
        and "m was reshaped, or the base is stored turned." in layer.evidence
    )


def test_the_distance_from_the_base_is_a_plain_loop_s(saved):
    weight, magnitude = drawn(5, 3), moved(drawn(5, 3).norm(dim=1))
    adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": magnitude})
    [layer] = compare(saved("base", **{"block.weight": weight}), adapter).layers
    norms = [math.sqrt(sum(value**2 for value in row)) for row in weight.tolist()]
    off = sum((m - norm) ** 2 for m, norm in zip(magnitude.tolist(), norms, strict=True)) / sum(
        norm**2 for norm in norms
    )
    assert layer.distance == pytest.approx(math.sqrt(off)) and not layer.far


def test_magnitudes_far_from_the_norms_are_called_far(saved):
    adapter = saved(
        **partners("peft", 5, 3), **{"block.lora_magnitude_vector": (1 + FAR + 0.01) * drawn(5, 3).norm(dim=1)}
    )
    report = compare(saved("base", **{"block.weight": drawn(5, 3)}), adapter)
    assert (
        report.layers[0].far
        and "26 % from the base's norms, farther than a training usually takes it" in report.layers[0].evidence
    )
    begins = "In 1 of 1 layer of adapter.safetensors m is farther from the base's norms than a training usually takes it: another base"
    assert report.sentence.startswith(begins)


def test_a_zero_row_of_the_base_is_counted(saved):
    weight = drawn(5, 3)
    weight[2] = 0
    adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": weight.norm(dim=1)})
    assert (
        "1 norm of the base is 0: DoRA divides by it."
        in compare(saved("b", **{"block.weight": weight}), adapter).layers[0].evidence
    )


# The base


def test_a_base_weight_is_summed_along_both_sides_in_pieces(monkeypatch, saved):
    monkeypatch.setattr(stored, "PIECE", 16)
    for shape in ((7, 5), (3, 40), (4, 3, 3, 3), (50, 2), (1, 1)):
        weight = drawn(*shape).float()
        sizes: list[int] = []
        with stored.open_files() as tensors:
            entry = read(saved(w=weight)).entries["w"]
            first, second = stored.sums_of_squares(entry, tensors, sizes.append)
        squares = weight.double().square()
        rest = tuple(range(2, len(shape)))
        torch.testing.assert_close(torch.from_numpy(first), squares.sum((1, *rest)))
        torch.testing.assert_close(torch.from_numpy(second), squares.sum((0, *rest)))
        assert sum(sizes) == 4 * weight.numel() and max(sizes) <= 64


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_float_dtype_is_read(saved, dtype):
    weight = spread(32).to(dtype)
    adapter = saved(
        **partners("peft", 32, 32), **{"block.lora_magnitude_vector": moved(weight.double().norm(dim=1)).to(dtype)}
    )
    assert told(compare(saved("base", **{"block.weight": weight}), adapter)) == [("per output", "high")]


def test_a_base_of_twenty_gigabytes_is_read_only_where_the_layers_are(tmp_path, saved):
    """A file with a hole in it: what is not written takes no disk, and reads as zeros."""
    end = 10**7 * 1024 * 2
    places = {"embed.weight": ("F16", [10**7, 1024], [0, end]), "x.weight": ("F32", [4, 2], [end, end + 32])}
    header = {key: dict(zip(("dtype", "shape", "data_offsets"), place, strict=True)) for key, place in places.items()}
    base, raw, done = tmp_path / "base.safetensors", packed(header), []
    with base.open("wb") as file:
        file.write(raw)
        file.truncate(len(raw) + end + 32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [layer] = judge(saved(**{"x.dora_scale": drawn(1, 2)}), base, progress=lambda *call: done.append(call)).layers
    assert (layer.base_key, layer.axis, done) == ("x.weight", "per input", [(32, 32)])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    ("layer", "base"),
    [
        ("base_model.model.model.layers.1.q_proj", "model.layers.1.q_proj"),
        ("base_model.model.layers.1.q_proj", "text.model.layers.1.q_proj"),
        ("lora_unet_down_blocks_0_attn_to_q", "down_blocks.0.attn.to_q"),
        ("lora_te1_text_model_q_proj", "text_model.q_proj"),
        ("prefix.of.a.tool.layers.1.q_proj", "layers.1.q_proj"),
        ("q_proj", "q_proj.base_layer"),
    ],
)
def test_a_layer_finds_its_base_weight_under_another_prefix(saved, layer, base):
    adapter = saved(**{f"{layer}.dora_scale": drawn(3)})
    also = {"model.layers.11.q_proj.weight": drawn(3, 3), "model.layers.2.weight": drawn(3, 3)}
    [verdict] = compare(saved("base", **{f"{base}.weight": drawn(3, 2), **also}), adapter).layers
    assert (verdict.base_key, verdict.outputs, verdict.inputs) == (f"{base}.weight", 3, 2)


def test_two_weights_that_fit_a_name_are_not_guessed_between(saved):
    adapter = saved(**{"q.dora_scale": drawn(3)})
    report = judge(adapter, saved("base", **{"a.q.weight": drawn(3, 2), "b.q.weight": drawn(3, 2)}))
    assert report.layers[0].base_key is None and report.about_base.startswith("No layer of adapter.safetensors has its")


def shards(tmp_path: Path) -> Path:
    weight = spread(32)
    save_file({"a.weight": drawn(2, 2)}, tmp_path / "model-1.safetensors")
    save_file({"block.weight": weight}, tmp_path / "model-2.safetensors")
    index = {"metadata": {}, "weight_map": {"a.weight": "model-1.safetensors", "block.weight": "model-2.safetensors"}}
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    parts = {**partners("peft", 32, 32), "block.lora_magnitude_vector": moved(weight.norm(dim=0))}
    (tmp_path / "tuned").mkdir()
    save_file(parts, tmp_path / "tuned" / "adapter.safetensors")
    return path


def test_a_sharded_base_is_read_by_its_index_or_its_folder(tmp_path):
    index = shards(tmp_path)
    for base in (index, tmp_path):
        report = judge(tmp_path / "tuned" / "adapter.safetensors", base)
        assert told(report) == [("per input", "high")] and report.base == "model.safetensors.index.json"
    index.unlink()
    assert told(judge(tmp_path / "tuned" / "adapter.safetensors", tmp_path)) == [("per input", "high")]


def test_a_sharded_base_that_is_not_whole_is_named(tmp_path):
    index = shards(tmp_path)
    index.write_text(json.dumps({"weight_map": {"other.weight": "model-1.safetensors"}}))
    with pytest.raises(
        Refused, match=r"says that model-1.safetensors has other.weight, which it has not: download both again"
    ):
        read(index)
    index.write_text(json.dumps({"weight_map": {"block.weight": "model-3.safetensors"}}))
    with pytest.raises(Refused, match=r"names the file model-3.safetensors, which is not there: download it too"):
        read(index)
    for text in (
        "",
        "[]",
        "{}",
        '{"weight_map": 1}',
        '{"weight_map": {"a": 1}}',
        "[" * 9999,
    ):
        index.write_text(text)
        with pytest.raises(Refused, match="has no weight_map of tensor names to file names"):
            read(index)
    for place in ("../secret.safetensors", "/etc/passwd", "..", ".", "", "a\\b"):
        index.write_text(json.dumps({"weight_map": {"a": place}}))
        with pytest.raises(
            Refused, match="which is not a file beside it: give an index whose files lie in its own folder"
        ):
            read(index)


def test_the_base_weight_in_the_adapter_s_own_file_is_used(saved):
    weight = spread(32)
    for end in ("base.weight", "linear.weight", "weight"):
        path = saved(
            **{"magnitude": moved(weight.norm(dim=0)), "lora_A": drawn(2, 32), "lora_B": drawn(32, 2), end: weight}
        )
        [layer] = judge(path).layers
        assert (layer.name, layer.axis, layer.base_key) == ("", "per input", end)


def test_gpt_2_s_stored_in_out_is_seen_by_biases_and_otherwise_not_assumed(saved):
    weight = spread(32)  # stored (in, out), so outputs are what dim=0 leaves
    adapter = saved(
        **{
            "h.0.attn.c_proj.lora_A.weight": drawn(2, 32),
            "h.0.attn.c_proj.lora_B.weight": drawn(32, 2),
            "h.0.attn.c_proj.lora_magnitude_vector": moved(weight.norm(dim=0)),
        }
    )
    base = {"h.0.attn.c_proj.weight": weight}
    [alone] = judge(adapter, saved("base", **base)).layers
    assert alone.evidence.startswith("The layer is square, and nothing tells whether its base weight is stored")
    assert (alone.axis, alone.slopes) == ("cannot tell", None)
    base |= {"h.0.mlp.c_fc.weight": drawn(32, 128), "h.0.mlp.c_fc.bias": drawn(128)}
    assert told(judge(adapter, saved("base", **base))) == [("per output", "high")]


# Real libraries


@pytest.mark.parametrize(("algorithm", "on_output"), [("lora", True), ("lora", False), ("loha", True), ("lokr", False)])
def test_adapters_that_lycoris_trained_are_told_with_and_without_their_base(algorithm, on_output):
    path = FIXTURES / f"lycoris_{algorithm}_wd_on_output_{on_output}.safetensors".lower()
    axis = "per output" if on_output else "per input"
    for base in (None, FIXTURES / "picture_base.safetensors"):
        report = judge(path, base)
        # what a square convolution's m has on its second side the shape does not prove: peft has its outputs there
        open_ = [
            algorithm == "lora" and len(one.shape) > 2 and one.shape[0] == 1 and one.outputs == one.inputs
            for one in report.layers
        ]
        proved = ["fair" if one else "certain" for one in open_]
        assert told(report) == [(axis, sure) for sure in proved]
        assert f"wd_on_output={on_output}" in report.remedy[0]
    assert all(0 < layer.distance < 0.2 for layer in report.layers)


@pytest.mark.parametrize("on_output", [True, False])
def test_a_trained_magnitude_that_a_converter_flattened_is_told_by_its_base(saved, on_output):
    tensors = load_file(FIXTURES / f"lycoris_lora_wd_on_output_{on_output}.safetensors".lower())
    square = {key: value for key, value in tensors.items() if "square" in key}
    square["lycoris_square.dora_scale"] = square["lycoris_square.dora_scale"].flatten()
    report = judge(saved(**square), FIXTURES / "picture_base.safetensors")
    assert [layer.axis for layer in report.layers] == ["per output" if on_output else "per input"]


def test_an_adapter_that_torchtune_trained_is_told_on_its_square_layer_too():
    report = judge(FIXTURES / "torchtune.safetensors", FIXTURES / "torchtune_base.safetensors")
    assert {layer.name: layer.axis for layer in report.layers} == {
        "layers.0.attn.q_proj": "per output",
        "layers.0.mlp.w1": "per output",
    }
    assert report.layers[0].slopes is not None


@pytest.fixture(scope="module")
def peft_files(tmp_path_factory) -> tuple[Path, Path]:
    """An adapter that peft trained for a few steps and saved, and its base."""
    folder = tmp_path_factory.mktemp("peft")
    names = ["embed", "conv", "mix", "c_proj", "c_fc", "square", "narrow"]
    config = LoraConfig(r=2, use_dora=True, target_modules=names)
    kept(trained(folder, config, channels=8, lr=1e-3), folder)
    return folder / "adapter_model.safetensors", folder / "base.safetensors"


def test_an_adapter_that_peft_trained_here_is_per_output_on_every_kind_of_layer(peft_files):
    report = judge(*peft_files)
    found = {layer.name.removeprefix("base_model.model."): layer for layer in report.layers}
    assert {layer.axis for layer in report.layers} == {"per output"} and not any(layer.far for layer in report.layers)
    assert {name: found[name].shape for name in ("mix", "embed", "c_fc")} == {
        "mix": (1, 8, 1, 1),
        "embed": (64,),
        "c_fc": (96,),
    }
    assert [found[name].confidence for name in ("c_proj", "square")] == ["high", "high"]
    assert [found[name].confidence for name in ("mix", "embed", "c_fc", "narrow")] == [
        "fair",  # eight channels are few for values, and a shape (1, 8, 1, 1) proves nothing
        "certain",
        "certain",
        "certain",
    ]
    assert found["conv"].distance is None  # one output and one input, so only the other layers speak for it
    assert all(0 < layer.distance < 0.1 for name, layer in found.items() if name != "conv")


def test_peft_s_adapter_alone_leaves_its_square_layers_to_the_others(peft_files):
    found = {layer.name.removeprefix("base_model.model."): layer for layer in judge(peft_files[0]).layers}
    assert (found["square"].axis, found["square"].confidence) == ("per output", "fair")
    assert found["square"].slopes is None


def test_values_agree_with_peft_s_own_files_turned_to_the_other_axis(peft_files, saved):
    adapter, base = map(load_file, peft_files)
    key = "base_model.model.square.lora_magnitude_vector"
    adapter[key] = base["square.weight"].norm(dim=0)
    found = {layer.key: layer for layer in judge(saved(**adapter), peft_files[1]).layers}
    assert (found[key].axis, found[key].confidence) == ("per input", "high")


# What is shown


def test_a_report_is_a_table_a_page_and_json(saved):
    report = judge(saved(**{"<b>.dora_scale": drawn(1, 3), "y.dora_scale": drawn(3)}))
    assert str(report).splitlines()[0] == "adapter.safetensors: 1 per input, 1 cannot tell."
    assert "&lt;b&gt;" in report._repr_html_() and "<b>" not in report._repr_html_()
    kept = json.loads(json.dumps(report.to_json()))
    assert kept["counts"] == {"per input": 1, "cannot tell": 1} and kept["layers"][0]["shape"] == [1, 3]
    assert [line.split(":")[0] for line in report.remedy] == [
        "Per input",
        "Where the axis cannot be told, give the base model the adapter was trained on, or poke one number of m in the tool that "
        "trained it and see whether one output moves or all.",
        *[line.split(":")[0] for line in report.remedy[2:]],
    ]


def test_the_command_line_answers_with_a_table_json_and_exit_codes(saved, capsys):
    good, open_ = saved("good", **{"x.dora_scale": drawn(1, 3).abs()}), saved("open", **{"x.dora_scale": drawn(3)})
    assert __main__.main([str(good)]) == 0
    assert capsys.readouterr().out.startswith("good.safetensors: its magnitude is per input.")
    assert __main__.main([str(open_), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["layers"][0]["axis"] == "cannot tell"
    assert __main__.main([str(good.with_name("lost.safetensors"))]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "lost.safetensors is not there: give the path of a .safetensors file\n")


def test_the_module_runs_as_a_command(saved):
    command = [sys.executable, "-m", "dorabook.checkpoint", str(saved(**{"x.dora_scale": drawn(3, 1).abs()}))]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=Path(checkpoint.__file__).parents[2]
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("adapter.safetensors: its magnitude is per output.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_moving_line_on_a_terminal_and_a_few_lines_in_a_pipe():
    screen, pipe, small = Terminal(), io.StringIO(), io.StringIO()
    shown = [__main__.progress_on(stream) for stream in (screen, pipe, small)]
    for done in range(1, 1001):
        for progress, size in zip(shown, (1000, 1000 * 10**6, 1000), strict=True):
            progress(done * size // 1000, size)
    assert screen.getvalue().endswith("\rreading the base: 100 %\n") and screen.getvalue().count("\r") <= 101
    assert pipe.getvalue().splitlines()[-1] == "reading the base: 100 %" and len(pipe.getvalue().splitlines()) <= 12
    assert small.getvalue() == ""


def test_progress_counts_all_bytes_of_the_weights_that_are_read(saved):
    adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": drawn(5)})
    base = saved("base", **{"block.weight": drawn(5, 3), "unused.weight": drawn(90, 90)})
    calls: list[tuple[int, int]] = []
    judge(adapter, base, progress=lambda done, size: calls.append((done, size)))
    assert calls == [(5 * 3 * 8, 5 * 3 * 8)] and all(type(one) is int for call in calls for one in call)
    two = saved(**{f"{name}.dora_scale": drawn(1, 3) for name in "xy"})
    calls.clear()
    judge(
        two,
        saved("base", **{f"{name}.weight": drawn(5, 3) for name in "xy"}),
        progress=lambda *call: calls.append(call),
    )
    assert calls == [(120, 240), (240, 240)]
    calls.clear()
    factors = {
        f"{name}.{end}": drawn(*shape)
        for name in "xy"
        for end, shape in (("lora_A.weight", (2, 3)), ("lora_B.weight", (5, 2)))
    }
    misfit = saved(**factors, **{f"{name}.dora_scale": drawn(1, 3) for name in "xy"})
    judge(
        misfit,
        saved("base", **{"x.weight": drawn(5, 3), "y.weight": drawn(4, 4)}),
        progress=lambda *call: calls.append(call),
    )
    assert calls == [(120, 120)]  # what does not fit is not read


def test_a_file_that_was_cut_or_removed_since_its_header_was_read_is_named(saved):
    path = saved(w=drawn(2, 2))
    entry = read(path).entries["w"]
    path.write_bytes(path.read_bytes()[:-1])
    with stored.open_files() as tensors, pytest.raises(Refused, match=r"^adapter.safetensors is shorter than it was a"):
        tensors(entry)
    path.unlink()
    with stored.open_files() as tensors, pytest.raises(Refused, match=r"cannot be read \(No such file or directory\)"):
        tensors(entry)


def test_slopes_near_1_and_0_by_chance_are_not_believed():
    told_by_chance = 0
    for seed in range(300):
        weight, strange = drawn(16, 16, seed=seed), drawn(16, seed=seed + 1000).mul(0.5).exp()
        found = values.fit(strange, weight.norm(dim=1), weight.norm(dim=0))
        near = found.slopes and abs(found.slopes.output - 1) <= 0.5 and abs(found.slopes.input) <= 0.5
        told_by_chance += bool(near)
        assert found.axis is None, seed
    assert told_by_chance > 0  # slopes alone would have told some of these


@pytest.mark.parametrize(("shape", "axis"), [((1, 6, 1, 1), "per input"), ((4, 1, 1, 1), "per output")])
def test_a_loha_convolution_whose_factor_has_the_kernel_in_it_is_told_by_its_kept_dimensions(saved, shape, axis):
    adapter = saved(**{"c.dora_scale": drawn(*shape), "c.hada_w1_a": drawn(4, 2), "c.hada_w1_b": drawn(2, 6 * 9)})
    assert told(judge(adapter)) == [(axis, "certain")]
    [layer] = judge(adapter, saved("base", **{"c.weight": drawn(4, 6, 3, 3)})).layers
    assert (layer.axis, layer.outputs, layer.inputs) == (axis, 4, 6)


def test_a_report_is_written_as_a_table_with_evidence_under_each_row(saved):
    report = judge(saved(**{"x.dora_scale": drawn(1, 3).abs(), "y.dora_scale": drawn(3).abs()}))
    lines = str(report).splitlines()
    assert lines[:9] == [
        "adapter.safetensors: 1 per input, 1 cannot tell.",
        "",
        "Layer  m       Weight   Axis         Confidence",
        "x      (1, 3)  unknown  per input    certain",
        "    m is (1, 3), a shape that keeps its dimensions: one number per input.",
        "y      (3,)    unknown  cannot tell  none",
        "    m is (3,): no A and B under names known here, and without them or the base weight its",
        "    length says nothing.",
        "",
    ]
    assert " ".join(lines[9:]) == " ".join(report.remedy)
    for line, following in itertools.pairwise(lines[9:]):
        full = len(f"{line} {following.split()[0]}") > 92
        assert len(line) <= 92 and (full or any(line.endswith(sentence[-20:]) for sentence in report.remedy))


def test_a_long_name_and_a_hyphen_are_not_broken_to_fit():
    from dorabook.checkpoint.report import wrapped

    name = "x" * 100
    assert wrapped(f"{name} follows", indent="  ").splitlines() == [f"  {name}", "  follows"]
    assert [wrapped("a" * n + " bcde").count("\n") for n in (87, 88)] == [0, 1]  # 92 characters fit
    assert wrapped("a" * 87 + " low-rank") == "a" * 87 + "\nlow-rank"  # "low-" would fit


def test_a_notebook_gets_a_table_with_heads_for_columns_and_rows(saved):
    import xml.etree.ElementTree as ET

    report = judge(saved(**{"<x>.dora_scale": drawn(1, 3)}))
    page = ET.fromstring(f"<div>{report._repr_html_()}</div>")
    assert [part.tag for part in page] == ["p", "table", *["p"] * len(report.remedy)]
    assert page[0].text == report.sentence
    assert [part.text for part in page[2:]] == report.remedy
    heads = [(head.get("scope"), head.text) for head in page.findall("table/thead/tr/th")]
    assert heads == [("col", name) for name in ("Layer", "m", "Weight", "Axis", "Confidence", "Evidence")]
    [row] = page.findall("table/tbody/tr")
    assert (row[0].tag, row[0].get("scope"), row[0][0].tag, row[0][0].text) == ("th", "row", "bdi", "<x>")
    assert [cell.text for cell in row[1:]] == list(report.rows[0][1:])
    assert report.rows[0][:5] == ("<x>", "(1, 3)", "unknown", "per input", "certain")
    two = judge(saved(**{"x.dora_scale": drawn(1, 3), "y.dora_scale": drawn(3)}))
    assert not any(
        part.tail for part in ET.fromstring(f"<div>{two._repr_html_()}</div>").iter()
    )  # no words between the cells


@pytest.mark.parametrize(("layers", "left"), [(40, []), (41, ["and 1 more"])])
def test_a_table_shows_forty_layers_and_counts_the_others(saved, layers, left):
    report = judge(saved(**{f"{i}.dora_scale": drawn(1, 3) for i in range(layers)}))
    lines, shown = str(report).splitlines(), report._repr_html_()
    assert [line for line in lines if line.endswith(" more")] == left
    assert shown.count("<tr>") == 1 + 40 and shown.count("more</p>") == len(left)
    assert sum(line.startswith("    m is") for line in lines) == 40
    assert len(report.rows) == len(report.to_json()["layers"]) == layers


def test_json_has_everything_but_what_was_only_needed_on_the_way(saved):
    adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": drawn(5).abs()})
    kept = compare(saved("base", **{"block.weight": drawn(5, 3)}), adapter).to_json()
    assert [*kept] == ["adapter", "base", "sentence", "counts", "layers", "remedy"]
    assert (kept["adapter"], kept["base"]) == ("adapter.safetensors", "base.safetensors")
    [layer] = kept["layers"]
    assert [*layer] == [
        *("name", "key", "family", "shape", "outputs", "inputs", "base_key"),
        *("axis", "confidence", "evidence", "far", "broken", "slopes", "distance"),
    ]
    assert (layer["key"], layer["base_key"], layer["outputs"], layer["inputs"]) == (
        "block.lora_magnitude_vector",
        "block.weight",
        5,
        3,
    )


def test_what_was_read_can_be_judged_without_its_path(saved):
    adapter = read(saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": drawn(5).abs()}))
    base = read(str(saved("base", **{"block.weight": drawn(5, 3)})))
    assert judge(adapter, base) == compare(base, adapter)
    assert (judge(adapter, base).adapter, judge(adapter, base).base) == ("adapter.safetensors", "base.safetensors")
    assert judge(adapter).base is None


def test_a_folder_gives_its_name_only_where_it_has_several_files(tmp_path, saved):
    saved("one", a=drawn(2, 2))
    assert (read(tmp_path).name, [*read(tmp_path).entries]) == ("one.safetensors", ["a"])
    saved("two", b=drawn(2, 2))
    assert (read(tmp_path).name, [*read(tmp_path).entries]) == (tmp_path.name, ["a", "b"])
    entry = read(tmp_path).entries["b"]
    assert (entry.path, entry.key, entry.dtype, entry.shape) == (tmp_path / "two.safetensors", "b", "F64", (2, 2))


def test_a_file_that_the_system_keeps_is_named_with_its_reason(monkeypatch, saved):
    path = saved(**{"x.dora_scale": drawn(3)})

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Refused) as refused:
        read(path)
    assert str(refused.value) == (
        "adapter.safetensors cannot be read (Permission denied): check that it is yours to read"
    )


def test_a_file_is_opened_once(monkeypatch, saved):
    path, opened = saved(a=drawn(2, 2), b=drawn(3)), []
    entries, plain = read(path).entries, Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args: opened.append(self) or plain(self, *args))
    with stored.open_files() as tensors:
        assert [len(tensors(entries[key])) for key in ("a", "b", "a")] == [32, 24, 32]
    assert opened == [path]


BITS = {"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}  # fmt: skip


@pytest.mark.parametrize("dtype", BITS)
def test_every_dtype_has_the_size_that_the_library_gives_it(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    for size, right in ((BITS[dtype], True), (BITS[dtype] + 1, False)):
        header = json.dumps({"w": {"dtype": dtype, "shape": [8], "data_offsets": [0, size]}}).encode()
        raw = len(header).to_bytes(8, "little") + header + bytes(size)
        path.write_bytes(raw)
        if right:
            deserialize(raw)
            assert read(path).entries["w"].dtype == dtype
        else:
            with pytest.raises(SafetensorError):
                deserialize(raw)
            with pytest.raises(Refused, match="cannot be read"):
                read(path)


@pytest.mark.parametrize("half", ["\\ud800", "\\uD800", "\\uDFFF"])
def test_half_a_character_is_no_name(tmp_path, half):
    header = f'{{"{half}": {{"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}}}'.encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"0")
    with pytest.raises(Refused, match="cannot be read"):
        read(path)


def test_an_index_larger_than_any_header_is_not_read(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    text = json.dumps({"weight_map": {}})
    for size, refused in ((files.LONGEST_INDEX, False), (files.LONGEST_INDEX + 1, True)):
        index.write_text(text.ljust(size))
        if refused:
            with pytest.raises(Refused, match="has no weight_map"):
                read(index)
        else:
            assert read(index) == checkpoint.Checkpoint("model.safetensors.index.json", {})
    assert files.LONGEST_INDEX == 32_000_000


# The command line


def test_the_command_line_says_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as ended:
        __main__.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert said.startswith("usage: dora-axis [-h] [--base BASE] [--json] adapter Tell which axis")
    assert "adapter a .safetensors adapter, or the folder of one" in said
    assert "--base BASE the model it was trained on: a .safetensors file, its .index.json, or a folder" in said
    assert "--json print JSON" in said
    assert said.endswith("2 a file is refused.")


def test_the_command_line_judges_by_a_base_and_calls_a_far_magnitude_open(saved, capsys):
    weight = drawn(5, 3)
    base = saved("base", **{"block.weight": weight})
    for factor, code in ((1, 0), (3, 1)):
        adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": factor * weight.norm(dim=1)})
        assert __main__.main([str(adapter), "--base", str(base), "--json"]) == code
        kept = json.loads(capsys.readouterr().out)
        assert (kept["base"], kept["layers"][0]["far"]) == ("base.safetensors", bool(code))


def test_json_on_the_command_line_is_indented_by_one(saved, capsys):
    __main__.main([str(saved(**{"x.dora_scale": drawn(1, 3)})), "--json"])
    assert capsys.readouterr().out.splitlines()[:2] == ["{", ' "adapter": "adapter.safetensors",']


def test_a_reader_that_has_seen_enough_is_no_error(saved, monkeypatch, tmp_path):
    import os

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return place

    place = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(sys, "stdout", Closed())
    assert __main__.main([str(saved(**{"x.dora_scale": drawn(1, 3).abs()}))]) == 0
    assert os.fstat(place).st_rdev == os.stat(os.devnull).st_rdev  # what is left is written nowhere
    assert os.write(place, b"rest") == 4
    os.close(place)


@pytest.mark.parametrize(
    ("size", "parts", "lines"),
    [
        (__main__.LARGE, (0, 0.5, 0.59, 0.61, 1), (0, 50, 61, 100)),
        (__main__.LARGE - 1, (0, 0.5, 1), ()),
        (2 * __main__.LARGE, (0.99, 1), (99, 100)),
        (2 * __main__.LARGE, (0, 0.1), (0, 10)),  # a tenth is enough
    ],
)
def test_a_pipe_is_told_each_tenth_of_a_large_base(size, parts, lines):
    pipe = io.StringIO()
    progress = __main__.progress_on(pipe)
    for part in parts:
        progress(round(part * size), size)
    assert pipe.getvalue() == "".join(f"reading the base: {line} %\n" for line in lines)
    assert __main__.LARGE == 200_000_000


@pytest.mark.parametrize(
    ("done", "size", "shown"),
    [
        ((0, 4, 10, 13, 1000), 1000, ((0, ""), (1, ""), (100, "\n"))),
        ((0, 1), 100, ((0, ""), (1, ""))),  # a hundredth is enough
        ((0,), 0, ((100, "\n"),)),
        ((999, 1000), 1000, ((100, ""), (100, "\n"))),
    ],
)
def test_a_terminal_is_told_each_hundredth_in_one_line(done, size, shown):
    screen = Terminal()
    progress = __main__.progress_on(screen)
    for one in done:
        progress(one, size)
    assert screen.getvalue() == "".join(f"\rreading the base: {part} %{end}" for part, end in shown)


def test_what_is_told_of_progress_is_seen_at_once(monkeypatch):
    for stream in (Terminal(), io.StringIO()):
        flushed = []
        stream.flush = lambda seen=flushed: seen.append(1)
        __main__.progress_on(stream)(__main__.LARGE, __main__.LARGE)
        assert flushed


def test_the_command_line_tells_progress_and_shows_its_answer_at_once(saved, monkeypatch):
    path, asked, screen = saved(**{"a.magnitude": torch.ones(2, 1)}), [], Terminal()
    monkeypatch.setattr(__main__, "judge", lambda *given, progress: asked.append(progress) or judge(*given))
    monkeypatch.setattr(sys, "stderr", screen)
    answer = io.StringIO()
    answer.flush = lambda: asked.append("flushed")
    monkeypatch.setattr(sys, "stdout", answer)
    __main__.main([str(path)])
    asked[0](1, 1)
    assert screen.getvalue() == "\rreading the base: 100 %\n"
    assert asked[1:] == ["flushed"]


# What is seldom in a file


def test_a_square_weight_of_unknown_storage_takes_nothing_from_what_a_shape_tells(saved):
    name = "h.0.attn.c_proj"
    factors = {f"{name}.lora_down.weight": drawn(2, 4), f"{name}.lora_up.weight": drawn(4, 2)}
    adapter = saved(**factors, **{f"{name}.dora_scale": drawn(1, 4).abs()})
    [layer] = judge(adapter, saved("base", **{f"{name}.weight": drawn(4, 4)})).layers
    assert (layer.axis, layer.confidence) == ("per input", "certain")
    assert layer.evidence.startswith("m is (1, 4), a shape that keeps its dimensions")


@pytest.mark.parametrize("shape", [(16,), (1, 16), (16, 1)])
def test_values_do_not_speak_where_a_and_b_do_not_belong_together(saved, shape):
    weight = spread(16)
    adapter = saved(**{"x.lora_A.weight": drawn(2, 16), "x.lora_B.weight": drawn(16, 3)},
        **{"x.lora_magnitude_vector": weight.norm(dim=0).reshape(shape)})  # fmt: skip
    [layer] = judge(adapter, saved("base", **{"x.weight": weight})).layers
    assert (layer.axis, layer.slopes) == ("cannot tell", None)
    assert layer.evidence.startswith("A is (2, 16) and B is (16, 3): their ranks differ")


@pytest.mark.parametrize("kernel", [(3,), (3, 3)])
def test_peft_writes_a_convolution_s_outputs_on_the_second_side(saved, kernel):
    ones = (1,) * len(kernel)
    factors = {"c.lora_A.weight": drawn(2, 6, *kernel), "c.lora_B.weight": drawn(4, 2, *ones)}
    [layer] = judge(saved(**factors, **{"c.lora_magnitude_vector": drawn(1, 4, *ones).abs()})).layers
    assert (layer.axis, layer.confidence) == ("per output", "certain")
    assert layer.evidence == "m has 4 numbers, and the layer 4 outputs and 6 inputs."


def test_a_square_convolution_s_magnitude_is_told_by_its_values_whatever_its_shape_suggests(saved):
    weight = spread(16)[:, :, None] * drawn(16, 16, 3).mul(0.1).exp()
    factors = {"c.lora_A.weight": drawn(2, 16, 3), "c.lora_B.weight": drawn(16, 2, 1)}
    m = moved(weight.norm(dim=(0, 2)))
    [layer] = judge(
        saved(**factors, **{"c.lora_magnitude_vector": m.reshape(1, 16, 1)}), saved("base", **{"c.weight": weight})
    ).layers
    assert (layer.axis, layer.confidence) == ("per input", "high")


@pytest.mark.parametrize(
    ("shape", "axis", "sure"),
    [
        ((1, 2, 1, 1), "per input", "certain"),  # the norms of a weight (4, 2, 3, 3) are 4 or 2
        ((4, 1, 1, 1), "per output", "certain"),
        ((4,), "per output", "certain"),
        ((2,), "per input", "certain"),
        ((1, 6, 1, 1), "cannot tell", "none"),
    ],
)
def test_a_grouped_convolution_has_as_many_inputs_as_a_group(saved, shape, axis, sure):
    weight = drawn(4, 2, 3, 3)
    squares = weight.square()
    norms = {4: squares.sum((1, 2, 3)).sqrt(), 2: squares.sum((0, 2, 3)).sqrt(), 6: torch.ones(6).double()}[max(shape)]
    factors = {"c.lora_down.weight": drawn(2, 6, 3, 3), "c.lora_up.weight": drawn(4, 2, 1, 1)}
    adapter = saved(**factors, **{"c.dora_scale": norms.reshape(shape)})
    [layer] = judge(adapter, saved("base", **{"c.weight": weight})).layers
    assert (layer.axis, layer.confidence, layer.outputs, layer.inputs) == (axis, sure, 4, 2)
    assert layer.distance == (None if axis == "cannot tell" else pytest.approx(0))


@pytest.mark.parametrize("groups", [2, 4])
def test_a_grouped_convolution_that_peft_wrote_is_per_output(tmp_path, groups):
    """Its B is a convolution in groups too, so that the ranks of A and B differ by the number of groups."""
    from peft import LoraConfig, get_peft_model

    model = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=groups))
    save_file(model.state_dict(), tmp_path / "base.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peft, that such a layer cannot be merged
        get_peft_model(model, LoraConfig(r=4, use_dora=True, target_modules=["0"])).save_pretrained(tmp_path)
    for base in ((), (tmp_path / "base.safetensors",)):
        [layer] = judge(tmp_path / "adapter_model.safetensors", *base).layers
        assert (layer.axis, layer.confidence, layer.outputs, layer.inputs) == ("per output", "certain", 8, 8 // groups)
    assert layer.distance == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("scale", "told"), [(1e5, "more than 100,000"), (900, "89900"), (1e-5, "100")])
def test_a_distance_beyond_a_thousand_times_the_norms_is_no_number(saved, scale, told):
    weight = drawn(5, 3)
    adapter = saved(**partners("peft", 5, 3), **{"block.lora_magnitude_vector": scale * weight.norm(dim=1)})
    [layer] = compare(saved("base", **{"block.weight": weight}), adapter).layers
    assert f"It is {told} % from the base's norms, farther than a training usually takes it" in layer.evidence
    assert layer.far and layer.distance == pytest.approx(min(abs(scale - 1), 1000))


@pytest.mark.parametrize(("scale", "percent"), [(1.0, 25), (2**-10, 25), (0.0, None)])
def test_a_distance_needs_a_base_that_is_not_zero(saved, scale, percent):
    weight = scale * torch.eye(3, dtype=torch.float64)
    [layer] = judge(
        saved(**{"x.dora_scale": 1.25 * weight.norm(dim=0, keepdim=True)}), saved("base", **{"x.weight": weight})
    ).layers
    assert layer.distance == (None if percent is None else pytest.approx(percent / 100))
    assert ("% from the base's norms" in layer.evidence) == (percent is not None)
    assert not layer.far  # a quarter of it is the most that a training is thought to do


def test_what_is_zero_is_left_out_and_norms_that_are_all_the_same_tell_nothing():
    weight = spread(16)
    magnitude = weight.norm(dim=1)
    magnitude[3] = 0
    found = values.fit(magnitude, weight.norm(dim=1), weight.norm(dim=0))
    assert (found.axis, found.compared) == ("per output", 15)
    same = torch.ones(16, dtype=torch.float64)
    assert values.fit(moved(same), same, same).why == "alike"


@pytest.mark.parametrize(("word", "bounds"), [("high", values.HIGH), ("fair", values.FAIR)])
def test_a_verdict_s_bounds_are_part_of_it(word, bounds):
    least, off, most = bounds
    for own in (1 - off, 1 + off):
        assert values.confidence(own, most, least) == values.confidence(own, -most, least) == word


def test_a_slope_that_could_be_a_half_is_not_called_none():
    for half, none in ((values.Slopes(0.25, 0.05, 0, 0, 0), False), (values.Slopes(0.25, 0.04, 0, 0, 0), True)):
        assert values.decided(half, 16).why == ("neither" if none else "drifted")


def test_norms_most_of_which_are_the_same_are_not_drawn_in():
    per_output, per_input = torch.ones(2, 32, dtype=torch.float64)
    per_output[20:], per_input[20:] = drawn(12, seed=1).mul(0.2).exp(), drawn(12, seed=2).mul(0.2).exp()
    assert values.fit(per_output, per_output, per_input).axis == "per output"


# What libraries write before a layer's name, each with the model's own words before it in the base
BEFORE = ["lora_transformer", "diffusion_model", "text_encoder", "transformer", "base_model", "lora_unet", "lora_te1", "lora_te2",
    "lora_te", "lycoris", "model", "unet"]  # fmt: skip


def found_in(adapter: checkpoint.Checkpoint, base: checkpoint.Checkpoint) -> stored.Entry | None:
    layers = families.layers_of(adapter.entries)
    found = weights.Finder(adapter, base, layers).find(layers[0])
    return found and found.entry


@pytest.mark.parametrize("before", [*BEFORE, "model_lora_unet"])
def test_a_library_s_word_before_a_name_is_not_looked_for(before):
    adapter = files.Checkpoint("adapter", entries(**{f"{before}_block_0_q.dora_scale": (1, 3)}))
    held = files.Checkpoint("base", entries(**{"own.words.block.0.q.weight": (5, 3), "other.weight": (5, 3)}))
    found = found_in(adapter, held)
    assert found and found.key == "own.words.block.0.q.weight"


def test_words_that_no_library_writes_are_part_of_the_name():
    adapter = files.Checkpoint("adapter", entries(**{"text_block_0_q.dora_scale": (1, 3)}))
    held = files.Checkpoint("base", entries(**{"own.words.block.0.q.weight": (5, 3)}))
    assert found_in(adapter, held) is None


@pytest.mark.parametrize(("length", "looked_for"), [(1000, True), (1001, False)])
def test_a_name_longer_than_any_is_not_looked_for(length, looked_for):
    long = f"{'x' * (length - 8)}_block.0"
    adapter = files.Checkpoint("adapter", entries(**{f"{long}.dora_scale": (1, 3)}))
    short = files.Checkpoint("base", entries(**{"block.0.weight": (5, 3)}))
    found = found_in(adapter, short)
    assert bool(found) == looked_for
    held = files.Checkpoint("base", entries(**{f"{'x' * (length - 7)}.weight": (5, 3)}))
    assert bool(weights.Finder(adapter, held, []).exact) == looked_for


# Which side of a weight is which, and which tensors belong to a magnitude


def entries(**shapes: tuple[int, ...]) -> dict[str, stored.Entry]:
    return {key: stored.Entry(Path("a.safetensors"), key, "F32", shape) for key, shape in shapes.items()}


def layer_of(key: str, **shapes: tuple[int, ...]) -> families.Layer:
    return families.layer_of(key, families.Adapter(entries(**{key: (4,)} | shapes)))


def sizes(layer: families.Layer) -> tuple:
    return layer.outputs, layer.inputs


@pytest.mark.parametrize(
    ("outputs", "inputs", "shape", "found"),
    [
        (4, 3, (4, 3), "out, in"),
        (4, 3, (3, 4), "in, out"),
        (3, 3, (3, 3), "square"),
        (4, 3, (4, 4), None),
        (4, 3, (4, 3, 5, 5), "out, in"),
        (4, 6, (4, 2, 5), "out, in"),  # a convolution in three groups
        (4, 6, (4, 1, 5), "out, in"),  # and one channel at a time
        (4, 3, (4, 2, 5), None),  # 3 inputs are no groups of 2
        (4, 6, (4, 2), None),  # a Linear has no groups
        (4, 3, (4, 0, 5), None),
        (4, 3, (3, 4, 5), "transposed"),  # a convolution is turned where it is a transposed one
        (4, 3, (3, 2, 5), "transposed"),  # in two groups
        (4, 3, (3, 3, 5), None),
        (None, None, (7, 9), "out, in"),  # without A and B nothing is known against it
    ],
)
def test_the_sides_of_a_base_weight_are_told_by_the_sizes_of_a_and_b(outputs, inputs, shape, found):
    magnitude = stored.Entry(Path("a"), "m", "F32", (4,))
    assert weights.sides(families.Layer("x", magnitude, "peft", outputs, inputs), shape) == found


WHOLE = [  # a fused weight, what is not as usual of the layer of 4 outputs and 3 inputs, where it lies, and its rows
    ((12, 3), {}, [1, 0], (4, 8)),
    ((12, 3), {}, [2, 0], (8, 12)),
    ((11, 3), {}, [2, 0], None),
    ((11, 3), {}, [-2, 1], (3, 7)),
    ((4, 3), {}, [-1, 1], (0, 4)),
    ((3, 3), {}, [-1, 1], None),
    ((12, 5), {}, [1, 0], None),
    ((12, 3, 1), {}, [1, 0], None),
    ((12, 3), {"embedding": True}, [1, 0], None),
    ((12, 3), {"outputs": None}, [1, 0], None),
    ((12, 3), {}, None, None),
]


@pytest.mark.parametrize(("shape", "unusual", "place", "rows"), WHOLE)
def test_a_layer_has_its_rows_of_a_fused_weight_where_it_can(shape, unusual, place, rows):
    layer = families.Layer(
        "x", stored.Entry(Path("a"), "m", "F32", (4,)), "peft", **{"outputs": 4, "inputs": 3} | unusual
    )
    whole = stored.Entry(Path("b"), "qkv.weight", "F16", shape, 100)
    found = weights.of_whole(whole, layer, place)
    part = stored.Entry(Path("b"), "qkv.weight", "F16", (4, 3), 100 + 2 * 3 * rows[0]) if rows else whole
    assert (found.entry, found.whole, found.rows, found.parts) == (part, "qkv.weight", rows, ())
    packed = stored.Entry(Path("b"), "qkv.weight", "I8", shape, 100)
    assert weights.of_whole(packed, layer, place) == weights.Found(packed, "qkv.weight")


@pytest.mark.parametrize(("shape", "found"), [((9, 4), "in, out"), ((4, 9), None), ((9, 9), None)])
def test_an_embedding_is_stored_a_token_a_row(shape, found):
    magnitude = stored.Entry(Path("a"), "m", "F32", (4,))
    assert weights.sides(families.Layer("wte", magnitude, "peft", 4, 9, embedding=True), shape) == found


@pytest.mark.parametrize(
    ("turned", "others", "found"),
    [
        (False, [("q", "out, in"), ("k", "square")], "out, in"),
        (True, [("c_attn", "in, out"), ("c_fc", None)], "in, out"),
        (True, [("q", "in, out")], "unknown"),  # a Linear does not speak for a Conv1D
        (True, [], "unknown"),
        (False, [], "out, in"),
        (False, [("q", "out, in"), ("k", "in, out")], "unknown"),
    ],
)
def test_a_square_weight_is_stored_as_its_like_are(turned, others, found):
    assert weights.square_stored(turned, others, None) == found


def test_a_bias_tells_the_side_of_the_outputs_where_the_sides_differ():
    held = entries(
        **{"a.weight": (4, 3), "a.bias": (4,), "b.weight": (4, 3), "b.bias": (3,), "c.weight": (3, 3), "c.bias": (3,)},
        **{"d.weight": (4, 3), "d.bias": (5,), "e.weight": (4, 3), "f.scales": (4, 3), "f.bias": (4,), "weight": (2, 5), "bias": (2,)},
    )  # fmt: skip
    assert list(weights.by_bias(files.Checkpoint("base", held))) == [
        ("a", "out, in"),
        ("b", "in, out"),
        ("weight", "out, in"),
    ]


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ({"lora_down.weight": (2, 3), "lora_up.weight": (4, 2)}, (4, 3)),
        ({"lora_A.weight": (2, 3), "lora_B.weight": (4, 2)}, (4, 3)),
        ({"hada_w1_b": (2, 3), "hada_w1_a": (4, 2)}, (4, 3)),
        ({"hada_w1_b": (2, 3), "hada_w1_a": (2, 4), "hada_t1": (2, 2, 5, 5)}, (4, 3)),
        ({"lokr_w1": (2, 3), "lokr_w2": (4, 5)}, (8, 15)),
        ({"lokr_w1_a": (2, 9), "lokr_w1_b": (9, 3), "lokr_w2_a": (4, 9), "lokr_w2_b": (9, 5)}, (8, 15)),
        ({"lokr_w1": (2, 3), "lokr_w2": (4, 5, 3, 3)}, (8, 15)),
        ({"lokr_w1": (2, 3), "lokr_w2": (4,)}, (None, None)),
        ({"lokr_w1": (2, 3), "lokr_w2_a": (4, 9)}, (None, None)),
        ({"lokr_w1": (2, 3), "lokr_w2_b": (9, 5)}, (None, None)),
        ({"lokr_w1": (2, 3), "lokr_w2_a": (4,), "lokr_w2_b": (9, 5)}, (None, None)),
        ({"lokr_w1": (2, 3), "lokr_w2_a": (4, 9), "lokr_w2_b": (9,)}, (None, None)),
        ({"diff": (4, 3)}, (4, 3)),
        ({"diff": (4,)}, (None, None)),
    ],
)
def test_the_sizes_of_a_lycoris_layer_are_those_of_its_factors(shapes, found):
    assert sizes(layer_of("x.dora_scale", **{f"x.{end}": shape for end, shape in shapes.items()})) == found


@pytest.mark.parametrize("tucker", [False, True])
def test_a_lokr_convolution_tells_its_inputs_unless_the_kernel_is_in_its_factor(tucker):
    shapes = {
        "x.dora_scale": (8, 1, 1, 1),
        "x.lokr_w1": (2, 3),
        "x.lokr_w2_a": (9, 4) if tucker else (4, 9),
        "x.lokr_w2_b": (9, 5),
    }
    if tucker:
        shapes["x.lokr_t2"] = (9, 9, 3, 3)
    assert sizes(layer_of("x.dora_scale", **shapes)) == ((8, 15) if tucker else (None, None))


@pytest.mark.parametrize(
    ("A", "B"),
    [
        ((3,), (4, 2)), ((2, 3), (4,)), ((3,), (4,)), ((2, 3), (4, 5)), ((4, 2), (6, 2)),
        ((3, 6, 1), (4, 2, 1)), ((4, 3, 1), (3, 2, 1)), ((0, 3, 1), (4, 2, 1)), ((2, 3, 1), (4, 0, 1)),  # no groups either
    ],
)  # fmt: skip
def test_factors_that_do_not_belong_together_are_kept_as_they_are(A, B):
    plain = layer_of("x.lora_magnitude_vector", **{"x.lora_A.weight": A, "x.lora_B.weight": B})
    assert (plain.ranks, sizes(plain), plain.embedding) == ((A, B), (None, None), False)
    tokens = layer_of("x.lora_magnitude_vector", **{"x.lora_embedding_A": A, "x.lora_embedding_B": B})
    assert (tokens.ranks, tokens.embedding) == ((A, B), True)


@pytest.mark.parametrize(
    ("key", "shape", "layer"),
    [
        ("h.0.q.gain", (4,), "h.0.q"),
        ("h.0.q.gain.weight", (4,), "h.0.q"),
        ("h_0_q.gain", (4,), "h_0_q"),  # as some converters write it
        ("h.0.q.gain", (2, 1), "h.0.q"),
        ("h.0.q.gain", (4, 2), None),  # a matrix
        ("h.0.q.gain", (1,), None),  # one number
        ("h.0.k.gain", (4,), None),  # of a layer without A and B
        ("gain", (4,), None),
        ("h.0.q.bias", (4,), None),
        ("h.0.q.lora_embedding_A", (4,), None),  # another library's factor
        (f"h.0.q.{'x' * families.LONGEST_KEY}", (4,), None),
    ],
)
def test_a_list_of_numbers_beside_a_and_b_may_be_a_magnitude_of_an_unknown_name(key, shape, layer):
    held = {"h.0.q.lora_A.weight": (2, 3), "h.0.q.lora_B.weight": (4, 2), "h.0.q.alpha": (2,), key: shape}
    found = judging.unknown_name(families.Adapter(entries(**held)))
    assert found == (layer and {"key": key, "shape": shape, "layer": layer})


@pytest.mark.parametrize(
    ("name", "embedding"), [("h.wte", True), ("wte", True), ("h.tok_emb", True), ("emb.q", False), ("h.q", False)]
)
def test_the_last_word_of_a_name_says_whether_mlx_adapts_an_embedding(name, embedding):
    found = layer_of(f"{name}.m", **{f"{name}.lora_a": (3, 2), f"{name}.lora_b": (2, 4)})
    assert (found.family, found.embedding, sizes(found)) == ("mlx-lm", embedding, (4, 3))


def test_a_file_that_is_one_layer_has_no_name():
    assert layer_of("lora_magnitude_vector").name == ""


def test_all_names_that_are_promised_are_there():
    assert sorted(checkpoint.__all__) == ["Checkpoint", "LayerVerdict", "Refused", "Report", "compare", "judge", "read"]
    assert all(hasattr(checkpoint, name) for name in checkpoint.__all__)
