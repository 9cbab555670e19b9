"""A JPEG larger than the model needs: decoded reduced for data, whole where it is shown, answered alike."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from encoded import encode
from flask.testing import FlaskClient
from PIL import Image
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

URL = "/api/v1/segment"


def photo(width: int, height: int, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def post(client: FlaskClient, data: bytes, query: str = "") -> TestResponse:
    return client.post(URL + query, data=data, content_type="image/jpeg")


@pytest.mark.parametrize(
    ("orientation", "width", "height", "seen"),
    [
        (1, 1000, 800, (200, 250, 3)),
        (3, 1000, 800, (200, 250, 3)),  # upside down
        (6, 800, 1000, (250, 200, 3)),  # on its side
    ],
)
def test_data_of_a_large_jpeg_is_in_the_pixels_of_the_whole_upright_picture(
    client: FlaskClient,
    segmenter: StubSegmenter,
    orientation: int,
    width: int,
    height: int,
    seen: tuple[int, ...],
) -> None:
    answer = post(client, photo(1000, 800, orientation)).get_json()

    assert answer["image"] == {"width": width, "height": height, "pages": 1, "page": 0, "channels": 1}
    assert answer["segments"][0]["mask"]["size"] == [height, width]
    assert segmenter.image_shapes == [seen]


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_an_overlay_is_drawn_over_every_pixel(
    client: FlaskClient, segmenter: StubSegmenter, image_format: str
) -> None:
    response = post(client, photo(1000, 800), f"?output=overlay&image_format={image_format}")

    picture = cv2.imdecode(np.frombuffer(response.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (800, 1000, 3)
    assert segmenter.image_shapes == [(800, 1000, 3)]


def test_the_page_shows_every_pixel(client: FlaskClient, segmenter: StubSegmenter) -> None:
    response = client.post("/", data={"image": (io.BytesIO(photo(1000, 800)), "photo.jpg")})

    assert response.status_code == 200
    assert segmenter.image_shapes == [(800, 1000, 3)]


@pytest.mark.parametrize(
    "data",
    [
        photo(200, 160),  # half would be less than the network sees
        encode(256, 128, "PNG"),
    ],
)
def test_what_cannot_be_reduced_is_decoded_whole(
    client: FlaskClient, segmenter: StubSegmenter, data: bytes
) -> None:
    answer = post(client, data).get_json()

    assert segmenter.image_shapes == [(answer["image"]["height"], answer["image"]["width"], 3)]


def test_the_pixel_limit_counts_every_pixel_and_the_next_request_works(client: FlaskClient) -> None:
    refused = post(client, photo(1001, 1000))  # the app's limit is a million

    assert refused.status_code == 413
    assert "1,001,000 pixels (1001 x 1000)" in refused.get_json()["detail"]
    assert post(client, photo(1000, 1000)).status_code == 200


def test_a_truncated_large_jpeg_is_422_and_the_next_request_works(client: FlaskClient) -> None:
    data = photo(1000, 800)

    assert post(client, data[: len(data) // 2]).status_code == 422
    assert post(client, data).status_code == 200
