"""Answering: the one way from an image file to what a model found in it, for whoever asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from model.answers.choosing import Candidate, ChosenBy, GatePolicy, choose, judge
from model.answers.finding import Finding
from model.families.family import Size, Turn
from model.formats.encode import FileFormat, check_encodable
from model.formats.registry import Format
from model.pictures import Decode, Limits, Projection, decode_reduced, whole
from model.pictures.limits import DEFAULT_LIMITS
from model.results.result import USUAL_CEILING, Result, Split, Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

USUAL_WORK = 2.5
"""How many pixels a network sees at most for each of an ordinary picture: tiles overlap and are filled up."""

_LONGEST_ECHO = 40  # characters of a caller's text that are repeated to the caller


class Unsuitable(ValueError):
    """Something was asked of a model that its kind cannot give; says what can."""


def wishes_for(
    manifest: Manifest,
    output: Format,
    *,
    threshold: float | None = None,
    classes: Sequence[str] | None = None,
    max_segments: int | None = None,
    ceiling: int = USUAL_CEILING,
    split: Split | None = None,
    min_area: int | None = None,
) -> Wishes:
    """What a caller wishes of the model; None stands for what the caller has not asked for.

    Args:
        manifest: the model's.
        output: the format in which the answer is wanted.
        threshold, classes, max_segments, ceiling, split, min_area: as in `Wishes`.

    Raises:
        Unsuitable: the model's task has no such output, `split` or `min_area`; a class that the model does
            not know; probabilities of more than one class; a `min_area` of segments that are not parts.
    """
    if manifest.task not in output.tasks:
        raise Unsuitable(_is_for(manifest, f"the output {output.name}", output.tasks))
    for name, value in (("split", split), ("min_area", min_area)):
        if value is not None and manifest.task != "semantic":
            raise Unsuitable(_is_for(manifest, name, ("semantic",)))
    _check_classes(manifest, classes or ())
    if min_area is not None and split != "parts":
        raise Unsuitable('only parts have a least area: with min_area ask for split "parts" too')
    return Wishes(
        threshold=threshold,
        classes=classes,
        max_segments=max_segments,
        ceiling=ceiling,
        split=split or "class",
        min_area=min_area or 1,
        probability_of=_one_class(manifest, classes) if output.name == "probability" else None,
    )


def weight_of(size: Size, candidates: Sequence[Candidate]) -> int:
    """The pixels of an ordinary picture that makes as much work as one of `size` (width, height).

    They are the picture's own, unless a network sees far more, as of a thin picture in many padded tiles.
    """
    work = max(candidate.segmenter.work(size) for candidate in candidates)
    return max(math.prod(size), int(work / USUAL_WORK))


def find(
    data: bytes,
    candidates: Sequence[Candidate],
    *,
    chosen_by: ChosenBy | None = "caller",
    gate: GatePolicy = "warn",
    shows_picture: bool,
    picture_format: FileFormat | None = None,
    limits: Limits = DEFAULT_LIMITS,
    page: int | None = None,
    channel: int | None = None,
    projection: Projection = "none",
    stopwatch: Stopwatch | None = None,
    decode: Decode = decode_reduced,
    lane: Callable[[Size], AbstractContextManager[object]] = nullcontext,
    turn: Turn = nullcontext,
) -> Finding:
    """Decode the image file in `data` and have a model look at it.

    Args:
        data: a whole image file.
        candidates: the model that is to answer, or several of which one will (`model.answers.choosing`), each
            with what is asked of it, as `wishes_for` gives it.
        chosen_by: who named the model, where it is one; None: the gates are to choose.
        gate: what to do about a picture that no candidate knows.
        shows_picture: whether the answer shows the picture itself; if not, it may be decoded reduced.
        picture_format: the kind of picture file, if any, that the answer will be: one too large for it is
            refused before the model looks at it.
        limits: what the picture may cost.
        page, channel, projection: of the file, as in `model.pictures.decode`; without a page, the first.
        stopwatch: measures the stages "decode", "infer" and "masks"; the finding keeps it.
        decode: how the picture is decoded, here or in another process.
        lane: of the decoded picture's size, gives what is held while models look at it.
        turn: gives what is held, within that, while a network computes.

    Raises:
        Unfamiliar: no candidate knows such pictures, and they are refused.
        PictureError: no picture in `data`, or one beyond `limits`.
        CannotEncode: a picture too large for `picture_format`.
        whatever `decode`, `lane` and `turn` raise.
    """
    stopwatch = stopwatch or Stopwatch()
    enough = whole if shows_picture else _enough_for(candidates)
    with stopwatch.measure("decode"):
        decoded = decode(data, enough, limits, page=page or 0, channel=channel, projection=projection)
    if picture_format is not None:  # known now, not after seconds of inference
        check_encodable(decoded.size, picture_format)
    verdicts = judge(candidates, decoded.image, chosen_by, gate)

    def predict(candidate: Candidate) -> Result:
        return candidate.segmenter.predict(
            decoded.image,
            candidate.wishes,
            size=decoded.size,
            stopwatch=stopwatch,
            turn=turn,
        )

    with lane(decoded.size):
        chosen = choose(candidates, verdicts, predict, chosen_by, gate)
    return Finding(
        decoded.image,
        chosen.result,
        chosen.segmenter.bundle.manifest,
        chosen.segmenter.engine,
        chosen.segmenter.precision,
        decoded.origin,
        chosen.by,
        chosen.verdict,
        stopwatch,
        is_page_chosen=page is not None or projection != "none",
        is_cut=decoded.is_cut,
    )


def _enough_for(candidates: Sequence[Candidate]) -> Callable[[tuple[int, int]], tuple[int, int]]:
    """To what (width, height) a picture may be reduced without a loss to any candidate."""

    def enough(size: tuple[int, int]) -> tuple[int, int]:
        sizes = [candidate.segmenter.enough(size) for candidate in candidates]
        return max(width for width, _ in sizes), max(height for _, height in sizes)

    return enough


def _is_for(manifest: Manifest, what: str, tasks: Sequence[str]) -> str:
    suited = " and ".join(tasks)
    return f"the task of the model {manifest.name} is {manifest.task}: {what} is for {suited} models"


def _check_classes(manifest: Manifest, classes: Sequence[str]) -> None:
    known = manifest.classes[1:]
    for name in classes:
        if name not in known:
            shown = name if len(name) <= _LONGEST_ECHO else name[:_LONGEST_ECHO] + "…"
            raise Unsuitable(f"there is no class {shown!r}; there are: {', '.join(map(_quoted, known))}")


def _quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


def _one_class(manifest: Manifest, classes: Sequence[str] | None) -> str:
    """The class whose probability is wanted. Raises Unsuitable."""
    known = manifest.classes[1:]
    named = list(dict.fromkeys(known if classes is None else classes))
    if len(named) != 1:
        raise Unsuitable(f"the output probability shows one class: name one of {', '.join(known)}")
    return named[0]
