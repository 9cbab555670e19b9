"""The service: Flask around the models. Knows HTTP, knows nothing of networks."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask

from app import deadline, ending, errors, headers, intake, service, tracing
from app.api import api
from app.loading import Models
from app.operations import operations
from app.pages import pages
from app.running import Running
from app.settings import Settings
from model.segmenter import Segmenter


def create_app(segmenters: Mapping[str, Segmenter] | None = None, settings: Settings | None = None) -> Flask:
    """The WSGI application. It answers at once; its models may still be on their way (app/loading.py).

    Args:
        segmenters: models by name, the default first; without them, those that `settings` names are loaded
            and self-tested beside serving, and one that is not what it should be ends the process.
        settings: without them, those of the environment.

    Raises:
        BadSetting: a setting that is not allowed, or a model that there is not.
        BundleError: a model whose manifest is not valid.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = settings or Settings.from_environment()
    models = Models(segmenters)
    if segmenters is None:
        models.load(settings)

    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # answers read in the contract's order
    shared = service.Service(settings, models)
    running = Running(settings.worker_timeout)
    running.watch(app)
    service.register(app, shared)
    errors.register(app)
    deadline.register(app, settings)
    intake.register(app, settings)
    tracing.register(app)
    headers.register(app, settings)
    for blueprint in (api, operations, pages):
        app.register_blueprint(blueprint)
    ending.register(app, shared, running)
    return app
