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
from pipeline import BUILD, DEPLOY, substituted
from workspace import ROOT

_PROJECT = f"projects {NAME}"
KEYS = ("maskserve-api-key", "maskserve-events-key")
PAGES = ("deploy-gcp.md", "gcp-project.md", "operate-gcp.md", "releases.md")

TOOLS: Any = yaml.safe_load((ROOT / "scripts/gcp/builder/cloudbuild.yaml").read_text())
BUILDS = {"maskserve-build": BUILD, "maskserve-deploy": DEPLOY, "maskserve-tools": TOOLS}
"""What each account runs."""


def _repository(image: str) -> str:
    return f"artifacts repositories {image.split('/')[2]}"


_IMAGES = _repository(substituted(BUILD["substitutions"]["_IMAGE"]))
_READ, _WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"

# A command that a step of a build runs, the roles that it needs, and on what.
_STEPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (r"^docker buildx build", (_WRITE,), (_IMAGES,)),
    (
        r"^gcloud artifacts docker images describe",
        ("roles/containeranalysis.occurrences.viewer", "roles/serviceusage.serviceUsageViewer"),
        (_PROJECT,),
    ),
    (r"^gcloud artifacts docker images", ("roles/ondemandscanning.admin",), (_PROJECT,)),
    (r"^gcloud artifacts docker tags", (f"projects/{NAME}/roles/maskserveTagger",), (_IMAGES,)),
    (r"^gcloud builds", ("roles/cloudbuild.builds.viewer",), (_PROJECT,)),
    (r"^(gcloud container clusters|kubectl)", ("roles/container.developer",), (_PROJECT,)),
    (
        r"^gcloud secrets versions list",
        ("roles/secretmanager.viewer",),
        tuple(f"secrets {key}" for key in KEYS),
    ),
    (
        r"^gcloud secrets versions access",
        ("roles/secretmanager.secretAccessor",),
        tuple(f"secrets {key}" for key in KEYS),
    ),
    (
        r"^gcloud storage (cp|cat)",
        ("roles/storage.objectUser",),
        (f"storage buckets gs://{NAME}-maskserve-releases",),
    ),
    (r"^gcloud config get|^docker buildx", (), ()),
)

# Text in the manifests, and the APIs that it needs.
_OBJECTS = {
    "serviceAccountName: ": ("container", "iamcredentials"),  # workload identity
    "type: NamedAddress": ("compute",),
    "networking.gke.io/certmap: ": ("certificatemanager",),
    "apiVersion: monitoring.googleapis.com/": ("monitoring",),
}


@cache
def step_commands(account: str) -> tuple[str, ...]:
    """The commands of docker, gcloud and kubectl in the scripts that the steps of an account's build run."""
    steps = " ".join(word for step in BUILDS[account]["steps"] for word in step["args"])
    scripts = re.findall(r"scripts/[\w-]+\.sh", steps)
    text = "\n".join((ROOT / script).read_text() for script in scripts)
    return tuple(
        re.findall(r"(?:^ *|\(|if |\|\| |&& |\{ )((?:docker|gcloud|kubectl) [a-z].*)", text, re.MULTILINE)
    )


@cache
def in_docs(*pages: str) -> tuple[list[str], ...]:
    """The commands of gcloud in the blocks of pages, word by word."""
    text = "".join(re.sub(r"\\\n +", "", (ROOT / "docs" / page).read_text()) for page in pages)
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
    needed = {
        "iam": "accounts are made",
        "run": "the function is on Cloud Run",
        "containerfilesystem": "nodes stream images",
    }
    commands = [command for account in BUILDS for command in step_commands(account)]
    used = [*commands, *map(" ".join, (*in_docs(*PAGES), *project.calls))]
    for command in used:
        if command.startswith("gcloud ") and (api := api_of(command.split()[1:])):
            needed[api] = command
        if "docker images scan" in command:
            needed["ondemandscanning"] = command
        if "--show-provenance" in command or BUILD["options"].get("requestedVerifyOption"):
            needed["containeranalysis"] = command
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
    # Builds, each under an account of its own.
    for name, config in BUILDS.items():
        account = account_named(name)
        for command in step_commands(name):
            _, roles, on = next(row for row in _STEPS if re.search(row[0], command))
            yield from (Binding(role, thing, account) for role in roles for thing in on)
        if config["options"]["logging"] == "CLOUD_LOGGING_ONLY":
            yield Binding("roles/logging.logWriter", _PROJECT, account)
        if config is not TOOLS:  # whose names come from scripts/gcp-setup.sh
            for step in config["steps"]:
                yield Binding(_READ, _repository(substituted(step["name"], config)), account)
            for image in config.get("images", ()):
                yield Binding(_WRITE, _repository(substituted(image, config)), account)
            if project.of_kind("source repos"):
                yield Binding("roles/source.reader", _PROJECT, account)
        if "artifacts" in config:
            bucket = re.match(r"gs://[^/]+", substituted(config["artifacts"]["objects"]["location"]))
            assert bucket
            yield Binding("roles/storage.objectCreator", f"storage buckets {bucket[0]}", account)
    # Deploying looks an image up.
    yield Binding(_READ, _IMAGES, account_named("maskserve-deploy"))
    made = project.things["artifacts docker images", substituted(BUILD["substitutions"]["_BUILDER"])]
    given = dict(pair.split("=", 1) for pair in made["substitutions"].split(","))
    yield Binding(_WRITE, _repository(given["_IMAGE"]), account_named("maskserve-tools"))
    yield Binding(_READ, _repository(given["_DOCKER_HUB"]), account_named("maskserve-tools"))
    submits = [*in_docs("releases.md"), [f"--{option}={value}" for option, value in made.items()]]
    for words in submits:
        line = " ".join(words)
        for bucket_name in re.findall(r"--gcs-source-staging-dir=(gs://[^/]+)", line):
            (account_name,) = re.findall(r"serviceAccounts/([\w-]+)@", line)
            on = f"storage buckets {bucket_name}"
            yield Binding("roles/storage.objectViewer", on, account_named(account_name))
    if project.of_kind("builds connections"):
        yield Binding("roles/secretmanager.admin", _PROJECT, _agent("gcp-sa-cloudbuild"))  # GitHub's token

    # Machines and pods.
    machines = account_named(
        project.things["container clusters", DEPLOY["substitutions"]["_CLUSTER"]]["service-account"]
    )
    yield Binding("roles/container.defaultNodeServiceAccount", _PROJECT, machines)
    yield Binding("roles/serviceusage.serviceUsageConsumer", _PROJECT, machines)  # streams images
    for image in set(re.findall(r"newName: (\S+-docker\.pkg\.dev/\S+)", manifests())):
        yield Binding(_READ, _repository(image), machines)
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
    # Where `gcloud run deploy --source` puts image and sources; roles/run.builder is of the whole project.
    builder, region = account_named(function["build-service-account"]), function["region"]
    yield Binding("roles/logging.logWriter", _PROJECT, builder)
    yield Binding(_WRITE, "artifacts repositories cloud-run-source-deploy", builder)
    yield Binding("roles/storage.objectViewer", f"storage buckets gs://run-sources-{NAME}-{region}", builder)
    push = account_named(subscription["push-auth-service-account"])
    yield Binding("roles/run.invoker", "run services maskserve-events", push)
    dead = f"pubsub topics {subscription['dead-letter-topic']}"
    yield Binding("roles/pubsub.publisher", dead, _agent("gcp-sa-pubsub"))
    yield Binding("roles/pubsub.subscriber", "pubsub subscriptions maskserve-images", _agent("gcp-sa-pubsub"))
