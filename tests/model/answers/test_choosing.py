"""Of several models the gates choose one; what no model knows is answered, warned of or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.answers import choosing
from model.answers.choosing import Candidate, Chosen, ChosenBy, GatePolicy, Unfamiliar
from model.answers.gate import Verdict
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.storage.manifest import Manifest

ACCEPTS = Verdict(True, "stained", 0.9)
CLOSE = Verdict(True, "stained", 0.55)
REJECTS = Verdict(False, "unfamiliar", 0.3)
NO_GATE = None


class Model:
    """Finds one segment of a given score, or nothing; counts how often it was asked."""

    def __init__(self, name: str, score: float | None) -> None:
        values: dict[str, Any] = {
            "name": name,
            "version": "1",
            "task": "instance",
            "classes": ["background", f"of {name}"],
            "licence": "CC0-1.0",
            "source": "made up",
            "threshold": 0.5,
            "config": {},
            "weights": "none.h5",
            "files": {"none.h5": ""},
        }
        self.bundle = type("Bundle", (), {"manifest": Manifest.model_validate(values)})
        self.score = score
        self.asked = 0

    def look(self) -> Result:
        self.asked += 1
        if self.score is None:
            return Result(Segments.none((8, 8)))
        return Result(
            Segments(
                size=(8, 8),
                boxes=np.array([[0, 0, 2, 2]], np.int32),
                class_ids=np.array([1], np.int32),
                scores=np.array([self.score], np.float32),
                masks=[np.ones((2, 2), np.uint8)],
            )
        )


def choose(
    models: Sequence[Model],
    verdicts: Sequence[Verdict | None],
    policy: GatePolicy = "warn",
    by: ChosenBy | None = None,
) -> Chosen:
    candidates = [Candidate(model, Wishes()) for model in models]  # type: ignore[arg-type]
    return choosing.choose(
        candidates,
        verdicts,
        lambda candidate: candidate.segmenter.look(),  # type: ignore[attr-defined]
        by,
        policy,
    )


@pytest.mark.parametrize(
    ("verdicts", "scores", "chosen"),
    [
        ((ACCEPTS, ACCEPTS), (0.9, 0.9), 0),  # the first that accepts
        ((REJECTS, ACCEPTS), (0.9, 0.9), 1),
        ((ACCEPTS, NO_GATE), (0.9, 0.99), 0),  # accepted without doubt, whatever the other would find
        ((REJECTS, NO_GATE), (0.9, 0.6), 1),  # found something
        ((REJECTS, NO_GATE, ACCEPTS), (0.9, None, 0.9), 2),  # found nothing, so the next is asked
        ((CLOSE, NO_GATE), (0.9, 0.99), 1),  # a close call, and the other is sure
        ((CLOSE, NO_GATE), (0.9, 0.88), 0),  # the other is not sure enough
        ((CLOSE, NO_GATE), (0.9, None), 0),
        ((REJECTS, NO_GATE, ACCEPTS), (0.9, 0.4, 0.9), 2),  # hardly sure of anything
    ],
)
def test_the_gates_choose(
    verdicts: Sequence[Verdict | None], scores: Sequence[float | None], chosen: int
) -> None:
    models = [Model(f"m{index}", score) for index, score in enumerate(scores)]

    answer = choose(models, verdicts)

    assert (answer.segmenter, answer.by) == (models[chosen], "gate")
    assert answer.verdict is not None
    assert answer.verdict.accepts
    assert all(model.asked <= 1 for model in models), "an inference was done twice"


def test_a_model_without_a_gate_judges_by_what_it_finds() -> None:
    answer = choose([Model("cells", 0.9), Model("people", 0.875)], [REJECTS, NO_GATE])

    assert answer.verdict == Verdict(True, "of people", 0.875)


@pytest.mark.parametrize(
    ("verdicts", "chosen", "label"),
    [
        ((REJECTS, NO_GATE), 1, "nothing"),  # it says honestly that it found nothing
        ((REJECTS, REJECTS), 0, "unfamiliar"),
    ],
)
def test_what_nobody_accepts_is_answered_all_the_same_or_refused(
    verdicts: Sequence[Verdict | None], chosen: int, label: str
) -> None:
    models = [Model("m0", None), Model("m1", None)]

    answer = choose(models, verdicts)

    assert (answer.segmenter, answer.by) == (models[chosen], "default")
    assert answer.verdict is not None
    assert answer.verdict.label == label
    with pytest.raises(Unfamiliar, match="No loaded model knows such pictures"):
        choose(models, verdicts, "refuse")


def test_a_model_that_was_named_answers_whatever_its_gate_says() -> None:
    model = Model("cells", 0.9)

    answer = choose([model], [REJECTS], by="caller")

    assert (answer.segmenter, answer.by, answer.verdict) == (model, "caller", REJECTS)


def test_a_single_candidate_that_nobody_named_is_chosen_by_its_gate() -> None:
    model = Model("cells", 0.9)

    assert choose([model], [ACCEPTS]).by == "gate"
    assert choose([model], [REJECTS]).by == "default"
