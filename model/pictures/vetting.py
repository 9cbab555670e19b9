"""Vetting: what a file's header and its counts show is refused before a decoder sees it.

A decoder then sees the file without what no pixel is made of: Pillow goes through texts, comments and
metadata in Python, however many there are.
"""

from __future__ import annotations

from model.pictures import gif, heif, jpeg, png, webp
from model.pictures.limits import Limits


def vetted(data: bytes, file_format: str, page: int, limits: Limits) -> tuple[bytes, int]:
    """The file as a decoder may see it, and the number that the page has in it.

    A TIFF is vetted by its pages: `tiff_layout.vetted`.

    Raises:
        PictureError: it is not accepted.
    """
    if file_format == "JPEG":
        return jpeg.vetted(data, page, limits), 0
    if file_format == "GIF":
        return gif.vetted(data, page, limits), page
    if file_format == "PNG":
        return png.vetted(data, limits), page
    if file_format == "WEBP":
        webp.check(data, limits)
    elif file_format in ("HEIF", "AVIF"):
        heif.check(data, limits)
    return data, page
