"""Send mutants of request heads to a local service: python -m scripts.fuzz_heads

Each complete head must be answered in time and without a server error, and the next valid request must
succeed. Mutants are reproducible: `--only N` sends mutant N again.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.service import Server, running
from tests.mutants import SEED, changed, pictures

COUNT = 10_000
UPLOAD_SECONDS = 2
MOST_SECONDS = 8.0
_HALF_SECONDS = 0.3  # how long to wait for an answer to an incomplete head
_CLIENTS = 8
_MOST_SHOWN, _MOST_SHOWN_BYTES = 50, 200

_STATUSES = {200, 204, 400, 401, 403, 404, 405, 406, 408, 411, 413, 414, 415, 417, 422, 431, 501, 505}
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")

_PNG = pictures()["png"]
_LENGTH = f"Content-Length: {len(_PNG)}\r\n"
_SEEDS = tuple(
    text.encode()
    for text in (
        "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/v1/models?name=nuclei#part HTTP/1.1\r\nHost: x:80\r\nAccept: text/html;q=0.9\r\n\r\n",
        "GET http://x/readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTraceparent: 00-1-2-01\r\n\r\n",
        "HEAD /docs HTTP/1.0\r\nUser-Agent: a\r\nX-Request-Id: 0123456789abcdef\r\n\r\n",
        "OPTIONS /api/v1/segment HTTP/1.1\r\nHost: x\r\nOrigin: https://x\r\n"
        "Access-Control-Request-Method: POST\r\n\r\n",
        "POST /api/v1/segment?model=people HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n{_LENGTH}\r\n",
        "POST /predict/upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{_LENGTH}\r\n",
        "POST /api/v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/json\r\n\r\n",
    )
)
_LINES = (
    b"X_Forwarded_For: 192.0.2.9\r\n",
    b"Host: y\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"no colon\r\n",
    b" folded\r\n",
    b": no name\r\n",
    b"Bare: LF\n",
    b"NUL: \0\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Range: bytes=0-,0-,0-\r\n",
    b"Accept: " + b"*/*;q=0.1," * 900 + b"\r\n",
    b"A: b\r\n" * 3000,
    b"A: " + b"b" * 40_000 + b"\r\n",
)


@dataclass(frozen=True)
class Ended:
    """How one request ended.

    Attributes:
        answer: its status, or what was seen instead.
        complaint: what is wrong with that, if anything.
        seconds: until the end of the connection.
    """

    answer: str
    complaint: str | None
    seconds: float


def mutant_head(number: int) -> bytes:
    """The mutant with this number: a request head, possibly followed by other bytes."""
    rng = np.random.default_rng((SEED, number))
    head = bytearray(_SEEDS[number % len(_SEEDS)])
    if rng.random() < 0.6:
        lines = bytes(head).splitlines(keepends=True)
        for _ in range(rng.integers(1, 3)):
            lines = list(_LINE_CHANGES[rng.integers(len(_LINE_CHANGES))](lines, rng))
        head = bytearray(b"".join(lines))
    if rng.random() < 0.6:
        head, _ = changed(head, rng)
    return bytes(head)


def _add(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    place = int(rng.integers(0, len(lines)))
    return [*lines[:place], _LINES[rng.integers(len(_LINES))], *lines[place:]]


def _drop(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    place = int(rng.integers(0, len(lines)))
    return [*lines[:place], *lines[place + 1 :]]


def _double(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    place = int(rng.integers(0, len(lines)))
    return [*lines[:place], *lines[place : place + 1] * 2, *lines[place + 1 :]]


def _end_otherwise(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    end = (b"\n", b"\r", b"\r\r\n", b"\0\r\n")[rng.integers(4)]
    place = int(rng.integers(0, len(lines)))
    return [
        *lines[:place],
        *(line.rstrip(b"\r\n") + end for line in lines[place : place + 1]),
        *lines[place + 1 :],
    ]


_LINE_CHANGES: tuple[Callable[[list[bytes], np.random.Generator], list[bytes]], ...] = (
    _add,
    _add,
    _drop,
    _double,
    _end_otherwise,
)


def send(port: int, head: bytes) -> Ended:
    """Send a head, and a picture if the head announces a body."""
    started = time.perf_counter()
    is_whole = _END_OF_HEAD.search(head.lstrip(b"\r\n")) is not None
    body = _PNG if b"Content-Length" in head else b""
    answer = b""
    with suppress(ConnectionError, TimeoutError), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(MOST_SECONDS if is_whole else _HALF_SECONDS)
        with suppress(BrokenPipeError):
            connection.sendall(head + body)
        while piece := connection.recv(1 << 16):
            answer += piece
    seconds = time.perf_counter() - started
    found = re.match(rb"(?:HTTP/1\.1 100 [^\r\n]*\r\n\r\n)?HTTP/1\.[01] (\d{3}) ", answer)
    if not found:
        seen = "not HTTP" if answer else "silence"
        return Ended(seen, seen if is_whole or answer else None, seconds)
    status = int(found[1])
    complaint = f"status {status}" if status not in _STATUSES else None
    return Ended(str(status), complaint or (f"{seconds:.1f} s" if seconds > MOST_SECONDS else None), seconds)


def fuzz(server: Server, numbers: range) -> tuple[Counter[str], dict[int, str], float]:
    """Returns how the mutants ended, complaints by number, and the longest time to an answer in seconds."""
    answers: Counter[str] = Counter()
    complaints: dict[int, str] = {}
    most_seconds = 0.0
    with ThreadPoolExecutor(_CLIENTS) as clients:
        ends = clients.map(lambda number: send(server.port, mutant_head(number)), numbers)
        for number, ended in zip(numbers, ends, strict=True):
            answers[ended.answer] += 1
            most_seconds = max(most_seconds, ended.seconds)
            if ended.complaint:
                complaints[number] = ended.complaint
    if server.request("GET", "/readyz")[0] != 200:
        complaints[numbers[-1]] = "the service is not ready afterwards"
    return answers, complaints, most_seconds


def main() -> int:
    """Run with the arguments of the command line; returns 1 if there is a complaint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=COUNT, help="number of mutants (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant (default: 0)")
    parser.add_argument("--only", type=int, help="send only the mutant with this number")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="folder to save mutants that break something"
    )
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.count)
    if arguments.only is not None:
        numbers = range(arguments.only, arguments.only + 1)
    with running(MASKSERVE_UPLOAD_TIMEOUT=str(UPLOAD_SECONDS)) as server:
        answers, complaints, most_seconds = fuzz(server, numbers)
    for shown, (number, complaint) in enumerate(complaints.items()):
        if shown < _MOST_SHOWN:
            print(f"{number}: {complaint}: {mutant_head(number)[:_MOST_SHOWN_BYTES]!r}")
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / str(number)).write_bytes(mutant_head(number))
    told = ", ".join(f"{answer}: {count:,}" for answer, count in answers.most_common())
    print(f"{len(numbers):,} mutants: {told}; at most {most_seconds:.1f} s; {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
