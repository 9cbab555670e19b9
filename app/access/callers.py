"""Callers: the identity of a request's sender, to which limits, fair shares and split traffic apply."""

from __future__ import annotations

from hashlib import sha256

from flask import Flask, Response, request

from app.access.keys import key_hash
from app.access.proxies import caller_network
from app.configuration.settings import Settings
from app.monitoring.current_request import current_record

SESSION_HEADER = "X-Session"

_ID_DIGITS = 16  # hexadecimal: among a million callers, two have the same id with a probability of 3e-8


def caller() -> str:
    """The hash of the running request's key, once that has been checked; otherwise its sender's network.

    Limits apply to this, and not to sessions, of which a sender could invent any number.
    """
    return key_hash() or caller_network()


def caller_id() -> str:
    """A short hash of the running request's caller, by which traffic is split and which logs may contain.

    It is that of the key, the session (X-Session) or both; without either, that of the sender's network. It
    is the same in every process, in every replica and after a restart.
    """
    known = [f"{kind} {value}" for kind, value in (("key", key_hash()), ("session", _session())) if value]
    text = " ".join(known) or f"network {caller_network()}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]


def _session() -> str:
    return request.headers.get(SESSION_HEADER, "").strip()


def register(app: Flask, settings: Settings) -> None:
    """Note the caller of each request to `app` for its log entry."""

    @app.after_request
    def note_caller(response: Response) -> Response:
        current_record().caller = caller_id()
        return response
