"""Time and anonymous memory of judging and of merging an adapter and a base of 1 GB together, which it makes in a temporary folder.

`PYTHONPATH=book:tests:tools .venv/bin/python -m bench.checkpoint` prints two rows for each dtype of the base, and one of the command's
start beside that of torch. Memory is RssAnon, read after each piece. Each measurement is a process of its own, on warm files, so
that it starts from nothing; merging is measured between two plain copies of the base, of which the faster one counts. Beside each
time stands that of the processor, which a busy machine does not lengthen.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from bench.record import keep
from bench.table import HEAD, Row, table
from dorabook.checkpoint import judge
from dorabook.checkpoint.merge import merge
from safetensors.torch import save_file

SIDE, RANK, BYTES = 4096, 16, 1_000_000_000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pair(folder: Path, dtype: torch.dtype) -> int:
    """Square layers with a flat m, so that every base weight is read. Returns how many bytes both files have."""
    draw = torch.Generator().manual_seed(0)
    weights, adapter = {}, {}
    for block in range(BYTES // (SIDE * SIDE * dtype.itemsize)):
        layer = f"model.layers.{block}.self_attn.q_proj"
        weight = torch.randn(SIDE, SIDE, generator=draw)
        weights[f"{layer}.weight"] = weight.to(dtype)
        moved = 1 + 0.02 * torch.randn(SIDE, generator=draw)
        adapter[f"base_model.model.{layer}.lora_magnitude_vector"] = weight.norm(dim=1) * moved
        adapter[f"base_model.model.{layer}.lora_A.weight"] = torch.randn(RANK, SIDE, generator=draw)
        adapter[f"base_model.model.{layer}.lora_B.weight"] = torch.randn(SIDE, RANK, generator=draw)
    save_file(weights, folder / "base.safetensors")
    save_file(adapter, folder / "adapter.safetensors")
    return sum(file.stat().st_size for file in folder.iterdir())


def rss_anon() -> int:
    """Anonymous memory of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


Times = tuple[float, float]  # seconds by the clock, and of the processor


def timed(run: Callable[[], object]) -> Times:
    start, spent = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - spent


def measure(folder: Path, work: str) -> dict[str, object]:
    """Times, and MB of anonymous memory before reading and at most; of merging also the times of a plain copy."""
    before, highest = rss_anon(), 0

    def watch(_done: int, _size: int) -> None:
        nonlocal highest
        highest = max(highest, rss_anon())

    adapter, base, out = folder / "adapter.safetensors", folder / "base.safetensors", folder / "out.safetensors"

    def judged() -> None:
        report = judge(adapter, base, progress=watch)
        assert report.counts == {"per output": len(report.layers)}, report.sentence

    def copied() -> Times:
        taken = timed(lambda: shutil.copyfile(base, out))
        out.unlink()
        return taken

    if work == "judge":
        times, copies = timed(judged), []
    else:
        copies = [copied()]
        times = timed(lambda: merge(adapter, base, out, alpha=RANK, progress=watch))
        out.unlink()
        copies.append(copied())
    memory = {"before": before / 1024, "most": max(highest, rss_anon()) / 1024}
    return {"times": times, "copies": copies, **memory}


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    rows = [start_row(), *(one for name, dtype in DTYPES.items() for one in both(name, dtype))]
    print(table([HEAD, *rows]))
    keep("checkpoint", rows)


def start_row() -> Row:
    """A small file from a cold start, and what importing torch alone takes."""
    with tempfile.TemporaryDirectory() as folder:
        save_file({"x.dora_scale": torch.ones(1, 3)}, Path(folder) / "a.safetensors")
        command, imported = (
            least(lambda given=given: subprocess.run([sys.executable, *given], check=True, capture_output=True))
            for given in (["-m", "dorabook.checkpoint", f"{folder}/a.safetensors"], ["-c", "import torch"])
        )
    return (
        "a small file, from the start",
        "–",
        f"{shown(command)}; importing torch alone takes {shown(imported)}",
        "–",
        "–",
    )


def shown(times: Times) -> str:
    return f"{times[0]:.2f} s ({times[1]:.2f} s of the processor)"


def least(run: Callable[[], object], times: int = 3) -> Times:
    """Of a command, each by itself."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    taken = []
    for _ in range(times):
        start, before = time.perf_counter(), spent()
        run()
        taken.append((time.perf_counter() - start, spent() - before))
    clock, processor = zip(*taken, strict=True)
    return min(clock), min(processor)


def both(name: str, dtype: torch.dtype) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        size = pair(Path(folder), dtype)
        return [row(name, folder, size, work) for work in ("judge", "merge")]


def row(name: str, folder: str, size: int, work: str) -> Row:
    given = [sys.executable, "-m", "bench.checkpoint", folder, work]
    done = subprocess.run(given, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode:
        raise RuntimeError(f"the pair in {name} did not {work}: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    memory = f"{told['most']:.0f} MB of memory, of which {told['before']:.0f} MB before reading"
    copy = ""
    if told["copies"]:
        one = tuple(map(min, zip(*told["copies"], strict=True)))
        clock, processor = (mine / its for mine, its in zip(told["times"], one, strict=True))
        copy = f", {clock:.1f} times a plain copy ({processor:.1f} times its work), which takes {shown(one)}"
    return f"{work}, {name}, {size / 1e9:.2f} GB", "–", f"{shown(told['times'])}{copy}, {memory}", "–", "–"


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2]))) if len(sys.argv) > 2 else main()
