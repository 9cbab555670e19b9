"""deploy/vertex/deploy.py: what it asks of Vertex AI, and that the service answers what that leads to."""

from __future__ import annotations

import base64
import json
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from gcloud_lint import complaints, gcloud_commands
from gcloud_messages import complaint
from stub_segmenter import StubSegmenter
from workspace import ROOT, Workspace

from app import create_app
from app.configuration.settings import Settings

SCRIPT = "deploy/vertex/deploy.py"
CONSTANTS = runpy.run_path(str(ROOT / SCRIPT))
IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve@sha256:" + "ab" * 32
FOUND = {"predictions": [{"segments": [{"id": 1}]}]}
SERVED = {
    "deployedModels": [
        {"id": "11", "createTime": "2026-11-01T00:00:00Z"},
        {"id": "22", "createTime": "2026-11-08T00:00:00Z"},
    ],
    "trafficSplit": {"11": 5, "22": 95},
}


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    """A project with neither model nor endpoint."""
    workspace.stand_in("gcloud")
    workspace.answer("describe", status=1, err="ERROR: (gcloud.ai) NOT_FOUND: it does not exist")
    workspace.answer("models upload", out="3\n")
    workspace.answer("endpoints predict", out=json.dumps(FOUND))
    workspace.answer("print-access-token", out="a-token\n")
    return workspace


@pytest.fixture
def served(cloud: Workspace) -> Workspace:
    """A project that serves two versions, 11 and 22."""
    cloud.answer("models describe", out="{}")
    cloud.answer("endpoints describe", out=json.dumps(SERVED))
    return cloud


def run(workspace: Workspace, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return workspace.run(sys.executable, SCRIPT, *words, **environment)


def call(workspace: Workspace, beginning: str) -> str:
    (found,) = workspace.calls(f"gcloud ai {beginning}")
    return found


def test_the_first_deployment_makes_model_and_endpoint_and_asks_it(cloud: Workspace) -> None:
    ended = run(cloud, "deploy", "my-project", IMAGE)
    assert ended.returncode == 0, ended.stderr
    assert "--model-id=maskserve " in call(cloud, "models upload")
    assert "--endpoint-id=maskserve " in call(cloud, "endpoints create")
    deployed = call(cloud, "endpoints deploy-model")
    assert "--model=maskserve@3 " in deployed
    assert "--traffic-split=0=100 " in deployed
    assert call(cloud, "endpoints predict")
    assert ended.stdout.endswith("found 1 segments in fluorescence.png.\n")


def test_a_later_version_gets_its_share_and_the_version_with_most_traffic_the_rest(served: Workspace) -> None:
    assert run(served, "deploy", "my-project", IMAGE, "--share", "10").returncode == 0
    assert "--parent-model=maskserve " in call(served, "models upload")
    assert served.calls("gcloud ai endpoints create") == []
    assert "--traffic-split=0=10,11=0,22=90 " in call(served, "endpoints deploy-model")


@pytest.mark.parametrize(
    ("percent", "split"), [("50", "22=50,11=50"), ("100", "22=100,11=0"), ("0", "22=0,11=100")]
)
def test_traffic_is_shifted_and_rolled_back_between_the_last_two_versions(
    served: Workspace, percent: str, split: str
) -> None:
    assert run(served, "traffic", "my-project", percent).returncode == 0
    assert f"--traffic-split={split} " in call(served, "endpoints update")


def test_a_bundle_in_a_bucket_is_the_version_s_artifact(cloud: Workspace) -> None:
    run(cloud, "deploy", "my-project", IMAGE, "--artifact-uri", "gs://bucket/models/parts")
    assert "--artifact-uri=gs://bucket/models/parts " in call(cloud, "models upload")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deploy", "my-project", "maskserve:latest"], "expected an image with a digest"),
        (["traffic", "my-project", "50"], "needs two versions to share its traffic, and has 0"),
        (["batch", "my-project", "list.txt", "gs://bucket/out"], "must be an address in Cloud Storage"),
        (["ask", "my-project", "large.png"], "is too large"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(cloud: Workspace, words: list[str], said: str) -> None:
    (cloud.path / "large.png").write_bytes(bytes(1_200_000))
    ended = run(cloud, *words)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert [made for made in cloud.calls() if " describe " not in made] == []


def test_an_endpoint_that_finds_nothing_fails(cloud: Workspace) -> None:
    cloud.answer("endpoints predict", out=json.dumps({"predictions": [{"error": {"detail": "queue full"}}]}))
    ended = run(cloud, "deploy", "my-project", IMAGE)
    assert ended.returncode == 1
    assert "queue full" in ended.stderr


def test_a_failed_look_up_is_not_taken_for_a_missing_model(cloud: Workspace) -> None:
    cloud.answer("models describe", status=1, err="ERROR: PERMISSION_DENIED")
    ended = run(cloud, "deploy", "my-project", IMAGE)
    assert ended.returncode == 1
    assert "PERMISSION_DENIED" in ended.stderr
    assert cloud.calls("gcloud ai models upload") == []


@pytest.mark.parametrize(
    "words",
    [["deploy", "my-project", IMAGE], ["batch", "my-project", "gs://bucket/list.txt", "gs://bucket/out"]],
)
def test_a_dry_run_changes_nothing(cloud: Workspace, words: list[str]) -> None:
    dry = run(cloud, *words, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.endswith("Dry run: nothing was changed.\n")
    assert [made for made in cloud.calls() if " describe " not in made] == []


def test_gcloud_has_every_command_and_option(cloud: Workspace, tmp_path: Path) -> None:
    run(cloud, "deploy", "my-project", IMAGE, "--service-account", "me@my-project.iam.gserviceaccount.com")
    cloud.answer("models describe", out="{}")
    cloud.answer("endpoints describe", out=json.dumps(SERVED))
    run(cloud, "deploy", "my-project", IMAGE, "--artifact-uri", "gs://bucket/models/parts")
    run(cloud, "traffic", "my-project", "50")
    assert complaints(gcloud_commands(cloud), tmp_path) == []


# --- Batch prediction


@pytest.fixture
def vertex() -> Iterator[HTTPServer]:
    """Takes what is posted to it, as `received`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.received = (self.path, self.headers["Authorization"], body)  # type: ignore[attr-defined]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"name": "batchPredictionJobs/7"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_batch_is_the_job_that_vertex_ai_has(cloud: Workspace, vertex: HTTPServer) -> None:
    ended = run(
        cloud,
        *("batch", "my-project", "gs://bucket/list.txt", "gs://bucket/out"),
        *("--parameters", '{"mask_format": "polygon"}'),
        CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM=f"http://127.0.0.1:{vertex.server_port}/",
    )
    assert ended.returncode == 0, ended.stderr
    path, authorization, job = vertex.received  # type: ignore[attr-defined]
    assert path == "/v1/projects/my-project/locations/europe-west1/batchPredictionJobs"
    assert authorization == "Bearer a-token"
    assert complaint("aiplatform.v1", "GoogleCloudAiplatformV1BatchPredictionJob", job) == ""
    assert job["manualBatchTuningParameters"]["batchSize"] <= Settings().max_batch
    assert job["modelParameters"] == {"mask_format": "polygon"}


# --- The container's side


@pytest.mark.parametrize(
    "instance",
    [
        {"b64": "…"},  # what a line of a file list becomes: the file's content
        {"image": {"b64": "…"}, "threshold": 0.5},  # a line of JSON with parameters of its own
    ],
    ids=["file-list", "jsonl"],
)
def test_the_service_answers_on_the_routes_that_are_uploaded(instance: dict[str, Any]) -> None:
    picture = base64.b64encode((ROOT / "app/static/samples/fluorescence.png").read_bytes()).decode()
    instance = json.loads(json.dumps(instance, ensure_ascii=False).replace("…", picture))
    environment = {
        "AIP_HTTP_PORT": str(CONSTANTS["PORT"]),
        "AIP_HEALTH_ROUTE": CONSTANTS["HEALTH_ROUTE"],
        "AIP_PREDICT_ROUTE": CONSTANTS["PREDICT_ROUTE"],
        **dict([CONSTANTS["VARIABLES"].split("=")]),
    }
    client = create_app({"stub": StubSegmenter()}, Settings.from_environment(environment)).test_client()
    assert client.get(environment["AIP_HEALTH_ROUTE"]).status_code == 200
    assert client.get("/metrics").status_code == 404
    asked = {"instances": [instance] * CONSTANTS["BATCH_SIZE"], "parameters": {"mask_format": "none"}}
    answer = client.post(environment["AIP_PREDICT_ROUTE"], json=asked)
    assert answer.status_code == 200
    predictions = answer.get_json()["predictions"]
    assert len(predictions) == CONSTANTS["BATCH_SIZE"]
    assert all("segments" in prediction for prediction in predictions)
