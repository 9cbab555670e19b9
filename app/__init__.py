"""The service: Flask around the models. Knows HTTP, knows nothing of networks."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask

from app import service
from app.access import cors, dates, headers, keys, long_headers, proxies, rate_limit, utf8_urls
from app.answering import json_provider, problems
from app.configuration.settings import Settings
from app.monitoring import current_request, logs, metrics, spans
from app.requests import body
from app.routes import platforms
from app.routes.api import api
from app.routes.documents import documents
from app.routes.open_inference import open_inference
from app.routes.operations import operations
from app.routes.pages import pages
from app.routes.predict import predict
from app.serving import chunks, ending, health, memory, reception, request_deadline
from app.serving.admission import Admission
from app.serving.loading import Models
from app.serving.running import Running
from app.serving.sending import Sending
from model import malloc
from model.segmenter import Segmenter

logger = logging.getLogger(__name__)


def create_app(segmenters: Mapping[str, Segmenter] | None = None, settings: Settings | None = None) -> Flask:
    """The WSGI application. It answers at once, while its models may still be on their way.

    Args:
        segmenters: models by name, the default first; without them, those that `settings` names are loaded
            and self-tested beside serving, and one that is not what it should be ends the process.
        settings: without them, those of the environment.

    Raises:
        BadSetting: a setting that is not allowed, or a model that there is not.
        BundleError: a model whose manifest is not valid.
    """
    if segmenters is None:
        malloc.tune()  # first: a thread that has asked for memory before keeps a heap of its own
    logs.configure()
    settings = settings or Settings.from_environment()
    for advice in settings.advice():
        logger.warning(advice)
    models = Models(segmenters)
    app = Flask(__name__)
    app.url_map.strict_slashes = False  # a slash at the end is left out: a redirect would lose a POST's body
    app.url_map.merge_slashes = False  # or //api is redirected, to whatever host the caller has named
    json_provider.register(app)
    chunks.put_together(app)
    admission = Admission(settings.queue, settings.queue_timeout)
    reception.register(app, reception.Reception(admission, settings))
    shared = service.Service(settings, models, admission)
    service.register(app, shared)
    sending = Sending(settings.worker_memory)
    sending.take_over(app)
    running = Running(settings.worker_timeout)
    running.watch(app)
    state = health.register(app, models, admission.turns)
    # First, so that they see all that the others do.
    current_request.register(app)
    logs.register(app)
    counted = metrics.register(app, lambda: (models.loaded or {}).values())
    spans.register(app)
    admission.watch = counted.watch
    state.tell = counted.self_test
    problems.register(app)
    # A request is refused for the least that is wrong with it; keys are checked before requests are counted.
    for part in (
        memory,
        request_deadline,
        body,
        proxies,
        long_headers,
        utf8_urls,
        dates,
        keys,
        rate_limit,
        cors,
        headers,
    ):
        part.register(app, settings)
    for blueprint in (api, predict, open_inference, operations, documents, pages):
        app.register_blueprint(blueprint)
    platforms.register(app, settings)
    ending.register(app, state, admission, running, sending)
    if segmenters is None:  # last: a bad setting ends the start before anything is loaded
        shared.decoding.start()
        models.load(settings)
    return app
