from .knobs import Knobs

__all__ = ["Knobs"]
