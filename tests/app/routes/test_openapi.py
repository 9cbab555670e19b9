"""/openapi.json holds: requests made up from it, right and wrong, are answered as it says."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
import schemathesis
from encoded import encode
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from stub_segmenter import NOTHING_FAMILIAR, StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.versions.version import Version
from app.versions.versions import Loaded
from model.results.segments import Segments

LAST = {"page": 0, "channel": 2}
PICTURES = [encode(12, 10, "PNG"), encode(8, 8, "JPEG"), encode(20, 10, "BMP")]

schemathesis.openapi.format(
    "image", st.sampled_from([base64.b64encode(picture).decode() for picture in PICTURES])
)
schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
OBJECTS = {
    "model": {"name": "stub", "version": "1"},
    "image": {"width": 12, "height": 10},
    "segments": [
        {
            "class": "cell",
            "class_id": 1,
            "score": 0.9,
            "box": [1, 2, 4, 6],
            "mask": [[1, 2, 5, 2, 5, 8, 1, 8]],
        }
    ],
}
schemathesis.openapi.format("objects", st.just(json.dumps(OBJECTS)))
for kind in ("image/*", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, st.sampled_from(PICTURES))


class EmptyHanded(StubSegmenter):
    """Finds nothing, in pictures unlike those that it knows; and nobody has measured how well."""

    def __init__(self) -> None:
        super().__init__("empty", quality=None, description="", known_pictures=NOTHING_FAMILIAR)

    def segment(self, *args: Any, **wishes: Any) -> Segments:
        found = super().segment(*args, **wishes)
        return Segments(found.size, found.boxes[:0], found.class_ids[:0], found.scores[:0], [])


# URLs are not fetched: no made-up request may leave this machine.
service = create_app(
    {"stub": StubSegmenter(), "empty": EmptyHanded()}, Settings(url_fetch="off", feedback="log")
)
refusals = {"expected-statuses": [400, 403, 404, 405, 413, 415, 422]}
# Texts that are constants in the code would also be sent as pictures, which the document says they are.
constants = {"constants": {"enabled": False}}
config = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": refusals}, "analysis": constants}
)
schema = schemathesis.openapi.from_wsgi("/openapi.json", service, config=config)


def fit(schema: object, named: bool = False) -> None:
    """Add what the document cannot say: which pages and channels these pictures have, a tensor's length.

    Of `page` and `projection`, which do not go together, no request has the second.

    Where the route names the model (`named`), the body names no other.
    """
    for key, value in enumerate(schema) if isinstance(schema, list) else schema.items():
        if isinstance(value, dict | list):
            fit(value, named or "{name}" in str(key))
    if not isinstance(schema, dict):
        return
    if named:
        schema.get("properties", {}).pop("model", None)
    schema.get("properties", {}).pop("projection", None)
    if isinstance(schema.get("parameters"), list):
        # Looked up only where the body has no other; the body is nearer to the image, and goes before.
        looked_up = {*LAST, "model", "classes", "projection"}
        schema["parameters"] = [
            asked
            for asked in schema["parameters"]
            if asked["in"] != "query" or asked["name"] not in looked_up
        ]
    if "multipart/form-data" in schema:  # where an empty list is nothing at all
        for name in ("classes", "draw"):
            schema["multipart/form-data"]["schema"]["properties"].get(name, {}).pop("minItems", None)
    for name, last in LAST.items():
        if isinstance(schema.get(name), dict):
            schema[name]["maximum"] = last
    if isinstance(schema.get("shape"), dict) and isinstance(schema.get("data"), dict):
        schema["shape"], schema["data"]["maxItems"] = {"const": [1]}, 1


fit(schema.raw_schema)


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_requests_made_up_from_the_document_are_answered_as_it_says(case: schemathesis.Case) -> None:
    several = any(word in case.path for word in ("batch", "predict", "infer"))
    # Of several images a bad one is refused by itself, and the answer is 200.
    excluded = [negative_data_rejection] if several else []
    if "render" in case.path:
        # The document cannot say which outputs need the picture; where none is read, any channel will do.
        excluded += [positive_data_acceptance, negative_data_rejection]
    case.call_and_validate(excluded_checks=excluded)


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
    others = {route for route, _ in routes - described if "<version>" not in route}
    for_administrators = {route for route in others if route.startswith("/v2/repository/")}
    assert others == for_people | for_administrators | {"/api/v1/traffic"}


def test_the_routes_for_administrators_are_in_the_document_where_there_are_any() -> None:
    app = create_app({"stub": StubSegmenter()}, Settings(admin_keys=("an-administrators-key",)))
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    assert set(paths["/api/v1/traffic"]) == {"get", "put"}
    for path in ("index", "models/{name}/load", "models/{name}/unload"):
        operation = paths[f"/v2/repository/{path}"]["post"]
        assert operation["security"] == [{"key": []}]
        assert "409" in operation["responses"]
    assert "security" not in paths["/api/v1/segment"]["post"]


def test_the_document_has_every_schema_that_it_refers_to(document: dict) -> None:
    referred_to = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert referred_to <= set(document["components"]["schemas"])


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


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_who_has_the_document_is_told_so_until_the_models_change(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert client.get(path).data == first.data
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get(path, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    service = client.application.extensions["maskserve"]
    service.models.versions.replace(Loaded([Version("other", StubSegmenter("other"))]))
    changed = client.get(path, headers=known)
    assert changed.status_code == 200
    assert b"other" in changed.data


def test_the_document_of_one_app_is_not_anothers(client: FlaskClient) -> None:
    other = create_app({"another": StubSegmenter("another")}).test_client()
    assert client.get("/openapi.json").data != other.get("/openapi.json").data
