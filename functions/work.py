"""The work on one image: from its bucket through the service to its results, with all that can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from cloud import Cloud
from faults import AnotherTry, Fault, Superseded, TryAgain, not_found, too_large
from messages import Image
from results import Record, Results
from service import Service
from settings import Settings


@dataclass(frozen=True)
class Outcome:
    """How the work on an image ended, as published.

    Attributes:
        overlay, json: gs:// URIs; None if not written.
        problem: why there is no result.
    """

    image: Image
    status: str
    segments: int | None = None
    overlay: str | None = None
    json: str | None = None
    problem: dict[str, Any] | None = None

    def as_message(self) -> dict[str, Any]:
        """The message's JSON."""
        return {
            "source": self.image.uri,
            "generation": self.image.generation,
            "status": self.status,
            "segments": self.segments,
            "overlay": self.overlay,
            "json": self.json,
            "error": self.problem,
        }


class Worker:
    """Processes images."""

    def __init__(self, settings: Settings, cloud: Cloud) -> None:
        self._settings = settings
        self._cloud = cloud
        self._service = Service(settings)

    def finish(self, image: Image, event_id: str, age: timedelta) -> Outcome:
        """Write the results of `image`, or record why it has none, and publish the outcome.

        Work that is done is not repeated, only published again. So it does not matter how often an event is
        delivered, or at which point an earlier try ended.

        Args:
            image: what to segment.
            event_id: the same for each delivery of a message.
            age: of the event. Beyond MAX_AGE it is not retried, except while another try is at work.

        Raises:
            TryAgain: a temporary failure.
        """
        try:
            with self._patience(age):
                outcome = self._outcome(image, event_id, age)
        except Fault as fault:  # which could not be recorded
            outcome = Outcome(image, fault.status, problem=fault.problem)
        topic = self._settings.result_topic
        self._cloud.publish(topic, outcome.as_message(), {"status": outcome.status})
        return outcome

    def _outcome(self, image: Image, event_id: str, age: timedelta) -> Outcome:
        if image.generation is None:
            found = self._cloud.look_up(image.bucket, image.name)
            if found is None:
                raise not_found(image.uri)
            image = replace(image, generation=found.generation)
        results = Results(self._cloud, self._settings.result_bucket, image)
        if not results.have_a_name:
            words = "The object's name is too long: the names of its results would exceed 1,024 bytes."
            raise Fault.of("name-too-long", HTTPStatus.BAD_REQUEST, words)
        before = results.record()
        if before and before.is_final_for(event_id):
            return _recorded(image, results, before)
        try:
            with self._patience(age):
                answer = self._service.segment(self._read(image), image, event_id)
        except Fault as fault:
            return _recorded(image, results, results.keep_fault(fault, event_id, before))
        return _recorded(image, results, results.keep(answer, before))

    @contextmanager
    def _patience(self, age: timedelta) -> Iterator[None]:
        """Turn a temporary failure into a permanent one if the event is older than MAX_AGE.

        Not while another try is at work: that one may still publish a result.
        """
        try:
            yield
        except AnotherTry:
            raise
        except TryAgain as reason:
            if age < timedelta(seconds=self._settings.max_age):
                raise
            words = f"Gave up after MAX_AGE. Last error: {reason.description}"
            raise Fault.of("gave-up", HTTPStatus.SERVICE_UNAVAILABLE, words) from reason

    def _read(self, image: Image) -> bytes:
        most = self._settings.max_bytes
        found = self._cloud.look_up(image.bucket, image.name, image.generation)
        if found and found.size > most:
            raise too_large(most)
        read = found and self._cloud.read(image.bucket, image.name, image.generation, most)
        if read:
            return read[0]
        newest = self._cloud.look_up(image.bucket, image.name)
        if newest:
            words = f"Generation {newest.generation} replaced this one before it could be read."
            raise Superseded.of("superseded", HTTPStatus.NOT_FOUND, words)
        raise not_found(image.uri)


def _recorded(image: Image, results: Results, record: Record) -> Outcome:
    if record.problem:
        return Outcome(image, record.status, json=results.json, problem=record.problem)
    segments = len(record.document["segments"])
    return Outcome(image, record.status, segments, results.overlay, results.json)
