"""One run of `train_both`: an encoder, a head, AdamW, a fixed number of epochs, the last one reported."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .tasks import Examples, stream

MOST_TOKENS = 32
POOL = 8  # batches whose sentences are sorted by length together, so that little padding is computed


@dataclass(frozen=True)
class Recipe:
    """What is equal for all arms of a task."""

    epochs: int
    batch: int
    warm_up: float = 0.1  # of all steps; then linearly down to 0
    weight_decay: float = 0.01  # on A, B, the head and full fine-tuning's matrices, never on magnitudes


class Classifier(nn.Module):
    """Mean of the encoder's last hidden states over the sentence's tokens, then one linear layer."""

    def __init__(self, encoder: nn.Module, classes: int, *, seed: int):
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.head = nn.Linear(width, classes)
        start = torch.rand((classes, width), generator=stream(seed, "head"), dtype=torch.float64)
        with torch.no_grad():
            self.head.weight.copy_((2 * start - 1) / math.sqrt(width))
            self.head.bias.zero_()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        mask = mask.unsqueeze(-1).to(hidden)
        return self.head((hidden * mask).sum(1) / mask.sum(1))


def encode(tokenizer: Callable, examples: Examples) -> list[list[int]]:
    """Token numbers of every sentence, cut at 32."""
    return tokenizer(list(examples.texts), truncation=True, max_length=MOST_TOKENS)["input_ids"]


def batches(lengths: list[int], size: int, *, generator: torch.Generator | None = None) -> list[list[int]]:
    """Indices in batches of sentences of like length. Without a generator: all sorted, for testing.

    With one: shuffled, sorted inside pools of eight batches, and the batches shuffled again.
    """
    if generator is None:
        return _cut(sorted(range(len(lengths)), key=lengths.__getitem__), size)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    pools = [sorted(pool, key=lengths.__getitem__) for pool in _cut(order, POOL * size)]
    cut = [batch for pool in pools for batch in _cut(pool, size)]
    return [cut[i] for i in torch.randperm(len(cut), generator=generator).tolist()]


def _cut(items: list, size: int) -> list[list]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def padded(sentences: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(batch, longest) token numbers, 0 where a sentence has ended, and the mask of what is a token."""
    longest = max(map(len, sentences))
    tokens = torch.tensor([s + [0] * (longest - len(s)) for s in sentences])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sentences])
    return tokens, mask


def groups(model: Classifier, recipe: Recipe, lr_adapter: float, lr_head: float) -> list[dict]:
    """AdamW's groups: the head has its own rate; magnitudes, biases and layer norms are not decayed."""
    trained = [(name, p) for name, p in model.encoder.named_parameters() if p.requires_grad]
    matrices = [p for name, p in trained if p.ndim > 1 and "magnitude" not in name]
    rest = [p for name, p in trained if p.ndim <= 1 or "magnitude" in name]
    return [
        {"params": list(model.head.parameters()), "lr": lr_head, "weight_decay": recipe.weight_decay},
        {"params": matrices, "lr": lr_adapter, "weight_decay": recipe.weight_decay},
        {"params": rest, "lr": lr_adapter, "weight_decay": 0.0},
    ]


def train(
    model: Classifier,
    sentences: list[list[int]],
    labels: tuple[int, ...],
    recipe: Recipe,
    *,
    seed: int,
    lr_adapter: float,
    lr_head: float,
    measure: Callable[[int, int], None] = lambda step, steps: None,
) -> list[float]:
    """Train in place; the loss of every step. `measure(step, steps)` is called after each."""
    generator = stream(seed, "order")
    lengths, target = [len(s) for s in sentences], torch.tensor(labels)
    steps = recipe.epochs * math.ceil(len(sentences) / recipe.batch)
    optimiser = torch.optim.AdamW([g for g in groups(model, recipe, lr_adapter, lr_head) if g["params"]])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps, recipe.warm_up))
    losses: list[float] = []
    for _ in range(recipe.epochs):
        for batch in batches(lengths, recipe.batch, generator=generator):
            loss = F.cross_entropy(model(*padded([sentences[i] for i in batch])), target[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            measure(len(losses), steps)
    return losses


def rate(step: int, steps: int, warm_up: float) -> float:
    """The share of the full rate at `step`: up in a line, then down in a line to 0."""
    rise = max(1, round(warm_up * steps))
    return (step + 1) / rise if step < rise else (steps - step) / (steps - rise + 1)


@torch.no_grad()
def correct(model: Classifier, sentences: list[list[int]], labels: tuple[int, ...], *, size: int = 64) -> list[bool]:
    """Whether each sentence gets its class, in the order given."""
    found = [False] * len(sentences)
    for batch in batches([len(s) for s in sentences], size):
        guesses = model(*padded([sentences[i] for i in batch])).argmax(1).tolist()
        for i, guess in zip(batch, guesses, strict=True):
            found[i] = guess == labels[i]
    return found
