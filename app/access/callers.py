"""Callers: the identity of a request's sender, to which limits and fair shares apply."""

from __future__ import annotations

from app.access.keys import key_hash
from app.access.proxies import caller_network


def caller() -> str:
    """The hash of the running request's key, once that has been checked; otherwise its sender's network."""
    return key_hash() or caller_network()
