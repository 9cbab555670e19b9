"""Bodies of requests: where they end, and what of them a worker is given (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol

from front.heads import FIELD, Refused

_MOST_LINE_BYTES = 4096  # of a chunk's size with its extensions, or of a trailer
_MOST_FRAMING_BYTES = (
    2**20
)  # beside the contents, and as many as these: a million chunks of a byte cost seconds

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[\t ]*(;[\t\x20-\x7e\x80-\xff]*)?")


class Body(Protocol):
    """The body of one request, as it comes."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it has come."""

    def take(self, data: bytes) -> bytes:
        """What a worker is to be given of `data`, which came next. Raises Refused."""


class Counted:
    """A body whose length the head tells."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def is_whole(self) -> bool:
        return not self._left

    def take(self, data: bytes) -> bytes:
        taken = data[: self._left]
        self._left -= len(taken)
        return taken


class Chunked:
    """A body in chunks. A worker gets those that came together as one, without extensions and trailers."""

    def __init__(self) -> None:
        self.is_whole = False
        self._begun = b""  # of a line
        self._left: int | None = None  # bytes of the chunk, in which 0 is its end; None: before or after all
        self._is_last = False
        self._contents_bytes = 0
        self._framing_bytes = 0

    def take(self, data: bytes) -> bytes:
        """See `Body`."""
        if self.is_whole:
            return b""
        contents = b"".join(self._contents(data))
        taken = b"%x\r\n%b\r\n" % (len(contents), contents) if contents else b""
        return taken + b"0\r\n\r\n" if self.is_whole else taken

    def _contents(self, data: bytes) -> Iterator[bytes]:
        data = self._begun + data
        self._begun = b""
        at = 0
        while at < len(data) and not self.is_whole:
            if self._left:
                content = data[at : at + self._left]
                self._left -= len(content)
                self._contents_bytes += len(content)
                at += len(content)
                yield content
                continue
            end = data.find(b"\r\n", at, at + _MOST_LINE_BYTES)
            if end < 0:
                if len(data) - at >= _MOST_LINE_BYTES:
                    raise _bad()
                self._begun = data[at:]
                return
            self._framing_bytes += end + 2 - at
            if self._framing_bytes > _MOST_FRAMING_BYTES + self._contents_bytes:
                raise Refused(HTTPStatus.BAD_REQUEST, "The body is in too many small chunks.")
            self._read_line(data[at:end])
            at = end + 2

    def _read_line(self, line: bytes) -> None:
        if self._is_last:
            self.is_whole = not line
            if line and not FIELD.fullmatch(line):
                raise _bad()
        elif self._left == 0:
            self._left = None
            if line:
                raise _bad()
        elif size := _SIZE.fullmatch(line):
            self._left = int(size[1], 16) or None
            self._is_last = self._left is None
        else:
            raise _bad()


def _bad() -> Refused:
    return Refused(
        HTTPStatus.BAD_REQUEST,
        "The body is not in chunks, as Transfer-Encoding says: each is its size in hexadecimal digits,"
        " CR LF, as many bytes, CR LF; the last has the size 0.",
    )
