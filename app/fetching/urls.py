"""URLs: a caller's URL, parsed once and checked against the settings before its host is resolved."""

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
    """The parts of a URL that are needed to fetch it.

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
    """The target of `url`.

    Only ports 80, 443 and 1024 and above are allowed: the service must not connect to mail servers, shells
    and the like on behalf of callers.

    Raises:
        BadParameter: not an absolute URL, or one with a user name.
        Forbidden: a scheme, host or port that is not allowed.
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
        raise Forbidden(f"Images are fetched only from {' and '.join(settings.url_schemes)} URLs.")
    if parsed.auth is not None:
        raise BadParameter("The URL has a user name or password, which are not sent: leave them out.")
    host = _plain(parsed.host or "")
    port = _DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if port not in _DEFAULT_PORTS.values() and port < _FIRST_UNPRIVILEGED_PORT:
        raise Forbidden(
            f"Images are fetched only from ports 80, 443, and {_FIRST_UNPRIVILEGED_PORT} and above."
        )
    if settings.url_fetch == "allowlist" and not _is_listed(host, settings.url_hosts):
        raise Forbidden("The host of the URL is not on the list of hosts that images may be fetched from.")
    return Target(url, parsed.scheme, host, port, parsed.request_uri)


def _plain(host: str) -> str:
    """`host` in the normalised spelling that all further checks use. Raises BadParameter."""
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
    """The address that `host` spells, in the system's odd forms, too: 0x7f.1, 2130706433, 0177.1."""
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
    return BadParameter("The URL is not valid; it must have the form https://example.com/photo.jpg.")
