"""Kinds of settings: which text an environment variable may have, and how the text becomes a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.configuration.numbers import number_in

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


_SHORTEST = 0.1  # seconds


class Mistake(ValueError):
    """A value that is not allowed; unlike those of other ValueErrors, the message says why, for operators."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: `allowed` says which values, in words; `parse` returns one or raises ValueError."""

    allowed: str
    parse: Callable[[str], Any]


def whole_number(least: int, most: int | None = None) -> Kind:
    """A whole number from `least` to `most`, in digits only."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()):  # int() reads "1_0" as 10, uWSGI (uwsgi.ini) as 1
            raise ValueError
        number = int(text)
        if number < least or (most is not None and number > most):
            raise ValueError
        return number

    allowed = f", {least} or more" if most is None else f" from {least} to {most}"
    return Kind(f"a whole number{allowed}", parse)


def seconds(most: int) -> Kind:
    """A duration up to `most` seconds."""

    def parse(text: str) -> float:
        number = number_in(text)
        if number is None or not _SHORTEST <= number <= most:
            raise ValueError
        return float(number)

    return Kind(f"a number of seconds from {_SHORTEST} to {most}", parse)


def number(least: float, most: float) -> Kind:
    """A number from `least` to `most`."""

    def parse(text: str) -> float:
        found = number_in(text)
        if found is None or not least <= found <= most:
            raise ValueError
        return float(found)

    return Kind(f"a number from {least:g} to {most:g}", parse)


def names() -> Kind:
    """One or more names; duplicates and the spaces around names are dropped."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if not found:
            raise ValueError
        return found

    return Kind("one or more names, separated by commas", parse)


def names_matching(pattern: str, allowed: str) -> Kind:
    """One or more names, each matching the whole regular expression; `allowed` describes it in words."""

    def parse(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = names().parse(text)
        if not all(re.fullmatch(pattern, name) for name in found):
            raise ValueError
        return found

    return Kind(allowed, parse)


def keys() -> Kind:
    """One or more secrets of printable characters; duplicates are dropped."""

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
        " http://localhost:3000: in lower case, without path, trailing slash or default port"
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

    return Kind(f"one or more of {', '.join(words)}, separated by commas", parse)


def matching(pattern: str, allowed: str) -> Kind:
    """Text that matches the whole regular expression; `allowed` describes it in words."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return Kind(allowed, parse)


def or_unset(kind: Kind, unset: Any = None) -> Kind:
    """The same kind, except that empty text means `unset`."""
    return Kind(kind.allowed, lambda text: kind.parse(text) if text else unset)


def _is_origin(text: str) -> bool:
    """Whether a browser would send this origin. Browsers leave out a scheme's default port."""
    return bool(_ORIGIN.fullmatch(text)) and not re.fullmatch("https:.*:443|http:.*:80", text)
