"""Put the reader of checkpoints into _build/dora_axis-<version>-py3-none-any.whl: it is installed alone and gives the command dora-axis.

The package is dorabook's command.py, text.py and checkpoint as they are, under a name of its own; a wheel is an archive with three files more.
Written here rather than by a build backend, which would have to be fetched. The same sources give the same bytes.
"""

import base64
import hashlib
from pathlib import Path

import disk
import publish_notebooks
from make_zip import packed

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book" / "dorabook"
WHEEL = "Wheel-Version: 1.0\nGenerator: make_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
METADATA = """Metadata-Version: 2.4
Name: dora-axis
Version: {version}
Summary: Tell which axis the magnitudes of a DoRA adapter lie along, and merge it on that axis
License-Expression: MIT
License-File: LICENSE
Requires-Python: >=3.11
Requires-Dist: numpy>=1.26
Requires-Dist: safetensors>=0.5

`dora-axis adapter.safetensors --base model.safetensors` says of every layer which axis its magnitudes are on, how sure
that is and why. It belongs to the book "What is DoRA's magnitude vector?".
"""


def make(folder: Path) -> Path:
    version = publish_notebooks.standalone.version()
    files = {f"dora_axis/{path.relative_to(BOOK).as_posix()}": path.read_bytes() for path in sources()}
    info = f"dora_axis-{version}.dist-info"
    files |= {
        f"{info}/licenses/LICENSE": (ROOT / "LICENSE").read_bytes(),
        f"{info}/METADATA": METADATA.format(version=version).encode(),
        f"{info}/WHEEL": WHEEL.encode(),
        f"{info}/entry_points.txt": b"[console_scripts]\ndora-axis = dora_axis.command:main\n",
    }
    record = [f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    return packed(folder / f"dora_axis-{version}-py3-none-any.whl", files)


def sources() -> list[Path]:
    return [
        BOOK / "__init__.py",
        BOOK / "command.py",
        BOOK / "text.py",
        *sorted((BOOK / "checkpoint").glob("*.py")),
        BOOK / "checkpoint/rules.json",
    ]


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def main() -> None:
    made = disk.made(make, "The wheel")
    print(f"The command dora-axis is in {made}: pip install {made.split(',')[0]}")


if __name__ == "__main__":
    main()
