"""A real uWSGI with the project's uwsgi.ini, as it is deployed, spoken to over a socket."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

import pytest
from free_ports import free_port

ROOT = Path(__file__).parents[2]
UWSGI = Path(sys.executable).with_name("uwsgi")

needs_uwsgi = [
    pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed"),
    pytest.mark.timeout(120),
]

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


class Server:
    """A running uWSGI."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "image/png",
        timeout: float = 30,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        of_body = {"Content-Type": content_type} if body else {}
        connection.request(method, path, body or None, {**of_body, **headers})
        response = connection.getresponse()
        answer = response.status, dict(response.headers), response.read()
        connection.close()
        return answer

    def segment(self, body: bytes, query: str = "") -> Answer:
        return self.request("POST", f"/api/v1/segment{query}", body)

    def send(self, body: bytes, query: str = "", headers: str = "") -> socket.socket:
        """A connection on which a picture has been sent whole, and whose answer is still to be read."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(self.head(body, query, headers) + body)
        return connection

    def head(self, body: bytes, query: str = "", headers: str = "") -> bytes:
        """What goes before `body`, a picture."""
        head = (
            f"POST /api/v1/segment{query} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        return head.encode()

    def answers(self, path: str = "/livez") -> bool:
        """Whether it says 200 there."""
        try:
            return self.request("GET", path, timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            assert self.process.poll() is None, "uWSGI ended"
            return False

    def metric(self, name: str) -> float:
        """What /metrics has of it, for all processes together."""
        _, _, body = self.request("GET", "/metrics")
        (value,) = re.findall(rf"^maskserve_{name} (\S+)$", body.decode(), re.MULTILINE)
        return float(value)

    def wait_for(self, name: str, value: float) -> None:
        """Wait until this metric is `value`: so many requests are in flight, say, and none is on its way."""
        wait_until(lambda: self.metric(name) == value, 30)

    def ready_workers(self) -> list[int]:
        """The process ids of the workers that ever had their app, in order."""
        return [int(pid) for pid in re.findall(r"WSGI app 0 .* ready in .* pid: (\d+)", self.log)]

    def workers(self) -> list[int]:
        """The process ids of the workers that were ever started, in order."""
        started = re.findall(r"pawned uWSGI worker \d+ \((?:new )?pid: (\d+)", self.log)
        return [int(pid) for pid in started]


@contextmanager
def started(
    log: Path,
    configuration: Path = ROOT / "uwsgi.ini",
    module: str = "stub_server:create_stub_app()",
    options: tuple[str, ...] = (),
    stdout: IO[bytes] | None = None,
    port: int | None = None,
    prefix: tuple[str, ...] = (),
    **environment: str,
) -> Iterator[Server]:
    """A server that may still be starting; it is ended in the end.

    Without `stdout` all goes to `log`; without `port` it listens at one that is free. `prefix` is the command
    that runs it.
    """
    port = port or free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, UWSGI, "--ini", configuration, "--module", module, *options],
            env={
                **os.environ,
                "PORT": str(port),
                "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}",
                "VIRTUAL_ENV": sys.prefix,
                **environment,
            },
            stdout=stdout or output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Server(process, port, log)
    finally:
        if process.poll() is None:
            # A second sooner than by its own end, which test_server_end.py is about.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            shutil.rmtree(Path(f"/tmp/maskserve-{os.getuid()}-{port}"), ignore_errors=True)  # its counts


@contextmanager
def running(log: Path, seconds: float, **settings: object) -> Iterator[Server]:
    """A server whose model takes `seconds` an inference, with all its processes up; none must crash."""
    with started(log, STUB_SECONDS=str(seconds), **settings) as server:  # type: ignore[arg-type]
        wait_until(lambda: server.answers() and set(server.ready_workers()) == set(server.workers()), 30)
        yield server
    assert "Traceback" not in server.log


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
