"""Traffic is split among versions wherever no version is named, and changed while the service runs."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.configuration.traffic import split_in
from app.errors import Refused, ServiceError
from app.versions.traffic import SharedTraffic
from app.versions.version import Version
from app.versions.versions import Loaded
from model.storage.manifest import MANIFEST

ADMIN = {"X-API-Key": "admin-key-0123456789"}
HALVES = "stub@2=50,stub@3=50"


@pytest.fixture
def client() -> FlaskClient:
    app = create_app(
        {"stub": StubSegmenter(version="2")},
        Settings(admin_keys=(ADMIN["X-API-Key"],), traffic=split_in(HALVES), predict_route="/vertex"),
    )
    models = app.extensions["maskserve"].models
    numbers = ("2", "3", "4")
    models.versions.replace(Loaded([Version("stub", StubSegmenter(version=number)) for number in numbers]))
    return app.test_client()


def traffic_of(client: FlaskClient) -> SharedTraffic:
    traffic: SharedTraffic = client.application.extensions["maskserve"].traffic
    return traffic


def put(client: FlaskClient, **members: Any) -> tuple[int, dict[str, Any]]:
    response = client.put("/api/v1/traffic", json=members, headers=ADMIN)
    return response.status_code, response.get_json()


def model_for(client: FlaskClient, png: bytes, session: str, query: str = "") -> dict[str, Any]:
    response = client.post(
        f"/api/v1/segment{query}", data=png, content_type="image/png", headers={"X-Session": session}
    )
    found = response.get_json()["model"]
    assert response.headers["X-Model-Version"] == found["version"]
    assert response.headers.get("X-Model-Arm") == found.get("arm")
    model: dict[str, Any] = found
    return model


@pytest.mark.parametrize("query", ["", "?model=stub"])
def test_the_split_chooses_where_no_version_is_named(client: FlaskClient, png: bytes, query: str) -> None:
    models = [model_for(client, png, str(number), query) for number in range(40)]
    assert {model["version"] for model in models} == {"2", "3"}
    for model in models:
        assert model["chosen_by"] == "traffic"
        assert model["arm"] == f"stub@{model['version']}"


def test_a_named_version_always_answers(client: FlaskClient, png: bytes) -> None:
    for number in range(10):
        for version in ("2", "3", "4"):
            model = model_for(client, png, str(number), f"?model=stub@{version}")
            assert (model["version"], model["chosen_by"], "arm" in model) == (version, "caller", False)


def test_all_ways_in_give_a_caller_the_same_version(client: FlaskClient, png: bytes) -> None:
    image = base64.b64encode(png).decode()
    for number in range(8):
        headers = {"X-Session": str(number)}
        arm = model_for(client, png, str(number))["arm"]
        assert model_for(client, png, str(number), "?model=auto")["arm"] == arm
        batch = client.post(
            "/api/v1/batch", data={"image": [(io.BytesIO(png), "a"), (io.BytesIO(png), "b")]}, headers=headers
        ).get_json()["results"]
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [image]}
        v2 = client.post("/v2/models/stub/infer", json={"inputs": [tensor]}, headers=headers).get_json()
        instances = {"instances": [{"b64": image}]}
        v1 = client.post("/v1/models/stub:predict", json=instances, headers=headers).get_json()
        vertex = client.post("/vertex", json=instances, headers=headers).get_json()
        answers = [
            *batch,
            json.loads(v2["outputs"][0]["data"][0]),
            *v1["predictions"],
            *vertex["predictions"],
        ]
        assert [answer["model"]["arm"] for answer in answers] == [arm] * 5
        assert v2["model_version"] == arm.partition("@")[2]


def test_the_gates_choose_the_model_and_the_split_its_version(client: FlaskClient, png: bytes) -> None:
    model = model_for(client, png, "somebody", "?model=auto")
    assert model["chosen_by"] == "gate"
    assert model["arm"] in ("stub@2", "stub@3")


def test_without_a_split_there_is_no_arm(client: FlaskClient, png: bytes) -> None:
    assert put(client, traffic="")[0] == 200
    model = model_for(client, png, "somebody")
    assert (model["version"], model["chosen_by"], "arm" in model) == ("4", "default", False)


def test_traffic_is_shown_and_changed_and_members_left_out_stay(client: FlaskClient, png: bytes) -> None:
    expected = {"traffic": HALVES, "shadow": "", "shadow_share": 1.0, "shadows": []}
    assert client.get("/api/v1/traffic", headers=ADMIN).get_json() == expected
    assert put(client, **expected) == (200, expected)
    assert put(client, traffic="stub@4=100") == (200, {**expected, "traffic": "stub@4=100"})
    assert put(client, shadow_share=0.25) == (
        200,
        {**expected, "traffic": "stub@4=100", "shadow_share": 0.25},
    )
    assert model_for(client, png, "anybody")["arm"] == "stub@4"
    assert 'maskserve_traffic_share{model="stub",version="4"} 100.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("members", "status", "why"),
    [
        ({"traffic": "stub@2=90"}, 400, "traffic: the shares of stub add up to 90"),
        ([], 400, 'a JSON object, as in {"traffic"'),
        ({"traffic": 5}, 400, "traffic must be a text"),
        ({"trafic": HALVES}, 400, "may have only traffic, shadow and shadow_share, not trafic"),
        ({"shadow": "stub"}, 400, "shadow: 'stub' names no version"),
        ({"shadow_share": 2}, 400, "shadow_share must be a number from 0 to 1, not 2"),
        ({"shadow_share": True}, 400, "shadow_share must be a number"),
        ({"traffic": "stub@2=90,stub@9=10"}, 404, "There is no model 'stub@9'"),
        ({"shadow": "stub@9"}, 409, "stub@9 cannot be used in the shadow: there is no model"),
        ({"shadow": "other@1"}, 409, "other@1 cannot be used in the shadow: other is not served"),
    ],
)
def test_a_wrong_change_is_refused_and_nothing_changes(
    client: FlaskClient, members: Any, status: int, why: str
) -> None:
    response = client.put("/api/v1/traffic", json=members, headers=ADMIN)
    assert response.status_code == status
    assert why in response.get_json()["detail"]
    assert str(traffic_of(client).now.split) == HALVES
    assert traffic_of(client).now.shadows == ()


@pytest.fixture
def manifests(client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Manifests of the versions 3, 4 and 5 of "stub" in MASKSERVE_MODEL_DIR; 5 has other classes."""
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    classes = {"3": {}, "4": {}, "5": {"classes": ["background", "other", "cell"]}}
    for version, values in classes.items():
        manifest = StubSegmenter(version=version, config={"num_classes": 3}, **values).bundle.manifest
        folder = tmp_path / "stub" / version
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text(manifest.model_dump_json())
    return tmp_path


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"shadow": "stub@5"}, "the classes of stub@5 (background, other, cell) differ"),
        ({"traffic": "stub@3=100", "shadow": "stub@3"}, "it answers all callers of stub"),
        ({"traffic": "stub@3=100,stub@2=0", "shadow": "stub@3"}, "it answers all callers of stub"),
        ({"traffic": "", "shadow": "stub@4"}, "it answers all callers of stub"),  # the newest
    ],
)
def test_a_shadow_that_cannot_be_compared_is_refused(
    client: FlaskClient, manifests: Path, members: dict[str, str], why: str
) -> None:
    status, problem = put(client, shadow_share=0, **members)
    assert (status, why in problem["detail"]) == (409, True), problem
    assert traffic_of(client).now.shadows == ()


def test_a_version_that_answers_some_callers_can_be_the_shadow_of_the_others(
    client: FlaskClient, manifests: Path
) -> None:
    assert put(client, shadow="stub@3", shadow_share=0)[0] == 200
    assert put(client, traffic="stub@2=100", shadow="stub@4", shadow_share=0)[0] == 200


def test_a_shadow_that_answers_now_is_accepted_if_the_service_will_load_another_version(
    client: FlaskClient, manifests: Path
) -> None:
    traffic_of(client).follows = True
    assert put(client, traffic="", shadow="stub@4", shadow_share=0)[0] == 200


def test_a_version_is_not_unloaded_while_traffic_is_being_directed_to_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = traffic_of(client)
    began, goes_on = threading.Event(), threading.Event()
    prepare = traffic.prepare

    def prepare_slowly(value: Any) -> None:
        prepare(value)
        began.set()
        assert goes_on.wait(60)

    monkeypatch.setattr(traffic, "prepare", prepare_slowly)
    directing = threading.Thread(target=put, args=(client,), kwargs={"traffic": "stub@4=100"})
    directing.start()
    assert began.wait(60)
    changes = client.application.extensions["maskserve"].models.changes
    with ThreadPoolExecutor(1) as operator:
        unloading = operator.submit(changes.unload, "stub@4")
        time.sleep(0.2)  # it would have been unloaded by now
        goes_on.set()
        with pytest.raises(ServiceError):
            unloading.result()
    directing.join()
    assert str(traffic.now.split) == "stub@4=100"
    assert "4" in changes._versions.loaded.versions["stub"]


def test_traffic_is_for_administrators(client: FlaskClient) -> None:
    assert client.get("/api/v1/traffic").status_code == 401
    assert client.put("/api/v1/traffic", json={"traffic": ""}, headers={"X-API-Key": "no"}).status_code == 401
    plain = create_app({"stub": StubSegmenter()}).test_client()
    assert plain.get("/api/v1/traffic", headers=ADMIN).status_code == 404


def test_a_file_beside_the_models_is_followed_and_without_it_the_settings_apply(client: FlaskClient) -> None:
    traffic = traffic_of(client)
    traffic.follow(b'{"traffic": "stub@2=10,stub@3=90"}')
    assert str(traffic.now.split) == "stub@2=10,stub@3=90"
    for wrong in (b"{", b'{"traffic": "stub@2=10"}', b"[]"):
        with pytest.raises(ValueError):
            traffic.follow(wrong)
    assert str(traffic.now.split) == "stub@2=10,stub@3=90"
    traffic.follow(b"{}")  # what the file leaves out is none
    assert str(traffic.now.split) == ""
    traffic.follow(None)
    assert str(traffic.now.split) == HALVES


def test_callers_of_a_version_that_is_gone_get_the_usual_one(client: FlaskClient, png: bytes) -> None:
    versions = client.application.extensions["maskserve"].models.versions
    versions.replace(Loaded([Version("stub", StubSegmenter(version="2"))]))
    models = [model_for(client, png, str(number)) for number in range(20)]
    assert {model["version"] for model in models} == {"2"}
    assert {model["chosen_by"] for model in models} == {"traffic", "default"}


def test_a_version_that_traffic_goes_to_is_not_unloaded(client: FlaskClient) -> None:
    response = client.post(
        "/v2/repository/models/stub/unload", json={"parameters": {"version": "2"}}, headers=ADMIN
    )
    assert (response.status_code, "stub@2" in response.get_json()["error"]) == (409, True)


def test_what_was_loaded_for_a_change_that_fails_is_unloaded_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = traffic_of(client)
    loaded: list[str] = []

    def load(name: str) -> str:
        if name == "stub@6":
            raise Refused("it fails its self-test")
        loaded.append(name)
        return name

    monkeypatch.setattr(traffic._changes, "load", load)
    monkeypatch.setattr(traffic._changes, "unload", loaded.remove)
    status, _ = put(client, traffic="stub@5=50,stub@6=50")
    assert (status, loaded) == (409, [])


def test_a_bucket_that_cannot_be_reached_is_no_reason_to_give_up(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bring(name: str) -> None:
        raise OSError("gs://bundles/stub cannot be read")

    monkeypatch.setattr(traffic_of(client), "_bring", bring)
    status, problem = put(client, traffic="stub@2=100")
    assert (status, "cannot be fetched" in problem["detail"]) == (503, True)
