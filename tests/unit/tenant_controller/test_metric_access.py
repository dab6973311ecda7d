"""The Structs take what the manifests of the field hold."""

import msgspec

from tenant_controller.metric_access import (
    BasicAuth,
    MetricAccess,
    PrometheusTarget,
    RemoteWriteTarget,
    SecretKey,
)

OBJECT = {
    "apiVersion": "observability.ethos.io/v1alpha1",
    "kind": "MetricAccess",
    "metadata": {"name": "a", "namespace": "ns", "generation": 3, "labels": {"x": "y"}},
    "spec": {
        "source": "s",
        "metrics": ["up"],
        "labelSelectors": {"job": "a"},
        "metricIsolation": True,
        "remoteWrite": {
            "enabled": True,
            "interval": "30s",
            "target": {
                "type": "remote_write",
                "remoteWrite": {
                    "url": "https://a/write",
                    "headers": {"X-Tenant": "a"},
                    "basicAuth": {
                        "username": "u",
                        "passwordSecret": {"name": "n", "key": "k"},
                    },
                },
            },
            "prometheus": {"serviceName": "p", "targetNamespace": "other", "statefulSet": "sts"},
            "pushgateway": {"serviceName": "g", "servicePort": 9091, "jobName": "j"},
            "extraLabels": {"tenant": "a"},
            "honorLabels": True,
            "metricRelabelings": [
                {"sourceLabels": ["a"], "targetLabel": "b"},
                {"source_labels": ["a"], "target_label": "b", "action": "replace"},
            ],
        },
    },
    "status": {"conditions": []},
}


def test_every_field_of_the_field_has_its_place() -> None:
    access = msgspec.convert(OBJECT, MetricAccess)

    written = access.spec.remote_write
    assert written is not None
    assert written.target.remote_write == RemoteWriteTarget(
        url="https://a/write",
        headers={"X-Tenant": "a"},
        basic_auth=BasicAuth(username="u", password_secret=SecretKey(name="n", key="k")),
    )
    assert written.prometheus == PrometheusTarget(
        service_name="p", target_namespace="other", stateful_set="sts"
    )
    assert (access.spec.metric_isolation, written.honor_labels) == (True, True)
    assert [len(r.source_labels or r.sourceLabels or ()) for r in written.metric_relabelings] == [
        1,
        1,
    ]


def test_defaults_are_those_of_the_documentation() -> None:
    remote_write = {"enabled": True, "target": {"type": "prometheus"}}
    spec = {"source": "s", "metrics": [], "remoteWrite": remote_write}

    access = msgspec.convert({**OBJECT, "spec": spec}, MetricAccess)

    written = access.spec.remote_write
    assert written is not None
    assert (written.interval, written.lookback, written.collection, written.protocol) == (
        "30s",
        "1h",
        "raw",
        "1.0",
    )
    assert (access.spec.allow_all, access.spec.metric_isolation) == (False, False)
    assert PrometheusTarget(service_name="p").service_port == 9090
