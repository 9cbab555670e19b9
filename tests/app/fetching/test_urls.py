"""A URL is read once, in one way, and refused before anything is looked up."""

from __future__ import annotations

import pytest

from app.configuration.settings import Settings
from app.errors import BadParameter, Forbidden
from app.fetching.urls import target_of

BOTH = Settings(url_schemes=("https", "http"))
LISTED = Settings(
    url_fetch="allowlist", url_hosts=("images.example", "*.Cells.example", "xn--bcher-kva.example")
)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("https://images.example", "https", "images.example", 443, "/"),
        ("http://images.example/a.png", "http", "images.example", 80, "/a.png"),
        ("HTTPS://Images.EXAMPLE/A.png", "https", "images.example", 443, "/A.png"),
        ("https://images.example:8443/a.png?b=c#d", "https", "images.example", 8443, "/a.png?b=c"),
        ("https://images.example:80/", "https", "images.example", 80, "/"),
        ("https://images.example./", "https", "images.example", 443, "/"),  # the absolute spelling
        ("https://bücher.example/ü b", "https", "xn--bcher-kva.example", 443, "/%C3%BC%20b"),
        ("https://my_bucket.images.example/", "https", "my_bucket.images.example", 443, "/"),
        ("https://images.example/\r\nX: y", "https", "images.example", 443, "/%0D%0AX:%20y"),
        ("https://93.184.216.34/", "https", "93.184.216.34", 443, "/"),
        ("https://93.184.216.34./", "https", "93.184.216.34", 443, "/"),
        ("https://[2606:4700::1111]:8443/", "https", "2606:4700::1111", 8443, "/"),
        ("https://[2606:4700:0:0:0:0:0:1111]/", "https", "2606:4700::1111", 443, "/"),
        # As the system reads addresses, and some parsers do not.
        ("http://0x7f.1/", "http", "127.0.0.1", 80, "/"),
        ("http://2130706433/", "http", "127.0.0.1", 80, "/"),
        ("http://0177.0.0.01/", "http", "127.0.0.1", 80, "/"),
        ("http://127.1/", "http", "127.0.0.1", 80, "/"),
        ("http://127.1./", "http", "127.0.0.1", 80, "/"),
        ("http://0/", "http", "0.0.0.0", 80, "/"),
        ("http://0xA9FEA9FE/", "http", "169.254.169.254", 80, "/"),
        ("http://127%2e0.0.1/", "http", "127.0.0.1", 80, "/"),
        ("http://[::ffff:7f00:1]/", "http", "::ffff:7f00:1", 80, "/"),
        # What other parsers take for the host is in the path here, and what is checked is what is asked.
        ("http://images.example\\@cells.example/", "http", "images.example", 80, "/%5C@cells.example/"),
        ("http://images.example?@cells.example/", "http", "images.example", 80, "/?@cells.example/"),
        ("http://images.example#@cells.example/", "http", "images.example", 80, "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, scheme: str, host: str, port: int, path: str) -> None:
    target = target_of(url, BOTH)

    assert (target.scheme, target.host, target.port, target.path) == (scheme, host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "images.example/photo.jpg",
        "//images.example/photo.jpg",
        "https:///photo.jpg",
        "https:images.example",
        "https://.",
        "https://images..example/",
        "https://images.example../",
        "https://images example/",
        "https://images\texample/",
        "https://images.example:99999/",
        "https://images.example:-1/",
        "https://images.example:80:80/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://１２７.0.0.1/",  # full-width digits
        "https://127。0。0。1/",
        "https://exa\u200bmple.com/",
        "https://\ud800.example/",
        "https://user:password@images.example/",
        "https://user@images.example/",
        "https://images.example:80@cells.example/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        f"https://images.example/{'a' * 8192}",
    ],
)
def test_what_is_no_plain_url_is_a_bad_parameter(url: str) -> None:
    with pytest.raises(BadParameter):
        target_of(url, BOTH)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://images.example/",
        "file:///etc/hosts",
        "gs://bucket/object",
        "data:image/png;base64,AA",
        "javascript:1",
    ],
)
def test_other_schemes_are_forbidden(url: str) -> None:
    with pytest.raises(Forbidden, match="only from https and http URLs"):
        target_of(url, BOTH)


def test_http_is_forbidden_unless_it_is_set() -> None:
    with pytest.raises(Forbidden, match="only from https URLs"):
        target_of("http://images.example/", Settings())


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        (0, False),
        (22, False),
        (25, False),
        (79, False),
        (80, True),
        (81, False),
        (443, True),
        (1023, False),
        (1024, True),
        (8080, True),
        (65535, True),
    ],
)
def test_ports_of_other_services_are_forbidden(port: int, allowed: bool) -> None:
    url = f"https://images.example:{port}/"
    if allowed:
        assert target_of(url, BOTH).port == port
    else:
        with pytest.raises(Forbidden, match="ports 80, 443, and 1024 and above"):
            target_of(url, BOTH)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("images.example", True),
        ("IMAGES.example.", True),
        ("bücher.example", True),
        ("eu.cells.example", True),
        ("a.b.cells.example", True),
        ("cells.example", False),  # *. is for what is below
        ("evilcells.example", False),
        ("images.example.evil.example", False),
        ("sub.images.example", False),
        ("93.184.216.34", False),
    ],
)
def test_with_a_list_only_hosts_on_it_are_allowed(host: str, allowed: bool) -> None:
    if allowed:
        target_of(f"https://{host}/", LISTED)
    else:
        with pytest.raises(Forbidden, match="not on the list"):
            target_of(f"https://{host}/", LISTED)


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(Forbidden):
        target_of("https://images.example/", Settings(url_fetch="allowlist"))


def test_hosts_are_not_looked_for_in_a_list_that_is_off() -> None:
    assert (
        target_of("https://other.example/", Settings(url_hosts=("images.example",))).host == "other.example"
    )
