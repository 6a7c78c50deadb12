"""Tests in forks of one process: each is run once and told as without forks, and what a process takes with it has failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[1]
MADE = {
    "test_a.py": """
import os, time
def test_passes(tmp_path): assert not list(tmp_path.iterdir())
def test_fails(capfd): print("seen"); assert 1 == 2
def test_says(): os.system("echo also seen"); raise ValueError("x")
""",
    "test_b.py": """
import os, pytest
@pytest.mark.skip
def test_skipped(): pass
def test_dies(): os.kill(os.getpid(), 9)
def test_left(): pass
""",
    "test_c.py": """
import pytest, time
@pytest.fixture(scope="module")
def page():
    yield
    assert False, "taken down"
@pytest.mark.parametrize("i", range(200))
def test_each(i, page, tmp_path): pass
""",
}


@pytest.fixture
def ran(tmp_path):
    """ran(forks) gives the exit code, the outcomes that pytest counts and all that it prints."""
    for name, text in MADE.items():
        (tmp_path / name).write_text(text)

    def run(forks: int) -> tuple[int, str, str]:
        options = [
            "-p",
            "tests.support.lean.forks",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "--rootdir",
            str(tmp_path),
        ]
        command = [sys.executable, "-m", "pytest", "-q", *options, "--forks", str(forks), str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "300"})
        return done.returncode, done.stdout.splitlines()[-1].rpartition(" in ")[0], done.stdout

    return run


@pytest.mark.parametrize("forks", [1, 3])
def test_each_test_is_told_once_and_a_process_that_ends_has_failed_in_its_test(ran, forks):
    code, counted, said = ran(forks)
    assert code == 1
    left = 1 + 200 * (forks == 1)  # one process takes the third file with it
    assert counted == f"{3 + left} failed, {1 + 200 * (forks > 1)} passed, 1 skipped" + ", 1 error" * (forks > 1)
    assert "test_dies - its process ended with status 9" in said
    assert "test_left - no process has run it" in said
    assert "seen" in said and "also seen" in said


def test_without_forks_pytest_is_as_it_was(ran, tmp_path):
    (tmp_path / "test_b.py").unlink()
    alone, forked = ran(0), ran(2)
    assert alone[:2] == forked[:2] == (1, "2 failed, 201 passed, 1 error")
