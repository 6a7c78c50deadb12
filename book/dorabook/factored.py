"""The norm of W + sBA without making a second matrix of W's size, on either axis.

Two roads. *Factored*: for one output row, |w + s b A|^2 = |w|^2 + 2s (w A^T) . b + s^2 (b A A^T) . b, three terms
whose largest part is W A^T, (out_features, rank); for one input column the same with A and B swapped. *Formed*: add up
W + sBA a few rows at a time, so that no second matrix of W's size is asked of the system. `adapted_norms` takes the cheaper one.
Source of the factored form, for rows: https://arxiv.org/abs/2603.22276. The input axis is the same algebra.
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .decompose import Per, check_per, check_weight

Road = Literal["factored", "formed"]

KEPT = 1e-3  # a squared norm below this share of |w|^2 has lost three digits to cancellation: form that row
SLICE = 2**18  # elements of W + sBA that exist at a time: a megabyte in float32
BLOCK = 2**21  # elements of W in one product with A: all of a tall W at once takes longer than its parts
SHARE = 40  # the factored road for a rank up to sqrt(out * in) / SHARE: on a square W it holds a tenth of it at most
LARGE = 2**17  # elements of W: below, the calls of the factored road cost more than they save


def adapted_norms(
    weight: Tensor,
    lora_A: Tensor,
    lora_B: Tensor,
    *,
    scaling: float,
    per: Per,
    weight_squared: Tensor | None = None,
    road: Road | None = None,
) -> Tensor:
    """Norm of `weight + scaling * lora_B @ lora_A`: (out_features, 1) per "output", (1, in_features) per "input".

    Shapes: weight (out_features, in_features), lora_A (rank, in_features), lora_B (out_features, rank); all one dtype.
    `weight_squared` is `squared_norms(weight, per=per)`: kept while W is frozen, it saves reading W once more.
    `road` forces one of the two; left out, `cheaper_road` chooses. Half precisions are computed in float32 and
    rounded once, at the end. Gradients flow through either road, to all three.

    >>> W, A, B = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0]])
    >>> adapted_norms(W, A, B, scaling=2.0, per="output").item()  # of (3, 4)
    5.0
    """
    check_factors(weight, lora_A, lora_B)
    road = road or cheaper_road(*weight.shape, rank=lora_A.shape[0])
    if road not in ("factored", "formed"):
        raise ValueError(f'road is {road!r}, expected "factored", "formed" or None for the cheaper one')
    if check_per(per) == "output":
        if road == "formed":
            return _formed_rows(weight, lora_A, lora_B * scaling).to(weight.dtype)
        return _factored_rows(weight, lora_A, lora_B * scaling, weight_squared).to(weight.dtype)
    if road == "formed":
        return _formed_columns(weight, lora_A, lora_B * scaling).to(weight.dtype)
    kept = None if weight_squared is None else weight_squared.T
    # input columns of W + sBA are the rows of its transpose, W^T + A^T (sB)^T
    return _factored_rows(weight.T, lora_B.T * scaling, lora_A.T, kept).T.to(weight.dtype)


def squared_norms(weight: Tensor, *, per: Per) -> Tensor:
    """Squared norms of W alone, in float32 or wider: (out_features, 1) or (1, in_features)."""
    check_weight(weight)
    dim, dtype = (1 if check_per(per) == "output" else 0), wide(weight.dtype)
    slices = [rows.to(dtype).square().sum(dim, keepdim=True) for rows in _slices(weight)]
    return torch.cat(slices) if per == "output" else torch.stack(slices).sum(0)


def cheaper_road(out_features: int, in_features: int, *, rank: int) -> Road:
    """The rule, from measurements on a CPU (book/data/norm_cost.csv): factored while the rank is small beside W's sides."""
    elements = out_features * in_features
    return "factored" if elements >= LARGE and (SHARE * rank) ** 2 <= elements else "formed"


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
    if shapes[1] != (rank, in_features) or shapes[2] != (out_features, rank):
        raise ValueError(
            f"lora_A is {shapes[1]} and lora_B {shapes[2]}, expected {(rank, in_features)} and {(out_features, rank)} "
            f"for a weight of {shapes[0]}"
        )
    dtypes = {tensor.dtype for tensor in (weight, lora_A, lora_B)}
    if len(dtypes) > 1:
        raise TypeError(
            f"weight, lora_A and lora_B are {weight.dtype}, {lora_A.dtype} and {lora_B.dtype}: bring them to one dtype"
        )


def _factored_rows(weight: Tensor, A: Tensor, B: Tensor, weight_squared: Tensor | None) -> Tensor:
    """Norms (rows, 1) of weight (rows, inner) + B (rows, rank) @ A (rank, inner)."""
    dtype = wide(weight.dtype)
    A, B = A.to(dtype), B.to(dtype)
    if weight_squared is None:
        weight_squared = squared_norms(weight, per="output")
    cross = _products(weight, A)  # (rank, rows): A W^T, the one product that reads W
    terms = torch.addmm(cross, A @ A.T, B.T, beta=2) * B.T  # (rank, rows): 2 (w A^T) b + (b A A^T) b, before the sum
    squared = weight_squared + terms.sum(0).unsqueeze(1)  # (rows, 1)
    lost = (squared <= KEPT * weight_squared).squeeze(1)  # the update all but cancels the row
    if weight.is_meta or not lost.any():
        return squared.sqrt()
    safe = torch.where(lost.unsqueeze(1), 1.0, squared).sqrt()  # the root of a lost row would give no gradient but NaN
    return safe.index_put((lost.nonzero().squeeze(1),), _formed_rows(weight[lost], A, B[lost]))


def _products(weight: Tensor, A: Tensor) -> Tensor:
    """A (rank, inner) @ weight^T (inner, rows), a block of rows at a time; fewer where they are widened."""
    if weight.dtype != A.dtype:
        return torch.cat([A @ rows.to(A.dtype).T for rows in _slices(weight)], dim=1)
    if not weight.is_contiguous():  # a transpose, read along its stored rows: blocks gain nothing
        return A @ weight.T
    return torch.cat([A @ rows.T for rows in weight.split(_step(weight, BLOCK))], dim=1)


def _formed_rows(weight: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Norms (rows, 1) of the rows of weight + B @ A, a few rows at a time."""
    norm = partial(torch.linalg.vector_norm, dim=1, keepdim=True)
    return torch.cat(list(map(norm, _sums(weight, A, B))))


def _formed_columns(weight: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Norms (1, inner) of the columns of weight (rows, inner) + B @ A, added up over a few rows at a time."""
    squared = sum(map(_column_squares, _sums(weight, A, B)))
    zero = squared == 0  # sqrt has no gradient there, and a norm's is taken as 0
    return torch.where(zero, 1.0, squared).sqrt() * ~zero


def _column_squares(rows: Tensor) -> Tensor:
    return rows.square().sum(0, keepdim=True)


def _sums(weight: Tensor, A: Tensor, B: Tensor):
    """W + BA, a few rows at a time. Who reads them with `map` holds one slice and not two."""
    dtype = wide(weight.dtype)
    A, step = A.to(dtype), _step(weight, SLICE)
    for rows, left in zip(weight.split(step), B.to(dtype).split(step), strict=True):
        yield torch.addmm(rows.to(dtype), left, A)


def _slices(weight: Tensor) -> tuple[Tensor, ...]:
    return weight.split(_step(weight, SLICE))


def _step(weight: Tensor, elements: int) -> int:
    return max(8, elements // weight.shape[1])
