"""Files written byte by byte, and what is said of each that is no adapter: by Python and by the page alike."""

import json
import struct


def packed(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def saved(tensors: dict[str, tuple[list[int], list[float]]]) -> bytes:
    header, data = {}, b""
    for key, (shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return packed(header, data)


def entry(start: int = 0, end: int = 8, *, dtype: object = "F32", shape: object = (2,)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


AGAIN = "download or save it again"
DAMAGED = "it is damaged, or not a safetensors file"
SAVE = "load it where it was written and save it with safetensors.torch.save_file"
IMPROPER = "describes the tensor w without a proper dtype, shape and place: it is damaged, so " + AGAIN
BAD = {
    "empty": (b"", f"is empty: {AGAIN}"),
    "short": (b"\1\2\3", f"has 3 bytes, too few for a safetensors header: it was cut off, so {AGAIN}"),
    "zip": (b"PK\3\4" + bytes(40), f"is a zip file, as PyTorch's .bin and .pt files are, and not safetensors: {SAVE}"),
    "pickle": (b"\x80\2" + bytes(40), f"is a Python pickle and not safetensors: {SAVE}"),
    "gguf": (b"GGUF" + bytes(40), "is a GGUF file and not safetensors: give the .safetensors file it was made from"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "is a Git LFS pointer and not the file itself: run git lfs pull",
    ),
    "text": (b"<!doctype html>      ", "is a text and not safetensors: give the file with the tensors"),
    "absurd length": (
        packed({}, length=2**63),
        f"says that its header is longer than 32,000,000 bytes: {DAMAGED}",
    ),
    "cut header": (
        packed({}, length=500),
        f"says that its header has 500 bytes, but 2 follow: it was cut off, so {AGAIN}",
    ),
    "no json": (packed(b"{nothing}"), f"has a header that is not JSON: {DAMAGED}"),
    "no utf-8": (packed(b'{"\xff": 1}'), f"has a header that is not JSON: {DAMAGED}"),
    "NaN in the header": (
        packed(b'{"w": {"dtype": NaN}}'),
        f"has a header that is not JSON: {DAMAGED}",
    ),
    "deep": (
        packed(b'{"w": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"),
        f"has a header that nests deeper than safetensors does: {DAMAGED}",
    ),
    "twice": (
        packed(b'{"w": {}, "\\u0077": {}}'),
        "names the tensor w twice: save it again with the safetensors library",
    ),
    "twice inside": (
        packed(b'{"w": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', bytes(8)),
        IMPROPER,
    ),
    "metadata": (
        packed({"__metadata__": {"a": 1}}),
        "has metadata that is not text: save it again with the safetensors library",
    ),
    "no entry": (packed({"w": [1]}), IMPROPER),
    "shape below zero": (packed({"w": entry(shape=[-2])}, bytes(8)), IMPROPER),
    "true is no number": (packed({"w": entry(0, 4, shape=[True])}, bytes(4)), IMPROPER),
    "backwards": (packed({"w": entry(8, 0)}, bytes(8)), IMPROPER),
    "unknown dtype": (
        packed({"w": entry(dtype="F33")}, bytes(8)),
        "stores w as F33, a dtype that safetensors does not have: save it again with the safetensors library",
    ),
    "a dtype that objects have": (
        packed({"w": entry(dtype="constructor")}, bytes(8)),
        "stores w as constructor, a dtype that safetensors does not have: save it again with the safetensors library",
    ),
    "size": (
        packed({"w": entry(shape=[3])}, bytes(8)),
        f"stores w, (3,) of F32, in 8 bytes, which is not its size: it is damaged, so {AGAIN}",
    ),
    "sides whose product would wrap around": (
        packed({"w": entry(0, 0, shape=[2**52, 2**52])}),
        f"stores w, ({2**52}, {2**52}) of F32, in 0 bytes, which is not its size: it is damaged, so {AGAIN}",
    ),
    "overlap": (
        packed({"v": entry(4, 12), "w": entry()}, bytes(12)),
        f"has w and v in the same place: it is damaged, so {AGAIN}",
    ),
    "gap": (
        packed({"v": entry(12, 20), "w": entry()}, bytes(20)),
        f"leaves 4 bytes before v unused: it is damaged, so {AGAIN}",
    ),
    "cut data": (packed({"w": entry()}, bytes(5)), f"ends 3 bytes too early: it was cut off, so {AGAIN}"),
    "more data": (
        packed({"w": entry()}, bytes(1008)),
        f"goes on for 1,000 bytes after its last tensor: it is damaged, so {AGAIN}",
    ),
    # the first file on the wrong side of each limit, and the last on the right side where that one is bad for another reason
    "seven bytes": (bytes(7), f"has 7 bytes, too few for a safetensors header: it was cut off, so {AGAIN}"),
    "eight bytes": (bytes(8), f"has a header that is not JSON: {DAMAGED}"),
    "first pickle": (
        b"\x80\1" + bytes(40),
        f"says that its header has 384 bytes, but 34 follow: it was cut off, so {AGAIN}",
    ),
    "last pickle": (b"\x80\5" + bytes(40), f"is a Python pickle and not safetensors: {SAVE}"),
    "no pickle": (
        b"\x80\6" + bytes(40),
        f"says that its header has 1,664 bytes, but 34 follow: it was cut off, so {AGAIN}",
    ),
    "longest header": (
        packed({}, length=32_000_000),
        f"says that its header has 32,000,000 bytes, but 2 follow: it was cut off, so {AGAIN}",
    ),
    "longer header": (
        packed({}, length=32_000_001),
        f"says that its header is longer than 32,000,000 bytes: {DAMAGED}",
    ),
    "header cut by a byte": (
        packed({}, length=3),
        f"says that its header has 3 bytes, but 2 follow: it was cut off, so {AGAIN}",
    ),
    "four deep": (packed({"w": {"shape": [[1]]}}), f"has a header that nests deeper than safetensors does: {DAMAGED}"),
    "three deep": (packed({"w": {"shape": [1]}}), IMPROPER),
    "three places": (packed({"w": entry() | {"data_offsets": [0, 8, 8]}}, bytes(8)), IMPROPER),
    "a side past what a page counts to": (packed({"w": entry(0, 0, shape=[0, 2**53])}), IMPROPER),
    "the largest side": (
        packed({"w": entry(0, 0, shape=[0, 2**53 - 1])}),
        "has no DoRA magnitudes: no key ends in lora_magnitude_vector, dora_scale, magnitude or m: give a DoRA adapter",
    ),
    "metadata in a list": (
        packed({"__metadata__": ["a"]}),
        "has metadata that is not text: save it again with the safetensors library",
    ),
    "gap of a byte": (
        packed({"v": entry(9, 17), "w": entry()}, bytes(17)),
        f"leaves 1 bytes before v unused: it is damaged, so {AGAIN}",
    ),
    "overlap of a byte": (
        packed({"v": entry(7, 15), "w": entry()}, bytes(15)),
        f"has w and v in the same place: it is damaged, so {AGAIN}",
    ),
    "data cut by a byte": (packed({"w": entry()}, bytes(7)), f"ends 1 bytes too early: it was cut off, so {AGAIN}"),
    "a byte more": (
        packed({"w": entry()}, bytes(9)),
        f"goes on for 1 bytes after its last tensor: it is damaged, so {AGAIN}",
    ),
    "no magnitudes": (
        saved({"x.lora_A.weight": ([1, 2], [1, 2])}),
        "has no DoRA magnitudes: no key ends in lora_magnitude_vector, dora_scale, magnitude or m "
        "(it is a LoRA without them): give a DoRA adapter",
    ),
    "quantised": (
        packed({"w.dora_scale": entry(0, 2, dtype="I8")}, bytes(2)),
        "stores w.dora_scale as I8, whose numbers are quantised or not floats: "
        "give the file in float32, float16 or bfloat16",
    ),
}
