"""Kinds of settings: what an environment variable may say, and how its text becomes a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.configuration.numbers import number_in

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


_SHORTEST = 0.1  # seconds


@dataclass(frozen=True)
class Kind:
    """A kind of value: what is allowed, in words, and how text becomes the value (or a ValueError)."""

    allowed: str
    parse: Callable[[str], Any]


def whole_number(least: int, most: int | None = None) -> Kind:
    """Digits only, for a number of `least` or more, and `most` or less."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()):  # int reads "1_0" as 10, uWSGI (uwsgi.ini) as 1
            raise ValueError
        number = int(text)
        if number < least or (most is not None and number > most):
            raise ValueError
        return number

    allowed = f", {least} or more" if most is None else f" from {least} to {most}"
    return Kind(f"a whole number{allowed}", parse)


def seconds(most: int) -> Kind:
    """A time up to `most`."""

    def parse(text: str) -> float:
        number = number_in(text)
        if number is None or not _SHORTEST <= number <= most:
            raise ValueError
        return float(number)

    return Kind(f"a number of seconds from {_SHORTEST} to {most}", parse)


def names() -> Kind:
    """One or more names, each once, without the spaces around them."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if not found:
            raise ValueError
        return found

    return Kind("one or more names, separated by commas", parse)


def names_matching(pattern: str, allowed: str) -> Kind:
    """One or more names, all of each matching the regular expression; `allowed` says the same in words."""

    def parse(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = names().parse(text)
        if not all(re.fullmatch(pattern, name) for name in found):
            raise ValueError
        return found

    return Kind(allowed, parse)


def keys() -> Kind:
    """One or more secrets, each once, of characters that can be typed."""

    def parse(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = names().parse(text)
        if not all(key.isprintable() for key in found):
            raise ValueError
        return found

    return Kind("one or more keys without control characters, separated by commas", parse)


def origins() -> Kind:
    """`*` alone, or one or more origins, spelled as browsers send them."""

    def parse(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = names().parse(text)
        if found != ("*",) and not all(_is_origin(origin) for origin in found):
            raise ValueError
        return found

    allowed = (
        "* alone, or origins as browsers send them, separated by commas, such as https://example.com or"
        " http://localhost:3000: in lower case, without path, slash at the end or usual port"
    )
    return Kind(allowed, parse)


def one_of(*words: str) -> Kind:
    """One of the words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Kind(f"one of {', '.join(words)}", parse)


def some_of(*words: str) -> Kind:
    """One or more of the words."""

    def parse(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = names().parse(text)
        if not set(found) <= set(words):
            raise ValueError
        return found

    return Kind(f"of {', '.join(words)}, separated by commas", parse)


def matching(pattern: str, allowed: str) -> Kind:
    """Text of which all matches the regular expression; `allowed` says the same in words."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return Kind(allowed, parse)


def or_unset(kind: Kind, unset: Any = None) -> Kind:
    """That kind; the empty text stands for `unset`."""
    return Kind(kind.allowed, lambda text: kind.parse(text) if text else unset)


def _is_origin(text: str) -> bool:
    """Whether a browser would send it. It leaves out the port that a scheme has anyway."""
    return bool(_ORIGIN.fullmatch(text)) and not re.fullmatch("https:.*:443|http:.*:80", text)
