"""Which axis do a real adapter's magnitudes lie along? By shape, and for square layers by the base weight's values.

from dorabook.checkpoint import compare, judge, read
compare(base="base.safetensors", adapter="adapter.safetensors")
"""

from pathlib import Path

from .files import Checkpoint, read
from .judging import LayerVerdict, Progress, judged, open_adapter, open_base
from .report import Report
from .safetensors import Refused

__all__ = ["Checkpoint", "LayerVerdict", "Refused", "Report", "compare", "judge", "read"]

Given = str | Path | Checkpoint


def judge(adapter: Given, base: Given | None = None, *, progress: Progress | None = None) -> Report:
    """The axis of every magnitude of `adapter`, with the evidence, and what to do next.

    `adapter` and `base` are paths, or what `read` gave. A base may be one file, a sharded model's index, or a folder; it is
    read in pieces, and only where a layer of the adapter is. `progress(read, all)` is told bytes.
    Refused, a ValueError with one sentence, for a bad file. What is wrong with one layer or its weight is said of that layer.
    """
    adapter, base = open_adapter(adapter), None if base is None else open_base(base)
    layers, about_base = judged(adapter, base, progress)
    return Report(adapter.name, base.name if base else None, tuple(layers), about_base)


def compare(base: Given, adapter: Given) -> Report:
    """`judge` with both files, in the order in which they came to be. A notebook shows it as a table."""
    return judge(adapter, base)
