"""Feedback on answers: what is accepted, and what reaches the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from asking import assert_problem
from encoded import encode
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import BadSetting, Settings
from app.monitoring.logs import JsonFormatter

URL = "/api/v1/feedback"
RIGHT = {"request_id": "a1", "verdict": "right"}
MASK = {"size": [48, 64], "counts": "0P3o"}


class Lines(logging.Handler):
    """Keeps the entries that would be written to stdout."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonFormatter())
        self.entries: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entries.append(json.loads(self.format(record)))

    def feedback(self) -> list[Any]:
        return [entry["feedback"] for entry in self.entries if "feedback" in entry]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def client() -> FlaskClient:
    return create_app({"stub": StubSegmenter()}, Settings(feedback="log")).test_client()


def test_it_is_off_unless_a_setting_says_where_it_is_recorded() -> None:
    client = create_app({"stub": StubSegmenter()}).test_client()
    problem = assert_problem(client.post(URL, json=RIGHT), 404)
    assert "MASKSERVE_FEEDBACK" in problem["detail"]


@pytest.mark.parametrize(
    "said",
    [
        RIGHT,
        {"request_id": "a1", "image": 3, "verdict": "wrong", "note": "two cells are one"},
        {"request_id": "a1", "verdict": "wrong", "segments": []},  # there is nothing in the picture
        {"request_id": "a1", "verdict": "wrong", "segments": [{"class": "cell", "box": [1, 2, 3, 4.5]}]},
        {"request_id": "a1", "verdict": "wrong", "segments": [{"class": "cell", "mask": MASK}]},
        {
            "request_id": "a1",
            "verdict": "wrong",
            "segments": [{"class": "cell", "mask": [[0, 0, 9, 0, 5, 5]]}],
        },
    ],
)
def test_what_is_said_is_a_line_of_the_log(client: FlaskClient, lines: Lines, said: dict[str, Any]) -> None:
    response = client.post(URL, json=said)
    assert (response.status_code, response.get_json()) == (200, {"status": "recorded"})
    assert lines.feedback() == [{"image": 0, **said}]


def test_it_is_counted_by_verdict_once_it_is_recorded(client: FlaskClient) -> None:
    def counted() -> list[str]:
        lines = client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith("maskserve_feedback_total{")]

    assert counted() == [f'maskserve_feedback_total{{verdict="{one}"}} 0.0' for one in ("right", "wrong")]
    client.post(URL, json={**RIGHT, "verdict": "wrong"})
    client.post(URL, json={**RIGHT, "verdict": "perhaps"})
    assert counted()[1] == 'maskserve_feedback_total{verdict="wrong"} 1.0'


def test_an_answer_can_be_sent_back_corrected(client: FlaskClient, lines: Lines, png: bytes) -> None:
    answer = client.post("/api/v1/segment", data=png, content_type="image/png").get_json()
    corrected = [{**answer["segments"][0], "class": "fibre"}]
    said = {"request_id": answer["request_id"], "verdict": "wrong", "segments": corrected}
    assert client.post(URL, json=said).status_code == 200
    assert lines.feedback()[0]["segments"] == corrected


def test_the_log_tells_the_image_of_a_batch_by_its_number(
    client: FlaskClient, lines: Lines, png: bytes
) -> None:
    form = {"image": [(io.BytesIO(data), "x.png") for data in (b"no picture", png, png)]}
    client.post("/api/v1/batch", data=form)
    numbers = [image.get("image", 0) for image in lines.entries[-1]["images"] if "segments" in image]
    assert numbers == [1, 2]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "request_id is missing. verdict is missing."),
        ({"request_id": "a b", "verdict": "right"}, "request_id must be that of an answer"),
        ({"request_id": "a\n", "verdict": "right"}, "request_id must be that of an answer"),
        (
            {"request_id": "a", "verdict": "maybe"},
            "verdict is not as it should be: input should be 'right' or",
        ),
        ({**RIGHT, "image": -1}, "image is not as it should be"),
        ({**RIGHT, "image": True}, "image is not as it should be"),
        ({**RIGHT, "note": "x" * 1001}, "at most 1000 characters"),
        (
            {**RIGHT, "picture": "aGk="},
            "There is no member picture; the members are request_id, image, verdict",
        ),
        ({**RIGHT, "segments": [{"class": "cell"}]}, "segments[0] is incomplete: it needs a box or a mask"),
        ({**RIGHT, "segments": [{"box": [1, 2, 3, 4]}]}, "segments[0].class is missing"),
        ({**RIGHT, "segments": [{"class": "a", "box": [1, 2]}]}, "segments[0].box is not as it should be"),
        # A PNG may be any picture.
        (
            {**RIGHT, "segments": [{"class": "a", "mask": "iVBORw0KGgo="}]},
            "segments[0].mask must be run lengths",
        ),
        (
            {**RIGHT, "segments": [{"class": "a", "mask": [["x"] * 9]}]},
            "segments[0].mask must be run lengths",
        ),
        (
            {**RIGHT, "segments": [{"class": "a", "mask": MASK, "shade": 1}]},
            "no member segments[0].shade; the",
        ),
        (["right"], 'must be a JSON object, as in {"request_id"'),
    ],
)
def test_what_is_wrong_with_it_is_said(client: FlaskClient, lines: Lines, said: Any, words: str) -> None:
    assert words in assert_problem(client.post(URL, json=said), 400)["detail"]
    assert not lines.feedback()


def test_no_part_of_a_picture_reaches_the_log(client: FlaskClient, lines: Lines) -> None:
    picture = encode(16, 16, "PNG")
    assert_problem(client.post(URL, data=picture, content_type="image/png"), 415)
    assert_problem(client.post(URL, data=b"hello"), 415)
    assert not lines.feedback()


def test_too_much_is_refused(client: FlaskClient) -> None:
    said = {**RIGHT, "segments": [{"class": "cell", "mask": {**MASK, "counts": "0" * 210_000}}]}
    assert "204,800 bytes" in assert_problem(client.post(URL, json=said), 413)["detail"]


def test_more_segments_fit_than_a_request_with_a_picture_may_have_parts(client: FlaskClient) -> None:
    segments = [{"class": "cell", "box": [1, 2, 3, 4], "mask": MASK}] * 2000
    assert client.post(URL, json={**RIGHT, "segments": segments}).status_code == 200


def test_it_needs_a_key_where_keys_are_set_and_may_come_from_shared_pages() -> None:
    settings = Settings(feedback="log", api_keys=("0123456789abcdef",), cors_origins=("https://lab.example",))
    client = create_app({"stub": StubSegmenter()}, settings).test_client()
    assert_problem(client.post(URL, json=RIGHT), 401)
    headers = {"X-API-Key": "0123456789abcdef", "Origin": "https://lab.example"}
    response = client.post(URL, json=RIGHT, headers=headers)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://lab.example"


@pytest.mark.parametrize("text", ["on", "pubsub:verdicts", "pubsub:projects/p/subscriptions/s", ""])
def test_a_bad_setting_says_what_is_allowed(text: str) -> None:
    with pytest.raises(
        BadSetting, match="MASKSERVE_FEEDBACK must be off, log, or pubsub:projects/PROJECT/topics"
    ):
        Settings.from_environment({"MASKSERVE_FEEDBACK": text})


def test_a_topic_that_cannot_be_reached_is_a_503_and_an_error_in_the_log(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    client = create_app(
        {"stub": StubSegmenter()}, Settings(feedback="pubsub:projects/p/topics/verdicts")
    ).test_client()
    response = client.post(URL, json=RIGHT)
    assert_problem(response, 503)
    assert response.headers["Retry-After"]
    assert 'maskserve_feedback_total{verdict="right"} 0.0' in client.get("/metrics").text
    errors = [entry["message"] for entry in lines.entries if entry["severity"] == "ERROR"]
    assert any(
        "feedback was not published to projects/p/topics/verdicts: Connection" in one for one in errors
    )
