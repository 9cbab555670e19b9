"""Intake: an HTTP request becomes image bytes and text fields, within limits of size and time."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.formparser import FormDataParser

from app.errors import BadBody, LengthRequired, NoImage, NotAnImage, TooLarge, TooManyImages, UploadTooSlow
from app.settings import Settings

IMAGE_FIELDS = ("image", "file")

_CHUNK_BYTES = 64 * 1024
_FORM_BYTES = 64 * 1024  # room for a form's boundaries and text fields beside an image of the largest size
_FORM_PARTS = 64
_REFUSED_DRAIN_SECONDS = 1.0
_REFUSED_DRAINS = 4  # at once; uwsgi.ini has eight threads more than uploads and queue can hold

_ACCEPTED = (
    "Send it as multipart/form-data in the field 'image',"
    " or as the raw body with Content-Type image/* or application/octet-stream."
)


@dataclass(frozen=True)
class Upload:
    """What a request brought.

    Attributes:
        images: the bytes of each image file, in order; none is empty.
        fields: the form's text fields, each with all its values.
    """

    images: list[bytes]
    fields: Mapping[str, list[str]]

    def one_image(self) -> bytes:
        """The image. Raises NoImage or TooManyImages unless there is exactly one."""
        if not self.images:
            raise NoImage(f"The request has no image. {_ACCEPTED}")
        if len(self.images) > 1:
            raise TooManyImages(f"The request has {len(self.images)} images; send one.")
        return self.images[0]


def receive(settings: Settings) -> Upload:
    """What the running request brought.

    Raises:
        BadBody: a form that cannot be read.
        LengthRequired: a chunked body, from a server that does not put it together.
        NoImage: an image field that holds text.
        NotAnImage: a body of a type that is not accepted.
        TooLarge: more than MASKSERVE_MAX_BYTES.
        UploadTooSlow: more time than MASKSERVE_UPLOAD_TIMEOUT.
    """
    if request.mimetype == "multipart/form-data":
        body = _read_body(settings.max_bytes + _FORM_BYTES, settings)
        upload = _read_form(body)
    else:
        body = _read_body(settings.max_bytes, settings)
        if body and not _may_be_image(request.mimetype):
            raise NotAnImage(f"A body of type {request.mimetype or 'unknown'} is not accepted. {_ACCEPTED}")
        upload = Upload(images=[body] if body else [], fields={})
    for image in upload.images:
        if len(image) > settings.max_bytes:
            raise _too_large(settings)
    return upload


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


def _read_body(max_bytes: int, settings: Settings) -> bytes:
    length = request.content_length
    if length is None and request.headers.get("Transfer-Encoding") and not _is_put_together():
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")
    with closing(_pieces(settings.upload_timeout)) as pieces:
        if length is not None and length > max_bytes:
            _drain(pieces, 2 * settings.max_bytes)
            raise _too_large(settings)
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > max_bytes:
                _drain(pieces, 2 * settings.max_bytes - len(body))
                raise _too_large(settings)
    return bytes(body)


def _is_put_together() -> bool:
    """Whether the server hands a chunked body over as a stream that ends (uWSGI does not)."""
    return bool(request.environ.get("wsgi.input_terminated"))


def _is_all_read() -> bool:
    """Whether nothing of the body is left to read, as far as that is known."""
    return not request.content_length or getattr(request.stream, "is_exhausted", False)


def _drain(pieces: Iterator[bytes], at_most: int) -> None:
    """Read and forget what is left of the body: closing on unread bytes would reset the connection."""
    with suppress(UploadTooSlow, ClientDisconnected):
        while at_most > 0 and (piece := next(pieces, b"")):
            at_most -= len(piece)


def _pieces(seconds: float) -> Generator[bytes, None, None]:
    """The body as it comes, for at most `seconds`; close it when done. Raises UploadTooSlow.

    A read waits until all that it asked for is there, so a deadline that is looked at between two reads is
    not met by a client that sends a byte now and then. When the time is over, the connection is therefore
    closed for reading, which ends the read that waits and leaves the way open for the answer.
    """
    deadline = time.monotonic() + seconds
    too_slow = UploadTooSlow(f"The upload took more than {seconds:g} seconds.")
    alarm = threading.Timer(seconds, _close_for_reading, [request.environ["wsgi.input"]])
    alarm.daemon = True
    alarm.start()
    try:
        while True:
            piece = request.stream.read(_CHUNK_BYTES)
            if time.monotonic() > deadline:
                raise too_slow
            if not piece:
                return
            yield piece
    except (ClientDisconnected, OSError) as error:
        if time.monotonic() > deadline:
            raise too_slow from error
        raise
    finally:
        alarm.cancel()
        alarm.join()  # or it could close the connection of a later request, which has the same number


def _close_for_reading(stream: IO[bytes]) -> None:
    """End a read that waits on the connection behind `stream`. A server that buffers has none there."""
    with suppress(AttributeError, OSError):
        connection = socket.socket(fileno=stream.fileno())
        try:
            connection.shutdown(socket.SHUT_RD)
        finally:
            connection.detach()  # it is the server's


def _read_form(body: bytes) -> Upload:
    parser = FormDataParser(
        stream_factory=_memory,
        max_form_parts=_FORM_PARTS,
        silent=False,
    )
    try:
        _, form, files = parser.parse(io.BytesIO(body), request.mimetype, len(body), request.mimetype_params)
    except ValueError as error:
        raise BadBody("The body is not well-formed multipart/form-data.") from error
    for name in IMAGE_FIELDS:
        if name in form:
            raise NoImage(
                f"The field '{name}' holds text; send it as a file (in curl: -F {name}=@photo.jpg)."
            )
    parts = [part.stream.read() for name in IMAGE_FIELDS for part in files.getlist(name)]
    if files and not any(name in files for name in IMAGE_FIELDS):
        raise NoImage(f"The request has a file, but not in the field 'image'. {_ACCEPTED}")
    # A browser sends an empty part for a file input that was left empty.
    return Upload(images=[part for part in parts if part], fields=dict(form.lists()))


def _memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    """Where a part goes: memory, always. Werkzeug's default writes large ones to disk."""
    return io.BytesIO()


def _may_be_image(mimetype: str) -> bool:
    return mimetype.startswith("image/") or mimetype == "application/octet-stream"


def _too_large(settings: Settings) -> TooLarge:
    return TooLarge(f"The image has more than {settings.max_bytes:,} bytes, the most that is accepted.")
