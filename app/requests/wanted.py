"""Wanted: in which form a request is to be answered, as its parameters or its Accept say."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from app.errors import BadParameter
from app.requests.parameters import Parameters
from model.formats.encode import FileFormat
from model.formats.registry import FORMATS, JSON, OVERLAY, Format, Options

_OVERLAYS: dict[str, FileFormat] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

# JSON first: it is the answer to Accept: */*. Formats that Accept may not choose share their media types.
_ACCEPTED: dict[str, Format] = {
    media_type: one for one in (JSON, *FORMATS.values()) if one.by_accept for media_type in one.media_types
}


@dataclass(frozen=True)
class Wanted:
    """What the answer is to be.

    Attributes:
        output: in which format.
        options: of that format.
        included: what the JSON carries too, "overlay" or "picture".
    """

    output: Format
    options: Options
    included: tuple[str, ...] = ()

    @property
    def shows_picture(self) -> bool:
        """Whether the picture itself is in the answer."""
        return bool(self.included) or self.output.shows_picture

    @property
    def picture_format(self) -> FileFormat | None:
        """The kind of file that holds the whole picture, if any does."""
        return self.options.image_format if self.included else self.output.picture_format(self.options)


def wanted_by(parameters: Parameters) -> Wanted:
    """What the running request wants: as its parameters say, else its Accept, else JSON, and PNG."""
    output = request.accept_mimetypes.best_match(_ACCEPTED, default=JSON.media_types[0])
    image = request.accept_mimetypes.best_match(_OVERLAYS, default="image/png")
    return _wanted(parameters, _ACCEPTED[output], _OVERLAYS[image])


def wanted_as_overlay(parameters: Parameters) -> Wanted:
    """What /predict/upload wants: a PNG of the overlay, whatever Accept says, but for its parameters."""
    return _wanted(parameters, OVERLAY, "png")


def wanted_of_several(parameters: Parameters) -> Wanted:
    """What a request with several images wants: they are answered in one JSON. Raises BadParameter."""
    if parameters.output not in (None, JSON.name):
        raise BadParameter(f"output must be json where there are several images, not {parameters.output}.")
    return _wanted(parameters, JSON, "png")


def _wanted(parameters: Parameters, output: Format, image_format: FileFormat) -> Wanted:
    """What the parameters say, and where they leave it open, this output and format."""
    if parameters.output is not None:
        output = FORMATS[parameters.output]
    options = Options(parameters.mask_format, parameters.image_format or image_format, parameters.pixel_size)
    return Wanted(output, options, tuple(parameters.include) if output is JSON else ())
