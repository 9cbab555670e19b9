"""Body: the bytes of a request, read within limits of size and time, or drained where they are refused."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from traceback import clear_frames

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected

from app.configuration.settings import Settings
from app.errors import TooLarge, UploadTooSlow
from app.requests.codings import coding_of, decoded
from app.serving.reception import awaiting, hold
from app.serving.request_deadline import seconds_left
from app.serving.streams import stream_of

_PIECE_BYTES = 64 * 1024
_PIECE_SECONDS = 10.0  # for each of these: who drips holds a place from others
_REFUSED_DRAIN_SECONDS = 1.0
_AWAITS_CONTINUE = "front.awaits_continue"  # of environ: the client sends no body before it is asked for it
_REFUSED_DRAINS = 4  # at once; uwsgi.ini has eight threads more than uploads and queue can hold


def register(app: Flask, settings: Settings) -> None:
    """Let a refused upload of `app` read its answer: most clients send all before they listen."""
    drains = threading.BoundedSemaphore(_REFUSED_DRAINS)

    @app.after_request
    def drain_refused(response: Response) -> Response:
        # Short, and few at once, because whoever was refused does hold a thread, which probes may need; and
        # who was too slow already is not waited for again.
        if (
            not _is_all_read()
            and response.status_code != HTTPStatus.REQUEST_TIMEOUT
            and drains.acquire(blocking=False)
        ):
            try:
                with closing(_pieces(_REFUSED_DRAIN_SECONDS)) as pieces:
                    _drain(pieces, 2 * settings.max_bytes)
            finally:
                drains.release()
        return response


def read_body(room: int, limit: int, settings: Settings) -> bytes:
    """The running request's body. Arguments and errors as those of `arriving_body`."""
    with arriving_body(room, limit, settings) as pieces:
        return _joined(pieces)


def _joined(pieces: Iterator[bytes]) -> bytes:
    body = io.BytesIO()  # it gives its bytes away without a copy
    for piece in pieces:
        body.write(piece)
    return body.getvalue()


@contextmanager
def arriving_body(room: int, limit: int, settings: Settings) -> Iterator[Iterator[bytes]]:
    """The pieces of the running request's body. Use it while the request is received (`receiving`).

    What is left of it when the `with` block fails is read and forgotten.

    Args:
        room: the most bytes that it may have.
        limit: the most that its images may have, which is what the caller is told.
        settings: for how long it may take.

    Raises:
        Busy: it has lost its place to another caller, or others take the memory.
        BadBody: it is not compressed as it says.
        TooLarge: it has more, as it came or once decompressed.
        UnsupportedCoding: it is compressed in another way than those that are known.
        UploadTooSlow: it takes longer.
    """
    # Where a body is longer than what is drained, the drain waits for nothing but what comes now.
    is_endless = (request.content_length or 0) > 2 * room
    piece_seconds = _REFUSED_DRAIN_SECONDS if is_endless else _PIECE_SECONDS
    length = request.content_length
    stream = stream_of(request.environ)
    with (
        awaiting(stream),
        closing(_pieces(min(settings.upload_timeout, seconds_left()), piece_seconds)) as pieces,
    ):
        try:
            coding = coding_of(request.headers.get("Content-Encoding", ""))
            # Compressing what cannot be compressed makes it longer.
            room_on_the_way = 2 * room if coding else room
            too_large = TooLarge.in_bytes(limit)
            if length is not None and length > room_on_the_way:
                raise too_large
            if request.environ.pop(_AWAITS_CONTINUE, None):
                stream.ask_for()
            arriving = _within(room_on_the_way, pieces, too_large)
            if coding:
                too_large = TooLarge(
                    f"The body has more than {limit:,} bytes once its {coding} is decompressed."
                )
                arriving = _within(room, decoded(arriving, coding), too_large)
            yield _held(arriving)
        except (UploadTooSlow, ClientDisconnected):
            raise
        except Exception as error:
            clear_frames(error.__traceback__)  # of what has arrived, which would stay in memory meanwhile
            _drain(pieces, 2 * room)
            raise


def _within(room: int, pieces: Iterator[bytes], too_large: TooLarge) -> Iterator[bytes]:
    """The pieces. Raises `too_large` beyond `room` bytes together."""
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise too_large
        yield piece


def _held(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces. Raises Busy where all requests have too many bytes."""
    for piece in pieces:
        hold(len(piece))
        yield piece


def _is_all_read() -> bool:
    """Whether nothing of the body is left to read, as far as that is known."""
    is_exhausted: bool = getattr(request.stream, "is_exhausted", not request.content_length)
    return is_exhausted


def _drain(pieces: Iterator[bytes], at_most: int) -> None:
    """Read and forget what is left of the body: closing on unread bytes would reset the connection."""
    if _AWAITS_CONTINUE in request.environ:  # it was never asked for
        return
    with suppress(UploadTooSlow, ClientDisconnected):
        while at_most > 0 and (piece := next(pieces, b"")):
            at_most -= len(piece)


def _pieces(seconds: float, piece_seconds: float = _PIECE_SECONDS) -> Generator[bytes, None, None]:
    """The body as it comes, for at most `seconds`, and `piece_seconds` for each piece. Raises UploadTooSlow.

    A read waits until all that it asked for is there, so a deadline that is looked at between two reads is
    not met by a client that sends a byte now and then. When the time is over, the connection is therefore
    closed for reading, which ends the read that waits and leaves the way open for the answer.
    """
    end = time.monotonic() + seconds
    while piece := _read_piece(min(end, time.monotonic() + piece_seconds)):
        yield piece


def _read_piece(until: float) -> bytes:
    """The next piece of the body, empty at its end, by `until` (of time.monotonic)."""
    stream = stream_of(request.environ)
    alarm = threading.Timer(until - time.monotonic(), stream.cut)
    alarm.daemon = True
    alarm.start()
    try:
        piece: bytes = request.stream.read(_PIECE_BYTES)
    except (ClientDisconnected, OSError) as error:
        if time.monotonic() < until:
            raise ClientDisconnected from error
        raise _too_slow() from error
    finally:
        alarm.cancel()
        alarm.join()  # or it could close the connection of a later request, which has the same number
    if time.monotonic() > until:
        raise _too_slow()
    stream.is_whole = _is_all_read()
    return piece


def _too_slow() -> UploadTooSlow:
    return UploadTooSlow("The upload took too long.")
