"""make deep: how claims are counted, what its table holds, and that the page shows exactly that table. No network is used."""

import subprocess

import claims
import peft_range
import pytest


def cells(*sources, solution=False):
    return [(source, solution) for source in sources]


# ---- counting


@pytest.mark.parametrize(
    ("source", "found", "held"),
    [
        ("assert 1 == 1", 1, 1),
        ("assert 1 == 2", 1, 0),
        ("for i in range(3):\n    assert i < 3", 1, 1),
        ("for i in range(3):\n    assert i < 2", 1, 0),
        ("if False:\n    assert True", 1, 0),
        ("import torch\ntorch.testing.assert_close(torch.ones(2), torch.ones(2))\nassert True", 2, 2),
        ("x = 1\nprint(x)", 0, 0),
    ],
)
def test_a_claim_holds_when_it_ran_and_never_failed(source, found, held):
    done = claims.run(cells(source))
    assert (done["claims"], done["held"]) == (found, held)


def test_a_statement_that_fails_takes_along_only_what_needs_it():
    done = claims.run(cells("import no_such_thing\nassert no_such_thing\nassert 1 == 1", "assert 2 == 2"))
    assert (done["claims"], done["held"]) == (3, 2)
    assert [line for line, _ in done["failed"]] == ["import no_such_thing"]


def test_the_line_that_failed_is_named_not_the_block_around_it():
    done = claims.run(cells("with open('/dev/null'):\n    x = 1\n    y = 1 / 0"))
    assert done["failed"] == [["y = 1 / 0", "ZeroDivisionError: division by zero"]]


@pytest.mark.parametrize(("answer", "held"), [("lambda x: x + 1", 1), ("lambda x: x - 1", 0)])
def test_the_check_of_a_solution_is_a_claim_and_a_wrong_solution_does_not_hold(answer, held):
    source = f"from dorabook.exercise import check\ncheck({answer}, lambda x: x + 1, (1,))"
    done = claims.run(cells(source, solution=True))
    assert (done["claims"], done["held"]) == (1, held)
    assert claims.run(cells(source))["claims"] == 0  # an exercise is not filled in and claims nothing


def test_a_folder_of_this_machine_is_not_in_a_message():
    with pytest.raises(ImportError) as caught:
        from json import no_such_name  # noqa: F401
    assert "/json/" in str(caught.value)
    assert claims.message(caught.value).endswith("from 'json'")


def test_unmerging_is_right_on_the_version_the_book_uses():
    assert claims.unmerge_error() < 1e-5


# ---- the table


def test_the_page_shows_the_table():
    assert peft_range.rows()
    page = peft_range.PAGE.read_text(encoding="utf-8")
    between = page.split(peft_range.START)[1].split(peft_range.END)[0]
    assert between.strip() == peft_range.tables(peft_range.rows()).strip()


def test_the_table_covers_every_version_of_the_range_and_the_pinned_one():
    found = peft_range.rows()
    assert set(peft_range.PAIRS) <= {row["peft"] for row in found}
    pins = dict(
        line.split("==") for line in (peft_range.ROOT / "requirements.txt").read_text().splitlines() if "==" in line
    )
    assert peft_range.PAIRS[pins["peft"]] == pins["transformers"]
    for row in found:
        assert 0 <= int(row["held"]) <= int(row["claims"])
        assert (row["held"] == row["claims"]) >= (row["peft"] == pins["peft"]), row
        assert bool(row["differs"]) or row["held"] == row["claims"], row
        assert row["torch"].startswith(pins["torch"])


def test_a_mended_line_runs_from_the_first_version_after_the_last_that_failed():
    row = {"transformers": "5", "chapter": "3-x", "claims": "2", "unmerge_error": "0.50"}
    table = peft_range.tables(
        [
            row | {"peft": "0.9.0", "held": "1", "differs": "a | b  # no"},
            row | {"peft": "0.10.0", "held": "1", "differs": "c  # no || a | b  # no"},
            row | {"peft": "0.11.0", "held": "1", "differs": "c  # no"},
            row | {"peft": "0.12.0", "held": "2", "differs": ""},
        ]
    )
    assert "| 0.9.0 | 5 | 1 of 2 | 50% |\n| 0.10.0 |" in table  # versions in their order, not the alphabet's
    assert "| 3 | 0.11.0 | `a \\| b` |" in table
    assert "| 3 | 0.12.0 | `c` |" in table


def test_what_fails_on_the_newest_runs_on_none_yet():
    row = {"peft": "1.0", "transformers": "5", "chapter": "3-x", "claims": "2", "held": "1", "unmerge_error": "0.00"}
    assert "| 3 | none yet | `a` |" in peft_range.tables([row | {"differs": "a  # no"}])


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(peft_range, "TABLE", tmp_path / "range.csv")
    monkeypatch.setattr(peft_range, "PROVENANCE", tmp_path / "range.json")
    monkeypatch.setattr(peft_range, "chapters", lambda: [peft_range.ROOT / "book" / "3-pefts-layer.ipynb"])
    return tmp_path / "range.csv"


def stored(peft="0.14.0", held="1"):
    row = dict.fromkeys(peft_range.FIELDS, "x") | {"peft": peft, "transformers": peft_range.PAIRS[peft], "held": held}
    chapter = peft_range.chapters()[0]
    peft_range.store(row | {"chapter": chapter.stem, "cells": peft_range.fingerprint(chapter)})


def test_a_row_is_stored_once_and_the_newer_one_stays(table):
    stored(held="1")
    stored("0.15.2")
    stored(held="2")
    assert [(row["peft"], row["held"]) for row in peft_range.rows()] == [("0.14.0", "2"), ("0.15.2", "1")]


def test_a_row_of_other_cells_is_stale(table, monkeypatch, capsys):
    for peft in peft_range.PAIRS:
        stored(peft)
    assert peft_range.main(["--stale"]) == 0
    monkeypatch.setattr(peft_range, "fingerprint", lambda _: "changed")
    assert peft_range.main(["--stale"]) == 1
    assert "3-pefts-layer on peft 0.14.0 is not in the table as it is now: make deep" in capsys.readouterr().out


def test_rows_that_are_there_are_not_run_again(table, monkeypatch):
    for peft in peft_range.PAIRS:
        stored(peft)
    monkeypatch.setattr(peft_range, "row", lambda *_: pytest.fail("a row was run again"))
    monkeypatch.setattr(peft_range, "newest", lambda package: "0.21.2")
    monkeypatch.setattr(peft_range, "write_page", lambda: None)
    assert peft_range.main([]) == 0


def test_a_newer_release_is_run_too(table, monkeypatch, capsys):
    for peft in peft_range.PAIRS:
        stored(peft)
    monkeypatch.setattr(peft_range, "newest", {"peft": "0.22.0", "transformers": "9.9.9"}.get)
    asked = []
    row = dict.fromkeys(peft_range.FIELDS, "1")
    monkeypatch.setattr(
        peft_range, "row", lambda *pair: asked.append(pair[:2]) or row | {"peft": pair[0], "chapter": pair[2].stem}
    )
    monkeypatch.setattr(peft_range, "write_page", lambda: None)
    assert peft_range.main([]) == 0
    assert asked == [("0.22.0", "9.9.9")]


# ---- bad input


def test_no_network_is_said_in_a_sentence(table, monkeypatch):
    refused = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for peft")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(SystemExit, match="This check needs a network; the rows so far are kept"):
        peft_range.main([])


def test_a_version_outside_the_range_is_refused():
    with pytest.raises(SystemExit, match=r"peft 0\.1\.0 is not in the range. Known: 0\.14\.0"):
        peft_range.main(["0.1.0"])


@pytest.mark.deep
def test_a_chapter_that_does_not_load_is_an_error_and_no_row(tmp_path):
    path = tmp_path / "3-x.ipynb"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"3-x\.ipynb could not be run"):
        peft_range.run(path, tmp_path)


@pytest.mark.deep
def test_claims_of_a_chapter_are_one_line_of_json():
    path = peft_range.ROOT / "book" / "4-shape-mismatch.ipynb"
    done = peft_range.run(path, peft_range.ROOT / "nowhere")
    assert done["claims"] == done["held"] > 0
    assert done["failed"] == []
