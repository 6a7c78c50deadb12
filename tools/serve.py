"""Serve _build/html on this machine alone. `--check PORT` only says whether the port is free."""

import functools
import http.server
import socket
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

SITE = Path(__file__).parents[1] / "_build" / "html"
HOST = "127.0.0.1"


def port_number(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        sys.exit(f"PORT={text} is not a port: give a number from 1 to 65535, for example make serve PORT=8001")
    return int(text)


def check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(
                f"Port {port} cannot be used ({error.strerror}). Choose another: make serve PORT={port + 1 if port < 65535 else 8001}"
            )


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing about each request, lets no browser keep a page that has been rebuilt, and gives files of the site alone.

    A request under another name than this machine's comes from a page elsewhere whose name was made to lead here.
    """

    def log_message(self, *_: object) -> None:
        pass

    def send_head(self):
        try:
            name = urlsplit(f"//{self.headers.get('Host', HOST)}").hostname
            inside = Path(self.translate_path(self.path)).resolve().is_relative_to(Path(self.directory).resolve())
        except (ValueError, OSError):  # no name, no path, or one that is too long
            return self.send_error(HTTPStatus.BAD_REQUEST)
        if name not in (HOST, "localhost", "::1"):
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to 127.0.0.1 and localhost")
        return super().send_head() if inside else self.send_error(HTTPStatus.NOT_FOUND)

    def list_directory(self, path):
        """A list would be a page that is not the book's."""
        return self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


class Server(http.server.ThreadingHTTPServer):
    """A whole room may ask at once, and somebody who leaves before an answer is no fault."""

    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(port: int, site: Path = SITE) -> Server:
    return Server((HOST, port), functools.partial(Quiet, directory=site))


def main(arguments: list[str]) -> None:
    port = port_number(arguments[-1])
    check_free(port)
    if "--check" in arguments:
        return
    if not (SITE / "index.html").exists():
        sys.exit("There is no site yet: run make site")
    with server(port) as running:
        print(f"The book is at http://{HOST}:{port}/ (stop with Ctrl+C)", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main(sys.argv[1:])
