"""A version stays loaded as long as a request uses it, and then its memory is given back."""

from __future__ import annotations

import base64
import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.errors import ModelNotFound
from app.versions.version import Version
from app.versions.versions import Loaded, Versions


def version(number: str, name: str = "stub") -> Version:
    return Version(name, StubSegmenter(name, version=number))


def client_of(*versions: Version) -> tuple[FlaskClient, Versions]:
    app = create_app({"stub": StubSegmenter()})
    held = app.extensions["maskserve"].models.versions
    held.replace(Loaded(versions))
    return app.test_client(), held


@pytest.mark.parametrize(
    ("query", "model", "number"),
    [
        ("", "stub", "10"),  # the newest, which is not the one that sorts last as text
        ("?model=stub", "stub", "10"),
        ("?model=stub@9", "stub", "9"),
        ("?model=other@1", "other", "1"),
    ],
)
def test_a_request_gets_the_version_that_it_names_or_else_the_newest(
    png: bytes, query: str, model: str, number: str
) -> None:
    client, _ = client_of(version("9"), version("10"), version("1", "other"))

    answer = client.post(f"/api/v1/segment{query}", data=png, content_type="image/png").get_json()

    assert (answer["model"]["name"], answer["model"]["version"]) == (model, number)


def test_a_version_that_is_not_loaded_is_refused_with_those_that_are(png: bytes) -> None:
    client, _ = client_of(version("9"), version("10"))

    answer = client.post("/api/v1/segment?model=stub@11", data=png, content_type="image/png")

    assert answer.status_code == 404
    assert "stub@9, stub@10" in answer.get_json()["detail"]


def test_the_settings_decide_what_a_name_alone_means_where_they_name_versions() -> None:
    loaded = Loaded([version("1"), version("2"), version("3")], {"stub": frozenset({"1", "2"})})

    assert loaded.named("stub").version == "2"
    assert loaded.named("stub@3").version == "3"


def test_a_request_that_runs_is_finished_by_the_version_that_began_it(png: bytes) -> None:
    old, new = version("1"), version("2")
    stub = old.segmenter
    assert isinstance(stub, StubSegmenter)
    client, held = client_of(old)
    stub.may_finish.clear()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(client.post, "/api/v1/segment", data=png, content_type="image/png")
        assert stub.running.acquire(timeout=60)

        held.replace(Loaded([new]))

        later = client.application.test_client().get("/api/v1/models").get_json()["models"]
        assert [one["version"] for one in later] == ["2"]
        stub.may_finish.set()
        assert running.result(5).get_json()["model"]["version"] == "1"
    answer = client.post("/api/v1/segment", data=png, content_type="image/png").get_json()
    assert answer["model"]["version"] == "2"


def test_memory_is_given_back_when_the_last_request_ends_and_not_before() -> None:
    held, freed = Versions(), threading.Event()
    held.replace(Loaded([version("1")]))
    choice = held.lease("stub", "somebody")
    seen = weakref.ref(choice.version.segmenter)

    held.replace(Loaded([version("2")]))
    choice.version.retire(freed.set)  # again: once is enough
    time.sleep(0.05)
    gc.collect()
    assert seen() is not None

    choice.version.give_back()
    deadline = time.monotonic() + 5
    while seen() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(ModelNotFound):
        held.lease("stub@1", "somebody")


def test_a_split_chooses_where_the_caller_names_no_version(png: bytes) -> None:
    client, held = client_of(version("1"), version("2"))
    asked = []

    def split(name: str, caller: str) -> str | None:
        asked.append((name, caller))
        return "1"

    held.split = split
    post = {"data": png, "content_type": "image/png"}
    for query, number, by in (
        ("", "1", "traffic"),
        ("?model=stub", "1", "traffic"),
        ("?model=stub@2", "2", "caller"),
    ):
        model = client.post(f"/api/v1/segment{query}", **post).get_json()["model"]
        assert (model["version"], model["chosen_by"]) == (number, by)
    assert [name for name, _ in asked] == ["stub"] * 2
    assert len({caller for _, caller in asked}) == 1


@pytest.mark.parametrize(
    ("route", "version_of"),
    [
        ("/v2/models/stub@9/infer", lambda answer: answer["model_version"]),
        ("/v2/models/stub/versions/9/infer", lambda answer: answer["model_version"]),
        ("/v2/models/stub@9/versions/9/infer", lambda answer: answer["model_version"]),
        ("/v1/models/stub@9:predict", lambda answer: answer["predictions"][0]["model"]["version"]),
    ],
)
def test_kserves_routes_name_versions(png: bytes, route: str, version_of: Callable[[Any], str]) -> None:
    client, _ = client_of(version("9"), version("10"))
    picture = base64.b64encode(png).decode()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [picture]}
    bodies = {
        "v1": {"instances": [{"b64": picture}]},
        "v2": {"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]},
    }

    answer = client.post(route, json=bodies[route[1:3]])

    assert answer.status_code == 200
    assert version_of(answer.get_json()) == "9"


def test_kserve_lists_the_versions_of_a_model_and_finds_each(png: bytes) -> None:
    client, _ = client_of(version("9"), version("10"))

    assert client.get("/v2/models/stub").get_json()["versions"] == ["9", "10"]
    assert client.get("/v2/models/stub/versions/9").get_json()["versions"] == ["9"]
    assert client.get("/v2/models/stub/versions/9/ready").get_json()["ready"] is True
    assert client.get("/v1/models/stub@9").get_json()["ready"] is True
    for missing in ("/v2/models/stub/versions/8", "/v2/models/stub@9/versions/10", "/v1/models/stub@8"):
        assert client.get(missing).status_code == 404
