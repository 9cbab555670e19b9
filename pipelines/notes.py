"""Notes: the warnings about an answer, with the codes that the service gives them."""

from __future__ import annotations

from model.answers.file_notes import CUT, scattered_rows, unchosen_page
from model.answers.finding import Finding
from model.answers.gate import doubt


def warnings_about(finding: Finding) -> list[dict[str, str]]:
    """A code for programs and a message for people, of each warning; usually there are none."""
    messages = {
        "unfamiliar": _unfamiliar(finding),
        "rows": scattered_rows(finding),
        "pages": unchosen_page(finding),
        "truncated": _truncated(finding),
        "cut": CUT if finding.is_cut else None,
    }
    return [{"code": code, "message": message} for code, message in messages.items() if message]


def _unfamiliar(finding: Finding) -> str | None:
    if finding.verdict is None or finding.verdict.accepts:
        return None
    return f"{doubt(finding.manifest, finding.verdict)} What was found may be wrong."


def _truncated(finding: Finding) -> str | None:
    if not finding.result.left_out:
        return None
    count, found = len(finding.segments), finding.result.found
    return f"{found:,} segments were found; the row has the best {count:,}. For more, raise max_segments."
