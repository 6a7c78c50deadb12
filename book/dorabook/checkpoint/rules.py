"""The rules that this reader and the page's share, from rules.json: key families, names, dtypes, limits, thresholds and every sentence."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from ..text import shaped

RULES = json.loads(__loader__.get_data(str(Path(__file__).with_name("rules.json"))))
SENTENCES = RULES["sentences"] | RULES["of the disk"]  # the latter of paths, which a page does not see
PLACE = re.compile(r"\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}")


def say(sentence: str, **values: object) -> str:
    """A sentence of the rules: `{n}` is a number, a shape or a word, and `{n|one|many}` a word that follows the number n."""

    def put(place: re.Match) -> str:
        value = values[place[1]]
        if place[2] is not None:
            return place[2] if value == 1 else place[3]
        return shaped(value) if isinstance(value, tuple) else f"{value:,}" if isinstance(value, int) else value

    return PLACE.sub(put, SENTENCES[sentence])


def rewriting(pairs: list[list[str]]) -> Callable[[str], str]:
    """What gives a text after each [pattern, replacement] in turn; a replacement names groups as $1."""
    steps = [(re.compile(pattern), re.sub(r"\$(\d)", r"\\g<\1>", replacement)) for pattern, replacement in pairs]

    def rewritten(text: str) -> str:
        for pattern, replacement in steps:
            text = pattern.sub(replacement, text)
        return text

    return rewritten


def matched(pattern: str, text: str) -> re.Match | None:
    """As the page matches: the whole text, whose lines may end anywhere."""
    return re.fullmatch(pattern, text, re.DOTALL)
