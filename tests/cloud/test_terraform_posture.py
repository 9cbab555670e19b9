"""deploy/terraform leaves nothing open that scripts/gcp-setup.sh closes, and loses nothing that it keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from terraform_module import TEXT, parsed, resource, resources
from workspace import ROOT

CLOSED: list[tuple[str, str, str, Any]] = [
    # Nodes have no public addresses. They reach Google's services directly, and everything else through NAT.
    ("google_container_cluster", "this", "private_cluster_config.enable_private_nodes", True),
    ("google_compute_subnetwork", "this", "private_ip_google_access", True),
    ("google_compute_router_nat", "this", "nat_ip_allocate_option", "AUTO_ONLY"),
    (
        "google_compute_router_nat",
        "this",
        "source_subnetwork_ip_ranges_to_nat",
        "ALL_SUBNETWORKS_ALL_IP_RANGES",
    ),
    # The control plane is reached by its DNS name only.
    ("google_container_cluster", "this", "control_plane_endpoints_config.ip_endpoints_config.enabled", False),
    (
        "google_container_cluster",
        "this",
        "control_plane_endpoints_config.dns_endpoint_config.allow_external_traffic",
        True,
    ),
    # Nodes run as an account of their own, not as the project's default one, which is an editor.
    (
        "google_container_cluster",
        "this",
        "cluster_autoscaling.auto_provisioning_defaults.service_account",
        '${google_service_account.this["nodes"].email}',
    ),
    # Only the internal gateway's proxies reach the pods, and nothing but the pods' port.
    ("google_compute_firewall", "proxies", "source_ranges", ["${local.proxies}"]),
    ("google_compute_firewall", "proxies", "allow.ports", ["8080"]),
    (
        "google_compute_firewall",
        "proxies",
        "target_service_accounts",
        ['${google_service_account.this["nodes"].email}'],
    ),
    # The image in which deployments run cannot be exchanged under its tag.
    ("google_artifact_registry_repository", "tools", "docker_config.immutable_tags", True),
    # Builds do not meet Docker Hub's rate limits.
    ("google_artifact_registry_repository", "docker_hub", "mode", "REMOTE_REPOSITORY"),
    # Certificates are issued before callers are sent to the address.
    (
        "google_certificate_manager_certificate",
        "this",
        "managed.dns_authorizations",
        ["${google_certificate_manager_dns_authorization.this[each.key].id}"],
    ),
    # What the function cannot process is kept, and only Pub/Sub's own account can call it.
    (
        "google_pubsub_subscription",
        "images",
        "dead_letter_policy.dead_letter_topic",
        '${google_pubsub_topic.this["dead-letters"].id}',
    ),
    (
        "google_pubsub_subscription",
        "images",
        "push_config.oidc_token.service_account_email",
        '${google_service_account.this["push"].email}',
    ),
    ("google_pubsub_subscription", "dead_letters", "expiration_policy.ttl", ""),
]


def value_at(body: dict[str, Any], path: str) -> object:
    """An argument, in blocks of which there is one each; texts without their quotes."""
    *blocks, argument = path.split(".")
    for block in blocks:
        (body,) = body.get(block, [{}])
    value = body.get(argument)
    return [item.strip('"') for item in value] if isinstance(value, list) else unquoted(value)


def unquoted(value: object) -> object:
    return value.strip('"') if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("of_type", "name", "path", "expected"), CLOSED, ids=[f"{one[0]} {one[2]}" for one in CLOSED]
)
def test_it_is_as_closed_as_what_the_script_makes(
    of_type: str, name: str, path: str, expected: object
) -> None:
    assert value_at(resource(of_type, name), path) == expected


def test_no_bucket_can_be_made_public() -> None:
    buckets = [body for kind, _, body in resources(parsed(TEXT)) if kind == "google_storage_bucket"]
    assert buckets
    for body in buckets:
        assert body["uniform_bucket_level_access"] is True
        assert unquoted(body["public_access_prevention"]) == "enforced"


def test_the_registry_keeps_and_deletes_what_the_script_has_it_keep_and_delete() -> None:
    blocks = resource("google_artifact_registry_repository", "maskserve")["cleanup_policies"]
    made = {unquoted(block["id"]): block for block in blocks}
    policies = json.loads((ROOT / "scripts" / "gcp" / "cleanup.json").read_text())
    assert made.keys() == {policy["name"] for policy in policies}
    for policy in policies:
        block, condition = made[policy["name"]], policy.get("condition", {})
        assert unquoted(block["action"]) == policy["action"]["type"].upper()
        days = condition.get("olderThan", "").removesuffix("d")
        assert value_at(block, "condition.older_than") == (f"{int(days) * 86400}s" if days else None)
        assert value_at(block, "condition.tag_prefixes") == condition.get("tagPrefixes")
        kept = policy.get("mostRecentVersions", {}).get("keepCount")
        assert value_at(block, "most_recent_versions.keep_count") == kept
