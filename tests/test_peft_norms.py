"""peft with the cheaper norm gives what peft gives: outputs, gradients, merged weights, and itself again afterwards."""

import copy
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from dorabook import factored, peft_norms
from dorabook.models import tiny_gpt2
from dorabook.peft_norms import PROBED, cheaper_norms, weight_of
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import dora
from peft.utils.integrations import dequantize_module_weight
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(12, 20), nn.Linear(20, 12, bias=False)

    def forward(self, x):
        return self.down(torch.tanh(self.up(x)))


def adapted(model, targets, *, dropout=0.0, dtype=torch.float64, **options):
    """A DoRA model of peft with every trained value moved away from its start."""
    config = LoraConfig(r=3, lora_alpha=6, use_dora=True, target_modules=targets, lora_dropout=dropout, **options)
    generator = torch.Generator().manual_seed(4)
    model = get_peft_model(model.to(dtype), config).to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(dtype)
    return model


def two(**options):
    torch.manual_seed(3)
    return adapted(Two(), ["up", "down"], **options)


def result(model, x):
    model.zero_grad()
    torch.manual_seed(5)  # for dropout
    y = model(x)
    y = getattr(y, "logits", y)
    y.square().sum().backward()
    return [y.detach().clone()] + [p.grad.clone() for p in model.parameters() if p.grad is not None]


def trained(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def parts(model, name="up"):
    layer = getattr(model.base_model.model, name)
    return layer.base_layer, layer.lora_A["default"], layer.lora_B["default"], layer.lora_magnitude_vector["default"]


def assert_same(ours, theirs, **tolerance):
    assert len(ours) == len(theirs) > 1
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected, **tolerance)


PEFTS = peft_norms._pefts
X = torch.randn(7, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers 5


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_pefts(dropout, training):
    model = two(dropout=dropout).train(training)
    theirs = result(model, X)
    with cheaper_norms(model) as norms:
        ours = result(model, X)
    assert norms.taken == 2, "both layers take the other norm"
    assert_same(ours, theirs)


def test_conv1d_is_measured_per_output_as_pefts_is():
    torch.manual_seed(3)
    model = adapted(tiny_gpt2(), ["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True).eval()
    ids = torch.tensor([[1, 2, 3, 4]])
    theirs = result(model, ids)
    with cheaper_norms(model, strict=True) as norms:
        assert_same(result(model, ids), theirs)
    assert norms.taken == len(norms.covered) > 3


# ---- what is covered

HALVES = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("adapters", ["as peft chooses", "as the base", "float32"])
@pytest.mark.parametrize("base", [torch.float32, *HALVES], ids=str)
def test_mixed_dtypes_are_covered(base, adapters, autocast, dropout):
    """peft makes float32 adapters on a half base when it is left to choose: the usual fine-tune."""
    torch.manual_seed(3)
    config = LoraConfig(r=3, lora_alpha=6, use_dora=True, target_modules=["up", "down"], lora_dropout=dropout)
    model = get_peft_model(Two().to(base), config, autocast_adapter_dtype=adapters == "as peft chooses")
    with torch.no_grad():
        for parameter in trained(model):
            parameter.data = (parameter + 0.1).float() if adapters == "float32" else parameter + 0.1
    x = X.to(base)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        theirs = result(model, x)
        with cheaper_norms(model, strict=True) as norms:
            ours = result(model, x)
    assert norms.taken == 2
    error = 2**-22 if base == torch.float32 and not autocast else 2**-6 if autocast or base == HALVES[0] else 2**-9
    for got, expected in zip(ours, theirs, strict=True):
        assert got.dtype == expected.dtype
        assert (got - expected).abs().max() <= 4 * error * expected.abs().max()


def test_several_adapters_have_a_norm_each():
    model = two()
    model.add_adapter("other", LoraConfig(r=2, lora_alpha=5, use_dora=True, target_modules=["up", "down"]))
    model.base_model.set_adapter(["default", "other"])
    model.double()
    theirs = result(model, X)
    with cheaper_norms(model) as norms:
        assert_same(result(model, X), theirs)
        assert str(norms) == "4 of 4 DoRA layers"
        assert norms.covered[:2] == ["base_model.model.up.default", "base_model.model.up.other"]
        model.set_adapter("other")
        model(X)
    assert norms.taken == 4


class Quantised(nn.Module):
    """As HQQ's layers look to peft: the numbers are in W_q, and `dequantize` gives a weight that is new each time."""

    def __init__(self, base):
        super().__init__()
        self.W_q, self.bias = nn.Parameter((base.weight * 8).round().char(), requires_grad=False), base.bias
        self.in_features, self.out_features = base.in_features, base.out_features

    def dequantize(self):
        return self.W_q / 8.0

    def forward(self, x):
        return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)


class Coded(nn.Module):
    """As layers of bitsandbytes and torchao look to peft, which asks a weight for its class: whole eighths, as bytes."""

    def __init__(self, base, kind):
        super().__init__()
        self.weight = kind((base.weight * 8).round().char(), requires_grad=False)
        self.bias, self.state = base.bias, SimpleNamespace(SCB=None)
        self.in_features, self.out_features = base.in_features, base.out_features

    def forward(self, x):
        return nn.functional.linear(x, dequantize_module_weight(self).to(x.dtype), self.bias)


class Params4bit(nn.Parameter):
    quant_state = 8.0


class Int8Params(nn.Parameter):
    SCB = torch.full((20,), 8.0)


class OfTorchao(nn.Parameter):
    __module__ = "torchao.quantization"

    def dequantize(self):
        return self.data / 8.0


def by_rows(codes, scales):
    return codes / scales.view(-1, 1)


# In the place of the package: its two functions that peft calls. What chooses between them is peft's own.
BITSANDBYTES = SimpleNamespace(functional=SimpleNamespace(dequantize_4bit=torch.div, int8_vectorwise_dequant=by_rows))
QUANTISED = {
    "HQQ": Quantised,
    "bitsandbytes, 4 bits": partial(Coded, kind=Params4bit),
    "bitsandbytes, 8 bits": partial(Coded, kind=Int8Params),
    "torchao": partial(Coded, kind=OfTorchao),
}


@pytest.mark.parametrize("base", QUANTISED.values(), ids=QUANTISED)
def test_a_quantised_base_is_measured_by_the_weight_that_peft_dequantises_and_is_not_kept(base, monkeypatch):
    """The packages are stood in for by layers that keep whole eighths; peft's own function gives their weight."""
    model = two()
    layer = model.base_model.model.up
    monkeypatch.setitem(sys.modules, "bitsandbytes", BITSANDBYTES)
    layer.base_layer = base(layer.base_layer)
    theirs = result(model, X)
    with cheaper_norms(model, strict=True) as norms:
        assert_same(result(model, X), theirs, rtol=1e-6, atol=1e-6)
        model(X)
    assert norms.taken == 3, "twice above, once below"


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.conv, self.up = nn.Embedding(9, 12), nn.Conv1d(12, 12, 1), nn.Linear(12, 20)

    def forward(self, ids):
        return self.up(self.conv(self.words(ids).T[None])[0].T)


def test_what_is_not_covered_is_named_and_keeps_pefts_way():
    torch.manual_seed(3)
    model, ids = adapted(Mixed(), ["words", "conv", "up"]), torch.tensor([1, 5, 8])
    theirs = result(model, ids)
    with cheaper_norms(model) as norms:
        assert_same(result(model, ids), theirs)
    assert norms.taken == 1
    name = "base_model.model."
    skipped = f"skipped: {name}words (DoraEmbeddingLayer); skipped: {name}conv (DoraConv1dLayer)"
    assert str(norms) == f"1 of 3 DoRA layers; {skipped}"
    with (
        pytest.raises(RuntimeError, match=r"1 of 3 DoRA layers; .*: without strict they keep peft's way"),
        cheaper_norms(model, strict=True),
    ):
        pass


def test_layers_that_are_skipped_for_one_reason_stand_together():
    model = adapted(nn.Sequential(nn.Embedding(9, 12), nn.Embedding(9, 12)), ["0", "1"])
    with cheaper_norms(model) as norms:
        assert str(norms) == "0 of 2 DoRA layers; skipped: base_model.model.0, base_model.model.1 (DoraEmbeddingLayer)"


def test_a_model_without_dora_is_refused():
    with (
        pytest.raises(ValueError, match="no DoRA layer: give the one that get_peft_model made with use_dora=True"),
        cheaper_norms(Two()),
    ):
        pass


class Sharded(nn.Linear):
    """As FSDP2 leaves a layer: of another class."""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda W, A, B, m: setattr(B, "bias", nn.Parameter(torch.ones(20).double())), "its A or B has a bias"),
        (lambda W, A, B, m: setattr(A, "bias", nn.Parameter(torch.ones(3).double())), "its A or B has a bias"),
        (lambda W, A, B, m: setattr(A, "__class__", Sharded), "its A and B are of Sharded and Linear"),
        (lambda W, A, B, m: setattr(B, "__class__", Sharded), "its A and B are of Linear and Sharded"),
        (lambda W, A, B, m: setattr(W.weight, "data", torch.empty(0)), r"its weight, A and B are \(0,\), \(3, 12\) and \(20, 3\) here"),
        (lambda W, A, B, m: setattr(A.weight, "data", torch.empty(0, 12)), r"its weight, A and B are \(20, 12\), \(0, 12\) and"),
        (lambda W, A, B, m: setattr(A.weight, "data", torch.empty(2, 12)), r"\(2, 12\) and \(20, 3\) here"),
        (lambda W, A, B, m: setattr(W, "weight", nn.Parameter(W.weight.char(), False)), "its weight is a Parameter of torch.int8"),
        (lambda W, A, B, m: A.to("meta"), "on cpu, meta and cpu"),
        (lambda W, A, B, m: B.to("meta"), "on cpu, cpu and meta"),
    ],
)  # fmt: skip
def test_a_layer_that_cannot_be_measured_is_skipped_for_a_reason(change, says):
    model = two(dtype=torch.float32)
    W, A, B, m = parts(model)
    assert weight_of(m, W, A, B) is W.weight
    change(W, A, B, m)
    with cheaper_norms(model) as norms, pytest.MonkeyPatch.context() as patch:
        assert norms.covered == ["base_model.model.down"]
        patch.setattr(peft_norms, "_pefts", lambda *a, **k: 0.0)
        assert m(X.float(), lora_A=A, lora_B=B, base_layer=W, scaling=2.0) == 0.0, "peft is asked"
    assert re.search(says, norms.skipped["base_model.model.up"])


def test_strict_refuses_a_layer_that_changes_inside_the_block():
    model = two()
    with cheaper_norms(model, strict=True):
        parts(model)[2].bias = nn.Parameter(torch.ones(20).double())
        with pytest.raises(RuntimeError, match="a DoRA layer would keep peft's way: its A or B has a bias"):
            model(X)


def test_a_weight_that_is_empty_in_strides_of_its_own_is_still_measured():
    """A base stored as a view that is not contiguous: measured, and not kept, since it cannot be compared cheaply."""
    model = two()
    W = parts(model)[0]
    W.weight.data = W.weight.data.T.contiguous().T
    theirs = model(X)
    with cheaper_norms(model) as norms:
        for _ in range(2):
            torch.testing.assert_close(model(X), theirs)
    assert norms.taken == 3


# ---- peft as it was, and as it may become


def test_peft_is_itself_again_afterwards_even_after_an_error(monkeypatch):
    model = two()
    block = cheaper_norms(model)
    block.__enter__()
    monkeypatch.setattr(dora.DoraLinearLayer, "get_lora_weight", lambda *a, **k: 1 / 0)
    model(X)  # does not ask peft
    block.__exit__(KeyError, KeyError(), None)
    with pytest.raises(ZeroDivisionError):
        model(X)


def test_the_inner_of_two_blocks_counts():
    model = two()
    with cheaper_norms(model) as outer:
        with cheaper_norms(model) as inner:
            model(X)
        assert (outer.taken, inner.taken) == (0, 2)
        model(X)
    assert (outer.taken, inner.taken) == (2, 2)


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (lambda layer, x, **given: PEFTS(layer, x, **given) + 0.001, r"gives other numbers than that of peft 0.21, by up to 0.001: it keeps its own way"),
        (lambda layer, x, **given: torch.zeros(2, 3), r"gives other numbers than that of peft 0.21, by up to [\d.]+: it keeps its own way"),
        (lambda layer, x, *, factors: 0, r"cannot be asked as that of peft 0.21 \(.*unexpected keyword.*\): it keeps its own way"),
    ],
)  # fmt: skip
def test_a_peft_whose_layer_changed_is_named_and_keeps_its_way(theirs, says, monkeypatch):
    model = two()
    monkeypatch.setattr(peft_norms, "_pefts", theirs)
    says = r"the DoRA layer of peft \d+\.\d+\.\d+ " + says
    with pytest.warns(UserWarning, match=says), cheaper_norms(model) as norms:
        pass
    assert not norms.covered
    with pytest.raises(RuntimeError, match=says), cheaper_norms(model, strict=True):
        pass


def test_a_warning_is_told_of_the_line_that_opens_the_block(monkeypatch):
    monkeypatch.setattr(peft_norms, "_pefts", lambda layer, x, **given: torch.zeros(2, 3))
    with pytest.warns(UserWarning, match="gives other numbers") as told, cheaper_norms(two()):
        pass
    assert told[0].filename == __file__


@pytest.mark.parametrize("around", [torch.inference_mode, lambda: torch.autocast("cpu"), lambda: torch.device("meta")])
def test_looking_at_peft_moves_no_random_number_and_needs_no_surroundings(around):
    torch.manual_seed(7)
    with around():
        assert peft_norms.pefts_difference() is None
    found = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(found, torch.rand(3))


def test_merged_weights_are_pefts():
    model = two()
    twin = copy.deepcopy(model)
    with cheaper_norms(model):
        before = model(X)
        merged = model.merge_and_unload()
        torch.testing.assert_close(merged(X), before)
    torch.testing.assert_close(merged.state_dict(), twin.merge_and_unload().state_dict())


def test_training_takes_the_same_path():
    model = two()
    twin = copy.deepcopy(model)
    with cheaper_norms(model):
        descend(model)
    descend(twin)
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


def descend(model, steps=5):
    optimizer = torch.optim.SGD(trained(model), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()


def test_pefts_own_cache_keeps_pefts_way(monkeypatch):
    model = two().eval()
    monkeypatch.setattr(dora, "ENABLE_DORA_CACHING", True)
    with cheaper_norms(model) as norms:
        model(X)
        assert not norms.taken
        model.train()(X)
        assert norms.taken == 2


def test_the_base_output_that_is_given_is_the_one_that_is_rescaled():
    """peft hands it over where nothing is dropped, so that x W is not computed twice."""
    model = two()
    W, A, B, m = parts(model)
    given = torch.ones(7, 20, dtype=torch.float64)
    asked = {"lora_A": A, "lora_B": B, "scaling": 2.0, "base_layer": W}
    theirs = m(X, base_result=given, **asked)
    with cheaper_norms(model):
        ours = m(X, base_result=given, **asked)
    torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(ours, m(X, **asked))


def test_shapes_alone_are_enough():
    """On the meta device, where operations are counted: no number exists, and peft's cast has nothing to do."""
    with torch.device("meta"):
        model, x = (
            get_peft_model(Two(), LoraConfig(r=3, use_dora=True, target_modules=["up", "down"])),
            torch.empty(7, 12),
        )
    with cheaper_norms(model) as norms:
        y = model.to("meta")(x)
        y.square().sum().backward()
        model(x)
    assert y.shape == (7, 12) and y.is_meta and norms.taken == 4


# ---- once a step


def test_accumulated_gradients_and_checkpoints_take_one_norm_a_step():
    model = two()
    optimizer = torch.optim.SGD(trained(model), lr=0.01)
    with cheaper_norms(model) as norms:
        for step in range(1, 4):
            for batch in X.split(2):
                checkpoint(model, batch, use_reentrant=False).square().sum().backward()
            assert norms.taken == 2 * step
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            model(X)
            model(X)
    assert norms.taken == 2 * 4


def test_what_a_block_kept_is_let_go_at_its_end_and_when_it_is_told_to():
    model = two()
    with cheaper_norms(model) as norms:
        model(X)
        assert len(norms.kept) == 2
        norms.forget()
        assert not norms.kept
        model(X)
    assert norms.taken == 4
    assert not norms.kept


FORMS = ({}, {"foreach": True}, {"foreach": False}, {"fused": True})  # capturable ones run on accelerators alone
FUSED = {torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad}
ALONE = {torch.optim.LBFGS, torch.optim.Muon}  # no forms
OPTIMIZERS = [
    each
    for each in vars(torch.optim).values()
    if isinstance(each, type) and each.__name__ not in ("Optimizer", "SparseAdam")
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_optimizer_of_torch_leaves_a_norm_that_is_stale(form):
    model, x, moved = two(dtype=torch.float32), X.float(), {}
    factors = [parameter for name, parameter in model.named_parameters() if "lora_A" in name or "lora_B" in name]
    taking = [each for each in OPTIMIZERS if not form or (each in FUSED if "fused" in form else each not in ALONE)]
    with cheaper_norms(model) as norms:
        for each in taking:
            optimizer = each(factors, lr=0.05, **form)

            def loss(optimizer=optimizer):
                optimizer.zero_grad()
                value = model(x).square().mean()
                value.backward()
                return value

            loss()
            before, version, taken = factors[0].clone(), factors[0]._version, norms.taken
            optimizer.step(loss)
            moved[each] = factors[0]._version - version
            torch.testing.assert_close(model(x), model_by_peft(model, x), rtol=1e-4, atol=1e-5)
            assert norms.taken >= taken + 2, each
            assert not torch.equal(factors[0], before), each
    assert len(moved) == (4 if "fused" in form else 12 if form else 14)
    if "fused" in form:
        assert set(moved.values()) == {0}, "why A and B are kept as values: no version tells of such a step"


def model_by_peft(model, x):
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(peft_norms, "_active", [])
        return model(x)


def swap(parameter, other):
    torch.utils.swap_tensors(parameter, nn.Parameter(other, requires_grad=parameter.requires_grad))


WRITES = {
    "mul_": lambda p: p.mul_(1.7),
    "copy_": lambda p: p.copy_(p * 1.7),
    "through .data": lambda p: p.data.mul_(1.7),
    "another .data": lambda p: setattr(p, "data", p.data * 1.7),
    "swapped": lambda p: swap(p, p.detach() * 1.7),
}


@pytest.mark.parametrize("which", ["base_layer", "lora_A", "lora_B"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_weight_that_is_written_to_is_measured_again(which, write, monkeypatch):
    monkeypatch.setattr(factored, "cheaper_road", lambda *shape, rank: "factored")
    monkeypatch.setattr(peft_norms, "cheaper_road", lambda *shape, rank: "factored")  # the road that keeps |W|^2
    model = two()
    parameter = model.get_parameter(f"base_model.model.up.{which}{'' if which == 'base_layer' else '.default'}.weight")
    with cheaper_norms(model) as norms, torch.no_grad():
        model(X)
        write(parameter)
        ours = model(X)
        torch.testing.assert_close(ours, model_by_peft(model, X))
        assert norms.taken == 3


def test_one_number_of_A_or_B_is_enough():
    model = two()
    with cheaper_norms(model), torch.no_grad():
        for which in (1, 2):
            for place in (0, -1):
                model(X)
                parts(model)[which].weight.data.view(-1)[place] += 5
                torch.testing.assert_close(model(X), model_by_peft(model, X))


def test_the_numbers_of_a_large_base_that_are_compared_are_of_every_column():
    """A change through .data is seen if it touches one of them; after a smaller one, forget()."""
    base = nn.Linear(64, 256, bias=False).requires_grad_(False).weight
    kept = peft_norms.Taken(None, 1.0, None, None, None, *peft_norms._look(base))
    assert 0.9 * PROBED < len(kept.probe) < 1.1 * PROBED
    numbered = nn.Parameter(torch.arange(64).repeat(256, 1).float(), False)
    assert len(peft_norms._probe(numbered).unique()) == 64
    with torch.no_grad():
        base.data[0, 1] += 1
        assert kept.is_of_base(base), "the one change that is not seen"
        base.data, before = base.data.clone(), base.data
        assert not kept.is_of_base(base), "other memory, with the same numbers where they are compared"
        base.data = before
        assert kept.is_of_base(base)
        base[0, 1] += 1
        assert not kept.is_of_base(base)


def test_other_ways_to_change_a_model_are_seen():
    model = two()
    other = {name: value * 1.3 for name, value in model.state_dict().items()}
    with cheaper_norms(model) as norms, torch.no_grad():
        for change in (
            lambda: model.load_state_dict(other),
            lambda: model.load_state_dict({name: value * 1.3 for name, value in other.items()}, assign=True),
            lambda: model.base_model.model.up.set_scale("default", 3.0),
            lambda: (model.merge_adapter(), model.unmerge_adapter()),
            lambda: model.float().double(),
            lambda: model.to("meta").to_empty(device="cpu").load_state_dict(other),
        ):
            model(X)
            taken = norms.taken
            change()
            torch.testing.assert_close(model(X), model_by_peft(model, X))
            assert norms.taken > taken
        twin = copy.deepcopy(model)
        parts(twin)[1].weight.mul_(2)
        torch.testing.assert_close(twin(X), model_by_peft(twin, X))
        torch.testing.assert_close(model(X), model_by_peft(model, X))


def test_a_base_that_is_trained_is_measured_each_time():
    model = two()
    parts(model)[0].weight.requires_grad_()
    with cheaper_norms(model) as norms:
        model(X)
        model(X)
    assert norms.taken == 3


def test_a_norm_that_was_taken_in_inference_mode_serves_a_training_step():
    model = two()
    theirs = result(model, X)
    with cheaper_norms(model) as norms:
        with torch.inference_mode():
            model(X)
        assert_same(result(model, X), theirs)
    assert norms.taken == 2


# ---- W read once


@pytest.fixture
def small_as_large(monkeypatch):
    """W of any size is read once where rows are few, as otherwise a large one."""
    monkeypatch.setattr(peft_norms, "FRESH", 0)
    monkeypatch.setattr(peft_norms, "cheaper_road", lambda *shape, rank: "factored")


def counted(monkeypatch, name):
    """How often `peft_norms.name` was called, and with what, from here on."""
    calls, called = [], getattr(peft_norms, name)

    def counting(*given, **options):
        calls.append(given)
        return called(*given, **options)

    monkeypatch.setattr(peft_norms, name, counting)
    return calls


@pytest.mark.parametrize("few", [True, False])
def test_what_a_frozen_weight_has_given_is_not_asked_of_it_again(few, small_as_large, monkeypatch):
    """Over steps |W|^2 is kept with the marks of W, A alone is multiplied with it, and with few rows of x in one product."""
    monkeypatch.setattr(peft_norms, "FEW", 64 if few else 0)
    squared, looks, norms = (counted(monkeypatch, name) for name in ("squared_norms", "_look", "row_norms"))
    model = two()
    with cheaper_norms(model):
        for calls in (squared, looks, norms):
            calls.clear()  # of the small layer on which peft was tried
        for _ in range(3):
            model(X)
            with torch.no_grad():
                parts(model)[1].weight.mul_(1.1)
    assert (len(squared), len(looks)) == (2, 2), "once for each layer"
    assert len(norms) == 2 + 2, "A of one layer alone has moved"
    assert all(kept is not None for *_, kept, _ in norms)
    assert [cross is not None for *_, cross in norms] == [few] * 4


def test_a_layer_that_keeps_pefts_way_gets_what_it_is_called_with():
    model = two()
    parts(model)[1].bias = nn.Parameter(torch.ones(3, dtype=torch.float64))
    theirs = result(model, X)
    with cheaper_norms(model) as norms:
        assert_same(result(model, X), theirs)
    assert len(norms.covered) == len(norms.skipped) == norms.taken == 1


class Products(TorchDispatchMode):
    """Shapes of the left factors of all matrix products with one weight or its transpose."""

    def __init__(self, weight):
        super().__init__()
        self.address, self.left = weight.data_ptr(), []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            *_, left, right = args
            if self.address in (left.data_ptr(), right.data_ptr()):
                self.left.append(tuple((left if right.data_ptr() == self.address else right).shape))
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("shape", [(7, 12), (2, 3, 12)])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_few_rows_and_A_go_through_W_in_one_product(shape, dropout, small_as_large):
    model, x = two(dropout=dropout), torch.randn(shape, dtype=torch.float64).requires_grad_()
    theirs = [*result(model, x), x.grad.clone()]
    x.grad = None
    rows = x.numel() // 12
    with cheaper_norms(model, strict=True) as norms:
        with Products(parts(model)[0].weight) as products:
            ours = [*result(model, x), x.grad.clone()]
        assert norms.taken == 2 and not norms.ready
        with Products(parts(model)[0].weight) as known:
            again = result(model, x)
    assert products.left[0] == (rows + 3, 12), "x and the three rows of A"
    assert (3, 12) not in products.left and known.left[0] == (rows, 12)
    assert_same(ours, theirs)
    assert_same(again, theirs[:-1])
    assert "forward" not in vars(parts(model)[0])


def test_many_rows_or_a_small_weight_are_not_joined(small_as_large, monkeypatch):
    model = two()
    for rows, whole, joined in (
        (64, 0, True),
        (65, 0, False),
        (2, 0, True),
        (1, 0, False),
        (7, 239, True),
        (7, 240, False),
    ):
        monkeypatch.setattr(peft_norms, "FRESH", whole)  # up's weight has 240 numbers
        with cheaper_norms(model), Products(parts(model)[0].weight) as products:
            model(torch.ones(rows, 12, dtype=torch.float64))
        assert ((rows + 3, 12) in products.left) == joined


@pytest.mark.parametrize(
    "change",
    [
        lambda model, layer: layer.base_layer.register_forward_hook(lambda *a: None),
        lambda model, layer: layer.base_layer.register_forward_pre_hook(lambda *a: None),
        lambda model, layer: layer.base_layer.register_full_backward_pre_hook(lambda *a: None),
        lambda model, layer: layer.base_layer.weight.requires_grad_(),
        lambda model, layer: layer.base_layer.bias.requires_grad_(),
        lambda model, layer: setattr(layer.base_layer, "forward", layer.base_layer.forward),
        lambda model, layer: setattr(layer.base_layer, "__class__", Sharded),
    ],
)
def test_a_base_that_is_not_plain_is_asked_itself(change, small_as_large):
    model = two()
    change(model, model.base_model.model.up)
    theirs = result(model, X)
    with cheaper_norms(model), Products(parts(model)[0].weight) as products:
        ours = result(model, X)
    assert (7 + 3, 12) not in products.left
    assert_same(ours, theirs, rtol=1e-5, atol=1e-5)


def test_other_passes_of_peft_stay_its_own(small_as_large):
    model = two()
    model.add_adapter("other", LoraConfig(r=2, lora_alpha=5, use_dora=True, target_modules=["up", "down"]))
    model.double()
    asks = (
        lambda: model(X),
        lambda: (model.base_model.set_adapter(["default", "other"]), model(X))[1],
        lambda: (model.merge_adapter(), model(X), model.unmerge_adapter())[1],
    )
    for ask in asks:
        model.set_adapter("default")
        theirs = ask()
        model.set_adapter("default")
        with cheaper_norms(model):
            torch.testing.assert_close(ask(), theirs)
    with model.disable_adapter():
        theirs = model(X)
        with cheaper_norms(model) as norms:
            torch.testing.assert_close(model(X), theirs)
    assert not norms.taken


@pytest.mark.parametrize("which", ["half precision", "mixed dtypes", "autocast", "peft's own cache"])
def test_what_one_product_would_compute_otherwise_is_not_joined(which, small_as_large, monkeypatch):
    """In bfloat16 W A^T would come in eight bits, and a pass that peft keeps its own norm for takes none."""
    monkeypatch.setattr(peft_norms, "_joined", lambda *_: 1 / 0)
    model = two(dtype=torch.float32).eval()
    with cheaper_norms(model):
        with pytest.raises(ZeroDivisionError):
            model(X.float())
        if which == "half precision":
            model.bfloat16()(X.bfloat16())
        elif which == "mixed dtypes":
            for factor in parts(model)[1:3] + parts(model, "down")[1:3]:
                factor.double()
            model(X.float())
        elif which == "autocast":
            with torch.autocast("cpu", torch.bfloat16):
                model(X.float())
        else:
            monkeypatch.setattr(dora, "ENABLE_DORA_CACHING", True)
            model(X.float())


def test_an_error_in_the_base_leaves_nothing_behind(small_as_large):
    model = two()
    with cheaper_norms(model) as norms:
        with pytest.raises(RuntimeError):
            model(torch.ones(7, 13, dtype=torch.float64))
        assert not norms.ready and "forward" not in vars(parts(model)[0])
        torch.testing.assert_close(model(X), model_by_peft(model, X))


# ---- around it


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("few", [True, False])
def test_a_checkpointed_pass_is_run_again_the_same_way(reentrant, outside, few, request):
    if few:
        request.getfixturevalue("small_as_large")
    model, x = two(), X.clone().requires_grad_()
    theirs = result(model, x)
    model.zero_grad()
    with cheaper_norms(model) as norms:
        y = checkpoint(model, x, use_reentrant=reentrant)
        if not outside:
            y.square().sum().backward()
    if outside:
        y.square().sum().backward()
    assert_same([y.detach(), *(p.grad for p in trained(model))], theirs)
    assert norms.taken == (4 if outside else 2)
    norms.taken = 0
    assert_same(result(model, x), theirs)
    checkpoint(model, x, use_reentrant=reentrant).square().sum().backward()
    assert not norms.taken, "after the block, peft's way, in a pass that is run again too"


@pytest.mark.slow
def test_compiled_it_is_one_graph_and_peft_is_asked_again_after_the_block():
    model = two(dtype=torch.float32)
    x = X.float()
    theirs = result(model, x)
    torch._dynamo.reset()
    whole = torch.compile(model, backend="aot_eager", fullgraph=True)
    with cheaper_norms(model):
        assert_same(result_of(whole, model, x), theirs)
        with torch.no_grad():
            parts(model)[1].weight.mul_(2)
            torch.testing.assert_close(whole(x), model_by_peft(model, x))
    with pytest.raises(torch._dynamo.exc.Unsupported):  # the installed peft's own layer is not one graph
        whole(x)


@pytest.mark.deep  # the compiler takes ten seconds and more
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # torch's own, of torch
def test_it_runs_in_what_inductor_compiles_and_sees_a_change_of_A(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    model, x = two(dtype=torch.float32), X.float()
    theirs = result(model, x)
    torch._dynamo.reset()
    whole = torch.compile(model, backend="inductor", fullgraph=True)
    with cheaper_norms(model):
        assert_same(result_of(whole, model, x), theirs, rtol=1e-4, atol=1e-4)
        with torch.no_grad():
            parts(model)[1].weight.mul_(2)
            torch.testing.assert_close(whole(x), model_by_peft(model, x), rtol=1e-4, atol=1e-4)


def result_of(run, model, x):
    model.zero_grad()
    y = run(x)
    y.square().sum().backward()
    return [y.detach().clone()] + [p.grad.clone() for p in trained(model)]


def test_accelerate_accumulates_with_one_norm_a_step():
    model = two(dtype=torch.float32)
    twin = copy.deepcopy(model)
    taken = []
    for each in (model, twin):
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
        ready, optimizer = accelerator.prepare(each, torch.optim.AdamW(trained(each), lr=0.05, fused=True))
        with cheaper_norms(ready) if each is model else pytest.MonkeyPatch.context() as norms:
            for _ in range(6):
                with accelerator.accumulate(ready):
                    accelerator.backward(ready(X.float()).square().mean())
                    optimizer.step()
                    optimizer.zero_grad()
                    taken += [norms.taken] if each is model else []
    assert taken == [2, 2, 2, 4, 4, 4]
    torch.testing.assert_close(model.state_dict(), twin.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_train_as_one():
    """DDP over gloo: both see the same gradients, which are peft's, and each takes one norm a step."""
    script = Path(__file__).parent / "support" / "two_processes.py"
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["norms 6 6", "as peft True True"]
