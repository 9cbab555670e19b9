"""python -m front PORT [SOCKET PATIENCE]: listen at PORT and hand requests to the workers at SOCKET.

Without these: say whether PORT is free.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time

from front.exchanges import Exchange, Worker

_STOP = signal.SIGUSR2  # not SIGTERM, which whoever ends all processes at once sends to this one too
_ADDRESS = "0.0.0.0"
_QUEUE = 1024  # connections that the system holds until they are accepted
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 0.02
_LAST_SECONDS = 20.0  # that clients have to read their answers once no worker is left


class Front:
    """What the exchanges share.

    Attributes:
        exchanges: those that are not over.
        port: on which it listens.
    """

    def __init__(self, port: int, path: str, patience: float) -> None:
        """`path`: the workers' socket; `patience`: seconds in which something must move on a connection."""
        self.exchanges: set[Exchange] = set()
        self.port = port
        self._path = path
        self._patience = patience
        self._searches: set[asyncio.Task[None]] = set()
        self._is_ending = False

    async def serve(self) -> None:
        """Serve until the signal to stop, and then until clients have read their answers."""
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

    def find_worker(self, exchange: Exchange) -> None:
        """Hand `exchange` to a worker, as soon as there is one."""
        search = asyncio.create_task(self._find_worker(exchange))
        self._searches.add(search)
        search.add_done_callback(self._searches.discard)

    async def _find_worker(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        while exchange in self.exchanges:
            if self._is_ending:
                exchange.end()
                return
            worker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                worker.connect(
                    self._path
                )  # at once or not at all; asyncio would take a full queue for a start
            except OSError:  # it is full, or not there yet
                worker.close()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await loop.create_unix_connection(lambda: Worker(exchange), sock=worker)
                return

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for exchange in tuple(self.exchanges):
                exchange.look(now, self._patience)


def main() -> None:
    """Do as the arguments say."""
    given, *others = sys.argv[1:]
    port = int(given) if 0 <= int(given) < 2**16 else 0  # any that is free, until the service has refused it
    try:
        if others:
            path, patience = others
            for ignored in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # it ends after the workers
                signal.signal(ignored, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            asyncio.run(Front(port, path, float(patience)).serve())
        else:
            socket.create_server((_ADDRESS, port)).close()
    except OSError as error:
        sys.exit(f"cannot listen at port {port}: {error.strerror}")


if __name__ == "__main__":
    main()
