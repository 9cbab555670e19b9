"""Version: one version of a model, loaded in this process; its memory is freed when no request uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.versions.signatures import digest_of
from model import malloc
from model.catalog import newness
from model.segmenter import Segmenter
from model.storage.manifest import Manifest


class Version:
    """A loaded version of a model, and the number of requests that use it (leases).

    Attributes:
        name: the model's name in this service.
        version: the version, as in its manifest.
        manifest, engine, precision, input_policy: as of its `Segmenter`; they stay known after its memory has
            been freed.
        digest: identifies its files (`digest_of`).
        newness: a sort key among the versions of a model.
    """

    def __init__(self, name: str, segmenter: Segmenter) -> None:
        self.name = name
        self.manifest: Manifest = segmenter.bundle.manifest
        self.version = str(self.manifest.version)
        self.engine, self.precision = segmenter.engine, segmenter.precision
        self.input_policy: Mapping[str, Any] = segmenter.input_policy
        self.digest = digest_of(self.manifest)
        self.newness = newness(segmenter.bundle)
        self._segmenter: Segmenter | None = segmenter
        self._changed = threading.Condition()
        self._leases = 0
        self._is_retired = False

    @property
    def full_name(self) -> str:
        """The name and the version, as requests name it."""
        return f"{self.name}@{self.version}"

    @property
    def segmenter(self) -> Segmenter:
        """The model. Call it only while holding a lease."""
        assert self._segmenter is not None, f"{self.full_name} is used without a lease"
        return self._segmenter

    def take(self) -> bool:
        """Take a lease, to be ended by `give_back`; False if the version is retired."""
        with self._changed:
            if self._is_retired:
                return False
            self._leases += 1
            return True

    def give_back(self) -> None:
        """End a lease."""
        with self._changed:
            self._leases -= 1
            self._changed.notify_all()

    @contextmanager
    def leased(self) -> Iterator[bool]:
        """Hold a lease in the `with` block; the value is False, and there is no lease, if it is retired."""
        taken = self.take()
        try:
            yield taken
        finally:
            if taken:
                self.give_back()

    def retire(self, then: Callable[[], object] = lambda: None) -> None:
        """Grant no more leases. When the last one has ended, the memory is freed, and `then` is called.

        Returns at once: the memory is freed in a thread of its own, so that no answer waits for that.
        """
        with self._changed:
            if self._is_retired:
                return
            self._is_retired = True
        name = f"unloading {self.full_name}"
        threading.Thread(target=self._free, args=(then,), name=name, daemon=True).start()

    def _free(self, then: Callable[[], object]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._leases)
            self._segmenter = None
        malloc.trim()  # otherwise glibc would keep most of it
        then()
