"""python -m front PORT [PATIENCE [DOOR]]: listen on PORT and forward requests to the workers, on port DOOR.

PATIENCE is the idle timeout in seconds. DOOR defaults to the port on which the parent process listens. With
PORT alone, only check that PORT is free.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from front.exchanges import MOST_READ_BYTES, Exchange
from front.holding import Held
from front.workers import Worker

_STOP = signal.SIGUSR2  # not SIGTERM: service managers send that to all processes at once, this one included
_ADDRESS = "0.0.0.0"
_LISTENS = "0A"  # the state LISTEN in /proc/net/tcp
_QUEUE = 1024  # connections that the kernel queues until they are accepted
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 0.02
_FILES_EACH, _OTHER_FILES = 2, 16  # file descriptors: one for the client's connection, one for the worker's
_LAST_SECONDS = 20.0  # for clients to read their responses after the last worker has ended


class Front:
    """Listens for clients, and holds the state that all exchanges share: see `exchanges.Front`."""

    def __init__(self, port: int, door: int, patience: float) -> None:
        """Prepare, without opening the port.

        Args:
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
        server = await loop.create_server(lambda: Exchange(self), _ADDRESS, self.port, backlog=_QUEUE)
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


def _door_of(process: int) -> int:
    """The port on which a process listens."""
    sockets = {os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()}
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = row.split()[:10]
        if state == _LISTENS and f"socket:[{inode}]" in sockets:
            return int(local.rpartition(":")[2], 16)
    raise OSError(errno.ECONNREFUSED, "the workers do not listen on any port")


def main() -> None:
    """Run with the arguments of the command line."""
    given, *others = sys.argv[1:]
    port = (
        int(given) if 0 <= int(given) < 2**16 else 0
    )  # an invalid PORT: any free port, until the service itself has rejected the setting
    try:
        if others:
            patience, *door = others
            for ignored in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # it must outlive the workers
                signal.signal(ignored, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            front = Front(port, int(door[0]) if door else _door_of(os.getppid()), float(patience))
            asyncio.run(front.serve())
        else:
            socket.create_server((_ADDRESS, port)).close()
    except OSError as error:
        sys.exit(f"cannot listen on port {port}: {error.strerror}")


if __name__ == "__main__":
    main()
