"""Holding: how much may wait in the front's memory, and whose exchange is given up where it is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_MOST_BYTES = 32 * 2**20
_ENOUGH_BYTES = _MOST_BYTES * 7 // 8  # down to which exchanges are given up, so that few choices are made


class Holder(Protocol):
    """Who holds bytes: a client's exchange."""

    @property
    def address(self) -> str:
        """The client's."""


Exchange = TypeVar("Exchange", bound=Holder)


class Held(Generic[Exchange]):
    """Bytes that exchanges hold, of one kind. Where they are too many, clients that hold most lose theirs."""

    def __init__(self, give_up: Callable[[Exchange], object]) -> None:
        """`give_up`: ends one."""
        self._end = give_up
        self._bytes: dict[Exchange, int] = {}  # the one that began first comes first
        self._sum = 0

    def hold(self, exchange: Exchange, size: int) -> None:
        """Note that `exchange` holds `size` bytes. This may end it, or others."""
        self._sum += size - self._bytes.get(exchange, 0)
        self._bytes[exchange] = size
        if self._sum > _MOST_BYTES:
            self._give_up()

    def forget(self, exchange: Exchange) -> None:
        """Note that it holds nothing any more."""
        self._sum -= self._bytes.pop(exchange, 0)

    def _give_up(self) -> None:
        """End the oldest exchanges of the address that holds most, then of the next."""
        held: Counter[str] = Counter()
        for exchange, size in self._bytes.items():
            held[exchange.address] += size
        for exchange in sorted(self._bytes, key=lambda one: held[one.address], reverse=True):
            if self._sum <= _ENOUGH_BYTES:
                return
            self._end(exchange)
            self.forget(exchange)
