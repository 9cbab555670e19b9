"""The end of a pod: the times of Kubernetes, the load balancer, uWSGI and the service fit each other."""

from __future__ import annotations

import re

from rendering import K8S, Manifest, Rendered, container_of, pod_of

from app.serving import ending, sending
from front import listening

UWSGI = (K8S.parent / "uwsgi.ini").read_text()
AUTOPILOT_SECONDS = 600  # the longest grace that its nodes wait for


MERCY, FRONT = r"worker-reload-mercy =", r"attach-daemon2 = cmd=%\(front\)"


def beyond_worker_timeout(waits: str) -> int:
    """Seconds by which something in uwsgi.ini waits longer than MASKSERVE_WORKER_TIMEOUT."""
    found = re.search(rf"^{waits} %\(patience \+ (\d+)\)", UWSGI, re.MULTILINE)
    assert found, waits
    return int(found[1])


def pre_stop(server: Manifest) -> int:
    seconds: int = container_of(server)["lifecycle"]["preStop"]["sleep"]["seconds"]
    return seconds


def test_a_pod_may_finish_what_it_has_before_it_is_killed(rendered: Rendered) -> None:
    for server in rendered.servers():
        settings = rendered.settings(server)
        grace = pod_of(server)["terminationGracePeriodSeconds"]
        # It lingers, waits for what came meanwhile, and for its clients to read; then the front does.
        linger = ending._MOST_LINGERS * ending._LINGER_SECONDS
        drain = linger + settings.request_timeout + sending.LONGEST_SECONDS + listening._LAST_SECONDS
        hung = settings.worker_timeout + beyond_worker_timeout(MERCY) + listening._LAST_SECONDS
        assert pre_stop(server) + max(drain, hung) < grace <= AUTOPILOT_SECONDS


def test_the_load_balancer_is_more_patient_than_the_service(rendered: Rendered) -> None:
    for policy in rendered.all("GCPBackendPolicy"):
        for server in rendered.servers():
            patience = rendered.settings(server).worker_timeout + beyond_worker_timeout(FRONT)
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
