"""What the service says of itself: /openapi.json for programs, /docs for people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from app.openapi.document import document
from app.parameters import Parameters
from app.service import current_service

documents = Blueprint("documents", __name__)


@documents.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    return document(current_service())


@documents.get("/docs")
def docs() -> str:
    """The same, as a page."""
    return render_template(
        "docs.html", document=document(current_service()), parameters=Parameters.model_fields
    )
