"""File notes: warnings about a picture's file that matter for trusting the result."""

from __future__ import annotations

from model.answers.finding import Finding
from model.pictures.rows import look_like_rows

CUT = (
    "The picture's file ends too early or declares a wrong length. All its pixels are there, but the file was"
    " not saved or not sent completely."
)
"""The note for a finding that `is_cut`."""


def unchosen_page(finding: Finding) -> str | None:
    """Return a sentence about the other pages if the request did not choose one; else None."""
    pages = finding.origin.pages
    if pages == 1 or finding.is_page_chosen:
        return None
    return f"The file has {pages:,} pages or frames, of which the first was used."


def scattered_rows(finding: Finding) -> str | None:
    """Return a sentence if the pages look like the rows of one picture that was saved wrongly; else None."""
    width, height = finding.segments.size
    if not look_like_rows(finding.origin.pages, (width, height)):
        return None
    return (
        f"The file has {finding.origin.pages:,} pages of {width} x {height} pixels, which look like the rows"
        " of one picture whose axes were saved in the wrong order. Save it as one page, with the axes height,"
        " width, channels."
    )
