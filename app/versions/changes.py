"""Changes: loads and unloads versions while the service runs, in all of its processes or in none."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.errors import ModelNotFound, NotAgreed, NotReady, Refused
from app.monitoring.processes import Processes
from app.versions.agreement import Agreement
from app.versions.alike import check_alike
from app.versions.alone import Alone
from app.versions.here import Agreed, Here, Open
from app.versions.refusals import Refusal, Refusals
from app.versions.signatures import digest_of
from app.versions.trials import Trials, TryOut, no_trial
from app.versions.versions import Loaded, Versions
from model.catalog import UnknownModel, find, newest_named, split_name
from model.storage.manifest import Bundle, BundleError, Manifest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """The state of a version: "loading", "ready", "failed", or "unloading" while requests still use it."""

    state: str
    reason: str | None = None


class Changes:
    """Changes the loaded versions, as operators and the follower ask.

    Attributes:
        refusals: the versions that were refused, and why.
        kept: returns the full names of versions that must not be unloaded, because traffic goes to them.
        shadowed: returns those of versions that run in the shadow.
        bring: has the version with a full name in the catalog; raises BundleError or OSError.
        alone: to be held while versions or traffic are changed.
    """

    def __init__(
        self,
        versions: Versions,
        open_version: Open,
        processes: Processes | None,
        try_out: TryOut = no_trial,
    ) -> None:
        """Prepare to change versions.

        Args:
            versions: the loaded versions.
            open_version: loads one more.
            processes: the processes that make each change together; None: there is only this one.
            try_out: tries one more before it is loaded.
        """
        folder = None if processes is None else processes.folder
        self.refusals = Refusals(processes)
        self.alone = Alone(folder)
        self.kept: Callable[[], Collection[str]] = tuple
        self.shadowed: Callable[[], Collection[str]] = tuple
        self.bring: Callable[[str], object] = lambda _: None
        self._versions = versions
        self._processes = processes
        self._agreement: Agreement | None = None
        self._trials = Trials(folder, try_out)
        self._here = Here(versions, open_version, self._trials.folder_of)

    def begin(self, loaded: Loaded) -> None:
        """Serve these versions, or those that other processes have agreed on, and take part in changes.

        If the processes' folder cannot be used, these versions are served, and none can be changed.
        """
        try:
            agreement = Agreement("versions", self._processes, self._here)
            agreement.join(self._here.has_loaded(loaded))
            self._agreement = agreement
            self._trials.remove_left_behind()
        except OSError as error:
            logger.error("versions can be neither loaded nor unloaded: the processes cannot agree: %s", error)
        self._here.serve(loaded)

    @property
    def have_begun(self) -> bool:
        """Whether versions can be changed: the settings allow it, and the processes can agree."""
        return self._agreement is not None

    # --- What operators ask for

    def load(self, name: str) -> str:
        """Load the version with this name (without a version: the newest) beside those that are loaded.

        If it is loaded, but its files have changed since, it is loaded again. Returns its full name when all
        processes serve it.

        Raises:
            ModelNotFound: there is no such version.
            NotAgreed, Refused: as `Agreement.propose`.
        """
        agreement = self._begun()
        try:
            self.bring(name)
        except BundleError as error:
            self.refusals.add(name, Refusal("", str(error)))
            raise Refused(str(error)) from None
        except OSError as error:
            raise NotAgreed(f"{name} cannot be fetched, and nothing was changed: {error}") from None
        bundle = self._found(name)
        full_name = bundle.manifest.full_name
        model, version = bundle.manifest.name, bundle.manifest.version

        def change(agreed: Agreed) -> Agreed:
            new = copy.deepcopy(agreed)
            new["models"].setdefault(model, {})[version] = digest_of(bundle.manifest)
            new["asked"] = sorted({*new["asked"], full_name})
            new["unloaded"].pop(full_name, None)
            return new

        self._propose(agreement, bundle, digest_of(bundle.manifest), change)
        return full_name

    def replace(self, full_name: str, signature: str) -> None:
        """Load a version in place of those of its model that nobody asked for by name.

        `signature`: what a refusal is remembered with. Raises as `load`.
        """
        agreement = self._begun()
        bundle = self._found(full_name, signature)
        model, version = bundle.manifest.name, bundle.manifest.version

        def change(agreed: Agreed) -> Agreed:
            new = copy.deepcopy(agreed)
            stay = {*new["asked"], *self.kept()}
            of_model = new["models"].get(model, {})
            new["models"][model] = {
                **{old: digest for old, digest in of_model.items() if f"{model}@{old}" in stay},
                version: digest_of(bundle.manifest),
            }
            return new

        self._propose(agreement, bundle, signature, change)

    def unload(self, name: str) -> list[str]:
        """Unload a version, or without a version all of a model. Returns their full names.

        Requests that use them are still answered. Those that were refused are no longer remembered.

        Raises:
            ModelNotFound: it is not loaded.
            Refused: no model would be left, or traffic goes to it.
            NotAgreed: as `Agreement.propose`.
        """
        agreement = self._begun()
        model, version = split_name(name)
        gone: list[str] = []
        refused = [
            one for one in self.refusals.all() if name in (one, split_name(one)[0]) and not self._serves(one)
        ]

        def change(agreed: Agreed) -> Agreed:
            new = copy.deepcopy(agreed)
            of_model = new["models"].get(model, {})
            leaving = list(of_model) if version is None else [version]
            if not set(leaving) <= set(of_model) or not leaving:
                if refused:
                    return new
                raise ModelNotFound(f"{name} is not loaded.")
            gone.extend(f"{model}@{one}" for one in leaving)
            if busy := [one for one in gone if one in self.kept()]:
                raise Refused(f"The traffic settings name {', '.join(busy)}: change them first.")
            for one in leaving:
                new["unloaded"][f"{model}@{one}"] = of_model.pop(one)
            if not of_model:
                del new["models"][model]
            if not new["models"]:
                raise Refused(f"{name} is all that is loaded: load another version or model first.")
            new["asked"] = [one for one in new["asked"] if one not in gone]
            return new

        with self.alone.held():
            agreement.propose(change)
        for one in refused:
            self.refusals.forget(one)
        logger.info("unloaded %s", ", ".join([*gone, *refused]))
        return [*gone, *refused]

    def was_unloaded(self, full_name: str, digest: str) -> bool:
        """Whether an operator has unloaded this version, which has not changed since."""
        agreement = self._agreement
        return agreement is not None and agreement.value["unloaded"].get(full_name) == digest

    def states(self) -> dict[str, State]:
        """The state of every version that is or was to be loaded, by full name."""
        failed = {name: State("failed", one.reason) for name, one in self.refusals.all().items()}
        unloading = {version.full_name: State("unloading") for version in self._versions.unloading}
        loading = dict.fromkeys(tuple(self._here.loading), State("loading"))
        ready = {version.full_name: State("ready") for version in self._versions.loaded or ()}
        return {**failed, **unloading, **loading, **ready}

    def labelled_states(self) -> list[tuple[str, str, str]]:
        """The same as model, version and state."""
        return [(*_parts(full_name), state.state) for full_name, state in self.states().items()]

    def _serves(self, full_name: str) -> bool:
        return any(one.full_name == full_name for one in self._versions.loaded or ())

    def _begun(self) -> Agreement:
        """The agreement of the processes. Raises NotReady before `begin`."""
        if self._agreement is None:
            raise NotReady(
                "Versions cannot be loaded or unloaded now: the models are still being loaded, or the"
                " processes cannot agree (the log says why)."
            )
        return self._agreement

    def _found(self, name: str, signature: str = "") -> Bundle:
        """The bundle with that name. Raises ModelNotFound, Refused."""
        try:
            return find(name)
        except UnknownModel as error:
            raise ModelNotFound(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
        except BundleError as error:
            self.refusals.add(newest_named(name), Refusal(signature, str(error)))
            raise Refused(str(error)) from None

    def _propose(
        self, agreement: Agreement, bundle: Bundle, signature: str, change: Callable[[Agreed], Agreed]
    ) -> None:
        """Try a version out if it is not loaded, and agree on a change that loads it."""
        full_name = bundle.manifest.full_name
        with self.alone.held(), ExitStack() as trial:

            def change_after_trial(agreed: Agreed) -> Agreed:
                new = change(agreed)
                if self._adds(bundle, agreed):
                    trial.enter_context(self._tried(bundle))
                return new

            before = agreement.value
            try:
                after = agreement.propose(change_after_trial)
            except Refused as error:
                self.refusals.add(full_name, Refusal(signature, error.detail))
                raise
            finally:
                self._here.loading.discard(full_name)
        self.refusals.forget(full_name)
        if after != before:
            logger.info("loaded %s", full_name)

    def _adds(self, bundle: Bundle, agreed: Agreed) -> bool:
        manifest = bundle.manifest
        return agreed["models"].get(manifest.name, {}).get(manifest.version) != digest_of(manifest)

    @contextmanager
    def _tried(self, bundle: Bundle) -> Iterator[None]:
        """Try a version out, and load it in the `with` block. Raises Refused, NotAgreed."""
        manifest = bundle.manifest
        self._here.loading.add(manifest.full_name)
        try:
            self._check_alike(manifest)
        except BundleError as error:
            raise Refused(str(error)) from None
        with self._trials.passed(manifest.full_name, digest_of(manifest)):
            yield

    def _check_alike(self, manifest: Manifest) -> None:
        """Raise BundleError unless a version has the classes and the task of the one that serves."""
        loaded = self._versions.loaded
        if loaded is not None and manifest.name in loaded.usual:
            check_alike(manifest, loaded.usual[manifest.name].manifest)


def _parts(full_name: str) -> tuple[str, str]:
    model, version = split_name(full_name)
    return model, version or ""
