"""Predict: the right option is computed, every option has its reply, and the keyboard answers it."""

import pytest
from dorabook.live.predict import Predict
from live_page import modules, settle, show  # noqa: F401 - show is a fixture

QUESTION = "What shape has `m` of Linear(784, 128), weight (128, 784), per input?"
OPTIONS = {
    "`(128, 1)`": "That is one per output: the norm then sums over the 784 inputs.",
    "`(1, 784)`": "The sum runs over the 128 outputs, so 784 lengths remain.",
    "`(1,)`": "One length for the whole weight would be a single norm < two.",
}


def shape_question(**options):
    return Predict(QUESTION, OPTIONS, answer="(1, 784)", id="shape", **options)


def test_the_right_option_is_found_by_its_text():
    assert shape_question().right == 1


def test_the_right_option_is_found_by_how_it_begins():
    assert Predict("How many?", {"128, one per output": "a", "784, one per input": "b"}, answer=str(784)).right == 1


@pytest.mark.parametrize("answer", ["(784,)", "(1", ""])  # no option, two options, all options
def test_an_answer_that_fits_no_single_option_fails_in_the_cell_that_computed_it(answer):
    with pytest.raises(ValueError, match=r"expected how one of the options begins: \(128, 1\); \(1, 784\)"):
        Predict(QUESTION, OPTIONS, answer=answer)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"one": "reply"}, "options has 1 entries, expected 2 to 5"),
        ({"one": "reply", "two": " "}, "needs an option and a reply"),
        ({"one": "reply", "two": 2}, "needs an option and a reply"),
    ],
)
def test_options_need_a_reply_each(options, says):
    with pytest.raises(ValueError, match=says):
        Predict(QUESTION, options, answer="one")


def test_an_empty_question_is_refused():
    with pytest.raises(ValueError, match="question is '', expected a sentence"):
        Predict("", OPTIONS, answer="(1,)")


def test_an_open_question_does_not_give_its_answer_away():
    assert repr(shape_question()) == (
        "What shape has m of Linear(784, 128), weight (128, 784), per input? (a) (128, 1); (b) (1, 784); (c) (1,)."
    )
    shown = shape_question().to_html().split("<script")[0]
    assert "right" not in shown
    assert "784 lengths" not in shown


@pytest.mark.parametrize("chosen", [-1, 0, 1, 2])
def test_page_and_python_say_the_same(browser, chosen):
    state = {**shape_question().state(), "chosen": chosen}
    page = modules(browser, "predict")
    said = page.evaluate(
        "(state) => { const d = modules['predict'].describe(state); return [d.sentence, d.rows]; }", state
    )
    expected = Predict.describe(state)
    assert said == [expected.sentence, [list(row) for row in expected.rows]]


def test_a_wrong_pick_gets_its_own_reply_and_another_pick_is_free(show):  # noqa: F811
    page = show(shape_question())
    status = page.get_by_role("status")
    assert not status.is_visible()
    page.get_by_role("button", name="(128, 1)").click()
    settle(page)
    assert status.inner_text() == "(a) is not it. That is one per output: the norm then sums over the 784 inputs."
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    assert status.inner_text().startswith("(b) is right. The sum runs over the 128 outputs")
    assert page.get_by_role("button", pressed=True).inner_text().split() == ["b", "(1,", "784)", "✓", "right"]
    assert page.problems == []


def test_the_keyboard_answers(show):  # noqa: F811
    page = show(shape_question())
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settle(page)
    assert page.get_by_role("status").inner_text().startswith("(c) is not it.")
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert not page.get_by_role("status").is_visible()


def test_a_link_opens_the_reply_and_cannot_change_the_question(show):  # noqa: F811
    page = show(shape_question(), hash="#shape=chosen:1;question:Send%20money;right:0")
    settle(page)
    assert page.get_by_role("status").inner_text().startswith("(b) is right.")
    assert "What shape has m" in page.locator(".dora-predict-question").inner_text()


def test_markup_in_text_stays_text(show):  # noqa: F811
    page = show(Predict("<img src=x onerror=alert(1)>?", {"<b>a</b>": "<i>", "b": "c"}, answer="b"))
    assert page.locator(".dora-predict img, .dora-predict b").count() == 0
    assert page.problems == []


@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_its_page(show, width):  # noqa: F811
    page = show(shape_question(chosen=0), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_python_sees_the_pick_as_a_trait():
    figure = shape_question()
    figure.chosen = 2
    assert figure.sentence.startswith("(c) is not it.")
    with pytest.raises(ValueError, match="chosen is 7, expected a whole number from -1 to 4"):
        figure.chosen = 7
