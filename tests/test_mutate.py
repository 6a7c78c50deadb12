"""make deep's mutants: which there are, how they are put in place, and that the tables and the page say what was found."""

import importlib.util
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import kept
import mutate
import mutate_js
import pytest
from support.mutants_js import MUTANTS

JS = pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{one.file}: {one.mistake}" for one in MUTANTS])


# ---- the page's modules


@JS
def test_a_mistake_still_applies_to_one_place_in_the_code(mutant):
    assert mutate_js.changed(mutant) != (mutate_js.LIVE / mutant.file).read_text(encoding="utf-8")


@JS
def test_the_tests_that_should_notice_a_mistake_are_there(mutant):
    for test in mutant.tests:
        file, name = test.split("::")
        assert f"\ndef {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8"), test


def test_a_mistake_that_names_no_place_is_refused():
    lost = mutate_js.Mutant("lost", "direction_dial/dial.js", "no such code", "", ())
    with pytest.raises(ValueError, match=r"dial\.js has 0 times 'no such code', expected once"):
        mutate_js.changed(lost)


def test_every_mistake_was_noticed_when_the_table_was_made():
    found = {row["mistake"]: row for row in kept.rows(mutate.BY_HAND)}
    assert list(found) == [mutant.mistake for mutant in MUTANTS]
    for mutant in MUTANTS:
        row = found[mutant.mistake]
        assert (row["file"], row["was"], row["becomes"]) == (mutant.file, mutant.was, mutant.becomes)
        assert row["noticed_by"].split("[")[0].removeprefix("tests/") in mutant.tests


# ---- which mutants there are


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output", False),
        ("cannot tell", False),
        ("alpha/rank", False),
        ("s (x A^T)", False),
        ("", False),
        (" (it is a LoRA without them)", True),
        ("a .safetensors adapter", False),
        ("is empty: download or save it again", True),
    ],
)
def test_a_message_is_a_text_of_three_words(text, message):
    assert mutate.is_message(text) == message


def test_what_differs_is_given_without_indent_and_without_what_is_the_same():
    assert mutate.difference("a\n  b(\n    c)\nd", "a\n  b(\n    None)\nd") == ("c)", "None)")
    assert mutate.difference("a\nb\nc", "a\nc") == ("b", "")


# ---- putting them in place


SOUND = """
LIMIT = 3
def double(x, times=2):
    return x * times
class Box:
    size = 1
    @property
    def whole(self):
        return [self.size + one for one in (1, 2)]
"""


@pytest.fixture
def box(tmp_path):
    """A module as it is imported, its file, and its functions."""
    file = tmp_path / "box.py"
    file.write_text(SOUND)
    spec = importlib.util.spec_from_file_location("box", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, file, mutate.live_functions(tmp_path)


@pytest.mark.parametrize(
    ("was", "becomes", "got"), [("x * times", "x / times", (3.0, [2, 3])), ("size + one", "size - one", (12, [0, -1]))]
)
def test_a_function_that_is_imported_gets_the_mutants_code(box, was, becomes, got):
    module, file, live = box
    for function, code in mutate.new_code(SOUND, SOUND.replace(was, becomes), file, live).items():
        function.__code__ = code
    assert (module.double(6), module.Box().whole) == got


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("LIMIT = 3", "LIMIT = 4"), ("times=2", "times=3"), ("size = 1", "size = 2"), ("x * times", "x *")],
)  # fmt: skip
def test_what_is_no_function_of_its_own_is_not_changed_in_place(box, was, becomes):
    _, file, live = box
    text = SOUND.replace(was, becomes)
    assert text != SOUND
    assert mutate.new_code(SOUND, text, file, live) is None


def test_tests_run_that_call_the_changed_function_and_all_where_a_set_up_calls_it(box, tmp_path):
    module, file, live = box
    items = [SimpleNamespace(nodeid=name) for name in ("doubles", "looks", "does neither")]
    reach = mutate.Reach(tmp_path)
    try:
        for item, act in zip(items, (lambda: module.double(1), lambda: module.Box().whole, lambda: None), strict=True):
            reach.pytest_runtest_setup()
            reach.pytest_runtest_call(item)
            act()
            reach.pytest_runtest_teardown()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    runner = mutate.InPlace(tmp_path, [], lambda mutant, by: None)
    runner.items, runner.reach = items, reach.told()
    double = mutate.new_code(SOUND, SOUND.replace("x * times", "x / times"), file, live)
    whole = mutate.new_code(SOUND, SOUND.replace("size + one", "size - one"), file, live)
    assert [item.nodeid for item in runner.reaching(double)] == ["doubles"]
    assert [item.nodeid for item in runner.reaching(double | whole)] == ["doubles", "looks"]
    assert runner.reaching({}) == items
    runner.reach["shared"] = runner.reach["own"]["doubles"]
    assert runner.reaching(double) == items


# ---- results


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "WORK", tmp_path)
    return lambda **options: mutate.Results("count", **{"survivors": False} | options)


def mutant(text):
    return mutate.Mutant(mutate.PACKAGE / "count.py", 1, "was", "becomes", "sound", text)


def test_a_run_that_was_stopped_goes_on_from_its_last_whole_line(results):
    first = results()
    first.add(mutant("one"), "test_a")
    first.add(mutant("two"), "")
    first.path.write_text(first.path.read_text() + '{"key": "cut')
    assert results().killed_by == {mutant("one").key: "test_a", mutant("two").key: ""}


def test_results_are_of_one_text_of_the_tests_but_what_was_killed_may_be_kept(results, monkeypatch):
    before = results()
    before.add(mutant("one"), "test_a")
    before.add(mutant("two"), "")
    monkeypatch.setattr(mutate, "fingerprint", lambda *_: "changed")
    assert results().killed_by == {}
    assert results(survivors=True).killed_by == {mutant("one").key: "test_a"}


def test_a_survivor_keeps_its_reason_until_it_is_killed(results, tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "TABLE", tmp_path / "mutants.csv")
    monkeypatch.setattr(mutate, "SURVIVORS", tmp_path / "survived.csv")
    found = results()
    found.add(mutant("one"), "test_a")
    found.add(mutant("two"), "")
    made = [mutant("one"), mutant("two")]
    mutate.record("count", made, found)
    [row] = kept.rows(mutate.SURVIVORS)
    kept.write(mutate.SURVIVORS, mutate.SURVIVED, [row | {"reason": "the same"}])
    mutate.record("count", made, found)
    assert [row["reason"] for row in kept.rows(mutate.SURVIVORS)] == ["the same"]
    [counts] = kept.rows(mutate.TABLE)
    assert (counts["mutants"], counts["killed"], counts["survived"], counts["share"]) == ("2", "1", "1", "0.5000")
    found.add(mutant("two"), "test_b")
    mutate.record("count", made, found)
    assert kept.rows(mutate.SURVIVORS) == []


# ---- the tables and the page


def test_the_page_shows_the_tables():
    between = mutate.PAGE.read_text(encoding="utf-8").split(mutate.START)[1].split(mutate.END)[0]
    assert between.strip() == mutate.page_part().strip()


def test_at_least_95_of_100_mutants_were_killed_and_the_others_have_a_reason():
    found = kept.rows(mutate.TABLE)
    assert {row["module"] for row in found} == set(mutate.TESTS)
    made, killed = (sum(int(row[name]) for row in found) for name in ("mutants", "killed"))
    assert killed >= 0.95 * made > 0
    alive = kept.rows(mutate.SURVIVORS)
    assert len(alive) == made - killed
    assert all(len(row["reason"].split()) >= 4 for row in alive)


def test_a_module_that_was_not_run_is_shown_as_such():
    row = {"module": "count", "mutants": "2000", "killed": "1999", "survived": "1"}
    lines = mutate.table([row]).splitlines()
    assert "| count | 2,000 | 1,999 | 1 | 99.9 % |" in lines and lines[-1] == "| all | 2,000 | 1,999 | 1 | 99.9 % |"
    assert "| cost | not run | not run | not run | not run |" in lines


def test_a_share_is_100_only_where_all_were_killed():
    assert [mutate.share(1999, 2000), mutate.share(2000, 2000), mutate.share(95, 100)] == ["99.9 %", "100 %", "95 %"]


def test_survivors_of_one_reason_stand_together_and_a_bar_does_not_end_a_cell():
    row = {"module": "count", "line": "1", "was": "a | b", "becomes": "", "reason": "because"}
    table = mutate.survivors_table([row, row | {"was": "c"}])
    assert table.splitlines()[2:] == ["| count: `a \\| b` → nothing<br>count: `c` → nothing | because |"]


def test_a_row_of_another_text_is_stale(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mutate, "TABLE", tmp_path / "mutants.csv")
    row = dict.fromkeys(mutate.FIELDS, "x")
    now = {"source": mutate.fingerprint(*mutate.files("count")), "tests": mutate.fingerprint(*mutate.tests_of("count"))}
    kept.write(mutate.TABLE, mutate.FIELDS, [row | now | {"module": "count"}, row | {"module": "cost"}])
    assert mutate.main(["--stale"]) == 1
    said = capsys.readouterr().out
    assert "The mutants of cost are not in the table as it is now" in said and "of count" not in said


def test_an_unknown_module_is_named():
    with pytest.raises(
        SystemExit, match=r"figures has no mutants here. Known: decompose, layers, count, cost, checkpoint"
    ):
        mutate.main(["figures"])
