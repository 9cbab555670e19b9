"""Vertex AI's environment: the routes that it names are there beside all others."""

from __future__ import annotations

import pytest
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import BadSetting, Settings

ROUTE = "/v1/endpoints/7/deployedModels/8"


def service(environment: dict[str, str]):
    return create_app({"stub": StubSegmenter()}, Settings.from_environment(environment)).test_client()


def test_vertex_ais_own_routes_are_obeyed_and_all_others_stay() -> None:
    client = service(
        {"AIP_HTTP_PORT": "8081", "AIP_HEALTH_ROUTE": ROUTE, "AIP_PREDICT_ROUTE": f"{ROUTE}:predict"}
    )
    assert client.get(ROUTE).status_code == client.get("/readyz").status_code == 200
    assert client.post(f"{ROUTE}:predict", json={"instances": [{}]}).get_json()["predictions"][0]["error"]
    assert client.post("/api/v1/batch", json={"images": [{}]}).status_code == 200


@pytest.mark.parametrize("name", ["AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE"])
def test_a_missing_route_variable_costs_only_that_route(name: str) -> None:
    client = service({name: "/vertex"})
    assert client.get("/readyz").status_code == 200
    assert client.get("/vertex").status_code == (200 if name == "AIP_HEALTH_ROUTE" else 405)


def test_one_path_may_be_both_routes() -> None:
    client = service({"AIP_HEALTH_ROUTE": "/vertex", "AIP_PREDICT_ROUTE": "/vertex"})
    assert client.get("/vertex").status_code == 200
    assert client.post("/vertex", json={"instances": [{}]}).status_code == 200


@pytest.mark.parametrize("route", ["/health", "/readyz", "/v2/health/ready"])
def test_a_health_route_that_is_the_same_already_is_left_be(route: str) -> None:
    assert service({"AIP_HEALTH_ROUTE": route}).get(route).get_json()["status"] == "ready"


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("AIP_HEALTH_ROUTE", "/"),
        ("AIP_HEALTH_ROUTE", "/livez"),
        ("AIP_HEALTH_ROUTE", "/static/x"),
        ("AIP_HEALTH_ROUTE", "/api/v1/models/nuclei"),
        ("AIP_PREDICT_ROUTE", "/"),
        ("AIP_PREDICT_ROUTE", "/api/v1/segment"),
    ],
)
def test_a_route_that_is_another_already_ends_the_start_and_is_named(name: str, route: str) -> None:
    with pytest.raises(BadSetting, match=f"{name}: (GET|POST) {route} is already a route of the service"):
        service({name: route})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIP_HEALTH_ROUTE", "health"),
        ("AIP_PREDICT_ROUTE", "/<path:anything>"),
        ("AIP_HTTP_PORT", "http"),
        ("AIP_STORAGE_URI", "/models/1"),
    ],
)
def test_a_bad_variable_of_vertex_ai_ends_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        service({name: value})
