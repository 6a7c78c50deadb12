"""The two tasks of `train_both`, both made from Banking77's sentences: which intent, and were two words swapped.

Banking77 (Casanueva and others, 2020, https://arxiv.org/abs/2003.04807), CC BY 4.0, is the folder `banking_data` of the public
repository PolyAI-LDN/task-specific-datasets: 10,003 training and 3,080 test sentences of bank customers, 77 intents.
Every draw is a function of (task, seed) alone, so all arms of a seed see the same sentences.
"""

import csv
import hashlib
import io
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

SOURCE = "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/banking_data/"
SHA256 = {
    "train.csv": "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    "test.csv": "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
}
PER_CLASS = 10  # training sentences an intent, and as many for validation where a rate is chosen
SHIFT_TRAIN, SHIFT_VALIDATION, SHIFT_TEST = 1500, 1000, 2000
WORDS = range(5, 21)  # a sentence of 5 to 20 words is never cut at 32 tokens between the swapped words


class BadInput(Exception):
    """Something the reader gave cannot be used; the message is one sentence that names it and the remedy."""


@dataclass(frozen=True)
class Examples:
    """Sentences and the class of each, a number from 0."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Rows:
    """One csv file of Banking77: (sentence, intent) pairs in the file's order."""

    pairs: tuple[tuple[str, str], ...]

    def intents(self) -> list[str]:
        return sorted({intent for _, intent in self.pairs})


def stream(*names: object) -> torch.Generator:
    """A generator of its own for each purpose: its seed is a hash of the names, so no draw shifts another."""
    digest = hashlib.sha256(" ".join(map(str, names)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def read(folder: Path | None, name: str, *, sha256: dict[str, str] = SHA256, download: Callable | None = None) -> Rows:
    """`name` ("train.csv" or "test.csv") from `folder`, or from the public repository where folder is None.

    BadInput where the file is missing or its bytes are not the ones these results were made from.
    """
    if folder is None:
        content = (download or _download)(SOURCE + name)
        where = SOURCE + name
    else:
        where = folder / name
        if not where.is_file():
            raise BadInput(f"--data {folder} holds no {name}: give the folder with Banking77's train.csv and test.csv.")
        content = where.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256[name]:
        raise BadInput(f"{where} has the checksum {found[:12]}…, expected {sha256[name][:12]}…: it is another file.")
    table = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    return Rows(tuple((" ".join(row["text"].split()), row["category"]) for row in table))


def draw_intents(rows: Rows, *, seed: int, validate: bool = False) -> tuple[Examples, Examples]:
    """Ten training sentences an intent, drawn by `seed`, and with `validate` ten others to validate on (else none)."""
    number = {intent: label for label, intent in enumerate(rows.intents())}
    by_intent: dict[str, list[str]] = {intent: [] for intent in number}
    for text, intent in rows.pairs:
        by_intent[intent].append(text)
    generator = stream("banking77", seed, "sentences")
    train, validation = [], []
    for intent, texts in by_intent.items():
        order = torch.randperm(len(texts), generator=generator).tolist()
        train += [(texts[i], number[intent]) for i in order[:PER_CLASS]]
        validation += [(texts[i], number[intent]) for i in order[PER_CLASS : 2 * PER_CLASS]] if validate else []
    return _examples(train), _examples(validation)


def all_intents(rows: Rows) -> Examples:
    """Every sentence, in the file's order: the test set."""
    number = {intent: label for label, intent in enumerate(rows.intents())}
    return _examples([(text, number[intent]) for text, intent in rows.pairs])


def draw_shifts(rows: Rows, *, seed: int, validate: bool = False) -> tuple[Examples, Examples]:
    """Sentences drawn by `seed`, two neighbouring words swapped in half of them; `validate` as in `draw_intents`."""
    sizes = (SHIFT_TRAIN, SHIFT_VALIDATION if validate else 0)
    drawn = _shifted(rows, sum(sizes), generator=stream("bigram shift", seed, "sentences"))
    return _examples(drawn[: sizes[0]]), _examples(drawn[sizes[0] :])


def fixed_shifts(rows: Rows) -> Examples:
    """The test set of the bigram shift task, the same for every seed."""
    return _examples(_shifted(rows, SHIFT_TEST, generator=stream("bigram shift", "test")))


def _shifted(rows: Rows, count: int, *, generator: torch.Generator) -> list[tuple[str, int]]:
    """`count` sentences, every second one shifted. Each sentence is used once."""
    eligible = sorted({text for text, _ in rows.pairs if _can_shift(text)})
    if len(eligible) < count:
        raise BadInput(f"the data holds {len(eligible)} sentences of 5 to 20 words, and {count} are needed.")
    order = torch.randperm(len(eligible), generator=generator).tolist()
    texts = [eligible[i] for i in order[:count]]
    return [(shift(text, generator=generator), 1) if k % 2 else (text, 0) for k, text in enumerate(texts)]


def _can_shift(text: str) -> bool:
    words = _words(text)[0]
    return len(words) in WORDS and len({word.lower() for word in words}) > 1


@dataclass(frozen=True)
class Task:
    """`draw(training rows, seed=, validate=)` gives training and validation examples, `test(test rows)` the test set."""

    name: str
    classes: int
    draw: Callable[..., tuple[Examples, Examples]]
    test: Callable[[Rows], Examples]


TASKS = {
    "bigram-shift": Task("bigram-shift", 2, draw_shifts, fixed_shifts),  # first: the primary contrast is read here
    "banking77": Task("banking77", 77, draw_intents, all_intents),
}


def shift(text: str, *, generator: torch.Generator) -> str:
    """`text` with one pair of neighbouring, different words swapped; the punctuation at its end stays at its end.

    >>> shift("blue card?", generator=stream("example"))
    'card blue?'
    """
    words, end = _words(text)
    pairs = [i for i in range(len(words) - 1) if words[i].lower() != words[i + 1].lower()]
    i = pairs[int(torch.randint(len(pairs), (), generator=generator))]
    words[i], words[i + 1] = words[i + 1], words[i]
    return " ".join(words) + end


def _words(text: str) -> tuple[list[str], str]:
    body, end = re.fullmatch(r"(.*?)([\s.?!,;:]*)", text).groups()
    return body.split(), end.strip()


def _examples(pairs: list[tuple[str, int]]) -> Examples:
    return Examples(tuple(text for text, _ in pairs), tuple(label for _, label in pairs))


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()
    except OSError as error:
        raise BadInput(f"{url} cannot be loaded ({error}): give a local copy with --data FOLDER.") from None
