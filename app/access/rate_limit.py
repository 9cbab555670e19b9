"""Rate limit: how many requests one caller may send."""

from __future__ import annotations

import logging
from math import ceil
from typing import TYPE_CHECKING

from flask import Flask, current_app, g

from app.access import keys
from app.configuration.settings import Settings

if TYPE_CHECKING:
    from app.access.counting import RateLimit

logger = logging.getLogger(__name__)

PIXELS_A_COUNT = 4_000_000
"""A picture counts once for every 4 million pixels or part thereof, since its computing time grows with them.
Most pictures from screens, web pages and microscopes have fewer and count as one request."""

_EXTENSION = "maskserve-rate-limit"


def register(app: Flask, settings: Settings) -> None:
    """Limit the rate of requests to `app` that compute."""
    app.extensions[_EXTENSION] = None
    if settings.rate_limit is None:
        return
    from app.access.counting import RateLimit  # takes a tenth of the service's start

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
