"""Live figures: the same widget on the static page, in Jupyter and in Colab."""

from .axis_detective import AxisDetective
from .direction_dial import DirectionDial
from .field_matrix import FieldMatrix
from .figure import Description, LiveFigure
from .figure_box import FigureBox
from .knobs import Knobs
from .norm_explorer import NormExplorer, NormMonitor
from .parameter_counter import ParameterCounter
from .predict import Predict
from .training_race import TrainingRace
from .two_roads import TwoRoads

__all__ = [
    "AxisDetective",
    "Description",
    "DirectionDial",
    "FieldMatrix",
    "FigureBox",
    "Knobs",
    "LiveFigure",
    "NormExplorer",
    "NormMonitor",
    "ParameterCounter",
    "Predict",
    "TrainingRace",
    "TwoRoads",
]
