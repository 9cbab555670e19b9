"""Compression: sends the page, its style and its modules compressed to browsers that accept it.

They are text and take a third of the bytes. Answers with pictures and data are not compressed: pictures are
already, and data is sent once, mostly to callers near the service.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Flask, Response, request

_KINDS = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
_LEAST = 500  # bytes; headers take as much


def register(app: Flask) -> None:
    """Compress what browsers load to show a page of `app`."""

    @app.after_request
    def compress(response: Response) -> Response:
        if request.method != "GET" or response.status_code != 200 or response.mimetype not in _KINDS:
            return response
        response.vary.add("Accept-Encoding")
        if not request.accept_encodings.quality("gzip"):
            return response
        response.direct_passthrough = False  # of a file
        content = response.get_data()
        if len(content) < _LEAST:
            return response
        response.set_data(_compressed(content))
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag is not None:
            response.set_etag(etag, weak=True)  # the same text, not the same bytes
        return response


@lru_cache(maxsize=128)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
