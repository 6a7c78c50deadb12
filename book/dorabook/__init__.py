"""Helpers of the book on DoRA's magnitude vector: norms, layers, counts, exercises and figures."""

__version__ = "0.9.0"
