"""The poke test that readers paste into their own programs, as the first page prints it, on three DoRA layers."""

import re
from pathlib import Path

import pytest
import torch
from dorabook.layers import peft_style, raschka_style
from support.peft_layer import peft_layer
from torch import nn

PAGE = Path(__file__).parents[1] / "book" / "index.md"


@pytest.fixture(scope="module")
def poke():
    """The function as printed on the page, and nothing but torch beside it."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {"torch": torch}
    exec(code, names)
    return names["poke"]


def moved_off_start(layer, lora_B, magnitude):
    """At B = 0 both axes are the base layer; the poke has to work there and everywhere else."""
    generator = torch.Generator().manual_seed(4)
    lora_B.data.copy_(torch.randn(lora_B.shape, generator=generator))
    magnitude.data.mul_(1 + 0.2 * torch.rand(magnitude.shape, generator=generator))
    return layer


@pytest.mark.parametrize("size", [(5, 3), (4, 4)])
@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("rows", [(16,), (4, 6)])
def test_the_printed_poke_tells_the_axis(poke, size, started, rows):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*rows, size[0], generator=generator)
    real = peft_layer(nn.Linear(*size))
    ours = [make(nn.Linear(*size), rank=2, alpha=4, generator=generator) for make in (peft_style, raschka_style)]
    layers = [(real, real.lora_B["default"].weight, real.lora_magnitude_vector["default"].weight)]
    layers += [(layer, layer.lora_B, layer.magnitude) for layer in ours]
    if not started:
        layers = [(moved_off_start(*parts), *parts[1:]) for parts in layers]
    kept = [magnitude.detach().clone() for *_, magnitude in layers]
    outputs = size[1]
    expected = [
        f"1 of {outputs} outputs moved",
        f"1 of {outputs} outputs moved",
        f"{outputs} of {outputs} outputs moved",
    ]
    assert [poke(layer, magnitude, x) for layer, _, magnitude in layers] == expected
    for (*_, magnitude), before in zip(layers, kept, strict=True):
        assert torch.equal(magnitude, before)


def test_a_merged_layer_answers_none(poke):
    layer = peft_style(nn.Linear(5, 3), rank=2, alpha=4, generator=torch.Generator().manual_seed(0))
    layer.merge()
    assert poke(layer, layer.magnitude, torch.ones(2, 5)) == "0 of 3 outputs moved"
