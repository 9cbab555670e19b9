"""Operations: the probes by which a platform checks that the process is alive and ready, and metrics."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.errors import NotFound
from app.monitoring.metrics import current_metrics
from app.openapi import schemas
from app.openapi.operations import Operation, Terms
from app.service import current_service
from app.serving.health import current_health

operations = Blueprint("operations", __name__)


@operations.get("/livez")
def live() -> dict[str, Any]:
    """The process answers, and its self-tests have not been failing for minutes."""
    current_health().check_alive()
    return {"status": "alive"}


@operations.get("/readyz")
@operations.get("/health")
def ready() -> dict[str, Any]:
    """The service is ready for requests."""
    check_ready()
    return {"status": "ready", "models": list(current_service().served)}


def check_ready() -> None:
    """Raise NotReady if the service is not ready for requests."""
    current_health().check_ready()


@operations.get("/metrics")
def metrics() -> Response:
    """The metrics of all processes, for Prometheus."""
    if current_service().settings.metrics == "off":
        raise NotFound("This service shows no metrics: its operator has set MASKSERVE_METRICS=off.")
    return current_metrics()


def described(_: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document."""
    return [
        Operation("/livez", "get", "Does the process answer?", answer=schemas.Alive, problems=(503,)),
        Operation("/readyz", "get", "Is every model ready?", answer=schemas.Ready, problems=(503,)),
        Operation("/health", "get", "As /readyz", answer=schemas.Ready, problems=(503,)),
        Operation(
            "/metrics",
            "get",
            "Figures for Prometheus",
            files=("text/plain",),
            problems={"on": (), "key": (401,), "off": (404,)}[current_service().settings.metrics],
        ),
    ]
