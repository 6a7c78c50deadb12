"""Where the command dora-axis starts: numpy counts its threads as it is loaded.

It works in small pieces one after another: threads that wait for each other at every piece cost far more than they add up.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from .checkpoint.__main__ import main

__all__ = ["main"]
