"""Give the installed peft's DoRA layers the cheaper norm, for as long as a `with` block lasts.

    with cheaper_norms(model) as norms:
        print(norms)  # 14 of 14 DoRA layers
        train(model)

peft 0.21 measures W + sBA by sending an identity matrix through A and B in every forward pass (`tuners/lora/dora.py`).
Inside the block `dorabook.factored.adapted_norms` does it, and once for the same W, A and B: gradient accumulation,
checkpointing and evaluation take no norm twice. All other steps, merging included, are peft's.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

import torch
from peft.tuners.lora import dora
from peft.tuners.lora.layer import Linear
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.functional import linear

from .factored import FRESH, adapted_norms, cheaper_road, squared_norms

PROBED = 1024  # numbers of W that are compared, since a change through `.data` moves no version
FEW = 64  # rows of x: from 2 to so many, a W above FRESH is read once, for x and for A together

_pefts, _pefts_linear = dora.DoraLinearLayer.forward, Linear.forward
_active: list["Norms"] = []  # the blocks that are open, the innermost last
_last: WeakKeyDictionary[nn.Module, "Norms"] = WeakKeyDictionary()  # the block of a layer's last pass


@contextmanager
def cheaper_norms(model: nn.Module, *, strict: bool = False) -> Iterator["Norms"]:
    """Inside the block, peft's DoRA on linear layers takes its norm without forming BA, and not twice for the same W, A, B.

    Yields what is covered of `model`: `print` it. `strict` refuses a layer that keeps peft's way. Outputs and gradients
    are peft's up to rounding; parameters, files and merged weights are untouched.
    """
    norms = Norms(strict=strict)
    norms.look_at(model)
    # They stay: a checkpointed pass may be run again after the block.
    dora.DoraLinearLayer.forward, Linear.forward = _forward, _linear_forward
    _active.append(norms)
    try:
        yield norms
    finally:
        _active.remove(norms)
        norms.forget()


@dataclass(eq=False)
class Norms:
    """What a block covers of its model, and how many norms it has taken."""

    covered: list[str] = field(default_factory=list)  # names of DoRA layers
    skipped: dict[str, str] = field(default_factory=dict)  # name -> why it keeps peft's way
    taken: int = 0  # one that is given again is not counted, nor one in a compiled graph
    strict: bool = False
    kept: WeakKeyDictionary[nn.Module, "Taken"] = field(default_factory=WeakKeyDictionary, repr=False)
    ready: dict[nn.Module, Tensor] = field(
        default_factory=dict, repr=False
    )  # just taken, for the layer that is asked next

    def __str__(self) -> str:
        named: dict[str, list[str]] = {}
        for name, reason in self.skipped.items():
            named.setdefault(reason, []).append(name)
        skipped = "".join(f"; skipped: {', '.join(names)} ({reason})" for reason, names in named.items())
        return f"{len(self.covered)} of {len(self.covered) + len(self.skipped)} DoRA layers{skipped}"

    def forget(self) -> None:
        """Take every norm anew. Needed only after a few numbers of a base weight were written through `.data`."""
        self.kept.clear()

    def look_at(self, model: nn.Module) -> None:
        differs = pefts_difference()
        for name, layer in model.named_modules():
            for adapter, magnitude in getattr(layer, "lora_magnitude_vector", {}).items():
                full_name = f"{name}.{adapter}" if len(layer.lora_magnitude_vector) > 1 else name
                factors = (dict(each.items()).get(adapter) for each in (layer.lora_A, layer.lora_B))
                found = differs or weight_of(magnitude, layer.get_base_layer(), *factors)
                if isinstance(found, str):
                    self.skipped[full_name] = found
                else:
                    self.covered.append(full_name)
        if not self.covered and not self.skipped:
            raise ValueError("the model has no DoRA layer: give the one that get_peft_model made with use_dora=True")
        if self.skipped and self.strict:
            raise RuntimeError(f"{self}: without strict they keep peft's way")
        if differs:
            warnings.warn(differs, stacklevel=4)

    def norm(self, layer: nn.Module, base: Any, weight: Tensor, A: Tensor, B: Tensor, scaling: float) -> Tensor:
        """(out_features,), taken anew if anything of it has changed. `base` is where the layer stores the weight."""
        if layer in self.ready:
            return self.ready.pop(layer)
        with ordinary():  # what is kept may be met in training again
            last = self.last(layer, base)
            return (
                last.norm if last and last.is_of(A, B, scaling) else self.take(layer, last, base, weight, A, B, scaling)
            )

    def last(self, layer: nn.Module, base: Any) -> "Taken | None":
        """The norm before, if it was of the same frozen weight."""
        last = self.kept.get(layer)
        return last if last and base is not None and last.is_of_base(base) else None

    def take(self, layer, last, base, weight, A, B, scaling, cross=None) -> Tensor:
        squared = last.weight_squared if last else None
        if squared is None and cheaper_road(*weight.shape, rank=A.shape[0]) == "factored":
            squared = squared_norms(weight, per="output")
        norm = row_norms(weight, A, B, scaling, squared, cross)
        self.taken += 1
        if last or _can_be_seen(base, weight):
            seen = (last.storage, last.layout, last.probe) if last else _look(base)
            self.kept[layer] = Taken(norm, scaling, A.detach().clone(), B.detach().clone(), squared, *seen)
        return norm


@dataclass(eq=False)
class Taken:
    """A norm, and what it was taken of. A and B as values: an optimizer that is fused moves no version."""

    norm: Tensor
    scaling: float
    A: Tensor
    B: Tensor
    weight_squared: Tensor | None
    storage: StorageWeakRef  # of W: no other storage gets its address while this lives
    layout: tuple
    probe: Tensor

    def is_of(self, A: Tensor, B: Tensor, scaling: float) -> bool:
        return self.scaling == scaling and _same(B, self.B) and _same(A, self.A)

    def is_of_base(self, base: Any) -> bool:
        """Whether the frozen weight is the same as before, by all that shows it without reading all of it."""
        same = self.layout == _layout(base) and self.storage.cdata == base.untyped_storage()._cdata
        return same and _same(_probe(base), self.probe)


def ordinary() -> Any:
    return torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()


def _can_be_seen(base: Any, weight: Tensor) -> bool:
    """Whether a change of it would be. A weight that is dequantised each time is measured each time."""
    plain = type(base) is nn.Parameter and not (base.is_inference() or base.is_meta)
    return plain and not base.requires_grad and base.is_contiguous() and base.data_ptr() == weight.data_ptr()


def _look(base: Tensor) -> tuple[StorageWeakRef, tuple, Tensor]:
    return StorageWeakRef(base.untyped_storage()), _layout(base), _probe(base).clone()


def _layout(base: Tensor) -> tuple:
    return base._version, base.requires_grad, base.storage_offset(), base.stride(), base.shape


def _probe(base: Tensor) -> Tensor:
    """About PROBED numbers of it, by a step that is odd and so does not stay on a few columns."""
    return base.detach().view(-1)[:: base.numel() // PROBED | 1]


def _forward(layer: nn.Module, x: Tensor, **given: Any) -> Tensor:
    """In the place of `DoraLinearLayer.forward`. Shapes: x (..., in_features) -> (..., out_features)."""
    norms = _block(layer)
    if norms is None or (getattr(dora, "ENABLE_DORA_CACHING", False) and not layer.training):
        return _pefts(layer, x, **given)
    weight = weight_of(layer, given["base_layer"], given["lora_A"], given["lora_B"])
    if isinstance(weight, str) and norms.strict:
        raise RuntimeError(f"a DoRA layer would keep peft's way: {weight}")
    return _pefts(layer, x, **given) if isinstance(weight, str) else _pass(norms, weight, layer, x, **given)


def _linear_forward(layer: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """In the place of peft's `Linear.forward`: for few rows of x, W is read once, for the base output and for the norm."""
    if torch.compiler.is_compiling() or not (_active or torch._C._current_graph_task_id() != -1):
        return _pefts_linear(layer, x, *args, **kwargs)
    base, adapter = layer.base_layer, _only_dora(layer, x, kwargs)
    norms = _block(layer.lora_magnitude_vector[adapter]) if adapter else None
    if norms is None:
        return _pefts_linear(layer, x, *args, **kwargs)
    base.forward = partial(_joined, norms, layer, adapter)
    try:
        return _pefts_linear(layer, x, *args, **kwargs)
    finally:
        del base.forward
        norms.ready.clear()


def _only_dora(layer: nn.Module, x: Any, kwargs: dict[str, Any]) -> str | None:
    """The layer's one adapter, if it is DoRA and its norm and base output can come of one product of plain tensors."""
    base = layer.base_layer
    weight = getattr(base, "weight", None)
    if type(base) is not nn.Linear or weight.numel() <= FRESH or not 1 < x.numel() // weight.shape[1] <= FEW:
        return None
    active = [each for each in layer.active_adapters if each in layer.lora_A]
    if len(active) != 1 or active[0] not in layer.lora_magnitude_vector or layer.disable_adapters or layer.merged:
        return None
    A, B, magnitude = (each[active[0]] for each in (layer.lora_A, layer.lora_B, layer.lora_magnitude_vector))
    hooks = base._forward_hooks or base._forward_pre_hooks or base._backward_hooks or base._backward_pre_hooks
    if (
        hooks
        or "forward" in vars(base)
        or kwargs.get("adapter_names")
        or weight_of(magnitude, base, A, B) is not weight
    ):
        return None
    plain = type(x) is Tensor and x.dtype == weight.dtype == A.weight.dtype == B.weight.dtype
    if not plain or x.dtype not in (torch.float32, torch.float64) or x.device != weight.device or _autocast(x):
        return None
    trained = weight.requires_grad or (base.bias is not None and base.bias.requires_grad)
    factored = cheaper_road(*weight.shape, rank=A.weight.shape[0]) == "factored"
    cached = dora.ENABLE_DORA_CACHING and not magnitude.training
    return active[0] if factored and not trained and not cached and _can_be_seen(weight, weight) else None


def _joined(norms: "Norms", layer: nn.Module, adapter: str, x: Tensor) -> Tensor:
    """The base output. If the norm has to be taken, A goes along as r more rows of x, and W A^T comes of the same product."""
    magnitude, base, scaling = layer.lora_magnitude_vector[adapter], layer.base_layer, layer.scaling[adapter]
    weight, A, B = base.weight, layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    with ordinary():
        last = norms.last(magnitude, weight)
        known = bool(last) and last.is_of(A, B, scaling)
    y, cross = Product.apply(x, weight, None if known else A.detach())
    with ordinary():
        norms.ready[magnitude] = (
            last.norm if known else norms.take(magnitude, last, weight, weight, A, B, scaling, cross.clone())
        )
    return y if base.bias is None else y + base.bias


class Product(torch.autograd.Function):
    """x W^T, and W A^T of the same product, which is a constant. W is frozen.

    The same nodes with A and without: a checkpointed pass that is run again finds the norm already taken.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, A: Tensor | None) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(weight)
        rows = x.reshape(-1, x.shape[-1])
        product = (rows if A is None else torch.cat([rows, A])) @ weight.T
        y = product[: len(rows)].view(*x.shape[:-1], -1)
        cross = product[len(rows) :].T  # (out_features, rank)
        ctx.mark_non_differentiable(cross)
        return y, cross

    @staticmethod
    def backward(ctx, gradient: Tensor, _: Any) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return gradient @ weight, None, None


def _block(layer: nn.Module) -> "Norms | None":
    """The open block; in a backward pass, which runs checkpointed layers again, the one of the layer's own pass."""
    if torch.compiler.is_compiling():
        return _active[-1] if _active else None
    if torch._C._current_graph_task_id() != -1:
        return _last.get(layer)
    if _active:
        _last[layer] = _active[-1]
        return _active[-1]
    _last.pop(layer, None)
    return None


def _pass(
    norms: "Norms",
    weight: Tensor,
    layer: nn.Module,
    x: Tensor,
    *,
    lora_A,
    lora_B,
    scaling,
    base_layer,
    base_result=None,
    **_,
) -> Tensor:
    """peft's own steps, with another norm, and s m / norm multiplied before it meets the outputs."""
    A, B = lora_A.weight, lora_B.weight
    if torch.compiler.is_compiling():
        norm = torch.ops.dorabook.row_norms(weight, A.detach(), B.detach(), scaling)
    else:
        norm = norms.norm(layer, getattr(base_layer, "weight", None), weight, A, B, scaling)
    rescale = (layer.weight / norm.to(x.dtype)).view(1, -1)
    if base_result is None:
        base_result = linear(x, weight.to(x.dtype))
    elif base_layer.bias is not None:
        base_result = base_result - base_layer.bias
    return (rescale - 1) * base_result + (rescale * scaling) * lora_B(lora_A(x))


@torch.no_grad()
def row_norms(
    weight: Tensor,
    A: Tensor,
    B: Tensor,
    scaling: float,
    weight_squared: Tensor | None = None,
    cross: Tensor | None = None,
) -> Tensor:
    """(out_features,), a constant for the backward pass, as peft's is, and in float32 under autocast too."""
    with torch.autocast(weight.device.type, enabled=False) if _autocast(weight) else nullcontext():
        known = {"weight_squared": weight_squared, "cross": cross}
        return adapted_norms(weight, A, B, scaling=scaling, per="output", **known).squeeze(1)


def _autocast(tensor: Tensor) -> bool:
    device = tensor.device.type  # "meta", where shapes alone are counted, has none
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


# One step for torch.compile, which does not look into it: the factored norm looks at its own numbers.
_operator = torch.library.custom_op("dorabook::row_norms", row_norms, mutates_args=())


@_operator.register_fake
def _(weight, A, B, scaling, weight_squared=None, cross=None):
    return torch.empty(
        B.shape[0], dtype=torch.promote_types(weight.dtype, torch.promote_types(A.dtype, B.dtype)), device=A.device
    )


def weight_of(magnitude: nn.Module, base_layer: nn.Module, lora_A: Any, lora_B: Any) -> Tensor | str:
    """The layer's weight (out_features, in_features), dequantised by peft; or why the layer keeps peft's way."""
    if type(magnitude) is not dora.DoraLinearLayer:
        return type(magnitude).__name__
    if not type(lora_A) is type(lora_B) is nn.Linear:
        return f"its A and B are of {type(lora_A).__name__} and {type(lora_B).__name__}"
    if lora_A.bias is not None or lora_B.bias is not None:
        return "its A or B has a bias"
    weight, A, B = getattr(base_layer, "weight", None), lora_A.weight, lora_B.weight
    if type(weight) is not nn.Parameter or not weight.is_floating_point():
        weight = dequantize_module_weight(base_layer)
    weight = weight.T if magnitude.fan_in_fan_out else weight
    if type(weight) not in (Tensor, nn.Parameter) or not weight.is_floating_point():
        return f"its weight is a {type(weight).__name__} of {weight.dtype}"
    if weight.shape != (B.shape[0], A.shape[1]) or A.shape[:1] != B.shape[1:] or not A.numel():
        return f"its weight, A and B are {tuple(weight.shape)}, {tuple(A.shape)} and {tuple(B.shape)} here"
    if not weight.device == A.device == B.device:
        return f"its weight, A and B are on {weight.device}, {A.device} and {B.device}"
    return weight


def _same(tensor: Tensor, before: Tensor) -> bool:
    alike = tensor.dtype == before.dtype and tensor.device == before.device and tensor.shape == before.shape
    return alike and not tensor.is_meta and torch.equal(tensor, before)


def pefts_difference() -> str | None:
    """A sentence if the DoRA layer of the installed peft does something else than `_pass`, on a small one."""
    with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.autocast("cpu", enabled=False):
        sizes = {"base_layer": (2, 3, True), "lora_A": (2, 1, False), "lora_B": (1, 3, False)}
        given = {name: nn.Linear(*size, "cpu", torch.float32) for name, size in sizes.items()}
        layer = dora.DoraLinearLayer(fan_in_fan_out=False)
        layer.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0], device="cpu"))
        x = torch.tensor([[1.0, 2.0], [-3.0, 4.0]], device="cpu")
        given |= {"scaling": 0.5, "base_result": given["base_layer"](x)}
        try:
            theirs = _pefts(layer, x, **given)
            ours = _pass(Norms(), given["base_layer"].weight, layer, x, **given)
        except (TypeError, AttributeError, RuntimeError) as error:
            what = f"cannot be asked as that of peft 0.21 ({error})"
        else:
            if torch.allclose(theirs, ours, rtol=1e-4, atol=1e-5):
                return None
            what = f"gives other numbers than that of peft 0.21, by up to {(theirs - ours).abs().max():.2g}"
    return f"the DoRA layer of peft {version('peft')} {what}: it keeps its own way"
