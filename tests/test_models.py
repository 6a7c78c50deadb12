"""The real shapes of SmolLM2-135M and of a small GPT-2, without a download."""

import pytest
import torch
import transformers
from dorabook.count import SMOLLM2_135M
from dorabook.models import SMOLLM2, smollm2, tiny_gpt2


@pytest.fixture(scope="module")
def model():
    return smollm2()


def test_smollm2_has_the_published_number_of_parameters(model):
    total = sum(p.numel() for p in model.parameters())
    assert total == SMOLLM2_135M.parameters() + 2 * 576 == 134_516_160


def test_smollm2_layers_have_the_shapes_that_are_counted(model):
    block = model.model.layers[0]
    real = {
        name.split(".")[-1]: tuple(m.weight.shape)
        for name, m in block.named_modules()
        if isinstance(m, torch.nn.Linear)
    }
    assert real == {s.name: (s.out_features, s.in_features) for s in SMOLLM2_135M.shapes()}
    assert len(model.model.layers) == SMOLLM2_135M.layers
    assert not model.training


def test_smollm2_is_float32_and_leaves_the_callers_random_numbers_alone(model):
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    tiny_gpt2()
    assert torch.equal(torch.rand(1), expected)


def test_hub_weights_are_asked_for_by_the_published_name(monkeypatch):
    asked = {}

    def from_pretrained(name, **options):
        asked.update(name=name, **options)
        return torch.nn.Linear(2, 2)

    monkeypatch.setattr(transformers.AutoModelForSequenceClassification, "from_pretrained", from_pretrained)
    assert not smollm2(weights="hub").training
    assert asked == {"name": SMOLLM2, "num_labels": 2, "pad_token_id": 2, "dtype": torch.float32}


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match='weights is \'local\', expected "random" or "hub"'):
        smollm2(weights="local")


def test_gpt2_stores_its_weights_the_other_way_round():
    block = tiny_gpt2().transformer.h[0]
    assert tuple(block.attn.c_attn.weight.shape) == (48, 144)  # (in_features, out_features)
    assert tuple(block.mlp.c_fc.weight.shape) == (48, 192)
