"""The manifests render, are what Kubernetes understands, and fit the services that they run."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no types
import kubernetes_validate  # type: ignore[import-untyped]  # nor does this
import pytest
import yaml
from tests.deploy import custom_resources, manifests
from tests.deploy.manifests import KUBERNETES, OPTIONAL, OVERLAYS, ROOT, SERVICES, Object

import tenant_controller.config
import tenant_controller.webhook
from tenantry_common import streams
from tenantry_local import binaries

OLDEST, NEWEST = "1.30", "1.37"
SECRETS_SCRIPT = ROOT / "deploy" / "nats" / "credentials.sh"


@pytest.fixture
def with_components(tmp_path: Path) -> tuple[Object, ...]:
    return manifests.with_optional_components(tmp_path)


def check(objects: tuple[Object, ...]) -> None:
    """Compare every object with the schema of its kind; a kind without any is an error."""
    for found in objects:
        kind = (found["apiVersion"], found["kind"])
        if kind in custom_resources.SPECS:
            assert found.keys() == {"apiVersion", "kind", "metadata", "spec"}
            jsonschema.validate(found["spec"], custom_resources.SPECS[kind])
        else:
            for version in (OLDEST, NEWEST):
                kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_what_kubernetes_understands(name: str) -> None:
    objects = manifests.overlay(name)

    check(objects)
    assert len({manifests.identity(found) for found in objects}) == len(objects)
    assert set(manifests.pods(objects)) == {*SERVICES, "nats", "provision"}


def test_the_optional_components_are_what_kubernetes_understands(
    with_components: tuple[Object, ...],
) -> None:
    check(with_components)


def test_a_tenants_namespace_is_what_kubernetes_understands() -> None:
    check(manifests.rendered(KUBERNETES / "tenant-namespace"))


def test_every_component_is_rendered_by_some_test() -> None:
    used = {
        Path(component).name
        for name in OVERLAYS
        for component in yaml.safe_load(
            (KUBERNETES / "overlays" / name / "kustomization.yaml").read_text()
        )["components"]
    }

    assert used.isdisjoint(OPTIONAL)
    assert used | set(OPTIONAL) == {path.name for path in (KUBERNETES / "components").iterdir()}


@pytest.mark.parametrize("name", OVERLAYS)
def test_everything_namespaced_is_in_one_namespace(name: str) -> None:
    objects = manifests.overlay(name)
    cluster_wide = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}

    found = {o["metadata"].get("namespace") for o in objects if o["kind"] not in cluster_wide}
    bound = {
        subject["namespace"]
        for binding in manifests.of_kind(objects, "ClusterRoleBinding").values()
        for subject in binding["subjects"]
    }
    assert found == bound == set(manifests.of_kind(objects, "Namespace"))


# Configuration


@pytest.mark.parametrize("service", manifests.CONFIGS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_a_service_reads_its_configuration(name: str, service: str, tmp_path: Path) -> None:
    objects = manifests.overlay(name)
    folder, _ = manifests.settings(objects, service)
    (container,) = manifests.pods(objects)[service]["spec"]["containers"]

    read = manifests.loaded(objects, service, tmp_path)

    command = [*container.get("command", []), *container.get("args", [])]
    assert command[-2:] == ["--config", str(folder / "config.yaml")]
    assert read.nats.servers == ("tls://nats:4222",)
    assert read.nats.username == service
    assert mounted(container, read.nats.password_file) == "nats"
    assert mounted(container, read.nats.tls_ca_file) == "nats"
    if "ports" in container:
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["ops"] == read.ops.port
        assert read.ops.host == "0.0.0.0"  # noqa: S104 - in a pod
        assert ports.get("http") == getattr(getattr(read, "listen", None), "port", None)


def mounted(container: Object, path: str) -> str:
    """Return the volume that a path of a container lies on."""
    (name,) = [
        mount["name"]
        for mount in container["volumeMounts"]
        if Path(path).is_relative_to(mount["mountPath"])
    ]
    return str(name)


def test_the_webhook_is_served_where_it_is_called(
    with_components: tuple[Object, ...], tmp_path: Path
) -> None:
    (configuration,) = manifests.of_kind(with_components, "ValidatingWebhookConfiguration").values()
    (called,) = configuration["webhooks"]
    reference = called["clientConfig"]["service"]
    service = manifests.of_kind(with_components, "Service")[reference["name"]]
    (certificate,) = manifests.of_kind(with_components, "Certificate").values()
    (container,) = manifests.pods(with_components)["tenant-controller"]["spec"]["containers"]
    read = manifests.loaded(with_components, "tenant-controller", tmp_path)

    assert isinstance(read, tenant_controller.config.Config)
    assert read.webhook is not None
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (port,) = service["spec"]["ports"]
    assert port["port"] == reference["port"]
    assert ports[port["targetPort"]] == read.webhook.port
    assert reference["path"] == tenant_controller.webhook.PATH
    assert certificate["spec"]["dnsNames"] == [f"{reference['name']}.{reference['namespace']}.svc"]
    assert mounted(container, read.webhook.tls.cert_file) == "webhook"
    assert configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == (
        f"{certificate['metadata']['namespace']}/{certificate['metadata']['name']}"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_lives_longer_than_its_service_drains(service: str, tmp_path: Path) -> None:
    objects = manifests.overlay("ha")
    drain = manifests.loaded(objects, service, tmp_path).shutdown_grace_seconds

    assert manifests.pods(objects)[service]["spec"]["terminationGracePeriodSeconds"] > drain + 5


@pytest.mark.parametrize("name", OVERLAYS)
def test_streams_are_created_as_strong_as_any_service_asks_for(name: str, tmp_path: Path) -> None:
    """Because the services' own users may not strengthen them."""
    objects = manifests.overlay(name)

    created = streams.definitions(manifests.loaded(objects, "provision", tmp_path).nats)
    for service in SERVICES:
        wanted = streams.definitions(manifests.loaded(objects, service, tmp_path).nats)
        for has, wants in zip(created, wanted, strict=True):
            strength = streams._strength(has)
            assert streams.strongest(strength, streams._strength(wants)) == strength


def test_replicas_of_streams_are_the_nodes() -> None:
    for name in OVERLAYS:
        objects = manifests.overlay(name)
        nodes = manifests.of_kind(objects, "StatefulSet")["nats"]["spec"]["replicas"]
        job = manifests.pods(objects)["provision"]["spec"]["containers"][0]
        overridden = {one["name"]: one["value"] for one in job.get("env", [])}
        configured = yaml.safe_load(manifests.settings(objects, "provision")[1])["nats"]["replicas"]
        config_map = next(
            data["data"]
            for one, data in manifests.of_kind(objects, "ConfigMap").items()
            if re.fullmatch(r"nats-\w+", one)
        )

        assert int(overridden.get("TENANTRY__NATS__REPLICAS", configured)) == nodes
        assert config_map["cluster.conf"].count("nats-route://") == (nodes if nodes > 1 else 0)


# Security


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_is_hardened(name: str) -> None:
    for workload, pod in manifests.pods(manifests.overlay(name)).items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        } | ({"fsGroupChangePolicy": "OnRootMismatch"} if workload == "nats" else {})
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        assert spec["enableServiceLinks"] is False
        assert not any("hostPath" in volume for volume in spec["volumes"])
        if workload != "provision":
            assert {"livenessProbe", "readinessProbe"} <= container.keys()


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_token_is_mounted_where_the_kubernetes_api_is_asked(name: str) -> None:
    objects = manifests.overlay(name)
    with_token = {
        workload
        for workload, pod in manifests.pods(objects).items()
        if pod["spec"]["automountServiceAccountToken"]
    }

    assert with_token == set(SERVICES)
    for service in SERVICES:
        account = manifests.pods(objects)[service]["spec"]["serviceAccountName"]
        assert account in manifests.of_kind(objects, "ServiceAccount")


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_sees_its_own_password_and_no_key(name: str) -> None:
    """But the NATS nodes, which know all passwords."""
    for workload, pod in manifests.pods(manifests.overlay(name)).items():
        seen = {
            (source["secret"]["name"], item["key"])
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            for item in source["secret"]["items"]
        }
        whole = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
        if workload == "nats":
            assert whole == [{"secretName": "nats-tls"}]
        else:
            assert seen == {(f"nats-{workload}", "password"), ("nats-tls", "ca.crt")}
            assert whole == []


def test_every_secret_that_is_named_is_made() -> None:
    printed = subprocess.run([SECRETS_SCRIPT, "ns"], capture_output=True, text=True, check=True)
    made = {
        secret["metadata"]["name"]: secret["data"].keys()
        for secret in yaml.safe_load_all(printed.stdout)
    }
    check(tuple(yaml.safe_load_all(printed.stdout)))

    objects = manifests.overlay("ha")
    named = re.findall(
        r'"(?:name|secretName)": "(nats-[\w-]+)"',
        json.dumps(list(manifests.pods(objects).values())),
    )
    assert set(named) - manifests.of_kind(objects, "ConfigMap").keys() == made.keys()


# The network


def policies(objects: tuple[Object, ...]) -> dict[str, Object]:
    return {
        name: policy["spec"] for name, policy in manifests.of_kind(objects, "NetworkPolicy").items()
    }


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Return whether a label selector takes something with these labels."""
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        (labels.get(one["key"]) in one["values"]) == (one["operator"] == "In")
        for one in selector.get("matchExpressions", [])
    )


def talks(objects: tuple[Object, ...]) -> Iterator[tuple[str, str, int]]:
    """Yield who may reach whom on which port: pods by name, `*` for anybody, `ns/…` for others'."""
    labels = {name: pod["metadata"]["labels"] for name, pod in manifests.pods(objects).items()}
    ours = manifests.of_kind(objects, "Namespace")["tenantry-system"]["metadata"]["labels"]

    def peers(entries: list[Object] | None) -> set[str]:
        if entries is None:
            return {"*"}
        found: set[str] = set()
        for entry in entries:
            if "namespaceSelector" in entry and not selects(entry["namespaceSelector"], ours):
                name = entry["namespaceSelector"].get("matchLabels", {})
                found.add(f"ns/{name.get('kubernetes.io/metadata.name', 'others')}")
            elif "namespaceSelector" not in entry:
                found |= {n for n, own in labels.items() if selects(entry["podSelector"], own)}
        return found

    for policy in policies(objects).values():
        subjects = {n for n, own in labels.items() if selects(policy["podSelector"], own)}
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy.get(direction, []):
                for one in subjects:
                    for other in peers(rule.get(side)):
                        for port in rule["ports"]:
                            yield (
                                (other, one, port["port"])
                                if direction == "ingress"
                                else (one, other, port["port"])
                            )


@pytest.mark.parametrize("name", OVERLAYS)
def test_who_may_talk_to_whom(name: str) -> None:
    objects = manifests.overlay(name)
    to_nats = {(client, "nats", 4222) for client in (*SERVICES, "provision")}
    kube_api = {(one, "*", port) for one in SERVICES for port in (443, 6443)}
    backends = {(one, "ns/monitoring", 9090) for one in ("discovery", "query-gateway", "collector")}
    everybody = (*SERVICES, "nats", "provision")

    assert set(talks(objects)) == {
        *to_nats,
        ("nats", "nats", 6222),
        *kube_api,
        *backends,
        ("*", "query-gateway", 8080),
        ("*", "tenant-controller", 9443),
        ("*", "receiver", 8081),
        ("ns/monitoring", "receiver", 8082),
        ("writer", "ns/others", 9090),
        ("writer", "ns/others", 9091),
        *((one, "ns/kube-system", 53) for one in everybody),
        *(("ns/monitoring", one, 9600) for one in SERVICES),
    }
    assert policies(objects)["default-deny"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


# Running more than one


def test_every_workload_may_lose_one_at_a_time() -> None:
    objects = manifests.overlay("ha")
    budgets = manifests.of_kind(objects, "PodDisruptionBudget")
    scaled = manifests.of_kind(objects, "ScaledObject")

    assert set(budgets) == {*SERVICES, "nats"}
    for name, budget in budgets.items():
        workload = manifests.of_kind(objects, "Deployment", "StatefulSet")[name]
        assert budget["spec"]["selector"] == workload["spec"]["selector"]
        assert budget["spec"]["maxUnavailable"] == 1
        if name not in scaled:
            assert workload["spec"]["replicas"] >= 2
        spread = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert "topology.kubernetes.io/zone" in {one["topologyKey"] for one in spread}


def test_services_reach_the_ports_that_pods_have(with_components: tuple[Object, ...]) -> None:
    for service in manifests.of_kind(with_components, "Service").values():
        pods = [
            pod
            for pod in manifests.pods(with_components).values()
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        assert pods, service["metadata"]["name"]
        named = {port["name"] for pod in pods for port in pod["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_autoscalers_scale_what_is_there(with_components: tuple[Object, ...]) -> None:
    keda = manifests.of_kind(manifests.overlay("ha"), "ScaledObject")
    plain = manifests.of_kind(with_components, "HorizontalPodAutoscaler")

    assert keda.keys() == plain.keys() == {"query-gateway", "collector", "writer", "receiver"}
    for name in keda:
        limits = keda[name]["spec"], plain[name]["spec"]
        assert [spec["scaleTargetRef"]["name"] for spec in limits] == [name, name]
        assert limits[0]["minReplicaCount"] == limits[1]["minReplicas"] == 2
        assert limits[0]["maxReplicaCount"] == limits[1]["maxReplicas"]
        for objects in (manifests.overlay("ha"), with_components):
            assert "replicas" not in manifests.of_kind(objects, "Deployment")[name]["spec"]


# Metrics


def named_metrics() -> dict[str, set[str]]:
    """Return the metrics of ours that each file names."""
    files = [
        *KUBERNETES.glob("components/**/*.yaml"),
        *(ROOT / "deploy" / "grafana").glob("dashboards/*.json"),
    ]
    found = {
        str(path.relative_to(ROOT)): set(re.findall(r"\btenantry_[a-z_]+", path.read_text()))
        for path in files
    }
    return {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(("path", "names"), named_metrics().items(), ids=named_metrics().keys())
def test_every_metric_that_is_named_is_exported(path: str, names: set[str]) -> None:
    assert names - set(manifests.exported_metrics()) == set()


def test_rules_and_autoscalers_name_metrics() -> None:
    assert {Path(path).name for path in named_metrics()} >= {
        "rules.yaml",
        "collector.yaml",
        "writer.yaml",
    }


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    (rules,) = manifests.of_kind(manifests.overlay("ha"), "PrometheusRule").values()
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    tests = Path(__file__).parent / "alerts.yaml"
    (tmp_path / "tests.yaml").write_text(tests.read_text())

    done = subprocess.run(
        [binaries.find(binaries.PROMTOOL), "test", "rules", tmp_path / "tests.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    tested = {
        one["alertname"]
        for group in yaml.safe_load(tests.read_text())["tests"]
        for one in group["alert_rule_test"]
        if one.get("exp_alerts")
    }
    assert tested == {rule["alert"] for rule in rules["spec"]["groups"][0]["rules"]}
