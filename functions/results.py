"""Results: where those of an image are, and what they say."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from cloud import Cloud, Object
from faults import AnotherTry, Fault
from messages import Image
from names import is_object
from service import Answer

# The try that wrote an overlay older than this has most likely died: Cloud Run ends its request after 300 s
# (--timeout), and segments.json, which it writes next, would be there. It may still wake up: see _take_over.
_LONGEST_TRY = timedelta(minutes=10)


@dataclass(frozen=True)
class Record:
    """What segments.json says: the service's answer, or why there is none.

    Attributes:
        generation: of segments.json, for who would replace it.
    """

    document: dict[str, Any]
    generation: str

    @property
    def status(self) -> str:
        return self.document["status"] if self.problem else "done"

    @property
    def problem(self) -> dict[str, Any] | None:
        return self.document.get("error")

    def is_final_for(self, event_id: str) -> bool:
        """Whether the event needs no work: it is done, or this very event has failed before.

        A failure is no answer to somebody who asks once more: the key, the parameters or the service may be
        others by now.
        """
        return not self.problem or self.document.get("event") == event_id


class Results:
    """The results of one generation of an image.

    Attributes:
        overlay, json: their gs:// URIs.
    """

    def __init__(self, cloud: Cloud, bucket: str, image: Image) -> None:
        self._cloud = cloud
        self._bucket = bucket
        self._image = image
        self._folder = f"{image.bucket}/{image.name}/{image.generation}"
        self.overlay = f"gs://{bucket}/{self._folder}/overlay.png"
        self.json = f"gs://{bucket}/{self._folder}/segments.json"

    @property
    def have_a_name(self) -> bool:
        """Whether Cloud Storage has names as long as theirs."""
        return is_object(f"{self._folder}/segments.json")

    def record(self) -> Record | None:
        """What is in segments.json, if it is there.

        Raises:
            Fault: it is not by this function.
        """
        found = self._cloud.read(self._bucket, f"{self._folder}/segments.json")
        return Record(_document_in(found[0], self.json), found[1]) if found else None

    def keep(self, answer: Answer, before: Record | None) -> Record:
        """Write the overlay, then segments.json, in place of `before`; the two are always of one answer.

        Returns what is there in the end: of tries that overlap the first one counts.

        Raises:
            AnotherTry: it is at it, or has failed meanwhile, which this one may not have.
        """
        if self._write_overlay(answer.overlay):
            return self._keep(answer.document, before)
        there = self._cloud.look_up(self._bucket, f"{self._folder}/overlay.png")
        if there is None:  # somebody has just deleted it
            return self._by_another_try()
        if datetime.now(UTC) - there.created >= _LONGEST_TRY:
            return self._take_over(there, answer, before)
        if there.md5 == _md5(answer.overlay):
            return self._keep(answer.document, before)
        return self._by_another_try()

    def _take_over(self, old: Object, answer: Answer, before: Record | None) -> Record:
        """Replace an old overlay, also by the same bytes, to be young again: no third try may replace it now.

        Cloud Run ends requests, not threads: the try that wrote it may wake up at any time, and write its
        segments.json. So this one claims the place first, and the other finds another generation there.
        """
        claim = self._write_record(self._without_result(_taken_over(), None), before)
        if claim and self._write_overlay(answer.overlay, old.generation):
            return self._keep(answer.document, claim)
        return self._by_another_try()

    def keep_fault(self, fault: Fault, event_id: str, before: Record | None) -> Record:
        """Write why there is no result to segments.json, in place of `before`."""
        return self._keep(self._without_result(fault, event_id), before)

    def _without_result(self, fault: Fault, event_id: str | None) -> dict[str, Any]:
        """What segments.json says where there is no result, for that event for good, or for none."""
        return {
            "source": self._image.uri,
            "generation": self._image.generation,
            "status": fault.status,
            "error": fault.problem,
            "event": event_id,
        }

    def _keep(self, document: dict[str, Any], before: Record | None) -> Record:
        """Returns what is there in the end: of tries that overlap the first one counts.

        Raises:
            AnotherTry: it has failed meanwhile, which this one may not have, or has claimed the place.
        """
        return self._write_record(document, before) or self._by_another_try()

    def _write_record(self, document: dict[str, Any], before: Record | None) -> Record | None:
        """None if it is another than `before` that would be replaced."""
        data = json.dumps(document, separators=(",", ":")).encode()
        name = f"{self._folder}/segments.json"
        replacing = before.generation if before else "0"
        written = self._cloud.write(self._bucket, name, data, "application/json", replacing)
        return Record(document, written) if written else None

    def _write_overlay(self, overlay: bytes, replacing: str = "0") -> bool:
        """False if it is another generation that would be replaced."""
        name = f"{self._folder}/overlay.png"
        return self._cloud.write(self._bucket, name, overlay, "image/png", replacing) is not None

    def _by_another_try(self) -> Record:
        there = self.record()
        if there is None or there.problem:
            raise AnotherTry(
                f"another try is at gs://{self._bucket}/{self._folder}, or ended there a while ago"
            )
        return there


def _taken_over() -> Fault:
    words = "A try has taken over from one that seemed dead. If this stays, it has died too: ask again."
    return Fault.of("taken-over", HTTPStatus.SERVICE_UNAVAILABLE, words)


def _md5(data: bytes) -> str:
    """As Cloud Storage says it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


def _document_in(data: bytes, uri: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    match document:
        case {"segments": list(), **rest} if not rest.get("error"):
            return document
        case {"error": {"detail": _}, "status": str()}:
            return document
    words = f"What is at {uri} is not by this function: delete it, and ask again."
    raise Fault.of("not-a-result", HTTPStatus.CONFLICT, words)
