"""An internet for tests that never leave the machine.

Its resolver names public addresses, and connections to these end at a server on the loopback.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence

from stub_origin import Origin

from app.configuration.settings import Settings
from app.fetching.fetch import Fetcher

PUBLIC = "93.184.216.34"
HOST = "images.example"
IMAGE = b"\x89PNG" + bytes(range(256)) * 100
SETTINGS = Settings(url_schemes=("https", "http"), max_bytes=100_000, url_timeout=5)


class Internet:
    """A resolver and a way to connect, both recording; every address there is leads to one origin.

    Attributes:
        addresses: of each name, one list for each time that it is asked for, the last one for ever.
        origin: where connections end; None: nobody answers.
        asked: the names that were looked up.
        connected: the addresses and ports that were connected to.
        dead: addresses that refuse.
    """

    def __init__(self, origin: Origin | None, addresses: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.addresses = {name: list(answers) for name, answers in addresses.items()}
        self.origin = origin
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.dead: set[str] = set()

    def resolve(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        answers = self.addresses.get(name)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        self.connected.append((address, port))
        if self.origin is None or address in self.dead:
            raise ConnectionRefusedError(f"{address} refused")
        return socket.create_connection(("127.0.0.1", self.origin.port), timeout)

    def fetcher(self, settings: Settings = SETTINGS, trust: ssl.SSLContext | None = None) -> Fetcher:
        return Fetcher(settings, resolve=self.resolve, connect=self.connect, trust=trust)


Serve = Callable[..., Internet]
"""Makes an internet with these answers, by path, at HOST and everywhere else."""
