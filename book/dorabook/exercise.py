"""Exercises that check themselves: a reader's function against a slow, plain specification."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdict:
    """What `check` found, as one sentence; a notebook shows it as the cell's last line."""

    ok: bool
    sentence: str

    def __repr__(self) -> str:
        return self.sentence


def check(attempt: Callable, spec: Callable, *examples: tuple, wrong: dict[str, Callable] | None = None) -> Verdict:
    """Run `attempt` and `spec` on every example (a tuple of arguments) and compare shape first, then values.

    `wrong` maps a sentence about a misconception to the function that has it: an attempt that answers
    like one of them gets that sentence too, also where both stop with the same error on some of the examples.
    A stub (its body `...`) is "not filled in yet", never a traceback.
    """
    if not examples:
        raise ValueError("check needs at least one example: a tuple of arguments")
    name = attempt.__name__
    for number, example in enumerate(examples, start=1):
        try:
            answer = attempt(*_copy(example))
        except NotImplementedError:
            answer = None
        except Exception as error:  # a reader's mistake is answered, whatever it is
            hint = _misconception(attempt, examples, wrong or {})
            return Verdict(
                False, f"{name} stopped on example {number} with {type(error).__name__}: {error}{hint and '.' + hint}"
            )
        if answer is None or answer is Ellipsis:
            return Verdict(False, f"{name}: not filled in yet")
        difference = compare(answer, spec(*_copy(example)))
        if difference:
            hint = _misconception(attempt, examples, wrong or {})
            return Verdict(False, f"{name}, example {number}: {difference}.{hint}")
    plural = "" if len(examples) == 1 else "s"
    return Verdict(True, f"{name}: correct on {len(examples)} example{plural}")


def compare(answer: Any, expected: Any) -> str | None:
    """The first difference as a phrase, or None. Numbers may differ by 1e-5 relative, 1e-7 absolute."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(answer, (tuple, list)) or len(answer) != len(expected):
            return f"got {_kind(answer)}, expected {_kind(expected)}"
        pairs = enumerate(zip(answer, expected, strict=True))
        return next((f"item {i}: {found}" for i, pair in pairs if (found := compare(*pair))), None)
    if not _is_numeric(expected):
        same = type(answer) is type(expected) and answer == expected
        return None if same else f"got {answer!r}, expected {expected!r}"
    if not _is_numeric(answer):
        return f"got {_kind(answer)}, expected {_kind(expected)}"
    return _compare_numbers(torch.as_tensor(answer), torch.as_tensor(expected))


def _compare_numbers(answer: Tensor, expected: Tensor) -> str | None:
    if answer.shape != expected.shape:
        return f"shape {tuple(answer.shape)}, expected {tuple(expected.shape)}"
    answer, expected = answer.detach().double(), expected.detach().double()
    close = torch.isclose(answer, expected, rtol=1e-5, atol=1e-7)  # float32 sums in another order stay inside this
    if close.all():
        return None
    index = tuple((~close).nonzero()[0].tolist())
    where = f"entry {list(index)} is" if index else "got"
    got, wanted = _apart(answer[index].item(), expected[index].item())
    return f"{where} {got}, expected {wanted}"


def _apart(got: float, wanted: float) -> tuple[str, str]:
    """Both numbers in four digits, or in as many as it takes to see that they are two."""
    for digits in range(4, 17):
        pair = f"{got:.{digits}g}", f"{wanted:.{digits}g}"
        if pair[0] != pair[1]:
            break
    return pair


def _misconception(attempt: Callable, examples: tuple, wrong: dict[str, Callable]) -> str:
    answers = [_outcome(attempt, example) for example in examples]
    for sentence, function in wrong.items():
        if _alike(answers, [_outcome(function, example) for example in examples]):
            return f" {sentence}"
    return ""


def _outcome(function: Callable, example: tuple) -> Any:
    """What `function` answers, or the kind of error that it stops with."""
    try:
        return function(*_copy(example))
    except Exception as error:  # a reader's mistake, and what stands in the list of mistakes, may fail in any way
        return type(error)


def _alike(answers: list, others: list) -> bool:
    """Every outcome is the same, and at least one is an answer: an error alone is no misconception."""
    pairs = list(zip(answers, others, strict=True))
    errors = [isinstance(other, type) for _, other in pairs]
    same = all(a is b if error else compare(a, b) is None for (a, b), error in zip(pairs, errors, strict=True))
    return same and not all(errors)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (Tensor, int, float)) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    return f"a {type(value).__name__} of {len(value)}" if isinstance(value, (tuple, list)) else f"{value!r}"


def _copy(example: tuple) -> tuple:
    """Fresh arguments each time, so that an attempt that writes into them cannot change the question."""
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in example)
