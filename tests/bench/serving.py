"""A server on this machine that sends what a web host sends, and remembers how many bytes each request took."""

import functools
import gzip
import http.server
import mimetypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")  # what hosts compress

Find = Callable[[str], bytes | None]  # the bytes behind a path that starts with a slash, or None


class Server(http.server.ThreadingHTTPServer):
    """`sent` is a list of (path, bytes sent), in the order of the requests; what was not found counts 0 bytes."""

    daemon_threads = True

    def __init__(self, find: Find) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = functools.cache(lambda path: packed(path, find(path)))
        self.sent: list[tuple[str, int]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many files

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        kind, encoding, body = self.server.body(path)
        self.server.sent.append((path, len(body)))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Length", str(len(body)))
        if kind:
            self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def packed(path: str, raw: bytes | None) -> tuple[str, str, bytes]:
    """(type, encoding, body) as a host sends it; an empty type means there is no such file."""
    if raw is None:
        return "", "", b""
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return (kind, "gzip", gzip.compress(raw, 6)) if kind.startswith(TEXT) else (kind, "", raw)


def in_folder(folder: Path) -> Find:
    def find(path: str) -> bytes | None:
        file = folder / path.lstrip("/")
        return file.read_bytes() if file.is_file() else None

    return find


@contextmanager
def serving(find: Find) -> Iterator[Server]:
    with Server(find) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
