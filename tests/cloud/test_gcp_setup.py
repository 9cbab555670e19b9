"""scripts/gcp-setup.sh: what a first run does, what another one does, and what it says when it stops."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from gcloud_lint import complaints
from google_monitoring import resource
from google_project import Project, api_of
from monitoring_needs import OF_ABSENCE, PAGER, RELEASED
from project_needs import lacking
from project_rights import PAGES, in_docs
from setup_run import GITHUB, SETUP, SOURCE_REPOSITORIES, Cloud, empty_cloud
from workspace import ROOT


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with empty_cloud(tmp_path) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was set up, with GitHub; for tests that only look."""
    with empty_cloud(tmp_path_factory.mktemp("finished")) as cloud:
        assert cloud.set_up(*GITHUB).returncode == 0
    return cloud.project


@pytest.fixture
def set_up_before(finished: Project, cloud: Cloud) -> Cloud:
    """A copy of that, to set up once more."""
    cloud.project.become(finished)
    cloud.project.calls.clear()
    return cloud


def test_a_dry_run_changes_nothing_and_tells_exactly_what_the_run_then_does(cloud: Cloud) -> None:
    dry = cloud.set_up("--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert cloud.project.changes() == []
    assert dry.stdout.endswith("Dry run: nothing was changed.\n")
    told = re.findall(r"^would (.*):$", dry.stdout, re.MULTILINE)
    done = cloud.set_up().stdout.partition("Setup is complete")[0].splitlines()
    assert [line for line in done if not line.startswith(("No triggers", "Disabled until"))] == told


def test_a_second_run_changes_nothing(set_up_before: Cloud) -> None:
    again = set_up_before.set_up(*GITHUB)
    assert again.returncode == 0, again.stderr
    assert set_up_before.project.changes() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "change"),
    [
        ("functions/main.py", '"""', '"""Changed: ', "gcloud run deploy maskserve-events"),
        ("scripts/gcp/events.sh", "--timeout=300", "--timeout=301", "gcloud run deploy maskserve-events"),
        (
            "cloudbuild.yaml",
            "/builder:2026.12.1",
            "/builder:2027.1",
            "gcloud builds submit scripts/gcp/builder",
        ),
        (
            "scripts/gcp/monitoring/policies/MaskServeSlow.json",
            "> 10",
            "> 5",
            "gcloud alpha monitoring policies update projects/my-project/policies/",
        ),
        ("scripts/gcp/monitoring/objective.json", "0.995", "0.99", "curl --silent --show-error"),
    ],
    ids=[
        "the function's code",
        "the function's limits",
        "the tag of the image of the steps",
        "an alert",
        "the objective",
    ],
)
def test_what_changed_is_deployed_or_built_again_and_nothing_else(
    set_up_before: Cloud, file: str, old: str, new: str, change: str
) -> None:
    path = set_up_before.workspace.path / file
    path.write_text(path.read_text().replace(old, new, 1))
    assert set_up_before.set_up(*GITHUB).returncode == 0
    (made,) = set_up_before.project.changes()
    assert made.startswith(change)


def test_whoever_is_told_instead_is_told_of_every_alert(set_up_before: Cloud) -> None:
    again = set_up_before.set_up(*GITHUB, "--alert-email", "day@example.org")
    assert again.returncode == 0, again.stderr
    channel = resource("monitoring channels", "day@example.org")
    told = [
        options["set-notification-channels"]
        for options in set_up_before.project.of_kind("monitoring policies").values()
    ]
    assert told == [channel] * len(told)
    # Google answers each with a list: it takes a second, and there are two dozen policies.
    assert (
        len([call for call in set_up_before.project.calls if call[2:5] == ["monitoring", "policies", "list"]])
        == 1
    )


def test_critical_alerts_go_to_whoever_is_woken_up_as_well(set_up_before: Cloud) -> None:
    absent = set_up_before.set_up(*GITHUB, "--alert-channel", PAGER)
    assert absent.returncode == 1
    assert f"there must be one notification channel named '{PAGER}'" in absent.stderr
    set_up_before.project.things["monitoring channels", PAGER] = {"type": "pagerduty"}
    assert set_up_before.set_up(*GITHUB, "--alert-channel", PAGER).returncode == 0
    assert lacking(set_up_before.project) == []
    replaced = [call for call in set_up_before.project.changes() if " policies update " in call]
    assert 3 < len(replaced) < len(set_up_before.project.of_kind("monitoring policies")) / 2


def test_mails_link_to_the_page_that_says_what_to_do(finished: Project) -> None:
    for options in finished.of_kind("monitoring policies").values():
        assert "More: https://github.com/us/maskserve/blob/main/docs/alerts.md, MaskServe" in options["text"]


def test_another_budget_replaces_the_one_that_there_is(set_up_before: Cloud) -> None:
    assert set_up_before.set_up(*GITHUB, "--budget", "800EUR").returncode == 0
    (change,) = set_up_before.project.changes()
    assert change.startswith("gcloud billing budgets update billingAccounts/1/budgets/2 ")
    assert change.endswith("--budget-amount=800EUR")


def test_whoever_lists_processes_does_not_see_the_token_for_the_objective(finished: Project) -> None:
    calls = [call for call in finished.calls if call[0] == "curl"]
    assert calls
    assert finished.account not in str(calls)


def test_an_uptime_check_of_another_host_is_not_left_as_it_is(set_up_before: Cloud) -> None:
    set_up_before.project.things["monitoring uptime", "MaskServe"]["resource-labels"] = "host=old.example.org"
    stopped = set_up_before.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert "the uptime check MaskServe asks old.example.org instead of segment.example.org" in stopped.stderr


def test_alerts_on_absence_wake_nobody_until_production_was_deployed(set_up_before: Cloud) -> None:
    set_up_before.project.things[RELEASED] = {"region": "europe-west1"}
    policies = set_up_before.project.of_kind("monitoring policies")
    assert {name for name, options in policies.items() if "no-enabled" in options} == {
        *OF_ABSENCE,
        "MaskServeNoTraffic",  # which is normal at night
    }
    assert set_up_before.set_up(*GITHUB).returncode == 0
    changes = set_up_before.project.changes()
    assert len(changes) == len(OF_ABSENCE)
    for call in changes:
        assert call.startswith("gcloud alpha monitoring policies update ") and " --enabled " in call
    set_up_before.project.calls.clear()
    assert set_up_before.set_up(*GITHUB).returncode == 0
    assert set_up_before.project.changes() == []


def test_without_an_address_there_are_no_alerts_and_that_is_said(cloud: Cloud) -> None:
    done = cloud.run(*SETUP[:4])
    assert done.returncode == 0, done.stderr
    assert "nobody will be told when the service fails" in done.stdout
    assert not cloud.project.of_kind("monitoring policies")
    assert not cloud.project.of_kind("billing budgets")
    assert not {"cloudbilling", "billingbudgets"} & cloud.project.enabled
    assert cloud.project.of_kind("monitoring uptime")


def test_a_function_that_did_not_become_ready_is_deployed_again_until_it_is(cloud: Cloud) -> None:
    cloud.project.fails = {"run deploy": "ERROR: Revision 'maskserve-events-1' is not ready"}
    assert cloud.set_up(*GITHUB).returncode == 1
    assert "Setup is complete" not in cloud.set_up(*GITHUB).stdout
    cloud.project.fails = {}
    again = cloud.set_up(*GITHUB)
    assert "deploy function maskserve-events" in again.stdout
    assert "Setup is complete" in again.stdout
    assert "deploy function maskserve-events" not in cloud.set_up(*GITHUB).stdout


def test_a_function_whose_latest_revision_does_not_serve_is_said_and_not_subscribed(cloud: Cloud) -> None:
    cloud.project.answers = {"run services describe maskserve-events": "any\t['False']"}
    stopped = cloud.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert "function maskserve-events is not ready: its latest revision does not serve" in stopped.stderr
    assert "maskserve-images" not in cloud.project.of_kind("pubsub subscriptions")


def test_the_function_is_subscribed_only_by_its_own_address(cloud: Cloud) -> None:
    cloud.project.address = ""
    stopped = cloud.set_up()
    assert stopped.returncode == 1
    assert "function maskserve-events has no URL yet" in stopped.stderr
    assert "maskserve-images" not in cloud.project.of_kind("pubsub subscriptions")


@pytest.mark.parametrize(
    ("look_up", "answer", "said"),
    [
        (
            "artifacts repositories describe",
            "MAVEN",
            "repository maskserve already exists with MAVEN instead of DOCKER",
        ),
        ("container clusters describe", "PROVISIONING", "an earlier run is still creating cluster maskserve"),
        ("container clusters describe", "ERROR", "cluster maskserve is in state ERROR. Delete it"),
        (
            "storage buckets describe",
            "US",
            "bucket my-project-maskserve-source already exists with US instead of EUROPE",
        ),
        (
            "compute ssl-policies describe",
            "TLS_1_0\tCOMPATIBLE",
            "SSL policy maskserve already exists with TLS_1_0",
        ),
        (
            "certificate-manager maps entries describe",
            "old.example.org",
            "certificate map entry maskserve already exists with old.example.org",
        ),
        (
            "pubsub subscriptions describe maskserve-images",
            "https://old.example/",
            "subscription maskserve-images already exists with https://old.example/",
        ),
        (
            "builds triggers describe",
            "",  # of another kind of repository
            "trigger maskserve-build already exists with another value",
        ),
    ],
)
def test_what_is_there_but_unfinished_or_otherwise_is_not_taken_for_done(
    set_up_before: Cloud, look_up: str, answer: str, said: str
) -> None:
    set_up_before.project.answers = {look_up: answer}
    stopped = set_up_before.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert said in stopped.stderr
    assert set_up_before.project.changes() == []


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("production", "require-approval", None),
        ("production", "tag-pattern", ".*"),
        ("staging", "branch-pattern", ".*"),
        ("staging", "substitutions", "_REGION=europe-west1,_OVERLAY=production"),
        ("build", "service-account", None),
    ],
)
def test_a_trigger_that_does_something_else_or_without_approval_is_not_left_as_it_is(
    set_up_before: Cloud, name: str, option: str, value: str | None
) -> None:
    trigger = set_up_before.project.things["builds triggers", f"maskserve-{name}"]
    if value is None:
        del trigger[option]
    else:
        trigger[option] = value
    stopped = set_up_before.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert f"trigger maskserve-{name} already exists" in stopped.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("enable-private-nodes", "clusters update maskserve --region=europe-west1 --enable-private-nodes\n"),
        ("enable-dns-access", "--enable-dns-access\n"),
        ("no-enable-ip-access", "--no-enable-ip-access\n"),
        ("service-account", "the nodes of cluster maskserve run as 'default' instead of maskserve-nodes@"),
    ],
)
def test_an_older_cluster_that_is_open_or_has_other_nodes_is_not_left_as_it_is(
    set_up_before: Cloud, option: str, said: str
) -> None:
    del set_up_before.project.things["container clusters", "maskserve"][option]
    stopped = set_up_before.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert said in stopped.stderr
    assert set_up_before.project.changes() == []


@pytest.mark.parametrize(
    ("look_up", "answer", "change"),
    [
        (
            "storage buckets notifications list",
            '[{"topic": "//pubsub.googleapis.com/projects/p/topics/maskserve-images-old"}]',
            "gcloud storage buckets notifications create",
        ),
        ("secrets versions list maskserve-api-key", "", "gcloud secrets versions add maskserve-api-key"),
    ],
    ids=["a notification for another topic", "a secret with no enabled version"],
)
def test_what_is_missing_beside_what_looks_like_it_is_made(
    set_up_before: Cloud, look_up: str, answer: str, change: str
) -> None:
    set_up_before.project.answers = {look_up: answer}
    assert set_up_before.set_up(*GITHUB).returncode == 0
    (made,) = set_up_before.project.changes()
    assert made.startswith(change)


def test_only_enabled_versions_of_a_secret_count(finished: Project) -> None:
    calls = [call for call in finished.calls if call[1:4] == ["secrets", "versions", "list"]]
    assert calls
    assert all("--filter=state=ENABLED" in call for call in calls)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--domain", "other.example.org", *GITHUB),
            "DNS authorization maskserve already exists with segment.example.org instead of other",
        ),
        (
            ("--github", "them/maskserve"),
            "repository already exists with https://github.com/us/maskserve.git instead of https://github",
        ),
    ],
)
def test_what_is_there_for_another_domain_or_repository_is_not_half_changed(
    set_up_before: Cloud, arguments: tuple[str, ...], said: str
) -> None:
    refused = set_up_before.set_up(*arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert set_up_before.project.changes() == []


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("services enable", "enable"),
        ("pubsub subscriptions create maskserve-images", "subscribe the function"),
    ],
)
def test_a_step_that_fails_stops_with_what_it_was_and_the_next_run_goes_on_there(
    cloud: Cloud, step: str, what: str
) -> None:
    cloud.project.fails = {step: "ERROR: billing is not enabled"}
    stopped = cloud.set_up()
    assert stopped.returncode == 1
    assert "billing is not enabled" in stopped.stderr
    assert f"could not {what}" in stopped.stderr
    assert cloud.project.changes()[-1].startswith(f"gcloud {step}")

    cloud.project.fails = {}
    cloud.project.calls.clear()
    assert cloud.set_up().returncode == 0
    assert cloud.project.changes()[0].startswith(f"gcloud {step}")


def test_a_look_up_that_fails_is_not_taken_for_a_thing_that_is_missing(cloud: Cloud) -> None:
    cloud.project.fails = {"container clusters describe": "ERROR: PERMISSION_DENIED"}
    stopped = cloud.set_up()
    assert stopped.returncode == 1
    assert "PERMISSION_DENIED" in stopped.stderr
    assert "look-up failed (see above): gcloud container clusters describe" in stopped.stderr
    assert not cloud.project.of_kind("container clusters")


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("projects add-iam-policy-binding", "INVALID_ARGUMENT: account does not exist"),
        ("run deploy", "Permission denied on secret maskserve-events-key for the revision's account"),
        ("builds submit", "PERMISSION_DENIED: The caller does not have permission"),
        ("builds connections create", "FORBIDDEN: service account lacks secretmanager.secrets.create"),
    ],
)
def test_what_depends_on_new_accounts_and_roles_is_tried_for_as_long_as_google_says(
    cloud: Cloud, step: str, complaint: str
) -> None:
    cloud.project.fails = {step: complaint}
    stopped = cloud.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert complaint in stopped.stderr
    pauses = [int(call.partition(" ")[2]) for call in cloud.workspace.calls("sleep")]
    assert pauses == sorted(pauses)
    assert sum(pauses) == 7 * 60  # cloud.google.com/iam/docs/access-change-propagation


def test_look_ups_wait_for_apis_that_this_run_or_one_before_it_has_enabled(cloud: Cloud) -> None:
    cloud.project.warm_up = 2
    done = cloud.set_up(*GITHUB)
    assert done.returncode == 0, done.stderr
    assert lacking(cloud.project) == []
    apis = len({api_of(call[1:]) for call in cloud.project.calls} - {None})
    assert cloud.workspace.calls("sleep") == ["sleep 5", "sleep 10"] * apis

    cloud.project.starting = {"container": 2}
    assert cloud.set_up(*GITHUB).returncode == 0
    assert len(cloud.workspace.calls("sleep")) == 2 * apis + 2


def test_other_errors_and_missing_rights_of_the_caller_are_said_at_once(cloud: Cloud) -> None:
    for step, complaint in {"services enable": "PERMISSION_DENIED", "run deploy": "ERROR: no quota"}.items():
        cloud.project.fails = {step: complaint}
        assert complaint in cloud.set_up(*GITHUB).stderr
    assert not cloud.workspace.calls("sleep")


def test_the_records_that_somebody_has_to_set_are_printed_first_those_for_certificates(
    finished: Project, set_up_before: Cloud
) -> None:
    said = set_up_before.set_up(*GITHUB).stdout.partition("Setup is complete.\n")[2]
    records = [line.split() for line in said.splitlines() if line.startswith("    ")]
    assert [(name, kind) for name, kind, _ in records] == [
        ("_acme-challenge.segment.example.org.", "CNAME"),
        ("_acme-challenge.staging.segment.example.org.", "CNAME"),
        ("segment.example.org.", "A"),
        ("staging.segment.example.org.", "A"),
    ]


def test_the_documentation_has_every_account_in_its_table(finished: Project) -> None:
    rows = re.findall(r"^\| `(maskserve-[a-z-]+)`", (ROOT / "docs/gcp-project.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(finished.of_kind("iam service-accounts"))


def test_github_asks_for_a_person_and_the_address_is_told(cloud: Cloud) -> None:
    cloud.project.connection = "PENDING_USER_OAUTH\thttps://accounts.example/consent"
    stopped = cloud.set_up(*GITHUB)
    assert stopped.returncode == 1
    assert "open https://accounts.example/consent, allow Cloud Build to read us/maskserve" in stopped.stderr
    assert not cloud.project.of_kind("builds triggers")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "PROJECT and --domain are required"),
        (("p",), "PROJECT and --domain are required"),
        (("p", "--domain"), "--domain needs a value"),
        (("p", "--domain", "d", "--colour", "red"), "unknown option --colour"),
        (("p", "q", "--domain", "d"), "expected one project, got two: p and q"),
        (("p", "--domain", "d", "--github", "maskserve"), "--github must be OWNER/NAME, not 'maskserve'"),
        (("p", "--domain", "d", "--github", "a/b", "--source-repositories", "c"), "cannot be combined"),
        (("p", "--domain", "d", "--alert-email", "me"), "--alert-email must be an address, not 'me'"),
        (
            ("p", "--domain", "d", "--alert-channel", "pager"),
            "in addition to --alert-email, which is missing",
        ),
        (("p", "--domain", "d", "--budget", "much"), "--budget must be an amount such as 500EUR, not 'much'"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_before_anything_is_asked(
    cloud: Cloud, arguments: tuple[str, ...], said: str
) -> None:
    refused = cloud.run("scripts/gcp-setup.sh", *arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert not cloud.project.calls


def test_whoever_is_not_signed_in_is_told_so(cloud: Cloud) -> None:
    cloud.project.account = ""
    assert "gcloud auth login" in cloud.set_up().stderr
    assert not cloud.project.changes()


def test_gcloud_has_each_command_and_option_that_is_used(
    finished: Project, cloud: Cloud, tmp_path: Path
) -> None:
    assert cloud.set_up(*SOURCE_REPOSITORIES).returncode == 0
    assert cloud.set_up(*SOURCE_REPOSITORIES, "--alert-email", "day@example.org").returncode == 0
    called = [call for call in (*finished.calls, *cloud.project.calls) if call[0] == "gcloud"]
    commands = [*in_docs(*PAGES), *called]
    # One of those that differ in names and values alone: gcloud takes a tenth of a second for each.
    values = re.compile(r"=\S*|\S+[@/]\S+|\S*(?:maskserve|my-project)\S*")
    used = {values.sub("", " ".join(words)): shlex.join(words) for words in commands}
    assert complaints({re.sub(r"\s+", " ", command) for command in used.values()}, tmp_path) == []
