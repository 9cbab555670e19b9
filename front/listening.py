"""Listening: accepts the connections of clients, and connects each complete request to a worker."""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from contextlib import suppress

from front.exchanges import MOST_READ_BYTES, Exchange
from front.holding import Held
from front.workers import Worker

_STOP = signal.SIGUSR2  # not SIGTERM: service managers send that to all processes at once, this one included
_QUEUE = 1024  # connections that the kernel queues until they are accepted
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 0.02
_FILES_EACH, _OTHER_FILES = 2, 16  # file descriptors: one for the client's connection, one for the worker's
_LAST_SECONDS = 20.0  # for clients to read their responses after the last worker has ended


def serve(address: str, port: int, door: int, patience: float) -> None:
    """Serve until the stop signal; see `Front`. Raises OSError if the port cannot be opened."""
    asyncio.run(Front(address, port, door, patience).serve())


class Front:
    """Listens for clients, and holds the state that all exchanges share: see `exchanges.Front`."""

    def __init__(self, address: str, port: int, door: int, patience: float) -> None:
        """Prepare, without opening the port.

        Args:
            address: the address at which clients connect.
            port: the port for clients.
            door: the local port on which the workers listen.
            patience: seconds after which a connection without any progress is closed.
        """
        self.exchanges: dict[Exchange, None] = {}  # the oldest first
        self.heads: Held[Exchange] = Held(Exchange.turn_away)
        self.requests: Held[Exchange] = Held(Exchange.turn_away)
        self.answers: Held[Exchange] = Held(Exchange.drop)
        self.buffer = bytearray(MOST_READ_BYTES)
        self.port = port
        self._address = address
        self._door = door
        self._patience = patience
        self._searches: set[asyncio.Task[None]] = set()
        self._is_ending = False
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most_exchanges = max(1, files // _FILES_EACH - _OTHER_FILES)

    async def serve(self) -> None:
        """Serve until the stop signal; then wait a while for clients to read their responses."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(_STOP, stop.set)
        server = await loop.create_server(lambda: Exchange(self), self._address, self.port, backlog=_QUEUE)
        looking = asyncio.create_task(self._look())
        await stop.wait()
        server.close()
        self._is_ending = True
        for exchange in tuple(self.exchanges):
            exchange.end()
        until = time.monotonic() + _LAST_SECONDS
        while self.exchanges and time.monotonic() < until:
            await asyncio.sleep(_RETRY_SECONDS)
        looking.cancel()

    def enter(self, exchange: Exchange) -> None:
        """Register a new exchange. If file descriptors run short, close the oldest one without a request."""
        self.exchanges[exchange] = None
        if len(self.exchanges) > self._most_exchanges:
            next(one for one in self.exchanges if one.is_idle or one is exchange).drop()

    def find_worker(self, exchange: Exchange) -> None:
        """Connect `exchange` to a worker, as soon as one accepts connections."""
        search = asyncio.create_task(self._find_worker(exchange))
        self._searches.add(search)
        search.add_done_callback(self._searches.discard)

    async def _find_worker(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        while exchange in self.exchanges:
            if self._is_ending:
                exchange.end()
                return
            try:
                await loop.create_connection(lambda: Worker(exchange, self.buffer), "127.0.0.1", self._door)
                return
            except OSError:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for exchange in tuple(self.exchanges):
                with suppress(OSError):
                    exchange.look(now, self._patience)
