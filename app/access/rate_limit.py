"""Rate limit: how many requests one caller may send, counted in memory or in a Redis that processes share."""

from __future__ import annotations

import contextlib
import logging
import time
from math import ceil
from typing import Any

from flask import Flask, current_app, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse

from app.access import keys
from app.access.callers import caller
from app.configuration.settings import BadSetting, Settings
from app.errors import TooManyRequests

logger = logging.getLogger(__name__)

_STORAGE_SECONDS = 0.25  # timeout; a Redis nearby answers within a millisecond

PIXELS_A_COUNT = 4_000_000
"""A picture counts once for every 4 million pixels or part thereof, since its computing time grows with them.
Most pictures from screens, web pages and microscopes have fewer and count as one request."""

_EXTENSION = "maskserve-rate-limit"


class RateLimit:
    """A number of requests per period for each caller. If Redis is unreachable, each process counts alone."""

    def __init__(self, app: Flask, limit: str, storage: str) -> None:
        """`limit` such as "60/minute"; `storage`: an address. Raises BadSetting if it is not valid."""
        self._most = parse(limit).amount
        self._storage_errors: tuple[type[Exception], ...] = ()
        options: dict[str, Any] = {}
        try:
            if storage != "memory://":
                options = self._prepare_redis(storage)
            self._limiter = Limiter(
                caller,
                app=app,
                storage_uri=storage,
                storage_options=options,
                strategy="fixed-window",
                in_memory_fallback_enabled=True,
                key_prefix="maskserve",
            )
        except (ValueError, TypeError):
            # Without the cause, which repeats the address and the password in it.
            raise BadSetting(
                "MASKSERVE_RATE_LIMIT_STORAGE must be memory:// or a redis:// address; its value is neither"
            ) from None
        self._limiter.request_filter(_is_free)
        self._rule = self._limiter.shared_limit(limit, scope="all", cost=lambda: int(g.cost))

    def _prepare_redis(self, storage: str) -> dict[str, Any]:
        """Options for connections to the Redis at `storage`. Raises ValueError or TypeError."""
        import redis  # here, since importing it also loads all of OpenTelemetry
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        redis.ConnectionPool.from_url(storage).make_connection()  # does not connect: only parses the options
        self._storage_errors = (redis.RedisError,)
        return {
            "socket_connect_timeout": _STORAGE_SECONDS,
            "socket_timeout": _STORAGE_SECONDS,
            "retry": Retry(NoBackoff(), 1),  # one retry, for a connection that broke while it was idle
        }

    def answers(self) -> bool:
        """Whether the storage answers."""
        return self._limiter.storage.check()

    def count_further(self, cost: int) -> None:
        """Count `cost` more for a request, whose total is capped at the limit, so that it can pass at all.

        Raises TooManyRequests.
        """
        if (rest := min(cost, self._most - g.get("counted", 0))) > 0:
            self.count(rest)

    def count(self, cost: int = 1) -> None:
        """Count `cost` for the caller. Raises TooManyRequests."""
        g.cost = cost
        g.counted = g.get("counted", 0) + cost
        try:
            with self._rule:
                pass
        except RateLimitExceeded as error:
            seconds = self._seconds_left(error)
            if seconds > error.limit.limit.get_expiry():  # this clock, or that of Redis, has been set back
                self._begin_anew()
                self.count(cost)
                return
            raise TooManyRequests(
                f"The limit is {error.limit.limit} for one caller. Try again in {seconds} seconds.", seconds
            ) from None
        except self._storage_errors:
            # Another request found Redis unreachable at the same moment, and the library counts in memory
            # from now on. This request is not counted.
            return

    def _begin_anew(self) -> None:
        """Reset the caller's count in the current window."""
        if current := self._limiter.current_limit:
            with contextlib.suppress(*self._storage_errors):
                current.limiter.clear(current.limit, *current.request_args)

    def _seconds_left(self, error: RateLimitExceeded) -> int:
        current = self._limiter.current_limit
        try:
            return max(1, ceil(current.window.reset_time - time.time())) if current else 1
        except self._storage_errors:
            return error.limit.limit.get_expiry()


def register(app: Flask, settings: Settings) -> None:
    """Limit the rate of requests to `app` that compute."""
    app.extensions[_EXTENSION] = None
    if settings.rate_limit is None:
        return
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)  # at INFO it logs callers' addresses
    rate_limit = RateLimit(app, settings.rate_limit, settings.rate_limit_storage)
    app.extensions[_EXTENSION] = rate_limit
    if settings.rate_limit_storage == "memory://":
        if settings.processes > 1:
            logger.warning(
                "MASKSERVE_RATE_LIMIT: each of the %d processes counts separately, so callers may send up to"
                " %d times as many requests; set MASKSERVE_RATE_LIMIT_STORAGE to a Redis that all share",
                settings.processes,
                settings.processes,
            )
    elif not rate_limit.answers():
        logger.warning(
            "MASKSERVE_RATE_LIMIT_STORAGE: the Redis does not answer; until it does, each process counts"
            " requests separately. Check that it runs and that the address and password are right"
        )

    @keys.wrong_key.connect_via(app)
    def count_wrong_key(_: Flask) -> None:
        # Counts for the address, on any route, against guessing keys. A valid key counts for its owner.
        g.is_guess = True
        rate_limit.count()

    @app.before_request
    def count_request() -> None:
        if not keys.awaits_form():  # the caller is not known until the form is read
            rate_limit.count()


def count_form() -> None:
    """Count a request with the page's form, once its key has been checked. Raises TooManyRequests."""
    if rate_limit := _rate_limit():
        rate_limit.count()


def count_batch(images: int) -> None:
    """Count a request once for each of its `images`; the first is counted already. Raises TooManyRequests.

    A batch larger than the limit uses up the whole limit, so that it passes if its caller sent nothing else.
    """
    if rate_limit := _rate_limit():
        rate_limit.count_further(images - 1)


def count_pixels(pixels: int) -> None:
    """Count a picture, counted once already, by its pixels (`PIXELS_A_COUNT`). Raises TooManyRequests."""
    if rate_limit := _rate_limit():
        rate_limit.count_further(ceil(pixels / PIXELS_A_COUNT) - 1)


def _rate_limit() -> RateLimit | None:
    found: RateLimit | None = current_app.extensions[_EXTENSION]
    return found


def _is_free() -> bool:
    """Whether the running request neither computes anything nor came with a wrong key."""
    return request.method != "POST" and "is_guess" not in g
