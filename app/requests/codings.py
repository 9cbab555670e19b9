"""Codings: decompresses bodies with a Content-Encoding while they arrive."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from app.errors import BadBody, UnsupportedCoding

_PIECE_BYTES = 64 * 1024
_GZIP_BEGINS = b"\x1f"
_MOST_STREAMS = 1000  # a body could hold a million tiny streams, which would take long to decompress
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def coding_of(header: str) -> str | None:
    """The coding in a Content-Encoding header: gzip, deflate or None. Raises UnsupportedCoding."""
    named = [name for name in (part.strip().lower() for part in header.split(",")) if name != "identity"]
    match [name for name in named if name]:
        case []:
            return None
        case ["gzip" | "x-gzip"]:
            return "gzip"
        case ["deflate"]:
            return "deflate"
    raise UnsupportedCoding(
        f"Content-Encoding {header[:40]} is not supported; use gzip or deflate, or do not compress the body."
    )


def decoded(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Decompress `pieces`, which are compressed with `coding`; yields at most 64 KiB at once.

    A gzip body may consist of several streams, and may end with zeros (RFC 1952).

    Raises:
        BadBody: the body is not valid `coding`, is incomplete, or continues after its end.
    """
    inflate = None
    streams = 0
    for piece in pieces:
        rest = piece
        while rest:
            if inflate is None or inflate.eof:
                if streams:
                    rest = _next_stream(rest, coding, streams)
                    if not rest:
                        break
                inflate = zlib.decompressobj(_window(coding, rest))
                streams += 1
            yield from _inflated(inflate, rest, coding)
            rest = inflate.unused_data
    if inflate is not None and not inflate.eof:
        raise BadBody(f"The body breaks off: its {coding} data is incomplete.")


def _inflated(inflate: zlib._Decompress, rest: bytes, coding: str) -> Iterator[bytes]:
    while not inflate.eof:
        try:
            content = inflate.decompress(rest, _PIECE_BYTES)
        except zlib.error as error:
            raise BadBody(f"The body is not {coding}, as its Content-Encoding says.") from error
        if content:
            yield content
        rest = inflate.unconsumed_tail
        if not rest and len(content) < _PIECE_BYTES:
            return


def _next_stream(rest: bytes, coding: str, streams: int) -> bytes:
    """The bytes after the end of a stream, from the start of the next stream; empty if none follows."""
    if coding == "gzip":
        rest = rest.lstrip(b"\0")
        if not rest or (rest.startswith(_GZIP_BEGINS) and streams < _MOST_STREAMS):
            return rest
    raise BadBody(f"The body continues after the end of its {coding} data; send it as one stream.")


def _window(coding: str, begun: bytes) -> int:
    """The window bits for zlib. Some clients send deflate without the header that RFC 9110 requires."""
    if coding == "gzip":
        return _GZIP
    has_header = begun[0] & 0x0F == zlib.DEFLATED and int.from_bytes(begun[:2]) % 31 == 0
    return _ZLIB if has_header else _BARE
