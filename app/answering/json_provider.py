"""JSON of answers, by orjson: the standard library takes longer to encode 100 masks than to draw them."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider


class OrjsonProvider(JSONProvider):
    """The JSON encoder for `jsonify` and for views that return a dict."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def register(app: Flask) -> None:
    """Make `app` encode its JSON with orjson."""
    app.json = OrjsonProvider(app)
