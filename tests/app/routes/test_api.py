"""The REST interface: what comes back, the queue, models and probes."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import zipfile

import cv2
import numpy as np
import pytest
from asking import URL, assert_problem, post
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pycocotools import mask as coco
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from model.results.result import Wishes

# --- What comes back --------------------------------------------------------------------------------------


def test_the_json_answer_is_the_contracts(client: FlaskClient, png: bytes) -> None:
    response = post(client, png)
    assert response.status_code == 200
    answer = response.get_json()
    assert list(answer) == ["request_id", "model", "image", "segments", "timings_ms"]
    assert answer["request_id"] == response.headers["X-Request-Id"]
    assert answer["model"] == {
        "name": "stub",
        "version": "1",
        "task": "instance",
        "engine": "stub",
        "precision": "f32",
        "chosen_by": "default",
    }
    assert answer["image"] == {"width": 64, "height": 48, "pages": 1, "page": 0, "channels": 3}
    assert list(answer["timings_ms"]) == ["decode", "queue", "infer", "masks", "encode"]
    cell, fibre = answer["segments"]
    assert {key: cell[key] for key in ("id", "class", "class_id", "box", "area")} == {
        "id": 1,
        "class": "cell",
        "class_id": 1,
        "box": [1, 2, 4, 6],
        "area": 24,
    }
    assert cell["score"] == pytest.approx(0.9, abs=1e-3)
    assert fibre["id"] == 2
    assert cell["mask"]["size"] == [48, 64]
    mask = coco.decode({"size": cell["mask"]["size"], "counts": cell["mask"]["counts"].encode()})
    assert mask[2:8, 1:5].sum() == mask.sum() == 24


def test_the_headers_tell_model_count_and_timings(client: FlaskClient, png: bytes) -> None:
    for query in ("", "?output=overlay"):
        headers = post(client, png, query).headers
        assert headers["X-Model"] == "stub"
        assert headers["X-Segment-Count"] == "2"
        stages = "decode", "queue", "infer", "masks", "encode"
        assert re.fullmatch(", ".join(rf"{stage};dur=\d+\.\d" for stage in stages), headers["Server-Timing"])
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_masks_can_be_left_out(client: FlaskClient, png: bytes) -> None:
    answer = post(client, png, "?mask_format=none").get_json()
    assert all("mask" not in segment for segment in answer["segments"])


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", None, "application/json"),
        ("", "*/*", "application/json"),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("", "text/plain", "application/json"),  # nothing we have: the default, as if it had not been said
        ("", "image/png", "image/png"),
        ("", "image/jpeg", "image/jpeg"),
        ("", "image/*", "image/png"),
        ("", "image/jpeg;q=0.5, application/json", "application/json"),
        ("?image_format=jpeg", "image/*", "image/jpeg"),
        ("?output=overlay", None, "image/png"),
        ("?output=overlay", "application/json", "image/png"),
        ("?output=overlay", "image/jpeg", "image/jpeg"),
        ("?output=overlay&image_format=jpeg", "image/png", "image/jpeg"),
        ("?output=overlay&image_format=webp", None, "image/webp"),
        ("", "image/webp", "image/webp"),
        ("?output=json", "image/png", "application/json"),
        ("", "text/csv", "text/csv; charset=utf-8"),
        ("", "application/geo+json", "application/geo+json"),
        ("", "application/*", "application/json"),
        ("?output=csv", "image/png", "text/csv; charset=utf-8"),
    ],
)
def test_the_output_is_as_parameters_say_else_accept_else_json(
    client: FlaskClient, png: bytes, query: str, accept: str | None, content_type: str
) -> None:
    response = post(client, png, query, **({"Accept": accept} if accept else {}))
    assert response.status_code == 200
    assert response.content_type == content_type
    if content_type.startswith("image/"):
        picture = cv2.imdecode(np.frombuffer(response.data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (48, 64, 3)


def test_the_overlay_has_what_is_asked_for(client: FlaskClient, png: bytes) -> None:
    overlay = "?output=overlay"
    plain = post(client, png, f"{overlay}&fill=0&draw=none").data
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR), picture)
    usual = post(client, png, overlay).data
    assert post(client, png, f"{overlay}&fill=0.4&draw=outlines,labels").data == usual
    assert post(client, png, f"{overlay}&draw=boxes&draw=outlines").data not in (usual, plain)


def test_a_label_map_numbers_the_segments(client: FlaskClient, png: bytes) -> None:
    response = post(client, png, "?output=labelmap")
    assert response.content_type == "image/png"
    labels = cv2.imdecode(np.frombuffer(response.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and labels.shape == (48, 64)
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_cutouts_are_a_zip_with_a_picture_for_each_segment(client: FlaskClient, png: bytes) -> None:
    response = post(client, png, "?output=cutouts")
    assert response.content_type == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="cutouts.zip"'
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.namelist() == ["0001-cell.png", "0002-fibre.png"]
        with Image.open(archive.open("0001-cell.png")) as cutout:
            assert (cutout.mode, cutout.size) == ("RGBA", (4, 6))


@pytest.mark.parametrize(
    ("output", "content_type", "name"),
    [
        ("coco", "application/json", "coco.json"),
        ("csv", "text/csv; charset=utf-8", "segments.csv"),
        ("rois", "application/zip", "rois.zip"),
        ("geojson", "application/geo+json", "segments.geojson"),
        ("training", "application/zip", "training.zip"),
    ],
)
def test_other_programs_get_files_of_their_own(
    client: FlaskClient, png: bytes, output: str, content_type: str, name: str
) -> None:
    response = post(client, png, f"?output={output}")
    assert response.status_code == 200
    assert response.content_type == content_type
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.headers["X-Segment-Count"] == "2"
    match output:
        case "coco":
            assert [one["bbox"] for one in response.get_json()["annotations"]] == [[1, 2, 4, 6], [0, 0, 3, 3]]
        case "csv":
            assert response.text.splitlines()[1] == "1,cell,1,0.9,1,2,4,6,24,3.0,5.0,5.53"
        case "rois":
            with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
                assert archive.namelist() == ["0001-cell.roi", "0002-fibre.roi"]
        case "training":
            with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
                assert json.loads(archive.read("corrections.json"))["corrections"] == []
                with Image.open(archive.open("image.png")) as picture:
                    assert (np.asarray(picture) == np.asarray(Image.open(io.BytesIO(png)))).all()
        case "geojson":
            cell, fibre = response.get_json(force=True)["features"]
            assert (cell["geometry"]["type"], fibre["geometry"]["type"]) == ("Polygon", "MultiPolygon")


def test_masks_of_coco_are_as_asked(client: FlaskClient, png: bytes) -> None:
    cell, _ = post(client, png, "?output=coco&mask_format=polygon").get_json()["annotations"]
    assert sorted(cell["segmentation"][0]) == sorted([1, 2, 5, 2, 5, 8, 1, 8])
    cell, _ = post(client, png, "?output=coco&mask_format=none").get_json()["annotations"]
    assert "segmentation" not in cell


def test_json_carries_the_overlay_where_it_is_asked_to(client: FlaskClient, png: bytes) -> None:
    answer = post(client, png, "?include=overlay&image_format=webp").get_json()
    drawn = post(client, png, "?output=overlay&image_format=webp").data
    assert base64.b64decode(answer["overlay"]) == drawn
    assert "overlay" not in post(client, png).get_json()


def test_json_carries_the_picture_as_it_was_read(client: FlaskClient) -> None:
    grey = np.arange(120, dtype=np.uint16).reshape(10, 12) + 300  # black to most programs
    ok, tiff = cv2.imencode(".tiff", grey)
    assert ok
    answer = post(client, tiff.tobytes(), "?include=picture,overlay&image_format=png").get_json()
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(answer["picture"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (10, 12, 3)
    assert (picture.min(), picture.max()) == (0, 255)
    assert "overlay" in answer


def test_a_table_is_in_micrometres_too_where_a_pixel_has_a_size(client: FlaskClient, png: bytes) -> None:
    header, cell, _ = post(client, png, "?output=csv&pixel_size=0.5").text.splitlines()
    row = dict(zip(header.split(","), cell.split(","), strict=True))
    assert (row["area"], row["area_um2"]) == ("24", "6")


@pytest.mark.parametrize("mask_format", ["rle", "polygon", "png"])
def test_masks_come_in_every_format(client: FlaskClient, png: bytes, mask_format: str) -> None:
    cell, _ = post(client, png, f"?mask_format={mask_format}").get_json()["segments"]
    match mask_format:
        case "rle":
            assert int(coco.area(cell["mask"])) == 24
        case "polygon":
            assert sorted(cell["mask"][0]) == sorted([1, 2, 5, 2, 5, 8, 1, 8])
        case "png":
            with Image.open(io.BytesIO(base64.b64decode(cell["mask"]))) as mask:
                assert mask.size == (4, 6) and np.asarray(mask).all()


def test_a_sane_request_id_is_kept_and_a_strange_one_replaced(client: FlaskClient, png: bytes) -> None:
    assert post(client, png, X_Request_Id="job-7.a_B").headers["X-Request-Id"] == "job-7.a_B"
    for strange in ("", "a b", "ä", "<script>", "x" * 129):
        replaced = post(client, png, X_Request_Id=strange).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", replaced)


def test_parameters_reach_the_model_from_query_and_form(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    form = {"image": (io.BytesIO(png), "a.png"), "classes": "cell, fibre", "max_segments": "1000"}
    assert client.post(URL + "?threshold=0.25&model=stub", data=form).status_code == 200
    assert Wishes(**segmenter.calls[-1]) == Wishes(0.25, ["cell", "fibre"], 1000)
    assert post(client, png, "?classes=cell&classes=fibre&threshold=0").status_code == 200
    assert Wishes(**segmenter.calls[-1]) == Wishes(0.0, ["cell", "fibre"])
    assert post(client, png).status_code == 200
    assert Wishes(**segmenter.calls[-1]) == Wishes()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["boat, small"], ["boat, small"]),
        (["boat, small", "car"], ["boat, small", "car"]),
        (["car, boat"], ["car", "boat"]),
        (["car,boat", "boat, small"], ["car", "boat", "boat, small"]),
        (["boat,small"], None),  # neither the one class nor two
        (["boat, small, car"], None),
    ],
)
@pytest.mark.parametrize("way", ["query", "form", "JSON"])
def test_a_class_with_a_comma_in_its_name_can_be_asked_for(
    png: bytes, way: str, given: list[str], meant: list[str] | None
) -> None:
    segmenter = StubSegmenter(classes=["background", "boat, small", "boat", "car"])
    client = create_app({"stub": segmenter}).test_client()
    match way:
        case "query":
            response = client.post(URL, data=png, content_type="image/png", query_string={"classes": given})
        case "form":
            response = client.post(URL, data={"image": (io.BytesIO(png), "a.png"), "classes": given})
        case "JSON":
            response = client.post(URL, json={"image": base64.b64encode(png).decode(), "classes": given})
    if meant:
        assert response.status_code == 200
        assert segmenter.calls[-1]["classes"] == meant
    else:
        detail = assert_problem(response, 400)["detail"]
        assert detail == "There is no class 'small'; there are: \"boat, small\", boat, car."


def test_one_text_in_json_is_read_as_in_a_query(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    body = {"image": base64.b64encode(png).decode(), "classes": "cell, fibre", "include": "overlay,picture"}
    assert {"overlay", "picture"} <= client.post(URL, json=body).get_json().keys()
    assert segmenter.calls[-1]["classes"] == ["cell", "fibre"]


@pytest.mark.parametrize(("written", "threshold"), [(".5", 0.5), ("1.", 1.0), ("5e-1", 0.5), ("0", 0.0)])
def test_a_number_may_be_written_as_people_do(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes, written: str, threshold: float
) -> None:
    assert post(client, png, f"?threshold={written}&max_segments=3.").status_code == 200
    assert (segmenter.calls[-1]["threshold"], segmenter.calls[-1]["max_segments"]) == (threshold, 3)


@pytest.mark.parametrize("field", ["image", "file"])
def test_a_form_brings_the_image_in_either_field(client: FlaskClient, png: bytes, field: str) -> None:
    assert client.post(URL, data={field: (io.BytesIO(png), "../../x.png")}).status_code == 200


@pytest.mark.parametrize("content_type", ["image/png", "image/x-whatever", "application/octet-stream"])
def test_a_raw_body_is_recognised_by_its_bytes(client: FlaskClient, png: bytes, content_type: str) -> None:
    assert client.post(URL, data=png, content_type=content_type).status_code == 200


# --- Queue ------------------------------------------------------------------------------------------------


def test_a_full_queue_is_503_with_retry_after_while_probes_answer(
    app: Flask, segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.may_finish.clear()
    statuses: list[int] = []

    def send_one() -> None:
        statuses.append(post(app.test_client(), png).status_code)

    threads = [threading.Thread(target=send_one) for _ in range(2)]  # one runs, one waits: queue=1
    for thread in threads:
        thread.start()
    assert segmenter.running.acquire(timeout=60)
    for _ in range(500):
        if "maskserve_queue_depth 1.0" in app.test_client().get("/metrics").text:
            break
        threading.Event().wait(0.01)

    refused = post(app.test_client(), png)
    assert_problem(refused, 503)
    assert int(refused.headers["Retry-After"]) >= 1
    page = app.test_client().post("/", data={"image": (io.BytesIO(png), "a.png")})
    assert page.status_code == 503 and "Retry-After" in page.headers
    for probe in ("/livez", "/readyz"):
        assert app.test_client().get(probe).status_code == 200

    segmenter.may_finish.set()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]
    assert post(app.test_client(), png).status_code == 200


# --- Models and probes ------------------------------------------------------------------------------------


def test_models_are_described(client: FlaskClient) -> None:
    (description,) = client.get("/api/v1/models").get_json()["models"]
    assert description.pop("versions") == [{"version": "1", "state": "ready"}]
    assert description == client.get("/api/v1/models/stub").get_json()
    assert set(description) == {
        "name",
        "version",
        "task",
        "description",
        "classes",
        "licence",
        "quality",
        "input",
    }
    assert "stub" in assert_problem(client.get("/api/v1/models/other"), 404)["detail"]


@pytest.mark.parametrize("probe", ["/livez", "/readyz", "/health"])
def test_probes_answer(client: FlaskClient, probe: str) -> None:
    assert client.get(probe).status_code == 200


def test_the_pictures_in_the_answers_of_a_batch_are_bounded_together(png: bytes) -> None:
    settings = Settings(max_bytes=len(png), max_batch_bytes=5 * len(png))
    client = create_app({"stub": StubSegmenter()}, settings).test_client()
    parts = {"image": [(io.BytesIO(png), f"{number}.png") for number in range(4)]}

    response = client.post("/api/v1/batch?include=overlay,picture", data=parts)

    first, second, *others = response.get_json()["results"]
    assert "overlay" in first
    assert "picture" in second
    assert [result["error"]["status"] for result in others] == [413, 413]
    assert "Send fewer images" in others[0]["error"]["detail"]
    parts = {"image": [(io.BytesIO(png), f"{number}.png") for number in range(4)]}
    results = client.post("/api/v1/batch", data=parts).get_json()["results"]
    assert not any("error" in result for result in results)
