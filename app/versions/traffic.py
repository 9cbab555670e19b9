"""Traffic: the split and the shadows in use, which all processes of the service have in common."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from app.configuration.kinds import Mistake
from app.configuration.settings import BadSetting, Settings
from app.configuration.traffic import Traffic, Version, traffic_in
from app.errors import BadParameter, NotAgreed, NotReady, Refused, ServiceError
from app.monitoring.processes import Processes
from app.shadow.shadows import Shadows
from app.versions.agreement import Agreement
from app.versions.alike import check_alike
from app.versions.changes import Changes
from app.versions.shadow_states import ShadowStates
from app.versions.versions import Versions
from model.catalog import UnknownModel, find, split_name
from model.catalog import versions as versions_of
from model.shadowing.process import ShadowBroken
from model.storage.manifest import BundleError

logger = logging.getLogger(__name__)

FILE = "traffic.json"
"""The file beside the models that is followed, so that replicas agree."""


def check_there(settings: Settings) -> None:
    """Raise BadSetting if the settings direct traffic to models or versions that do not exist.

    Those of models from buckets are not known before they are fetched.
    """
    sources = (settings.storage_uri,) if settings.storage_uri else settings.models
    if any(source.startswith("gs://") for source in sources):
        return
    models = {split_name(source)[0] for source in sources}
    for setting, versions in (("TRAFFIC", tuple(settings.traffic)), ("SHADOW", settings.shadow)):
        for version in versions:
            if version.name not in models:
                raise BadSetting(
                    f"MASKSERVE_{setting} names {version}, but {version.name} is not among MASKSERVE_MODELS:"
                    f" {', '.join(sources)}"
                )
            try:
                find(str(version))
            except UnknownModel as error:
                raise BadSetting(f"MASKSERVE_{setting}: {error}") from error
            except BundleError:
                pass  # it is refused when it is loaded, and the others are served


class SharedTraffic:
    """The traffic in use. This is the `Part` of each process in their agreement.

    Attributes:
        now: the traffic in use in this process.
        shadow_states: how the shadows are, in all processes.
        follows: whether the newest version that is not in the shadow will be loaded (`Follower`).
    """

    def __init__(
        self,
        initial: Traffic,
        versions: Versions,
        changes: Changes,
        bring: Callable[[str], object],
        shadows: Shadows,
        processes: Processes | None,
    ) -> None:
        """Prepare to direct traffic.

        Args:
            initial: the traffic of the settings.
            versions: the loaded versions.
            changes: loads further ones.
            bring: has the version with a full name in the catalog; raises BundleError or OSError.
            shadows: the versions in the shadow.
            processes: as for `Changes`.
        """
        self.now = self._initial = initial
        self._versions = versions
        self._changes = changes
        self._bring = bring
        self._shadows = shadows
        self.shadow_states = ShadowStates(processes, shadows.all)
        shadows.changed = self.shadow_states.tell
        self._processes = processes
        self._agreement: Agreement | None = None
        self.follows = False
        versions.split = self._version_for
        changes.kept = lambda: [str(arm) for arm in self.now.split]
        changes.shadowed = lambda: [str(shadow) for shadow in self.now.shadows]

    def begin(self) -> None:
        """Direct traffic as the settings say, or as other processes have agreed since.

        Call it once, after models have been loaded. If the versions cannot be changed, neither can traffic.
        """
        document = self._initial.document()
        for shadow in self._initial.shadows:
            try:
                self._bring(str(shadow))
            except (BundleError, OSError) as error:
                logger.error("%s cannot be used in the shadow: %s", shadow, error)
            else:
                if why := self._why_no_shadow(shadow, self._initial):
                    logger.error("%s cannot be used in the shadow: %s", shadow, why)
        self.adopt(document)
        if self._changes.have_begun:
            agreement = Agreement("traffic", self._processes, self)
            agreement.join(document)
            self._agreement = agreement

    def shares(self) -> list[tuple[str, str, float]]:
        """The model, the version and the share in per cent of each arm."""
        return [(arm.name, arm.version, arm.share) for arm in self.now.split]

    def change(self, document: object) -> Traffic:
        """Use what a document asks for (`traffic_in`), in all processes; returns the traffic in use.

        Members that are left out stay as they are. Versions that are to answer are loaded first.

        Raises:
            BadParameter: it is not such a document.
            ModelNotFound: there is no such version.
            NotAgreed, Refused: as `Agreement.propose`.
        """
        try:
            self._propose(traffic_in(document, self.now), lambda agreed: _merged(document, agreed))
        except Mistake as error:
            raise BadParameter(f"{error}.") from None
        return self.now

    def follow(self, text: bytes | None) -> None:
        """Use what FILE says, as `change`; None: there is none any more, and the settings apply.

        Raises ValueError too: it is not JSON.
        """
        traffic = self._initial if text is None else traffic_in(json.loads(text), Traffic())
        self._propose(traffic, lambda _: traffic.document())

    def _propose(self, wanted: Traffic, change: Callable[[Any], Any]) -> None:
        if self._agreement is None:
            raise NotReady("The models are still being loaded. Try again in a moment.")
        for version in (*wanted.split, *wanted.shadows):
            try:
                self._bring(str(version))
            except BundleError as error:
                raise Refused(f"{version} cannot be used: {error}") from None
            except OSError as error:
                raise NotAgreed(f"{version} cannot be fetched, and nothing was changed: {error}") from None
        before = self.now
        # Held from the first check on, so that no version that was checked is unloaded before it is used.
        with self._changes.alone.held(), self._loaded_for_it(wanted):
            self._agreement.propose(change)
        if self.now != before:
            logger.info("traffic: %s", self.now.document())

    @contextmanager
    def _loaded_for_it(self, wanted: Traffic) -> Iterator[None]:
        """Load the versions that are to answer; unload them again if the `with` block fails."""
        lacking = [str(arm) for arm in wanted.split if not self._is_loaded(arm.name, arm.version)]
        loaded = []
        try:
            for full_name in lacking:
                self._changes.load(full_name)
                loaded.append(full_name)
            yield
        except BaseException:
            for full_name in loaded:
                with suppress(ServiceError):
                    self._changes.unload(full_name)
            raise

    def _version_for(self, name: str, caller: str) -> str | None:
        arm = self.now.split.arm_for(name, caller)
        return None if arm is None else arm.version

    def _is_loaded(self, name: str, version: str) -> bool:
        loaded = self._versions.loaded
        return loaded is not None and version in loaded.versions.get(name, {})

    def _why_no_shadow(self, shadow: Version, traffic: Traffic) -> str | None:
        """Why a version cannot be in the shadow of its model; None if it can."""
        loaded = self._versions.loaded
        if loaded is None or shadow.name not in loaded.versions:
            return f"{shadow.name} is not served."
        usual = loaded.usual[shadow.name]
        try:
            check_alike(find(str(shadow)).manifest, usual.manifest)
        except (UnknownModel, BundleError) as error:
            return str(error)
        answering = {arm.version for arm in traffic.split if arm.name == shadow.name and arm.share > 0}
        if not answering and self.follows and len(versions_of(shadow.name)) > 1:
            return None  # the newest of the others will answer after the next look
        if (answering or {usual.version}) == {shadow.version}:
            return (
                f"it answers all callers of {shadow.name}, and would only be compared with itself; direct the"
                " traffic to another version, too."
            )
        return None

    # --- What each process does (`Part`)

    def prepare(self, value: Any) -> None:
        """Check that the versions that are to answer are loaded, and start those in the shadow.

        Raises Refused.
        """
        traffic = traffic_in(value, Traffic())
        for arm in traffic.split:
            if not self._is_loaded(arm.name, arm.version):
                raise Refused(f"{arm} is not loaded: load it first.")
        for shadow in traffic.shadows:
            if why := self._why_no_shadow(shadow, traffic):
                raise Refused(f"{shadow} cannot be used in the shadow: {why}")
        try:
            self._shadows.prepare(traffic.shadows if traffic.shadow_share else ())
        except ShadowBroken as error:
            raise Refused(str(error)) from None

    def adopt(self, value: Any) -> None:
        """Direct traffic so from now on."""
        self.now = traffic_in(value, Traffic())
        self._shadows.use(self.now.shadows, self.now.shadow_share)

    def discard(self) -> None:
        """End what `prepare` has started."""
        self._shadows.discard()


def _merged(document: object, agreed: Any) -> dict[str, Any]:
    return dict(traffic_in(document, traffic_in(agreed, Traffic())).document())
