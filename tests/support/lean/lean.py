"""A plugin for pytest to load before all others: what would cost seconds in each process, and nothing here needs."""

import gc
import sys

sys.modules["rfc3987_syntax"] = None  # jsonschema, which nbval imports, tries it and goes on without


def pytest_collection_finish() -> None:
    """What is imported stays: looked through for rubbish again and again, it took a quarter of the time of all unit tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
