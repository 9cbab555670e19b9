"""Request heads: parsed and validated strictly (RFC 9112), then encoded for the workers."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

MOST_BYTES = 65535  # of a head, and of the packet that tells a worker about it

_LINE = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+) ([\x21\x22\x24-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")
FIELD = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE)
_OPEN_INFERENCE = re.compile(rb"\S+ ((?i:https?)://[^/?\s]*)?/v2[/?\s]")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(:[0-9]*)?")
_IN_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]")
STRAY_END = re.compile(rb"(?<!\r)\n|\r(?!\n)(?=.)", re.DOTALL)
_WORDS = re.compile(rb"[A-Za-z0-9, -]*")
_SCHEMES = (b"X-FORWARDED-PROTO", b"X-FORWARDED-SSL")
_ONCE = (b"HOST", b"CONTENT-LENGTH", b"CONTENT-TYPE")
_UNKNOWN_LENGTH = b"%d" % 2**62  # for a chunked body: uWSGI reads no body without a length
_HEAD_BYTES = b"front.head_bytes"
_PACKET_HEAD_BYTES = 4
_SERVER_NAME = socket.gethostname().encode()
_REQUEST_LINE = "The request line must be a method, a target and HTTP's version, with spaces between them."
_TLS_HANDSHAKE = b"\x16"
_NO_TLS = "This port speaks HTTP without TLS: use http://, or put a proxy that terminates TLS in front of it."


class Refused(Exception):
    """A request that the front answers itself, with `status` and a message for the client."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class Head:
    """The head of a request.

    Attributes:
        packet: the uwsgi packet for the worker, sent before the body.
        is_for_head: whether the method is HEAD, whose response has no body.
        body_bytes: length of the body; None if it is chunked. The worker then gets it in chunks too.
        speaks_open_inference: see the function of that name.
    """

    packet: bytes
    is_for_head: bool
    body_bytes: int | None
    speaks_open_inference: bool


def end_of(received: bytearray, before: int) -> int:
    """Where the head in `received` ends, or -1 if it is incomplete.

    Args:
        received: what has arrived so far.
        before: how many of these bytes an earlier call has searched.

    Raises:
        Refused: this is not the head of a request, or it is too long.
    """
    if received.startswith(_TLS_HANDSHAKE):
        raise _bad(_NO_TLS)
    seen = max(0, before - 3)
    end = received.find(b"\r\n\r\n", seen)
    if STRAY_END.search(received, seen, len(received) if end < 0 else end) or received.startswith(b"\r\n"):
        raise _bad("Each line of the head must end with CR LF, and the first must be the request line.")
    if not _IN_METHOD.match(received):  # checked now, because a line end might never arrive
        raise _bad(_REQUEST_LINE)
    if end > MOST_BYTES or (end < 0 and len(received) > MOST_BYTES):
        raise _too_large(f"The request line and headers have more than {MOST_BYTES:,} bytes.")
    return end


def read(head: bytes, client: tuple[str, int], port: int) -> Head:
    """Parse the head, without its empty line, of a request from `client` to `port`. Raises Refused."""
    first, *lines = head.split(b"\r\n")
    method, target, version = _request_line(first)
    fields = _fields(lines)
    authority, path, query = _parts(method, target)
    _check_fields(version, fields)
    if authority is not None:
        fields[b"HOST"] = [authority]  # takes precedence over the header (RFC 9112, 3.2.2)
    variables = {
        b"REQUEST_METHOD": method,
        b"REQUEST_URI": path + b"?" * bool(query) + query,
        b"PATH_INFO": unquote_to_bytes(path),
        b"QUERY_STRING": query,
        b"SERVER_PROTOCOL": version,
        b"SCRIPT_NAME": b"",
        b"SERVER_NAME": _SERVER_NAME,
        b"SERVER_PORT": b"%d" % port,
        b"REMOTE_ADDR": client[0].encode(),
        b"REMOTE_PORT": b"%d" % client[1],
    }
    length = _body_bytes(version, fields)
    for name, values in fields.items():
        variable = name.replace(b"-", b"_")
        prefix = b"" if variable in (b"CONTENT_LENGTH", b"CONTENT_TYPE") else b"HTTP_"
        variables[prefix + variable] = (b"; " if name == b"COOKIE" else b", ").join(values)
    if length is None:
        variables |= {b"HTTP_TRANSFER_ENCODING": b"chunked", b"CONTENT_LENGTH": _UNKNOWN_LENGTH}
    expected = [value.lower() for value in fields.get(b"EXPECT", ())]
    if length != 0 and version == b"HTTP/1.1" and b"100-continue" in expected:
        variables[b"front.awaits_continue"] = b"1"  # not the name of a header, so that no client can set it
    return Head(_packet(variables), method == b"HEAD", length, speaks_open_inference(head))


def speaks_open_inference(head: bytes | bytearray) -> bool:
    """Whether a complete or incomplete head is of KServe V2, whose errors have a format of their own."""
    return _OPEN_INFERENCE.match(head) is not None


def _check_fields(version: bytes, fields: dict[bytes, list[bytes]]) -> None:
    if version == b"HTTP/1.1" and b"HOST" not in fields:
        raise _bad("A request must have a Host header.")
    for name in _ONCE:
        if len(fields.get(name, ())) > 1:
            raise _bad(f"A request must not have more than one {name.decode().title()} header.")
    if b"HOST" in fields and not _HOST.fullmatch(fields[b"HOST"][0]):
        raise _bad("The Host header must be a host name or an address.")
    # uWSGI takes the scheme from these, and crashes if it is not plain text.
    if not all(_WORDS.fullmatch(value) for name in _SCHEMES for value in fields.get(name, ())):
        raise _bad("X-Forwarded-Proto and X-Forwarded-Ssl must be words, such as https.")


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    match = _LINE.fullmatch(line)
    if not match:
        raise _bad(_REQUEST_LINE)
    method, target, major, minor = match.groups()
    if major != b"1":
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "The service speaks HTTP/1.1.")
    return method, target, b"HTTP/1.0" if minor == b"0" else b"HTTP/1.1"


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """Values by name in capitals. Names with underscores are dropped: their variables would be ambiguous."""
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise _bad(
                "Each header must be a line with a name, a colon and a value without control characters."
            )
        name, value = match.groups()
        if b"_" not in name:
            fields.setdefault(name.upper(), []).append(value.strip(b" \t"))
    return fields


def _parts(method: bytes, target: bytes) -> tuple[bytes | None, bytes, bytes]:
    """Authority (of a full URL), path and query of a target."""
    authority = None
    if match := _ABSOLUTE.fullmatch(target):
        authority, target = match.groups()
        if not _HOST.fullmatch(authority):
            raise _bad("The URL in the request line must contain a host.")
        if not target.startswith(b"/"):
            target = b"/" + target
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") and (method, target) != (b"OPTIONS", b"*"):
        raise _bad("The request target must be a path that starts with a slash, or a full URL.")
    return authority, path, query


def _body_bytes(version: bytes, fields: dict[bytes, list[bytes]]) -> int | None:
    """The length of the body; None if it is chunked."""
    length = fields.get(b"CONTENT-LENGTH")
    if b"TRANSFER-ENCODING" in fields:
        if length is not None:
            raise _bad("A request must not have both Content-Length and Transfer-Encoding.")
        _check_codings(version, fields[b"TRANSFER-ENCODING"])
        return None
    if length is None:
        return 0
    if not length[0].isdigit() or len(length[0]) > 18:
        raise _bad("Content-Length must be a whole number.")
    return int(length[0])


def _check_codings(version: bytes, values: list[bytes]) -> None:
    """Raise Refused unless chunked is the only transfer coding."""
    codings = [coding.strip(b" \t").lower() for coding in b",".join(values).split(b",")]
    if version == b"HTTP/1.0":
        raise _bad("Transfer-Encoding needs HTTP/1.1.")
    if codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
        raise _bad("Transfer-Encoding must end with chunked: otherwise the end of the body is unknown.")
    if len(codings) > 1:
        raise Refused(
            HTTPStatus.NOT_IMPLEMENTED,
            "The only supported Transfer-Encoding is chunked. For a compressed body, use Content-Encoding.",
        )


def _packet(variables: dict[bytes, bytes]) -> bytes:
    """A packet of the uwsgi protocol: modifiers, length, then names and values, each after its length."""
    told = b"".join(_variable(*variable) for variable in variables.items())
    # With this the app can tell how much of the body has arrived: the kernel counts head and body together.
    length = len(told) + len(_variable(_HEAD_BYTES, b"%05d" % 0))
    told += _variable(_HEAD_BYTES, b"%05d" % (_PACKET_HEAD_BYTES + length))
    if len(told) > MOST_BYTES:
        raise _too_large("The request has too many headers.")
    return b"\0" + len(told).to_bytes(2, "little") + b"\0" + told


def _variable(name: bytes, value: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2, "little") + part for part in (name, value))


def _bad(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, detail)


def _too_large(detail: str) -> Refused:
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
