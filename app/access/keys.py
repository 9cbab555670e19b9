"""API keys: if MASKSERVE_API_KEYS is set, a request without one of these keys is refused.

Routes that change models or traffic need a key of MASKSERVE_ADMIN_KEYS instead.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from blinker import Namespace
from flask import Flask, current_app, g, request

from app.configuration.settings import Settings
from app.errors import NotFound, Unauthorized

logger = logging.getLogger(__name__)

KEY_HEADER = "X-API-Key"
KEY_FIELD = "api_key"  # of the page's form: without JavaScript, a browser cannot send a custom header

# Spelled as in the routes; KServe's probes are among them. Settings name the probe of Vertex AI, and say
# whether /metrics is open.
_OPEN_RULES = frozenset(
    {"/", "/livez", "/readyz", "/health", "/docs", "/openapi.json", "/static/<path:filename>"}
    | {"/v2/models/<name>/ready", "/v2/models/<name>/versions/<version>/ready"}
)
_OPEN_FOLDER = "/v2/health/"
_ADMIN_FOLDERS = ("/v2/repository/", "/api/v1/traffic")
"""Routes that need a key of MASKSERVE_ADMIN_KEYS, and that no other key opens."""

# Random letters and digits: trying all 62^16 at a thousand a second takes 10^18 years.
_SHORTEST_GOOD_KEY = 16

_EXTENSION = "maskserve-access"

wrong_key = Namespace().signal("wrong-key")
"""Sent for each wrong key; a receiver may raise another error, which is answered instead of 401."""


class Keys:
    """The valid keys, as hashes: all have the same length, so comparing them reveals no key's length.

    Attributes:
        has_admins: whether other keys are for administrators.
    """

    def __init__(
        self, keys: Iterable[str], open_rules: Iterable[str | None] = (), has_admins: bool = False
    ) -> None:
        """Take the keys.

        Args:
            keys: the valid ones.
            open_rules: routes that need no key, in addition to those of _OPEN_RULES.
            has_admins: see above; the routes of administrators do not need one of these keys then.
        """
        self.has_admins = has_admins
        self._digests = [sha256(key.encode("utf-8", "surrogateescape")).digest() for key in keys]
        self._open_rules = _OPEN_RULES.union(open_rules)

    def recognise(self, offered: bytes) -> str:
        """The hash of the key in `offered`, which identifies its owner. Raises Unauthorized."""
        digest = sha256(offered).digest()
        # All are compared, each in constant time, so that the duration does not reveal a near match.
        if True not in [hmac.compare_digest(digest, known) for known in self._digests]:
            wrong_key.send(current_app._get_current_object())  # type: ignore[attr-defined]
            raise Unauthorized("The API key is not one of this service's keys. Check that it is complete.")
        return digest.hex()

    def are_needed(self) -> bool:
        """Whether the running request needs a key: all do, except reads of probes, docs and static files."""
        if self.has_admins and is_for_admins(_route()):
            return False
        if not self._digests or request.method == "OPTIONS":  # a browser's preflight comes without the key
            return False
        if request.url_rule is None or request.method not in ("GET", "HEAD"):
            return True
        rule = request.url_rule.rule
        return rule not in self._open_rules and not rule.startswith(_OPEN_FOLDER)


def is_for_admins(route: str) -> bool:
    """Whether a route, as it is written in the code, changes models or traffic."""
    return route.startswith(_ADMIN_FOLDERS)


def _route() -> str:
    return request.url_rule.rule if request.url_rule else ""


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests to `app` that need a key and have none, before their bodies are read."""
    open_rules = [settings.health_route, *([] if settings.metrics == "key" else ["/metrics"])]
    keys = Keys(settings.api_keys, open_rules, has_admins=bool(settings.admin_keys))
    admin_keys = Keys(settings.admin_keys)
    app.extensions[_EXTENSION] = keys
    _warn_of_short_keys("MASKSERVE_API_KEYS", settings.api_keys)
    _warn_of_short_keys("MASKSERVE_ADMIN_KEYS", settings.admin_keys)

    @app.before_request
    def check_header() -> None:
        if not keys.are_needed() or awaits_form():
            return
        offered = request.headers.get(KEY_HEADER)
        if offered is None:
            raise Unauthorized(f"This service requires an API key; send it in the header {KEY_HEADER}.")
        g.key_hash = keys.recognise(offered.encode("latin-1", "replace"))  # WSGI decodes header bytes so

    @app.before_request
    def check_admin() -> None:
        if not settings.admin_keys or not is_for_admins(_route()) or request.method == "OPTIONS":
            return
        offered = request.headers.get(KEY_HEADER)
        if offered is None:
            raise Unauthorized(
                f"This route requires one of MASKSERVE_ADMIN_KEYS; send it in the header {KEY_HEADER}."
            )
        g.key_hash = admin_keys.recognise(offered.encode("latin-1", "replace"))


def _warn_of_short_keys(setting: str, keys: Sequence[str]) -> None:
    short = sum(len(key) < _SHORTEST_GOOD_KEY for key in keys)
    if short:
        logger.warning(
            "%s: %d of %d keys have fewer than %d characters and may be guessed; use longer ones, such as the"
            " output of: openssl rand -hex 24",
            setting,
            short,
            len(keys),
            _SHORTEST_GOOD_KEY,
        )


def check_admins() -> None:
    """Raise NotFound if nobody is an administrator; for routes of `is_for_admins`."""
    if not _keys().has_admins:
        raise NotFound("Models and traffic cannot be changed here: MASKSERVE_ADMIN_KEYS is not set.")


def needs_key() -> bool:
    """Whether the running request needs a key."""
    return _keys().are_needed()


def awaits_form() -> bool:
    """Whether the running request needs a key and may carry it in a form that has not been read yet."""
    is_form = request.endpoint == "pages.segment" and request.mimetype == "multipart/form-data"
    return is_form and needs_key() and KEY_HEADER not in request.headers


def check_form(fields: Mapping[str, Sequence[str]]) -> None:
    """Check the key in the page's form, for a request that `awaits_form`. Raises Unauthorized."""
    (offered, *_) = fields.get(KEY_FIELD, [""])
    if not offered:
        raise Unauthorized("This service requires an API key; enter it with the picture.")
    g.key_hash = _keys().recognise(offered.encode("utf-8", "surrogateescape"))


def key_hash() -> str | None:
    """The hash of the running request's key, once it has been checked; None if no key is needed."""
    known: str | None = g.get("key_hash")
    return known


def _keys() -> Keys:
    keys: Keys = current_app.extensions[_EXTENSION]
    return keys
