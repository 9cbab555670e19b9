"""Settings: every MASKSERVE_* environment variable the service reads, each written down once."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PREFIX = "MASKSERVE_"

# This the models read, not the service.
READ_ELSEWHERE = ("MASKSERVE_MODEL_DIR",)

# Together two of them must leave time for an inference before uWSGI's harakiri (uwsgi.ini).
_LONGEST_TIMEOUT = 120

# Kubernetes tells every pod of each service: of one named maskserve by MASKSERVE_SERVICE_HOST,
# MASKSERVE_PORT=tcp://…, MASKSERVE_PORT_80_TCP_ADDR and so on.
_SERVICE_LINK = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


class BadSetting(ValueError):
    """An environment variable has a value that is not allowed; the message names both."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: what is allowed, in words, and how text becomes the value (or a ValueError)."""

    allowed: str
    parse: Callable[[str], Any]


def _whole_number(least: int) -> Kind:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()):  # int reads "1_0" as 10, uWSGI (uwsgi.ini) as 1
            raise ValueError
        number = int(text)
        if number < least:
            raise ValueError
        return number

    return Kind(f"a whole number, {least} or more", parse)


def _seconds() -> Kind:
    def parse(text: str) -> float:
        number = float(text)
        if not 0 < number <= _LONGEST_TIMEOUT:
            raise ValueError
        return number

    return Kind(f"a number of seconds above 0, at most {_LONGEST_TIMEOUT}", parse)


def _names() -> Kind:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if not names:
            raise ValueError
        return names

    return Kind("one or more names, separated by commas", parse)


def _one_of(*words: str) -> Kind:
    """One of the words; none, as the empty text, leaves the choice to the service."""

    def parse(text: str) -> str | None:
        if text and text not in words:
            raise ValueError
        return text or None

    return Kind(f"one of {', '.join(words)}", parse)


def _or_unset(kind: Kind) -> Kind:
    """That kind; the empty text leaves the choice to the service."""
    return Kind(kind.allowed, lambda text: kind.parse(text) if text else None)


def _setting(default: str, kind: Kind, description: str) -> Any:
    """A field of Settings: its default (as the environment would spell it), its kind, its line of help."""
    metadata = {"default": default, "kind": kind, "description": description}
    return field(default=kind.parse(default), metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Field `max_bytes` is the environment variable MASKSERVE_MAX_BYTES."""

    models: tuple[str, ...] = _setting(
        "nuclei", _names(), "The models to load; the first answers requests that name none."
    )
    engine: str | None = _setting(
        "",
        _one_of("openvino", "tensorflow"),
        "What runs the models; unset: openvino where they are compiled.",
    )
    precision: str | None = _setting(
        "",
        _one_of("f32", "bf16", "int8"),
        "Of their arithmetic; unset: the fastest that the processor has and that is close enough.",
    )
    processes: int = _setting(
        "1",
        _whole_number(1),
        "How many processes; each has its own copy of the models, one inference at a time and its own queue.",
    )
    inference_threads: int | None = _setting(
        "",
        _or_unset(_whole_number(1)),
        "How many threads compute one inference; unset: one a core, the cores divided among the processes.",
    )
    max_bytes: int = _setting(str(20 * 2**20), _whole_number(1), "The largest image file accepted, in bytes.")
    max_pixels: int = _setting(
        "50000000", _whole_number(1), "The largest picture accepted, width times height."
    )
    queue: int = _setting(
        "16", _whole_number(0), "How many requests may wait behind the running one; the next is told 503."
    )
    queue_timeout: float = _setting(
        "60", _seconds(), "How long a request waits for its turn before it is told 503, in seconds."
    )
    upload_timeout: float = _setting(
        "60", _seconds(), "How long an upload may take before it is told 408, in seconds."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings that `environment` asks for, with defaults for the rest. Raises BadSetting."""
        _check_port(environment)
        _check_names(environment)
        values = {}
        for definition in DEFINITIONS:
            text = environment.get(definition.name)
            if text is None:
                continue
            try:
                values[definition.field] = definition.kind.parse(text)
            except ValueError as error:
                raise BadSetting(
                    f"{definition.name} must be {definition.kind.allowed}, not {text!r}"
                ) from error
        return cls(**values)


@dataclass(frozen=True)
class Definition:
    """One setting, as documentation and the environment know it."""

    name: str
    field: str
    default: str
    kind: Kind
    description: str


DEFINITIONS = tuple(
    Definition(name=PREFIX + setting.name.upper(), field=setting.name, **setting.metadata)
    for setting in fields(Settings)
)


def _check_port(environment: Mapping[str, str]) -> None:
    """Raise BadSetting unless PORT, which uwsgi.ini reads, is one: uWSGI takes a word for "any free port"."""
    text = environment.get("PORT", "8080")
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise BadSetting(f"PORT must be a whole number from 1 to 65535, not {text!r}")


def _check_names(environment: Mapping[str, str]) -> None:
    """Raise BadSetting for a MASKSERVE_* variable that nobody reads: whoever set it meant something by it."""
    names = [definition.name for definition in DEFINITIONS] + list(READ_ELSEWHERE)
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in names or _is_service_link(name, text):
            continue
        known = {known.removeprefix(PREFIX): known for known in [*names, "PORT"]}
        near = [known[word] for word in difflib.get_close_matches(name.removeprefix(PREFIX), known)]
        advice = f"did you mean {' or '.join(near)}?" if near else "docs/settings.md has those that there are"
        raise BadSetting(f"there is no setting {name}; {advice}")


def _is_service_link(name: str, text: str) -> bool:
    return bool(
        _SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(text))
    )
