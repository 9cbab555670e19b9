"""Choosing: selects which of several models answers for a picture, by their gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from model.answers.gate import LEAST_SCORE, Verdict, doubt, gate_of
from model.results.result import Result, Wishes
from model.segmenter import Segmenter

ChosenBy = Literal["caller", "default", "gate", "traffic"]
GatePolicy = Literal["off", "warn", "refuse"]

CLOSE_CALL = 0.65
"""A gate that accepts with a lower score may be wrong: a portrait on pink looks like stained tissue."""
SURE = 0.9
"""A model without a gate that finds something with this score takes precedence over a close call. On
micrographs with a close call, `people` scored at most 0.80; on such portraits, at least 0.94."""
NOTHING = "nothing"
"""The label of a picture in which a model without a gate found nothing."""


class Unfamiliar(ValueError):
    """No candidate's gate accepts the picture, and the policy is to refuse such pictures."""


@dataclass(frozen=True)
class Candidate:
    """A model that may answer, and the options of the request.

    Attributes:
        segmenter: the model.
        wishes: the options.
        arm: the version, `name@version`, if a split of the traffic chose it among those of its model.
    """

    segmenter: Segmenter
    wishes: Wishes
    arm: str | None = None


@dataclass(frozen=True)
class Chosen:
    """The model that answered.

    Attributes:
        segmenter: the model.
        result: what it found.
        by: who chose the model.
        verdict: the verdict of its gate; if it has none and the gates chose, by what it found; None: there is
            no verdict.
        arm: as of its candidate.
    """

    segmenter: Segmenter
    result: Result
    by: ChosenBy
    verdict: Verdict | None
    arm: str | None


def judge(
    candidates: Sequence[Candidate],
    image: npt.NDArray[np.uint8],
    by: ChosenBy | None,
    policy: GatePolicy,
) -> list[Verdict | None]:
    """Return each candidate's verdict on a picture, uint8 (H, W, 3), RGB; None for those without a gate.

    With the policy "off", all verdicts are None, unless the gates have to choose (`by` is None).

    Raises:
        Unfamiliar: the policy is "refuse", and every candidate has a gate that rejects the picture.
    """
    if policy == "off" and by is not None:
        return [None] * len(candidates)
    gates = [gate_of(candidate.segmenter.bundle.manifest) for candidate in candidates]
    verdicts = [None if gate is None else gate.judge(image) for gate in gates]
    if policy == "refuse" and not any(verdict is None or verdict.accepts for verdict in verdicts):
        raise Unfamiliar(_refusal(candidates, verdicts))
    return verdicts


def choose(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict | None],
    predict: Callable[[Candidate], Result],
    by: ChosenBy | None,
    policy: GatePolicy,
) -> Chosen:
    """Choose one of the candidates, and return its answer.

    If the request names a model, that model answers. Otherwise, the first candidate whose gate accepts the
    picture answers. A candidate without a gate accepts a picture in which it finds something with a high
    enough score. If no candidate accepts the picture, the first one without a gate answers, or else the first
    of all.

    Args:
        candidates: at least one, in order of preference.
        verdicts: as `judge` returns them.
        predict: returns what a candidate finds in the picture.
        by: who named the only candidate; None: the gates choose.
        policy: the policy for pictures that no candidate accepts.

    Raises:
        Unfamiliar: no candidate accepts the picture, and the policy is "refuse".
    """
    if by is not None:
        (named,) = candidates
        return Chosen(named.segmenter, predict(named), by, verdicts[0], named.arm)
    looked = _Looks(candidates, predict)
    for index, verdict in enumerate(verdicts):
        if verdict is None:
            verdict = looked.verdict(index)
        elif verdict.accepts and verdict.score < CLOSE_CALL:
            index, verdict = _surest(verdicts, looked, index, verdict)
        if verdict.accepts:
            return looked.chosen(index, "gate", verdict)
    if policy == "refuse":
        raise Unfamiliar(_refusal(candidates, verdicts))
    index = verdicts.index(None) if None in verdicts else 0
    verdict = verdicts[index] or looked.verdict(index)
    return looked.chosen(index, "default", verdict)


class _Looks:
    """The results of the candidates, each of which runs at most once."""

    def __init__(self, candidates: Sequence[Candidate], predict: Callable[[Candidate], Result]) -> None:
        self._candidates = candidates
        self._predict = predict
        self._results: dict[int, Result] = {}

    def result(self, index: int) -> Result:
        """Return what the candidate at `index` finds."""
        if index not in self._results:
            self._results[index] = self._predict(self._candidates[index])
        return self._results[index]

    def chosen(self, index: int, by: ChosenBy, verdict: Verdict) -> Chosen:
        """Return the candidate at `index` as the chosen one."""
        candidate = self._candidates[index]
        return Chosen(candidate.segmenter, self.result(index), by, verdict, candidate.arm)

    def verdict(self, index: int) -> Verdict:
        """Return a verdict by what the candidate finds: the class and the score of its best segment."""
        candidate, segments = self._candidates[index], self.result(index).segments
        if not len(segments):
            return Verdict(False, NOTHING, 0.0)
        label = candidate.segmenter.bundle.manifest.classes[int(segments.class_ids[0])]
        score = segments.written_scores()[0]
        return Verdict(score >= LEAST_SCORE, label, score)


def _surest(
    verdicts: Sequence[Verdict | None], looked: _Looks, index: int, verdict: Verdict
) -> tuple[int, Verdict]:
    """Return the candidate after a close call: one without a gate that is sure, or else the accepted one."""
    for other in (other for other, gate in enumerate(verdicts) if gate is None):
        rival = looked.verdict(other)
        if rival.score >= SURE:
            return other, rival
    return index, verdict


def _refusal(candidates: Sequence[Candidate], verdicts: Sequence[Verdict | None]) -> str:
    if len(candidates) == 1 and verdicts[0] is not None:
        sentence = doubt(candidates[0].segmenter.bundle.manifest, verdicts[0])
        return f"{sentence} This service refuses such pictures."
    return "No loaded model knows such pictures, and this service refuses them."
