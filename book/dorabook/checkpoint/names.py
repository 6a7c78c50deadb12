"""A layer's name in one library's spelling: "." is "_", and words that say where a layer was and not which one it is are left out."""

import re
from functools import lru_cache

from .rules import RULES, rewriting

NAMES = RULES["names"]
WRAPPERS, BLOCK = (re.compile(NAMES[name], re.DOTALL) for name in ("wrappers", "block"))
NEUTRAL = re.compile(rf"(?:{NAMES['neutral']})*(?=.)", re.DOTALL)
respelled = rewriting(NAMES["spellings"])
COMPONENTS = {word: re.compile(rf"(?:{begins})(?=.)", re.DOTALL) for word, begins in NAMES["components"].items()}


@lru_cache(maxsize=1 << 14)  # a name is asked for by its layer, its factors and its weight
def canonical(name: str) -> tuple[str, str]:
    """The part of a model that a name is in, "" where it does not say, and the layer's name there, in one library's spelling."""
    rest = WRAPPERS.sub("", name.replace(".", "_")).strip("_") or name
    component = ""
    rest = rest[NEUTRAL.match(rest).end() :] if rest else rest
    for word, begins in COMPONENTS.items():
        if found := begins.match(rest):
            component, rest = word, rest[found.end() :]
            rest = rest[NEUTRAL.match(rest).end() :]
            break
    rest = BLOCK.sub(lambda block: NAMES["blocks"].get(block[0], block[0]), rest)
    return component, respelled(rest)
