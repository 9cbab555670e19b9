"""Profiles: checks an ICC profile, and disables parts of it, before lcms reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_TAGS_AT, _MOST_TAGS = 128, 100  # lcms reads no more than 100 tags either

# Conversions in any number of steps. lcms prefers them, and computes them for thousands of colours. A profile
# that has them also has conversions of a few steps, for readers that do not support them.
_LONG_CONVERSIONS = (b"D2B0", b"D2B1", b"D2B2", b"D2B3")


def is_srgb(profile: bytes) -> bool:
    """Whether a profile's description names sRGB. lcms would allocate as many translations as it declares."""
    for _, tag, start, length in _tags(profile):
        if tag == b"desc":
            description = profile[start : start + length]
            return b"sRGB" in description or "sRGB".encode("utf-16-be") in description
    return False


def without_long_conversions(profile: bytes) -> bytes:
    """Return the profile with the names of long conversions in lower case, which readers ignore."""
    changed = bytearray(profile)
    for at, tag, _, _ in _tags(profile):
        if tag in _LONG_CONVERSIONS:
            changed[at : at + 4] = tag.lower()
    return bytes(changed)


def _tags(profile: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield for each tag of a profile the position of its entry, its name, its start and its length."""
    (count,) = struct.unpack_from(">I", profile, _TAGS_AT)
    for number in range(min(count, _MOST_TAGS)):
        at = _TAGS_AT + 4 + 12 * number
        yield at, *struct.unpack_from(">4sII", profile, at)
