"""A BERT of two tiny blocks and a task planted in a dozen words: what the experiments' code is tried on."""

import torch
from experiments import arms, tasks, training
from experiments.tasks import Examples, Rows
from experiments.train_both import Bench, Job
from transformers import BertConfig, BertModel

WORDS = ["the", "my", "card", "is", "not", "here", "yet", "where", "can", "i", "find", "it", "today"]
TINY = {
    "vocab_size": 32,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
TASK = "bigram-shift"
RECIPE = training.Recipe(epochs=2, batch=8)


def tiny_bert(hidden=16, intermediate=40, layers=2):
    sizes = {"hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": layers}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertModel(BertConfig(**TINY, **sizes, num_attention_heads=2), add_pooling_layer=False).eval()


def tokenizer(texts, *, truncation, max_length):
    assert truncation
    return {"input_ids": [[1 + WORDS.index(word) for word in text.split()][:max_length] for text in texts]}


def planted(count, generator):
    """Sentences of 3 to 6 words; the class says whether `card` is among them."""
    texts = []
    for _ in range(count):
        size = int(torch.randint(3, 7, (), generator=generator))
        texts.append(" ".join(WORDS[i] for i in torch.randperm(len(WORDS), generator=generator)[:size].tolist()))
    return Examples(tuple(texts), tuple(int("card" in text.split()) for text in texts))


def draw(rows, *, seed, validate=False):
    generator = tasks.stream("planted", seed)
    return planted(24, generator), planted(16 if validate else 0, generator)


def bench(rows=lambda name: Rows(()), recipe=RECIPE):
    task = tasks.Task(TASK, 2, draw, lambda rows: planted(20, tasks.stream("planted test")))
    return Bench(tiny_bert(), tokenizer, rows, {TASK: recipe}, {TASK: task})


def job(arm="lora", seed=1, rank=2):
    return Job(TASK, arm, arms.rank_of(arm, rank), seed)


def grid():
    return [job(arm) for arm in ("lora", "dora-input-graph", "magnitude-output")]
