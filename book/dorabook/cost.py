"""What merged, LoRA and DoRA layers cost: multiply-adds, elements alive at a time, bytes of training, as plain integers.

Work is a dict, step -> multiply-adds, so that a total can be read back to its parts: `sum(work.values())`. One
multiply-add is two of the floating-point operations that `torch.utils.flop_counter` counts. A matrix product of
(a, b) by (b, c) is a * b * c of them. What happens to single elements is counted apart, one for each element that is
written: such steps wait for memory and not for arithmetic. Biases are left out. Letters in the names of steps: x is
the input (rows, in_features), g the gradient of the output (rows, out_features), W (out_features, in_features),
A (rank, in_features), B (out_features, rank), s the scaling, m the magnitude, I the identity.
"""

from typing import Literal

from .count import LayerShape, check_size

Work = dict[str, int]
Per = Literal["output", "input"]
Way = Literal["merged", "LoRA", "DoRA"]
NormWay = Literal["peft", "formed", "factored"]

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


def forward(shape: LayerShape, *, rows: int, rank: int, way: Way, per: Per | None = None) -> Work:
    """Matrix products of a forward pass over `rows` inputs. DoRA's norm is apart: `norm_products`.

    `per` is needed for "DoRA", and changes no count: per "output" the rescale meets the base product, so that adapters
    on one base can share it; per "input" it meets x, so that each adapter needs the product of its own x * s.

    >>> forward(LayerShape("k_proj", 576, 192), rows=512, rank=8, way="LoRA")
    {'x W^T': 56623104, 'x A^T': 2359296, '(x A^T) B^T': 786432}
    """
    rows, rank, out, into = _sizes(shape, rows, rank)
    _check_way(way, per)
    base = {"x W^T": rows * out * into}
    return base if way == "merged" else base | {"x A^T": rows * into * rank, "(x A^T) B^T": rows * rank * out}


def forward_elementwise(shape: LayerShape, *, rows: int, rank: int, way: Way, per: Per | None = None) -> Work:
    """Work of the same pass on single elements, as `DoRALinear.split_forward` does it."""
    rows, rank, out, into = _sizes(shape, rows, rank)
    _check_way(way, per)
    if way == "merged":
        return {}
    work = {"s (x A^T)": rows * rank, "x W^T + ...": rows * out}
    if way == "DoRA":
        side = _side(per, out, into)
        work |= {"m / norm": shape.copies * side, "rescale": rows * side}
    return work


def gradient_products(
    shape: LayerShape, *, rows: int, rank: int, way: Way, per: Per | None = None, input_gradient: bool
) -> Work:
    """Matrix products of the backward pass, the norm taken as a constant, W frozen.

    `input_gradient`: whether x itself wants a gradient, as in every layer but the first. DoRA per "input" works it out
    in any case, since it is the gradient of x * s that gives each magnitude its own; per "output" the magnitude's
    gradient is a sum over elements.

    >>> gradient_products(LayerShape("k_proj", 576, 192), rows=1, rank=8, way="LoRA", input_gradient=False)
    {'g^T (x A^T)': 1536, 'g B': 1536, '(g B)^T x': 4608}
    """
    rows, rank, out, into = _sizes(shape, rows, rank)
    _check_way(way, per)
    through_base = {"g W": rows * out * into}
    if way == "merged":
        return through_base if input_gradient else {}
    work = {"g^T (x A^T)": rows * out * rank, "g B": rows * out * rank, "(g B)^T x": rows * rank * into}
    if input_gradient or per == "input":
        work |= through_base | {"(g B) A": rows * rank * into}
    return work


def norm_products(shape: LayerShape, rank: int, *, per: Per, by: NormWay) -> Work:
    """Matrix products of one norm of W + sBA.

    `by`: "peft" sends an identity matrix through A and B; "formed" multiplies B and A; "factored" needs the product of
    one factor with W, that factor's Gram matrix, and the Gram matrix times the other factor. peft has no norm per input.

    >>> norm_products(LayerShape("q_proj", 4096, 4096), 16, per="output", by="factored")
    {'A W^T': 268435456, 'A A^T': 1048576, '(A A^T) B^T': 1048576}
    """
    copies, rank, out, into = _sizes(shape, 1, rank)
    _check_norm(per, by)
    if by == "peft":
        work = {"I A^T": into * into * rank, "(I A^T) B^T": into * rank * out}
    elif by == "formed":
        work = {"B A": out * rank * into}
    elif per == "output":
        work = {"A W^T": out * into * rank, "A A^T": rank * rank * into, "(A A^T) B^T": rank * rank * out}
    else:
        work = {"B^T W": out * into * rank, "B^T B": rank * rank * out, "(B^T B) A": rank * rank * into}
    return {step: copies * count for step, count in work.items()}


def norm_elementwise(shape: LayerShape, rank: int, *, per: Per, by: NormWay) -> Work:
    """Work of one norm on single elements. The factored way keeps |w|^2 of the frozen W, so it passes over W in no step."""
    copies, rank, out, into = _sizes(shape, 1, rank)
    _check_norm(per, by)
    side, whole = _side(per, out, into), out * into
    if by == "peft":
        work = {"I": into * into, "s (BA)": whole, "W + s (BA)": whole, "squares": whole, "roots": side}
    elif by == "formed":
        work = {"W + s (B A)": whole, "squares": whole, "roots": side}
    else:
        work = {
            "2 cross + Gram": side * rank,
            "times the other factor": side * rank,
            "|w|^2 + ...": side,
            "cancelled?": side,  # less a multiple of |w|^2
            "roots": side,
        }
    return {step: copies * count for step, count in work.items()}


def norm_memory(
    shape: LayerShape, rank: int, *, per: Per, by: NormWay, slice_of: int | None = None, training: bool = True
) -> int:
    """Elements alive at the peak of one layer's norm, beyond W, A, B and, for "factored", the kept |w|^2.

    `slice_of`: "formed" holds about so many elements of W + sBA at a time (8 rows or more, and 2 * rank); None holds all.
    `training`: peft's product with the identity is in the graph, so the identity lives until the layer's pass ends.
    The other two, and peft without gradients, keep nothing. For float32 and float64; half precisions are widened too.
    """
    _, rank, out, into = _sizes(shape, 1, rank)
    _check_norm(per, by)
    if slice_of is not None:
        check_size("slice_of", slice_of)
        if by != "formed":
            raise ValueError(f'slice_of is for by="formed", and by is {by!r}: leave it out')
    if by == "peft":
        product = into * into + into * rank + out * into  # I, I A^T and BA
        three = 3 * out * into  # BA, s (BA) and W + s (BA)
        return into * into + into * rank + three if training else max(product, three)
    if by == "factored":
        side = _side(per, out, into)
        return max(
            2 * side * rank + rank * rank,  # cross, the Gram matrix, and what it adds to cross
            2 * side * rank + side,  # that sum, the sum times the other factor, and its sums over the rank
            side * rank + 3 * side,  # that sum, the squared norms, what they are less of |w|^2, and the roots
        )
    slices = 1 if slice_of is None else -(-out // max(8, slice_of // into, 2 * rank))  # as many rows as one another
    step = -(-out // slices)
    if per == "output":  # a slice and all norms; norms twice, to join them
        return max(step * into + out, (1 + (slices > 1)) * out)
    return step * into + (1 + (slices > 1)) * into  # a slice, its sums of squares, and those so far


def training_memory(parameters: int, *, dtype: str = "float32") -> Work:
    """Bytes that `parameters` trained values hold between steps with Adam: themselves, gradients and both moments.

    >>> sum(training_memory(78_307_200).values())
    1252915200
    """
    check_size("parameters", parameters)
    if dtype not in BYTES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(BYTES)}")
    return dict.fromkeys(("weights", "gradients", "first moments", "second moments"), BYTES[dtype] * parameters)


def _sizes(shape: LayerShape, rows: int, rank: int) -> tuple[int, int, int, int]:
    """(rows of all copies together, rank, out_features, in_features)."""
    check_size("rows", rows)
    check_size("rank", rank)
    return shape.copies * rows, rank, shape.out_features, shape.in_features


def _side(per: Per, out_features: int, in_features: int) -> int:
    return out_features if per == "output" else in_features


def _check_way(way: Way, per: Per | None) -> None:
    if way not in ("merged", "LoRA", "DoRA"):
        raise ValueError(f'way is {way!r}, expected "merged", "LoRA" or "DoRA"')
    if way == "DoRA" and per not in ("output", "input"):
        raise ValueError(f'per is {per!r}, expected "output" or "input" for DoRA')
    if way != "DoRA" and per is not None:
        raise ValueError(f"per is {per!r}, but way {way!r} has no magnitudes: leave it out")


def _check_norm(per: Per, by: NormWay) -> None:
    if per not in ("output", "input"):
        raise ValueError(f'per is {per!r}, expected "output" or "input"')
    if by not in ("peft", "formed", "factored"):
        raise ValueError(f'by is {by!r}, expected "peft", "formed" or "factored"')
    if by == "peft" and per == "input":
        raise ValueError('peft takes its norm per output only: per="output", or another way')
