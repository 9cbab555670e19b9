"""Progress: how the bytes of an upload, or of a file from elsewhere, are coming along."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """How bytes are coming along.

    Attributes:
        received: those that have come.
        waited: the seconds in which the service did nothing but wait for them.
        quiet: the last of these seconds, in which none came; 0 if they are not waited for at the moment.
    """

    received: int
    waited: float
    quiet: float
