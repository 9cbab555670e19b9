from __future__ import annotations

import time
from contextlib import suppress
from http import HTTPStatus

import pytest

from front.heads import MOST_BYTES, Head, Refused, end_of, read

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n"


def head_of(request: bytes) -> Head:
    """Of a request whose head is whole, as far as its empty line."""
    end = end_of(bytearray(request), 0)
    assert end == len(request) - 4
    return read(request[:end], ("192.0.2.1", 1234), 8080)


def told(request: bytes) -> dict[str, str]:
    """What a worker is told of it."""
    packet = head_of(request).packet
    assert packet[0] == packet[3] == 0
    assert int.from_bytes(packet[1:3], "little") == len(packet) - 4
    parts = []
    rest = packet[4:]
    while rest:
        length = int.from_bytes(rest[:2], "little")
        parts.append(rest[2 : 2 + length].decode("latin-1"))
        rest = rest[2 + length :]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_a_worker_is_told_what_was_asked_by_whom_and_where() -> None:
    request = (
        b"POST /a%20b?c=%20 HTTP/1.1\r\nHost: x:8080\r\n"
        b"Content-Length: 5\r\nContent-Type: t\r\nA-b:  c \r\n\r\n"
    )
    variables = told(request)
    assert variables.pop("SERVER_NAME")
    assert int(variables.pop("front.head_bytes")) == len(head_of(request).packet)
    assert variables == {
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": "/a%20b?c=%20",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        "SERVER_PORT": "8080",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "1234",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "t",
        "HTTP_HOST": "x:8080",
        "HTTP_A_B": "c",
    }


@pytest.mark.parametrize(
    ("headers", "body_bytes", "awaits_continue"),
    [
        (b"", 0, False),
        (b"Content-Length: 0\r\n", 0, False),
        (b"content-length: 0012\r\n", 12, False),
        (b"Expect: 100-continue\r\nContent-Length: 3\r\n", 3, True),
        (b"expect: 100-Continue\r\ncontent-length: 3\r\n", 3, True),
        (b"Expect: 100-continue\r\n", 0, False),
        (b"Expect: something\r\n", 0, False),
        (b"Transfer-Encoding: chunked\r\n", None, False),
        (b"transfer-encoding: Chunked\r\nExpect: 100-continue\r\n", None, True),
    ],
)
def test_the_length_of_the_body_is_known_unless_it_comes_in_chunks(
    headers: bytes, body_bytes: int | None, awaits_continue: bool
) -> None:
    request = GET + headers + b"\r\n"
    assert head_of(request).body_bytes == body_bytes
    assert ("front.awaits_continue" in told(request)) == awaits_continue


def test_a_worker_is_told_of_chunks_as_it_reads_them() -> None:
    variables = told(GET + b"Transfer-Encoding: CHUNKED\r\n\r\n")
    assert variables["HTTP_TRANSFER_ENCODING"] == "chunked"
    assert int(variables["CONTENT_LENGTH"]) > 10**15  # uWSGI would read nothing of a body without a length


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"gzip, chunked", HTTPStatus.NOT_IMPLEMENTED),
        (b"identity, chunked", HTTPStatus.NOT_IMPLEMENTED),
        (b"gzip", HTTPStatus.BAD_REQUEST),
        (b"identity", HTTPStatus.BAD_REQUEST),
        (b"chunked, gzip", HTTPStatus.BAD_REQUEST),
        (b"chunked, chunked", HTTPStatus.BAD_REQUEST),
        (b"chunked;q=1", HTTPStatus.BAD_REQUEST),
        (b"xchunked", HTTPStatus.BAD_REQUEST),
        (b"", HTTPStatus.BAD_REQUEST),
    ],
)
def test_other_codings_of_the_transfer_are_refused(value: bytes, status: HTTPStatus) -> None:
    with pytest.raises(Refused) as refused:
        head_of(GET + b"Transfer-Encoding: " + value + b"\r\n\r\n")
    assert refused.value.status == status


@pytest.mark.parametrize("name", [b"X_Forwarded_For", b"X-Forwarded_For", b"_", b"Content_Length", b"Ho_st"])
def test_names_with_underscores_pass_for_no_others(name: bytes) -> None:
    plain = GET + b"X-Forwarded-For: 1\r\nContent-Length: 3\r\n\r\n"
    assert told(plain[:-2] + name + b": 9\r\n\r\n") == told(plain)


def test_what_is_said_twice_is_a_list() -> None:
    variables = told(GET + b"A: 1\r\nB: 2\r\na: 3\r\nCookie: c=1\r\nCookie: d=2\r\n\r\n")
    assert (variables["HTTP_A"], variables["HTTP_COOKIE"]) == ("1, 3", "c=1; d=2")


@pytest.mark.parametrize(
    ("target", "host", "uri", "path", "query"),
    [
        (b"/", "x", "/", "/", ""),
        (b"//a", "x", "//a", "//a", ""),
        (b"/?x=//y?z", "x", "/?x=//y?z", "/", "x=//y?z"),
        (b"http://other/a?b", "other", "/a?b", "/a", "b"),
        (b"HTTPS://other:1", "other:1", "/", "/", ""),
        (b"http://other?a", "other", "/?a", "/", "a"),
        (b"/http://other/", "x", "/http://other/", "/http://other/", ""),
        (b"/%00%ff\xe9", "x", "/%00%ff\xe9", "/\x00\xff\xe9", ""),
    ],
)
def test_a_target_is_a_path_or_a_url(target: bytes, host: str, uri: str, path: str, query: str) -> None:
    variables = told(GET.replace(b"/a", target) + b"\r\n")
    names = ("HTTP_HOST", "REQUEST_URI", "PATH_INFO", "QUERY_STRING")
    assert [variables[name] for name in names] == [host, uri, path, query]


def test_a_server_may_be_asked_for_its_options() -> None:
    assert told(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")["PATH_INFO"] == "*"


@pytest.mark.parametrize(
    ("version", "told_as"), [(b"HTTP/1.1", "HTTP/1.1"), (b"HTTP/1.0", "HTTP/1.0"), (b"HTTP/1.9", "HTTP/1.1")]
)
def test_the_version_is_one_that_there_is(version: bytes, told_as: str) -> None:
    assert told(GET.replace(b"HTTP/1.1", version) + b"\r\n")["SERVER_PROTOCOL"] == told_as


def test_without_a_host_only_the_old_version_is_spoken() -> None:
    assert "HTTP_HOST" not in told(b"GET / HTTP/1.0\r\n\r\n")
    for target in (b"/", b"http://x/"):  # the URL's own does not stand in for the header
        with pytest.raises(Refused):
            told(b"GET " + target + b" HTTP/1.1\r\n\r\n")
        with pytest.raises(Refused):
            told(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")


@pytest.mark.parametrize("name", [b"X-Forwarded-Proto", b"x-forwarded-ssl"])
def test_a_scheme_that_is_no_text_does_not_reach_the_server(name: bytes) -> None:
    assert told(GET + name + b": https,http\r\n\r\n")
    for value in (b"\xff", b"https\xc3\x28", b'"'):
        with pytest.raises(Refused):
            told(GET + name + b": " + value + b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n" + GET + b"\r\n",
        GET.replace(b"\r\n", b"\n") + b"\n",
        GET + b"A: b\nC: d\r\n\r\n",
        GET + b"A: b\rC: d\r\n\r\n",
        GET + b"A: b\r\r\n\r\n",
        GET + b"no colon\r\n\r\n",
        GET + b": x\r\n\r\n",
        GET + b"A : x\r\n\r\n",
        GET + b"A\xe9: x\r\n\r\n",
        GET + b"A: x\r\n y\r\n\r\n",
        GET + b"A: x\0\r\n\r\n",
        GET + b"A: \x7f\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x, x\r\n\r\n",
        GET + b"Host: x\r\n\r\n",
        GET + b"host: y\r\n\r\n",
        GET + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        GET + b"Content-Length: 1, 1\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: +1\r\n\r\n",
        GET + b"Content-Length: \r\n\r\n",
        GET + b"Content-Length: \xb2\r\n\r\n",
        GET + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
        GET.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n",
        GET + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
        *(
            GET.replace(b"/a", target) + b"\r\n"
            for target in (b"?x", b"#a", b"/a#b", b"*", b"a", b"ftp://x/", b"", b"/ a")
        ),
        b"GET /a\r\n\r\n",
        b"GET  /a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G@T /a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a http/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",  # TLS
    ],
)
def test_what_http_forbids_is_400(request_: bytes) -> None:
    with pytest.raises(Refused) as refused:
        head_of(request_)
    assert refused.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/9.9", b"HTTP/0.9"])
def test_other_versions_are_505(version: bytes) -> None:
    with pytest.raises(Refused) as refused:
        head_of(GET.replace(b"HTTP/1.1", version) + b"\r\n")
    assert refused.value.status == HTTPStatus.HTTP_VERSION_NOT_SUPPORTED


def test_heads_that_are_too_long_are_431() -> None:
    long = GET + b"A: " + b"x" * MOST_BYTES
    many = GET + b"".join(b"A%d:\r\n" % i for i in range(7000)) + b"\r\n"
    assert len(many) < MOST_BYTES
    for request in (long, long + b"\r\n\r\n", many):
        with pytest.raises(Refused) as refused:
            end = end_of(bytearray(request), 0)
            read(request[:end], ("192.0.2.1", 1), 80)
        assert refused.value.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "without TLS"),
        (b"\x16", "without TLS"),
        (b"\x16\x03\x01\n", "without TLS"),  # its random bytes may be anything
        (b"\0", "request line"),
        (b"\xff\xd8\xff\xe0", "request line"),
        (b" GET / HTTP/1.1", "request line"),
        (b"\r", "request line"),
        (b"{", "request line"),
    ],
)
def test_what_no_request_begins_with_is_400_before_a_line_has_ended(begun: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        end_of(bytearray(begun), 0)
    assert refused.value.status == HTTPStatus.BAD_REQUEST


def test_a_head_may_come_a_byte_at_a_time() -> None:
    whole = GET + b"\r\n"
    for length in range(1, len(whole)):
        assert end_of(bytearray(whole[:length]), length - 1) == -1
    assert end_of(bytearray(whole), len(whole) - 1) == len(whole) - 4


def test_no_head_takes_long_to_read() -> None:
    for filler in (b" " * 60_000 + b"x", b"\t" * 60_000, b"\r\nA:" * 8_000, b"," * 60_000):
        begun = time.process_time()
        with suppress(Refused):
            head_of(GET + b"A:" + filler + b"\r\n\r\n")
        assert time.process_time() - begun < 5  # quadratic, it would be minutes
