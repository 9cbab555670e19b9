"""Looking: recognises a format by the names of its files and the beginning of their text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from model.data.files import is_left_by_system
from model.data.formats.place import Place

FILES_LOOKED_AT = 20
HEAD_BYTES = 2000

Look = Callable[[Place], Path | None]
"""Finds the first file that identifies a format; None if the place is not in this format."""


def with_name(*patterns: str) -> Look:
    """Finds a file that matches a pattern."""
    return lambda place: next(_files(place, *patterns), None)


def with_text(*texts: str, among: tuple[str, ...]) -> Look:
    """Finds a file that matches a pattern and has all of the texts near its beginning."""
    return lambda place: next(with_texts(place, *texts, among=among), None)


def with_texts(place: Place, *texts: str, among: tuple[str, ...]) -> Iterator[Path]:
    """The files that match a pattern and have all of the texts near their beginning."""
    for path in _files(place, *among):
        if all(text in head_of(path) for text in texts):
            yield path


def head_of(path: Path) -> str:
    """The first 2,000 bytes of a file as text; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return ""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return head.decode(encoding, errors="replace")


def _files(place: Place, *patterns: str) -> Iterator[Path]:
    """The first files that match the patterns, or the place itself if it matches."""
    if place.path.is_file():
        is_one = any(place.path.match(pattern) for pattern in patterns if "/" not in pattern)
        return iter([place.path] if is_one else [])
    matching = chain.from_iterable(sorted(place.path.glob(pattern)) for pattern in patterns)
    return islice((path for path in matching if not is_left_by_system(path)), FILES_LOOKED_AT)
