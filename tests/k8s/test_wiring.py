"""Wiring: what names or selects something finds it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rendering import K8S, Manifest, Rendered, container_of, labels_of_pods, pod_of, render_made_up


def selected(rendered: Rendered, labels: Manifest) -> list[str]:
    """The Deployments whose pods have the labels."""
    return [
        deployment["metadata"]["name"]
        for deployment in rendered.all("Deployment")
        if labels.items() <= labels_of_pods(deployment).items()
    ]


def test_a_deployment_selects_its_own_pods_and_no_others(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert selected(rendered, labels) == [deployment["metadata"]["name"]]


def test_a_service_leads_to_the_deployment_of_its_name(rendered: Rendered) -> None:
    for service in rendered.all("Service"):
        name = service["metadata"]["name"]
        assert selected(rendered, service["spec"]["selector"]) == [name]
        ports = {port["name"] for port in container_of(rendered.one("Deployment", name))["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_every_pod_has_a_network_policy_for_both_ways(rendered: Rendered) -> None:
    for deployment in rendered.all("Deployment"):
        for way in ("Ingress", "Egress"):
            assert any(
                way in policy["spec"]["policyTypes"]
                and policy["spec"]["podSelector"]
                and deployment["metadata"]["name"]
                in selected(rendered, policy["spec"]["podSelector"]["matchLabels"])
                for policy in rendered.all("NetworkPolicy")
            )


def test_the_service_reaches_names_and_the_metadata_server(rendered: Rendered) -> None:
    egress = rendered.one("NetworkPolicy", "maskserve")["spec"]["egress"]
    opened = {
        (block["ipBlock"]["cidr"], port["port"])
        for rule in egress
        for block in rule["to"]
        for port in rule["ports"]
        if "ipBlock" in block
    }
    name_servers = {("169.254.20.10/32", 53), ("169.254.169.254/32", 53)}  # NodeLocal DNSCache, Cloud DNS
    assert opened >= name_servers | {("169.254.169.254/32", 80), ("169.254.169.252/32", 988)}


def test_what_no_policy_names_is_denied(rendered: Rendered) -> None:
    policy = rendered.one("NetworkPolicy", "default-deny")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_network_policies_open_ports_that_containers_listen_to(rendered: Rendered) -> None:
    for policy in rendered.all("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            for name in selected(rendered, policy["spec"]["podSelector"]["matchLabels"]):
                container = container_of(rendered.one("Deployment", name))
                listened = {port["containerPort"] for port in container["ports"]}
                assert {port["port"] for port in rule["ports"]} <= listened


def test_the_service_reaches_public_addresses_only(rendered: Rendered) -> None:
    (public,) = (
        block["ipBlock"]
        for rule in rendered.one("NetworkPolicy", "maskserve")["spec"]["egress"]
        for block in rule["to"]
        if block.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    )
    for private in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"):
        assert private in public["except"]


def test_budget_and_prometheus_select_the_pods(rendered: Rendered) -> None:
    servers = [server["metadata"]["name"] for server in rendered.servers()]
    for name in servers:  # each has one of its own, and more pods than it lets go at once, but for the shadow
        budget = rendered.one("PodDisruptionBudget", name)
        assert selected(rendered, budget["spec"]["selector"]["matchLabels"]) == [name]
        replicas = rendered.one("Deployment", name)["spec"].get("replicas", 2)
        assert replicas > budget["spec"]["maxUnavailable"] or name == "maskserve-shadow"
    monitoring = rendered.one("PodMonitoring", "maskserve")
    assert selected(rendered, monitoring["spec"]["selector"]["matchLabels"]) == servers


def test_the_autoscaler_scales_a_deployment_that_has_no_number_of_its_own(rendered: Rendered) -> None:
    (scaler,) = rendered.all("HorizontalPodAutoscaler")
    assert scaler["spec"]["minReplicas"] <= scaler["spec"]["maxReplicas"]
    target = scaler["spec"]["scaleTargetRef"]
    deployment = rendered.one(target["kind"], target["name"])
    assert deployment["apiVersion"] == target["apiVersion"]
    assert "replicas" not in deployment["spec"]


def test_routes_lead_from_listeners_to_services(rendered: Rendered) -> None:
    for route in rendered.all("HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            gateway = rendered.one("Gateway", parent["name"])
            assert parent["sectionName"] in {listener["name"] for listener in gateway["spec"]["listeners"]}
        for backend in backends_of(route):
            service = rendered.one("Service", backend["name"])
            assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]


def test_the_load_balancer_has_policies_for_each_service_that_it_sends_to(rendered: Rendered) -> None:
    backends = {backend["name"] for route in rendered.all("HTTPRoute") for backend in backends_of(route)}
    for kind in ("HealthCheckPolicy", "GCPBackendPolicy"):
        targets = [policy["spec"]["targetRef"] for policy in rendered.all(kind)]
        assert {target["name"] for target in targets} == backends
        assert {target["kind"] for target in targets} == {"Service"}


def test_https_from_the_internet_takes_the_ssl_policy_of_the_setup(rendered: Rendered) -> None:
    policies = {
        policy["spec"]["targetRef"]["name"]: policy["spec"] for policy in rendered.all("GCPGatewayPolicy")
    }
    encrypted = {
        gateway["metadata"]["name"]
        for gateway in rendered.all("Gateway")
        if any(listener["protocol"] == "HTTPS" for listener in gateway["spec"]["listeners"])
    }
    assert policies.keys() == encrypted == {"maskserve"}
    assert policies["maskserve"]["targetRef"]["kind"] == "Gateway"
    assert policies["maskserve"]["default"] == {"sslPolicy": "maskserve"}


def test_plain_http_from_the_internet_is_only_ever_redirected(rendered: Rendered) -> None:
    classes = {
        gateway["metadata"]["name"]: gateway["spec"]["gatewayClassName"]
        for gateway in rendered.all("Gateway")
    }
    for route in rendered.all("HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        if parent["sectionName"] == "http" and "external" in classes[parent["name"]]:
            assert not list(backends_of(route))


def test_the_function_reaches_stable_pods_without_leaving_the_network(production: Rendered) -> None:
    gateway = production.one("Gateway", "maskserve-internal")
    assert gateway["spec"]["gatewayClassName"] == "gke-l7-rilb"
    route = production.one("HTTPRoute", "maskserve-internal")
    assert "hostnames" not in route["spec"]  # the function asks an address
    assert [backend["name"] for backend in backends_of(route)] == ["maskserve"]
    policy = production.one("NetworkPolicy", "maskserve-from-internal-gateway")["spec"]
    assert selected(production, policy["podSelector"]["matchLabels"]) == ["maskserve"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == [8080]


@pytest.mark.parametrize("order", [("canary", "shadow"), ("shadow", "canary")], ids="-".join)
def test_a_canary_gets_its_share_and_a_shadow_gets_copies(tmp_path: Path, order: tuple[str, str]) -> None:
    made_up = yaml.safe_load((K8S / "overlays" / "production" / "kustomization.yaml").read_text())
    made_up["components"] += [f"../../components/{name}" for name in order]
    rendered = render_made_up(tmp_path / "k8s", made_up)
    rule = rendered.one("HTTPRoute", "maskserve")["spec"]["rules"][0]
    assert "/api" in [match["path"]["value"] for match in rule["matches"]]
    weights = {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}
    assert weights == {"maskserve": 95, "maskserve-canary": 5}
    (mirror,) = rule["filters"]
    assert mirror["requestMirror"]["backendRef"]["name"] == "maskserve-shadow"


def test_canary_and_shadow_have_images_of_their_own(everything: Rendered) -> None:
    images = [container_of(server)["image"] for server in everything.servers()]
    assert len(images) == 3 == len(set(images))


def test_pods_are_spread_over_zones_and_nodes(rendered: Rendered) -> None:
    for server in rendered.servers():
        spread = pod_of(server)["topologySpreadConstraints"]
        assert [constraint["topologyKey"] for constraint in spread] == [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]
        for constraint in spread:
            assert server["metadata"]["name"] in selected(
                rendered, constraint["labelSelector"]["matchLabels"]
            )


def backends_of(route: Manifest) -> list[Manifest]:
    """The Services that it sends requests or copies to."""
    return [
        backend
        for rule in route["spec"]["rules"]
        for backend in [
            *rule.get("backendRefs", ()),
            *(
                one["requestMirror"]["backendRef"]
                for one in rule.get("filters", ())
                if "requestMirror" in one
            ),
        ]
    ]
