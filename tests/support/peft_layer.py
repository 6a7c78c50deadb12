"""A layer as peft makes it."""

from peft import LoraConfig, get_peft_model
from torch import nn


def peft_layer(base):
    config = LoraConfig(r=2, use_dora=True, target_modules=["0"])
    return get_peft_model(nn.Sequential(base), config).base_model.model[0].eval()
