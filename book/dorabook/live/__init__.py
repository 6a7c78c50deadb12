"""Live figures: the same widget on the static page, in Jupyter and in Colab."""

from .direction_dial import DirectionDial
from .figure import Description, LiveFigure
from .norm_explorer import NormExplorer
from .predict import Predict

__all__ = ["Description", "DirectionDial", "LiveFigure", "NormExplorer", "Predict"]
