"""Tensors: requests of KServe V2 (the Open Inference Protocol), in JSON or with binary data."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from app.configuration.settings import Settings
from app.errors import BadBody, BadParameter, NotAnImage, TooLarge
from app.requests.body import read_body
from app.requests.intake import check_batch
from app.requests.json_body import looks_like_json, parse_object
from app.requests.sources import Image
from app.requests.unreadable import no_json

INPUT, OUTPUT = "image", "segments"

LENGTH_HEADER = "Inference-Header-Content-Length"
"""The header of a body with binary data that gives the length in bytes of the JSON before it."""

ELEMENT_LENGTH = struct.Struct("<I")
"""In binary data, each element is preceded by its length in bytes in this form."""

# Request parameters that are not segmentation parameters: the answer's coding, and Triton's scheduling hints.
_BINARY_OUTPUT = "binary_data_output"
_OF_SCHEDULERS = ("priority", "timeout", "sequence_id", "sequence_start", "sequence_end")

_MOST_SIDES = 8  # the most dimensions of a shape
_TEXT = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_LOOKED_AT = 256  # bytes at the start of an element; in every image format, these include non-text bytes


@dataclass(frozen=True)
class Inference:
    """An inference request.

    Attributes:
        images: in order.
        parameters: the parameters of the segmentation.
        request_id: the client's id, which the answer repeats.
        wants_binary: whether the answer's tensor must be binary.
    """

    images: list[Image]
    parameters: dict[str, Any]
    request_id: str | None
    wants_binary: bool


def receive_inference(settings: Settings) -> Inference:
    """The inference in the running request. Use it inside `receiving`.

    Its type may be any but that of a picture or form: Triton's client sends none.

    Raises:
        BadBody, BadParameter: the request does not follow the protocol.
        NoImage, TooLarge: it has no element, or more than a batch may have.
        NotAnImage: the body cannot be a request of this protocol.
    """
    if request.mimetype.startswith(("image/", "multipart/")):
        raise NotAnImage(f"A body of type {request.mimetype} is not accepted here; send application/json.")
    header, rest = _parts(read_body(settings.max_batch_bytes, settings.max_batch_bytes, settings))
    if not looks_like_json(header):
        raise NotAnImage(no_json(header, request.mimetype))
    document = parse_object(header, settings)
    parameters = document.get("parameters") or {}
    request_id = document.get("id")
    if not isinstance(parameters, dict):
        raise BadBody("parameters must be an object.")
    if not isinstance(request_id, str | None):
        raise BadBody("id must be text.")
    not_the_models = (_BINARY_OUTPUT, *_OF_SCHEDULERS)
    return Inference(
        _images(document, rest, settings),
        {name: value for name, value in parameters.items() if name not in not_the_models},
        request_id,
        _wants_binary(document, parameters),
    )


def _parts(body: bytes) -> tuple[bytes, memoryview]:
    """The JSON of a body, and the binary data after it."""
    said = request.headers.get(LENGTH_HEADER)
    if said is None:
        return body, memoryview(b"")
    if not (said.isascii() and said.isdigit()):
        raise BadBody(f"{LENGTH_HEADER} must be a whole number, the length in bytes of the JSON.")
    if len(said) > 18 or int(said) > len(body):
        raise BadBody(f"{LENGTH_HEADER} is {said[:18]}, but the body has {len(body):,} bytes.")
    return body[: int(said)], memoryview(body)[int(said) :]


def _wants_binary(document: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether the output must be binary, from `outputs` or else from the request. Raises ServiceError."""
    wanted = parameters.get(_BINARY_OUTPUT, False)
    outputs = document.get("outputs") or []
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise BadBody(f'outputs must be a list of objects, as in [{{"name": "{OUTPUT}"}}].')
    for output in outputs:
        if output.get("name") != OUTPUT:
            raise BadParameter(
                f"There is no output {str(output.get('name'))[:40]!r}; the output is {OUTPUT}."
            )
        how = output.get("parameters") or {}
        if not isinstance(how, dict) or not set(how) <= {"binary_data"}:
            raise BadBody("An output may have only one parameter, binary_data.")
        wanted = how.get("binary_data", wanted)
    if not isinstance(wanted, bool):
        raise BadBody("binary_data and binary_data_output must be true or false.")
    return wanted


def _images(document: Mapping[str, Any], rest: memoryview, settings: Settings) -> list[Image]:
    """The elements of the only input."""
    match document.get("inputs"):
        case [{"name": name, "datatype": datatype, "shape": [*shape]} as tensor]:
            pass
        case _:
            raise BadBody(
                f"inputs must be a list of one tensor, with name {INPUT}, datatype BYTES, shape and data."
            )
    if name != INPUT:
        raise BadBody(f"The input must be named {INPUT}.")
    if datatype != "BYTES":
        raise BadBody(
            "The input's datatype must be BYTES: each element is an image file, such as a PNG, not pixels."
        )
    if not 0 < len(shape) <= _MOST_SIDES or not all(type(side) is int and side >= 0 for side in shape):
        raise BadBody("The input's shape must be a list of a few whole numbers, such as [1].")
    count = math.prod(shape)
    check_batch(count, settings)
    parameters = tensor.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if not isinstance(parameters, dict) or not _is_known(parameters):
        raise BadBody(
            "The input may have only the parameters content_type, which must be base64, and binary_data_size,"
            " the number of bytes after the JSON. Tensors in shared memory are not supported."
        )
    if (size or 0) != len(rest):
        raise BadBody(
            f"The input's binary_data_size is {size or 0}, but {len(rest)} bytes come after the JSON, whose"
            f" length is in {LENGTH_HEADER}."
        )
    if size is None:
        return _from_json(tensor.get("data"), count)
    if "data" in tensor:
        raise BadBody("The input has both data and binary_data_size; give only one of them.")
    return [_image(element) for element in _elements(rest, count, settings.max_bytes)]


def _is_known(parameters: Mapping[str, Any]) -> bool:
    size = parameters.get("binary_data_size", 0)
    return (
        set(parameters) <= {"content_type", "binary_data_size"}
        and parameters.get("content_type", "base64") == "base64"
        and type(size) is int
    )


def _from_json(data: object, count: int) -> list[Image]:
    """The base64 texts in `data`; nested lists, for shapes of several dimensions, are flattened."""
    if not isinstance(data, list):
        raise BadBody("The input must have data, a list of base64 texts.")
    elements = list(_flat(data))
    if len(elements) != count:
        raise BadBody(f"The input's shape does not fit its {len(elements)} elements.")
    return [{"image": element} for element in elements]


def _flat(data: list[Any]) -> Iterator[Any]:
    for one in data:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _elements(rest: memoryview, count: int, most_bytes: int) -> Iterator[bytes]:
    """The elements of a binary tensor, each preceded by its length. Raises BadBody or TooLarge."""
    for number in range(1, count + 1):
        if len(rest) < ELEMENT_LENGTH.size:
            raise BadBody(f"The binary data ends before element {number} of {count}.")
        (size,) = ELEMENT_LENGTH.unpack_from(rest)
        rest = rest[ELEMENT_LENGTH.size :]
        if size > len(rest):
            raise BadBody(
                f"Element {number} of the binary data should have {size:,} bytes, but {len(rest):,} are left."
                " Each element must begin with its length, 4 bytes in little-endian order."
            )
        if size > most_bytes:
            raise TooLarge.in_bytes(most_bytes)
        yield bytes(rest[:size])
        rest = rest[size:]
    if rest:
        raise BadBody(f"The binary data has {len(rest):,} bytes more than the {count} elements of its shape.")


def _image(element: bytes) -> Image:
    """An element as an image file, or as base64 text: clients send NumPy arrays of texts as bytes, too."""
    if element and _TEXT.issuperset(element[:_LOOKED_AT]):
        return {"image": element.decode("ascii", "replace")}
    return element
