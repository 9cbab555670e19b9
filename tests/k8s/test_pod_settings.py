"""What pods are told: settings that there are, and resources that they fit into."""

from __future__ import annotations

from rendering import K8S, Rendered, container_of
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import DEFINITIONS, READ_ELSEWHERE, Settings
from app.serving.decoding import AT_ONCE, SMALL_BYTES
from app.serving.reception import BATCHES_AT_ONCE
from app.serving.sending import MOST_BYTES
from model.pictures import Limits
from model.pictures.limits import most_memory_needed

MEBIBYTE = 2**20
TRIAL_BYTES = 320_000_000  # docs/versions.md: the process that tries a version out
CHANGE_BYTES = 60_000_000  # the growth of a process in many changes under load, 37 MB there, and a margin
BUSY_BYTES = 605_000_000  # docs/performance.md: sixteen clients with small pictures


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Gi")
    return int(quantity.removesuffix("Gi")) * 1024


def test_every_name_is_a_setting_and_its_value_parses(rendered: Rendered) -> None:
    known = {definition.name for definition in DEFINITIONS} | set(READ_ELSEWHERE)
    for server in rendered.servers():
        assert rendered.environment(server).keys() <= known
        assert not list(rendered.settings(server).advice())


def test_secrets_come_from_secrets(rendered: Rendered) -> None:
    for server in rendered.servers():
        told = rendered.environment(server)
        assert "MASKSERVE_API_KEYS" not in told
        (keys,) = (one for one in container_of(server)["env"] if one["name"] == "MASKSERVE_API_KEYS")
        # What stands on the internet does not start without keys.
        assert keys["valueFrom"]["secretKeyRef"] == {
            "name": "maskserve-api-keys",
            "key": "keys",
            "optional": False,
        }
        assert "@" not in told.get("MASKSERVE_RATE_LIMIT_STORAGE", "")


def process_bytes(settings: Settings) -> int:
    """What a process of the service takes at most, beside the decoders and what only its container counts."""
    largest = most_memory_needed(Limits(max_pixels=settings.max_pixels), settings.max_bytes)
    return BUSY_BYTES + largest + BATCHES_AT_ONCE * settings.max_batch_bytes


def test_the_worst_of_each_kind_at_once_fits_into_a_pod(rendered: Rendered) -> None:
    for server in rendered.servers():
        limit = mebibytes(container_of(server)["resources"]["limits"]["memory"])
        needed = process_bytes(rendered.settings(server)) + AT_ONCE * SMALL_BYTES + MOST_BYTES
        assert needed / MEBIBYTE < 0.9 * limit


def test_a_version_can_be_tried_out_beside_that(rendered: Rendered) -> None:
    for server in rendered.servers():
        limit = mebibytes(container_of(server)["resources"]["limits"]["memory"])
        needed = process_bytes(rendered.settings(server)) + AT_ONCE * SMALL_BYTES + MOST_BYTES
        assert (needed + TRIAL_BYTES + CHANGE_BYTES) / MEBIBYTE < 0.9 * limit
    page = " ".join((K8S.parent / "docs" / "versions.md").read_text().split())
    assert f"while it lasts, {TRIAL_BYTES // 10**6} MB of memory" in page
    assert f"that is {(TRIAL_BYTES + CHANGE_BYTES) / 2**30:.2f} GiB on top" in page


def test_a_process_is_replaced_before_the_kernel_ends_it(rendered: Rendered) -> None:
    for server in rendered.servers():
        limit = mebibytes(container_of(server)["resources"]["limits"]["memory"])
        replaced_at = rendered.settings(server).worker_memory
        assert replaced_at is not None
        assert replaced_at + AT_ONCE * SMALL_BYTES / MEBIBYTE <= 0.9 * limit


def test_the_largest_pictures_are_no_reason_to_replace_a_process(rendered: Rendered) -> None:
    for server in rendered.servers():
        settings = rendered.settings(server)
        assert settings.worker_memory is not None
        assert process_bytes(settings) / MEBIBYTE < settings.worker_memory


def test_what_a_pod_asks_for_is_what_it_gets(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        resources = container_of(deployment)["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]
        assert (
            resources["requests"].keys()
            == resources["limits"].keys()
            == {
                "cpu",
                "memory",
                "ephemeral-storage",
            }
        )


def test_models_from_buckets_lie_where_can_be_written(rendered: Rendered) -> None:
    for server in rendered.servers():
        (mount,) = container_of(server)["volumeMounts"]
        assert rendered.environment(server)["MASKSERVE_MODEL_DIR"].startswith(mount["mountPath"] + "/")


def test_pods_are_added_by_a_metric_that_there_is_before_the_queue_is_full(everything: Rendered) -> None:
    (metric,) = (
        metric["pods"]
        for metric in everything.one("HorizontalPodAutoscaler", "maskserve")["spec"]["metrics"]
        if metric["type"] == "Pods"
    )
    source, name, kind = metric["metric"]["name"].split("|")
    assert source == "prometheus.googleapis.com"
    exposition = create_app({"stub": StubSegmenter()}, Settings()).test_client().get("/metrics").text
    assert f"# TYPE {name} {kind}\n" in exposition
    settings = everything.settings(everything.one("Deployment", "maskserve"))
    assert 0 < int(metric["target"]["averageValue"]) < settings.queue


def test_a_shadow_counts_no_request_a_second_time(everything: Rendered) -> None:
    limits = {
        server["metadata"]["name"]: everything.settings(server).rate_limit for server in everything.servers()
    }
    assert limits.pop("maskserve-shadow") is None
    assert set(limits.values()) == {"1200/minute"}
