from .direction_dial import DirectionDial

__all__ = ["DirectionDial"]
