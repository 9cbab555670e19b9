"""One after another: notes on the answers to many pictures, and reasons for failures."""

from __future__ import annotations

from model import catalog
from model.answers.file_notes import CUT, scattered_rows, unchosen_page
from model.answers.finding import Finding
from model.answers.gate import doubt
from model.commands.pictures_named import NamedPicture
from model.files.system_errors import in_words
from model.publishing.published import FOR_PHOTOS
from model.results.result import MOST_SEGMENTS, Result

AT_ONCE = 2
"""Pictures at a time: while the network processes one, the other is decoded, or its answer is written."""


def notes_about(finding: Finding, model: str) -> list[str]:
    """Sentences about limitations of an answer."""
    notes = [_left_out(finding.result)] if finding.result.left_out else []
    if finding.verdict and not finding.verdict.accepts:
        notes.append(f"{doubt(finding.manifest, finding.verdict)} {_advice(model)}".rstrip())
    if rows := scattered_rows(finding):
        notes.append(rows)
    if unchosen := unchosen_page(finding):
        notes.append(f"{unchosen} See --page and --projection.")
    if finding.is_cut:
        notes.append(CUT)
    return notes


def reason_for(picture: NamedPicture, error: Exception) -> str:
    """The error message for a picture. For unexpected errors it includes the type of the error."""
    if isinstance(error, OSError) and error.filename is not None:
        return in_words(error)  # already names the picture
    if isinstance(error, OSError):
        return f"{picture}: {in_words(error)}"
    return f"{picture}: {error if isinstance(error, ValueError) else f'{type(error).__name__}: {error}'}"


def _left_out(result: Result) -> str:
    """A sentence about segments that the output lacks, and how to get them."""
    count, found = len(result.segments), result.found
    remedy = f"--max-segments {min(found, MOST_SEGMENTS)}"
    return f"{found:,} segments were found; the output has the best {count:,}. For more: {remedy}"


def _advice(model: str) -> str:
    """Advice for a picture that is unlike those that `model` knows."""
    if model == FOR_PHOTOS:
        return ""
    fetched = "" if FOR_PHOTOS in catalog.names() else f"python -m model fetch {FOR_PHOTOS}, then "
    return f"For photos of people: --model people. For other everyday photos: {fetched}--model {FOR_PHOTOS}."
