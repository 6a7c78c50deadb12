"""The rows that a bench prints: what was measured, beside today's default, the budget, and whether it is met."""

import statistics

Row = tuple[str, str, str, str, str]
HEAD: Row = ("what", "stock", "ours", "budget", "met")
MISSING = "not had"


def kilo(size: int) -> str:
    return f"{size / 1000:,.0f} kB"


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):,.0f} ms ({min(times):,.0f} to {max(times):,.0f})"


def met(value: float, budget: float) -> str:
    return "yes" if value <= budget else "NO"


def table(rows: list[Row]) -> str:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
