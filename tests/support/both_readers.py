"""dorabook.checkpoint and the page's reader on the same files: `in_page`, in the embedded engine, `in_python`, and `assert_same`."""

import re
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from dorabook.checkpoint import Refused, judge
from safetensors import SafetensorError, deserialize
from support.live_page import Core
from support.odd_files import OddSet
from support.random_adapters import Made

REASON = re.compile(r"(?<= cannot be read) \(.*\)(?=: download or save it again$)")
Files = list[tuple[str, bytes]]

CHECKPOINT = "axis_detective/checkpoint"
JUDGE = """(groups) => {
  const { judge } = modules["axis_detective/checkpoint/judging"], { atOnce } = modules["axis_detective/checkpoint/safetensors"];
  const source = ([name, letters]) => {
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    return { name, size: bytes.length, bytes };
  };
  return groups.map((files) => {
    try {
      const { sentence, columns, rows, remedy, layers } = atOnce(judge(files.map(source)));
      const numbers = layers.map(({ slopes, distance }) => [distance, slopes && [slopes.output, slopes.outputError, slopes.input, slopes.inputError, slopes.z]]);
      return { sentence, columns, rows, remedy, numbers, far: layers.map(({ far }) => far), families: layers.map(({ family }) => family.name) };
    } catch (error) {
      return error.message;
    }
  });
}"""


@cache
def reader() -> Core:
    return Core(f"{CHECKPOINT}/judging", f"{CHECKPOINT}/safetensors")


def in_page(groups: list[Files]) -> list[dict | str]:
    """What the page's reader says of each group of files: a report, or the one sentence of a refusal."""
    return reader().evaluate(JUDGE, [[(name, data.decode("latin-1")) for name, data in files] for files in groups])


def in_python(adapter: Path, base: Path | None = None) -> dict | str:
    try:
        report = judge(adapter, base)
    except Refused as refused:
        return str(refused)
    return {
        "sentence": report.sentence,
        "columns": ["Layer", "m", "Weight", "Axis", "Confidence", "Evidence"],
        "rows": [list(row) for row in report.rows],
        "remedy": report.remedy,
        "numbers": [[layer.distance, layer.slopes and [*vars(layer.slopes).values()]] for layer in report.layers],
        "far": [layer.far for layer in report.layers],
        "families": [layer.family for layer in report.layers],
    }


def same_refusal(page: dict | str, python: dict | str, what: str) -> bool:
    """Whether both refuse a broken file: in one sentence, but for the reason, which in Python is the safetensors library's."""
    assert isinstance(page, str) == isinstance(python, str), what
    if isinstance(page, str):
        assert REASON.sub("", page) == REASON.sub("", python), what
    return isinstance(page, str)


def assert_same(page: dict | str, python: dict | str, what: str) -> None:
    if isinstance(page, str) or isinstance(python, str):
        assert page == python, what
        return
    for key in ("sentence", "columns", "rows", "remedy", "far", "families"):
        assert page[key] == python[key], f"{what}: {key}"
    assert [one[1] is None for one in page["numbers"]] == [one[1] is None for one in python["numbers"]]
    for one, other in zip(flat(page["numbers"]), flat(python["numbers"]), strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9), what


def flat(numbers: list) -> list[float]:
    return [value for distance, slopes in numbers for value in ([distance, *(slopes or [])]) if value is not None]


def check_valid(drawn: list[Made]) -> Counter:
    """Both readers on valid adapters: the same report, and a true one. How many layers of each family were named."""
    named = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for made, page in zip(drawn, in_page([made.files for made in drawn]), strict=True):
            for name, data in made.files:
                Path(folder, name).write_bytes(data)
            python = in_python(*(Path(folder, name) for name, _ in made.files))
            assert_same(page, python, made.what)
            assert not wrong(made, python), f"{made.what}: {wrong(made, python)}"
            named.update(python["families"])
    return named


def wrong(made: Made, said: dict | str) -> list:
    """Rows that are sure of another axis than the one drawn, or tell none where shapes do."""
    if isinstance(said, str):
        return [said]
    rows = {row[0]: row for row in said["rows"]}
    sure = [name for name in made.axes if rows[name][4] in ("certain", "high") and rows[name][3] != made.axes[name]]
    return [rows[name] for name in [*sure, *(name for name in made.told if rows[name][3] == "cannot tell")]]


def check_odd(drawn: list[OddSet]) -> Counter:
    """Both readers on odd valid files: the same report or the same sentence, and no other end. How many were judged."""
    seen = Counter()
    with tempfile.TemporaryDirectory() as root:
        said = [in_folder(Path(root, str(n)), made) for n, made in enumerate(drawn)]
    for made, python, page in zip(
        drawn, said, in_page([listed(made, python) for made, python in zip(drawn, said, strict=True)]), strict=True
    ):
        assert_same(page, python, made.what)
        seen.update({"judged": isinstance(python, dict), "refused": isinstance(python, str)})
    return seen


def in_folder(folder: Path, made: OddSet) -> dict | str:
    for name, data in made.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return in_python(*(folder / name for name in made.given))


def listed(made: OddSet, python: dict | str) -> Files:
    """What a page is given: all files; the adapter alone where it has no magnitudes, since a page takes what has some for the adapter."""
    files = [(name.rpartition("/")[2], data) for name, data in made.files]
    return files[:1] if " no DoRA magnitudes" in str(python)[:200] else files


STRICTER = "stricter: "


def check_broken(made: list[tuple[str, bytes]]) -> Counter:
    """Both readers on broken files: Python takes what the safetensors library takes, and the page no more than that."""
    seen = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.safetensors")
        for (done, raw), page in zip(made, in_page([[(path.name, raw)] for _, raw in made]), strict=True):
            path.write_bytes(raw)
            python, valid = in_python(path), is_valid(raw)
            readable = isinstance(python, dict) or " no DoRA magnitudes" in python
            assert readable == valid, f"{done}: {python}"
            seen.update({"valid" if valid else "invalid": 1, "judged": isinstance(page, dict)})
            if valid and REASON.search(str(page)):
                seen[STRICTER + REASON.search(page)[0].strip(" ()")] += 1
            elif not same_refusal(page, python, done):
                assert_same(page, python, done)
    return seen


def is_valid(raw: bytes) -> bool:
    try:
        deserialize(raw)
    except SafetensorError:
        return False
    return True
