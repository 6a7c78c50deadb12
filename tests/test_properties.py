"""What holds for every weight, layer, count, cost and adapter: laws, on shapes and numbers that hypothesis makes up."""

import json
import struct
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from dorabook import cost
from dorabook.checkpoint import Refused, compare, judge
from dorabook.count import Decoder, LayerShape, trainable
from dorabook.decompose import join, magnitude_shape, norms, split
from dorabook.layers import DoRALinear, LoRALinear
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from support.adapters import ENDS, moved, partners, spread
from torch import Tensor, nn

OTHER = {"output": "input", "input": "output"}
PER = st.sampled_from(["output", "input"])
SIDE = st.integers(1, 9)
SEED = st.integers(0, 2**31)
SCALE = st.floats(1e-3, 1e3)
FEW = settings(deadline=None, max_examples=40)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def weights(make, least: int = 1) -> Tensor:
    """(out, in) in float64, of any two sides and any size, without a row or column of zeros."""
    out, into, seed = make(st.integers(least, 9)), make(st.integers(least, 9)), make(SEED)
    return make(SCALE) * draw(out, into, seed=seed)


def order(size: int, seed: int) -> Tensor:
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


# ---- decompose


@FEW
@given(weights(), PER)
def test_what_is_split_joins_to_the_weight_and_splits_the_same_again(weight, per):
    magnitude, direction = split(weight, per=per)
    close(join(magnitude, direction, per=per), weight)
    again, same = split(direction, per=per)
    close(again, torch.ones_like(again))
    close(same, direction)


@FEW
@given(weights(), PER)
def test_a_transposed_weight_has_the_magnitudes_of_the_other_axis(weight, per):
    close(norms(weight.T, per=OTHER[per]), norms(weight, per=per).T)
    close(split(weight.T, per=OTHER[per])[1], split(weight, per=per)[1].T)


@FEW
@given(weights(), PER, st.floats(-1e3, 1e3).filter(lambda factor: abs(factor) > 1e-3))
def test_a_factor_goes_into_the_magnitude_and_its_sign_into_the_direction(weight, per, factor):
    magnitude, direction = split(weight, per=per)
    scaled, turned = split(factor * weight, per=per)
    close(scaled, abs(factor) * magnitude)
    close(turned, direction if factor > 0 else -direction)


@FEW
@given(weights(), PER, SEED)
def test_factors_of_the_own_axis_scale_their_magnitudes_and_leave_every_direction(weight, per, seed):
    factors = draw(*magnitude_shape(*weight.shape, per=per), seed=seed).exp()
    magnitude, direction = split(weight, per=per)
    scaled, same = split(factors * weight, per=per)
    close(scaled, factors * magnitude)
    close(same, direction)


@FEW
@given(weights(), PER, SEED)
def test_neurons_in_another_order_have_their_magnitudes_in_that_order_and_the_other_axis_does_not_notice(
    weight, per, seed
):
    side = 0 if per == "output" else 1
    moved_to = order(weight.shape[side], seed)
    mixed = weight.index_select(side, moved_to)
    close(norms(mixed, per=per), norms(weight, per=per).index_select(side, moved_to))
    close(norms(mixed, per=OTHER[per]), norms(weight, per=OTHER[per]))


@FEW
@given(weights(), SEED)
def test_a_rotation_of_what_is_summed_over_changes_no_magnitude(weight, seed):
    turn, _ = torch.linalg.qr(draw(weight.shape[1], weight.shape[1], seed=seed))
    close(norms(weight @ turn, per="output"), norms(weight, per="output"))
    turn, _ = torch.linalg.qr(draw(weight.shape[0], weight.shape[0], seed=seed))
    close(norms(turn @ weight, per="input"), norms(weight, per="input"))


@FEW
@given(weights())
def test_the_squares_of_both_axes_have_one_sum(weight):
    both = [norms(weight, per=per).square().sum() for per in OTHER]
    close(both[0], both[1])
    close(both[0], weight.square().sum())


@FEW
@given(weights(), PER, SCALE, SEED)
def test_the_norm_of_a_sum_is_at_most_the_sum_of_norms(one, per, scale, seed):
    other = scale * draw(*one.shape, seed=seed)
    assert (norms(one + other, per=per) <= norms(one, per=per) + norms(other, per=per) + 1e-9).all()


# ---- layers


def dora(out: int, into: int, rank: int, per: str, seed: int, bias: bool = False) -> DoRALinear:
    """A layer away from its start, in float64, on both sides of its choices."""
    base = nn.Linear(into, out, bias=bias, dtype=torch.float64)
    base.weight.data.copy_(draw(out, into, seed=seed))
    if bias:
        base.bias.data.copy_(draw(out, seed=seed + 1))
    norm = ("detached", "in graph")[seed % 2]
    generator = torch.Generator().manual_seed(seed)
    layer = DoRALinear(base, per=per, norm=norm, rank=rank, alpha=2 * rank, generator=generator)
    layer.lora_B.data.copy_(0.3 * draw(out, rank, seed=seed + 2))
    layer.magnitude.data.mul_(1 + 0.2 * draw(*layer.magnitude.shape, seed=seed + 3))
    return layer


LAYERS = st.builds(dora, SIDE, SIDE, st.integers(1, 5), PER, SEED, st.booleans())


@FEW
@given(LAYERS)
def test_the_identity_sent_through_a_layer_gives_its_merged_weight(layer):
    eye = torch.eye(layer.base.in_features, dtype=torch.float64)
    bias = 0 if layer.base.bias is None else layer.base.bias
    for road in (layer.forward, layer.split_forward):
        close((road(eye) - bias).T, layer.merged_weight())


@FEW
@given(LAYERS, SEED)
def test_both_roads_merge_and_unmerge_are_one_function(layer, seed):
    x = draw(3, layer.base.in_features, seed=seed)
    before, frozen = layer(x).detach(), layer.base.weight.clone()
    close(layer.split_forward(x), before)
    layer.merge()
    close(layer(x), before)
    close(layer.split_forward(x), before)
    layer.unmerge()
    torch.testing.assert_close(layer.base.weight, frozen, rtol=1e-7, atol=1e-9)


@FEW
@given(LAYERS)
def test_a_merged_weight_is_joined_of_the_magnitude_and_a_direction_of_length_one(layer):
    direction = layer.direction()
    close(norms(direction, per=layer.per), torch.ones_like(layer.magnitude))
    close(layer.merged_weight(), join(layer.magnitude, direction, per=layer.per))


@FEW
@given(LAYERS, st.floats(0.1, 10))
def test_a_factor_of_weight_and_update_together_changes_nothing(layer, factor):
    """DoRA divides it out, which LoRA does not: only the magnitude says how long a row is."""
    before = layer.merged_weight().detach()
    layer.base.weight.data.mul_(factor)
    layer.lora_B.data.mul_(factor)
    close(layer.merged_weight(), before)


@FEW
@given(LAYERS, st.floats(-3, 3))
def test_a_factor_of_the_magnitudes_is_one_of_the_outputs(layer, factor):
    before = layer.merged_weight().detach()
    layer.magnitude.data.mul_(factor)
    close(layer.merged_weight(), factor * before)


@FEW
@given(SIDE, SIDE, st.integers(1, 5), PER, SEED)
def test_a_transposed_layer_with_its_factors_swapped_is_the_layer_of_the_other_axis(out, into, rank, per, seed):
    layer = dora(out, into, rank, per, seed)
    other = dora(into, out, rank, OTHER[per], seed)
    with torch.no_grad():
        other.base.weight.copy_(layer.base.weight.T)
        other.lora_A.copy_(layer.lora_B.T)
        other.lora_B.copy_(layer.lora_A.T)
        other.magnitude.copy_(layer.magnitude.T)
    close(other.merged_weight(), layer.merged_weight().T)


@FEW
@given(SIDE, SIDE, st.integers(1, 5), PER, SEED)
def test_neurons_of_a_layer_in_another_order_are_its_outputs_in_that_order(out, into, rank, per, seed):
    layer, mixed, moved_to = dora(out, into, rank, per, seed), dora(out, into, rank, per, seed), order(out, seed)
    x = draw(3, into, seed=seed + 4)
    with torch.no_grad():
        mixed.base.weight.copy_(layer.base.weight[moved_to])
        mixed.lora_B.copy_(layer.lora_B[moved_to])
        if per == "output":
            mixed.magnitude.copy_(layer.magnitude[moved_to])
    close(mixed(x), layer(x)[:, moved_to])


@FEW
@given(SIDE, SIDE, st.integers(1, 5), SEED, SEED)
def test_an_update_has_at_most_the_rank_and_is_linear_in_each_factor(out, into, rank, seed, other):
    base = nn.Linear(into, out, bias=False, dtype=torch.float64)
    layer = LoRALinear(base, rank=rank, alpha=3, generator=torch.Generator().manual_seed(seed))
    one, two = draw(out, rank, seed=seed), draw(out, rank, seed=other)
    updates = []
    for value in (one, two, one + two):
        layer.lora_B.data.copy_(value)
        updates.append(layer.delta().detach())
    close(updates[0] + updates[1], updates[2])
    assert torch.linalg.matrix_rank(updates[0], rtol=1e-9) <= min(rank, out, into)


# ---- counts

SHAPES = st.builds(LayerShape, st.just("layer"), st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 40))
RANK = st.integers(1, 300)


def turned(shape: LayerShape) -> LayerShape:
    return LayerShape(shape.name, shape.out_features, shape.in_features, shape.copies)


@FEW
@given(st.lists(SHAPES, max_size=6), st.lists(SHAPES, max_size=6), RANK, PER)
def test_counts_of_two_models_add_up_in_any_order(one, other, rank, per):
    both = trainable([*one, *other], rank=rank, per=per)
    assert both == trainable([*other, *one], rank=rank, per=per)
    assert both.total == trainable(one, rank=rank, per=per).total + trainable(other, rank=rank, per=per).total


@FEW
@given(st.lists(SHAPES, min_size=1, max_size=6), RANK, PER)
def test_counts_grow_with_every_size(shapes, rank, per):
    count = trainable(shapes, rank=rank, per=per)
    assert trainable(shapes, rank=rank + 1, per=per).low_rank > count.low_rank
    assert trainable(shapes, rank=rank + 1, per=per).magnitudes == count.magnitudes  # which no rank changes
    first, *rest = shapes
    for grown in (
        LayerShape("x", first.in_features + 1, first.out_features, first.copies),
        LayerShape("x", first.in_features, first.out_features + 1, first.copies),
        LayerShape("x", first.in_features, first.out_features, first.copies + 1),
    ):
        assert trainable([grown, *rest], rank=rank, per=per).total > count.total


@FEW
@given(st.lists(SHAPES, max_size=6), RANK, PER)
def test_a_transposed_model_counts_as_the_other_axis_and_lora_is_what_both_share(shapes, rank, per):
    count, other = trainable(shapes, rank=rank, per=per), trainable(map(turned, shapes), rank=rank, per=OTHER[per])
    assert count == other
    assert trainable(shapes, rank=rank, per=None).total == count.low_rank
    one, two = (trainable(shapes, rank=rank, per=axis).magnitudes for axis in OTHER)
    assert one + two == sum(shape.copies * (shape.in_features + shape.out_features) for shape in shapes)


@FEW
@given(SIDE, SIDE, st.integers(1, 5), PER, SEED)
def test_a_count_is_that_of_a_layer_that_is_made(out, into, rank, per, seed):
    made = sum(p.numel() for p in dora(out, into, rank, per, seed).parameters() if p.requires_grad)
    assert trainable([LayerShape("x", into, out)], rank=rank, per=per).total == made


@FEW
@given(st.integers(1, 200), st.integers(1, 400), st.integers(1, 20), st.integers(1, 8), st.integers(1, 8), RANK)
def test_a_decoder_whose_keys_are_shared_has_fewer_magnitudes_per_output_and_as_many_per_input(
    hidden, wide, layers, heads, groups, rank
):
    own = Decoder(
        hidden, wide, layers, heads=heads * groups, kv_heads=heads * groups, head_dim=4, vocabulary=9, tied=True
    )
    shared = Decoder(hidden, wide, layers, heads=heads * groups, kv_heads=heads, head_dim=4, vocabulary=9, tied=True)
    output, fewer = (trainable(one.shapes(), rank=rank, per="output").magnitudes for one in (own, shared))
    assert output - fewer == 2 * layers * 4 * heads * (groups - 1)
    inputs = {trainable(one.shapes(), rank=rank, per="input").magnitudes for one in (own, shared)}
    assert len(inputs) == 1


# ---- costs


def total(work: dict[str, int]) -> int:
    return sum(work.values())


WAYS = st.sampled_from([("merged", None), ("LoRA", None), ("DoRA", "output"), ("DoRA", "input")])
NORM_WAYS = st.sampled_from(
    [("output", "peft"), ("output", "formed"), ("output", "factored"), ("input", "formed"), ("input", "factored")]
)


@FEW
@given(SHAPES, st.integers(1, 100), st.integers(1, 100), RANK, WAYS)
def test_the_work_of_rows_adds_up_and_copies_are_rows(shape, one, other, rank, way):
    way, per = way
    both = cost.forward(shape, rows=one + other, rank=rank, way=way, per=per)
    parts = [total(cost.forward(shape, rows=rows, rank=rank, way=way, per=per)) for rows in (one, other)]
    assert total(both) == sum(parts)
    single = LayerShape(shape.name, shape.in_features, shape.out_features)
    assert both == cost.forward(single, rows=shape.copies * (one + other), rank=rank, way=way, per=per)


@FEW
@given(SHAPES, st.integers(1, 100), RANK)
def test_dora_costs_lora_and_lora_costs_the_base_and_two_thin_products(shape, rows, rank):
    base, lora, *both = (
        cost.forward(shape, rows=rows, rank=rank, way=way, per=per)
        for way, per in (("merged", None), ("LoRA", None), ("DoRA", "output"), ("DoRA", "input"))
    )
    assert both == [lora, lora]
    thin = shape.copies * rows * rank * (shape.in_features + shape.out_features)
    assert total(lora) == total(base) + thin


@FEW
@given(SHAPES, st.integers(1, 100), RANK, WAYS, st.booleans())
def test_a_transposed_layer_costs_the_same_and_a_gradient_of_the_input_more(shape, rows, rank, way, wanted):
    way, per = way
    there = cost.forward(shape, rows=rows, rank=rank, way=way, per=per)
    assert total(there) == total(cost.forward(turned(shape), rows=rows, rank=rank, way=way, per=OTHER.get(per)))
    made = [
        total(cost.gradient_products(shape, rows=rows, rank=rank, way=way, per=per, input_gradient=input_gradient))
        for input_gradient in (False, True)
    ]
    assert made[0] <= made[1]
    if per == "input":
        assert made[0] == made[1]  # the gradient of x is worked out in any case


@FEW
@given(SHAPES, RANK, PER)
def test_a_norm_of_a_transposed_layer_on_the_other_axis_costs_the_same(shape, rank, per):
    for by in ("formed", "factored"):
        assert total(cost.norm_products(shape, rank, per=per, by=by)) == total(
            cost.norm_products(turned(shape), rank, per=OTHER[per], by=by)
        )
        assert total(cost.norm_elementwise(shape, rank, per=per, by=by)) >= shape.copies


@FEW
@given(SHAPES, RANK, NORM_WAYS)
def test_norms_cost_more_with_the_rank_and_copies_multiply(shape, rank, way):
    per, by = way
    work = [total(cost.norm_products(shape, rank + more, per=per, by=by)) for more in range(3)]
    assert all(one < other for one, other in pairwise(work))
    single = LayerShape(shape.name, shape.in_features, shape.out_features)
    assert work[0] == shape.copies * total(cost.norm_products(single, rank, per=per, by=by))


@FEW
@given(SHAPES, st.integers(1, 8), PER, st.integers(1, 10**6))
def test_slices_never_need_more_than_the_whole_and_training_never_less(shape, rank, per, slice_of):
    assume(shape.out_features >= 64 and shape.in_features >= 64)
    whole = cost.norm_memory(shape, rank, per=per, by="formed")
    if 8 * shape.in_features <= slice_of <= shape.in_features * shape.out_features // 4:
        assert cost.norm_memory(shape, rank, per=per, by="formed", slice_of=slice_of) <= whole
    kept = cost.norm_memory(shape, rank, per="output", by="peft")
    assert kept >= cost.norm_memory(shape, rank, per="output", by="peft", training=False) - shape.in_features * rank
    assert kept >= shape.in_features**2  # the identity


@FEW
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_memory_of_training_adds_up_and_is_four_numbers_each(one, other):
    for dtype, size in cost.BYTES.items():
        both = total(cost.training_memory(one + other, dtype=dtype))
        assert both == total(cost.training_memory(one, dtype=dtype)) + total(cost.training_memory(other, dtype=dtype))
        assert both == 4 * size * (one + other)


# ---- adapters

FAMILY = st.sampled_from(sorted(ENDS))


def adapter(
    family: str, out: int, into: int, per: str, layers: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Flat magnitudes of one axis that moved a little from their start, and the base."""
    tensors, base = {}, {}
    for place in range(layers):
        weight = draw(out, into, seed=seed + place) if out != into else spread(out, seed + 10 * place)
        side = 1 if per == "output" else 0
        name = f"layers.{place}.proj"
        tensors |= {key.replace("block", name): value for key, value in partners(family, out, into).items()}
        tensors[f"{name}.{ENDS[family]}"] = moved(weight.norm(dim=side), seed=seed + 5)
        base[f"model.{name}.weight"] = weight
    return tensors, base


def saved(folder: Path, name: str, tensors: dict[str, Tensor]) -> Path:
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, path)
    return path


def verdicts(adapter: Path, base: Path | None = None) -> dict[str, tuple]:
    report = judge(adapter, base)
    return {layer.name: (layer.axis, layer.confidence, layer.far) for layer in report.layers}


def reordered(path: Path, seed: int) -> Path:
    """The same tensors in another order in the header and in the file."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    entries = [(key, value) for key, value in header.items() if key != "__metadata__"]
    made, out = {}, b""
    for i in order(len(entries), seed).tolist():
        key, value = entries[i]
        start, end = value["data_offsets"]
        made[key] = {**value, "data_offsets": [len(out), len(out) + end - start]}
        out += data[start:end]
    items = list(made.items())
    made = dict(items[i] for i in order(len(items), seed + 1).tolist())
    text = json.dumps(made).encode()
    other = path.with_name(f"reordered-{path.name}")
    other.write_bytes(struct.pack("<Q", len(text)) + text + out)
    return other


@settings(deadline=None, max_examples=25)
@given(FAMILY, st.sampled_from([(5, 3), (3, 5), (40, 40), (48, 40)]), PER, st.integers(1, 3), SEED)
def test_a_verdict_does_not_hang_on_order_dtype_size_or_shards(tmp_path_factory, family, sizes, per, layers, seed):
    folder = tmp_path_factory.mktemp("adapter")
    tensors, base = adapter(family, *sizes, per, layers, seed % 1000)
    one, weights = saved(folder, "adapter", tensors), saved(folder, "base", base)
    expected = verdicts(one, weights)
    assert {axis for axis, _, _ in expected.values()} <= {f"per {per}", "cannot tell"}
    assert sizes[0] == sizes[1] or {axis for axis, _, _ in expected.values()} == {f"per {per}"}
    assert verdicts(reordered(one, seed), reordered(weights, seed)) == expected
    for dtype in (torch.float32, torch.float64):
        other = saved(folder, f"{dtype}", {key: value.to(dtype) for key, value in tensors.items()})
        assert verdicts(other, weights) == expected
    longer = {key: 2 * value if key.endswith(f".{ENDS[family]}") else value for key, value in tensors.items()}
    twice = saved(folder, "twice", {key: 2 * value for key, value in base.items()})
    assert verdicts(saved(folder, "longer", longer), twice) == expected  # base and m in other units
    shards = folder / "shards"
    shards.mkdir()
    places = {}
    for i, (key, value) in enumerate(base.items()):
        places[key] = saved(shards, f"model-{i}", {key: value}).name
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert verdicts(one, shards) == verdicts(one, shards / "model.safetensors.index.json") == expected


@settings(deadline=None, max_examples=25)
@given(FAMILY, st.integers(8, 40), SEED)
def test_a_square_base_that_is_transposed_turns_the_verdict_and_never_keeps_it(tmp_path_factory, family, size, seed):
    folder = tmp_path_factory.mktemp("square")
    tensors, base = adapter(family, size, size, "output", 1, seed % 1000)
    one = saved(folder, "adapter", tensors)
    straight = verdicts(one, saved(folder, "base", base))
    back = verdicts(one, saved(folder, "turned", {key: value.T for key, value in base.items()}))
    swap = {"per output": "per input", "per input": "per output", "cannot tell": "cannot tell"}
    assert {name: (swap[axis], sure, far) for name, (axis, sure, far) in straight.items()} == back
    assert {axis for axis, _, _ in straight.values()} <= {"per output", "cannot tell"}


@settings(deadline=None, max_examples=25)
@given(FAMILY, st.sampled_from([(5, 3), (3, 5)]), PER, SEED, st.data())
def test_a_file_that_is_cut_anywhere_or_longer_is_refused(tmp_path_factory, family, sizes, per, seed, data):
    path = saved(tmp_path_factory.mktemp("cut"), "adapter", adapter(family, *sizes, per, 1, seed % 1000)[0])
    raw = path.read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    for changed in (raw[:at], raw + bytes(at % 50 + 1), raw[:8] + b" " + raw[8:]):
        path.write_bytes(changed)
        with pytest.raises(Refused, match=r"^adapter\.safetensors [^\n]+\Z"):
            judge(path)


def test_comparing_is_judging_with_the_files_named_the_other_way_round(tmp_path):
    tensors, base = adapter("peft", 5, 3, "input", 2, 0)
    one, weights = saved(tmp_path, "adapter", tensors), saved(tmp_path, "base", base)
    assert compare(weights, one) == judge(one, weights)
