"""A release under load: instances behind nginx are replaced one by one, as pods behind a Service are."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from server import ROOT, Server, needs_uwsgi, started, wait_until

SAMPLE = (ROOT / "app" / "static" / "samples" / "fluorescence.png").read_bytes()
CLIENTS = 6
# One that loads its model as the real one does, and whose inferences leave the cores to the server.
SERVICE: dict[str, Any] = {
    "module": "stub_server:create_loading_app()",
    "STUB_LOADING": "0.5",
    "STUB_SECONDS": "0.2",
}
# Kubernetes' own times (k8s/server/deployment.yaml: 30 s before SIGTERM), shortened in proportion.
ENDPOINTS_SECONDS = 2.0  # until who balances has heard that an instance ends
PRE_STOP_SECONDS = 3.0  # from then on SIGTERM may come

MODULES = Path("/etc/nginx/modules-enabled")  # Debian's place
# Like a Service it passes connections on, knows nothing of HTTP, and tries no second instance.
NGINX = """
include {modules}/*.conf;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
stream {{
    proxy_next_upstream off;
    upstream service {{ {instances} }}
    server {{
        listen 127.0.0.1:{port};
        proxy_pass service;
    }}
}}
"""

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("nginx") and any(MODULES.glob("*stream*"))),
        reason="nginx and libnginx-mod-stream are not installed",
    ),
    *needs_uwsgi,
]


class Balancer:
    """nginx before some instances."""

    def __init__(self, folder: Path, instances: Iterable[Server]) -> None:
        self._folder = folder
        self._port = free_port()
        self._configure(instances)
        self.process = subprocess.Popen(["nginx", "-c", self._file, "-e", folder / "error.log"])
        wait_until(lambda: (folder / "pid").exists(), 60)

    @property
    def _file(self) -> Path:
        return self._folder / "nginx.conf"

    def _configure(self, instances: Iterable[Server]) -> None:
        servers = " ".join(f"server 127.0.0.1:{instance.port} max_fails=0;" for instance in instances)
        self._file.write_text(
            NGINX.format(modules=MODULES, folder=self._folder, port=self._port, instances=servers)
        )

    def point_at(self, instances: Iterable[Server]) -> None:
        self._configure(instances)
        self.process.send_signal(signal.SIGHUP)

    def outcome(self) -> int | str:
        """Of one picture: how many segments were found, or what came instead."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", "/api/v1/segment", SAMPLE, {"Content-Type": "image/png"})
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                return f"status {response.status}"
            return len(json.loads(body)["segments"])
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()


class Release:
    """Two instances of the service under load, to be replaced."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.instances: list[Server] = []
        self.ever: list[Server] = []
        for _ in range(2):
            self._start()
        self.balancer = Balancer(folder, self.instances)
        stack.callback(self.balancer.process.wait)
        stack.callback(self.balancer.process.terminate)

    def _start(self) -> None:
        log = self._folder / f"instance-{len(self.ever) + 1}"
        new = self._stack.enter_context(started(log, **SERVICE))
        self.ever.append(new)
        wait_until(lambda: new.answers("/readyz"), 60)
        self.instances.append(new)

    def add(self) -> None:
        self._start()
        self.balancer.point_at(self.instances)

    def end(self, old: Server) -> None:
        """As a pod ends: its way to SIGTERM and the news of that go side by side."""
        self.instances.remove(old)
        news = threading.Timer(ENDPOINTS_SECONDS, self.balancer.point_at, [self.instances])
        news.start()
        time.sleep(PRE_STOP_SECONDS)
        old.process.terminate()
        assert old.process.wait(60) == 0
        news.join()

    @contextmanager
    def load(self) -> Iterator[list[int | str]]:
        """Pictures without a pause, and what came of each, complete at the end."""
        outcomes: list[int | str] = []
        enough = threading.Event()

        def ask() -> None:
            while not enough.is_set():
                outcomes.append(self.balancer.outcome())

        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(ask) for _ in range(CLIENTS)]
            try:
                yield outcomes
            finally:
                enough.set()
        for client in asking:
            client.result()


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with ExitStack() as stack:
        yield Release(tmp_path, stack)


def test_a_release_under_load_fails_no_request(release: Release) -> None:
    segments = release.balancer.outcome()
    assert isinstance(segments, int)
    with release.load() as outcomes:
        for old in tuple(release.instances):
            release.add()
            release.end(old)
    assert set(outcomes) == {segments}
    for instance in release.ever:
        assert instance.log.count("/api/v1/segment") > CLIENTS, "it took no part"
        assert "Traceback" not in instance.log


def test_without_the_wait_before_sigterm_requests_fail(release: Release) -> None:
    # Or the test above could not fail.
    with release.load() as outcomes:
        old = release.instances[0]
        old.process.terminate()
        assert old.process.wait(60) == 0
        wait_until(lambda: any(isinstance(outcome, str) for outcome in outcomes), 60)
