"""The field guide says where it looked, and what it says of peft holds for the peft that is installed."""

import copy
import inspect
import json
import re
import zipfile
from contextlib import contextmanager
from datetime import date, timedelta

import field
import field_guide
import pytest
from dorabook.checkpoint.rules import RULES
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import dora
from support.field_guide import AXES, rows, threads
from torch import nn

ONE_SIDED = [row["id"] for row in field_guide.rows() if row["axis"] in field_guide.SIDES]
FLIPPED = {"output": "input", "input": "output"}


def table() -> list[dict]:
    return copy.deepcopy(field_guide.rows())


def named(id: str, of: list[dict] | None = None) -> dict:
    return next(row for row in of or field_guide.rows() if row["id"] == id)


# ---- the table


def test_removing_any_anchor_is_refused():
    for i, row in enumerate(table()):
        for k in range(len(row["files"])):
            changed = table()
            del changed[i]["files"][k]["anchor"]
            with pytest.raises(ValueError, match=f"row {row['id']}: .* anchor"):
                field_guide.checked(changed)


@pytest.mark.parametrize("id", ONE_SIDED)
def test_flipping_an_axis_is_refused(id):
    changed = table()
    row = named(id, changed)
    row["axis"] = FLIPPED[row["axis"]]
    with pytest.raises(ValueError, match=f"row {id}: it claims one magnitude per {row['axis']}, and its shape"):
        field_guide.checked(changed)


@pytest.mark.parametrize("id", [row["id"] for row in field_guide.rows() if "default" in row])
def test_flipping_a_default_is_refused(id):
    changed = table()
    default = named(id, changed)["default"]
    default |= {version: FLIPPED[axis] for version, axis in default.items()}
    with pytest.raises(ValueError, match=f"row {id}: its default is"):
        field_guide.checked(changed)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"axis": "column"}, "its axis is 'column', expected one of"),
        ({"source": {"repository": "a/b", "commit": "main"}}, "its commit can move"),
        ({"source": {"package": "peft"}}, "neither a package and its version"),
        ({"files": []}, "it names no file"),
        ({"surprise": 1}, "its fields are not the known ones"),
        ({"evidence": "said"}, "its evidence is 'said'"),
    ],
)
def test_a_row_that_is_not_whole_is_refused_by_name(change, fault):
    changed = table()
    named("torchtune", changed).update(change)
    with pytest.raises(ValueError, match=re.escape(fault)):
        field_guide.checked(changed)


def test_a_repository_is_read_at_one_commit_and_a_package_in_one_version():
    read = {}
    for row in field_guide.rows():
        key = (*row["source"].values(),)[0], row.get("pinned", False)
        assert read.setdefault(key, row["source"]) == row["source"], row["id"]


def test_a_norm_is_constant_or_in_the_gradient_and_says_when():
    for axis in AXES:
        for library, _, _, norm in rows(axis):
            if row_reads_only(library):
                assert re.match("once, at (load|the merge)|constant", norm), library
            else:
                assert re.match("constant|in the gradient", norm) and re.search("every|kept", norm), library


def row_reads_only(library: str) -> bool:
    return any(row["role"] == "reads" and field_guide.cells(row)[0] == library for row in field_guide.rows())


def test_no_library_stands_in_two_rows():
    names = [library for axis in AXES for library, *_ in rows(axis)]
    assert len(names) == len(set(names)) and len(names) >= 30


def test_threads_are_in_the_order_of_their_dates():
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    when = []
    for day, *_ in threads():
        month, year = re.findall(r"[A-Z][a-z]{2}", day)[0], re.search(r"20\d\d", day)[0]
        when.append((int(year), months.index(month)))
    assert when == sorted(when) and len(when) >= 10


def test_the_remedies_of_the_checkpoint_tool_name_the_guides_options_and_versions():
    remedies = RULES["remedies"]
    for id in ("lycoris", "onetrainer", "onetrainer-lokr"):
        option = named(id)["option"]
        assert f"{option}=True" in remedies["per output"] and f"{option}=False" in remedies["per input"]
    (since,) = (version for version, per in named("lycoris")["default"].items() if per == "output")
    assert since in remedies["per output"]


# ---- what it says of peft, and the peft that is installed


def peft_lines(kind: str) -> list[str]:
    """The lines of the installed file that the row of this kind of layer names."""
    source = inspect.getsource(dora).splitlines()
    files = named(f"peft-{kind}")["files"]
    assert {file["path"] for file in files} == {"peft/tuners/lora/dora.py"}
    return [source[file["line"] - 1] for file in files]


def test_the_lines_named_for_peft_take_the_norm_and_cut_it_from_the_gradient():
    norm, constant = peft_lines("linear")
    assert "norm(weight, dim=1)" in norm and "weight_norm.detach()" in constant
    norm, constant = peft_lines("convolution")
    assert "weight.norm(" in norm and "weight_norm.detach()" in constant
    assert "weight_norm.detach()" in peft_lines("embedding")[0]


@pytest.mark.parametrize(
    ("kind", "layer"),
    [("linear", nn.Linear(5, 3)), ("convolution", nn.Conv2d(5, 3, 2)), ("embedding", nn.Embedding(5, 3))],
)
def test_peft_holds_the_magnitudes_the_table_says(kind, layer):
    model = get_peft_model(nn.Sequential(layer), LoraConfig(r=2, use_dora=True, target_modules=["0"]))
    magnitude = model.base_model.model[0].lora_magnitude_vector["default"].weight
    row = named(f"peft-{kind}")
    said = row["linear"] or row["convolution"]
    assert said == str(tuple(magnitude.shape)).replace("3", "features" if kind == "embedding" else "out")


# ---- make field


TODAY = date(2026, 12, 7)


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """offered({package: {path: text}}) puts these packages, and no others, where pip would look. Every version is 9.0."""

    def put(packages):
        @contextmanager
        def package(name, version=""):
            if name not in packages:
                raise field.Gone(f"{name} does not download: no such package")
            wheel = tmp_path / f"{name}-9.0-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for path, text in packages[name].items():
                    archive.writestr(path, text)
            yield version or "9.0", field.Archive(wheel)

        monkeypatch.setattr(field, "package", package)

    return put


PATH = "peft/tuners/lora/dora.py"


def peft_rows() -> list[dict]:
    return [copy.deepcopy(named(f"peft-{kind}")) for kind in ("linear", "convolution", "embedding")]


def test_a_file_that_is_the_same_moves_the_date_and_the_version(offered):
    offered({"peft": {PATH: inspect.getsource(dora)}})
    found = peft_rows()
    field.check(found, TODAY)
    assert {(row["read"], row["source"]["version"], row["standing"]) for row in found} == {("2026-12-07", "9.0", "")}


@pytest.mark.parametrize(("files", "why"), [({PATH: "x = 1\n"}, "has changed"), ({}, "is not there any more")])
def test_a_file_that_has_changed_turns_its_row_red_until_it_is_read(offered, capsys, files, why):
    offered({"peft": files})
    found = peft_rows()
    before = [(row["read"], row["source"]) for row in found]
    field.check(found, TODAY)
    assert [(row["read"], row["source"]) for row in found] == before
    assert {row["standing"] for row in found} == {"changed in 9.0, not read since"}
    assert f"{PATH} {why} in 9.0" in capsys.readouterr().out
    assert "**changed in 9.0, not read since**" in field_guide.where(found[0])


def test_reading_it_anew_finds_the_anchors_and_lifts_the_red(offered):
    offered({"peft": {PATH: "# one line more\n" + inspect.getsource(dora)}})
    row = peft_rows()[0]
    lines = [file["line"] for file in row["files"]]
    field.check([row], TODAY)
    assert row["standing"]
    field.take(row, TODAY)
    assert not row["standing"] and [file["line"] for file in row["files"]] == [line + 1 for line in lines]


def test_an_anchor_that_is_gone_has_to_be_given_anew(offered):
    offered({"peft": {PATH: "x = 1\n"}})
    with pytest.raises(SystemExit, match=r"has no line with 'torch\.linalg\.norm"):
        field.take(peft_rows()[0], TODAY)


def test_a_package_that_cannot_be_had_turns_its_row_grey_with_the_reason(offered, capsys):
    offered({})
    (row,) = peft_rows()[:1]
    read = row["read"]
    field.check([row], TODAY)
    assert row["standing"] == "not asked on 2026-12-07: the package cannot be had" and row["read"] == read
    assert "peft does not download" in capsys.readouterr().out


def test_what_only_git_has_turns_red_after_ninety_days():
    row = copy.deepcopy(named("catid"))
    read = date.fromisoformat(row["read"])
    field.check([row], read + timedelta(90))
    assert not row["standing"]
    field.check([row], read + timedelta(91))
    assert row["standing"] == "read more than 90 days ago"


def test_the_table_is_stored_as_it_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(field_guide, "TABLE", tmp_path / "field_guide.json")
    field.store(table())
    assert json.loads(field_guide.TABLE.read_text(encoding="utf-8")) == field_guide.rows()


# ---- the small tables, and prose that names a library


def test_the_small_tables_say_of_every_library_what_its_row_says():
    small = {name: per for names, per, _ in field_guide.in_short() for name in names.split(", ")}
    for row in (row for row in field_guide.rows() if "short" in row):
        per = small[field_guide.called(row).partition(",")[0]]
        axes = [*row.get("default", {"": row["axis"]}).values()][::-1]  # today's first
        assert re.findall("output|input", per) == axes, row["id"]
        line = f"| {field_guide.called(row)} | {row['linear']} | `{row['key']}` |"
        assert line in field_guide.markdown("Names").splitlines()
    assert {row["library"] for row in field_guide.of_section("Through another library")} < {
        name.removeprefix("and with it ") for name in small
    }


def test_the_index_and_the_glossary_show_the_small_tables_and_write_none_of_it_again():
    for page, table in (("index.md", "In short"), ("back/glossary.md", "Names")):
        text = (field_guide.TABLE.parents[1] / page).read_text(encoding="utf-8")
        assert f"```{{field-guide}} {table}\n" in text
        assert not re.search(r"^\|[^\n]*(LyCORIS|torchtune|OneTrainer)", text, re.M)


PROSE = {  # chapters are notebooks that others read without this book's directives: their sentences are held to the rows instead
    "6-what-the-gradient-sees.ipynb": {
        "detaches, and so do torchtune and mlx-lm": ("constant", ["peft-linear", "torchtune", "mlx-lm-linear"]),
        "layer keeps the norm in the graph, and so do": (
            "in the gradient",
            ["raschka", "catid", "adapters", "lycoris"],
        ),
    },
    "7-which-axis.ipynb": {
        "peft adds no epsilon, LyCORIS and OneTrainer": ("epsilon", ["peft-linear", "lycoris", "onetrainer"]),
    },
}


@pytest.mark.parametrize(("page", "sentence"), [(page, each) for page, found in PROSE.items() for each in found])
def test_a_chapters_sentence_about_libraries_says_what_their_rows_say(page, sentence):
    text = (field_guide.TABLE.parents[1] / page).read_text(encoding="utf-8")
    assert sentence in text, "the sentence has changed: hold the new one to the rows"
    says, ids = PROSE[page][sentence]
    found = [named(id) for id in ids]
    if says == "epsilon":
        assert [row["epsilon"] == "none" for row in found] == [True, False, False]
    else:
        assert all(row["gradient"].startswith(says) for row in found)


def test_chapter_6_says_which_of_the_four_that_keep_the_norm_in_the_graph_are_per_output():
    text = (field_guide.TABLE.parents[1] / "6-what-the-gradient-sees.ipynb").read_text(encoding="utf-8")
    assert "these four are per output, by default, and two are per input" in text
    four = [named(id) for id in ("raschka", "catid", "adapters", "lycoris")]
    assert (
        sorted([*row.get("default", {"": row["axis"]}).values()][-1] for row in four) == ["input"] * 2 + ["output"] * 2
    )
    assert "per input and detached, is OneTrainer's default" in text
    assert named("onetrainer")["default"][""] == "input" and named("onetrainer")["gradient"].startswith("constant")
