"""NormExplorer: a weight with its norms along both axes, and which of them DoRA's magnitude is.

What the code does, on the page as in peft (`tuners/lora/dora.py`): bring the stored matrix to (out, in) by
`transpose(weight, fan_in_fan_out)`, add the update, take the norm over dim=1 (per output) or dim=0 (per input).
A flag that contradicts the storage turns the matrix the wrong way, and the norm runs over the other axis.
"""

from typing import Any

import torch
from torch import Tensor
from traitlets import validate

from ...decompose import join, norms
from ...text import stored
from ..figure import LiveFigure
from ..traits import LISTED, Choice, Flag, Matrix, Number, Some, as_matrix

OTHER = {"output": "input", "input": "output"}
# Twenty small numbers whose nine norms are all whole: 5, 7, 3, 4 per output and 5, 5, 6, 2, 3 per input.
WEIGHT = [[0, 2, -4, 1, 2], [4, -4, 4, 1, 0], [0, 2, 0, -1, 2], [-3, 1, 2, 1, -1]]
LORA_A = [[1, -1, 1, 2, 0]]  # (rank, in)
LORA_B = [[1], [2], [-1], [1]]  # (out, rank)
SIDE = 64  # a map has at most this many rows and columns; up to SIDE x SIDE the page holds the weight itself
CHOSEN = {"output": 0, "input": 2}  # the cell that is chosen at first
NEED_THE_WEIGHT = ("view", "scaling", "poke")  # what has a control only where the page holds the weight itself
PARTS = ("storage", "direction", "update", "poke")  # what an explorer may show beside the weight and its norms
BELONGS = {"storage": "storage", "fan_in_fan_out": "storage", "scaling": "update", "poke": "poke"}  # control: part
SHOWS = {"adapted": "update", "direction": "direction"}  # a view of the cells to its part
FURTHEST = 12.0  # times the largest weight: as far as the page's own controls go at most


class NormExplorer(LiveFigure):
    """A weight (out, in) as a heat map, with the norm of every output beside it and of every input below.

    `weight` takes a layer's weight as it is, a tensor, an array or nested lists, and reads back as float64 on the CPU,
    as do `magnitude`, `direction` and `merged_weight`. `output` and `input` choose a cell, and with it the magnitude
    that `poke` multiplies. `scaling` says how much of the update lora_B @ lora_A is added. `storage` and
    `fan_in_fan_out` say how the matrix lies in memory and what the code is told about it. `shows` names the parts that
    this explorer has controls for, all by default: "storage" with the flag, the "direction" and its norms, the "update",
    the "poke".
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
    shows = Some(*PARTS).tag(sync=True, state=True)

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
        self._update()  # says so here if they do not multiply
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
        """Each factor must reach the weight; that both have one rank is checked where they meet, in `_update`."""
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
        return super().state(instead=None if self._whole else overview(self.weight))

    def allowed(self) -> dict[str, Any]:
        allowed = super().allowed()
        for axis, size in zip(OTHER, self.weight.shape, strict=True):
            allowed[axis]["most"] = size - 1
        allowed = {name: ends for name, ends in allowed.items() if BELONGS.get(name, "") in ("", *self.shows)}
        allowed["view"] = [view for view in allowed["view"] if SHOWS.get(view, "") in ("", *self.shows)]
        if not self._whole:
            return {name: ends for name, ends in allowed.items() if name not in NEED_THE_WEIGHT}
        far = stored(FURTHEST * (self.weight.abs().max().item() or 1.0))
        return {**allowed, "weight": {"least": -far, "most": far, "whole": False}}

    @property
    def _whole(self) -> bool:
        """Does a page hold the weight itself, or what `overview` keeps of it?"""
        return self.weight.numel() <= LISTED

    @property
    def magnitude(self) -> Tensor:
        """m as the code holds it, the chosen one poked: (out, 1) or (1, in)."""
        magnitude = norms(self.weight, per=self._measured)
        magnitude.view(-1)[min(getattr(self, self._measured), magnitude.numel() - 1)] *= self.poke
        return magnitude

    @property
    def direction(self) -> Tensor:
        """The adapted weight with norm 1 along the axis that was measured, (out, in)."""
        adapted = self.weight + self.scaling * self._added()
        length = norms(adapted, per=self._measured)
        return torch.where(length == 0, 0, adapted / torch.where(length == 0, 1, length))

    @property
    def merged_weight(self) -> Tensor:
        """magnitude * direction, (out, in)."""
        return join(self.magnitude, self.direction, per=self._measured)

    @property
    def _agrees(self) -> bool:
        """Does the flag say how the matrix is stored?"""
        return self.fan_in_fan_out == (self.storage == "in,out")

    @property
    def _measured(self) -> str:
        """The axis whose norms the code gets."""
        return self.per if self._agrees else OTHER[self.per]

    def _added(self) -> Tensor:
        """The update as it lands on `weight` by meaning. Against a wrongly turned matrix it fits only if that is square."""
        update = self._update()
        if self._agrees:
            return update
        return update.T if update.shape[0] == update.shape[1] else torch.zeros_like(update)

    def _update(self) -> Tensor:
        """lora_B @ lora_A, (out, in)."""
        A, B = self.lora_A, self.lora_B
        if B.shape[1] != A.shape[0]:
            raise ValueError(f"lora_B is {tuple(B.shape)} and lora_A is {tuple(A.shape)}: their ranks differ, set both")
        return B @ A


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
