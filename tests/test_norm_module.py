"""The tool to take along: one file without the book, and a patch of the installed peft that carries its own tests."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import norm_module
import peft
import pytest

PATCH = Path(norm_module.__file__).parent / "patches" / "peft-0.21.2-dora-weight.patch"
ALONE = """
import torch
from dora_norms import adapted_norms, cheaper_norms
from peft import LoraConfig, get_peft_model
import sys
assert not [name for name in sys.modules if name.startswith("dorabook")]
torch.manual_seed(0)
model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(6, 4)), LoraConfig(r=2, use_dora=True, target_modules=["0"]))
model.base_model.model[0].lora_B["default"].weight.data.normal_()
x = torch.rand(3, 6)
theirs = model(x)
with cheaper_norms(model, strict=True) as norms:
    torch.testing.assert_close(model(x), theirs)
    model(x)
print(norms, norms.taken)
try:
    adapted_norms(x, x, x, scaling=1.0, per="column")
except ValueError as error:
    print(error)
"""


def run(*command, cwd, **environment):
    told = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | environment)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_one_file_is_enough(tmp_path):
    made = norm_module.main(tmp_path)
    (tmp_path / "alone.py").write_text(ALONE, encoding="utf-8")
    said = run(sys.executable, "alone.py", cwd=tmp_path, PYTHONPATH="").splitlines()
    assert said[0] == "1 of 1 DoRA layers 1"
    assert "lora_A is (3, 6) and lora_B (3, 6)" in said[1]
    text = made.read_text(encoding="utf-8")
    assert "dorabook.factored" not in text
    assert "from ." not in text
    for kept in ("def cheaper_norms", "def adapted_norms", "def check_per", "KEPT = 1e-3  # a squared norm"):
        assert kept in text
    run(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F", str(made), cwd=tmp_path)


@pytest.mark.deep
def test_the_patch_is_for_the_installed_peft_and_passes_the_tests_that_it_carries(tmp_path):
    """A copy of the package is patched, whose other modules are links."""
    assert f"peft-{version('peft')}-" in PATCH.name
    installed, copy = Path(peft.__path__[0]), tmp_path / "src" / "peft"
    changed = Path("tuners/lora/dora.py")
    for folder in (Path(), Path("tuners"), Path("tuners/lora")):
        (copy / folder).mkdir(parents=True, exist_ok=True)
        for each in (installed / folder).iterdir():
            if not (copy / folder / each.name).exists() and each.name not in (
                "__pycache__",
                "tuners",
                "lora",
                "dora.py",
            ):
                (copy / folder / each.name).symlink_to(each)
    for each in ("tuners", "tuners/lora"):
        assert (copy / each).is_dir()
    (copy / changed).write_bytes((installed / changed).read_bytes())
    run("git", "apply", "--verbose", str(PATCH), cwd=tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_lora_dora_weight.py")
    said = run(*command, cwd=tmp_path, PYTHONPATH=str(tmp_path / "src"))
    assert "10 passed" in said
