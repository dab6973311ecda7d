"""Roles are minimal: what a service calls is what its role allows, nothing missing, nothing more.

The services run for real, as processes under the shipped role, on an API server that notes what they
ask and refuses what the role does not allow.
"""

import ast
import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import kmock
import pytest
import yaml
from tests.deploy import guarded, manifests
from tests.deploy.guarded import Call, Guarded
from tests.deploy.manifests import KUBERNETES, ROOT, SERVICES, Object
from tests.kubernetes.api_server import CRDS
from tests.kubernetes.cluster import kubeconfig

from tenantry_common import cluster_secrets, kubernetes
from tenantry_common.contracts import SecretRef
from tenantry_common.credentials import Unreadable
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.service import service
from writer.config import Config as WriterConfig

WITHIN = 60  # seconds; a few on a machine that does nothing else

pytestmark = pytest.mark.timeout(180)

type Run = Callable[[str, dict[str, Any]], contextlib.AbstractAsyncContextManager[None]]


def shipped(name: str) -> list[Object]:
    """Return the rules that bind a service's account in the whole cluster."""
    objects = manifests.overlay("ha")
    bindings = manifests.of_kind(objects, "ClusterRoleBinding").values()
    roles = manifests.of_kind(objects, "ClusterRole")
    return [
        rule
        for binding in bindings
        if name in {subject["name"] for subject in binding["subjects"]}
        for rule in roles[binding["roleRef"]["name"]]["rules"]
    ]


@pytest.fixture
def run(tmp_path: Path, fresh_nats_server: NatsServer) -> Run:
    """Run a service as a process, for the time of `async with`."""

    @contextlib.asynccontextmanager
    async def running(name: str, settings: dict[str, Any]) -> AsyncIterator[None]:
        process = service(
            name.replace("-", "_"),
            settings,
            name=name,
            nats_url=fresh_nats_server.url,
            ops_port=free_port(),
            config=tmp_path / f"{name}.yaml",
            log=tmp_path / f"{name}.log",
        )
        await process.start(WITHIN)
        try:
            yield
        finally:
            await process.kill()  # before the server, which would wait for its watches

    return running


async def all_called(server: Guarded, expected: set[Call]) -> None:
    """Wait until everything was called that is expected; what is called beside is the result."""
    try:
        async with asyncio.timeout(WITHIN):
            while not expected <= server.calls:  # noqa: ASYNC110 - nothing announces a call
                await asyncio.sleep(0.05)
    except TimeoutError:
        superfluous = sorted(map(str, expected - server.calls))
        raise AssertionError(f"the role allows what nobody asks for: {superfluous}") from None


def install(server: Guarded, path: Path) -> None:
    """Make a custom resource known."""
    server.apply(CRDS, yaml.safe_load(path.read_text()))


PROMETHEUSES = {
    "metadata": {"name": "prometheuses.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"plural": "prometheuses", "kind": "Prometheus"},
        "scope": "Namespaced",
        "versions": [{"name": "v1"}],
    },
}


async def test_discovery_may_do_what_it_does(run: Run) -> None:
    rules = shipped("discovery")
    async with guarded.running(rules) as server:
        server.apply(CRDS, PROMETHEUSES)
        everything = {"resource_types": ["Service", "Pod", "Endpoints"]}
        settings = {"discovery": {"kubernetes": everything}, "kubernetes": {"url": str(server.url)}}
        async with run("discovery", settings):
            await all_called(server, guarded.granted(rules))

        assert (server.calls, server.refused) == (guarded.granted(rules), set())


async def test_the_tenant_controller_may_do_what_it_does(run: Run) -> None:
    rules = shipped("tenant-controller")
    async with guarded.running(rules) as server:
        install(server, ROOT / "deploy" / "crds" / "metricaccess.yaml")
        server.apply(("", "namespaces"), {"metadata": {"name": "team-a", "labels": {"a": "b"}}})
        for manifest in (ROOT / "examples" / "metricaccess").glob("*.yaml"):
            for document in yaml.safe_load_all(manifest.read_text()):
                server.apply(("observability.ethos.io", "metricaccesses"), document)
        settings = {
            "kubernetes": {"api": {"url": str(server.url)}, "status_seconds": 0.1},
            "boundaries": [{"namespace_selector": "a=b", "selectors": ["up"]}],
        }
        async with run("tenant-controller", settings):
            await all_called(server, guarded.granted(rules))

        assert (server.calls, server.refused) == (guarded.granted(rules), set())


async def test_the_gateway_may_do_what_it_does(run: Run, tmp_path: Path) -> None:
    rules = shipped("query-gateway")
    port = free_port()
    async with guarded.running(rules) as server:
        user = {"username": "alice", "groups": ["system:authenticated"]}
        for path, status in (
            ("authentication.k8s.io/v1/tokenreviews", {"authenticated": True, "user": user}),
            ("authorization.k8s.io/v1/subjectaccessreviews", {"allowed": True}),
        ):
            server[f"post /apis/{path}"] << _reviewed(status)
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(kubeconfig(str(server.url), "t")))
        settings = {
            "listen": {"host": LOOPBACK, "port": port},
            "auth": {"modes": ["kubernetes"], "kubernetes": {"kubeconfig": str(file)}},
        }
        headers = {"Authorization": "Bearer t", "X-Tenant-Namespace": "team-a"}
        async with (
            run("query-gateway", settings),
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"http://{LOOPBACK}:{port}/api/v1/query?query=up") as answer,
        ):
            assert answer.status == 403  # alice is known, and there is no policy

        assert (server.calls, server.refused) == (guarded.granted(rules), set())


def _reviewed(status: Object) -> Callable[[kmock.Request], Object]:
    return lambda request: {**dict(request.data), "status": status}


async def test_services_may_read_what_a_tenants_role_names(tmp_path: Path) -> None:
    role, _ = manifests.rendered(KUBERNETES / "tenant-namespace")
    (named,) = role["rules"][0]["resourceNames"]
    async with guarded.running(role["rules"]) as server:
        for name in (named, "another"):
            server.apply(
                ("", "secrets"),
                {
                    "metadata": {"name": name, "namespace": "team-a"},
                    "data": {"p": base64.b64encode(b"s3cret").decode()},
                },
            )
        settings = WriterConfig(
            secrets_from="kubernetes", kubernetes=kubernetes.Settings(url=str(server.url))
        )
        async with cluster_secrets.configured(settings) as secrets:
            assert await secrets.read("team-a", SecretRef(name=named, key="p")) == "s3cret"
            assert (server.calls, server.refused) == (guarded.granted(role["rules"]), set())
            with pytest.raises(Unreadable):
                await secrets.read("team-a", SecretRef(name="another", key="p"))

    assert shipped("writer") == shipped("collector") == shipped("receiver") == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_role_has_no_wildcard_and_is_bound_to_one_service(name: str) -> None:
    for call in guarded.granted(shipped(name)):
        assert "*" not in str(call)
    for binding in manifests.of_kind(manifests.overlay("ha"), "ClusterRoleBinding").values():
        assert len(binding["subjects"]) == 1


def test_nobody_else_asks_the_kubernetes_api() -> None:
    """So that the tests above look at everything that is asked."""
    clients = {
        "kubernetes",
        "tenantry_common.cluster_secrets",
        "tenantry_common.kubernetes",
        "tenantry_common.kubernetes_watch",
    }
    asking = {
        path.relative_to(ROOT).parts[1]
        for path in (ROOT / "services").glob("*/src/**/*.py")
        if clients & set(_imported(path))
    }

    assert asking == set(SERVICES)
    for name in ("writer", "collector", "receiver"):  # which read Secrets, and ask nothing else
        sources = (ROOT / "services" / name).glob("src/**/*.py")
        files = [path for path in sources if path.name != "config.py"]  # has the client's settings
        asked = {module for path in files for module in clients & set(_imported(path))}
        assert asked == {"tenantry_common.cluster_secrets"}


def _imported(path: Path) -> list[str]:
    """Return the modules that a file imports, and the names below them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, node.module.partition(".")[0]]
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found
