"""The field guide's matrix: what was measured holds together, a cell comes out again, and the figure draws the table."""

import json
import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import PurePosixPath

import field_cells
import field_matrix
import kept
import pytest
import torch
from dorabook.live import FieldMatrix
from dorabook.live.field_matrix.field_matrix import READERS, WRITERS
from support.live_page import settle

ROWS = kept.rows(field_matrix.TABLE)
UPSTREAM = field_matrix.ROOT / "book" / "upstream"
RAN = [row for row in ROWS if row["evidence"] == "ran"]
GREY = json.loads(field_matrix.PROVENANCE.read_text(encoding="utf-8"))["did not run"]


def of(writer: str, reader: str, **wanted: str) -> list[dict]:
    wanted |= {"writer": writer, "reader": reader}
    return [row for row in ROWS if all(row[field] == value for field, value in wanted.items())]


def test_invokeais_error_is_found_by_running_it():
    found = of("LyCORIS 4.1.3", "InvokeAI", route="as written")
    assert {row["evidence"] for row in found} == {"ran"} and len(found) == 6
    assert {row["verdict"] for row in found} == {"silently wrong"}
    assert all(float(row["difference"]) > 0.2 for row in found)
    assert {row["verdict"] for row in of("LyCORIS 4.1.3, wd_on_output=False", "InvokeAI")} == {"right"}


def test_a_library_reads_what_it_writes_rightly():
    both = {name for name in field_matrix.WRITERS if name in field_matrix.READERS and name not in GREY} - {
        "SimpleTuner"
    }
    for name in both:
        assert {row["verdict"] for row in of(name, name, route="as written")} == {"right"}, name
    assert len(both) >= 10


def test_simpletuner_loses_the_m_of_its_own_files_as_its_draft_says():
    """Its `init_lora` waits for another name, in linear layers; with that name it is right."""
    linear = [row for row in of("SimpleTuner", "SimpleTuner") if row["layer"] != "convolution"]
    seen = {
        route: {row["verdict"] for row in linear if row["route"] == route} for route in ("as written", "translated")
    }
    assert seen == {"as written": {"m dropped"}, "translated": {"right"}}


def test_adapterhubs_norm_without_the_scale_is_found_once_a_file_is_trained():
    for row in of("AdapterHub adapters", "peft", route="translated"):
        assert row["verdict"] == {"start": "right", "trained": "silently wrong"}[row["state"]], row


DRAFTS = {"InvokeAI": "invokeai", "ComfyUI, Forge": "comfyui", "reForge": "reforge", "AdapterHub adapters": "adapters"}
DRAFTS |= {"LyCORIS 2.2.0": "lycoris", "SimpleTuner": "simpletuner"}


def test_a_library_that_makes_a_file_silently_wrong_has_its_draft_with_twelve_lines_that_parse():
    for row in ROWS:
        if row["verdict"] == "silently wrong" and row["route"] == "as written":
            assert {row["writer"], row["reader"]} & DRAFTS.keys(), row
    listed = (UPSTREAM / "README.md").read_text(encoding="utf-8")
    for name, draft in DRAFTS.items():
        text = (UPSTREAM / f"{draft}.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
        compile(code, draft, "exec")
        assert f"({draft}.md) | {name.partition(' 2')[0].partition(',')[0]}" in listed
        assert re.search(r"\*\*(Versions|Read at)\*\*", text) and "**Expected**" in text and "**Seen**" in text


def test_the_poke_agrees_with_the_field_guides_axis_wherever_a_file_is_read_rightly():
    """So flipping an axis in the guide's table fails here too, for every library that ran."""
    checked = set()
    for row in ROWS:
        if row["verdict"] == "right" and row["layer"] != "convolution":
            per = field_matrix.axis(row["writer"])
            assert row["poked"] == {"output": "1", "input": row["outputs"]}[per], row
            checked.add(row["writer"])
    assert len(checked) >= 18


def test_the_table_is_whole_every_file_of_every_writer_was_given_to_every_reader_that_ran():
    files = defaultdict(set)
    for row in RAN:
        files[row["writer"], row["reader"]].add((row["route"], row["layer"], row["state"]))
    written = defaultdict(set)
    for (writer, _), each in files.items():
        written[writer] |= each
    for (writer, reader), each in files.items():
        assert each == written[writer], f"{writer}, {reader}"
    for writer in {row["writer"] for row in RAN}:
        for reader in {row["reader"] for row in RAN}:
            assert (writer, reader) in files, f"{writer}, {reader}"
    assert not GREY.keys() & {row["writer"] for row in ROWS} & {row["reader"] for row in ROWS}


def test_a_verdict_and_its_difference_agree():
    for row in ROWS:
        off = float(row["difference"] or 0)
        assert (off > 0) <= (row["verdict"] in ("silently wrong", "m dropped")), row
        assert bool(row["said"]) == (row["verdict"] == "refused"), row
        assert row["verdict"] != "silently wrong" or off > field_matrix.RIGHT, row


def test_the_figure_draws_the_table():
    drawn = field_matrix.drawn(ROWS, GREY)
    assert json.loads(field_matrix.DRAWN.read_text(encoding="utf-8")) == json.loads(json.dumps(drawn))


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({"answer": [3.0, 4.0], "moved": 1}, ("right", "0")),
        ({"answer": [3.0, 4.5], "moved": 2}, ("silently wrong", "0.1")),
        ({"answer": [3.0, 4.5], "moved": None}, ("m dropped", "0.1")),
        ({"answer": [3.0, 4.0], "moved": None}, ("m dropped", "0")),
        ({"refused": "m has 6 numbers"}, ("refused", "")),
        ({}, ("not told", "")),
    ],
)
def test_a_verdict_is_of_the_outputs_and_of_whether_m_is_in_use(seen, verdict):
    assert field_matrix.judged(seen, torch.tensor([[3.0, 4.0]])) == verdict


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("peft", "peft"),
        ("OneTrainer", "peft"),
        ("OneTrainer, lora_decompose_output_axis", "ComfyUI, Forge"),
        ("peft", "SD.Next"),
    ],
)
@pytest.mark.parametrize("route", ["as written", "translated"])
def test_a_cell_comes_out_again(writer, reader, route):
    for layer in ("square", "oblong"):
        for state, (tensors, parts, answer) in field_cells.write(writer, layer).items():
            seen = field_cells.read(reader, layer, tensors if route == "as written" else None, parts)
            verdict, difference = field_matrix.judged(seen, answer)
            stored = of(writer, reader, route=route, layer=layer, state=state)
            if verdict == "not told":
                assert stored == []
                continue
            assert verdict == stored[0]["verdict"]
            assert float(difference or 0) == pytest.approx(float(stored[0]["difference"] or 0), rel=0.02)


def test_what_a_library_said_names_no_place_of_the_machine_it_ran_on():
    file = f"{tempfile.gettempdir()}/tmp_k3/peft"
    for named in (repr(PurePosixPath(file)).replace("PurePosix", "Posix"), file):
        assert field_cells.without_places(f"ValueError: {named}: no such key") == "ValueError: its file: no such key"
    assert [row["said"] for row in ROWS if re.search(r"Path\(|/tmp|[A-Z]:\\", row["said"])] == []


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(SystemExit, match=r"There is no reader 'peff'. There are: peft; axolotl"):
        field_matrix.main("peft", "peff")


def test_a_library_that_does_not_run_has_its_reason_and_no_cell(monkeypatch, tmp_path):
    def asked(do, library, folder):
        raise RuntimeError(f"{library.name} does not run: no such module")

    monkeypatch.setattr(field_matrix, "asked", asked)
    chosen = {"torchtune": field_matrix.WRITERS["torchtune"]}
    rows, grey = field_matrix.cells(chosen, {"peft": field_matrix.READERS["peft"]}, tmp_path)
    assert rows == [] and grey == dict.fromkeys(["torchtune"], "torchtune does not run: no such module") | {
        "peft": "peft does not run: no such module"
    }


# ---- a run that fails


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """The three files of a whole run, as they are before the next one."""
    files = {name: tmp_path / getattr(field_matrix, name).name for name in ("TABLE", "PROVENANCE", "DRAWN")}
    for name, path in files.items():
        path.write_text(f"old {name}", encoding="utf-8")
        monkeypatch.setattr(field_matrix, name, path)

    def unchanged() -> bool:
        return all(path.read_text(encoding="utf-8") == f"old {name}" for name, path in files.items())

    return unchanged


def test_a_run_that_dies_halfway_leaves_the_old_files_whole(monkeypatch, stored):
    readers = iter(range(3))

    def asked(do, library, folder):
        if do == "read" and next(readers, None) is None:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr(field_matrix, "asked", asked)
    with pytest.raises(KeyboardInterrupt):
        field_matrix.main(None, None)
    assert stored()


@pytest.mark.parametrize("step", ["drawn", "provenance"])
def test_a_run_whose_picture_cannot_be_made_leaves_the_old_files_whole(monkeypatch, stored, step):
    def fails(*given):
        raise ValueError("no row of the field guide")

    monkeypatch.setattr(field_matrix, step, fails)
    with pytest.raises(ValueError, match="no row"):
        field_matrix.store([dict(row) for row in ROWS[:3]], {})
    assert stored()


def library_of(folder, text: str | None, monkeypatch) -> dict[str, field_matrix.Library]:
    """bidora, pinned to a version that pip does not have, or whose one file is this text."""
    bidora = field_matrix.Library("bidora", ("bidora==0.0.0",))
    monkeypatch.setattr(field_matrix, "OVERLAYS", folder)
    if text is not None:
        (bidora.folder / "bidora").mkdir(parents=True)
        (bidora.folder / "bidora" / "layers.py").write_text(text, encoding="utf-8")
    return {"bidora": bidora}


def test_a_library_that_no_longer_imports_turns_grey_with_the_reason_and_has_no_cell(monkeypatch, tmp_path):
    (tmp_path / "run").mkdir()
    broken = library_of(tmp_path, "import a_module_that_is_gone", monkeypatch)
    rows, grey = field_matrix.cells(broken, broken, tmp_path / "run")
    reason = "bidora==0.0.0 does not run: ModuleNotFoundError: No module named 'a_module_that_is_gone'"
    assert (rows, grey) == ([], {"bidora": reason})
    assert field_matrix.drawn(rows, grey)["grey"] == {"bidora": reason}


def test_a_library_that_no_longer_installs_turns_grey_with_pips_last_line(monkeypatch, tmp_path):
    def pip(command, **how):
        return subprocess.CompletedProcess(
            command, 1, "", "Looking\nERROR: No matching distribution for bidora==0.0.0\n"
        )

    monkeypatch.setattr(field_matrix.subprocess, "run", pip)
    (tmp_path / "run").mkdir()
    rows, grey = field_matrix.cells(library_of(tmp_path / "over", None, monkeypatch), {}, tmp_path / "run")
    assert (rows, grey) == (
        [],
        {"bidora": "bidora==0.0.0 does not install: ERROR: No matching distribution for bidora==0.0.0"},
    )


def test_what_stood_in_a_cell_of_a_grey_library_is_not_shown_and_the_sentence_gives_the_reason():
    grey = {"bidora": "bidora==0.0.0 does not install"}
    left = [row for row in ROWS if "bidora" not in (row["writer"], row["reader"])]
    drawn = field_matrix.drawn(left, grey)
    names = [name for name, *_ in drawn["writers"]]
    assert {cell for route in drawn["cells"].values() for cell in route[names.index("bidora")]} == {None}
    assert drawn["grey"] == grey


# ---- the figure


def test_every_writer_and_reader_can_be_chosen_and_every_cell_says_its_layers_and_its_remedy():
    for writer in WRITERS[1:]:
        for route in ("as written", "translated"):
            said = FieldMatrix.describe({"writer": writer, "reader": "all", "route": route, "order": "axis"})
            for row in said.rows:
                assert row[0] == writer and row[3] and row[5], row
    assert len(READERS) == len(field_matrix.READERS) + 1


def test_the_sentence_of_invokeais_cell_has_the_numbers_of_the_table():
    figure = FieldMatrix(writer="LyCORIS 4.1.3", reader="InvokeAI")
    for row in of("LyCORIS 4.1.3", "InvokeAI", route="as written"):
        percent = round(100 * float(row["difference"]))
        assert f"{percent} % off {'at the start' if row['state'] == 'start' else 'once trained'}" in figure.sentence
    assert "What to do: do not load it: merge to dense weights with LyCORIS 4.1.3" in figure.sentence


def test_harm_comes_first_when_it_is_asked_for_and_the_whole_lists_what_loads_and_is_another_model():
    whole = FieldMatrix.describe(FieldMatrix(order="harm").state()).rows
    assert whole[0][2].startswith("silently wrong") and whole[-1][2].startswith("m dropped")
    row = FieldMatrix.describe(FieldMatrix(order="harm", writer="LyCORIS 4.1.3").state()).rows
    assert row[0][2].startswith("silently wrong") and row[-1][2] == "right"


def test_a_cell_is_chosen_by_keyboard_and_by_menu(show):
    page = show(FieldMatrix(id="matrix"))
    cells = page.locator(".dora-fm-cell")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settle(page)
    chosen = page.locator('.dora-fm-cell[aria-pressed="true"]')
    assert chosen.count() == 1 and re.match("peft writes it", page.locator(".dora-sentence").inner_text())
    page.get_by_label("Mine writes").select_option("LyCORIS 4.1.3")
    page.get_by_label("Mine reads").select_option("InvokeAI")
    settle(page)
    assert "silently wrong" in page.locator(".dora-sentence").inner_text()
    assert page.problems == []
