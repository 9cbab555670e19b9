"""Warnings: an answer's notes on how far to trust it, so that nobody takes nonsense for a finding."""

from __future__ import annotations

from app.service import current_service
from model.answers.choosing import NOTHING
from model.answers.file_notes import CUT, scattered_rows, unchosen_page
from model.answers.finding import Finding
from model.answers.gate import doubt
from model.publishing.published import FOR_PHOTOS
from model.storage.manifest import AUTO


def warnings_about(finding: Finding) -> list[dict[str, str]]:
    """The warnings, usually none; each has a code for programs and a message for people."""
    return [*_unfamiliar(finding), *_of_pages(finding), *_truncated(finding), *_cut(finding)]


def _of_pages(finding: Finding) -> list[dict[str, str]]:
    notices = []
    if rows := scattered_rows(finding):
        notices.append({"code": "rows", "message": rows})
    if unchosen := unchosen_page(finding):
        last = finding.origin.pages - 1
        advice = f"Ask for one with page=0 to page={last}, or for all with projection=max or projection=mean."
        notices.append({"code": "pages", "message": f"{unchosen} {advice}"})
    return notices


def _unfamiliar(finding: Finding) -> list[dict[str, str]]:
    manifest = finding.manifest
    if finding.verdict is None or finding.verdict.accepts or finding.chosen_by == "gate":
        return []
    if finding.verdict.label == NOTHING:  # the answer already says that nothing was found
        return []
    advice = _advice(manifest.name, list(current_service().served))
    return [
        {
            "code": "unfamiliar",
            "message": f"{doubt(manifest, finding.verdict)} What was found may be wrong. {advice}".rstrip(),
        }
    ]


def _advice(model: str, loaded: list[str]) -> str:
    """What to do about a picture that `model` does not recognise."""
    if model == FOR_PHOTOS:
        return ""
    if len(loaded) > 1 and FOR_PHOTOS not in loaded:
        return f"To choose a suitable one of {', '.join(loaded)} automatically, set model={AUTO}."
    if FOR_PHOTOS in loaded:
        return f"For everyday photos choose the model {FOR_PHOTOS} (model={FOR_PHOTOS})."
    return "No model for everyday photos is loaded in this service."


TRUNCATED = "truncated"
"""The code of the warning that more segments were found than the answer has."""


def _truncated(finding: Finding) -> list[dict[str, str]]:
    if not finding.result.left_out:
        return []
    count, found = len(finding.segments), finding.result.found
    ceiling = current_service().settings.max_segments
    if count < ceiling:
        remedy = f"For more, ask with max_segments={min(found, ceiling)}."
    else:
        remedy = f"This service returns at most {ceiling:,}: for more, send the picture in parts."
    message = f"{found:,} segments were found; the answer has the best {count:,}. {remedy}"
    return [{"code": TRUNCATED, "message": message}]


def _cut(finding: Finding) -> list[dict[str, str]]:
    return [{"code": "cut", "message": CUT}] if finding.is_cut else []
