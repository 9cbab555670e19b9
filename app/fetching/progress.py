"""Progress: how far an upload, or a fetch from another server, has come."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """How far a transfer has come.

    Attributes:
        received: the bytes that have arrived.
        waited: the seconds in which the service did nothing but wait for bytes.
        quiet: how many of these seconds have passed since the last bytes; 0 while the service is not waiting.
    """

    received: int
    waited: float
    quiet: float
