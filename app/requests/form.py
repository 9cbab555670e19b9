"""Form: multipart/form-data, whose parts are pictures or parameters according to their names."""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Event, Field, File, MultipartDecoder, NeedData, State

from app.configuration.settings import Settings
from app.errors import BadBody, BadParameter, NoImage, TooLarge, UnsupportedCoding
from app.requests.codings import coding_of
from app.requests.json_body import is_json, parse_value
from app.requests.parameters import Parameters
from model.pictures.headers import is_picture

_PICTURE_FIELD = re.compile(r"(image|file)s?(\[\d*\])?", re.IGNORECASE)
_CHARSETS = ("ascii", "us-ascii", "utf-8", "iso-8859-1")
_PLAIN_TRANSFERS = ("", "binary", "8bit", "7bit")
_LONGEST_ECHO = 80  # characters of a name that are repeated to the caller
# A backslash that escapes nothing, as in a Windows path or as the second byte of a Shift-JIS character.
_BARE_BACKSLASH = re.compile(rb'\\(?!")|\\(?="[ \t]*(?:[;\r\n]|$))')


@dataclass(frozen=True)
class Form:
    """The content of a form.

    Attributes:
        images: the image files, in order.
        names: the images' file names, without unprintable characters; empty for a file without a name.
        fields: the text fields, each with all its values.
        document: the values of the fields that are JSON.
        long: the content of the field that may be as long as a picture, if the form has it.
    """

    images: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    fields: dict[str, list[str]] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    long: list[bytes] = field(default_factory=list)


def read_form(
    pieces: Iterator[bytes], boundary: str | None, settings: Settings, long_field: str | None = None
) -> Form:
    """The form in `pieces`, with `boundary` between its parts.

    `long_field` is the name of a field, or of a file, that may have as many bytes as a picture.

    Raises:
        BadBody: not a form, incomplete, or with a part that cannot be read.
        BadParameter: a field is given both as text and as JSON.
        NoImage: a file in a field that is not for pictures, or text in a picture field.
        TooLarge: a picture of more than MASKSERVE_MAX_BYTES, or more parts or text than a form may have.
        UnsupportedCoding: a part is compressed.
    """
    if not boundary:
        raise BadBody(
            "The Content-Type, multipart/form-data, names no boundary. Do not set this header yourself: the"
            " client library sets it with the boundary that it uses."
        )
    form = Form()
    for part in _parts(pieces, boundary, settings, long_field):
        if part.is_left_empty:
            continue
        if part.is_long:
            if form.long:
                raise BadParameter(f"{_echo(part.name)} is given twice; give it once.")
            form.long.append(part.data)
            continue
        if part.is_picture:
            form.images.append(part.picture(settings.max_bytes))
            form.names.append(part.file_name)
        elif part.name in form.document or (part.is_json and part.name in form.fields):
            raise BadParameter(f"{_echo(part.name)} is given twice; give it once.")
        elif part.is_json:
            form.document[part.name] = parse_value(part.data, f"The field {_echo(part.name)}", settings)
        else:
            form.fields.setdefault(part.name, []).append(part.text())
    return form


class _Part:
    """One part, whose headers have been read.

    Attributes:
        name: the field's name.
        file_name: without folders and unprintable characters; empty if the part has none.
        is_picture: whether the field is for pictures, according to its name.
        is_json: whether the part is JSON, according to its type.
        is_long: whether it may have as many bytes as a picture.
    """

    def __init__(self, head: Field | File, long_field: str | None) -> None:
        if not head.name:
            raise BadBody("A part of the form has no name.")
        self.name = head.name
        given = head.filename if isinstance(head, File) else None
        self.file_name = _shown(given or "")
        self.is_picture = bool(_PICTURE_FIELD.fullmatch(self.name))
        self.is_long = self.name == long_field
        self._is_file = given is not None
        self._content = io.BytesIO()  # getvalue does not copy
        kind, parameters = parse_options_header(head.headers.get("Content-Type"))
        self.is_json = is_json(kind.lower())
        self._charset = parameters.get("charset", "").lower()
        self._transfer = head.headers.get("Content-Transfer-Encoding", "").strip().lower()
        is_known = self.is_picture or self.is_long or self.name in Parameters.model_fields
        if self._is_file and not is_known:
            raise NoImage(
                f"The form has a file in the field {_echo(self.name)}, not in the field 'image':"
                " rename the field, or send it as text if it is a parameter."
            )
        self._check(kind, head.headers.get("Content-Encoding", ""))

    def _check(self, kind: str, coding: str) -> None:
        if kind.lower().startswith("multipart/"):
            raise BadBody(
                f"The part {_echo(self.name)} contains parts itself ({kind[:40]}); send each file as one part"
                " of the form."
            )
        if coding_of(coding) is not None:
            raise UnsupportedCoding(
                f"The part {_echo(self.name)} is compressed; compress the whole body instead, or nothing."
            )
        if self._transfer not in (*_PLAIN_TRANSFERS, "base64"):
            raise BadBody(
                f"The part {_echo(self.name)} has the Content-Transfer-Encoding {self._transfer[:40]};"
                " send the bytes as they are, or in base64."
            )

    @property
    def is_left_empty(self) -> bool:
        """Whether it is a browser's file input without a chosen file."""
        return self._is_file and not self.file_name and not self._content.tell()

    def write(self, data: bytes) -> None:
        self._content.write(data)

    @property
    def data(self) -> bytes:
        """The part's content. Raises BadBody."""
        if self._transfer != "base64":
            return self._content.getvalue()
        try:
            return binascii.a2b_base64(self._content.getbuffer())
        except binascii.Error as error:
            raise BadBody(
                f"The part {_echo(self.name)} is not base64, as its Content-Transfer-Encoding says."
            ) from error

    def picture(self, most_bytes: int) -> bytes:
        """The picture's file. Raises NoImage if it is plain text, and TooLarge."""
        data = self.data
        if len(data) > most_bytes:
            raise TooLarge.in_bytes(most_bytes, self.file_name)
        if not self._is_file and not is_picture(data) and _is_text(data):
            raise NoImage(
                f"The field {_echo(self.name)} holds text; send it as a file"
                f" (in curl: -F {self.name}=@photo.jpg)."
            )
        return data

    def text(self) -> str:
        """Its text."""
        return self.data.decode(self._charset if self._charset in _CHARSETS else "utf-8", "replace")


def _parts(
    pieces: Iterator[bytes], boundary: str, settings: Settings, long_field: str | None
) -> Iterator[_Part]:
    part: _Part | None = None
    field_bytes = long_bytes = 0
    for event in _events(pieces, boundary, settings):
        if isinstance(event, Field | File):
            part = _Part(event, long_field)
        elif isinstance(event, Data) and part is not None:
            part.write(event.data)
            if part.is_long:
                long_bytes += len(event.data)
                if long_bytes > settings.max_bytes:
                    raise TooLarge.in_bytes(settings.max_bytes, f"The field {_echo(part.name)}")
            elif not part.is_picture:
                field_bytes += len(event.data)
                if field_bytes > settings.max_field_bytes:
                    raise _too_much(settings)
            if not event.more_data:
                yield part


def _events(pieces: Iterator[bytes], boundary: str, settings: Settings) -> Iterator[Event]:
    """The headers and data of the form's parts, as they arrive; bytes after the last boundary are ignored."""
    decoder = _Decoder(boundary.encode("latin-1", "replace"), settings.max_field_bytes, settings.max_parts)
    try:
        for piece in pieces:
            if decoder.state is State.EPILOGUE:
                continue
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
    except RequestEntityTooLarge as error:
        if decoder.state is not State.PREAMBLE:
            raise _too_much(settings) from error
    except ValueError as error:
        raise BadBody("A part of the form has no Content-Disposition header with its name.") from error
    if decoder.state is State.PREAMBLE:
        raise BadBody(
            "The body has no line with the boundary from its Content-Type, multipart/form-data:"
            f" --{boundary[:_LONGEST_ECHO]}"
        )
    if decoder.state is not State.EPILOGUE:
        raise BadBody(
            "The multipart/form-data breaks off: its last line must be the boundary and two hyphens,"
            f" --{boundary[:_LONGEST_ECHO]}--"
        )


class _Decoder(MultipartDecoder):
    """Werkzeug's decoder, extended to accept names in any encoding; bytes that are not UTF-8 are replaced."""

    def __init__(self, boundary: bytes, most_bytes: int, most_parts: int) -> None:
        super().__init__(boundary, most_bytes, max_parts=most_parts)

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        escaped = _BARE_BACKSLASH.sub(rb"\\\\", data)
        return super()._parse_headers(escaped.decode(errors="replace").encode())


def _too_much(settings: Settings) -> TooLarge:
    return TooLarge(
        f"The form has more than {settings.max_parts} parts,"
        f" or more than {settings.max_field_bytes:,} bytes of text fields."
    )


def _shown(file_name: str) -> str:
    last = re.split(r"[\\/]", file_name)[-1]
    return "".join(filter(str.isprintable, last))[:_LONGEST_ECHO]


def _echo(name: str) -> str:
    return repr(name[:_LONGEST_ECHO])


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
