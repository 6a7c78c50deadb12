"""What to do with an adapter, by the axes that were found. Flags and versions are those of the book's field guide."""

from collections.abc import Iterable

from .judging import LayerVerdict
from .rules import RULES


def remedies(layers: Iterable[LayerVerdict]) -> list[str]:
    """Sentences, each a paragraph: the flags for each axis found, how to move the adapter, and the check that it worked."""
    found, by_axis = {layer.axis for layer in layers}, RULES["remedies"]
    return [*(by_axis[axis] for axis in RULES["report"]["axes"] if axis in found), *by_axis["always"]]
