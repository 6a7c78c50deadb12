"""Compare what stands in book/_ext/vendor with the releases it came from, byte by byte, as npm gives them now.

python tools/vendored.py
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "book" / "_ext" / "vendor"
RELEASES = {  # of each folder: the package with its version, and where its files lie in that
    "reveal": (
        "reveal.js@6.0.2",
        {"reveal.js": "dist/reveal.js", "reveal.css": "dist/reveal.css", "LICENSE": "LICENSE"},
    ),
    "temml": ("temml@0.13.5", {"temml.min.js": "dist/temml.min.js", "LICENSE": "LICENSE"}),
}


def released(package: str) -> dict[str, bytes]:
    """The files of a release by their paths in it."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", package], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"npm does not give {package}: {(done.stderr.strip() or 'no reason').splitlines()[-1]}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            files = [one for one in archive.getmembers() if one.isfile()]
            return {one.name.removeprefix("package/"): archive.extractfile(one).read() for one in files}


def different(vendor: Path, fetch=released) -> list[str]:
    """A sentence for each file that is not its release's, or that no release is named for."""
    known = {f"{folder}/{name}" for folder, (_, files) in RELEASES.items() for name in files}
    there = {path.relative_to(vendor).as_posix() for path in vendor.rglob("*") if path.is_file()}
    wrong = [f"{name} is in no release that is named here." for name in sorted(there - known)]
    for folder, (package, files) in RELEASES.items():
        release = fetch(package)
        for name, place in files.items():
            path = vendor / folder / name
            if not path.is_file() or path.read_bytes() != release.get(place):
                wrong.append(f"{folder}/{name} is not {place} of {package}.")
    return wrong


def main() -> None:
    wrong = different(VENDOR)
    print("\n".join(wrong) or "Every file in book/_ext/vendor is its release's, byte by byte.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
