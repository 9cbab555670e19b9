"""Sources: reads the image that a request names (base64, a URL, an object in a bucket, a path) as bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.configuration.settings import Settings
from app.errors import BadParameter, NoImage, TooLarge, TooManyImages
from app.fetching.fetch import Fetcher
from app.fetching.gcs import read_object
from app.fetching.paths import read_path
from app.fetching.transfer_deadline import TransferDeadline
from app.requests.base64_text import NotBase64, decode_base64

NAMES = ("image", "url", "gcs_uri")
"""The JSON members that can name an image, on any route; `path` exists only on /predict."""

Image = bytes | Mapping[str, Any]
"""An image file, or a mapping with the one JSON member that names the image."""


def split(document: Mapping[str, Any]) -> tuple[Image, dict[str, Any]]:
    """Split a JSON object into the members that name its image, and its parameters."""
    named = {name: value for name, value in document.items() if name in NAMES}
    return named, {name: value for name, value in document.items() if name not in NAMES}


class Sources:
    """Reads images from where the settings allow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._readers: dict[str, Callable[[str], bytes]] = {
            "image": self._decode,
            "path": lambda path: read_path(path, settings),
        }
        self._fetchers: dict[str, Callable[[str, TransferDeadline | None, int | None], bytes]] = {
            "url": Fetcher(settings).fetch,
            "gcs_uri": lambda uri, deadline, most: read_object(uri, settings, deadline, most),
        }

    def is_elsewhere(self, image: Image) -> bool:
        """Whether the image has to be fetched from another server."""
        return not isinstance(image, bytes) and not self._fetchers.keys().isdisjoint(image)

    def read(self, image: Image, deadline: TransferDeadline | None = None, most: int | None = None) -> bytes:
        """The bytes of an image file.

        Args:
            image: the bytes themselves, or an object with one of NAMES or `path`.
            deadline: for fetching from another server. Default: MASKSERVE_URL_TIMEOUT from now.
            most: the most bytes that a fetched file may have. Default: MASKSERVE_MAX_BYTES.

        Raises:
            NoImage: `image` is empty or names no image.
            TooManyImages: it names several.
            BadParameter: the value is not text, not base64, or not a valid URL or path.
            Forbidden: the settings do not allow this URL, bucket or path.
            NotFound: there is no such object or file.
            TooLarge: the file has more bytes than allowed.
            FetchFailed: the other server did not return the image.
            FetchTimedOut: the fetch took too long.
        """
        if isinstance(image, bytes):
            if not image:
                raise NoImage("The image is empty.")
            return image
        if not image:
            raise NoImage(f"The request has no image: give one of {', '.join(NAMES)}.")
        if len(image) > 1:
            raise TooManyImages(f"The request has {' and '.join(image)}: give only one of them.")
        ((kind, value),) = image.items()
        if not isinstance(value, str):
            raise BadParameter(f"{kind} must be text.")
        if kind in self._fetchers:
            return self._fetchers[kind](value, deadline, most)
        return self._readers[kind](value)

    def _decode(self, text: str) -> bytes:
        """The bytes of base64 text, bare or in a data: URL."""
        if len(text) > 2 * self._settings.max_bytes:
            raise TooLarge.in_bytes(self._settings.max_bytes)
        try:
            data = decode_base64(text)
        except NotBase64 as error:
            raise BadParameter(f"The image must be base64, or a data: URL with base64: {error}.") from error
        if not data:
            raise NoImage("The image is empty.")
        if len(data) > self._settings.max_bytes:
            raise TooLarge.in_bytes(self._settings.max_bytes)
        return data
