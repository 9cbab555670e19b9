"""deploy/terraform: resources as Google's provider has them, defined references, all that the script makes.

google_provider.json has the names of arguments and blocks of hashicorp/google 6.50, for the resources in use.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from terraform_module import FOLDER, SCRIPTS, TEXT, parsed, resources
from workspace import HERE, ROOT

PROVIDER: dict[str, Any] = json.loads((HERE / "google_provider.json").read_text())
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}


def complaints(body: dict[str, Any], schema: dict[str, Any], path: str, meta: set[str]) -> Iterator[str]:
    """What the provider would not accept."""
    given = {name for name in body if not name.startswith("__")} - meta
    blocks = schema.get("blocks", {})
    for name in given:
        is_block = isinstance(body[name], list) and any(
            isinstance(item, dict) and item.get("__is_block__") for item in body[name]
        )
        if is_block and name in blocks:
            for item in body[name]:
                yield from complaints(item, blocks[name], f"{path}.{name}", set())
        elif is_block or name not in schema["arguments"]:
            yield f"{path} has no {'block' if is_block else 'argument'} {name}"
    needed = {*schema["required"], *(name for name, block in blocks.items() if block.get("must"))}
    yield from (f"{path} lacks {name}" for name in needed - given)


def all_complaints(text: str) -> list[str]:
    found = []
    for of_type, name, body in resources(parsed(text)):
        if of_type.startswith("random_"):
            continue
        if of_type not in PROVIDER:
            found.append(f"{of_type} is unknown")
        else:
            found += complaints(body, PROVIDER[of_type], f"{of_type}.{name}", META)
    return found


def test_the_provider_has_every_resource_argument_and_block() -> None:
    assert all_complaints(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("uniform_bucket_level_access ", "uniform_access ", "has no argument uniform_access"),
        ("secret_id = each.value", "", "google_secret_manager_secret.key lacks secret_id"),
        ("push_config {", "push {", "has no block push"),
        ("older_than = ", "older = ", "cleanup_policies.condition has no argument older"),
        (
            'resource "google_pubsub_topic" ',
            'resource "google_pubsub_topics" ',
            "google_pubsub_topics is unknown",
        ),
    ],
)
def test_a_mistake_is_found(old: str, new: str, said: str) -> None:
    assert old in TEXT
    assert said in "\n".join(all_complaints(TEXT.replace(old, new, 1)))


def test_every_reference_is_defined() -> None:
    document = parsed(TEXT)
    there = {f"{of_type}.{name}" for of_type, name, _ in resources(document)}
    code = re.sub(r"#.*", "", TEXT)
    for reference in re.findall(r"(?<![\w.\"])(?:data\.)?(?:google|random)_\w+\.\w+", code):
        assert reference in there, reference
    variables = {name.strip('"') for entry in document["variable"] for name in entry}
    assert set(re.findall(r"\bvar\.(\w+)", code)) == variables
    local = {name for entry in document["locals"] for name in entry if not name.startswith("__")}
    assert set(re.findall(r"\blocal\.(\w+)", code)) == local


def test_the_example_gives_what_the_module_needs() -> None:
    module = parsed((FOLDER / "example" / "main.tf").read_text())["module"][0]
    (given,) = module.values()
    variables = {name.strip('"'): body for entry in parsed(TEXT)["variable"] for name, body in entry.items()}
    names = {name for name in given if not name.startswith("__")} - {"source"}
    assert names <= set(variables)
    assert {name for name, body in variables.items() if "default" not in body} <= names


def texts(name: str) -> set[str]:
    """The texts in a list, or the keys of a map, that is a local value."""
    value = next(entry[name] for entry in parsed(TEXT)["locals"] if name in entry)
    return {item.strip('"') for item in value if not item.startswith("__")}


def test_it_makes_the_accounts_and_enables_the_services_of_the_script() -> None:
    accounts = set(re.findall(r"^\s+account maskserve-([\w-]+) ", SCRIPTS, re.MULTILINE))
    assert {"nodes", "build"} <= accounts
    assert accounts <= texts("accounts")
    (wanted,) = re.findall(r"wanted=\(([^)]*)\)", SCRIPTS)
    assert set(wanted.split()) <= texts("apis")


def test_it_makes_the_buckets_and_topics_of_the_script() -> None:
    for of_type, made in (
        ("google_storage_bucket", set(re.findall(r"^\s+bucket (\w+)$", SCRIPTS, re.MULTILINE))),
        ("google_pubsub_topic", {"images", "results", "dead-letters"}),
    ):
        body = next(
            body for found, _, body in resources(parsed(TEXT)) if found == of_type and "for_each" in body
        )
        assert made
        assert made <= set(re.findall(r'"([\w-]+)"', str(body["for_each"]))), of_type


def test_it_gives_the_roles_of_the_script() -> None:
    triggers = (ROOT / "scripts" / "gcp" / "triggers.sh").read_text()  # which the module does not make
    in_script = set(re.findall(r"roles/([a-zA-Z.]+)", re.sub(r"#.*", "", SCRIPTS.replace(triggers, ""))))
    assert {"run.invoker", "artifactregistry.writer", "pubsub.publisher"} <= in_script
    given = set(re.findall(r'"(?:roles/)?([\w.]+)"', TEXT))
    for service in re.findall(r'"roles/(\w+)\.\$\{', TEXT):  # their ends are in lists and keys of maps
        given |= {f"{service}.{name}" for name in given | set(re.findall(r"(\w+) += {", TEXT))}
    assert in_script - given == set()


def value_of(name: str) -> Any:
    """The local value, of lists and maps with texts in them."""
    value = next(entry[name] for entry in parsed(TEXT)["locals"] if name in entry)
    return json.loads(json.dumps(value).replace('\\"', ""))


def test_no_account_may_do_more_in_the_project_than_in_the_script() -> None:
    found = re.findall(r'bind "\$\(member maskserve-([\w-]+)\)" roles/([\w.]+) projects', SCRIPTS)
    triggers = {("build", "source.reader"), ("deploy", "source.reader")}  # which the module does not make
    in_module = {
        (account, role)
        for account, roles in value_of("roles").items()
        if account[:2] != "__"
        for role in roles
    }
    assert in_module == set(found) - triggers


def test_no_account_may_change_more_repositories_than_in_the_script() -> None:
    in_module = {
        (account, repository)
        for repository, accounts in value_of("registry_access")["writer"].items()
        if repository[:2] != "__"
        for account in accounts
    }
    bound = r"maskserve-([\w-]+)\)\" roles/artifactregistry.writer[\\\s]+'artifacts repositories' ([\w-]+) "
    assert in_module == set(re.findall(bound, SCRIPTS))
    made = set(re.findall(r"^ +repository ([\w-]+) --", SCRIPTS, re.MULTILINE))
    assert made == set(re.findall(r'repository_id = "([\w-]+)"', TEXT))


def test_the_image_in_which_deployments_run_cannot_be_exchanged_under_its_tag() -> None:
    (tools,) = (body for _, name, body in resources(parsed(TEXT)) if name == "tools")
    assert tools["docker_config"][0]["immutable_tags"] is True
    assert "repository maskserve-tools --description='Images in which builds run' --immutable-tags" in SCRIPTS


def test_who_deploys_may_tag_images_and_no_more() -> None:
    (allowed,) = re.findall(r"--permissions=(\S+)", SCRIPTS)
    (body,) = (body for kind, _, body in resources(parsed(TEXT)) if kind == "google_project_iam_custom_role")
    assert [permission.strip('"') for permission in body["permissions"]] == allowed.split(",")


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("--ack-deadline=(\\d+)", "ack_deadline_seconds += (\\d+)"),
        ("--min-retry-delay=(\\d+)s", 'minimum_backoff += "(\\d+)s"'),
        ("--max-retry-delay=(\\d+)s", 'maximum_backoff += "(\\d+)s"'),
        ("--max-delivery-attempts=(\\d+)", "max_delivery_attempts += (\\d+)"),
        ("--min-tls-version=([\\d.]+)", 'min_tls_version += "TLS_([\\d_]+)"'),
        ("^proxies=(\\S+)", 'proxies += "(\\S+)"'),
    ],
)
def test_its_figures_are_those_of_the_script(option: str, argument: str) -> None:
    (in_script,) = re.findall(option, SCRIPTS, re.MULTILINE)
    (in_module,) = re.findall(argument, TEXT)
    assert in_module.replace("_", ".") == in_script


def test_the_example_prints_what_the_page_reads() -> None:
    page = (ROOT / "docs" / "deploy-terraform.md").read_text()
    example = (FOLDER / "example" / "main.tf").read_text()
    asked = set(re.findall(r"terraform output -raw (\w+)", page))
    assert asked
    assert asked <= set(re.findall(r'^output "(\w+)"', example, re.MULTILINE))
    assert set(re.findall(r"= module\.maskserve\.(\w+)", example)) <= set(
        re.findall(r'^output "(\w+)"', TEXT, re.MULTILINE)
    )


def test_no_role_is_one_that_may_do_everything() -> None:
    roles = set(re.findall(r'"([a-zA-Z]+\.[a-zA-Z.]+)"', TEXT)) | set(re.findall(r'"roles/([\w.]+)"', TEXT))
    assert not {role for role in roles if role in {"owner", "editor"} or role.endswith("iam.admin")}


def test_it_is_formatted() -> None:
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    checked = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", FOLDER], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
