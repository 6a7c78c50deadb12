"""Put the built site into _build/dora-magnitude-<version>.zip: the same site gives the same bytes."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import build_site
import disk
import publish_notebooks

BUILD = Path(__file__).parents[1] / "_build"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the oldest date an archive can hold
README = """What is DoRA's magnitude vector? Version {version}.
Open index.html in a browser: figures, formulas and search work from the disk, without a network.
The chapters as notebooks are in the folder notebooks; each runs alone in Jupyter, VS Code or Colab.
"""


def make(site: Path, folder: Path) -> Path:
    """The archive of `site`, in `folder`, with everything below one top folder."""
    version = publish_notebooks.standalone.version()
    name = f"dora-magnitude-{version}"
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    files["README.txt"] = README.format(version=version).encode()
    return packed(folder / f"{name}.zip", {f"{name}/{file}": content for file, content in sorted(files.items())})


def packed(target: Path, files: dict[str, bytes], *, plain: tuple[str, ...] = ()) -> Path:
    """An archive of `files` in their order, the `plain` ones as they are and all others compressed."""
    with disk.making(target) as half, zipfile.ZipFile(half, "w") as archive:
        for file, content in files.items():
            entry = zipfile.ZipInfo(file, LONG_AGO)
            entry.external_attr = 0o644 << 16
            kind = zipfile.ZIP_STORED if file in plain else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, kind, compresslevel=9)
    return target


def of_the_site(make: Callable[[Path, Path], Path], *, wanted: str, name: str) -> None:
    """What a command does that makes one file of the built site."""
    if not (BUILD / "html" / "index.html").exists():
        sys.exit(f"There is no site to {wanted}, which builds it first.")
    try:
        with build_site.locked(BUILD):  # no build may change the site meanwhile
            made = make(BUILD / "html", BUILD)
    except OSError as error:
        sys.exit(disk.sentence(error, name))
    print(f"The book is in {made.relative_to(BUILD.parent)}, {made.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    of_the_site(make, wanted="put into an archive: run make zip", name="The archive")


if __name__ == "__main__":
    main()
