"""File notes: what somebody should know of a picture's file before trusting what was found in it."""

from __future__ import annotations

from model.answers.finding import Finding
from model.pictures.rows import look_like_rows

CUT = (
    "The picture's file ends too early or says a wrong length. All its pixels are there, but it was not saved"
    " or not sent whole."
)
"""Of a finding that `is_cut`."""


def unchosen_page(finding: Finding) -> str | None:
    """A sentence about the pages that were not looked at, where nobody said which is meant; else None."""
    pages = finding.origin.pages
    if pages == 1 or finding.is_page_chosen:
        return None
    return f"The file has {pages:,} pages or frames, of which the first was used."


def scattered_rows(finding: Finding) -> str | None:
    """A sentence about pages that are hardly pictures, but rows of one that was saved wrongly; else None."""
    width, height = finding.segments.size
    if not look_like_rows(finding.origin.pages, (width, height)):
        return None
    return (
        f"The file has {finding.origin.pages:,} pages of {width} x {height} pixels, which look like the rows"
        " of one picture whose axes were taken for others. Save it as one page: height, width, channels."
    )
