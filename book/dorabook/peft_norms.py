"""Give the installed peft's linear DoRA layers the cheaper norm, for as long as a `with` block lasts.

peft 0.21 measures W + sBA by sending an identity matrix through A and B in every forward pass
(`tuners/lora/dora.py`). `cheaper_norms` replaces that one step of `DoraLinearLayer.forward` by
`dorabook.factored.adapted_norms` and leaves all others, merging included, to peft.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partialmethod

import torch
from peft.tuners.lora import dora
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary
from transformers.pytorch_utils import Conv1D

from .factored import adapted_norms, squared_norms


@contextmanager
def cheaper_norms() -> Iterator[None]:
    """Inside the block, peft's DoRA on Linear and Conv1D layers takes its norm without forming BA.

    Outputs and gradients are peft's up to rounding; parameters, files and merged weights are untouched. The squared
    norms of a frozen base weight are kept until its values change; a change through `.data` is not seen, so make such
    changes outside the block. Quantised layers, LoRA biases, mixed dtypes and peft's own cache keep peft's way.
    """
    original = dora.DoraLinearLayer.forward
    dora.DoraLinearLayer.forward = partialmethod(_forward, original, WeakTensorKeyDictionary())
    try:
        yield
    finally:
        dora.DoraLinearLayer.forward = original


def _forward(self, original: Callable, kept: WeakTensorKeyDictionary, x: Tensor, **given) -> Tensor:
    """`DoraLinearLayer.forward` with another norm. Shapes: x (..., in_features) -> (..., out_features)."""
    base_layer, lora_A, lora_B = given["base_layer"], given["lora_A"], given["lora_B"]
    if not _plain(base_layer, lora_A, lora_B, x) or (dora.ENABLE_DORA_CACHING and not self.training):
        return original(self, x, **given)
    weight = base_layer.weight.T if self.fan_in_fan_out else base_layer.weight  # (out_features, in_features)
    norm = _norm(weight, base_layer.weight, lora_A.weight, lora_B.weight, given["scaling"], kept)
    rescale = (self.weight / norm).view(1, -1)
    base_result = given.get("base_result")
    if base_result is None:
        base_result = x @ weight.T
    elif base_layer.bias is not None:
        base_result = base_result - base_layer.bias
    return (rescale - 1) * base_result + rescale * lora_B(lora_A(x)) * given["scaling"]


@torch.no_grad()
def _norm(
    weight: Tensor, stored: Tensor, A: Tensor, B: Tensor, scaling: float, kept: WeakTensorKeyDictionary
) -> Tensor:
    """(out_features,), a constant for the backward pass, as peft's is."""
    state = (stored._version, stored.data_ptr())
    device = weight.device.type
    known = torch.amp.is_autocast_available(device)  # not on "meta", where shapes alone are counted
    with torch.autocast(device, enabled=False) if known else nullcontext():
        if kept.get(stored, (None, None))[0] != state:
            kept[stored] = state, squared_norms(weight, per="output")
        norm = adapted_norms(weight, A, B, scaling=scaling, per="output", weight_squared=kept[stored][1])
    return norm.squeeze(1)


def _plain(base_layer: nn.Module, lora_A: nn.Module, lora_B: nn.Module, x: Tensor) -> bool:
    tensors = (base_layer.weight, lora_A.weight, lora_B.weight)
    return (
        type(base_layer) in (nn.Linear, Conv1D)
        and type(lora_A) is type(lora_B) is nn.Linear
        and lora_A.bias is lora_B.bias is None
        and all(tensor.dtype == x.dtype and tensor.numel() for tensor in tensors)
    )
