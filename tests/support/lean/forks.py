"""A plugin for pytest: tests are collected once, and whole files run in forks of that process. Each takes the next file when it is ready.

    pytest -p tests.support.lean.forks --forks 4 tests

Four processes that each import and collect for themselves take half a minute of a processor before the first test. `--forks 0`,
the default, leaves pytest as it is.
"""

import gc
import itertools
import os
import pickle
import selectors
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest

NUMBER = struct.Struct("H")  # of a file in the queue, a pipe, from which the forks take turns to read
SIZE = struct.Struct("I")  # of what a fork tells


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, default=0, metavar="N", help="run whole files in N forks of this process")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    count = session.config.getoption("forks")
    if not count or session.testsfailed or session.config.option.collectonly:
        return None
    files = [list(items) for _, items in itertools.groupby(session.items, lambda item: item.nodeid.partition("::")[0])]
    queue, filling = os.pipe()
    os.write(filling, b"".join(map(NUMBER.pack, range(len(files)))))
    os.close(filling)
    session.config._tmp_path_factory.getbasetemp()  # one for all
    gc.freeze()  # what is here by now is nobody's to collect, nor to copy
    forks = [Fork(session, files, queue, name) for name in range(min(count, len(files)))]
    try:
        heard(session, forks)
    finally:
        for fork in forks:
            with suppress(
                ChildProcessError
            ):  # one is left where Ctrl-C was pressed: it hears that too, and closes what it opened
                os.waitpid(fork.process, 0)
    return True


class Fork:
    """One of the processes, as the first one sees it: `at` is the test that it is at."""

    def __init__(self, session: pytest.Session, files: list[list[pytest.Item]], queue: int, name: int) -> None:
        self.ear, mouth = os.pipe()
        self.at, self.left = None, b""
        self.process = os.fork()
        if not self.process:
            os.close(self.ear)
            run(session, files, queue, mouth, name)
        os.close(mouth)

    def tells(self) -> Iterator[tuple[str, object]]:
        """What has come by now, whole; at its end ("ended", status)."""
        piece = os.read(self.ear, 1 << 20)
        self.left += piece
        while len(self.left) >= SIZE.size and len(self.left) >= (end := SIZE.size + SIZE.unpack_from(self.left)[0]):
            yield pickle.loads(self.left[SIZE.size : end])
            self.left = self.left[end:]
        if not piece:
            yield "ended", os.waitpid(self.process, 0)[1]


def heard(session: pytest.Session, forks: list[Fork]) -> None:
    """Hand on what the forks tell, until all have ended. A fork that ends in a test has failed in it."""
    hook, missing = session.config.hook, {item.nodeid for item in session.items}
    with selectors.DefaultSelector() as ears:
        for fork in forks:
            ears.register(fork.ear, selectors.EVENT_READ, fork)
        while ears.get_map():
            for key, _ in ears.select():
                fork = key.data
                for kind, told in fork.tells():
                    if kind == "ended":
                        ears.unregister(fork.ear)
                        if told:
                            hook.pytest_runtest_logreport(report=lost(fork.at, f"its process ended with status {told}"))
                    elif kind == "start":
                        fork.at = told
                        missing.discard(told[0])
                        hook.pytest_runtest_logstart(nodeid=told[0], location=told[1])
                    elif kind == "report":
                        report = hook.pytest_report_from_serializable(config=session.config, data=told)
                        hook.pytest_runtest_logreport(report=report)
                    elif kind == "finish":
                        hook.pytest_runtest_logfinish(nodeid=told[0], location=told[1])
    for nodeid in sorted(missing):
        hook.pytest_runtest_logreport(report=lost((nodeid, (nodeid, None, nodeid)), "no process has run it"))


def lost(at: tuple[str, tuple] | None, why: str) -> pytest.TestReport:
    nodeid, location = at or ("(before the first test)", ("", None, ""))
    return pytest.TestReport(nodeid, location, {}, "failed", why, "call")


# ---- in a fork


class Teller:
    """In place of what writes to the terminal: the same is told to the first process."""

    def __init__(self, config: pytest.Config, mouth: int) -> None:
        self.config, self.mouth = config, mouth

    def tell(self, kind: str, told: object) -> None:
        data = pickle.dumps((kind, told))
        data = memoryview(SIZE.pack(len(data)) + data)
        while data:
            data = data[os.write(self.mouth, data) :]

    def pytest_runtest_logstart(self, nodeid: str, location: tuple) -> None:
        self.tell("start", (nodeid, location))

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple) -> None:
        self.tell("finish", (nodeid, location))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        made = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.tell("report", made)


def run(session: pytest.Session, files: list[list[pytest.Item]], queue: int, mouth: int, name: int) -> None:
    """Run files until the queue is empty, and leave: what stands behind the fork is the first process's to do."""
    try:
        own(session.config, mouth, name)
        items = (item for number in taken(queue) for item in files[number])
        item = next(items, None)
        while item:
            following = next(items, None)  # its fixtures may stay
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
    except BaseException as error:
        with suppress(BaseException):
            session._setupstate.teardown_exact(None)
        os._exit(130 if isinstance(error, KeyboardInterrupt) else 1)
    os._exit(0)


def own(config: pytest.Config, mouth: int, name: int) -> None:
    """What forks must not share: the terminal, the files that take what tests write, the folder of tmp_path."""
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(Teller(config, mouth))
    captured = config.pluginmanager.getplugin("capturemanager")
    captured.stop_global_capturing()
    captured.start_global_capturing()
    captured.suspend_global_capture()
    folders = config._tmp_path_factory
    folders._basetemp = folders.getbasetemp() / f"fork-{name}"
    folders._basetemp.mkdir(mode=0o700)


def taken(queue: int) -> Iterator[int]:
    while number := os.read(queue, NUMBER.size):
        yield NUMBER.unpack(number)[0]
