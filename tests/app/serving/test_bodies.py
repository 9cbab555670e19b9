"""The bytes of all requests together are bounded, and no caller takes the room of all."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import ExitStack

import pytest
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.errors import Busy, ServiceError, UploadTooSlow
from app.fetching.progress import Progress
from app.serving.arrivals import Arrival
from app.serving.bodies import Bodies, Body

ROOM = 640  # so that a request of 10 is small


class Upload:
    """A body on its way, and where it comes from."""

    def __init__(self, bodies: Bodies, caller: str) -> None:
        self.body: Body = bodies.begin(caller)
        self.arrival = Arrival(caller)
        self.is_cut = False
        self._on_the_way = ExitStack()
        self._on_the_way.enter_context(self.arrival.awaits(self))

    def progress(self) -> Progress | None:
        return None

    def cut(self) -> None:
        self.is_cut = True

    def too_slow(self) -> ServiceError:
        return UploadTooSlow("Stalled.")

    def grow(self, more: int) -> None:
        self.body.grow(more, self.arrival)

    def is_whole(self) -> None:
        self._on_the_way.close()

    def is_refused(self) -> bool:
        try:
            self.grow(0)
        except Busy:
            return True
        return False


class Stalled(Upload):
    """One that has sent nothing for long."""

    def progress(self) -> Progress | None:
        return Progress(received=0, waited=60.0, quiet=60.0)


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.serving.arrivals._GRACE_SECONDS", 0.0)


def uploads(bodies: Bodies, callers: str) -> list[Upload]:
    return [Upload(bodies, caller) for caller in callers]


def grow_alike(growing: list[Upload], size: int, piece: int = 5) -> list[Upload]:
    """Those that get as large as that, where all send a piece in turn."""
    left = list(growing)
    for _ in range(0, size, piece):
        for upload in list(left):
            try:
                upload.grow(piece)
            except Busy:
                left.remove(upload)
                upload.body.end()
    return left


def test_one_caller_may_fill_the_room() -> None:
    bodies = Bodies(ROOM)
    for upload, part in zip(uploads(bodies, "aaa"), (300, 300, 40), strict=True):
        upload.grow(part)


@pytest.mark.parametrize(
    ("callers", "size", "come_through"),
    [
        ("abcdefghi", 160, 4),
        ("abcdefghi", 155, 4),
        ("abcdefghi", 210, 3),
        ("abcdefghi", 640, 1),
        ("aaaaaaaaa", 160, 4),
        ("ab", 320, 2),
    ],
)
def test_of_those_that_grow_alike_as_many_get_through_as_fit(
    callers: str, size: int, come_through: int
) -> None:
    assert len(grow_alike(uploads(Bodies(ROOM), callers), size)) == come_through


def test_where_the_room_is_full_the_one_with_the_fewest_bytes_makes_room_and_of_equals_the_youngest() -> None:
    bodies = Bodies(ROOM)
    far, equal, young, whole = uploads(bodies, "abcd")
    for upload, part in ((far, 220), (equal, 180), (young, 180), (whole, 60)):
        upload.grow(part)
    whole.is_whole()
    far.grow(10)
    assert [upload.is_refused() for upload in (far, equal, young, whole)] == [False, False, True, False]
    far.grow(80)
    equal.grow(90)
    with pytest.raises(Busy):
        equal.grow(1)
    far.grow(10)


def test_whoever_finds_no_room_beside_what_is_there_whole_is_refused_alone() -> None:
    bodies = Bodies(ROOM)
    whole, late = uploads(bodies, "ab")
    whole.grow(600)
    whole.is_whole()
    with pytest.raises(Busy):
        late.grow(50)
    assert not whole.is_refused()
    whole.body.end()
    (again,) = uploads(bodies, "b")
    again.grow(640)


def test_a_caller_with_more_than_half_makes_room_first() -> None:
    bodies = Bodies(ROOM)
    *many, one = uploads(bodies, "aab")
    many[0].grow(270)
    many[1].grow(270)
    one.grow(100)
    one.grow(20)
    assert [upload.is_refused() for upload in (*many, one)] == [False, True, False]
    one.grow(250)
    many[0].is_whole()
    with pytest.raises(Busy):
        one.grow(1)


def test_a_stalled_upload_makes_room_first_and_at_once() -> None:
    bodies = Bodies(ROOM)
    stalled, flowing = Stalled(bodies, "a"), Upload(bodies, "b")
    stalled.grow(600)
    flowing.grow(100)
    assert stalled.is_cut and not flowing.is_cut
    with pytest.raises(Busy):
        stalled.is_whole()
    flowing.grow(540)


def test_a_small_request_is_let_in_whoever_has_filled_the_room() -> None:
    bodies = Bodies(ROOM)
    large, small = uploads(bodies, "ab")
    large.grow(640)
    small.grow(10)
    large.is_whole()
    with pytest.raises(Busy):
        small.grow(1)


def test_an_upload_beyond_the_room_is_told_to_come_back_and_nothing_stays_taken(png: bytes) -> None:
    # Of this service's room, a request is small up to half of the picture's file.
    settings = Settings(max_bytes=len(png), max_batch_bytes=8 * len(png), max_pixels=1_000_000)
    app = create_app({"stub": StubSegmenter()}, settings)
    bodies = app.extensions["maskserve_reception"].bodies
    somebodys = bodies.begin("somebody else")
    somebodys.grow(32 * len(png), Arrival("somebody else"))  # all of it, and no more to come
    client = app.test_client()
    for body in (png, {"image": (io.BytesIO(png), "a.png")}):
        response = client.post(
            "/api/v1/segment", data=body, content_type=None if isinstance(body, dict) else "image/png"
        )
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
    somebodys.end()
    assert client.post("/api/v1/segment", data=png, content_type="image/png").status_code == 200
    bodies.begin("somebody else").grow(32 * len(png), Arrival("somebody else"))


MIB = 2**20


def test_what_has_come_of_a_refused_upload_is_not_kept_while_its_rest_is_drained() -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(max_bytes=4 * MIB, max_batch_bytes=4 * MIB))
    bodies = app.extensions["maskserve_reception"].bodies
    bodies.begin("somebody else").grow(13 * MIB, Arrival("somebody else"))
    held: list[int] = []

    class Body(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            held.append(tracemalloc.get_traced_memory()[0])
            return super().read(size)

    body = Body(bytes(4 * MIB))
    tracemalloc.start()
    try:
        response = app.test_client().post(
            "/api/v1/segment",
            content_type="image/png",
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(4 * MIB)},
        )
    finally:
        tracemalloc.stop()
    assert response.status_code == 503
    assert body.tell() == 4 * MIB
    assert max(held) > 2 * MIB
    assert held[-1] < 1 * MIB
