"""Here: what this process does about the versions that the processes have agreed on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from app.versions.bounded import TookTooLong, bounded
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model import malloc
from model.storage.manifest import BundleError

logger = logging.getLogger(__name__)

Open = Callable[[str, Path | None], Version]
"""Loads the version with a full name, and tests it; raises any exception if it cannot be served.

The folder, if it exists, has what was compiled when the version was tried out (`Trials`)."""

Agreed = dict[str, Any]
"""What the processes agree on: "models", for each model the digest of each version to load; "asked", the full
names that an operator has loaded; "unloaded", those that an operator has unloaded, with their digests."""

LOAD_SECONDS = 100.0
"""How long a process may take to load a version."""

_Key = tuple[str, str, str]  # model, version and digest


class Here:
    """Loads and frees versions in this process. This is its `Part` of the agreement.

    Attributes:
        loading: the full names of versions that are being loaded.
    """

    def __init__(
        self, versions: Versions, open_version: Open, compiled: Callable[[str], Path | None]
    ) -> None:
        """Prepare to change `versions`.

        Args:
            versions: the loaded versions.
            open_version: loads one more.
            compiled: returns the folder of what is compiled of the version with a digest.
        """
        self.loading: set[str] = set()
        self._versions = versions
        self._open = open_version
        self._compiled = compiled
        self._pinned: Mapping[str, frozenset[str]] = {}
        self._prepared: dict[_Key, Version] = {}
        self._agreed: Agreed = {"models": {}}

    def has_loaded(self, loaded: Loaded) -> Agreed:
        """Take what this process has loaded at its start; returns what it would agree on."""
        models: dict[str, dict[str, str]] = {}
        for version in loaded:
            models.setdefault(version.name, {})[version.version] = version.digest
            self._prepared[version.name, version.version, version.digest] = version
        self._pinned = loaded.pinned
        self._agreed = {"models": models, "asked": [], "unloaded": {}}
        return self._agreed

    def serve(self, loaded: Loaded) -> None:
        """Serve what was loaded, unless other processes had agreed on something."""
        if self._versions.loaded is None:
            self._prepared = {}
            self._versions.replace(loaded)

    def prepare(self, value: Agreed) -> None:
        """Load the versions that are new. Raises whatever loading raises.

        What this process could not load before, though others did, is no reason to refuse others.
        """
        lacking = self._missing(self._agreed)
        for model, version, digest in self._missing(value):
            if (model, version, digest) not in lacking:
                self.loading.add(f"{model}@{version}")
                self._prepared[model, version, digest] = self._opened(f"{model}@{version}", digest)

    def adopt(self, value: Agreed) -> None:
        """Serve exactly these versions from now on."""
        self._complete(value)
        self._agreed = value
        here = {(one.name, one.version, one.digest): one for one in self._versions.loaded or ()}
        here |= (prepared := self._prepared)
        self._prepared = {}
        self.loading.clear()
        wanted = [
            here[model, version, digest]
            for model, versions in value["models"].items()
            for version, digest in versions.items()
            if (model, version, digest) in here
        ]
        wanted += _instead(here.values(), wanted, value)
        self._versions.replace(Loaded(wanted, self._pinned))
        for version in prepared.values():
            if version not in wanted:  # loaded by a process that has just started
                version.retire()

    def discard(self) -> None:
        """Free the versions that were loaded for nothing."""
        for version in self._prepared.values():
            version.retire()
        self._prepared = {}
        self.loading.clear()
        malloc.trim()  # of what a version took that failed

    def _missing(self, value: Agreed) -> list[_Key]:
        here = {(one.name, one.version, one.digest) for one in self._versions.loaded or ()}
        here |= self._prepared.keys()
        return [
            (model, version, digest)
            for model, versions in value["models"].items()
            for version, digest in versions.items()
            if (model, version, digest) not in here
        ]

    def _complete(self, value: Agreed) -> None:
        """Load what is missing, if this process has just started, or was not asked to prepare."""
        for model, version, digest in self._missing(value):
            try:
                opened = self._opened(f"{model}@{version}", digest)
            except Exception as error:
                logger.critical(
                    "this process serves without %s@%s, which the others have: %s",
                    *(model, version, error),
                    exc_info=True,
                )
            else:
                self._prepared[model, version, digest] = opened

    def _opened(self, full_name: str, digest: str) -> Version:
        # In a thread that ends: a thread that has compiled a model keeps a megabyte of memory for each.
        try:
            opened = bounded(
                lambda: self._open(full_name, self._compiled(digest)), LOAD_SECONDS, Version.retire
            )
        except TookTooLong:
            raise BundleError(
                f"{full_name} was not loaded within {LOAD_SECONDS:g} seconds in a process of the service"
            ) from None
        if opened.digest != digest:
            opened.retire()
            raise BundleError(f"the files of {full_name} have changed while it was loaded: load it again")
        return opened


def _instead(here: Collection[Version], wanted: Collection[Version], value: Agreed) -> list[Version]:
    """What a process has of models of which it can serve nothing that was agreed; without any, all it has.

    The files of a version that the other processes have loaded may have been deleted or replaced since.
    """
    lacking = value["models"].keys() - {one.name for one in wanted}
    return [one for one in here if one.name in lacking] or ([] if wanted else list(here))
