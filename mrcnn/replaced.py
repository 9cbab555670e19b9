"""Replaced: names of the library that exist to say what does their work here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def replaced(name: str, instead: str) -> Callable[..., NoReturn]:
    """What can be imported under `name` and raises NotImplementedError, with `instead`, when it is called."""

    def call(*_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not part of this network's graph: {instead}")

    call.__name__ = name
    call.__doc__ = f"Raise NotImplementedError: {instead}."
    return call
