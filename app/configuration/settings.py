"""Settings: every environment variable the service reads, each written down once with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from app.configuration.environment import complaint_about_names, complaint_about_port
from app.configuration.kinds import Kind, Mistake
from app.configuration.topics.access import AccessSettings
from app.configuration.topics.limits import LimitSettings
from app.configuration.topics.models import ModelSettings
from app.configuration.topics.monitoring import MonitoringSettings
from app.configuration.topics.processes import ProcessSettings
from app.configuration.topics.sources import SourceSettings
from app.configuration.topics.vertex import VertexSettings

PREFIX = "MASKSERVE_"

# Read by the model library, not by the service.
READ_ELSEWHERE = ("MASKSERVE_MODEL_DIR",)


class BadSetting(ValueError):
    """An environment variable has a value that is not allowed; the message names both."""


@dataclass(frozen=True)
class Settings(
    VertexSettings,
    MonitoringSettings,
    AccessSettings,
    SourceSettings,
    LimitSettings,
    ProcessSettings,
    ModelSettings,
):
    """The settings of one process. Field `max_bytes` is the environment variable MASKSERVE_MAX_BYTES.

    Their order is that of `DEFINITIONS`: a dataclass has the fields of its last base first.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings in `environment`, with defaults for the rest. Raises BadSetting."""
        known = [definition.name for definition in DEFINITIONS] + list(READ_ELSEWHERE)
        for complaint in (
            complaint_about_port(environment, "PORT"),
            complaint_about_port(environment, "AIP_HTTP_PORT"),
            complaint_about_names(environment, PREFIX, known),
        ):
            if complaint:
                raise BadSetting(complaint)
        values = {}
        for definition in DEFINITIONS:
            text = environment.get(definition.name)
            if text is None:
                continue
            try:
                values[definition.field] = definition.kind.parse(text)
            except ValueError as error:
                found = "its present value (not shown: it is secret)" if definition.secret else repr(text)
                why = f": {error}" if isinstance(error, Mistake) else ""
                raise BadSetting(
                    f"{definition.name} must be {definition.kind.allowed}, not {found}{why}"
                ) from (None if definition.secret else error)
        settings = cls(**values)
        _check_together(settings)
        return settings

    def advice(self) -> Iterator[str]:
        """Warnings about combinations of settings that the operator may have overlooked."""
        longest = max(self.upload_timeout, self.request_timeout)
        if self.worker_timeout <= longest:
            yield (
                f"MASKSERVE_WORKER_TIMEOUT ({self.worker_timeout} s) ends a process, and all of its requests,"
                f" because of one slow request: set it well above the {longest:g} s that a request may take"
            )


def _check_together(settings: Settings) -> None:
    """Raise BadSetting for settings that are valid alone but not together, or not on this machine."""
    if settings.url_fetch == "allowlist" and not settings.url_hosts:
        raise BadSetting("MASKSERVE_URL_FETCH is allowlist, so MASKSERVE_URL_HOSTS must name hosts")
    if settings.metrics == "key" and not settings.api_keys:
        raise BadSetting("MASKSERVE_METRICS is key, so MASKSERVE_API_KEYS must have keys")
    if settings.max_batch_bytes < settings.max_bytes:
        raise BadSetting("MASKSERVE_MAX_BATCH_BYTES must be at least MASKSERVE_MAX_BYTES")
    if settings.path_root is not None and not os.path.isdir(settings.path_root):
        raise BadSetting(f"MASKSERVE_PATH_ROOT must be an existing folder, not {settings.path_root!r}")


@dataclass(frozen=True)
class Definition:
    """One setting, as the documentation and the environment see it."""

    name: str
    field: str
    default: str
    kind: Kind
    description: str
    secret: bool


DEFINITIONS = tuple(
    Definition(
        field=setting.name,
        **{**setting.metadata, "name": setting.metadata["name"] or PREFIX + setting.name.upper()},
    )
    for setting in fields(Settings)
)
