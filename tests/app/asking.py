"""Asking the service, and what every refusal has."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

URL = "/api/v1/segment"


def post(client: FlaskClient, data: bytes, query: str = "", **headers: str) -> TestResponse:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(URL + query, data=data, content_type="image/png", headers=headers)


def assert_problem(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert (
        "Traceback" not in response.text and "/srv/secret" not in response.text and ".py" not in response.text
    )
    return problem


def assert_inference_error(response: TestResponse, status: int) -> str:
    """What an error of the Open Inference Protocol says."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert response.headers["X-Request-Id"]
    error = response.get_json()
    assert list(error) == ["error"]
    said: str = error["error"]
    return said
