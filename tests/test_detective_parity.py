"""The page's judge and Python's on made files: every family, every kind of base, names that lead astray, sharded bases."""

import json
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
import torch
from dorabook.checkpoint import values
from safetensors.torch import save
from support.adapters import drawn
from support.both_readers import assert_same, in_page, in_python, same_refusal
from support.live_page import Core
from torch import Tensor

SIDE, NARROW = 24, 8
Tensors = dict[str, Tensor]


def weight(rows: int, columns: int, *more: int, seed: int) -> Tensor:
    """Normal numbers whose norms differ from row to row and from column to column."""
    ones = [1] * len(more)
    tall, wide = drawn(rows, 1, *ones, seed=seed + 1), drawn(1, columns, *ones, seed=seed + 2)
    return drawn(rows, columns, *more, seed=seed) * (0.4 * tall).exp() * (0.4 * wide).exp()


def norms(of: Tensor, per: str) -> Tensor:
    kept = 0 if per == "output" else 1
    return of.square().sum([side for side in range(of.ndim) if side != kept]).sqrt()


FAMILIES = {
    "peft": ("base_model.model.{}", "lora_magnitude_vector", "lora_A.weight", "lora_B.weight", False),
    "peft named": ("base_model.model.{}", "lora_magnitude_vector.default.weight", "lora_A.default.weight", "lora_B.default.weight", False),
    "LyCORIS": ("lora_unet_{}", "dora_scale", "lora_down.weight", "lora_up.weight", False),
    "torchtune": ("{}", "magnitude", "lora_a.weight", "lora_b.weight", False),
    "this book": ("{}", "magnitude", "lora_A", "lora_B", False),
    "mlx-lm": ("{}", "m", "lora_a", "lora_b", True),
    "Raschka": ("{}", "m", "lora.A", "lora.B", True),
}  # fmt: skip
LAYERS = {"layers.0.q_proj": SIDE, "layers.0.k_proj": NARROW, "layers.1.q_proj": SIDE}


def adapter(family: str, per: str, side: str, drift: float) -> tuple[Tensors, Tensors]:
    """An adapter with magnitudes `per` an axis, flat or long on one `side`, and its base."""
    path, end, a, b, turned = FAMILIES[family]
    tensors, base = {}, {}
    for seed, (name, rows) in enumerate(LAYERS.items()):
        name_there = path.format(name.replace(".", "_") if family == "LyCORIS" else name)
        base[f"model.{name}.weight"] = of = weight(rows, SIDE, seed=10 * seed)
        m = norms(of, per)
        m = m * (1 + drift * drawn(len(m), seed=seed + 100))
        tensors[f"{name_there}.{end}"] = {"flat": m, "first": m[:, None], "second": m[None]}[side]
        A, B = drawn(2, SIDE, seed=seed + 200), drawn(rows, 2, seed=seed + 300)
        tensors |= {f"{name_there}.{a}": A.T if turned else A, f"{name_there}.{b}": B.T if turned else B}
    return tensors, base


def changed(base: Tensors, **values: Tensor) -> Tensors:
    return {**base, **{f"model.layers.{name[1]}.{name[3:]}.weight": value for name, value in values.items()}}


def bases(base: Tensors) -> dict[str, Tensors | None]:
    """What a reader may give as the base: the right one and wrong ones."""
    square = base["model.layers.0.q_proj.weight"]
    zeros, broken = square.clone(), square.clone()
    zeros[1], zeros[:, 2], zeros[:, 5] = 0, 0, 0
    broken[0, 0] = torch.nan
    return {
        "none": None,
        "right": base,
        "half precision": {key: value.bfloat16() for key, value in base.items()},
        "transposed": {key: value.T for key, value in base.items()},
        "of another model": {key: weight(*value.shape, seed=77) for key, value in base.items()},
        "of another shape": {key: weight(value.shape[0] + 1, SIDE, seed=77) for key, value in base.items()},
        "with one other shape": changed(base, L0_q_proj=weight(SIDE + 1, SIDE, seed=77)),
        "without one layer": {key: value for key, value in base.items() if "1.q_proj" not in key},
        "with zeros": changed(base, L0_q_proj=zeros),
        "with NaN": changed(base, L0_q_proj=broken),
        "with none of the layers": {"embed.weight": square},
        "alike on both axes": changed(base, L0_q_proj=square + square.T),
    }


def packed(tensors: Tensors) -> bytes:
    return save({key: value.contiguous().clone() for key, value in tensors.items()})


def assert_alike(folder: Path, cases: dict[str, list[tuple[str, bytes]]]) -> dict:
    """What both say of each case: files by name, the adapter first, then the base or its index, then what that names."""
    both = {}
    for (case, files), said in zip(cases.items(), in_page(list(cases.values())), strict=True):
        for name, content in files:
            (folder / name).write_bytes(content)
        python = in_python(*(folder / name for name, _ in files[:2]))
        same_refusal(said, python, case) or assert_same(said, python, case)
        both[case] = said
        for name, _ in files:
            (folder / name).unlink()
    return both


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["flat", "first", "second"])
@pytest.mark.slow
def test_every_family_gets_the_same_verdicts_on_every_base(tmp_path, family, side):
    cases = {}
    for per, drift in product(("output", "input"), (0.02, 0.5)):
        tensors, base = adapter(family, per, side, drift)
        for which, given in bases(base).items():
            files = [("a.safetensors", packed(tensors))]
            cases[f"{per} {drift} {which}"] = files if given is None else [*files, ("b.safetensors", packed(given))]
        alone = {key: value for key, value in tensors.items() if "k_proj" not in key}
        gone = {
            key: torch.full_like(m, torch.nan) if m.shape.count(1) >= m.ndim - 1 else m for key, m in tensors.items()
        }
        nothing = bases(base)["with NaN"]
        cases[f"{per} {drift} NaN on both sides"] = [
            ("a.safetensors", packed(gone)),
            ("b.safetensors", packed(nothing)),
        ]
        cases[f"{per} {drift} squares"] = [("a.safetensors", packed(alone)), ("b.safetensors", packed(base))]
        cases[f"{per} {drift} squares alone"] = [("a.safetensors", packed(alone))]
    said = assert_alike(tmp_path, cases)
    for per, which in product(("output", "input"), ("right", "half precision")):
        axes = {row[3] for row in said[f"{per} 0.02 {which}"]["rows"]}
        believed = {"flat": per, "first": "output", "second": "input"}[side] == per
        unusual = side == "second" and family in ("peft", "peft named", "torchtune")  # none of which writes m so
        assert (axes == {f"per {per}"}) == (believed or unusual)  # a side that says the other axis is not believed


NAMES = {  # of an adapter's layer: of a base's weights
    "lora_unet_a_b": ("a.b.weight",),
    "lora_te1_text_model_x": ("text_model.x.weight",),
    "base_model.model.model.x": ("model.x.weight",),
    "base_model.model.x": ("x.base_layer.weight",),
    "a.b": ("c.a.b.weight", "a.b.weight"),
    "x": ("x.base_layer.weight", "x.weight"),
    "b": ("c.b.weight", "d.b.weight"),
    "y.z.w.q": ("w.q.weight",),
    "y.z.w.k": ("w.k.weight", "w_k.weight"),
    "y.z.q": ("q.weight", "k.q.weight"),
    "model.model.model.model.x": ("y.x.weight",),
    "model": ("model.weight",),
    "lora_te2": ("te2.weight",),
    "": ("weight",),
    "_": ("_.weight",),
    "a..b": ("a..b.weight",),
    "x\n": ("x\n.weight",),
    "z": ("z.weight\n", "z.weights"),
    "x.weight": ("x.weight.weight",),
    "x" * 1000: ("x" * 1000 + ".weight", "y." + "x" * 900 + ".weight"),
    "\U0001f600" * 130: ("\U0001f600" * 130 + ".weight",),
    "toString": ("__proto__.weight", "constructor.weight", "toString.weight"),
}


def test_names_lead_to_the_same_weights(tmp_path):
    cases = {}
    for layer, keys in NAMES.items():
        magnitude = {f"{layer}.dora_scale" if layer else "dora_scale": drawn(5, seed=1).abs()}
        weights = {key: weight(5 + i, 4, seed=i) for i, key in enumerate(keys)}
        cases[layer] = [("a.safetensors", packed(magnitude)), ("b.safetensors", packed(weights))]
    assert_alike(tmp_path, cases)


KEYS = [
    ["x.lora_magnitude_vector."], ["lora_magnitude_vector.a.b"], ["x.lora_magnitude_vector..weight"], ["xlora_magnitude_vector"],
    ["x.lora_magnitude_vector.weight.weight"], ["lora_magnitude_vector.lora_magnitude_vector"], ["dora_scale", "magnitude", "m"],
    [".magnitude"], ["x.magnitude\n"], ["x\ny.lora_magnitude_vector"], ["q.lora_x"], ["q"], ["x.Magnitude"], ["x.dora_scale.y"],
    ["x.lora_magnitude_vector.\n"], ["x.lora_magnitude_vector.weight", "x.lora_magnitude_vector"],
    ["xdora_scale"], ["x_magnitude"], ["x.stem"],
]  # fmt: skip


def test_keys_are_taken_for_magnitudes_alike(tmp_path):
    cases = {" ".join(keys): [("a.safetensors", packed({key: drawn(5, seed=1) for key in keys}))] for keys in KEYS}
    assert_alike(tmp_path, cases)


FACTORS = {  # beside x.dora_scale (12,)
    "ranks that differ": {"lora_down.weight": (2, 12), "lora_up.weight": (12, 3)},
    "LoKr": {"lokr_w1": (3, 4), "lokr_w2": (4, 3)},
    "LoKr in factors": {"lokr_w1_a": (3, 2), "lokr_w1_b": (2, 4), "lokr_w2_a": (4, 1), "lokr_w2_b": (1, 3)},
    "LoKr, flat": {"lokr_w1": (4,), "lokr_w2": (3, 3)},
    "LoKr, flat factors": {"lokr_w1_a": (4,), "lokr_w1_b": (4,), "lokr_w2": (3, 3)},
    "LoKr with a core": {"lokr_w1": (3, 4), "lokr_t2": (2, 2, 3, 3), "lokr_w2_a": (2, 4), "lokr_w2_b": (2, 3)},
    "LoHa with a core": {"hada_t1": (2, 2, 3, 3), "hada_w1_a": (2, 12), "hada_w1_b": (2, 5)},
    "a whole difference": {"diff": (12, 5)},
    "a flat difference": {"diff": (12,)},
    "flat factors": {"lora_down.weight": (2,), "lora_up.weight": (2,)},
    "a flat weight of its own": {"weight": (12,)},
    "a weight of its own": {"weight": (12, 7)},
    "a convolution's": {"lora_down.weight": (2, 8, 1, 1), "lora_up.weight": (12, 2, 1, 1)},
}


def test_sizes_are_taken_from_factors_alike(tmp_path):
    cases = {}
    for (factors, shapes), base in product(FACTORS.items(), (None, (12, 12), (12, 5, 3, 3))):
        tensors = {f"x.{end}": drawn(*shape, seed=i) for i, (end, shape) in enumerate(shapes.items())}
        files = [("a.safetensors", packed({"x.dora_scale": drawn(12, seed=9).abs(), **tensors}))]
        files += [("b.safetensors", packed({"x.weight": weight(*base, seed=3)}))] if base else []
        cases[f"{factors} {base}"] = files
    assert_alike(tmp_path, cases)


FIT = """(triples) => triples.map((triple) => {
  const { axis, confidence, slopes, why, k } = modules['axis_detective/checkpoint/values'].fitAxis(...triple.map((all) => Float64Array.from(all)));
  return [why, k, axis, confidence, slopes && [slopes.output, slopes.outputError, slopes.input, slopes.inputError, slopes.z]];
})"""


def followed(draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A magnitude that follows two sets of norms with slopes about where verdicts change, and those norms."""
    count = (7, 8, 9, 20, 40, 300)[int(torch.randint(6, (1,), generator=draw))]
    p, other, noise = (torch.randn(count, generator=draw, dtype=torch.float64) for _ in range(3))
    apart, spread = (10 ** -(place * torch.rand(1, generator=draw, dtype=torch.float64)) for place in (4, 2))
    q = p * (1 - apart) + other * apart
    a, b = (slope * 1.8 - 0.6 for slope in torch.rand(2, generator=draw, dtype=torch.float64))
    if torch.rand(1, generator=draw) < 0.5:  # near one axis
        a, b = (
            (1 + (a - 0.3) / 2, (b - 0.3) / 2)
            if torch.rand(1, generator=draw) < 0.5
            else ((a - 0.3) / 2, 1 + (b - 0.3) / 2)
        )
    return (a * p + b * q + noise * spread).exp(), p.exp(), q.exp()


@pytest.mark.slow
def test_slopes_and_what_they_mean_are_the_same():
    draw = torch.Generator().manual_seed(0)
    cases = [followed(draw) for _ in range(1500)]
    said = Core("axis_detective/checkpoint/values").evaluate(FIT, [[one.tolist() for one in case] for case in cases])
    seen = Counter()
    for (why, count, axis, confidence, slopes), case in zip(said, cases, strict=True):
        fit = values.fit(*case)
        assert (why, count, axis, confidence) == (fit.why, fit.compared, fit.axis, fit.confidence)
        assert slopes == (fit.slopes and pytest.approx([*vars(fit.slopes).values()], rel=1e-6, abs=1e-6))
        seen[why, axis, confidence] += 1
    told = {("tell", axis, sure) for axis in ("per output", "per input") for sure in ("high", "fair")}
    assert set(seen) == told | {(why, None, "none") for why in ("few", "alike", "drifted", "neither")}


def index(weight_map: object) -> tuple[str, bytes]:
    text = weight_map if isinstance(weight_map, bytes) else json.dumps({"weight_map": weight_map}).encode()
    return "m.safetensors.index.json", text


def test_sharded_bases_are_read_and_refused_alike(tmp_path):
    tensors, base = adapter("peft", "input", "flat", 0.02)
    names = dict(zip(base, ("one.safetensors", "two.safetensors", "two.safetensors"), strict=True))
    shards = [
        (name, packed({key: base[key] for key in base if names[key] == name})) for name in dict.fromkeys(names.values())
    ]
    first, *_ = names
    maps = {
        "good": names,
        "in another order": dict(reversed(names.items())),
        "of one shard": {first: names[first]},
        "of no tensor": {},
        "with a shard that is not there": {**names, "x": "three.safetensors"},
        "with a key that is not there": {**names, "x": "two.safetensors"},
        "with both": {"y": "two.safetensors", **names, "x": "three.safetensors"},
        "with a folder": {first: "a/one.safetensors"},
        "with another folder": {first: "a\\one.safetensors"},
        "with a zero": {first: "one\0"},
        "with a number": {first: 1},
        "with the adapter": {first: "a.safetensors"},
        "a list": [first],
        "nothing": None,
        "a text": "one",
        "empty": b"",
        "cut": b'{"weight_map": {',
        "no object": b"[]",
        "no UTF-8": b"\xff",
        "a mark first": b'\xef\xbb\xbf{"weight_map": {}}',
        "deep": b"[" * 100_000,
        "hostile": {first: "<img>\x07"},
    }
    cases = {case: [("a.safetensors", packed(tensors)), index(given), *shards] for case, given in maps.items()}
    cases["a cut shard"] = [
        ("a.safetensors", packed(tensors)),
        index(names),
        shards[0],
        (shards[1][0], shards[1][1][:-3]),
    ]
    assert_alike(tmp_path, cases)
