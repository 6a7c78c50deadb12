"""The exercise check: stub, right answer, wrong shape, wrong value, known misconception, reader's error."""

import pytest
import torch
from dorabook.exercise import check, compare

WEIGHT = torch.tensor([[3.0, 4.0, 0.0], [0.0, 6.0, 8.0]])  # (2, 3)
OTHER = torch.tensor([[1.0], [2.0]])  # (2, 1)


def spec(weight):
    return torch.tensor([[sum(v**2 for v in row) ** 0.5] for row in weight.tolist()])


def per_input(weight):
    return weight.norm(dim=0, keepdim=True)


def test_a_right_answer_passes():
    verdict = check(lambda w: w.norm(dim=1, keepdim=True), spec, (WEIGHT,), (OTHER,))
    assert verdict.ok
    assert repr(verdict) == "<lambda>: correct on 2 examples"


@pytest.mark.parametrize("body", [None, ..., NotImplementedError()])
def test_a_stub_is_not_filled_in_yet(body):
    def stub(weight):
        if isinstance(body, Exception):
            raise body
        return body

    verdict = check(stub, spec, (WEIGHT,))
    assert (verdict.ok, str(verdict)) == (False, "stub: not filled in yet")


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
        (110.035, 110, "got 110.04, expected 110"),
        (1.0, torch.ones(2), "shape (), expected (2,)"),
    ],
)
def test_compare_answers_of_other_kinds(answer, expected, says):
    assert compare(answer, expected) == says
