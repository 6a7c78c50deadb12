"""The line under every step of a chapter."""

import pytest
import torch
from dorabook.show import show


@pytest.mark.parametrize(
    ("tensor", "printed"),
    [
        (torch.tensor([[3.0, -4.5], [0.0, 10.0]]), "m (2, 2)\n   3.00  -4.50\n   0.00  10.00\n"),
        (torch.tensor([1.0, 2.0]), "m (2,)\n  1.00  2.00\n"),
        (torch.tensor(1.5), "m ()\n  1.50\n"),
        (torch.tensor([[-0.0001]]), "m (1, 1)\n  0.00\n"),  # no minus sign on a rounded zero
        (torch.zeros(9, 2), "m (9, 2)\n"),
        (torch.zeros(2, 2, 2), "m (2, 2, 2)\n"),
        (torch.ones(2, 1, dtype=torch.bfloat16, requires_grad=True), "m (2, 1)\n  1.00\n  1.00\n"),
    ],
)
def test_show_prints_shape_then_rows(capsys, tensor, printed):
    show("m", tensor)
    assert capsys.readouterr().out == printed
