"""The norm of W + sBA by three small terms or in slices, against the plain sum, on both axes."""

import math
from unittest.mock import Mock

import pytest
import torch
from dorabook import factored
from dorabook.decompose import norms
from dorabook.factored import adapted_norms, cheaper_road, squared_norms
from hypothesis import given, settings
from hypothesis import strategies as st

AXES, ROADS = ("output", "input"), ("factored", "formed")
both_axes = pytest.mark.parametrize("per", AXES)
both_roads = pytest.mark.parametrize("road", ROADS)


def draw(out_features, in_features, rank, *, seed=0, dtype=torch.float64):
    """weight (out, in), A (rank, in), B (out, rank), all away from their start."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(out_features, in_features), (rank, in_features), (out_features, rank)]
    return [torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in sizes]


def plain(weight, A, B, scaling, per):
    return norms(weight + scaling * (B @ A), per=per)


@both_roads
@pytest.mark.parametrize(
    ("per", "expected"), [("output", [[5.0], [13.0]]), ("input", [[math.sqrt(34), math.sqrt(160)]])]
)
def test_triangles_by_hand(per, expected, road):
    # W + 2BA has the rows (3, 4) and (5, 12), W alone is (3, 0), (5, 0)
    W, A, B = torch.tensor([[3.0, 0.0], [5.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0], [6.0]])
    torch.testing.assert_close(adapted_norms(W, A, B, scaling=2.0, per=per, road=road), torch.tensor(expected))


@both_axes
@both_roads
@settings(deadline=None)
@given(
    out_features=st.integers(1, 9),
    in_features=st.integers(1, 9),
    rank=st.integers(1, 12),  # above both sizes too, as in the blog post's own case
    scaling=st.floats(-4, 4),
    seed=st.integers(0, 99),
)
def test_both_roads_give_the_norm_of_the_plain_sum(per, road, out_features, in_features, rank, scaling, seed):
    W, A, B = draw(out_features, in_features, rank, seed=seed)
    got = adapted_norms(W, A, B, scaling=scaling, per=per, road=road)
    torch.testing.assert_close(got, plain(W, A, B, scaling, per), rtol=1e-10, atol=1e-12)


@both_axes
@both_roads
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.bfloat16, 2**-8)])
def test_a_weight_of_many_slices_is_measured_whole(per, road, dtype, error, monkeypatch):
    monkeypatch.setattr(factored, "FRESH", 0)
    monkeypatch.setattr(factored, "SLICE", 50)
    monkeypatch.setattr(factored, "BLOCK", 70)
    W, A, B = draw(37, 5, 2, dtype=dtype)
    exact = plain(W.double(), A.double(), B.double(), 0.5, per)
    got = adapted_norms(W, A, B, scaling=0.5, per=per, road=road)
    torch.testing.assert_close(got.double(), exact, rtol=error, atol=0)
    alone = norms(W.double(), per=per).square()
    torch.testing.assert_close(squared_norms(W, per=per).double(), alone, rtol=1e-6, atol=0)


@both_axes
@both_roads
def test_the_road_that_is_named_is_the_one_that_is_taken(per, road, monkeypatch):
    parts = {"factored": "_products", "formed": "_sums"}  # each road's own; the other's for a row that it has lost
    spies = {each: Mock(wraps=getattr(factored, part)) for each, part in parts.items()}
    for each, part in parts.items():
        monkeypatch.setattr(factored, part, spies[each])
    adapted_norms(*draw(4, 6, 2), scaling=1.0, per=per, road=road)
    assert [each for each, spy in spies.items() if spy.called] == [road]


@both_axes
def test_shapes_alone_are_enough(per):
    """On the meta device no number exists that could be lost."""
    W, A, B = (tensor.to("meta") for tensor in draw(4, 6, 2))
    got = adapted_norms(W, A, B, scaling=1.0, per=per, road="factored")
    assert got.is_meta
    assert got.shape == ((4, 1) if per == "output" else (1, 6))


@both_axes
def test_the_kept_norms_of_the_frozen_weight_are_used(per):
    W, A, B = draw(4, 6, 2)
    kept = squared_norms(W, per=per)
    got = adapted_norms(W, A, B, scaling=1.5, per=per, weight_squared=kept, road="factored")
    torch.testing.assert_close(got, plain(W, A, B, 1.5, per))
    further = adapted_norms(W, A, B, scaling=1.5, per=per, weight_squared=kept + 7, road="factored")
    torch.testing.assert_close(further.square(), got.square() + 7)


def test_a_product_of_W_and_A_that_is_given_is_used():
    W, A, B = draw(4, 6, 2)
    got = adapted_norms(W, A, B, scaling=1.5, per="output", cross=W @ A.T)
    torch.testing.assert_close(got, plain(W, A, B, 1.5, "output"))
    further = adapted_norms(W, A, B, scaling=1.5, per="output", cross=W @ A.T + B)
    torch.testing.assert_close(further.square(), got.square() + 2 * 1.5 * B.square().sum(1, keepdim=True))


@both_axes
@pytest.mark.parametrize("road", [*ROADS, None])
def test_gradients_are_those_of_the_plain_sum(per, road):
    tensors = [tensor.requires_grad_() for tensor in draw(5, 3, 2)]
    out = torch.arange(1.0, 6.0, dtype=torch.float64)[: 5 if per == "output" else 3]
    ours = torch.autograd.grad(
        (adapted_norms(*tensors, scaling=0.7, per=per, road=road).flatten() * out).sum(), tensors
    )
    theirs = torch.autograd.grad((plain(*tensors, 0.7, per).flatten() * out).sum(), tensors)
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected)


@both_axes
@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**10])
@pytest.mark.parametrize("left", [3e-5, 1e-4, 2e-4, 5e-4, 1e-3, 3e-3])
def test_a_row_that_the_update_cancels_is_formed_and_not_the_root_of_rounding(per, left, size):
    # row 1 and column 1 of W + sBA are `left` times W's. The three terms, near 1 each, cancel to left^2; float32 has 1e-7
    W = size * torch.tensor([[1.0, 0.3, 0.0], [0.3, 0.7, 0.2], [0.0, 0.2, 1.0]])
    A = W[1:2].clone() if per == "output" else torch.tensor([[0.0, 1.0, 0.0]])
    B = torch.tensor([[0.0], [1.0], [0.0]]) if per == "output" else W[:, 1:2].clone()
    got = adapted_norms(W, A, B, scaling=left - 1, per=per, road="factored")
    exact = plain(W.double(), A.double(), B.double(), left - 1, per)
    # W, sB and their sum are each rounded to 2^-24 of 1, of which `left` remains; how often depends on the processor
    torch.testing.assert_close(got.double(), exact, rtol=4 * 2**-24 / left, atol=0)


@both_axes
@pytest.mark.parametrize("road", [*ROADS, None])
def test_a_row_cancelled_to_zero_has_norm_zero_and_a_finite_gradient(per, road):
    W, A, B = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[-1.0], [0.0]])
    if per == "input":
        W, A, B = W.T.contiguous(), B.T.contiguous(), A.T.contiguous()
    A.requires_grad_()
    got = adapted_norms(W, A, B, scaling=1.0, per=per, road=road)
    assert got.flatten().tolist() == [0.0, 1.0]
    got.sum().backward()
    assert torch.isfinite(A.grad).all()


@both_axes
def test_a_row_of_zeros_that_the_update_leaves_alone_has_a_finite_gradient(per):
    W, A, B = draw(4, 6, 2)
    W[2], W[:, 3], B[2], A[:, 3] = 0, 0, 0, 0
    A.requires_grad_()
    adapted_norms(W, A, B, scaling=1.0, per=per, road="factored").sum().backward()
    assert torch.isfinite(A.grad).all()


@both_axes
@pytest.mark.parametrize("road", [*ROADS, None])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-7), (torch.bfloat16, 2**-8), (torch.float16, 2**-10)])
def test_rounding_is_that_of_the_result_and_not_of_the_way(per, road, dtype, error):
    W, A, B = draw(96, 160, 8, dtype=dtype)
    exact = plain(W.double(), A.double(), B.double(), 0.25, per)
    # B * scaling is exact for a power of two, so that only the norm's own rounding is left
    got = adapted_norms(W, A, B, scaling=0.25, per=per, road=road)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), exact, rtol=error, atol=0)


def test_the_rule_takes_the_factored_road_for_large_weights_and_small_ranks():
    assert cheaper_road(2048, 2048, rank=8) == "formed"  # 2^22 elements, as large as is formed at once
    assert cheaper_road(2178, 2178, rank=66) == "factored"  # 66^2 * 4356 is 4 * 2178^2: the bound itself
    assert cheaper_road(2178, 2178, rank=67) == "formed"
    assert cheaper_road(2049, 2048, rank=8) == "factored"
    assert cheaper_road(4096, 4096, rank=90) == "factored"  # the bound is 90.5
    assert cheaper_road(4096, 4096, rank=91) == "formed"
    assert cheaper_road(513, 8192, rank=43) == "factored"  # a side that is short: the bound is 43.9
    assert cheaper_road(513, 8192, rank=44) == "formed"


@both_axes
@pytest.mark.parametrize(("size", "asked"), [((5, 5), False), ((4, 7), True)])
def test_left_alone_it_takes_the_road_of_the_rule(per, size, asked, monkeypatch):
    """A small one is not even asked about: the plain sum takes less time than the question."""
    taken, parts = [], draw(*size, 2)
    monkeypatch.setattr(factored, "FRESH", 25)
    monkeypatch.setattr(factored, "cheaper_road", lambda *shape, rank: taken.append((*shape, rank)) or "formed")
    torch.testing.assert_close(adapted_norms(*parts, scaling=0.5, per=per), plain(*parts, 0.5, per))
    assert taken == [(*size, 2)] * asked


@both_axes
@pytest.mark.parametrize("rank", [1, 3, 40])
def test_the_slices_of_a_large_weight_are_as_long_as_one_another_and_longer_than_A(per, rank, monkeypatch):
    """A of 40 rows would be read for each slice of 8; and three slices are 23, 23 and 22, not 32, 32 and 4."""
    monkeypatch.setattr(factored, "FRESH", 0)
    monkeypatch.setattr(factored, "SLICE", 32 * 5)
    parts = draw(68, 5, rank)
    seen = [(len(sums), sums.data_ptr()) for sums in factored._sums(*parts, 1.0)]
    assert [rows for rows, _ in seen] == ([68] if rank == 40 else [23, 23, 22])
    assert len({where for _, where in seen}) == 1, "each in the memory of the one before"
    torch.testing.assert_close(adapted_norms(*parts, scaling=1.0, per=per, road="formed"), plain(*parts, 1.0, per))


def test_a_slice_has_eight_rows_or_more_and_twice_the_rank_or_more(monkeypatch):
    monkeypatch.setattr(factored, "SLICE", 1)
    assert factored.slice_rows(68, 5, rank=1) == 8
    assert factored.slice_rows(68, 5, rank=10) == 17  # four slices of 20 or less
    monkeypatch.setattr(factored, "FRESH", 68 * 5)
    W, A, B = draw(68, 5, 1)
    assert [len(sums) for sums in factored._sums(W, A, B, 1.0)] == [68], "as large as is formed at once"


@both_axes
@pytest.mark.parametrize("trained", ["WAB", "W", "A", "B", ""])
def test_gradients_flow_through_the_slices_of_a_large_weight(per, trained, monkeypatch):
    monkeypatch.setattr(factored, "FRESH", 0)
    monkeypatch.setattr(factored, "SLICE", 8 * 5)
    parts = [part.double().requires_grad_(name in trained) for name, part in zip("WAB", draw(20, 5, 2), strict=True)]
    found, expected = adapted_norms(*parts, scaling=0.5, per=per, road="formed"), plain(*parts, 0.5, per)
    torch.testing.assert_close(found, expected)
    assert found.requires_grad == bool(trained)
    with torch.no_grad():
        torch.testing.assert_close(adapted_norms(*parts, scaling=0.5, per=per, road="formed"), expected.detach())
    for part in (part for part in parts if part.requires_grad):
        ours, theirs = (torch.autograd.grad(norms.sum(), part, retain_graph=True)[0] for norms in (found, expected))
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda W, A, B: (W, A[:0], B[:, :0]), "rank is 0"),
        (lambda W, A, B: (W, A.T, B), r"lora_A is \(6, 2\) and lora_B \(4, 2\), expected \(6, 6\) and \(4, 6\)"),
        (lambda W, A, B: (W, A, B.T), r"lora_B \(2, 4\), expected \(2, 6\) and \(4, 2\) for a weight of \(4, 6\)"),
        (lambda W, A, B: (W, A[0], B), r"lora_A and lora_B are \(4, 6\), \(6,\) and \(4, 2\)"),
        (lambda W, A, B: (W[:1], A, B), r"lora_B \(4, 2\), expected \(2, 6\) and \(1, 2\) for a weight of \(1, 6\)"),
        (lambda W, A, B: (W[0], A, B), r"weight, lora_A and lora_B are \(6,\), \(2, 6\) and \(4, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, says):
    with pytest.raises(ValueError, match=says):
        adapted_norms(*change(*draw(4, 6, 2)), scaling=1.0, per="output")


HALF, FLOAT = torch.bfloat16, torch.float32


@both_axes
@both_roads
@pytest.mark.parametrize(
    ("dtypes", "result", "error"),
    [
        ((HALF, FLOAT, FLOAT), FLOAT, 5e-7),  # a bfloat16 base with peft's own choice of adapters
        ((FLOAT, HALF, HALF), FLOAT, 5e-7),
        ((HALF, torch.float16, HALF), FLOAT, 5e-7),  # what torch promotes the two halves to
        ((HALF, torch.float64, FLOAT), torch.float64, 1e-12),
    ],
)
def test_mixed_dtypes_are_rounded_once_to_what_torch_promotes_them_to(per, road, dtypes, result, error):
    parts = [tensor.to(dtype) for tensor, dtype in zip(draw(96, 160, 8), dtypes, strict=True)]
    exact = plain(*(tensor.double() for tensor in parts), 0.25, per)
    kept = squared_norms(parts[0].to(result), per=per)  # W's own squares have to be as exact
    got = adapted_norms(*parts, scaling=0.25, per=per, road=road, weight_squared=kept)
    assert got.dtype == result
    torch.testing.assert_close(got.double(), exact, rtol=error, atol=0)


def test_dtype_axis_and_road_are_named():
    W, A, B = draw(4, 6, 2)
    for name, parts in (("weight", (W.char(), A, B)), ("lora_A", (W, A.long(), B)), ("lora_B", (W, A, B.cfloat()))):
        with pytest.raises(TypeError, match=f"{name} is torch.*, expected real floating point numbers"):
            adapted_norms(*parts, scaling=1.0, per="output")
    with pytest.raises(ValueError, match="per is 1"):
        adapted_norms(W, A, B, scaling=1.0, per=1)
    with pytest.raises(ValueError, match="road is 'fast'"):
        adapted_norms(W, A, B, scaling=1.0, per="output", road="fast")


@both_axes
@pytest.mark.parametrize("road", [*ROADS, None])
def test_nothing_that_was_given_is_written_to(per, road):
    given = draw(4, 6, 2)
    before = [tensor.clone() for tensor in given]
    adapted_norms(*given, scaling=0.5, per=per, road=road)
    torch.testing.assert_close(given, before, rtol=0, atol=0)


@both_axes
def test_a_row_or_column_of_zeros_in_the_weight_is_measured(per):
    W, A, B = draw(4, 6, 2)
    W[2], W[:, 3] = 0, 0
    for road in ROADS:
        torch.testing.assert_close(adapted_norms(W, A, B, scaling=1.0, per=per, road=road), plain(W, A, B, 1.0, per))
