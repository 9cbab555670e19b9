from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from flask import Flask
from server import wait_until
from werkzeug.test import Client, create_environ

from app.serving import sending as module
from app.serving.sending import Sending

LARGE = bytes(range(256)) * 1024

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="not Linux")


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)


class Server:
    """One that sends files as uWSGI does: a duplicate of theirs, after it has closed them."""

    def __init__(self, **limits: Any) -> None:
        self.sending = Sending(**limits)
        app = Flask(__name__, static_folder=Path(__file__).parent)
        app.add_url_rule("/<int:size>", "sized", lambda size: (LARGE * (1 + size // len(LARGE)))[:size])
        app.add_url_rule("/parts", "parts", lambda: iter([LARGE[:1000]] * 500))
        self.sending.take_over(app)
        self.app = app

    def ask(self, path: str, caller: str = "192.0.2.1", method: str = "GET") -> Any:
        environ = create_environ(path, method=method)
        environ |= {"wsgi.file_wrapper": lambda file, *_: file, "REMOTE_ADDR": caller}
        return self.app.wsgi_app(environ, lambda *_: None)

    def send(self, size: int, caller: str = "192.0.2.1") -> IO[bytes]:
        """The file of an answer, as the server has it until it is sent."""
        answer = self.ask(f"/{size}", caller)
        duplicate = os.fdopen(os.dup(answer.fileno()), "rb", buffering=0)
        answer.close()
        return duplicate


@pytest.mark.parametrize("size", [0, 1, 64 * 1024])
def test_what_the_sockets_hold_is_sent_as_it_is(size: int) -> None:
    answer = Server().ask(f"/{size}")
    assert isinstance(answer, list)
    assert b"".join(answer) == LARGE[:size]


@pytest.mark.parametrize("path", ["/65537", "/300000", "/parts"])
def test_a_large_answer_is_a_file_with_all_of_it(path: str) -> None:
    server = Server()
    plain = Client(server.app).get(path)
    with server.ask(path) as file:
        assert file.read() == plain.data
        assert int(plain.headers.get("Content-Length", len(plain.data))) == len(plain.data)
    server.sending.finish(10)


def test_files_are_left_to_the_server_and_heads_have_no_body() -> None:
    server = Server()
    with server.ask("/serving/test_sending.py") as file:
        assert file.name == __file__
    assert b"".join(server.ask("/300000", method="HEAD")) == b""


def test_without_a_way_to_send_files_an_answer_is_sent_as_it_is() -> None:
    answer = Client(Server().app).get("/300000")
    assert len(answer.data) == 300_000


def test_an_answer_is_on_its_way_until_the_server_has_closed_it() -> None:
    server = Server()
    first, second = server.send(300_000), server.send(300_000)
    server.sending.finish(0.05)
    assert len(server.sending._answers) == 2
    first.close()
    wait_until(lambda: len(server.sending._answers) == 1, 60)
    second.close()
    server.sending.finish(10)
    assert server.sending._answers == []
    with server.send(300_000) as third:  # looked after again
        assert len(third.read()) == 300_000
    server.sending.finish(10)
    assert server.sending._answers == []


def sizes(files: list[IO[bytes]]) -> list[int]:
    return [os.fstat(file.fileno()).st_size for file in files]


def test_without_room_the_oldest_of_who_takes_most_for_long_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=time.sleep))
    server = Server(most_bytes=1_000_000)
    files = [server.send(200_000, f"192.0.2.{host}") for host in (1, 2, 2)]
    files.append(server.send(300_000, "192.0.2.3"))  # the largest by far, but new
    assert sizes(files) == [200_000, 200_000, 200_000, 300_000]
    files.append(server.send(200_000, "192.0.2.4"))
    assert sizes(files) == [200_000, 0, 200_000, 300_000, 200_000]
    assert files[1].read() == b""  # where who sends it ends the connection


def test_one_that_is_larger_than_the_room_leaves_half_of_it_to_others() -> None:
    server = Server(most_bytes=1_000_000)
    files = [server.send(200_000, f"192.0.2.{number}") for number in range(4)]
    files.append(server.send(3_000_000, "192.0.2.9"))
    assert sizes(files)[-1] == 3_000_000
    assert sum(sizes(files)[:4]) == 400_000
    files.append(server.send(200_000, "192.0.2.10"))
    assert sizes(files)[-2:] == [0, 200_000]  # and is the first to go


def test_what_is_sent_takes_no_room() -> None:
    server = Server(most_bytes=1_000_000)
    kept = server.send(300_000)
    for _ in range(20):
        server.send(300_000).close()
    assert sizes([kept]) == [300_000]


def test_an_answer_that_nobody_sends_is_forgotten() -> None:
    server = Server()
    server.ask("/300000")  # the server failed before it took it
    gc.collect()
    server.sending.finish(10)
    assert server.sending._answers == []


def test_a_process_that_is_about_to_be_replaced_sends_all_itself() -> None:
    server = Server()
    on_its_way = server.send(300_000)
    server.sending._worker_memory = 1
    threading.Timer(0.1, on_its_way.close).start()
    answer = server.ask("/300000")
    assert server.sending._answers == []  # it has waited
    assert not hasattr(answer, "fileno")
    assert len(b"".join(answer)) == 300_000
