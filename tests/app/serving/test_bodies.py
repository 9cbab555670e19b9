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


def test_one_caller_may_fill_the_room_and_no_more() -> None:
    bodies = Bodies(ROOM)
    bodies.grow("ann", 600)
    bodies.grow("ann", 40, held=600)
    with pytest.raises(Busy):
        bodies.grow("ann", 11)
    bodies.give_back("ann", 640)
    bodies.grow("ann", 640)


def test_beside_others_nobody_gets_more_than_half() -> None:
    bodies = Bodies(ROOM)
    bodies.grow("ann", 100)
    bodies.grow("bob", 320)
    with pytest.raises(Busy):
        bodies.grow("bob", 11)
    bodies.grow("ann", 220, held=100)
    bodies.give_back("bob", 320)
    bodies.grow("ann", 320)


def test_a_small_request_is_let_in_whoever_has_filled_the_room() -> None:
    bodies = Bodies(ROOM)
    bodies.grow("ann", 640)
    bodies.grow("bob", 10)
    with pytest.raises(Busy):
        bodies.grow("bob", 1, held=10)


def test_an_upload_beyond_the_room_is_told_to_come_back_and_nothing_stays_taken(png: bytes) -> None:
    # Of this service's room, a request is small up to half of the picture's file.
    settings = Settings(max_bytes=len(png), max_batch_bytes=8 * len(png), max_pixels=1_000_000)
    app = create_app({"stub": StubSegmenter()}, settings)
    with app.app_context():
        bodies = current_service().bodies
    bodies.grow("somebody else", 32 * len(png))
    client = app.test_client()
    for body in (png, {"image": (io.BytesIO(png), "a.png")}):
        response = client.post(
            "/api/v1/segment", data=body, content_type=None if isinstance(body, dict) else "image/png"
        )
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
    bodies.give_back("somebody else", 32 * len(png))
    assert client.post("/api/v1/segment", data=png, content_type="image/png").status_code == 200
    bodies.grow("somebody else", 32 * len(png))  # all of it
