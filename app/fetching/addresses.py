"""Addresses: which IP addresses the service may connect to for a caller: public ones only."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# All of IPv6 that IANA has allocated for hosts on the internet; the rest is special or unassigned. Mapped
# (::ffff:0:0/96) and compatible (::/96) addresses, unique local, link-local and multicast lie outside.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

# RFC 6052: the last 32 bits are an IPv4 address. On IPv6-only networks every IPv4 host resolves to such an
# address, so the range is judged by the IPv4 address and not refused as a whole.
_NAT64 = IPv6Network("64:ff9b::/96")

# IANA's special-purpose registries, and what they leave out. Each range is refused as a whole, including the
# few public addresses in it, which host no images.
_SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host; unspecified
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; clouds' own services
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, from within its machines
        "169.254.0.0/16",  # link-local; clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays to 6to4, abandoned
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
)
_SPECIAL_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo (it embeds IPv4), benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, abandoned (RFC 7526); it embeds IPv4
        "3fff::/20",  # documentation
    )
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether `address` is unicast and routed on the internet.

    `ipaddress.is_global` would not be enough: it depends on Python's version, counts multicast as global and
    does not look into addresses that embed another.
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        return address in _GLOBAL_UNICAST and not any(address in network for network in _SPECIAL_IPV6)
    return not any(address in network for network in _SPECIAL_IPV4)
