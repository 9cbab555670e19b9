"""The loaded versions of all models, and which of them a request uses: the one place that decides this."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from app.errors import ModelNotFound
from app.versions.version import Version
from model.catalog import split_name

Split = Callable[[str, str], str | None]
"""Takes a model's name and a caller's identity; returns the version that the caller gets.

None, or one that is not loaded: the version that the name alone means."""


def no_split(name: str, caller: str) -> str | None:
    """A `Split` that does not choose."""
    return None


@dataclass(frozen=True)
class Choice:
    """The version that a request uses.

    Attributes:
        version: the version.
        by: who chose the model: "caller" (named it), "default" (named none), or "traffic" (the split chose
            the version, whether or not the caller named the model).
        arm: the version's full name if the split chose it.
    """

    version: Version
    by: Literal["caller", "default", "traffic"]
    arm: str | None = None


class Loaded:
    """The versions that are loaded at one moment. It is never changed, only replaced as a whole.

    Attributes:
        versions: by model, in the order of the settings, then by version, the newest last.
        pinned: the versions that the settings name, for models that they name only with versions.
        usual: the version that each model's name alone means, without a split. The first is the default.
    """

    def __init__(
        self, versions: Iterable[Version], pinned: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """Take the versions, and those that the settings name, by model: the name alone means these."""
        self.versions: dict[str, dict[str, Version]] = {}
        self.pinned = pinned or {}
        for version in versions:
            self.versions.setdefault(version.name, {})[version.version] = version
        for name, of_model in self.versions.items():
            newest_last = sorted(of_model.values(), key=lambda one: one.newness)
            self.versions[name] = {version.version: version for version in newest_last}
        self.usual = {name: self._usual(name) for name in self.versions}

    def __iter__(self) -> Iterator[Version]:
        return (version for of_model in self.versions.values() for version in of_model.values())

    def _usual(self, name: str) -> Version:
        of_model = self.versions[name]
        pinned = [one for one in of_model.values() if one.version in self.pinned.get(name, ())]
        return pinned[-1] if pinned else next(reversed(of_model.values()))

    def named(self, name: str) -> Version:
        """The version that `name` or `name@version` means, without a split. Raises ModelNotFound."""
        model, version = split_name(name)
        if model not in self.versions:
            raise ModelNotFound(f"There is no such model. The loaded models are: {', '.join(self.versions)}.")
        if version is None:
            return self.usual[model]
        if version not in self.versions[model]:
            there = ", ".join(one.full_name for one in self.versions[model].values())
            raise ModelNotFound(f"That version of {model} is not loaded. The loaded ones are: {there}.")
        return self.versions[model][version]


class Versions:
    """The versions that are loaded in this process, as they change.

    Attributes:
        loaded: the versions at this moment; None until the first are loaded.
        number: how often they have changed.
        split: chooses the version for callers who name none.
    """

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.number = 0
        self.split: Split = no_split
        self._unloading: set[Version] = set()
        self._changes = threading.Lock()

    def replace(self, loaded: Loaded) -> None:
        """Use these versions from now on; those that are left out are freed when no request uses them."""
        with self._changes:
            kept = set(loaded)
            left_out = [version for version in self.loaded or () if version not in kept]
            self.loaded = loaded
            self.number += 1
            self._unloading |= set(left_out)
        for version in left_out:
            version.retire(partial(self._freed, version))

    @property
    def unloading(self) -> list[Version]:
        """The versions that are left out, but that requests still use."""
        with self._changes:
            return list(self._unloading)

    def _freed(self, version: Version) -> None:
        with self._changes:
            self._unloading.discard(version)

    def lease(self, asked: str | None, caller: str) -> Choice:
        """Choose the version for a request, and take a lease on it, which the request gives back.

        Args:
            asked: `name`, `name@version`, or None for the default model.
            caller: who sent the request, for the split.

        Raises:
            ModelNotFound: it is not loaded.
        """
        while True:
            choice = self._choose(asked, caller)
            if choice.version.take():  # otherwise it has just been replaced
                return choice

    def _choose(self, asked: str | None, caller: str) -> Choice:
        loaded = self.loaded
        assert loaded is not None, "the first versions are still being loaded"
        name, version = (next(iter(loaded.usual)), None) if asked is None else split_name(asked)
        if version is None and name in loaded.versions:
            arm = self.split(name, caller)
            if (chosen := loaded.versions[name].get(arm or "")) is not None:
                return Choice(chosen, "traffic", chosen.full_name)
        return Choice(loaded.named(asked or name), "default" if asked is None else "caller")
