"""Valid safetensors files that no training writes: random adapters and their bases, made odd in up to four ways, to try readers with.

`odd_sets(seed, count)` yields the same ones for the same seed. random_adapters.py draws what is made odd, and fuzz_headers.py has broken
files.
"""

import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import torch
from dorabook.checkpoint.rules import RULES
from support import broken_files, random_adapters

BITS, FLOATS = RULES["files"]["bits"], RULES["files"]["floats"]
PACKS = {"F64": "d", "F32": "f", "F16": "e"}
FAR = (0.0, -0.0, 1e-310, 1e-160, 1e-30, 1e-9, 1e9, 1e27, 1e30, 1e160, 1.7e308, float("inf"), float("nan"), -1.0)
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
]
NAMES = ("", ".", "..", "_", "__", "0", "7.0", " ", "a b", "\n", "a\0b", "\u2028", "\x1b[31m", "\u202eabc", "\u0130", "\U0001f600" * 3, "\xe9" * 700,
    "e\u0301", "__proto__", "constructor", "toString", "hasOwnProperty", "weight", "model", "model.model", "$1", "\\1", "%s", "<b>", "*", "(",
    "x" * 900, "x" * 1100, "layers." * 130, "_" * 300, "h.3.attn.c_attn", "wte", "embed_tokens")  # fmt: skip


@dataclass
class Tensor:
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def numbers(self) -> list[float]:
        """Only of PACKS."""
        return list(struct.unpack(f"<{len(self.data) // (BITS[self.dtype] // 8)}{PACKS[self.dtype]}", self.data))

    def hold(self, numbers: list[float], dtype: str = "F64") -> None:
        self.dtype, self.data = dtype, struct.pack(f"<{len(numbers)}{PACKS[dtype]}", *numbers)


Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class OddSet:
    """Files by path, the adapter first: `given` are the paths of the adapter and its base, of which either may be a folder."""

    what: str
    files: list[tuple[str, bytes]]
    given: list[str]


def odd_sets(seed: int, count: int) -> Iterator[OddSet]:
    for one in range(count):
        draw = random.Random(f"odd {seed} {one}")
        made = random_adapters.adapter(draw, torch.Generator().manual_seed(draw.randrange(2**31)))
        sets = [unpacked(data) for _, data in made.files]
        ways = draw.choices(list(WAYS), k=draw.randint(1, 4)) + ["many"] * (draw.random() < 0.02)
        for way in ways:
            (WAYS | MANY)[way](draw, sets)
        where, place = draw.choice(list(PLACES.items()))
        files, given = place(draw, [packed(draw, tensors) for tensors in sets], sets[-1])
        yield OddSet(f"{one}: {', '.join(ways)}, {where} ({made.what})", files, given)


def unpacked(raw: bytes) -> Tensors:
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    header.pop("__metadata__", None)
    return {
        key: Tensor(one["dtype"], tuple(one["shape"]), data[slice(*one["data_offsets"])]) for key, one in header.items()
    }


def packed(draw: random.Random, tensors: Tensors) -> bytes:
    """In any order, with any metadata."""
    header, data = {}, b""
    if draw.random() < 0.3:
        header["__metadata__"] = {draw.choice(NAMES): draw.choice(NAMES) for _ in range(draw.randrange(4))}
    for key, one in tensors.items():
        header[key] = {"dtype": one.dtype, "shape": one.shape, "data_offsets": [len(data), len(data) + len(one.data)]}
        data += one.data
    text = json.dumps(header, ensure_ascii=draw.random() < 0.5).encode() + b" " * draw.randrange(9)
    return broken_files.packed(text, data)


# Ways to be odd: each changes one of `sets`, the tensors of the adapter and, where there is one, of its base.


def any_of(draw: random.Random, sets: list[Tensors]) -> Tensor:
    return draw.choice(list(draw.choice(sets).values()))


def layers(adapter: Tensors) -> list[str]:
    """Names before the ends of magnitudes, which have the shortest keys' beginnings in common."""
    return sorted({key.rpartition(".lora")[0] or key.rpartition(".")[0] for key in adapter})


def nothing_in_it(draw, sets):
    one, sides = any_of(draw, sets), [draw.choice((1, 3, 2**20, 2**40, 2**52)) for _ in range(draw.randint(0, 3))]
    sides.insert(draw.randint(0, len(sides)), 0)
    one.shape, one.data = tuple(sides) if prod(filter(None, sides)) < 2**53 else (0, 2**52), b""


def another_dtype(draw, sets):
    """The same shape in any dtype, with any bytes."""
    one = any_of(draw, sets)
    dtype = draw.choice([dtype for dtype, bits in BITS.items() if prod(one.shape) * bits % 8 == 0])
    one.dtype, one.data = dtype, draw.randbytes(prod(one.shape) * BITS[dtype] // 8)


def far_numbers(draw, sets):
    one = any_of(draw, sets)
    if one.dtype in PACKS:
        numbers = one.numbers
        for at in draw.sample(range(len(numbers)), min(len(numbers), draw.choice((1, 2, len(numbers))))):
            numbers[at] = draw.choice(FAR)
        one.hold(numbers)


def far_scale(draw, sets):
    one, scale = any_of(draw, sets), 10.0 ** draw.randint(-320, 307)
    if one.dtype in PACKS:
        one.hold([number * scale for number in one.numbers])


def one_number(draw, sets):
    """All alike, or but for a last digit."""
    one, value, step = (
        any_of(draw, sets),
        draw.choice((0.1, 1 / 3, 3.0, 1e-200, 1e27)),
        draw.choice((0, 0, 1e-15, 1e-12, 1e-9, 1e-6)),
    )
    if one.dtype in PACKS:
        one.hold([value * (1 + step * draw.random()) for _ in range(prod(one.shape))])


def on_a_few_rows(draw, sets):
    """A weight whose norms are alike, or all but a few, on one side."""
    one = draw.choice(list(sets[-1].values()))
    if one.dtype in PACKS and len(one.shape) == 2 and one.data:
        rows, columns = one.shape
        step = draw.choice((0, 1e-13, 1e-10, 1e-7))
        numbers = [draw.choice((1.0, -1.0)) * (1 + step * draw.random()) for _ in range(rows * columns)]
        numbers[: draw.choice((0, columns))] = [3.0] * draw.choice((0, columns))
        one.hold(numbers[: rows * columns] + [1.0] * (rows * columns - len(numbers)))


def sides_more(draw, sets):
    """Up to sixty more sides of one."""
    one = any_of(draw, sets)
    shape = list(one.shape)
    for _ in range(draw.choice((1, 1, 2, 60))):
        shape.insert(draw.randint(0, len(shape)), 1)
    one.shape = tuple(shape)


def sides_otherwise(draw, sets):
    """The same numbers in a shape of another kind."""
    one = any_of(draw, sets)
    n = prod(one.shape)
    first = draw.choice([side for side in range(1, min(n, 60) + 1) if n % side == 0] or [0])
    one.shape = draw.choice((one.shape[::-1], (n,), (first, n // first) if first else (0,), () if n == 1 else (n, 1)))


def a_tensor_less(draw, sets):
    tensors = draw.choice(sets)
    if len(tensors) > 1:
        del tensors[draw.choice(list(tensors))]


def a_name(draw, sets):
    """One layer's in the adapter, in the base or in both."""
    name = draw.choice(NAMES)
    old = draw.choice(layers(sets[0]))
    last = old.rpartition("layers.")[2] or old or "\0"
    for tensors in draw.choice((sets[:1], sets, sets)):
        rename(tensors, lambda key: f"{name}.{key.rpartition(last)[2].lstrip('.')}" if last in key else key)


def words_before(draw, sets):
    """As many as the readers look at, and more, before all names of one file."""
    words = draw.choice(("_", ".")).join(draw.choices(WORDS, k=draw.choice((7, 8, 9, 10, 40))))
    tensors = draw.choice(sets)
    rename(tensors, lambda key: f"{words}.{key}")


def rename(tensors: Tensors, to: Callable[[str], str]) -> None:
    changed = {to(key): one for key, one in tensors.items()}
    changed.pop("__metadata__", None)
    tensors.clear()
    tensors.update(changed)


def spelled_twice(draw, sets):
    """A weight again under a name that differs in a dot, or in words that libraries put before it."""
    tensors = sets[-1]
    key = draw.choice(list(tensors))
    again = draw.choice(
        (
            key.replace(".", "_", 1),
            f"model.{key}",
            f"base_model.{key}",
            f"text_encoder.{key}",
            f"_{key}",
            key.replace(".", "..", 1),
        )
    )
    tensors.setdefault(again, tensors[key])


def another_library_s_end(draw, sets):
    """A magnitude again, or instead, under the end that another library gives it."""
    keys = list(sets[0])
    key, end = draw.choice(keys), draw.choice(random_adapters.FAMILIES)["magnitude"]
    sets[0][f"{key.rpartition('.')[0]}.{end}"] = sets[0][key] if draw.random() < 0.7 else sets[0].pop(key)


def many(draw, sets):
    """Hundreds of empty tensors under names like those of the others."""
    tensors = draw.choice(sets)
    key = draw.choice(list(tensors))
    for n in range(draw.choice((300, 1500))):
        tensors[f"{'_'.join(draw.choices(WORDS, k=draw.randint(1, 12)))}_{n}_{key}"] = Tensor("F32", (0,), b"")


WAYS: dict[str, Callable] = {
    "nothing in it": nothing_in_it,
    "another dtype": another_dtype,
    "far numbers": far_numbers,
    "far scale": far_scale,
    "one number": one_number,
    "norms alike": on_a_few_rows,
    "more sides": sides_more,
    "other sides": sides_otherwise,
    "a tensor less": a_tensor_less,
    "a name": a_name,
    "words before": words_before,
    "spelled twice": spelled_twice,
    "another end": another_library_s_end,
}
MANY = {"many": many}


# Places that the adapter and its base, if there is one, lie in: (the files, the paths that Python is given). A page is given the files
# alone. `tensors` are those of the last file.


def under(*names: str) -> Callable:
    def place(draw, files, tensors):
        named = list(zip(names, files, strict=False))
        return named, [name for name, _ in named]

    return place


def folders(draw, files, tensors):
    """The base in two files of a folder, which has the name that a page gives them."""
    found, given = [("a/a.safetensors", files[0])], ["a"]
    if len(files) > 1 and len(tensors) > 1:
        parts = in_two(tensors, draw.randint(1, len(tensors) - 1))
        found += [(f"b0.safetensors/b{n}.safetensors", packed(draw, part)) for n, part in enumerate(parts)]
        given.append("b0.safetensors")
    return found, given


def shards(draw, files, tensors):
    found, given = [("a.safetensors", files[0])], ["a.safetensors"]
    if len(files) > 1:
        parts = in_two(tensors, draw.randint(0, len(tensors)))
        names = [f"m-0000{n + 1}-of-00002.safetensors" for n in range(2)]
        index = {"weight_map": {key: name for name, part in zip(names, parts, strict=True) for key in part}}
        found.append(("m.safetensors.index.json", json.dumps(index).encode()))
        found += zip(names, [packed(draw, part) for part in parts], strict=True)
        given.append("m.safetensors.index.json")
    return found, given


def in_two(tensors: Tensors, cut: int) -> tuple[Tensors, Tensors]:
    entries = list(tensors.items())
    return dict(entries[:cut]), dict(entries[cut:])


PLACES: dict[str, Callable] = {
    "side by side": under("a.safetensors", "b.safetensors"),
    "same names": under("a/model.safetensors", "b/model.safetensors"),
    "in folders": folders,
    "in shards": shards,
}
