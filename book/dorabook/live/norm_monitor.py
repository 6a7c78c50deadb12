"""NormMonitor: a NormExplorer for a layer that trains."""

from typing import Any

import traitlets

from .figure import LiveFigure
from .norm_explorer import NormExplorer, overview
from .traits import Matrix

SEEN = ("shape", "norms", "across", "map")  # of a weight, as a page keeps a large one


class NormMonitor(NormExplorer):
    """Set `weight` after every step, to what the layer multiplies with at that moment, and the figure follows.

    To the front end goes what a page keeps of a large weight: its norms along both axes, those of its direction, and a
    map of averages. Of a weight (192, 576) that is about 20 kB in place of 885, so that a slow line keeps up too.
    """

    weight = Matrix().tag(sync=False, state=True)
    shape, norms, across, map = (traitlets.Any().tag(sync=True) for _ in SEEN)

    def __init__(self, weight: Any, **traits: Any) -> None:
        super().__init__(weight, **traits)
        self._follow()
        self.observe(self._follow, "weight")

    def _follow(self, change: Any = None) -> None:
        state = self.state()
        with self.hold_sync():
            for name in SEEN:
                setattr(self, name, state[name])

    def state(self) -> dict[str, Any]:
        return LiveFigure.state(self, instead=overview(self.weight))
