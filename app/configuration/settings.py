"""Settings: every environment variable the service reads, each written down once with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from app.configuration.environment import complaint_about_names, complaint_about_port
from app.configuration.kinds import (
    Kind,
    keys,
    matching,
    names,
    names_matching,
    one_of,
    or_unset,
    origins,
    seconds,
    some_of,
    whole_number,
)
from model.choosing import GatePolicy
from model.result import MOST_SEGMENTS, USUAL_CEILING

PREFIX = "MASKSERVE_"

# This the models read, not the service.
READ_ELSEWHERE = ("MASKSERVE_MODEL_DIR",)

# Upload and wait, each at most this, leave time for an inference before the worker's own deadline.
_LONGEST_TIMEOUT = 120

_MEBIBYTE = 2**20


class BadSetting(ValueError):
    """An environment variable has a value that is not allowed; the message names both."""


def _setting(
    default: str, kind: Kind, description: str, *, name: str | None = None, secret: bool = False
) -> Any:
    """A field of Settings.

    Args:
        default: as the environment would spell it.
        kind: what values it may have.
        description: its line of help, with the reason for the default.
        name: of the environment variable, where another party has named it.
        secret: its value is never shown.
    """
    metadata = {"default": default, "kind": kind, "description": description, "name": name, "secret": secret}
    return field(default=kind.parse(default), metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Field `max_bytes` is the environment variable MASKSERVE_MAX_BYTES."""

    # --- models
    models: tuple[str, ...] = _setting(
        "nuclei,people",
        names(),
        "The models to load, by name or as a bundle's gs:// folder; the first is the default.",
    )
    engine: str | None = _setting(
        "",
        or_unset(one_of("openvino", "tensorflow")),
        "What runs the models that it can run; unset: openvino where they are compiled.",
    )
    precision: str | None = _setting(
        "",
        or_unset(one_of("f32", "bf16", "int8")),
        "Of their arithmetic, where a model has it; unset: the fastest that the processor has and that is"
        " close enough.",
    )

    gate: GatePolicy = _setting(  # noqa: RUF009
        "warn",
        one_of(*get_args(GatePolicy)),
        "What to do about a picture unlike those that a model was trained on: nothing, warn in the answer, or"
        " refuse with 422.",
    )

    # --- processes
    processes: int = _setting(
        "1",
        whole_number(1, 128),
        "How many processes; each has its own copy of the models, one inference at a time and its own queue.",
    )
    inference_threads: int | None = _setting(
        "",
        or_unset(whole_number(1, 512)),
        "How many threads compute one inference; unset: one a core, the cores divided among the processes.",
    )
    worker_timeout: int = _setting(
        "300",
        whole_number(1, 86_400),
        "Seconds after which a process whose request hangs is replaced: longer than any honest request takes,"
        " since all that the process works on is lost with it.",
    )
    worker_memory: int | None = _setting(
        "",
        or_unset(whole_number(1)),
        "Resident mebibytes beyond which a process finishes what it has and is replaced; unset: never.",
    )

    # --- limits
    max_bytes: int = _setting(
        str(20 * _MEBIBYTE),
        whole_number(1),
        "The largest image file accepted, in bytes: any camera's JPEG, most microscopes' TIFF; more is 413.",
    )
    max_pixels: int = _setting(
        "50000000",
        whole_number(1),
        "The largest picture accepted, width times height, by its header; more is 413.",
    )
    max_frames: int = _setting(
        "1000",
        whole_number(1),
        "The most pages or frames that a file may have, since they are counted one by one; more is 413.",
    )
    max_batch: int = _setting("16", whole_number(1), "The most images in one request; more is 413.")
    max_batch_bytes: int = _setting(
        str(64 * _MEBIBYTE),
        whole_number(1),
        "The largest request with several images, in bytes: it is in memory as a whole; more is 413.",
    )
    max_parts: int = _setting(
        "64", whole_number(1), "The most parts of a form, files and fields together; more is 413."
    )
    max_field_bytes: int = _setting(
        str(256 * 1024),
        whole_number(128 * 1024),  # it bounds the parser's buffer too, which takes 64 KiB at once
        "The most bytes that the text fields of a form have together; more is 413.",
    )
    max_segments: int = _setting(
        str(USUAL_CEILING),
        whole_number(1, MOST_SEGMENTS),
        "The most segments in one answer, asked for or by the model's own limit: they and their masks are in"
        " memory together.",
    )
    max_json_depth: int = _setting(
        "16", whole_number(1), "How deep lists and objects of JSON may nest: no request needs 8; more is 400."
    )
    max_header_bytes: int = _setting(
        "32768",
        whole_number(4096, 65535),
        "The longest request line and headers together, in bytes; more is 431.",
    )

    # --- time
    queue: int = _setting(
        "16",
        whole_number(0, 1000),
        "How many requests may wait behind the running one; the next is told 503. Large pictures, and"
        " requests with several, may have only some of these places.",
    )
    queue_timeout: float = _setting(
        "60",
        seconds(_LONGEST_TIMEOUT),
        "How long a request waits for its turn before it is told 503, in seconds.",
    )
    upload_timeout: float = _setting(
        "60",
        seconds(_LONGEST_TIMEOUT),
        "How long an upload may take before it is told 408, in seconds.",
    )
    request_timeout: float = _setting(
        "120",
        seconds(240),
        "How long a request may take as a whole, in seconds; what has not begun to be computed by then is"
        " told 503.",
    )

    # --- images from elsewhere
    url_fetch: str = _setting(
        "on",
        one_of("on", "allowlist", "off"),
        "Whether images are fetched from URLs: of public addresses, of MASKSERVE_URL_HOSTS, or not at all.",
    )
    url_hosts: tuple[str, ...] = _setting(
        "",
        or_unset(
            names_matching(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "host names, separated by commas"), ()
        ),
        "With MASKSERVE_URL_FETCH=allowlist: the hosts, a leading *. standing for all below.",
    )
    url_schemes: tuple[str, ...] = _setting(
        "https",
        some_of("https", "http"),
        "How images may be fetched; http can be read and changed on its way.",
    )
    url_timeout: float = _setting(
        "10", seconds(_LONGEST_TIMEOUT), "How long fetching an image may take, redirects included; then 504."
    )
    gcs_buckets: tuple[str, ...] = _setting(
        "",
        or_unset(
            names_matching("[a-z0-9][a-z0-9._-]+", "bucket names without gs://, separated by commas"), ()
        ),
        "The buckets that gcs_uri may name; unset: none, gcs_uri is 403.",
    )
    path_root: str | None = _setting(
        "",
        or_unset(matching("/.*", "an absolute path")),
        "The folder below which /predict/path reads files; unset: that route is 404.",
    )

    # --- access
    api_keys: tuple[str, ...] = _setting(
        "",
        or_unset(keys(), ()),
        "Keys of which X-API-Key must be one, several for rotation; unset: everybody may ask.",
        secret=True,
    )
    rate_limit: str | None = _setting(
        "",
        or_unset(
            matching(
                r"\s*[1-9][0-9]*\s*(/|per)\s*(second|minute|hour|day)\s*",
                "a number a time, such as 60/minute",
            )
        ),
        "How many requests one key, or one address where there are no keys, may send; a picture counts once"
        " for every 4 million pixels begun. Unset: no limit.",
    )
    rate_limit_storage: str = _setting(
        "memory://",
        matching(r"memory://|(redis|rediss)://.+", "memory:// or a redis:// address"),
        "Where requests are counted: in each process by itself, or in a Redis that several share.",
        secret=True,
    )
    trusted_proxies: int = _setting(
        "0",
        whole_number(0),
        "How many addresses the proxies in front append to X-Forwarded-For, the first of them the caller's.",
    )
    cors_origins: tuple[str, ...] = _setting(
        "",
        or_unset(origins(), ()),
        "The origins (https://example.com, or *) whose pages may call the service; unset: none.",
    )

    # --- Vertex AI, which sets these itself
    health_route: str | None = _setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "Where Vertex AI asks whether the service is ready.",
        name="AIP_HEALTH_ROUTE",
    )
    predict_route: str | None = _setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "Where Vertex AI sends instances.",
        name="AIP_PREDICT_ROUTE",
    )
    storage_uri: str | None = _setting(
        "",
        or_unset(matching("gs://.+", "a gs:// folder")),
        "The bundle's folder, which is served in place of MASKSERVE_MODELS.",
        name="AIP_STORAGE_URI",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings that `environment` asks for, with defaults for the rest. Raises BadSetting."""
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
                found = "what it is" if definition.secret else repr(text)
                raise BadSetting(f"{definition.name} must be {definition.kind.allowed}, not {found}") from (
                    None if definition.secret else error
                )
        settings = cls(**values)
        _check_together(settings)
        return settings

    def advice(self) -> Iterator[str]:
        """What its operator may have overlooked."""
        longest = max(self.upload_timeout, self.request_timeout)
        if self.worker_timeout <= longest:
            yield (
                f"MASKSERVE_WORKER_TIMEOUT ({self.worker_timeout} s) ends a process, with all that it works"
                f" on, for one slow request: let it be well above the {longest:g} s that a request may take"
            )


def _check_together(settings: Settings) -> None:
    """Raise BadSetting for settings that are right each by itself and make no sense together, or here."""
    if settings.url_fetch == "allowlist" and not settings.url_hosts:
        raise BadSetting("MASKSERVE_URL_FETCH is allowlist, so MASKSERVE_URL_HOSTS must name hosts")
    if settings.max_batch_bytes < settings.max_bytes:
        raise BadSetting("MASKSERVE_MAX_BATCH_BYTES must be MASKSERVE_MAX_BYTES at least")
    if settings.path_root is not None and not os.path.isdir(settings.path_root):
        raise BadSetting(f"MASKSERVE_PATH_ROOT must be a folder that there is, not {settings.path_root!r}")


@dataclass(frozen=True)
class Definition:
    """One setting, as documentation and the environment know it."""

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
