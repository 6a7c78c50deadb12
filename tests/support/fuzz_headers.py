"""Safetensors files that are broken in one or two places: the same ones for the same seed, to try a reader with.

`mutants(seed, count)` yields (what was done, bytes). tests/bench/fuzz.py reads many of them; random_adapters.py has valid ones.
"""

import json
import random
import re
import struct
from collections.abc import Callable, Iterator

SHAPES = {"q.lora_A.weight": (2, 4), "q.lora_B.weight": (4, 2), "q.lora_magnitude_vector": (4,), "k.dora_scale": (1, 5),
    "k.lora_down.weight": (2, 5), "k.lora_up.weight": (3, 2)}  # fmt: skip
ODD = (-1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**400, 1.5, 1.0, 1e308, True, None, "4", [], {}, [[4]], "\0", "\ud800")
DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F4", "I64", "BOOL", "C64", "f32", "F33", "", "__proto__")
NAMES = ("", "m", "x" * 300, "a\0b", "1", "toString", "q.lora_magnitude_vector.a.weight")
# Numbers of one value, or nearly, that are written otherwise.
NUMBERS = (
    b"%s.0",
    b"%se0",
    b"%sE+0",
    b"-%s",
    b"0%s",
    b"+%s",
    b"%s.",
    b"0x%s",
    b'"%s"',
    b"%s" + b"0" * 400,
    b"%s0e-1",
    b" %s ",
)
# Before a letter of a text: escapes, good ones and ones that are no letter, and bytes that are none.
LETTERS = (b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\ude00\\ud83d", b"\\u0000", b"\\n", b"\\x41", b"\\u12", b"\\/", b"\x01", b"\xff",
    b"\xed\xa0\x80", b"\\uD83D\\uDE00", b"\\\\ud800", b"\xe2\x80\xae", b"<img src=x onerror=alert(1)>")  # fmt: skip
# A field that no reader knows, or twice one that all know.
FIELDS = (b'"more"', b'"__proto__"', b'"dtype"', b'"\\u0064type"', b'"shape"', b'"constructor"')
VALUES = (
    b"1.5",
    b"[1.5]",
    b"[-0]",
    b"{}",
    b"[[1]]",
    b"null",
    b"1e999",
    b"-1e999",
    b"[1e999]",
    b'"\\ud800"',
    b"NaN",
    b"[2]",
    b"9" * 400,
)
BETWEEN = (b" ", b"\t\n\r", b"\x0b", b"\x00", b"\xef\xbb\xbf", b"\xc2\xa0", b",", b"//", b"/**/", b"{", b"}", b"]")


def mutants(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    draw = random.Random(seed)
    for _ in range(count):
        header, data = sound(draw)
        names = draw.choices(list(IN_HEADER), k=draw.choice((0, 1, 1, 2)))
        for name in names:
            IN_HEADER[name](draw, header)
        raw = packed(json.dumps(header).encode(), data)
        if not names or draw.random() < 0.3:
            name = draw.choice(list(IN_BYTES))
            names, raw = [*names, name], IN_BYTES[name](draw, raw)
        yield ", ".join(names), raw


def sound(draw: random.Random) -> tuple[dict, bytes]:
    """A small adapter in float32, its header and its data."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, shape in SHAPES.items():
        values = [draw.uniform(0.5, 2) for _ in range(shape[0] * (shape[1] if len(shape) > 1 else 1))]
        raw = struct.pack(f"<{len(values)}f", *values)
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return header, data


def packed(header: bytes, data: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def parts(raw: bytes) -> tuple[bytes, bytes]:
    """Header and data, where the length is still that of the header."""
    size = struct.unpack("<Q", raw[:8])[0]
    return raw[8 : 8 + size], raw[8 + size :]


def entry(draw: random.Random, header: dict) -> dict:
    found = [value for key, value in header.items() if key != "__metadata__" and isinstance(value, dict)]
    return draw.choice(found) if found else {}


def odd_place(draw, header):
    place = entry(draw, header).get("data_offsets")
    if isinstance(place, list) and place:
        place[draw.randrange(len(place))] = draw.choice((*ODD, draw.randrange(200)))


def moved(draw, header):
    one, step = entry(draw, header), draw.choice((-8, -4, 4, 8, 10**6))
    if isinstance(one.get("data_offsets"), list):
        one["data_offsets"] = [at + step if isinstance(at, int) else at for at in one["data_offsets"]]


def key_lost(draw, header):
    one = entry(draw, header)
    one.pop(draw.choice(sorted(one)), None) if one else None


def tensor_lost(draw, header):
    header.pop(draw.choice(list(header)))
    header.setdefault("__metadata__", {})


def key_changed(draw, header):
    old = draw.choice(list(header))
    header[draw.choice((*NAMES, old.upper()))] = header.pop(old)


IN_HEADER: dict[str, Callable] = {
    "a shape": lambda draw, header: entry(draw, header).update(
        shape=draw.choice(([draw.choice(ODD)], [1, draw.choice(ODD)], draw.choice(ODD), [2] * 70, [2**40, 0]))
    ),
    "a place": odd_place,
    "a tensor moved": moved,
    "a dtype": lambda draw, header: entry(draw, header).update(dtype=draw.choice((*DTYPES, *ODD))),
    "an entry": lambda draw, header: header.update({draw.choice(list(header)): draw.choice(ODD)}),
    "a key of an entry lost": key_lost,
    "a tensor lost": tensor_lost,
    "a name": key_changed,
}


def flipped(draw, raw):
    at = draw.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]


def length(draw, raw):
    return struct.pack("<Q", draw.choice((0, 1, 2, 7, len(raw), len(raw) - 8, 10**8, 2**63, 2**64 - 1))) + raw[8:]


def nested(draw, raw):
    depth = draw.choice((3, 4, 5, 100, 20_000))
    return packed(b'{"w":' + b"[" * depth + b"]" * depth + b"}", b"")


def twice(draw, raw):
    header, data = parts(raw)
    return packed(header[:-1] + b"," + header[1:] if len(header) > 2 else header, data)


def in_header(pattern: bytes, change: Callable[[random.Random, bytes], bytes]) -> Callable:
    """`change` applied to one of the places where `pattern` matches the header."""

    def changed(draw, raw):
        header, data = parts(raw)
        found = list(re.finditer(pattern, header))
        if not found:
            return raw
        at = draw.choice(found)
        return packed(header[: at.start()] + change(draw, at[0]) + header[at.end() :], data)

    return changed


def odd_values(draw, raw):
    """NaN, infinity, zero or a sign in the last tensors, whose bytes are the last."""
    at = len(raw) - 4 * draw.randrange(1, 20)
    return raw[:at] + struct.pack("<f", draw.choice((float("nan"), float("inf"), 0.0, -1.0))) + raw[at + 4 :]


IN_BYTES: dict[str, Callable] = {
    "cut": lambda draw, raw: raw[: draw.randrange(len(raw))],
    "a bit": flipped,
    "the length": length,
    "longer": lambda draw, raw: raw + bytes(draw.randrange(1, 99)),
    "nested": nested,
    "every key twice": twice,
    "a number": in_header(rb"(?<=[\[ ])\d+(?=[],])", lambda draw, digits: draw.choice(NUMBERS) % digits),
    "an escape": in_header(rb'(?<=")\w', lambda draw, letter: draw.choice(LETTERS) + letter),
    "more fields": in_header(
        rb'"dtype"', lambda draw, key: b"%s: %s, %s" % (draw.choice(FIELDS), draw.choice(VALUES), key)
    ),
    "between": in_header(rb"(?<=[:,{}])|^", lambda draw, nothing: draw.choice(BETWEEN)),
    "noise": lambda draw, raw: draw.randbytes(draw.randrange(64)),
    "values": odd_values,
    "nothing": lambda draw, raw: raw,
}
