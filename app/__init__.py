"""The service: a Flask application around the models. It knows HTTP and nothing about neural networks."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask

from app import service
from app.access import callers, cors, dates, headers, keys, long_headers, proxies, rate_limit, utf8_urls
from app.answering import compression, json_provider, problems, static_files
from app.configuration.settings import Settings
from app.configuration.traffic import Traffic
from app.feedback import recording
from app.monitoring import current_request, live_run, logs, metrics, spans
from app.requests import body
from app.routes import platforms
from app.routes.api import api
from app.routes.documents import documents
from app.routes.feedback import feedback
from app.routes.open_inference import open_inference
from app.routes.operations import operations
from app.routes.pages import pages
from app.routes.predict import predict
from app.routes.render import render
from app.routes.repository import repository
from app.routes.traffic import traffic
from app.serving import chunks, ending, health, memory, reception, rendering, request_deadline
from app.serving.admission import Admission
from app.serving.cores import share_of_cores
from app.serving.loading import Models
from app.serving.running import Running
from app.serving.sending import Sending
from app.shadow import shadows
from app.versions import leases
from app.versions.traffic import FILE, SharedTraffic, check_there
from model import malloc
from model.segmenter import Segmenter

logger = logging.getLogger(__name__)


def create_app(segmenters: Mapping[str, Segmenter] | None = None, settings: Settings | None = None) -> Flask:
    """The WSGI application. It answers requests at once, even while its models are still loading.

    Args:
        segmenters: models by name, the default first. Default: the models that `settings` names are loaded
            and self-tested in the background, and a model that fails ends the process.
        settings: default: the settings in the environment.

    Raises:
        BadSetting: a setting has an invalid value, or names a model that does not exist.
        BundleError: the manifest of a model is not valid.
    """
    if segmenters is None:
        malloc.tune()  # first, because a thread that has already allocated memory keeps its own heap
    logs.configure()
    settings = settings or Settings.from_environment()
    for advice in settings.advice():
        logger.warning(advice)
    processes = metrics.join_processes()
    models = Models(segmenters, settings, processes)
    app = Flask(__name__)
    app.url_map.strict_slashes = False  # a trailing slash is ignored: a redirect would lose a POST's body
    app.url_map.merge_slashes = False  # otherwise //api redirects, to any host that the caller names
    json_provider.register(app)
    chunks.put_together(app)
    admission = Admission(settings.queue, settings.queue_timeout)
    renders = Admission(rendering.WAITING, settings.queue_timeout)
    reception.register(app, reception.Reception(admission, settings))
    leases.register(app)
    sending = Sending(settings.worker_memory)
    sending.take_over(app)
    running = Running(settings.worker_timeout)
    running.watch(app)
    state = health.register(app, models, admission.turns)
    # First, so that they see everything that the other parts do.
    current_request.register(app)
    logs.register(app)
    drift_window = -(-settings.drift_window // settings.processes)  # together the setting, or a little more
    counted = metrics.register(
        app, lambda: models.versions.loaded or (), models.changes.labelled_states, processes, drift_window
    )
    spans.register(app)
    if settings.mlflow:
        live_run.register(
            app, settings.mlflow, settings.mlflow_experiment, settings.mlflow_interval, counted.current
        )
    admission.watch = renders.watch = counted.watch
    in_shadow = shadows.Shadows(
        settings, counted.shadows, settings.inference_threads or share_of_cores(settings.processes)
    )
    shadows.register(app, in_shadow)
    admission.working = renders.working = in_shadow.working
    asked = Traffic(settings.traffic, settings.shadow, settings.shadow_share)
    directed = SharedTraffic(asked, models.versions, models.changes, models.bring, in_shadow, processes)
    counted.shares = directed.shares
    shared = service.Service(settings, models, directed, admission, renders)
    service.register(app, shared)
    state.tell = counted.self_test
    problems.register(app)
    compression.register(app)
    static_files.register(app)
    # Cheap checks come first, and keys are checked before requests are counted.
    for part in (
        memory,
        request_deadline,
        body,
        proxies,
        long_headers,
        utf8_urls,
        dates,
        keys,
        callers,
        rate_limit,
        cors,
        headers,
    ):
        part.register(app, settings)
    recording.register(app, settings, counted.feedback)
    for blueprint in (
        api,
        feedback,
        render,
        predict,
        open_inference,
        repository,
        traffic,
        operations,
        documents,
        pages,
    ):
        app.register_blueprint(blueprint)
    platforms.register(app, settings)
    ending.register(app, state, (admission, renders), running, sending)
    if segmenters is None:  # last, so that a bad setting stops the start before anything is loaded
        shared.decoding.start()
        check_there(settings)
        directed.follows = bool(settings.model_poll)
        models.then, models.beside = directed.begin, {FILE: directed.follow}
        models.load([str(arm) for arm in settings.traffic])
    else:
        directed.begin()
    return app
