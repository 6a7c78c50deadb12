"""NormExplorer: a weight with its norms along both axes, and which of them DoRA's magnitude is.

What the code does, on the page as in peft (`tuners/lora/dora.py`): bring the stored matrix to (out, in) by
`transpose(weight, fan_in_fan_out)`, add the update, take the norm over dim=1 (per output) or dim=0 (per input).
A flag that contradicts the storage turns the matrix the wrong way, and the norm runs over the other axis.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from traitlets import validate

from ...decompose import join, magnitude_shape, norms
from ...text import fixed, number, plural, settled, shape
from ..figure import Description, LiveFigure
from ..traits import LISTED, Choice, Flag, Matrix, Number, as_matrix

OTHER = {"output": "input", "input": "output"}
# Twenty small numbers whose nine norms are all whole: 5, 7, 3, 4 per output and 5, 5, 6, 2, 3 per input.
WEIGHT = [[0, 2, -4, 1, 2], [4, -4, 4, 1, 0], [0, 2, 0, -1, 2], [-3, 1, 2, 1, -1]]
LORA_A = [[1, -1, 1, 2, 0]]  # (rank, in)
LORA_B = [[1], [2], [-1], [1]]  # (out, rank)
SIDE = 64  # a map has at most this many rows and columns; up to SIDE x SIDE the page holds the weight itself
LISTED_ROWS = 12
CHOSEN = {"output": 0, "input": 2}  # the cell that is chosen at first


class NormExplorer(LiveFigure):
    """A weight (out, in) as a heat map, with the norm of every output beside it and of every input below.

    `weight` takes a layer's weight as it is, a tensor, an array or nested lists, and reads back as float64 on the CPU,
    as do `magnitude`, `direction` and `merged_weight`. `output` and `input` choose a cell, and with it the magnitude
    that `poke` multiplies. `scaling` says how much of the update lora_B @ lora_A is added. `storage` and
    `fan_in_fan_out` say how the matrix lies in memory and what the code is told about it.
    """

    figure = "norm-explorer"
    weight = Matrix().tag(sync=True, state=True)
    lora_A = Matrix().tag(sync=True, state=True)
    lora_B = Matrix().tag(sync=True, state=True)
    per = Choice("output", "input").tag(sync=True, state=True)
    storage = Choice("out,in", "in,out").tag(sync=True, state=True)
    fan_in_fan_out = Flag(False).tag(sync=True, state=True)
    view = Choice("merged", "adapted", "direction").tag(sync=True, state=True)
    scaling = Number(0, least=0, most=1).tag(sync=True, state=True)
    poke = Number(1, least=0.25, most=2).tag(sync=True, state=True)
    output = Number(CHOSEN["output"], least=0, most=10**6, whole=True).tag(sync=True, state=True)
    input = Number(CHOSEN["input"], least=0, most=10**6, whole=True).tag(sync=True, state=True)

    def __init__(self, weight: Any = None, **traits: Any) -> None:
        if (traits.get("lora_A") is None) != (traits.get("lora_B") is None):
            raise ValueError(
                "only one of lora_A and lora_B is given, and the update is their product: give both or neither"
            )
        if weight is None:
            weight, traits = WEIGHT, {"lora_A": LORA_A, "lora_B": LORA_B, **traits}
        weight = as_matrix(weight, name="weight")
        lora_A, lora_B = traits.pop("lora_A", None), traits.pop("lora_B", None)
        if lora_A is None:
            lora_A, lora_B = draw_update(weight)
        chosen = {
            axis: min(traits.pop(axis, at), size - 1)
            for (axis, at), size in zip(CHOSEN.items(), weight.shape, strict=True)
        }
        super().__init__(weight=weight, lora_A=lora_A, lora_B=lora_B, **chosen, **traits)
        update_of({"lora_A": self.lora_A, "lora_B": self.lora_B})  # says so here if they do not multiply
        self.observe(self._fit, "weight")

    def _fit(self, change: Any) -> None:
        """After a weight of another shape: an update that adds to it, and a chosen cell that is in it."""
        if change.new.shape == change.old.shape:
            return
        out_features, in_features = change.new.shape
        with self.hold_sync(), self.hold_trait_notifications():
            self.lora_A, self.lora_B = draw_update(change.new)
            self.output, self.input = min(self.output, out_features - 1), min(self.input, in_features - 1)

    @validate("lora_A", "lora_B")
    def _check_update(self, proposal: Any) -> Any:
        """Each factor must reach the weight; that both have one rank is checked where they meet, in `update_of`."""
        matrix, (out_features, in_features) = proposal.value, self.weight.shape
        if proposal.trait.name == "lora_A" and matrix.shape[1] != in_features:
            raise ValueError(
                f"lora_A is {tuple(matrix.shape)}, expected (rank, {in_features}): the weight has {in_features} inputs"
            )
        if proposal.trait.name == "lora_B" and matrix.shape[0] != out_features:
            raise ValueError(
                f"lora_B is {tuple(matrix.shape)}, expected ({out_features}, rank): the weight has {out_features} outputs"
            )
        return matrix

    def state(self) -> dict[str, Any]:
        return super().state(instead=overview(self.weight) if self.weight.numel() > LISTED else None)

    @staticmethod
    def describe(state: dict[str, Any]) -> Description:
        return describe(explain(state))

    @property
    def magnitude(self) -> Tensor:
        """m as the code holds it, the chosen one poked: (out, 1) or (1, in)."""
        return self._parts().magnitude

    @property
    def direction(self) -> Tensor:
        """The adapted weight with norm 1 along the axis that was measured, (out, in)."""
        return self._parts().direction

    @property
    def merged_weight(self) -> Tensor:
        """magnitude * direction, (out, in)."""
        parts = self._parts()
        return join(parts.magnitude, parts.direction, per=parts.measured)

    def _parts(self) -> "Parts":
        names = set(self.state_traits())
        return decompose({name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class Parts:
    """The weight taken apart along the axis that the code really measures."""

    measured: str
    magnitude: Tensor  # (out, 1) or (1, in), the chosen one poked
    direction: Tensor  # (out, in)
    turned: float  # the largest angle in degrees that the update turned a row (or a column of (out, in)) by
    zeros: list[int]  # indices along `measured` with norm 0


@dataclass(frozen=True)
class Facts:
    """Everything the sentence and the table say, for a whole weight or for an overview of a large one."""

    state: dict[str, Any]
    size: tuple[int, int]
    measured: str
    norms: dict[str, list[float]]  # of the merged weight, along both axes
    direction_norms: dict[str, list[float]]
    parts: Parts | None
    moved: tuple[int, int]  # entries and outputs that the poke moves


def agrees(state: dict[str, Any]) -> bool:
    return state["fan_in_fan_out"] == (state["storage"] == "in,out")


def decompose(state: dict[str, Any]) -> Parts:
    weight, update = torch.as_tensor(state["weight"], dtype=torch.float64), update_of(state)
    measured = state["per"] if agrees(state) else OTHER[state["per"]]
    adapted = weight + _added(state, weight, update)
    start, length = norms(weight, per=measured), norms(adapted, per=measured)
    direction = torch.where(length == 0, 0, adapted / torch.where(length == 0, 1, length))
    magnitude = start.clone()
    magnitude.view(-1)[_chosen(state, measured, magnitude.numel())] *= state["poke"]
    both = (start * length).flatten()
    along = (weight * adapted).sum(dim=1 if measured == "output" else 0)
    cosines = [max(-1.0, min(1.0, c)) for c in (along[both > 0] / both[both > 0]).tolist()]
    turned = max((math.degrees(math.acos(settled(cosine))) for cosine in cosines), default=0.0)
    zeros = (length.flatten() == 0).nonzero().flatten().tolist()
    return Parts(measured, magnitude, direction, turned, zeros)


def update_of(state: dict[str, Any]) -> Tensor:
    """lora_B @ lora_A, (out, in)."""
    A, B = (torch.as_tensor(state[name], dtype=torch.float64) for name in ("lora_A", "lora_B"))
    if B.shape[1] != A.shape[0]:
        raise ValueError(f"lora_B is {tuple(B.shape)} and lora_A is {tuple(A.shape)}: their ranks differ, set both")
    return B @ A


def _added(state: dict[str, Any], weight: Tensor, update: Tensor) -> Tensor:
    """The update as it lands on `weight` by meaning. Against a wrongly turned matrix it fits only if that is square."""
    if agrees(state):
        return state["scaling"] * update
    return state["scaling"] * update.T if weight.shape[0] == weight.shape[1] else torch.zeros_like(weight)


def _chosen(state: dict[str, Any], per: str, count: int) -> int:
    return min(state[per], count - 1)


def explain(state: dict[str, Any]) -> Facts:
    if state["weight"] is None:
        measured = state["per"] if agrees(state) else OTHER[state["per"]]
        lengths = {axis: list(map(float, state["norms"][axis])) for axis in OTHER}
        across = list(map(float, state["across"][measured]))
        ones = [float(length > 0) for length in lengths[measured]]
        return Facts(
            state, tuple(state["shape"]), measured, lengths, {measured: ones, OTHER[measured]: across}, None, (0, 0)
        )
    parts = decompose(state)
    merged = join(parts.magnitude, parts.direction, per=parts.measured)
    lengths, towards = (
        {axis: norms(m, per=axis).flatten().tolist() for axis in OTHER} for m in (merged, parts.direction)
    )
    return Facts(state, tuple(merged.shape), parts.measured, lengths, towards, parts, _moved(state, parts))


def _moved(state: dict[str, Any], parts: Parts) -> tuple[int, int]:
    chosen = _chosen(state, parts.measured, parts.magnitude.numel())
    line = parts.direction[chosen] if parts.measured == "output" else parts.direction[:, chosen]
    entries = int((line != 0).sum())
    return entries, min(entries, 1) if parts.measured == "output" else entries


def describe(facts: Facts) -> Description:
    sentences = [_axis(facts), _direction(facts), _zeros(facts), _update(facts), _poke(facts)]
    return Description(" ".join(filter(None, sentences)), COLUMNS, tuple(_rows(facts)))


COLUMNS = ("output or input", "norm of the weight", "magnitude m", "norm of the direction")


def _axis(facts: Facts) -> str:
    state, measured = facts.state, facts.measured
    other = OTHER[measured]
    count = dict(zip(("output", "input"), facts.size, strict=True))
    m = shape(*magnitude_shape(*facts.size, per=measured))
    if agrees(state):
        squares = plural(count[other], "square")
        return f"One magnitude per {measured}: m is {m}, and each of its numbers is the root of a sum of {squares}, one per {other}."
    stored, turned = facts.size, facts.size[::-1]
    if state["storage"] == "in,out":
        stored, turned = turned, stored
    read = turned if state["fan_in_fan_out"] else stored
    dim = 1 if state["per"] == "output" else 0
    held = shape(*(m_ for m_ in ((count[measured], 1) if dim == 1 else (1, count[measured]))))
    told = (
        f"The matrix is stored {shape(*stored)}, {state['storage'].replace(',', ' by ')}, yet fan_in_fan_out is "
        f"{state['fan_in_fan_out']}, so the code reads it as {shape(*read)} and its norm over dim={dim} sums over the "
        f"{other}s: m comes out {held}, one per {measured}, not one per {state['per']}."
    )
    update = shape(*facts.size)
    end = (
        " The layer is square, so every shape fits and nothing complains."
        if facts.size[0] == facts.size[1]
        else f" Adding the update, which is {update}, fails here: the shapes do not match."
    )
    return told + end


def _direction(facts: Facts) -> str:
    if not agrees(facts.state):
        return ""
    across = facts.direction_norms[OTHER[facts.measured]]
    low, high = number(min(across)), number(max(across))
    spread = f"is {low}" if low == high else f"runs from {low} to {high}"
    return f"The direction has norm 1 for every {facts.measured}; per {OTHER[facts.measured]} its norm {spread}."


def _zeros(facts: Facts) -> str:
    zeros = facts.parts.zeros if facts.parts else []
    if not zeros:
        return ""
    return f"The norm of {facts.measured} {zeros[0]} is 0, so it has no direction: dividing by that norm gives NaN."


def _update(facts: Facts) -> str:
    scaling = facts.state["scaling"]
    if not facts.parts or scaling == 0 or (not agrees(facts.state) and facts.size[0] != facts.size[1]):
        return ""
    turned = fixed(facts.parts.turned, 0)
    return (
        f"With s = {number(scaling)} the direction of an {facts.measured} turns by up to {turned} degrees, and m stays."
    )


def _poke(facts: Facts) -> str:
    poke, measured = facts.state["poke"], facts.measured
    if not facts.parts or poke == 1:
        return ""
    chosen = _chosen(facts.state, measured, facts.parts.magnitude.numel())
    entries, outputs = facts.moved
    size = facts.size[0] * facts.size[1]
    who = f"output {chosen} alone" if measured == "output" else f"{outputs} of {plural(facts.size[0], 'output')}"
    return (
        f"Multiplying the magnitude of {measured} {chosen} by {number(poke)} moves {entries:,} of {size:,} entries of the "
        f"weight, so {who} can change."
    )


def _rows(facts: Facts) -> list[tuple[str, ...]]:
    rows = []
    for axis in ("output", "input"):
        lengths, towards = facts.norms[axis], facts.direction_norms[axis]
        for index, note in _picked(lengths, everything=sum(facts.size) <= LISTED_ROWS):
            length = number(lengths[index])
            m = length if axis == facts.measured else "not m"
            rows.append((f"{axis} {index}{note}", length, m, number(towards[index])))
    return rows


def _picked(lengths: list[float], *, everything: bool) -> list[tuple[int, str]]:
    """Which indices the table lists: all, or the largest, the smallest and the first few, six in all."""
    if everything:
        return [(index, "") for index in range(len(lengths))]
    round_off = [settled(length) for length in lengths]
    largest, smallest = round_off.index(max(round_off)), round_off.index(min(round_off))
    others = [index for index in range(LISTED_ROWS // 2) if index not in (largest, smallest) and index < len(lengths)]
    kept = {largest, smallest, *others[: LISTED_ROWS // 2 - len({largest, smallest})]}
    notes = {smallest: " (smallest)", largest: " (largest)"}
    return [(index, notes.get(index, "")) for index in sorted(kept)]


def draw_update(weight: Tensor) -> tuple[Tensor, Tensor]:
    """lora_A (rank, in) and lora_B (out, rank) for any weight: rank up to 8, half as large as the weight."""
    out_features, in_features = weight.shape
    rank = max(1, min(8, min(weight.shape) // 2))
    generator = torch.Generator().manual_seed(0)
    draw = [
        torch.randn(n, generator=generator, dtype=torch.float64) for n in ((rank, in_features), (out_features, rank))
    ]
    size = torch.linalg.matrix_norm(draw[1] @ draw[0])
    factor = (torch.linalg.matrix_norm(weight) / (2 * size)).sqrt() if size else 1.0
    return draw[0] * factor, draw[1] * factor


def overview(weight: Tensor) -> dict[str, Any]:
    """What a page keeps of a large weight: both norm vectors, the direction's norms across, a block-averaged map."""
    across = {}
    for axis in OTHER:
        length = norms(weight, per=axis)
        across[axis] = norms(weight / torch.where(length == 0, 1, length), per=OTHER[axis]).flatten()
    blocks = torch.nn.functional.adaptive_avg_pool2d(weight[None], tuple(min(SIDE // 2, n) for n in weight.shape))[0]
    return {
        "weight": None, "lora_A": None, "lora_B": None, "shape": list(weight.shape),
        "norms": {axis: norms(weight, per=axis).flatten() for axis in OTHER}, "across": across, "map": blocks,
    }  # fmt: skip
