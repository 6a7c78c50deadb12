"""Build the site into _build/html: warnings are errors, and what is there stays as it was until a build has succeeded.

The new site is laid out in a folder of its own, which then takes the place of the old one: what is there is whole. Sphinx works in
_build/work, where it keeps what it need not read again. A build that failed or was killed leaves its mark there, and the next one
starts afresh: Sphinx reports a page's warnings only while it reads that page, and takes a half-written page for a finished one.
"""

import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import disk

ROOT = Path(__file__).parents[1]
SOURCES = (
    "_config.yml",
    "_toc.yml",
    "constraints.txt",
    "book/_ext",
    "book/dorabook/__init__.py",  # the version that every page prints
    "book/dorabook/live",
)  # what every page depends on


def main() -> int:
    build = ROOT / "_build"
    try:
        with locked(build) as lock:
            return build_site(build / "work", build / "html", lock)
    except OSError as error:
        print(disk.sentence(error, "The site"), file=sys.stderr)
        return 1


@contextmanager
def locked(build: Path) -> Iterator[int]:
    """One at a time: a second build waits for the first, also where only its Sphinx is left. Gives the lock's file number."""
    build.mkdir(exist_ok=True)
    with open(build / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def build_site(work: Path, target: Path, lock: int) -> int:
    built, mark = work / "built-from", fingerprint()
    if not built.exists() or built.read_text() != mark:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    built.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    options = ["--path-output", str(work), "-W", "-n", "--keep-going", "-q"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([*command, *options], cwd=ROOT, pass_fds=[lock], **streams)
    if done.returncode and (full := disk.cause(done.stdout)):
        raise full
    if done.returncode:
        print(done.stdout[-4000:], file=sys.stderr)
        print(
            f"The site was not built: see the messages above. {target.relative_to(ROOT)} is as it was.", file=sys.stderr
        )
        return 1
    publish(work / "_build" / "html", target)
    built.write_text(mark)
    print(f"The site is in {target.relative_to(ROOT)}")
    return 0


def fingerprint() -> str:
    """Changes with any file that every page depends on."""
    files = [file for name in SOURCES for file in sorted([ROOT / name, *(ROOT / name).rglob("*")]) if file.is_file()]
    known = [
        f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}"
        for file in files
        if "__pycache__" not in file.parts
    ]
    return "\n".join(known)


def publish(source: Path, target: Path) -> None:
    """Make `target` hold what `source` holds: laid out beside it, then put in its place. A file that did not change keeps its date."""
    new, old = (target.with_name(f".{target.name}.{state}") for state in ("new", "old"))
    for left in (new, old):  # by a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            name = file.relative_to(source)
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            there = target / name
            same = there.is_file() and filecmp.cmp(there, file, shallow=False)
            shutil.copy2(there, new / name) if same else shutil.copyfile(file, new / name)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)  # on a full disk what there was room for
        raise
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
