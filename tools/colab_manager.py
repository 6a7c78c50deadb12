"""Get the widget manager that tests/colab/figures.py drives the figures in: Colab's own, or the nearest there is to it.

    python tools/colab_manager.py

Colab's is at the address that its `google.colab` package names, and in no registry. Where that address cannot be reached,
@jupyter-widgets/html-manager from npm takes its place: of the same months as the parts that Colab's is made of, with RequireJS to
load a widget's scripts. What was got lies in _build/colab/manager and is not got again.
"""

import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import disk

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "_build" / "colab" / "manager"
ADDRESS = "https://ssl.gstatic.com/colaboratory-static/widgets/colab-cdn-widget-manager/2b70e893a8ba7c0f/manager.min.js"
OWN = FOLDER / "colab.js"
INSTEAD = {  # npm package -> the file of it that a page loads, in this order
    "requirejs@2.3.8": "package/require.js",
    "@jupyter-widgets/html-manager@0.21.0-alpha.4": "package/dist/embed-amd.js",
}


def scripts() -> list[Path]:
    """What a page loads before the host's module; none for Colab's own manager, which is a module itself."""
    return [] if OWN.exists() else [FOLDER / Path(name).name for name in INSTEAD.values()]


def module() -> Path:
    """What the host imports."""
    return OWN if OWN.exists() else ROOT / "tests" / "colab" / "html_manager.js"


def take(package: str, name: str) -> None:
    """One file of a package."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, package]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["npm gave no reason"])[-1]
            raise RuntimeError(f"npm could not get {package}: {last}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as packed:
            content = packed.extractfile(name).read()
    disk.replace(FOLDER / Path(name).name, content.decode("utf-8"))


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not OWN.exists():
        try:
            with urllib.request.urlopen(ADDRESS, timeout=30) as answer:
                disk.replace(OWN, answer.read().decode("utf-8"))
        except OSError as error:
            reason = f"Colab's own is not to be had ({error})"
    if OWN.exists():
        return print("The figures are driven in Colab's own widget manager.")
    try:
        for package, name in INSTEAD.items():
            if not (FOLDER / Path(name).name).exists():
                take(package, name)
    except FileNotFoundError:
        sys.exit(f"{reason}, and there is no npm to get another with: connect to the network, or install npm.")
    except RuntimeError as error:
        sys.exit(f"{reason}, and {error}")
    print(f"{reason}: the figures are driven in {' with '.join(reversed(INSTEAD))}, and not in Colab's widget manager.")


if __name__ == "__main__":
    main()
