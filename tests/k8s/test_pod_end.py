"""The end of a pod: the times of Kubernetes, the load balancer, uWSGI and the service fit each other."""

from __future__ import annotations

import re

from rendering import K8S, Manifest, Rendered, container_of, pod_of

from app.serving import ending

UWSGI = (K8S.parent / "uwsgi.ini").read_text()
AUTOPILOT_SECONDS = 600  # the longest grace that its nodes wait for


def beyond_worker_timeout(option: str) -> int:
    """Seconds that uWSGI waits longer than MASKSERVE_WORKER_TIMEOUT."""
    found = re.search(rf"^{option} = %\(patience \+ (\d+)\)$", UWSGI, re.MULTILINE)
    assert found, option
    return int(found[1])


def pre_stop(server: Manifest) -> int:
    seconds: int = container_of(server)["lifecycle"]["preStop"]["sleep"]["seconds"]
    return seconds


def test_a_pod_may_finish_what_it_has_before_it_is_killed(rendered: Rendered) -> None:
    for server in rendered.servers():
        settings = rendered.settings(server)
        grace = pod_of(server)["terminationGracePeriodSeconds"]
        # It lingers before and after it closes its port, and waits for what came meanwhile.
        drain = 2 * (ending._LINGER_SECONDS + settings.request_timeout)
        hung = settings.worker_timeout + beyond_worker_timeout("worker-reload-mercy")
        assert pre_stop(server) + max(drain, hung) < grace <= AUTOPILOT_SECONDS


def test_the_load_balancer_is_more_patient_than_the_service(rendered: Rendered) -> None:
    for policy in rendered.all("GCPBackendPolicy"):
        for server in rendered.servers():
            patience = rendered.settings(server).worker_timeout + beyond_worker_timeout("http-timeout")
            assert policy["spec"]["default"]["timeoutSec"] > patience


def test_the_load_balancer_lets_a_pod_that_ends_answer_to_the_last(rendered: Rendered) -> None:
    for policy in rendered.all("GCPBackendPolicy"):
        for server in rendered.servers():
            draining = policy["spec"]["default"]["connectionDraining"]["drainingTimeoutSec"]
            assert draining >= pod_of(server)["terminationGracePeriodSeconds"]


def test_before_its_end_a_pod_waits_until_probes_would_have_told(rendered: Rendered) -> None:
    for server in rendered.servers():
        probe = container_of(server)["readinessProbe"]
        assert pre_stop(server) > probe["periodSeconds"] * probe["failureThreshold"]


def test_a_release_takes_no_pod_before_its_successor_serves(rendered: Rendered) -> None:
    for server in rendered.servers():
        assert server["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_disruption_leaves_a_pod(production: Rendered) -> None:
    scaler = production.one("HorizontalPodAutoscaler", "maskserve")
    budget = production.one("PodDisruptionBudget", "maskserve")
    assert scaler["spec"]["minReplicas"] >= 2
    assert scaler["spec"]["minReplicas"] - budget["spec"]["maxUnavailable"] >= 1
