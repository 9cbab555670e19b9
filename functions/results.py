"""Results: where the results of an image are stored, and what they contain."""

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

# If an overlay is older than this and has no segments.json, the try that wrote it has most likely died: Cloud
# Run ends its request after 300 s (--timeout). It may still wake up: see _take_over.
_LONGEST_TRY = timedelta(minutes=10)


@dataclass(frozen=True)
class Record:
    """The content of segments.json: the service's answer, or why there is none.

    Attributes:
        generation: of segments.json, needed to replace it.
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
        """Whether the event needs no more work: the image is done, or this very event has failed before.

        A failure of an earlier event does not count: the key, the parameters or the service may have changed.
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
        """Whether their names are short enough for Cloud Storage."""
        return is_object(f"{self._folder}/segments.json")

    def record(self) -> Record | None:
        """The content of segments.json, if it exists.

        Raises:
            Fault: it was not written by this function.
        """
        found = self._cloud.read(self._bucket, f"{self._folder}/segments.json")
        return Record(_document_in(found[0], self.json), found[1]) if found else None

    def keep(self, answer: Answer, before: Record | None) -> Record:
        """Write the overlay, then segments.json, replacing `before`. Both are always of the same answer.

        Returns what is stored in the end: of overlapping tries the first one wins.

        Raises:
            AnotherTry: another try is at work, or has recorded a failure meanwhile.
        """
        if self._write_overlay(answer.overlay):
            return self._keep(answer.document, before)
        there = self._cloud.look_up(self._bucket, f"{self._folder}/overlay.png")
        if there is None:  # deleted in this moment
            return self._by_another_try()
        if datetime.now(UTC) - there.created >= _LONGEST_TRY:
            return self._take_over(there, answer, before)
        if there.md5 == _md5(answer.overlay):
            return self._keep(answer.document, before)
        return self._by_another_try()

    def _take_over(self, old: Object, answer: Answer, before: Record | None) -> Record:
        """Replace an old overlay, even by the same bytes: its new age keeps a third try from doing the same.

        Cloud Run ends requests, not threads: the try that wrote the old overlay may wake up at any time and
        write its segments.json. So this one claims segments.json first, and the other's precondition fails.
        """
        claim = self._write_record(self._without_result(_taken_over(), None), before)
        if claim and self._write_overlay(answer.overlay, old.generation):
            return self._keep(answer.document, claim)
        return self._by_another_try()

    def keep_fault(self, fault: Fault, event_id: str, before: Record | None) -> Record:
        """Record in segments.json why there is no result, replacing `before`."""
        return self._keep(self._without_result(fault, event_id), before)

    def _without_result(self, fault: Fault, event_id: str | None) -> dict[str, Any]:
        """segments.json without a result: final for the event `event_id`; None: for no event."""
        return {
            "source": self._image.uri,
            "generation": self._image.generation,
            "status": fault.status,
            "error": fault.problem,
            "event": event_id,
        }

    def _keep(self, document: dict[str, Any], before: Record | None) -> Record:
        """Write segments.json; returns what is stored in the end: of overlapping tries the first one wins.

        Raises:
            AnotherTry: another try has recorded a failure meanwhile, or has claimed segments.json.
        """
        return self._write_record(document, before) or self._by_another_try()

    def _write_record(self, document: dict[str, Any], before: Record | None) -> Record | None:
        """None if segments.json is no longer `before`."""
        data = json.dumps(document, separators=(",", ":")).encode()
        name = f"{self._folder}/segments.json"
        replacing = before.generation if before else "0"
        written = self._cloud.write(self._bucket, name, data, "application/json", replacing)
        return Record(document, written) if written else None

    def _write_overlay(self, overlay: bytes, replacing: str = "0") -> bool:
        """False if the overlay is no longer generation `replacing`."""
        name = f"{self._folder}/overlay.png"
        return self._cloud.write(self._bucket, name, overlay, "image/png", replacing) is not None

    def _by_another_try(self) -> Record:
        there = self.record()
        if there is None or there.problem:
            raise AnotherTry(
                f"another try works on gs://{self._bucket}/{self._folder}, or has ended there recently"
            )
        return there


def _taken_over() -> Fault:
    words = "A retry has taken over from a try that seemed dead. If this stays, it has died too: ask again."
    return Fault.of("taken-over", HTTPStatus.SERVICE_UNAVAILABLE, words)


def _md5(data: bytes) -> str:
    """In the format of Cloud Storage."""
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
    words = f"{uri} was not written by this function. Delete it, then send a new request."
    raise Fault.of("not-a-result", HTTPStatus.CONFLICT, words)
