"""Intake: turns an HTTP request into images and parameters, within limits of size and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from app.configuration.settings import Settings
from app.errors import BadBody, NoImage, NotAnImage, TooLarge, TooManyImages
from app.requests.body import arriving_body, read_body
from app.requests.form import read_form
from app.requests.json_body import is_json, looks_like_json, parse_object
from app.requests.sources import Image, split
from app.requests.unreadable import neither, no_json, no_picture, was_changed_by_curl
from model.pictures.headers import is_picture

_FORM = "multipart/form-data"
_ENVELOPE_BYTES = 64 * 1024  # allowance beside the images, for a form's boundaries or other JSON members

_ACCEPTED = (
    "Send it as multipart/form-data in the field 'image',"
    " as the raw body with Content-Type image/* or application/octet-stream,"
    " or as JSON with one of image (base64), url or gcs_uri."
)

_OBJECTS = (
    "send the JSON answer of /api/v1/segment in the field 'objects' of multipart/form-data"
    " (in curl: -F objects=@answer.json)"
)


@dataclass(frozen=True)
class Upload:
    """The content of a request.

    Attributes:
        images: in order; each is a whole file, or the part of a JSON object that names the image.
        names: the images' file names, in the same order, if the request is a form.
        fields: the form's text fields, each with all its values.
        document: the other members of a JSON body, or the form's fields that are JSON.
        objects: the JSON of objects to render; empty if it has none.
    """

    images: list[Image]
    names: list[str] = field(default_factory=list)
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    objects: bytes = b""

    def one_image(self) -> Image:
        """The image. Raises NoImage or TooManyImages unless there is exactly one."""
        if len(self.images) > 1:
            raise TooManyImages(f"The request has {len(self.images)} images; send one, or use /api/v1/batch.")
        if not any(self.images):
            raise NoImage(f"The request has no image, or an empty one. {_ACCEPTED}")
        return self.images[0]


def receive(settings: Settings) -> Upload:
    """The content of the running request, which should have one image, in any of the accepted forms.

    Many clients send a picture or JSON with no type or a meaningless one, so the body itself is examined.

    Raises:
        BadBody: the form or JSON cannot be read.
        NoImage: an image field holds text.
        NotAnImage: the body is neither a picture nor JSON.
        TooLarge: more than MASKSERVE_MAX_BYTES, or more parts than a form may have.
        UploadTooSlow: the upload took longer than MASKSERVE_UPLOAD_TIMEOUT.
    """
    kind = request.mimetype
    if kind == _FORM:
        return receive_form(settings)
    room = settings.max_bytes if _is_binary(kind) else _base64_bytes(settings.max_bytes)
    body = read_body(room, settings.max_bytes, settings)
    if not body:
        return Upload(images=[])
    if is_picture(body) and not was_changed_by_curl(body, kind):
        if len(body) > settings.max_bytes:
            raise TooLarge.in_bytes(settings.max_bytes)
        return Upload(images=[body])
    if is_json(kind) or looks_like_json(body):
        named, document = split(parse_object(body, settings))
        return Upload(images=[named] if named else [], document=document)
    if _is_binary(kind):
        raise NotAnImage(no_picture(body, kind))
    raise NotAnImage(f"{neither(body, kind)} {_ACCEPTED}")


def receive_form(settings: Settings) -> Upload:
    """The content of the running request, which must be a form. Raises ServiceError as `receive`."""
    if request.mimetype != _FORM:
        raise NotAnImage("This route accepts only the page's form; programs use /api/v1/segment.")
    return _read_form(settings.max_bytes + _ENVELOPE_BYTES, settings.max_bytes, settings)


def receive_objects(settings: Settings) -> Upload:
    """The content of the running request, which must be a form with objects to render; an image is optional.

    Raises ServiceError as `receive`, also if there are no objects.
    """
    if request.mimetype != _FORM:
        raise NotAnImage(f"This route accepts only a form: {_OBJECTS}.")
    limit = settings.max_bytes
    upload = _read_form(2 * limit + _ENVELOPE_BYTES, limit, settings, "objects")
    if not upload.objects:
        raise BadBody(f"The form has no objects, or an empty field: {_OBJECTS}.")
    return upload


def receive_several(settings: Settings) -> Upload:
    """The images of a batch: several parts of a form, or JSON's `images`, a list of objects as for `receive`.

    Raises:
        TooLarge: more images than MASKSERVE_MAX_BATCH, or more bytes than MASKSERVE_MAX_BATCH_BYTES.
        ServiceError: as `receive`.
    """
    if request.mimetype == _FORM:
        upload = _read_form(settings.max_batch_bytes, settings.max_batch_bytes, settings)
    else:
        document = receive_batch_json(settings)
        images = document.pop("images", None)
        if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
            raise BadBody('The JSON must have a list of objects, as in {"images": [{"image": "…"}]}.')
        upload = Upload(images=images, document=document)
    check_batch(len(upload.images), settings)
    return upload


def check_batch(images: int, settings: Settings) -> None:
    """Raise NoImage or TooLarge unless one request may have so many images."""
    if not images:
        raise NoImage("The request has no image.")
    if images > settings.max_batch:
        raise TooLarge(f"The request has {images} images; at most {settings.max_batch} are accepted.")


def receive_json(settings: Settings) -> dict[str, Any]:
    """The JSON object that is the body of a request with one image. Raises ServiceError as `receive`."""
    return _read_json(_base64_bytes(settings.max_bytes), settings.max_bytes, settings)


def receive_batch_json(settings: Settings) -> dict[str, Any]:
    """The JSON object that is the body of a request with several images. Raises ServiceError as `receive`."""
    return _read_json(settings.max_batch_bytes, settings.max_batch_bytes, settings)


def receive_without_image(most_bytes: int, example: str, settings: Settings) -> dict[str, Any]:
    """The JSON object that is the body of a request without images, of at most `most_bytes`.

    It may have as many parts as it has bytes; `example` shows what is expected. Raises ServiceError as
    `receive`.
    """
    return parse_object(_read_json_text(most_bytes, most_bytes, settings), settings, most_bytes, example)


def _read_json(room: int, limit: int, settings: Settings) -> dict[str, Any]:
    return parse_object(_read_json_text(room, limit, settings), settings)


def _read_json_text(room: int, limit: int, settings: Settings) -> bytes:
    kind = request.mimetype
    if kind.startswith(("image/", "multipart/")):
        raise NotAnImage(f"A body of type {kind[:80]} is not accepted here; send application/json.")
    body = read_body(room, limit, settings)
    if body and not is_json(kind) and not looks_like_json(body):
        raise NotAnImage(no_json(body, kind))
    return body


def _read_form(room: int, limit: int, settings: Settings, long_field: str | None = None) -> Upload:
    with arriving_body(room, limit, settings) as pieces:
        form = read_form(pieces, request.mimetype_params.get("boundary"), settings, long_field)
    return Upload([*form.images], form.names, form.fields, form.document, *form.long)


def _is_binary(media_type: str) -> bool:
    return media_type.startswith("image/") or media_type == "application/octet-stream"


def _base64_bytes(max_bytes: int) -> int:
    """The most bytes of a JSON body whose image has `max_bytes`, in base64 with line breaks."""
    return max_bytes * 4 // 3 * 78 // 76 + _ENVELOPE_BYTES
