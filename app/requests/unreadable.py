"""Unreadable bodies: guesses what a body is that is neither picture nor JSON, and advises how to send it."""

from __future__ import annotations

import binascii
import re

from model.pictures.headers import ACCEPTED, is_picture
from model.pictures.other_files import name_of

_URLENCODED = "application/x-www-form-urlencoded"  # also curl's default type for any body
_FORM_BEGINS = re.compile(rb"\s*--[^\r\n]{1,200}\r?\nContent-", re.IGNORECASE)
_DATA_URL = re.compile(rb"\s*data:[^,]{0,200};base64,", re.IGNORECASE)
_PICTURE_ELSEWHERE = (
    "It is a picture: send it to /api/v1/segment as it is, or in base64 inside the JSON that belongs here."
)
_LONGEST_TYPE = 80  # characters
_BASE64_BYTES = 1024  # enough to hold a signature
_GZIP = b"\x1f\x8b"
_TAKEN_OUT = (b"\0", b"\r", b"\n")  # removed by curl's -d from a file


def no_picture(body: bytes, media_type: str) -> str:
    """The message for a body that is declared as a picture but is none."""
    return f"This is not a picture in an accepted format: {ACCEPTED}. {_advice(body, media_type)}".rstrip()


def neither(body: bytes, media_type: str) -> str:
    """The message for a body that may be a picture or JSON but is neither."""
    said = f"The body{_of_type(media_type)} is neither JSON nor a picture in an accepted format ({ACCEPTED})."
    return f"{said} {_advice(body, media_type)}".rstrip()


def no_json(body: bytes, media_type: str) -> str:
    """The message for a body that must be JSON but is not."""
    advice = _PICTURE_ELSEWHERE if is_picture(body) else _advice(body, media_type)
    return f"The body{_of_type(media_type)} is not JSON. {advice}".rstrip()


def _of_type(media_type: str) -> str:
    return f", of type {media_type[:_LONGEST_TYPE]}," if media_type else ""


def _advice(body: bytes, media_type: str) -> str:
    if body.startswith(_GZIP):
        return "It is compressed with gzip: add the header Content-Encoding: gzip."
    if _FORM_BEGINS.match(body):
        return (
            "It looks like a form: its Content-Type must be multipart/form-data with the boundary. Client"
            " libraries set this header themselves."
        )
    if _is_picture_in_base64(body):
        return 'It looks like base64: send it as JSON, {"image": "…"}, or decode it first.'
    if was_changed_by_curl(body, media_type):
        return "If you use curl: -d removes zeros and line ends from files; use --data-binary, or -F image=@."
    if media_type == _URLENCODED:
        return "A form of this type cannot hold files; use multipart/form-data."
    name = name_of(body)
    return f"It seems to be {name}." if name else ""


def was_changed_by_curl(body: bytes, media_type: str) -> bool:
    """Whether the body looks like a file from which curl's -d has removed bytes."""
    if media_type != _URLENCODED or any(byte in body for byte in _TAKEN_OUT):
        return False
    return not body.isascii()


def _is_picture_in_base64(body: bytes) -> bool:
    begun = body[:_BASE64_BYTES]
    if _DATA_URL.match(begun):
        return True
    text = begun.translate(None, b" \t\r\n")
    try:
        return is_picture(binascii.a2b_base64(text[: len(text) // 4 * 4]))
    except binascii.Error:
        return False
