"""A plugin for pytest to load before all others: nbval would begin with seconds of imports that nothing here needs."""

import sys

sys.modules["rfc3987_syntax"] = None  # jsonschema tries it, as it does a dozen others, and goes on without
