"""Access: who may ask. With MASKSERVE_API_KEYS set, a request needs one of them, or goes no further."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from blinker import Namespace
from flask import Flask, current_app, g, request

from app.configuration.settings import Settings
from app.errors import Unauthorized

logger = logging.getLogger(__name__)

KEY_HEADER = "X-API-Key"
KEY_FIELD = "api_key"  # of the page's form, since a browser sends no header of its own without JavaScript

# As they are written in routes; probes of KServe among them. Vertex AI names its probe in a setting.
_OPEN_RULES = frozenset(
    {"/", "/livez", "/readyz", "/health", "/metrics", "/docs", "/openapi.json", "/static/<path:filename>"}
    | {"/v2/models/<name>/ready", "/v2/models/<name>/versions/<version>/ready"}
)
_OPEN_FOLDER = "/v2/health/"

# Of random letters and digits: 62^16 are 10^18 years at a thousand a second.
_SHORTEST_GOOD_KEY = 16

_EXTENSION = "maskserve-access"

wrong_key = Namespace().signal("wrong-key")
"""Sent for each; a receiver may raise what is to be answered instead of 401."""


class Keys:
    """The keys of which a caller must have one, as hashes: what is compared tells nothing by its length."""

    def __init__(self, keys: Iterable[str], health_route: str | None) -> None:
        """`health_route`: a probe that needs no key, beside those of _OPEN_RULES."""
        self._digests = [sha256(key.encode("utf-8", "surrogateescape")).digest() for key in keys]
        self._open_rules = _OPEN_RULES | {health_route}

    def recognise(self, offered: bytes) -> str:
        """The hash of the key in `offered`, by which its owner is known. Raises Unauthorized."""
        digest = sha256(offered).digest()
        # All are compared, each in constant time: how long it takes tells nothing of which was near.
        if True not in [hmac.compare_digest(digest, known) for known in self._digests]:
            wrong_key.send(current_app._get_current_object())  # type: ignore[attr-defined]
            raise Unauthorized("The API key is not one of this service's. Check that it is whole.")
        return digest.hex()

    def are_needed(self) -> bool:
        """Whether the running request needs one: all do, but to look at what tells nothing of pictures."""
        if not self._digests or request.method == "OPTIONS":  # a browser asks it before it sends the key
            return False
        if request.url_rule is None or request.method not in ("GET", "HEAD"):
            return True
        rule = request.url_rule.rule
        return rule not in self._open_rules and not rule.startswith(_OPEN_FOLDER)


def register(app: Flask, settings: Settings) -> None:
    """Let no request of `app` that needs a key and has none come to its view, or have its body read."""
    keys = Keys(settings.api_keys, settings.health_route)
    app.extensions[_EXTENSION] = keys
    short = sum(len(key) < _SHORTEST_GOOD_KEY for key in settings.api_keys)
    if short:
        logger.warning(
            "MASKSERVE_API_KEYS: %d of %d keys have fewer than %d characters and may be guessed",
            short,
            len(settings.api_keys),
            _SHORTEST_GOOD_KEY,
        )

    @app.before_request
    def check_header() -> None:
        if not keys.are_needed() or awaits_form():
            return
        offered = request.headers.get(KEY_HEADER)
        if offered is None:
            raise Unauthorized(f"This service asks for an API key; send it in the header {KEY_HEADER}.")
        g.key_hash = keys.recognise(offered.encode("latin-1", "replace"))  # WSGI's way to hand bytes on


def needs_key() -> bool:
    """Whether the running request needs a key."""
    return _keys().are_needed()


def awaits_form() -> bool:
    """Whether the running request needs a key and may have it in a form that is not read yet."""
    is_form = request.endpoint == "pages.segment" and request.mimetype == "multipart/form-data"
    return is_form and needs_key() and KEY_HEADER not in request.headers


def check_form(fields: Mapping[str, Sequence[str]]) -> None:
    """Check the key in the page's form, where `awaits_form`. Raises Unauthorized."""
    (offered, *_) = fields.get(KEY_FIELD, [""])
    if not offered:
        raise Unauthorized("This service asks for an API key; give it with the picture.")
    g.key_hash = _keys().recognise(offered.encode("utf-8", "surrogateescape"))


def key_hash() -> str | None:
    """The hash of the running request's key, once it is checked; None where none is needed."""
    known: str | None = g.get("key_hash")
    return known


def _keys() -> Keys:
    keys: Keys = current_app.extensions[_EXTENSION]
    return keys
