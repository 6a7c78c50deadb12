from .two_roads import TwoRoads

__all__ = ["TwoRoads"]
