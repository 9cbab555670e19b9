"""Operations: the probes that a platform asks whether the process lives and is ready, and metrics."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.errors import NotReady
from app.monitoring.metrics import current_metrics
from app.service import current_service

operations = Blueprint("operations", __name__)


@operations.get("/livez")
def live() -> dict[str, Any]:
    """The process answers."""
    return {"status": "alive"}


@operations.get("/readyz")
@operations.get("/health")
def ready() -> dict[str, Any]:
    """Every configured model is loaded and past its self-test, and the process is not asked to end."""
    service = current_service()
    if service.is_ending:
        raise NotReady("The service is ending.")
    return {"status": "ready", "models": list(service.segmenters)}


@operations.get("/metrics")
def metrics() -> Response:
    """What all processes counted, for Prometheus."""
    return current_metrics()
