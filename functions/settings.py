"""Settings of the function, from the environment. They are checked before the first event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import urlsplit

from names import is_bucket

_TOPIC = "projects/[a-z][a-z0-9.:-]{2,60}/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}"
_ADDRESS = r"https?://[^\s/?#@]+(/[^\s?#]*)?"
_HOST = "[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?"  # host names in container networks may contain underscores

_LONGEST_REQUEST = 3600  # seconds, the limit of Cloud Run


class BadSetting(ValueError):
    """An environment variable is missing or invalid. The message names it and says what is allowed."""


def _setting(
    default: str | None, allowed: str, parse: Callable[[str], Any], *, description: str, secret: bool = False
) -> Any:
    """A field of Settings. The environment variable has the same name in capitals.

    Args:
        default: as text; None if the setting is required.
        allowed: the allowed values, in words.
        parse: converts text to the value; raises ValueError if it is invalid.
        description: its line in docs/events.md.
        secret: whether the value must never be shown.
    """
    metadata = {
        "default": default,
        "allowed": allowed,
        "parse": parse,
        "description": description,
        "secret": secret,
    }
    return field(metadata=metadata, repr=not secret)


def _matching(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return parse


def _bucket(text: str) -> str:
    if not is_bucket(text):
        raise ValueError
    return text


def _address(text: str) -> str:
    parts = urlsplit(_matching(_ADDRESS)(text))
    host = parts.hostname or ""
    if ":" in host:
        IPv6Address(host)
    else:
        _matching(_HOST)(host.encode("idna").decode())  # fails on empty and too long labels
    if parts.port == 0:  # above 65535, urlsplit raises ValueError
        raise ValueError
    return text.rstrip("/")


def _key(text: str) -> str | None:
    """Without the line end that files and terminals add to secrets, and that a header must not have."""
    return _matching("[!-~]*")(text.strip()) or None


def _whole(text: str) -> int:
    return int(_matching("[1-9][0-9]{0,11}")(text))


def _seconds_of_a_request(text: str) -> int:
    seconds = _whole(text)
    if seconds > _LONGEST_REQUEST:
        raise ValueError
    return seconds


@dataclass(frozen=True)
class Settings:
    """The settings of one instance."""

    result_bucket: str = _setting(
        None,
        "a bucket's name without gs://",
        _bucket,
        description="The bucket to which results are written. Objects in it are never segmented.",
    )
    result_topic: str = _setting(
        None,
        "a topic's full name, projects/PROJECT/topics/TOPIC",
        _matching(_TOPIC),
        description="The topic to which every outcome is published, as `projects/PROJECT/topics/TOPIC`.",
    )
    service_url: str = _setting(
        None,
        "the service's URL with a valid host and port, such as https://maskserve.example.com",
        _address,
        description="The address of the service, such as `https://maskserve.example.com`.",
    )
    service_api_key: str | None = _setting(
        "",
        "a key of visible characters",
        _key,
        description="One of the service's `MASKSERVE_API_KEYS`, if it requires one. A secret.",
        secret=True,
    )
    service_timeout: int = _setting(
        "240",
        f"a whole number of seconds up to {_LONGEST_REQUEST}, Cloud Run's limit for a request",
        _seconds_of_a_request,
        description="How long the service may take to answer, in seconds: less than the ack deadline.",
    )
    max_bytes: int = _setting(
        str(20 * 2**20),
        "a whole number of bytes",
        _whole,
        description="Largest image that is read, in bytes. Use the service's `MASKSERVE_MAX_BYTES`.",
    )
    max_age: int = _setting(
        str(12 * 3600),
        "a whole number of seconds",
        _whole,
        description="Age in seconds at which a message is recorded as failed instead of being tried again.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in `environment`.

        Raises:
            BadSetting: for the first one that is missing or invalid.
        """
        values = {}
        for name, definition in cls.__dataclass_fields__.items():
            variable, known = name.upper(), definition.metadata
            text = environment.get(variable) or known["default"]
            if text is None:
                raise BadSetting(f"{variable} must be set, to {known['allowed']}")
            try:
                values[name] = known["parse"](text)
            except ValueError:
                found = "its current value" if known["secret"] else repr(text)
                raise BadSetting(f"{variable} must be {known['allowed']}, not {found}") from None
        return cls(**values)
