"""KServe V2's model repository extension: loads and unloads versions while the service runs.

See github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.access import keys
from app.errors import BadBody, BadParameter
from app.openapi import schemas
from app.openapi.bodies import JSON_BODY, Schema, object_schema
from app.openapi.operations import Operation, Terms
from app.requests.json_body import parse_object
from app.requests.short_body import short_body
from app.service import current_service
from app.versions.changes import State
from model import catalog
from model.catalog import split_name

repository = Blueprint("repository", __name__, url_prefix="/v2/repository")
repository.before_request(keys.check_admins)

_STATES = {"ready": "READY", "loading": "LOADING", "unloading": "UNLOADING", "failed": "UNAVAILABLE"}
_IGNORED = ("unload_dependents",)  # Triton's clients send it; no model here depends on another
_EXAMPLE = '{"parameters": {"version": "3"}}'
_PROBLEMS = (400, 401, 404, 409, 413, 503)


@repository.post("/index")
def index() -> ResponseReturnValue:
    """Every version that is loaded or could be, with its state; with "ready", only those that are ready."""
    document = _document()
    only_ready = document.pop("ready", False)
    if document or not isinstance(only_ready, bool):
        raise BadBody('The JSON may have only "ready", which is true or false.')
    states = current_service().models.changes.states()
    known = [f"{name}@{version}" for name in catalog.names() for version in catalog.versions(name)]
    listed = [_entry(name, states.get(name)) for name in dict.fromkeys([*states, *known])]
    return jsonify([entry for entry in listed if entry["state"] == "READY" or not only_ready])


@repository.post("/models/<name>/load")
def load(name: str) -> dict[str, Any]:
    """Load a version, or the newest, in all processes. Answers when all of them serve it."""
    full_name = current_service().models.changes.load(_asked(name))
    model, version = split_name(full_name)
    return {"name": model, "version": version, "state": "READY"}


@repository.post("/models/<name>/unload")
def unload(name: str) -> dict[str, Any]:
    """Unload a version, or all of a model, in all processes. Requests that use them are still answered."""
    gone = current_service().models.changes.unload(_asked(name))
    return {"name": split_name(name)[0], "versions": [split_name(one)[1] for one in gone]}


def _entry(full_name: str, state: State | None) -> dict[str, Any]:
    name, version = split_name(full_name)
    entry = {"name": name, "version": version, "state": _STATES[state.state] if state else "UNAVAILABLE"}
    if entry["state"] == "UNAVAILABLE":
        entry["reason"] = (state and state.reason) or "not loaded"
    return entry


def _asked(name: str) -> str:
    """`name` or `name@version`, from the route and the body. Raises BadBody or BadParameter."""
    document = _document()
    parameters = document.pop("parameters", {})
    if document or not isinstance(parameters, dict):
        raise BadBody('The JSON may have only parameters, as in {"parameters": {"version": "3"}}.')
    if unknown := parameters.keys() - {"version", *_IGNORED}:
        raise BadParameter(f"parameters may have only version, not {', '.join(sorted(unknown))}.")
    version = parameters.get("version")
    if version is None:
        return name
    if not isinstance(version, str) or not version:
        raise BadParameter('version must be a text, as in {"parameters": {"version": "3"}}.')
    model, named = split_name(name)
    if named not in (None, version):
        raise BadParameter(f"The route names version {named} and the body version {version}: name one.")
    return f"{model}@{version}"


def _document() -> dict[str, Any]:
    """The JSON object in the body, which may be empty."""
    body = short_body()
    return parse_object(body, current_service().settings, example=_EXAMPLE) if body.strip() else {}


def described(_: Terms) -> list[Operation]:
    """These routes, for the OpenAPI document; none if no administrator has a key."""
    if not current_service().settings.admin_keys:
        return []
    which: Schema = object_schema({"parameters": object_schema({"version": {"type": "string"}})})
    return [
        Operation(
            "/v2/repository/index",
            "post",
            "KServe V2: every version of every model, and its state",
            answer=schemas.RepositoryIndex,
            problems=_PROBLEMS,
            bodies={JSON_BODY: object_schema({"ready": {"type": "boolean"}})},
        ),
        Operation(
            "/v2/repository/models/{name}/load",
            "post",
            "KServe V2: load a version, by default the newest",
            answer=schemas.LoadedVersion,
            problems=_PROBLEMS,
            bodies={JSON_BODY: which},
        ),
        Operation(
            "/v2/repository/models/{name}/unload",
            "post",
            "KServe V2: unload a version, by default all of a model",
            answer=schemas.UnloadedVersions,
            problems=_PROBLEMS,
            bodies={JSON_BODY: which},
        ),
    ]
