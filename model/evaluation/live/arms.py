"""The arms of a split: what the log says of each caller, arm by arm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from model.evaluation.live.figures import OF_SPLITS
from model.evaluation.live.randomization import Sums
from model.evaluation.live.service_log import Picture, Request, ServiceLog
from model.storage.manifest import AUTO


@dataclass
class _Tally:
    """What one caller's observations of a figure add up to."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | bool | None) -> None:
        if value is not None:
            self.total += value
            self.count += 1


Tallies = dict[str, _Tally]
"""Figure → tally, of one caller."""


@dataclass(frozen=True)
class Arms:
    """The callers of a split.

    Attributes:
        callers: arm → caller → its tallies; a caller that was in several arms is in none.
        in_several: the number of callers that were in several arms.
        unknown_feedback: the number of pictures with feedback whose request is not in the log.
        elsewhere: the arms in the log that were not asked about.
    """

    callers: Mapping[str, Mapping[str, Tallies]]
    in_several: int
    unknown_feedback: int
    elsewhere: Sequence[str] = field(default=())

    def sums(self, arm: str, figure: str) -> Sums:
        """A figure of an arm's callers, without those that have no observation of it."""
        return sums_of(self.callers[arm], figure)


def sums_of(callers: Mapping[str, Tallies], figure: str) -> Sums:
    """A figure of some callers, without those that have no observation of it.

    Unless it is a share, each caller's mean is one observation.
    """
    known = [tallies[figure] for tallies in callers.values() if tallies[figure].count]
    sums = Sums(
        np.array([one.total for one in known], np.float64), np.array([one.count for one in known], np.float64)
    )
    return sums if OF_SPLITS[figure].is_share or not known else sums.by_caller()


def arms_of(log: ServiceLog, asked: Sequence[str]) -> Arms:
    """The callers in each of the arms in `asked`.

    Only pictures whose version the split chose belong to it. A request that was refused before its model was
    known belongs to the arm of its caller.

    Raises:
        ValueError: the log has no pictures of any of these arms, or does not say whose they are.
    """
    arms_seen = {picture.arm for request in log.requests for picture in request.pictures if picture.arm}
    if not arms_seen & set(asked):
        found = f"it has the arms {', '.join(sorted(arms_seen))}" if arms_seen else "it has no arms at all"
        raise ValueError(
            f"no picture in the log has one of the arms {', '.join(asked)}: {found}. Arms are logged for "
            "requests whose version MASKSERVE_TRAFFIC chose"
        )
    of_callers: dict[str, set[str]] = defaultdict(set)
    for request in log.requests:
        for picture in request.pictures:
            if picture.arm in asked:
                of_callers[_caller(request)].add(str(picture.arm))
    arm_of = {caller: next(iter(arms)) for caller, arms in of_callers.items() if len(arms) == 1}
    tallies = tally(log, lambda request, picture: picture.arm == arm_of.get(_caller(request)), arm_of.keys())
    known = {request.id for request in log.requests}
    return Arms(
        callers={arm: {name: tallies[name] for name in arm_of if arm_of[name] == arm} for arm in asked},
        in_several=len(of_callers) - len(arm_of),
        unknown_feedback=sum(request_id not in known for request_id, _ in log.wrong),
        elsewhere=sorted(arms_seen - set(asked)),
    )


def callers_of_model(log: ServiceLog, name: str) -> Mapping[str, Tallies]:
    """Caller → its tallies, of all pictures that any version of a model answered.

    Raises:
        ValueError: the log has no such pictures, or does not say whose they are.
    """
    callers = {
        _caller(request)
        for request in log.requests
        if any(picture.model == name for picture in request.pictures)
    }
    if not callers:
        raise ValueError(f"no picture in the log was answered by {name}")
    return tally(log, lambda _, picture: picture.model == name, callers)


def tally(
    log: ServiceLog, belongs: Callable[[Request, Picture], bool], callers: Set[str]
) -> dict[str, Tallies]:
    """Caller → its tallies, for `callers`, of the pictures that `belongs` says."""
    found: dict[str, Tallies] = defaultdict(lambda: {name: _Tally() for name in OF_SPLITS})
    for request in log.requests:
        if request.caller is None or request.caller not in callers:
            continue
        pictures = [one for one in request.pictures if belongs(request, one)]
        if not pictures and any(picture.model != AUTO for picture in request.pictures):
            continue  # another model answered, or a version that the caller named
        own = found[request.caller]
        own["failed"].add(request.status >= 500)
        own["refused"].add(400 <= request.status < 500 or (request.refused and request.status < 500))
        own["latency_ms"].add(request.milliseconds if request.status < 400 else None)
        for picture in pictures:
            own["segments"].add(picture.segments)
            if picture.segments is None:
                continue
            own["infer_ms"].add(picture.infer_ms)
            wrong = log.wrong.get((request.id, picture.image))
            own["wrong"].add(wrong)
            own["complaints"].add(bool(wrong))
    return dict(found)


def _caller(request: Request) -> str:
    if request.caller is None:
        raise ValueError(
            f"the line of request {request.id} has no caller: it is of an older version of the service, and "
            "requests of one caller cannot be told from those of others"
        )
    return request.caller
