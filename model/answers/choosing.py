"""Choosing: which of several models answers for a picture, and what its gate says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from model.answers.gate import Verdict, doubt, gate_of
from model.results.result import Result, Wishes
from model.segmenter import Segmenter

ChosenBy = Literal["caller", "default", "gate"]
GatePolicy = Literal["off", "warn", "refuse"]

CLOSE_CALL = 0.65
"""A gate that accepts with a lower score may be wrong: a portrait on pink looks like stained tissue."""
SURE = 0.9
"""A model without a gate that is so sure of what it found takes precedence over a close call. On micrographs
with a close call `people` reached 0.80 at most, on such portraits 0.94 at least."""
LEAST_SCORE = 0.5
"""From which on a verdict accepts."""
NOTHING = "nothing"
"""The label of a picture in which a model without a gate found nothing."""


class Unfamiliar(ValueError):
    """A picture that no model asked for knows, where such pictures are refused."""


@dataclass(frozen=True)
class Candidate:
    """A model that may answer, and what is wished of it."""

    segmenter: Segmenter
    wishes: Wishes


@dataclass(frozen=True)
class Chosen:
    """The model that answered.

    Attributes:
        segmenter: the model.
        result: what it found.
        by: who chose it.
        verdict: of its gate, or by what it found if it has none and the gates chose; None: nobody judged.
    """

    segmenter: Segmenter
    result: Result
    by: ChosenBy
    verdict: Verdict | None


def judge(
    candidates: Sequence[Candidate],
    image: npt.NDArray[np.uint8],
    by: ChosenBy | None,
    policy: GatePolicy,
) -> list[Verdict | None]:
    """What each candidate's gate says of a picture, uint8 (H, W, 3), RGB; None for those without a gate.

    With the policy "off" nobody is asked, unless there is a choice to be made (`by` is None).

    Raises:
        Unfamiliar: by the policy "refuse", since every candidate's gate does.
    """
    if policy == "off" and by is not None:
        return [None] * len(candidates)
    gates = [gate_of(candidate.segmenter.bundle.manifest) for candidate in candidates]
    verdicts = [None if gate is None else gate.judge(image) for gate in gates]
    if policy == "refuse" and not any(verdict is None or verdict.accepts for verdict in verdicts):
        raise Unfamiliar(_refusal(candidates))
    return verdicts


def choose(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict | None],
    predict: Callable[[Candidate], Result],
    by: ChosenBy | None,
    policy: GatePolicy,
) -> Chosen:
    """Have one of the candidates answer.

    Unless somebody has named it, the first whose gate accepts the picture answers; one without a gate accepts
    a picture in which it is sure enough of something. If none does, the first without a gate answers, or else
    the first of all.

    Args:
        candidates: at least one, in order of preference.
        verdicts: as `judge` gives them.
        predict: what a candidate finds in the picture.
        by: who named the only candidate; None: nobody did, the gates choose.
        policy: towards pictures that no candidate knows.

    Raises:
        Unfamiliar: none of several accepts the picture, and the policy is "refuse".
    """
    if by is not None:
        (named,) = candidates
        return Chosen(named.segmenter, predict(named), by, verdicts[0])
    looked = _Looks(candidates, predict)
    for index, verdict in enumerate(verdicts):
        if verdict is None:
            verdict = looked.verdict(index)
        elif verdict.accepts and verdict.score < CLOSE_CALL:
            index, verdict = _surest(verdicts, looked, index, verdict)
        if verdict.accepts:
            return Chosen(candidates[index].segmenter, looked.result(index), "gate", verdict)
    if policy == "refuse":
        raise Unfamiliar(_refusal(candidates))
    index = verdicts.index(None) if None in verdicts else 0
    verdict = verdicts[index] or looked.verdict(index)
    return Chosen(candidates[index].segmenter, looked.result(index), "default", verdict)


class _Looks:
    """What candidates found, each asked at most once."""

    def __init__(self, candidates: Sequence[Candidate], predict: Callable[[Candidate], Result]) -> None:
        self._candidates = candidates
        self._predict = predict
        self._results: dict[int, Result] = {}

    def result(self, index: int) -> Result:
        """What the candidate at `index` finds."""
        if index not in self._results:
            self._results[index] = self._predict(self._candidates[index])
        return self._results[index]

    def verdict(self, index: int) -> Verdict:
        """By what it finds: the class and the score of the best segment."""
        candidate, segments = self._candidates[index], self.result(index).segments
        if not len(segments):
            return Verdict(False, NOTHING, 0.0)
        label = candidate.segmenter.bundle.manifest.classes[int(segments.class_ids[0])]
        score = segments.written_scores()[0]
        return Verdict(score >= LEAST_SCORE, label, score)


def _surest(
    verdicts: Sequence[Verdict | None], looked: _Looks, index: int, verdict: Verdict
) -> tuple[int, Verdict]:
    """The candidate after a close call: one without a gate that is sure, or else the one that was called."""
    for other in (other for other, gate in enumerate(verdicts) if gate is None):
        rival = looked.verdict(other)
        if rival.score >= SURE:
            return other, rival
    return index, verdict


def _refusal(candidates: Sequence[Candidate]) -> str:
    if len(candidates) == 1 and candidates[0].segmenter.bundle.manifest.known_pictures is not None:
        return f"{doubt(candidates[0].segmenter.bundle.manifest)} This service refuses such pictures."
    return "No loaded model knows such pictures, and this service refuses them."
