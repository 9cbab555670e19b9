"""Given objects: writes objects that the caller already has in any output, without a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Response, request

from app.access.rate_limit import count_pixels
from app.answering.answers import respond
from app.errors import BadParameter, NoImage
from app.monitoring.current_request import current_record
from app.requests.intake import Upload, receive_objects
from app.requests.json_body import parse_long_value
from app.requests.parameters import Parameters, parse_parameters
from app.requests.wanted import Wanted, wanted_by
from app.service import Service, current_service
from app.serving.admission import LONGEST
from app.serving.clients import Client
from app.serving.decoding import SHOWN_BYTES
from app.serving.patience import Patience
from app.serving.reception import admitted, place, receiving
from app.serving.rendering import MOST_PARTS
from app.serving.request_deadline import request_deadline
from model.answers.finding import Finding
from model.families.family import Size
from model.formats.encode import check_encodable
from model.given.reading import GivenObjects, memory_of, read_objects
from model.measures import measure
from model.pictures import Decoded, whole
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

PARAMETERS = (
    *("output", "mask_format", "image_format", "pixel_size", "measure", "fill", "draw"),
    *("page", "channel", "projection"),
)
"""The parameters that say how objects are written, and which picture of a file they are in."""


def answer_given() -> Response:
    """The answer to the running request. Raises ServiceError, and errors of the objects and the picture."""
    service = current_service()
    with receiving(service.renders):
        upload = receive_objects(service.settings)
        parameters = parse_parameters(dict(request.args.lists()), upload.fields, document=upload.document)
        wanted = wanted_by(parameters)
        _check(parameters, wanted, upload)
    with admitted(), _rendered(service, upload, parameters, wanted) as (given, finding):
        return respond(finding, wanted, given.warnings)


def _check(parameters: Parameters, wanted: Wanted, upload: Upload) -> None:
    """Raise BadParameter or NoImage unless these objects can be written so."""
    for name in Parameters.model_fields:  # in their order
        if name in parameters.model_fields_set and name not in PARAMETERS:
            raise BadParameter(
                f"{name} is for /api/v1/segment: here send the objects that you want, and leave it out."
                f" The parameters are {', '.join(PARAMETERS)}."
            )
    if wanted.output.name == "probability":
        raise BadParameter(
            "The output probability shows the model's probabilities, which objects do not have: ask"
            " /api/v1/segment for it."
        )
    if wanted.shows_picture and not upload.images:
        raise NoImage(
            f"The output {wanted.output.name} shows the picture: send it too, in the field 'image'."
        )
    if "intensity" in wanted.measured and not upload.images:
        raise NoImage(
            "measure=intensity needs the values of the picture: send it too, in the field 'image', or ask for"
            " measure=shape only."
        )


@contextmanager
def _rendered(
    service: Service, upload: Upload, parameters: Parameters, wanted: Wanted
) -> Iterator[tuple[GivenObjects, Finding]]:
    """The objects, and the finding that they are. Their memory stays reserved until the `with` block ends."""
    settings = service.settings
    stopwatch = current_record().stopwatch = Stopwatch()
    patience = Patience(request_deadline(), Client(request.environ).has_left, place().check)
    with service.rendering.turn(
        place().caller, patience, stopwatch, settings.queue_timeout, len(upload.objects)
    ) as lighten:
        place().settle()
        with stopwatch.measure("masks"):
            value = parse_long_value(upload.objects, "The field 'objects'", settings, MOST_PARTS)
            given = read_objects(value, service.limits, settings.max_segments, _known(service))
            del value
        lighten(memory_of(given))
        size = given.result.segments.size
        if wanted.picture_format is not None:
            check_encodable(size, wanted.picture_format)
        if not wanted.shows_picture and wanted.picture_format is not None:
            count_pixels(math.prod(size))
        if not wanted.shows_picture and "intensity" not in wanted.measured:
            yield given, _finding(given, None, wanted, stopwatch)
            return
        with _decoded(service, upload, parameters, wanted, given, patience, stopwatch) as picture:
            yield given, _finding(given, picture, wanted, stopwatch)


def _finding(given: GivenObjects, picture: Decoded | None, wanted: Wanted, stopwatch: Stopwatch) -> Finding:
    """The objects in their picture, measured if that is wanted."""
    finding = given.finding(None if picture is None else picture.image, stopwatch)
    if not wanted.measured:
        return finding
    width = wanted.options.pixel_size
    sides = given.origin.pixel_size if width is None else (width, width)
    values = None if picture is None else picture.values
    with stopwatch.measure("masks"):
        return replace(finding, measures=measure(finding.segments, values, wanted.measured, sides))


def _known(service: Service) -> Callable[[str, str], Manifest | None]:
    """Returns the manifest of a loaded version."""
    loaded = service.models.versions.loaded or ()
    manifests = {(one.manifest.name, one.manifest.version): one.manifest for one in loaded}
    return lambda name, version: manifests.get((name, version))


@contextmanager
def _decoded(
    service: Service,
    upload: Upload,
    parameters: Parameters,
    wanted: Wanted,
    given: GivenObjects,
    patience: Patience,
    stopwatch: Stopwatch,
) -> Iterator[Decoded]:
    """The whole picture: the page that the objects are in, unless parameters say another."""
    data = service.sources.read(upload.one_image())

    def before_pixels(size: Size, pages: int, is_large: bool) -> None:
        if is_large:
            service.renders.lift(place(), LONGEST)
        count_pixels(pages * math.prod(size))

    origin = given.origin
    is_chosen = parameters.page is not None or parameters.projection != "none"
    page = parameters.page if is_chosen else origin.page
    projection = parameters.projection if is_chosen else origin.projection
    with service.decoding.of(
        place().caller, stopwatch, patience, service.settings.queue_timeout, SHOWN_BYTES, before_pixels
    ) as decode:
        with stopwatch.measure("decode"):
            decoded = decode(
                data,
                whole,
                service.limits,
                page=page or 0,
                channel=parameters.channel,
                projection=projection,
                keeps_values="intensity" in wanted.measured,
            )
        given.check_picture(decoded.size)
        yield decoded
