"""Bodies: the bytes that requests have brought, which stay in memory until they are answered, bounded."""

from __future__ import annotations

import threading
from collections import Counter

from app.errors import Busy

_CALLERS_PART = 2  # of the room, which nobody gets more of while others have some, too
_SMALL_PART = 64  # of the room: a request of fewer bytes is always let in, and such requests are not many

_FULL = "Too many large requests are here at once. Try again later."


class Bodies:
    """Room for so many bytes of requests."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: Counter[str] = Counter()  # by caller
        self._lock = threading.Lock()

    def grow(self, caller: str, more: int, held: int = 0) -> None:
        """Take room for `more` bytes of a request of `caller`, which has `held` already. Raises Busy."""
        with self._lock:
            own, all_bytes = self._held[caller] + more, self._held.total() + more
            is_small = held + more <= self._most_bytes // _SMALL_PART
            is_fair = own == all_bytes or own <= self._most_bytes // _CALLERS_PART
            if not is_small and not (is_fair and all_bytes <= self._most_bytes):
                raise Busy(_FULL, 1)
            self._held[caller] += more

    def give_back(self, caller: str, held: int) -> None:
        """End a request of `caller` that has `held` bytes."""
        with self._lock:
            self._held[caller] -= held
            if not self._held[caller]:
                del self._held[caller]
