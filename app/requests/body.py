"""Body: reads the bytes of a request within limits of size and time, or drains them if they are refused."""

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
_PIECE_SECONDS = 10.0  # limit for each piece: a trickling client keeps a place from others
_REFUSED_DRAIN_SECONDS = 1.0
_AWAITS_CONTINUE = "front.awaits_continue"  # in environ: the client sends no body before 100 Continue
_REFUSED_DRAINS = 4  # at once; uwsgi.ini has eight threads more than uploads and queue can occupy


def register(app: Flask, settings: Settings) -> None:
    """Drain refused uploads to `app`, because most clients read the answer only after sending everything."""
    drains = threading.BoundedSemaphore(_REFUSED_DRAINS)

    @app.after_request
    def drain_refused(response: Response) -> Response:
        # Short, and few at once, because a refused request still occupies a thread, which probes may need.
        # A client that was already too slow is not waited for again.
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
    body = io.BytesIO()  # getvalue does not copy
    for piece in pieces:
        body.write(piece)
    return body.getvalue()


@contextmanager
def arriving_body(room: int, limit: int, settings: Settings) -> Iterator[Iterator[bytes]]:
    """The pieces of the running request's body. Use it inside `receiving`.

    If the `with` block fails, the rest of the body is read and discarded.

    Args:
        room: the most bytes that the body may have.
        limit: the most bytes that its images may have; error messages give this number.
        settings: the time limits.

    Raises:
        Busy: the request lost its place to another caller, or other requests use up the memory.
        BadBody: the body is not compressed as its Content-Encoding says.
        TooLarge: the body has more bytes than `room`, as sent or after decompression.
        UnsupportedCoding: the Content-Encoding is not supported.
        UploadTooSlow: the body took too long.
    """
    # A body longer than the amount that is drained cannot be drained completely: wait only briefly for it.
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
            # Compression makes incompressible data longer.
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
            clear_frames(error.__traceback__)  # they hold the received bytes, which would stay in memory
            _drain(pieces, 2 * room)
            raise


def _within(room: int, pieces: Iterator[bytes], too_large: TooLarge) -> Iterator[bytes]:
    """Pass on the pieces; raises `too_large` if they have more than `room` bytes together."""
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise too_large
        yield piece


def _held(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on the pieces; raises Busy if all requests together have too many bytes in memory."""
    for piece in pieces:
        hold(len(piece))
        yield piece


def _is_all_read() -> bool:
    """Whether the body has been read completely, as far as that is known."""
    is_exhausted: bool = getattr(request.stream, "is_exhausted", not request.content_length)
    return is_exhausted


def _drain(pieces: Iterator[bytes], at_most: int) -> None:
    """Read and discard the rest of the body: closing with unread bytes would reset the connection."""
    if _AWAITS_CONTINUE in request.environ:  # the client was never told to send it
        return
    with suppress(UploadTooSlow, ClientDisconnected):
        while at_most > 0 and (piece := next(pieces, b"")):
            at_most -= len(piece)


def _pieces(seconds: float, piece_seconds: float = _PIECE_SECONDS) -> Generator[bytes, None, None]:
    """The body in pieces, within `seconds`, and within `piece_seconds` for each piece. Raises UploadTooSlow.

    A read blocks until all requested bytes have arrived, so a deadline that is checked between reads does not
    stop a client that sends a byte now and then. At the deadline, the connection is therefore shut for
    reading, which ends the blocked read while the answer can still be sent.
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
        alarm.join()  # otherwise it could shut a later request's connection with the same descriptor
    if time.monotonic() > until:
        raise _too_slow()
    stream.is_whole = _is_all_read()
    return piece


def _too_slow() -> UploadTooSlow:
    return UploadTooSlow("The upload took too long.")
