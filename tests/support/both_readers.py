"""dorabook.checkpoint and the page's AxisDetective on the same files."""

from pathlib import Path

import pytest
from dorabook.checkpoint import Refused, judge


def in_python(adapter: Path, base: Path | None = None) -> dict | str:
    try:
        report = judge(adapter, base)
    except Refused as refused:
        return str(refused)
    numbers = [[layer.distance, layer.slopes and [*vars(layer.slopes).values()]] for layer in report.layers]
    said = {"sentence": report.sentence, "columns": ["Layer", "m", "Weight", "Axis", "Confidence", "Evidence"]}
    rows = [list(row) for row in report.rows]
    return said | {
        "rows": rows,
        "remedy": report.remedy,
        "numbers": numbers,
        "far": [layer.far for layer in report.layers],
    }


def assert_same(page: dict | str, python: dict | str, what: str) -> None:
    if isinstance(page, str) or isinstance(python, str):
        assert page == python, what
        return
    for key in ("sentence", "columns", "rows", "remedy", "far"):
        assert page[key] == python[key], f"{what}: {key}"
    assert [one[1] is None for one in page["numbers"]] == [one[1] is None for one in python["numbers"]]
    for one, other in zip(flat(page["numbers"]), flat(python["numbers"]), strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9), what


def flat(numbers: list) -> list[float]:
    return [value for distance, slopes in numbers for value in ([distance, *(slopes or [])]) if value is not None]
