"""The service with the model that ships, from upload to answer."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from pycocotools import mask as coco_mask

from app import create_app
from app.configuration.settings import Settings
from model.catalog import SHIPPED
from scripts.draw_samples import fluorescence

SAMPLE = Path(__file__).parents[2] / "app" / "static" / "samples" / "fluorescence.png"


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app().test_client()


def test_a_micrograph_comes_back_with_its_nuclei_as_data(client: FlaskClient) -> None:
    answer = client.post("/api/v1/segment", data={"image": (SAMPLE.open("rb"), "cells.png")}).get_json()
    drawn = int(fluorescence()[1].max())
    assert 0.85 * drawn <= len(answer["segments"]) <= 1.1 * drawn
    for segment in answer["segments"]:
        assert segment["class"] == "nucleus"
        assert coco_mask.area(segment["mask"]) == segment["area"]
        assert coco_mask.toBbox(segment["mask"])[2:].max() <= max(segment["box"][2:])


def test_the_page_shows_the_picture_and_lists_its_nuclei(client: FlaskClient) -> None:
    page = client.post("/", data={"image": (io.BytesIO(SAMPLE.read_bytes()), "cells.png")})
    assert page.status_code == 200
    assert "data:image/" in page.text
    assert page.text.count("<tr") > 40


@pytest.mark.parametrize("sample", sorted(SAMPLE.parent.glob("*.png")), ids=lambda path: path.stem)
def test_samples_are_answered_without_a_warning(client: FlaskClient, sample: Path) -> None:
    answer = client.post("/api/v1/segment", data={"image": (sample.open("rb"), "a.png")}).get_json()
    assert "warnings" not in answer


def test_a_picture_of_something_else_comes_back_with_a_warning(client: FlaskClient) -> None:
    beach = np.zeros((240, 320, 3), np.uint8)
    beach[:100], beach[100:150], beach[150:] = (235, 185, 130), (150, 110, 40), (150, 200, 225)  # BGR
    encoded = cv2.imencode(".jpg", beach)[1].tobytes()
    answer = client.post("/api/v1/segment", data={"image": (io.BytesIO(encoded), "a.jpg")}).get_json()
    (warning,) = answer["warnings"]
    assert warning["message"] == (
        'This picture looks like "photo", but nuclei is for "micrograph" (cell nuclei in fluorescence and '
        "stained micrographs). What was found may be wrong. To choose a suitable one of nuclei, people "
        "automatically, set model=auto."
    )


def test_the_gate_chooses_and_refuses() -> None:
    with np.load(SHIPPED / "people" / "selftest.npz") as recorded:
        portrait = cv2.imencode(".png", recorded["image"][..., ::-1])[1].tobytes()
    client = create_app(settings=Settings(gate="refuse")).test_client()

    def post(query: str, image: bytes) -> Any:
        return client.post(f"/api/v1/segment{query}", data={"image": (io.BytesIO(image), "a.png")})

    for image, name, label in ((SAMPLE.read_bytes(), "nuclei", "micrograph"), (portrait, "people", "photo")):
        answer = post("?model=auto", image).get_json()
        assert (answer["model"]["name"], answer["model"]["chosen_by"]) == (name, "gate")
        assert answer["gate"]["label"] == label
    refused = post("?model=nuclei", portrait)
    assert refused.status_code == 422
    assert 'looks like "photo", but nuclei is for "micrograph"' in refused.get_json()["detail"]
    assert post("?model=people", SAMPLE.read_bytes()).status_code == 422


def test_the_page_names_the_licence_and_source_of_each_model(client: FlaskClient) -> None:
    page = re.sub(r"</?span[^>]*>", "", client.get("/").text)
    assert "Licence: CC0-1.0." in page
    assert "IoU 0.90 on 232 pictures. Licence: Apache-2.0. Source: MediaPipe Selfie Segmentation" in page


def test_a_model_is_asked_by_its_name_and_the_first_one_without(client: FlaskClient) -> None:
    models = client.get("/api/v1/models").get_json()["models"]
    assert [model["name"] for model in models] == ["nuclei", "people"]
    for query, name in (("", "nuclei"), ("?model=people", "people")):
        answer = client.post(f"/api/v1/segment{query}", data={"image": (SAMPLE.open("rb"), "a.png")})
        assert answer.get_json()["model"]["name"] == name


def test_it_is_ready(client: FlaskClient) -> None:
    assert client.get("/readyz").status_code == 200


def test_a_precision_that_one_of_several_models_lacks_is_used_for_the_others() -> None:
    client = create_app(settings=Settings(precision="int8")).test_client()
    for model, precision in (("nuclei", "int8"), ("people", "f32")):
        data = {"image": (SAMPLE.open("rb"), "a.png")}
        answer = client.post(f"/api/v1/segment?model={model}", data=data).get_json()
        assert answer["model"]["precision"] == precision
