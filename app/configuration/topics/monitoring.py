"""Settings: what is recorded of answers, and where."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import setting
from app.configuration.kinds import matching, one_of, or_unset, seconds, whole_number


@dataclass(frozen=True)
class MonitoringSettings:
    """See `Settings`."""

    metrics: str = setting(
        "on",
        one_of("on", "key", "off"),
        "Who may read `GET /metrics`: everybody who reaches the port (on), callers with one of"
        " MASKSERVE_API_KEYS (key), or nobody, and that route answers 404 (off).",
    )
    feedback: str = setting(
        "off",
        matching(
            r"off|log|pubsub:projects/[a-z0-9:._-]+/topics/[A-Za-z][\w.~+%-]{2,254}",
            "off, log, or pubsub:projects/PROJECT/topics/TOPIC",
        ),
        "Where feedback (`POST /api/v1/feedback`) is recorded: nowhere, and that route answers 404 (off), in"
        " the log (log), or in a topic of Pub/Sub (pubsub:projects/PROJECT/topics/TOPIC).",
    )

    drift_window: int = setting(
        "300",
        whole_number(0, 100_000),
        "How many recent pictures of each model are compared with its validation pictures, over all"
        " processes; 0: none.",
    )
    mlflow: str | None = setting(
        "",
        or_unset(
            matching(r"https?://[^\s/?#]+[^\s?#]*", "the http:// or https:// address of an MLflow server")
        ),
        "The MLflow server that the service's figures are sent to. Default: none.",
        secret=True,  # it may have a user and a password
    )
    mlflow_experiment: str = setting(
        "maskserve",
        matching(r"[^\s](.*[^\s])?", "the name of an experiment"),
        "With MASKSERVE_MLFLOW: the experiment in MLflow, which is created if there is none.",
    )
    mlflow_interval: float = setting(
        "60", seconds(3600), "With MASKSERVE_MLFLOW: how often figures are sent, in seconds."
    )
