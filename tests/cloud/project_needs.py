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
from google_project import API, INTERNAL_ADDRESS, NAME, Project, Refused
from monitoring_needs import monitoring_lacks
from pipeline import BUILD, DEPLOY, substituted
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
            *_network(project),
            *_registries(project),
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
        ("compute networks", "default"): {},
        ("compute networks subnets", "default"): {},
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
    cluster = project.things["container clusters", DEPLOY["substitutions"]["_CLUSTER"]]
    if "--dns-endpoint" in (ROOT / "scripts/deploy.sh").read_text() and "enable-dns-access" not in cluster:
        yield "builds reach the cluster by its DNS endpoint, which is off"
    if "no-enable-ip-access" not in cluster:
        yield "the cluster's control plane has an address"
    if "enable-private-nodes" not in cluster:
        yield "the cluster's nodes have public addresses"


def _network(project: Project) -> Iterator[str]:
    if project.things["compute networks", "default"].get("subnet-mode") != "auto":
        yield "the cluster's network has no subnet in the region"
    if "enable-private-ip-google-access" not in project.things["compute networks subnets", "default"]:
        yield "nodes without public addresses cannot stream images"
    nat = project.things["compute routers nats", "maskserve"]
    if not {"auto-allocate-nat-external-ips", "nat-all-subnet-ip-ranges"} <= nat.keys():
        yield "Cloud NAT is not for all addresses"
    router = project.things["compute routers", nat["router"]]
    proxies = project.things["compute networks subnets", "maskserve-proxies"]
    address = project.things["compute addresses", "maskserve-internal"]
    for name, thing in {"router": router, "NAT": nat, "proxies": proxies, "address": address}.items():
        if thing.get("region") != REGION:
            yield f"the {name} is not in {REGION}"
    firewall = project.things["compute firewall-rules", "maskserve-from-proxies"]
    for thing in (router, proxies, firewall):
        if thing.get("network") != "default":
            yield f"{thing} is not of the cluster's network"
    if (proxies.get("purpose"), proxies.get("role")) != ("REGIONAL_MANAGED_PROXY", "ACTIVE"):
        yield "the subnet of the proxies is no proxy-only subnet"
    if (firewall.get("source-ranges"), firewall.get("allow")) != (proxies.get("range"), "tcp:8080"):
        yield "the firewall does not let the proxies, and nothing else, reach the pods"
    nodes = firewall.get("target-service-accounts", "")
    if account_named(nodes) != account_named("maskserve-nodes"):
        yield "the firewall lets the proxies reach other machines of the network, too"
    if f"cidr: {proxies.get('range')}" not in (ROOT / "k8s/components/internal/network.yaml").read_text():
        yield "the network policy does not let the proxies reach the pods"
    if (address.get("subnet"), address.get("purpose")) != ("default", "SHARED_LOADBALANCER_VIP"):
        yield "the internal address is not one for a load balancer"
    if "value: maskserve-internal" not in (ROOT / "k8s/components/internal/gateway.yaml").read_text():
        yield "the internal gateway has another address"


def _registries(project: Project) -> Iterator[str]:
    repositories = project.of_kind("artifacts repositories")
    for name in ("maskserve", "maskserve-tools", "docker-hub", "cloud-run-source-deploy"):
        if repositories[name].get("repository-format") != "docker":
            yield f"the repository {name} is not for images"
    if "immutable-tags" not in repositories["maskserve-tools"]:
        yield "the image in which deployments run can be exchanged under its tag"
    hub = repositories["docker-hub"]
    if (hub.get("mode"), hub.get("remote-docker-repo")) != ("remote-repository", "DOCKER-HUB"):
        yield "the repository docker-hub does not lead to Docker Hub"
    policies = {one["name"]: one for one in read(repositories["maskserve"]["policy"])}
    kept = policies["keep-deployed"]["condition"]["tagPrefixes"]
    # What scripts/record-release.sh tags with: the overlay, and the tag that a release has in Git.
    overlays = {folder.name for folder in (ROOT / "k8s" / "overlays").iterdir()}
    if not {*overlays, "v"} <= set(kept) or "no-dry-run" not in repositories["maskserve"]:
        yield "the registry deletes what is deployed"
    tagger = project.things["iam roles", "maskserveTagger"]
    needed = {f"artifactregistry.tags.{verb}" for verb in ("create", "delete", "get")}
    if set(tagger.get("permissions", "").split(",")) != needed:
        yield "the role that tags images cannot, or can do more"


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
        # As `openssl rand -hex 24 | tr -d '\n'` of docs/operate-gcp.md, "Change the key".
        if not re.fullmatch("[0-9a-f]{48}", project.written.get(key, "")):
            yield f"the key in {key} is not 24 bytes in hexadecimal digits"
    if len(set(project.written.values())) != len(KEYS):
        yield "callers and the function share a key, and with it the rate limit"


def _function(project: Project) -> Iterator[str]:
    function, given = project.things["run services", "maskserve-events"], given_settings(project)
    known = _settings()
    needed = {name for name, default in known.items() if default is None} | {"SERVICE_API_KEY"}
    yield from (f"the function is not given {name}" for name in needed - given.keys())
    of_framework = {"THREADS"}
    yield from (f"the function has no setting {name}" for name in given.keys() - known.keys() - of_framework)
    if given["SERVICE_URL"] != f"http://{INTERNAL_ADDRESS}":
        yield "the function does not ask production, or not through the internal gateway"
    way = {"network": "default", "subnet": "default", "vpc-egress": "private-ranges-only"}
    if not way.items() <= function.items():
        yield "the function does not reach the internal gateway"
    if function.get("ingress") != "internal":
        yield "the function can be called from the internet"
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
    threads, instances = int(given.get("THREADS", 4)), int(function.get("max-instances", 100))
    if threads * instances > int(queue) * replicas:
        yield f"the function sends {threads * instances} images at once"
    # Those that wait in an instance must not: Cloud Run's refusal counts as a failed delivery.
    if not 4 * threads <= int(function.get("concurrency", 80)) <= 16 * threads:
        yield "a backlog does not wait in the function, or too long"


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
    (ssl,) = set(re.findall(r"sslPolicy: (\S+)", manifests()))
    policy = project.things["compute ssl-policies", ssl]
    if (policy.get("min-tls-version"), policy.get("profile")) != ("1.2", "MODERN") or "global" not in policy:
        yield "the load balancer takes TLS 1.0"
    for name, host in hosts.items():
        if "global" not in project.things["compute addresses", name]:
            yield f"the address {name} is not global, as the class of the gateways is"
        certificate = project.things["certificate-manager certificates", name]
        if certificate.get("domains") != host:
            yield f"the certificate {name} is not for {host}"
        if certificate.get("dns-authorizations") != name:
            yield f"the certificate {name} is issued only once callers are sent here"
        if project.things["certificate-manager dns-authorizations", name].get("domain") != host:
            yield f"the DNS authorization {name} is not for {host}"
        project.things["certificate-manager maps", name]
        entry = project.things["certificate-manager maps entries", name]
        if (entry.get("map"), entry.get("hostname"), entry.get("certificates")) != (name, host, name):
            yield f"the map {name} does not have the certificate {name} for {host}"


def _builds(project: Project) -> Iterator[str]:
    base = re.search(
        r"^ARG BASE=docker.io/(\S+@sha256:\w{64})$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert base
    image = substituted(BUILD["substitutions"]["_BUILDER"])
    hub = substituted(BUILD["substitutions"]["_DOCKER_HUB"])
    made = project.things["artifacts docker images", image]
    if made.get("substitutions") != f"_BASE={hub}/{base[1]},_IMAGE={image},_DOCKER_HUB={hub}":
        yield f"the image of the steps is not made of {base[1]} through {hub}"
    if account_named(made.get("service-account", "")) != account_named("maskserve-tools"):
        yield "who builds or deploys can change the image in which both run"
    if (
        not (ROOT / made.get("config", "cloudbuild.yaml"))
        .read_text()
        .startswith("# Builds the image of the build steps")
    ):
        yield "the image of the steps is built by another file"
    pushes = ("branch-pattern", "^(main|hotfix/.+)$")
    triggers = {  # docs/operate-gcp.md, "Release"
        "build": (*pushes, "cloudbuild.yaml", "maskserve-build"),
        "staging": (*pushes, "cloudbuild-deploy.yaml", "maskserve-deploy"),
        "production": ("tag-pattern", "^v.*", "cloudbuild-deploy.yaml", "maskserve-deploy"),
    }
    for name, (option, pattern, config, account) in triggers.items():
        trigger = project.things["builds triggers", f"maskserve-{name}"]
        if trigger.get(option) != pattern or {"branch-pattern", "tag-pattern"} <= trigger.keys():
            yield f"{name} is not started by {option} {pattern}"
        given = dict(pair.split("=") for pair in trigger.get("substitutions", "=").split(","))
        if given != {"_REGION": REGION} | ({} if name == "build" else {"_OVERLAY": name}):
            yield f"the trigger of {name} is given {given}"
        if trigger.get("build-config") != config:
            yield f"the trigger of {name} does not run {config}"
        if account_named(trigger.get("service-account", "")) != account_named(account):
            yield f"the trigger of {name} runs as another account than {account}"
        if ("require-approval" in trigger) != (name == "production"):
            yield f"{name} must{'' if name == 'production' else ' not'} wait for approval"
        if not trigger.get("repository", trigger.get("repo")):
            yield f"the trigger of {name} has no repository"
    connected = project.of_kind("builds repositories")
    if connected and connected["maskserve"].get("remote-uri") != "https://github.com/us/maskserve.git":
        yield "the connected repository is another"
    if connected and connected["maskserve"].get("connection") != "maskserve":
        yield "the repository is not of the connection that docs/gcp-project.md removes"
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
    """The commands that docs/gcp-project.md removes everything by find all of it, where they look."""
    rest = Project()
    rest.become(project)
    rest.fails, rest.answers = {}, {}
    for words in in_docs("gcp-project.md"):
        here = words[1:]
        if "delete" not in here or here[0] == "projects":
            continue
        if here[:3] == ["builds", "connections", "delete"] and not rest.of_kind("builds connections"):
            continue  # of a project with Source Repositories
        try:
            rest.answer(here)
        except Refused as refusal:
            yield f"docs/gcp-project.md removes what is not there: {refusal}"
    by_words = {  # removed with what they are in, or told in a sentence
        "artifacts docker images",
        "billing budgets",
        "builds repositories",
        "compute networks",
        "compute routers nats",
        "iam service-accounts",
        *(
            f"monitoring {kind}"
            for kind in ("channels", "dashboards", "objectives", "policies", "services", "uptime")
        ),
        "secrets versions",
        "source repos",
        "storage buckets",
        "storage buckets notifications",
    }
    rest.things.pop(("compute networks subnets", "default"))
    yield from (
        f"docs/gcp-project.md leaves {kind} {name}" for kind, name in rest.things if kind not in by_words
    )
