"""The function: a message of Pub/Sub names an image in Cloud Storage; its segments go to another bucket."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError

import logs
from cloud import Cloud
from faults import TryAgain
from messages import AboutResult, Ignored, Malformed, image_in
from settings import BadSetting, Settings
from work import Worker

logs.configure()
logger = logging.getLogger("maskserve.function")

try:
    _settings = Settings.from_environment(os.environ)
except BadSetting as error:
    sys.exit(f"The function cannot start: {error}.")
_worker = Worker(_settings, Cloud(os.environ))


@functions_framework.cloud_event
def segment(event: CloudEvent) -> None:
    """Segment the image that the event, google.cloud.pubsub.topic.v1.messagePublished, asks for.

    Returning acknowledges the message; raising has Pub/Sub deliver it again.

    Raises:
        TryAgain: what went wrong may go well later.
        InternalServerError: the function crashed, and has said so in the log.
    """
    data = event.data if isinstance(event.data, Mapping) else {}
    _take(data.get("message"), event["id"])


@functions_framework.errorhandler(BadRequest)
def take_push(_: BadRequest) -> flask.Response | HTTPException:
    """A push that the framework makes no event of: one without data, as of a notification, or a broken one.

    Refused, as it would be else, it would come again and again.
    """
    push = flask.request.get_json(force=True, silent=True)
    message = push.get("message") if isinstance(push, Mapping) else None
    try:
        _take(message, str(message.get("messageId", "")) if isinstance(message, Mapping) else "")
    except HTTPException as error:
        return error  # what an error handler raises is a crash to the framework, whatever it is
    return flask.Response(status=204)


def _take(message: Any, event_id: str) -> None:
    """Work off `message`, and say so in the log."""
    started = time.monotonic()
    entry: dict[str, Any] = {"event": event_id}
    try:
        if not isinstance(message, Mapping):
            raise Malformed("there is no message in it")
        image = image_in(message)
        entry |= {"object": image.uri, "generation": image.generation}
        if image.bucket == _settings.result_bucket:
            raise AboutResult(
                f"{image.uri} is in RESULT_BUCKET, which is never segmented. If it announces its objects,"
                f" delete that: gcloud storage buckets notifications delete gs://{image.bucket}"
            )
        outcome = _worker.finish(image, event_id, _age(message))
    except Ignored as reason:
        logger.log(reason.level, "ignored: %s", reason, extra={"entry": {**entry, "status": "ignored"}})
    except Malformed as reason:
        logger.error("malformed: %s", reason, extra={"entry": {**entry, "status": "malformed"}})
    except TryAgain as reason:
        entry |= {"status": "again", "milliseconds": _milliseconds_since(started)}
        logger.warning("to be tried again: %s", reason.description, extra={"entry": entry})
        raise
    except Exception as error:
        entry |= {"status": "crashed", "milliseconds": _milliseconds_since(started)}
        logger.exception("crashed: %r", error, extra={"entry": entry})
        raise InternalServerError from error  # an HTTP error: the framework would log others once more
    else:
        entry |= {
            "generation": outcome.image.generation,
            "status": outcome.status,
            "milliseconds": _milliseconds_since(started),
        }
        if outcome.problem:
            entry["error"] = outcome.problem
        level = logging.WARNING if outcome.status == "failed" else logging.INFO
        logger.log(level, "%s: %s", outcome.status, image.uri, extra={"entry": entry})


def _age(message: Mapping[str, Any]) -> timedelta:
    """How long ago the message was published; of one that does not say so, no time."""
    try:
        return datetime.now(UTC) - datetime.fromisoformat(str(message.get("publishTime")))
    except (ValueError, TypeError):  # no time, or one without a zone
        return timedelta()


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
