"""/openapi.json holds: requests made up from it, right and wrong, are answered as it says."""

from __future__ import annotations

import base64
import re

import pytest
import schemathesis
from conftest import encode
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from stub_segmenter import StubSegmenter

from app import create_app
from app.settings import Settings

PICTURES = [encode(9, 7, "PNG"), encode(8, 8, "JPEG"), encode(1, 1, "PNG")]

schemathesis.openapi.format(
    "image", st.sampled_from([base64.b64encode(picture).decode() for picture in PICTURES])
)
schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
for kind in ("image/*", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, st.sampled_from(PICTURES))

# URLs are not fetched: no made-up request may leave this machine.
service = create_app({"stub": StubSegmenter()}, Settings(url_fetch="off"))
schema = schemathesis.openapi.from_wsgi("/openapi.json", service)


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_requests_made_up_from_the_document_are_answered_as_it_says(case: schemathesis.Case) -> None:
    case.call_and_validate()


@pytest.fixture
def document(client: FlaskClient) -> dict:
    return client.get("/openapi.json").get_json()


def test_the_document_has_every_route_that_programs_use(client: FlaskClient, document: dict) -> None:
    routes = {
        (re.sub(r"<(\w+:)?name>", "{name}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described <= routes
    for_people = {"/", "/docs", "/openapi.json", "/static/<path:filename>"}
    assert {route for route, _ in routes - described} - for_people == set()


def test_the_page_shows_every_operation(client: FlaskClient, document: dict) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}</code> {operation['summary']}" in page.text


def test_the_key_is_in_the_document_where_one_is_needed() -> None:
    keyed = create_app({"stub": StubSegmenter()}, Settings(api_keys=("0123456789abcdef",))).test_client()
    document = keyed.get("/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    assert document["paths"]["/api/v1/segment"]["post"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
