"""A token model with every kind of layer that peft decomposes, and an adapter of it that peft trained."""

import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from torch import nn
from transformers.pytorch_utils import Conv1D


class Model(nn.Module):
    """(batch, 8) tokens -> (batch, 8, 40). `channels`: of the convolution `mix`, which has 8 inputs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 64)
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.mix = nn.Conv2d(8, channels, 3, padding=1)
        self.c_proj = Conv1D(64, 64)
        self.c_fc = Conv1D(96, 64)
        self.square = nn.Linear(96, 96)
        self.narrow = nn.Linear(96, 40)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.c_proj(self.embed(tokens))
        x = x + self.conv(x[:, None])[:, 0] + self.mix(x[:, :, None]).flatten(2)[:, :8]
        return self.narrow(torch.tanh(self.square(torch.relu(self.c_fc(x)))))


def trained(folder: Path, config: LoraConfig, *, channels: int, lr: float) -> PeftModel:
    """Ten steps of peft on a Model whose outputs differ in length. Its weights before are in `folder`/base.safetensors."""
    torch.manual_seed(0)
    model = Model(channels)
    for parameter in model.parameters():
        draws = torch.randn(parameter.shape[:1]).reshape(-1, *[1] * (parameter.ndim - 1))
        parameter.data += 0.3 * parameter.data * draws
    save_file(model.state_dict(), folder / "base.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peft, that fan_in_fan_out is set for Conv1D
        tuned = get_peft_model(model, config)
    adam = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], lr=lr)
    draw = torch.Generator().manual_seed(1)
    for _ in range(10):
        tokens, target = torch.randint(0, 50, (16, 8), generator=draw), torch.randn(16, 8, 40, generator=draw)
        adam.zero_grad()
        nn.functional.mse_loss(tuned(tokens), target).backward()
        adam.step()
    return tuned


def kept(tuned: PeftModel, folder: Path) -> Path:
    """Save the adapter as peft does; the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned.save_pretrained(folder, save_embedding_layers=False)
    return folder
