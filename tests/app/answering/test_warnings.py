"""A picture unlike those that the model knows: every answer that can say so does, with what to do."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from asking import post
from flask.testing import FlaskClient
from PIL import Image
from stub_segmenter import NOTHING_FAMILIAR, StubSegmenter

from app import create_app
from app.openapi.schemas import Answer

DOUBT = "This picture does not look like those that stub was trained on (nothing that is there)."


def client_of(*names: str) -> FlaskClient:
    """A service with these models, the first of which doubts every picture."""
    models = {name: StubSegmenter(name) for name in names}
    models[names[0]] = StubSegmenter(names[0], known_pictures=NOTHING_FAMILIAR)
    return create_app(models).test_client()


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("stub",), "No model for everyday photos is loaded in this service."),
        (("stub", "more"), "To choose a suitable one of stub, more automatically, set model=auto."),
        (("stub", "coco"), "For everyday photos choose the model coco (model=coco)."),
        (("coco",), "What was found may be wrong."),  # it is the one for photos
    ],
)
def test_json_warns_of_an_unfamiliar_picture_and_says_what_to_do(
    png: bytes, names: tuple[str, ...], advice: str
) -> None:
    answer = post(client_of(*names), png).get_json()

    (warning,) = answer["warnings"]
    assert warning["code"] == "unfamiliar"
    assert warning["message"].startswith(DOUBT.replace("stub", names[0]))
    assert warning["message"].endswith(advice)
    Answer.model_validate(answer)


def test_a_familiar_picture_has_no_member_for_warnings(client: FlaskClient, png: bytes) -> None:
    assert "warnings" not in post(client, png).get_json()


def test_a_file_without_its_end_is_answered_with_a_warning(client: FlaskClient) -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 10)).save(file, "JPEG")

    answer = post(client, file.getvalue()[:-2]).get_json()

    assert [warning["code"] for warning in answer["warnings"]] == ["cut"]
    Answer.model_validate(answer)
    assert post(client, file.getvalue()[:-20]).status_code == 422


def test_of_several_models_the_one_that_answers_doubts(png: bytes) -> None:
    client = client_of("stub", "coco")
    assert "warnings" in post(client, png).get_json()
    assert "warnings" not in post(client, png, "?model=coco").get_json()


def answers(client: FlaskClient, png: bytes) -> dict[str, Any]:
    """The answer to the same picture by each interface that answers in JSON."""
    encoded = base64.b64encode(png).decode()
    batch = client.post("/api/v1/batch", json={"images": [{"image": encoded}]}).get_json()
    first = client.post("/v1/models/stub:predict", json={"instances": [{"b64": encoded}]}).get_json()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [encoded]}
    second = client.post(
        "/v2/models/stub/infer", json={"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]}
    ).get_json()
    return {
        "batch": batch["results"][0],
        "KServe V1": first["predictions"][0],
        "KServe V2": json.loads(second["outputs"][0]["data"][0]),
    }


def test_every_interface_that_answers_in_json_warns(png: bytes) -> None:
    for name, answer in answers(client_of("stub"), png).items():
        assert answer["warnings"][0]["message"].startswith(DOUBT), name


def test_the_page_without_javascript_warns_once_and_only_of_the_unfamiliar(
    client: FlaskClient, png: bytes
) -> None:
    def page(client: FlaskClient) -> str:
        return client.post("/", data={"image": (io.BytesIO(png), "a.png")}).text

    assert page(client_of("stub")).count(f'<p class="advice" role="note">{DOUBT}') == 1
    assert 'class="advice"' not in page(client)
