"""Profiles: what is looked at in an ICC profile, or hidden in it, before lcms reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_TAGS_AT, _MOST_TAGS = 128, 100  # of an ICC profile; lcms reads no more either

# Conversions in any number of steps, which lcms prefers, and does for each of thousands of colours. A profile
# that has them has others too, of a few steps, for readers that do not know them.
_LONG_CONVERSIONS = (b"D2B0", b"D2B1", b"D2B2", b"D2B3")


def is_srgb(profile: bytes) -> bool:
    """Whether a profile's description says so; lcms allocates as many languages of it as are claimed."""
    for _, tag, start, length in _tags(profile):
        if tag == b"desc":
            description = profile[start : start + length]
            return b"sRGB" in description or "sRGB".encode("utf-16-be") in description
    return False


def without_long_conversions(profile: bytes) -> bytes:
    """The profile with the names of such conversions in small letters, which mean nothing."""
    changed = bytearray(profile)
    for at, tag, _, _ in _tags(profile):
        if tag in _LONG_CONVERSIONS:
            changed[at : at + 4] = tag.lower()
    return bytes(changed)


def _tags(profile: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Of each tag of a profile, where it is named, its name, where it begins and its length."""
    (count,) = struct.unpack_from(">I", profile, _TAGS_AT)
    for number in range(min(count, _MOST_TAGS)):
        at = _TAGS_AT + 4 + 12 * number
        yield at, *struct.unpack_from(">4sII", profile, at)
