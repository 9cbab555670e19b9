"""A semantic model behind the interface: what its answers are, and what is refused of models of each kind."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from asking import assert_problem, post
from flask.testing import FlaskClient
from stub_segmenter import NOTHING_FAMILIAR, StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from model.families.family import Turn
from model.formats.overlay import class_colour
from model.formats.registry import FORMATS, formats_for
from model.results.result import ClassMap, Result, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch

API_PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()


class SemanticStub(StubSegmenter):
    """Finds its first class in the left third of every picture, and its last in the right third."""

    def __init__(self, classes: tuple[str, ...] = ("background", "cell", "fibre")) -> None:
        super().__init__("semantic")
        manifest = self.bundle.manifest.model_copy(update={"task": "semantic", "classes": list(classes)})
        self.bundle = SimpleNamespace(folder=Path("semantic"), manifest=manifest)

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
        width, height = size
        third = width // 3
        labels = np.zeros((height, width), np.uint16)
        classes = len(self.bundle.manifest.classes) - 1
        labels[:, :third], labels[:, -third:] = 1, classes
        segments = Segments(
            size=size,
            boxes=np.array([[0, 0, third, height], [width - third, 0, width, height]], np.int32),
            class_ids=np.array([1, classes], np.int32),
            scores=np.array([0.9, 0.8], np.float32),
            masks=[np.ones((height, third), np.uint8)] * 2,
        )
        probability = np.full((height, width), 130, np.uint8) if wishes.probability_of else None
        return Result(segments, ClassMap(labels, {1: 0.9, classes: 0.8}, probability))


@pytest.fixture
def semantic() -> SemanticStub:
    return SemanticStub()


@pytest.fixture
def asked(semantic: SemanticStub) -> FlaskClient:
    """A service with this model alone."""
    return create_app({"semantic": semantic}, Settings()).test_client()


def picture_in(data: bytes) -> npt.NDArray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


def test_a_label_map_has_the_class_of_each_pixel(asked: FlaskClient, png: bytes) -> None:
    labels = picture_in(post(asked, png, "?output=labelmap").data)

    assert labels.dtype == np.uint16
    assert (labels[:, :21] == 1).all() and (labels[:, -21:] == 2).all() and not labels[:, 21:-21].any()


def test_the_json_answer_has_a_segment_for_each_class_and_tells_the_task(
    asked: FlaskClient, png: bytes
) -> None:
    answer = post(asked, png).get_json()

    assert answer["model"]["task"] == "semantic"
    assert [(one["class"], one["area"]) for one in answer["segments"]] == [("cell", 1008), ("fibre", 1008)]


def test_the_form_is_answered_with_the_share_of_each_class_and_no_table(
    semantic: SemanticStub, png: bytes
) -> None:
    finds = StubSegmenter("finds", known_pictures=NOTHING_FAMILIAR)
    client = create_app({"finds": finds, "semantic": semantic}, Settings()).test_client()
    page = client.post("/", data={"image": (io.BytesIO(png), "picture.png")}).text

    assert "<h1>2 classes: 66 % of the picture</h1>" in page
    assert "<li>cell <strong>33 %</strong></li>" in page
    assert "Chosen automatically: semantic, which found “cell”." in page
    assert "<table" not in page and "object" not in page.split("</h1>")[1].split("<form")[0]


def test_the_overlay_and_geojson_have_a_colour_for_each_class(asked: FlaskClient, png: bytes) -> None:
    overlay = picture_in(post(asked, png, "?output=overlay").data)[..., ::-1].astype(int)
    features = post(asked, png, "?output=geojson").get_json(force=True)["features"]

    edge = [overlay[24, 20], overlay[24, 64 - 21]]  # outlines are in full colour
    for pixel, feature, class_id in zip(edge, features, (1, 2), strict=True):
        assert np.abs(pixel - class_colour(class_id)).max() < 40
        assert feature["properties"]["classification"]["color"] == list(class_colour(class_id))


@pytest.mark.parametrize("output", [one.name for one in formats_for("semantic") if one.name != "probability"])
def test_a_semantic_model_answers_in_every_format(asked: FlaskClient, png: bytes, output: str) -> None:
    assert post(asked, png, f"?output={output}").status_code == 200


def test_the_probability_of_a_class_is_a_grey_picture(
    asked: FlaskClient, semantic: SemanticStub, png: bytes
) -> None:
    response = post(asked, png, "?output=probability&classes=fibre")

    assert response.content_type == "image/png"
    assert (picture_in(response.data) == np.full((48, 64), 130, np.uint8)).all()
    assert semantic.calls[-1]["probability_of"] == "fibre"


def test_of_a_model_of_one_class_the_probability_needs_no_name(png: bytes) -> None:
    semantic = SemanticStub(("background", "person"))
    client = create_app({"semantic": semantic}, Settings()).test_client()

    assert post(client, png, "?output=probability").status_code == 200
    assert semantic.calls[-1]["probability_of"] == "person"


@pytest.mark.parametrize("classes", ["", "&classes=cell,fibre"])
def test_the_probability_of_several_classes_is_refused(
    asked: FlaskClient, semantic: SemanticStub, png: bytes, classes: str
) -> None:
    problem = assert_problem(post(asked, png, f"?output=probability{classes}"), 400)

    assert problem["detail"] == "The output probability shows one class: name one of cell, fibre."
    assert not semantic.calls


def test_split_and_least_area_reach_the_model(asked: FlaskClient, semantic: SemanticStub, png: bytes) -> None:
    assert post(asked, png, "?split=parts&min_area=50").status_code == 200
    assert post(asked, png, "?split=class").status_code == 200
    assert post(asked, png).status_code == 200

    calls = [Wishes(**call) for call in semantic.calls]
    assert calls == [Wishes(split="parts", min_area=50), Wishes(), Wishes()]


def test_a_least_area_of_what_are_no_parts_is_refused(asked: FlaskClient, png: bytes) -> None:
    for query in ("?min_area=50", "?min_area=50&split=class"):
        assert 'split "parts"' in assert_problem(post(asked, png, query), 400)["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("split=parts", "The task of the model stub is instance: split is for semantic models."),
        ("split=class", "The task of the model stub is instance: split is for semantic models."),
        ("min_area=1", "The task of the model stub is instance: min_area is for semantic models."),
        (
            "output=probability",
            "The task of the model stub is instance: the output probability is for semantic models.",
        ),
        ("split=objects", "split must be class or parts, not 'objects'."),
        ("min_area=0", "min_area must be a whole number of pixels, 1 or more, not '0'."),
    ],
)
def test_what_a_model_of_objects_cannot_give_is_refused_and_the_next_request_works(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes, query: str, detail: str
) -> None:
    assert assert_problem(post(client, png, f"?{query}"), 400)["detail"] == detail
    assert not segmenter.calls
    assert post(client, png).status_code == 200


# --- One list of formats ----------------------------------------------------------------------------------


def asked_in(service_of: FlaskClient) -> list[str]:
    """The parameters that /openapi.json has."""
    described = service_of.get("/openapi.json").get_json()
    return [one["name"] for one in described["paths"]["/api/v1/segment"]["post"]["parameters"]]


def outputs_in(service_of: FlaskClient) -> list[str]:
    described = service_of.get("/openapi.json").get_json()
    parameters = described["paths"]["/api/v1/segment"]["post"]["parameters"]
    (enum,) = (one["schema"]["enum"] for one in parameters if one["name"] == "output")
    return list(enum)


def test_the_document_has_what_the_loaded_models_can_give(client: FlaskClient, asked: FlaskClient) -> None:
    assert outputs_in(client) == [name for name in FORMATS if name != "probability"]
    assert outputs_in(asked) == list(FORMATS)
    assert not {"split", "min_area"} & set(asked_in(client))
    assert {"split", "min_area"} <= set(asked_in(asked))


def test_the_page_has_every_format_with_the_tasks_that_it_is_for(client: FlaskClient) -> None:
    """Its script offers those that suit the answer."""
    button = re.compile(r'<button type="button" data-output="(\w+)" [^>]*?data-tasks="([\w ]+)">')
    offered = [(name, tasks.split()) for name, tasks in button.findall(client.get("/").text)]
    assert offered == [(name, list(one.tasks)) for name, one in FORMATS.items()]


def test_the_documentation_names_every_format() -> None:
    (row,) = re.findall(r"^\| `output` \| (.*?) \| from `Accept`", API_PAGE, re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", row)) == set(FORMATS)
