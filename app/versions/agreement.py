"""Agreement: the service's processes agree on a JSON value before it is in force in any of them.

There are two phases, as in two-phase commit. The process that proposes a value writes it to a file in the
folder that the processes share. Every process prepares for it (loads models, say) and votes. If all can use
it, the proposer writes it to another file, which is the decision, and every process adopts it; the proposer
waits for that. If one refuses, or ends before it has voted, nobody adopts it.

No process blocks the others for ever: processes are alive as long as they hold a lock, which the kernel
releases (`Processes`); so is the proposer, whose proposal is dropped if it has ended. A process that starts
later adopts what has been agreed before it takes part (`join`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from app.errors import NotAgreed, Refused
from app.monitoring.processes import Processes
from app.monitoring.shared_files import number_in, read_json, try_lock, write_json

logger = logging.getLogger(__name__)

PREPARE_SECONDS = 120.0
"""How long all processes together may take to prepare."""
_ADOPT_SECONDS = 30.0
_LOOK_SECONDS = 0.1
"""How often a process looks for proposals and decisions: it reads at most two small files."""


class Part(Protocol):
    """What a process does about a proposed value."""

    def prepare(self, value: Any) -> None:
        """Get ready to use `value`, so that `adopt` takes no time. Raises an exception to refuse it."""

    def adopt(self, value: Any) -> None:
        """Use `value` from now on; usually, but not always, after `prepare`. It must not raise."""

    def discard(self) -> None:
        """Forget what has been prepared: the value was not agreed."""


class Agreement:
    """A JSON value that the processes of the service have in common.

    To share any state in the same way, write a `Part` and create an agreement under another topic; then call
    `join` with the initial state, and `propose` to change it:

        agreement = Agreement("traffic", processes, part)
        agreement.join({"nuclei": {"2": 90, "3": 10}})
        agreement.propose(lambda now: {**now, "nuclei": {"3": 100}})

    Attributes:
        value: the value that has been agreed; None before `join`.
    """

    def __init__(self, topic: str, processes: Processes | None, part: Part) -> None:
        """Prepare to take part.

        Args:
            topic: names the value.
            processes: the processes that have to agree; None: there is only this one.
            part: what this process does about a proposed value.
        """
        self.value: Any = None
        self._part = part
        self._processes = processes
        self._folder = None if processes is None else processes.folder / f"agreed-{topic}"
        self._number = 0
        self._voted: str | None = None  # the id of the proposal that this process has prepared for
        # One step at a time in this process. While it proposes, the thread that looks for proposals waits.
        self._steps = threading.RLock()
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._own("joined").unlink(missing_ok=True)  # of an ended process with the same PID
            self._own("adopted").unlink(missing_ok=True)

    def join(self, value: Any) -> None:
        """Take part from now on: with `value` if nothing has been agreed, else with what has been agreed."""
        with self._steps:
            while not self._joined(value):
                self._catch_up()
        if self._folder is not None:
            threading.Thread(target=self._watch, name="agreement", daemon=True).start()

    def propose(self, change: Callable[[Any], Any], wait_seconds: float = 60.0) -> Any:
        """Agree on another value; returns when every process uses it.

        Args:
            change: returns the new value for the present one; may raise an exception to end the proposal.
            wait_seconds: how long to wait for another proposal to be decided.

        Raises:
            Refused: a process cannot use it, and nobody does. The message is that of its exception.
            NotAgreed: another proposal is still undecided, or a process ended or took too long.
            whatever `change` raises.
        """
        with self._alone(wait_seconds), self._steps:
            self._catch_up()
            value = change(self.value)
            if value == self.value:
                return value
            if self._folder is None or self._processes is None:
                self._prepare_here(value)
                self._take(self._number + 1, value)
                return value
            proposal = {"id": uuid.uuid4().hex, "value": value}
            write_json(self._folder / "proposal", proposal)
            try:
                self._prepare_here(value)
                self._decide(self._processes, proposal)
            except BaseException:
                self._part.discard()
                raise
            finally:
                (self._folder / "proposal").unlink(missing_ok=True)
                for vote in self._folder.glob("*.vote"):
                    vote.unlink(missing_ok=True)
            self._catch_up()
            self._await_others(self._processes)
            return value

    # --- The proposer

    def _prepare_here(self, value: Any) -> None:
        try:
            with self._turn(lambda: True):
                self._part.prepare(value)
        except Exception as error:
            self._part.discard()
            raise Refused(_text_of(error)) from error

    @contextmanager
    def _turn(self, is_wanted: Callable[[], bool]) -> Iterator[bool]:
        """Prepare in the `with` block, while at most half as many processes do so as there are cores.

        If all processes loaded a model at once, none would have a core left for requests. The value is False,
        and there is no turn, once preparing is no longer wanted.

        Raises:
            TimeoutError: others do not end their turns.
        """
        if self._folder is None:
            yield True
            return
        deadline = time.monotonic() + PREPARE_SECONDS
        with ExitStack() as files:
            turns = [
                files.enter_context((self._folder / f"preparing-{number}").open("w"))
                for number in range(max(1, (os.cpu_count() or 1) // 2))
            ]
            while is_wanted() and not any(try_lock(turn.fileno()) for turn in turns):
                if time.monotonic() > deadline:
                    raise TimeoutError("Another process of the service takes too long to prepare.")
                time.sleep(_LOOK_SECONDS / 2)
            yield is_wanted()

    def _decide(self, processes: Processes, proposal: Mapping[str, Any]) -> None:
        """Write the decision when all processes have voted for the proposal. Raises Refused, NotAgreed."""
        assert self._folder is not None
        deadline = time.monotonic() + PREPARE_SECONDS
        asked: set[int] = set()
        while True:
            with processes.alone():  # so that no process joins or ends unseen before the decision is written
                members = self._members(processes)
                votes = self._votes(proposal["id"])
                for refusal in votes.values():
                    if refusal is not None:
                        raise Refused(refusal)
                asked |= members
                if ended := asked - members - votes.keys():
                    raise NotAgreed(
                        f"A process of the service ended while it prepared for the change (PID"
                        f" {', '.join(map(str, sorted(ended)))}); nothing was changed. Try again."
                    )
                if members <= votes.keys() | {os.getpid()}:
                    decision = {"number": self._number + 1, "value": proposal["value"]}
                    write_json(self._folder / "agreed", decision)
                    return
            if time.monotonic() > deadline:
                raise NotAgreed("The processes took too long to prepare; nothing was changed. Try again.")
            time.sleep(_LOOK_SECONDS / 2)

    def _await_others(self, processes: Processes) -> None:
        """Wait until every process has adopted what this one has. Raises NotAgreed."""
        assert self._folder is not None
        deadline = time.monotonic() + _ADOPT_SECONDS
        while True:
            with processes.alone():
                members = self._members(processes)
            late = [pid for pid in members if number_in(self._folder / f"{pid}.adopted") < self._number]
            if not late:
                return
            if time.monotonic() > deadline:
                raise NotAgreed(
                    f"The change is decided, but a process has not made it yet (PID {late[0]}); it is used as"
                    " soon as that process runs again."
                )
            time.sleep(_LOOK_SECONDS / 4)

    def _members(self, processes: Processes) -> set[int]:
        """The living processes that take part. Call it in `Processes.alone`."""
        assert self._folder is not None
        return {pid for pid in processes.living() if (self._folder / f"{pid}.joined").exists()}

    def _votes(self, proposal: str) -> dict[int, str | None]:
        """The processes that have voted, each with the reason if it refuses."""
        assert self._folder is not None
        found = {}
        for path in self._folder.glob("*.vote"):
            vote = read_json(path)
            if vote is not None and vote["id"] == proposal:
                found[int(path.stem)] = vote["refusal"]
        return found

    @contextmanager
    def _alone(self, seconds: float) -> Iterator[None]:
        """Be the only one that proposes, in all processes, in the `with` block. Raises NotAgreed."""
        if self._folder is None:
            with self._steps:
                yield
            return
        with (self._folder / "proposing").open("w") as lock:
            deadline = time.monotonic() + seconds
            while not try_lock(lock.fileno()):
                if time.monotonic() > deadline:
                    raise NotAgreed("Another change is still being made. Try again when it is done.")
                time.sleep(_LOOK_SECONDS)
            yield

    # --- The others

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            try:
                with self._steps:
                    self._look()
            except Exception as error:  # for example, a full disk
                logger.warning("cannot take part in changes for the moment: %s", error, exc_info=True)
                time.sleep(1)

    def _look(self) -> None:
        """Adopt a decision, and vote on a proposal, if there is one."""
        assert self._folder is not None
        self._catch_up()
        proposal = read_json(self._folder / "proposal")
        if self._voted is not None and (proposal is None or proposal["id"] != self._voted):
            self._catch_up()  # it may have been decided since
            self._forget()
        if proposal is None:
            return
        if proposal["id"] != self._voted:
            self._voted = proposal["id"]
            refusal = None
            proposed = self._folder / "proposal"
            try:
                with self._turn(lambda: bool(read_json(proposed) == proposal)) as is_wanted:
                    if is_wanted:  # else it was refused meanwhile
                        self._part.prepare(proposal["value"])
            except Exception as error:
                refusal = _text_of(error)
            write_json(self._own("vote"), {"id": proposal["id"], "refusal": refusal})
        self._drop_if_orphaned(proposal["id"])

    def _drop_if_orphaned(self, proposal: str) -> None:
        """Delete a proposal whose proposer has ended."""
        assert self._folder is not None
        with (self._folder / "proposing").open("w") as lock:
            if try_lock(lock.fileno()):
                now = read_json(self._folder / "proposal")
                if now is not None and now["id"] == proposal:
                    logger.warning("a change is dropped, because the process that proposed it has ended")
                    (self._folder / "proposal").unlink(missing_ok=True)

    def _forget(self) -> None:
        self._voted = None
        self._part.discard()

    # --- All

    def _joined(self, value: Any) -> bool:
        """Take part, unless something newer than what this process uses has been agreed."""
        if self._folder is None or self._processes is None:
            self._number, self.value = 1, value
            return True
        with self._processes.alone():
            agreed = read_json(self._folder / "agreed")
            if agreed is None:
                agreed = {"number": 1, "value": value}
                write_json(self._folder / "agreed", agreed)
                self._number, self.value = 1, value
            if agreed["number"] != self._number and agreed["value"] != value:
                return False
            self._number, self.value = agreed["number"], agreed["value"]
            write_json(self._own("adopted"), {"number": self._number})
            self._own("joined").touch()
            return True

    def _catch_up(self) -> None:
        """Adopt what has been agreed since."""
        if self._folder is None:
            return
        agreed = read_json(self._folder / "agreed")
        if agreed is not None and agreed["number"] > self._number:
            self._take(agreed["number"], agreed["value"])
            write_json(self._own("adopted"), {"number": self._number})

    def _take(self, number: int, value: Any) -> None:
        self._number, self.value, self._voted = number, value, None
        self._part.adopt(value)

    def _own(self, kind: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{os.getpid()}.{kind}"


def _text_of(error: Exception) -> str:
    return str(error) or type(error).__name__
