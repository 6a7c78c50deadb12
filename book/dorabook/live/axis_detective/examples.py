"""Small adapter files to judge, made here byte for byte as axis_detective/examples.js makes them.

Drawn and rounded with whole numbers and float64 alone, in one order, so that both languages come to the same bytes.
"""

import json
import math
import struct
from collections.abc import Callable, Iterable

SIZE, NARROW, RANK = 24, 8, 2

Tensor = tuple[str, list[int], list[float]]  # key, shape, numbers


def example_files(example: str) -> dict[str, bytes]:
    """The files of an example by name: "adapter.safetensors" first, then the base where it has one."""
    adapter, base = FILES[example]()
    files = {"adapter.safetensors": packed(adapter)}
    return {**files, "base.safetensors": packed(base)} if base else files


def outputs() -> list[Tensor]:
    return [*peft("self_attn.k_proj", NARROW, 1), *peft("self_attn.q_proj", SIZE, 2), *peft("mlp.up_proj", 2 * SIZE, 3)]


def inputs() -> list[Tensor]:
    layers = (("attn1_to_q", SIZE), ("attn2_to_k", NARROW), ("ff_net_2", 2 * SIZE))
    return [part for seed, (name, rows) in enumerate(layers, 1) for part in lycoris(name, rows, [1, SIZE], seed)]


def squares() -> list[Tensor]:
    return [*lycoris("attn1_to_q", SIZE, [SIZE], 1), *lycoris("attn1_to_out_0", SIZE, [SIZE], 2)]


def base() -> list[Tensor]:
    keys = ("attn1.to_q.weight", "attn1.to_out.0.weight")
    return [(key, [SIZE, SIZE], weight(SIZE, seed)) for seed, key in enumerate(keys, 1)]


FILES: dict[str, Callable[[], tuple[list[Tensor], list[Tensor]]]] = {
    "output": lambda: (outputs(), []),
    "input": lambda: (inputs(), []),
    "square": lambda: (squares(), []),
    "square with base": lambda: (squares(), base()),
}


def peft(name: str, rows: int, seed: int) -> list[Tensor]:
    layer = f"base_model.model.model.layers.0.{name}"
    return [
        (f"{layer}.lora_A.weight", [RANK, SIZE], draw(RANK * SIZE, seed + 10)),
        (f"{layer}.lora_B.weight", [rows, RANK], draw(rows * RANK, seed + 20)),
        (f"{layer}.lora_magnitude_vector", [rows], trained(row_norms(weight(rows, seed)), seed)),
    ]


def lycoris(name: str, rows: int, shape: list[int], seed: int) -> list[Tensor]:
    layer = f"lora_unet_{name}"
    return [
        (f"{layer}.dora_scale", shape, trained(column_norms(weight(rows, seed)), seed)),
        (f"{layer}.lora_down.weight", [RANK, SIZE], draw(RANK * SIZE, seed + 10)),
        (f"{layer}.lora_up.weight", [rows, RANK], draw(rows * RANK, seed + 20)),
    ]


def draw(count: int, seed: int) -> list[float]:
    """`count` numbers from -1 to 1, each a multiple of 1/1024."""
    x, drawn = 7919 * seed, []
    for _ in range(count):
        x = 16807 * x % 2147483647
        drawn.append((x % 2049 - 1024) / 1024)
    return drawn


def weight(rows: int, seed: int) -> list[float]:
    """A weight (rows, SIZE) in one list, row by row, whose rows and columns of that shape differ in length."""
    numbers, down, across = draw(rows * SIZE, seed), draw(rows, seed + 30), draw(SIZE, seed + 40)
    return [single(x * (1 + down[i // SIZE] / 2) * (1 + across[i % SIZE] / 2)) for i, x in enumerate(numbers)]


def single(value: float) -> float:
    """The nearest float32."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def row_norms(numbers: list[float]) -> list[float]:
    return norms(numbers[i : i + SIZE] for i in range(0, len(numbers), SIZE))


def column_norms(numbers: list[float]) -> list[float]:
    return norms(numbers[i::SIZE] for i in range(SIZE))


def norms(lists: Iterable[list[float]]) -> list[float]:
    return [math.sqrt(in_order(value * value for value in values)) for values in lists]


def in_order(values: Iterable[float]) -> float:
    """The sum, rounded after each step as JavaScript does; sum() rounds less from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total


def trained(values: list[float], seed: int) -> list[float]:
    """What a training leaves of a magnitude that started as `values`: each moved by up to 2 %."""
    moves = draw(len(values), seed + 50)
    return [value * (1 + move / 50) for value, move in zip(values, moves, strict=True)]


def packed(tensors: list[Tensor]) -> bytes:
    """A safetensors file: the header's length, the header, and all numbers in float32."""
    header, end = {}, 0
    for key, shape, numbers in tensors:
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end := end + 4 * len(numbers)]}
    text = json.dumps(header, separators=(",", ":"))
    text = text.ljust(-(-len(text) // 8) * 8)
    data = [value for _, _, numbers in tensors for value in numbers]
    return struct.pack("<Q", len(text)) + text.encode() + struct.pack(f"<{len(data)}f", *data)
