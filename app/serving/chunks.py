"""Chunks: decodes chunked bodies (RFC 9112, section 7.1), for servers that leave this to the app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from flask import Flask

from app.serving.streams import Stream, stream_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_SIZE = 16  # hexadecimal digits


class Chunks:
    """The content of a chunked stream.

    Chunks have neither extensions nor trailers, which the front (front/) has removed.

    Attributes:
        is_exhausted: whether the last chunk has been read.
    """

    def __init__(self, stream: IO[bytes] | Stream) -> None:
        self.is_exhausted = False
        self._stream = stream
        self._left = 0  # bytes of the chunk

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end. Raises OSError if the body is broken or incomplete."""
        pieces = []
        while size > 0 and not self.is_exhausted:
            if not self._left:
                self._begin()
                continue
            piece = self._exactly(min(size, self._left))
            size -= len(piece)
            self._left -= len(piece)
            if not self._left:
                self._end()
            pieces.append(piece)
        return b"".join(pieces)

    def _begin(self) -> None:
        line = b""
        while not line.endswith(b"\r\n") and len(line) < _LONGEST_SIZE + 2:
            line += self._exactly(1)
        try:
            self._left = int(line, 16)
        except ValueError as error:
            raise _broken() from error
        if not self._left:
            self._end()
            self.is_exhausted = True

    def _end(self) -> None:
        if self._exactly(2) != b"\r\n":
            raise _broken()

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise _broken()
        return data


def _broken() -> OSError:
    return OSError("the body breaks off, or is not in chunks")


def put_together(app: Flask) -> None:
    """Make chunked bodies readable like any other, whether or not the server of `app` decodes them."""
    app.wsgi_app = _put_together(app.wsgi_app)  # type: ignore[method-assign,assignment]


def _put_together(answer: WSGIApplication) -> WSGIApplication:
    def with_whole_bodies(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stream = stream_of(environ)
        is_in_chunks = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if is_in_chunks and not environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = Chunks(stream)
            environ["wsgi.input_terminated"] = True
        return answer(environ, start_response)

    return with_whole_bodies
