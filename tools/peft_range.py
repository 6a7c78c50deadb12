"""Do the chapters' claims hold on other versions of peft? Run by `make deep`; needs a network and about ten minutes.

    python tools/peft_range.py [--stale] [PEFT_VERSION ...]

Every chapter that imports peft is run on each version below and on the newest there is, with the transformers of the same months and
always the same torch. The versions lie in overlay folders under _build/peft, before .venv on the path; .venv stays as it is.
A chapter's statements run one by one, so that one that fails takes along only what needs it. A claim is an `assert`, an
`assert_close` or the check of a solution; it holds if it held each time it ran. What cells print is not compared: peft's source and
repr differ from version to version. On each version a square Conv1D is also merged and unmerged (`unmerge_error`
in claims.py). A row is written to book/data/peft_range.csv as each run ends, and a row that is there for these
very cells is not run again. With --stale nothing is run: the exit status says whether a row is missing or of other cells.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import disk
import kept
import nbformat

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "book" / "data" / "peft_range.csv"
PROVENANCE = TABLE.with_suffix(".json")
PAGE = ROOT / "book" / "back" / "how-checked.md"
START, END = "<!-- made by make deep -->\n", "<!-- to here -->\n"
OVERLAYS = ROOT / "_build" / "peft"
FIELDS = ("peft", "transformers", "torch", "chapter", "claims", "held", "differs", "unmerge_error", "cells")
PAIRS = {  # the last release of each minor version of peft since the blog post, and a transformers of the same months
    "0.14.0": "4.48.3",
    "0.15.2": "4.51.3",
    "0.16.0": "4.53.3",
    "0.17.1": "4.56.2",
    "0.18.1": "4.57.6",
    "0.19.1": "5.5.4",
    "0.20.0": "5.12.1",
    "0.21.2": "5.23.0",
}
SECONDS = 900
BETWEEN = " || "  # what stands between two lines that differ


def chapters() -> list[Path]:
    """The chapters one of whose cells imports peft."""
    return [
        path for path in sorted((ROOT / "book").glob("[0-9]*-*.ipynb")) if any("peft import" in c for c in cells(path))
    ]


def cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def fingerprint(path: Path) -> str:
    return hashlib.sha256("\n\n".join(cells(path)).encode()).hexdigest()[:12]


def rows() -> list[dict[str, str]]:
    return kept.rows(TABLE)


def store(row: dict[str, str]) -> None:
    """Put the row into the table, in place of the one for the same versions and chapter. The old file or the new one, never half."""
    known = {(old["peft"], old["chapter"]): old for old in [*rows(), row]}
    kept.write(TABLE, FIELDS, sorted(known.values(), key=lambda old: (number(old["peft"]), old["chapter"])))
    disk.replace(PROVENANCE, json.dumps(provenance(), indent=1) + "\n")


def provenance() -> dict[str, str]:
    return {
        "what": "claims of the chapters that hold on versions of peft; fields, and what a claim is, in tools/peft_range.py",
        "command": "make deep",
        "python": platform.python_version(),
        "cells": "the first 12 digits of the SHA-256 of a chapter's code cells when the row was made",
    }


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


# ---- the overlays


def pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        wanted = " ".join(part for part in arguments if part[0].isalpha() and "/" not in part)
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise RuntimeError(f"pip could not do '{wanted}'. This check needs a network; the rows so far are kept. {last}")
    return done.stdout


def newest(package: str) -> str:
    """The newest release that pip finds for this Python."""
    report = json.loads(pip("install", "--dry-run", "--no-deps", "--ignore-installed", "--report", "-", package))
    return report["install"][0]["metadata"]["version"]


def overlay(peft: str, transformers: str) -> Path:
    """A folder with these two, and with the tokenizers and huggingface_hub that this transformers asks for."""
    folder = OVERLAYS / f"peft-{peft}-transformers-{transformers}"
    if (folder / "done").exists():
        return folder
    target = ("install", "--no-deps", "--upgrade", "--target", str(folder))
    pip(*target, f"peft=={peft}", f"transformers=={transformers}")
    asked = next(iter(metadata.distributions(name="transformers", path=[str(folder)]))).requires or []
    plain = [line for line in asked if line.startswith(("tokenizers", "huggingface")) and "extra ==" not in line]
    pip(*target, *plain)
    (folder / "done").touch()
    return folder


# ---- one chapter on one version


def run(path: Path, folder: Path) -> dict:
    """What tools/claims.py found: claims, held, and a list of [statement, message] for what failed."""
    places = [str(folder), str(ROOT / "book"), str(ROOT / "tools")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(places), "MPLBACKEND": "agg", "HF_HUB_OFFLINE": "1"}
    env |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "claims", str(path)]
    done = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise RuntimeError(f"{path.name} could not be run on {folder.name}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def row(peft: str, transformers: str, path: Path) -> dict[str, str]:
    found = run(path, overlay(peft, transformers))
    if (found["peft"], found["transformers"]) != (peft, transformers):
        raise RuntimeError(
            f"{path.name} ran on peft {found['peft']} and not on {peft}: empty _build/peft, then try again"
        )
    differs = BETWEEN.join(f"{line}  # {message}" for line, message in found["failed"])
    return {
        "peft": peft,
        "transformers": transformers,
        "torch": found["torch"],
        "chapter": path.stem,
        "claims": str(found["claims"]),
        "held": str(found["held"]),
        "differs": differs,
        "unmerge_error": f"{found['unmerge_error']:.2f}",
        "cells": fingerprint(path),
    }


def current(peft: str, transformers: str, path: Path) -> bool:
    """Whether the table has this row, made from the chapter's present cells."""
    wanted = (peft, transformers, path.stem, fingerprint(path))
    return any((old["peft"], old["transformers"], old["chapter"], old["cells"]) == wanted for old in rows())


def stale() -> list[str]:
    """A sentence for each chapter and version that the table does not cover as they are now."""
    return [
        f"{path.stem} on peft {peft} is not in the table as it is now: make deep"
        for path in chapters()
        for peft, transformers in PAIRS.items()
        if not current(peft, transformers, path)
    ]


# ---- the page


def tables(found: list[dict[str, str]]) -> str:
    """What the page shows: the claims that hold on each version, and each line that differs with the version it holds from."""
    chapters = sorted({old["chapter"] for old in found}, key=lambda name: int(name.split("-")[0]))
    held = {(old["peft"], old["chapter"]): f"{old['held']} of {old['claims']}" for old in found}
    pairs = dict(sorted({old["peft"]: old["transformers"] for old in found}.items(), key=lambda pair: number(pair[0])))
    errors = {old["peft"]: f"{float(old['unmerge_error']):.0%}" for old in found}
    titles = [f"chapter {name.split('-')[0]}" for name in chapters]
    lines = [f"| peft | transformers | {' | '.join(titles)} | unmerged off by |", "|---" * (3 + len(chapters)) + "|"]
    for peft, transformers in pairs.items():
        cells = [held.get((peft, name), "not run") for name in chapters]
        lines.append(f"| {peft} | {transformers} | {' | '.join(cells)} | {errors[peft]} |")
    lines += ["", "| chapter | runs from | what does not run on every version |", "|---|---|---|"]
    for (chapter, line), without in differing(found).items():
        after = [peft for peft in pairs if number(peft) > max(map(number, without))]
        since, code = after[0] if after else "none yet", line.replace("|", "\\|")
        lines.append(f"| {chapter.split('-')[0]} | {since} | `{code}` |")
    return "\n".join(lines) + "\n"


def differing(found: list[dict[str, str]]) -> dict[tuple[str, str], list[str]]:
    """For each chapter and line that failed on some version, the versions."""
    without: dict[tuple[str, str], list[str]] = {}
    for old in sorted(found, key=lambda old: int(old["chapter"].split("-")[0])):
        for part in filter(None, old["differs"].split(BETWEEN)):
            without.setdefault((old["chapter"], part.split("  # ")[0]), []).append(old["peft"])
    return without


def write_page() -> None:
    kept.put(PAGE, START, END, f"\n{tables(rows())}\n")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stale", action="store_true", help="run nothing; say which rows are missing or old")
    parser.add_argument("versions", nargs="*", help="of peft; all if none is named")
    asked = parser.parse_args(arguments)
    if asked.stale:
        print("\n".join(stale()) or "The table is of the present chapters.")
        return int(bool(stale()))
    unknown = [version for version in asked.versions if version not in PAIRS]
    if unknown:
        sys.exit(f"peft {unknown[0]} is not in the range. Known: {', '.join(PAIRS)}")
    try:
        pairs = {peft: pair for peft, pair in PAIRS.items() if peft in asked.versions or not asked.versions}
        last = newest("peft")
        if not asked.versions and number(last) > max(map(number, PAIRS)):
            pairs[last] = newest("transformers")
        for peft, transformers in pairs.items():
            for path in chapters():
                if not current(peft, transformers, path):
                    store(done := row(peft, transformers, path))
                    print(f"peft {peft}, {path.stem}: {done['held']} of {done['claims']} claims hold", flush=True)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        sys.exit(str(error))
    write_page()
    print(f"The table is in {TABLE.name} and on the page {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
