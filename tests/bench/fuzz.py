"""Reads many broken adapters: each must give a verdict or one sentence. `PYTHONPATH=book:tests python -m bench.fuzz 100000`"""

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dorabook.checkpoint import Refused, judge
from fuzz_headers import mutants


def main(count: int, seed: int = 0) -> None:
    said, slowest, start = Counter(), 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.safetensors"
        for done, raw in mutants(seed, count):
            path.write_bytes(raw)
            began = time.perf_counter()
            sentence = ""
            try:
                judge(path)
            except Refused as refused:
                sentence = str(refused)
            assert not sentence or (sentence.startswith(path.name) and "\n" not in sentence), (done, sentence)
            said["refused" if sentence else "judged"] += 1
            slowest = max(slowest, time.perf_counter() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} files in {time.perf_counter() - start:.0f} s: {dict(said)}, slowest {slowest:.2f} s, at most {memory:.0f} MB in all"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
