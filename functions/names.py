"""Names: those that buckets and objects of Cloud Storage can have."""

from __future__ import annotations

import re

LONGEST_OBJECT = 1024  # bytes in UTF-8
_LONGEST_BUCKET = 222
_PART = "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"


def is_bucket(name: str) -> bool:
    """Whether a bucket can have the name: parts between dots, as in a domain."""
    return 3 <= len(name) <= _LONGEST_BUCKET and bool(re.fullmatch(rf"{_PART}(\.{_PART})*", name))


def is_object(name: str) -> bool:
    """Whether an object can have the name.

    No "." and "..", which a URL loses on its way: another thing would be asked for than was meant.
    """
    return (
        bool(re.fullmatch("[^\r\n\0\ud800-\udfff]+", name))
        and name not in (".", "..")
        and len(name.encode()) <= LONGEST_OBJECT
    )
