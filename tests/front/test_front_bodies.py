"""Bodies in chunks, as the front gives them to a worker."""

from __future__ import annotations

import re

import pytest

from front.bodies import Chunked, Counted
from front.heads import Refused


def contents(framed: bytes) -> bytes:
    """What is in chunks without anything beside them, each of which a worker can read."""
    found = b""
    while framed:
        size, _, framed = framed.partition(b"\r\n")
        assert re.fullmatch(b"[0-9a-f]{1,16}", size)
        length = int(size, 16)
        found += framed[:length]
        assert framed[length : length + 2] == b"\r\n"
        framed = framed[length + 2 :]
        assert length or not framed
    return found


BODIES = {
    "nothing": (b"0\r\n\r\n", b""),
    "a chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "several": (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    "line ends within": (b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", b"\r\n0\r\n\r"),
    "zeros before the size": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "capitals": (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "spaces after the size": (b"5  \r\nhello\r\n0 \r\n\r\n", b"hello"),
    "extensions": (b'5;a;b="c d"\r\nhello\r\n0;e=f\r\n\r\n', b"hello"),
    "trailers": (b"5\r\nhello\r\n0\r\nDigest: x\r\nHost: evil\r\n\r\n", b"hello"),
    "another request behind it": (b"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"hello"),
}


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("sent", "meant"), BODIES.values(), ids=BODIES.keys())
def test_chunks_are_read_however_they_arrive(sent: bytes, meant: bytes, step: int) -> None:
    body = Chunked()
    framed = b"".join(body.take(sent[at : at + step]) for at in range(0, len(sent), step))
    assert contents(framed) == meant
    assert body.is_whole


BAD = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "no hexadecimal": b"x\r\nhello\r\n",
    "a sign": b"-5\r\nhello\r\n",
    "a plus": b"+5\r\nhello\r\n",
    "0x": b"0x5\r\nhello\r\n",
    "an underscore": b"1_0\r\nhello\r\n",
    "a space before the size": b" 5\r\nhello\r\n",
    "too many digits": b"0" * 17 + b"\r\n\r\n",
    "a control character in an extension": b"5;\0\r\nhello\r\n",
    "LF alone after the size": b"5\nhello\r\n0\r\n\r\n",
    "LF alone after the content": b"5\r\nhello\n0\r\n\r\n",
    "more than the size says": b"4\r\nhello\r\n0\r\n\r\n",
    "less than the size says": b"6\r\nhello\r\n0\r\n\r\n",
    "a size that never ends": b"5;" + b"x" * 5000,
    "a trailer that is none": b"0\r\nno colon\r\n\r\n",
    "a trailer that never ends": b"0\r\nA: " + b"x" * 5000,
    "trailers that never end": b"0\r\n" + b"A: b\r\n" * 20_000,
    "extensions that never end": (b"1;" + b"x" * 4000 + b"\r\nx\r\n") * 30,
    "chunks of a byte": b"1\r\nx\r\n" * 30_000,
    "LF alone within the size's line": b"5\n",
    "LF alone within an extension": b"5;a\n",
    "CR alone within the size's line": b"5\r5",
    "LF alone, and nothing else": b"\n",
    "LF alone after the first chunk": b"5\r\nhello\r\n\n",
    "LF alone after the content, and no more": b"5\r\nhello\n",
    "LF alone after the last size": b"0\r\n\n",
    "LF alone within a trailer": b"0\r\nA: b\n",
    "CR alone within a trailer": b"0\r\nA: b\rc",
    "no digit, and no more": b"x",
    "too many digits, and no more": b"1" * 17,
}


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
def test_what_is_not_in_chunks_is_refused(sent: bytes, step: int) -> None:
    body = Chunked()
    with pytest.raises(Refused):
        for at in range(0, len(sent), step):
            body.take(sent[at : at + step])
    assert not body.is_whole


@pytest.mark.parametrize("size", [10, 60, 4096, 8192, 16372, 65536])
def test_a_body_of_small_chunks_is_taken(size: int) -> None:
    body = Chunked()
    content = b"x" * size
    times = 5_000_000 // size
    framed = body.take(b"%x\r\n%b\r\n" % (size, content) * times + b"0\r\n\r\n")
    assert contents(framed) == content * times


def test_a_short_body_may_be_in_chunks_of_a_byte() -> None:
    body = Chunked()
    assert contents(body.take(b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")) == b"x" * 20_000


def test_a_body_of_known_length_ends_there() -> None:
    body = Counted(5)
    assert (body.take(b"hel"), body.is_whole) == (b"hel", False)
    assert (body.take(b"lo and more"), body.is_whole) == (b"lo", True)
    assert body.take(b"more") == b""
