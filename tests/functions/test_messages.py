"""What a message asks for, or that it asks for nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from messages import Ignored, Image, Malformed, image_in

NOTIFIED = {
    "eventType": "OBJECT_FINALIZE",
    "bucketId": "photos",
    "objectId": "a/b.png",
    "objectGeneration": "1795289678314650",
}


def encoded(document: Any) -> dict[str, Any]:
    return {"data": base64.b64encode(json.dumps(document).encode()).decode()}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"attributes": NOTIFIED}, Image("photos", "a/b.png", "1795289678314650")),
        # a payload adds nothing, whatever it is
        ({"attributes": NOTIFIED, "data": "%%"}, Image("photos", "a/b.png", "1795289678314650")),
        (encoded({"gcs_uri": "gs://photos/a/b.png"}), Image("photos", "a/b.png")),
        (encoded({"gcs_uri": "gs://photos/ü #1?.png"}), Image("photos", "ü #1?.png")),
        ({**encoded({"gcs_uri": "gs://photos/a.png"}), "attributes": None}, Image("photos", "a.png")),
        ({**encoded({"gcs_uri": "gs://photos/a.png"}), "attributes": {"a": "b"}}, Image("photos", "a.png")),
        (
            encoded(
                {"gcs_uri": "gs://photos/a.png", "parameters": {"threshold": 0.5, "classes": ["a", "b"]}}
            ),
            Image("photos", "a.png", parameters={"threshold": 0.5, "classes": ["a", "b"]}),
        ),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": None}), Image("photos", "a.png")),
        (encoded({"gcs_uri": "gs://photos/..."}), Image("photos", "...")),
        (encoded({"gcs_uri": "gs://photos/./../a"}), Image("photos", "./../a")),
        (encoded({"gcs_uri": "gs://my.photos.example/a"}), Image("my.photos.example", "a")),
        (encoded({"gcs_uri": "gs://photos/" + "ü" * 512}), Image("photos", "ü" * 512)),
    ],
)
def test_an_image_is_named_by_a_notification_or_a_request(message: dict[str, Any], expected: Image) -> None:
    assert image_in(message) == expected


@pytest.mark.parametrize(
    "kind", ["OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE", "NEW_ONE", None]
)
def test_notifications_of_something_else_are_ignored(kind: str | None) -> None:
    with pytest.raises(Ignored, match=str(kind)):
        image_in({"attributes": {**NOTIFIED, "eventType": kind}})


@pytest.mark.parametrize(
    "message", [{"attributes": {**NOTIFIED, "objectId": "a/"}}, encoded({"gcs_uri": "gs://photos/a/"})]
)
def test_what_stands_for_a_folder_is_ignored(message: dict[str, Any]) -> None:
    with pytest.raises(Ignored, match="folder"):
        image_in(message)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({}, "data"),
        ({"data": ""}, "data"),
        ({"data": "%%"}, "data"),  # no base64
        ({"data": 5}, "data"),
        ({"data": base64.b64encode(b"\xff\x00").decode()}, "data"),  # no JSON
        ({"data": base64.b64encode(b"[" * 100_000).decode()}, "data"),  # too deep
        ({"attributes": []}, "data"),
        ({"attributes": "a"}, "attributes"),
        (encoded(None), "object"),
        (encoded([]), "object"),
        (encoded({}), "gcs_uri"),
        (encoded({"gcs_uri": 5}), "gcs_uri"),
        (encoded({"gcs_uri": "https://photos/a.png"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos/"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://../a.png"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://my..photos/a.png"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos/."}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos/.."}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos/" + "ü" * 513}), "gcs_uri"),  # 1,026 bytes
        (encoded({"gcs_uri": "gs://photos/a\nb"}), "gcs_uri"),
        (encoded({"gcs_uri": "gs://photos/\ud800"}), "data"),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": {"model": "\ud800"}}), "data"),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": 5}), "parameters"),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": {"a": {}}}), "parameters"),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": {"a": [[]]}}), "parameters"),
        (encoded({"gcs_uri": "gs://photos/a.png", "parameters": {"a": None}}), "parameters"),
        # a result of ours, by a subscription to the wrong topic
        (encoded({"source": "gs://photos/a.png", "status": "done"}), "gcs_uri"),
        *(
            ({"attributes": {name: value for name, value in NOTIFIED.items() if name != missing}}, missing)
            for missing in ("bucketId", "objectId", "objectGeneration")
        ),
        ({"attributes": {**NOTIFIED, "bucketId": "../photos"}}, "bucketId"),
        ({"attributes": {**NOTIFIED, "objectId": "."}}, "objectId"),
        ({"attributes": {**NOTIFIED, "objectId": ".."}}, "objectId"),
        ({"attributes": {**NOTIFIED, "objectId": "x" * 1025}}, "objectId"),
        ({"attributes": {**NOTIFIED, "objectGeneration": "1?alt=media"}}, "objectGeneration"),
    ],
)
def test_what_cannot_be_understood_is_malformed(message: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed, match=words):
        image_in(message)
