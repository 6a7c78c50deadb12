"""Wrong answers to the exercises of chapter 4."""

from torch import Tensor

from ..decompose import norms

Moved = tuple[str, int]
Shape = tuple[int, ...]


def moved(before: Tensor, after: Tensor) -> Moved:
    """The right answer: which outputs and which inputs hold a change."""
    outputs, inputs = ((before != after).any(dim=dim).nonzero().flatten().tolist() for dim in (1, 0))
    return ("output", outputs[0]) if len(outputs) == 1 else ("input", inputs[0])


def exchanged(before: Tensor, after: Tensor) -> Moved:
    axis, index = moved(before, after)
    return {"output": "input", "input": "output"}[axis], index


def one_entry(before: Tensor, after: Tensor) -> Moved:
    return "output", (before != after).nonzero()[0, 0].item()


def counted(before: Tensor, after: Tensor) -> Moved:
    (output, index), *_ = changed = (before != after).nonzero().tolist()
    return ("output", output) if len(changed) == before.shape[1] else ("input", index)


def of_one_input(before: Tensor, after: Tensor) -> Moved:
    output, index = (before != after).nonzero()[0].tolist()
    return ("output", output) if (before != after)[:, 0].sum() == 1 else ("input", index)


def of_one_output(before: Tensor, after: Tensor) -> Moved:
    output, index = (before != after).nonzero()[0].tolist()
    return ("input", index) if (before != after)[0].sum() == 1 else ("output", output)


which_moved = {
    "The other way round: a row of the (out, in) weight is an output.": exchanged,
    "You looked at one entry. It lies in a row and in a column of the (out, in) weight.": one_entry,
    "You counted entries. A zero stays zero when it is scaled, so their number tells nothing.": counted,
    "You looked at the weights of one input. Where such a weight is zero, scaling it changes nothing.": of_one_input,
    "You looked at the weights of one output. Where such a weight is zero, scaling it changes nothing.": of_one_output,
}

row_form = {
    "You divided the input rows of (in, out); a neuron is a column of it.": lambda W, A, B, m: (
        m * (W + A @ B) / norms(W + A @ B, per="output")
    ),
    "Those are the lengths of the frozen W. The update has lengths too.": lambda W, A, B, m: (
        m * (W + A @ B) / W.norm(dim=0)
    ),
}

mended_merge = {
    "m is per output now, and the norm it is divided by is per input.": lambda w, a, b, m: (
        m[:, None] / norms(w + b @ a, per="input") * (w + b @ a)
    ),
    "Still as found: a bare m meets the last dimension, so number i of m scales input i.": lambda w, a, b, m: (
        m / norms(w + b @ a, per="output") * (w + b @ a)
    ),
    "Now m and the norm are both per input. peft's m is per output.": lambda w, a, b, m: (
        m / norms(w + b @ a, per="input") * (w + b @ a)
    ),
    "The norm has lost its dimension: bare, number i of it meets input i. Keep it with keepdim=True.": lambda w, a, b, m: (
        m[:, None] / (w + b @ a).norm(dim=1) * (w + b @ a)
    ),
    "m and the norm are both bare: number i of each meets input i. Both need the shape (out, 1).": lambda w, a, b, m: (
        m / (w + b @ a).norm(dim=1) * (w + b @ a)
    ),
    "You divided by the norms of the frozen weight. Those of weight + BA are needed.": lambda w, a, b, m: (
        m[:, None] / norms(w, per="output") * (w + b @ a)
    ),
    "`*` multiplies entry by entry. It gives BA at rank 1 alone; `@` is the product of matrices.": lambda w, a, b, m: (
        m[:, None] / norms(w + b * a, per="output") * (w + b * a)
    ),
}


def from_shape(m_shape: Shape, weight_shape: Shape) -> str:
    """The right answer."""
    outputs, inputs = weight_shape
    fits = m_shape in ((outputs, 1), (outputs,)), m_shape in ((1, inputs), (inputs,))
    return {(True, False): "output", (False, True): "input", (True, True): "unknown"}.get(fits, "neither")


def asked_first(m_shape: Shape, weight_shape: Shape) -> str:
    answer = from_shape(m_shape, weight_shape)
    return "output" if answer == "unknown" else answer


def size_unread(m_shape: Shape, weight_shape: Shape) -> str:
    kept = {True: "output", False: "input"}[m_shape[-1] == 1]
    return kept if len(m_shape) == 2 else from_shape(m_shape, weight_shape)


axis_from_shape = {
    "You looked at the first dimension only. On a square layer it fits both.": lambda m_shape, weight_shape: (
        "output" if m_shape[0] == weight_shape[0] else "input"
    ),
    "You counted the numbers and forgot where the 1 stands. A kept dimension tells.": lambda m_shape, weight_shape: (
        from_shape((max(m_shape),), weight_shape)
    ),
    "A flat m fits both axes of a square layer, and you answer with the one that you asked first.": asked_first,
    "You saw where the 1 stands and not whether the other number fits: (3, 1) is no m of a (4, 5) weight.": size_unread,
}
