"""Warnings: what an answer says of itself, so that nobody takes nonsense for a finding."""

from __future__ import annotations

from app.service import current_service
from model.choosing import AUTO, NOTHING
from model.finding import Finding
from model.gate import doubt
from model.page_notes import scattered_rows, unchosen_page
from model.published import FOR_PHOTOS

_CUT = (
    "The picture's file ends too early or says a wrong length. All its pixels are there, but it was not saved"
    " or not sent whole."
)


def warnings_about(finding: Finding) -> list[dict[str, str]]:
    """Each a code for programs and a message for people; mostly there is none."""
    return [*_of_model(finding), *_of_pages(finding), *_of_cut(finding)]


def _of_pages(finding: Finding) -> list[dict[str, str]]:
    notices = []
    if rows := scattered_rows(finding):
        notices.append({"code": "rows", "message": rows})
    if unchosen := unchosen_page(finding):
        last = finding.origin.pages - 1
        advice = f"Ask for one with page=0 to page={last}, or for all with projection=max or projection=mean."
        notices.append({"code": "pages", "message": f"{unchosen} {advice}"})
    return notices


def _of_cut(finding: Finding) -> list[dict[str, str]]:
    return [{"code": "cut", "message": _CUT}] if finding.is_cut else []


def _of_model(finding: Finding) -> list[dict[str, str]]:
    manifest = finding.manifest
    if finding.verdict is None or finding.verdict.accepts or finding.chosen_by == "gate":
        return []
    if finding.verdict.label == NOTHING:  # it found nothing, and says so
        return []
    advice = _advice(manifest.name, list(current_service().segmenters))
    return [
        {"code": "unfamiliar", "message": f"{doubt(manifest)} What was found may be wrong. {advice}".rstrip()}
    ]


def _advice(model: str, loaded: list[str]) -> str:
    """What to do about a picture that `model` does not know."""
    if model == FOR_PHOTOS:
        return ""
    if len(loaded) > 1 and FOR_PHOTOS not in loaded:
        return f"To have one of {', '.join(loaded)} chosen that knows it, ask with model={AUTO}."
    if FOR_PHOTOS in loaded:
        return f"For everyday photos choose the model {FOR_PHOTOS} (model={FOR_PHOTOS})."
    return (
        f"For everyday photos load the model {FOR_PHOTOS}: python -m model fetch {FOR_PHOTOS}, "
        f"then MASKSERVE_MODELS={','.join([*loaded, FOR_PHOTOS])}."
    )
