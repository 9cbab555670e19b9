"""Operations: the probes that a platform asks whether the process lives and is ready, and metrics."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.monitoring.metrics import current_metrics
from app.openapi import schemas
from app.openapi.operations import Operation, Terms
from app.service import current_service
from app.serving.health import current_health

operations = Blueprint("operations", __name__)


@operations.get("/livez")
def live() -> dict[str, Any]:
    """The process answers, and has not failed its self-tests for minutes."""
    current_health().check_alive()
    return {"status": "alive"}


@operations.get("/readyz")
@operations.get("/health")
def ready() -> dict[str, Any]:
    """The service is ready for requests."""
    check_ready()
    return {"status": "ready", "models": list(current_service().segmenters)}


def check_ready() -> None:
    """Raise NotReady where it is not."""
    current_health().check_ready()


@operations.get("/metrics")
def metrics() -> Response:
    """What all processes counted, for Prometheus."""
    return current_metrics()


def described(_: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document."""
    return [
        Operation("/livez", "get", "Does the process answer?", answer=schemas.Alive, problems=(503,)),
        Operation("/readyz", "get", "Is every model ready?", answer=schemas.Ready, problems=(503,)),
        Operation("/health", "get", "As /readyz", answer=schemas.Ready, problems=(503,)),
        Operation("/metrics", "get", "Figures for Prometheus", files=("text/plain",)),
    ]
