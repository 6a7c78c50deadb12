"""The benches' record: what is kept of a run, and that the page shows exactly that."""

import json
import signal
import sys

import kept
import pytest
from bench import engines, pythons, record
from bench.table import HEAD, met
from support import processes

ROWS = [("a page, gzip", "2,429 kB", "166 kB", "≤ 250 kB", "yes"), ("its requests", "–", "9", "–", "–")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The record in a folder of its own, with a page that has none yet."""
    monkeypatch.setattr(record, "TABLE", tmp_path / "bench.csv")
    monkeypatch.setattr(record, "NOTE", tmp_path / "bench.json")
    monkeypatch.setattr(record, "PAGE", tmp_path / "page.md")
    record.PAGE.write_text(f"before\n{record.START}{record.END}after\n", encoding="utf-8")
    return tmp_path


def test_the_page_shows_the_record():
    page = record.PAGE.read_text(encoding="utf-8")
    assert page.split(record.START)[1].split(record.END)[0] == record.page_part()


def test_every_bench_has_been_recorded():
    asked = set(record.PARTS) - {"suite"}  # these checks cannot ask for their own time
    assert asked <= set(record.note()) <= set(record.PARTS)
    assert {row["part"] for row in kept.rows(record.TABLE)} == set(record.note())


def test_nothing_is_kept_unless_it_is_asked_for(folder, monkeypatch):
    monkeypatch.delenv("RECORD", raising=False)
    record.keep("pages", ROWS)
    assert [path.name for path in folder.iterdir()] == ["page.md"]


def test_a_part_takes_the_place_of_its_old_rows_and_leaves_the_others(folder, monkeypatch):
    monkeypatch.setenv("RECORD", "1")
    record.keep("fuzz", ROWS[1:])
    record.keep("pages", ROWS[1:])
    record.keep("pages", ROWS)
    assert [row["part"] for row in kept.rows(record.TABLE)] == ["pages", "pages", "fuzz"]
    assert [tuple(row[name] for name in HEAD) for row in kept.rows(record.TABLE)][:2] == ROWS
    assert set(json.loads(record.NOTE.read_text(encoding="utf-8"))) == {"fuzz", "pages"}


def test_the_page_tells_the_day_and_the_machine_and_leaves_out_what_no_row_has(folder, monkeypatch):
    monkeypatch.setenv("RECORD", "1")
    monkeypatch.setattr(
        record, "machine", lambda: {"date": "2026-01-02", "load": 0.5, "device": "cpu X, AVX2", "cores": 2}
    )
    record.keep("pages", ROWS)
    record.keep("cells", ROWS[1:])
    page = record.PAGE.read_text(encoding="utf-8")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "The machine had 2 cores of X, AVX2." in page
    assert f"**{record.PARTS['pages']}.** 2 January 2026, load 0.5." in page
    assert "| a page, gzip | 2,429 kB | 166 kB | ≤ 250 kB | yes |" in page
    assert "| what | ours |\n|---|---|\n| its requests | 9 |" in page


@pytest.mark.parametrize(("value", "said"), [(9.9, "yes"), (10, "yes"), (10.1, "NO")])
def test_a_budget_that_is_missed_says_so(value, said):
    assert met(value, 10) == said


# ---- other browsers

SAID = {
    "figures": ["a", "b"],
    "dead": [],
    "wrong": [],
    "states": [["dial 0", "reset", "m = 5"], ["dial 0", "m", "m = 6"]],
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"dead": ["dial 1"]}, "not live: dial 1"),
        ({"wrong": ["TypeError: f is no function"]}, "TypeError: f is no function"),
        ({"states": [["dial 0", "reset", "m = 5.1"], SAID["states"][1]]}, "dial 0, reset: 'm = 5.1', in Chromium 'm = 5'"),
        ({"states": SAID["states"][:1]}, "its states are others than Chromium's"),
    ],
)  # fmt: skip
def test_what_another_browser_does_otherwise_is_named_and_counted(change, problem):
    assert engines.problems(SAID, SAID) == []
    theirs = {**SAID, **change}
    assert engines.problems(theirs, SAID) == [problem]
    mine = engines.Walk("Chromium 1", {"page": SAID}, {"page": 360})
    found = engines.rows(mine, {"Firefox": engines.Walk("Firefox 2", {"page": theirs}, {"page": 361})})
    assert [row[0] for row in found if row[4] == "NO"] == [
        *(["Firefox 2: figures that come alive, of 2"] if "dead" in change else []),
        "Firefox: other words than in Chromium, in 2 states",
        "Firefox: pages wider than a phone of 360 px, of 1",
    ]
    assert found[-1] == ("WebKit: figures that come alive, of 2", "–", "not had", "2", "not known")


# ---- other Pythons


def test_a_python_that_is_not_here_is_named_and_one_on_which_a_command_fails_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "make").write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    (tmp_path / "git").write_text('#!/bin/sh\nfor last; do :; done; mkdir "$last"\n')
    (tmp_path / "python3.12").write_text("#!/bin/sh\nexit 127\n")  # as a version manager's stand-in
    (tmp_path / "python3.13").symlink_to(sys.executable)
    for program in tmp_path.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(pythons, "VERSIONS", ("3.12", "3.13", "3.99"))
    monkeypatch.setattr(pythons.build_site, "ROOT", tmp_path)
    assert pythons.main() == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Python 3.12: not run, there is no python3.12 here"
    assert said[1].startswith("Python 3.13: Command ")
    assert said[1].endswith("See _build/python3.13.log")
    assert said[2] == "Python 3.99: not run, there is no python3.99 here"
    assert (tmp_path / "_build" / "python3.13.log").read_text() == f"PYTHON={tmp_path / 'python3.13'} site\n"


def test_a_program_beside_a_test_that_does_not_end_when_asked_is_ended(tmp_path, monkeypatch):
    """It was left behind, and the next test failed with a ResourceWarning."""
    monkeypatch.setattr(processes, "ENDING", 0.1)
    deaf = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(tmp_path / 'on')!r}, 'w'); time.sleep(60)"
    with processes.running([sys.executable, "-c", deaf]) as process:
        processes.waited((tmp_path / "on").exists)
    assert process.returncode == -signal.SIGKILL
