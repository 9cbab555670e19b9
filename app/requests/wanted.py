"""Wanted: the form of the answer to a request, according to its parameters or its Accept header."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from app.errors import BadParameter
from app.requests.parameters import Parameters
from model.formats.encode import FileFormat
from model.formats.registry import FORMATS, JSON, OVERLAY, Format, Options
from model.measures import Group

_OVERLAYS: dict[str, FileFormat] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

# JSON comes first, as the answer to Accept: */*. Formats that share a media type cannot be chosen by Accept.
_ACCEPTED: dict[str, Format] = {
    media_type: one for one in (JSON, *FORMATS.values()) if one.by_accept for media_type in one.media_types
}


@dataclass(frozen=True)
class Wanted:
    """The form of an answer.

    Attributes:
        output: the format.
        options: the options of the format.
        included: the pictures to add to JSON, "overlay" or "picture".
        measured: the measures to add to each segment, if the format has them.
    """

    output: Format
    options: Options
    included: tuple[str, ...] = ()
    measured: tuple[Group, ...] = ()

    @property
    def shows_picture(self) -> bool:
        """Whether the picture itself is in the answer."""
        return bool(self.included) or self.output.shows_picture

    @property
    def picture_format(self) -> FileFormat | None:
        """The file format in which the answer has the whole picture, if it does."""
        return self.options.image_format if self.included else self.output.picture_format(self.options)


def wanted_by(parameters: Parameters) -> Wanted:
    """The answer's form for the running request: from its parameters, else from Accept, else JSON and PNG."""
    output = request.accept_mimetypes.best_match(_ACCEPTED, default=JSON.media_types[0])
    image = request.accept_mimetypes.best_match(_OVERLAYS, default="image/png")
    return _wanted(parameters, _ACCEPTED[output], _OVERLAYS[image])


def wanted_as_overlay(parameters: Parameters) -> Wanted:
    """The answer's form on /predict/upload: an overlay as PNG unless parameters, not Accept, differ."""
    return _wanted(parameters, OVERLAY, "png")


def wanted_of_several(parameters: Parameters) -> Wanted:
    """The answer's form for a request with several images, always JSON. Raises BadParameter."""
    if parameters.output not in (None, JSON.name):
        raise BadParameter(f"output must be json for a request with several images, not {parameters.output}.")
    return _wanted(parameters, JSON, "png")


def _wanted(parameters: Parameters, output: Format, image_format: FileFormat) -> Wanted:
    """The form that the parameters choose; `output` and `image_format` are the defaults."""
    if parameters.output is not None:
        output = FORMATS[parameters.output]
    options = Options(
        parameters.mask_format,
        parameters.image_format or image_format,
        parameters.pixel_size,
        parameters.layers,
    )
    return Wanted(
        output,
        options,
        tuple(parameters.include) if output is JSON else (),
        tuple(parameters.measure) if output.has_measures else (),
    )
