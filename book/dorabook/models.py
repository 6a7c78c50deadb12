"""The two transformers the book opens: SmolLM2-135M by its shapes, and a small GPT-2. Nothing is downloaded."""

import warnings
from typing import Literal

import torch

# transformers 5 warns, with a path of the machine, when peft asks a model about checkpointing: nothing a reader can act on
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M"
SMOLLM2_CONFIG = {  # the sizes of the published configuration; float32, where the published weights are bfloat16
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_act": "silu",
    "max_position_embeddings": 8192,
    "initializer_range": 576**-0.5,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 2,
}


def smollm2(*, weights: Literal["random", "hub"] = "random", seed: int = 0) -> torch.nn.Module:
    """SmolLM2-135M as a two-label sentence classifier, float32, in eval mode.

    `weights="random"` builds it from the configuration above with random weights: every shape is real and
    nothing is loaded. `weights="hub"` loads the published weights, which needs a network the first time.
    """
    from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

    if weights == "hub":
        options = {"num_labels": 2, "pad_token_id": 2, "dtype": torch.float32}
        return AutoModelForSequenceClassification.from_pretrained(SMOLLM2, **options).eval()
    if weights != "random":
        raise ValueError(f'weights is {weights!r}, expected "random" or "hub"')
    config = LlamaConfig(**SMOLLM2_CONFIG, num_labels=2)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay where they were
        torch.manual_seed(seed)
        return LlamaForSequenceClassification(config).float().eval()


def tiny_gpt2(*, seed: int = 0) -> torch.nn.Module:
    """A GPT-2 with two blocks of width 48: real `Conv1D` layers, which store their weight (in_features, out_features)."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=96, n_positions=32, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config).eval()
