"""Fetching reaches public addresses only, within its limits, and tells strangers nothing of the network.

Nothing here leaves the machine: the stand-in for the resolver names public addresses, and the stand-in for
TCP connects to a server on the loopback in place of them.
"""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from stub_origin import Answer, Authority, Origin, ok, to

from app import fetch
from app.errors import BadParameter, FetchFailed, FetchTimedOut, Forbidden, NotAnImage, ServiceError, TooLarge
from app.fetch import Fetcher
from app.settings import Settings

PUBLIC = "93.184.216.34"
HOST = "images.example"
IMAGE = b"\x89PNG" + bytes(range(256)) * 100
SETTINGS = Settings(url_schemes=("https", "http"), max_bytes=100_000, url_timeout=5)
NOT_PUBLIC = "The host of the URL has no public address."


class Internet:
    """A resolver and a way to connect, both recording; every address there is leads to one origin.

    Attributes:
        addresses: of each name, one list for each time that it is asked for, the last one for ever.
        origin: where connections end; None: nobody answers.
        asked: the names that were looked up.
        connected: the addresses and ports that were connected to.
        dead: addresses that refuse.
    """

    def __init__(self, origin: Origin | None, addresses: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.addresses = {name: list(answers) for name, answers in addresses.items()}
        self.origin = origin
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.dead: set[str] = set()

    def resolve(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        answers = self.addresses.get(name)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        self.connected.append((address, port))
        if self.origin is None or address in self.dead:
            raise ConnectionRefusedError(f"{address} refused")
        return socket.create_connection(("127.0.0.1", self.origin.port), timeout)

    def fetcher(self, settings: Settings = SETTINGS, trust: ssl.SSLContext | None = None) -> Fetcher:
        return Fetcher(settings, resolve=self.resolve, connect=self.connect, trust=trust)


Serve = Callable[..., Internet]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes an internet with these answers, by path, at HOST and everywhere else."""
    origins = []

    def start(answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> Internet:
        origins.append(Origin(answers, tls))
        return Internet(origins[-1], {HOST: [[PUBLIC]], "other.example": [["1.1.1.1"]]})

    yield start
    for origin in origins:
        origin.stop()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


# --- what is allowed


def test_an_image_at_a_public_address_is_fetched(serve: Serve) -> None:
    internet = serve({"/a.png?b=c": ok(IMAGE, "Content-Type: image/png")})

    assert internet.fetcher().fetch(f"http://{HOST}/a.png?b=c") == IMAGE

    assert internet.asked == [HOST]
    assert internet.connected == [(PUBLIC, 80)]
    assert internet.origin is not None
    head = internet.origin.requests[0].lower()
    assert f"host: {HOST}\r\n" in head
    assert "accept-encoding: identity\r\n" in head


def test_neither_proxies_nor_passwords_nor_cookies_of_the_environment_are_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text(f"machine {HOST} login user password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    internet = serve({"/": to("/a"), "/a": ok(IMAGE)})
    assert internet.origin is not None
    internet.origin.answers["/"] = ok(b"", "Location: /a", "Set-Cookie: a=b", status="302 Found")

    assert internet.fetcher().fetch(f"http://{HOST}/") == IMAGE

    for head in internet.origin.requests:
        assert "authorization" not in head.lower()
        assert "cookie" not in head.lower()


@pytest.mark.parametrize(
    "url", ["http://93.184.216.34/", "http://[2606:4700::1111]/", "http://[64:ff9b::5db8:d822]/"]
)
def test_a_public_address_needs_no_lookup(serve: Serve, url: str) -> None:
    internet = serve({"/": ok(IMAGE)})

    assert internet.fetcher().fetch(url) == IMAGE

    assert internet.asked == []


def test_the_next_address_is_tried_when_one_is_dead(serve: Serve) -> None:
    internet = serve({"/": ok(IMAGE)})
    internet.addresses[HOST] = [["2606:4700::1111", "2606:4700::1111", PUBLIC]]
    internet.dead = {"2606:4700::1111"}

    assert internet.fetcher().fetch(f"http://{HOST}/") == IMAGE

    assert internet.connected == [("2606:4700::1111", 80), (PUBLIC, 80)]


@pytest.mark.parametrize(
    "answer",
    [
        ok(IMAGE),
        ok(IMAGE, "Content-Type: image/webp"),
        ok(IMAGE, "Content-Type: Image/PNG; charset=binary"),
        ok(IMAGE, "Content-Type: application/octet-stream"),
        ok(IMAGE, "Content-Type: binary/octet-stream"),
        ok(IMAGE, "Content-Encoding: identity"),
        ok(IMAGE, "Location: http://127.0.0.1/"),  # which only a redirect means
        b"HTTP/1.0 200 OK\r\n\r\n" + IMAGE,  # its end is the connection's
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(IMAGE), IMAGE),
    ],
)
def test_an_image_comes_in_many_ways(serve: Serve, answer: bytes) -> None:
    assert serve({"/": answer}).fetcher().fetch(f"http://{HOST}/") == IMAGE


# --- addresses that are not public


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["192.168.1.1"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["255.255.255.255"],
        ["::1"],
        ["fd00:ec2::254"],
        ["fe80::1%eth0"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        [PUBLIC, "10.0.0.1"],  # one good, one bad
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "::1"],
        [],
    ],
)
def test_a_name_with_an_address_that_is_not_public_is_forbidden(addresses: list[str]) -> None:
    internet = Internet(None, {HOST: [addresses]})

    with pytest.raises(Forbidden) as refused:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert refused.value.detail == NOT_PUBLIC
    assert internet.connected == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "0",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:93.184.216.34]",
        "[fd00:ec2::254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
    ],
)
def test_an_address_that_is_not_public_is_forbidden_however_it_is_spelt(host: str) -> None:
    internet = Internet(None, {})

    with pytest.raises(Forbidden) as refused:
        internet.fetcher().fetch(f"http://{host}/")

    assert refused.value.detail == NOT_PUBLIC
    assert internet.asked == internet.connected == []


def test_a_name_that_there_is_not_is_answered_like_one_inside() -> None:
    """Or the service would tell which names an internal resolver knows."""
    internet = Internet(None, {})

    with pytest.raises(Forbidden) as refused:
        internet.fetcher().fetch("http://no-such-name.internal/")

    assert refused.value.detail == NOT_PUBLIC


def test_on_the_list_or_not_addresses_must_be_public() -> None:
    internet = Internet(None, {HOST: [["10.0.0.1"]]})
    settings = Settings(url_fetch="allowlist", url_hosts=(HOST, "10.0.0.1"))

    for host in settings.url_hosts:
        with pytest.raises(Forbidden) as refused:
            internet.fetcher(settings).fetch(f"https://{host}/")
        assert refused.value.detail == NOT_PUBLIC

    assert internet.connected == []


def test_a_name_that_changes_between_check_and_use_gains_nothing(serve: Serve) -> None:
    internet = serve({"/": ok(IMAGE)})
    internet.addresses[HOST] = [[PUBLIC], ["127.0.0.1"]]

    assert internet.fetcher().fetch(f"http://{HOST}/") == IMAGE

    assert internet.asked == [HOST]  # once
    assert internet.connected == [(PUBLIC, 80)]


def test_a_name_that_changes_before_the_redirect_to_itself_is_forbidden(serve: Serve) -> None:
    internet = serve({"/": to("/a"), "/a": ok(IMAGE)})
    internet.addresses[HOST] = [[PUBLIC], ["127.0.0.1"]]

    with pytest.raises(Forbidden):
        internet.fetcher().fetch(f"http://{HOST}/")

    assert internet.asked == [HOST, HOST]
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    ("url", "settings", "error"),
    [
        ("https://images.example/", Settings(url_fetch="off"), Forbidden),
        ("http://images.example/", Settings(), Forbidden),
        ("https://images.example/", Settings(url_fetch="allowlist", url_hosts=("other.example",)), Forbidden),
        ("https://images.example:22/", Settings(), Forbidden),
        ("file:///etc/hosts", Settings(), Forbidden),
        ("https://user:password@images.example/", Settings(), BadParameter),
        ("photo.jpg", Settings(), BadParameter),
    ],
)
def test_a_url_that_is_refused_is_not_even_looked_up(
    url: str, settings: Settings, error: type[ServiceError]
) -> None:
    internet = Internet(None, {HOST: [[PUBLIC]]})

    with pytest.raises(error):
        internet.fetcher(settings).fetch(url)

    assert internet.asked == internet.connected == []


# --- redirects


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_redirects_are_followed(serve: Serve, status: str) -> None:
    internet = serve({"/": to("http://other.example:8080/a?b", status), "/a?b": ok(IMAGE)})

    assert internet.fetcher().fetch(f"http://{HOST}/") == IMAGE

    assert internet.asked == [HOST, "other.example"]
    assert internet.connected == [(PUBLIC, 80), ("1.1.1.1", 8080)]


def test_three_redirects_are_followed_and_a_fourth_is_not(serve: Serve) -> None:
    answers: dict[str, Answer] = {f"/{i}": to(f"{i + 1}") for i in range(4)}
    internet = serve({**answers, "/4": ok(IMAGE)})

    assert internet.fetcher().fetch(f"http://{HOST}/1") == IMAGE
    with pytest.raises(FetchFailed, match="more than 3 times"):
        internet.fetcher().fetch(f"http://{HOST}/0")

    assert len(internet.connected) == 4 + 4


def test_a_redirect_to_itself_ends(serve: Serve) -> None:
    internet = serve({"/": to("/")})

    with pytest.raises(FetchFailed, match="more than 3 times"):
        internet.fetcher().fetch(f"http://{HOST}/")

    assert len(internet.connected) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//127.0.0.1/",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://inside.example/",
        "https://inside.example/",
    ],
)
def test_a_redirect_to_an_address_that_is_not_public_is_forbidden(serve: Serve, location: str) -> None:
    internet = serve({"/": to(location)})
    internet.addresses["inside.example"] = [["10.0.0.1"]]

    with pytest.raises(Forbidden) as refused:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert refused.value.detail == NOT_PUBLIC
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("location", ["file:///etc/hosts", "ftp://other.example/", f"http://{HOST}:25/"])
def test_a_redirect_is_held_to_the_same_rules(serve: Serve, location: str) -> None:
    internet = serve({"/": to(location)})

    with pytest.raises(Forbidden):
        internet.fetcher().fetch(f"http://{HOST}/")

    assert len(internet.connected) == 1


@pytest.mark.parametrize("location", ["https://", "http://[::1", "http://user@other.example/", "http://a b/"])
def test_a_redirect_that_cannot_be_read_is_the_hosts_failure(serve: Serve, location: str) -> None:
    internet = serve({"/": to(location)})

    with pytest.raises(FetchFailed, match="redirects to one that cannot be read"):
        internet.fetcher().fetch(f"http://{HOST}/")


def test_https_is_not_left_for_http(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    internet = serve({"/": to(f"http://{HOST}/a")}, authority.server_for(HOST, tmp_path))
    settings = Settings(url_schemes=("https",))

    with pytest.raises(Forbidden, match="https URLs only"):
        internet.fetcher(settings, authority.believed()).fetch(f"https://{HOST}/")

    assert len(internet.connected) == 1


# --- certificates


@pytest.mark.parametrize(("host", "name"), [(HOST, HOST), (f"{HOST}.", HOST), (PUBLIC, None)])
def test_the_certificate_is_checked_against_the_host_and_not_the_address(
    serve: Serve, authority: Authority, tmp_path: Path, host: str, name: str | None
) -> None:
    internet = serve({"/": ok(IMAGE)}, authority.server_for(host.rstrip("."), tmp_path))

    assert internet.fetcher(trust=authority.believed()).fetch(f"https://{host}/") == IMAGE

    assert internet.connected == [(PUBLIC, 443)]
    assert internet.origin is not None
    assert internet.origin.names == [name]
    assert f"host: {host.rstrip('.')}\r\n" in internet.origin.requests[0].lower()


def test_a_certificate_of_another_host_is_refused(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    internet = serve({"/": ok(IMAGE)}, authority.server_for("other.example", tmp_path))

    with pytest.raises(FetchFailed, match="no valid certificate"):
        internet.fetcher(trust=authority.believed()).fetch(f"https://{HOST}/")

    assert internet.origin is not None
    assert internet.origin.requests == []


def test_a_certificate_that_nobody_known_has_signed_is_refused(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    internet = serve({"/": ok(IMAGE)}, authority.server_for(HOST, tmp_path))

    with pytest.raises(FetchFailed, match="no valid certificate"):
        internet.fetcher().fetch(f"https://{HOST}/")


def test_a_server_without_tls_is_a_failure(serve: Serve) -> None:
    internet = serve({"/": ok(IMAGE)})

    with pytest.raises(FetchFailed, match="broke off"):
        internet.fetcher().fetch(f"https://{HOST}/")


# --- size, type, status


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("kind", ["length", "end", "chunks", "lie"])
def test_an_image_may_have_max_bytes_and_no_more(serve: Serve, kind: str, more: int) -> None:
    body = bytes(SETTINGS.max_bytes + more)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:70_000], body[70_000:]))
    answers = {
        "length": ok(body),
        "end": b"HTTP/1.1 200 OK\r\n\r\n" + body,
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        "lie": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + body,
    }
    fetcher = serve({"/": answers[kind]}).fetcher()

    if not more:
        assert fetcher.fetch(f"http://{HOST}/") == body
        return
    with pytest.raises(TooLarge, match="more than 100,000 bytes"):
        fetcher.fetch(f"http://{HOST}/")


def test_an_endless_image_is_left_at_the_limit(serve: Serve) -> None:
    sent = itertools.count()

    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while next(sent) < 10_000:
            line.sendall(bytes(10_000))

    with pytest.raises(TooLarge):
        serve({"/": endless}).fetcher().fetch(f"http://{HOST}/")

    assert next(sent) < 9_000  # what the system's buffers took is more than the limit, but not all


def test_a_length_over_the_limit_is_refused_without_reading(serve: Serve) -> None:
    def slow(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")
        line.recv(1)  # nothing is sent until the client has gone

    started = time.monotonic()
    with pytest.raises(TooLarge):
        serve({"/": slow}).fetcher().fetch(f"http://{HOST}/")

    assert time.monotonic() - started < 2


def test_what_is_compressed_is_refused_and_not_inflated(serve: Serve) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    internet = serve({"/": ok(bomb, "Content-Encoding: gzip", "Content-Type: image/png")})

    with pytest.raises(FetchFailed, match="compressed"):
        internet.fetcher().fetch(f"http://{HOST}/")


@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=utf-8", "application/json", "images/png"])
def test_a_page_is_not_an_image(serve: Serve, kind: str) -> None:
    with pytest.raises(NotAnImage, match="leads to no image"):
        serve({"/": ok(b"<html>", f"Content-Type: {kind}")}).fetcher().fetch(f"http://{HOST}/")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ok(b"", status="404 Not Found"), "answered with status 404"),
        (ok(b"secret", status="500 secret"), "answered with status 500"),
        (ok(b"", status="204 No Content"), "answered with status 204"),
        (ok(IMAGE, status="206 Partial Content"), "answered with status 206"),
        (ok(b"", status="302 Found"), "answered with status 302"),
        (ok(b"", status="304 Not Modified"), "answered with status 304"),
        (b"", "broke off"),
        (b"secret\r\n\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsecret", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsecret", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: secret\r\n" * 200 + b"\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"secret" * 20_000 + b"\r\n\r\n", "broke off"),
    ],
)
def test_a_failure_is_told_in_the_services_own_words(serve: Serve, answer: bytes, message: str) -> None:
    internet = serve({"/": answer})

    with pytest.raises(FetchFailed, match=message) as failed:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert "secret" not in failed.value.detail
    assert PUBLIC not in failed.value.detail
    assert "127.0.0.1" not in failed.value.detail


def test_a_host_that_refuses_is_told_without_its_addresses() -> None:
    internet = Internet(None, {HOST: [[PUBLIC, "1.1.1.1"]]})

    with pytest.raises(FetchFailed) as failed:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert failed.value.detail == "The host of the URL cannot be connected to."
    assert [address for address, _ in internet.connected] == [PUBLIC, "1.1.1.1"]


def test_a_resolver_that_fails_for_now_is_a_failure_and_no_refusal() -> None:
    def fail(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(FetchFailed, match="cannot be looked up now"):
        Fetcher(SETTINGS, resolve=fail, connect=Internet(None, {}).connect).fetch(f"http://{HOST}/")


# --- time

IMPATIENT = Settings(url_schemes=("https", "http"), url_timeout=0.4)


def drip(beginning: bytes, drops: bytes) -> Callable[[socket.socket], None]:
    """Sends a drop at a time, each long before a socket's own timeout, for ten seconds at most."""

    def answer(line: socket.socket) -> None:
        line.sendall(beginning)
        for drop in itertools.islice(itertools.cycle(drops), 200):
            line.sendall(bytes([drop]))
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        drip(b"", b"H"),
        drip(b"HTTP/1.1 200 OK\r\n", b"A"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"\0"),  # an end that cannot be told from having been shut
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"\0"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n\0\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_server_that_drips_is_left_in_time(
    serve: Serve, authority: Authority, tmp_path: Path, answer: Answer, tls: bool
) -> None:
    internet = serve({"/": answer}, authority.server_for(HOST, tmp_path) if tls else None)
    fetcher = internet.fetcher(IMPATIENT, authority.believed())
    started = time.monotonic()

    with pytest.raises(FetchTimedOut, match=r"within 0\.4 seconds"):
        fetcher.fetch(f"{'https' if tls else 'http'}://{HOST}/")

    assert time.monotonic() - started < 1.5


def test_redirects_share_one_time(serve: Serve) -> None:
    def late(line: socket.socket) -> None:
        time.sleep(0.15)
        line.sendall(to("/"))

    started = time.monotonic()
    with pytest.raises(FetchTimedOut):
        serve({"/": late}).fetcher(IMPATIENT).fetch(f"http://{HOST}/")

    assert time.monotonic() - started < 1.5


def test_a_server_that_never_greets_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def connect(_: str, __: int, timeout: float) -> socket.socket:
            return socket.create_connection(silent.getsockname(), timeout)

        for scheme in ("http", "https"):
            started = time.monotonic()
            with pytest.raises(FetchTimedOut):
                Fetcher(IMPATIENT, resolve=lambda _: [PUBLIC], connect=connect).fetch(f"{scheme}://{HOST}/")
            assert time.monotonic() - started < 1.5


def test_addresses_that_swallow_connections_share_one_time() -> None:
    waits: list[float] = []

    def swallow(_: str, __: int, timeout: float) -> socket.socket:
        waits.append(timeout)
        time.sleep(timeout)
        raise TimeoutError

    with pytest.raises(FetchTimedOut):
        Fetcher(IMPATIENT, resolve=lambda _: [PUBLIC, "1.1.1.1"], connect=swallow).fetch(f"http://{HOST}/")

    assert len(waits) == 2
    assert sum(waits) == pytest.approx(0.4, abs=0.1)


def test_a_resolver_that_hangs_is_left_in_time() -> None:
    released = threading.Event()

    def hang(_: str) -> list[str]:
        released.wait(10)
        return [PUBLIC]

    internet = Internet(None, {})
    started = time.monotonic()
    try:
        with pytest.raises(FetchTimedOut):
            Fetcher(IMPATIENT, resolve=hang, connect=internet.connect).fetch(f"http://{HOST}/")
    finally:
        released.set()

    assert time.monotonic() - started < 1.5
    assert internet.connected == []


# --- the real resolver and TCP, on this machine alone


def test_names_are_looked_up_as_absolute_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert fetch.resolve(HOST) == [PUBLIC]
    assert asked == [f"{HOST}."]


def test_connecting_is_direct(serve: Serve) -> None:
    internet = serve({})
    assert internet.origin is not None

    with fetch.connect("127.0.0.1", internet.origin.port, 1) as line:
        assert line.getpeername() == ("127.0.0.1", internet.origin.port)
