"""Vetting: what a file's header and its counts show is refused before a decoder sees it.

A decoder then sees the file without what no pixel is made of: Pillow goes through texts, comments and
metadata in Python, however many there are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from model.pictures import gif, heif, jpeg, png, webp
from model.pictures.limits import Limits, check_frames

# A progressive JPEG has some ten scans. 20 that show little new take as long as a picture of a single one.
_USUAL_SCANS = 20


class Vetted(NamedTuple):
    """A file as a decoder may see it.

    Attributes:
        data: the file.
        page: the number that the page has in it.
        pages: how many it had before; None where the decoder is to count them.
        gone_over: about how many pages of its size the decoder goes over for it.
    """

    data: bytes
    page: int
    pages: int | None = None
    gone_over: int = 1


def vetted(data: bytes, file_format: str, page: int, limits: Limits) -> Vetted:
    """The file as a decoder may see it, with the page of that number.

    A TIFF is vetted by its pages: `tiff_layout.vetted`.

    Raises:
        PictureError: it is not accepted.
    """
    if file_format == "JPEG":
        alone, pages, scans = jpeg.vetted(data, page, limits)
        return Vetted(alone, 0, pages, math.ceil(scans / _USUAL_SCANS))
    if file_format == "GIF":
        kept, pages = gif.vetted(data, page, limits)
        return Vetted(kept, page, pages, page + 1)
    if file_format == "PNG":
        return Vetted(png.vetted(data, limits), page, gone_over=page + 1)
    if file_format == "WEBP":
        pages = webp.check(data, limits)
        check_frames(pages, page, limits)
        return Vetted(data, page, pages, page + 1)
    if file_format in ("HEIF", "AVIF"):
        beside = heif.check(data, limits)
        shown = page + 1 if file_format == "AVIF" else 1
        return Vetted(data, page, gone_over=shown + beside)
    return Vetted(data, page)
