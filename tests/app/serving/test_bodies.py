"""The bytes of all requests together are bounded, and no caller takes the room of all."""

from __future__ import annotations

import io

import pytest
from stub_segmenter import StubSegmenter

from app import create_app
from app.errors import Busy
from app.service import current_service
from app.serving.bodies import Bodies
from app.settings import Settings

ROOM = 640  # so that a request of 10 is small


def test_one_caller_may_fill_the_room() -> None:
    bodies = Bodies(ROOM)
    for part in (300, 300, 40):
        bodies.begin("ann").grow(part)


def test_where_the_room_is_full_one_request_may_go_on_and_no_other() -> None:
    bodies = Bodies(ROOM)
    first, second, third = (bodies.begin(caller) for caller in ("ann", "bob", "cat"))
    for body, part in ((first, 220), (second, 210), (third, 210)):
        body.grow(part)
    first.grow(50)
    for body in (second, third):
        with pytest.raises(Busy):
            body.grow(1)
    first.grow(50)
    first.end()
    third.grow(110)
    second.grow(110)


def test_beside_others_nobody_gets_more_than_half() -> None:
    bodies = Bodies(ROOM)
    ann, bob = bodies.begin("ann"), bodies.begin("bob")
    ann.grow(100)
    bob.grow(320)
    with pytest.raises(Busy):
        bob.grow(11)
    ann.grow(220)
    bob.end()
    bodies.begin("ann").grow(320)


def test_a_small_request_is_let_in_whoever_has_filled_the_room() -> None:
    bodies = Bodies(ROOM)
    for part in (600, 41):
        bodies.begin("ann").grow(part)
    small = bodies.begin("bob")
    small.grow(10)
    with pytest.raises(Busy):
        small.grow(1)


def test_an_upload_beyond_the_room_is_told_to_come_back_and_nothing_stays_taken(png: bytes) -> None:
    # Of this service's room, a request is small up to half of the picture's file.
    settings = Settings(max_bytes=len(png), max_batch_bytes=8 * len(png), max_pixels=1_000_000)
    app = create_app({"stub": StubSegmenter()}, settings)
    with app.app_context():
        bodies = current_service().bodies
    somebodys = [bodies.begin("somebody else") for _ in range(2)]
    somebodys[0].grow(32 * len(png))
    somebodys[1].grow(len(png))  # beyond it
    client = app.test_client()
    for body in (png, {"image": (io.BytesIO(png), "a.png")}):
        response = client.post(
            "/api/v1/segment", data=body, content_type=None if isinstance(body, dict) else "image/png"
        )
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
    for body in somebodys:
        body.end()
    assert client.post("/api/v1/segment", data=png, content_type="image/png").status_code == 200
    bodies.begin("somebody else").grow(32 * len(png))  # all of it
    with pytest.raises(Busy):
        bodies.begin("another").grow(17 * len(png))  # half of it is not for the second
