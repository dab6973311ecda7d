"""Schemas of the kinds that operators define, as far as the manifests use them.

Written after the operators' reference pages (prometheus-operator v1, KEDA 2, cert-manager v1): `additionalProperties`
is false everywhere, so that a field which is not named here fails until somebody has looked it up.
"""

from typing import Any

_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_SELECTOR = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "matchLabels": _STRINGS,
        "matchExpressions": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["key", "operator"],
                "properties": {
                    "key": {"type": "string"},
                    "operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                    "values": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$"}


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_POD_MONITOR = _closed(
    ["selector", "podMetricsEndpoints"],
    selector=_SELECTOR,
    podMetricsEndpoints={
        "type": "array",
        "minItems": 1,
        "items": _closed(
            ["port"],
            port={"type": "string"},
            interval=_DURATION,
            honorLabels={"type": "boolean"},
            relabelings={
                "type": "array",
                "items": _closed(
                    ["targetLabel"],
                    sourceLabels={"type": "array", "items": {"type": "string"}},
                    targetLabel={"type": "string"},
                ),
            },
        ),
    },
)

_RULES = _closed(
    ["groups"],
    groups={
        "type": "array",
        "items": _closed(
            ["name", "rules"],
            name={"type": "string"},
            rules={
                "type": "array",
                "items": {
                    **_closed(
                        ["alert", "expr", "labels", "annotations"],
                        alert={"type": "string"},
                        expr={"type": "string"},
                        **{"for": _DURATION},
                        labels=_STRINGS,
                        annotations=_STRINGS,
                    )
                },
            },
        ),
    },
)

_TRIGGER_CPU = _closed(
    ["type", "metricType", "metadata"],
    type={"const": "cpu"},
    metricType={"const": "Utilization"},
    metadata=_closed(["value"], value={"type": "string", "pattern": "^[0-9]+$"}),
)
_TRIGGER_PROMETHEUS = _closed(
    ["type", "metadata"],
    type={"const": "prometheus"},
    metadata=_closed(
        ["serverAddress", "query", "threshold"],
        serverAddress={"type": "string", "pattern": "^https?://"},
        query={"type": "string"},
        threshold={"type": "string", "pattern": "^[0-9.]+$"},
        ignoreNullValues={"enum": ["true", "false"]},
    ),
)
_SCALED_OBJECT = _closed(
    ["scaleTargetRef", "triggers"],
    scaleTargetRef=_closed(["name"], name={"type": "string"}),
    minReplicaCount={"type": "integer", "minimum": 1},
    maxReplicaCount={"type": "integer", "minimum": 1},
    fallback=_closed(
        ["failureThreshold", "replicas"],
        failureThreshold={"type": "integer"},
        replicas={"type": "integer"},
    ),
    advanced=_closed(
        [],
        horizontalPodAutoscalerConfig=_closed(
            [],
            behavior=_closed(
                [],
                scaleDown=_closed([], stabilizationWindowSeconds={"type": "integer"}),
            ),
        ),
    ),
    triggers={
        "type": "array",
        "minItems": 1,
        "items": {"oneOf": [_TRIGGER_CPU, _TRIGGER_PROMETHEUS]},
    },
)

_CERTIFICATE = _closed(
    ["secretName", "dnsNames", "issuerRef"],
    secretName={"type": "string"},
    dnsNames={"type": "array", "minItems": 1, "items": {"type": "string"}},
    issuerRef=_closed(["name"], name={"type": "string"}, kind={"const": "Issuer"}),
    privateKey=_closed(
        ["algorithm"],
        algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]},
        rotationPolicy={"enum": ["Always", "Never"]},
    ),
)

SPECS: dict[tuple[str, str], dict[str, Any]] = {
    ("monitoring.coreos.com/v1", "PodMonitor"): _POD_MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _RULES,
    ("keda.sh/v1alpha1", "ScaledObject"): _SCALED_OBJECT,
    ("cert-manager.io/v1", "Issuer"): _closed(["selfSigned"], selfSigned=_closed([])),
    ("cert-manager.io/v1", "Certificate"): _CERTIFICATE,
}
"""(apiVersion, kind) → schema of `spec`."""
