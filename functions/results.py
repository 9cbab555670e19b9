"""Results: where those of an image are, and what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cloud import Cloud
from faults import Fault, TryAgain
from messages import Image
from service import Answer

_LONGEST_NAME = 1024  # bytes: Cloud Storage's own limit


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
        return len(f"{self._folder}/segments.json".encode()) <= _LONGEST_NAME

    def record(self) -> Record | None:
        """What is in segments.json, if it is there."""
        found = self._cloud.read(self._bucket, f"{self._folder}/segments.json")
        return Record(json.loads(found[0]), found[1]) if found else None

    def keep(self, answer: Answer, before: Record | None) -> Record:
        """Write the overlay, unless a try before has, then segments.json, in place of `before`."""
        self._cloud.write(self._bucket, f"{self._folder}/overlay.png", answer.overlay, "image/png")
        return self._keep(answer.document, before)

    def keep_fault(self, fault: Fault, event_id: str, before: Record | None) -> Record:
        """Write why there is no result to segments.json, in place of `before`."""
        document = {
            "source": self._image.uri,
            "generation": self._image.generation,
            "status": fault.status,
            "error": fault.problem,
            "event": event_id,
        }
        return self._keep(document, before)

    def _keep(self, document: dict[str, Any], before: Record | None) -> Record:
        """Returns what is there in the end: of tries that overlap the first one counts.

        Raises:
            TryAgain: another try has failed meanwhile, which this one may not have.
        """
        data = json.dumps(document, separators=(",", ":")).encode()
        replacing = before.generation if before else "0"
        name = f"{self._folder}/segments.json"
        written = self._cloud.write(self._bucket, name, data, "application/json", replacing)
        if written:
            return Record(document, written)
        there = self.record()
        if there is None or there.problem:
            raise TryAgain(f"{self.json} was written by another try at the same time")
        return there
