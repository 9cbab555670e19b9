"""Settings: who may use the service, and how much."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import setting
from app.configuration.kinds import keys, matching, or_unset, origins, whole_number


@dataclass(frozen=True)
class AccessSettings:
    """See `Settings`."""

    api_keys: tuple[str, ...] = setting(
        "",
        or_unset(keys(), ()),
        "The valid values of X-API-Key; several for rotation. Default: no key is needed.",
        secret=True,
    )
    rate_limit: str | None = setting(
        "",
        or_unset(
            matching(
                r"\s*[1-9][0-9]*\s*(/|per)\s*(second|minute|hour|day)\s*",
                "a number of requests per period, such as 60/minute",
            )
        ),
        "How many requests each API key (without keys: each address) may send, such as 60/minute. A picture"
        " counts once for every 4 million pixels or part thereof. Default: no limit.",
    )
    rate_limit_storage: str = setting(
        "memory://",
        matching(r"memory://|(redis|rediss)://.+", "memory:// or a redis:// address"),
        "Where requests are counted: in the memory of each process, or in a Redis that all share.",
        secret=True,
    )
    trusted_proxies: int = setting(
        "0",
        whole_number(0),
        "How many addresses the proxies in front of the service append to X-Forwarded-For. The first of"
        " these is the caller's.",
    )
    cors_origins: tuple[str, ...] = setting(
        "",
        or_unset(origins(), ()),
        "The origins (https://example.com, or *) whose pages may call the service. Default: none.",
    )
