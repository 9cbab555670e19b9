from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.serving import connections as module
from app.serving.connections import CLOSE_WAIT, ESTABLISHED, connections, find, look_again

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="nothing tells of connections")


@pytest.fixture(params=["sock_diag", "table"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to know, the second as if the kernel had no sock_diag."""
    if request.param == "table":

        def refuse(*_: object) -> None:
            raise OSError

        monkeypatch.setattr(module, "_ask", refuse)
        monkeypatch.setattr(module, "_FRESH_SECONDS", 0)
        monkeypatch.setattr(module, "_SHARE_OF_TIME", 0)


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def test_a_connection_is_found_by_its_ports_and_followed_to_its_end() -> None:
    with connected() as (client, accepted):
        (_, port), remote = accepted.getsockname(), client.getsockname()
        found = find(port, remote)
        assert found is not None
        assert (found.remote, found.state, found.unsent) == (remote, ESTABLISHED, 0)
        assert found in connections(port) and [found] == connections(port, remote[1])
        client.close()
        again = look_again(found)
        assert again is not None and again.state == CLOSE_WAIT
        accepted.close()
        assert look_again(found) is None


def test_others_are_not_taken_for_it() -> None:
    with connected() as (client, accepted):
        port, remote_port = accepted.getsockname()[1], client.getsockname()[1]
        assert connections(port, port) == []
        for _ in range(2):  # unknown to it and known
            assert find(port, ("127.0.0.1", port)) is None
            assert find(port, ("127.0.0.2", remote_port)) is None
            assert find(port, ("::1", remote_port)) is None
            assert find(port, ("127.0.0.1", remote_port)) is not None
        # The client's end has this port too, but as its remote one.
        assert {found.remote[1] for found in connections(port)} == {0, remote_port}  # 0: who listens


def test_each_of_our_addresses_is_looked_at() -> None:
    for address in ("127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.1"):
        with (
            socket.create_server((address, 0)) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            assert find(server.getsockname()[1], client.getsockname()) is not None


def test_what_nobody_reads_is_unsent() -> None:
    with connected() as (_, accepted):
        accepted.setblocking(False)
        sent = 0
        while True:
            try:
                sent += accepted.send(bytes(2**20))
            except BlockingIOError:
                break
        (found,) = [one for one in connections(accepted.getsockname()[1]) if one.state == ESTABLISHED]
        assert 0 < found.unsent <= sent


def test_without_either_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_TABLE", tmp_path / "none")
    monkeypatch.setattr(module, "_SOCK_DIAG", 255 if sys.platform == "linux" else 0)
    with connected() as (_, accepted):
        assert connections(accepted.getsockname()[1]) == []
