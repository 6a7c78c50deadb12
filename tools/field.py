"""Is what the field guide says of other libraries still what their files say? Run by `make field`; needs a network.

    python tools/field.py                  every library, in its newest version
    python tools/field.py --read ROW       a person has read this row's files anew: their lines, hashes and date are taken in

Each package is downloaded without what it depends on, and the files that a row was read in are compared by SHA-256. The same: the row's version
and date move. Changed: the row says so, on the page too, and the exit status is 1 until a person has read it. A package that cannot be had turns
its row grey with the reason. What only git has cannot be asked here: such a row is named, with exit status 1, 90 days after it was read.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "book" / "_ext"))

import disk
import field_guide

DAYS = 90


class Gone(Exception):
    """A package that cannot be had; the sentence says why."""


@contextmanager
def package(name: str, version: str = "") -> Iterator[tuple[str, "Archive"]]:
    """The newest version of a package, or the one that is named, and its files."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{name}=={version}" if version else name
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", folder, wanted]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Gone(f"{wanted} does not download: {(done.stderr.strip().splitlines() or ['pip says nothing'])[-1]}")
        (path,) = Path(folder).iterdir()
        yield path.name.removesuffix(".tar.gz").split("-")[1], Archive(path)


class Archive:
    def __init__(self, path: Path):
        self.path = path

    def read(self, name: str) -> bytes | None:
        """One file of a wheel, or of a source archive, whose folder of its own is left out. None where it is not there."""
        if self.path.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(self.path) as wheel:
                return wheel.read(name) if name in wheel.namelist() else None
        with tarfile.open(self.path) as source:
            found = [member for member in source if member.name.partition("/")[2] == name]
            return source.extractfile(found[0]).read() if found else None


def changed(row: dict, archive: Archive) -> list[str]:
    """What differs, a phrase a file."""
    phrases = []
    for path in dict.fromkeys(file["path"] for file in row["files"]):
        kept = next(file["sha256"] for file in row["files"] if file["path"] == path)
        raw = archive.read(path)
        if raw is None:
            phrases.append(f"{path} is not there any more")
        elif hashlib.sha256(raw).hexdigest() != kept:
            phrases.append(f"{path} has changed")
    return phrases


def ask(row: dict, today: date, version: str, archive: Archive) -> None:
    if phrases := changed(row, archive):
        row["standing"] = f"changed in {version}, not read since"
        print(
            f"{row['id']}: {'; '.join(phrases)} in {version}. Read it, mend the row, and say so: tools/field.py --read {row['id']}"
        )
    else:
        row |= {"standing": "", "read": today.isoformat(), "source": row["source"] | {"version": version}}


def check(table: list[dict], today: date) -> None:
    """Ask for every package once, and leave in each row what was found."""
    packages: dict[tuple[str, str], list[dict]] = {}
    for row in table:
        if "package" in row["source"]:
            pinned = row["source"]["version"] if row.get("pinned") else ""
            packages.setdefault((row["source"]["package"], pinned), []).append(row)
        elif (today - date.fromisoformat(row["read"])).days > DAYS:
            row["standing"] = f"read more than {DAYS} days ago"
            print(f"{row['id']}: read on {row['read']} and only in git: read {row['source']['repository']} again")
    for (name, pinned), found in packages.items():
        try:
            with package(name, pinned) as (version, archive):
                for row in found:
                    ask(row, today, version, archive)
        except Gone as error:
            print(error)
            for row in found:
                row["standing"] = f"not asked on {today}: the package cannot be had"


def take(row: dict, today: date) -> None:
    """Lines and hashes of the newest version. SystemExit where an anchor is not there: then the claim has to be read anew."""
    with package(row["source"]["package"], row["source"]["version"] if row.get("pinned") else "") as (version, archive):
        for file in row["files"]:
            raw = archive.read(file["path"]) or b""
            lines = [i for i, line in enumerate(raw.decode("utf-8").splitlines(), 1) if file["anchor"] in line]
            if not lines:
                sys.exit(
                    f"{row['id']}: {file['path']} of {version} has no line with {file['anchor']!r}. Give the row another anchor."
                )
            file |= {
                "line": min(lines, key=lambda line: abs(line - file["line"])),
                "sha256": hashlib.sha256(raw).hexdigest(),
            }
        row |= {"standing": "", "read": today.isoformat(), "source": row["source"] | {"version": version}}


def store(table: Iterable[dict]) -> None:
    """The old table or the new one, and only one that its pages can be made of."""
    whole = field_guide.checked(list(table))
    disk.replace(field_guide.TABLE, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def main(read: str | None) -> int:
    table = json.loads(field_guide.TABLE.read_text(encoding="utf-8"))
    today = date.today()
    if read is None:
        check(table, today)
    else:
        row = next((row for row in table if row["id"] == read), None)
        if row is None or "package" not in row["source"]:
            known = ", ".join(row["id"] for row in table if "package" in row["source"])
            sys.exit(f"There is no row {read!r} of a package. There are: {known}")
        take(row, today)
    store(table)
    red = [row["id"] for row in table if row["standing"] and not row["standing"].startswith("not asked")]
    print(f"{len(table)} rows, {len(red)} to read anew{': ' + ', '.join(red) if red else ''}")
    return int(bool(red))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--read", metavar="ROW")
    sys.exit(main(**vars(parser.parse_args())))
