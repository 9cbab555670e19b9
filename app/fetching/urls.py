"""URLs: what a caller names, taken apart once and held against the settings before anything is looked up."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from urllib3.util import parse_url

from app.configuration.settings import Settings
from app.errors import BadParameter, Forbidden

_LONGEST_URL = 8192  # characters; signed URLs have a few thousand
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FIRST_UNPRIVILEGED_PORT = 1024
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class Target:
    """Where a URL leads.

    Attributes:
        url: as it was given; a redirect may be relative to it.
        scheme: http or https.
        host: a name in lower-case ASCII without a final dot, or an address in its usual spelling.
        port: the one to connect to.
        path: path and query, percent-encoded.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host as an address, unless it is a name."""
        return _address(self.host)


def target_of(url: str, settings: Settings) -> Target:
    """Where `url` leads.

    Only the ports 80, 443 and from 1024 on are allowed: below lie mail, shells and the like, which are not to
    be talked to in the service's name.

    Raises:
        BadParameter: no absolute URL, or one with a user name.
        Forbidden: a scheme, host or port that the settings do not allow.
    """
    if len(url) > _LONGEST_URL:
        raise BadParameter(f"The URL has more than {_LONGEST_URL:,} characters.")
    try:
        parsed = parse_url(url)
    except ValueError:
        raise _unreadable() from None
    if parsed.scheme is None:
        raise _unreadable()
    if parsed.scheme not in settings.url_schemes:
        raise Forbidden(f"Images are fetched from {' and '.join(settings.url_schemes)} URLs only.")
    if parsed.auth is not None:
        raise BadParameter("The URL has a user name or password; they are not sent, leave them out.")
    host = _plain(parsed.host or "")
    port = _DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if port not in _DEFAULT_PORTS.values() and port < _FIRST_UNPRIVILEGED_PORT:
        raise Forbidden(f"Images are fetched from the ports 80, 443 and {_FIRST_UNPRIVILEGED_PORT} up only.")
    if settings.url_fetch == "allowlist" and not _is_listed(host, settings.url_hosts):
        raise Forbidden("Images are not fetched from this host: the service has a list of those that it may.")
    return Target(url, parsed.scheme, host, port, parsed.request_uri)


def _plain(host: str) -> str:
    """`host` in the one spelling that all further checks see. Raises BadParameter."""
    host = host.removeprefix("[").removesuffix("]").removesuffix(".")
    address = _address(host)
    if address is not None:
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise _unreadable()
        return str(address)
    if not _HOST.fullmatch(host):
        raise _unreadable()
    return host


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` spells, also in ways that only the system reads: 0x7f.1, 2130706433, 0177.1."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):  # ValueError: not ASCII
        return None


def _is_listed(host: str, listed: tuple[str, ...]) -> bool:
    for entry in listed:
        name = entry.lower().removesuffix(".")
        if host == name or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def _unreadable() -> BadParameter:
    return BadParameter("The URL cannot be read; it must be one such as https://example.com/photo.jpg.")
