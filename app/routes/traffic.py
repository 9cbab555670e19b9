"""Traffic: how callers are split among versions, and which versions run in the shadow; for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint

from app.access import keys
from app.configuration.traffic import EXAMPLE
from app.openapi import schemas
from app.openapi.bodies import JSON_BODY, object_schema
from app.openapi.operations import Operation, Terms
from app.requests.json_body import parse_object
from app.requests.short_body import short_body
from app.service import current_service

traffic = Blueprint("traffic", __name__, url_prefix="/api/v1")
traffic.before_request(keys.check_admins)


@traffic.get("/traffic")
def show() -> dict[str, Any]:
    """The traffic in use, and how the shadows are."""
    return _document()


@traffic.put("/traffic")
def change() -> dict[str, Any]:
    """Change the traffic in all processes; members that are left out stay as they are.

    `shadows` is ignored, so that what GET answers can be changed and sent back.
    """
    service = current_service()
    document = parse_object(short_body(), service.settings, example=f'{{"traffic": "{EXAMPLE}"}}')
    document.pop("shadows", None)
    service.traffic.change(document)
    return _document()


def _document() -> dict[str, Any]:
    directed = current_service().traffic
    known = [asdict(one) for one in directed.shadow_states.all()]
    shadows = [{name: value for name, value in one.items() if value is not None} for one in known]
    return {**directed.now.document(), "shadows": shadows}


def described(_: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document; none if no administrator has a key."""
    if not current_service().settings.admin_keys:
        return []
    document = object_schema(
        {
            "traffic": {"type": "string", "examples": [EXAMPLE]},
            "shadow": {"type": "string", "examples": ["nuclei@4"]},
            "shadow_share": {"type": "number", "minimum": 0, "maximum": 1},
        }
    )
    return [
        Operation(
            "/api/v1/traffic",
            "get",
            "How callers are split among versions",
            answer=schemas.TrafficInUse,
            problems=(401, 404, 503),
        ),
        Operation(
            "/api/v1/traffic",
            "put",
            "Change how callers are split among versions, in all processes",
            answer=schemas.TrafficInUse,
            problems=(400, 401, 404, 409, 413, 503),
            bodies={JSON_BODY: document},
        ),
    ]
