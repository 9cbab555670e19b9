"""Turns: which request goes next, so that no caller, and no request of a caller, gets more than its share."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from app.errors import Busy
from app.serving.patience import Patience

_PATIENT = Patience()

_OF_THE_LATEST = 0.2  # weight of the latest value in the moving average of how long turns take


class Turns:
    """A limited number of turns at once, shared equally among callers, and each caller's among its requests.

    This is start-time fair queueing (Goyal, Vin and Cheng, 1996) on two levels. The next turn goes to the
    caller, or the caller's request, that has used the fewest seconds. A new one is treated as if it had used
    as many as the one whose turn began last, so that it is next, and at least as many as any that has left,
    so that a stream of new ones gets only the share of those present at once, however many come and go.
    """

    def __init__(self, capacity: int = 1, kept: int = 0) -> None:
        """`capacity`: the greatest sum of the weights of the turns that run at once.

        `kept`: the part of it that is reserved for callers without a turn, if turns weigh 1.
        """
        self.capacity = capacity
        self._kept = kept
        self._free = capacity
        self._callers: dict[str, _Caller] = {}
        self._peers = _Peers()
        self._waiting: list[Request] = []  # in order of arrival
        self._mean_seconds = 0.0  # of a turn
        self._lock = threading.Lock()

    @contextmanager
    def join(self, caller: str) -> Iterator[Request]:
        """A request of `caller` that takes turns in the `with` block, one after another."""
        with self._lock:
            if caller not in self._callers:
                self._callers[caller] = _Caller(_Share(self._peers))
            owner = self._callers[caller]
            owner.requests += 1
            request = Request(self, owner)
        try:
            yield request
        finally:
            with self._lock:
                now = time.monotonic()
                request.share.leave(now)
                owner.requests -= 1
                if not owner.requests:
                    owner.share.leave(now)
                    del self._callers[caller]

    @contextmanager
    def turn(self, caller: str, patience: Patience = _PATIENT, at_most: float = math.inf) -> Iterator[None]:
        """The only turn of a request. Arguments and errors are as for `Request.turn`.

        Raises:
            Busy: at once, if the queue is so long that the turn is not expected in time.
        """
        if (expected := self.expected_wait(caller)) > at_most:
            raise Busy("Too many requests are waiting for their turn. Try again later.", expected)
        with self.join(caller) as request, request.turn(patience, at_most):
            yield

    def expected_wait(self, caller: str) -> float:
        """The estimated seconds that the next request of `caller` would wait for a turn."""
        with self._lock:
            if self._is_open_to(self._callers.get(caller)):
                return 0.0
            waiting = Counter(request.owner for request in self._waiting)
            own = waiting.pop(self._callers[caller], 0) if caller in self._callers else 0
            ahead = own + sum(min(others, own + 1) for others in waiting.values())
            return (ahead + 0.5) * self._mean_seconds / self.capacity  # running turns: half done on average

    def ask(self, request: Request, weight: int = 1) -> threading.Event:
        """Queue for a turn; the returned event is set when the turn begins."""
        with self._lock:
            now = time.monotonic()
            request.weight = min(weight, self.capacity)
            request.has_begun = threading.Event()
            request.share.ask(now)
            request.owner.share.ask(now)
            self._waiting.append(request)
            self._begin_next(now)
            return request.has_begun

    def end(self, request: Request) -> None:
        """End the turn, or leave the queue."""
        with self._lock:
            now = time.monotonic()
            if request.has_begun.is_set():
                self._mean_seconds += _OF_THE_LATEST * (now - request.begun - self._mean_seconds)
                request.share.end(now)
                request.owner.share.end(now)
                self._free += request.weight
            else:
                self._waiting.remove(request)
            self._begin_next(now)

    def lighten(self, request: Request, weight: int) -> None:
        """Reduce the weight of a running turn to at most `weight`."""
        with self._lock:
            self._free += max(0, request.weight - weight)
            request.weight = min(request.weight, weight)
            self._begin_next(time.monotonic())

    def _is_open_to(self, owner: _Caller | None) -> bool:
        """Whether a turn is free for this caller, or for a new caller (None)."""
        return self._free > (self._kept if owner and owner.share.is_running else 0)

    def _begin_next(self, now: float) -> None:
        while may_begin := [waiting for waiting in self._waiting if self._is_open_to(waiting.owner)]:
            owner = min(may_begin, key=lambda waiting: waiting.owner.share.seconds(now)).owner
            own = [waiting for waiting in may_begin if waiting.owner is owner]
            chosen = min(own, key=lambda waiting: waiting.share.seconds(now))
            if chosen.weight > self._free:
                return  # also for lighter ones; otherwise a heavy turn might never begin
            self._waiting.remove(chosen)
            self._free -= chosen.weight
            chosen.begun = now
            chosen.share.begin(now)
            owner.share.begin(now)
            chosen.has_begun.set()


class Request:
    """One request while it takes turns."""

    def __init__(self, turns: Turns, owner: _Caller) -> None:
        self.owner = owner
        self.weight = 1
        self.share = _Share(owner.peers)
        self.has_begun = threading.Event()
        self.begun = 0.0  # of time.monotonic
        self._turns = turns

    @contextmanager
    def turn(
        self,
        patience: Patience = _PATIENT,
        at_most: float = math.inf,
        while_waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
        weight: int = 1,
    ) -> Iterator[None]:
        """Hold a turn during the `with` block.

        Args:
            patience: the conditions that end the request's wait.
            at_most: seconds, for this wait.
            while_waiting: entered while the request waits for the turn, if it has to wait.
            weight: the part of the capacity that the turn takes, at most all of it.

        Raises:
            Busy: no turn came in time.
            ServiceError: raised by `patience`.
        """
        patience.check()
        asked = time.monotonic()
        has_begun = self._turns.ask(self, weight)
        try:
            if not has_begun.is_set():
                with while_waiting():
                    if not patience.wait(has_begun.wait, at_most):
                        # A retry before this time would find a queue of the same length.
                        raise Busy("No turn came in time. Try again later.", time.monotonic() - asked)
            yield
        finally:
            self._turns.end(self)

    def lighten(self, weight: int) -> None:
        """Reduce the weight of the running turn to at most `weight`."""
        self._turns.lighten(self, weight)


class _Caller:
    """A caller with requests.

    Attributes:
        share: the caller's share of the turns.
        peers: the state that its requests' shares have in common.
        requests: the number of its requests.
    """

    def __init__(self, share: _Share) -> None:
        self.share = share
        self.peers = _Peers()
        self.requests = 0


class _Peers:
    """The state that equal shares (all callers, or all requests of a caller) have in common.

    Attributes:
        latest: the seconds that the one whose turn began last had used at that time.
        gone: the most seconds that any that has left had used.
    """

    def __init__(self) -> None:
        self.latest = 0.0
        self.gone = 0.0


class _Share:
    """The seconds of turns that a caller or a request has used, or is treated as having used."""

    def __init__(self, peers: _Peers) -> None:
        self._peers = peers
        self._running = 0
        self._seconds = peers.gone  # of finished turns, minus the start time of each running one

    def seconds(self, now: float) -> float:
        """The seconds used until `now`."""
        return self._seconds + self._running * now

    @property
    def is_running(self) -> bool:
        """Whether a turn is running."""
        return self._running > 0

    def ask(self, now: float) -> None:
        """Forfeit the share of the time in which no turn was requested while others had theirs."""
        self._seconds += max(0.0, self._peers.latest - self.seconds(now))

    def begin(self, now: float) -> None:
        self._peers.latest = max(self._peers.latest, self.seconds(now))
        self._running += 1
        self._seconds -= now

    def end(self, now: float) -> None:
        self._running -= 1
        self._seconds += now

    def leave(self, now: float) -> None:
        self._peers.gone = max(self._peers.gone, self.seconds(now))
