"""A kernel that begins with the packages imported which a chapter imports: a fork of one process, in place of seconds for each.

    python warm.py CONNECTION-FILE

Jupyter starts this as it starts any kernel. It asks the process for a fork with its own folder, environment and output, and
lasts as long as that. Who asks first starts the process; five minutes without kernels end it. The book's own package is not
imported, and an import that says anything fails, as it would in the notebook that it is said in.
"""

import contextlib
import fcntl
import gc
import hashlib
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IDLE, STARTING = 300, 300  # seconds
# Not pyplot, which looks for the kernel as it is imported.
IMPORTED = (
    "ipykernel.kernelapp",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "peft",
    "scipy.stats",
    "torch",
)
NUMBERS = ("MKL_", "OMP_", "PYTHON")  # what such a setting changes is settled by the imports; torch reads ATEN_'s later


def place() -> Path:
    """The socket of the process, of which there is one for each interpreter and its settings."""
    settings = sorted((name, value) for name, value in os.environ.items() if name.startswith(NUMBERS))
    folder = Path(tempfile.gettempdir()) / f"warm-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        sys.exit(f"{folder} is another user's: remove it.")
    return (
        folder
        / hashlib.sha256(repr((sys.executable, settings, os.stat(__file__).st_mtime_ns)).encode()).hexdigest()[:16]
    )


# ---- who asks


def ask(connection_file: str) -> int:
    with linked(place()) as link:
        asked = {"file": os.path.abspath(connection_file), "folder": os.getcwd(), "environment": dict(os.environ)}
        text = json.dumps(asked).encode()
        socket.send_fds(link, [struct.pack("I", len(text))], [1, 2])
        link.sendall(text)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: link.sendall(bytes([number])))
        ended = link.recv(1)
        return ended[0] if ended else 1


def linked(at: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    with open(at.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            link.connect(str(at))
            return link
        at.unlink(missing_ok=True)
        with open(at.with_suffix(".log"), "w") as said:
            process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        end = time.monotonic() + STARTING
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                link.connect(str(at))
                return link
            time.sleep(0.02)
    sys.exit(f"There is no process to fork a kernel from: {at.with_suffix('.log').read_text()}")


# ---- the process


class Through:
    """Standard error or output as it is now, for a handler that is made once, before the kernel has its own."""

    def __init__(self, name: str):
        self.name, self.first = name, getattr(sys, name)
        self.buffer = self.first.buffer  # by which a kernel knows what goes to the terminal

    def now(self):
        found = getattr(sys, self.name)
        return self.first if found is self else found

    def write(self, text: str) -> int:
        return self.now().write(text)

    def flush(self) -> None:
        self.now().flush()

    def __getattr__(self, name: str):
        return getattr(self.now(), name)


def serve() -> None:
    at = place()
    del sys.path[0]  # this file's folder, which no kernel has
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel sets it, before its imports
    sys.stdout, sys.stderr = Through("stdout"), Through("stderr")
    preload()
    sys.stdout.flush()
    if said := at.with_suffix(".log").read_text():
        sys.exit(f"An import says something: {said}")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen(64)
    kernels: dict[socket.socket, tuple[int, int]] = {}  # who asked: the fork, and a pipe that ends with it
    while True:
        ready, _, _ = select.select([listener, *kernels, *(pipe for _, pipe in kernels.values())], [], [], IDLE)
        if not ready and not kernels:
            at.unlink(missing_ok=True)
            return
        for link, (child, pipe) in [*kernels.items()]:
            if pipe in ready:
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                with contextlib.suppress(OSError):
                    link.sendall(bytes([min(abs(status), 255)]))
            elif link in ready:
                number = link.recv(1)
                os.kill(child, number[0] if number else signal.SIGKILL)
                if number:
                    continue
                os.waitpid(child, 0)
            else:
                continue
            link.close()
            os.close(pipe)
            del kernels[link]
        if listener in ready:
            link, _ = listener.accept()
            kernels[link] = forked(link, [listener, *kernels], [pipe for _, pipe in kernels.values()])


def forked(link: socket.socket, sockets: list[socket.socket], pipes: list[int]) -> tuple[int, int]:
    size, outputs, _, _ = socket.recv_fds(link, 4, 2)
    text = b""
    while len(text) < struct.unpack("I", size)[0]:
        text += link.recv(1 << 16)
    pipe, end = os.pipe()
    if child := os.fork():
        for one in (end, *outputs):
            os.close(one)
        return child, pipe
    for one in (link, *sockets):
        one.close()
    for one in (pipe, *pipes):
        os.close(one)
    os.setsid()
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    kernel(**json.loads(text))
    os._exit(0)


def preload() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # a fork that looked through it for rubbish would copy it


def kernel(file: str, folder: str, environment: dict[str, str]) -> None:
    import random

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    random.seed()
    np.random.seed()
    os.environ.clear()
    os.environ.update(
        {name: value for name, value in environment.items() if name != "JPY_PARENT_PID"}
    )  # not its parent
    if asked := environment.get("ATEN_CPU_CAPABILITY"):
        import torch

        has = torch.backends.cpu.get_cpu_capability()
        assert has == asked.upper(), (
            f"torch has read its settings when it was imported: it takes {has} code, not {asked}"
        )
    os.chdir(folder)
    sys.argv = ["ipykernel_launcher", "-f", file]
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1]) if sys.argv[1:] else serve())
