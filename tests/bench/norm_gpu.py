"""The norm of W + sBA on a GPU, where the book has not measured: plain, peft's, factored, and a step with and without cheaper_norms.

    PYTHONPATH=book:tests:tools python -W ignore -m bench.norm_gpu           # prints the grid; a few minutes
    PYTHONPATH=book:tests:tools python -W ignore -m bench.norm_gpu cpu       # the same rows on a CPU, to try the script

The ways of bench/norm.py, per output, in bfloat16 and in float32 with TF32 off and on, taken in turn. A time is the median of TURNS,
between two events of the device and so without what Python does meanwhile; on a CPU it is the wall's. Nothing is recorded.
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import product

import torch
from bench import norm
from torch import nn

TURNS = 15
RANKS = (16, 64, 384)
ROWS = 2048


def milliseconds(run: Callable[[], object], device: str) -> float:
    if device == "cpu":
        start = time.perf_counter()
        run()
        return 1e3 * (time.perf_counter() - start)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def medians(ways: norm.Ways, device: str) -> dict[str, float]:
    for run in ways.values():
        run()  # warm
    turns = [[milliseconds(run, device) for run in ways.values()] for _ in range(TURNS)]
    return {way: statistics.median(times) for way, times in zip(ways, zip(*turns, strict=True), strict=True)}


def line(what: str, shape: tuple[int, int], rank: int, times: dict[str, float]) -> str:
    least = min(times.values())
    told = "  ".join(f"{way} {value:.3g} ({value / least:.2f})" for way, value in times.items())
    return f"{what:22} {shape!s:14} rank {rank:3}  {told}"


def main() -> None:
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here. To try the script without one: python -m bench.norm_gpu cpu")
    print(
        torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch",
        torch.__version__,
        "milliseconds (of the fastest way)",
    )
    kinds = [("bfloat16", torch.bfloat16, False), ("float32", torch.float32, False)]
    kinds += [("float32, TF32", torch.float32, True)] if device == "cuda" else []
    for (kind, dtype, tf32), (layer, shape), rank in product(kinds, norm.SHAPES.items(), RANKS):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        with torch.device(device):
            ways = norm.norm_ways(*shape, rank, "output", dtype)
            print(line(f"norm, {kind}", shape, rank, medians(ways, device)), layer, flush=True)
            x = torch.randn(ROWS, shape[1], dtype=dtype).requires_grad_()
            base = [nn.Sequential(nn.Linear(*reversed(shape), bias=False, dtype=dtype)) for _ in range(2)]
            models = [
                norm.adapted(each, ["0"], rank, dora=dora).to(device)
                for each, dora in zip(base, (False, True), strict=True)
            ]
            steps = norm.step_ways(*models, x)
            print(line(f"step of {ROWS}, {kind}", shape, rank, medians(steps, device)), layer, flush=True)


if __name__ == "__main__":
    main()
