"""Intake: an HTTP request becomes images and parameters, within limits of size and time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app.body import arriving_body, read_body
from app.errors import BadBody, NoImage, NotAnImage, TooLarge, TooManyImages
from app.json_body import parse_object
from app.settings import Settings
from app.sources import Image, split

IMAGE_FIELDS = ("image", "file")

_ENVELOPE_BYTES = 64 * 1024  # room around the images, for a form's boundaries or JSON's other members

_ACCEPTED = (
    "Send it as multipart/form-data in the field 'image',"
    " as the raw body with Content-Type image/* or application/octet-stream,"
    " or as JSON with one of image (base64), url or gcs_uri."
)


@dataclass(frozen=True)
class Upload:
    """What a request brought.

    Attributes:
        images: in order, each a whole file, or the part of a JSON object that says where it is.
        fields: the form's text fields, each with all its values.
        document: what else a JSON body has.
    """

    images: list[Image]
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    def one_image(self) -> Image:
        """The image. Raises NoImage or TooManyImages unless there is exactly one."""
        if not self.images:
            raise NoImage(f"The request has no image. {_ACCEPTED}")
        if len(self.images) > 1:
            raise TooManyImages(f"The request has {len(self.images)} images; send one, or use /api/v1/batch.")
        return self.images[0]


def receive(settings: Settings) -> Upload:
    """What the running request brought, of which one image is wanted, in any of the accepted ways.

    Raises:
        BadBody: a form or JSON that cannot be read.
        NoImage: an image field that holds text.
        NotAnImage: a body of a type that is not accepted.
        TooLarge: more than MASKSERVE_MAX_BYTES, or more parts than a form may have.
        UploadTooSlow: more time than MASKSERVE_UPLOAD_TIMEOUT.
    """
    if request.mimetype == "multipart/form-data":
        return receive_form(settings)
    if request.mimetype == "application/json":
        named, document = split(receive_json(settings))
        return Upload(images=[named] if named else [], document=document)
    body = read_body(settings.max_bytes, settings.max_bytes, settings)
    if body and not _may_be_image(request.mimetype):
        raise NotAnImage(f"A body of type {request.mimetype or 'unknown'} is not accepted. {_ACCEPTED}")
    return Upload(images=[body] if body else [])


def receive_form(settings: Settings) -> Upload:
    """What the running request brought in a form. Raises ServiceError as `receive`."""
    if request.mimetype != "multipart/form-data":
        raise NotAnImage("The page takes a form; programs use /api/v1/segment.")
    upload = _read_form(settings.max_bytes + _ENVELOPE_BYTES, settings.max_bytes, settings)
    # A browser sends an empty part for a file input that was left empty.
    return replace(upload, images=[image for image in upload.images if image])


def receive_several(settings: Settings) -> Upload:
    """The images of a batch: several parts of a form, or JSON's `images`, each an object as `receive` takes.

    Raises:
        TooLarge: more images than MASKSERVE_MAX_BATCH, or bytes than MASKSERVE_MAX_BATCH_BYTES.
        ServiceError: as `receive`.
    """
    if request.mimetype == "multipart/form-data":
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
    """Raise NoImage or TooLarge unless so many images may come in one request."""
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


def _read_json(room: int, limit: int, settings: Settings) -> dict[str, Any]:
    if request.mimetype != "application/json":
        kind = request.mimetype or "unknown"
        raise NotAnImage(f"A body of type {kind} is not accepted; send application/json.")
    return parse_object(read_body(room, limit, settings), settings.max_json_depth)


def _read_form(room: int, limit: int, settings: Settings) -> Upload:
    parser = FormDataParser(
        stream_factory=_memory,
        max_form_memory_size=settings.max_field_bytes,
        max_form_parts=settings.max_parts,
        silent=False,
    )
    try:
        with arriving_body(room, limit, settings) as pieces:
            body: Any = _Readable(pieces)
            _, form, files = parser.parse(body, request.mimetype, None, request.mimetype_params)
    except RequestEntityTooLarge as error:
        raise TooLarge(
            f"The form has more than {settings.max_parts} parts,"
            f" or more than {settings.max_field_bytes:,} bytes of text fields."
        ) from error
    except ValueError as error:
        raise BadBody("The body is not well-formed multipart/form-data.") from error
    if not all([*form, *files]):
        raise BadBody("A part of the form has no name.")
    for name in IMAGE_FIELDS:
        if name in form:
            raise NoImage(
                f"The field '{name}' holds text; send it as a file (in curl: -F {name}=@photo.jpg)."
            )
    parts = [_bytes_of(part.stream) for name in IMAGE_FIELDS for part in files.getlist(name)]
    if files and not any(name in files for name in IMAGE_FIELDS):
        raise NoImage(f"The request has a file, but not in the field 'image'. {_ACCEPTED}")
    if any(len(part) > settings.max_bytes for part in parts):
        raise TooLarge.in_bytes(settings.max_bytes)
    return Upload(images=[*parts], fields=dict(form.lists()))


class _Readable:
    """Pieces of bytes, as a parser reads them: it holds no second copy of the whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _: int = -1) -> bytes:
        """The next piece, empty at the end."""
        return next(self._pieces, b"")


def _bytes_of(part: IO[bytes]) -> bytes:
    assert isinstance(part, io.BytesIO)  # `_memory` has made it
    return part.getvalue()  # without a copy


def _memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    """Where a part goes: memory, always. Werkzeug's default writes large ones to disk."""
    return io.BytesIO()


def _may_be_image(mimetype: str) -> bool:
    return mimetype.startswith("image/") or mimetype == "application/octet-stream"


def _base64_bytes(max_bytes: int) -> int:
    """Room for an image of `max_bytes` in base64 with line breaks, and for what is beside it."""
    return max_bytes * 4 // 3 * 78 // 76 + _ENVELOPE_BYTES
