"""Write every chapter as a notebook that stands alone, and the copies of its exercises.

    python tools/publish_notebooks.py FOLDER

This is what the branch published-<version> holds, file for file. Links lead to the site where BOOK_ADDRESS, or html: baseurl in _config.yml, says where it is.
"""

import os
import sys
from pathlib import Path

import disk
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
import exercises  # noqa: E402
import publish  # noqa: E402
import standalone  # noqa: E402


def chapters() -> list[Path]:
    return sorted((ROOT / "book").glob("[0-9]*-*.ipynb"))


def site() -> str:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return publish.site_address(config.get("html", {}).get("baseurl") or "", os.environ)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        sys.exit("Name the folder to write to: python tools/publish_notebooks.py FOLDER")
    folder = Path(arguments[0])
    try:
        made = standalone.write_notebooks(chapters(), folder, site=site())
        made += exercises.write_copies(chapters(), folder / exercises.FOLDER, site=site())
    except OSError as error:
        sys.exit(disk.sentence(error, arguments[0]))
    for path in made:
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
