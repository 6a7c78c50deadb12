"""Safetensors files that are broken in one or two places: the same ones for the same seed, to try a reader with.

`mutants(seed, count)` yields (what was done, bytes). tests/bench/fuzz.py reads many of them, here and in a page.
"""

import json
import random
import re
import struct
from collections.abc import Callable, Iterator

KEYS = (
    "q.lora_A.weight",
    "q.lora_B.weight",
    "q.lora_magnitude_vector",
    "k.dora_scale",
    "k.lora_down.weight",
    "k.lora_up.weight",
)
SHAPES = ((2, 4), (4, 2), (4,), (1, 5), (2, 5), (3, 2))
ODD = (
    -1,
    0,
    1,
    2**31,
    2**53,
    2**63,
    2**64,
    10**400,
    1.5,
    1.0,
    1e308,
    True,
    None,
    "4",
    [],
    {},
    [[4]],
    "\u0000",
    "\ud800",
)
DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F4", "I64", "BOOL", "C64", "f32", "F33", "", "__proto__")


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
    for key, shape in zip(KEYS, SHAPES, strict=True):
        values = [draw.uniform(0.5, 2) for _ in range(shape[0] * (shape[1] if len(shape) > 1 else 1))]
        raw = struct.pack(f"<{len(values)}f", *values)
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return header, data


def packed(header: bytes, data: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def entry(draw: random.Random, header: dict) -> dict:
    found = [value for key, value in header.items() if key != "__metadata__" and isinstance(value, dict)]
    return draw.choice(found) if found else {}


def odd_shape(draw, header):
    entry(draw, header)["shape"] = draw.choice(
        ([draw.choice(ODD)], [1, draw.choice(ODD)], draw.choice(ODD), [2] * 70, [2**40, 0])
    )


def odd_place(draw, header):
    place = entry(draw, header).get("data_offsets")
    if isinstance(place, list) and place:
        place[draw.randrange(len(place))] = draw.choice((*ODD, draw.randrange(200)))


def moved(draw, header):
    one = entry(draw, header)
    if isinstance(one.get("data_offsets"), list):
        step = draw.choice((-8, -4, 4, 8, 10**6))
        one["data_offsets"] = [at + step if isinstance(at, int) else at for at in one["data_offsets"]]


def odd_dtype(draw, header):
    entry(draw, header)["dtype"] = draw.choice((*DTYPES, *ODD))


def odd_entry(draw, header):
    header[draw.choice(list(header))] = draw.choice(ODD)


def key_lost(draw, header):
    one = entry(draw, header)
    one.pop(draw.choice(sorted(one)), None) if one else None


def tensor_lost(draw, header):
    header.pop(draw.choice(list(header)))
    header.setdefault("__metadata__", {})


def key_changed(draw, header):
    old = draw.choice(list(header))
    header[
        draw.choice(("", "m", "x" * 300, "a\u0000b", "1", "toString", old.upper(), "q.lora_magnitude_vector.a.weight"))
    ] = header.pop(old)


IN_HEADER: dict[str, Callable] = {
    "a shape": odd_shape,
    "a place": odd_place,
    "a tensor moved": moved,
    "a dtype": odd_dtype,
    "an entry": odd_entry,
    "a key of an entry lost": key_lost,
    "a tensor lost": tensor_lost,
    "a name": key_changed,
}


def cut(draw, raw):
    return raw[: draw.randrange(len(raw))]


def flipped(draw, raw):
    at = draw.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]


def length(draw, raw):
    return struct.pack("<Q", draw.choice((0, 1, 2, 7, len(raw), len(raw) - 8, 10**8, 2**63, 2**64 - 1))) + raw[8:]


def longer(draw, raw):
    return raw + bytes(draw.randrange(1, 99))


def nested(draw, raw):
    depth = draw.choice((3, 4, 5, 100, 20_000))
    return packed(b'{"w":' + b"[" * depth + b"]" * depth + b"}", b"")


def twice(draw, raw):
    header = raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]]
    return packed(header[:-1] + b"," + header[1:] if len(header) > 2 else header, raw[8 + len(header) :])


def parts(raw: bytes) -> tuple[bytes, bytes]:
    """Header and data, where the length is still that of the header."""
    size = struct.unpack("<Q", raw[:8])[0]
    return raw[8 : 8 + size], raw[8 + size :]


def in_header(draw, raw, pattern: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """`change` applied to one of the places where `pattern` matches the header."""
    header, data = parts(raw)
    found = list(re.finditer(pattern, header))
    if not found:
        return raw
    at = draw.choice(found)
    return packed(header[: at.start()] + change(at[0]) + header[at.end() :], data)


def spelled(draw, raw):
    """A number that has the same value, or nearly, and is written otherwise."""
    forms = (
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
    return in_header(draw, raw, rb"(?<=[\[ ])\d+(?=[],])", lambda digits: draw.choice(forms) % digits)


def escaped(draw, raw):
    """A letter of a text written as an escape, a good one or one that is no letter."""
    forms = (
        b"\\ud800",
        b"\\udc00",
        b"\\ud83d\\ude00",
        b"\\ude00\\ud83d",
        b"\\u0000",
        b"\\n",
        b"\\x41",
        b"\\u12",
        b"\\/",
        b"\x01",
        b"\xff",
    )
    forms = (*forms, b"\xed\xa0\x80", b"\\uD83D\\uDE00", b"\\\\ud800", b"\xe2\x80\xae", b"<img src=x onerror=alert(1)>")
    return in_header(draw, raw, rb'(?<=")\w', lambda letter: draw.choice(forms) + letter)


def more_fields(draw, raw):
    """A field that no reader knows, with any value."""
    values = (
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
    names = (b'"more"', b'"__proto__"', b'"dtype"', b'"\\u0064type"', b'"shape"', b'"constructor"')
    return in_header(draw, raw, rb'"dtype"', lambda key: b"%s: %s, %s" % (draw.choice(names), draw.choice(values), key))


def between(draw, raw):
    """Something before, after or between two words of the header."""
    forms = (b" ", b"\t\n\r", b"\x0b", b"\x00", b"\xef\xbb\xbf", b"\xc2\xa0", b",", b"//", b"/**/", b"{", b"}", b"]")
    return in_header(draw, raw, rb"(?<=[:,{}])|^", lambda nothing: draw.choice(forms))


def noise(draw, raw):
    return draw.randbytes(draw.randrange(64))


def odd_values(draw, raw):
    """NaN, infinity, zero or a sign in the last tensors, whose bytes are the last."""
    value = draw.choice((float("nan"), float("inf"), 0.0, -1.0))
    at = len(raw) - 4 * draw.randrange(1, 20)
    return raw[:at] + struct.pack("<f", value) + raw[at + 4 :]


def none(draw, raw):
    return raw


IN_BYTES: dict[str, Callable] = {
    "cut": cut,
    "a bit": flipped,
    "the length": length,
    "longer": longer,
    "nested": nested,
    "every key twice": twice,
    "a number": spelled,
    "an escape": escaped,
    "more fields": more_fields,
    "between": between,
    "noise": noise,
    "values": odd_values,
    "nothing": none,
}
