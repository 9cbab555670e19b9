"""A body in chunks, read from a server that leaves them to the app."""

from __future__ import annotations

import io

import pytest

from app.serving.chunks import Chunks

HELLO = b"2\r\nhe\r\n00003\r\nllo\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_what_is_in_chunks_is_read_in_any_size(size: int) -> None:
    chunks = Chunks(io.BytesIO(HELLO + b"and more"))
    pieces = []
    while piece := chunks.read(size):
        pieces.append(piece)
    assert b"".join(pieces) == b"hello"
    assert all(len(piece) == size for piece in pieces[:-1])
    assert chunks.is_exhausted
    assert chunks.read(size) == b""


@pytest.mark.parametrize("length", range(len(HELLO)))
def test_a_body_that_breaks_off_is_an_error_and_no_end(length: int) -> None:
    with pytest.raises(OSError):
        Chunks(io.BytesIO(HELLO[:length])).read(100)


@pytest.mark.parametrize("sent", [b"x\r\n", b"\r\n", b"5" * 100, b"2\r\nhello", b"0\r\nA: b\r\n\r\n"])
def test_what_is_not_in_chunks_is_an_error(sent: bytes) -> None:
    with pytest.raises(OSError):
        Chunks(io.BytesIO(sent)).read(100)
