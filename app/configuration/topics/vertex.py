"""Settings: what Vertex AI sets itself."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import setting
from app.configuration.kinds import matching, or_unset


@dataclass(frozen=True)
class VertexSettings:
    """See `Settings`."""

    health_route: str | None = setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "The path at which Vertex AI asks whether the service is ready.",
        name="AIP_HEALTH_ROUTE",
    )
    predict_route: str | None = setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "The path to which Vertex AI sends instances.",
        name="AIP_PREDICT_ROUTE",
    )
    storage_uri: str | None = setting(
        "",
        or_unset(matching("gs://.+", "a gs:// folder")),
        "The gs:// folder of the bundle to serve instead of MASKSERVE_MODELS.",
        name="AIP_STORAGE_URI",
    )
