"""Who writes a DoRA adapter, who reads it, and what happens between them: measured cells, to filter and to sort."""

import json
from pathlib import Path

from ..figure import LiveFigure
from ..traits import Choice

CELLS = json.loads(__loader__.get_data(str(Path(__file__).with_name("cells.json"))))
EVERY = "all"
WRITERS, READERS = ((EVERY, *(name for name, *_ in CELLS[kind])) for kind in ("writers", "readers"))


class FieldMatrix(LiveFigure):
    """`FieldMatrix(writer="LyCORIS 4.1.3", reader="InvokeAI")` shows one cell, "all" a row, a column or the whole.

    `route` is "as written", or "translated": a converter gave the file the reader's names and m the reader's shape. `order` is
    "axis", or "harm", which puts first what loses most.
    """

    figure = "field-matrix"
    writer = Choice(*WRITERS).tag(sync=True, state=True)
    reader = Choice(*READERS).tag(sync=True, state=True)
    route = Choice("as written", "translated").tag(sync=True, state=True)
    order = Choice("axis", "harm").tag(sync=True, state=True)
