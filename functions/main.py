"""The function: a Pub/Sub message names an image in Cloud Storage; its segments go to another bucket."""

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

    Returning acknowledges the message; on an exception Pub/Sub delivers it again.

    Raises:
        TryAgain: a temporary failure.
        InternalServerError: the function crashed; the log has the stack trace.
    """
    data = event.data if isinstance(event.data, Mapping) else {}
    _take(data.get("message"), event["id"])


@functions_framework.errorhandler(BadRequest)
def take_push(_: BadRequest) -> flask.Response | HTTPException:
    """Handle a push that the framework rejects: a notification without data, or a malformed push.

    Rejecting it would only cause redelivery.
    """
    push = flask.request.get_json(force=True, silent=True)
    message = push.get("message") if isinstance(push, Mapping) else None
    try:
        _take(message, str(message.get("messageId", "")) if isinstance(message, Mapping) else "")
    except HTTPException as error:
        return error  # the framework treats any exception raised in an error handler as a crash
    return flask.Response(status=204)


def _take(message: Any, event_id: str) -> None:
    """Process `message`, and log how it went."""
    started = time.monotonic()
    entry: dict[str, Any] = {"event": event_id}
    try:
        if not isinstance(message, Mapping):
            raise Malformed("the push has no message")
        image = image_in(message)
        entry |= {"object": image.uri, "generation": image.generation}
        if image.bucket == _settings.result_bucket:
            raise AboutResult(
                f"{image.uri} is in RESULT_BUCKET, whose objects are never segmented. If that bucket has a"
                f" notification, delete it: gcloud storage buckets notifications delete gs://{image.bucket}"
            )
        outcome = _worker.finish(image, event_id, _age(message))
    except Ignored as reason:
        logger.log(reason.level, "ignored: %s", reason, extra={"entry": {**entry, "status": "ignored"}})
    except Malformed as reason:
        logger.error("malformed: %s", reason, extra={"entry": {**entry, "status": "malformed"}})
    except TryAgain as reason:
        entry |= {"status": "again", "milliseconds": _milliseconds_since(started)}
        logger.warning("will be retried: %s", reason.description, extra={"entry": entry})
        raise
    except Exception as error:
        entry |= {"status": "crashed", "milliseconds": _milliseconds_since(started)}
        logger.exception("crashed: %r", error, extra={"entry": entry})
        raise InternalServerError from error  # the framework would log other errors a second time
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
    """How long ago the message was published; zero if unknown."""
    try:
        return datetime.now(UTC) - datetime.fromisoformat(str(message.get("publishTime")))
    except (ValueError, TypeError):  # missing, or without a time zone
        return timedelta()


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
