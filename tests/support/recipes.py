"""The code of a page, block by block, so that a test runs what a reader would copy."""

import re
from pathlib import Path

DRIVE = Path(__file__).parents[2] / "book" / "back" / "drive-from-python.md"


def blocks(page: Path = DRIVE) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
