"""The norm of W + sBA without making a second matrix of W's size where that is dear, on either axis.

Two roads. *Factored*: for one output row, |w + s b A|^2 = |w|^2 + 2s (w A^T) . b + s^2 (b A A^T) . b, three terms
whose largest part is W A^T, (out_features, rank); for one input column the same with A and B swapped. *Formed*: add up
W + sBA, a large one a few rows at a time, and square. `adapted_norms` takes the cheaper one.
Source of the factored form, for rows: https://arxiv.org/abs/2603.22276. The input axis is the same algebra.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from .decompose import Per, check_per, check_weight

Road = Literal["factored", "formed"]

EXACT = (torch.float32, torch.float64)  # others are computed in float32
KEPT = 1e-3  # a squared norm below this share of |w|^2 has lost three digits to cancellation: form that row
FRESH = 2**22  # elements of W, 16 MB in float32: a larger sum, and what is made on the way, would be in fresh memory
SLICE = 2**18  # elements of W + sBA that are formed at a time, of a W above FRESH: a megabyte, which stays in the cache
BLOCK = 2**20  # elements of W in one product with A: all of a tall W at once takes longer than its parts
SHARE = 4  # factored while its extra work, rank^2 (out + in), is at most so many out * in


def adapted_norms(
    weight: Tensor,
    lora_A: Tensor,
    lora_B: Tensor,
    *,
    scaling: float,
    per: Per,
    weight_squared: Tensor | None = None,
    cross: Tensor | None = None,
    road: Road | None = None,
) -> Tensor:
    """Norm of `weight + scaling * lora_B @ lora_A`: (out_features, 1) per "output", (1, in_features) per "input".

    Shapes: weight (out_features, in_features), lora_A (rank, in_features), lora_B (out_features, rank).
    `weight_squared` is `squared_norms(weight, per=per)`: kept while W is frozen, it saves reading W once more. `cross`
    is weight @ lora_A.T per "output" (out_features, rank): with it the factored road does not read W at all.
    `road` forces one of the two; left out, `cheaper_road` chooses. Half precisions are computed in float32 and rounded
    once, at the end, to the dtype that torch promotes the three to. Gradients flow through either road, to all three.

    >>> W, A, B = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0]])
    >>> adapted_norms(W, A, B, scaling=2.0, per="output").item()  # of (3, 4)
    5.0
    """
    if road is None and cross is None and weight.numel() <= FRESH and weight.dtype in EXACT and lora_A.numel():
        try:  # two calls: less time than to ask first whether they fit
            sums = torch.addmm(weight, lora_B, lora_A, alpha=scaling)
            if sums.shape == weight.shape and per in ("output", "input"):
                return _row_norms(sums) if per == "output" else _column_norms(sums)
        except RuntimeError:
            pass  # they do not, which is told below in words; or one is in half precision, and is widened
    check_factors(weight, lora_A, lora_B)
    road = road or ("factored" if cross is not None else cheaper_road(*weight.shape, rank=lora_A.shape[0]))
    if road not in ("factored", "formed"):
        raise ValueError(f'road is {road!r}, expected "factored", "formed" or None for the cheaper one')
    rounded = reduce(torch.promote_types, (weight.dtype, lora_A.dtype, lora_B.dtype))
    A, B = lora_A.to(wide(rounded)), lora_B.to(wide(rounded))
    if check_per(per) == "output":
        if road == "formed":
            return _formed_rows(weight, A, B, scaling).to(rounded)
        return _factored_rows(weight, A, B, scaling, weight_squared, cross).to(rounded)
    if road == "formed":
        return _formed_columns(weight, A, B, scaling).to(rounded)
    kept = None if weight_squared is None else weight_squared.T
    # input columns of W + sBA are the rows of its transpose, W^T + s A^T B^T
    return _factored_rows(weight.T, B.T, A.T, scaling, kept).T.to(rounded)


def squared_norms(weight: Tensor, *, per: Per) -> Tensor:
    """Squared norms of W alone, in float32 or wider: (out_features, 1) or (1, in_features)."""
    check_weight(weight)
    dim, dtype = (1 if check_per(per) == "output" else 0), wide(weight.dtype)
    slices = [rows.to(dtype).square().sum(dim, keepdim=True) for rows in _slices(weight, SLICE)]
    return torch.cat(slices) if per == "output" else torch.stack(slices).sum(0)


def cheaper_road(out_features: int, in_features: int, *, rank: int) -> Road:
    """The rule, from measurements on a CPU (book/data/norm_cost.csv): factored for a large W, while the rank is small."""
    elements = out_features * in_features
    small = rank**2 * (out_features + in_features) <= SHARE * elements
    return "factored" if elements > FRESH and small else "formed"


def wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precisions, else the dtype itself: terms that cancel need the digits."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def check_factors(weight: Tensor, lora_A: Tensor, lora_B: Tensor) -> None:
    shapes = [tuple(tensor.shape) for tensor in (weight, lora_A, lora_B)]
    if any(len(shape) != 2 for shape in shapes):
        raise ValueError(
            f"weight, lora_A and lora_B are {shapes[0]}, {shapes[1]} and {shapes[2]}, "
            "expected (out_features, in_features), (rank, in_features) and (out_features, rank)"
        )
    (out_features, in_features), (rank, _) = shapes[0], shapes[1]
    if rank == 0:
        raise ValueError("rank is 0: lora_A has no rows, so there is no update to measure")
    if shapes[1:] != [(rank, in_features), (out_features, rank)]:
        raise ValueError(
            f"lora_A is {shapes[1]} and lora_B {shapes[2]}, expected {(rank, in_features)} and {(out_features, rank)} "
            f"for a weight of {shapes[0]}"
        )
    for name, tensor in (("weight", weight), ("lora_A", lora_A), ("lora_B", lora_B)):
        if not tensor.dtype.is_floating_point:
            raise TypeError(f"{name} is {tensor.dtype}, expected real floating point numbers: dequantise it before")


def _factored_rows(
    weight: Tensor, A: Tensor, B: Tensor, scaling: float, weight_squared: Tensor | None, cross: Tensor | None = None
) -> Tensor:
    """Norms (rows, 1) of weight (rows, inner) + scaling * B (rows, rank) @ A (rank, inner)."""
    if weight_squared is None:
        weight_squared = squared_norms(weight, per="output")
    # (rows, rank): 2 w A^T + s b A A^T; the first is the one product that reads W
    terms = torch.addmm(_products(weight, A) if cross is None else cross, B, A @ A.T, beta=2, alpha=scaling)
    squared = torch.add(weight_squared, (terms * B).sum(1, keepdim=True), alpha=scaling)  # (rows, 1)
    margin = torch.sub(squared.detach(), weight_squared, alpha=KEPT)  # not above 0: the update all but cancels the row
    if weight.is_meta or not margin.min() <= 0:
        return squared.sqrt()
    lost = (margin <= 0).squeeze(1)
    safe = torch.where(lost.unsqueeze(1), 1.0, squared).sqrt()  # the root of a lost row would give no gradient but NaN
    return safe.index_put((lost.nonzero().squeeze(1),), _formed_rows(weight[lost], A, B[lost], scaling))


def _products(weight: Tensor, A: Tensor) -> Tensor:
    """weight (rows, inner) @ A^T (inner, rank), a block of rows at a time; fewer where they are widened."""
    if weight.dtype != A.dtype:
        return _joined(rows.to(A.dtype) @ A.T for rows in _slices(weight, SLICE))
    if not weight.is_contiguous():  # a transpose, read along its stored rows: blocks gain nothing
        return (A @ weight.T).T
    return _joined(rows @ A.T for rows in _slices(weight, BLOCK))


def _formed_rows(weight: Tensor, A: Tensor, B: Tensor, scaling: float) -> Tensor:
    """Norms (rows, 1) of the rows of weight + scaling * B @ A."""
    return _joined(map(_row_norms, _sums(weight, A, B, scaling)))


def _formed_columns(weight: Tensor, A: Tensor, B: Tensor, scaling: float) -> Tensor:
    """Norms (1, inner) of the columns of weight (rows, inner) + scaling * B @ A, added up over slices."""
    sums = _sums(weight, A, B, scaling)
    squared = _column_squares(next(sums))
    for others in sums:
        squared += _column_squares(others)
    return _roots(squared)


def _roots(squared: Tensor) -> Tensor:
    if not squared.requires_grad:
        return squared.sqrt_()
    zero = squared == 0  # sqrt has no gradient there, and a norm's is taken as 0
    return torch.where(zero, 1.0, squared).sqrt() * ~zero


def _row_norms(sums: Tensor) -> Tensor:
    return torch.linalg.vector_norm(sums, dim=1, keepdim=True)


def _column_norms(sums: Tensor) -> Tensor:
    return _roots(_column_squares(sums))


def _column_squares(sums: Tensor) -> Tensor:
    return sums.square_().sum(0, keepdim=True)


def _sums(weight: Tensor, A: Tensor, B: Tensor, scaling: float) -> Iterator[Tensor]:
    """weight + scaling * B @ A, a large one a few rows at a time and, without a graph, each time in the same memory.

    Who reads them with `map` is done with one before the next is formed.
    """
    if weight.dtype == A.dtype and weight.numel() <= FRESH:
        yield torch.addmm(weight, B, A, alpha=scaling)
        return
    slices = weight.split(slice_rows(*weight.shape, rank=A.shape[0]))
    graph = torch.is_grad_enabled() and (weight.requires_grad or A.requires_grad or B.requires_grad)
    memory = None if graph else slices[0].new_empty(slices[0].shape, dtype=A.dtype)
    for rows, left in zip(slices, B.split(len(slices[0])), strict=True):
        here = None if memory is None else memory[: len(rows)]
        yield torch.addmm(rows.to(A.dtype), left, A, alpha=scaling, out=here)


def slice_rows(rows: int, inner: int, *, rank: int) -> int:
    """How many rows of W + sBA are formed at a time: SLICE elements, or more, since A is read once more for each slice."""
    most = max(8, SLICE // inner, 2 * rank)
    return -(-rows // -(-rows // most))  # slices as long as one another


def _joined(parts: Iterable[Tensor]) -> Tensor:
    first, *others = parts
    return torch.cat([first, *others]) if others else first


def _slices(weight: Tensor, elements: int) -> tuple[Tensor, ...]:
    return weight.split(max(8, elements // weight.shape[1]))
