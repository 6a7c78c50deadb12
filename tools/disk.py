"""Files that are written whole or not at all, and what is said where they cannot be written.

    python tools/disk.py

says whether the book's folder can be written to and whether there is room, before a long command finds out.
"""

import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDED = 100_000_000  # bytes: the site twice, while one takes the other's place, and what the tests write
ROOM = "make room on this disk"
ELSEWHERE = "copy the book to a folder of yours"
WAY_OUT = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
}


@contextmanager
def making(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to. What is there at the end takes the place of `path`, at once; of a failure nothing stays."""
    half = path.with_name(f".{path.name}.new")
    try:
        yield half
        os.replace(half, path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def replace(path: Path, content: str) -> None:
    """The old file or the new one, never half of one."""
    with making(path) as half:
        half.write_bytes(content.encode("utf-8"))


def sentence(error: OSError, what: str) -> str:
    """One sentence: what cannot be written, why, and what to do."""
    reason = error.strerror or str(error)
    way_out = WAY_OUT.get(error.errno, "see to that")
    return f"{what} cannot be written ({reason}): {way_out}, and run the command again. What was there is as it was."


def made(make: Callable[[Path], Path], what: str) -> str:
    """Make one file in _build, and say where it is and how large. The program ends in one sentence where it cannot be written."""
    build = ROOT / "_build"
    try:
        build.mkdir(exist_ok=True)
        file = make(build)
    except OSError as error:
        sys.exit(sentence(error, what))
    return f"{file.relative_to(ROOT)}, {file.stat().st_size / 1e3:.0f} kB"


def cause(output: str) -> OSError | None:
    """What a program that failed says of the disk, if that is why."""
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", output)]
    found = next((number for number in reversed(numbers) if number in WAY_OUT), None)
    return OSError(found, os.strerror(found)) if found else None


def check(folder: Path, needed: int = NEEDED) -> None:
    """OSError where `folder` cannot be written to, or has less room than is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".room-"):
        free = shutil.disk_usage(folder).free
    if free < needed:
        text = f"{free / 1e6:,.0f} MB of the disk are free, and {needed / 1e6:,.0f} are needed"
        raise OSError(errno.ENOSPC, text)


def main() -> None:
    try:
        check(ROOT / "_build")
    except OSError as error:
        sys.exit(sentence(error, "The book's folder"))


if __name__ == "__main__":
    main()
