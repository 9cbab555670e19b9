"""A stand-in for a Google Cloud project: scripts change it by `gcloud` and curl, tests look at what it holds.

It refuses what Google refuses: a service whose API is not enabled, a name that does not exist, a build or a
function whose account lacks a role at the moment it starts.
"""

from __future__ import annotations

import copy
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import google_monitoring

NAME, NUMBER = "my-project", "123456789"
ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("gcloud_client.sh")

# The API that answers a group of commands. The groups that are missing need none.
API = {
    "artifacts": "artifactregistry",
    "billing budgets": "billingbudgets",
    "billing projects": "cloudbilling",
    "builds": "cloudbuild",
    "certificate-manager": "certificatemanager",
    "compute": "compute",
    "container": "container",
    "iam": "iam",
    "logging": "logging",
    "monitoring": "monitoring",
    "pubsub": "pubsub",
    "run": "run",
    "secrets": "secretmanager",
    "source": "sourcerepo",
    "storage": "storage",
}


def api_of(words: list[str]) -> str | None:
    """The API that answers the command of these words, which follow "gcloud"."""
    plain = [word for word in words if word not in ("alpha", "beta")]
    return API.get(" ".join(plain[:2])) or API.get(plain[0])


_CREATE = ("create", "create-auto", "create-oidc", "deploy")
_ALTER = ("set-cleanup-policies", "update")
_CHANGES = (
    *_CREATE,
    *_ALTER,
    "add",
    "add-iam-policy-binding",
    "delete",
    "enable",
    "service-agent",
    "submit",
    *google_monitoring.CHANGES,
)
_LOOK_UPS = ("describe", "get-iam-policy", "list", "list-configs", "print-access-token")

# Options that say where a thing is: looked up elsewhere, it is not found.
_PLACES = ("connection", "global", "location", "map", "region", "router", "workload-identity-pool")

# Options that name another thing, and what it is.
_OTHERS = {
    "certificates": "certificate-manager certificates",
    "connection": "builds connections",
    "dead-letter-topic": "pubsub topics",
    "dns-authorizations": "certificate-manager dns-authorizations",
    "gcs-source-staging-dir": "storage buckets",
    "map": "certificate-manager maps",
    "network": "compute networks",
    "router": "compute routers",
    "subnet": "compute networks subnets",
    "repo": "source repos",
    "repository": "builds repositories",
    "topic": "pubsub topics",
    "workload-identity-pool": "iam workload-identity-pools",
}

# What a look-up's format asks for, and the option by which it was given, or what Google answers.
_GIVEN = {
    "(domain)": "domain",
    "attributeCondition": "attribute-condition",
    "managed.domains": "domains",
    "remoteUri": "remote-uri",
    "hostname": "hostname",
    "pushEndpoint": "push-endpoint",
    "repositoryEventConfig.repository": "repository",
    "triggerTemplate.repoName": "repo",
}
_ANSWERS = {
    "(format)": "DOCKER",
    "(projectNumber)": NUMBER,
    "(state)": "ACTIVE",
    "(address)": "203.0.113.7",
}
INTERNAL_ADDRESS = "10.132.0.5"


class Binding(NamedTuple):
    """A role that a member has on a thing, such as "pubsub topics maskserve-images"."""

    role: str
    on: str
    member: str


class Refused(Exception):
    """What gcloud writes to standard error when it exits with 1."""


@dataclass
class Project:
    """What a project holds.

    Attributes:
        account: who is signed in.
        connection: the stage of the connection to GitHub, a tab, and the address where somebody has to agree.
        address: of the function.
        fails: what calls fail with, by how they begin.
        answers: what calls answer, by how they begin.
        calls: those so far, word by word.
        enabled: names of APIs, without ".googleapis.com".
        warm_up: how many calls an API still refuses after it was enabled.
        starting: how many it will, by its name.
        agents: Google's own accounts that have been made.
        things: the options that each was made with, by kind and name.
        bindings: the roles that were given.
        written: what was given on standard input, by the secret it was written to.
    """

    account: str = "me@example.org"
    connection: str = "COMPLETE\t"
    address: str = "https://function.example"
    fails: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    enabled: set[str] = field(default_factory=set)
    warm_up: int = 0
    starting: dict[str, int] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    things: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    bindings: set[Binding] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)

    def become(self, other: Project) -> None:
        """Hold what `other` holds, calls included."""
        self.__dict__.update(copy.deepcopy(other.__dict__))

    def changes(self) -> list[str]:
        """The calls that change something, as command lines."""
        return [" ".join(call) for call in self.calls if {*_CHANGES} & {*call} and "list" not in call]

    def of_kind(self, kind: str) -> dict[str, dict[str, str]]:
        """The things of a kind, such as "pubsub topics", by name."""
        return {name: options for (of, name), options in self.things.items() if of == kind}

    def answer(self, words: list[str], written: str = "") -> str:
        """Do what gcloud is asked for.

        Args:
            words: gcloud's arguments.
            written: what is on its standard input.

        Raises:
            Refused: when it is not possible, or the test says so.
        """
        self.calls.append(["gcloud", *words])
        call = _Call.of(words)
        line = " ".join(words)
        for beginning, complaint in self.fails.items():
            if line.startswith(beginning):
                if call.verb == "deploy":  # Cloud Run keeps a service whose revision does not become ready
                    self.things[call.kind, call.name] = call.options | {"ready": "False"}
                raise Refused(complaint)
        for beginning, text in self.answers.items():
            if line.startswith(beginning):
                return text
        api = api_of(words)
        if api and (api not in self.enabled or self.starting.get(api)):
            self.starting[api] = self.starting.get(api, 1) - 1
            raise Refused(f"ERROR: SERVICE_DISABLED: {api} has not been used in project {NUMBER} before")
        if call.verb in _LOOK_UPS:
            return self._look_up(call)
        self._change(call, written)
        return ""

    def called(self, words: list[str], header: str) -> str:
        """Answer curl, which is to call Cloud Monitoring's API.

        Raises:
            Refused: when there is no such thing, or `header` does not say who is signed in.
        """
        self.calls.append(["curl", *words])
        if header != f"Authorization: Bearer {self.account}":
            raise Refused('{"error": {"status": "UNAUTHENTICATED"}}')
        answer = google_monitoring.call(words, self.things)
        if answer is None:
            raise Refused('{"error": {"code": 404, "status": "NOT_FOUND"}}')
        return answer

    def _look_up(self, call: _Call) -> str:
        if call.kind == "auth":
            return self.account
        if call.kind == "services":
            return "\n".join(f"{api}.googleapis.com" for api in self.enabled)
        if call.kind in google_monitoring.KINDS:
            return google_monitoring.look_up(call.kind, self.of_kind(call.kind))
        if call.verb == "list":
            return self.things.get((call.kind, call.name), {}).get("listed", "")
        options = self._existing(call.kind, call.name, call.options) if call.kind != "projects" else {}
        if call.verb == "get-iam-policy":
            return "\n".join(f"{role}\t{member}" for role, on, member in self.bindings if on == call.thing)
        asked = call.options.get("format", "")
        if "labels" in asked:
            fingerprint = options.get("labels", "").removeprefix("fingerprint=")
            return f"{fingerprint}\t['{options.get('ready', 'True')}']"
        if "installationState" in asked:
            return self.connection
        if "filename" in asked:
            return _trigger(options)
        if "controlPlaneEndpointsConfig" in asked:
            return _cluster(options)
        if "minTlsVersion" in asked:
            version = options.get("min-tls-version", "1.0").replace(".", "_")
            return f"TLS_{version}\t{options.get('profile', 'COMPATIBLE')}"
        if "privateIpGoogleAccess" in asked:
            return str("enable-private-ip-google-access" in options)
        if "cleanupPolicies" in asked:
            return (ROOT / options["policy"]).read_text() if "policy" in options else "{}"
        if "dnsResourceRecord" in asked:
            return f"_acme-challenge.{options['domain']}. CNAME 1.authorize.certificatemanager.goog."
        if "(address)" in asked and "subnet" in options:
            return INTERNAL_ADDRESS
        if "(location)" in asked:
            return options.get("location", "us").upper()
        for part, option in _GIVEN.items():
            if part in asked:
                return options.get(option, "")
        return next((text for part, text in _ANSWERS.items() if part in asked), self.address)

    def _change(self, call: _Call, written: str) -> None:
        if call.verb == "enable":
            new = {name.removesuffix(".googleapis.com") for name in call.names} - self.enabled
            self.starting |= dict.fromkeys(new, self.warm_up)
            self.enabled |= new
        elif call.verb == "delete":
            for name in call.names:
                self._existing(call.kind, name, call.options)
                del self.things[call.kind, name]
        elif call.kind == "billing budgets" and call.verb == "update":
            self.things[call.kind, f"MaskServe in {NAME}"] |= call.options
        elif call.verb in _ALTER:
            options = self._existing(call.kind, call.name, call.options)
            if missing := [place for place in _PLACES if place in options and place not in call.options]:
                raise Refused(f"ERROR: --{missing[0]} is required")
            for option in call.options:
                options.pop(option.removeprefix("no-") if option.startswith("no-") else f"no-{option}", None)
            options.update(call.options)
        elif call.kind in ("services identity", "storage") and call.verb in ("create", "service-agent"):
            self.agents.add(call.options.get("service", "storage.googleapis.com"))
        elif call.verb == "add-iam-policy-binding":
            if call.kind != "projects":
                self._existing(call.kind, call.name, call.options)
            self._known(call.options["member"])
            if call.options["role"].startswith("projects/"):
                self._existing("iam roles", call.options["role"].rpartition("/")[2], {})
            self.bindings.add(Binding(call.options["role"], call.thing, call.options["member"]))
        elif call.verb == "add":
            self._existing("secrets", call.name, {})
            self.written[call.name] = written
            self.things[call.kind, call.name] = {"listed": "1"}
        else:
            self._make(call)

    def _make(self, call: _Call) -> None:
        for option, value in call.options.items():
            if kind := _OTHERS.get(option):
                self._existing(kind, value if "gs://" not in value else value[: value.rindex("/")], {})
            if option.endswith("service-account"):
                self._known(f"serviceAccount:{value.rpartition('/')[2]}")
        if call.verb == "submit":
            # By default the sources go to a bucket of Cloud Build's own, which the account may not read.
            staging = call.options.get("gcs-source-staging-dir", f"gs://{NAME}_cloudbuild/source")
            bucket = staging.rpartition("/")[0]
            self._allows(call, "roles/storage.objectViewer", f"storage buckets {bucket}")
            self._allows(call, "roles/logging.logWriter", f"projects {NAME}")
            given = dict(pair.split("=", 1) for pair in call.options["substitutions"].split(","))
            for option, role in (("_IMAGE", "writer"), ("_BASE", "reader"), ("_DOCKER_HUB", "reader")):
                repository = given[option].split("/")[2]
                self._existing("artifacts repositories", repository, {})
                self._allows(call, f"roles/artifactregistry.{role}", f"artifacts repositories {repository}")
            self.things["artifacts docker images", given["_IMAGE"]] = call.options
            return
        if call.verb == "deploy":
            secret = call.options.get("set-secrets", "=:").partition("=")[2].partition(":")[0]
            self._existing("secrets versions", secret, {})
            self._allows(call, "roles/secretmanager.secretAccessor", f"secrets {secret}")
            if "build-service-account" in call.options:
                pushes = "artifacts repositories cloud-run-source-deploy"
                self._allows(call, "roles/artifactregistry.writer", pushes, by="build-service-account")
        elif call.kind == "storage buckets notifications":
            self._existing("storage buckets", call.name, {})
            topic = f"//pubsub.googleapis.com/projects/p/topics/{call.options['topic']}"
            self.things[call.kind, call.name] = call.options | {"listed": f'[{{"topic": "{topic}"}}]'}
            return
        elif call.kind == "iam roles" and "project" not in call.options:
            raise Refused("ERROR: --organization or --project is required")
        elif (call.kind, call.name) in self.things:
            raise Refused(f"ERROR: ALREADY_EXISTS: {call.thing} exists")
        self.things[call.kind, call.name] = call.options
        if call.options.get("subnet-mode") == "auto":  # a subnet in each region
            self.things["compute networks subnets", call.name] = {"region": "europe-west1"}

    def _existing(self, kind: str, name: str, where: dict[str, str]) -> dict[str, str]:
        name = (
            name.partition("@")[0] if kind == "iam service-accounts" else name.rpartition("repositories/")[2]
        )
        options = self.things.get((kind, name))
        asked = {place: value for place, value in where.items() if place in _PLACES}
        if options is None or any(options.get(place) != value for place, value in asked.items()):
            at = "".join(f" at {place} {value}" for place, value in asked.items())
            raise Refused(f"ERROR: NOT_FOUND: {kind} {name} was not found{at}.")
        return options

    def _known(self, member: str) -> None:
        kind, _, account = member.partition(":")
        name, _, of = account.partition("@")
        if of == f"{NAME}.iam.gserviceaccount.com":
            if ("iam service-accounts", name) not in self.things:
                raise Refused(f"ERROR: INVALID_ARGUMENT: account {name} does not exist")
        elif kind == "serviceAccount":
            service = {"gcp-sa-pubsub": "pubsub", "gcp-sa-cloudbuild": "cloudbuild"}.get(
                of.split(".")[0], "storage"
            )
            if f"{service}.googleapis.com" not in self.agents:
                raise Refused(f"ERROR: INVALID_ARGUMENT: account {account} does not exist")

    def _allows(self, call: _Call, role: str, on: str, by: str = "service-account") -> None:
        account = call.options.get(by, "").rpartition("/")[2]
        if Binding(role, on, f"serviceAccount:{account}") not in self.bindings:
            raise Refused(f"ERROR: PERMISSION_DENIED: {account} lacks {role} on {on}")

    @contextmanager
    def listening(self) -> Iterator[dict[str, str]]:
        """Have it answer `gcloud` and `curl` of a shell that has the environment that this gives."""
        project = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                read = self._fields()
                program, *words, written = [next(read) for _ in range(int(next(read)) + 1)]
                answer = project.answer if program == "gcloud" else project.called
                try:
                    status, text = 0, answer(words, written)
                except Refused as refusal:
                    status, text = 1, str(refusal)
                self.wfile.write(f"{status}\n{text}".encode())

            def _fields(self) -> Iterator[str]:
                rest = b""
                while True:
                    part, end, rest = rest.partition(b"\0")
                    if end:
                        yield part.decode()
                    else:
                        rest = part + self.request.recv(65536)

        with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield {"BASH_ENV": str(CLIENT), "GOOGLE_PROJECT_PORT": str(server.server_address[1])}
            finally:
                server.shutdown()
                thread.join()


def _trigger(options: dict[str, str]) -> str:
    given = dict(pair.split("=", 1) for pair in options.get("substitutions", "").split(",") if pair)
    fields = (
        options.get("repository", options.get("repo", "")),
        options.get("branch-pattern", ""),
        options.get("tag-pattern", ""),
        options.get("build-config", ""),
        options.get("service-account", ""),
        "True" if "require-approval" in options else "",
        given.get("_OVERLAY", ""),
    )
    return ",".join(fields)


def _cluster(options: dict[str, str]) -> str:
    private = str("enable-private-nodes" in options)
    ways = ("True" if "enable-dns-access" in options else "", str("no-enable-ip-access" not in options))
    return ",".join(("RUNNING", private, "", *ways, options.get("service-account", "default")))


class _Call(NamedTuple):
    kind: str  # of thing, as gcloud's group of commands has it
    verb: str
    names: list[str]
    options: dict[str, str]

    @classmethod
    def of(cls, words: list[str]) -> _Call:
        options: dict[str, str] = {}
        for word in words:
            if word.startswith("--"):
                option, _, value = word[2:].partition("=")
                options[option] = f"{options[option]},{value}" if option in options else value
        plain = [word for word in words if not word.startswith("--") and word not in ("alpha", "beta")]
        verb = next((word for word in plain if word in (*_CHANGES, *_LOOK_UPS)), plain[-1])
        at = plain.index(verb)
        kind = "run services" if verb == "deploy" else " ".join(plain[:at])
        if name := google_monitoring.name_of(kind, options):
            return cls(kind, verb, [name], options)
        names = [options["name"]] if kind == "builds triggers" and "name" in options else plain[at + 1 :]
        if kind == "iam service-accounts":
            names = [re.sub("@.*", "", name) for name in names]
        return cls(kind, verb, names, options)

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""

    @property
    def thing(self) -> str:
        return f"{self.kind} {self.name}"
