"""Limits on what waits in the front's memory: which exchanges are dropped when it is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_MOST_BYTES = 32 * 2**20
_ENOUGH_BYTES = _MOST_BYTES * 7 // 8  # dropping goes on down to this, so that the choice is made rarely


class Holder(Protocol):
    """Anything that holds memory for a client: an exchange."""

    @property
    def address(self) -> str:
        """The client's IP address."""


Exchange = TypeVar("Exchange", bound=Holder)


class Held(Generic[Exchange]):
    """Memory that exchanges hold, of one kind. Above the limit, the clients that hold most are dropped."""

    def __init__(self, give_up: Callable[[Exchange], object]) -> None:
        """`give_up` ends an exchange."""
        self._end = give_up
        self._bytes: dict[Exchange, int] = {}  # oldest first
        self._sum = 0

    def hold(self, exchange: Exchange, size: int) -> None:
        """Record that `exchange` now holds `size` bytes. May end this exchange or others."""
        self._sum += size - self._bytes.get(exchange, 0)
        self._bytes[exchange] = size
        if self._sum > _MOST_BYTES:
            self._give_up()

    def forget(self, exchange: Exchange) -> None:
        """Record that `exchange` holds nothing any more."""
        self._sum -= self._bytes.pop(exchange, 0)

    def _give_up(self) -> None:
        """End exchanges, oldest first, of the address that holds most, then of the next one."""
        held: Counter[str] = Counter()
        for exchange, size in self._bytes.items():
            held[exchange.address] += size
        for exchange in sorted(self._bytes, key=lambda one: held[one.address], reverse=True):
            if self._sum <= _ENOUGH_BYTES:
                return
            self._end(exchange)
            self.forget(exchange)
