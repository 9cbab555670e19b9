"""Mistaken files: what often lies where a model should, since a download or a checkout went wrong."""

from __future__ import annotations

PACKED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh")


def mistaken_for_a_model(name: str, head: bytes) -> str | None:
    """What a file is that holds no model, and what to do.

    Args:
        name: of the file.
        head: its first bytes, some hundred.

    Returns:
        A sentence; None: it is none of these.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return f"{name} is empty: copy or download it again"
    if head.startswith(b"version https://git-lfs"):
        return f"{name} is a Git LFS pointer, not the model itself: fetch it with `git lfs pull`"
    if text.startswith((b"<!doctype html", b"<html")):
        return f"{name} is a web page, not a model: the download went wrong, or needs a login"
    if head.startswith(PACKED):
        return f"{name} is packed: unpack it first"
    return None
