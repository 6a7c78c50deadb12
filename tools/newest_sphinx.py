"""Build the site with the newest Sphinx and MyST-NB, from the same settings and without Jupyter Book, and list what differs.

    make newest

Jupyter Book turns _config.yml into Sphinx's settings here, and a Python of its own in _build/newest builds with them; warnings are
errors. A page differs where an element or a word of its main part does.
"""

import difflib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import build_site
from bs4 import BeautifulSoup
from jupyter_book.config import get_final_config

ROOT = build_site.ROOT
FOLDER = ROOT / "_build" / "newest"
# Of Jupyter Book alone: extensions that make nothing of a page, and what is set for them
ITS_EXTENSIONS = ("jupyter_book", "sphinx_comments")
ITS_SETTINGS = ("comments_config", "use_jupyterbook_latex", "use_multitoc_numbering", "latex_engine")
BUILD = """
import json, sys
from pathlib import Path
from sphinx.application import Sphinx
root, folder = map(Path, sys.argv[1:])
sys.path.append(str(root / "book" / "_ext"))
options = {"status": None, "freshenv": True, "warningiserror": True}
app = Sphinx(root, None, folder / "html", folder / "doctrees", "html", json.load(sys.stdin), **options)
app.build()
sys.exit(app.statuscode)
"""


def settings() -> dict:
    """What Jupyter Book makes of _config.yml, without what is for its own extensions."""
    made, _ = get_final_config(user_yaml=ROOT / "_config.yml", cli_config={"latex_individualpages": False})
    made["extensions"] = [name for name in made["extensions"] if name not in ITS_EXTENSIONS]
    return {name: value for name, value in made.items() if name not in ITS_SETTINGS} | {"nitpicky": True}


def build() -> int:
    command = [FOLDER / "bin" / "python", "-c", BUILD, ROOT, FOLDER]
    return subprocess.run(command, input=json.dumps(settings()), text=True, cwd=ROOT).returncode


def main_part(page: Path) -> list[str]:
    """A line for each tag and each text, wherever it stands in the tree."""
    main = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").main
    return [line.strip() for line in main.prettify().splitlines()] if main else []


def differences(pinned: Path, newest: Path) -> Iterator[tuple[str, list[str]]]:
    """(page, the lines that differ); of a file that one of the two sites lacks (file, ["only in ..."])."""
    sites = {"the pinned site": pinned, "the newest": newest}
    have = {
        words: {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
        for words, site in sites.items()
    }
    for name in sorted(set.union(*have.values())):
        if only := [words for words in sites if name not in have[words]]:
            yield name, [f"not in {only[0]}"]
        elif name.endswith(".html"):
            both = difflib.unified_diff(main_part(pinned / name), main_part(newest / name), n=0, lineterm="")
            if changed := [line for line in both if not re.match(r"---|\+\+\+|@@", line)]:
                yield name, changed


def main() -> int:
    if build_site.main() or build():
        return 1
    found = list(differences(ROOT / "_build" / "html", FOLDER / "html"))
    for name, changed in found:
        print(name, *changed, sep="\n    ")
    print(
        f"{len(found)} pages and files differ from the pinned build's, in {sum(len(changed) for _, changed in found)} lines"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
