"""NormMonitor: a NormExplorer for a layer that trains."""

from typing import Any

import traitlets

from ..traits import Matrix
from .norm_explorer import NormExplorer

SEEN = ("shape", "norms", "across", "map")  # of a weight, as a page keeps a large one


class NormMonitor(NormExplorer):
    """Set `weight` after every step, to what the layer multiplies with at that moment, and the figure follows.

    To the front end goes what a page keeps of a large weight: its norms along both axes, those of its direction, and a
    map of averages. Of a weight (192, 576) that is about 20 kB in place of 885, so that a slow line keeps up too.
    """

    weight = Matrix().tag(sync=False, state=True)
    shape, norms, across, map = (traitlets.Any().tag(sync=True) for _ in SEEN)

    @traitlets.observe("weight")  # the first time before the front end hears of the figure
    def _follow(self, change: Any) -> None:
        state = self.state()
        with self.hold_sync():
            for name in SEEN:
                setattr(self, name, state[name])

    _whole = False
