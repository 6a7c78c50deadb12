"""Two ways of training compared: intervals and exact tests against a second computation."""

import math
from itertools import product

import numpy as np
import pytest
from dorabook import paired
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats


def test_the_t_interval_is_the_textbooks():
    interval = paired.t_interval([1.0, 2.0, 3.0])  # mean 2, standard error 1/sqrt(3), t(0.975, 2) = 4.30265
    assert interval.mean == 2
    assert interval.high - 2 == 2 - interval.low == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    with pytest.raises(ValueError, match="1 difference has no interval"):
        paired.t_interval([1.0])


def test_the_t_interval_agrees_with_the_paired_test_of_two_samples():
    first, second = [87.0, 88.5, 86.2, 87.7], [86.1, 88.9, 85.0, 87.0]
    interval = paired.t_interval(np.subtract(first, second).tolist())
    theirs = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))


@given(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=12).filter(lambda x: np.std(x) > 1e-3))
@settings(deadline=None)
def test_equivalence_is_claimed_exactly_where_the_90_percent_interval_lies_within_the_margin(differences):
    narrow = paired.t_interval(differences, level=0.9)
    inside = narrow.low > -1 and narrow.high < 1
    assert (paired.two_one_sided(differences) < 0.05) == inside


@given(st.lists(st.integers(-40, 40), min_size=2, max_size=9))
@settings(max_examples=40, deadline=None)
def test_the_sign_flip_counts_every_choice_of_signs(twentieths):
    d = np.array(twentieths) / 20  # what accuracies on 2,000 sentences differ by
    signs = np.array(list(product((1, -1), repeat=len(d))))
    means, tolerance = (signs * d).mean(1), 1e-9
    assert paired.sign_flip(d) == pytest.approx(
        min(1, 2 * min((means >= d.mean() - tolerance).mean(), (means <= d.mean() + tolerance).mean()))
    )
    assert paired.sign_flip(d, alternative="greater") == pytest.approx((means >= d.mean() - tolerance).mean())


def test_a_mean_of_nothing_says_nothing():
    assert paired.sign_flip([0.05, 1.35, -1.4]) == 1.0


def test_the_sign_flip_of_sixteen_equal_signs_is_the_smallest_there_is():
    assert paired.sign_flip(np.arange(1.0, 17.0)) == pytest.approx(2 / 2**16)


def test_mcnemar_is_the_binomial_sum():
    assert paired.mcnemar(1, 7) == pytest.approx(2 * (1 + 8) / 2**8)
    assert paired.mcnemar(0, 0) == 1.0
    assert paired.mcnemar(4, 4) == 1.0


def test_the_bootstrap_has_the_width_of_a_proportion_and_seeds_on_one_test_set_do_not_shrink_it():
    always, half = np.ones((1, 400), bool), np.arange(400)[None] % 2 == 0
    one = paired.bootstrap(always, half, draws=4000)
    width = 2 * 1.96 * 100 * math.sqrt(0.25 / 400)
    assert one.mean == 50 and one.high - one.low == pytest.approx(width, rel=0.06)
    five = paired.bootstrap(always.repeat(5, 0), half.repeat(5, 0), draws=4000)
    assert five == one
    assert paired.bootstrap(half, half, draws=50) == paired.Interval(0, 0, 0)
    with pytest.raises(ValueError, match="pairs need one shape"):
        paired.bootstrap(always, half.repeat(5, 0))


def test_the_two_way_bootstrap_has_the_spread_of_seeds_and_of_sentences():
    """Independent effects a (seeds) and b (sentences): the mean's variance is var(a)/n + var(b)/m, up to the bootstrap's (n-1)/n."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 3, 16), rng.normal(0, 20, 500)
    drawn = paired.two_way(a[:, None] + b[None], draws=4000)[0]
    assert drawn.std() == pytest.approx(np.sqrt(a.var() / 16 + b.var() / 500), rel=0.05)
    only_seeds = paired.two_way(np.repeat(a[:, None], 500, 1), draws=4000)[0]
    assert only_seeds.std() == pytest.approx(a.std() / 4, rel=0.05)


def test_two_way_draws_are_shared_so_that_equal_effects_cancel():
    each = np.random.default_rng(0).normal(size=(6, 50))
    one, two = paired.two_way(each, 2 * each, draws=100)
    np.testing.assert_allclose(two, 2 * one)
    with pytest.raises(ValueError, match=r"all need one shape \(seeds, sentences\)"):
        paired.two_way(each, each[:5])


def test_the_percentile_interval_leaves_as_much_on_either_side():
    drawn = np.arange(1001) / 10
    assert paired.percentile(drawn, mean=3.0) == paired.Interval(3.0, pytest.approx(2.5), pytest.approx(97.5))
    assert paired.percentile(drawn, mean=3.0, level=0.9) == paired.Interval(3.0, pytest.approx(5), pytest.approx(95))


def test_draws_are_the_same_each_time_and_others_with_another_seed():
    each = np.random.default_rng(0).random((4, 30)) < 0.6
    for drawn in (
        lambda **seed: paired.bootstrap(each, ~each, draws=20, **seed).low,
        lambda **seed: paired.two_way(each, draws=20, **seed)[0].tolist(),
    ):
        assert drawn() == drawn() == drawn(seed=0) != drawn(seed=1)


def test_a_comparison_takes_the_seeds_that_both_have():
    found = {"a": {0: 80.0, 1: 82.0, 3: 84.0}, "b": {3: 83.0, 0: 80.5, 2: 10.0}}
    contrast = paired.compare("a", "b", found)
    assert (contrast.seeds, contrast.differences) == ((0, 3), (-0.5, 1.0))
    assert contrast.over_seeds.mean == 0.25 and contrast.over_sentences is None


def test_a_comparison_is_of_the_parts_and_says_nothing_of_too_few_seeds():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 40)) < 0.7
    found = {name: dict(enumerate(100 * each.mean(1))) for name, each in (("a", first), ("b", second))}
    whole = paired.compare("a", "b", found, answers=(first, second), draws=50)
    assert (whole.first, whole.second) == ("a", "b")
    assert whole.over_seeds == paired.t_interval(whole.differences)
    assert whole.equivalent == paired.two_one_sided(whole.differences)
    assert whole.over_sentences == paired.bootstrap(first, second, draws=50)
    two = paired.compare("a", "b", {name: {0: each[0], 1: each[1]} for name, each in found.items()})
    assert two.over_seeds and two.equivalent is not None
    one = paired.compare("a", "b", {"a": {0: 80.0, 1: 81.0}, "b": {0: 79.0, 2: 81.0}}, answers=(first[:1], second[:1]))
    assert (one.seeds, one.over_seeds, one.equivalent, one.verdict) == ((0,), None, None, "too few seeds")
    none = paired.compare("a", "b", {"a": {0: 80.0}, "b": {1: 79.0}}, answers=(first[:0], second[:0]))
    assert none.over_sentences is None


def test_the_share_of_the_gap_counts_from_the_floor_and_is_not_read_off_a_small_gap():
    assert paired.share_of_gap(70.0, floor=60.0, ceiling=100.0) == 0.25
    assert paired.share_of_gap(59.0, floor=60.0, ceiling=70.0) == pytest.approx(-0.1)
    assert paired.share_of_gap(65.0, floor=60.0, ceiling=69.9) is None
