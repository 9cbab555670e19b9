"""Recording: writes feedback into the log, or publishes it, as MASKSERVE_FEEDBACK says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from flask import Flask, current_app

from app.configuration.settings import Settings
from app.errors import NotFound, NotRecorded
from app.feedback.pubsub import PublishingFailed, Topic
from app.openapi.schemas import Feedback

logger = logging.getLogger(__name__)

_PUBSUB = "pubsub:"
_KIBIBYTE = 1024

_EXTENSION = "maskserve-feedback"


class Recorder(Protocol):
    """A place where feedback is recorded; `most_bytes` is the most that one may have."""

    most_bytes: int

    def record(self, feedback: Feedback) -> None:
        """Record it. Raises NotRecorded."""


class LogRecorder:
    """Writes feedback into the log, an entry each."""

    most_bytes = 200 * _KIBIBYTE  # Cloud Logging accepts 256 KiB an entry

    def record(self, feedback: Feedback) -> None:
        """Write an entry."""
        logger.info(
            "feedback %s %s", feedback.verdict, feedback.request_id, extra={"entry": _entry(feedback)}
        )


class TopicRecorder:
    """Publishes feedback to a topic of Pub/Sub, a message each."""

    most_bytes = 512 * _KIBIBYTE  # checking it takes half a second; Pub/Sub accepts 10 MB

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    def record(self, feedback: Feedback) -> None:
        """Publish a message, and wait until Pub/Sub has it. Raises NotRecorded."""
        message = {"timestamp": datetime.now(UTC).isoformat(), **_entry(feedback)}
        try:
            self._topic.publish(message, {"verdict": feedback.verdict})
        except PublishingFailed as error:
            logger.error("feedback was not published to %s: %s", self._topic.name, error)
            raise NotRecorded("The feedback could not be recorded; send it again later.") from error


def _entry(feedback: Feedback) -> dict[str, object]:
    return {"feedback": feedback.model_dump(mode="json", by_alias=True, exclude_none=True)}


class Counting:
    """Records feedback elsewhere, and counts it."""

    def __init__(self, place: Recorder, count: Callable[[str], object]) -> None:
        """`count` is called with the verdict of each that `place` has recorded."""
        self.most_bytes = place.most_bytes
        self._place = place
        self._count = count

    def record(self, feedback: Feedback) -> None:
        """Record it, then count it. Raises NotRecorded."""
        self._place.record(feedback)
        self._count(feedback.verdict)


def register(app: Flask, settings: Settings, count: Callable[[str], object]) -> None:
    """Record the feedback that `app` receives, if the settings say where; `count` is as for `Counting`."""
    recorder: Recorder | None = None
    if settings.feedback == "log":
        recorder = LogRecorder()
    elif settings.feedback.startswith(_PUBSUB):
        recorder = TopicRecorder(Topic(settings.feedback.removeprefix(_PUBSUB)))
    app.extensions[_EXTENSION] = None if recorder is None else Counting(recorder, count)


def recorder() -> Recorder:
    """Where the running app records feedback. Raises NotFound if it records none."""
    known: Recorder | None = current_app.extensions[_EXTENSION]
    if known is None:
        raise NotFound("This service takes no feedback: its operator has not set MASKSERVE_FEEDBACK.")
    return known
