"""Numbers as readers see them, written the same way by live/core/text.js: a test compares the two."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal

_TWELVE = Context(prec=12, rounding=ROUND_HALF_UP)  # digits that do not depend on the order of a sum
_FOUR = Context(prec=4, rounding=ROUND_HALF_UP)
_DECIMALS = ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.01, 4), (0.001, 5))


def number(value: float) -> str:
    """Three significant digits, without trailing zeros: 5, 1.37, 0.0246, and at most six decimals."""
    return fixed(value, next((digits for least, digits in _DECIMALS if abs(settled(value)) >= least), 6))


def fixed(value: float, digits: int) -> str:
    """At most `digits` decimals, rounded from the exact binary value as toFixed does, and a true minus sign."""
    rounded = Decimal(settled(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "0") else text.replace("-", "\u2212")


def plural(count: int, noun: str) -> str:
    """1 output, 4 outputs, 1,024 outputs."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def stored(value: float) -> float | int:
    """A number as a page keeps it: four significant digits, whole numbers without a point."""
    short = float(_FOUR.create_decimal_from_float(float(value)))
    return int(short) if short == int(short) else short


def settled(value: float) -> float:
    """`value` to twelve digits: numbers that differ by rounding alone compare equal."""
    return float(_TWELVE.create_decimal_from_float(value))


LONGEST_NAME = 120  # characters of a name that are shown


# What breaks a line, turns the text after it around, or is half a character: controls, marks of direction, lone surrogates.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clipped(name: str) -> str:
    """The name of a file or a tensor, which may be anything: cut when it is long, with "?" for what is not seen itself."""
    shown = UNSEEN.sub("?", name[:LONGEST_NAME])
    return shown + "\u2026" if len(name) > LONGEST_NAME else shown


def shaped(sides: tuple[int, ...]) -> str:
    """A shape of any number of sides: (), (5,), (1, 576)."""
    return str(tuple(sides))
