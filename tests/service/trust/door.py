"""A plain HTTP door to a repository, as any static web server is: GET by name, with or without ranges."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from slipway.trust.source import NotThere, Source


@contextmanager
def opened(source: Source, ranges: bool = True) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Serve ``source`` on a loopback port; yields its URL and the (path, first byte) of every request."""
    asked: list[tuple[str, int]] = []

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "bytes=0-") if ranges else "bytes=0-"
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            asked.append((self.path, first))
            try:
                data = b"".join(source.read(unquote(self.path).lstrip("/"), first))
            except NotThere:
                self.send_error(404)
                return
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{first + len(data)}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with running(Door) as url:
        yield url, asked


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a loopback port; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
