"""An adapter's dense weights on the axis that was found, and the plain LoRA nearest to what it changes.

    W' = m (W + s BA) / |W + s BA|, the norms over each output's or each input's numbers

Layer by layer and in pieces, into a copy of the base's files: a merged weight has the place, shape and dtype that it had. The
numbers are computed in float32, in float64 for a base of float64, and then rounded once, to the nearest. A weight that would
not be finite so is refused.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from ..text import clipped
from .base import READ
from .families import FACTOR, FORMS, Layer, part
from .files import CONFIG, Checkpoint, config_of, read, read_adapter
from .judging import Axis, LayerVerdict, Place, judged_places, shown
from .rules import matched, say
from .safetensors import FLOATS, PIECE, Entry, Reader, Refused, decoded, numbers, open_files

EIGHTHS = {"F8_E4M3": (3, 7), "F8_E5M2": (2, 15)}  # bits of the fraction, and what is added to an exponent
# The least number that is rounded to none, or to infinity.
BEYOND = {
    "F64": math.inf,
    "F32": math.inf,
    "F16": 65520,
    "BF16": 2.0**128 - 2.0**119,
    "F8_E4M3": 464 + 2.0**-15,  # the next float32
    "F8_E5M2": 61440,
}
BESIDE = (".json", ".txt", ".model", ".jinja")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """A layer to merge: its weight, the axis of its magnitude, and what scales BA."""

    place: Place
    axis: Axis
    scale: float

    @property
    def name(self) -> str:
        return self.place.layer.name

    @property
    def entry(self) -> Entry:
        return self.place.found.entry

    @property
    def side(self) -> int:
        """The side of the stored weight that a magnitude is given for: 0 the first, 1 the second."""
        return int((self.axis == "per output") == (self.place.stored == "in, out"))


def merge(
    adapter: Path,
    base: Path,
    out: Path,
    *,
    per: str | None = None,
    alpha: float | None = None,
    progress: Progress | None = None,
) -> list[Job]:
    """Write the merged files to `out`: a file for a base of one file, else a folder. Refused where a layer cannot be merged."""
    tensors, model = read_adapter(adapter), read(base)
    jobs = jobs_of(tensors, model, adapter, per, alpha)
    by_file: dict[Path, list[Job]] = {entry.path: [] for entry in model.entries.values()}
    for job in jobs:
        by_file[job.entry.path].append(job)
    sizes = {file: file.stat().st_size for file in by_file}
    done, size = 0, sum(sizes.values()) + sum(job.entry.size for job in jobs)
    with making(out) as half, open_files() as read_entry, np.errstate(all="ignore"):
        for file, its_jobs in by_file.items():
            target = half if not is_folder(base) else half / file.relative_to(folder_of(base))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            done += sizes[file]
            with target.open("r+b") as written:
                for job in its_jobs:
                    written.seek(job.entry.start)
                    for rows in merged(job, tensors, read_entry):
                        refuse_infinite(job, rows)
                        written.write(encoded(rows, job.entry.dtype))
                    done += job.entry.size
                    if progress:
                        progress(done, size)
        for file in (*indexes(base), *beside(base)):
            target = half / file.relative_to(folder_of(base))
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
    return jobs


def extract(
    adapter: Path,
    base: Path,
    out: Path,
    rank: int,
    *,
    per: str | None = None,
    alpha: float | None = None,
    progress: Progress | None = None,
) -> list[tuple[str, float]]:
    """Write the LoRA of `rank` nearest to what the adapter changes in each weight: a file, or a folder as peft has it.

    Returns each layer's name and |change - BA| / |change|.
    """
    tensors, model = read_adapter(adapter), read(base)
    jobs = jobs_of(tensors, model, adapter, per, alpha)
    found, errors, size = {}, [], sum(job.entry.size for job in jobs)
    with open_files() as read_entry, np.errstate(all="ignore"):
        for job in jobs:
            change = np.concatenate(list(merged(job, tensors, read_entry))).reshape(job.entry.shape)
            refuse_infinite(job, change)
            change -= dense(job.entry, read_entry)
            factors, error = low_rank(job, change, rank)
            found |= factors
            errors.append((job.name, error))
            if progress:
                progress(sum(one.entry.size for one in jobs[: len(errors)]), size)
    folder = out.suffix != ".safetensors"
    with making(out) as half:
        if folder:
            half.mkdir()
            (half / CONFIG).write_text(json.dumps(peft_config(jobs, rank), indent=1), encoding="utf-8")
        save_file(found, half / "adapter_model.safetensors" if folder else half, metadata={"format": "pt"})
    return errors


def refuse_infinite(job: Job, rows: np.ndarray) -> None:
    """NaN is in neither order with any number."""
    if not max(rows.max(), -rows.min()) < BEYOND[job.entry.dtype]:
        raise cannot(
            job.place.layer,
            f"a merged number is NaN, infinity or too large for {job.entry.dtype}, in which the base stores this weight. "
            "Look for NaN in the adapter's and the base's numbers, and at alpha.",
        )


@contextmanager
def making(out: Path) -> Iterator[Path]:
    """A path beside `out`, which takes its place when all is written: of a failure nothing stays, and nothing is written over."""
    if not out.name:
        raise Refused(f"{clipped(str(out))} is a folder's place and no new name: give one")
    half = out.with_name(f"{out.name}.part")
    if os.path.lexists(out):
        raise Refused(f"{clipped(out.name)} is there already, and nothing is written over: give a new name")
    if os.path.lexists(half):
        raise Refused(
            f"{clipped(half.name)} is there, of a run that goes on or was cut off: remove it, or give a new name"
        )
    if not os.path.isdir(out.parent):
        raise Refused(f"the folder {clipped(out.parent.name)} is not there: make it first")
    try:
        yield half
        os.rename(half, out)
    except BaseException as error:
        with suppress(OSError):
            shutil.rmtree(half, ignore_errors=True) if os.path.isdir(half) else half.unlink(missing_ok=True)
        if isinstance(error, OSError | SafetensorError):
            why = clipped(getattr(error, "strerror", "") or str(error))
            raise Refused(f"{clipped(out.name)} could not be written ({why}); nothing of it was left") from None
        raise


def is_folder(base: Path) -> bool:
    return os.path.isdir(base) or base.name.endswith(".index.json")


def folder_of(base: Path) -> Path:
    return base if os.path.isdir(base) else base.parent


def indexes(base: Path) -> list[Path]:
    if not os.path.isdir(base):
        return [base] if is_folder(base) else []
    return [*base.glob("*.safetensors.index.json"), *base.glob("*/*.safetensors.index.json")]


def beside(base: Path) -> list[Path]:
    """What a model's folder has beside its weights and is loaded with: configurations and tokenizers."""
    if not os.path.isdir(base):
        return []
    files = [*base.glob("*"), *base.glob("*/*")]
    return [
        file
        for file in files
        if file.suffix in BESIDE and not file.name.endswith(".index.json") and os.path.isfile(file)
    ]


def jobs_of(adapter: Checkpoint, base: Checkpoint, path: Path, per: str | None, alpha: float | None) -> list[Job]:
    """What there is to do, or one sentence of why a layer cannot be merged: half a merged adapter is another adapter."""
    pairs = judged_places(adapter, base)
    config = config_of(path)
    refuse_rest(adapter, [place.layer for _, place in pairs])
    taken: set[Entry] = set()
    jobs = []
    for verdict, place in pairs:
        layer = place.layer
        if place.stored not in READ or place.stored == "unknown" or verdict.broken or not layer.factors or layer.ranks:
            raise cannot(layer, say("stored") if place.stored == "unknown" else verdict.evidence.strip())
        for key in (layer.magnitude.key, *layer.factors, *second_of(layer)):
            if key not in adapter.entries:
                raise cannot(layer, f"{clipped(key)} is not in {adapter.name}.")
            if adapter.entries[key].dtype not in FLOATS:
                raise cannot(
                    layer, f"{clipped(key)} is stored as {adapter.entries[key].dtype}, whose values are not read."
                )
        if place.found.entry in taken:
            raise cannot(layer, "Its weight has two magnitudes.")
        taken.add(place.found.entry)
        jobs.append(Job(place, axis_for(verdict, layer, per), scale_of(layer, adapter, config, alpha)))
    return jobs


def cannot(layer: Layer, why: str) -> Refused:
    return Refused(f"{shown(layer.name)} cannot be merged, so nothing is: {why}")


def stem_of(layer: Layer) -> str:
    """The layer's name as its factors' keys have it."""
    return FACTOR.fullmatch(layer.factors[0])[1] or ""


def refuse_rest(adapter: Checkpoint, layers: list[Layer]) -> None:
    """What else an adapter holds would be lost: layers without a magnitude, biases, whole modules."""
    used = {key for layer in layers for key in (layer.magnitude.key, *layer.factors, *second_of(layer))}
    for key in adapter.entries:
        if key not in used and not re.search(r"(^|\.)(alpha|base_layer\.weight)$", key):
            what = "a factor of a layer without a magnitude" if FACTOR.fullmatch(key) else "no part of a DoRA layer"
            raise Refused(
                f"{adapter.name} holds {clipped(key)}, {what}, which would be lost: merge it with its own tool"
            )


def axis_for(verdict: LayerVerdict, layer: Layer, per: str | None) -> Axis:
    """The axis that was found; where it was not found for sure, the one that was asked for."""
    sure = verdict.confidence in ("certain", "high")
    if per is None and not sure:
        raise cannot(
            layer, f"its axis is not sure. {verdict.evidence.strip()} If you know it, add --per output or --per input."
        )
    asked = {"output": "per output", "input": "per token" if layer.embedding else "per input"}.get(per, verdict.axis)
    if sure and asked != verdict.axis:
        raise cannot(layer, f"it is {verdict.axis}. {verdict.evidence.strip()}")
    return asked


def scale_of(layer: Layer, adapter: Checkpoint, config: dict, alpha: float | None) -> float:
    """alpha / rank as the tool that trained it has it: an alpha beside the factors, or a configuration's."""
    rank = rank_of(layer, adapter.entries)
    if rank is None:  # whole matrices, which nothing scales
        return 1.0
    own = adapter.entries.get(part(stem_of(layer), "alpha"))
    if alpha is not None:
        said = alpha
    elif own:
        return checked(alpha_in(own), own.key) / rank
    elif isinstance(parameters := config.get("lora_parameters"), dict):  # mlx-lm's, which says the whole factor
        return checked(parameters.get("scale"), f"the scale in {CONFIG}")
    else:
        said = pattern_for(layer, config.get("alpha_pattern"), config.get("lora_alpha"))
    if said is None:
        raise Refused(
            f"{adapter.name} has no alpha, and no {CONFIG} beside it says one: put that there, or add --alpha"
        )
    return checked(said, "alpha") / (math.sqrt(rank) if config.get("use_rslora") is True else rank)


def alpha_in(entry: Entry) -> float | None:
    """The one number of a tensor, which some tools write as a whole one."""
    whole = {"I64": "<i8", "I32": "<i4"}.get(entry.dtype)
    if math.prod(entry.shape) != 1 or not (whole or entry.dtype in FLOATS):
        return None
    with open_files() as read_entry:
        raw = read_entry(entry)
        return float((np.frombuffer(raw, whole) if whole else decoded(raw, entry.dtype))[0])


def checked(number: object, name: str) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise Refused(f"{clipped(name)} is no number above 0: correct it, or add --alpha")
    return number


def pattern_for(layer: Layer, patterns: object, other: object) -> object:
    """The first of peft's patterns that the layer's name ends in."""
    for end, value in patterns.items() if isinstance(patterns, dict) else ():
        try:
            if matched(rf"(?:.*\.)?(?:{end})", layer.name):
                return value
        except re.error:
            raise Refused(f"alpha_pattern in {CONFIG} has {clipped(end)}, which is no pattern: correct it") from None
    return other


def rank_of(layer: Layer, entries: Mapping[str, Entry]) -> int | None:
    """The first rank that the factors' sides name, None where they are whole matrices."""
    if layer.turned:
        return layer.turned[0][FORMS_OF[layer.form][layer.form[0]].index("inputs")]
    for key, words in zip(layer.factors, FORMS_OF[layer.form].values(), strict=True):
        for word, side in zip(words, entries[key].shape, strict=False):
            if word in ("rank", ""):
                return side
    return None


FORMS_OF = {tuple(form["sides"]): form["sides"] for form in FORMS}


def dense(entry: Entry, read_entry: Reader) -> np.ndarray:
    """A tensor of FLOATS in its shape, to compute with: float32, or float64 where it is stored so."""
    kind = np.float64 if entry.dtype == "F64" else np.float32
    return decoded(read_entry(entry), entry.dtype).astype(kind).reshape(entry.shape)


def merged(job: Job, adapter: Checkpoint, read_entry: Reader) -> Iterator[np.ndarray]:
    """The weight on the axis of its magnitude, some rows of (a, b times kernel) after others. A direction of length 0 stays 0."""
    change, a = change_of(job, adapter, read_entry), job.entry.shape[0]
    inner = math.prod(job.entry.shape[2:])

    def moved(rows: slice) -> np.ndarray:
        weight = dense(job.entry.rows(rows.start, rows.stop), read_entry).reshape(rows.stop - rows.start, -1)
        weight += change(rows)
        return weight

    parts = [slice(top, min(a, top + rows_of(job.entry))) for top in range(0, a, rows_of(job.entry))]
    magnitude = numbers(job.place.layer.magnitude, read_entry)
    if job.side == 1:
        sums = sum(np.square(moved(rows), dtype=np.float64).sum(0) for rows in parts)
        factors = np.repeat(ratio(magnitude, np.sqrt(sums.reshape(-1, inner).sum(1))), inner)
    for rows in parts:
        weight = moved(rows)
        if job.side == 0:
            norms = np.sqrt(np.square(weight, dtype=np.float64).sum(1))
            factors = ratio(magnitude[rows], norms)[:, None]
        weight *= factors.astype(weight.dtype)
        yield weight


def rows_of(entry: Entry) -> int:
    """As many as a cache holds."""
    return max(1, PIECE // max(1, math.prod(entry.shape[1:])))


def ratio(magnitude: np.ndarray, norms: np.ndarray) -> np.ndarray:
    return np.divide(magnitude, norms, out=np.zeros_like(norms), where=norms > 0)


def change_of(job: Job, adapter: Checkpoint, read_entry: Reader) -> Callable[[slice], np.ndarray]:
    """Rows of s BA, or of what the library of these names has in its place, as (a, b times kernel) of the stored weight."""
    layer, shape = job.place.layer, job.entry.shape
    factors = {end: dense(adapter.entries[key], read_entry) for end, key in zip(layer.form, layer.factors, strict=True)}
    turned = job.place.stored == "in, out"
    if "diff" in factors or any(end.startswith("lokr") for end in factors):
        whole = factors["diff"] if "diff" in factors else kronecker(factors)
        if whole.size != math.prod(shape):
            raise cannot(layer, f"its factors multiply to {whole.size:,} numbers, and its weight is {shape}.")
        whole = (whole.T if turned else whole).reshape(shape[0], -1)
        product = whole.__getitem__
    else:
        second = {key.rpartition(".")[2]: dense(adapter.entries[key], read_entry) for key in second_of(layer)}
        pairs = [(right.T, left.T) if turned else (left, right) for left, right in pairs_of(layer, factors, second)]
        refuse_other_sizes(layer, pairs, shape)

        def product(part: slice) -> np.ndarray:
            return math.prod([left[part] @ right for left, right in pairs])

    def rows(part: slice) -> np.ndarray:
        change = product(part)
        return change * change.dtype.type(job.scale)

    return rows


Pair = tuple[np.ndarray, np.ndarray]  # (outputs, rank) and (rank, inputs times kernel)


def pairs_of(layer: Layer, factors: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[Pair]:
    """One pair of matrices, and of LoHa, whose products are multiplied number by number, two."""
    if any(end.startswith("hada") for end in factors):
        return [hadamard(factors, 1), hadamard(second, 2)]
    if "lora_mid.weight" in factors:
        down, up, mid = (factors[f"lora_{end}.weight"] for end in ("down", "up", "mid"))
        return [(flat(up), cored(mid, flat(down)))]
    sides = FORMS_OF[layer.form]
    if not layer.turned:
        return [flattened(factors, sides)]
    a, b = (factors[end] for end in layer.form)
    if sides[layer.form[0]][0] == "inputs":
        return [(b, a)]
    if layer.outputs == layer.inputs:
        raise cannot(
            layer,
            f"A is {a.shape} and B is {b.shape}: on a square layer nothing tells whether it adds A B or its transpose.",
        )
    return [(a, b)] if a.shape[0] == layer.outputs else [(b.T, a.T)]


def hadamard(factors: dict[str, np.ndarray], half: int) -> Pair:
    up, down = (factors[f"hada_w{half}_{end}"] for end in "ab")
    core = factors.get(f"hada_t{half}")
    return (up, down) if core is None else (up.T, cored(core, down))  # beside a core, up is (rank, outputs)


def flat(factor: np.ndarray) -> np.ndarray:
    return factor.reshape(factor.shape[0], -1)


def cored(core: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A Tucker core (rank, rank, *kernel) times (rank, inputs), as (rank, inputs times kernel)."""
    return flat(np.moveaxis(np.tensordot(core, right, ([1], [0])), -1, 1))


def refuse_other_sizes(layer: Layer, pairs: list[Pair], shape: tuple[int, ...]) -> None:
    a, width = shape[0], math.prod(shape[1:])
    if any(left.shape[1] != right.shape[0] for left, right in pairs):
        raise cannot(
            layer, "A and B are both of groups, each of its own numbers, as no library known here trains them."
        )
    left, right = pairs[0]
    if len(shape) > 2 and left.shape[0] == a and right.shape[1] % width == 0 and right.shape[1] != width:
        raise cannot(
            layer,
            f"its weight {shape} is a convolution's in groups, and B A goes over the inputs of all {right.shape[1] // width} groups: "
            "no weight of this shape is their sum.",
        )
    if any((left.shape[0], right.shape[1]) != (a, width) for left, right in pairs):
        raise cannot(layer, f"B A is ({left.shape[0]}, {right.shape[1]}), and its weight is {shape}.")


def second_of(layer: Layer) -> tuple[str, ...]:
    """The keys of LoHa's second pair, which has the sizes of the first."""
    return tuple(
        re.sub(r"hada_([wt])1(?=\w*$)", r"hada_\g<1>2", key)
        for end, key in zip(layer.form, layer.factors, strict=True)
        if end.startswith("hada")
    )


def kronecker(factors: dict[str, np.ndarray]) -> np.ndarray:
    one, two = (whole_of(factors, f"lokr_w{i}") for i in (1, 2))
    return np.kron(one.reshape(*one.shape, *[1] * (two.ndim - 2)), two)


def whole_of(factors: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name in factors:
        return factors[name]
    if name == "lokr_w2" and "lokr_t2" in factors:
        core = cored(factors["lokr_t2"], factors["lokr_w2_b"])
        return (factors["lokr_w2_a"].T @ core).reshape(-1, factors["lokr_w2_b"].shape[1], *factors["lokr_t2"].shape[2:])
    return factors[f"{name}_a"] @ factors[f"{name}_b"].reshape(factors[f"{name}_b"].shape[0], -1)


def flattened(factors: dict[str, np.ndarray], sides: dict[str, list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """B (outputs, rank) and A (rank, inputs times kernel), however the two are stored."""
    made = {}
    for end, words in sides.items():
        flat = factors[end].reshape(factors[end].shape[0], -1)
        made["A" if "inputs" in words else "B"] = flat.T if words in (["inputs", "rank"], ["rank", "outputs"]) else flat
    return made["B"], made["A"]


def encoded(numbers: np.ndarray, dtype: str) -> bytes:
    """In the dtype of the file, rounded once, to the nearest and of two equally near to the even one."""
    if dtype in EIGHTHS:
        return eighths_of(np.ascontiguousarray(numbers, "<f4"), *EIGHTHS[dtype]).tobytes()
    if dtype != "BF16":
        return (
            np.ascontiguousarray(numbers, f"<f{numbers.itemsize}")
            .astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype])
            .tobytes()
        )
    return shortened(np.ascontiguousarray(numbers, "<f4"), 16).astype("<u2").tobytes()


def shortened(numbers: np.ndarray, cut: int) -> np.ndarray:
    """The bits of float32 without the last ones, rounded."""
    bits = numbers.view("<u4")
    odd = bits >> cut
    odd &= 1
    odd += bits
    odd += (1 << cut - 1) - 1
    odd >>= cut
    return odd


def eighths_of(numbers: np.ndarray, fraction: int, bias: int) -> np.ndarray:
    """Bytes of a format of eight bits; below its least exponent numbers are equally far apart."""
    size = np.abs(numbers)
    normal = shortened(size, 23 - fraction).astype("<i4") - (127 - bias << fraction)
    below = np.rint(size * 2.0 ** (bias - 1 + fraction))
    found = np.where(size < 2.0 ** (1 - bias), below, normal).astype("u1")
    return found | np.signbit(numbers).astype("u1") << 7


def low_rank(job: Job, change: np.ndarray, rank: int) -> tuple[dict[str, np.ndarray], float]:
    """A and B of a change by their keys, and the part of it that they leave out."""
    layer = job.place.layer
    turned = job.place.stored == "in, out"
    matrix = change.T if turned else change.reshape(change.shape[0], -1)
    B, A = nearest(matrix, rank)
    left, size = np.linalg.norm(matrix - B @ A), np.linalg.norm(matrix)
    A, B = (np.ascontiguousarray(one, np.float32) for one in (A, B))
    if change.ndim > 2:
        A, B = A.reshape(-1, *change.shape[1:]), B.reshape(*B.shape, *[1] * (change.ndim - 2))
    names = keys_of(layer)
    factors = {names[0]: A, names[1]: B}
    if names[2]:
        factors[names[2]] = np.array(A.shape[0], np.float32)
    return factors, float(left / size) if size else 0.0


def nearest(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """B (outputs, rank) and A (rank, inputs), by the largest singular values; of a large matrix by a range found at random."""
    rank = min(rank, *matrix.shape)
    if min(matrix.shape) <= 512:
        U, S, V = np.linalg.svd(matrix, full_matrices=False)
    else:
        draw = np.random.default_rng(0)
        Q = matrix @ draw.standard_normal((matrix.shape[1], min(rank + 16, *matrix.shape))).astype(matrix.dtype)
        for _ in range(4):
            Q = matrix @ np.linalg.qr(matrix.T @ np.linalg.qr(Q)[0])[0]
        Q = np.linalg.qr(Q)[0]
        U, S, V = np.linalg.svd(Q.T @ matrix, full_matrices=False)
        U = Q @ U
    root = np.sqrt(S[:rank])
    return U[:, :rank] * root, root[:, None] * V[:rank]


def keys_of(layer: Layer) -> tuple[str, str, str]:
    """Of A, B and alpha: kohya's names stay kohya's, all others become peft's, whose alpha is in its configuration."""
    if layer.family == "LyCORIS":
        return tuple(part(layer.name, end) for end in ("lora_down.weight", "lora_up.weight", "alpha"))
    begin = layer.name if layer.name.startswith("base_model.model.") else f"base_model.model.{layer.name}"
    ends = ("lora_embedding_A", "lora_embedding_B") if layer.embedding else ("lora_A.weight", "lora_B.weight")
    return f"{begin}.{ends[0]}", f"{begin}.{ends[1]}", ""


def peft_config(jobs: list[Job], rank: int) -> dict:
    """What peft asks for beside the file. A layer with a side below `rank` has the whole of its change."""
    names = {job.name.removeprefix("base_model.model."): job for job in jobs}
    smaller = {name: least for name, job in names.items() if (least := least_side(job)) < rank}
    turned = all(job.place.stored == "in, out" and not job.place.layer.embedding for job in jobs)
    return {
        **{"peft_type": "LORA", "r": rank, "lora_alpha": rank, "rank_pattern": smaller, "alpha_pattern": smaller},
        **{"target_modules": sorted(names), "use_dora": False, "bias": "none", "fan_in_fan_out": turned},
    }


def least_side(job: Job) -> int:
    first, *rest = job.entry.shape
    return min(first, math.prod(rest))
