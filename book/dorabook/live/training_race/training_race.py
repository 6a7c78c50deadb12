"""LoRA, DoRA per output and DoRA per input train side by side on a teacher that the reader shapes.

race.js trains by hand what dorabook.race trains with torch, and the two agree.
"""

from ...race import RATES, STEPS
from ..figure import LiveFigure
from ..traits import Choice, Number


class TrainingRace(LiveFigure):
    """How much the teacher rescales its `output`, its `input` and by how much a rank-2 matrix `turn`s it, each 0 to 1;
    the students' `rank`, the `seed` of all random numbers, the first learning `rate` and whether the `norm` is "detached" or
    "in graph". `steps` of 300 have been taken: a link opens the race there. `by` "rate" shows what is left at the end of
    training at every rate in place of the losses by "step"."""

    figure = "training-race"
    output = Number(0.0, least=0, most=1, step=0.05).tag(sync=True, state=True)
    input = Number(1.0, least=0, most=1, step=0.05).tag(sync=True, state=True)
    turn = Number(0.0, least=0, most=1, step=0.05).tag(sync=True, state=True)
    rank = Number(2, least=1, most=8, whole=True).tag(sync=True, state=True)
    rate = Number(0.02, least=RATES[0], most=RATES[-1]).tag(sync=True, state=True)
    seed = Number(0, least=0, most=9999, whole=True).tag(sync=True, state=True)
    norm = Choice("detached", "in graph").tag(sync=True, state=True)
    steps = Number(0, least=0, most=STEPS, whole=True).tag(sync=True, state=True)
    by = Choice("step", "rate").tag(sync=True, state=True)
