from .parameter_counter import ParameterCounter

__all__ = ["ParameterCounter"]
