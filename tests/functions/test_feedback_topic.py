"""Feedback through Pub/Sub, on the emulator."""

from __future__ import annotations

import time

import pytest
from asking import assert_problem
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from scripts.local_cloud import LocalCloud


def test_feedback_is_a_message_of_the_topic(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = cloud.create_topic("verdicts")
    cloud.subscribe("verdicts", topic)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", cloud.environment["PUBSUB_EMULATOR_HOST"])
    client = create_app({"stub": StubSegmenter()}, Settings(feedback=f"pubsub:{topic}")).test_client()
    said = {"request_id": "a1", "verdict": "wrong", "segments": [{"class": "cell", "box": [1, 2, 3, 4]}]}

    assert client.post("/api/v1/feedback", json=said).get_json() == {"status": "recorded"}

    deadline = time.monotonic() + 5
    while not (messages := cloud.pull("verdicts")):
        assert time.monotonic() < deadline
    (message,) = messages
    assert message.attributes == {"verdict": "wrong"}
    assert message.document["feedback"] == {"image": 0, **said}
    assert message.document["timestamp"]


def test_a_topic_that_does_not_exist_is_told_to_the_caller(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", cloud.environment["PUBSUB_EMULATOR_HOST"])
    settings = Settings(feedback="pubsub:projects/local/topics/missing")
    client = create_app({"stub": StubSegmenter()}, settings).test_client()
    response = client.post("/api/v1/feedback", json={"request_id": "a1", "verdict": "right"})
    assert_problem(response, 503)
