"""Programs that run beside a test: started and ended, waited for, on a port of their own."""

import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import HTTPServer

STARTING = 300  # seconds, on a machine that has much to do besides
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


def interrupted(command: list[str], when: str, before: Callable[[], None] = bool, **options: object) -> tuple[int, str]:
    """Its exit code and what stood on its terminal, where Ctrl-C is pressed, after `before()`, as soon as `when` stands there."""
    ours, its = pty.openpty()

    def in_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a command in the background, as these tests may be, hears none

    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, preexec_fn=in_terminal, **options) as process:
        os.close(its)
        said, pressed = b"", False
        while piece := read_terminal(ours):
            said += piece
            if not pressed and when in said.decode(errors="replace"):
                before()
                os.write(ours, b"\x03")
                pressed = True
        os.close(ours)
        return process.wait(STARTING), said.decode()


def read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # nobody is left who writes to it
        return b""


@contextmanager
def answering(server: HTTPServer) -> Iterator[HTTPServer]:
    """The server, which answers until the block ends. It looks a hundred times a second whether to end, where its own way is twice."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


def waited(found: Callable[[], object], of: subprocess.Popen | None = None) -> object:
    """What `found` gives once it neither fails nor gives nothing, while the program `of` which it is goes on."""
    end = time.monotonic() + STARTING
    while True:
        if of and of.poll() is not None:
            raise ChildProcessError(f"{of.args[0]} has ended with status {of.returncode}")
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
