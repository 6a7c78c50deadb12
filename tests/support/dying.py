"""Runs a function in a child process that is killed at a chosen write, in the middle of a file, or whose files cannot grow."""

import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
HANG = 60  # seconds


def killed(act: Callable, *, at: int, by: signal.Signals = signal.SIGKILL) -> bool:
    """Whether `act` was still running at its change number `at` of the file system: there it is killed, just before."""

    def prepare() -> None:
        left = at

        def hook(event: str, arguments: tuple) -> None:
            nonlocal left
            if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), by)

        sys.addaudithook(hook)

    return ended(act, prepare, by)


def cut(act: Callable, *, size: int) -> bool:
    """Whether `act` wrote a file of more than `size` bytes: there the system kills it, in the middle of the file."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return ended(act, prepare, signal.SIGXFSZ)


def ended(act: Callable, prepare: Callable, by: signal.Signals) -> bool:
    """Run both in a child. True where the signal `by` ended it, False where it came to its end; else an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child does nothing but write files
        child = os.fork()
    if child == 0:
        try:
            if by != signal.SIGKILL:
                signal.signal(by, signal.SIG_DFL)
            signal.alarm(HANG)
            prepare()
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == by:
        return True
    assert status == 0, f"the child ended with status {status}"
    return False
