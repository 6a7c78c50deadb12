"""Three training steps of a small DoRA model on two processes, inside cheaper_norms and outside. Prints what a test compares."""

import copy
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[2] / "book"))
from dorabook.peft_norms import cheaper_norms


def train(model: nn.Module, rank: int) -> dict[str, torch.Tensor]:
    shared = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05, fused=True)
    x = torch.randn(4, 2, 6, generator=torch.Generator().manual_seed(1))[2 * rank : 2 * rank + 2]  # each has other rows
    for _ in range(3):
        optimizer.zero_grad()
        with shared.no_sync():  # two passes are gathered into one step
            shared(x[0]).square().mean().backward()
        shared(x[1]).square().mean().backward()
        optimizer.step()
    return model.state_dict()


def work(rank: int, store: str, told) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 6))
    model = get_peft_model(layers, LoraConfig(r=2, use_dora=True, target_modules=["0", "2"]))
    twin = copy.deepcopy(model)
    with cheaper_norms(model, strict=True) as norms:
        ours = train(model, rank)
    theirs = train(twin, rank)
    alike = all(torch.allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6) for name in theirs)
    told.put((rank, norms.taken, alike))
    dist.destroy_process_group()


if __name__ == "__main__":
    store = f"{os.environ.get('TMPDIR', '/tmp')}/two-processes-{os.getpid()}"
    told = mp.get_context("fork").SimpleQueue()
    try:  # forked: two processes that imported torch and peft anew would take longer to start than to train
        mp.start_processes(work, (store, told), nprocs=2, start_method="fork")
    finally:
        Path(store).unlink(missing_ok=True)
    found = sorted(told.get() for _ in range(2))
    print("norms", *(taken for _, taken, _ in found))
    print("as peft", *(alike for _, _, alike in found))
