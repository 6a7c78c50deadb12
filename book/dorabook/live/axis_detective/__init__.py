from .axis_detective import AxisDetective

__all__ = ["AxisDetective"]
