"""Merging and extracting: equal to what peft and LyCORIS merge themselves, and nothing half-written, whatever goes wrong."""

import errno
import io
import json
import os
import shutil
import sys
import warnings
from argparse import ArgumentTypeError
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from dorabook.checkpoint import Refused, __main__, merge, read
from dorabook.checkpoint.base import Found
from dorabook.checkpoint.families import Layer
from dorabook.checkpoint.judging import Place
from dorabook.checkpoint.safetensors import Entry, open_files
from dorabook.text import number
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.adapters import drawn, spread
from support.peft_adapter import Model, kept, trained

FIXTURES = Path(__file__).parent / "fixtures"
ADAPTERS = ("lora_wd_on_output_true", "lora_wd_on_output_false", "loha_wd_on_output_true", "lokr_wd_on_output_false")


@pytest.mark.parametrize("name", [*ADAPTERS, *(f"tucker_{name}" for name in ADAPTERS)])
def test_the_weights_are_those_of_lycoris_s_own_merge(tmp_path, name):
    """Beside the plain ones those of Tucker cores, on a convolution and on one in groups."""
    out = tmp_path / "merged.safetensors"
    held = FIXTURES / f"{'kernels' if 'tucker' in name else 'picture'}_base.safetensors"
    per = "input" if name == "lora_wd_on_output_false" else None  # its square convolution does not tell
    merge.merge(FIXTURES / f"lycoris_{name}.safetensors", held, out, per=per)
    own, base, got = (load_file(path) for path in (FIXTURES / f"merged_lycoris_{name}.safetensors", held, out))
    assert got.keys() == base.keys()
    for key, value in got.items():
        torch.testing.assert_close(value, own.get(key, base[key]), rtol=1e-5, atol=1e-7)
        assert torch.equal(value, base[key]) == key.endswith("bias")


@pytest.fixture(scope="module")
def peft_files(tmp_path_factory) -> tuple[Path, Path, Path]:
    """An adapter that peft trained and saved, its base, and what peft merges of the two."""
    folder = tmp_path_factory.mktemp("peft")
    names = ["embed", "mix", "c_proj", "c_fc", "square", "narrow"]
    config = LoraConfig(r=4, lora_alpha=6, use_dora=True, target_modules=names, alpha_pattern={"narrow": 3})
    tuned = trained(folder, config, channels=12, lr=3e-3)
    adapter = kept(tuned, folder / "adapter")
    merged = {key: value.contiguous() for key, value in tuned.merge_and_unload().state_dict().items()}
    save_file(merged, folder / "own.safetensors")
    return adapter, folder / "base.safetensors", folder / "own.safetensors"


def test_the_weights_are_those_of_peft_s_own_merge(peft_files, tmp_path):
    adapter, base, own = peft_files
    jobs = merge.merge(adapter, base, tmp_path / "merged.safetensors", per="output")
    assert {job.name.rpartition(".")[2]: job.side for job in jobs} == {
        "embed": 1,
        "mix": 0,
        "c_proj": 1,
        "c_fc": 1,
        "square": 0,
        "narrow": 0,
    }
    for key, value in load_file(tmp_path / "merged.safetensors").items():
        torch.testing.assert_close(value, load_file(own)[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_weight_is_rounded_once_to_the_dtype_of_its_base(peft_files, tmp_path, dtype):
    adapter, base, _ = peft_files
    exact = {key: value.to(dtype).double() for key, value in load_file(base).items()}
    for name, tensors in (("exact", exact), ("base", {key: value.to(dtype) for key, value in exact.items()})):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        merge.merge(adapter, tmp_path / f"{name}.safetensors", tmp_path / f"{name}.merged.safetensors", per="output")
    right, got = (load_file(tmp_path / f"{name}.merged.safetensors") for name in ("exact", "base"))
    for key, value in got.items():
        assert value.dtype == dtype
        one = torch.finfo(dtype).eps / 2 + (2e-6 if dtype != torch.float64 else 0)
        assert ((value.double() - right[key]).abs() <= one * right[key].abs() + 1e-7).all(), key


def test_bits_of_bfloat16_are_torch_s():
    numbers = torch.cat(
        [drawn(10_000).float(), torch.tensor([0.0, -0.0, torch.inf, 1e38, 1.00390625, 1.01171875, 1e-40])]
    )
    bits = np.frombuffer(merge.encoded(numbers.numpy(), "BF16"), "<u2")
    assert (bits.astype("<i2") == numbers.bfloat16().view(torch.int16).numpy()).all()
    assert np.frombuffer(merge.encoded(np.array([np.nan], "<f4"), "BF16"), "<u2")[0] & 0x7FFF > 0x7F80


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_bits_of_eight_bit_floats_are_torch_s(dtype):
    every = torch.arange(256, dtype=torch.uint8).view(dtype).float()
    every = every[every.isfinite()].sort().values
    numbers = torch.cat(
        [every, -every, (every[1:] + every[:-1]) / 2, drawn(20_000).float(), drawn(20_000).float() * 1e-3]
    )
    numbers = numbers[numbers.abs() <= every.max()]
    name = {torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2"}[dtype]
    bits = np.frombuffer(merge.encoded(numbers.numpy(), name), "u1")
    assert (bits == numbers.to(dtype).view(torch.uint8).numpy()).all()


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_base_of_eight_bits_is_merged_and_rounded_as_torch_rounds(tmp_path, capsys, dtype):
    stored = drawn(12, 12, seed=3).float().to(dtype)
    save_file(flat(stored.float().norm(dim=1, keepdim=True)), tmp_path / "a.safetensors")
    for name, weight in (("b", stored), ("wide", stored.float())):
        save_file({"q.weight": weight}, tmp_path / f"{name}.safetensors")
        given = ["merge", str(tmp_path / "a.safetensors"), "--base", str(tmp_path / f"{name}.safetensors")]
        assert __main__.main([*given, "--out", str(tmp_path / f"{name}.out.safetensors")]) == 0
    got, wide = (load_file(tmp_path / f"{name}.out.safetensors")["q.weight"] for name in ("b", "wide"))
    assert got.dtype == dtype and torch.equal(got.view(torch.uint8), wide.to(dtype).view(torch.uint8))
    bits, small = (4, 6) if dtype == torch.float8_e4m3fn else (3, 14)
    least = f"or below 1/{2**small:,} by at most 1/{2 ** (small + bits):,}"
    assert f"rounded once by at most 1/{2**bits} of it, {least}." in capsys.readouterr().out
    off = (got.double() - wide.double()).abs()
    assert (off <= torch.where(wide.abs() < 2.0**-small, 2.0 ** -(small + bits), wide.double().abs() / 2**bits)).all()


def shards(base: Path, folder: Path) -> Path:
    """The base as a sharded model has it, with metadata that is to be kept."""
    folder.mkdir()
    tensors = load_file(base)
    names = {key: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, key in enumerate(tensors)}
    for name in set(names.values()):
        save_file(
            {key: tensors[key] for key in tensors if names[key] == name}, folder / name, metadata={"format": "pt"}
        )
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total": 1}, "weight_map": names}))
    return folder


def test_a_sharded_base_stays_sharded(peft_files, tmp_path):
    adapter, base, own = peft_files
    folder = shards(base, tmp_path / "base")
    for given in (folder, folder / "model.safetensors.index.json"):
        out = tmp_path / f"merged {given.name}"
        merge.merge(adapter, given, out, per="output")
        assert {file.name for file in out.iterdir()} == {file.name for file in folder.iterdir()}
        assert (out / "model.safetensors.index.json").read_bytes() == (
            folder / "model.safetensors.index.json"
        ).read_bytes()
        got = {}
        for file in out.glob("*.safetensors"):
            got |= load_file(file)
            with safe_open(file, "pt") as opened:
                assert opened.metadata() == {"format": "pt"}
        for key, value in load_file(own).items():
            torch.testing.assert_close(got[key], value, rtol=1e-5, atol=1e-6)


def test_a_model_s_folders_are_merged_where_they_lie_and_all_of_their_bytes_are_counted(tmp_path):
    adapter, wanted, files, told = {}, {}, [], []
    for name, inputs in (("text_encoder.k", 7), ("unet.q", 12)):
        file = tmp_path / f"model/{name[:-2]}/w.safetensors"
        weight, A, B, m = (drawn(*shape).abs().float() for shape in ((12, inputs), (2, inputs), (12, 2), (12, 1)))
        adapter |= {
            f"{name}.{end}": one
            for end, one in zip(("lora_A.weight", "lora_B.weight", "dora_scale"), (A, B, m), strict=True)
        }
        wanted[file.relative_to(tmp_path / "model")] = (
            (weight + 2 * B @ A) / (weight + 2 * B @ A).norm(dim=1, keepdim=True) * m
        )
        file.parent.mkdir(parents=True)
        save_file({f"{name[-1]}.weight": weight}, file)
        files.append(file.stat().st_size)
    save_file(adapter, tmp_path / "a.safetensors")
    given = tmp_path / "a.safetensors", tmp_path / "model", tmp_path / "out"
    merge.merge(*given, alpha=4, progress=lambda *one: told.append(one))
    for file, value in wanted.items():
        [got] = load_file(tmp_path / "out" / file).values()
        torch.testing.assert_close(got, value, rtol=1e-5, atol=1e-6)
    size = sum(files) + 4 * 12 * (7 + 12)
    assert told == [(files[0] + 4 * 12 * 7, size), (size, size)]


def test_a_folder_keeps_what_its_model_is_loaded_with(peft_files, tmp_path):
    adapter, base, _ = peft_files
    folder = shards(base, tmp_path / "base")
    (folder / "tokenizer").mkdir()
    kept = {"config.json": b"{}", "tokenizer/merges.txt": b"a b", "tokenizer.model": b"\0"}
    for name, content in {**kept, "pytorch_model.bin": b"PK", "pytorch_model.bin.index.json": b"{}"}.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.json")
    merge.merge(adapter, folder, tmp_path / "merged", per="output")
    found = {
        str(file.relative_to(tmp_path / "merged")): file for file in (tmp_path / "merged").rglob("*") if file.is_file()
    }
    assert {name: found[name].read_bytes() for name in kept} == kept
    assert all("safetensors" in name for name in found.keys() - kept.keys())


def layer(seed: int = 0, n: int = 12) -> dict[str, torch.Tensor]:
    return {
        "q.lora_A.weight": drawn(2, n, seed=seed).float(),
        "q.lora_B.weight": drawn(n, 2, seed=seed + 1).float(),
        "q.alpha": torch.tensor(4.0),
    }


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    save_file(layer() | {"q.dora_scale": drawn(1, 12).abs().float()}, tmp_path / "a.safetensors")
    save_file({"q.weight": drawn(12, 12, seed=3).float(), "k.weight": drawn(3, 3).float()}, tmp_path / "b.safetensors")
    return tmp_path / "a.safetensors", tmp_path / "b.safetensors"


def test_a_merged_weight_is_the_formula_s(pair, tmp_path):
    merge.merge(*pair, tmp_path / "out.safetensors")
    adapter, base = (load_file(path) for path in pair)
    moved = (
        base["q.weight"].double() + 4 / 2 * adapter["q.lora_B.weight"].double() @ adapter["q.lora_A.weight"].double()
    )
    expected = moved / moved.norm(dim=0) * adapter["q.dora_scale"]
    torch.testing.assert_close(
        load_file(tmp_path / "out.safetensors")["q.weight"].double(), expected, rtol=1e-5, atol=1e-6
    )


def test_a_file_that_is_one_layer_is_merged_into_the_file_of_its_weight(pair, tmp_path):
    alone = {key.removeprefix("q."): value for key, value in load_file(pair[0]).items()}
    save_file(alone, tmp_path / "alone.safetensors")
    save_file({"weight": load_file(pair[1])["q.weight"]}, tmp_path / "weight.safetensors")
    merge.merge(tmp_path / "alone.safetensors", tmp_path / "weight.safetensors", tmp_path / "one.safetensors")
    merge.merge(*pair, tmp_path / "other.safetensors")
    [one], other = (load_file(tmp_path / f"{name}.safetensors").values() for name in ("one", "other"))
    assert any(torch.equal(one, weight) for weight in other)


ADDED = {  # a layer, its factors, what they add, and the shape of its weight
    "diff": ("l.q", {"diff": drawn(9, 6)}, lambda diff: diff, (9, 6)),
    "diff of a convolution": ("l.c", {"diff": drawn(9, 6, 2)}, lambda diff: diff, (9, 6, 2)),
    "diff of a turned weight": ("h.0.c_attn", {"diff": drawn(9, 6)}, lambda diff: diff.T, (6, 9)),
    "LoHa": ("l.q", {f"hada_w{i}_{end}": drawn(*shape, seed=i) for i in (1, 2) for end, shape in (("a", (9, 2)), ("b", (2, 6)))},
        lambda a, b, c, d: 6 / 2 * (a @ b) * (c @ d), (9, 6)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "factors", "adds", "shape"), ADDED.values(), ids=ADDED)
def test_what_lycoris_has_in_place_of_a_and_b_is_added(tmp_path, name, factors, adds, shape):
    weight = drawn(*shape, seed=7)
    m = drawn(9, 1, *shape[2:], seed=8)[:, :, *[slice(1)] * len(shape[2:])].abs()
    save_file(
        {f"{name}.{end}": one for end, one in factors.items()} | {f"{name}.dora_scale": m}, tmp_path / "a.safetensors"
    )
    save_file({f"{name}.weight": weight}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors", alpha=6)
    moved = weight + adds(*factors.values())
    norms = moved.norm(dim=0, keepdim=True) if shape == (6, 9) else moved.flatten(1).norm(dim=1).reshape(m.shape)
    expected = moved / norms * (m.T if shape == (6, 9) else m)
    torch.testing.assert_close(load_file(tmp_path / "o.safetensors")[f"{name}.weight"], expected)


@pytest.mark.parametrize("dim", [1, 0])
@pytest.mark.parametrize("scale", [1e25, 1e-25])
def test_numbers_whose_squares_float32_cannot_hold_are_merged(tmp_path, dim, scale):
    weight = (drawn(12, 12, seed=3) * scale).float()
    m = 1.1 * weight.double().norm(dim=dim, keepdim=True)
    factors = layer() | {"q.lora_B.weight": torch.zeros(12, 2)}
    save_file(factors | {"q.dora_scale": m.float()}, tmp_path / "a.safetensors")
    save_file({"q.weight": weight}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors")
    got = load_file(tmp_path / "o.safetensors")["q.weight"]
    torch.testing.assert_close(got / weight, torch.full((12, 12), 1.1))


@pytest.mark.parametrize("per", ["output", "input"])
def test_a_weight_is_merged_in_pieces_as_it_is_whole(pair, tmp_path, monkeypatch, per):
    save_file(flat(drawn(12).abs().float()), pair[0])
    merge.merge(*pair, tmp_path / "whole.safetensors", per=per)
    monkeypatch.setattr(merge, "PIECE", 61)  # five rows, and two in the end
    merge.merge(*pair, tmp_path / "pieces.safetensors", per=per)
    whole, pieces = (load_file(tmp_path / f"{name}.safetensors")["q.weight"] for name in ("whole", "pieces"))
    torch.testing.assert_close(pieces, whole)
    assert [merge.rows_of(Entry(pair[1], "q", "F32", shape)) for shape in ((9, 12), (9, 3, 4), (9, 100))] == [5, 5, 1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2])
def test_only_a_base_of_float64_is_computed_in_float64(tmp_path, dtype):
    save_file({"w": drawn(3, 2).to(dtype)}, tmp_path / "w.safetensors")
    with open_files() as read_entry:
        got = merge.dense(read(tmp_path / "w.safetensors").entries["w"], read_entry)
    assert (got.dtype, got.shape) == (np.float64 if dtype == torch.float64 else np.float32, (3, 2))


def test_a_zero_direction_stays_zero(tmp_path):
    weight = drawn(12, 12, seed=3).float()
    weight[5] = 0
    factors = layer()
    factors["q.lora_B.weight"][5] = 0
    save_file(factors | {"q.dora_scale": torch.ones(12, 1)}, tmp_path / "a.safetensors")
    save_file({"q.weight": weight}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "out.safetensors")
    got = load_file(tmp_path / "out.safetensors")["q.weight"]
    assert (got[5] == 0).all() and got.isfinite().all()


def test_the_rows_of_a_fused_weight_are_merged_where_they_lie(tmp_path):
    whole = drawn(36, 12, seed=3).float()
    factors = {f"layers.0.{key.replace('q.', 'k_proj.')}": value for key, value in layer().items()}
    save_file(factors | {"layers.0.k_proj.dora_scale": torch.ones(12, 1)}, tmp_path / "a.safetensors")
    save_file({"layers.0.qkv_proj.weight": whole}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "out.safetensors")
    got = load_file(tmp_path / "out.safetensors")["layers.0.qkv_proj.weight"]
    assert torch.equal(got[:12], whole[:12]) and torch.equal(got[24:], whole[24:])
    torch.testing.assert_close(got[12:24].norm(dim=1), torch.ones(12))


KRONECKER = {  # the factors of a LoKr convolution, and its kernel
    "w2 with the kernel": ({"lokr_w1": (2, 3), "lokr_w2": (4, 5, 3, 2)}, (3, 2)),
    "w2 of a kernel of one": ({"lokr_w1": (2, 3), "lokr_w2": (4, 5)}, (1, 1)),
    "w2 as a product": ({"lokr_w1": (2, 3), "lokr_w2_a": (4, 2), "lokr_w2_b": (2, 30)}, (3, 2)),
    "both as products": ({"lokr_w1_a": (2, 2), "lokr_w1_b": (2, 3), "lokr_w2_a": (4, 2), "lokr_w2_b": (2, 10)}, (2,)),
}


@pytest.mark.parametrize(("shapes", "kernel"), KRONECKER.values(), ids=KRONECKER)
def test_a_kronecker_product_of_a_convolution_is_the_sum_s(tmp_path, shapes, kernel):
    factors = {end: drawn(*shape, seed=at) for at, (end, shape) in enumerate(shapes.items())}
    weight, m = drawn(8, 15, *kernel, seed=9), torch.ones(8, 1, *[1] * len(kernel), dtype=torch.float64)
    save_file({f"c.{end}": value for end, value in factors.items()} | {"c.dora_scale": m}, tmp_path / "a.safetensors")
    save_file({"c.weight": weight}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors", alpha=6)
    one, two = (
        factors[name] if (name := f"lokr_w{i}") in factors else factors[f"{name}_a"] @ factors[f"{name}_b"]
        for i in (1, 2)
    )
    moved = weight + (1 if "lokr_w2" in factors else 6 / 2) * torch.einsum(
        "ab,cdk->acbdk", one, two.reshape(4, 5, -1)
    ).reshape(weight.shape)
    expected = moved / moved.flatten(1).norm(dim=1).reshape(m.shape)
    torch.testing.assert_close(load_file(tmp_path / "o.safetensors")["c.weight"], expected, rtol=1e-6, atol=1e-7)


# What is refused


def flat(m: torch.Tensor) -> dict[str, torch.Tensor]:
    return layer() | {"q.dora_scale": m}


REFUSED = {
    "an axis that is not sure": (flat(torch.ones(12)), {}, "q cannot be merged, so nothing is: its axis is not sure."),
    "a weight that is not there": (flat(torch.ones(12, 1)), {"q.weight": None}, "The base has no weight under this name"),
    "a quantised weight": (flat(torch.ones(12, 1)), {"q.weight": torch.ones(12, 12, dtype=torch.int8)}, "stores this weight quantised"),
    "scales of its own": (flat(torch.ones(12, 1)), {"q.weight": torch.ones(12, 12).to(torch.float8_e4m3fn), "q.weight_scale": torch.ones(1)}, "q cannot be merged, so nothing is: m is (12, 1), a shape that keeps its dimensions: one number per output. The base stores this weight as F8_E4M3 with scales"),
    "a layer that the base has in parts": ({f"l.qkv_proj{key[1:]}": value for key, value in flat(torch.ones(12, 1)).items()}, {f"l.{one}_proj.weight": torch.ones(4, 12) for one in "qkv"}, "l.q_proj.weight, l.k_proj.weight, l.v_proj.weight in its place, which this layer holds as one: their values are not read. Give the base as the tool that trained the adapter has it."),
    "a transposed convolution": ({"up.lora_down.weight": torch.ones(2, 8, 3, 3), "up.lora_up.weight": torch.ones(6, 2, 1, 1), "up.alpha": torch.tensor(2.0), "up.dora_scale": torch.ones(6, 1, 1, 1)}, {"up.weight": torch.ones(8, 6, 3, 3)}, "inputs first, as a transposed convolution's is: its values are not read."),
    "NaN": (flat(torch.full((12, 1), torch.nan)), {}, "12 numbers of m are NaN or infinity"),
    "no alpha": ({key: value for key, value in flat(torch.ones(12, 1)).items() if "alpha" not in key}, {}, "a.safetensors has no alpha, and no adapter_config"),
    "a layer without a magnitude": (flat(torch.ones(12, 1)) | {"k.lora_A.weight": torch.ones(2, 3)}, {}, "holds k.lora_A.weight, a factor of a layer without"),
    "a whole module": (flat(torch.ones(12, 1)) | {"head.weight": torch.ones(2, 3)}, {}, "holds head.weight, no part of a DoRA layer, which would be lost"),
    "a core of another weight": (flat(torch.ones(12, 1)) | {"q.lora_mid.weight": torch.ones(2, 2, 3, 3)}, {}, "holds q.lora_mid.weight, a factor of a layer without a magnitude"),
    "a core on a matrix": ({"q.lora_down.weight": torch.ones(2, 12, 1, 1), "q.lora_up.weight": torch.ones(12, 2, 1, 1), "q.lora_mid.weight": torch.ones(2, 2, 3, 3), "q.dora_scale": torch.ones(12, 1), "q.alpha": torch.tensor(2.0)}, {}, "B A is (12, 108), and its weight is (12, 12)"),
    "NaN in A": (flat(torch.ones(12, 1)) | {"q.lora_A.weight": torch.full((2, 12), torch.nan)}, {}, "a merged number is NaN, infinity or too large for F32"),
    "NaN in the base": (flat(torch.ones(12, 1)), {"q.weight": torch.full((12, 12), torch.nan)}, "a merged number is NaN, infinity or too large for F32"),
    "more than float16 holds": (flat(torch.full((12, 1), 1e6)), {"q.weight": drawn(12, 12).half()}, "too large for F16, in which the base stores this weight"),
    "more than eight bits hold": (flat(torch.full((12, 1), 4e3)), {"q.weight": drawn(12, 12).float().to(torch.float8_e4m3fn)}, "too large for F8_E4M3"),
    "whole numbers in A": (flat(torch.ones(12, 1)) | {"q.lora_A.weight": torch.ones(2, 12, dtype=torch.int8)}, {}, "q.lora_A.weight is stored as I8, whose values are not read"),
    "whole numbers in m": (flat(torch.ones(12, 1, dtype=torch.int8)), {}, "q.dora_scale is stored as I8, whose values are not read"),
    "empty A and B": (flat(torch.ones(12, 1)) | {"q.lora_A.weight": torch.ones(0, 12), "q.lora_B.weight": torch.ones(12, 0)}, {}, "saved empty"),
    "half of LoHa": ({"q.hada_w1_a": torch.ones(12, 2), "q.hada_w1_b": torch.ones(2, 12), "q.dora_scale": torch.ones(12, 1), "q.alpha": torch.tensor(2.0)}, {}, "q.hada_w2_b is not in a.safetensors"),
    "an alpha of 0": (flat(torch.ones(12, 1)) | {"q.alpha": torch.tensor(0.0)}, {}, "q.alpha is no number above 0"),
    "an alpha of two numbers": (flat(torch.ones(12, 1)) | {"q.alpha": torch.ones(2)}, {}, "q.alpha is no number above 0"),
    "factors of another size": (flat(torch.ones(12, 1)) | {"q.diff": torch.ones(5, 5)}, {}, "holds q.diff, "),
    "two magnitudes": (layer() | {"q.magnitude_r": torch.ones(12, 1), "q.magnitude_c": torch.ones(1, 12)}, {}, "q cannot be merged, so nothing is: Its weight has two magnitudes."),
    "a square weight that may be turned": ({f"h.c_proj{key[1:]}": value for key, value in flat(torch.ones(12, 1)).items()}, {"h.c_proj.weight": torch.ones(12, 12)}, "h.c_proj cannot be merged, so nothing is: The layer is square, and nothing tells whether its base weight is stored (out, in) or (in, out)"),
    "A and B turned on a square layer": ({"q.lora_A": torch.ones(12, 2), "q.lora_B": torch.ones(2, 12), "q.magnitude": torch.ones(12, 1), "q.alpha": torch.tensor(2.0)}, {}, "nothing tells whether it adds A B or its transpose"),
}  # fmt: skip


@pytest.mark.parametrize(("adapter", "base", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_merged_is_refused_and_nothing_is_written(pair, tmp_path, adapter, base, says):
    save_file(adapter, pair[0])
    kept = load_file(pair[1]) | base
    save_file({key: value for key, value in kept.items() if value is not None}, pair[1])
    with pytest.raises(Refused) as refused:
        merge.merge(*pair, tmp_path / "out.safetensors")
    assert says in str(refused.value)
    assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "b.safetensors"]


@pytest.mark.parametrize("kernel", [(3,), (3, 3)])
def test_peft_s_factors_over_all_inputs_are_no_sum_with_a_convolution_in_groups(tmp_path, kernel):
    """peft itself says that it cannot merge these."""
    ones = [1] * len(kernel)
    factors = {"c.lora_A.weight": drawn(4, 8, *kernel), "c.lora_B.weight": drawn(8, 4, *ones)}
    save_file(factors | {"c.lora_magnitude_vector": torch.ones(1, 8, *ones)}, tmp_path / "a.safetensors")
    save_file({"c.weight": drawn(8, 4, *kernel)}, tmp_path / "b.safetensors")
    with pytest.raises(Refused) as refused:
        merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors", alpha=4)
    assert str(refused.value) == (
        f"c cannot be merged, so nothing is: its weight {(8, 4, *kernel)} is a convolution's in groups, and B A goes over the inputs "
        "of all 2 groups: no weight of this shape is their sum."
    )


TURNED = {  # keys of A and B, their sides, and the weight that they change
    "catid's": (("q.lora_A", "q.lora_B"), (9, 2), (2, 6), (9, 6)),
    "the other way": (("q.lora_A", "q.lora_B"), (6, 2), (2, 9), (9, 6)),
    "mlx's names, peft's sides": (("q.lora_a", "q.lora_b"), (2, 6), (9, 2), (9, 6)),
    "mlx's": (("q.lora_a", "q.lora_b"), (6, 2), (2, 9), (9, 6)),
}


@pytest.mark.parametrize(("keys", "a", "b", "shape"), TURNED.values(), ids=TURNED)
def test_factors_that_stand_the_other_way_round_are_multiplied_as_they_fit(tmp_path, keys, a, b, shape):
    A, B, weight = drawn(*a), drawn(*b, seed=1), drawn(*shape, seed=2)
    m = weight.norm(dim=1) * 1.1
    save_file({keys[0]: A, keys[1]: B, "q.m": m}, tmp_path / "a.safetensors")
    save_file({"q.weight": weight}, tmp_path / "b.safetensors")
    merge.merge(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors", alpha=6)
    change = B @ A if a[0] == 2 else A @ B
    moved = weight + 3 * (change if change.shape == shape else change.T)
    expected = moved / moved.norm(dim=1, keepdim=True) * m[:, None]
    torch.testing.assert_close(load_file(tmp_path / "o.safetensors")["q.weight"], expected)


CONFIGS = {  # of an adapter, and the alpha that they come to at rank 2
    "peft": ({"lora_alpha": 6}, 6),
    "an alpha below 1": ({"lora_alpha": 0.5}, 0.5),
    "rsLoRA": ({"lora_alpha": 6, "use_rslora": True}, 6 * 2**0.5),
    "peft's pattern": ({"lora_alpha": 6, "alpha_pattern": {"k": 1, "q|v": 4}}, 4),
    "mlx-lm": ({"fine_tune_type": "dora", "lora_parameters": {"rank": 2, "scale": 20.0}}, 40),
}


@pytest.mark.parametrize(("config", "alpha"), CONFIGS.values(), ids=CONFIGS)
def test_the_scale_is_the_configuration_s(pair, tmp_path, config, alpha):
    save_file({key: value for key, value in flat(torch.ones(12, 1)).items() if "alpha" not in key}, pair[0])
    merge.merge(*pair, tmp_path / "given.safetensors", alpha=alpha)
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    merge.merge(*pair, tmp_path / "told.safetensors")
    told, given = (load_file(tmp_path / f"{name}.safetensors")["q.weight"] for name in ("told", "given"))
    torch.testing.assert_close(told, given)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"lora_alpha": "16"}, "alpha is no number above 0: correct it, or add --alpha"),
        ({"lora_alpha": True}, "alpha is no number above 0: correct it, or add --alpha"),
        ({"lora_alpha": float("nan")}, "alpha is no number above 0: correct it, or add --alpha"),
        ({"lora_alpha": float("inf")}, "alpha is no number above 0: correct it, or add --alpha"),
        ({"alpha_pattern": {"(": 1}}, "alpha_pattern in adapter_config.json has (, which is no pattern: correct it"),
        (
            {"alpha_pattern": [1]},
            "a.safetensors has no alpha, and no adapter_config.json beside it says one: put that there",
        ),
        ({"lora_parameters": {"rank": 2}}, "the scale in adapter_config.json is no number above 0: correct it, or add"),
    ],
)
def test_a_configuration_that_says_no_scale_is_refused(pair, tmp_path, config, says):
    save_file({key: value for key, value in flat(torch.ones(12, 1)).items() if "alpha" not in key}, pair[0])
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(Refused) as refused:
        merge.merge(*pair, tmp_path / "out.safetensors")
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_an_alpha_may_be_a_whole_number(pair, tmp_path, dtype):
    merge.merge(*pair, tmp_path / "one.safetensors")
    save_file(load_file(pair[0]) | {"q.alpha": torch.tensor(4, dtype=dtype)}, pair[0])
    merge.merge(*pair, tmp_path / "other.safetensors")
    one, other = (load_file(tmp_path / f"{name}.safetensors")["q.weight"] for name in ("one", "other"))
    assert torch.equal(one, other)


def test_the_axis_that_is_asked_for_is_taken_only_where_none_was_found(pair, tmp_path):
    with pytest.raises(Refused, match=r"^q cannot be merged, so nothing is: it is per input\. m is \(1, 12\)"):
        merge.merge(*pair, tmp_path / "out.safetensors", per="output")
    save_file(flat(torch.ones(12)), pair[0])
    for per, dim in (("output", 1), ("input", 0)):
        merge.merge(*pair, tmp_path / f"{per}.safetensors", per=per)
        torch.testing.assert_close(load_file(tmp_path / f"{per}.safetensors")["q.weight"].norm(dim=dim), torch.ones(12))


def test_an_axis_that_values_tell_is_sure_enough(tmp_path):
    weight = spread(48).float()
    factors = {"q.lora_A.weight": drawn(2, 48).float(), "q.lora_B.weight": torch.zeros(48, 2), "q.alpha": torch.ones(1)}
    save_file(factors | {"q.dora_scale": weight.norm(dim=0)}, tmp_path / "a.safetensors")
    save_file({"q.weight": weight}, tmp_path / "b.safetensors")
    given = tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors"
    with pytest.raises(Refused, match=r"^q cannot be merged, so nothing is: it is per input\."):
        merge.merge(*given, per="output")
    assert [job.axis for job in merge.merge(*given)] == ["per input"]
    torch.testing.assert_close(load_file(given[2])["q.weight"], weight)


LEAST = {  # the least number that torch rounds to infinity or NaN, of numbers that it computes with, and the next smaller one
    "F16": (65520, 65519.996, torch.float16),
    "BF16": (2.0**128 - 2.0**119, 2.0**128 - 2.0**119 - 2.0**104, torch.bfloat16),
    "F8_E5M2": (61440, 61439.996, torch.float8_e5m2),
    "F8_E4M3": (464.00003, 464, None),  # torch rounds what is beyond to the largest
}


@pytest.mark.parametrize(("dtype", "numbers"), LEAST.items(), ids=LEAST)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_is_refused_from_the_one_on_that_is_rounded_to_infinity(dtype, numbers, sign):
    least, below, kind = numbers
    pair = sign * np.array([[0, least], [0, below]], "<f4")
    assert np.nextafter(pair[1, 1], pair[0, 1]) == pair[0, 1]
    if kind:
        assert torch.from_numpy(pair[:, 1]).to(kind).float().isfinite().tolist() == [False, True]
    entry = Entry(Path("b"), "q.weight", dtype, (1, 2))
    job = merge.Job(Place(Layer("q", entry, "peft"), Found(entry), "out, in"), "per output", 1.0)
    merge.refuse_infinite(job, pair[1:])
    with pytest.raises(Refused, match=rf"too large for {dtype}, in which the base stores this weight"):
        merge.refuse_infinite(job, pair[:1])


def test_nothing_is_written_over(pair, tmp_path):
    before = [path.read_bytes() for path in pair]
    for out in (*pair, tmp_path):
        with pytest.raises(Refused, match=r" is there already, and nothing is written over: give a new name$"):
            merge.merge(*pair, out)
    with pytest.raises(Refused, match="the folder nowhere is not there: make it first"):
        merge.merge(*pair, tmp_path / "nowhere/out.safetensors")
    assert [path.read_bytes() for path in pair] == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("sharded", [False, True])
def test_what_is_stopped_leaves_nothing(pair, tmp_path, monkeypatch, capsys, error, sharded):
    base = shards(pair[1], tmp_path / "base") if sharded else pair[1]
    copy, copied = shutil.copyfile, []

    def stopped(*given):
        copied.append(copy(*given))
        raise error

    monkeypatch.setattr(shutil, "copyfile", stopped)
    before = sorted(os.listdir(tmp_path))
    code = __main__.main(["merge", str(pair[0]), "--base", str(base), "--out", str(tmp_path / "out.safetensors")])
    said = capsys.readouterr().err
    assert copied and sorted(os.listdir(tmp_path)) == before
    assert (code, said) == (
        (130, "Stopped: nothing was written.\n")
        if isinstance(error, KeyboardInterrupt)
        else (2, "out.safetensors could not be written (No space left on device); nothing of it was left\n")
    )


# The plain LoRA


def change(adapter: Path, base: Path, folder: Path) -> torch.Tensor:
    merge.merge(adapter, base, folder / "merged.safetensors")
    return load_file(folder / "merged.safetensors")["q.weight"] - load_file(base)["q.weight"]


@pytest.mark.parametrize("rank", [1, 4, 12, 99])
def test_a_lora_is_the_nearest_of_its_rank_and_says_what_it_leaves_out(pair, tmp_path, rank):
    [(name, error)] = merge.extract(*pair, tmp_path / "lora.safetensors", rank)
    got, wanted = load_file(tmp_path / "lora.safetensors"), change(*pair, tmp_path)
    assert set(got) == {"q.lora_down.weight", "q.lora_up.weight", "q.alpha"}
    assert float(got["q.alpha"]) == len(got["q.lora_down.weight"]) == min(rank, 12)  # alpha / rank is 1
    singular = torch.linalg.svdvals(wanted.double())
    left = float(singular[rank:].norm() / singular.norm())
    assert name == "q" and error == pytest.approx(left, abs=1e-5)
    off = float((wanted - got["q.lora_up.weight"] @ got["q.lora_down.weight"]).norm() / wanted.norm())
    assert off == pytest.approx(error, abs=1e-5)


def test_a_large_change_s_lora_is_as_near_as_the_singular_values_allow():
    matrix = (drawn(700, 20) @ drawn(20, 600, seed=1) + 0.05 * drawn(700, 600, seed=2)).float().numpy()
    B, A = merge.nearest(matrix, 10)
    singular = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert np.linalg.norm(matrix - B @ A) <= 1.001 * np.linalg.norm(singular[10:])
    assert A.dtype == B.dtype == np.float32  # of half the memory
    assert all((one == other).all() for one, other in zip((B, A), merge.nearest(matrix, 10), strict=True))


def test_peft_loads_a_lora_of_its_own_adapter(peft_files, tmp_path):
    from peft import PeftModel

    adapter, base, own = peft_files
    errors = merge.extract(adapter, base, tmp_path / "lora", 40, per="output")
    model = Model(channels=12)
    model.load_state_dict(load_file(base))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set")
        loaded = PeftModel.from_pretrained(model, tmp_path / "lora").merge_and_unload().state_dict()
    before, after = load_file(base), load_file(own)
    assert len(errors) == 6
    for name, error in errors:
        key = f"{name.removeprefix('base_model.model.')}.weight"
        off = float((loaded[key] - after[key]).norm() / (after[key] - before[key]).norm())
        assert off == pytest.approx(error, abs=1e-4)


STORED = {  # weights of 8 outputs or inputs and fewer, and whether all are stored (in, out): then peft has to turn what it adds
    "all (in, out)": ({"h.0.c_attn": (8, 24), "h.0.c_fc": (8, 32)}, True),
    "one of two": ({"h.0.c_attn": (8, 24), "h.0.q": (24, 8)}, False),
    "none": ({"h.0.q": (24, 8), "narrow": (24, 5), "wave": (30, 2, 3), "kernel": (30, 2, 2, 2)}, False),
    "an embedding": ({"h.0.c_attn": (8, 24), "wte": (50, 7)}, False),
}


@pytest.mark.parametrize(("shapes", "turned"), STORED.values(), ids=STORED)
def test_a_lora_for_peft_adds_the_whole_change_however_the_weights_are_stored(tmp_path, shapes, turned):
    adapter, base, changes = {}, {}, {}
    for name, shape in shapes.items():
        ends = ("embedding_A", "embedding_B") if name == "wte" else ("A.weight", "B.weight")
        outputs, *inputs = shape[::-1] if name == "wte" or ".c_" in name else shape
        weight, A, B = drawn(outputs, *inputs), drawn(1, *inputs, seed=1), drawn(outputs, 1, seed=2)
        m = weight.flatten(1).norm(dim=1) * 1.1
        factors = (A, B.reshape(outputs, 1, *[1] * (len(shape) - 2)))
        adapter |= {f"{name}.lora_{end}": factor for end, factor in zip(ends, factors, strict=True)}
        adapter[f"{name}.lora_magnitude_vector"] = m
        base[f"{name}.weight"] = weight if tuple(weight.shape) == shape else weight.T.contiguous()
        moved = weight.flatten(1) + 2 * B @ A.flatten(1)
        changes[name] = m[:, None] * moved / moved.norm(dim=1, keepdim=True) - weight.flatten(1), *ends
    save_file(adapter, tmp_path / "a.safetensors")
    save_file(base, tmp_path / "b.safetensors")
    errors = merge.extract(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "lora", 8, alpha=2)
    assert dict(errors) == {name: pytest.approx(0, abs=1e-6) for name in shapes}
    got = load_file(tmp_path / "lora/adapter_model.safetensors")
    assert len(got) == 2 * len(shapes)
    with safe_open(tmp_path / "lora/adapter_model.safetensors", "pt") as opened:
        assert opened.metadata() == {"format": "pt"}
    for name, (change, *ends) in changes.items():
        A, B = (got[f"base_model.model.{name}.lora_{end}"] for end in ends)
        assert A.dtype == B.dtype == torch.float32
        kernel = shapes[name][2:]
        assert tuple(A.shape[2:]) == kernel and tuple(B.shape[2:]) == (1,) * len(kernel)
        torch.testing.assert_close((B.flatten(1) @ A.flatten(1)).double(), change, rtol=1e-5, atol=1e-5)
    smaller = {name: least for name, (a, *rest) in shapes.items() if (least := min(a, prod(rest))) < 8}
    text = (tmp_path / "lora/adapter_config.json").read_text()
    assert json.loads(text) == {
        **{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "rank_pattern": smaller, "alpha_pattern": smaller},
        **{"target_modules": sorted(shapes), "use_dora": False, "bias": "none", "fan_in_fan_out": turned},
    }
    assert text.startswith("{\n ")


def test_a_layer_that_nothing_changes_has_a_lora_that_leaves_out_nothing(tmp_path):
    save_file(
        {"q.lora_down.weight": torch.ones(1, 3), "q.lora_up.weight": torch.zeros(2, 1), "q.alpha": torch.tensor(1.0)}
        | {"q.dora_scale": torch.tensor([[5.0], [2.0]])},
        tmp_path / "a.safetensors",
    )
    save_file({"q.weight": torch.tensor([[3.0, 4, 0], [0, 0, 2]]).double()}, tmp_path / "b.safetensors")
    errors = merge.extract(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "o.safetensors", 1)
    assert errors == [("q", 0.0)]
    assert {value.dtype for value in load_file(tmp_path / "o.safetensors").values()} == {torch.float32}


# The command


def test_the_command_says_what_it_merged_and_how_it_rounded(pair, tmp_path, capsys):
    given = ["merge", str(pair[0]), "--base", str(pair[1]), "--out", str(tmp_path / "out.safetensors")]
    assert __main__.main(given) == 0
    assert capsys.readouterr().out == (
        "out.safetensors has 1 merged layers (per input 1). Each number was computed in float32 and stored in float32, rounded once by "
        "at most 1/16,777,216 of it.\n"
    )
    assert __main__.main([*given, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["refused"].startswith("out.safetensors is there already")


def test_the_command_lists_what_a_lora_leaves_out(pair, tmp_path, capsys):
    given = ["extract", str(pair[0]), "--base", str(pair[1]), "--rank", "3"]
    assert __main__.main([*given, "--out", str(tmp_path / "lora.safetensors")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert (
        first == "lora.safetensors is a LoRA of rank 3. Of each layer's change it leaves out, by norm:"
        and second.endswith(" %  q")
    )
    assert __main__.main([*given, "--out", str(tmp_path / "again.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"].keys() == {"q"}
    with pytest.raises(SystemExit):
        __main__.main([*given[:-1], "0", "--out", "x"])
    assert "argument --rank: give a whole number from 1 on" in capsys.readouterr().err


@pytest.fixture
def unsaid(tmp_path) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    """Arguments with an axis and an alpha that no file says; what they make of an embedding (20, 8) per token and of a square layer."""
    tokens, square = drawn(20, 8).float(), drawn(12, 12, seed=1).float()
    emb = {"emb.lora_a": drawn(20, 4, seed=2).float(), "emb.lora_b": drawn(4, 8, seed=3).float()}
    q = {"q.lora_A.weight": drawn(2, 12, seed=4).float(), "q.lora_B.weight": drawn(12, 2, seed=5).float()}
    m = {"emb.m": drawn(20, seed=6).abs().float(), "q.lora_magnitude_vector": drawn(12, seed=7).abs().float()}
    save_file(emb | q | m, tmp_path / "a.safetensors")
    save_file({"emb.weight": tokens, "q.weight": square}, tmp_path / "b.safetensors")
    tokens = tokens + 6 / 4 * emb["emb.lora_a"] @ emb["emb.lora_b"]
    square = square + 6 / 2 * q["q.lora_B.weight"] @ q["q.lora_A.weight"]
    tokens, square = tokens / tokens.norm(dim=1, keepdim=True), square / square.norm(dim=0)
    given = [
        str(tmp_path / "a.safetensors"),
        "--base",
        str(tmp_path / "b.safetensors"),
        "--per",
        "input",
        "--alpha",
        "6",
    ]
    return given, tokens * m["emb.m"][:, None], square * m["q.lora_magnitude_vector"]


@pytest.fixture
def in_terminal(monkeypatch):
    """Runs a command in a terminal: its answer, all of which was shown at once, and what it told of progress."""

    def run(given: list[str]) -> tuple[str, str]:
        answer, screen, shown = io.StringIO(), io.StringIO(), []
        answer.flush, screen.isatty = lambda: shown.append(answer.getvalue()), lambda: True
        monkeypatch.setattr(sys, "stdout", answer)
        monkeypatch.setattr(sys, "stderr", screen)
        assert __main__.main(given) == 0
        assert shown[-1] == answer.getvalue()
        return answer.getvalue(), screen.getvalue()

    return run


def test_merge_does_as_it_is_told_and_answers_in_json(unsaid, tmp_path, in_terminal):
    given, *wanted = unsaid
    out, told = in_terminal(["merge", *given, "--out", str(tmp_path / "o.safetensors"), "--json"])
    said = {
        "out": str(tmp_path / "o.safetensors"),
        "layers": 2,
        "axes": "per token 1, per input 1",
        "rounding": "Each number was computed in float32 and stored in float32, rounded once by at most 1/16,777,216 of it.",
    }
    assert out == json.dumps(said, indent=1) + "\n"
    copied, one, other = (tmp_path / "b.safetensors").stat().st_size, 4 * 20 * 8, 4 * 12 * 12
    assert told == f"\rmerging: {100 * (copied + one) / (copied + one + other):.0f} %\rmerging: 100 %\n"
    got = load_file(tmp_path / "o.safetensors")
    for key, value in zip(("emb.weight", "q.weight"), wanted, strict=True):
        torch.testing.assert_close(got[key], value, rtol=1e-5, atol=1e-6)


def test_extract_does_as_it_is_told_and_answers_in_json(unsaid, tmp_path, in_terminal):
    given, *wanted = unsaid
    out, told = in_terminal(["extract", *given, "--rank", "3", "--out", str(tmp_path / "o.safetensors"), "--json"])
    before, left = load_file(tmp_path / "b.safetensors"), {}
    for name, value in zip(("emb", "q"), wanted, strict=True):
        singular = torch.linalg.svdvals(value.double() - before[f"{name}.weight"].double())
        left[name] = pytest.approx(float(singular[3:].norm() / singular.norm()), abs=1e-5)
    said = json.loads(out)
    assert said == {"out": str(tmp_path / "o.safetensors"), "rank": 3, "left_out": left}
    assert out == json.dumps(said, indent=1) + "\n"
    assert told == f"\rextracting: {100 * 640 / (640 + 576):.0f} %\rextracting: 100 %\n"


@pytest.mark.parametrize(("layers", "rest"), [(40, []), (1_041, ["  and less of 1,001 more"])])
def test_what_is_left_out_most_is_listed_first_and_forty_layers_at_most(unsaid, monkeypatch, in_terminal, layers, rest):
    errors = [(f"l{at}", (at * 7 % layers) / layers) for at in range(layers)]
    monkeypatch.setattr(merge, "extract", lambda *_, **__: errors)
    out, _ = in_terminal(["extract", *unsaid[0], "--rank", "3", "--out", "o.safetensors"])
    listed = [f"  {number(100 * part / layers)} %  l{pow(7, -1, layers) * part % layers}" for part in range(layers)]
    assert out.splitlines()[1:] == [*listed[: -41 if rest else None : -1], *rest]


@pytest.mark.parametrize(
    ("text", "rank"), [("0", None), ("1", 1), ("999999", 999_999), ("1000000", None), ("1.5", None)]
)
def test_a_rank_is_a_whole_number_of_six_digits_at_most(text, rank):
    if rank:
        assert __main__.rank(text) == rank
    else:
        with pytest.raises(ArgumentTypeError):
            __main__.rank(text)


@pytest.mark.parametrize(("name", "does"), [("merge", "Write the base with"), ("extract", "Write the plain LoRA")])
def test_help_names_the_command_that_it_is_of_and_a_lora_needs_a_rank(capsys, name, does):
    with pytest.raises(SystemExit):
        __main__.main([name, "--help"])
    said = capsys.readouterr().out
    assert said.startswith(f"usage: dora-axis {name} [-h] --base BASE") and f"\n{does}" in said
    assert " ".join(said.split()).endswith(
        "adapter a .safetensors adapter, or the folder of one options: -h, --help show this help message and exit "
        "--base BASE the model it was trained on: a file, its .index.json, or a folder "
        "--out OUT what to write: a new file, or a new folder for a base in a folder "
        "--per {output,input} the axis of layers that do not tell theirs for sure "
        "--alpha ALPHA the adapter's alpha, where no file says it --json print JSON"
        + (" --rank RANK of the LoRA" if name == "extract" else "")
    )
    with pytest.raises(SystemExit):
        __main__.main([name])
    needed = "adapter, --base, --out" + (", --rank" if name == "extract" else "")
    assert capsys.readouterr().err.endswith(f"arguments are required: {needed}\n")


def test_what_was_stored_in_two_types_is_rounded_in_either_way():
    half, whole = (__main__.rounding({dtype}) for dtype in ("F16", "F32"))
    both = __main__.rounding({"F32", "F16"})
    assert both == f"{half.removesuffix('.')}; or {whole.removeprefix('Each number was ')}"
    assert "stored in float16" in half and "stored in float32" in whole
