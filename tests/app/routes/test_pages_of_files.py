"""Files of several pages: which was used, what else there is, and all of them as one picture."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from asking import URL, assert_problem, post
from flask.testing import FlaskClient
from PIL import Image
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.openapi.schemas import Answer
from model.results.result import Result
from model.results.segments import Segments
from tests.tiffs import tiff_of

CASES = Path(__file__).parents[4] / "shared" / "cases"


class Blind(StubSegmenter):
    """Finds nothing, in pictures of any size."""

    def predict(self, *args: Any, size: tuple[int, int], **how: Any) -> Result:
        nothing = np.empty((0, 4), np.int32)
        return Result(Segments(size, nothing, nothing[:, 0], np.empty(0, np.float32), []))


@pytest.fixture
def blind() -> FlaskClient:
    return create_app({"stub": Blind()}).test_client()


def stack(*shades: int, **options: Any) -> bytes:
    """A TIFF of flat pages of 20 x 16 pixels."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for shade in shades:
            page = np.full((16, 20), shade, np.uint8)
            writer.write(page, **{"photometric": "minisblack", "metadata": None, **options})
    return file.getvalue()


def animated(file_format: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (20, 16), (shade, 0, 0)) for shade in (50, 100, 150)]
    frames[0].save(file, file_format, save_all=True, append_images=frames[1:])
    return file.getvalue()


def case(name: str) -> bytes:
    if not CASES.is_dir():
        pytest.skip(f"{CASES} is missing: it holds files too large for the repository")
    return (CASES / name).read_bytes()


def answer_to(client: FlaskClient, data: bytes, query: str = "") -> dict[str, Any]:
    response = post(client, data, query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.get_json()
    Answer.model_validate(answer)
    return answer


def codes(answer: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in answer.get("warnings", [])]


@pytest.mark.parametrize("file_format", ["TIFF", "GIF", "PNG", "WEBP", "AVIF", "MPO"])
def test_the_answer_tells_pages_and_warns_where_none_was_named(client: FlaskClient, file_format: str) -> None:
    answer = answer_to(client, animated(file_format))

    assert answer["image"] == {"width": 20, "height": 16, "pages": 3, "page": 0, "channels": 3}
    (warning,) = answer["warnings"]
    assert warning == {
        "code": "pages",
        "message": "The file has 3 pages or frames, of which the first was used. Ask for one with page=0 to"
        " page=2, or for all with projection=max or projection=mean.",
    }


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?page=0", {"page": 0}),
        ("?page=2", {"page": 2}),
        ("?page=1&projection=none", {"page": 1}),
        ("?projection=max", {"projection": "max"}),
        ("?projection=mean", {"projection": "mean"}),
    ],
)
def test_what_was_asked_for_is_told_and_not_warned_of(
    client: FlaskClient, query: str, told: dict[str, Any]
) -> None:
    answer = answer_to(client, stack(10, 20, 30), query)

    assert answer["image"] == {"width": 20, "height": 16, "pages": 3, **told, "channels": 1}
    assert "warnings" not in answer


def test_a_projection_is_what_include_picture_shows(client: FlaskClient) -> None:
    answer = answer_to(client, stack(10, 20, 60), "?projection=mean&include=picture")

    with Image.open(io.BytesIO(base64.b64decode(answer["picture"]))) as picture:
        assert picture.getpixel((3, 3)) == (30, 30, 30)


def as_form(client: FlaskClient, data: bytes) -> Any:
    form = {"image": (io.BytesIO(data), "a.tif"), "projection": "max"}
    return client.post(URL, data=form).get_json()


def as_json(client: FlaskClient, data: bytes) -> Any:
    return client.post(URL, json={"image": in_base64(data), "projection": "max"}).get_json()


def in_batch(client: FlaskClient, data: bytes) -> Any:
    images = [{"image": in_base64(data), "projection": "max"}]
    return client.post("/api/v1/batch", json={"images": images}).get_json()["results"][0]


def by_kserve_v1(client: FlaskClient, data: bytes) -> Any:
    body = {"instances": [{"b64": in_base64(data)}], "parameters": {"projection": "max"}}
    return client.post("/v1/models/stub:predict", json=body).get_json()["predictions"][0]


def by_kserve_v2(client: FlaskClient, data: bytes) -> Any:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [in_base64(data)]}
    body = {"inputs": [tensor], "parameters": {"projection": "max"}}
    return json.loads(client.post("/v2/models/stub/infer", json=body).get_json()["outputs"][0]["data"][0])


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("ask", [as_form, as_json, in_batch, by_kserve_v1, by_kserve_v2])
def test_every_interface_takes_a_projection_and_tells_of_it(
    client: FlaskClient, ask: Callable[[FlaskClient, bytes], Any]
) -> None:
    image = ask(client, stack(10, 20))["image"]

    assert image == {"width": 20, "height": 16, "pages": 2, "projection": "max", "channels": 1}


def test_pixel_size_and_channels_are_told(client: FlaskClient) -> None:
    resolution = {"resolution": (20_000, 40_000), "resolutionunit": "CENTIMETER"}

    image = answer_to(client, stack(10, **resolution), "?channel=0")["image"]

    assert image["pixel_size"] == {"x": 0.5, "y": 0.25}
    assert image["channels"] == 1
    five = tiff_of(np.arange(5 * 16 * 20, dtype=np.uint16).reshape(16, 20, 5), planes=True)
    assert answer_to(client, five, "?channel=3")["image"]["channels"] == 5


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?page=3", "There is no page 3; the file has 3 pages: ask for 0 to 2."),
        (
            "?page=0&projection=max",
            "projection=max combines all pages: leave out page, or the projection.",
        ),
        ("?projection=median", "projection must be none, max or mean, not 'median'."),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(client: FlaskClient, query: str, detail: str) -> None:
    assert assert_problem(post(client, stack(10, 20, 30), query), 400)["detail"] == detail


def test_page_in_the_query_and_projection_in_the_body_are_refused(client: FlaskClient) -> None:
    form = {"image": (io.BytesIO(stack(1, 2)), "a.tif"), "projection": "max"}

    assert_problem(client.post(URL + "?page=1", data=form), 400)


def test_pages_of_several_sizes_have_no_projection(client: FlaskClient) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "TIFF", save_all=True, append_images=[Image.new("L", (9, 8))])

    problem = assert_problem(post(client, file.getvalue(), "?projection=max"), 400)

    assert "page 0 has 8 x 8 pixels and page 1 has 9 x 8" in problem["detail"]


def test_too_many_pixels_in_all_pages_are_refused() -> None:
    client = create_app({"stub": StubSegmenter()}, Settings(max_pixels=500)).test_client()

    assert_problem(post(client, stack(*range(12)), "?projection=mean"), 413)
    assert post(client, stack(*range(12)), "?page=11").status_code == 200


def test_the_page_without_javascript_names_the_pages(client: FlaskClient) -> None:
    page = client.post("/", data={"image": (io.BytesIO(stack(10, 20)), "a.tif")}).text

    assert "The file has 2 pages or frames, of which the first was used." in page


def test_a_stack_behind_one_directory_has_its_pages_and_the_warning(client: FlaskClient) -> None:
    file = io.BytesIO()
    slices = np.stack([np.full((16, 20), shade, np.uint8) for shade in (0, 20, 60)])
    tifffile.imwrite(file, slices, imagej=True, truncate=True)

    answer = answer_to(client, file.getvalue())
    projected = answer_to(client, file.getvalue(), "?projection=max")

    assert (answer["image"]["pages"], codes(answer)) == (3, ["pages"])
    assert (projected["image"]["pages"], codes(projected)) == (3, [])


# --- Cases that people sent


def test_a_stack_whose_first_slice_is_empty_is_told_so(client: FlaskClient) -> None:
    answer = answer_to(client, case("imagej_zstack_first_slice_empty.tif"))

    assert (answer["image"]["pages"], answer["image"]["page"]) == (3, 0)
    assert "page=" in answer["warnings"][0]["message"]


def test_the_full_picture_behind_a_thumbnail_is_used(client: FlaskClient) -> None:
    image = answer_to(client, case("thumbnail_first_full_picture_in_subifd.tif"))["image"]

    assert image == {"width": 200, "height": 160, "pages": 1, "page": 0, "channels": 1}


def test_rows_saved_as_pages_are_told_from_a_stack(blind: FlaskClient) -> None:
    answer = answer_to(blind, case("xyc_saved_as_160_pages.tif"))

    assert codes(answer) == ["rows", "pages"]
    assert "160 pages of 3 x 200 pixels" in answer["warnings"][0]["message"]
    assert "rows" in answer["warnings"][0]["message"]


@pytest.mark.parametrize(
    ("shape", "pages", "warned"),
    [
        ((200, 3), 160, True),  # Y pages of X x C
        ((3, 200), 160, True),
        ((100, 1), 20, True),  # a channel of its own
        ((256, 12), 50, True),  # many channels
        ((200, 3), 5, False),  # few pages
        ((40, 40), 60, False),  # a small stack
        ((100, 30), 60, False),
        ((8, 8), 100, False),
    ],
)
def test_many_narrow_pages_look_like_rows(
    blind: FlaskClient, shape: tuple[int, int], pages: int, warned: bool
) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(pages):
            writer.write(np.zeros(shape, np.uint8), photometric="minisblack", metadata=None)

    assert ("rows" in codes(answer_to(blind, file.getvalue(), "?page=1"))) == warned
