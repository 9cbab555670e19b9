"""Callers: who asks, as far as limits and shares are concerned."""

from __future__ import annotations

from app.access.keys import key_hash
from app.access.proxies import caller_network


def caller() -> str:
    """The hash of the running request's key, once that is checked, or else the network that it comes from."""
    return key_hash() or caller_network()
