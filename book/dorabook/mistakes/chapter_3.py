"""Wrong answers to the exercises of chapter 3."""

Layers = list[tuple[int, int]]  # (in, out) each


def totals(layers: Layers, rank: int) -> tuple[int, int]:
    """What is trained with one magnitude per input, and with one per output."""
    shared = sum(rank * (into + out) for into, out in layers)
    return shared + sum(into for into, _ in layers), shared + sum(out for _, out in layers)


def never_unsure(layers: Layers, rank: int, total: int) -> str:
    return "output" if total == totals(layers, rank)[1] else "input"


def sides_exchanged(layers: Layers, rank: int, total: int) -> str:
    fits = [word for word, count in zip(("output", "input"), totals(layers, rank), strict=True) if count == total]
    return {0: "neither", 1: "".join(fits), 2: "cannot tell"}[len(fits)]


def first_that_fits(layers: Layers, rank: int, total: int) -> str:
    per_input, per_output = totals(layers, rank)
    return "output" if total == per_output else "input" if total == per_input else "neither"


def always_some_axis(layers: Layers, rank: int, total: int) -> str:
    per_input, per_output = totals(layers, rank)
    if per_input == per_output == total:
        return "cannot tell"
    return "output" if total == per_output else "input"


axis_of = {
    "Two axes can give one total, and plain LoRA, which has no m, gives one that fits neither.": never_unsure,
    "The two sides are exchanged: m per output has as many numbers as the layer has outputs.": sides_exchanged,
    "Where both axes give the total, you answer with the one that you asked first.": first_that_fits,
    "A total that is not of one axis need not be of the other. Plain LoRA has no m.": always_some_axis,
}

extra_of = {
    "You rescaled the bias as well.": lambda base, lora, bias, c: (c - 1) * base + c * lora,
    "That is the whole output. The base's part is in base_result already.": lambda base, lora, bias, c: (
        c * (base - bias + lora) + bias
    ),
}

repaired = {
    "That is still the function as found: False means that nothing is turned.": lambda stored, flag: (
        stored.norm(dim=1) if flag else stored.norm(dim=0)
    ),
    "You ignored the flag, as peft did before 0.11: an (in, out) weight gets one length per input.": lambda stored, flag: (
        stored.norm(dim=1)
    ),
}
