"""Programs that run beside a test: started and ended, waited for, on a port of their own."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STARTING = 60  # seconds
ENDING = 10


@contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def waited(found: Callable[[], object]) -> object:
    """What `found` gives once it neither fails nor gives nothing."""
    end = time.monotonic() + STARTING
    while True:
        try:
            if value := found():
                return value
        except OSError:
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was there after {STARTING} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
