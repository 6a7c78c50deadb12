"""Norms, split and join against loops, hand-made triangles and torch's own weight normalisation."""

import math

import pytest
import torch
from dorabook.decompose import join, magnitude_shape, norms, split

TRIANGLES = torch.tensor([[3.0, 4.0, 12.0], [0.0, 3.0, 5.0]], dtype=torch.float64)  # (2 outputs, 3 inputs)


def random_weight(out_features, in_features, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(out_features, in_features, generator=generator, dtype=torch.float64).to(dtype)


def test_per_output_sums_over_the_inputs_of_one_row():
    assert norms(TRIANGLES, per="output").tolist() == [[13.0], [pytest.approx(math.sqrt(34))]]


def test_per_input_sums_over_the_outputs_of_one_feature():
    assert norms(TRIANGLES, per="input").tolist() == [[3.0, 5.0, 13.0]]


@pytest.mark.parametrize("per", ["output", "input"])
def test_norms_equal_a_plain_loop(per):
    weight = random_weight(4, 3)
    lines = weight.tolist() if per == "output" else [list(line) for line in zip(*weight.tolist(), strict=True)]
    loop = torch.tensor([math.sqrt(sum(value**2 for value in line)) for line in lines], dtype=torch.float64)
    torch.testing.assert_close(norms(weight, per=per).flatten(), loop)


@pytest.mark.parametrize("per", ["output", "input"])
def test_split_and_join_give_the_weight_back(per):
    weight = random_weight(5, 3)
    torch.testing.assert_close(join(*split(weight, per=per), per=per), weight)


@pytest.mark.parametrize(("per", "other"), [("output", "input"), ("input", "output")])
def test_direction_norms_are_one_along_the_chosen_axis_only(per, other):
    _, direction = split(random_weight(4, 3), per=per)
    torch.testing.assert_close(
        norms(direction, per=per), torch.ones(magnitude_shape(4, 3, per=per), dtype=torch.float64)
    )
    assert (norms(direction, per=other) - 1).abs().min() > 0.01


def test_scaling_one_output_row_moves_one_per_output_norm_and_every_per_input_norm():
    weight, scaled = random_weight(4, 3), random_weight(4, 3)
    scaled[2] *= 1.5
    assert (norms(scaled, per="output") != norms(weight, per="output")).flatten().tolist() == [
        False,
        False,
        True,
        False,
    ]
    assert (norms(scaled, per="input") != norms(weight, per="input")).all()


def test_per_output_agrees_with_torch_weight_norm_that_keeps_dimension_zero():
    layer = torch.nn.Linear(3, 4, bias=False, dtype=torch.float64)
    layer.weight.data.copy_(random_weight(4, 3))
    expected = norms(layer.weight.detach(), per="output")
    normed = torch.nn.utils.parametrizations.weight_norm(layer, dim=0)
    torch.testing.assert_close(normed.parametrizations.weight.original0.detach(), expected)


def test_per_input_agrees_with_the_tensor_method_that_removes_dimension_zero():
    weight = random_weight(4, 3)
    torch.testing.assert_close(norms(weight, per="input").flatten(), weight.norm(dim=0))


@pytest.mark.parametrize(("per", "shape"), [("output", (128, 1)), ("input", (1, 784))])
def test_magnitude_shape_of_the_blog_posts_layer(per, shape):
    assert magnitude_shape(128, 784, per=per) == shape
    assert tuple(norms(random_weight(128, 784), per=per).shape) == shape


@pytest.mark.parametrize(("per", "count"), [("output", 192), ("input", 576)])
def test_transposed_storage_of_the_same_numbers_swaps_the_axes(per, count):
    weight = random_weight(192, 576)
    assert norms(weight, per=per).numel() == count
    torch.testing.assert_close(norms(weight, per=per), norms(weight.T, per="input" if per == "output" else "output").T)


@pytest.mark.parametrize("per", ["output", "input"])
def test_norm_gradient_is_the_direction(per):
    weight = random_weight(4, 3).requires_grad_()
    norms(weight, per=per).sum().backward()
    torch.testing.assert_close(weight.grad, split(weight.detach(), per=per)[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept_and_views_need_no_copy(dtype):
    weight = random_weight(6, 4, dtype=dtype).T  # (4, 6), not contiguous
    assert norms(weight, per="output").dtype == dtype
    torch.testing.assert_close(norms(weight, per="output"), norms(weight.contiguous(), per="output"))


def test_a_weight_on_the_meta_device_gives_shapes():
    assert norms(torch.empty(4, 3, device="meta"), per="input").shape == (1, 3)
    assert split(torch.empty(4, 3, device="meta"), per="output")[1].shape == (4, 3)


@pytest.mark.parametrize(
    ("weight", "error", "says"),
    [
        (torch.ones(3), ValueError, r"weight is \(3,\), expected two non-empty dimensions"),
        (torch.ones(2, 3, 4), ValueError, r"weight is \(2, 3, 4\)"),
        (torch.ones(0, 3), ValueError, r"weight is \(0, 3\), expected two non-empty"),
        (torch.ones(2, 3, dtype=torch.int64), TypeError, r"torch.int64, expected a floating dtype"),
        (torch.tensor([[1.0, float("nan")]]), ValueError, "NaN or infinity"),
        (torch.tensor([[1.0, float("inf")]]), ValueError, "NaN or infinity"),
        ([[1.0, 2.0]], TypeError, "list, expected a torch tensor"),
    ],
)
def test_a_weight_that_cannot_be_split_is_named(weight, error, says):
    with pytest.raises(error, match=says):
        split(weight, per="output")


@pytest.mark.parametrize("per", [0, 1, "row", "column", "out", None])
def test_an_axis_number_or_another_word_is_refused(per):
    with pytest.raises(ValueError, match='expected "output" or "input"'):
        norms(TRIANGLES, per=per)


def test_the_axis_has_no_default():
    with pytest.raises(TypeError, match="per"):
        norms(TRIANGLES)


@pytest.mark.parametrize(("per", "index"), [("output", 1), ("input", 2)])
def test_a_zero_row_or_column_is_named_by_its_index(per, index):
    weight = random_weight(4, 3)
    weight.select(0 if per == "output" else 1, index).zero_()
    with pytest.raises(ValueError, match=f"{per} {index} of the weight is all zeros"):
        split(weight, per=per)
    assert norms(weight, per=per).flatten()[index] == 0  # the norm itself exists


@pytest.mark.parametrize(
    ("shape", "per", "says"),
    [
        ((3,), "output", r"magnitude is \(3,\), expected \(4, 1\): one per output"),
        ((1, 3), "output", r"magnitude is \(1, 3\), expected \(4, 1\)"),
        ((4, 1), "input", r"magnitude is \(4, 1\), expected \(1, 3\): one per input"),
        ((1, 1), "input", r"magnitude is \(1, 1\)"),
    ],
)
def test_a_magnitude_of_another_shape_never_broadcasts(shape, per, says):
    with pytest.raises(ValueError, match=says):
        join(torch.ones(shape), torch.ones(4, 3), per=per)


@pytest.mark.parametrize("per", ["output", "input"])
def test_a_flat_magnitude_of_a_square_weight_is_refused_too(per):
    with pytest.raises(ValueError, match=r"magnitude is \(3,\)"):
        join(torch.ones(3), torch.ones(3, 3), per=per)


@pytest.mark.parametrize("direction", [torch.ones(3), torch.ones(4, 3, dtype=torch.int64)])
def test_a_direction_that_is_no_matrix_is_named_as_the_direction(direction):
    with pytest.raises((ValueError, TypeError), match=r"^direction is "):
        join(torch.ones(4, 1), direction, per="output")
