"""peft with the cheaper norm gives what peft gives: outputs, gradients, merged weights, and itself again afterwards."""

import copy

import pytest
import torch
from dorabook import factored, peft_norms
from dorabook.models import tiny_gpt2
from dorabook.peft_norms import cheaper_norms
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import dora
from torch import nn


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


def spied(monkeypatch):
    calls = []
    norms = peft_norms.adapted_norms
    monkeypatch.setattr(peft_norms, "adapted_norms", lambda *a, **k: calls.append(1) or norms(*a, **k))
    return calls


def assert_same(ours, theirs, **tolerance):
    assert len(ours) == len(theirs) > 1
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected, **tolerance)


X = torch.randn(7, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers 5


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_pefts(dropout, training, monkeypatch):
    model, calls = two(dropout=dropout).train(training), spied(monkeypatch)
    theirs = result(model, X)
    with cheaper_norms():
        ours = result(model, X)
    assert len(calls) == 2, "both layers take the other norm"
    assert_same(ours, theirs)


def test_conv1d_is_measured_per_output_as_pefts_is(monkeypatch):
    torch.manual_seed(3)
    model = adapted(tiny_gpt2(), ["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)
    ids, calls = torch.tensor([[1, 2, 3, 4]]), spied(monkeypatch)
    model.eval()
    theirs = result(model, ids)
    with cheaper_norms():
        assert_same(result(model, ids), theirs)
    assert calls


def test_peft_is_itself_again_afterwards_even_after_an_error():
    before = dora.DoraLinearLayer.forward
    with pytest.raises(ZeroDivisionError), cheaper_norms():
        _ = 1 / (dora.DoraLinearLayer.forward is before)
    assert dora.DoraLinearLayer.forward is before


def test_merged_weights_are_pefts():
    model = two()
    twin = copy.deepcopy(model)
    with cheaper_norms():
        before = model(X)
        merged = model.merge_and_unload()
        torch.testing.assert_close(merged(X), before)
    torch.testing.assert_close(merged.state_dict(), twin.merge_and_unload().state_dict())


def test_training_takes_the_same_path():
    model = two()
    twin = copy.deepcopy(model)
    for each, block in ((model, cheaper_norms), (twin, pytest.MonkeyPatch.context)):
        optimizer = torch.optim.SGD([p for p in each.parameters() if p.requires_grad], lr=0.01)
        with block():
            for _ in range(5):
                optimizer.zero_grad()
                each(X).square().mean().backward()
                optimizer.step()
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


def test_a_base_weight_that_changes_is_measured_again(monkeypatch):
    monkeypatch.setattr(factored, "cheaper_road", lambda *shape, rank: "factored")  # the road that keeps the norms of W
    model = two()
    with cheaper_norms(), torch.no_grad():
        model(X)
        for module in model.modules():
            if isinstance(module, nn.Linear) and not hasattr(module, "lora_A"):
                module.weight.mul_(1.7)
        ours = model(X)
    torch.testing.assert_close(ours, model(X))


def test_pefts_own_cache_keeps_pefts_way(monkeypatch):
    model, calls = two().eval(), spied(monkeypatch)
    monkeypatch.setattr(dora, "ENABLE_DORA_CACHING", True)
    with cheaper_norms():
        model(X)
    assert not calls


def test_adapters_of_another_dtype_keep_pefts_way(monkeypatch):
    """As peft makes them on a bfloat16 base, when it is left to choose: in float32."""
    calls = spied(monkeypatch)
    config = LoraConfig(r=3, use_dora=True, target_modules=["up", "down"])
    model = get_peft_model(Two().to(torch.bfloat16), config)
    with cheaper_norms():
        model(X.to(torch.bfloat16))
    assert not calls


def test_the_base_output_that_is_given_is_the_one_that_is_rescaled():
    """peft hands it over where nothing is dropped, so that x W is not computed twice."""
    up = two().base_model.model.up
    given = torch.ones(7, 20, dtype=torch.float64)
    parts = {
        "lora_A": up.lora_A["default"],
        "lora_B": up.lora_B["default"],
        "scaling": 2.0,
        "base_layer": up.base_layer,
    }
    theirs = up.lora_magnitude_vector["default"](X, base_result=given, **parts)
    with cheaper_norms():
        ours = up.lora_magnitude_vector["default"](X, base_result=given, **parts)
    torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(ours, up.lora_magnitude_vector["default"](X, **parts))


def test_a_bias_in_the_update_keeps_pefts_way(monkeypatch):
    model, calls = two(), spied(monkeypatch)
    B = model.base_model.model.up.lora_B["default"]
    B.bias = nn.Parameter(torch.ones_like(B.weight[:, 0]))
    with cheaper_norms():
        model(X)
    assert len(calls) == 1, "the layer below still takes it"


def test_shapes_alone_are_enough(monkeypatch):
    """On the meta device, where operations are counted: no number exists, and peft's cast has nothing to do."""
    calls = spied(monkeypatch)
    with torch.device("meta"):
        model, x = (
            get_peft_model(Two(), LoraConfig(r=3, use_dora=True, target_modules=["up", "down"])),
            torch.empty(7, 12),
        )
    with cheaper_norms():
        y = model.to("meta")(x)
        y.square().sum().backward()
    assert y.shape == (7, 12) and y.is_meta and len(calls) == 2
