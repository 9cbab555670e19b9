"""MLflow server: the few calls of MLflow's REST API that the service needs.

MLflow's own client would take 150 MiB of memory and seconds to import. The API is described at
mlflow.org/docs/latest/rest-api.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_PATH = "api/2.0/mlflow"
_CONNECT_SECONDS, _READ_SECONDS = 3.0, 10.0
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Tag of an experiment, so that the interface shows metrics rather than chats with language models."""
_MOST_METRICS = 1000  # at once, for MLflow
_LONGEST_REASON = 300  # characters
_NO_SUCH = "RESOURCE_DOES_NOT_EXIST"
_ALREADY = "RESOURCE_ALREADY_EXISTS"


class MlflowError(Exception):
    """The server does not answer, or refuses.

    Attributes:
        code: MLflow's code of the error; empty if the server did not answer.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class MlflowServer:
    """An MLflow server. All methods raise MlflowError.

    MLflow's own variables for a user and password, or a token, apply (MLFLOW_TRACKING_…).
    """

    def __init__(self, address: str) -> None:
        """`address`: http(s)://, with or without user and password."""
        self._address = address.rstrip("/")
        parts = urlsplit(address)
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        import requests  # only if it is needed

        self._session = requests.Session()
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._session.auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))

    def experiment_id(self, name: str) -> str:
        """The id of the experiment of that name, which is created if there is none."""
        try:
            found = self._get("experiments/get-by-name", {"experiment_name": name})["experiment"]
        except MlflowError as error:
            if error.code != _NO_SUCH:
                raise
            return self._new_experiment(name)
        if found.get("lifecycle_stage", "active") != "active":
            raise MlflowError(
                f"the experiment {name} was deleted: restore it in MLflow, or set another name with"
                " MASKSERVE_MLFLOW_EXPERIMENT",
                "INVALID_STATE",
            )
        return str(found["experiment_id"])

    def create_run(self, experiment: str, name: str, started: float, tags: Mapping[str, str]) -> str:
        """Create a run that is running, and return its id. `started`: in seconds since 1970."""
        values = {
            "experiment_id": self.experiment_id(experiment),
            "run_name": name,
            "start_time": round(started * 1000),
            "tags": _pairs(tags),
        }
        return str(self._post("runs/create", values)["run"]["info"]["run_id"])

    def update_run(self, run: str, status: str, ended: float | None = None) -> None:
        """Set a run's status: "RUNNING" or "FINISHED". `ended`: in seconds since 1970."""
        end = {} if ended is None else {"end_time": round(ended * 1000)}
        self._post("runs/update", {"run_id": run, "status": status, **end})

    def has_run(self, run: str) -> bool:
        """Whether there is a run of that id, which has not been deleted."""
        try:
            info = self._get("runs/get", {"run_id": run})["run"]["info"]
        except MlflowError as error:
            if error.code != _NO_SUCH:
                raise
            return False
        return bool(info.get("lifecycle_stage", "active") == "active")

    def log(
        self, run: str, figures: Mapping[str, float], now: float, step: int, tags: Mapping[str, str]
    ) -> None:
        """Add a value to each of a run's metrics, and set its tags. `now`: in seconds since 1970."""
        metrics = [
            {"key": name, "value": value, "timestamp": round(now * 1000), "step": step}
            for name, value in figures.items()
        ]
        for first in range(0, len(metrics), _MOST_METRICS):
            batch = metrics[first : first + _MOST_METRICS]
            self._post("runs/log-batch", {"run_id": run, "metrics": batch, "tags": _pairs(tags)})

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _new_experiment(self, name: str) -> str:
        try:
            return str(
                self._post("experiments/create", {"name": name, "tags": _pairs(_KIND)})["experiment_id"]
            )
        except MlflowError as error:
            if error.code != _ALREADY:  # another replica has created it
                raise
            return str(
                self._get("experiments/get-by-name", {"experiment_name": name})["experiment"]["experiment_id"]
            )

    def _get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        return self._call("GET", path, params=parameters)

    def _post(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, json=values)

    def _call(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        import requests

        try:
            response = self._session.request(
                method, f"{self._address}/{_PATH}/{path}", timeout=(_CONNECT_SECONDS, _READ_SECONDS), **sent
            )
        except requests.RequestException as error:
            raise MlflowError(f"MLflow at {self.shown} does not answer ({type(error).__name__})") from None
        try:
            answer = response.json()
            assert isinstance(answer, dict)
        except (ValueError, AssertionError):
            raise MlflowError(
                f"the server at {self.shown} does not answer as MLflow does: its status is"
                f" {response.status_code}, and its answer is not a JSON object"
            ) from None
        if response.ok:
            return answer
        code = str(answer.get("error_code", response.status_code))
        reason = " ".join(str(answer.get("message", "")).split())[:_LONGEST_REASON]
        raise MlflowError(f"MLflow at {self.shown} refuses ({code}): {reason}", code)


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]
