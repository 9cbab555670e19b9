"""Answering: the path from an image file to what a model found in it, shared by all interfaces."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext

from model.answers.choosing import Candidate, ChosenBy, GatePolicy, choose, judge
from model.answers.finding import Finding
from model.families.family import Size, Turn
from model.formats.encode import FileFormat, check_encodable
from model.formats.registry import Format
from model.measures import Group, measure
from model.pictures import Decode, Limits, Projection, decode_reduced, whole
from model.pictures.limits import DEFAULT_LIMITS
from model.results.result import USUAL_CEILING, Result, Split, Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

USUAL_WORK = 2.5
"""The most pixels that a network processes for each pixel of an ordinary picture, as tiles overlap and are
padded."""

_LONGEST_ECHO = 40  # characters of a caller's text that are repeated in a message


class Unsuitable(ValueError):
    """The model does not support a requested option; the message says which models or values do."""


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
    """Return the options of a request to the model; None stands for options that are not given.

    Args:
        manifest: the manifest of the model.
        output: the format of the answer.
        threshold, classes, max_segments, ceiling, split, min_area: as in `Wishes`.

    Raises:
        Unsuitable: the model's task does not support the output, `split` or `min_area`; the model has no such
            class; probabilities of more than one class are requested; or `min_area` is given without parts.
    """
    if manifest.task not in output.tasks:
        raise Unsuitable(_is_for(manifest, f"the output {output.name}", output.tasks))
    for name, value in (("split", split), ("min_area", min_area)):
        if value is not None and manifest.task != "semantic":
            raise Unsuitable(_is_for(manifest, name, ("semantic",)))
    _check_classes(manifest, classes or ())
    if min_area is not None and split != "parts":
        raise Unsuitable('only parts can have a minimum area: with min_area, also set split "parts"')
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
    """Return the pixels of an ordinary picture that takes as much work as one of `size` (width, height).

    This is the picture's own number, unless a network processes far more, as for a thin picture in many
    padded tiles.
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
    measured: Collection[Group] = (),
    pixel_size: float | None = None,
    stopwatch: Stopwatch | None = None,
    decode: Decode = decode_reduced,
    lane: Callable[[Size], AbstractContextManager[object]] = nullcontext,
    turn: Turn = nullcontext,
) -> Finding:
    """Decode the image file in `data` and run a model on it.

    Args:
        data: a whole image file.
        candidates: the model that answers, or several models from which one is chosen
            (`model.answers.choosing`), each with the options of the request, as `wishes_for` returns them.
        chosen_by: who named the model, if there is one candidate; None: the gates choose.
        gate: the policy for pictures that no candidate's gate accepts.
        shows_picture: whether the answer shows the picture itself; if not, it may be decoded at a reduced
            size.
        picture_format: the picture format of the answer, if any: a picture too large for the format is
            refused before the model runs.
        limits: the limits on the picture.
        page, channel, projection: as in `model.pictures.decode`; page None: the first.
        measured: the groups of measures to add to the finding.
        pixel_size: the width of a pixel in micrometres, for measures; None: as the file says, if it does.
        stopwatch: measures the stages "decode", "infer" and "masks"; the finding keeps it.
        decode: decodes the picture, in this or in another process.
        lane: returns, for the size of the decoded picture, the context manager that is held while models
            process it.
        turn: returns the context manager that is held, inside `lane`, while a network computes.

    Raises:
        Unfamiliar: no candidate's gate accepts the picture, and the policy is to refuse such pictures.
        PictureError: `data` contains no picture, or one beyond `limits`.
        CannotEncode: the picture is too large for `picture_format`.
        whatever `decode`, `lane` and `turn` raise.
    """
    stopwatch = stopwatch or Stopwatch()
    enough = whole if shows_picture else _enough_for(candidates)
    with stopwatch.measure("decode"):
        decoded = decode(
            data,
            enough,
            limits,
            page=page or 0,
            channel=channel,
            projection=projection,
            keeps_values="intensity" in measured,
        )
    if picture_format is not None:  # checked now rather than after seconds of inference
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
    measures = None
    if measured:
        sides = decoded.origin.pixel_size if pixel_size is None else (pixel_size, pixel_size)
        with stopwatch.measure("masks"):
            measures = measure(chosen.result.segments, decoded.values, measured, sides)
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
        arm=chosen.arm,
        measures=measures,
    )


def _enough_for(candidates: Sequence[Candidate]) -> Callable[[tuple[int, int]], tuple[int, int]]:
    """Return the `Enough` that leaves enough pixels for every candidate."""

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
    """Return the class whose probability is requested; raise Unsuitable unless there is exactly one."""
    known = manifest.classes[1:]
    named = list(dict.fromkeys(known if classes is None else classes))
    if len(named) != 1:
        raise Unsuitable(f"the output probability shows one class: name one of {', '.join(known)}")
    return named[0]
