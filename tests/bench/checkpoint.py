"""Time and anonymous memory of judging an adapter and a base of 1 GB together, which it makes in a temporary folder.

`PYTHONPATH=book:tests:tools .venv/bin/python -m bench.checkpoint` prints a row for each dtype of the base. Memory is RssAnon, read after each piece:
mapped files do not count. Each measurement is a process of its own, on warm files, so that it starts from nothing.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from bench.record import keep
from bench.table import HEAD, Row, table
from dorabook.checkpoint import judge
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


def measure(folder: Path) -> dict[str, float]:
    """Seconds, and MB of anonymous memory before reading and at most."""
    before, highest = rss_anon(), 0

    def watch(_done: int, _size: int) -> None:
        nonlocal highest
        highest = max(highest, rss_anon())

    start = time.perf_counter()
    report = judge(folder / "adapter.safetensors", folder / "base.safetensors", progress=watch)
    seconds = time.perf_counter() - start
    assert report.counts == {"per output": len(report.layers)}, report.sentence
    return {"seconds": seconds, "before": before / 1024, "most": max(highest, rss_anon()) / 1024}


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    rows = [row(name, dtype) for name, dtype in DTYPES.items()]
    print(table([HEAD, *rows]))
    keep("checkpoint", rows)


def row(name: str, dtype: torch.dtype) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        size = pair(Path(folder), dtype)
        done = subprocess.run([sys.executable, "-m", "bench.checkpoint", folder], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the pair in {name} was not judged: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    memory = f"{told['most']:.0f} MB of memory, of which {told['before']:.0f} MB before reading"
    return f"{name}, {size / 1e9:.2f} GB", "–", f"{told['seconds']:.2f} s, {memory}", "–", "–"


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])))) if len(sys.argv) > 1 else main()
