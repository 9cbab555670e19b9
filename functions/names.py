"""Names: which ones Cloud Storage allows for buckets and objects."""

from __future__ import annotations

import re

LONGEST_OBJECT = 1024  # bytes in UTF-8
_LONGEST_BUCKET = 222
_PART = "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"


def is_bucket(name: str) -> bool:
    """Whether this is a valid bucket name: parts separated by dots, as in a domain."""
    return 3 <= len(name) <= _LONGEST_BUCKET and bool(re.fullmatch(rf"{_PART}(\.{_PART})*", name))


def is_object(name: str) -> bool:
    """Whether this is a valid object name.

    "." and ".." are not: URLs are normalised on the way, so a request would be for a different object.
    """
    return (
        bool(re.fullmatch("[^\r\n\0\ud800-\udfff]+", name))
        and name not in (".", "..")
        and len(name.encode()) <= LONGEST_OBJECT
    )
