"""What a project must hold for the docs to be true, and for builds, manifests and the function to work.

It is derived from the function's settings, the objects in the manifests, and what the docs create and delete
by hand; never from scripts/gcp-setup.sh, which is to be tested. project_rights.py has APIs and roles.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import yaml
from google_project import API, NAME, Project, Refused
from monitoring_needs import monitoring_lacks
from pipeline import BUILD, substituted
from project_rights import (
    KEYS,
    account_named,
    given_settings,
    in_docs,
    manifests,
    missing_apis,
    read,
    wrong_roles,
)
from workspace import ROOT

DOMAIN = "segment.example.org"
REGION = BUILD["substitutions"]["_REGION"]


def lacking(project: Project) -> list[str]:
    """What `project` lacks, and what it has and nothing needs; each a line that says why."""
    try:
        return [
            *missing_apis(project),
            *wrong_roles(project),
            *_cluster(project),
            *_buckets_and_keys(project),
            *_function(project),
            *_delivery(project),
            *_entrances(project),
            *_builds(project),
            *monitoring_lacks(project, DOMAIN),
            *_as_by_hand(project),
            *_removal(project),
        ]
    except KeyError as missing:
        return [f"there is no {' '.join(missing.args[0]) if type(missing.args[0]) is tuple else missing}"]


@cache
def made_by_hand() -> Project:
    """A project after the commands of docs/events.md, "Deploy", in an account that sees to the rest."""
    page = (ROOT / "docs" / "events.md").read_text()
    (script,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script = re.sub(
        r"^PROJECT=.*", f"PROJECT={NAME} REGION={REGION} IMAGES=images RESULTS=results", script, flags=re.M
    )
    project = Project(enabled=set(API.values()), agents={"pubsub.googleapis.com", "storage.googleapis.com"})
    project.things |= {
        ("storage buckets", "gs://images"): {},
        ("secrets", "maskserve-api-key"): {},
        ("secrets versions", "maskserve-api-key"): {},
    }
    with project.listening() as environment:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    return project


@cache
def _settings() -> dict[str, str | None]:
    """The function's settings and their defaults; None where there must be a value."""
    code = (
        "from settings import Settings as S; import json; print(json.dumps({n.upper(): f.metadata['default']"
    )
    code += " for n, f in S.__dataclass_fields__.items()}))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "functions", capture_output=True, check=True
    )
    return yaml.safe_load(told.stdout)


def _cluster(project: Project) -> Iterator[str]:
    cluster = project.things["container clusters", BUILD["substitutions"]["_CLUSTER"]]
    if "--dns-endpoint" in (ROOT / "scripts/deploy.sh").read_text() and "enable-dns-access" not in cluster:
        yield "builds reach the cluster by its DNS endpoint, which is off"
    if project.things["compute networks", "default"].get("subnet-mode") != "auto":
        yield "the cluster's network has no subnet in the region"
    if project.things["artifacts repositories", "maskserve"].get("repository-format") != "docker":
        yield "the repository is not for images"


def _buckets_and_keys(project: Project) -> Iterator[str]:
    for bucket, options in project.of_kind("storage buckets").items():
        if options.get("location") != REGION:
            yield f"{bucket} is not in {REGION}"
        if not {"uniform-bucket-level-access", "public-access-prevention"} <= options.keys():
            yield f"{bucket} can be made public"
    for key in KEYS:
        secret = project.things["secrets", key]
        if (secret.get("replication-policy"), secret.get("locations")) != ("user-managed", REGION):
            yield f"the secret {key} leaves {REGION}"
        # As `openssl rand -hex 24 | tr -d '\n'` of docs/deploy-gcp.md, "Change the key".
        if not re.fullmatch("[0-9a-f]{48}", project.written.get(key, "")):
            yield f"the key in {key} is not 24 bytes in hexadecimal digits"
    if len(set(project.written.values())) != len(KEYS):
        yield "callers and the function share a key, and with it the rate limit"


def _function(project: Project) -> Iterator[str]:
    function, given = project.things["run services", "maskserve-events"], given_settings(project)
    known = _settings()
    needed = {name for name, default in known.items() if default is None} | {"SERVICE_API_KEY"}
    yield from (f"the function is not given {name}" for name in needed - given.keys())
    yield from (f"the function has no setting {name}" for name in given.keys() - known.keys())
    if given["SERVICE_URL"] != f"https://{DOMAIN}":
        yield "the function does not ask production"
    if given["SERVICE_API_KEY"] != "maskserve-events-key:latest":
        yield "the function has no key of its own"
    if "no-allow-unauthenticated" not in function:
        yield "anybody may call the function"
    code = (ROOT / function.get("source", "functions") / "main.py").read_text()
    if f"def {function.get('function')}(event: CloudEvent)" not in code:
        yield f"there is no function {function.get('function')}"
    # What comes at once must find room in the queues of the pods that are always there.
    replicas = read("k8s/base/autoscaler.yaml")["spec"]["minReplicas"]
    (queue,) = re.findall(r"MASKSERVE_QUEUE=(\d+)", str(read("k8s/base/kustomization.yaml")))
    at_once = int(function.get("concurrency", 80)) * int(function.get("max-instances", 100))
    if at_once > int(queue) * replicas:
        yield f"the function sends {at_once} images at once"


def _delivery(project: Project) -> Iterator[str]:
    subscription = project.things["pubsub subscriptions", "maskserve-images"]
    function = project.things["run services", "maskserve-events"]
    deadline = int(subscription.get("ack-deadline", 10))
    if deadline <= int(_settings()["SERVICE_TIMEOUT"] or 0):
        yield f"Pub/Sub gives up on a push after {deadline} s, before the service has to have answered"
    if deadline != int(function.get("timeout", 300)):
        yield "Pub/Sub and Cloud Run give up on a push at different times"
    last = _last_retry(subscription)
    if last <= int(_settings()["MAX_AGE"] or 0):
        yield f"the last delivery is after {last} s: what fails for long becomes a dead letter, not a record"
    if subscription.get("push-auth-token-audience") != project.address:
        yield "Cloud Run refuses a token for another address"
    topic = f"projects/{NAME}/topics/{subscription['topic']}"
    if subscription.get("push-endpoint") != f"{project.address}/{topic}":
        yield f"the function is not told that events are of {topic}"
    notifications = project.of_kind("storage buckets notifications")
    if [(name, n["topic"], n.get("event-types")) for name, n in notifications.items()] != [
        (f"gs://{NAME}-maskserve-images", subscription["topic"], "OBJECT_FINALIZE")
    ]:
        yield "the bucket of images does not announce new objects, and nothing else, to the function"
    dead = [
        options
        for options in project.of_kind("pubsub subscriptions").values()
        if options["topic"] == subscription["dead-letter-topic"]
    ]
    if not dead or dead[0].get("message-retention-duration") != "31d":  # the longest that Pub/Sub has
        yield "dead letters are gone before somebody looks"
    for name, options in project.of_kind("pubsub subscriptions").items():
        if options.get("expiration-period") != "never":
            yield f"the subscription {name} expires when nothing comes for a month"


def _last_retry(subscription: dict[str, str]) -> int:
    """Seconds from the first delivery to the last, if each fails at once."""
    if not {"min-retry-delay", "max-retry-delay"} <= subscription.keys():
        return 0
    shortest, longest = (int(subscription[f"{end}-retry-delay"].rstrip("s")) for end in ("min", "max"))
    tries = int(subscription.get("max-delivery-attempts", 5))
    return sum(min(shortest * 2**attempt, longest) for attempt in range(tries - 1))


def _entrances(project: Project) -> Iterator[str]:
    hosts = {"maskserve": DOMAIN, "maskserve-staging": f"staging.{DOMAIN}"}
    wanted = set(re.findall(r"networking.gke.io/certmap: (\S+)", manifests()))
    if wanted != hosts.keys() or not all(f"value: {name}\n" in manifests() for name in hosts):
        yield f"the gateways of k8s/ have the entrances {wanted}"
    for name, host in hosts.items():
        if "global" not in project.things["compute addresses", name]:
            yield f"the address {name} is not global, as the class of the gateways is"
        if project.things["certificate-manager certificates", name].get("domains") != host:
            yield f"the certificate {name} is not for {host}"
        project.things["certificate-manager maps", name]
        entry = project.things["certificate-manager maps entries", name]
        if (entry.get("map"), entry.get("hostname"), entry.get("certificates")) != (name, host, name):
            yield f"the map {name} does not have the certificate {name} for {host}"


def _builds(project: Project) -> Iterator[str]:
    base = re.search(r"^ARG BASE=(\S+@sha256:\w{64})$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    image = substituted(BUILD["substitutions"]["_BUILDER"])
    made = project.things["artifacts docker images", image]
    if not base or made.get("substitutions") != f"_BASE={base[1]},_IMAGE={image}":
        yield f"the image of the steps is not made of {base and base[1]}"
    if (
        not (ROOT / made.get("config", "cloudbuild.yaml"))
        .read_text()
        .startswith("# Builds the image of the build steps")
    ):
        yield "the image of the steps is built by another file"
    when = {
        "staging": ("branch-pattern", "^main$"),
        "production": ("tag-pattern", "^v.*"),
    }  # docs/deploy-gcp.md, "Deploy"
    for overlay, (option, pattern) in when.items():
        trigger = project.things["builds triggers", f"maskserve-{overlay}"]
        if trigger.get(option) != pattern or {"branch-pattern", "tag-pattern"} <= trigger.keys():
            yield f"{overlay} is not deployed by {option} {pattern}"
        given = dict(pair.split("=") for pair in trigger.get("substitutions", "=").split(","))
        if (
            given != {"_OVERLAY": overlay, "_REGION": REGION}
            or not given.keys() <= BUILD["substitutions"].keys()
        ):
            yield f"the trigger of {overlay} deploys {given}"
        if trigger.get("build-config") != "cloudbuild.yaml":
            yield f"the trigger of {overlay} does not build by cloudbuild.yaml"
        if account_named(trigger.get("service-account", "")) != account_named("maskserve-build"):
            yield f"the trigger of {overlay} builds as an account without the rights"
        if not trigger.get("repository", trigger.get("repo")):
            yield f"the trigger of {overlay} has no repository"
    connected = project.of_kind("builds repositories")
    if connected and connected["maskserve"].get("remote-uri") != "https://github.com/us/maskserve.git":
        yield "the connected repository is another"
    if connected and connected["maskserve"].get("connection") != "maskserve":
        yield "the repository is not of the connection that docs/deploy-gcp.md removes"
    of_builds = ("builds triggers", "builds connections", "builds repositories", "artifacts docker images")
    for options in (options for kind in of_builds for options in project.of_kind(kind).values()):
        if options.get("region") != REGION:
            yield f"builds are not all in {REGION}, where await-turn.sh looks for them"


def _as_by_hand(project: Project) -> Iterator[str]:
    """What docs/events.md tells people to give a thing, the script gives it too."""
    theirs = {  # each has its own names for these, or they are compared above
        "run services": {"region", "set-env-vars", "set-secrets", "service-account", "cpu"},
        "pubsub subscriptions": {"push-endpoint", "push-auth-token-audience"},
        "pubsub topics": set[str](),
        "iam service-accounts": set[str](),
    }
    for (kind, name), options in made_by_hand().things.items():
        for option in options.keys() - theirs.get(kind, options.keys()):
            if project.things[kind, name].get(option) != options[option]:
                yield f"docs/events.md makes {kind} {name} with --{option}={options[option]}"


def _removal(project: Project) -> Iterator[str]:
    """The commands that docs/deploy-gcp.md removes everything by find all of it, where they look."""
    rest = Project()
    rest.become(project)
    rest.fails, rest.answers = {}, {}
    for words in in_docs("deploy-gcp.md"):
        here = words[1:]
        if "delete" not in here or here[0] == "projects":
            continue
        if here[:3] == ["builds", "connections", "delete"] and not rest.of_kind("builds connections"):
            continue  # of a project with Source Repositories
        try:
            rest.answer(here)
        except Refused as refusal:
            yield f"docs/deploy-gcp.md removes what is not there: {refusal}"
    by_words = {  # removed with what they are in, or told in a sentence
        "artifacts docker images",
        "billing budgets",
        "builds repositories",
        "compute networks",
        "iam service-accounts",
        *(f"monitoring {kind}" for kind in ("channels", "dashboards", "policies", "uptime")),
        "secrets versions",
        "source repos",
        "storage buckets",
        "storage buckets notifications",
    }
    yield from (
        f"docs/deploy-gcp.md leaves {kind} {name}" for kind, name in rest.things if kind not in by_words
    )
