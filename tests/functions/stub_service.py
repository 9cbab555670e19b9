"""A server that stands for the service: an image has as many segments as bytes, unless a test says else."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PNG = b"\x89PNG\r\n\x1a\n overlay of "

Query = Mapping[str, str]
Reply = tuple[int, Any]  # status, JSON


def found(image: bytes, _: Query | None = None) -> Reply:
    """What the service says of an image."""
    overlay = base64.b64encode(PNG + image).decode()
    return 200, {"segments": [{"id": number} for number in range(len(image))], "overlay": overlay}


def problem(status: int) -> Reply:
    return status, {"type": "urn:maskserve:some", "title": "Some", "status": status, "detail": "Said so."}


class StubService:
    """The service at a port that stays the same when it is down for a while.

    Attributes:
        reply: what it says of an image and a query; may be changed at any time.
        calls: how often each image was asked for.
        queries, headers: of each call.
        may_answer: it holds its answers back until this is set (it is, unless a test clears it).
        seconds: that an answer takes.
    """

    def __init__(self) -> None:
        self.reply: Callable[[bytes, Query], Reply] = found
        self.calls: Counter[bytes] = Counter()
        self.queries: list[list[tuple[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.seconds = 0.0
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Keep quiet: a function that is killed hangs up."""


def _handler(service: StubService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            image = self.rfile.read(int(self.headers["Content-Length"]))
            service.calls[image] += 1
            query = parse_qsl(urlsplit(self.path).query)
            service.queries.append(query)
            service.headers.append(dict(self.headers))
            service.may_answer.wait(30)
            time.sleep(service.seconds)
            status, document = service.reply(image, dict(query))
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
