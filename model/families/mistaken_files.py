"""Mistaken files: what is often found in place of a model after a failed download or checkout."""

from __future__ import annotations

PACKED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh")


def mistaken_for_a_model(name: str, head: bytes) -> str | None:
    """Say what a file is if it is one of the usual mistakes, and what to do.

    Args:
        name: of the file.
        head: its first bytes, a few hundred.

    Returns:
        A sentence; None if the file is none of these.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return f"{name} is empty: copy or download it again"
    if head.startswith(b"version https://git-lfs"):
        return f"{name} is a Git LFS pointer, not the model itself: fetch it with `git lfs pull`"
    if text.startswith((b"<!doctype html", b"<html")):
        return f"{name} is a web page, not a model: the download failed, or needs a login"
    if head.startswith(PACKED):
        return f"{name} is compressed: decompress it first"
    return None
