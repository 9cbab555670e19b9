"""Request bodies: where they end, and which part is passed to a worker (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol

from front.heads import FIELD, STRAY_END, Refused

_MOST_LINE_BYTES = 4096  # of a trailer, and roughly of a chunk's size line with extensions
_MOST_FRAMING_BYTES = 2**16  # plus half the content: a million one-byte chunks take seconds of CPU time

_SIZE_LINE = rb"([0-9A-Fa-f]{1,16})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]{0,4000})?\r"
_SIZE = re.compile(_SIZE_LINE + rb"\n")
_BEGUN_SIZE = re.compile(_SIZE_LINE + rb"?")


class Body(Protocol):
    """The body of one request, as it arrives.

    Attributes:
        left: bytes to pass on before the next line is to be parsed.
    """

    left: int

    @property
    def is_whole(self) -> bool:
        """Whether it has arrived completely."""

    def take(self, data: bytes) -> bytes:
        """The bytes to pass to a worker for `data`, the next piece received. Raises Refused."""


class Counted:
    """A body with a Content-Length."""

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def is_whole(self) -> bool:
        return not self.left

    def take(self, data: bytes) -> bytes:
        taken = data[: self.left]
        self.left -= len(taken)
        return taken


class Chunked:
    """A chunked body. Chunks that arrive together are merged; extensions and trailers are dropped."""

    def __init__(self) -> None:
        self.is_whole = False
        self._begun = b""  # an incomplete line
        self.left = 0  # bytes of the chunk, including the CR LF after it
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
            if self.left:
                end = at + self.left
                content = data[at : end - 2]
                self._contents_bytes += len(content)
                yield content
                if end > len(data):
                    self.left -= len(content)
                    self._begun = data[at + len(content) :]
                    if self._begun not in (b"", b"\r"):
                        raise _bad()
                    return
                if data[end - 2 : end] != b"\r\n":
                    raise _bad()
                self.left = 0
            else:
                end = self._read_line(data, at)
                if end < 0:
                    self._begun = data[at:]
                    return
                self._framing_bytes += end - at
                if self._framing_bytes > _MOST_FRAMING_BYTES + self._contents_bytes // 2:
                    raise Refused(HTTPStatus.BAD_REQUEST, "The body consists of too many small chunks.")
            at = end

    def _read_line(self, data: bytes, at: int) -> int:
        """Parse a chunk's size or a trailer. Returns where it ends, -1 if incomplete. Raises Refused."""
        end = self._read_trailer(data, at) if self._is_last else self._read_size(data, at)
        if end < 0 and len(data) - at >= _MOST_LINE_BYTES:
            raise _bad()
        return end

    def _read_size(self, data: bytes, at: int) -> int:
        size = _SIZE.match(data, at)
        if size:
            length = int(size[1], 16)
            self._is_last = not length
            self.left = length and length + 2
            return size.end()
        if not _BEGUN_SIZE.fullmatch(data, at):
            raise _bad()
        return -1

    def _read_trailer(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at, at + _MOST_LINE_BYTES)
        self.is_whole = end == at
        if end < 0:
            if STRAY_END.search(data, at):
                raise _bad()
            return -1
        if not self.is_whole and not FIELD.fullmatch(data, at, end):
            raise _bad()
        return end + 2


def _bad() -> Refused:
    return Refused(
        HTTPStatus.BAD_REQUEST,
        "The body is not chunked, as Transfer-Encoding says. A chunk is its size in hexadecimal digits,"
        " CR LF, that many bytes, CR LF; the last chunk has size 0.",
    )
