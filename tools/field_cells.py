"""Writers and readers of DoRA adapters, run by field_matrix.py, each in its library's own environment.

`write` trains a small adapter with the library's own layer and stores the file as that library names things, its parts, and what the
trained layer answers. `read` gives every stored file to a library, as it was written and with its names translated, and prints a line
of JSON for each: what the library answers, how many outputs move when one number of its m is poked, or why it refuses.
"""

import importlib
import io
import json
import logging
import re
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

RANK, ALPHA = 2, 4.0
LAYERS = ("square", "oblong", "convolution")
STATES = ("start", "trained")
POKED = 1  # the number of m that is poked
UNKNOWN, LINEAR = "none of its names is known: nothing is loaded", "its layer is linear only"


def base(layer: str) -> nn.Module:
    """The frozen layer, the same in every environment: float64 draws have the same bits everywhere. Both of its sets of norms are uneven."""
    generator = torch.Generator().manual_seed(LAYERS.index(layer))
    made = {
        "square": lambda: nn.Linear(6, 6, bias=False),
        "oblong": lambda: nn.Linear(6, 4, bias=False),
        "convolution": lambda: nn.Conv2d(3, 5, 3, bias=False),
    }[layer]()
    draw = [torch.randn(*made.weight.shape, generator=generator, dtype=torch.float64)]
    for side in (0, 1):
        shape = [n if i == side else 1 for i, n in enumerate(made.weight.shape)]
        draw.append((0.5 * torch.randn(*shape, generator=generator, dtype=torch.float64)).exp())
    made.weight.data.copy_(draw[0] * draw[1] * draw[2] / 3)
    return made.requires_grad_(False)


def batch(layer: str) -> Tensor:
    generator = torch.Generator().manual_seed(100 + LAYERS.index(layer))
    shape = (4, 3, 6, 6) if layer == "convolution" else (64, 6)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).float()


def wanted(layer: str) -> Tensor:
    """What the adapter is trained towards: the same answers, every second output and input scaled."""
    other = base(layer)
    other.weight[::2] *= 1.5
    other.weight[:, ::2] *= 0.6
    return other(batch(layer))


@dataclass
class Parts:
    """An adapter without a library's names: A (rank, in, ...), B (out, rank), m as it is stored, and what BA is multiplied by."""

    A: Tensor
    B: Tensor
    m: Tensor
    scaling: float

    def delta(self, weight: Tensor) -> Tensor:
        return self.scaling * (self.B.flatten(1) @ self.A.flatten(1)).reshape(weight.shape)


def start(A: Tensor) -> None:
    """A's first values, the same for every writer."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        A.copy_(torch.randn(*A.shape, generator=generator, dtype=torch.float64) / A[0].numel() ** 0.5)


def fit(forward: Callable[[Tensor], Tensor], parameters: list[Tensor], layer: str) -> None:
    optimizer = torch.optim.Adam(parameters, lr=0.03)
    x, target = batch(layer), wanted(layer)
    for _ in range(60):
        loss = F.mse_loss(forward(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Net(nn.Module):
    """A model with one layer, called to_q."""

    def __init__(self, layer: str):
        super().__init__()
        self.to_q = base(layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.to_q(x)


def bare(name: str) -> types.ModuleType:
    """One file of a package, without what the packages around it import for themselves."""
    *parents, _ = name.split(".")
    for i in range(len(parents)):
        package = ".".join(parents[: i + 1])
        if package not in sys.modules:
            made = types.ModuleType(package)
            made.__path__ = [str(Path(p) / package.replace(".", "/")) for p in sys.path]
            sys.modules[package] = made
    return importlib.import_module(name)


def stand_in(name: str, **names) -> None:
    """A module that a file imports from and does not need here: these names and no more."""
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(names)


class Refused(Exception):
    """The library does not read this file; the sentence says why."""


def fitting(m: Tensor, shape: tuple[int, ...]) -> Tensor:
    """m in the shape a reader keeps, as a converter reshapes it. Refused where the count is another."""
    if m.numel() != torch.Size(shape).numel():
        raise Refused(f"m has {m.numel()} numbers, and this layer keeps {torch.Size(shape).numel()}")
    return m.reshape(shape)


# ---- the libraries: each has write(layer) -> (forward, tensors, parts, parameters) or read(layer, tensors, parts) -> (forward, m)
# Given parts and no tensors, read takes the parts under its own names. What it gives as m is poked; None where there is none.


class Peft:
    def wrapped(self, layer: str):
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(r=RANK, lora_alpha=ALPHA, use_dora=True, target_modules=["to_q"])
        return get_peft_model(Net(layer), config)

    def write(self, layer: str):
        from peft import get_peft_model_state_dict

        model = self.wrapped(layer)
        inside = model.base_model.model.to_q
        A, B, m = (
            inside.lora_A["default"].weight,
            inside.lora_B["default"].weight,
            inside.lora_magnitude_vector["default"].weight,
        )
        start(A)
        return model, lambda: get_peft_model_state_dict(model), lambda: Parts(A, B, m, ALPHA / RANK), [A, B, m]

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        from peft import set_peft_model_state_dict

        model = self.wrapped(layer)
        inside = model.base_model.model.to_q
        m = inside.lora_magnitude_vector["default"].weight
        if tensors is None:
            stem = "base_model.model.to_q."
            tensors = {f"{stem}lora_A.weight": parts.A, f"{stem}lora_B.weight": parts.B}
            tensors[f"{stem}lora_magnitude_vector"] = fitting(parts.m, m.shape)
        elif not any("lora_A" in key and key.startswith("base_model.model.") for key in tensors):
            raise Refused(UNKNOWN)
        set_peft_model_state_dict(model, tensors)
        return model, m if any("lora_magnitude_vector" in key for key in tensors) else None  # else it stays W's norm


class Lycoris:
    """By its flag: wd_on_output None is the version's own default."""

    def __init__(self, wd_on_output: bool | None = None, from_weights: bool = False):
        self.options = {
            "bypass_mode": False
        }  # up to 3.1.1 the wrapper turns it on where it is not named, and then m is not in use
        self.options |= {} if wd_on_output is None else {"wd_on_output": wd_on_output}
        self.from_weights = from_weights

    def wrapped(self, layer: str):
        lycoris = importlib.import_module("lycoris")
        net = Net(layer)
        lycoris.LycorisNetwork.apply_preset({"target_module": ["Net"], "enable_conv": True})
        options = dict(linear_dim=RANK, linear_alpha=ALPHA, conv_dim=RANK, conv_alpha=ALPHA, algo="lora", dora_wd=True)
        wrapper = lycoris.create_lycoris(net, 1.0, **options, **self.options)
        wrapper.apply_to()
        return net, wrapper

    def write(self, layer: str):
        net, wrapper = self.wrapped(layer)
        (inside,) = wrapper.loras
        A, B, m = inside.lora_down.weight, inside.lora_up.weight, inside.dora_scale
        start(A)
        return net, wrapper.state_dict, lambda: Parts(A, B, m, inside.scale), [A, B, m]

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        lycoris = importlib.import_module("lycoris")
        if tensors is None:
            tensors = named_dora_scale(parts)
        elif not any(key.endswith("dora_scale") for key in tensors):
            raise Refused(UNKNOWN)
        else:
            tensors = {f"lycoris_to_q.{key.split('.', 1)[1]}": tensor for key, tensor in tensors.items()}
        if self.from_weights:
            net = Net(layer)
            wrapper, _ = lycoris.create_lycoris_from_weights(1.0, "", net, weights_sd=tensors)
            wrapper.apply_to()
        else:
            net, wrapper = self.wrapped(layer)
            wrapper.load_state_dict(tensors, strict=False)
        (inside,) = wrapper.loras
        inside.dora_scale = nn.Parameter(inside.dora_scale.detach())
        return net, inside.dora_scale


def named_dora_scale(parts: Parts) -> dict[str, Tensor]:
    """The names of LyCORIS, OneTrainer and kohya's tools; alpha is over the rank, as they have it."""
    tensors = {
        "lora_down.weight": parts.A,
        "lora_up.weight": parts.B.reshape(*parts.B.shape[:2], *[1] * (parts.A.ndim - 2)),
    }
    tensors |= {"dora_scale": parts.m, "alpha": torch.tensor(parts.scaling * parts.A.shape[0])}
    return {f"lycoris_to_q.{key}": tensor for key, tensor in tensors.items()}


class Torchtune:
    def made(self, layer: str):
        if layer == "convolution":
            raise Refused(LINEAR)
        asked = bare("torchtune.modules.peft._utils")
        sys.modules["torchtune.modules.peft"].AdapterModule = asked.AdapterModule
        known = base(layer)
        inside = bare("torchtune.modules.peft.dora").DoRALinear(known.in_features, known.out_features, RANK, ALPHA)
        inside.weight.data.copy_(known.weight)
        inside.weight.requires_grad_(False)
        inside.initialize_dora_magnitude()
        return inside

    def write(self, layer: str):
        inside = self.made(layer)
        A, B, m = inside.lora_a.weight, inside.lora_b.weight, inside.magnitude
        start(A)
        torch.nn.init.zeros_(B)

        def stored():
            return {f"to_q.{key}": tensor for key, tensor in inside.state_dict().items() if key != "weight"}

        return inside, stored, lambda: Parts(A, B, m, ALPHA / RANK), [A, B, m]

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        inside = self.made(layer)
        if tensors is None:
            tensors = {
                "lora_a.weight": parts.A,
                "lora_b.weight": parts.B,
                "magnitude": fitting(parts.m, inside.magnitude.shape),
            }
        elif not any(key.endswith("lora_a.weight") for key in tensors):
            raise Refused(UNKNOWN)
        else:
            tensors = {key.removeprefix("to_q."): tensor for key, tensor in tensors.items()}
        inside.load_state_dict(tensors, strict=False)
        return inside, inside.magnitude


class Mlx:
    def __init__(self, module: str):
        self.module = module

    def made(self, layer: str):
        if layer == "convolution":
            raise Refused(LINEAR)
        import mlx.core as mx
        import mlx.nn

        known = base(layer)
        linear = mlx.nn.Linear(known.in_features, known.out_features, bias=False)
        linear.weight = mx.array(known.weight.numpy())
        return bare(self.module).DoRALinear.from_base(linear, r=RANK, scale=ALPHA / RANK)

    @staticmethod
    def answering(inside):
        import mlx.core as mx
        import numpy

        return lambda x: torch.tensor(numpy.array(inside(mx.array(x.numpy()))))

    def write(self, layer: str):
        import mlx.core as mx
        import mlx.nn
        import mlx.optimizers
        import numpy

        inside = self.made(layer)
        A = torch.empty(RANK, base(layer).in_features)
        start(A)
        inside.lora_a = mx.array(A.T.contiguous().numpy())
        inside.linear.freeze()

        def kept(array):
            return torch.tensor(numpy.array(array))

        def train():
            x, target = (mx.array(t.numpy()) for t in (batch(layer), wanted(layer)))
            step = mlx.nn.value_and_grad(inside, lambda model: ((model(x) - target) ** 2).mean())
            optimizer = mlx.optimizers.Adam(0.03, bias_correction=True)
            for _ in range(60):
                optimizer.update(inside, step(inside)[1])
                mx.eval(inside.parameters())

        def stored():
            return {f"to_q.{name}": kept(getattr(inside, name)) for name in ("lora_a", "lora_b", "m")}

        def parts():
            return Parts(kept(inside.lora_a).T, kept(inside.lora_b).T, kept(inside.m), ALPHA / RANK)

        return self.answering(inside), stored, parts, train

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        import mlx.core as mx

        inside = self.made(layer)
        if tensors is None:
            m = fitting(parts.m, tuple(inside.m.shape))
            tensors = {"lora_a": parts.A.T, "lora_b": parts.B.T, "m": m}
        elif not any(key.endswith(".m") for key in tensors):
            raise Refused(UNKNOWN)
        else:
            tensors = {key.removeprefix("to_q."): tensor for key, tensor in tensors.items()}
        inside.load_weights([(key, mx.array(t.contiguous().numpy())) for key, t in tensors.items()], strict=False)

        def poke():
            inside.m[POKED] = inside.m[POKED] * 1.5

        return self.answering(inside), poke


class Own:
    """A library whose linear layer is a module with A, B and m, by their names in it."""

    def __init__(self, make: Callable[[nn.Linear], nn.Module], factors: tuple[str, str], m: str = "magnitude"):
        self.make, self.factors, self.m = make, factors, m

    def made(self, layer: str):
        if layer == "convolution":
            raise Refused(LINEAR)
        return self.make(base(layer))

    def write(self, layer: str):
        inside = self.made(layer)
        named = dict(inside.named_parameters())
        A, B, m = (named[name] for name in (*self.factors, self.m))
        start(A)

        def stored():
            return {f"to_q.{name}": named[name] for name in (*self.factors, self.m)}

        return inside, stored, lambda: Parts(A, B, m, ALPHA / RANK), [A, B, m]

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        inside = self.made(layer)
        m = inside.get_parameter(self.m)
        if tensors is None:
            tensors = dict(zip(self.factors, (parts.A, parts.B), strict=True))
            tensors[self.m] = fitting(parts.m, m.shape)
        elif {f"to_q.{name}" for name in (*self.factors, self.m)} - tensors.keys():
            raise Refused(UNKNOWN)
        else:
            tensors = {key.removeprefix("to_q."): tensor for key, tensor in tensors.items()}
        inside.load_state_dict(tensors, strict=False)
        return inside, m


def bidora(known: nn.Linear) -> nn.Module:
    made = bare("bidora.layers").BiDoRALinear(
        known.in_features, known.out_features, rank=RANK, lora_alpha=ALPHA, bias=False
    )
    made.weight.data.copy_(known.weight)
    made.weight.requires_grad_(False)
    made.magnitude.data.copy_(known.weight.norm(dim=0))
    return made


def omg(known: nn.Linear) -> nn.Module:
    return importlib.import_module("omg_hybridomga").DoRALinear(known, RANK, ALPHA)


def adapterhub(known: nn.Linear) -> nn.Module:
    from adapters import LoRAConfig, ModelAdaptersConfig
    from adapters.composition import Stack
    from adapters.methods.lora import LoRALinear
    from transformers import PretrainedConfig

    config = ModelAdaptersConfig()
    config.add("a", LoRAConfig(r=RANK, alpha=ALPHA, use_dora=True))
    made = LoRALinear.wrap(known, "selfattn", PretrainedConfig(), config, attn_key="q")
    made.add_adapter("a", 0)
    config.active_setup = Stack("a")
    return made


MEGATRON = tuple(f"inside.adapter.{name}" for name in ("linear_in.weight", "linear_out.weight", "weight_magnitude"))


class Megatron(nn.Module):
    """Megatron-Bridge's layer around megatron-core's, in a group of one process; it takes sequences."""

    def __init__(self, known: nn.Linear):
        super().__init__()
        dora = bare("megatron.bridge.peft.dora_layers")
        from megatron.core import parallel_state, tensor_parallel
        from megatron.core.model_parallel_config import ModelParallelConfig

        if not torch.distributed.is_initialized():
            store = torch.distributed.HashStore()
            torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
            parallel_state.initialize_model_parallel()
        config = ModelParallelConfig(use_cpu_initialization=True, params_dtype=torch.float32)
        sizes, options = (known.in_features, known.out_features), {"config": config, "bias": False}
        linear = tensor_parallel.ColumnParallelLinear(*sizes, init_method=nn.init.zeros_, **options)
        linear.weight = nn.Parameter(known.weight.clone(), requires_grad=False)
        named = {"base_linear_name": "to_q", "activation": "identity", "model_parallel_config": config}
        adapter = dora.ParallelLinearDoRAAdapter(*sizes, RANK, alpha=ALPHA, **named)
        self.inside = dora.DoRALinear(linear, adapter)

    def forward(self, x: Tensor) -> Tensor:
        return self.inside(x[None])[0][0]


class Swift(Peft):
    """ms-swift hands peft a configuration of its own and changes a few of peft's methods."""

    def wrapped(self, layer: str):
        stand_in("modelscope", snapshot_download=None)
        stand_in("swift.utils", get_logger=logging.getLogger)
        swift = bare("swift.tuners.peft")
        return swift.get_peft_model(
            Net(layer), swift.LoraConfig(r=RANK, lora_alpha=ALPHA, use_dora=True, target_modules=["to_q"])
        )


class Axolotl:
    """Its own merge, tensor by tensor: it looks the names up and hands what it found to a layer of peft."""

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        merge = bare("axolotl.cli.utils.lora_merge")._merge_tensor_with_lora
        known, key = base(layer), "base_model.model.to_q.lora_magnitude_vector"
        if tensors is None:
            tensors = named_peft(parts, fitting(parts.m, peft_shape(known.weight)))
        config = {"r": RANK, "lora_alpha": parts.scaling * RANK, "use_dora": True}

        def forward(x: Tensor) -> Tensor:
            weight, applied = merge(known.weight, "to_q.weight", tensors, parts.scaling, config, "cpu", use_dora=True)
            if not applied:
                raise Refused(UNKNOWN)
            return torch.func.functional_call(known, {"weight": weight}, (x,))

        return forward, tensors.get(key)


def peft_shape(weight: Tensor) -> tuple[int, ...]:
    """The shape in which peft keeps m: (out,), and (1, out, 1, 1) for a convolution."""
    return (weight.shape[0],) if weight.ndim == 2 else (1, weight.shape[0], *[1] * (weight.ndim - 2))


def named_peft(parts: Parts, m: Tensor) -> dict[str, Tensor]:
    stem = "base_model.model.to_q."
    tensors = {f"{stem}lora_A.weight": parts.A, f"{stem}lora_B.weight": parts.B}
    return tensors | {f"{stem}lora_magnitude_vector": m}


class Unsloth(Peft):
    """peft loads the file; the weight it is saved with is merged by unsloth's own formula."""

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        model, m = super().read(layer, tensors, parts)
        saving, known = bare("unsloth_zoo.saving_utils"), base(layer)

        def forward(x: Tensor) -> Tensor:
            found, _ = saving.create_lora_statistics(model, merge_into_original=True, return_state_dict=False)
            weight = saving._merge_lora(known.weight.clone(), found["to_q"], "to_q")
            return torch.func.functional_call(known, {"weight": weight}, (x,))

        return forward, m


class UnslothMlx:
    """A folder as peft stores it, converted for mlx-lm, and mlx-lm's layer."""

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        if layer == "convolution":
            raise Refused(LINEAR)
        if tensors is None:
            tensors = named_peft(parts, fitting(parts.m, peft_shape(base(layer).weight)))
        config = {"peft_type": "LORA", "r": RANK, "lora_alpha": parts.scaling * RANK, "use_dora": True}
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "peft", Path(folder) / "mlx"
            source.mkdir()
            save_file({key: t.contiguous() for key, t in tensors.items()}, source / "adapter_model.safetensors")
            (source / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["to_q"]}))
            convert = bare("unsloth_zoo.mlx.peft_interop").convert_peft_dir_to_mlx
            convert(source, made, {"num_hidden_layers": 1})
            tensors = load_file(made / "adapters.safetensors")
        return Mlx("mlx_lm.tuner.dora").read(layer, tensors, parts)


class SimpleTuner:
    """A model of diffusers with a layer of peft; stored as the tool stores it, and taken up again by its `init_lora`."""

    def __init__(self, comfyui: bool = False):
        self.comfyui = comfyui

    def wrapped(self, layer: str):
        from peft import LoraConfig

        unet = one_layer_unet(layer)
        unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, use_dora=True, target_modules=["to_q"]))
        return unet, unet.get_submodule(UNET)

    def write(self, layer: str):
        from diffusers.loaders import StableDiffusionLoraLoaderMixin
        from peft import get_peft_model_state_dict

        convert = bare("simpletuner.helpers.training.lora_format").convert_diffusers_to_comfyui
        unet, inside = self.wrapped(layer)
        A, B = inside.lora_A["default"].weight, inside.lora_B["default"].weight
        m = inside.lora_magnitude_vector["default"].weight
        start(A)

        def stored():
            tensors = StableDiffusionLoraLoaderMixin.pack_weights(get_peft_model_state_dict(unet), "unet")
            return convert(tensors, adapter_metadata={"lora_alpha": ALPHA}) if self.comfyui else tensors

        return unet, stored, lambda: Parts(A, B, m, ALPHA / RANK), [A, B, m]

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        load = bare("simpletuner.helpers.training.adapter").load_lora_weights
        unet, inside = self.wrapped(layer)
        if layer == "convolution":
            raise Refused(LINEAR)
        m = inside.lora_magnitude_vector["default"].weight
        key = f"unet.{UNET}.lora_magnitude_vector.weight"
        if tensors is None:
            tensors = {f"unet.{UNET}.lora_A.weight": parts.A, f"unet.{UNET}.lora_B.weight": parts.B}
            tensors[key] = fitting(parts.m, m.shape)
        else:
            tensors = under_unet(tensors)
        with tempfile.TemporaryDirectory() as folder:
            save_file({key: t.contiguous() for key, t in tensors.items()}, f"{folder}/it.safetensors")
            _, missing = load({"unet": unet}, f"{folder}/it.safetensors", use_dora=True)
        if f"unet.{UNET}.lora_A.weight" in missing:
            raise Refused(UNKNOWN)
        return unet.eval(), None if key in missing else m


class Invoke:
    """The converter for Stable Diffusion's files, and the layer it makes."""

    NEEDED = ("util.calc_tensor_size", "model_manager.load.model_cache.torch_module_autocast.cast_to_device")

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        if tensors is None:
            tensors = named_dora_scale(parts)
        sys.modules["invokeai.backend.util.logging"] = logging  # its own reads the application's settings
        for needed in self.NEEDED:
            bare(f"invokeai.backend.{needed}")
        convert = bare(
            "invokeai.backend.patches.lora_conversions.sd_lora_conversion_utils"
        ).lora_model_from_sd_state_dict
        patch = next(iter(convert(tensors).layers.values()))
        known = base(layer)

        def forward(x: Tensor) -> Tensor:
            added = patch.get_parameters({"weight": known.weight}, weight=1.0)["weight"]
            return torch.func.functional_call(known, {"weight": known.weight + added}, (x,))

        return forward, getattr(patch, "dora_scale", None)


UNET = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def one_layer_unet(layer: str) -> nn.Module:
    """A model of diffusers with the layer where a Stable Diffusion model has its first to_q."""
    from diffusers.configuration_utils import ConfigMixin, register_to_config
    from diffusers.loaders import PeftAdapterMixin
    from diffusers.models.modeling_utils import ModelMixin

    class Unet(ModelMixin, ConfigMixin, PeftAdapterMixin):
        @register_to_config
        def __init__(self):
            super().__init__()
            inner: nn.Module = base(layer)
            for name in reversed(UNET.split(".")[1:]):
                inner = nn.ModuleDict({name: inner})
            self.down_blocks = inner

        def forward(self, x):
            return self.get_submodule(UNET)(x)

    return Unet()


def under_unet(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of a file for that layer, whatever model it was written for; `dora_scale` brings kohya's names with it."""
    if any(key.endswith("dora_scale") for key in tensors):
        return {f"lora_unet_{UNET.replace('.', '_')}.{key.split('.', 1)[1]}": t for key, t in tensors.items()}
    return {f"unet.{UNET}.{key.split('to_q.', 1)[1]}": tensor for key, tensor in tensors.items()}


class Diffusers:
    """What a pipeline does with the file of one layer: it sorts the names, and hands what is left to the model."""

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        from diffusers.loaders import StableDiffusionLoraLoaderMixin

        alphas = {f"unet.{UNET}.alpha": torch.tensor(parts.scaling * parts.A.shape[0])}
        if tensors is None:
            stem = f"unet.{UNET}."
            tensors = {f"{stem}lora_A.weight": parts.A, f"{stem}lora_B.weight": parts.B}
            tensors[f"{stem}lora_magnitude_vector"] = parts.m
        else:
            tensors = under_unet(tensors)
        left, found = StableDiffusionLoraLoaderMixin.lora_state_dict(dict(tensors))
        unet = one_layer_unet(layer)
        unet.load_lora_adapter(left, network_alphas=found or alphas, prefix="unet")
        inside = unet.get_submodule(UNET)
        if not hasattr(inside, "lora_A"):
            raise Refused(UNKNOWN)
        magnitudes = list(inside.lora_magnitude_vector.values()) if len(inside.lora_magnitude_vector) else []
        return unet.eval(), magnitudes[0].weight if magnitudes else None


# ---- what only git has: our own code, by the rule that was read in the source


class Rebuilt(nn.Module):
    """A DoRA layer by its formula. `m` (out, 1, ...) or (1, in, ...), bare where the writer drops the dimensions."""

    def __init__(self, layer: str, per: str, is_bare: bool):
        super().__init__()
        known = base(layer)
        self.known, self.weight, self.per = known, known.weight, per
        self.A = nn.Parameter(torch.empty(RANK, *known.weight.shape[1:]))
        self.B = nn.Parameter(torch.zeros(known.weight.shape[0], RANK))
        self.m = nn.Parameter(self.norm(known.weight).flatten() if is_bare else self.norm(known.weight))

    def norm(self, weight: Tensor) -> Tensor:
        side = 0 if self.per == "output" else 1
        return torch.linalg.vector_norm(weight, dim=[i for i in range(weight.ndim) if i != side], keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        adapted = self.weight + Parts(self.A, self.B, self.m, ALPHA / RANK).delta(self.weight)
        norm = self.norm(adapted)
        return torch.func.functional_call(
            self.known, {"weight": self.m.reshape(norm.shape) * adapted / norm.detach()}, (x,)
        )


NAMES = {
    "ai-toolkit": ("to_q", "lora_down.weight", "lora_up.weight", "magnitude"),
    "parametrization": ("to_q.parametrizations.weight.0", "lora_A", "lora_B", "magnitude"),
    "authors": ("base_model.model.to_q", "lora_A.weight", "lora_B.weight", "weight_m_wdecomp.weight"),
}


class Writes:
    def __init__(self, per: str, names: str, is_bare: bool = False):
        self.per, self.names, self.is_bare = per, names, is_bare

    def write(self, layer: str):
        if layer == "convolution" and self.names in NAMES:
            raise Refused(LINEAR)
        made = Rebuilt(layer, self.per, self.is_bare)
        start(made.A)
        parts = Parts(made.A, made.B, made.m, ALPHA / RANK)

        def stored():
            if self.names == "dora_scale":
                return named_dora_scale(parts)
            stem, *ends = NAMES[self.names]
            return {f"{stem}.{end}": tensor for end, tensor in zip(ends, (made.A, made.B, made.m), strict=True)}

        return made, stored, lambda: parts, [made.A, made.B, made.m]


class Reads:
    """`outputs` says of m and a weight whether m is taken per output; `whole` whether that branch takes the norm of W + BA or of W."""

    def __init__(self, outputs: Callable[[Tensor, Tensor], bool], whole: bool = True):
        self.outputs, self.whole = outputs, whole

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        if tensors is not None and not any(key.endswith("dora_scale") for key in tensors):
            raise NotTold
        known = base(layer)
        W, m = known.weight, parts.m.clone()
        adapted = W + parts.delta(W)
        by_output = self.outputs(m, W)
        normed = adapted if self.whole or not by_output else W
        dims = [i for i in range(W.ndim) if i != (0 if by_output else 1)]
        norm = torch.linalg.vector_norm(normed, dim=dims, keepdim=True)

        def forward(x: Tensor) -> Tensor:
            return torch.func.functional_call(known, {"weight": adapted * (m / norm)}, (x,))  # broadcast as it comes

        return forward, m


class Unnormed:
    """TensorRT-LLM: its script divides a bare m by the norms of the outputs once, and the engine scales the outputs by what comes out."""

    MAGNITUDES = ("lora_magnitude_vector", "weight_m_wdecomp.weight")

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        if layer == "convolution":
            raise Refused(LINEAR)
        known, m = base(layer), parts.m.flatten().clone()
        if tensors is not None:
            stem = "base_model.model.to_q."
            if tensors.keys() - {f"{stem}{name}" for name in ("lora_A.weight", "lora_B.weight", *self.MAGNITUDES)}:
                raise Refused("it stops at a name that it does not know")
        adapted = known.weight + parts.delta(known.weight)

        def forward(x: Tensor) -> Tensor:
            scale = m / torch.linalg.vector_norm(adapted, dim=1)
            return torch.func.functional_call(known, {"weight": adapted}, (x,)) * scale

        return forward, m


class OfLora:
    """stable-diffusion.cpp: the factors by many names and alpha by one; whatever else the file holds is named in its log and left out."""

    NAMES = (("lora_down.weight", "lora_up.weight"), ("lora_A.weight", "lora_B.weight"), ("lora_A", "lora_B"))

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        known, scaling = base(layer), parts.scaling
        if tensors is not None:
            ends = {key.split("to_q.", 1)[1] for key in tensors}
            if not any(ends >= {*pair} for pair in self.NAMES):
                raise Refused(UNKNOWN)
            scaling = parts.scaling if "alpha" in ends else 1.0
        weight = known.weight + scaling / parts.scaling * parts.delta(known.weight)
        return lambda x: torch.func.functional_call(known, {"weight": weight}, (x,)), None


class Refuses:
    """A reader of peft's folders that stops at `use_dora` in the configuration. What it makes of another's file was not read."""

    def read(self, layer: str, tensors: dict[str, Tensor] | None, parts: Parts):
        if tensors is not None and not any(key.startswith("base_model.model.") for key in tensors):
            raise NotTold
        raise Refused("its check of the configuration stops at use_dora")


class NotTold(Exception):
    """Nothing was read in the source that says what happens to this file."""


def first_side(m: Tensor, W: Tensor) -> bool:
    return m.shape[0] == W.shape[0]


def kept_or_longer(m: Tensor, W: Tensor) -> bool:
    return first_side(m, W) and (m.ndim > 1 or W.shape[0] != W.shape[1])


RAN = {
    "peft": Peft,
    "ms-swift": Swift,
    "SimpleTuner": SimpleTuner,
    "SimpleTuner, lora_format=comfyui": lambda: SimpleTuner(comfyui=True),
    "diffusers": Diffusers,
    "axolotl": Axolotl,
    "unsloth": Unsloth,
    "unsloth-zoo, MLX": UnslothMlx,
    "LyCORIS": Lycoris,
    "LyCORIS, wd_on_output=False": lambda: Lycoris(False),
    "LyCORIS, from weights": lambda: Lycoris(from_weights=True),
    "torchtune": Torchtune,
    "mlx-lm": lambda: Mlx("mlx_lm.tuner.dora"),
    "mlx-vlm": lambda: Mlx("mlx_vlm.trainer.peft.dora_layers"),
    "AdapterHub adapters": lambda: Own(adapterhub, ("loras.a.lora_A", "loras.a.lora_B"), "loras.a.m.weight"),
    "Megatron-Bridge": lambda: Own(Megatron, MEGATRON[:2], MEGATRON[2]),
    "bidora": lambda: Own(bidora, ("lora_A", "lora_B")),
    "omg-hybridomga": lambda: Own(omg, ("lora_A.weight", "lora_B.weight")),
    "InvokeAI": Invoke,
}
REBUILT = {
    "OneTrainer": lambda: Writes("input", "dora_scale"),
    "OneTrainer, lora_decompose_output_axis": lambda: Writes("output", "dora_scale"),
    "NVlabs/DoRA": lambda: Writes("output", "authors"),
    "ai-toolkit": lambda: Writes("output", "ai-toolkit", is_bare=True),
    "Stable Audio 3, dora-rows": lambda: Writes("output", "parametrization", is_bare=True),
    "Stable Audio 3, dora-cols": lambda: Writes("input", "parametrization", is_bare=True),
    "ComfyUI, Forge": lambda: Reads(first_side, whole=False),
    "SD.Next": lambda: Reads(kept_or_longer),
    "reForge": lambda: Reads(lambda m, W: False),
    "TensorRT-LLM": Unnormed,
    "stable-diffusion.cpp": OfLora,
    "vLLM": Refuses,
    "SGLang": Refuses,
    "mistral.rs": Refuses,
}
LIBRARIES = RAN | REBUILT


def write(library: str, layer: str) -> dict[str, tuple[dict, Parts, Tensor]]:
    """For each state: the file's tensors, its parts, and what the layer answers."""
    forward, stored, parts, train = LIBRARIES[library]().write(layer)
    made = {}
    for state in STATES:
        if state == "trained":
            train() if callable(train) else fit(forward, train, layer)
        with torch.no_grad():
            tensors = {key: t.detach().clone().contiguous() for key, t in stored().items()}
            kept = parts()
            copies = Parts(*(t.detach().clone() for t in (kept.A, kept.B, kept.m)), float(kept.scaling))
            made[state] = tensors, copies, forward(batch(layer)).detach().clone()
    return made


def read(library: str, layer: str, tensors: dict[str, Tensor] | None, parts: Parts) -> dict:
    """What the library answers, and how many outputs move when one number of its m is half as large again."""
    try:
        with torch.set_grad_enabled(library not in REBUILT):
            forward, m = LIBRARIES[library]().read(layer, tensors, parts)
        with torch.no_grad():
            answer, moved = forward(batch(layer)).detach().clone(), None
            if m is not None:
                m() if callable(m) else m.view(-1)[POKED].mul_(1.5)
                changed = ~torch.isclose(forward(batch(layer)), answer, rtol=1e-4, atol=1e-5)
                moved = int(changed.transpose(0, 1).flatten(1).any(dim=1).sum())
    except NotTold:
        return {}
    except Refused as error:
        return {"refused": str(error)}
    except (RuntimeError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        return {"refused": f"{type(error).__name__}: {without_places(' '.join(str(error).split()))[:120]}"}
    return {"answer": answer.flatten().tolist(), "moved": moved}


def without_places(said: str) -> str:
    """A file's place is another one in each run, and nobody else's."""
    return re.sub(
        r"(?:Posix|Windows)Path\('[^']*'\)|" + re.escape(tempfile.gettempdir()) + r"[^\s'\":,)]*", "its file", said
    )


def apart(do: str, library: str, folder: Path, out: TextIO) -> None:
    """Write the files of a library into its folder, or read those of all the folders and print what it answers: in a process of its own."""
    sys.stdout = io.StringIO()  # what libraries print is theirs
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    for layer in LAYERS:
        if do == "write":
            try:
                for state, (tensors, parts, answer) in write(library, layer).items():
                    place = folder / f"{layer}-{state}"
                    save_file(tensors, f"{place}.safetensors")
                    stored = {"A": parts.A, "B": parts.B, "m": parts.m, "answer": answer}
                    scaling = {"scaling": repr(parts.scaling)}
                    save_file({key: t.contiguous() for key, t in stored.items()}, f"{place}.parts", metadata=scaling)
            except Refused:
                continue
        else:
            for place in sorted(folder.glob(f"*/{layer}-*.safetensors")):
                parts = load_parts(place.with_suffix(".parts"))
                for route, tensors in {"as written": load_file(place), "translated": None}.items():
                    found = read(library, layer, tensors, parts)
                    state = place.stem.removeprefix(f"{layer}-")
                    seen = {"writer": place.parent.name, "layer": layer, "state": state, "route": route, **found}
                    print(json.dumps(seen), file=out)


def load_parts(path: Path) -> Parts:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        scaling = float(file.metadata()["scaling"])
        return Parts(*(file.get_tensor(name) for name in ("A", "B", "m")), scaling)
