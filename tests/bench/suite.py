"""How long every check takes: `make test` once more, with everything installed. A run that fails says so.

TESTS=1 make bench
"""

import subprocess
import time

import build_site
from bench.record import keep
from bench.table import Row, met

MINUTES = 5


def main() -> None:
    rows = [row()]
    print(*rows[0], sep="  ")
    keep("suite", rows)


def row() -> Row:
    start = time.perf_counter()
    done = subprocess.run(["make", "test"], cwd=build_site.ROOT, capture_output=True, text=True)
    minutes = (time.perf_counter() - start) / 60
    if done.returncode:
        raise SystemExit(f"make test failed, so that its time says nothing:\n{done.stdout[-3000:]}")
    told = ", ".join(line.split(" in ")[0] for line in done.stdout.splitlines() if " passed in " in line)
    return (
        "make test, everything installed",
        "–",
        f"{minutes:.1f} min: {told}",
        f"≤ {MINUTES} min",
        met(minutes, MINUTES),
    )


if __name__ == "__main__":
    main()
