"""The manifests as kubectl renders them, and short ways to what they hold."""

import functools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

import collector.config
import collector.metrics
import discovery.config
import discovery.metrics
import query_gateway.config
import query_gateway.metrics
import receiver.config
import receiver.metrics
import tenant_controller.config
import tenant_controller.metrics
import writer.config
import writer.metrics
from tenantry_common import config
from tenantry_local import binaries

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))
SERVICES = tuple(sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir()))
KUBECTL = binaries.Binary(names=("kubectl",), variable="KUBECTL_BIN", image="", wheel=True)

OPTIONAL = ("autoscaling-hpa", "webhook")
"""Components that no overlay takes."""

type Object = dict[str, Any]

CONFIGS: dict[str, type[config.Service]] = {
    "discovery": discovery.config.Config,
    "tenant-controller": tenant_controller.config.Config,
    "query-gateway": query_gateway.config.Config,
    "collector": collector.config.Config,
    "writer": writer.config.Config,
    "receiver": receiver.config.Config,
    "provision": config.Service,
}

METRICS: dict[str, Callable[[CollectorRegistry], object]] = {
    "discovery": discovery.metrics.Metrics,
    "tenant-controller": tenant_controller.metrics.Metrics,
    "query-gateway": query_gateway.metrics.Metrics,
    "collector": collector.metrics.Metrics,
    "writer": writer.metrics.Metrics,
    "receiver": receiver.metrics.Metrics,
}


@functools.cache
def rendered(folder: Path) -> tuple[Object, ...]:
    """Return the objects that `kubectl apply -k` would send."""
    done = subprocess.run(
        [binaries.find(KUBECTL), "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def parse(text: str) -> tuple[Object, ...]:
    """Return the documents of a text that are not empty; libyaml reads the CRD ten times faster."""
    return tuple(found for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found)


def overlay(name: str) -> tuple[Object, ...]:
    """Return the objects of an overlay."""
    return rendered(KUBERNETES / "overlays" / name)


def with_optional_components(folder: Path) -> tuple[Object, ...]:
    """Return overlay `minimal` with the components that no overlay takes; `folder` is for a file."""
    # kustomize takes relative paths only.
    up = Path(*[".."] * len(folder.parts[1:]), *KUBERNETES.parts[1:])
    document = {
        "namespace": "tenantry-system",
        "resources": [str(up / "overlays" / "minimal")],
        "components": [str(up / "components" / name) for name in OPTIONAL],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return rendered(folder)


def of_kind(objects: tuple[Object, ...], *kinds: str) -> dict[str, Object]:
    """Return the objects of these kinds by name."""
    return {o["metadata"]["name"]: o for o in objects if o["kind"] in kinds}


def pods(objects: tuple[Object, ...]) -> dict[str, Object]:
    """Return the pod template of every workload by the workload's name."""
    return {
        name: workload["spec"]["template"]
        for name, workload in of_kind(objects, "Deployment", "StatefulSet", "Job").items()
    }


def identity(found: Object) -> tuple[str, str, str]:
    """Return kind, namespace and name, without the hash that kustomize adds."""
    metadata = found["metadata"]
    return found["kind"], metadata.get("namespace", ""), metadata["name"]


def settings(objects: tuple[Object, ...], service: str) -> tuple[Path, str]:
    """Return where a pod finds its configuration, and the text that stands there."""
    spec = pods(objects)[service]["spec"]
    (volume,) = [one for one in spec["volumes"] if one["name"] == "config"]
    found = of_kind(objects, "ConfigMap")[volume["configMap"]["name"]]
    (container,) = spec["containers"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "config"]
    return Path(mount["mountPath"]), found["data"]["config.yaml"]


def loaded(objects: tuple[Object, ...], service: str, folder: Path) -> config.Service:
    """Read the configuration of a service as the service does in its pod."""
    (container,) = pods(objects)[service]["spec"]["containers"]
    path = folder / "config.yaml"
    path.write_text(settings(objects, service)[1])
    environment = {one["name"]: one["value"] for one in container.get("env", [])}
    return config.load(CONFIGS[service], path, environment)


def exported_metrics() -> Iterator[str]:
    """Yield the names of all series that the services' own registries export."""
    for metrics in METRICS.values():
        registry = CollectorRegistry()
        metrics(registry)
        for family in registry.collect():
            match family.type:
                case "counter":
                    yield f"{family.name}_total"
                case "histogram":
                    yield from (f"{family.name}_{part}" for part in ("bucket", "sum", "count"))
                case _:
                    yield family.name
