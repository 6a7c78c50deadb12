"""Build the site into _build/html: warnings are errors, and what is there stays as it was until a build has succeeded.

Sphinx works in _build/work, where it keeps what it need not read again. A build that failed or was killed leaves its mark there,
and the next one starts afresh: Sphinx reports a page's warnings only while it reads that page, and takes a half-written page for a
finished one.
"""

import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    build.mkdir(exist_ok=True)
    with open(build / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second build waits for the first, also where only its Sphinx is left
        return build_site(build / "work", build / "html", lock.fileno())


def build_site(work: Path, target: Path, lock: int) -> int:
    built, mark = work / "built-from", fingerprint()
    if not built.exists() or built.read_text() != mark:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    built.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    options = ["--path-output", str(work), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True, pass_fds=[lock])
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
    """Make `target` hold what `source` holds, one whole file at a time."""
    wanted = {file.relative_to(source) for file in source.rglob("*") if file.is_file()}
    for name in sorted(
        wanted, key=lambda name: name.suffix == ".html"
    ):  # pages last: what they link is there before them
        old, new = target / name, source / name
        if old.is_file() and filecmp.cmp(old, new, shallow=False):
            continue
        old.parent.mkdir(parents=True, exist_ok=True)
        half = old.with_name(f".{old.name}.new")
        shutil.copyfile(new, half)
        os.replace(half, old)
    for file in [file for file in target.rglob("*") if file.is_file() and file.relative_to(target) not in wanted]:
        file.unlink()


if __name__ == "__main__":
    sys.exit(main())
