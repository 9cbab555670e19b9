"""model=auto has the gates choose; MASKSERVE_GATE says what happens to pictures that no model knows."""

from __future__ import annotations

import pytest
from asking import post
from flask.testing import FlaskClient
from stub_segmenter import NOTHING_FAMILIAR, StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.openapi.schemas import Answer


def client_of(settings: Settings | None = None) -> FlaskClient:
    """A service with a model that knows no picture, and one without a gate, which has other classes."""
    models = {
        "choosy": StubSegmenter("choosy", known_pictures=NOTHING_FAMILIAR),
        "open": StubSegmenter("open", classes=["background", "person", "dog"]),
    }
    return create_app(models, settings).test_client()


def test_auto_is_answered_by_the_model_whose_gate_accepts_the_picture(png: bytes) -> None:
    response = post(client_of(), png, "?model=auto")

    answer = response.get_json()
    assert response.headers["X-Model"] == "open"
    assert (answer["model"]["name"], answer["model"]["chosen_by"]) == ("open", "gate")
    assert answer["gate"] == {"label": "person", "score": 0.9}
    assert "warnings" not in answer
    Answer.model_validate(answer)


@pytest.mark.parametrize(
    ("query", "name", "chosen_by"),
    [("", "choosy", "default"), ("?model=choosy", "choosy", "caller"), ("?model=open", "open", "caller")],
)
def test_without_auto_the_gate_judges_but_does_not_choose(
    png: bytes, query: str, name: str, chosen_by: str
) -> None:
    answer = post(client_of(), png, query).get_json()

    assert (answer["model"]["name"], answer["model"]["chosen_by"]) == (name, chosen_by)
    assert ("gate" in answer) == (name == "choosy")
    assert ("warnings" in answer) == (name == "choosy")


def test_auto_asks_only_models_that_know_the_classes_asked_for(png: bytes) -> None:
    client = client_of()

    answer = post(client, png, "?model=auto&classes=cell").get_json()
    assert (answer["model"]["name"], answer["model"]["chosen_by"]) == ("choosy", "default")
    assert answer["warnings"]
    response = post(client, png, "?model=auto&classes=house")
    assert response.status_code == 400
    detail = response.get_json()["detail"]
    assert "choosy: there is no class 'house'; there are: cell, fibre" in detail
    assert "open: there is no class 'house'; there are: person, dog" in detail


def test_the_threshold_is_for_models_that_find_objects(png: bytes) -> None:
    finds = StubSegmenter("finds", known_pictures=NOTHING_FAMILIAR)
    tells = StubSegmenter("tells", task="semantic", family="semantic")
    client = create_app({"finds": finds, "tells": tells}).test_client()

    assert post(client, png, "?model=auto&threshold=0.1").get_json()["model"]["name"] == "tells"
    assert tells.calls[-1]["threshold"] is None
    assert post(client, png, "?model=tells&threshold=0.1").status_code == 200
    assert tells.calls[-1]["threshold"] == 0.1
    assert post(client, png, "?model=finds&threshold=0.1").status_code == 200
    assert finds.calls[-1]["threshold"] == 0.1


def test_an_unfamiliar_picture_can_be_refused(png: bytes) -> None:
    client = client_of(Settings(gate="refuse"))

    response = post(client, png)
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:maskserve:unsuitable-image"
    assert "choosy was trained on" in response.get_json()["detail"]
    assert post(client, png, "?model=open").status_code == 200
    assert post(client, png, "?model=auto").get_json()["model"]["name"] == "open"


def test_gates_can_be_off(png: bytes) -> None:
    answer = post(client_of(Settings(gate="off")), png).get_json()

    assert "gate" not in answer
    assert "warnings" not in answer


def test_metrics_name_the_model_that_answered(png: bytes) -> None:
    client = client_of()
    post(client, png, "?model=auto")

    counted = client.get("/metrics").text
    assert 'model="open"' in counted
    assert 'class="person"' in counted
    assert 'model="auto"' not in counted
