"""Counting: counts the requests of each caller, in memory or in a Redis that processes share."""

from __future__ import annotations

import contextlib
import time
from math import ceil
from typing import Any

from flask import Flask, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse

from app.access.callers import caller
from app.configuration.settings import BadSetting
from app.errors import TooManyRequests

_STORAGE_SECONDS = 0.25  # timeout; a Redis nearby answers within a millisecond


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


def _is_free() -> bool:
    """Whether the running request neither computes anything nor came with a wrong key."""
    return request.method != "POST" and "is_guess" not in g
