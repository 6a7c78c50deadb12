"""The norm of W + sBA on a GPU, where the book has not measured: plain, peft's, factored, ours, and a step with and without cheaper_norms.

    PYTHONPATH=book:tests:tools python -W ignore -m bench.norm_gpu              # prints the grid; some minutes
    PYTHONPATH=book:tests:tools python -W ignore -m bench.norm_gpu cpu --tiny   # every line of it on small shapes, to try the script

The shapes and ranks are the 23 of the data files of https://arxiv.org/abs/2603.22276 (code/bench_it6 in github.com/sockeye44/dorafactors),
the ways those of bench/norm.py, per output, in bfloat16 and in float32 with TF32 off and on, taken in turn. A time is the median of
TURNS, between two events of the device, where it waits for Python included; on a CPU it is the wall's. Nothing is recorded.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable

import torch
from bench import norm
from torch import nn

TURNS = 15
ROWS = 2048  # of x, in a step
CASES = (  # out_features, in_features, rank
    *((4096, 4096, rank) for rank in (16, 64, 128, 256, 384, 512)),
    *((8192, 8192, rank) for rank in (64, 384, 512, 768)),
    *((512, 512, 64), (512, 512, 384), (512, 1024, 64), (1024, 1024, 128), (1024, 1024, 384), (2048, 2048, 384)),
    *((3072, 3072, 384), (4096, 11008, 384), (6144, 6144, 384), (6144, 12288, 384), (8192, 28672, 384)),
    *((16384, 16384, 384), (28672, 6144, 384)),
)
TINY = 128  # by how much each side is shorter to try the script; the rank stays below both


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


def medians(ways: norm.Ways, device: str, turns: int) -> dict[str, float]:
    for run in ways.values():
        run()  # warm
    taken = [[milliseconds(run, device) for run in ways.values()] for _ in range(turns)]
    return {way: statistics.median(times) for way, times in zip(ways, zip(*taken, strict=True), strict=True)}


def line(what: str, case: tuple[int, int, int], times: dict[str, float]) -> str:
    least = min(times.values())
    told = "  ".join(f"{way} {value:.3g} ({value / least:.2f})" for way, value in times.items())
    return f"{what:22} ({case[0]}, {case[1]}) rank {case[2]}:  {told}"


def plain(times: dict[str, float]) -> float:
    return min(value for way, value in times.items() if way.startswith("whole"))


def steps(case: tuple[int, int, int], rows: int, dtype: torch.dtype) -> norm.Ways:
    """Of LoRA and DoRA on one layer, on the default device."""
    out_features, in_features, rank = case
    x = torch.randn(rows, in_features, dtype=dtype).requires_grad_()
    made = []
    for dora in (False, True):
        base = nn.Sequential(nn.Linear(in_features, out_features, bias=False, dtype=dtype))
        made.append(norm.adapted(base, ["0"], rank, dora=dora).to(x.device))
    return norm.step_ways(*made, x)


def measured(kind: str, dtype: torch.dtype, cases: tuple, device: str, rows: int, turns: int) -> str:
    """Prints two lines for each case, and gives the sum of it: in how many the factored norm was ahead of the plain one."""
    ahead = 0
    for case in cases:
        with torch.device(device):
            times = medians(norm.norm_ways(*case, "output", dtype), device, turns)
            ahead += times["factored"] < plain(times)
            print(line(f"norm, {kind}", case, times), flush=True)
            times = medians(steps(case, rows, dtype), device, turns)
            print(line(f"step of {rows}, {kind}", case, times), flush=True)
        gc.collect()  # a layer and its hooks refer to each other, and the largest take gigabytes
    return f"{kind}: the factored norm was ahead of the plain one in {ahead} of {len(cases)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.norm_gpu")
    parser.add_argument("device", nargs="?", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help=f"sides a {TINY}th as long, one turn: to try the script")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here. To try the script without one: python -m bench.norm_gpu cpu --tiny")
    cases, rows, turns = CASES, ROWS, TURNS
    if asked.tiny:
        cases, rows, turns = tuple((o // TINY, i // TINY, max(1, rank // TINY)) for o, i, rank in CASES), 4, 1
    name = torch.cuda.get_device_name() if asked.device == "cuda" else "cpu"
    print(f"{name}, torch {torch.__version__}, milliseconds (of the fastest way)")
    kinds = [("bfloat16", torch.bfloat16, False), ("float32", torch.float32, False)]
    kinds += [("float32, TF32", torch.float32, True)] if asked.device == "cuda" else []
    told = []
    for kind, dtype, tf32 in kinds:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        told.append(measured(kind, dtype, cases, asked.device, rows, turns))
    print(*told, sep="\n")


if __name__ == "__main__":
    main()
