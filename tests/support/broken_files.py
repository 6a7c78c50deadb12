"""Files written byte by byte, and what is said of each that is no adapter: by the page, and by Python but for the reason."""

import json
import struct

from dorabook.checkpoint.rules import RULES


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
SAVE = "load it where it was written and save it with safetensors.torch.save_file"


def unread(why: str) -> str:
    """What the page says of a broken file; in Python the reason is the safetensors library's."""
    return f"cannot be read ({why}): {AGAIN}"


NO_JSON, NOT_WRITTEN = unread("its header is not JSON"), unread("its header is not what safetensors writes")
NO_HEADER = unread("it has no header of at most 32,000,000 bytes")
IMPROPER = unread("w has no dtype, shape and place that fit together")
APART = unread("its tensors do not lie one after another")
*ENDS, LAST = dict.fromkeys(family["magnitude"] for family in RULES["families"])
KNOWN = f"no DoRA magnitudes under a name known here ({', '.join(ENDS)} or {LAST}): give a DoRA adapter"
BAD = {
    "empty": (b"", f"is empty: {AGAIN}"),
    "short": (b"\1\2\3", NO_HEADER),
    "zip": (b"PK\3\4" + bytes(40), f"is a zip file, as PyTorch's .bin and .pt files are, and not safetensors: {SAVE}"),
    "pickle": (b"\x80\2" + bytes(40), f"is a Python pickle and not safetensors: {SAVE}"),
    "gguf": (b"GGUF" + bytes(40), "is a GGUF file and not safetensors: give the .safetensors file it was made from"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer and not the file itself: run git lfs pull"),
    "text": (b"<!doctype html>      ", "is a text and not safetensors: give the file with the tensors"),
    "text of a few letters": (b"{}", "is a text and not safetensors: give the file with the tensors"),
    "absurd length": (packed({}, length=2**63), NO_HEADER),
    "cut header": (packed({}, length=500), unread("its header of 500 bytes ends after the file")),
    "no json": (packed(b"{nothing}"), NO_JSON),
    "no utf-8": (packed(b'{"\xff": 1}'), NO_JSON),
    "a mark first": (packed(b"\xef\xbb\xbf{}"), NO_JSON),
    "NaN in the header": (packed(b'{"w": {"dtype": NaN}}'), NO_JSON),
    "no object": (packed(b'["w"]'), NOT_WRITTEN),
    "half a character": (packed({"\ud800": entry()}, bytes(8)), NOT_WRITTEN),
    "a size that is not written as one": (packed(json.dumps({"w": entry()}).replace("[2]", "[2.0]").encode(), bytes(8)), NOT_WRITTEN),
    "twice": (packed(b'{"w": {}, "\\u0077": {}}'), NOT_WRITTEN),
    "twice inside": (packed(b'{"w": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', bytes(8)), NOT_WRITTEN),
    "metadata": (packed({"__metadata__": {"a": 1}}), unread("its metadata is not text")),
    "metadata in a list": (packed({"__metadata__": ["a"]}), unread("its metadata is not text")),
    "no entry": (packed({"w": [1]}), IMPROPER),
    "shape below zero": (packed({"w": entry(shape=[-2])}, bytes(8)), IMPROPER),
    "true is no number": (packed({"w": entry(0, 4, shape=[True])}, bytes(4)), IMPROPER),
    "four deep": (packed({"w": {"shape": [[1]]}}), IMPROPER),
    "three places": (packed({"w": entry() | {"data_offsets": [0, 8, 8]}}, bytes(8)), IMPROPER),
    "backwards": (packed({"w": entry(8, 0)}, bytes(8)), IMPROPER),
    "unknown dtype": (packed({"w": entry(dtype="F33")}, bytes(8)), IMPROPER),
    "a dtype that objects have": (packed({"w": entry(dtype="constructor")}, bytes(8)), IMPROPER),
    "a dtype in a list": (packed({"w": entry(dtype=["F32"])}, bytes(8)), IMPROPER),
    "size": (packed({"w": entry(shape=[3])}, bytes(8)), IMPROPER),
    "sides whose product would wrap around": (packed({"w": entry(0, 0, shape=[2**52, 2**52])}), IMPROPER),
    "overlap": (packed({"v": entry(4, 12), "w": entry()}, bytes(12)), APART),
    "gap": (packed({"v": entry(12, 20), "w": entry()}, bytes(20)), APART),
    "cut data": (packed({"w": entry()}, bytes(5)), unread("it ends 3 bytes too early")),
    "more data": (packed({"w": entry()}, bytes(1008)), unread("it goes on for 1,000 bytes after its last tensor")),
    # the first file on the wrong side of each limit, and the last on the right side where that one is bad for another reason
    "seven bytes": (bytes(7), NO_HEADER),
    "eight bytes": (bytes(8), NO_JSON),
    "first pickle": (b"\x80\1" + bytes(40), unread("its header of 384 bytes ends after the file")),
    "last pickle": (b"\x80\5" + bytes(40), f"is a Python pickle and not safetensors: {SAVE}"),
    "no pickle": (b"\x80\6" + bytes(40), unread("its header of 1,664 bytes ends after the file")),
    "longest header": (packed({}, length=32_000_000), unread("its header of 32,000,000 bytes ends after the file")),
    "longer header": (packed({}, length=32_000_001), NO_HEADER),
    "header cut by a byte": (packed({}, length=3), unread("its header of 3 bytes ends after the file")),
    "the largest side": (packed({"w": entry(0, 0, shape=[0, 2**53 - 1])}), f"has {KNOWN}"),
    "gap of a byte": (packed({"v": entry(9, 17), "w": entry()}, bytes(17)), APART),
    "overlap of a byte": (packed({"v": entry(7, 15), "w": entry()}, bytes(15)), APART),
    "data cut by a byte": (packed({"w": entry()}, bytes(7)), unread("it ends 1 bytes too early")),
    "a byte more": (packed({"w": entry()}, bytes(9)), unread("it goes on for 1 bytes after its last tensor")),
    "no magnitudes": (saved({"x.lora_A.weight": ([1, 2], [1, 2])}), f"has LoRA's A and B, but {KNOWN}"),
}  # fmt: skip
# Valid to the safetensors library and refused in the page, whose JSON.parse cannot tell: no library writes such headers.
STRICTER = {
    "a side past what a page counts to": packed({"w": entry(0, 0, shape=[0, 2**53])}),
    "a tensor twice": packed(b'{"w": %s, "w": %s}' % (2 * (json.dumps(entry()).encode(),)), bytes(8)),
    "a field that is no number": packed({"w": entry() | {"more": -0.0}}, bytes(8)),
}
