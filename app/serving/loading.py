"""Loading: loads models in the background, so that probes and signals are answered meanwhile."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from typing import NoReturn

import cv2

from app.configuration.settings import BadSetting, Settings
from app.errors import NotReady
from app.serving.cores import share_of_cores
from app.serving.memory import check_room
from app.serving.patience import Patience
from app.versions.version import Version
from app.versions.versions import Loaded, Versions
from model.answers.gate import gate_of
from model.catalog import UnknownModel, choices, find, model_dir, split_name
from model.segmenter import ChoiceError, Segmenter, load
from model.storage.manifest import Manifest

logger = logging.getLogger(__name__)

_NOT_READY = "The models are still being loaded. Try again in a moment."
_BUCKET = "gs://"
_FAILED = 22  # exit status that tells uWSGI (need-app in uwsgi.ini) to stop all workers


class Models:
    """The models that the settings name, while they are loaded and afterwards.

    Attributes:
        versions: their loaded versions, after all models have passed their self-tests.
    """

    def __init__(self, loaded: Mapping[str, Segmenter] | None = None) -> None:
        """`loaded`: models by name, the first the default; None: `load` will load them."""
        self.versions = Versions()
        self._are_loaded = threading.Event()
        if loaded is not None:
            self._serve(Loaded(Version(name, segmenter) for name, segmenter in loaded.items()))

    def all(self) -> Loaded:
        """All versions of the models. Raises NotReady while any model is still loading."""
        if self.versions.loaded is None:
            raise NotReady(_NOT_READY)
        return self.versions.loaded

    def wait(self, patience: Patience, seconds: float) -> None:
        """Wait until all are loaded. Raises NotReady after `seconds`, or what `patience` raises."""
        if self.versions.loaded is None and not patience.wait(self._are_loaded.wait, seconds):
            raise NotReady(_NOT_READY)

    def load(self, settings: Settings) -> None:
        """Start loading the models that `settings` names; a model that cannot be served ends the process.

        Raises:
            BadSetting: there is no such model.
            BundleError: a model's manifest is not valid.
        """
        sources = (settings.storage_uri,) if settings.storage_uri else settings.models
        for source in sources:
            if source.startswith(_BUCKET):
                continue
            try:
                _check_task(find(source).manifest)
            except UnknownModel as error:
                raise BadSetting(f"MASKSERVE_MODELS: {error}") from error
        threads = settings.inference_threads or share_of_cores(settings.processes)
        if threads is not None:
            cv2.setNumThreads(threads)  # otherwise each process would resize its masks on all cores
        # A daemon, so that it does not delay the process's end.
        threading.Thread(
            target=self._load_all, args=(sources, settings, threads), name="loading", daemon=True
        ).start()

    def _serve(self, loaded: Loaded) -> None:
        self.versions.replace(loaded)
        self._are_loaded.set()

    def _load_all(self, sources: tuple[str, ...], settings: Settings, threads: int | None) -> None:
        loaded: dict[str, Version] = {}  # by full name
        named: list[str] = []
        try:
            for source in sources:
                name = _fetched(source)
                if name in named:
                    raise BadSetting(
                        f"MASKSERVE_MODELS: {source} has the same name as another of these models, {name};"
                        " leave one of them out, or change its name in its model.json"
                    )
                named.append(name)
                if name not in loaded:
                    version = _newest(name, settings, threads, may_differ=len(sources) > 1)
                    loaded.setdefault(version.full_name, version)
            check_room(settings)
        except BadSetting as error:
            logger.critical("%s", error)
            _end()
        except Exception as error:
            logger.critical("the model %s cannot be served: %s", source, error, exc_info=True)
            _end()
        else:
            self._serve(Loaded(loaded.values(), _pinned(named)))
            logger.info("ready: loaded the models %s", ", ".join(named))


def _pinned(named: list[str]) -> dict[str, frozenset[str]]:
    """The versions of those models that the settings name only with their versions."""
    found: dict[str, frozenset[str]] = {}
    for name in named:
        model, version = split_name(name)
        if version is not None and model not in named:
            found[model] = found.get(model, frozenset()) | {version}
    return found


def _newest(name: str, settings: Settings, threads: int | None, may_differ: bool) -> Version:
    """The newest version of a model that passes its self-test, or the version that `name` says.

    Raises whatever loading the only or the oldest version raises.
    """
    model, version = split_name(name)
    names = [f"{model}@{choice}" for choice in choices(model)] if version is None else []
    if len(names) < 2:
        names = [name]
    for full_name in names:
        try:
            _check_task(find(full_name).manifest)
            segmenter = _loaded(full_name, settings, threads, may_differ)
            gate_of(segmenter.bundle.manifest)  # loaded now, and not by the first request
            return Version(model, segmenter)
        except Exception as error:
            if full_name == names[-1]:
                raise
            logger.error("%s cannot be served, and the version before it is loaded: %s", full_name, error)
    raise AssertionError("there is at least one name")


def _check_task(manifest: Manifest) -> None:
    """Raise BadSetting unless the service can answer with the model."""
    if manifest.task == "classify":
        raise BadSetting(
            f"MASKSERVE_MODELS: {manifest.name} is a classifier, which finds no objects: name it as the gate"
            " of a model, in the model's model.json"
        )


def _loaded(name: str, settings: Settings, threads: int | None, may_differ: bool) -> Segmenter:
    """The model with the engine and precision from the settings; with its own if these do not fit one of
    several models."""
    try:
        return load(name, engine=settings.engine, precision=settings.precision, threads=threads, tested=True)
    except ChoiceError as error:
        if not may_differ:
            raise
        logger.warning(
            "MASKSERVE_ENGINE and MASKSERVE_PRECISION do not fit the model %s, which runs with its defaults"
            " instead: %s",
            name,
            error,
        )
        return load(name, threads=threads, tested=True)


def _end() -> NoReturn:
    logging.shutdown()
    os._exit(_FAILED)


def _fetched(source: str) -> str:
    """The name of a model, which is first fetched if `source` is a folder in a bucket."""
    if not source.startswith(_BUCKET):
        return source
    from app.fetching.gcs import fetch_bundle  # type: ignore[import-not-found,unused-ignore]  # only if needed

    name: str = fetch_bundle(source, model_dir())
    return name
