"""Problems: the responses that the front gives in place of the service, in the service's own formats."""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus


def response_of(status: HTTPStatus, detail: str, is_for_head: bool, speaks_open_inference: bool) -> bytes:
    """A whole HTTP response that refuses a request.

    Args:
        status: of the response.
        detail: a sentence for the client.
        is_for_head: whether the request's method is HEAD, whose response has no body.
        speaks_open_inference: whether the client speaks KServe V2, whose errors have a format of their own.
            The others are as in app/answering/problems.py (RFC 9457).
    """
    request_id = uuid.uuid4().hex
    if speaks_open_inference:
        media_type = "application/json"
        problem: dict[str, object] = {"error": detail}
    else:
        media_type = "application/problem+json"
        problem = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "request_id": request_id,
        }
    body = json.dumps(problem).encode()
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
        "Connection": "close",
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *map(": ".join, headers.items()), "", ""]
    return "\r\n".join(lines).encode() + (b"" if is_for_head else body)
