"""The service: Flask around the models. Knows HTTP, knows nothing of networks."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
from flask import Flask

from app import (
    access,
    body,
    cors,
    errors,
    headers,
    json_provider,
    logs,
    metrics,
    platforms,
    proxies,
    rate_limit,
    service,
    traces,
    tracing,
)
from app.api import api
from app.cores import share_of_cores
from app.documents import documents
from app.operations import operations
from app.pages import pages
from app.predict import predict
from app.settings import BadSetting, Settings
from model.catalog import UnknownModel
from model.segmenter import Segmenter, load


def create_app(segmenters: Mapping[str, Segmenter] | None = None, settings: Settings | None = None) -> Flask:
    """The WSGI application, ready to serve.

    Args:
        segmenters: models by name, the default first; without them, those that `settings` names are loaded
            and self-tested, which takes seconds and raises when a model is not what it should be.
        settings: without them, those of the environment.
    """
    logs.configure()
    settings = settings or Settings.from_environment()
    if segmenters is None:
        segmenters = _load(settings)

    app = Flask(__name__)
    json_provider.register(app)
    service.register(app, service.Service(settings, segmenters))
    for watcher in (tracing, logs, metrics, traces):  # first, so that they see all that the others do
        watcher.register(app)
    errors.register(app)
    for part in (body, proxies, access, rate_limit, cors, headers):  # keys before requests are counted
        part.register(app, settings)
    for blueprint in (api, predict, operations, documents, pages):
        app.register_blueprint(blueprint)
    platforms.register(app, settings)
    return app


def _load(settings: Settings) -> dict[str, Segmenter]:
    """The models that `settings` names, each loaded and past its self-test."""
    threads = settings.inference_threads or share_of_cores(settings.processes)
    if threads is not None:
        cv2.setNumThreads(threads)  # or each process would resize its masks on every core
    segmenters = {}
    for name in settings.models:
        try:
            segmenters[name] = load(
                name,
                engine=settings.engine,
                precision=settings.precision,
                threads=threads,
                tested=True,
            )
        except UnknownModel as error:
            raise BadSetting(f"MASKSERVE_MODELS: {error}") from error
    return segmenters
