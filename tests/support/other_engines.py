"""Firefox by its Marionette, and WebKit, the engine of Safari, by WebKitGTK's driver: two browsers besides Chromium, without a library.

Both speak WebDriver's commands (https://www.w3.org/TR/webdriver2), Firefox over a socket of its own and WebKit over HTTP.
Debian has them as firefox-esr, and as webkit2gtk-driver, which wants a screen: xvfb.
"""

import json
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from glob import glob
from pathlib import Path
from typing import NoReturn

from support.processes import free_port, running, waited

PATIENCE = 600_000  # ms for one script

# A script that is still at work when it is asked gives its result to the last argument; what goes wrong is its result too.
WAITED = "const done = arguments[arguments.length - 1]; ({}).apply(null, arguments).then(done, (error) => done({{ error: String(error) }}));"


class Engine:
    """A browser with one window. `ask` sends a command of WebDriver and gives its value."""

    def __init__(self, name: str, version: str, ask: Callable[..., object]) -> None:
        self.name, self.version, self._ask = name, version, ask

    def goto(self, address: str) -> None:
        self._ask("Navigate", url=address)

    def resize(self, width: int, height: int) -> None:
        self._ask("SetWindowRect", width=width, height=height)

    def run(self, function: str, *arguments: object) -> object:
        """What an async function of JavaScript, as text, comes to in the page."""
        found = self._ask("ExecuteAsyncScript", script=WAITED.format(function), args=list(arguments))
        if isinstance(found, dict) and "error" in found:
            raise RuntimeError(f"{self.name}: {found['error']}")
        return found


def installed() -> dict[str, Callable]:
    """{engine: what opens it} of those that this machine has."""
    has_webkit = shutil.which("WebKitWebDriver") and shutil.which("Xvfb") and mini_browser()
    found = {"Firefox": firefox_path() and firefox, "WebKit": has_webkit and webkit}
    return {name: opens for name, opens in found.items() if opens}


def firefox_path() -> str | None:
    return next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)


def mini_browser() -> str | None:
    """The browser that WebKitGTK brings for its own tests."""
    return max(
        glob("/usr/lib*/*/webkit2gtk-4.*/MiniBrowser") + glob("/usr/libexec/webkit2gtk-4.*/MiniBrowser"), default=None
    )


# ---- Firefox


@contextmanager
def firefox() -> Iterator[Engine]:
    with ExitStack() as stack:
        profile = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        profile.joinpath("user.js").write_text(
            'user_pref("marionette.port", 0);\n'
        )  # any free one, which it writes down
        command = [firefox_path(), "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        stack.enter_context(running(command))
        port = int(waited(lambda: profile.joinpath("MarionetteActivePort").read_text()))
        line = stack.enter_context(waited(lambda: socket.create_connection(("127.0.0.1", port))))
        received(line)  # its greeting
        count = 0

        def ask(command: str, **parameters: object) -> object:
            nonlocal count
            count += 1
            message = json.dumps([0, count, f"WebDriver:{command}", parameters])
            line.sendall(f"{len(message.encode())}:{message}".encode())
            _, _, error, result = received(line)
            if error:
                raise RuntimeError(f"Firefox: {error['error']}: {error['message']}")
            return result["value"] if set(result) == {"value"} else result

        session = ask("NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": PATIENCE}}})
        yield Engine("Firefox", session["capabilities"]["browserVersion"], ask)


def received(line: socket.socket) -> object:
    """One message: its length in bytes, a colon, JSON."""
    with line.makefile("rb", buffering=0) as stream:
        size = b""
        while not size.endswith(b":"):
            size += stream.read(1) or broken_off()
        body = b""
        while len(body) < int(size[:-1]):
            body += stream.read(int(size[:-1]) - len(body)) or broken_off()
        return json.loads(body)


def broken_off() -> NoReturn:
    raise ConnectionError("Firefox has closed the line")


# ---- WebKit

PATHS = {"Navigate": "url", "SetWindowRect": "window/rect", "ExecuteAsyncScript": "execute/async"}


@contextmanager
def webkit() -> Iterator[Engine]:
    with ExitStack() as stack:
        reading, writing = os.pipe()
        screen = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
        stack.enter_context(running(screen, pass_fds=[writing]))
        os.close(writing)
        with os.fdopen(reading) as told:
            display = f":{told.readline().strip()}"
        port = free_port()
        environment = {
            **os.environ,
            "DISPLAY": display,
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # its sandbox needs rights that a container has not
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        stack.enter_context(running([shutil.which("WebKitWebDriver"), f"--port={port}"], env=environment))
        waited(lambda: socket.create_connection(("127.0.0.1", port)).close() or True)
        root = f"http://127.0.0.1:{port}/session"
        options = {"binary": mini_browser(), "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options, "timeouts": {"script": PATIENCE}}
        session = asked(root, "POST", {"capabilities": {"alwaysMatch": wanted}})
        stack.callback(asked, f"{root}/{session['sessionId']}", "DELETE")

        def ask(command: str, **parameters: object) -> object:
            return asked(f"{root}/{session['sessionId']}/{PATHS[command]}", "POST", parameters)

        yield Engine("WebKit", session["capabilities"]["browserVersion"], ask)


def asked(address: str, method: str, parameters: dict | None = None) -> object:
    body = None if parameters is None else json.dumps(parameters).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, method=method)) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"WebKit: {json.load(error)['value']['message']}") from error
