"""Trait types of live figures: each refuses a bad value with one sentence that names it and what was expected.

`allowed()` is what a control of the figure can set, and so what a link may: a trait without it is the author's alone.
"""

from typing import Any

import torch
from torch import Tensor
from traitlets import TraitType

from ..decompose import check_weight

LISTED = 64 * 64  # up to this many entries a matrix travels as nested lists, above as raw float64


class Choice(TraitType):
    """One of a few words."""

    def __init__(self, *words: str, default: str | None = None, **options: Any):
        self.words = words
        super().__init__(default or words[0], **options)

    def validate(self, obj: Any, value: Any) -> str:
        if value not in self.words:
            raise ValueError(f"{self.name} is {value!r}, expected {' or '.join(map(_quoted, self.words))}")
        return value

    def allowed(self) -> list[str]:
        return list(self.words)


class Some(TraitType):
    """Some of a few words, in their order; all by default. One may stand alone: "update"."""

    def __init__(self, *words: str, **options: Any):
        self.words = words
        super().__init__(list(words), **options)

    def validate(self, obj: Any, value: Any) -> list[str]:
        given = [value] if isinstance(value, str) else list(value)
        if unknown := [word for word in given if word not in self.words]:
            raise ValueError(
                f"{self.name} holds {unknown[0]!r}, expected some of {', '.join(map(_quoted, self.words))}"
            )
        return [word for word in self.words if word in given]


class Number(TraitType):
    """A finite number from `least` to `most`; whole where `whole`. Its control, and so a link, moves in steps of `step`."""

    def __init__(
        self, default: float, *, least: float, most: float, whole: bool = False, step: float = 0, **options: Any
    ):
        self.least, self.most, self.whole, self.step = least, most, whole, step
        super().__init__(default, **options)

    def validate(self, obj: Any, value: Any) -> float:
        kind = "a whole number" if self.whole else "a number"
        fits = isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most
        if not fits or (self.whole and value != int(value)):
            raise ValueError(f"{self.name} is {value!r}, expected {kind} from {self.least} to {self.most}")
        return int(value) if self.whole else float(value)

    def allowed(self) -> dict[str, float | bool]:
        ends = {"least": self.least, "most": self.most, "whole": self.whole}
        return {**ends, "step": self.step} if self.step else ends


class Numbers(TraitType):
    """A list of finite numbers from `least` to `most`. Takes a list, an array or a tensor of one dimension."""

    def __init__(self, *, least: float, most: float, **options: Any):
        self.least, self.most = least, most
        super().__init__([], **options)

    def validate(self, obj: Any, value: Any) -> list[float]:
        given = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(given, list | tuple):
            raise ValueError(f"{self.name} is {value!r}, expected a list of numbers")
        for i, number in enumerate(given):
            kind = isinstance(number, int | float) and not isinstance(number, bool)
            if not kind or not self.least <= number <= self.most:
                raise ValueError(f"{self.name}[{i}] is {number!r}, expected a number from {self.least} to {self.most}")
        return [float(number) for number in given]

    def allowed(self) -> dict[str, float | bool]:
        return {"least": self.least, "most": self.most, "whole": False}


class Flag(TraitType):
    """True or False, and nothing that merely counts as one."""

    def validate(self, obj: Any, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{self.name} is {value!r}, expected True or False")
        return value

    def allowed(self) -> list[bool]:
        return [True, False]


class Matrix(TraitType):
    """A tensor of two dimensions, kept as float64 on the CPU and apart from what it was made of.

    Takes a tensor or parameter of any floating or whole dtype and device, a numpy array, or nested lists.
    """

    def __init__(self, **options: Any):
        super().__init__(None, **{"allow_none": True, **options})
        self.tag(to_json=lambda value, _: to_front(value), from_json=lambda value, _: from_front(value))

    @staticmethod
    def is_matrix(value: Any) -> bool:
        return isinstance(value, Tensor)

    def validate(self, obj: Any, value: Any) -> Tensor | None:
        return None if value is None else as_matrix(value, name=self.name)


def as_matrix(value: Any, *, name: str) -> Tensor:
    """`value` as a float64 CPU tensor (rows, columns) of finite numbers, sharing memory with nothing."""
    if isinstance(value, Tensor) and value.is_meta:
        raise ValueError(f"{name} is on the meta device, which has a shape and no numbers: load or draw it first")
    if isinstance(value, Tensor) and value.is_complex():
        raise ValueError(f"{name} is {value.dtype}, expected real numbers")
    try:
        given = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
        matrix = given.to(device="cpu", dtype=torch.float64, copy=True).contiguous()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} is no matrix: expected a tensor, an array or lists of equally long rows") from error
    check_weight(matrix, name=name)
    return matrix


def to_front(matrix: Tensor | None) -> Any:
    """Nested lists, or above LISTED entries {"shape", "data"} with raw little-endian float64."""
    if matrix is None or matrix.numel() <= LISTED:
        return None if matrix is None else matrix.tolist()
    return {"shape": list(matrix.shape), "data": memoryview(matrix.numpy().astype("<f8").tobytes())}


def from_front(value: Any) -> Any:
    """The inverse of `to_front`, for what the front end sends back."""
    if not isinstance(value, dict):
        return value
    rows, columns = value["shape"]
    if len(value["data"]) != 8 * rows * columns:
        raise ValueError(f"matrix data holds {len(value['data'])} bytes, expected {8 * rows * columns}")
    return torch.frombuffer(bytearray(value["data"]), dtype=torch.float64).reshape(rows, columns)


def _quoted(word: str) -> str:
    return f'"{word}"'
