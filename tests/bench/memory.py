"""How many bytes a computation holds at its peak, counted from the tensors that its operations make."""

from collections.abc import Callable

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Peak(TorchDispatchMode):
    """Inside the block, `peak` is the most bytes alive at once in tensors that were made there, views counted once.

    What one operation uses inside itself, a matrix product's own buffers for instance, is not seen. `counts` chooses
    the tensors. It looks after each operation, which is when a tensor appears.
    """

    def __init__(self, counts: Callable[[torch.Tensor], bool] = lambda tensor: True):
        super().__init__()
        self.counts, self.alive, self.peak = counts, {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        made = function(*args, **kwargs)
        given = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        self.alive = {key: held for key, held in self.alive.items() if not held[0].expired()}
        for tensor in filter(self.counts, _tensors(made)):
            storage = tensor.untyped_storage()
            if storage._cdata not in given:  # else a view, or written in place
                self.alive.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return made


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
