from __future__ import annotations

import io
import socket
import struct
import time
from typing import Any

import pytest

from app.serving.clients import has_left


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_is_there_until_it_closes(reset: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        environ = {"wsgi.input": accepted}
        assert not has_left(environ)
        connection.sendall(b"the rest of a body that nobody has read")
        time.sleep(0.1)
        assert not has_left(environ)
        assert accepted.recv(100)
        assert not has_left(environ)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        time.sleep(0.1)
        assert has_left(environ)
        accepted.close()


@pytest.mark.parametrize("environ", [{}, {"wsgi.input": io.BytesIO(b"x")}, {"wsgi.input": object()}])
def test_where_nobody_can_tell_a_client_is_there(environ: dict[str, Any]) -> None:
    assert not has_left(environ)
