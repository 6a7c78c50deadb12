"""The same chapter as Jupyter Book builds it by default, with its figures as ipywidgets.

Such a page loads RequireJS, the widget manager, MathJax and anywidget from hosts outside. Here they come from copies: anywidget's
out of its Python package, the others packed by npm into a temporary folder (RequireJS unminified there, so a little larger than
what a reader loads). In the built page only their addresses are changed, to paths under /outside/ on the server of the page itself.
"""

import functools
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import anywidget
from bench.serving import Find, in_folder

OUTSIDE = "/outside/"
CONFIG = "title: Stock\nexecute:\n  execute_notebooks: force\n  timeout: 300\n"
NPM_PATH = re.compile(r"/npm/(?P<name>(?:@[^/]+/)?[^/@]+)@(?P<version>[^/]+)/(?P<file>.+)")
REQUIRE_PATH = re.compile(r"/require\.js/(?P<version>[^/]+)/")


class NoStock(Exception):
    """Why the default page could not be had, as one sentence."""


def build(chapter: Path, folder: Path) -> Find:
    """The default page of `chapter`, built in `folder`; what it gives finds each file that the page asks for."""
    if not shutil.which("npm"):
        raise NoStock("npm is not on this machine, and copies of the outside scripts come through it: install Node")
    book, packages = folder / "book", folder / "packages"
    shutil.copytree(chapter.parent / "dorabook", book / "dorabook", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(chapter, book)
    (book / "_config.yml").write_text(CONFIG)
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: {chapter.stem}\n")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(book)]
    done = subprocess.run(command, capture_output=True, text=True)
    page = book / "_build" / "html" / f"{chapter.stem}.html"
    if done.returncode or "application/vnd.jupyter.widget-view+json" not in page.read_text(encoding="utf-8"):
        raise NoStock(f"Jupyter Book's default build gave no page with widgets: {done.stderr[-1000:]}")
    html = turned_inside(page.read_text(encoding="utf-8"))
    page.write_text(html, encoding="utf-8")
    for path in re.findall(rf'src="({OUTSIDE}[^"]+)"', html):  # here, since npm takes its time and may fail
        if outside(path, packages) is None:
            raise NoStock(f"no copy stands for {path.removeprefix(OUTSIDE)}, which the default page loads")
    built = in_folder(page.parent)
    return lambda path: outside(path, packages) if path.startswith(OUTSIDE) else built(path)


def turned_inside(html: str) -> str:
    """Scripts from other hosts asked for under OUTSIDE; a copy has its own bytes, so it is not held to their hash."""
    html = re.sub(r' integrity="[^"]*"| crossorigin="[^"]*"', "", html)
    return re.sub(r'\b(src|data-jupyter-widgets-cdn)="https://', rf'\1="{OUTSIDE}', html)


def outside(path: str, packages: Path) -> bytes | None:
    """The copy that answers for a path under OUTSIDE."""
    if found := REQUIRE_PATH.search(path):
        return in_folder(unpacked("requirejs", found["version"], packages))("require.js")
    found = NPM_PATH.search(path)
    if not found:
        return None
    if found["name"] == "anywidget":
        return (Path(anywidget.__file__).parent / "nbextension" / "index.js").read_bytes()
    return in_folder(unpacked(found["name"], found["version"], packages))(found["file"])


@functools.cache
def unpacked(name: str, version: str, packages: Path) -> Path:
    """The folder of a package from npm."""
    target = packages / f"{name.replace('/', '-')}@{version}"
    target.mkdir(parents=True)
    done = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"], cwd=target, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise NoStock(f"npm could not pack {name}@{version}: {done.stderr.strip()[-300:]}")
    with tarfile.open(next(target.glob("*.tgz"))) as archive:
        archive.extractall(target, filter="data")
    return target / "package"
