"""Exchanges: a request and its response, passed between client and worker as fast as both can take them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from front import heads
from front.bodies import Body, Chunked, Counted
from front.heads import Head, Refused
from front.holding import Held
from front.problems import response_of
from front.workers import HELD_BYTES, Worker, connection_of

_LINGER_SECONDS = 2.0  # for a client to read a response that was sent before the whole request had arrived
MOST_READ_BYTES = 64 * 1024  # per read
_LINES_READ_BYTES = 4 * 1024  # per read where lines are parsed, which takes time while other connections wait
_HEAD_SECONDS = 60.0  # for a head to arrive: an incomplete head occupies memory
_RETRY_SECONDS = 0.05
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class Front(Protocol):
    """State that all exchanges share.

    Attributes:
        exchanges: the open ones.
        heads: bytes received of incomplete heads.
        requests: bytes of requests that no worker has yet, with what has arrived of their bodies.
        answers: bytes of responses that clients have not read yet.
        buffer: the one buffer that all connections read into.
        port: the port it listens on.
    """

    exchanges: dict[Exchange, None]
    heads: Held[Exchange]
    requests: Held[Exchange]
    answers: Held[Exchange]
    buffer: bytearray
    port: int

    def enter(self, exchange: Exchange) -> None:
        """Register a new exchange."""

    def find_worker(self, exchange: Exchange) -> None:
        """Hand `exchange` to a worker as soon as one is free."""


class Exchange(asyncio.BufferedProtocol):
    """One client's connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._received = bytearray()
        self._head: Head | None = None
        self._body: Body = Counted(0)
        self._worker: Worker | None = None
        self._is_answered = False
        self._closes_at: float | None = None
        self._moved_at = self._begun_at = time.monotonic()
        self._unsent = 0
        self._client = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(HELD_BYTES)
        # Otherwise the kernel buffers megabytes of a response that the client does not read.
        connection_of(transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, HELD_BYTES)
        self._client = transport.get_extra_info("peername")[:2]
        self._front.enter(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        size = min(MOST_READ_BYTES, _LINES_READ_BYTES + self._body.left)
        return memoryview(self._front.buffer)[:size]

    def buffer_updated(self, nbytes: int) -> None:
        self._receive(bytes(memoryview(self._front.buffer)[:nbytes]))

    def _receive(self, data: bytes) -> None:
        self._moved_at = time.monotonic()
        if self._closes_at is not None:
            return  # already answered
        try:
            if self._head is None:
                self._read_head(data)
            elif self._worker is not None:
                self._worker.transport.write(self._body.take(data))
        except Refused as refused:
            if not self._is_answered:
                self.answer_here(refused.status, str(refused))

    def _read_head(self, data: bytes) -> None:
        """Parse the next piece of the head, perhaps with the start of the body. Raises Refused."""
        before = len(self._received)
        if not before:
            self._begun_at = self._moved_at
        self._received += data
        end = heads.end_of(self._received, before)
        if end < 0:
            self._front.heads.hold(self, len(self._received))
            return
        self._head = heads.read(bytes(self._received[:end]), self._client, self._front.port)
        length = self._head.body_bytes
        self._body = Chunked() if length is None else Counted(length)
        taken = self._body.take(bytes(self._received[end + 4 :]))
        self._received = bytearray(self._head.packet + taken)
        self._front.heads.forget(self)
        self._transport.pause_reading()  # until a worker takes it
        self._front.requests.hold(self, len(self._received))
        if self._closes_at is None:
            self._front.find_worker(self)

    def eof_received(self) -> bool:
        """The client has closed its sending side. It may still read; the service decides if it has left."""
        if self._head is None and self._received and self._closes_at is None:
            self.answer_here(HTTPStatus.BAD_REQUEST, "The request ended before its head was complete.")
        if self._head is not None and not self._body.is_whole and not self._is_answered:
            self.answer_here(HTTPStatus.BAD_REQUEST, "The request ended before its body was complete.")
        if self._head is None or self._closes_at is not None:
            return self._transport.get_write_buffer_size() > 0
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._front.exchanges.pop(self, None)
        self._forget()
        self._front.answers.forget(self)
        if self._worker is not None:
            self._worker.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether it has no complete head of a request yet."""
        return self._head is None and self._closes_at is None

    def drop(self) -> None:
        """Close the connection without a response."""
        self._closes_at = time.monotonic()
        self._transport.abort()

    @property
    def address(self) -> str:
        """The client's IP address."""
        return self._client[0]

    def turn_away(self) -> None:
        """Answer 503, unless the connection is being closed."""
        self.answer_here(
            HTTPStatus.SERVICE_UNAVAILABLE, "The service is receiving too much data at once. Try again."
        )

    def _forget(self) -> None:
        """Release the memory of the request."""
        self._received.clear()
        self._front.heads.forget(self)
        self._front.requests.forget(self)

    def pause_writing(self) -> None:
        if self._worker is not None:
            self._worker.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._worker is not None:
            self._worker.transport.resume_reading()

    def begin(self, worker: Worker) -> None:
        """A worker is connected."""
        assert self._head is not None
        if self._transport.is_closing() or self._closes_at is not None:
            worker.transport.abort()
            return
        self._worker = worker
        worker.transport.set_write_buffer_limits(HELD_BYTES)
        worker.transport.write(bytes(self._received))
        self._forget()
        self._await_taking()

    def _await_taking(self) -> None:
        """Continue reading from the client once the worker's kernel has acknowledged what was sent.

        While the listen queue is full, the kernel drops data of new connections, to be sent again; and it
        resets a connection if a second piece arrives before the first.
        """
        if self._worker is None or self._transport.is_closing():
            return
        if self._worker.is_taken:
            self.continue_reading()
        else:
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._await_taking)

    def pause_reading(self) -> None:
        """The worker's buffer is full."""
        self._transport.pause_reading()

    def continue_reading(self) -> None:
        """The worker has room again."""
        self._transport.resume_reading()

    def answer(self, data: bytes) -> None:
        """Pass on a piece of the worker's response, or its request for the body (100 Continue)."""
        self._moved_at = time.monotonic()
        self._is_answered = self._is_answered or data != _GO_ON
        self._transport.write(data)
        self._front.answers.hold(self, self._transport.get_write_buffer_size())

    def worker_is_done(self) -> None:
        """The worker has closed its connection."""
        self._worker = None
        if self._is_answered:
            self._finish()
        else:
            self.answer_here(
                HTTPStatus.BAD_GATEWAY,
                "The process that handled the request ended unexpectedly. Send the request again.",
            )

    def answer_here(self, status: HTTPStatus, detail: str) -> None:
        """Answer in place of a worker."""
        if self._transport.is_closing() or self._closes_at is not None:
            return
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.transport.abort()
        is_for_head = self._head.is_for_head if self._head else self._received.startswith(b"HEAD ")
        speaks_open_inference = (
            self._head.speaks_open_inference if self._head else heads.speaks_open_inference(self._received)
        )
        self._transport.write(response_of(status, detail, is_for_head, speaks_open_inference))
        entry = {
            "severity": "INFO" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "WARNING",
            "message": f"refused {status.value}: {detail}",
            "logger": "front",
            "httpRequest": {"status": status.value, "remoteIp": self._client[0]},
        }
        with suppress(
            OSError, ValueError
        ):  # a log that cannot be written must not cost a client the response
            print(json.dumps(entry), flush=True)
        self._forget()
        self._finish()

    def _finish(self) -> None:
        """Close when all is sent, but read on for a while: closing with unread data resets the connection."""
        self._closes_at = time.monotonic() + _LINGER_SECONDS
        with suppress(OSError):
            self._transport.write_eof()
        self._transport.resume_reading()

    def look(self, now: float, patience: float) -> None:
        """Close the connection if it is done, or had no progress for `patience` seconds."""
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._moved_at = unsent, now
            self._front.answers.hold(self, unsent)
            if self._closes_at is not None:
                self._closes_at = now + _LINGER_SECONDS
        if self._closes_at is not None and not unsent and now > self._closes_at:
            self._transport.abort()
        elif self._head is None and self._received and now - self._begun_at > _HEAD_SECONDS:
            self.answer_here(
                HTTPStatus.REQUEST_TIMEOUT, "The request line and headers did not arrive in time."
            )
        elif now - self._moved_at > patience:
            if self._head is not None and not self._is_answered:
                self.answer_here(HTTPStatus.GATEWAY_TIMEOUT, "The service did not answer in time.")
            else:
                self._transport.abort()

    def end(self) -> None:
        """No worker is left: answer a request that still waits for one."""
        if self._head is None and not self._received:
            self._transport.abort()
        elif not self._is_answered:
            self.answer_here(
                HTTPStatus.SERVICE_UNAVAILABLE, "The service is shutting down. Try again shortly."
            )
