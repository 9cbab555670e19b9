"""measure: what each segment measures, in every answer that can tell it."""

from __future__ import annotations

import base64
import csv
import io
import json

import numpy as np
import pytest
from asking import URL, assert_problem, post
from flask.testing import FlaskClient
from tiffs import tiff_of

from model.pictures import decode_reduced, whole


@pytest.fixture(scope="module")
def deep() -> bytes:
    """A 16-bit picture of 64 x 48 pixels."""
    return tiff_of(np.random.default_rng(1).integers(100, 3000, (48, 64, 1)).astype(np.uint16))


def test_without_measure_nothing_is_measured(client: FlaskClient, png: bytes) -> None:
    answer = post(client, png).get_json()

    assert list(answer) == ["request_id", "model", "image", "segments", "timings_ms"]
    assert list(answer["segments"][0]) == ["id", "class", "class_id", "score", "box", "area", "mask"]


def test_shape_and_intensity_are_measured_in_the_files_own_values(client: FlaskClient, deep: bytes) -> None:
    answer = post(client, deep, "?measure=shape,intensity").get_json()
    cell, fibre = answer["segments"]

    assert answer["measured"] == {"unit": "px"}
    measures = cell["measures"]
    assert list(measures) == list(fibre["measures"])
    assert measures["area"] == cell["area"] == 24  # 4 x 6 pixels
    assert measures["perimeter"] == 16
    assert measures["touches_border"] == 0
    values = decode_reduced(deep, whole, keeps_values=True).values
    assert values is not None
    assert measures["intensity_mean"] == pytest.approx(values[2:8, 1:5].mean())
    assert measures["integrated_intensity"] == values[2:8, 1:5].sum()


@pytest.mark.parametrize("group", ["shape", "intensity"])
def test_one_group_may_be_measured_alone(client: FlaskClient, png: bytes, group: str) -> None:
    measures = post(client, png, f"?measure={group}").get_json()["segments"][0]["measures"]

    assert ("perimeter" in measures) == (group == "shape")
    assert ("intensity_mean-2" in measures) == (group == "intensity")  # a picture in colour


def test_the_pixel_size_of_a_request_makes_measures_micrometres(client: FlaskClient, png: bytes) -> None:
    answer = post(client, png, "?measure=shape&pixel_size=0.5").get_json()

    assert answer["measured"] == {"unit": "µm", "pixel_size": {"x": 0.5, "y": 0.5}}
    assert answer["segments"][0]["measures"]["area"] == 6
    assert answer["segments"][0]["area"] == 24


def test_form_json_and_batch_take_it_too(client: FlaskClient, png: bytes) -> None:
    in_form = client.post(URL, data={"image": (io.BytesIO(png), "a.png"), "measure": "shape"})
    image = base64.b64encode(png).decode()
    in_json = client.post(URL, json={"image": image, "measure": ["shape"]})
    batch = client.post("/api/v1/batch", json={"images": [{"image": image}], "measure": "shape"})

    answers = [in_form.get_json(), in_json.get_json(), batch.get_json()["results"][0]]
    assert [answer["segments"][0]["measures"]["area"] for answer in answers] == [24] * 3


def test_tables_have_a_column_for_each_with_its_unit(client: FlaskClient, png: bytes) -> None:
    text = post(client, png, "?output=csv&measure=shape,intensity&pixel_size=0.5").text
    header, cell, _ = csv.reader(io.StringIO(text))

    assert len(set(header)) == len(header)
    row = dict(zip(header, cell, strict=True))
    assert (row["area"], row["area_um2"], row["perimeter_um"]) == ("24", "6", "8")
    assert {"orientation_rad", "solidity", "touches_border", "intensity_mean-0"} <= set(header)
    assert header[:3] == ["id", "class", "class_id"]


def test_coco_and_geojson_have_them_as_properties(client: FlaskClient, png: bytes) -> None:
    coco = json.loads(post(client, png, "?output=coco&measure=shape&pixel_size=0.5").data)
    geojson = json.loads(post(client, png, "?output=geojson&measure=shape&pixel_size=0.5").data)

    assert coco["annotations"][0]["measures"]["perimeter"] == 8
    assert geojson["features"][0]["properties"]["measurements"]["perimeter_um"] == 8


def test_pictures_ignore_it(client: FlaskClient, png: bytes) -> None:
    for output in ("overlay", "labelmap"):
        measured = post(client, png, f"?output={output}&measure=shape,intensity")
        assert measured.data == post(client, png, f"?output={output}").data


@pytest.mark.parametrize("value", ["colour", "", "shape,colour"])
def test_a_group_that_does_not_exist_is_answered_with_those_that_do(
    client: FlaskClient, png: bytes, value: str
) -> None:
    problem = assert_problem(post(client, png, f"?measure={value}"), 400)

    assert f"measure must be shape or intensity, or both, not '{value}'." in problem["detail"]
