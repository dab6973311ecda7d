"""The chart is the same as the overlays, as Helm itself renders it, and changes what its values say."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from tests.deploy import manifests
from tests.deploy.manifests import ROOT, SERVICES, Object

from tenantry_common import config

CHART = ROOT / "deploy" / "helm" / "tenantry"
NAMESPACE = "tenantry-system"
LIKE: dict[str, dict[str, Any]] = {
    "ha": {"autoscaling": "keda", "monitoring": {"enabled": True}},
    "minimal": {"nats": {"replicas": 1}, **{service: {"replicas": 1} for service in SERVICES}},
}
HASH = re.compile("-[2456789bcdfghkmt]{10}$")  # of kustomize, to the end of names of ConfigMaps
HELMS_OWN = ("app.kubernetes.io/managed-by", "helm.sh/chart")


def render(
    values: Mapping[str, Any], namespace: str = NAMESPACE, revision: int = 1
) -> tuple[Object, ...]:
    """Return the objects that `helm install` would send."""
    return _rendered(json.dumps(values), namespace, revision)


@functools.cache
def _rendered(values: str, namespace: str, revision: int) -> tuple[Object, ...]:
    with helm.Chart.load(str(CHART)) as chart:
        given = json.loads(values)
        chart.validate_schema(given)
        files = chart.render(given, name="tenantry", namespace=namespace, revision=revision)
    return tuple(
        found
        for name, text in files.items()
        if name.endswith(".yaml")
        for found in manifests.parse(text)
    )


def neutral(objects: tuple[Object, ...]) -> Iterator[tuple[tuple[str, str, str], Object]]:
    """Yield the objects by identity, without what tells kustomize and Helm apart."""
    hashed = {name: HASH.sub("", name) for name in manifests.of_kind(objects, "ConfigMap")}
    text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
    for name, plain in hashed.items():
        text = re.sub(rf"\b{name}\b", plain, text) if name != plain else text
    for found in manifests.parse(text):
        if found["kind"] == "Namespace":
            continue  # --create-namespace
        metadata = found["metadata"]
        for label in HELMS_OWN:
            metadata.get("labels", {}).pop(label, None)
        metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
        found["metadata"] = {key: value for key, value in metadata.items() if value}
        found.get("spec", {}).get("template", {}).get("metadata", {}).pop("annotations", None)
        if found["kind"] == "ConfigMap":
            found["metadata"].pop("labels", None)
            found["data"] = {
                name: yaml.safe_load(text) if name.endswith(".yaml") else text
                for name, text in found["data"].items()
            }
        if found["kind"] == "Job":
            metadata["name"] = found["metadata"]["name"] = metadata["name"].partition("-")[0]
            settle_replicas(found)
        yield manifests.identity(found), found


def settle_replicas(job: Object) -> None:
    """The overlay `minimal` says by the environment what the chart says in the file."""
    job["spec"]["template"]["spec"]["containers"][0].pop("env", None)


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_the_chart_is_the_overlay(overlay: str) -> None:
    compare(render(LIKE[overlay]), manifests.overlay(overlay))


def test_the_chart_has_the_components_that_no_overlay_takes(tmp_path: Path) -> None:
    values = {**LIKE["minimal"], "autoscaling": "hpa", "webhook": {"enabled": True}}

    compare(render(values), manifests.with_optional_components(tmp_path))


def compare(chart: tuple[Object, ...], overlay: tuple[Object, ...]) -> None:
    charts, kustomized = dict(neutral(chart)), dict(neutral(overlay))
    for objects in (charts, kustomized):
        objects["ConfigMap", NAMESPACE, "provision"]["data"]["config.yaml"]["nats"].pop("replicas")

    assert charts.keys() == kustomized.keys()
    for key, expected in kustomized.items():
        assert charts[key] == expected


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_streams_have_a_copy_on_every_node(overlay: str, tmp_path: Path) -> None:
    objects = render(LIKE[overlay])
    (text,) = manifests.of_kind(objects, "ConfigMap")["provision"]["data"].values()
    (tmp_path / "config.yaml").write_text(text)
    read = config.load(config.Service, tmp_path / "config.yaml", {})

    assert (
        read.nats.replicas == manifests.of_kind(objects, "StatefulSet")["nats"]["spec"]["replicas"]
    )


def test_helm_finds_nothing_wrong_with_the_chart() -> None:
    found = helm.lint(str(CHART))

    assert found["errors"] == []
    assert [one["error"] for one in found["messages"]] == ["icon is recommended"]


def test_every_value_is_described_by_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())

    assert schema["properties"].keys() - {"global"} == values.keys()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"networkPolicy": {"enabled": False}}, id="a name that is none"),
        pytest.param({"writer": {"replica": 3}}, id="a name below a service that is none"),
        pytest.param({"nats": {"replicas": 2}}, id="two nodes have no majority"),
        pytest.param({"nats": {"enabled": False}}, id="no NATS, and no other one named"),
        pytest.param({"autoscaling": "yes"}, id="a kind of autoscaling that is none"),
    ],
)
def test_a_value_that_means_nothing_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError):
        render(values)


# What values change


def test_configuration_is_merged_over_what_is_shipped(tmp_path: Path) -> None:
    objects = render({"query-gateway": {"config": {"limits": {"concurrent": 7}}}})
    before = render({})

    def gateway(objects: tuple[Object, ...]) -> tuple[Any, str]:
        path = tmp_path / "config.yaml"
        path.write_text(manifests.settings(objects, "query-gateway")[1])
        annotations = manifests.pods(objects)["query-gateway"]["metadata"]["annotations"]
        kind = manifests.CONFIGS["query-gateway"]
        return config.load(kind, path, {}), annotations["checksum/config"]

    changed, checksum = gateway(objects)
    shipped, shipped_checksum = gateway(before)

    assert changed.limits.concurrent == 7
    assert changed.auth == shipped.auth
    assert checksum != shipped_checksum  # so that the pods are rolled


def test_a_change_of_nats_rolls_its_pods() -> None:
    sums = {
        manifests.pods(render({"nats": {"replicas": count}}))["nats"]["metadata"]["annotations"][
            "checksum/config"
        ]
        for count in (1, 3)
    }

    assert len(sums) == 2


def test_pods_and_images_are_as_the_values_say() -> None:
    objects = render(
        {
            "image": {"registry": "r.example.com/t", "tag": "9", "pullPolicy": "Always"},
            "pod": {"priorityClassName": "high", "nodeSelector": {"a": "b"}},
            "writer": {
                "image": "other:1",
                "pod": {"nodeSelector": {"c": "d"}},
                "resources": {"limits": {"memory": "3Gi"}},
            },
        }
    )
    specs = {name: pod["spec"] for name, pod in manifests.pods(objects).items()}
    images = {name: spec["containers"][0]["image"] for name, spec in specs.items()}

    assert images == {
        **{service: f"r.example.com/t/{service}:9" for service in SERVICES},
        "provision-1": "r.example.com/t/collector:9",
        "writer": "other:1",
        "nats": "nats:2.12-alpine",
    }
    assert {spec["priorityClassName"] for spec in specs.values()} == {"high"}
    assert specs["writer"]["nodeSelector"] == {"a": "b", "c": "d"}
    assert specs["collector"]["nodeSelector"] == {"a": "b"}
    assert specs["writer"]["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "3Gi"}
    assert specs["writer"]["securityContext"] == specs["collector"]["securityContext"]


def test_a_secret_is_mounted_where_the_configuration_looks_for_it() -> None:
    objects = render({"query-gateway": {"secretMounts": {"gateway-tls": "/tls"}}})
    spec = manifests.pods(objects)["query-gateway"]["spec"]
    before = manifests.pods(render({}))["query-gateway"]["spec"]

    assert spec["volumes"] == [
        *before["volumes"],
        {"name": "secret-gateway-tls", "secret": {"secretName": "gateway-tls"}},
    ]
    assert spec["containers"][0]["volumeMounts"] == [
        *before["containers"][0]["volumeMounts"],
        {"name": "secret-gateway-tls", "mountPath": "/tls", "readOnly": True},
    ]


def test_another_namespace_is_named_everywhere() -> None:
    text = json.dumps(render(LIKE["ha"], namespace="elsewhere"))

    assert NAMESPACE not in text


def test_another_namespace_of_the_prometheus_servers_is_named_everywhere() -> None:
    objects = render({"monitoring": {"namespace": "observability"}})
    text = json.dumps(objects)

    assert '"kubernetes.io/metadata.name": "monitoring"' not in text
    assert yaml.safe_load(manifests.settings(objects, "discovery")[1])["discovery"]["kubernetes"][
        0
    ]["namespaces"] == ["observability"]


def test_every_release_creates_streams_anew() -> None:
    assert "provision-4" in manifests.of_kind(render({}, revision=4), "Job")


def test_the_crd_outlives_the_release() -> None:
    (crd,) = manifests.of_kind(render({}), "CustomResourceDefinition").values()

    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_another_nats_is_used_where_it_is_named() -> None:
    url = "tls://nats.example.com:4222"
    objects = render({"nats": {"enabled": False, "servers": [url]}})

    assert "StatefulSet" not in {found["kind"] for found in objects}
    for service in SERVICES:
        read = yaml.safe_load(manifests.settings(objects, service)[1])
        assert read["nats"]["servers"] == [url]
    network = manifests.of_kind(objects, "NetworkPolicy")
    assert network["to-nats"]["spec"]["egress"] == [{"ports": [{"port": 4222}]}]
    assert "nats" not in network


def test_services_may_read_the_secrets_that_tenants_name() -> None:
    objects = render({"tenantSecrets": {"team-web": ["a", "b"]}})
    (role,) = manifests.of_kind(objects, "Role").values()
    (binding,) = manifests.of_kind(objects, "RoleBinding").values()
    (template, _) = manifests.rendered(manifests.KUBERNETES / "tenant-namespace")

    assert role["rules"] == [{**template["rules"][0], "resourceNames": ["a", "b"]}]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "team-web"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [(s["name"], s["namespace"]) for s in binding["subjects"]] == [
        (name, NAMESPACE) for name in ("writer", "collector", "receiver")
    ]


def test_nothing_is_written_twice() -> None:
    """What the chart renders are the files that kustomize reads, by links."""
    links = {path.name: path.resolve() for path in CHART.iterdir() if path.is_symlink()}

    assert links == {
        "kubernetes": ROOT / "deploy" / "kubernetes",
        "nats": ROOT / "deploy" / "nats",
        "crd": ROOT / "deploy" / "crds",
    }
