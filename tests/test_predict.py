"""Predict: the right option is computed, every option has its reply, the keyboard answers it, and a room can vote on it."""

import json
import re
from pathlib import Path

import exercises
import publish_notebooks
import pytest
from dorabook.live.predict import Predict
from playwright.sync_api import expect
from support.live_page import settle

QUESTION = "What shape has `m` of Linear(784, 128), weight (128, 784), per input?"
OPTIONS = {
    "`(128, 1)`": "That is one per output: the norm then sums over the 784 inputs.",
    "`(1, 784)`": "The sum runs over the 128 outputs, so 784 lengths remain.",
    "`(1,)`": "One length for the whole weight would be a single norm < two.",
}


def begins(words: str) -> re.Pattern:
    return re.compile(f"^{re.escape(words)}")


def ends(words: str) -> re.Pattern:
    return re.compile(f"{re.escape(words)}$")


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


LETTERED = [["(a)", "`(128, 1)`"], ["(b)", "`(1, 784)`"], ["(c)", "`(1,)`"]]


@pytest.mark.parametrize("chosen", range(3))
def test_a_pick_is_judged_and_answered_by_its_own_reply(chosen):
    said = Predict.describe({**shape_question().state(), "chosen": chosen})
    assert said.sentence.startswith(f"({'abc'[chosen]}) is {'right' if chosen == 1 else 'not it'}. ")
    assert said.sentence.endswith(list(OPTIONS.values())[chosen])
    assert (said.columns, said.rows) == (["option", "says"], LETTERED)


@pytest.mark.parametrize(
    ("hands", "told"),
    [
        ([0, 0, 0], "0 hands: (a) 0, (b) 0, (c) 0."),
        ([1, 0, 0], "1 hand: (a) 1, (b) 0, (c) 0."),
        ([5, 999, 3], "1,007 hands: (a) 5, (b) 999, (c) 3."),
    ],
)
def test_a_room_is_told_its_hands_and_the_answer_only_once_it_is_revealed(hands, told):
    votes, answer = (
        Predict.describe({**shape_question().state(), "hands": hands, "room": room}) for room in ("votes", "answer")
    )
    assert (votes.sentence, answer.sentence) == (told, f"{told} (b) is right.")
    assert votes.rows == answer.rows == [[*pair, str(count)] for pair, count in zip(LETTERED, hands, strict=True)]


def test_a_wrong_pick_gets_its_own_reply_and_another_pick_is_free(show):
    page = show(shape_question())
    status = page.get_by_role("status")
    assert not status.is_visible()
    page.get_by_role("button", name="(128, 1)").click()
    settle(page)
    expect(status).to_have_text("(a) is not it. That is one per output: the norm then sums over the 784 inputs.")
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    expect(status).to_have_text(begins("(b) is right. The sum runs over the 128 outputs"))
    assert page.get_by_role("button", pressed=True).inner_text().split() == ["b", "(1,", "784)", "✓", "right"]
    assert page.problems == []


def test_the_keyboard_answers(show):
    page = show(shape_question())
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins("(c) is not it."))
    page.get_by_role("button", name="Reset").click()
    settle(page)
    expect(page.get_by_role("status")).to_be_hidden()


def test_a_link_opens_the_reply_and_cannot_change_the_question(show):
    page = show(shape_question(), hash="#shape=chosen:1")
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins("(b) is right."))
    page.evaluate("location.hash = '#shape=chosen:1;question:Send%20money;right:0'")
    settle(page)
    expect(page.get_by_role("status")).to_have_text(
        begins("The link cannot be read, so the figure stands as it starts.")
    )
    expect(page.get_by_role("status")).to_be_visible()
    assert "What shape has m" in page.locator(".dora-predict-question").inner_text()


def test_markup_in_text_stays_text(show):
    page = show(Predict("<img src=x onerror=alert(1)>?", {"<b>a</b>": "<i>", "b": "c"}, answer="b"))
    assert page.locator(".dora-predict img, .dora-predict b").count() == 0
    assert page.problems == []


@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_its_page(show, width):
    page = show(shape_question(chosen=0), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_python_sees_the_pick_as_a_trait():
    figure = shape_question()
    figure.chosen = 2
    assert figure.sentence.startswith("(c) is not it.")
    with pytest.raises(ValueError, match="chosen is 7, expected a whole number from -1 to 4"):
        figure.chosen = 7


# ---- the questions of the book


QUESTIONS = [
    (path, question)
    for path in publish_notebooks.chapters()
    for question in exercises.questions(json.loads(path.read_text(encoding="utf-8")))
]


def stored_questions():
    yield from (pytest.param(*each, id=f"{each[0].stem}-{each[1].id}") for each in QUESTIONS)


@pytest.mark.parametrize("path", publish_notebooks.chapters(), ids=lambda path: path.stem)
def test_a_chapter_asks_at_least_twice(path: Path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    sources = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    found = exercises.questions(notebook)
    assert len(found) >= 2
    assert len(found) == sources.count("Predict(")
    assert len({question.id for question in found}) == len(found)


@pytest.mark.parametrize(("path", "question"), list(stored_questions()))
def test_every_option_of_a_question_has_a_reply_of_its_own(path, question):
    replies = [reply for _, reply in question.options]
    assert len(question.options) >= 3  # two wrong ones at least
    assert len(set(replies)) == len(replies)
    for option, reply in question.options:
        assert len(reply.split()) >= 6, reply  # a reason, not a verdict
        assert reply.rstrip().endswith((".", "?"))
        assert reply.strip().lower() != option.strip().lower()


def test_over_all_questions_each_letter_is_right_about_equally_often():
    """A reader who has seen that (a) is never right answers without thinking."""
    right = [question.right for _, question in QUESTIONS]
    counts = [right.count(i) for i in range(max(len(question.options) for _, question in QUESTIONS))]
    assert sum(counts) >= 20
    assert min(counts) >= 0.25 * sum(counts), counts
    runs = ["".join(map(str, right[at : at + 3])) for at in range(len(right) - 2)]
    assert not [run for run in runs if len(set(run)) == 1], "one letter three times in a row"


def lengths(question):
    return [len(option.replace("`", "")) for option, _ in question.options]


@pytest.mark.parametrize(("path", "question"), list(stored_questions()))
def test_the_options_of_a_question_are_of_like_length(path, question):
    assert max(lengths(question)) <= 1.6 * min(lengths(question)), question.options


def test_the_right_option_is_neither_the_shortest_nor_the_longest_more_often_than_chance():
    for extreme in (min, max):
        hits = sum(lengths(each)[each.right] == extreme(lengths(each)) for _, each in QUESTIONS)
        assert hits <= 0.5 * len(QUESTIONS), extreme


# ---- answers stay in this browser


KEPT = "Object.fromEntries(Object.entries(localStorage))"


def again(page):
    page.reload()
    page.wait_for_selector("figure[data-ready=true]")


def test_an_answer_survives_a_reload_and_reset_forgets_it(show):
    page = show(shape_question())
    page.get_by_role("button", name="(128, 1)").click()
    settle(page)
    again(page)
    expect(page.get_by_role("status")).to_have_text(begins("(a) is not it."))
    assert list(page.evaluate(KEPT)) == ["dora-answer:/page.html#shape"]
    page.get_by_role("button", name="Reset").click()
    settle(page)
    again(page)
    expect(page.get_by_role("status")).to_be_hidden()
    assert page.evaluate(KEPT) == {}
    assert page.problems == []


def test_an_answer_survives_on_a_page_from_disk(show):
    page = show(shape_question(), from_disk=True)
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    again(page)
    expect(page.get_by_role("status")).to_have_text(begins("(b) is right."))
    assert page.problems == []


def test_an_answer_belongs_to_its_page_and_its_question(show):
    page = show(shape_question(), Predict("Other?", {"a": "A.", "b": "B."}, answer="b", id="other"))
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    again(page)
    assert page.locator("#other").get_by_role("button", pressed=True).count() == 0
    page.evaluate("""() => {
      const [[key, value]] = Object.entries(localStorage);
      localStorage.clear();
      localStorage.setItem(key.replace("/page.html", "/elsewhere.html"), value);
    }""")
    again(page)
    assert page.get_by_role("button", pressed=True).count() == 0


def test_an_answer_is_kept_by_its_words(show):
    """The options of a later edition may stand in another order; an option that is gone is no answer."""
    page = show(shape_question())
    key = "dora-answer:/page.html#shape"
    for kept, pressed in (("`(1,)`", 1), ("(2, 2)", 0), ("", 0), ("<b>", 0)):
        page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, kept])
        again(page)
        assert page.get_by_role("button", pressed=True).count() == pressed, kept
    assert page.problems == []


@pytest.mark.parametrize("broken", ["getItem", "setItem", "all"])
def test_where_the_browser_keeps_nothing_a_question_works_all_the_same(show, broken):
    page = show(shape_question())
    refuse = "throw new DOMException('refused', 'SecurityError')"
    with page.add_init_script(
        f"Object.defineProperty(window, 'localStorage', {{ get() {{ {refuse}; }} }})"
        if broken == "all"
        else f"Storage.prototype.{broken} = () => {{ {refuse}; }}"
    ):
        again(page)
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins("(b) is right."))
    assert page.problems == []


def test_what_a_link_shows_is_not_taken_for_the_readers_answer(show):
    page = show(shape_question(), hash="#shape=chosen:1")
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins("(b) is right."))
    assert page.evaluate(KEPT) == {}


def test_a_link_to_another_figure_does_not_carry_the_readers_answer(show):
    other = Predict("Other?", {"a": "A.", "b": "B."}, answer="b", id="other")
    page = show(shape_question(), other)
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)  # the reply moves what stands below
    page.locator("#other").get_by_role("button", name="b", exact=True).click()
    settle(page)
    page.locator("#other").get_by_role("button", name="Copy link").click()
    expect(page).to_have_url(ends("#other=chosen:1"))


KEPT_LINE = '<p class="kept" role="status" hidden><span></span> <button type="button">Forget my answers</button></p>'


def test_one_button_forgets_all_answers_and_no_other_setting(show):
    page = show(shape_question(), KEPT_LINE)
    line = page.locator(".kept")
    assert not line.is_visible()
    page.evaluate(
        "localStorage.setItem('dora-theme', 'dark'); localStorage.setItem('dora-answer:/other.html#x', 'yes')"
    )
    page.get_by_role("button", name="(128, 1)").click()
    expect(line).to_contain_text("Your answers are kept in this browser and nowhere else.")
    again(page)
    page.get_by_role("button", name="Forget my answers").click()
    settle(page)
    expect(line).to_contain_text("forgotten, on every page of the book")
    assert page.evaluate(KEPT) == {"dora-theme": "dark"}
    assert page.get_by_role("button", pressed=True).count() == 0
    again(page)
    assert not page.locator(".kept").is_visible()


# ---- a room


def field(page, letter: str):
    return page.get_by_role("spinbutton", name=f"Hands for ({letter})")


def counted(page, *hands: str) -> None:
    for letter, count in zip("abc", hands, strict=True):
        expect(field(page, letter)).to_have_value(count)


ROOM = "#shape=room:votes"


def test_a_room_is_counted_with_buttons_numbers_and_letters(show):
    page = show(shape_question(), hash=ROOM)
    page.get_by_role("button", name="One hand more for (a)").click(click_count=3)
    field(page, "b").fill("12")
    field(page, "b").press("c")
    page.keyboard.press("c")
    page.keyboard.press("Shift+A")
    settle(page)
    counted(page, "2", "12", "2")
    expect(page.locator(".dora-sentence")).to_have_text("16 hands: (a) 2, (b) 12, (c) 2.")
    widths = page.locator(".dora-predict-bar").evaluate_all("(bars) => bars.map((bar) => parseFloat(bar.style.width))")
    assert widths == pytest.approx([100 * hands / 16 for hands in (2, 12, 2)])
    assert page.problems == []


@pytest.mark.parametrize(("typed", "count"), [("", "0"), ("-3", "0"), ("2.7", "2"), ("5000", "999")])
def test_what_is_no_number_of_hands_becomes_one(show, typed, count):
    page = show(shape_question(), hash=ROOM)
    field(page, "b").fill(typed)
    field(page, "b").press("Tab")
    settle(page)
    counted(page, "0", count, "0")


def test_keys_with_ctrl_and_letters_of_no_option_count_nothing(show):
    page = show(shape_question(), hash=ROOM)
    field(page, "a").focus()
    for key in ("Control+a", "Alt+b", "d", "e", "Enter"):
        page.keyboard.press(key)
    settle(page)
    counted(page, "0", "0", "0")


def test_the_answer_is_nowhere_on_the_page_until_it_is_revealed(show):
    page = show(shape_question(), hash="#shape=room:votes;hands:0~5,1~12")
    seen = page.locator("main").inner_text()
    for word in ("right", "not it", "784 lengths remain", "one per output: the norm"):
        assert word not in seen
    styles = "(rows) => rows.map((row) => getComputedStyle(row).borderColor + getComputedStyle(row).borderWidth)"
    assert len(set(page.locator(".dora-predict-row").evaluate_all(styles))) == 1
    page.get_by_role("button", name="Reveal the answer").click()
    settle(page)
    shown = page.locator(".dora-predict-reply").all_inner_texts()
    assert [text.split(".")[0] for text in shown] == ["✗ not it", "✓ right", "✗ not it"]  # in words, not by colour
    expect(page.locator(".dora-sentence")).to_have_text("17 hands: (a) 5, (b) 12, (c) 0. (b) is right.")
    page.get_by_role("button", name="Hide the answer").click()
    settle(page)
    assert "784 lengths remain" not in page.locator("main").inner_text()


@pytest.mark.parametrize("from_disk", [False, True])
def test_the_counts_are_in_the_address_and_survive_a_reload(show, from_disk):
    page = show(shape_question(), hash=ROOM, from_disk=from_disk)
    page.get_by_role("button", name="One hand more for (c)").click(click_count=2)
    settle(page)
    expect(page).to_have_url(ends("#shape=hands:2~2;room:votes"))
    again(page)
    counted(page, "0", "0", "2")
    assert page.evaluate(KEPT) == {}  # a vote is no answer of this reader
    page.get_by_role("button", name="Back to one reader").click()
    settle(page)
    expect(page).to_have_url(ends("#shape=hands:2~2"))
    assert page.problems == []


@pytest.mark.parametrize("hands", ["0~-1", "1~0.5", "2~1000", "9~1", "0~x", "0.1~1"])
def test_a_link_cannot_count_what_no_room_can_raise(show, hands):
    page = show(shape_question(), hash=f"#shape=room:votes;hands:{hands}")
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins(f"The link asks for hands:{hands}, which"))
    assert page.get_by_role("group", name="Hands of the room").count() == 0
    assert page.problems == []


def test_a_readers_own_answer_is_not_shown_to_the_room_nor_lost(show):
    page = show(shape_question())
    page.get_by_role("button", name="(1, 784)").click()
    settle(page)
    page.get_by_role("button", name="Ask a room").click()
    settle(page)
    assert "right" not in page.locator("main").inner_text()
    assert "chosen" not in page.url
    page.get_by_role("button", name="Back to one reader").click()
    settle(page)
    expect(page.get_by_role("status")).to_have_text(begins("(b) is right."))


def test_cleared_counts_are_cleared(show):
    page = show(shape_question(), hash="#shape=room:votes;hands:0~5,1~12")
    page.get_by_role("button", name="Clear the counts").click()
    settle(page)
    counted(page, "0", "0", "0")
    assert page.get_by_role("button", name="Clear the counts").is_disabled()


@pytest.mark.parametrize("width", [320, 1280])
def test_a_vote_fits_its_page_and_is_larger_than_a_page_of_text(show, width):
    page = show(shape_question(), width=width, hash="#shape=room:answer;hands:0~5,1~12")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    size = page.locator(".dora-predict-question").evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
    assert size >= 20


def test_python_counts_hands_too():
    figure = shape_question(room="votes", hands=[1, 0, 0])
    assert figure.sentence == "1 hand: (a) 1, (b) 0, (c) 0."
    figure.room = "answer"
    assert figure.sentence == "1 hand: (a) 1, (b) 0, (c) 0. (b) is right."
    for hands, says in (([1, 2], "hands has 2 counts, expected 3"), ([-1, 0, 0], "whole numbers from 0 to 999")):
        with pytest.raises(ValueError, match=says):
            shape_question(hands=hands)
    with pytest.raises(ValueError, match="room is 'open', expected"):
        shape_question(room="open")
