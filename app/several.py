"""Several images in one request: each answered, or refused, by itself and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.access.rate_limit import count_batch
from app.answers import to_json
from app.errors import BadParameter, Busy, ClientLeft, problem_of
from app.parameters import Parameters, parse_parameters
from app.service import current_service
from app.serving.deadline import seconds_left
from app.sources import Image
from app.wanted import Wanted, wanted_of_several

Texts = Mapping[str, Sequence[str]]


def answer_each(
    images: Sequence[tuple[Image, Mapping[str, Any]]],
    document: Mapping[str, Any],
    *texts: Texts,
    model: str | None = None,
) -> list[dict[str, Any]]:
    """The JSON answer of each image, or `{"error": problem}`.

    Args:
        images: each with its own parameters, which go before those of `document`.
        document: the parameters for all, from a JSON body.
        texts: the parameters for all, from query and form.
        model: the one that the route names, if it does.

    Raises:
        BadParameter: in those for all.
        Busy: no place is free.
        TooManyRequests: more images than the caller may send now.
    """
    _parse(document, texts, model)
    count_batch(len(images))
    with current_service().admitted():
        return [_answer(image, {**document, **own}, texts, model) for image, own in images]


def _answer(
    image: Image, document: Mapping[str, Any], texts: Sequence[Texts], model: str | None
) -> dict[str, Any]:
    service = current_service()
    try:
        if seconds_left() <= 0:
            raise Busy("The request's time was over before this image's turn. Send fewer at once.")
        parameters, wanted = _parse(document, texts, model)
        data = service.sources.read(image)
        with service.segmented(data, parameters, wanted) as finding:
            return to_json(finding, wanted)
    except ClientLeft:  # nobody waits for the others either
        raise
    except Exception as error:  # one bad image costs the others nothing
        return {"error": problem_of(error).as_dict()}


def _parse(
    document: Mapping[str, Any], texts: Sequence[Texts], model: str | None
) -> tuple[Parameters, Wanted]:
    if model is not None:
        if document.get("model") not in (None, model):
            raise BadParameter(f"model must be {model}, as the route says, or be left out.")
        document = {**document, "model": model}
    parameters = parse_parameters(*texts, document=document)
    return parameters, wanted_of_several(parameters)
