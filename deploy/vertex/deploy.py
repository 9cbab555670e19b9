#!/usr/bin/env python3
"""Serves the image on Vertex AI: see docs/deploy-vertex.md.

deploy.py deploy PROJECT IMAGE     a model version, on an endpoint, with a share of its traffic
deploy.py traffic PROJECT PERCENT  the share of the newest version; the one before it gets the rest
deploy.py ask PROJECT PICTURE      a test request
deploy.py batch PROJECT gs://LIST gs://OUT    batch prediction
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAME = "maskserve"
"""Of the model in the Model Registry, and of the endpoint."""
HEALTH_ROUTE, PREDICT_ROUTE, PORT = "/health", "/predict", 8080
VARIABLES = "MASKSERVE_METRICS=off"
"""Of the container. Vertex AI has metrics of its own, and nobody but callers could read these."""
MACHINE = "n2-standard-4"
MOST_BYTES = 1_500_000
"""The largest request that a shared public endpoint accepts."""
BATCH_SIZE = 4
"""Pictures in one request of a batch prediction. Vertex AI's default, 64, is above MASKSERVE_MAX_BATCH."""
DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")
SAMPLE = Path(__file__).parents[2] / "app/static/samples/fluorescence.png"


class Failed(Exception):
    """What to tell the user, who may have to act."""


class Cloud:
    """A project and region on Vertex AI; a dry run prints what would change, and changes nothing."""

    def __init__(self, project: str, region: str, dry_run: bool) -> None:
        self.project, self.region, self.dry_run = project, region, dry_run

    def find(self, *words: str) -> dict[str, Any] | None:
        """What `gcloud ai … describe` says, or None if there is no such thing."""
        ended = self._run(*words, "--format=json")
        if ended.returncode == 0:
            found: dict[str, Any] = json.loads(ended.stdout or "{}")
            return found
        if re.search(r"not.?found|404", ended.stderr, re.IGNORECASE):
            return None
        raise Failed(f"the look-up failed: gcloud ai {shlex.join(words)}\n{ended.stderr.strip()}")

    def change(self, *words: str) -> str:
        """Run the command and return its output; in a dry run, print it."""
        if self.dry_run:
            print(f"would run: {shlex.join(self._command(*words))}")
            return ""
        ended = self._run(*words)
        if ended.returncode:
            raise Failed(f"gcloud ai {shlex.join(words)}\n{ended.stderr.strip()}")
        return ended.stdout.strip()

    def post(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create something for which gcloud has no command."""
        host = os.environ.get(
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM", f"https://{self.region}-aiplatform.googleapis.com/"
        )
        url = f"{host}v1/projects/{self.project}/locations/{self.region}/{kind}"
        text = json.dumps(body, indent=2)
        if self.dry_run:
            print(f"would POST {url}\n{text}")
            return {}
        token = subprocess.run(["gcloud", "auth", "print-access-token"], capture_output=True, text=True)
        if token.returncode:
            raise Failed(token.stderr.strip())
        headers = {"Authorization": f"Bearer {token.stdout.strip()}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, text.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            raise Failed(f"{url} answered {error.code}: {error.read().decode()}") from error
        return answer

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(self._command(*words), capture_output=True, text=True)
        except FileNotFoundError:
            raise Failed("gcloud is not installed. See https://cloud.google.com/sdk/docs/install") from None

    def _command(self, *words: str) -> list[str]:
        return ["gcloud", "ai", *words, f"--project={self.project}", f"--region={self.region}"]


def deploy(cloud: Cloud, options: argparse.Namespace) -> None:
    """Upload a version, deploy it with its share of the traffic, and ask it."""
    if not DIGEST.fullmatch(options.image):
        raise Failed(f"expected an image with a digest, IMAGE@sha256:…, not {options.image}")
    there = cloud.find("models", "describe", NAME)
    before = _shares(cloud)
    uploaded = cloud.change(
        *("models", "upload", f"--display-name={NAME}", f"--container-image-uri={options.image}"),
        f"--parent-model={NAME}" if there is not None else f"--model-id={NAME}",
        *(f"--container-health-route={HEALTH_ROUTE}", f"--container-predict-route={PREDICT_ROUTE}"),
        f"--container-ports={PORT}",
        f"--container-env-vars={VARIABLES}",
        *([f"--artifact-uri={options.artifact_uri}"] if options.artifact_uri else []),
        "--format=value(modelVersionId)",
    )
    version = uploaded or "VERSION"
    if before is None:
        cloud.change("endpoints", "create", f"--display-name={NAME}", f"--endpoint-id={NAME}")
    cloud.change(
        *("endpoints", "deploy-model", NAME, f"--model={NAME}@{version}", f"--display-name={NAME}-{version}"),
        *(f"--machine-type={options.machine}", f"--min-replica-count={options.replicas[0]}"),
        *(
            f"--max-replica-count={options.replicas[1]}",
            f"--traffic-split={_split(before or {}, options.share)}",
        ),
        *([f"--service-account={options.service_account}"] if options.service_account else []),
    )
    if not cloud.dry_run:
        ask(cloud, SAMPLE)


def traffic(cloud: Cloud, percent: int) -> None:
    """Give the newest version `percent` of the traffic, and the one before it the rest."""
    endpoint = cloud.find("endpoints", "describe", NAME) or {}
    versions = sorted(endpoint.get("deployedModels", []), key=lambda model: str(model["createTime"]))
    if len(versions) < 2:
        raise Failed(f"endpoint {NAME} needs two versions to share its traffic, and has {len(versions)}")
    *older, before, newest = (model["id"] for model in versions)
    split = {newest: percent, before: 100 - percent, **dict.fromkeys(older, 0)}
    text = ",".join(f"{name}={share}" for name, share in split.items())
    cloud.change("endpoints", "update", NAME, f"--traffic-split={text}")


def ask(cloud: Cloud, picture: Path) -> None:
    """Send a picture to the endpoint, and fail unless something is found in it."""
    data = base64.b64encode(picture.read_bytes()).decode()
    body = json.dumps({"instances": [{"b64": data}], "parameters": {"mask_format": "none"}})
    if len(body) > MOST_BYTES:
        raise Failed(
            f"{picture} is too large: a request may have {MOST_BYTES} bytes, of which base64 takes a third"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "request.json")
        file.write_text(body)
        answer = cloud.change("endpoints", "predict", NAME, f"--json-request={file}", "--format=json")
    if cloud.dry_run:
        return
    document = json.loads(answer)
    (prediction,) = document["predictions"] if isinstance(document, dict) else document
    if not prediction.get("segments"):
        raise Failed(f"the endpoint found nothing in {picture}: {prediction.get('error', prediction)}")
    print(f"The endpoint found {len(prediction['segments'])} segments in {picture.name}.")


def batch(cloud: Cloud, options: argparse.Namespace) -> None:
    """Start a batch prediction with the newest version of the model."""
    for address in (options.source, options.out):
        if not re.fullmatch(r"gs://[a-z0-9][\w.-]+/.*", address):
            raise Failed(f"{address} must be an address in Cloud Storage, such as gs://bucket/pictures.txt")
    job = cloud.post("batchPredictionJobs", batch_job(cloud, options))
    if not cloud.dry_run:
        print(f"Started {job['name']}. Its answers will be below {options.out}.")


def batch_job(cloud: Cloud, options: argparse.Namespace) -> dict[str, Any]:
    """The job, as Vertex AI's BatchPredictionJob."""
    job: dict[str, Any] = {
        "displayName": f"{NAME}-batch",
        "model": f"projects/{cloud.project}/locations/{cloud.region}/models/{NAME}",
        "inputConfig": {"instancesFormat": options.format, "gcsSource": {"uris": [options.source]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": options.out}},
        "dedicatedResources": {
            "machineSpec": {"machineType": options.machine},
            "startingReplicaCount": options.replicas[0],
            "maxReplicaCount": options.replicas[1],
        },
        "manualBatchTuningParameters": {"batchSize": BATCH_SIZE},
    }
    if options.parameters:
        job["modelParameters"] = json.loads(options.parameters)
    if options.service_account:
        job["serviceAccount"] = options.service_account
    return job


def _shares(cloud: Cloud) -> dict[str, int] | None:
    """The traffic of each deployed version by its id; None if there is no endpoint."""
    endpoint = cloud.find("endpoints", "describe", NAME)
    if endpoint is None:
        return None
    shares = endpoint.get("trafficSplit", {})
    return {model["id"]: int(shares.get(model["id"], 0)) for model in endpoint.get("deployedModels", [])}


def _split(before: dict[str, int], share: int) -> str:
    """The traffic with a new version, which gcloud calls 0; the version that had most keeps the rest."""
    if not before:
        return "0=100"
    main = max(before, key=lambda name: before[name])
    split = {"0": share, **dict.fromkeys(before, 0), main: 100 - share}
    return ",".join(f"{name}={part}" for name, part in split.items())


def _replicas(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)(?:-([1-9]\d*))?", text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise argparse.ArgumentTypeError(f"{text} must be a number or a range, such as 1-4")
    return int(found[1]), int(found[2] or found[1])


def _percent(text: str) -> int:
    if not re.fullmatch(r"\d+", text) or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text} must be from 0 to 100")
    return int(text)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the arguments say."""
    options = _parser().parse_args(words)
    cloud = Cloud(options.project, options.region, options.dry_run)
    try:
        match options.command:
            case "deploy":
                deploy(cloud, options)
            case "traffic":
                traffic(cloud, options.percent)
            case "ask":
                ask(cloud, options.picture)
            case "batch":
                batch(cloud, options)
    except Failed as error:
        print(f"vertex: {error}", file=sys.stderr)
        return 1
    if cloud.dry_run:
        print("Dry run: nothing was changed.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/vertex/deploy.py", description="See docs/deploy-vertex.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in (
        ("deploy", "upload the image as a version of the model, and deploy it"),
        ("traffic", "set the share of the newest version"),
        ("ask", "send a picture to the endpoint"),
        ("batch", "start a batch prediction"),
    ):
        command = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        add = command.add_argument
        add("project", metavar="PROJECT")
        add("--region", default="europe-west1", help="default: %(default)s")
        add("--dry-run", action="store_true", help="print what would be changed, and change nothing")
        if name == "deploy":
            add("image", metavar="IMAGE@sha256:…", help="the production image")
            add(
                "--artifact-uri",
                metavar="gs://…",
                help="folder of a bundle to serve instead of the image's model",
            )
            add(
                "--share",
                type=_percent,
                default=10,
                help="of the traffic, if a version is there. Default: %(default)s",
            )
        if name in ("deploy", "batch"):
            add("--machine", default=MACHINE, help="default: %(default)s")
            add("--replicas", type=_replicas, default=(1, 4), metavar="FEWEST-MOST", help="default: 1-4")
            add("--service-account", metavar="EMAIL", help="of the container. Default: Vertex AI's own")
        if name == "traffic":
            add("percent", type=_percent, metavar="PERCENT")
        if name == "ask":
            add("picture", type=Path, metavar="PICTURE")
        if name == "batch":
            add("source", metavar="gs://LIST", help="a file with the address of a picture in each line")
            add("out", metavar="gs://OUT", help="folder for the answers")
            add("--format", choices=("file-list", "jsonl"), default="file-list", help="default: %(default)s")
            add(
                "--parameters", metavar="JSON", help='of all requests, such as \'{"mask_format": "polygon"}\''
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
