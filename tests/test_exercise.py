"""The exercise check: stub, right answer, wrong shape, wrong value, known misconception, reader's error."""

import signal
import threading
from contextlib import suppress

import numpy as np
import pytest
import torch
from dorabook import exercise
from dorabook.exercise import check, compare

WEIGHT = torch.tensor([[3.0, 4.0, 0.0], [0.0, 6.0, 8.0]])  # (2, 3)
OTHER = torch.tensor([[1.0], [2.0]])  # (2, 1)


def spec(weight):
    return torch.tensor([[sum(v**2 for v in row) ** 0.5] for row in weight.tolist()])


def per_output(weight):
    return weight.norm(dim=1, keepdim=True)


def per_input(weight):
    return weight.norm(dim=0, keepdim=True)


def test_a_right_answer_passes():
    verdict = check(lambda w: w.norm(dim=1, keepdim=True), spec, (WEIGHT,), (OTHER,))
    assert verdict.ok
    assert repr(verdict) == "<lambda>: correct on 2 examples"


def dots(weight):  # (out, in) -> (out, 1)
    ...


def passes(weight):
    """As dots."""
    pass


def raises(weight):
    raise NotImplementedError


def gives_dots(weight):
    return ...


@pytest.mark.parametrize("stub", [dots, passes, raises, gives_dots])
def test_a_stub_is_not_filled_in_yet(stub):
    verdict = check(stub, spec, (WEIGHT,))
    assert (verdict.ok, str(verdict)) == (False, f"{stub.__name__}: not filled in yet")


def test_a_forgotten_return_is_said():
    def no_return(weight):
        weight.norm(dim=1, keepdim=True)

    def returns_at_times(weight):
        if weight.shape == (2, 3):
            return spec(weight)

    verdict = check(no_return, spec, (WEIGHT,), (OTHER,))
    assert (verdict.ok, str(verdict)) == (False, "no_return returned None on example 1: is a `return` missing?")
    verdict = check(returns_at_times, spec, (WEIGHT,), (OTHER,))
    assert str(verdict) == "returns_at_times returned None on example 2: is a `return` missing?"


def test_a_specification_handed_back_is_refused():
    def calls_it(weight):
        return spec(weight)

    def through_another(weight):
        return calls_it(weight)

    for attempt in (spec, calls_it, through_another):
        verdict = check(attempt, spec, (WEIGHT,), (OTHER,))
        assert not verdict.ok
        assert str(verdict).endswith("it calls spec, the specification: write it without.")


def test_the_mistake_is_said_before_the_call():
    verdict = check(lambda w: spec(w) + 1, spec, (WEIGHT,), wrong={"One too many.": lambda w: spec(w) + 1})
    assert str(verdict) == "<lambda>, example 1: entry [0, 0] is 6, expected 5. One too many."


def test_what_is_no_function_is_said():
    assert str(check(3, spec, (WEIGHT,))) == "check takes the function itself, and got 3"


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(exercise, "SECONDS", 0.2)

    def endless(weight):
        while True:
            with suppress(Exception):
                weight = weight + 1

    before = signal.getsignal(signal.SIGALRM)
    verdict = check(endless, spec, (WEIGHT,))
    assert not verdict.ok
    assert str(verdict) == ("endless had not ended after 0.2 seconds on example 1: is there a loop that never stops?")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_outside_the_main_thread_nothing_is_stopped_and_all_else_works():
    said = []
    thread = threading.Thread(target=lambda: said.append(check(per_output, spec, (WEIGHT,))))
    thread.start()
    thread.join()
    assert said[0].ok


def test_shape_is_compared_before_values():
    def flat(weight):
        return weight.norm(dim=1)

    assert str(check(flat, spec, (WEIGHT,))) == "flat, example 1: shape (2,), expected (2, 1)."


def test_a_shape_that_would_broadcast_to_the_right_values_is_still_wrong():
    assert not check(lambda w: torch.tensor(2.0), lambda w: torch.full((2, 1), 2.0), (WEIGHT,)).ok


def test_the_first_differing_entry_is_named():
    def forgot_the_root(weight):
        return (weight**2).sum(dim=1, keepdim=True)

    assert str(check(forgot_the_root, spec, (WEIGHT,))) == "forgot_the_root, example 1: entry [0, 0] is 25, expected 5."


def test_one_wrong_entry_among_right_ones_is_enough():
    def last_entry_off(weight):
        return spec(weight) + torch.tensor([[0.0], [0.5]])

    assert (
        str(check(last_entry_off, spec, (WEIGHT,))) == "last_entry_off, example 1: entry [1, 0] is 10.5, expected 10."
    )


def test_a_later_example_is_checked_too():
    def right_once(weight):
        return torch.tensor([[5.0], [10.0]])

    assert str(check(right_once, spec, (WEIGHT,), (OTHER,))) == "right_once, example 2: entry [0, 0] is 5, expected 1."


def test_a_known_misconception_gets_its_own_sentence():
    wrong = {"Your sum runs over the outputs.": per_input}
    verdict = check(lambda w: w.norm(dim=0, keepdim=True), spec, (WEIGHT,), (OTHER,), wrong=wrong)
    assert str(verdict).endswith("shape (1, 3), expected (2, 1). Your sum runs over the outputs.")
    assert "Your sum" not in str(check(lambda w: w, spec, (WEIGHT,), (OTHER,), wrong=wrong))


def test_an_error_in_the_answer_is_told_without_a_traceback():
    def broken(weight):
        return weight @ weight

    assert str(check(broken, spec, (WEIGHT,))).startswith("broken stopped on example 1 with RuntimeError: ")


SQUARE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # (2, 2)
TURNED = {"It fits on a square layer alone.": lambda w: w + w.T}


def doubled(weight):
    return 2 * weight


def test_a_mistake_that_stops_on_some_examples_is_known_by_the_others():
    """Wrong on the square layer, an error on the other: as found in the wild, and listed as such."""
    verdict = check(lambda w: w.T + w, doubled, (SQUARE,), (WEIGHT,), wrong=TURNED)
    assert str(verdict) == "<lambda>, example 1: entry [0, 1] is 5, expected 4. It fits on a square layer alone."
    verdict = check(lambda w: w.T + w, doubled, (WEIGHT,), (SQUARE,), wrong=TURNED)
    assert "stopped on example 1 with RuntimeError: " in str(verdict)
    assert str(verdict).endswith(". It fits on a square layer alone.")


def test_an_error_alone_is_no_misconception():
    assert "square" not in str(check(lambda w: w.T + w, doubled, (WEIGHT,), wrong=TURNED))


def test_another_error_is_another_mistake():
    def other(weight):
        if weight.shape[0] != weight.shape[1]:
            raise IndexError("not square")
        return weight + weight.T

    assert "It fits" not in str(check(other, doubled, (SQUARE,), (WEIGHT,), wrong=TURNED))


def test_an_answer_cannot_change_the_question():
    def in_place(weight):
        return weight.mul_(0)

    before = WEIGHT.clone()
    assert not check(in_place, spec, (WEIGHT,)).ok
    assert torch.equal(WEIGHT, before)


def largest_entries(weights):
    return [float(weight.max()) for weight in weights]


@pytest.mark.parametrize(
    "destroy",
    [list.clear, list.pop, lambda weights: [w.mul_(0) for w in weights], lambda weights: weights[0].square_()],
    ids=["clear", "pop", "mul_", "square_"],
)
def test_an_answer_cannot_change_a_question_that_holds_lists(destroy):
    """A right answer that uses its arguments up is right, and one that overwrites them and is wrong stays wrong."""
    weights = [WEIGHT.clone(), OTHER.clone()]

    def uses_up(weights):
        answer = [weight.max().item() for weight in weights]
        destroy(weights)
        return answer

    def overwrites(weights):
        destroy(weights)
        return [weight.max().item() for weight in weights]

    assert check(uses_up, largest_entries, (weights,), (weights,)).ok
    assert not check(overwrites, largest_entries, (weights,)).ok
    assert torch.equal(weights[0], WEIGHT)


@pytest.mark.parametrize(
    "answer",
    [
        lambda w: w.square().sum(dim=1, keepdim=True).sqrt_(),  # in place
        lambda w: w.square_().sum(dim=1, keepdim=True).sqrt(),  # in the question itself
        lambda w: w.norm(dim=1)[:, None],  # a view
        lambda w: w.norm(dim=1, keepdim=True).expand(2, 3)[:, :1],
        lambda w: w.double().norm(dim=1, keepdim=True),
        lambda w: w.norm(dim=1, keepdim=True).requires_grad_(),
        lambda w: np.linalg.norm(w.numpy(), axis=1, keepdims=True),
    ],
)
def test_a_right_answer_may_be_reached_in_any_way(answer):
    assert check(answer, spec, (WEIGHT,)).ok


def test_what_must_not_come_up_on_the_way_is_seen():
    def merged(x, weight, m):
        return m * weight

    never = {"W' was built on the way.": merged}
    outputs = lambda x, weight, m: x @ merged(x, weight, m).T  # noqa: E731
    example = torch.ones(4, 3), WEIGHT, torch.tensor([[2.0], [3.0]])
    for attempt in (
        lambda x, w, m: x @ (m * w).T,
        lambda x, w, m: (m * w @ x.T).T,
        lambda x, w, m: torch.einsum("ni,oi->no", x, w.mul_(m)),
        lambda x, w, m: x @ (w.T * m.T),
    ):
        verdict = check(attempt, outputs, example, never=never)
        assert (verdict.ok, str(verdict)) == (False, "<lambda>: the answers are right. W' was built on the way.")
    assert check(lambda x, w, m: x @ w.T * m.T, outputs, example, never=never).ok


def test_what_is_run_may_be_made_of_what_is_written():
    """Here the check looks at the gradient of what the function gives."""

    def gradient_of(function):
        def gradient(weight):
            leaf = weight.clone().requires_grad_()
            made = function(leaf)
            return made if made is None else torch.autograd.grad(made.sum(), leaf)[0]

        return gradient

    wrong = {"Cut off.": lambda w: w * w.detach()}
    given = {"through": gradient_of, "wrong": wrong}
    twice = lambda weight: 2 * weight  # noqa: E731
    assert check(lambda w: w.square(), twice, (WEIGHT,), **given).ok
    assert str(check(lambda w: w.detach() * w, twice, (WEIGHT,), **given)).endswith("expected 6. Cut off.")
    assert str(check(dots, twice, (WEIGHT,), **given)) == "dots: not filled in yet"


def test_without_an_example_nothing_could_fail_so_it_is_refused():
    with pytest.raises(ValueError, match="at least one example"):
        check(spec, spec)


@pytest.mark.parametrize(
    ("answer", "expected", "says"),
    [
        ("output", "output", None),
        ("input", "output", "got 'input', expected 'output'"),
        (True, True, None),
        (1, True, "got 1, expected True"),
        (3, 3.0, None),
        ("3", 3, "got '3', expected 3"),
        ((128, 1), (128, 1), None),
        (torch.Size([128, 1]), (128, 1), None),
        ((128,), (128, 1), "got a tuple of 1, expected a tuple of 2"),
        ((1, 128), (128, 1), "item 0: got 1, expected 128"),
        (float("nan"), 1.0, "got nan, expected 1"),
        (110.036, 110, "got 110.04, expected 110"),
        (np.int64(3), 3, None),
        (np.float32(0.5), 0.5, None),
        (("output", np.int64(3)), ("output", 3), None),
        (("output", torch.tensor(3)), ("output", 3), None),
        (np.int64(4), 3, "got 4, expected 3"),
        (np.str_("output"), "output", None),
        (np.True_, True, None),
        (torch.tensor(True), True, None),
        (np.True_, 1, "got True, expected 1"),
        (np.ones(2), torch.ones(2), None),
        (np.ones((2, 1)), torch.ones(2), "shape (2, 1), expected (2,)"),
        (np.array(["a"]), torch.ones(1), "got an array (1,), expected a tensor (1,)"),
        ([1.0, 1.0], torch.ones(2), "got a list of 2, expected a tensor (2,)"),
        (1.0, torch.ones(2), "shape (), expected (2,)"),
    ],
)
def test_compare_answers_of_other_kinds(answer, expected, says):
    assert compare(answer, expected) == says
