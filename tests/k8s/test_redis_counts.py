"""Redis, and the service beside it: both started for real, as the manifests of production ask."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from free_ports import free_port
from rendering import K8S, Rendered, container_of
from server import needs_uwsgi, started, wait_until

MEBIBYTE = 2**20
SAMPLE = K8S.parent / "app" / "static" / "samples" / "fluorescence.png"
KEY = "a key of production"

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed"),
    *needs_uwsgi,
]


@pytest.fixture
def counts(production: Rendered) -> Iterator[redis.Redis]:
    """A Redis with the arguments of the manifest."""
    port = free_port()
    container = container_of(production.one("Deployment", "redis"))
    process = subprocess.Popen(
        [*container["command"], *container["args"], "--port", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    with redis.Redis(port=port) as client:

        def answers() -> bool:
            with suppress(redis.ConnectionError):
                return bool(client.ping())
            return False

        wait_until(answers, 20)
        yield client
    process.terminate()
    assert process.wait(20) == 0


def test_the_service_is_told_of_the_redis_that_is_deployed(production: Rendered) -> None:
    (server,) = production.servers()
    storage = urlsplit(production.settings(server).rate_limit_storage)
    assert storage.hostname
    service = production.one("Service", storage.hostname)
    assert storage.port in [port["port"] for port in service["spec"]["ports"]]


def test_redis_keeps_nothing_and_lets_pods_in_without_a_password(counts: redis.Redis) -> None:
    assert counts.config_get("save", "appendonly", "protected-mode", "maxmemory") == {
        "save": "",
        "appendonly": "no",
        "protected-mode": "no",
        "maxmemory": str(64 * MEBIBYTE),
    }


def test_a_server_of_production_answers_counts_in_redis_and_ends_well(
    production: Rendered, counts: redis.Redis, tmp_path: Path
) -> None:
    (deployment,) = production.servers()
    told = production.environment(deployment)
    told["MASKSERVE_RATE_LIMIT_STORAGE"] = f"redis://127.0.0.1:{counts.get_connection_kwargs()['port']}/0"
    with started(tmp_path / "log", module="app:create_app()", MASKSERVE_API_KEYS=KEY, **told) as server:
        wait_until(lambda: server.answers("/readyz"), 60)
        by_the_load_balancer = {"X-Forwarded-For": "203.0.113.5, 35.191.0.1", "X-Forwarded-Proto": "https"}
        picture = SAMPLE.read_bytes()
        status = {
            key: server.request(
                "POST", "/api/v1/segment", picture, headers={**by_the_load_balancer, "X-API-Key": key}
            )[0]
            for key in (KEY, "another")
        }
        assert status == {KEY: 200, "another": 401}
        assert counts.dbsize() == 2  # the key's requests, and the address that tried a wrong one
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
