"""Fetching: downloads the image at a caller's URL, from public addresses only and within limits."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.configuration.settings import Settings
from app.errors import BadParameter, FetchFailed, Forbidden, NotAnImage, TooLarge
from app.fetching.addresses import is_public
from app.fetching.transfer_deadline import TransferDeadline
from app.fetching.urls import Target, target_of

Resolve = Callable[[str], Sequence[str]]
"""A host name → its addresses; raises OSError if there are none."""

Connect = Callable[[str, int, float], socket.socket]
"""An address, a port and a timeout in seconds → the connection; raises OSError if it fails."""

_MOST_REDIRECTS = 3
_BLOCK_BYTES = 64 * 1024
_HEADERS = {
    "Accept": "image/*, application/octet-stream;q=0.5",
    "Accept-Encoding": "identity",  # never decompressed, so never a decompression bomb
    "Connection": "close",
    "User-Agent": "MaskServe",
}
# The second is S3's type for files uploaded without one.
_TYPES_OF_ANYTHING = ("application/octet-stream", "binary/octet-stream")


def resolve(host: str) -> list[str]:
    """The addresses of `host`, from the system's resolver. Raises OSError."""
    # The dot makes the name absolute; otherwise the search list would try the cluster's own domains first.
    found = socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """A direct TCP connection to `address`. Raises OSError."""
    return socket.create_connection((address, port), timeout)


class Fetcher:
    """Fetches images from URLs.

    Each request resolves its host once, checks all addresses and connects to one of these, so that a name
    which changes a moment later (DNS rebinding) gains nothing. No proxy, cookie or password from the
    environment is used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        resolve: Resolve = resolve,
        connect: Connect = connect,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """
        Args:
            settings: which URLs are allowed, and the limits.
            resolve: replaces the system's resolver.
            connect: replaces TCP.
            trust: the trusted certificate authorities; default: the system's.
        """
        self._settings = settings
        self._resolve = resolve
        self._connect = connect
        self._given_trust = trust

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Not made at start: reading the system's authorities takes a while, and most services fetch nothing.
        return self._given_trust or ssl.create_default_context()

    def fetch(self, url: str, deadline: TransferDeadline | None = None, most: int | None = None) -> bytes:
        """The image file at `url`; its content is not checked.

        Args:
            url: as the caller wrote it.
            deadline: for the whole transfer. Default: MASKSERVE_URL_TIMEOUT from now.
            most: the most bytes that the file may have. Default: MASKSERVE_MAX_BYTES.

        Raises:
            BadParameter: not an absolute URL, or one with a user name.
            FetchFailed: no 200, more than 3 redirects, a broken connection, a bad certificate.
            FetchTimedOut: the transfer did not end by the deadline.
            Forbidden: the settings do not allow the URL, or its host has no public address.
            NotAnImage: the Content-Type is not that of an image.
            TooLarge: the file has more bytes than allowed.
        """
        if self._settings.url_fetch == "off":
            raise Forbidden("This service does not fetch URLs; send the image itself.")
        target = target_of(url, self._settings)
        most = self._settings.max_bytes if most is None else most
        with deadline or TransferDeadline(self._settings.url_timeout) as deadline:
            for _ in range(1 + _MOST_REDIRECTS):
                found = self._get(target, deadline, most)
                if isinstance(found, bytes):
                    return found
                target = found
        raise FetchFailed(f"The URL redirects more than {_MOST_REDIRECTS} times.")

    def _get(self, target: Target, deadline: TransferDeadline, most: int) -> bytes | Target:
        """The image, or the target of a redirect."""
        addresses = self._addresses(target, deadline)
        with _told_to_the_caller(deadline), closing(self._open(target, addresses, deadline)) as line:
            kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
            connection = kind(target.host, target.port)
            connection.sock = line  # so that it does not open one itself
            connection.request(
                "GET", target.path, headers=_HEADERS, preload_content=False, decode_content=False
            )
            with closing(connection.getresponse()) as response:
                location = response.get_redirect_location()
                if location:
                    return self._redirected(target, location)
                image = self._image(response, deadline, most)
        deadline.remaining()  # a connection that the deadline shut looks like a normal end of the body
        return image

    def _addresses(self, target: Target, deadline: TransferDeadline) -> list[str]:
        """The host's addresses. All refusals have one message, so that none reveals internal networks."""
        forbidden = Forbidden("The host of the URL has no public address.")
        if target.address is not None:
            found: Sequence[str] = [str(target.address)]
        else:
            try:
                found = deadline.call(self._resolve, target.host)
            except socket.gaierror as error:
                if error.errno == socket.EAI_AGAIN:
                    raise FetchFailed("The host of the URL cannot be looked up now.") from None
                raise forbidden from None
            except (OSError, UnicodeError):
                raise forbidden from None
        if not found or not all(is_public(ip_address(address)) for address in found):
            raise forbidden
        return list(dict.fromkeys(found))

    def _open(self, target: Target, addresses: Sequence[str], deadline: TransferDeadline) -> socket.socket:
        """A connection to the first address that accepts one, encrypted for https."""
        for left in range(len(addresses), 0, -1):
            address = addresses[-left]
            try:
                line = self._connect(address, target.port, deadline.remaining() / left)
            except OSError:
                continue
            try:
                deadline.watch(line)
                return self._encrypted(line, target.host) if target.scheme == "https" else line
            except BaseException:
                line.close()
                raise
        deadline.remaining()
        raise FetchFailed("The connection to the host of the URL failed.")

    def _encrypted(self, line: socket.socket, host: str) -> ssl.SSLSocket:
        """A TLS connection over `line`, whose certificate is valid for `host`."""
        return self._trust.wrap_socket(line, server_hostname=host)

    def _redirected(self, target: Target, location: str) -> Target:
        try:
            return target_of(urljoin(target.url, location), self._settings)
        except (BadParameter, ValueError):
            raise FetchFailed("The URL redirects to an invalid URL.") from None

    def _image(self, response: urllib3.BaseHTTPResponse, deadline: TransferDeadline, most: int) -> bytes:
        """The body of a response that may be an image."""
        if response.status != http.client.OK:
            raise FetchFailed(f"The host of the URL answered with status {response.status}.")
        mimetype = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if mimetype and not mimetype.startswith("image/") and mimetype not in _TYPES_OF_ANYTHING:
            raise NotAnImage(
                "The URL does not lead to an image: its Content-Type is neither image/* nor"
                " application/octet-stream."
            )
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchFailed("The host of the URL sends the image compressed, though it was asked not to.")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > most:
            raise TooLarge.in_bytes(most)
        image = bytearray()
        while block := response.read1(_BLOCK_BYTES, decode_content=False):  # whatever has arrived
            deadline.count(len(block))
            image += block
            if len(image) > most:
                raise TooLarge.in_bytes(most)
        return bytes(image)


@contextmanager
def _told_to_the_caller(deadline: TransferDeadline) -> Iterator[None]:
    """Replace network errors by errors whose messages the caller may see."""
    try:
        yield
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError) as error:
        deadline.remaining()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise FetchFailed("The host of the URL has no valid certificate.") from None
        raise FetchFailed("The connection to the host of the URL broke off.") from None
