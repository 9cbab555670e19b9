"""Reception: admits the running request, accounts for its bytes in memory, and then gives it a place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from flask import Flask, current_app, g, request

from app.access.callers import caller
from app.configuration.settings import Settings
from app.serving.admission import Admission
from app.serving.arrivals import Source
from app.serving.bodies import Bodies
from app.serving.places import Place

BATCHES_AT_ONCE = 4
"""The received bytes of all requests together may be as many as those of this number of largest batches."""

_EXTENSION = "maskserve_reception"


class Reception:
    """The admission of requests, and the room for their bytes."""

    def __init__(self, admission: Admission, settings: Settings) -> None:
        self.admission = admission
        self.bodies = Bodies(BATCHES_AT_ONCE * settings.max_batch_bytes)


def register(app: Flask, reception: Reception) -> None:
    """Receive the requests to `app`; a request's room is freed when it has been answered."""
    app.extensions[_EXTENSION] = reception

    @app.teardown_request
    def give_back(_: BaseException | None) -> None:
        if "body" in g:
            g.pop("body").end()


@contextmanager
def receiving(admission: Admission | None = None) -> Iterator[None]:
    """Receive the running request, and the images that it names, in the `with` block. Raises Busy.

    `admission`: that of the request, until it is answered. Default: that of requests to models.
    """
    if admission is not None:
        g.admission = admission
    with _admission().upload(caller(), request.content_length or 0) as g.arrival:
        yield


def awaiting(source: Source) -> AbstractContextManager[None]:
    """Wait for bytes from `source` in the `with` block, which must lie inside that of `receiving`.

    Raises Busy, or the error of `source` for being too slow, if the request loses its place meanwhile.
    """
    awaited: AbstractContextManager[None] = g.arrival.awaits(source)
    return awaited


def hold(more: int) -> None:
    """Take room for `more` bytes of the running request, until it is answered. Raises Busy.

    Call it inside `receiving`.
    """
    reception = _reception()
    if "body" not in g:
        g.body = reception.bodies.begin(caller())
    g.body.grow(more, g.arrival)
    if g.arrival.may_be_lost():  # it is still being received
        _admission().lift_upload(g.arrival, g.body.bytes)


@contextmanager
def admitted(images: int = 1) -> Iterator[None]:
    """Hold a place for the running request, which has `images` images, in the `with` block. Raises Busy."""
    length = g.body.bytes if "body" in g else 0
    with _admission().admit(caller(), length, images) as g.place:
        yield


def place() -> Place:
    """The place of the running request, which must be `admitted`."""
    held: Place = g.place
    return held


def _admission() -> Admission:
    """The admission of the running request."""
    own: Admission | None = g.get("admission")
    return own or _reception().admission


def _reception() -> Reception:
    reception: Reception = current_app.extensions[_EXTENSION]
    return reception
