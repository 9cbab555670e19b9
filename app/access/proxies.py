"""Proxies: which X-Forwarded-* headers are trusted for a request's source address and protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.configuration.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[0-9A-Fa-f:.]+)\](:[0-9]+)?")


def register(app: Flask, settings: Settings) -> None:
    """Take the caller's address and protocol from X-Forwarded-*, if proxies are trusted."""
    if settings.trusted_proxies:
        # Only the addresses form a list to which each proxy appends. The protocol is a single word: with a
        # count of 2, as for Google's load balancers, their https would never be recognised.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            _without_port(app.wsgi_app), x_for=settings.trusted_proxies, x_proto=1
        )


def _without_port(answer: WSGIApplication) -> WSGIApplication:
    """`answer`, with callers' ports removed from their addresses: some proxies append them."""

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if named := _WITH_PORT.fullmatch(environ.get("REMOTE_ADDR", "")):
            environ["REMOTE_ADDR"] = named["v4"] or named["v6"]
        return answer(environ, start_response)

    return answered


def caller_network() -> str:
    """The network of the running request's caller."""
    return network_of(request.remote_addr or "")


def network_of(caller: str) -> str:
    """A caller's IPv4 address or IPv6 /64, the block that one household or machine is usually assigned.

    All callers whose address cannot be parsed count as one; otherwise anyone could pose as many callers.
    """
    try:
        address = ip_address(caller)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address), 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
