"""Would the tests notice if the code were wrong? Run by `make deep`.

    python tools/mutate.py [--stale] [MODULE ...]

mutmut makes small changes in the functions of a module, another operator, another number, an argument left out, and runs the
tests that reach the function: a change that makes one fail is killed, one that no test notices has survived. It runs in a copy of
the book, _build/mutants/MODULE, which it takes up again where it was stopped. Messages are left alone: a line that raises, and a
survivor in which only a text of WORDS or more words differs. With --stale nothing is run: the exit status says whether a row of
the table is missing or of other code or tests.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kept

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "book" / "data" / "mutants.csv"
SURVIVORS = ROOT / "book" / "data" / "mutants_survived.csv"
BY_HAND = ROOT / "book" / "data" / "mutants_js.csv"  # made by tools/mutate_js.py
PAGE = ROOT / "book" / "back" / "how-checked.md"
START, END = "<!-- made by tools/mutate.py -->\n", "<!-- mutants to here -->\n"
WORK = ROOT / "_build" / "mutants"
FIELDS = ("module", "mutants", "killed", "survived", "source", "tests")
SURVIVED = ("module", "function", "was", "becomes", "reason")
WORDS = 3
TESTS = {  # none that drives a figure
    "dorabook/decompose": ("test_decompose.py",),
    "dorabook/layers": ("test_layers.py",),
    "dorabook/count": ("test_count.py",),
    "dorabook/cost": ("test_cost.py",),
    "dorabook/factored": ("test_factored.py",),
    "dorabook/peft_norms": ("test_peft_norms.py",),
    "dorabook/paired": ("test_paired.py",),
    "dorabook/checkpoint": (
        "test_axis_command.py",
        "test_checkpoint.py",
        "test_checkpoint_kinds.py",
        "test_checkpoint_merge.py",
        "test_checkpoint_page.py",
        "test_detective_parity.py",
    ),
    "experiments/analysis": ("test_train_both.py",),
    "experiments/rates_analysis": ("test_rates.py",),
}
COPIED = (
    ("book/dorabook", "src/dorabook"),
    ("book/dorabook", "book/dorabook"),  # which the page reads; Python imports what is mutated
    ("book/experiments", "src/experiments"),
    ("book/data", "src/data"),  # beside the experiments
    *((part, part) for part in ("book/data", "book/_ext", "tests", "tools")),
)
SETTINGS = """[tool.mutmut]
source_paths = ["src"]
only_mutate = [{only}]
also_copy = ["book", "tools"]
do_not_mutate_patterns = ['^\\s*raise ']
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-k", "not commit and not told_of_the_line and not compile and not two_processes and not as_a_command and not wheel and not one_file", "-W", "ignore::pytest.PytestAssertRewriteWarning"]

[tool.pytest.ini_options]
pythonpath = ["src", "tests", "tools", "book/_ext"]
addopts = "--import-mode=importlib"
"""


def files(module: str) -> list[Path]:
    path = ROOT / "book" / module
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def fingerprint(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def texts(module: str) -> dict[str, str]:
    """Of which code and tests a row is."""
    tests = [ROOT / "tests" / name for name in TESTS[module]]
    return {"source": fingerprint(*files(module)), "tests": fingerprint(*tests)}


def stale() -> list[str]:
    rows = {row["module"]: row for row in kept.rows(TABLE)}
    return [module for module in TESTS if not texts(module).items() <= rows.get(module, {}).items()]


# ---- one module


def run(module: str) -> None:
    folder = copied(module)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "2"]
    if subprocess.run(command, cwd=folder, env=environment).returncode:
        sys.exit(f"mutmut stopped on {module}: see above.")
    status = {}
    for file in sorted((folder / "mutants" / "src").rglob("*.py.meta")):
        status |= json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    rows = [
        survivor(module, name, folder) for name, code in status.items() if code in (0, 33)
    ]  # 33: no test reached it
    record(module, len(status) - rows.count(None), [row for row in rows if row])


def copied(module: str) -> Path:
    """The book as mutmut wants it. What it has found out with the same code and tests it does not run again."""
    folder = WORK / module.replace("/", "-")
    mark = folder / ".of"
    if not mark.exists() or mark.read_text(encoding="utf-8") != json.dumps(texts(module)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(json.dumps(texts(module)), encoding="utf-8")
    for part, target in COPIED:
        shutil.rmtree(folder / target, ignore_errors=True)
        shutil.copytree(ROOT / part, folder / target)
    listed = [f'"src/{file.relative_to(ROOT / "book").as_posix()}"' for file in files(module)]
    tests = [f'"tests/{name}"' for name in TESTS[module]]
    (folder / "pyproject.toml").write_text(SETTINGS.format(only=", ".join(listed), tests=", ".join(tests)), "utf-8")
    return folder


def survivor(module: str, name: str, folder: Path) -> dict[str, str] | None:
    """What differs in a mutant that lived; None where it is a message."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in shown if re.match(rf"{sign}(?!{sign})", line)) for sign in (r"\-", r"\+")
    )
    function = re.sub(r".*\.x(_|ǁ)|__mutmut_\d+$", "", name).replace("ǁ", ".")
    differs = {"module": module, "function": function, "was": was, "becomes": becomes, "reason": ""}
    return None if without_messages(was) == without_messages(becomes) else differs


def without_messages(code: str) -> str:
    """Every text of WORDS or more words as an empty one."""
    text = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    return re.sub(text, lambda one: '""' if len(re.findall(r"[A-Za-z]{2,}", one[0])) >= WORDS else one[0], code)


# ---- what is kept of it


def record(module: str, made: int, alive: list[dict[str, str]]) -> None:
    """Put the module's counts and survivors into the tables, in place of the old ones. Reasons that still apply are kept."""
    counts = {"module": module, "mutants": made, "killed": made - len(alive), "survived": len(alive)}
    rows = {row["module"]: row for row in kept.rows(TABLE)} | {module: counts | texts(module)}
    kept.write(TABLE, FIELDS, [rows[name] for name in TESTS if name in rows])
    old = kept.rows(SURVIVORS)
    reasons = {change(row): row["reason"] for row in old}
    alive = [row | {"reason": reasons.get(change(row), "")} for row in alive]
    others = [row for row in old if row["module"] != module]
    kept.write(SURVIVORS, SURVIVED, sorted([*others, *alive], key=lambda row: [*TESTS].index(row["module"])))


def change(row: dict[str, str]) -> tuple[str, ...]:
    return row["module"], row["was"], row["becomes"]


def page_part() -> str:
    alive = kept.rows(SURVIVORS)
    fold = f'<details class="fold">\n<summary>The {len(alive)} that survived, and why</summary>\n\n{survivors_table(alive)}\n</details>\n'
    return f"\n{table(kept.rows(TABLE))}\n{by_hand(kept.rows(BY_HAND))}\n\n{fold if alive else ''}\n"


def table(rows: list[dict[str, str]]) -> str:
    known = {row["module"]: [int(row[name]) for name in ("mutants", "killed", "survived")] for row in rows}
    total = [sum(counts) for counts in zip(*known.values(), strict=True)]
    lines = ["| module | mutants | killed | survived | killed, of all |", "|---|---|---|---|---|"]
    for module, counts in [*((module, known.get(module)) for module in TESTS), ("all", total)]:
        cells = [*(f"{n:,}" for n in counts), share(counts[1], counts[0])] if counts else ["not run"] * 4
        lines.append(f"| {module.removeprefix('dorabook/')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def share(killed: int, made: int) -> str:
    """In per cent, rounded down: 100 only where all were killed."""
    return f"{int(1000 * killed / made) / 10:g} %"


def survivors_table(rows: list[dict[str, str]]) -> str:
    """The survivors of each reason together, the commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        place = f"{row['module'].removeprefix('dorabook/')}.{row['function']}".replace("__", r"\_\_")  # no bold
        by_reason.setdefault(row["reason"], []).append(f"{place}: {code(row['was'])} → {code(row['becomes'])}")
    lines = ["| survived | why no test notices |", "|---|---|"]
    for reason, changes in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        lines.append(f"| {'<br>'.join(changes)} | {reason} |")
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else "nothing"


def by_hand(rows: list[dict[str, str]]) -> str:
    noticed = sum(bool(row["noticed_by"]) for row in rows)
    return (
        f"Of {len(rows)} mistakes made by hand in the modules that compute on the page, the tests noticed "
        f"{'all' if noticed == len(rows) else noticed}."
    )


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stale", action="store_true", help="run nothing; say which rows are missing or old")
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(TESTS)}; all if none is named")
    asked = parser.parse_args(given)
    if unknown := sorted(set(asked.modules) - set(TESTS)):
        sys.exit(f"{unknown[0]} has no mutants here. Known: {', '.join(TESTS)}")
    if asked.stale:
        print("\n".join(stale()) or "The table is of the present code and tests.")
        return int(bool(stale()))
    for module in asked.modules or TESTS:
        run(module)
    kept.put(PAGE, START, END, page_part())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
