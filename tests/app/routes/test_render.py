"""Objects that a caller has are written as any output, byte for byte as the segmentation writes them."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from asking import assert_problem, post
from encoded import encode
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from werkzeug.test import TestResponse

from app import create_app
from app.configuration.settings import Settings
from model.families.family import Turn
from model.formats.registry import FORMATS
from model.results.result import ClassMap, Result, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch

URL = "/api/v1/render"
SIZE = (90, 70)
RING = np.pad(np.zeros((10, 14), np.uint8), 4, constant_values=1)
PARTS = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1]], np.uint8).repeat(5, 0).repeat(6, 1)
SPECKS = (np.random.default_rng(1).random((30, 40)) < 0.4).astype(np.uint8)
PLACED = ((2, 3, RING), (40, 20, PARTS), (50, 40, SPECKS), (0, 0, np.ones((70, 9), np.uint8)))
EMPTY = np.zeros((3, 3), np.uint8)


class Awkward(StubSegmenter):
    """Finds objects with holes and in parts, that overlap, at edges and without a pixel; an odd class too."""

    classes = ("background", "cell", "=fibre, thin", "never seen")

    def __init__(self, task: str = "instance") -> None:
        super().__init__(task, task=task, classes=list(self.classes), family="semantic")

    def found(self) -> Segments:
        placed = (*PLACED, (60, 5, EMPTY))
        scores = [0.98766, 0.98764, 0.14504, 0.145, 0.1]
        boxes = [(x, y, x + mask.shape[1], y + mask.shape[0]) for x, y, mask in placed]
        return Segments(
            SIZE,
            np.array(boxes, np.int32),
            np.array([1, 2, 1, 2, 1], np.int32),
            np.array(scores, np.float32),
            [mask for _, _, mask in placed],
        )

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: tuple[int, int],
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        super().predict(image, wishes, size=size, stopwatch=stopwatch, turn=turn)
        segments = self.found()
        most = wishes.max_segments or len(segments)
        kept = segments.select(np.arange(min(most, len(segments))))
        return Result(kept, None, len(segments) - len(kept))


class Regions(Awkward):
    """Finds the classes of pixels, each class in several places and in parts."""

    def __init__(self) -> None:
        super().__init__("semantic")

    def predict(self, *args: Any, **how: Any) -> Result:
        super().predict(*args, **how)
        labels = np.zeros((SIZE[1], SIZE[0]), np.uint16)
        labels[5:60:7, 10:80], labels[40:, 30:] = 1, 2
        labels[50:55, 60:70] = 0
        boxes, masks = [], []
        for class_id in (2, 1):
            x, y, width, height = cv2.boundingRect((labels == class_id).astype(np.uint8))
            boxes.append((x, y, x + width, y + height))
            masks.append((labels[y : y + height, x : x + width] == class_id).astype(np.uint8))
        segments = Segments(
            SIZE,
            np.array(boxes, np.int32),
            np.array([2, 1], np.int32),
            np.array([0.91239, 0.71234], np.float32),
            masks,
        )
        return Result(segments, ClassMap(labels, {1: 0.71234, 2: 0.91239}))


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    settings = Settings(max_bytes=500_000, max_pixels=100_000, max_segments=100)
    return create_app({"instance": Awkward(), "semantic": Regions()}, settings).test_client()


@pytest.fixture(scope="module")
def png() -> bytes:
    return encode(*SIZE, "PNG")


@pytest.fixture(scope="module")
def answer(client: FlaskClient, png: bytes) -> dict[str, Any]:
    found: dict[str, Any] = post(client, png).get_json()
    return found


def render(client: FlaskClient, objects: Any, query: str = "", **parts: Any) -> TestResponse:
    text = objects if isinstance(objects, bytes) else json.dumps(objects).encode()
    files = {name: (io.BytesIO(data), f"{name}.png") for name, data in parts.items()}
    return client.post(URL + query, data={"objects": (io.BytesIO(text), "answer.json"), **files})


def same(first: TestResponse, second: TestResponse) -> bool:
    """Whether two answers are the same byte for byte; of JSON, but for what each request has of its own."""
    assert (first.status_code, second.status_code) == (200, 200)
    own = ("request_id", "timings_ms")
    if first.content_type == "application/json" and "model" in first.get_json():
        one, other = (
            {name: value for name, value in each.get_json().items() if name not in own}
            for each in (first, second)
        )
        return bool(one == other and list(first.get_json()) == list(second.get_json()))
    headers = ("Content-Type", "Content-Disposition", "X-Model", "X-Model-Version", "X-Segment-Count")
    return first.data == second.data and all(first.headers[one] == second.headers[one] for one in headers)


@pytest.mark.parametrize("model", ["instance", "semantic"])
@pytest.mark.parametrize("output", [name for name in FORMATS if name != "probability"])
def test_every_output_is_as_the_segmentation_writes_it(
    client: FlaskClient, png: bytes, model: str, output: str
) -> None:
    for sent_as in ("rle", "polygon", "png"):
        objects = post(client, png, f"?model={model}&mask_format={sent_as}").get_json()
        for how in ("mask_format=rle&pixel_size=0.5", "mask_format=polygon&fill=0.2&draw=boxes,outlines"):
            query = f"output={output}&{how}"
            own = post(client, png, f"?model={model}&{query}")
            shows = {"image": png} if FORMATS[output].shows_picture else {}
            assert same(render(client, objects, f"?{query}", **shows), own), (sent_as, how)


@pytest.mark.parametrize("chosen", ["page=1&channel=2", "page=2", "projection=max", ""])
def test_the_page_of_a_deep_tiff_is_the_one_that_was_segmented(client: FlaskClient, chosen: str) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(2).integers(100, 9000, (3, SIZE[1], SIZE[0], 3), np.uint16)
    tifffile.imwrite(file, noise, photometric="rgb")
    tiff = file.getvalue()
    objects = post(client, tiff, f"?{chosen}").get_json()
    for output in ("overlay", "cutouts", "json"):
        own = post(client, tiff, f"?output={output}&{chosen}")
        # The channel is not in the answer, so it is said again; the page is.
        again = "&".join(one for one in chosen.split("&") if one.startswith("channel"))
        assert same(render(client, objects, f"?output={output}&{again}", image=tiff), own)


@pytest.mark.parametrize("output", ["json", "csv", "coco", "geojson"])
def test_measures_are_those_of_the_segmentation(client: FlaskClient, output: str) -> None:
    file = io.BytesIO()
    deep = np.random.default_rng(3).integers(100, 60_000, (SIZE[1], SIZE[0]), np.uint16)
    tifffile.imwrite(file, deep, photometric="minisblack")
    tiff = file.getvalue()
    objects = post(client, tiff).get_json()
    query = f"?output={output}&measure=shape,intensity&pixel_size=0.5"
    assert same(render(client, objects, query, image=tiff), post(client, tiff, query))
    shapes = f"?output={output}&measure=shape"
    assert same(render(client, objects, shapes), post(client, tiff, shapes))  # without the picture


def test_measures_are_in_micrometres_if_the_answer_has_them(
    client: FlaskClient, answer: dict[str, Any]
) -> None:
    image = {**answer["image"], "pixel_size": {"x": 0.5, "y": 2}}
    found = render(client, {**answer, "image": image}, "?measure=shape").get_json()
    assert found["measured"] == {"unit": "µm", "pixel_size": {"x": 0.5, "y": 2}}
    assert found["segments"][0]["measures"]["area"] == found["segments"][0]["area"]


def test_a_truncated_answer_and_its_warnings_are_carried_over(client: FlaskClient, png: bytes) -> None:
    own = post(client, png, "?max_segments=2")
    assert own.get_json()["truncated"]
    rendered = render(client, own.get_json())
    assert same(rendered, own)
    assert rendered.headers["X-Segments-Found"] == own.headers["X-Segments-Found"] == "5"


def test_the_model_need_not_be_loaded(client: FlaskClient, answer: dict[str, Any], png: bytes) -> None:
    objects = copy.deepcopy(answer)
    objects["model"].update(name="gone", version="12")
    response = render(client, objects)
    assert response.get_json()["segments"] == answer["segments"]
    assert (response.headers["X-Model"], response.headers["X-Model-Version"]) == ("gone", "12")
    objects["segments"] = [dict(one, class_id=3, **{"class": "far"}) for one in objects["segments"]]
    categories = render(client, objects, "?output=coco").get_json()["categories"]
    assert categories == [{"id": 3, "name": "far"}]


def test_edited_and_drawn_objects_are_sorted_numbered_and_marked(
    client: FlaskClient, answer: dict[str, Any]
) -> None:
    drawn = {"class": "cell", "class_id": 1, "score": 1, "box": [10, 60, 3, 2], "edited": True}
    drawn["mask"] = [[10.2, 60.1, 13, 60.3, 12.9, 62, 10, 61.8]]
    kept = [one for one in answer["segments"] if one["id"] != 2]
    objects = {**answer, "segments": [*kept, drawn]}

    segments = render(client, objects).get_json()["segments"]
    assert [one["id"] for one in segments] == [1, 2, 3, 4, 5]
    assert [one.get("edited") for one in segments] == [True, None, None, None, None]
    assert segments[0]["area"] == 6
    rows = list(csv.DictReader(io.StringIO(render(client, objects, "?output=csv").text)))
    assert [row["edited"] for row in rows] == ["true", *["false"] * 4]


def test_files_have_the_numbers_of_the_objects(client: FlaskClient, answer: dict[str, Any]) -> None:
    kept = [one for one in answer["segments"] if one["id"] != 2]
    numbers = [one["id"] for one in kept]
    objects = {**answer, "segments": kept}

    assert [one["id"] for one in render(client, objects).get_json()["segments"]] == numbers
    rows = csv.DictReader(io.StringIO(render(client, objects, "?output=csv").text))
    assert [int(row["id"]) for row in rows] == numbers
    coco = render(client, objects, "?output=coco").get_json()
    assert [one["id"] for one in coco["annotations"]] == numbers
    labels = cv2.imdecode(
        np.frombuffer(render(client, objects, "?output=labelmap").data, np.uint8), cv2.IMREAD_UNCHANGED
    )
    seen = [number for number in numbers if number in labels]  # one has no pixels
    assert sorted(seen) == np.unique(labels)[1:].tolist() and 3 in seen
    names = zipfile.ZipFile(io.BytesIO(render(client, objects, "?output=rois").data)).namelist()
    assert [int(name.split("-")[0]) for name in names] == seen


def test_the_overlay_has_the_colours_that_are_given(
    client: FlaskClient, answer: dict[str, Any], png: bytes
) -> None:
    segments = [dict(one, colour="#ff0080") for one in answer["segments"]]
    query = "?output=overlay&fill=1&draw=none"
    overlay = render(client, {**answer, "segments": segments}, query, image=png).data
    picture = cv2.imdecode(np.frombuffer(overlay, np.uint8), cv2.IMREAD_COLOR)
    assert (picture[4, 4] == (0x80, 0, 0xFF)).all()


def test_the_objects_may_be_text_a_json_part_or_compressed(
    client: FlaskClient, answer: dict[str, Any]
) -> None:
    text = json.dumps(answer)
    as_text = client.post(URL, data={"objects": text}, content_type="multipart/form-data")
    part = io.BytesIO(text.encode())
    as_part = client.post(URL, data={"objects": (part, "blob", "application/json")})
    boundary = "0123456789"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="objects"\r\n\r\n{text}\r\n--{boundary}--\r\n'
    )
    kind = f"multipart/form-data; boundary={boundary}"
    packed = client.post(
        URL, data=gzip.compress(body.encode()), content_type=kind, headers={"Content-Encoding": "gzip"}
    )
    for response in (as_text, as_part, packed):
        assert response.get_json()["segments"] == answer["segments"]


def test_no_model_runs_and_none_is_waited_for(png: bytes) -> None:
    busy = StubSegmenter()
    client = create_app({"stub": busy}, Settings(queue=0)).test_client()
    objects = post(client, png).get_json()
    busy.may_finish.clear()
    waiting = threading.Thread(target=lambda: post(client.application.test_client(), png))
    waiting.start()
    assert busy.running.acquire(timeout=60) and busy.running.acquire(timeout=60)
    try:
        assert post(client, png).status_code == 503  # the one place is taken
        assert render(client, objects, "?output=csv").status_code == 200
        assert len(busy.calls) == 2
    finally:
        busy.may_finish.set()
        waiting.join()


def test_metrics_count_the_route_but_no_answered_image(client: FlaskClient, answer: dict[str, Any]) -> None:
    def figures() -> list[str]:
        lines = client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith("maskserve_images_answered_total")]

    before = figures()
    render(client, answer)
    assert figures() == before
    assert 'route="/api/v1/render",status="200"' in client.get("/metrics").text


# --- What is refused ---------------------------------------------------------------------------------------

Edit = Callable[[dict[str, Any]], Any]


def first(**values: Any) -> Edit:
    return lambda objects: objects["segments"][0].update(values)


def without(name: str) -> Edit:
    return lambda objects: objects["segments"][0].pop(name)


def image(**values: Any) -> Edit:
    return lambda objects: objects["image"].update(values)


BAD: dict[str, tuple[Edit, int, str]] = {
    "a huge image": (image(width=10**9, height=10**9), 413, "1,000,000,000 x 1,000,000,000 pixels"),
    "an image beyond the limit": (image(width=1000, height=101), 413, "at most 100,000 are accepted"),
    "a number as text": (first(score="0.9"), 422, "Segments[0].score is not as in an answer"),
    "a score above 1": (first(score=1.5), 422, "less than or equal to 1"),
    "a box beyond the image": (first(box=[80, 0, 22, 18]), 422, "exceeds the image of 90 x 70 pixels"),
    "an empty box": (first(box=[2, 3, 0, 18]), 422, "is empty or exceeds"),
    "a box beyond integers": (
        first(box=[2, 3, 10**30, 18]),
        422,
        "Segments[0].box[2] is not as in an answer",
    ),
    "no mask": (without("mask"), 422, "ask for the answer with mask_format rle, polygon or png"),
    "a mask of another kind": (first(mask=7), 422, "must be run lengths, a list of rings or a PNG"),
    "run lengths of another size": (first(mask={"size": [7, 9], "counts": "0"}), 422, "[70, 90]"),
    "run lengths that do not add up": (first(mask={"size": [70, 90], "counts": "T3"}), 422, "do not add up"),
    "run lengths of gigabytes": (first(mask={"size": [70, 90], "counts": "oooooo0" * 9}), 422, "add up"),
    "run lengths that break off": (first(mask={"size": [70, 90], "counts": "oooo"}), 422, "do not add up"),
    "run lengths in Chinese": (first(mask={"size": [70, 90], "counts": "长"}), 422, "do not add up"),
    "pixels outside the box": (first(box=[3, 3, 22, 18]), 422, "pixels outside its box"),
    "a ring outside the image": (first(mask=[[-9, 0, 500, 0, 500, 500]]), 422, "exceeds its box"),
    "a ring of two points": (first(mask=[[2, 3, 5, 6]]), 422, "three or more points"),
    "a ring of texts": (first(mask=[["2"] * 6]), 422, "three or more points"),
    "a ring of lists": (first(mask=[[[2], 3, 4, 5, 6, 7]]), 422, "three or more points"),
    "a ring of huge numbers": (first(mask=[[10**30] * 6]), 422, "exceeds its box"),
    "a text that is no PNG": (first(mask="AAAA"), 422, "not a PNG that can be read"),
    "two segments of one id": (first(id=2), 422, "Segments[1] has the id 2 of a segment before it"),
    "another name for a class": (first(**{"class": "dog"}), 422, "but class 1 is 'cell'"),
    "another number for a class": (first(class_id=9), 422, "but 'cell' is class 1"),
    "a class of a billion": (first(class_id=10**9, **{"class": "x"}), 422, "class_id is not as in an answer"),
    "another task": (lambda objects: objects["model"].update(task="semantic"), 422, "is instance"),
    "a name that is a path": (lambda objects: objects["model"].update(name="../x"), 422, "Model.name"),
    "a version of two lines": (lambda objects: objects["model"].update(version="1\r\nA: b"), 422, "version"),
    "no segments": (lambda objects: objects.pop("segments"), 422, "Segments is missing: send the JSON"),
    "segments that are none": (lambda objects: objects.update(segments=[None]), 422, "Segments[0]"),
    "too many segments": (
        lambda objects: objects.update(segments=[{}] * 101),
        413,
        "101 segments; at most 100",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_objects_is_said_and_the_next_request_works(
    client: FlaskClient, answer: dict[str, Any], name: str
) -> None:
    edit, status, detail = BAD[name]
    objects = copy.deepcopy(answer)
    edit(objects)
    assert detail in assert_problem(render(client, objects), status)["detail"]
    assert render(client, answer, "?output=csv").status_code == 200


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        (b"", 400, "The form has no objects"),
        (b"{", 400, "The field 'objects' is not JSON"),
        (b"[]", 422, "The objects must be a JSON object"),
        (b'{"segments": [{"score": NaN}]}', 400, "is not JSON"),
        (b"[" * 400_000, 400, "nested more than 16 levels"),
        (b"[" + b"[]," * 160_000 + b"[]]", 422, "The objects must be a JSON object"),
        (b'{"a": "' + b"x" * 500_000 + b'"}', 413, "more than 500,000 bytes"),
    ],
)
def test_what_is_no_json_of_objects_is_refused(
    client: FlaskClient, text: bytes, status: int, detail: str
) -> None:
    assert detail in assert_problem(render(client, text), status)["detail"]


def test_more_texts_and_brackets_than_objects_have_are_refused() -> None:
    client = create_app({"stub": StubSegmenter()}).test_client()
    assert "texts and brackets" in assert_problem(render(client, b"[]" * 1_100_000), 413)["detail"]


def test_boxes_that_overlap_a_thousandfold_are_refused(client: FlaskClient, answer: dict[str, Any]) -> None:
    one = {"class": "cell", "class_id": 1, "score": 0.5, "box": [0, 0, 316, 316], "mask": []}
    objects = {**answer, "image": {"width": 316, "height": 316}, "segments": [one] * 40}
    assert "at most 3,200,000" in assert_problem(render(client, objects), 413)["detail"]


def test_rings_that_run_up_and_down_for_ever_are_refused(client: FlaskClient, answer: dict[str, Any]) -> None:
    zigzag = [value for x in range(4000) for value in (x % 316, 0, x % 316, 316)]
    one = {"class": "cell", "class_id": 1, "score": 0.5, "box": [0, 0, 316, 316], "mask": [zigzag]}
    objects = {**answer, "image": {"width": 316, "height": 316}, "segments": [one]}
    assert "rows of pixels" in assert_problem(render(client, objects), 413)["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?threshold=0.5", "threshold is for /api/v1/segment"),
        ("?include=overlay", "include is for /api/v1/segment"),
        ("?output=probability", "shows the model's probabilities"),
        ("?output=overlay", "The output overlay shows the picture: send it too, in the field 'image'."),
        ("?output=cutouts", "The output cutouts shows the picture"),
        ("?measure=shape,intensity", "measure=intensity needs the values of the picture: send it too"),
        ("?measure=colour", "measure must be shape or intensity"),
        ("?fill=2", "fill must be a number from 0 to 1"),
    ],
)
def test_what_objects_cannot_give_is_refused(
    client: FlaskClient, answer: dict[str, Any], query: str, detail: str
) -> None:
    assert detail in assert_problem(render(client, answer, query), 400)["detail"]


def test_another_picture_is_refused(client: FlaskClient, answer: dict[str, Any]) -> None:
    response = render(client, answer, "?output=overlay", image=encode(64, 48, "PNG"))
    assert "The picture has 64 x 48 pixels" in assert_problem(response, 422)["detail"]


def test_a_body_that_is_no_form_is_refused(client: FlaskClient, answer: dict[str, Any]) -> None:
    problem = assert_problem(client.post(URL, json=answer), 415)
    assert "-F objects=@answer.json" in problem["detail"]


@pytest.fixture
def keyed() -> Iterator[FlaskClient]:
    settings = Settings(api_keys=("0123456789abcdef",), rate_limit="3/minute")
    with create_app({"stub": StubSegmenter()}, settings).test_client() as client:
        yield client


def test_it_needs_a_key_and_counts_towards_the_limit(keyed: FlaskClient, answer: dict[str, Any]) -> None:
    assert_problem(render(keyed, answer), 401)
    form = {"data": {"objects": json.dumps(answer)}, "content_type": "multipart/form-data"}
    key = {"X-API-Key": "0123456789abcdef"}
    statuses = [keyed.post(URL, **form, headers=key).status_code for _ in range(4)]  # type: ignore[arg-type]
    assert statuses == [200, 200, 200, 429]


def test_segments_stay_as_they_are_when_they_are_rendered_again(
    client: FlaskClient, answer: dict[str, Any]
) -> None:
    once = render(client, answer).get_json()
    assert render(client, once).get_json()["segments"] == once["segments"] == answer["segments"]


def test_marks_of_editing_survive(client: FlaskClient, answer: dict[str, Any]) -> None:
    found = Awkward().found()
    marked = replace(found, edited=np.ones(len(found), np.bool_))
    assert marked.are_edited() == [True] * len(found)
    objects = copy.deepcopy(answer)
    for one in objects["segments"]:
        one["edited"] = True
    again = render(client, render(client, objects).get_json()).get_json()
    assert all(one["edited"] for one in again["segments"])
