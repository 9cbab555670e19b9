"""Answers: what was found in a picture, in the form that the caller requested."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from flask import Response, jsonify

from app.answering.warnings import warnings_about
from app.monitoring.current_request import request_id
from app.requests.wanted import Wanted
from model.answers.finding import Finding
from model.formats.encode import encode
from model.formats.json import finding_to_json
from model.formats.registry import JSON, Options, draw

_TIMED = ("decode", "queue", "infer", "masks", "encode")
"""The stages whose duration the caller is told."""


def timings_of(finding: Finding) -> dict[str, float]:
    """Milliseconds by stage, for all of _TIMED; "encode" is 0 until the answer is encoded."""
    measured = finding.stopwatch.milliseconds
    return {stage: round(measured.get(stage, 0.0), 1) for stage in _TIMED}


Warnings = list[dict[str, str]]


def respond(finding: Finding, wanted: Wanted, warnings: Warnings | None = None) -> Response:
    """The answer to a request with one image. `warnings`: default: those about the finding."""
    is_json = wanted.output is JSON
    response = jsonify(to_json(finding, wanted, warnings)) if is_json else _file(finding, wanted)
    response.headers["X-Model"] = finding.manifest.name
    response.headers["X-Model-Version"] = finding.manifest.version
    if finding.arm is not None:
        response.headers["X-Model-Arm"] = finding.arm
    response.headers["X-Segment-Count"] = str(len(finding.segments))
    response.headers["X-Segments-Found"] = str(finding.result.found)
    timings = timings_of(finding)
    response.headers["Server-Timing"] = ", ".join(f"{stage};dur={ms}" for stage, ms in timings.items())
    return response


def to_json(finding: Finding, wanted: Wanted, warnings: Warnings | None = None) -> dict[str, Any]:
    """The JSON answer for one image. `warnings`: as for `respond`."""
    answer: dict[str, Any] = {"request_id": request_id()}
    with finding.stopwatch.measure("encode"):
        answer |= finding_to_json(finding, mask_format=wanted.options.mask_format)
        for name in wanted.included:
            picture = _INCLUDED[name](finding, wanted.options)
            answer[name] = base64.b64encode(picture).decode("ascii")
        if warnings is None:
            warnings = warnings_about(finding)
        if warnings:
            answer["warnings"] = warnings
    answer["timings_ms"] = timings_of(finding)
    return answer


def _picture(finding: Finding, options: Options) -> bytes:
    return encode(finding.image, options.image_format)


_INCLUDED: dict[str, Callable[[Finding, Options], bytes]] = {"overlay": draw, "picture": _picture}

INCLUDABLE = tuple(_INCLUDED)
"""The members of a JSON answer that are picture files, in base64."""


def _file(finding: Finding, wanted: Wanted) -> Response:
    """A file to display or to save; its suggested name never comes from the upload."""
    with finding.stopwatch.measure("encode"):
        response = Response(wanted.output.write(finding, wanted.options))
    picture_format = wanted.output.picture_format(wanted.options)
    if picture_format is None:
        response.mimetype = wanted.output.media_types[0]  # sets the charset, too, if it is text
        shown, name = "attachment", wanted.output.file_name
    else:
        response.mimetype = f"image/{picture_format}"
        shown, name = "inline", f"{PurePath(wanted.output.file_name).stem}.{picture_format}"
    response.headers["Content-Disposition"] = f'{shown}; filename="{name}"'
    return response
