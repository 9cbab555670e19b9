"""The run of a live service in MLflow: what is in it, who reports, and that a bad server harms nobody."""

from __future__ import annotations

import http.server
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from local_mlflow import serving
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from server import wait_until
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import BadSetting, Settings
from app.monitoring import live_run
from app.monitoring.figures import Collection, figures_between, quantile
from app.monitoring.live_run import LiveRun
from app.monitoring.mlflow_server import MlflowServer

URL = "/api/v1/segment"
needs_mlflow = pytest.mark.skipif(not find_spec("mlflow"), reason="MLflow is not installed: make dev")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROMETHEUS_MULTIPROC_DIR", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


def runs(address: str, experiment: str) -> list[Any]:
    """The runs of an experiment, as MLflow's own client sees them."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


@needs_mlflow
def test_a_service_is_a_run_with_its_figures_until_it_ends(mlflow: str, png: bytes) -> None:
    app = create_app(
        {"stub": StubSegmenter()}, Settings(mlflow=mlflow, mlflow_experiment="live", mlflow_interval=0.5)
    )
    client = app.test_client()
    for _ in range(3):
        assert client.post(URL, data=png, content_type="image/png").status_code == 200
    assert client.post(URL, data=b"", content_type="image/png").status_code == 400

    wait_until(lambda: any("latency_p95_seconds" in run.data.metrics for run in runs(mlflow, "live")), 60)

    (run,) = runs(mlflow, "live")
    assert run.info.status == "RUNNING"
    assert run.data.tags["models"] == "stub@1 (stub f32)"
    assert run.data.tags["replica"] == run.info.run_name == socket.gethostname()
    found = run.data.metrics
    assert set(found) >= {"system/cpu_cores", "failures_per_minute", "refusals_per_minute", "queue_depth"}
    assert found["system/memory_mebibytes"] > 10
    assert found["drift/stub/1/brightness/pictures"] == 3
    assert found["drift/stub/1/brightness/psi"] > 0 and 0 <= found["drift/stub/1/brightness/ks"] <= 1

    live_run.finish(app)
    wait_until(lambda: runs(mlflow, "live")[0].info.status == "FINISHED", 30)


@needs_mlflow
def test_one_process_reports_for_all_and_the_next_one_continues_its_run(mlflow: str, tmp_path: Path) -> None:
    def process() -> LiveRun:
        return LiveRun(MlflowServer(mlflow), "two", 0.2, list, tmp_path)

    first = process()
    wait_until(lambda: len(runs(mlflow, "two")) == 1, 60)
    second = process()
    time.sleep(0.6)
    assert len(runs(mlflow, "two")) == 1
    first.finish()
    wait_until(lambda: runs(mlflow, "two")[0].info.status == "FINISHED", 30)
    assert first._lead._lock is not None
    first._lead._lock.close()  # as if the process had ended
    wait_until(lambda: runs(mlflow, "two")[0].info.status == "RUNNING", 60)
    assert len(runs(mlflow, "two")) == 1
    second.finish()


@needs_mlflow
def test_a_run_that_was_deleted_is_followed_by_another(mlflow: str) -> None:
    from mlflow import MlflowClient

    run = LiveRun(MlflowServer(mlflow), "gone", 0.2, list, None)
    wait_until(lambda: len(runs(mlflow, "gone")) == 1, 60)
    (deleted,) = runs(mlflow, "gone")
    MlflowClient(mlflow).delete_run(deleted.info.run_id)
    wait_until(
        lambda: [one.info.run_id for one in runs(mlflow, "gone")] not in ([], [deleted.info.run_id]), 60
    )
    run.finish()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Sign in</html>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bad_server(kind: str) -> Iterator[str]:
    """The address of a server that is down, never answers, or answers with a web page."""
    if kind == "page":
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "silent":
            listener.listen()
        yield f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("down", "does not answer (ConnectionError)"),
        ("silent", ""),
        ("page", "does not answer as MLflow does"),
    ],
)
def test_a_server_that_does_not_work_harms_nobody_and_is_told_of_once(
    png: bytes, caplog: pytest.LogCaptureFixture, kind: str, said: str
) -> None:
    caplog.set_level(logging.INFO)
    with bad_server(kind) as address:
        app = create_app({"stub": StubSegmenter()}, Settings(mlflow=address, mlflow_interval=0.1))
        client = app.test_client()
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            assert client.post(URL, data=png, content_type="image/png").status_code == 200
        start = time.monotonic()
        live_run.finish(app)
        assert time.monotonic() - start < 30
        port = address.rpartition(":")[2]
    told = [message for record in caplog.records if port in (message := record.getMessage())]
    assert len(told) == (1 if said else 0)
    assert all(said in message and "secret" not in message for message in told)


def test_figures_are_of_the_time_between_two_reports() -> None:
    def collection(moment: float, ok: int, failed: int, cpu: float, fast: int) -> Collection:
        memory = GaugeMetricFamily("maskserve_process_resident_memory_bytes", "", labels=["pid"])
        memory.add_metric(["1"], 2**20)
        memory.add_metric(["2"], 2**21)
        requests = CounterMetricFamily("maskserve_requests", "", labels=["route", "method", "status"])
        requests.add_metric([URL, "POST", "200"], ok)
        requests.add_metric([URL, "POST", "500"], failed)
        requests.add_metric(["/", "POST", "200"], ok)
        requests.add_metric(["/livez", "GET", "200"], 1000 * moment)
        seconds = HistogramMetricFamily("maskserve_request_seconds", "", labels=["route"])
        for route, count in ((URL, fast), ("/", 900 * fast), ("/livez", 900 * fast)):
            seconds.add_metric([route], [("0.1", count), ("0.5", 2 * count), ("+Inf", 2 * count)], 1.0)
        used = CounterMetricFamily("maskserve_process_cpu_seconds", "", labels=["pid"])
        used.add_metric(["1"], cpu)
        return Collection.of([memory, requests, seconds, used], moment)

    before, now = collection(100, 10, 0, 50, 10), collection(130, 40, 6, 95, 30)
    assert figures_between(before, now) == pytest.approx(
        {
            "system/cpu_cores": 1.5,
            "system/memory_mebibytes": 3,
            "requests_per_minute": 2 * (30 + 30 + 6),
            "failures_per_minute": 12,
            "refusals_per_minute": 0,
            "queue_depth": 0,
            "latency_p50_seconds": 0.1,
            "latency_p95_seconds": 0.46,
        }
    )
    assert "latency_p50_seconds" not in figures_between(now, collection(140, 40, 6, 95, 30))


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({1: 10, 2: 20, float("inf"): 20}, 0.5, 1),
        ({1: 10, 2: 20, float("inf"): 20}, 0.75, 1.5),
        ({1: 0, 2: 0, float("inf"): 5}, 0.5, 2),  # beyond the last bound
        ({1: 4, float("inf"): 4}, 0.25, 0.25),
    ],
)
def test_quantiles_are_those_of_prometheus(
    buckets: dict[float, float], share: float, expected: float
) -> None:
    assert quantile(buckets, share) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MASKSERVE_MLFLOW", "sqlite:///mlflow.db", "the http:// or https:// address of an MLflow server"),
        ("MASKSERVE_MLFLOW", "mlflow:5000", "the http:// or https:// address of an MLflow server"),
        ("MASKSERVE_MLFLOW_EXPERIMENT", "", "the name of an experiment"),
        ("MASKSERVE_MLFLOW_INTERVAL", "0", "a number of seconds from 0.1 to 3600"),
        ("MASKSERVE_DRIFT_WINDOW", "-1", "a whole number from 0 to 100000"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: str, allowed: str) -> None:
    with pytest.raises(BadSetting, match=allowed) as refused:
        Settings.from_environment({name: value})
    assert name in str(refused.value)
