"""Leases: the versions that the running request uses; it holds them until it has been answered."""

from __future__ import annotations

from flask import Flask, g

from app.access.callers import caller_id
from app.versions.versions import Choice, Versions


def choose(versions: Versions, asked: str | None) -> Choice:
    """The version that the running request uses for what it names; the same one for all of its pictures.

    `asked`: `name`, `name@version`, or None for the default model. Raises ModelNotFound.
    """
    choices: dict[str | None, Choice] = g.setdefault("choices", {})
    if asked not in choices:
        choices[asked] = versions.lease(asked, caller_id())
    return choices[asked]


def register(app: Flask) -> None:
    """End the leases of each request to `app` when it has been answered."""

    @app.teardown_request
    def give_back(_: BaseException | None) -> None:
        for choice in g.pop("choices", {}).values():
            choice.version.give_back()
