"""Following: looks for new versions at regular intervals, and serves them in place of the old ones."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256

from app.errors import NotAgreed, NotReady, Refused, ServiceError
from app.monitoring.leading import Lead
from app.monitoring.processes import Processes
from app.monitoring.shared_files import read_json, write_json
from app.versions.changes import Changes
from app.versions.places import Offer, Place
from app.versions.refusals import Refusal
from app.versions.signatures import digest_of
from app.versions.versions import Versions
from model.catalog import find, split_name, versions
from model.storage.manifest import BundleError

logger = logging.getLogger(__name__)

_MOST_TRIES = 3
"""How often a version is tried if processes end, or take too long, while they load it."""


class Follower:
    """Follows the places of some models, in one process of the service at a time.

    A version is served if it is the newest in its place that is not in the shadow, has all its files with the
    right hashes, and passes its self-test in every process. Otherwise it is refused, once it has not changed
    between two looks (an upload may still be going on), and not tried again until it changes; the next older
    one is served.

    Attributes:
        beside: files beside the models to follow, and what to call with their new content, None when they
            are gone. After an exception, which is logged, a file is tried again when it or a version changes;
            at the next look, if that may help.
    """

    def __init__(
        self,
        places: Sequence[Place],
        versions: Versions,
        changes: Changes,
        processes: Processes | None,
        fixed: Sequence[Place] = (),
    ) -> None:
        """Prepare to follow `places`.

        Args:
            places: where new versions are looked for.
            versions, changes, processes: as for `Changes`.
            fixed: the places of models whose versions the settings name: only files beside them are followed.
        """
        self.beside: dict[str, Callable[[bytes | None], object]] = {}
        self._places = places
        self._fixed = fixed
        self._versions = versions
        self._changes = changes
        self._lead = Lead(None if processes is None else processes.folder, "following")
        self._checked: dict[str, str] = {}  # the signature with which a version was whole
        self._suspected: dict[str, str] = {}  # and with which it was not
        self._tries: Counter[Offer] = Counter()
        self._offered: dict[Place, Sequence[Offer]] = {}
        self._followed = Followed(processes)
        self._unusable: dict[str, tuple[str | None, list[Sequence[Offer]]]] = {}

    def start(self, seconds: float) -> None:
        """Look every so many seconds, from now on."""
        threading.Thread(target=self._run, args=(seconds,), name="following", daemon=True).start()

    def _run(self, seconds: float) -> None:
        while True:
            time.sleep(seconds)
            if self._lead.take():
                self.look()

    def look_beside(self) -> None:
        """Look once at the files beside the models, if this process is the one that follows."""
        if self._lead.take():
            self._follow_files()

    def look(self) -> None:
        """Look once at every place."""
        for place in (*self._places, *self._fixed):
            try:
                self._offered[place] = offers = place.offers()
                if place in self._fixed:
                    continue
                self._forget_withdrawn(place, offers)
                in_shadow = self._changes.shadowed()  # which is to be seen before it answers
                for offer in sorted(offers, key=lambda offer: offer.full_name in in_shadow):
                    if self._serves(place, offer):
                        break
            except OSError as error:
                logger.warning("cannot look for new versions, and will try again: %s", error)
            except Exception as error:
                logger.error("cannot look for new versions: %s", error, exc_info=True)
        self._follow_files()

    def _forget_withdrawn(self, place: Place, offers: Sequence[Offer]) -> None:
        """Forget that versions were refused which are no longer there: nobody can mend them."""
        there = {offer.full_name for offer in offers}
        there |= {f"{place.name}@{version}" for version in versions(place.name)}
        for full_name in self._changes.refusals.all():
            if split_name(full_name)[0] == place.name and full_name not in there:
                self._changes.refusals.forget(full_name)

    def _serves(self, place: Place, offer: Offer) -> bool:
        """Whether the version is served, now or from now on. Raises OSError."""
        full_name, signature = offer
        refusal = self._changes.refusals.all().get(full_name)
        if refusal is not None and refusal.signature == signature:
            return False
        if self._checked.get(full_name) != signature and not self._is_whole(place, offer):
            return False
        self._checked[full_name] = signature
        digest = digest_of(find(full_name).manifest)
        if self._changes.was_unloaded(full_name, digest):
            return False
        loaded = self._versions.loaded
        usual = loaded.usual.get(split_name(full_name)[0]) if loaded else None
        if usual is not None and (usual.full_name, usual.digest) == (full_name, digest):
            return True
        return self._replaces(offer)

    def _is_whole(self, place: Place, offer: Offer) -> bool:
        """Whether all files of a version are there; if not, and it stays so, it is refused next time."""
        full_name, signature = offer
        try:
            place.bring(offer)
        except BundleError as error:
            if self._suspected.get(full_name) == signature:
                self._changes.refusals.add(full_name, Refusal(signature, str(error)))
            else:
                self._suspected[full_name] = signature
                logger.info("%s is not whole, perhaps because it is still being copied: %s", full_name, error)
            return False
        return True

    def _replaces(self, offer: Offer) -> bool:
        try:
            self._changes.replace(*offer)
        except NotAgreed as error:
            self._tries[offer] += 1
            if self._tries[offer] >= _MOST_TRIES:
                self._changes.refusals.add(offer.full_name, Refusal(offer.signature, error.detail))
                return False
            logger.warning("%s is not served yet, and is tried again: %s", offer.full_name, error.detail)
            return True
        except Refused:
            return False
        return True

    def _follow_files(self) -> None:
        """Look once at the files beside the models of all places."""
        for place in {place.parent: place for place in (*self._fixed, *self._places)}.values():
            for file, changed in self.beside.items():
                try:
                    self._follow_file(place, file, changed)
                except (OSError, NotAgreed, NotReady) as error:
                    logger.warning("%s is not followed yet, and is tried again: %s", file, error)
                except Exception as error:
                    logger.error("%s cannot be followed: %s", file, error, exc_info=True)

    def _follow_file(self, place: Place, file: str, changed: Callable[[bytes | None], object]) -> None:
        text = place.beside(file)
        path = f"{place.parent}/{file}"
        content = None if text is None else sha256(text).hexdigest()
        # A version that it names may come later.
        state = content, list(self._offered.values())
        if content == self._followed.content_of(path) or self._unusable.get(path) == state:
            return
        try:
            changed(text)
        except (NotAgreed, NotReady):
            raise
        except (ServiceError, ValueError, RecursionError) as error:
            logger.error("%s is ignored until it or a version changes: %s", file, error)
            self._unusable[path] = state
        else:
            self._followed.remember(path, content)


class Followed:
    """The content of the files beside the models that the service last followed.

    The processes share it: one that begins to follow after another must not undo what has been changed by
    hand since.
    """

    def __init__(self, processes: Processes | None) -> None:
        """`processes`: as for `Changes`."""
        self._file = None if processes is None else processes.folder / "followed-files.json"
        self._contents: dict[str, str | None] = {}

    def content_of(self, path: str) -> str | None:
        """The hash of a file's content when it was followed; None if there was none."""
        if self._file is not None:
            self._contents = read_json(self._file) or self._contents
        return self._contents.get(path)

    def remember(self, path: str, content: str | None) -> None:
        """Remember that a file was followed with this content."""
        self._contents[path] = content
        if self._file is not None:
            with suppress(OSError):  # a full disk: then only this process knows
                write_json(self._file, self._contents)
