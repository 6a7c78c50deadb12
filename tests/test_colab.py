"""make colab: its dated list, what refreshes it, and what it says where it cannot go on. Nothing is installed and no network is used."""

import re
import subprocess
import sys

import closure
import colab
import colab_manager
import colab_versions
import notebook_setup
import peft_range
import pytest

pytestmark = pytest.mark.deep

KEPT = "# old\n# As of 2026-01-01, Python 3.12.1\nipython==7.34.0\nJinja2==3.1.6\npython-dateutil==2.9.0.post0\ntorch==2.10.0\n"
PACKAGES = """# a word of Colab's own
ipython==7.34.0
ipython-genutils==0.2.0
jinja2==3.2.0
python_dateutil==2.9.0.post0
torch @ https://download.example.org/whl/cpu/torch-2.12.1%2Bcpu-cp313-cp313-manylinux_2_28_x86_64.whl
"""
SYSTEM = "Ubuntu 22.04.5 LTS\nPython 3.13.15\nR version 4.6.1\n"


def test_a_refresh_takes_the_versions_of_what_the_list_keeps_and_the_day():
    made = colab_versions.refreshed(KEPT, PACKAGES, SYSTEM, "2026-11-29")
    assert [line for line in made.splitlines() if not line.startswith("#")] == [
        "ipython==7.34.0", "Jinja2==3.2.0", "python-dateutil==2.9.0.post0", "torch==2.12.1",
    ]  # fmt: skip
    assert "# As of 2026-11-29, Python 3.13.15\n" in made


def test_a_build_for_a_gpu_is_written_as_the_version_it_is_of():
    cuda = re.sub(r"torch @.*", "torch==2.11.0+cu128", PACKAGES)
    assert "torch==2.11.0\n" in colab_versions.refreshed(KEPT, cuda, SYSTEM, "2026-11-29")


def test_a_package_that_colab_has_no_longer_is_named():
    with pytest.raises(ValueError, match="Colab's list has no torch any more"):
        colab_versions.refreshed(KEPT, PACKAGES.split("torch @")[0], SYSTEM, "2026-11-29")


def test_without_a_network_the_list_stays_and_one_sentence_says_so(monkeypatch):
    before = colab_versions.PATH.read_bytes()
    monkeypatch.setattr(colab_versions, "ADDRESS", "https://127.0.0.1:9/")
    with pytest.raises(SystemExit, match=r"could not be had from https://127\.0\.0\.1:9/") as caught:
        colab_versions.main()
    assert str(caught.value).endswith("connect to the network. versions.txt is as it was.")
    assert colab_versions.PATH.read_bytes() == before


def test_the_list_names_what_the_chapters_import_each_in_one_version():
    versions = colab_versions.listed(colab_versions.PATH.read_text(encoding="utf-8"))
    needed = set()
    for path in colab.publish_notebooks.chapters():
        needed |= closure.needs("\n\n".join(peft_range.cells(path))).packages
    assert "torch" in needed
    needed -= notebook_setup.WELCOME
    assert {"scikit-learn" if name == "sklearn" else name for name in needed} <= set(versions)
    assert {"ipython", "ipykernel", "ipywidgets", "nbclient", "nbformat", "torchao"} <= set(versions)


@pytest.mark.parametrize(
    ("named", "here"), [("", "there is no python3.99 here"), (sys.executable, "python is 3."), ("/no", "no /no here")]
)
def test_without_colabs_python_it_is_one_sentence(monkeypatch, named, here):
    monkeypatch.setattr(colab_versions, "python", lambda: "3.99.1")
    monkeypatch.setenv("COLAB_PYTHON", named)
    with pytest.raises(SystemExit) as caught:
        colab.base()
    said = str(caught.value)
    assert said.startswith("Colab runs Python 3.99, and ")
    assert here in said
    assert said.endswith("make colab COLAB_PYTHON=/path/to/python3.99")


def test_a_python_of_colabs_minor_version_will_do(monkeypatch):
    monkeypatch.setattr(colab_versions, "python", lambda: "{}.{}.99".format(*sys.version_info))
    monkeypatch.setenv("COLAB_PYTHON", sys.executable)
    assert colab.base() == sys.executable


def test_each_notebook_begins_with_colabs_versions_and_one_that_fails_does_not_stop_the_rest(monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(colab, "FOLDER", tmp_path)
    monkeypatch.setattr(colab, "install", lambda: done.append("versions"))
    monkeypatch.setattr(colab, "run", lambda path: done.append(path.stem[0]) or path.stem.startswith("1"))
    assert colab.main([str(path) for path in colab.publish_notebooks.chapters()[:2]]) == 1
    assert done == ["versions", "1", "versions", "2", "versions"]


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (FileNotFoundError("npm"), "there is no npm to get another with: connect to the network, or install npm"),
        (subprocess.CompletedProcess([], 1, "", "npm error code E404\nnpm error 404"), "npm could not get requirejs@"),
    ],
)
def test_without_any_widget_manager_it_is_one_sentence(monkeypatch, tmp_path, fails, says):
    def run(*_, **__):
        if isinstance(fails, Exception):
            raise fails
        return fails

    monkeypatch.setattr(colab_manager, "ADDRESS", "https://127.0.0.1:9/")
    monkeypatch.setattr(colab_manager, "FOLDER", tmp_path)
    monkeypatch.setattr(colab_manager, "OWN", tmp_path / "colab.js")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit, match="Colab's own is not to be had") as caught:
        colab_manager.main()
    assert says in str(caught.value)
