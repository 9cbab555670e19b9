"""The APIs and roles that a project needs for its builds, its pods and its function, derived from those.

Builds say it by the commands that their steps run, pods by their manifests, the function by its settings.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from google_project import NAME, NUMBER, Binding, Project, api_of
from pipeline import BUILD
from workspace import ROOT

_REPOSITORY = f"artifacts repositories {BUILD['substitutions']['_REPOSITORY']}"
_PROJECT = f"projects {NAME}"
KEYS = ("maskserve-api-key", "maskserve-events-key")

# A command that a step of a build runs, the role that it needs, and on what.
_STEPS = (
    (r"^docker (push|pull)", "roles/artifactregistry.writer", (_REPOSITORY,)),
    (r"^gcloud artifacts docker images", "roles/ondemandscanning.admin", (_PROJECT,)),
    (r"^gcloud builds", "roles/cloudbuild.builds.viewer", (_PROJECT,)),
    (r"^(gcloud container clusters|kubectl)", "roles/container.developer", (_PROJECT,)),
    (
        r"^gcloud secrets versions list",
        "roles/secretmanager.viewer",
        tuple(f"secrets {key}" for key in KEYS),
    ),
    (
        r"^gcloud secrets versions access",
        "roles/secretmanager.secretAccessor",
        tuple(f"secrets {key}" for key in KEYS),
    ),
    (r"^gcloud config get|^docker (buildx|tag|image)", "", ()),
)

# Text in the manifests, and the APIs that it needs.
_OBJECTS = {
    "serviceAccountName: ": ("container", "iamcredentials"),  # workload identity
    "type: NamedAddress": ("compute",),
    "networking.gke.io/certmap: ": ("certificatemanager",),
    "apiVersion: monitoring.googleapis.com/": ("monitoring",),
}


@cache
def step_commands() -> tuple[str, ...]:
    """The commands of docker, gcloud and kubectl in the scripts that a build's steps run."""
    steps = " ".join(word for step in BUILD["steps"] for word in step["args"])
    scripts = re.findall(r"scripts/[\w-]+\.sh", steps)
    text = "\n".join((ROOT / script).read_text() for script in scripts)
    return tuple(
        re.findall(r"(?:^ *|\(|if |\|\| |&& |\{ )((?:docker|gcloud|kubectl) [a-z].*)", text, re.MULTILINE)
    )


@cache
def in_docs(page: str) -> tuple[list[str], ...]:
    """The commands of gcloud in the blocks of a page, word by word."""
    text = re.sub(r"\\\n +", "", (ROOT / "docs" / page).read_text())
    commands = re.findall(r"^ *(?:KEY=\$\()?(?:[^`\n]*\| )?(gcloud [^)`\n]*)", text, re.MULTILINE)
    return tuple(shlex.split(command) for command in commands)


@cache
def read(file: str) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load((ROOT / file).read_text())


@cache
def manifests() -> str:
    """The text of all manifests."""
    return "".join(path.read_text() for path in (ROOT / "k8s").rglob("*.yaml"))


def account_named(name: str) -> str:
    """How IAM calls a service account, from its name, its address or its full name."""
    return f"serviceAccount:{name.rpartition('/')[2].partition('@')[0]}@{NAME}.iam.gserviceaccount.com"


def _agent(service: str) -> str:
    return f"serviceAccount:service-{NUMBER}@{service}.iam.gserviceaccount.com"


def given_settings(project: Project) -> dict[str, str]:
    """The environment of the function; of a secret, SECRET:VERSION."""
    function = project.things["run services", "maskserve-events"]
    pairs = f"{function['set-env-vars']},{function['set-secrets']}".split(",")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def missing_apis(project: Project) -> Iterator[str]:
    """APIs that are needed and not enabled, and those that are enabled and not needed."""
    needed = {"iam": "accounts are made", "run": "the function is on Cloud Run"}
    used = [*step_commands(), *map(" ".join, (*in_docs("deploy-gcp.md"), *project.calls))]
    for command in used:
        if command.startswith("gcloud ") and (api := api_of(command.split()[1:])):
            needed[api] = command
        if "docker images scan" in command:
            needed["ondemandscanning"] = command
    for text, apis in _OBJECTS.items():
        needed |= dict.fromkeys(apis, f"{text} in k8s/") if text in manifests() else {}
    if not project.of_kind("source repos"):
        needed.pop("sourcerepo", None)
    for api, why in needed.items():
        if api not in project.enabled:
            yield f"the API {api} is not enabled: {why}"
    for api in project.enabled - needed.keys():
        yield f"the API {api} is enabled, and nothing needs it"


def wrong_roles(project: Project) -> Iterator[str]:
    """Roles that are needed and not given, and those that are given and not needed."""
    needed = set(_needed_roles(project))
    yield from (f"missing: {binding}" for binding in needed - project.bindings)
    yield from (f"more than is needed: {binding}" for binding in project.bindings - needed)


def _needed_roles(project: Project) -> Iterator[Binding]:
    # A build, under the account that its triggers name.
    builder = account_named("maskserve-build")
    for command in step_commands():
        (row,) = (row for row in _STEPS if re.search(row[0], command))
        yield from (Binding(row[1], on, builder) for on in row[2])
    if BUILD["options"]["logging"] == "CLOUD_LOGGING_ONLY":
        yield Binding("roles/logging.logWriter", _PROJECT, builder)
    for words in in_docs("deploy-gcp.md"):
        for bucket in re.findall(r"--gcs-source-staging-dir=(gs://[^/]+)", " ".join(words)):
            yield Binding("roles/storage.objectViewer", f"storage buckets {bucket}", builder)
    if project.of_kind("builds connections"):
        yield Binding("roles/secretmanager.admin", _PROJECT, _agent("gcp-sa-cloudbuild"))  # GitHub's token
    if project.of_kind("source repos"):
        yield Binding("roles/source.reader", _PROJECT, builder)

    # Machines and pods.
    machines = account_named(
        project.things["container clusters", BUILD["substitutions"]["_CLUSTER"]]["service-account"]
    )
    yield Binding("roles/container.defaultNodeServiceAccount", _PROJECT, machines)
    yield Binding("roles/artifactregistry.reader", _REPOSITORY, machines)
    pool = f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{NAME}.svc.id.goog"
    pod = read("k8s/server/deployment.yaml")["spec"]["template"]["spec"]
    for overlay in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"):
        namespace = read(f"k8s/overlays/{overlay.parent.name}/kustomization.yaml")["namespace"]
        subject = f"{pool}/subject/ns/{namespace}/sa/{pod['serviceAccountName']}"
        yield Binding("roles/storage.objectViewer", f"storage buckets gs://{NAME}-maskserve-models", subject)

    # The function, what builds it, and what calls it.
    function = project.things["run services", "maskserve-events"]
    subscription = project.things["pubsub subscriptions", "maskserve-images"]
    itself, settings = account_named(function["service-account"]), given_settings(project)
    for bucket, notification in project.of_kind("storage buckets notifications").items():
        yield Binding("roles/storage.objectViewer", f"storage buckets {bucket}", itself)
        topic = f"pubsub topics {notification['topic']}"
        yield Binding("roles/pubsub.publisher", topic, _agent("gs-project-accounts"))
    yield Binding("roles/storage.objectUser", f"storage buckets gs://{settings['RESULT_BUCKET']}", itself)
    yield Binding(
        "roles/pubsub.publisher", f"pubsub topics {settings['RESULT_TOPIC'].split('/')[-1]}", itself
    )
    secret = settings["SERVICE_API_KEY"].partition(":")[0]
    yield Binding("roles/secretmanager.secretAccessor", f"secrets {secret}", itself)
    yield Binding("roles/run.builder", _PROJECT, account_named(function["build-service-account"]))
    push = account_named(subscription["push-auth-service-account"])
    yield Binding("roles/run.invoker", "run services maskserve-events", push)
    dead = f"pubsub topics {subscription['dead-letter-topic']}"
    yield Binding("roles/pubsub.publisher", dead, _agent("gcp-sa-pubsub"))
    yield Binding("roles/pubsub.subscriber", "pubsub subscriptions maskserve-images", _agent("gcp-sa-pubsub"))
