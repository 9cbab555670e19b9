"""Requests with one image: receives, segments and answers it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from app.answering.answers import respond
from app.configuration.settings import Settings
from app.fetching.transfer_deadline import TransferDeadline
from app.requests.intake import Upload, receive
from app.requests.parameters import Parameters, parse_parameters
from app.requests.wanted import Wanted, wanted_by
from app.service import current_service
from app.serving.reception import admitted, receiving
from app.serving.request_deadline import seconds_left


def answer_one(
    receive: Callable[[Settings], Upload] = receive, wanted_by: Callable[[Parameters], Wanted] = wanted_by
) -> Response:
    """The answer to the running request.

    Args:
        receive: reads the request's body.
        wanted_by: chooses the form of the answer.

    Raises:
        ServiceError: anything that is wrong with the request, with a message for the caller.
    """
    service = current_service()
    with receiving():
        upload = receive(service.settings)
        parameters = parse_parameters(
            dict(request.args.lists()),
            upload.fields,
            document=upload.document,
            most_segments=service.settings.max_segments,
        )
        wanted = wanted_by(parameters)
        image = upload.one_image()
        if service.sources.is_elsewhere(image):
            image = service.fetch(image, TransferDeadline(min(service.settings.url_timeout, seconds_left())))
        data = service.sources.read(image)
    with admitted(), service.segmented(data, parameters, wanted) as finding:
        return respond(finding, wanted)
