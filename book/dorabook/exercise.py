"""Exercises that check themselves: a reader's function against a slow, plain specification."""

import copy
import dis
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from numbers import Real
from types import CodeType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SECONDS = 10  # for one answer; a specification takes milliseconds


@dataclass(frozen=True)
class Verdict:
    """What `check` found, as one sentence; a notebook shows it as the cell's last line."""

    ok: bool
    sentence: str

    def __repr__(self) -> str:
        return self.sentence


def check(
    attempt: Callable,
    spec: Callable,
    *examples: tuple,
    wrong: dict[str, Callable] | None = None,
    through: Callable[[Callable], Callable] = lambda function: function,
    never: dict[str, Callable] | None = None,
) -> Verdict:
    """Run `attempt` and `spec` on every example (a tuple of arguments) and compare shape first, then values.

    `wrong` maps a sentence about a misconception to the function that has it: an attempt that answers
    like one of them gets that sentence too, also where both stop with the same error on some of the examples.
    `through` makes of the attempt, and of each wrong function, the one that is run on the examples.
    `never` maps a sentence to a function of an example's arguments: a tensor, or a list, that a right answer does without.
    A stub (its body `...`) is "not filled in yet", never a traceback.
    """
    if not examples:
        raise ValueError("check needs at least one example: a tuple of arguments")
    if not callable(attempt):
        return Verdict(False, f"check takes the function itself, and got {_kind(attempt)}")
    name, run = attempt.__name__, through(attempt)
    watch = _Watch(_codes(spec) - (_codes(run) - _codes(attempt)), never or {})  # `through` may have made both
    for number, example in enumerate(examples, start=1):
        with watch.over(example):
            answer = _outcome(run, example)
        if missing := _missing(attempt, answer, number):
            return Verdict(False, f"{name}{missing}")
        if fault := _fault(answer, spec(*_fresh(example)), number):
            slips = {sentence: through(function) for sentence, function in (wrong or {}).items()}
            hint = _misconception(run, examples, slips)
            return Verdict(False, f"{name}{fault}{hint}")
    if watch.said:
        return Verdict(False, f"{name}: the answers are right. {watch.said}")
    plural = "" if len(examples) == 1 else "s"
    return Verdict(True, f"{name}: correct on {len(examples)} example{plural}")


# ---- one answer


@dataclass(frozen=True)
class _Stopped:
    """What a run leaves that gave no answer."""

    error: BaseException


class _Endless(BaseException):
    """No Exception: what a reader writes may catch those."""


def _outcome(function: Callable, example: tuple) -> Any:
    try:
        with _limited():
            return function(*_fresh(example))
    except (Exception, _Endless) as error:  # a reader's mistake is answered, whatever it is
        return _Stopped(error)


def _fresh(example: tuple) -> tuple:
    """Arguments of its own for each run, so that one that writes into them cannot change the question."""
    return copy.deepcopy(example)


@contextmanager
def _limited() -> Iterator[None]:
    """End what runs longer than SECONDS. Python has such a timer in the main thread alone, and on Windows none."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise _Endless

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def _missing(attempt: Callable, answer: Any, number: int) -> str:
    """What is said where there is nothing to compare with the specification."""
    stopped = answer.error if isinstance(answer, _Stopped) else None
    if isinstance(stopped, _Endless):
        return f" had not ended after {SECONDS:g} seconds on example {number}: is there a loop that never stops?"
    if answer is Ellipsis or isinstance(stopped, NotImplementedError) or (answer is None and _is_stub(attempt)):
        return ": not filled in yet"
    return f" returned None on example {number}: is a `return` missing?" if answer is None else ""


def _is_stub(function: Callable) -> bool:
    """It does nothing at all."""
    code = getattr(function, "__code__", None)
    kinds = {each.opname.split("_")[0] for each in dis.get_instructions(code)} if code else {"unknown"}
    return kinds <= {"RESUME", "LOAD", "RETURN", "NOP"}


def _fault(answer: Any, expected: Any, number: int) -> str:
    if isinstance(answer, _Stopped):
        said = str(answer.error)
        return f" stopped on example {number} with {type(answer.error).__name__}: {said.rstrip('.')}."
    difference = compare(answer, expected)
    return f", example {number}: {difference}." if difference else ""


# ---- how it was reached


class _Watch(TorchFunctionMode):
    """Looks on while an attempt runs, and says what is wrong with the way of a right answer."""

    def __init__(self, spec: set[CodeType], never: dict[str, Callable]) -> None:
        super().__init__()
        self.said = ""
        self._spec, self._never, self._taboo = spec, never, {}

    @contextmanager
    def over(self, example: tuple) -> Iterator[None]:
        given = {sentence: function(*_fresh(example)) for sentence, function in self._never.items()}
        self._taboo = {sentence: [made] if isinstance(made, Tensor) else made for sentence, made in given.items()}
        before = sys.getprofile()
        sys.setprofile(self._entered)
        try:
            with self if self._never else nullcontext():
                yield
        finally:
            sys.setprofile(before)

    def _entered(self, frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code in self._spec:
            self.said = f"But it calls {frame.f_code.co_name}, the specification: write it without."

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if self._taboo and isinstance(made, Tensor):
            found = [sentence for sentence, tensors in self._taboo.items() if any(_same(made, one) for one in tensors)]
            self.said = self.said or "".join(found[:1])
        return made


def _codes(function: Callable) -> set[CodeType]:
    """The code of a function and of those that it was made of."""
    made_of = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return {each.__code__ for each in (function, *made_of) if hasattr(each, "__code__")}


def _same(tensor: Tensor, other: Tensor) -> bool:
    """Equal but for rounding, for sides of 1, and for the order of two dimensions."""
    tensor, other = tensor.detach().squeeze(), other.detach().squeeze()
    laid = [tensor, tensor.transpose(-1, -2)] if tensor.ndim > 1 else [tensor]
    return any(one.shape == other.shape and torch.allclose(one.to(other.dtype), other) for one in laid)


# ---- comparing


def compare(answer: Any, expected: Any) -> str | None:
    """The first difference as a phrase, or None. Numbers may differ by 1e-5 relative, 1e-7 absolute."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(answer, (tuple, list)) or len(answer) != len(expected):
            return f"got {_kind(answer)}, expected {_kind(expected)}"
        pairs = enumerate(zip(answer, expected, strict=True))
        return next((f"item {i}: {found}" for i, pair in pairs if (found := compare(*pair))), None)
    wanted = _numbers(expected)
    if wanted is None:  # a word, or True
        plain = answer.tolist() if hasattr(answer, "tolist") else answer
        same = type(plain) is type(expected) and plain == expected
        return None if same else f"got {plain!r}, expected {expected!r}"
    got = _numbers(answer)
    return f"got {_kind(answer)}, expected {_kind(expected)}" if got is None else _compare_numbers(got, wanted)


def _numbers(value: Any) -> Tensor | None:
    """A tensor, a number, or NumPy's of either, in float64; None for all else."""
    if isinstance(value, Tensor):
        return value.detach().cpu().double()
    plain = value.tolist() if hasattr(value, "tolist") else value  # NumPy's
    if isinstance(plain, bool) or (plain is value and not isinstance(value, Real)):
        return None
    try:
        return torch.tensor(plain, dtype=torch.float64)
    except (TypeError, ValueError):  # an array of words
        return None


def _compare_numbers(answer: Tensor, expected: Tensor) -> str | None:
    if answer.shape != expected.shape:
        return f"shape {tuple(answer.shape)}, expected {tuple(expected.shape)}"
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


def _kind(value: Any) -> str:
    if isinstance(value, Tensor) or getattr(value, "shape", ()):
        return f"{'a tensor' if isinstance(value, Tensor) else 'an array'} {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value.tolist() if hasattr(value, "tolist") else value)


# ---- known misconceptions


def _misconception(attempt: Callable, examples: tuple, wrong: dict[str, Callable]) -> str:
    answers = [_outcome(attempt, example) for example in examples]
    for sentence, function in wrong.items():
        if _alike(answers, [_outcome(function, example) for example in examples]):
            return f" {sentence}"
    return ""


def _alike(answers: list, others: list) -> bool:
    """Every outcome is the same, and at least one is an answer: an error alone is no misconception."""
    return all(map(_one_outcome, answers, others)) and not all(isinstance(other, _Stopped) for other in others)


def _one_outcome(answer: Any, other: Any) -> bool:
    if isinstance(answer, _Stopped) or isinstance(other, _Stopped):
        return type(getattr(answer, "error", answer)) is type(getattr(other, "error", other))
    return compare(answer, other) is None
