"""Vetting: refuses a file by its header and its counts before a decoder sees it.

The decoder then gets the file without texts, comments and metadata, which Pillow would read in Python,
however many there are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from model.pictures import gif, heif, jpeg, png, webp
from model.pictures.limits import Limits, check_frames

# A progressive JPEG has about ten scans. 20 scans that add little take as long as a picture of a single one.
_USUAL_SCANS = 20


class Vetted(NamedTuple):
    """A file that is safe to decode.

    Attributes:
        data: the file.
        page: the number of the requested page in `data`.
        pages: how many pages the original file has; None if the decoder has to count them.
        gone_over: about how many pages of this size the decoder processes for this page.
    """

    data: bytes
    page: int
    pages: int | None = None
    gone_over: int = 1


def vetted(data: bytes, file_format: str, page: int, limits: Limits) -> Vetted:
    """Return the file reduced to what decoding page number `page` needs.

    A TIFF is vetted page by page: see `tiff_layout.vetted`.

    Raises:
        PictureError: the file is not accepted.
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
