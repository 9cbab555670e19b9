from __future__ import annotations

import pytest
from stub_segmenter import StubSegmenter

from app import create_app
from app.access.callers import caller_id
from app.configuration.settings import Settings

Headers = dict[str, str]

KEYS = "first-key", "second-key"


def id_of(headers: Headers, address: str = "192.0.2.1", keys: tuple[str, ...] = (), proxies: int = 0) -> str:
    """The id of a request's caller, as the service sees it."""
    seen = []
    app = create_app({"stub": StubSegmenter()}, Settings(api_keys=keys, trusted_proxies=proxies))
    app.after_request(lambda response: seen.append(caller_id()) or response)
    app.test_client().get("/api/v1/models", headers=headers, environ_base={"REMOTE_ADDR": address})
    return seen[0]


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ({}, {}, True),
        ({"X-Session": "a"}, {"X-Session": "a"}, True),
        ({"X-Session": "a"}, {"X-Session": "b"}, False),
        ({"X-Session": "a"}, {}, False),
        ({"X-Session": " "}, {}, True),
    ],
)
def test_without_keys_a_caller_is_a_session_or_else_an_address(
    first: Headers, second: Headers, are_one: bool
) -> None:
    assert (id_of(first) == id_of(second)) is are_one


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),  # of one household
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_counts_as_it_does_for_limits(first: str, second: str, are_one: bool) -> None:
    assert (id_of({}, first) == id_of({}, second)) is are_one


def test_the_session_of_a_caller_is_the_same_from_every_address() -> None:
    assert id_of({"X-Session": "a"}, "192.0.2.1") == id_of({"X-Session": "a"}, "192.0.2.2")


def test_behind_a_proxy_the_address_is_the_one_that_it_tells() -> None:
    told = {"X-Forwarded-For": "203.0.113.7"}
    assert id_of(told, proxies=1) == id_of({}, "203.0.113.7")
    assert id_of(told, proxies=0) == id_of({})


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ({"X-API-Key": KEYS[0]}, {"X-API-Key": KEYS[0]}, True),
        ({"X-API-Key": KEYS[0]}, {"X-API-Key": KEYS[1]}, False),
        # A caller that speaks for many, such as a gateway, tells them apart by sessions.
        ({"X-API-Key": KEYS[0], "X-Session": "a"}, {"X-API-Key": KEYS[0], "X-Session": "b"}, False),
        ({"X-API-Key": KEYS[0], "X-Session": "a"}, {"X-API-Key": KEYS[1], "X-Session": "a"}, False),
    ],
)
def test_with_keys_a_caller_is_a_key_or_a_session_of_it(
    first: Headers, second: Headers, are_one: bool
) -> None:
    ids = id_of(first, "192.0.2.1", KEYS), id_of(second, "192.0.2.2", KEYS)
    assert (ids[0] == ids[1]) is are_one


def test_an_id_is_short_and_tells_nothing() -> None:
    one = id_of({"X-API-Key": KEYS[0], "X-Session": "patient 7"}, keys=KEYS)
    assert len(one) == 16
    assert set(one) <= set("0123456789abcdef")
