from __future__ import annotations

import pytest
from flask import request
from stub_segmenter import StubSegmenter

from app import create_app
from app.access.proxies import caller_network
from app.configuration.settings import Settings


@pytest.mark.parametrize(
    ("forwarded", "address", "network"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:1234", "198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]:1234", "2001:db8::1", "2001:db8::/64"),
        ("[::ffff:198.51.100.7]:1234", "::ffff:198.51.100.7", "198.51.100.7"),
        ("203.0.113.1:5, 198.51.100.7:1234", "198.51.100.7", "198.51.100.7"),  # the last is the proxy's word
        ("nobody", "nobody", "unknown"),
        ("198.51.100.7:port", "198.51.100.7:port", "unknown"),
    ],
)
def test_a_callers_address_is_read_with_its_port_or_without(
    forwarded: str, address: str, network: str
) -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(trusted_proxies=1))
    seen = []
    app.before_request(lambda: seen.append((request.remote_addr, caller_network())))
    app.test_client().get("/livez", headers={"X-Forwarded-For": forwarded})
    assert seen == [(address, network)]
