"""LoRA and DoRA layers against loops, finite differences, installed peft and the published facts of Raschka's layer."""

import math

import pytest
import torch
from dorabook.decompose import norms
from dorabook.layers import DoRALinear, LoRALinear, peft_style, raschka_style
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional as F

AXES = ["output", "input"]
NORMS = ["detached", "in graph"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def base_layer(in_features=5, out_features=3, bias=True):
    base = nn.Linear(in_features, out_features, bias=bias, dtype=torch.float64)
    base.weight.data.copy_(draw(out_features, in_features, seed=1))
    if bias:
        base.bias.data.copy_(draw(out_features, seed=2))
    return base


def away_from_start(layer, seed=3):
    """B no longer zero and every magnitude moved: at the start either axis looks right."""
    layer.lora_B.data.copy_(0.3 * draw(*layer.lora_B.shape, seed=seed).to(layer.lora_B))
    if isinstance(layer, DoRALinear):
        layer.magnitude.data.mul_(1 + 0.2 * draw(*layer.magnitude.shape, seed=seed + 1).to(layer.magnitude))
    return layer


def dora(per="output", norm="detached", **sizes):
    return away_from_start(DoRALinear(base_layer(**sizes), per=per, norm=norm, rank=2, alpha=4, generator=seeded()))


# LoRA


def test_lora_starts_as_its_base():
    layer = LoRALinear(base_layer(), rank=2, alpha=4, generator=seeded())
    x = draw(7, 5)
    assert torch.equal(layer(x), layer.base(x))
    assert layer.lora_A.abs().min() > 0


def test_lora_away_from_the_start_is_no_longer_its_base():
    layer = away_from_start(LoRALinear(base_layer(), rank=2, alpha=4, generator=seeded()))
    x = draw(7, 5)
    assert (layer(x) - layer.base(x)).abs().min() > 1e-3


def test_lora_split_road_equals_the_merged_weight():
    layer = away_from_start(LoRALinear(base_layer(), rank=2, alpha=4, generator=seeded()))
    x = draw(7, 5)
    torch.testing.assert_close(layer(x), F.linear(x, layer.merged_weight(), layer.base.bias))


@pytest.mark.parametrize(("scale_by", "expected"), [("alpha/rank", 2.0), ("alpha/sqrt(rank)", 32.0), ("alpha", 512.0)])
def test_scaling_of_alpha_512_and_rank_256(scale_by, expected):
    layer = LoRALinear(base_layer(784, 128), rank=256, alpha=512, scale_by=scale_by, generator=seeded())
    assert layer.scaling == expected
    away_from_start(layer)
    torch.testing.assert_close(layer.delta(), expected * layer.lora_B @ layer.lora_A)


def test_kaiming_start_is_uniform_within_one_over_the_root_of_the_inputs():
    first = LoRALinear(base_layer(400, 3), rank=50, alpha=1, generator=seeded()).lora_A
    bound = 1 / math.sqrt(400)
    assert first.abs().max() <= bound
    assert first.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)  # 20,000 draws: 3 % is six sigma


def test_normal_start_has_standard_deviation_one_over_the_root_of_the_rank():
    first = LoRALinear(base_layer(400, 3), rank=50, alpha=1, start="normal", generator=seeded()).lora_A
    assert first.std().item() == pytest.approx(1 / math.sqrt(50), rel=0.03)


@pytest.mark.parametrize("start", ["kaiming", "normal"])
def test_one_seed_gives_one_start_which_is_drawn_in_float64(start):
    options = {"rank": 2, "alpha": 1, "start": start}
    first, second, other = (LoRALinear(base_layer(), **options, generator=seeded(s)).lora_A for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert (first != first.float().double()).all(), "a number drawn in float32 fits into one"


def test_rank_one_is_the_lowest_and_is_allowed():
    layer = away_from_start(LoRALinear(base_layer(), rank=1, alpha=4, generator=seeded()))
    assert torch.linalg.matrix_rank(layer.delta()) == 1


def test_a_layer_prints_its_rank_and_what_alpha_became():
    layer = LoRALinear(base_layer(7, 3), rank=2, alpha=3, generator=seeded())
    assert repr(layer).startswith("LoRALinear(\n  rank=2, scaling=1.5\n  (base): Linear(")
    assert '\n  rank=2, scaling=2, per="output", norm="detached"\n' in repr(dora())


def test_a_layer_says_whether_it_is_merged():
    layer = dora()
    said = [layer.merged]
    layer.merge()
    said.append(layer.merged)
    layer.unmerge()
    assert [*said, layer.merged] == [False, True, False]


def test_base_is_frozen_and_adapters_share_it():
    base = base_layer()
    layers = [away_from_start(LoRALinear(base, rank=2, alpha=4, generator=seeded(s)), seed=s) for s in (1, 2)]
    x = draw(7, 5)
    outputs = [layer(x) for layer in layers]
    assert layers[0].base is layers[1].base
    assert not any(p.requires_grad for p in base.parameters())
    assert (outputs[0] - outputs[1]).abs().max() > 1e-3


# DoRA


@pytest.mark.parametrize("per", AXES)
def test_dora_starts_as_its_base_on_either_axis(per):
    layer = DoRALinear(base_layer(), per=per, rank=2, alpha=4, generator=seeded())
    x = draw(7, 5)
    torch.testing.assert_close(layer(x), layer.base(x))


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("norm", NORMS)
def test_dora_equals_a_plain_loop(per, norm):
    layer = dora(per, norm)
    update = [
        [layer.scaling * sum(layer.lora_B[o, r].item() * layer.lora_A[r, i].item() for r in range(2)) for i in range(5)]
        for o in range(3)
    ]
    adapted = [[layer.base.weight[o, i].item() + update[o][i] for i in range(5)] for o in range(3)]
    expected = torch.zeros(3, 5, dtype=torch.float64)
    for o in range(3):
        for i in range(5):
            line = adapted[o] if per == "output" else [adapted[k][i] for k in range(3)]
            m = layer.magnitude[o, 0] if per == "output" else layer.magnitude[0, i]
            expected[o, i] = m.item() * adapted[o][i] / math.sqrt(sum(value**2 for value in line))
    torch.testing.assert_close(layer.merged_weight(), expected)


@pytest.mark.parametrize("per", AXES)
def test_norms_of_the_merged_weight_are_the_magnitude(per):
    layer = dora(per)
    torch.testing.assert_close(norms(layer.merged_weight().detach(), per=per), layer.magnitude.detach().abs())


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("bias", [True, False])
def test_split_road_equals_the_merged_weight(per, bias):
    layer = dora(per, bias=bias)
    x = draw(2, 7, 5)
    torch.testing.assert_close(layer.split_forward(x), layer(x))


def test_poke_of_one_magnitude_per_output_moves_that_output_only():
    layer, x = dora("output"), draw(7, 5)
    before = layer(x)
    layer.magnitude.data[2] *= 1.5
    moved = (layer(x) - before).abs().amax(dim=0) > 1e-9
    assert moved.tolist() == [False, False, True]


def test_poke_of_one_magnitude_per_input_moves_every_output_by_a_rank_one_amount():
    layer, x = dora("input"), draw(7, 5)
    before = layer(x)
    layer.magnitude.data[0, 2] *= 1.5
    change = layer(x) - before
    assert (change.abs().amax(dim=0) > 1e-3).all()
    assert torch.linalg.matrix_rank(change, atol=1e-9) == 1


@pytest.mark.parametrize("per", AXES)
def test_gradient_with_the_norm_in_the_graph_agrees_with_finite_differences(per):
    layer, x = dora(per, "in graph"), draw(7, 5)

    def loss(lora_A, lora_B, magnitude):
        return torch.func.functional_call(
            layer, {"lora_A": lora_A, "lora_B": lora_B, "magnitude": magnitude}, (x,)
        ).sin()

    parameters = [p.detach().clone().requires_grad_() for p in (layer.lora_A, layer.lora_B, layer.magnitude)]
    assert torch.autograd.gradcheck(loss, parameters)


@pytest.mark.parametrize("per", AXES)
def test_detached_norm_gives_the_gradient_of_a_frozen_rescale(per):
    layer, x = dora(per, "detached"), draw(7, 5)
    layer(x).sin().sum().backward()
    norm = norms(layer.adapted().detach(), per=per)  # a constant from here on
    lora_B = layer.lora_B.detach().clone().requires_grad_()
    weight = layer.magnitude.detach() * (layer.base.weight + layer.scaling * lora_B @ layer.lora_A.detach()) / norm
    F.linear(x, weight, layer.base.bias).sin().sum().backward()
    torch.testing.assert_close(layer.lora_B.grad, lora_B.grad)


@pytest.mark.parametrize("per", AXES)
def test_the_two_norms_have_one_forward_and_two_gradients(per):
    layers = [dora(per, norm) for norm in NORMS]
    x = draw(7, 5)
    outputs = [layer(x) for layer in layers]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.sin().sum().backward()
    assert (layers[0].lora_B.grad - layers[1].lora_B.grad).abs().max() > 1e-2
    torch.testing.assert_close(layers[0].magnitude.grad, layers[1].magnitude.grad)


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("norm", NORMS)
def test_only_a_norm_in_the_graph_keeps_the_gradient_off_the_direction(per, norm):
    layer, x = dora(per, norm), draw(7, 5)
    adapted = layer.adapted().detach().requires_grad_()
    length = norms(adapted.detach() if norm == "detached" else adapted, per=per)
    F.linear(x, layer.magnitude.detach() * adapted / length).sin().sum().backward()
    along = (adapted.grad * adapted.detach()).sum(dim=1 if per == "output" else 0)
    assert (along.abs().max() < 1e-9) == (norm == "in graph")


@pytest.mark.parametrize(
    "make", [lambda: away_from_start(LoRALinear(base_layer(), rank=2, alpha=4, generator=seeded())), dora]
)
def test_merge_keeps_the_outputs_and_unmerge_gives_the_base_back(make):
    layer, x = make(), draw(7, 5)
    base, before = layer.base.weight.clone(), layer(x).detach()
    layer.merge()
    torch.testing.assert_close(layer(x), before)
    assert (layer.base.weight - base).abs().max() > 1e-2
    layer.unmerge()
    torch.testing.assert_close(layer.base.weight, base)
    torch.testing.assert_close(layer(x), before)


def test_merge_and_unmerge_per_input():
    layer = dora("input")
    base = layer.base.weight.clone()
    layer.merge()
    torch.testing.assert_close(norms(layer.base.weight, per="input"), layer.magnitude.detach().abs())
    assert torch.equal(layer.split_forward(draw(7, 5)), layer.base(draw(7, 5)))
    layer.unmerge()
    torch.testing.assert_close(layer.base.weight, base)


@pytest.mark.parametrize("per", AXES)
def test_what_a_merged_layer_keeps_moves_with_it_and_is_not_saved(per):
    layer = dora(per)
    saved, base = set(layer.state_dict()), layer.base.weight.clone()
    layer.merge()
    assert set(layer.state_dict()) == saved
    layer.float()
    assert [kept.dtype for kept in layer.buffers()] == [torch.float32]
    layer.unmerge()
    torch.testing.assert_close(layer.base.weight, base.float())


def test_a_merged_weight_is_the_base_s_own():
    for layer in (dora(), away_from_start(LoRALinear(base_layer(), rank=2, alpha=4, generator=seeded()))):
        before = layer.merged_weight().detach().clone()
        layer.merge()
        assert layer.merged_weight() is layer.base.weight
        torch.testing.assert_close(layer.base.weight, before)


def test_merging_twice_or_unmerging_first_says_what_to_call():
    layer = dora()
    with pytest.raises(RuntimeError, match="not merged: call merge"):
        layer.unmerge()
    layer.merge()
    with pytest.raises(RuntimeError, match="merged already: call unmerge"):
        layer.merge()
    layer.unmerge()


def test_a_zero_magnitude_is_not_merged_over_the_frozen_weight():
    layer = dora()
    layer.magnitude.data[1] = 0
    base = layer.base.weight.clone()
    with pytest.raises(ValueError, match="a magnitude is 0"):
        layer.merge()
    assert torch.equal(layer.base.weight, base)


@pytest.mark.parametrize("per", AXES)
def test_a_wrong_shape_put_into_magnitude_is_refused_in_the_forward_pass(per):
    layer = dora(per, out_features=5)  # square, where a flat vector would broadcast over the inputs
    layer.magnitude = nn.Parameter(layer.magnitude.detach().flatten())
    with pytest.raises(ValueError, match=r"magnitude is \(5,\)"):
        layer(draw(7, 5))


@pytest.mark.parametrize("make", [LoRALinear, lambda base, **o: DoRALinear(base, per="output", **o)])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rank": 0}, "rank is 0, expected a whole number of 1 or more"),
        ({"rank": 2.5}, "rank is 2.5"),
        ({"rank": True}, "rank is True"),
        ({"scale_by": "rank"}, r"scale_by is 'rank', expected one of 'alpha/rank', 'alpha/sqrt\(rank\)', 'alpha'$"),
        ({"start": "zero"}, "start is 'zero', expected"),
    ],
)
def test_options_out_of_range_are_named(make, options, says):
    with pytest.raises(ValueError, match=says):
        make(base_layer(), **{"rank": 2, "alpha": 4, "generator": seeded(), **options})


def test_other_bad_input_is_named():
    options = {"rank": 2, "alpha": 4, "generator": seeded()}
    with pytest.raises(TypeError, match=r"base is a Conv2d, expected torch\.nn\.Linear"):
        LoRALinear(nn.Conv2d(1, 1, 1), **options)
    with pytest.raises(ValueError, match="norm is 'full', expected \"detached\" or"):
        DoRALinear(base_layer(), per="output", norm="full", **options)
    with pytest.raises(TypeError, match="per"):
        DoRALinear(base_layer(), **options)
    dead = base_layer()
    dead.weight.data[:, 4] = 0
    with pytest.raises(ValueError, match="input 4 of the weight is all zeros"):
        DoRALinear(dead, per="input", **options)
    DoRALinear(dead, per="output", **options)  # the same weight has a norm on the other axis


@pytest.mark.parametrize(("make", "start"), [(peft_style, "kaiming"), (raschka_style, "normal")])
def test_a_style_draws_from_the_generator_it_is_given(make, start):
    drawn = LoRALinear(base_layer(), rank=2, alpha=1, start=start, generator=seeded(5)).lora_A
    assert torch.equal(make(base_layer(), rank=2, alpha=4, generator=seeded(5)).lora_A, drawn)


def test_layers_work_on_the_meta_device_for_counting():
    layer = DoRALinear(nn.Linear(5, 3, device="meta"), per="input", rank=2, alpha=4, generator=seeded())
    assert layer(torch.empty(7, 5, device="meta")).shape == (7, 3)


# Raschka's layer: what is published about it


def test_raschka_style_has_one_magnitude_per_input_feature_of_the_blog_posts_layer():
    layer = raschka_style(base_layer(784, 128), rank=256, alpha=512, generator=seeded())
    assert layer.magnitude.shape == (1, 784)
    assert layer.scaling == 512
    assert repr(layer).count('per="input", norm="in graph"') == 1


def test_raschka_style_forward_is_the_row_form_of_his_article():
    """His A is (in, rank), his B (rank, out); the norm of W + alpha (AB)^T is taken over the outputs, with gradient."""
    layer = away_from_start(raschka_style(base_layer(), rank=2, alpha=3, generator=seeded()))
    x = draw(7, 5)
    a, b = (p.detach().T.clone().requires_grad_() for p in (layer.lora_A, layer.lora_B))
    adapted = layer.base.weight + 3 * (a @ b).T
    lengths = (adapted**2).sum(dim=0).sqrt()  # one for each of the 5 inputs
    expected = x @ (layer.magnitude.detach() * adapted / lengths).T + layer.base.bias
    torch.testing.assert_close(layer(x), expected)
    expected.sin().sum().backward()
    layer(x).sin().sum().backward()
    torch.testing.assert_close(layer.lora_A.grad, a.grad.T)
    torch.testing.assert_close(layer.lora_B.grad, b.grad.T)


# peft, as installed


def peft_layer(in_features=5, out_features=3, *, dropout=0.0, dtype=torch.float32):
    """A peft DoRA layer away from its start, and ours on a copy of the same base holding the same numbers."""
    base = base_layer(in_features, out_features).to(dtype)
    model = nn.Sequential(nn.Linear(in_features, out_features, dtype=dtype))
    model[0].load_state_dict(base.state_dict())
    config = LoraConfig(r=2, lora_alpha=4, use_dora=True, target_modules=["0"], lora_dropout=dropout)
    model = get_peft_model(model, config)
    theirs = model.base_model.model[0]
    ours = away_from_start(peft_style(base, rank=2, alpha=4, generator=seeded()))
    theirs.lora_A["default"].weight.data.copy_(ours.lora_A.data)
    theirs.lora_B["default"].weight.data.copy_(ours.lora_B.data)
    theirs.lora_magnitude_vector["default"].weight.data.copy_(ours.magnitude.data.flatten())
    return model, theirs, ours


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5), (4, 4)])
def test_peft_style_has_the_forward_of_installed_peft(mode, sizes):
    model, _, ours = peft_layer(*sizes)
    getattr(model, mode)()
    x = draw(7, sizes[0]).float()
    torch.testing.assert_close(ours(x), model(x), rtol=1e-5, atol=1e-5)


def test_peft_style_has_the_forward_of_installed_peft_in_eval_with_dropout():
    model, _, ours = peft_layer(dropout=0.5)
    model.eval()
    x = draw(7, 5).float()
    torch.testing.assert_close(ours(x), model(x), rtol=1e-5, atol=1e-5)


def test_peft_style_has_the_gradients_of_installed_peft():
    model, theirs, ours = peft_layer()
    x = draw(7, 5).float()
    for layer in (model, ours):
        layer(x).sin().sum().backward()
    pairs = [
        (ours.lora_A.grad, theirs.lora_A["default"].weight.grad),
        (ours.lora_B.grad, theirs.lora_B["default"].weight.grad),
        (ours.magnitude.grad.flatten(), theirs.lora_magnitude_vector["default"].weight.grad),
    ]
    for mine, installed in pairs:
        torch.testing.assert_close(mine, installed, rtol=1e-5, atol=1e-5)


def test_a_norm_in_the_graph_does_not_have_the_gradient_of_installed_peft():
    model, theirs, ours = peft_layer()
    ours.norm = "in graph"
    x = draw(7, 5).float()
    for layer in (model, ours):
        layer(x).sin().sum().backward()
    assert (ours.lora_B.grad - theirs.lora_B["default"].weight.grad).abs().max() > 1e-2


def test_peft_style_merges_to_the_weight_of_installed_peft():
    model, _, ours = peft_layer()
    merged = model.merge_and_unload()[0].weight
    torch.testing.assert_close(ours.merged_weight(), merged, rtol=1e-5, atol=1e-5)


def test_the_other_axis_does_not_merge_to_the_weight_of_installed_peft_even_on_a_square_layer():
    model, _, ours = peft_layer(4, 4)
    flipped = DoRALinear(ours.base, per="input", rank=2, alpha=4, generator=seeded())
    flipped.load_state_dict({**ours.state_dict(), "magnitude": ours.magnitude.T})
    assert (flipped.merged_weight() - model.merge_and_unload()[0].weight).abs().max() > 1e-2
