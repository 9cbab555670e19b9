"""Reports: what shadows tell, as metrics and, by setting, as log lines."""

from __future__ import annotations

import logging
from typing import Any

from app.configuration.traffic import Version
from app.monitoring.shadows import ShadowMetrics
from app.shadow.waiting import Shadowed
from model.shadowing.process import Comparison

logger = logging.getLogger(__name__)


class Reports:
    """Reports on the shadows of a process."""

    def __init__(self, metrics: ShadowMetrics, logs: bool) -> None:
        """`logs`: whether each comparison is a log line."""
        self._metrics = metrics
        self._logs = logs

    def compared(self, shadow: Version, one: Shadowed, comparison: Comparison) -> None:
        """Report a comparison."""
        agreement = comparison.agreement
        figures: dict[str, float | None] = {
            "matched": agreement.matched,
            "dice": agreement.dice,
            "count_difference": agreement.shadow_count - agreement.count,
            "score_difference": agreement.score_difference,
            "seconds": None if comparison.infer_ms is None else comparison.infer_ms / 1000,
        }
        self._metrics.compared((shadow.name, one.answered_by.version, shadow.version), figures)
        if self._logs:
            self._log(shadow, one, comparison)

    def dropped(self, shadow: Version, reason: str) -> None:
        """Report a picture that the shadow does not process."""
        self._metrics.dropped(shadow.name, shadow.version, reason)

    def failed(self, shadow: Version, kind: str) -> None:
        """Report a failure."""
        self._metrics.failed(shadow.name, shadow.version, kind)

    def switched_on(self, shadow: Version) -> None:
        """Report that a shadow is in use, or no longer wanted."""
        self._metrics.switched_on(shadow.name, shadow.version)

    def switched_off(self, shadow: Version) -> None:
        """Report that a shadow is off."""
        self._metrics.switched_off(shadow.name, shadow.version)

    def _log(self, shadow: Version, one: Shadowed, comparison: Comparison) -> None:
        agreement = comparison.agreement
        entry: dict[str, Any] = {
            "request_id": one.request_id,
            "image": one.index,
            "model": shadow.name,
            "version": one.answered_by.version,
            "shadow_version": shadow.version,
            "matched": _rounded(agreement.matched, 4),
            "count": agreement.count,
            "shadow_count": agreement.shadow_count,
            "score_difference": _rounded(agreement.score_difference, 4),
            "dice": _rounded(agreement.dice, 4),
            "infer_ms": round(one.infer_ms, 1),
            "shadow_infer_ms": _rounded(comparison.infer_ms, 1),
        }
        known = {name: value for name, value in entry.items() if value is not None}
        logger.info("shadow %s %s", shadow, one.request_id, extra={"entry": {"shadow": known}})


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
