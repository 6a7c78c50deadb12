"""The race's problem, students and training against loops, closed forms and a hand-written Adam."""

import math

import pytest
import torch
from dorabook.decompose import norms
from dorabook.race import REACH, Draws, lora_floor, loss, problem, students, train

NOTHING = {"output": 0, "input": 0, "turn": 0, "seed": 3}
ARMS = ["lora", "output", "input"]


def by_definition(seed, count):
    """mulberry32 as its author writes it in C, on Python's whole numbers, every step cut to 32 bits."""
    for _ in range(count):
        seed = (seed + 0x6D2B79F5) & 0xFFFFFFFF
        t = seed
        t = (t ^ (t >> 15)) * (t | 1) & 0xFFFFFFFF
        t = t ^ (t + ((t ^ (t >> 7)) * (t | 61) & 0xFFFFFFFF) & 0xFFFFFFFF)
        yield ((t ^ (t >> 14)) & 0xFFFFFFFF) / 4294967296


# Numbers drawn


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1])
def test_uniform_draws_are_mulberry32(seed):
    assert Draws(seed).uniform(3, 4).flatten().tolist() == list(by_definition(seed, 12))


def test_normal_draws_have_mean_0_and_variance_1_and_nothing_beyond_6():
    draws = Draws(7).normal(100, 100)
    assert abs(draws.mean().item()) < 0.05  # five standard errors
    assert draws.var().item() == pytest.approx(1, abs=0.07)
    assert draws.abs().max() < 6
    assert draws[0, 0].item() == math.fsum(by_definition(7, 12)) - 6


def test_a_stream_gives_other_numbers_than_the_seed_itself():
    assert not torch.isin(Draws(5, stream=1).uniform(9, 9), Draws(5).uniform(9, 9)).any()


# The problem


def test_with_no_amount_the_teacher_is_the_frozen_weight():
    asked = problem(**NOTHING)
    assert torch.equal(asked.target, asked.weight)
    assert (asked.weight.shape, asked.inputs.shape) == ((24, 16), (64, 16))


def test_the_target_is_built_entry_by_entry():
    asked = problem(output=0.7, input=0.4, turn=0.9, seed=1, out_features=5, in_features=3, rows=2)
    for i in range(5):
        for j in range(3):
            turned = asked.weight[i, j] + asked.turn[i, j]
            assert asked.target[i, j] == asked.output_scale[i, 0] * turned * asked.input_scale[0, j]


@pytest.mark.parametrize("amount", [0.3, 1])
def test_each_amount_changes_its_own_part_alone_and_in_proportion(amount):
    full = problem(output=1, input=1, turn=1, seed=2)
    for name, part in {"output": "output_scale", "input": "input_scale", "turn": "turn"}.items():
        some = problem(**{**NOTHING, "seed": 2, name: amount})
        for other in ("output_scale", "input_scale", "turn"):
            rest = 0.0 if other == "turn" else 1.0
            expected = rest + (amount * (getattr(full, other) - rest) if other == part else 0.0)
            torch.testing.assert_close(getattr(some, other), expected + torch.zeros_like(getattr(full, other)))
        assert torch.equal(some.weight, full.weight) and torch.equal(some.inputs, full.inputs)
    for scale in (full.output_scale, full.input_scale):
        assert (scale - 1).abs().max() <= REACH
        assert (scale - 1).abs().max() > 0.5


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_the_turn_has_the_rank_it_is_asked_for(rank):
    assert torch.linalg.matrix_rank(problem(**{**NOTHING, "turn": 1}, turn_rank=rank).turn) == rank


# The students


def test_students_start_level_as_the_frozen_weight_with_one_A_and_one_base():
    asked = problem(output=1, input=1, turn=1, seed=4)
    layers = students(asked, rank=3, seed=4)
    assert list(layers) == ARMS
    first = torch.tensor([(2 * draw - 1) / 4 for draw in by_definition((4 + 0x9E3779B9) % 2**32, 48)])
    for layer in layers.values():
        torch.testing.assert_close(layer.merged_weight(), asked.weight, rtol=1e-14, atol=0)
        torch.testing.assert_close(layer.lora_A.flatten(), first.double(), rtol=1e-7, atol=0)
        assert layer.base is layers["lora"].base and layer.scaling == 1
    assert layers["output"].magnitude.shape == (24, 1)
    assert layers["input"].magnitude.shape == (1, 16)
    assert (
        layers["output"].norm == "detached"
        and students(asked, rank=1, seed=0, norm="in graph")["input"].norm == "in graph"
    )


def test_making_students_leaves_torchs_own_random_numbers_alone():
    before = torch.get_rng_state()
    students(problem(**NOTHING), rank=2, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_loss_is_the_mean_over_rows_and_outputs():
    asked = problem(output=1, input=0, turn=0, seed=0, out_features=3, in_features=2, rows=4)
    lora = students(asked, rank=1, seed=0)["lora"]
    total = 0.0
    for row in asked.inputs.tolist():
        for given, wanted in zip(asked.weight.tolist(), asked.target.tolist(), strict=True):
            total += sum(x * (g - w) for x, g, w in zip(row, given, wanted, strict=True)) ** 2
    assert loss(lora, asked).item() == pytest.approx(total / 12, rel=1e-12)


# Training


def test_one_step_moves_a_magnitude_by_the_rate_against_its_gradient():
    asked = problem(output=1, input=0, turn=0, seed=0)
    layer = students(asked, rank=2, seed=0)["output"]
    start = layer.magnitude.detach().clone()
    downhill = -torch.sign((layer(asked.inputs) - asked.inputs @ asked.target.T).mul(layer(asked.inputs)).sum(0))
    train(layer, asked, steps=9, rate=0.01, stop=1)
    torch.testing.assert_close(layer.magnitude - start, 0.01 * downhill[:, None], rtol=1e-4, atol=0)


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("norm", ["detached", "in graph"])
def test_training_is_adam_with_a_rate_that_falls_to_0(arm, norm):
    """Adam written out from algorithm 1 of its paper (https://arxiv.org/abs/1412.6980)."""
    asked = problem(output=0.5, input=0.5, turn=0.5, seed=1)
    losses = train(students(asked, rank=2, seed=1, norm=norm)[arm], asked, steps=12, rate=0.05)
    layer = students(asked, rank=2, seed=1, norm=norm)[arm]
    weights = [weight for weight in layer.parameters() if weight.requires_grad]
    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    for step in range(12):
        now = loss(layer, asked)
        assert losses[step] == pytest.approx(now.item(), rel=1e-10)
        for weight, gradient, m, v in zip(weights, torch.autograd.grad(now, weights), first, second, strict=True):
            m.mul_(0.9).add_(0.1 * gradient)
            v.mul_(0.999).add_(0.001 * gradient**2)
            m_hat, v_hat = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
            weight.data -= 0.05 * (12 - step) / 12 * m_hat / (v_hat.sqrt() + 1e-8)
    assert losses[12] == pytest.approx(loss(layer, asked).item(), rel=1e-10)
    assert len(losses) == 13


def test_stopping_early_is_the_same_run_cut_short():
    asked = problem(output=1, input=1, turn=0, seed=0)
    whole, cut = (students(asked, rank=2, seed=0)["input"] for _ in range(2))
    losses = train(whole, asked, steps=30, rate=0.03)
    assert train(cut, asked, steps=30, rate=0.03, stop=11) == losses[:12]
    assert train(cut, asked, steps=30, rate=0.03, stop=0) == losses[11:12]


def test_only_the_adapter_is_trained():
    asked = problem(output=1, input=1, turn=1, seed=0)
    for layer in students(asked, rank=2, seed=0).values():
        before = layer.lora_A.detach().clone()
        train(layer, asked, steps=5, rate=0.03)
        assert torch.equal(layer.base.weight, asked.weight)
        assert not torch.equal(layer.lora_A, before) and layer.lora_B.any()


# What theory says


@pytest.mark.parametrize("per", ["output", "input"])
def test_a_rescale_along_its_own_axis_is_reached_exactly_by_magnitudes_alone(per):
    asked = problem(**{**NOTHING, per: 1})
    layers = students(asked, rank=1, seed=0)
    layers[per].magnitude.data.copy_(norms(asked.target, per=per))
    assert not layers[per].lora_B.any()
    assert loss(layers[per], asked).item() < 1e-30


@pytest.mark.parametrize("per", ["output", "input"])
def test_a_turn_and_then_a_rescale_along_its_own_axis_is_reached_exactly(per):
    asked = problem(**{**NOTHING, per: 1, "turn": 1}, turn_rank=3)
    layer = students(asked, rank=3, seed=0)[per]
    left, sizes, right = torch.linalg.svd(asked.turn)
    layer.lora_B.data.copy_(left[:, :3] * sizes[:3])
    layer.lora_A.data.copy_(right[:3])
    layer.magnitude.data.copy_(norms(asked.target, per=per))
    assert loss(layer, asked).item() < 1e-26


@pytest.mark.parametrize("arm", ARMS)
def test_every_student_reaches_a_turn_of_its_rank(arm):
    asked = problem(**{**NOTHING, "turn": 1})
    losses = train(students(asked, rank=2, seed=0)[arm], asked, steps=400, rate=0.03)
    assert losses[-1] < 1e-4 * losses[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("per", "other"), [("output", "input"), ("input", "output")])
def test_each_axis_wins_on_its_own_rescale_and_stays_far_away_on_the_other(seed, per, other):
    asked = problem(**{**NOTHING, per: 1, "seed": seed})
    losses = {
        arm: train(layer, asked, steps=400, rate=0.03) for arm, layer in students(asked, rank=2, seed=seed).items()
    }
    assert losses[per][-1] < 1e-3 * losses[per][0]
    assert 0.1 * losses[other][0] < losses[other][-1] < losses["lora"][-1]


@pytest.mark.parametrize("rank", [1, 2, 4, 16])
def test_lora_trains_down_to_its_floor_and_not_below(rank):
    asked = problem(output=1, input=0.5, turn=0.5, seed=1)
    floor = lora_floor(asked, rank=rank)
    losses = train(students(asked, rank=rank, seed=1)["lora"], asked, steps=800, rate=0.03)
    assert min(losses) >= floor - 1e-12
    assert losses[-1] == pytest.approx(floor, rel=1e-3, abs=1e-6)


# Bad input


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"output": 1.5}, "output is 1.5, expected an amount from 0 to 1"),
        ({"turn": float("nan")}, "turn is nan, expected an amount"),
        ({"input": True}, "input is True, expected an amount"),
        ({"seed": -1}, "seed is -1, expected a whole number from 0 to 4294967295"),
        ({"turn_rank": 17}, "turn_rank is 17, expected a whole number from 1 to 16"),
        ({"turn_rank": 0}, "turn_rank is 0"),
        ({"rows": 0}, "rows is 0, expected a whole number of 1 or more"),
        ({"in_features": 2.0}, "in_features is 2.0, expected a whole number"),
    ],
)
def test_a_bad_problem_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        problem(**{**NOTHING, **options})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "steps is 0, expected a whole number of 1 or more"),
        ({"rate": 0}, "rate is 0, expected a learning rate above 0"),
        ({"rate": float("inf")}, "rate is inf"),
        ({"rate": "fast"}, "rate is 'fast'"),
        ({"stop": 6}, "stop is 6, expected a whole number from 0 to 5"),
        ({"rate": 1e300}, "the loss is (inf|nan) after 1 step at rate 1e\\+300: lower the rate"),
    ],
)
def test_a_bad_training_is_named(options, says):
    asked = problem(output=1, input=0, turn=0, seed=0)
    with pytest.raises(ValueError, match=says):
        train(students(asked, rank=2, seed=0)["lora"], asked, **{"steps": 5, "rate": 0.03, **options})


def test_a_bad_rank_is_named():
    with pytest.raises(ValueError, match="rank is 0, expected a whole number of 1 or more"):
        students(problem(**NOTHING), rank=0, seed=0)
