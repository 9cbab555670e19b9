"""The definition of one setting: its default, the values it may have, and its help."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from app.configuration.kinds import Kind

LONGEST_TIMEOUT_SECONDS = 120
"""With an upload and a wait of at most this each, time is left for an inference before the process's own
deadline (MASKSERVE_WORKER_TIMEOUT)."""


def setting(
    default: str, kind: Kind, description: str, *, name: str | None = None, secret: bool = False
) -> Any:
    """Return a field of Settings.

    Args:
        default: its text in an environment variable.
        kind: which values it may have.
        description: its help text, with the reason for the default.
        name: the environment variable, if the name is not ours to choose.
        secret: whether its value must never be shown.
    """
    metadata = {"default": default, "kind": kind, "description": description, "name": name, "secret": secret}
    return field(default=kind.parse(default), metadata=metadata, repr=not secret)
