"""Of all addresses only those of hosts on the internet are connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from app.fetching.addresses import is_public

PUBLIC = [
    ("1.1.1.1", "a resolver"),
    ("8.8.8.8", "another"),
    ("93.184.216.34", "a web server"),
    ("2606:4700:4700::1111", "IPv6"),
    ("2a00:1450:4001:82a::200e", "IPv6"),
    ("2000::", "first of global unicast"),
    ("3ffe:ffff::1", "before the newer documentation range"),
    ("64:ff9b::5db8:d822", "NAT64 of 93.184.216.34"),
    ("64:ff9b::101:101", "NAT64 of 1.1.1.1"),
]

REFUSED = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "this network"),
    ("10.0.0.1", "private"),
    ("100.64.0.1", "carrier's NAT"),
    ("100.100.100.200", "metadata at Alibaba"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "Azure's host"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "credentials of containers at Amazon"),
    ("172.16.0.1", "private"),
    ("192.0.0.1", "protocol assignments"),
    ("192.0.0.9", "port control, which IANA calls global"),
    ("192.0.0.192", "metadata at Oracle"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("233.252.0.1", "multicast, documentation"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "compatible with 127.0.0.1"),
    ("::808:808", "compatible, even with a public one"),
    ("::ffff:127.0.0.1", "mapped loopback"),
    ("::ffff:169.254.169.254", "mapped metadata"),
    ("::ffff:8.8.8.8", "mapped, even a public one"),
    ("::ffff:0:127.0.0.1", "translated (SIIT)"),
    ("64:ff9b::7f00:1", "NAT64 of loopback"),
    ("64:ff9b::a9fe:a9fe", "NAT64 of metadata"),
    ("64:ff9b::a00:1", "NAT64 of a private one"),
    ("64:ff9b::6440:1", "NAT64 of a carrier's"),
    ("64:ff9b:1::808:808", "a network's own NAT64"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:0:7f00:1::", "Teredo, its server loopback"),
    ("2001:0:4136:e378:8000:63bf:5601:5601", "Teredo, its client private, inverted"),
    ("2001:1::1", "port control, which IANA calls global"),
    ("2001:2::1", "benchmarking"),
    ("2001:10::1", "ORCHID"),
    ("2001:20::1", "ORCHID 2"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4 of loopback"),
    ("2002:a9fe:a9fe::1", "6to4 of metadata"),
    ("2002:808:808::1", "6to4, even of a public one"),
    ("3fff::1", "documentation"),
    ("4000::1", "unassigned"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "metadata at Amazon"),
    ("fd20:ce::254", "metadata at Google"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local, with its link"),
    ("fec0::1", "site-local, abandoned"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast, of global scope"),
]

RANGES = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
    ("64:ff9b::a00:0", "64:ff9b::aff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
]


@pytest.mark.parametrize(("address", "what"), PUBLIC)
def test_a_public_address_is_public(address: str, what: str) -> None:
    assert is_public(ip_address(address)), what


@pytest.mark.parametrize(("address", "what"), REFUSED)
def test_any_other_is_not(address: str, what: str) -> None:
    assert not is_public(ip_address(address)), what


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_a_range_is_refused_from_its_first_address_to_its_last(first: str, last: str) -> None:
    assert not is_public(ip_address(first))
    assert not is_public(ip_address(last))


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_the_addresses_around_a_range_are_public(first: str, last: str) -> None:
    """Just before the carriers' NAT (100.63.255.255), just after it (100.128.0.0), and so on."""
    outer = [(ip_address(first), -1), (ip_address(last), 1)]
    for address, step in outer:
        if str(address) in ("0.0.0.0", "255.255.255.255"):  # nothing lies beyond
            continue
        assert is_public(address + step), address + step


def test_nothing_below_or_above_global_unicast_is_public() -> None:
    assert not is_public(IPv6Address("2000::") - 1)
    assert is_public(IPv6Address("4000::") - 1 - (1 << 120))
    assert not is_public(IPv6Address("4000::"))


@pytest.mark.parametrize("address", [address for address, _ in PUBLIC if not address.startswith("64:")])
def test_python_agrees_on_what_is_public(address: str) -> None:
    assert ip_address(address).is_global


@pytest.mark.parametrize("block", range(256))
def test_what_python_knows_to_be_special_is_refused_in_every_block(block: int) -> None:
    for second in range(256):
        address = IPv4Address(bytes([block, second, 0, 1]))
        assert address.is_global or not is_public(address)
