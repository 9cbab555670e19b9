"""Settings: every environment variable the service reads, each written down once with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from app.configuration.environment import complaint_about_names, complaint_about_port
from app.configuration.kinds import (
    Kind,
    Mistake,
    keys,
    matching,
    names,
    names_matching,
    number,
    one_of,
    or_unset,
    origins,
    seconds,
    some_of,
    whole_number,
)
from app.configuration.traffic import Split, Version, shadows_in, split_in
from model.answers.choosing import GatePolicy
from model.results.result import MOST_SEGMENTS, USUAL_CEILING

PREFIX = "MASKSERVE_"

# Read by the model library, not by the service.
READ_ELSEWHERE = ("MASKSERVE_MODEL_DIR",)

# Seconds. With an upload and a wait of at most this each, time is left for an inference before the process's
# own deadline (MASKSERVE_WORKER_TIMEOUT).
_LONGEST_TIMEOUT = 120

_MEBIBYTE = 2**20


class BadSetting(ValueError):
    """An environment variable has a value that is not allowed; the message names both."""


def _setting(
    default: str, kind: Kind, description: str, *, name: str | None = None, secret: bool = False
) -> Any:
    """A field of Settings.

    Args:
        default: its text in an environment variable.
        kind: which values it may have.
        description: its help text, with the reason for the default.
        name: the environment variable, if the name is not ours to choose.
        secret: whether its value must never be shown.
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
        "The models to load: names, for their newest version, name@version, or gs:// folders of bundles. The"
        " first one is used when a request names no model.",
    )
    engine: str | None = _setting(
        "",
        or_unset(one_of("openvino", "tensorflow")),
        "The engine that runs the models. Default: openvino for models that have compiled stages.",
    )
    precision: str | None = _setting(
        "",
        or_unset(one_of("f32", "bf16", "int8")),
        "Numerical precision. Default: the fastest that the processor supports and that was measured to be"
        " accurate enough for the model.",
    )

    gate: GatePolicy = _setting(  # noqa: RUF009
        "warn",
        one_of(*get_args(GatePolicy)),
        "What to do with a picture unlike those that the model was trained on: off (nothing), warn (a"
        " warning in the answer) or refuse (422).",
    )

    # --- versions
    model_poll: float | None = _setting(
        "",
        or_unset(seconds(86_400)),
        "How often to look for new versions in MASKSERVE_MODEL_DIR and in the gs:// folders of"
        " MASKSERVE_MODELS, in seconds. Default: never.",
    )
    admin_keys: tuple[str, ...] = _setting(
        "",
        or_unset(keys(), ()),
        "The values of X-API-Key with which versions can be loaded and unloaded, and traffic be changed."
        " Default: none, and those routes answer 404.",
        secret=True,
    )
    traffic: Split = _setting(  # noqa: RUF009
        "",
        Kind("versions with shares, such as nuclei@2=90,nuclei@3=10", split_in),
        "Splits the callers of a model among its versions, by shares in per cent, such as"
        " nuclei@2=90,nuclei@3=10. Default: the newest version answers.",
    )
    shadow: tuple[Version, ...] = _setting(
        "",
        Kind("versions, such as nuclei@4", shadows_in),
        "A version that also processes pictures that another version has answered, such as nuclei@4. Its"
        " results are compared with the answers and then dropped. Default: none.",
    )
    shadow_share: float = _setting(
        "1",
        number(0, 1),
        "The share of the pictures that MASKSERVE_SHADOW processes, from 0 to 1; fewer under load.",
    )
    shadow_log: str = _setting(
        "off",
        one_of("on", "off"),
        "Whether each comparison with the shadow is a line in the log, for python -m model compare.",
    )

    # --- processes
    processes: int = _setting(
        "1",
        whole_number(1, 128),
        "Number of processes. Each has its own copy of the models and its own queue, and runs one inference"
        " at a time.",
    )
    inference_threads: int | None = _setting(
        "",
        or_unset(whole_number(1, 512)),
        "Threads per inference. Default: one per core, with the cores divided among the processes.",
    )
    worker_timeout: int = _setting(
        "300",
        whole_number(1, 86_400),
        "A process is replaced when one of its requests takes longer than this many seconds. Everything that"
        " the process is working on is lost, so set it well above the time that any request needs.",
    )
    worker_memory: int | None = _setting(
        "",
        or_unset(whole_number(1)),
        "A process with more resident memory than this, in MiB, finishes its requests and is replaced."
        " Default: no limit.",
    )

    # --- limits
    max_bytes: int = _setting(
        str(20 * _MEBIBYTE),
        whole_number(1),
        "Largest image file, in bytes; a larger file is refused with 413. The default admits any camera's"
        " JPEG and most microscopes' TIFF.",
    )
    max_pixels: int = _setting(
        "50000000",
        whole_number(1),
        "Largest picture, width times height in pixels, according to its header; a larger one is refused"
        " with 413.",
    )
    max_frames: int = _setting(
        "1000",
        whole_number(1),
        "Most pages or frames in a file, since they have to be counted one by one; a file with more is"
        " refused with 413.",
    )
    max_batch: int = _setting("16", whole_number(1), "Most images in one request; more are refused with 413.")
    max_batch_bytes: int = _setting(
        str(64 * _MEBIBYTE),
        whole_number(1),
        "Largest request with several images, in bytes, since all of it is held in memory; a larger one is"
        " refused with 413.",
    )
    max_parts: int = _setting(
        "64", whole_number(1), "Most parts in a form, files and fields together; more are refused with 413."
    )
    max_field_bytes: int = _setting(
        str(256 * 1024),
        whole_number(128 * 1024),  # it also limits the parser's buffer, which grows by 64 KiB at once
        "Most bytes in all text fields of a form together; more are refused with 413.",
    )
    max_segments: int = _setting(
        str(USUAL_CEILING),
        whole_number(1, MOST_SEGMENTS),
        "Most segments in one answer, whether the request or the model sets the limit: all of them and their"
        " masks are held in memory.",
    )
    max_json_depth: int = _setting(
        "16",
        whole_number(1),
        "How deeply lists and objects in JSON may nest; deeper JSON is refused with 400. No request needs 8"
        " levels.",
    )
    max_header_bytes: int = _setting(
        "32768",
        whole_number(4096, 65535),
        "Most bytes in the request line and headers together; more are refused with 431.",
    )

    # --- time
    queue: int = _setting(
        "16",
        whole_number(0, 1000),
        "How many requests may wait behind the running one; the next one is refused with 503. Large pictures"
        " and requests with several images may take only some of these places.",
    )
    queue_timeout: float = _setting(
        "60",
        seconds(_LONGEST_TIMEOUT),
        "How long a request waits for its turn before it is refused with 503, in seconds.",
    )
    upload_timeout: float = _setting(
        "60",
        seconds(_LONGEST_TIMEOUT),
        "How long an upload may take before it is refused with 408, in seconds.",
    )
    request_timeout: float = _setting(
        "120",
        seconds(240),
        "How long a request may take in total, in seconds. A request whose inference has not started by then"
        " is refused with 503.",
    )

    # --- images from elsewhere
    url_fetch: str = _setting(
        "on",
        one_of("on", "allowlist", "off"),
        "Which URLs images are fetched from: any public address (on), only MASKSERVE_URL_HOSTS (allowlist),"
        " or none (off).",
    )
    url_hosts: tuple[str, ...] = _setting(
        "",
        or_unset(
            names_matching(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "host names, separated by commas"), ()
        ),
        "With MASKSERVE_URL_FETCH=allowlist: the allowed hosts. A leading *. allows all subdomains.",
    )
    url_schemes: tuple[str, ...] = _setting(
        "https",
        some_of("https", "http"),
        "The schemes that image URLs may have. Anyone between the service and the server can read and change"
        " what comes by http.",
    )
    url_timeout: float = _setting(
        "10",
        seconds(_LONGEST_TIMEOUT),
        "How long fetching an image may take, redirects included, in seconds; then 504.",
    )
    gcs_buckets: tuple[str, ...] = _setting(
        "",
        or_unset(
            names_matching("[a-z0-9][a-z0-9._-]+", "bucket names without gs://, separated by commas"), ()
        ),
        "The buckets that gcs_uri may name. Default: none, and gcs_uri is refused with 403.",
    )
    path_root: str | None = _setting(
        "",
        or_unset(matching("/.*", "an absolute path")),
        "The folder below which /predict/path reads files. Default: none, and that route answers 404.",
    )

    # --- feedback
    feedback: str = _setting(
        "off",
        matching(
            r"off|log|pubsub:projects/[a-z0-9:._-]+/topics/[A-Za-z][\w.~+%-]{2,254}",
            "off, log, or pubsub:projects/PROJECT/topics/TOPIC",
        ),
        "Where feedback (`POST /api/v1/feedback`) is recorded: nowhere, and that route answers 404 (off), in"
        " the log (log), or in a topic of Pub/Sub (pubsub:projects/PROJECT/topics/TOPIC).",
    )

    # --- access
    api_keys: tuple[str, ...] = _setting(
        "",
        or_unset(keys(), ()),
        "The valid values of X-API-Key; several for rotation. Default: no key is needed.",
        secret=True,
    )
    rate_limit: str | None = _setting(
        "",
        or_unset(
            matching(
                r"\s*[1-9][0-9]*\s*(/|per)\s*(second|minute|hour|day)\s*",
                "a number of requests per period, such as 60/minute",
            )
        ),
        "How many requests each API key (without keys: each address) may send, such as 60/minute. A picture"
        " counts once for every 4 million pixels or part thereof. Default: no limit.",
    )
    rate_limit_storage: str = _setting(
        "memory://",
        matching(r"memory://|(redis|rediss)://.+", "memory:// or a redis:// address"),
        "Where requests are counted: in the memory of each process, or in a Redis that all share.",
        secret=True,
    )
    trusted_proxies: int = _setting(
        "0",
        whole_number(0),
        "How many addresses the proxies in front of the service append to X-Forwarded-For. The first of"
        " these is the caller's.",
    )
    cors_origins: tuple[str, ...] = _setting(
        "",
        or_unset(origins(), ()),
        "The origins (https://example.com, or *) whose pages may call the service. Default: none.",
    )

    # --- monitoring
    drift_window: int = _setting(
        "300",
        whole_number(0, 100_000),
        "How many recent pictures of each model are compared with its validation pictures, over all"
        " processes; 0: none.",
    )
    mlflow: str | None = _setting(
        "",
        or_unset(
            matching(r"https?://[^\s/?#]+[^\s?#]*", "the http:// or https:// address of an MLflow server")
        ),
        "The MLflow server that the service's figures are sent to. Default: none.",
        secret=True,  # it may have a user and a password
    )
    mlflow_experiment: str = _setting(
        "maskserve",
        matching(r"[^\s](.*[^\s])?", "the name of an experiment"),
        "With MASKSERVE_MLFLOW: the experiment in MLflow, which is created if there is none.",
    )
    mlflow_interval: float = _setting(
        "60", seconds(3600), "With MASKSERVE_MLFLOW: how often figures are sent, in seconds."
    )

    # --- Vertex AI, which sets these itself
    health_route: str | None = _setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "The path at which Vertex AI asks whether the service is ready.",
        name="AIP_HEALTH_ROUTE",
    )
    predict_route: str | None = _setting(
        "",
        or_unset(matching(r"/[\w.~:/-]*", "a path such as /predict")),
        "The path to which Vertex AI sends instances.",
        name="AIP_PREDICT_ROUTE",
    )
    storage_uri: str | None = _setting(
        "",
        or_unset(matching("gs://.+", "a gs:// folder")),
        "The gs:// folder of the bundle to serve instead of MASKSERVE_MODELS.",
        name="AIP_STORAGE_URI",
    )

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
