"""Machines: pods fit its machines, and the pages say what the manifests say."""

from __future__ import annotations

import re

import pytest
from rendering import K8S, OVERLAYS, Manifest, Rendered, container_of, pod_of, render

from scripts import cost

DOCS = K8S.parent / "docs"
SELECTOR = "cloud.google.com/compute-class"


def class_of(rendered: Rendered) -> Manifest:
    (found,) = rendered.all("ComputeClass")
    return found


def cores(quantity: str) -> float:
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


@pytest.fixture(scope="module")
def staging(kustomize: None) -> Rendered:
    return render(K8S / "overlays" / "staging")


def test_all_servers_ask_for_the_class_that_there_is(rendered: Rendered) -> None:
    name = class_of(rendered)["metadata"]["name"]
    for server in rendered.servers():
        assert pod_of(server)["nodeSelector"] == {SELECTOR: name}


def test_classes_of_one_cluster_have_names_that_differ(kustomize: None) -> None:
    names = {class_of(render(K8S / "overlays" / name))["metadata"]["name"] for name in OVERLAYS}
    assert len(names) == len(OVERLAYS)


def test_the_fastest_machines_come_first_and_none_is_added_that_is_slower(production: Rendered) -> None:
    spec = class_of(production)["spec"]
    assert [one["machineFamily"] for one in spec["priorities"]] == ["c4", "c3", "n4"]
    assert not any(one.get("spot") for one in spec["priorities"])
    assert spec["whenUnsatisfiable"] == "DoNotScaleUp"
    assert spec["nodePoolAutoCreation"]["enabled"]  # on a Standard cluster, too


def test_staging_runs_on_spot_machines_and_on_a_regular_one_when_there_are_none(staging: Rendered) -> None:
    priorities = class_of(staging)["spec"]["priorities"]
    assert [one.get("spot", False) for one in priorities] == [True, True, True, False]


def test_two_pods_fit_the_smallest_machine(rendered: Rendered) -> None:
    requested = cores(container_of(rendered.servers()[0])["resources"]["requests"]["cpu"])
    memory = int(container_of(rendered.servers()[0])["resources"]["requests"]["memory"].removesuffix("Gi"))
    for machine in class_of(rendered)["spec"]["priorities"]:
        left = cost.allocatable(machine["minCores"]) - cost.SYSTEM_CORES
        assert left - 2 * requested >= 0
        assert left - 3 * requested < 0  # no core is paid for and left over
        assert 2 * memory < 0.75 * machine["minMemoryGb"]  # GKE keeps a quarter of the first 4 GiB, then less


def test_cost_is_reckoned_with_what_the_manifests_say(production: Rendered, staging: Rendered) -> None:
    (server,) = production.servers()
    resources = container_of(server)["resources"]
    scaler = production.one("HorizontalPodAutoscaler", "maskserve")
    target = scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]
    assert cores(resources["limits"]["cpu"]) == cost.CORES
    assert cores(resources["requests"]["cpu"]) == cost.CORES_REQUESTED
    assert resources["requests"]["memory"] == f"{cost.MEMORY}Gi"
    assert target == round(100 * cost.TARGET)
    redis = container_of(production.one("Deployment", "redis"))["resources"]["requests"]
    assert (redis["cpu"], redis["memory"]) == ("250m", "512Mi")
    assert (cost.REDIS_CORES, cost.REDIS_MEMORY) == (0.25, 0.5)
    least = {
        name: one.one("HorizontalPodAutoscaler", "maskserve")["spec"]["minReplicas"]
        for name, one in (("production", production), ("staging", staging))
    }
    assert least == cost.PODS
    families = [one["machineFamily"] for one in class_of(production)["spec"]["priorities"]]
    for machine in cost.MACHINES:
        assert machine.name.split("-")[0] in families
        assert machine.pods == 2


def test_pods_are_added_before_they_are_fully_loaded() -> None:
    assert cost.TARGET * cost.CORES_REQUESTED < 0.8 * cost.CORES_USED
    # As docs/cost.md advises on Autopilot's default machines, where a pod requests its limit.
    assert cost.TARGET_OF_LIMIT * cost.CORES < 0.8 * cost.CORES_USED
    assert f"target to {round(100 * cost.TARGET_OF_LIMIT)} %" in (DOCS / "cost.md").read_text()


def test_a_caller_may_send_about_what_a_pod_answers(production: Rendered) -> None:
    limit = production.settings(production.servers()[0]).rate_limit
    assert limit
    count, _, unit = limit.partition("/")
    assert unit == "minute"
    assert int(count) / 60 == pytest.approx(cost.pictures_a_second("nuclei", "AMX"), rel=0.2)


def test_the_page_on_cost_has_what_the_script_prints() -> None:
    page = (DOCS / "cost.md").read_text()
    (kept,) = re.findall(r"<!-- cost -->\n\n(.*)\n\n<!-- end -->", page, re.DOTALL)
    assert kept == cost.tables({}, cost.PREMIUM, cost.SPOT), "run: python -m scripts.cost"


def test_pages_and_comments_agree_on_the_figures(production: Rendered) -> None:
    amx, avx2 = (round(cost.pictures_a_second("nuclei", one)) for one in ("AMX", "AVX2"))
    performance = (DOCS / "performance.md").read_text()
    (measured,) = re.findall(r"^\| AVX2 +\| nuclei \| ([\d.]+) ", performance, re.MULTILINE)
    assert cost.CPU_SECONDS["nuclei", "AVX2"] == pytest.approx(float(measured), rel=0.05)
    answered = [
        float(rate) for rate in re.findall(r"^\| \d+ +\| ([\d.]+) +\| \d+ ", performance, re.MULTILINE)
    ]
    assert amx in map(round, answered)
    readme, autoscaler = (
        " ".join((K8S / name).read_text().replace("#", "").split())
        for name in ("README.md", "base/autoscaler.yaml")
    )
    assert f"answers about {amx} pictures of 512 × 512 per second" in readme
    assert f"on Autopilot's default machines, about {avx2} " in readme
    assert f"**Autoscaling: {round(100 * cost.TARGET)} % of the requested CPU,**" in readme
    assert f"requests {cost.CORES_REQUESTED} cores" in readme
    assert f"where one process answers {amx} requests a second" in autoscaler
