from .norm_explorer import NormExplorer
from .norm_monitor import NormMonitor

__all__ = ["NormExplorer", "NormMonitor"]
