"""Several images in one request: each is answered or refused separately, in order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request

from app.access.rate_limit import count_batch
from app.answering.answers import INCLUDABLE, to_json
from app.answering.problems import problem_of
from app.errors import BadParameter, Busy, ClientLeft, FetchTimedOut, TooLarge
from app.fetching.transfer_deadline import TransferDeadline
from app.monitoring.current_request import current_record
from app.requests.parameters import Parameters, parse_parameters
from app.requests.sources import Image
from app.requests.wanted import Wanted, wanted_of_several
from app.service import current_service
from app.serving.clients import Client
from app.serving.reception import admitted, receiving
from app.serving.request_deadline import seconds_left
from model.catalog import split_name

Texts = Mapping[str, Sequence[str]]

_Asked = tuple[Image, Parameters, Wanted]


def answer_each(
    images: Sequence[tuple[Image, Mapping[str, Any]]],
    document: Mapping[str, Any],
    *texts: Texts,
    model: str | None = None,
) -> list[dict[str, Any]]:
    """The JSON answer of each image, or `{"error": problem}`.

    Args:
        images: each with its own parameters, which take precedence over those of `document`.
        document: the parameters for all images, from a JSON body.
        texts: the parameters for all images, from query and form.
        model: the model that the route names, if any.

    Raises:
        BadParameter: a parameter for all images is not valid.
        Busy: no place is free.
        TooManyRequests: more images than the caller may send now.
    """
    _parse(document, texts, model)
    count_batch(len(images))
    fetches = _Fetches()
    asked: list[_Asked | Exception] = []
    for image, own in images:
        try:
            parameters, wanted = _parse({**document, **own}, texts, model)
            asked.append((fetches.bring(image), parameters, wanted))
        except ClientLeft:  # nobody waits for the other images either
            raise
        except Exception as error:  # a bad image does not affect the others
            asked.append(error)
    with admitted(len(images)):
        room = _Room(current_service().settings.max_batch_bytes)
        return [_answer(number, one, room) for number, one in enumerate(asked)]


class _Room:
    """A limit on the pictures in the answers of a batch, which are all in memory at the same time."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._left = most_bytes

    def check(self) -> None:
        """Raise TooLarge if the answers so far have used it up."""
        if self._left <= 0:
            raise TooLarge(
                f"The pictures in the answers before this one have more than {self._most_bytes:,} bytes, the"
                " limit for one request. Send fewer images at once, or leave out include."
            )

    def take(self, answer: Mapping[str, Any]) -> None:
        """Count the pictures in `answer`."""
        self._left -= sum(len(answer[name]) for name in INCLUDABLE if name in answer)


class _Fetches:
    """Fetches a batch's images from other servers, all of them before the batch takes a place.

    Together they may take the time of one upload, and have the bytes that a batch may have.
    """

    def __init__(self) -> None:
        self._service = current_service()
        self._client = Client(request.environ)
        settings = self._service.settings
        self._room = settings.max_batch_bytes
        self._end = time.monotonic() + min(settings.upload_timeout, seconds_left())

    def bring(self, image: Image) -> Image:
        """The fetched file, if `image` is on another server; else `image` itself. Raises ServiceError."""
        if not self._service.sources.is_elsewhere(image):
            return image
        if self._client.has_left():
            raise ClientLeft("its images were fetched")
        settings = self._service.settings
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchTimedOut("Fetching the images before this one took all the time. Send fewer at once.")
        if self._room <= 0:
            raise self._too_large()
        with receiving():
            deadline = TransferDeadline(min(settings.url_timeout, left))
            try:
                data = self._service.fetch(image, deadline, min(settings.max_bytes, self._room))
            except TooLarge:
                if self._room < settings.max_bytes:
                    raise self._too_large() from None
                raise
        self._room -= len(data)
        return data

    def _too_large(self) -> TooLarge:
        most = self._service.settings.max_batch_bytes
        return TooLarge(f"The images together have more than {most:,} bytes, the most that is accepted.")


def _answer(number: int, asked: _Asked | Exception, room: _Room) -> dict[str, Any]:
    current_record().image = number
    service = current_service()
    try:
        if isinstance(asked, Exception):
            raise asked
        if seconds_left() <= 0:
            raise Busy("The request's time ran out before this image's turn. Send fewer at once.", 60)
        room.check()
        image, parameters, wanted = asked
        data = service.sources.read(image)
        with service.segmented(data, parameters, wanted) as finding:
            answer = to_json(finding, wanted)
        room.take(answer)
        return answer
    except ClientLeft:  # nobody waits for the other images either
        raise
    except Exception as error:  # a bad image does not affect the others
        return {"error": problem_of(error).as_dict()}


def _parse(
    document: Mapping[str, Any], texts: Sequence[Texts], model: str | None
) -> tuple[Parameters, Wanted]:
    if model is not None:
        if document.get("model") not in (None, model, split_name(model)[0]):
            raise BadParameter(f"model must be {model}, as in the route, or be left out.")
        document = {**document, "model": model}
    most = current_service().settings.max_segments
    parameters = parse_parameters(*texts, document=document, most_segments=most)
    return parameters, wanted_of_several(parameters)
