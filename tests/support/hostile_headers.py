"""Headers that are valid, as large as they may be, and made of what some part of a reader has most work with: header(kind, size)."""

import random
from collections.abc import Callable

EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
WIDE = '{"dtype":"F32","shape":[0,2],"data_offsets":[0,0]}'
DEEP = '{"dtype":"F32","shape":[0' + ",1" * 300 + '],"data_offsets":[0,0]}'
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]

Part = Callable[[int], str]  # number of a tensor -> its name and entry


def tensor(name: str, entry: str = EMPTY) -> str:
    return f'"{name}":{entry}'


def words(n: int, between: str) -> str:
    return between.join(random.Random(n).choices(WORDS, k=12))


def dotted(n: int, word: str = "a") -> str:
    """Another for each n, but for "." and "_"."""
    return "".join(f"{word}{'._'[n >> place & 1]}" for place in range(20))


# kind -> the tensor that stands before or the name of what holds all, and one part of many
KINDS: dict[str, tuple[str, Part]] = {
    "short names": ("", lambda n: tensor(f"a{n}.weight")),
    "names of many words": ("", lambda n: tensor(f"{words(n, '_')}_{n}.weight")),
    "factors": ("", lambda n: tensor(f"{words(n, '.')}.{n}.lora_A.weight")),
    "names that may be magnitudes": ("", lambda n: tensor(f"a{n}.m")),
    "magnitudes": ("", lambda n: tensor(f"a{n}.dora_scale")),
    "magnitudes of one layer": ("", lambda n: tensor(f"a.lora_magnitude_vector.x{n}")),
    "factors of one layer": (tensor("a.dora_scale"), lambda n: tensor(f"a.lora_A.x{n}.weight")),
    "magnitudes and factors of one layer": ("", lambda n: tensor(f"a.{('lora_A', 'lora_magnitude_vector')[n % 2]}.x{n}.weight")),
    "names that differ in dots": ("", lambda n: tensor(f"{dotted(n // 2)}.{('lora_A.weight', 'dora_scale')[n % 2]}")),
    "names that differ in words before": ("", lambda n: tensor(f"{dotted(n // 2, 'model')}x.{('lora_A.weight', 'dora_scale')[n % 2]}")),
    "strangers beside a layer": (tensor("a.b.dora_scale"), lambda n: tensor(f"a.b.x{n}", WIDE)),
    "long names": ("", lambda n: tensor(f"{n}{'a.' * 4990}")),
    "long names that may be magnitudes": ("", lambda n: tensor(f"{n}{'a.' * 4970}dora_scale")),
    "names of wrappers": ("", lambda n: tensor(f"{'base_layer.' * 85}{n}.weight")),
    "names of one word again": ("", lambda n: tensor(f"{'model.' * 150}{n}.lora_A.weight")),
    "names to be spelled otherwise": ("", lambda n: tensor(f"down_{'resnets_1' * 100}{n}.lora_A.weight")),
    "many sides": ("", lambda n: tensor(f"a{n}.weight", DEEP)),
    "metadata": ("__metadata__", lambda n: f'"k{n}":"{"v" * 40}"'),
    "metadata of one text": ("__metadata__", lambda n: f'"k{n}":"{"v" * 10_000_000}"'),
    "escapes": ("", lambda n: tensor(f"\\u00e9{n}.weight")),
}  # fmt: skip


def header(kind: str, size: int) -> bytes:
    """`size` bytes and one part more."""
    first, part = KINDS[kind]
    parts, total = [first] if ":" in first else [], 0
    while total < size:
        parts.append(part(len(parts)))
        total += len(parts[-1]) + 1
    inside = ",".join(parts)
    return (f'{{"{first}":{{{inside}}}}}' if first and ":" not in first else f"{{{inside}}}").encode()
