"""Draw book/_ext/themes/dora/static/preview.png, which other sites show beside a link to the book: the README's picture under the title.

Run it from the repository's root: PYTHONPATH=book .venv/bin/python tools/preview_picture.py
"""

from pathlib import Path

import readme_picture
import yaml
from dorabook.figures import use_style

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "book" / "_ext" / "themes" / "dora" / "static" / "preview.png"
SIZE = (1200, 630)  # pixels, what link previews are cut to
DPI = 150

if __name__ == "__main__":
    use_style()
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    figure = readme_picture.draw(readme_picture.WEIGHT)
    figure.set_size_inches(SIZE[0] / DPI, SIZE[1] / DPI)
    figure.suptitle(title, fontsize=17, fontweight="bold")
    figure.savefig(TARGET, dpi=DPI, bbox_inches=None, facecolor="white", pil_kwargs={"optimize": True})
