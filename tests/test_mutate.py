"""make deep's mutants: what is kept of them, and that the tables and the page say what was found."""

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
    assert mutate_js.changed(mutant) != (mutate.ROOT / mutate_js.LIVE / mutant.file).read_text(encoding="utf-8")


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


TRIED = """
def test_right(): pass
def test_wrong(): assert False, "as it should"
def test_endless():
    while True: pass
"""


@pytest.mark.deep  # waits for what does not end
@pytest.mark.parametrize(
    ("tests", "by"), [(["right"], ""), (["right", "wrong"], "wrong"), (["right", "endless"], "endless")]
)
def test_a_mistake_is_noticed_by_a_test_that_fails_and_by_one_that_does_not_end(tmp_path, monkeypatch, tests, by):
    monkeypatch.setattr(mutate_js, "LIMIT", 20)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TRIED)
    found = mutate_js.noticed_by(tmp_path, tuple(f"test_it.py::test_{test}" for test in tests))
    assert found == (by and f"tests/test_it.py::test_{by}")


# ---- survivors


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ('f"{name} is empty: save it again"', 'f"XX{name} is empty: save it againXX"', True),
        ('say("a .safetensors adapter")', 'say("a .SAFETENSORS ADAPTER")', False),
        ('per == "output"', 'per == "XXoutputXX"', False),
        ('told(1, "(it is a LoRA without them)")', 'told(2, "(it is a LoRA without them)")', False),
    ],
)
def test_a_message_is_a_text_of_three_words(was, becomes, message):
    assert (mutate.without_messages(was) == mutate.without_messages(becomes)) == message


def test_what_differs_is_taken_from_what_mutmut_shows(monkeypatch, tmp_path):
    shown = "# one: survived\n--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n def f(x):\n-    return -x\n+    return +x\n"
    monkeypatch.setattr(mutate.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=shown))
    for name, function in (("dorabook.a.x_f__mutmut_2", "f"), ("dorabook.a.xǁBoxǁf__mutmut_12", "Box.f")):
        row = mutate.survivor("dorabook/a", name, tmp_path)
        assert (row["function"], row["was"], row["becomes"]) == (function, "return -x", "return +x")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "TABLE", tmp_path / "mutants.csv")
    monkeypatch.setattr(mutate, "SURVIVORS", tmp_path / "survived.csv")


def test_a_survivor_keeps_its_reason_until_it_is_killed(tables):
    row = dict(zip(mutate.SURVIVED, ("dorabook/count", "f", "a", "b", ""), strict=True))
    mutate.record("dorabook/count", 2, [row])
    kept.write(mutate.SURVIVORS, mutate.SURVIVED, [row | {"reason": "the same"}])
    mutate.record("dorabook/count", 2, [row])
    assert [row["reason"] for row in kept.rows(mutate.SURVIVORS)] == ["the same"]
    [counts] = kept.rows(mutate.TABLE)
    assert (counts["mutants"], counts["killed"], counts["survived"]) == ("2", "1", "1")
    mutate.record("dorabook/count", 2, [])
    assert kept.rows(mutate.SURVIVORS) == []


# ---- the tables and the page


def test_the_page_shows_the_tables():
    between = mutate.PAGE.read_text(encoding="utf-8").split(mutate.START)[1].split(mutate.END)[0]
    assert between.strip() == mutate.page_part().strip()


def test_at_least_95_of_100_mutants_were_killed_and_the_others_have_a_reason():
    found = kept.rows(mutate.TABLE)
    assert found and {row["module"] for row in found} <= set(mutate.TESTS)  # the page says which were not run
    made, killed = (sum(int(row[name]) for row in found) for name in ("mutants", "killed"))
    assert killed >= 0.95 * made > 0
    alive = kept.rows(mutate.SURVIVORS)
    assert len(alive) == made - killed
    assert all(None not in row for row in [*found, *alive]), "a comma that no quotation marks hold"
    assert all(len(row["reason"].split()) >= 4 for row in alive)


def test_a_module_that_was_not_run_is_shown_as_such():
    row = {"module": "dorabook/count", "mutants": "2000", "killed": "1999", "survived": "1"}
    lines = mutate.table([row]).splitlines()
    assert "| count | 2,000 | 1,999 | 1 | 99.9 % |" in lines and lines[-1] == "| all | 2,000 | 1,999 | 1 | 99.9 % |"
    assert "| cost | not run | not run | not run | not run |" in lines


def test_a_share_is_100_only_where_all_were_killed():
    assert [mutate.share(1999, 2000), mutate.share(2000, 2000), mutate.share(95, 100)] == ["99.9 %", "100 %", "95 %"]


def test_survivors_of_one_reason_stand_together_and_a_bar_does_not_end_a_cell():
    row = {"module": "dorabook/count", "function": "f", "was": "a | b", "becomes": "", "reason": "because"}
    table = mutate.survivors_table([row, row | {"was": "c"}])
    assert table.splitlines()[2:] == ["| count.f: `a \\| b` → nothing<br>count.f: `c` → nothing | because |"]


def test_a_row_of_another_text_is_stale(tables, capsys):
    row = dict.fromkeys(mutate.FIELDS, "x")
    now = row | mutate.texts("dorabook/count") | {"module": "dorabook/count"}
    kept.write(mutate.TABLE, mutate.FIELDS, [now, row | {"module": "dorabook/cost"}])
    assert mutate.main(["--stale"]) == 1
    said = capsys.readouterr().out.split()
    assert "dorabook/cost" in said
    assert "dorabook/count" not in said


def test_an_unknown_module_is_named():
    with pytest.raises(SystemExit, match=r"figures has no mutants here. Known: dorabook/decompose, dorabook/layers"):
        mutate.main(["figures"])


@pytest.mark.deep
def test_what_was_found_with_other_tests_is_found_out_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "WORK", tmp_path)
    found = mutate.copied("dorabook/decompose") / "mutants"
    found.mkdir()
    mutate.copied("dorabook/decompose")
    assert found.exists(), "the same code and tests: taken up again"
    monkeypatch.setattr(mutate, "texts", lambda module: {"source": "other"})
    mutate.copied("dorabook/decompose")
    assert not found.exists()
