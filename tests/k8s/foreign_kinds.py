"""Schemas of the kinds that Kubernetes itself does not know: Gateway API, GKE, managed Prometheus.

They have the fields that are of use here, from the field references of the Gateway API (1.3), of GKE and of
managed Prometheus. Anything else is refused, misspelt fields above all: add what a manifest needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}


def thing(needed: str = "", /, **fields: Schema) -> Schema:
    """An object with these fields and no others; `needed` names those that must be there."""
    return {
        "type": "object",
        "properties": fields,
        "required": needed.split(),
        "additionalProperties": False,
    }


def several(items: Schema, least: int = 0, most: int = 64) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def number(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*values: str | int) -> Schema:
    return {"enum": list(values)}


PORT = number(1, 65535)
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
SELECTOR = thing(matchLabels=LABELS)

# --- gateway.networking.k8s.io/v1

GATEWAY = thing(
    "gatewayClassName listeners",
    gatewayClassName=TEXT,
    addresses=several(
        thing("value", type=one_of("IPAddress", "Hostname", "NamedAddress"), value=TEXT), 0, 16
    ),
    listeners=several(
        thing(
            "name port protocol",
            name=TEXT,
            hostname=TEXT,
            port=PORT,
            protocol=one_of("HTTP", "HTTPS", "TLS", "TCP", "UDP"),
            allowedRoutes=thing(namespaces=thing("from", **{"from": one_of("All", "Same", "Selector")})),
        ),
        1,
    ),
)
BACKEND = thing("name port", name=TEXT, port=PORT, weight=number(0, 1_000_000))
HTTP_ROUTE = thing(
    parentRefs=several(thing("name", name=TEXT, namespace=TEXT, sectionName=TEXT, port=PORT), 1, 32),
    hostnames=several(TEXT, 0, 16),
    rules=several(
        thing(
            matches=several(
                thing(
                    path=thing(
                        "type value",
                        type=one_of("Exact", "PathPrefix", "RegularExpression"),
                        value={"type": "string", "pattern": "^/", "maxLength": 1024},
                    ),
                    method=one_of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"),
                ),
                1,
                8,  # of GKE; the Gateway API allows 64
            ),
            filters=several(
                {
                    "oneOf": [
                        thing(
                            "type requestRedirect",
                            type=one_of("RequestRedirect"),
                            requestRedirect=thing(
                                scheme=one_of("http", "https"), statusCode=one_of(301, 302, 303, 307, 308)
                            ),
                        ),
                        thing(
                            "type requestMirror",
                            type=one_of("RequestMirror"),
                            requestMirror=thing(
                                "backendRef", backendRef=thing("name port", name=TEXT, port=PORT)
                            ),
                        ),
                    ]
                },
                0,
                16,
            ),
            backendRefs=several(BACKEND, 0, 16),
        ),
        1,
        16,
    ),
)

# --- networking.gke.io/v1

TARGET = thing("group kind name", group={"type": "string"}, kind=TEXT, name=TEXT)
BACKEND_POLICY = thing(
    "targetRef",
    targetRef=TARGET,
    default=thing(
        timeoutSec=number(1, 2_147_483_647),
        connectionDraining=thing(drainingTimeoutSec=number(0, 3600)),
        logging=thing(enabled=FLAG, sampleRate=number(0, 1_000_000)),
        securityPolicy=TEXT,
        iap=thing(enabled=FLAG, clientID=TEXT, oauth2ClientSecret=thing(name=TEXT)),
        maxRatePerEndpoint=number(1, 1_000_000_000),
    ),
)
HEALTH_CHECK_POLICY = thing(
    "targetRef",
    targetRef=TARGET,
    default=thing(
        checkIntervalSec=number(1, 300),
        timeoutSec=number(1, 300),
        healthyThreshold=number(1, 10),
        unhealthyThreshold=number(1, 10),
        logConfig=thing(enabled=FLAG),
        config=thing(
            "type httpHealthCheck",  # exactly the check of that type
            type=one_of("HTTP"),
            httpHealthCheck=thing(
                port=PORT, host=TEXT, requestPath={"type": "string", "pattern": "^/"}, response=TEXT
            ),
        ),
    ),
)
GATEWAY_POLICY = thing("targetRef", targetRef=TARGET, default=thing(sslPolicy=TEXT, allowGlobalAccess=FLAG))

# --- cloud.google.com/v1

COMPUTE_CLASS = thing(
    activeMigration=thing("optimizeRulePriority", optimizeRulePriority=FLAG),
    nodePoolAutoCreation=thing("enabled", enabled=FLAG),
    priorities=several(
        thing(
            machineFamily=TEXT,
            machineType=TEXT,
            minCores=number(0, 1000),
            minMemoryGb=number(0, 100_000),
            spot=FLAG,
        )
        | {"minProperties": 1},
        1,
    ),
    whenUnsatisfiable=one_of("DoNotScaleUp", "ScaleUpAnyway"),
)

# --- monitoring.googleapis.com/v1

POD_MONITORING = thing(
    "selector endpoints",
    selector=SELECTOR,
    endpoints=several(
        thing(
            "port interval",
            port={"type": ["string", "integer"]},
            path={"type": "string", "pattern": "^/"},
            interval={"type": "string", "pattern": "^[0-9]+(s|m)$"},
            timeout={"type": "string", "pattern": "^[0-9]+(s|m)$"},
        ),
        1,
    ),
    targetLabels=thing(
        metadata=several(one_of("pod", "container", "node")),
        fromPod=several(thing("from", **{"from": TEXT, "to": TEXT})),
    ),
)

SPECS = {
    ("gateway.networking.k8s.io/v1", "Gateway"): GATEWAY,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): HTTP_ROUTE,
    ("networking.gke.io/v1", "GCPBackendPolicy"): BACKEND_POLICY,
    ("networking.gke.io/v1", "GCPGatewayPolicy"): GATEWAY_POLICY,
    ("networking.gke.io/v1", "HealthCheckPolicy"): HEALTH_CHECK_POLICY,
    ("cloud.google.com/v1", "ComputeClass"): COMPUTE_CLASS,
    ("monitoring.googleapis.com/v1", "PodMonitoring"): POD_MONITORING,
}
METADATA = thing("name", name=TEXT, namespace=TEXT, labels=LABELS, annotations=LABELS)


def faults(manifest: dict[str, Any]) -> Iterator[str]:
    """Where a manifest of one of these kinds is not as it must be; KeyError for any other kind."""
    spec = SPECS[manifest["apiVersion"], manifest["kind"]]
    whole = thing("apiVersion kind metadata spec", apiVersion=TEXT, kind=TEXT, metadata=METADATA, spec=spec)
    for error in Draft202012Validator(whole).iter_errors(manifest):
        yield f"{manifest['kind']} {error.json_path}: {error.message}"
