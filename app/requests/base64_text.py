"""Base64 text as clients write it: in either alphabet, padded or not, in lines, or inside a data: URL."""

from __future__ import annotations

import binascii
import re
from urllib.parse import quote

_SPACES = b" \t\n\r\v\f"
_STANDARD = bytes.maketrans(b"-_", b"+/")  # from the URL-safe alphabet
_DATA_URL = re.compile(r'\s*+data:(?:[^,"]|"[^"]*"){0,200}?;\s*base64\s*,', re.IGNORECASE)
_OTHER_URL = re.compile(r"\s*+(data:|[a-z]{2,5}://)", re.IGNORECASE)
_ODD = re.compile(rb"[^A-Za-z0-9+/_\-=\s]")

# The escapes that encodeURIComponent and similar functions make in a data: URL. (`unquote` would split the
# text at each percent sign, perhaps into millions of parts.)
_ESCAPES = [
    (escape, character)
    for character in "+/=:;, \r\n"
    for escape in (quote(character, safe=""), quote(character, safe="").lower())
]


class NotBase64(ValueError):
    """Text that is not base64; the message says what is wrong, and where."""


def decode_base64(text: str) -> bytes:
    """The bytes of base64 text, bare or in a data: URL. Raises NotBase64."""
    if "%" in text:
        for escape, character in _ESCAPES:
            text = text.replace(escape, character)
    url = _DATA_URL.match(text)
    start = url.end() if url else 0
    if url is None and (other := _OTHER_URL.match(text)):
        raise NotBase64(_complaint_about_url(other[1]))
    encoded = text[start:].encode("ascii", "replace")
    digits = encoded.translate(_STANDARD, _SPACES).rstrip(b"=")
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except ValueError:
        raise NotBase64(_complaint(text, encoded, start)) from None


def _complaint_about_url(scheme: str) -> str:
    if scheme.lower() == "data:":
        return "the data: URL has no ;base64 before its comma"
    return f"it begins with {scheme}; name an image on another server by url or gcs_uri"


def _complaint(text: str, encoded: bytes, start: int) -> str:
    """What is wrong with `encoded`, which is `text` from `start` on. Characters are counted from 1."""
    if odd := _ODD.search(encoded):
        place = start + odd.start()
        return f"character {place + 1:,} is {text[place]!r}"
    padding = encoded.rstrip(b"=" + _SPACES).find(b"=")
    if padding >= 0:
        return f"it continues after the = that ends it, character {start + padding + 1:,}"
    return "it is incomplete: its last group of four characters has only one"
