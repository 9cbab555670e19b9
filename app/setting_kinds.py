"""Kinds of settings: what an environment variable may say, and how its text becomes a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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

    allowed = f"{least} or more" if most is None else f"from {least} to {most}"
    return Kind(f"a whole number, {allowed}", parse)


def seconds(most: int) -> Kind:
    """A time above 0 and up to `most`."""

    def parse(text: str) -> float:
        number = float(text)
        if not 0 < number <= most:
            raise ValueError
        return number

    return Kind(f"a number of seconds above 0, at most {most}", parse)


def names() -> Kind:
    """One or more names, each once, without the spaces around them."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if not found:
            raise ValueError
        return found

    return Kind("one or more names, separated by commas", parse)


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
