"""A cluster as the suite needs it: the real API server where there is one, else the emulator.

Both are asked over HTTP, so that a test does not know which one it has.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, override

import msgspec
import yaml
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.control_plane import ADMIN, NAMESPACE, ControlPlane

from tenantry_common import kubernetes
from tenantry_common.kubernetes import (
    Api,
    Conflict,
    Failed,
    Method,
    NotFound,
    Object,
    Query,
    Resource,
    Settings,
)

ROOT = Path(__file__).parents[2]
CRD_FILE = ROOT / "deploy" / "crds" / "metricaccess.yaml"
ROLES = ROOT / "deploy" / "kubernetes" / "base"

METRIC_ACCESSES = Resource("observability.ethos.io", "v1alpha1", "metricaccesses")
EVENTS = Resource("events.k8s.io", "v1", "events")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)

_TOO_MANY_REQUESTS = 429
_MOST_TRIES = 60

_RBAC = {
    kind: Resource("rbac.authorization.k8s.io", "v1", plural, namespaced=namespaced)
    for kind, plural, namespaced in (
        ("ClusterRole", "clusterroles", False),
        ("ClusterRoleBinding", "clusterrolebindings", False),
        ("Role", "roles", True),
        ("RoleBinding", "rolebindings", True),
    )
}


class Admin(Api):
    """The administrator, who like kubectl asks again where a server says that it is not ready yet.

    A real one says so after it was started, and after a custom resource was installed.
    """

    def __init__(self, api: Api) -> None:
        super().__init__(api._api, api._timeout)

    @override
    async def call(
        self,
        method: Method,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        for _ in range(_MOST_TRIES):
            try:
                return await super().call(
                    method, path, query=query, body=body, content_type=content_type
                )
            except Failed as error:
                if error.status != _TOO_MANY_REQUESTS:
                    raise
                await asyncio.sleep(error.retry_after or 0.5)
        raise AssertionError(f"{path} does not become ready")


class Cluster:
    """One API server, and what tests do to it as its administrator."""

    def __init__(
        self,
        admin: Api,
        settings: Callable[[str], dict[str, Any]],
        leave: Callable[[], Awaitable[None]],
        come_back: Callable[[], Awaitable[None]],
        emulator: ApiServer | None = None,
    ) -> None:
        self.admin = admin
        self.settings = settings
        """Name of a service → `kubernetes.Settings` under its own service account."""
        self.leave = leave
        """Take the API server away."""
        self.come_back = come_back
        self.emulator = emulator
        """None where the server is real."""

    async def apply(self, resource: Resource, given: Object) -> Object:
        """Create an object, or replace the one of its name."""
        metadata = given["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        try:
            return await self.admin.call("POST", resource.path(namespace), body=given)
        except Conflict:
            known = await self.admin.get(resource, namespace, name)
        merged = {**metadata, "resourceVersion": known["metadata"]["resourceVersion"]}
        body = {**given, "metadata": merged}
        return await self.admin.call("PUT", resource.path(namespace, name), body=body)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object that is there."""
        await self.admin.call("DELETE", resource.path(namespace, name))

    async def namespace(self, name: str, **labels: str) -> None:
        """Create a namespace, or set the labels of an existing one."""
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        }
        await self.apply(kubernetes.NAMESPACES, body)

    async def access(self, namespace: str, name: str, *metrics: str, **spec: Any) -> Object:
        """Create or replace a MetricAccess, and its namespace before it."""
        await self._ensure_namespace(namespace)
        return await self.apply(
            METRIC_ACCESSES,
            {
                "apiVersion": METRIC_ACCESSES.api_version,
                "kind": "MetricAccess",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"source": "s", "metrics": list(metrics), **spec},
            },
        )

    async def apply_manifest(self, document: Object) -> Object:
        """Apply a MetricAccess as somebody wrote it."""
        await self._ensure_namespace(document["metadata"]["namespace"])
        return await self.apply(METRIC_ACCESSES, document)

    async def status(self, namespace: str, name: str) -> dict[str, Any]:
        """Return the status of a MetricAccess, the conditions by their type."""
        found = (await self.admin.get(METRIC_ACCESSES, namespace, name)).get("status") or {}
        return {**found, "conditions": {c["type"]: c for c in found.get("conditions", ())}}

    async def status_when(
        self,
        namespace: str,
        name: str,
        condition: Callable[[dict[str, Any]], bool],
        seconds: float = 60,
    ) -> dict[str, Any]:
        """Wait until the status of a MetricAccess meets `condition`, and return it."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                # Nothing tells: the admin does not watch.
                while not condition(status := await self.status(namespace, name)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"the status stays {status}") from None
        return status

    async def events(self, namespace: str) -> list[Object]:
        """Return all Events of a namespace."""
        found = await self.admin.call("GET", EVENTS.path(namespace))
        items: list[Object] = found["items"]
        return items

    async def install(self, documents: Iterable[Object]) -> None:
        """Apply what the cluster needs: custom resources, roles and their bindings."""
        for document in documents:
            if document["kind"] == "CustomResourceDefinition":
                await self.apply(CRDS, document)
                await self._established(document["metadata"]["name"])
            elif (resource := _RBAC.get(document["kind"])) is not None and self.emulator is None:
                if resource.namespaced:
                    document["metadata"].setdefault("namespace", NAMESPACE)
                    await self._ensure_namespace(document["metadata"]["namespace"])
                await self.apply(resource, document)

    async def empty(self) -> None:
        """Delete all MetricAccess objects."""
        found = await self.admin.call("GET", METRIC_ACCESSES.path())
        for item in found["items"]:
            metadata = item["metadata"]
            with contextlib.suppress(NotFound):
                await self.delete(METRIC_ACCESSES, metadata["namespace"], metadata["name"])

    async def _ensure_namespace(self, name: str) -> None:
        with contextlib.suppress(Conflict):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await self.admin.call("POST", kubernetes.NAMESPACES.path(), body=body)

    async def _established(self, name: str) -> None:
        async with asyncio.timeout(60):
            while True:
                status = (await self.admin.get(CRDS, "", name)).get("status") or {}
                conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
                if conditions.get("Established") == "True":
                    with contextlib.suppress(NotFound):
                        await self.admin.call("GET", METRIC_ACCESSES.path())
                        return
                await asyncio.sleep(0.1)


def kubeconfig(url: str, token: str, ca_file: str = "") -> Object:
    """Return a kubeconfig for one user of one server."""
    cluster = {"server": url, **({"certificate-authority": ca_file} if ca_file else {})}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
    }


def shipped() -> list[Object]:
    """Return the custom resource and the roles as they are shipped."""
    files = [CRD_FILE, *sorted(ROLES.glob("*/rbac.yaml"))]
    return [
        document
        for file in files
        for document in yaml.safe_load_all(file.read_text())
        if document is not None
    ]


@contextlib.asynccontextmanager
async def real(plane: ControlPlane) -> AsyncIterator[Cluster]:
    """Yield the cluster of a control plane that runs."""

    async def leave() -> None:
        await plane.server.kill()

    async def come_back() -> None:
        await plane.server.start(120)

    async with kubernetes.connect(msgspec.convert(plane.settings(ADMIN), Settings)) as api:
        cluster = Cluster(Admin(api), plane.settings, leave, come_back)
        await cluster.install(shipped())
        await cluster.empty()
        try:
            yield cluster
        finally:
            if not plane.server.running:
                await come_back()
            await cluster.empty()


@contextlib.asynccontextmanager
async def emulated(server: ApiServer) -> AsyncIterator[Cluster]:
    """Yield the cluster of an emulator that runs."""

    async def leave() -> None:
        server.away = True
        server.cut()

    async def come_back() -> None:
        server.away = False

    settings = {"url": str(server.url).rstrip("/")}
    async with kubernetes.connect(Settings(url=settings["url"])) as api:
        cluster = Cluster(Admin(api), lambda user: settings, leave, come_back, server)
        await cluster.install(shipped())
        yield cluster
