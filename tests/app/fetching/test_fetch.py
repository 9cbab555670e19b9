"""Fetching reaches public addresses only, whatever names, redirects and certificates say."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from stub_internet import HOST, IMAGE, PUBLIC, Internet, Serve
from stub_origin import Answer, Authority, ok, to

from app.configuration.settings import Settings
from app.errors import BadParameter, FetchFailed, Forbidden, ServiceError
from app.fetching import fetch

NOT_PUBLIC = "The host of the URL has no public address."


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

    with pytest.raises(FetchFailed, match="redirects to an invalid URL"):
        internet.fetcher().fetch(f"http://{HOST}/")


def test_https_is_not_left_for_http(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    internet = serve({"/": to(f"http://{HOST}/a")}, authority.server_for(HOST, tmp_path))
    settings = Settings(url_schemes=("https",))

    with pytest.raises(Forbidden, match="only from https URLs"):
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
