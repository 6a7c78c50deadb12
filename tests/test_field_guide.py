"""The field guide says where it looked, and what it says of peft holds for the peft that is installed."""

import inspect
import re

import pytest
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import dora
from support.field_guide import AXES, PAGE, rows
from torch import nn

CODE = re.compile(r"https://github\.com/([\w-]+/[\w-]+)/blob/([^/]+)/([^)#]+)(?:#L(\d+))?")
DATE = re.compile(r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\d\d\b")


@pytest.mark.parametrize("axis", AXES)
def test_every_entry_names_a_file_at_a_commit_and_its_date(axis):
    assert len(rows(axis)) >= 4
    for library, where, magnitude, norm in rows(axis):
        links = CODE.findall(where)
        assert links and DATE.search(where) and magnitude and norm, library
        for _, commit, path, line in links:
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{library}: {commit} can move"
            assert line or path.endswith((".ipynb", ".md")), f"{library}: no line in {path}"


def test_a_repository_is_read_at_one_commit():
    read = {}
    for repository, commit, _, _ in CODE.findall(PAGE.read_text(encoding="utf-8")):
        assert read.setdefault(repository, commit) == commit, repository


def test_the_shape_of_m_agrees_with_the_table_it_stands_in():
    for axis, others in {"Per output": r"\bin\b|tokens", "Per input": r"\bout\b|features"}.items():
        assert not [library for library, _, magnitude, _ in rows(axis) if re.search(others, magnitude)]


def test_a_norm_is_constant_or_in_the_gradient_and_says_when():
    for axis in AXES:
        for library, _, _, norm in rows(axis):
            if "runs only" not in library:
                assert re.match("constant|in the gradient", norm) and re.search("every|kept until", norm), library


def test_no_library_stands_in_two_rows():
    named = [library for axis in AXES for library, *_ in rows(axis)]
    assert len(named) == len(set(named))


def test_threads_are_in_the_order_of_their_dates():
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    when = []
    for date, *_ in rows("Threads, by date"):
        month, year = re.findall(r"[A-Z][a-z]{2}", date)[0], re.search(r"20\d\d", date)[0]
        when.append((int(year), months.index(month)))
    assert when == sorted(when) and len(when) >= 10


def peft_lines(kind: str) -> list[str]:
    """The lines of the installed file that the row of this kind of layer links to."""
    where = next(cells[1] for cells in rows("Per output") if cells[0] == f"peft, {kind}")
    source = inspect.getsource(dora).splitlines()
    assert {path for _, _, path, _ in CODE.findall(where)} == {"src/peft/tuners/lora/dora.py"}
    return [source[int(line) - 1] for _, _, _, line in CODE.findall(where)]


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
    said = next(cells[2] for cells in rows("Per output") if cells[0] == f"peft, {kind}")
    assert said == str(tuple(magnitude.shape)).replace("3", "features" if kind == "embedding" else "out")
