from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from app.serving.clients import Client

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="nothing tells of connections")


def environ_of(accepted: socket.socket) -> dict[str, Any]:
    address, port = accepted.getpeername()
    return {
        "REMOTE_ADDR": address,
        "REMOTE_PORT": str(port),
        "SERVER_PORT": str(accepted.getsockname()[1]),
    }


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("given", ["text", "number"])
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a proxy"])
def test_a_client_is_there_until_it_closes(reset: bool, given: str, proxied: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        environ = environ_of(accepted)
        if given == "number":
            environ["REMOTE_PORT"] = int(environ["REMOTE_PORT"])
        if proxied:
            environ["werkzeug.proxy_fix.orig"] = {"REMOTE_ADDR": environ["REMOTE_ADDR"]}
            environ["REMOTE_ADDR"] = "192.0.2.1"
        client = Client(environ)
        assert not client.has_left()
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert client.has_left()
        accepted.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"REMOTE_ADDR": "::1", "REMOTE_PORT": "80", "SERVER_PORT": "80"},  # not in this table
        {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "", "SERVER_PORT": "80"},
        {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "1", "SERVER_PORT": "1"},  # never seen
        {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "70000", "SERVER_PORT": "80"},
        {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "80", "SERVER_PORT": "\u00b2"},
    ],
)
def test_where_nobody_can_tell_a_client_is_there(environ: dict[str, str]) -> None:
    assert not Client(environ).has_left()
