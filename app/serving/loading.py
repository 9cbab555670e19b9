"""Loading: loads models in the background, so that probes and signals are answered meanwhile."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import cv2

from app.configuration.settings import BadSetting, Settings
from app.errors import NotReady
from app.monitoring.processes import Processes
from app.serving.candidates import BUCKET, Candidate, candidates_of
from app.serving.cores import share_of_cores
from app.serving.memory import check_room
from app.serving.patience import Patience
from app.versions.alike import check_alike
from app.versions.changes import Changes
from app.versions.refusals import Refusal
from app.versions.signatures import signature_of
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model.answers.gate import gate_of
from model.catalog import UnknownModel, choices, find, folder_of, split_name, versions
from model.segmenter import ChoiceError, Segmenter, load
from model.storage.manifest import BundleError, Manifest
from model.trial.process import try_out

if TYPE_CHECKING:
    from app.versions.following import Follower

logger = logging.getLogger(__name__)

_NOT_READY = "The models are still being loaded. Try again in a moment."
_FAILED = 22  # exit status that tells uWSGI (need-app in uwsgi.ini) to stop all workers


class Models:
    """The models that the settings name, while they are loaded and afterwards.

    Attributes:
        versions: their loaded versions, after all models have passed their self-tests.
        changes: loads and unloads versions later.
        follower: looks for new versions; None: the settings do not ask for that.
        beside: files beside the models to follow (`Follower`).
        then: called when the versions are loaded, before they are used.
    """

    def __init__(
        self,
        loaded: Mapping[str, Segmenter] | None = None,
        settings: Settings | None = None,
        processes: Processes | None = None,
    ) -> None:
        """Prepare to load models, or take those that are loaded.

        Args:
            loaded: models by name, the first the default; None: `load` will load them.
            settings: how models are loaded.
            processes: the processes that load and unload versions together; None: there is only this one.
        """
        self.versions = Versions()
        self._settings = settings or Settings()
        self._processes = processes
        self._threads: int | None = None
        self._sources: dict[str, str] = {}  # by name, once they are loaded
        self.changes = Changes(self.versions, self._open_tried, processes, self._try_out)
        self.changes.bring = self.bring
        self.follower: Follower | None = None
        self.beside: dict[str, Callable[[bytes | None], object]] = {}
        self.then: Callable[[], object] = lambda: None
        self._are_loaded = threading.Event()
        if loaded is not None:
            self._serve(Loaded(Version(name, segmenter) for name, segmenter in loaded.items()))

    def all(self) -> Loaded:
        """All versions of the models. Raises NotReady while any model is still loading."""
        if self.versions.loaded is None or not self._are_loaded.is_set():
            raise NotReady(_NOT_READY)
        return self.versions.loaded

    def wait(self, patience: Patience, seconds: float) -> None:
        """Wait until all are loaded. Raises NotReady after `seconds`, or what `patience` raises."""
        if not self._are_loaded.is_set() and not patience.wait(self._are_loaded.wait, seconds):
            raise NotReady(_NOT_READY)

    def load(self, also: Sequence[str] = ()) -> None:
        """Start loading the models of the settings; a model that cannot be served ends the process.

        `also`: full names of further versions to load; one that cannot be served is refused and left out.

        Raises:
            BadSetting: there is no such model.
            BundleError: the manifest of a model's only version is not valid.
        """
        settings = self._settings
        sources = (settings.storage_uri,) if settings.storage_uri else settings.models
        for source in sources:
            if not source.startswith(BUCKET):
                _check_there(source)
        self._threads = settings.inference_threads or share_of_cores(settings.processes)
        if self._threads is not None:
            cv2.setNumThreads(self._threads)  # otherwise each process would resize its masks on all cores
        # A daemon, so that it does not delay the process's end.
        threading.Thread(
            target=self._load_all, args=(sources, tuple(also)), name="loading", daemon=True
        ).start()

    def _load_all(self, sources: tuple[str, ...], also: tuple[str, ...]) -> None:
        loaded: dict[str, Version] = {}  # by full name
        named: list[str] = []
        try:
            for source in sources:
                name, candidates = candidates_of(source)
                if name in named:
                    raise BadSetting(
                        f"MASKSERVE_MODELS: {source} has the same name as another of these models, {name};"
                        " leave one of them out, or change its name in its model.json"
                    )
                named.append(name)
                if name not in loaded:
                    version = self._first_that_loads(
                        self._shadows_last(candidates), may_differ=len(sources) > 1
                    )
                    loaded.setdefault(version.full_name, version)
            self._sources = dict(zip(named, sources, strict=True))
            for name in also:
                if name not in loaded and (further := self._if_it_loads(name)):
                    loaded[name] = further
            check_room(self._settings)
        except BadSetting as error:
            logger.critical("%s", error)
            _end()
        except Exception as error:
            logger.critical("the model %s cannot be served: %s", source, error, exc_info=True)
            _end()
        else:
            self._serve(Loaded(loaded.values(), _pinned(named)))
            logger.info("ready: loaded the models %s", ", ".join(named))

    def _serve(self, loaded: Loaded) -> None:
        """Serve the first versions, and take part in changes if the settings allow any."""
        settings = self._settings
        if not settings.admin_keys and not settings.model_poll:
            self.versions.replace(loaded)
        elif self._processes is None and settings.processes > 1:
            self.versions.replace(loaded)
            logger.error(
                "versions can be neither loaded nor unloaded: the processes cannot agree, because"
                " PROMETHEUS_MULTIPROC_DIR cannot be used"
            )
        else:
            self.changes.begin(loaded)
        self.then()
        if self.changes.have_begun and settings.model_poll and self._sources:
            self._follow(self._sources, settings.model_poll)
        self._are_loaded.set()

    def bring(self, full_name: str) -> None:
        """Have a version in the catalog, if its model comes from a bucket, and the version is there.

        Raises BundleError or OSError.
        """
        model, version = split_name(full_name)
        source = self._sources.get(model, "")
        if version is None or not source.startswith(BUCKET) or version in versions(model):
            return
        from app.versions.places import place_of  # not needed by most services

        place = place_of(source, model)
        for offer in place.offers():
            if offer.full_name == full_name:
                place.bring(offer)

    def _follow(self, sources: Mapping[str, str], seconds: float) -> None:
        from app.versions.following import Follower  # not needed by most services
        from app.versions.places import place_of

        places = [place_of(source, name) for name, source in sources.items() if "@" not in name]
        fixed = [place_of(source, split_name(name)[0]) for name, source in sources.items() if "@" in name]
        self.follower = Follower(places, self.versions, self.changes, self._processes, fixed)
        self.follower.beside = self.beside
        self.follower.look_beside()
        self.follower.start(seconds)

    def _shadows_last(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        """The same, but a version in the shadow last: it is to be seen before it answers."""
        in_shadow = [str(shadow) for shadow in self._settings.shadow]
        late = []
        for candidate in candidates:
            if candidate.name in in_shadow:
                late.append(candidate)
            else:
                yield candidate
        yield from late

    def _first_that_loads(self, candidates: Iterator[Candidate], may_differ: bool) -> Version:
        """The first of several versions that can be served; raises what loading the last one raises."""
        failure: Exception | None = None
        failed = ""
        for full_name, before in candidates:
            if failure is not None:
                self._refuse(failed, failure)
            try:
                if before is not None:
                    check_alike(find(full_name).manifest, before)
                return self._open(full_name, may_differ)
            except Exception as error:
                failed, failure = full_name, error
        assert failure is not None, "there is at least one name"
        raise failure

    def _if_it_loads(self, full_name: str) -> Version | None:
        try:
            self.bring(full_name)
            return self._open(full_name)
        except UnknownModel as error:
            logger.error("%s cannot be served: %s", full_name, error)
        except Exception as error:
            self._refuse(full_name, error)
        return None

    def _refuse(self, full_name: str, error: Exception) -> None:
        signature = signature_of(folder_of(full_name))
        self.changes.refusals.add(full_name, Refusal(signature, str(error) or type(error).__name__))

    def _try_out(self, full_name: str, folder: Path) -> None:
        settings = self._settings
        try_out(full_name, settings.engine, settings.precision, self._threads, folder)

    def _open_tried(self, full_name: str, compiled: Path | None) -> Version:
        return self._open(full_name, compiled=compiled)

    def _open(self, name: str, may_differ: bool = True, compiled: Path | None = None) -> Version:
        """Load and test a version, or the only one of a model. Raises whatever loading raises."""
        _check_task(find(name).manifest, "MASKSERVE_MODELS: " if self.versions.loaded is None else "")
        segmenter = _loaded(name, self._settings, self._threads, may_differ, compiled)
        gate_of(segmenter.bundle.manifest)  # loaded now, and not by the first request
        version = Version(split_name(name)[0], segmenter)
        if self.versions.loaded is not None:
            check_room(self._settings)
        return version


def _check_there(source: str) -> None:
    """Raise BadSetting or BundleError if a model of the settings is missing or cannot be served."""
    try:
        _check_task(find(source).manifest)
    except UnknownModel as error:
        raise BadSetting(f"MASKSERVE_MODELS: {error}") from error
    except BundleError:
        if "@" in source or len(choices(source)) < 2:  # else an older version is served
            raise


def _pinned(named: Sequence[str]) -> dict[str, frozenset[str]]:
    """The versions of those models that the settings name only with their versions."""
    found: dict[str, frozenset[str]] = {}
    for name in named:
        model, version = split_name(name)
        if version is not None and model not in named:
            found[model] = found.get(model, frozenset()) | {version}
    return found


def _check_task(manifest: Manifest, setting: str = "MASKSERVE_MODELS: ") -> None:
    """Raise BadSetting unless the service can answer with the model; `setting`: the setting that names it."""
    if manifest.task == "classify":
        raise BadSetting(
            f"{setting}{manifest.name} is a classifier, which finds no objects: name it as the gate of a"
            " model, in the model's model.json"
        )


def _loaded(
    name: str, settings: Settings, threads: int | None, may_differ: bool, compiled: Path | None
) -> Segmenter:
    """The model with the engine and precision from the settings; with its own if these do not fit one of
    several models."""
    try:
        return load(
            name,
            engine=settings.engine,
            precision=settings.precision,
            threads=threads,
            tested=True,
            cache=compiled,
        )
    except ChoiceError as error:
        if not may_differ:
            raise
        logger.warning(
            "MASKSERVE_ENGINE and MASKSERVE_PRECISION do not fit the model %s, which runs with its defaults"
            " instead: %s",
            name,
            error,
        )
        return load(name, threads=threads, tested=True, cache=compiled)


def _end() -> NoReturn:
    logging.shutdown()
    os._exit(_FAILED)
