"""The query-gateway asks the API server, under its own service account, who may query as which tenant."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import kmock
import pytest
import yaml
from tests.kubernetes.cluster import METRIC_ACCESSES, Cluster, kubeconfig
from tests.kubernetes.control_plane import TENANT

from tenantry_common import contracts, kv, subjects
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.service import service

pytestmark = pytest.mark.timeout(120)

OWN, OTHER = "team-alice", "team-bob"


def token_of(kube: Cluster, user: str) -> str:
    """Return the token of a user; the emulator believes whoever gives a name."""
    file = kube.settings(user).get("token_file")
    return Path(file).read_text() if file else user


async def let_query(kube: Cluster) -> None:
    """Let the tenant read the MetricAccess objects of her namespace."""
    await kube.namespace(OWN)
    await kube.namespace(OTHER)
    if kube.emulator is not None:
        reviews = {
            "authentication.k8s.io/v1/tokenreviews": _whose,
            "authorization.k8s.io/v1/subjectaccessreviews": _whether,
        }
        for path, answer in reviews.items():
            kube.emulator[f"post /apis/{path}"] << answer
        return
    group = "rbac.authorization.k8s.io"
    metadata = {"name": "tenant", "namespace": OWN}
    rule = {"apiGroups": [METRIC_ACCESSES.group], "resources": ["metricaccesses"], "verbs": ["get"]}
    role = {"kind": "Role", "rules": [rule]}
    binding = {
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "tenant"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": TENANT}],
    }
    await kube.install(
        {"apiVersion": f"{group}/v1", "metadata": metadata, **one} for one in (role, binding)
    )


def _whose(request: kmock.Request) -> dict[str, Any]:
    review = dict(request.data)
    known = review["spec"]["token"] == TENANT
    user = {"username": TENANT, "groups": ["system:authenticated"]}
    return {**review, "status": {"authenticated": known, **({"user": user} if known else {})}}


def _whether(request: kmock.Request) -> dict[str, Any]:
    review = dict(request.data)
    spec = review["spec"]
    asked = spec["resourceAttributes"]
    own = spec["user"] == TENANT and asked["namespace"] == OWN and asked["verb"] == "get"
    return {**review, "status": {"allowed": own and asked["resource"] == "metricaccesses"}}


async def test_who_may_get_metricaccesses_may_query_as_the_tenant(
    kube: Cluster,
    tmp_path: Path,
    fresh_nats_server: NatsServer,
    killed_at_end: Callable[[Process], None],
) -> None:
    await let_query(kube)
    file = tmp_path / "kubeconfig"
    server = kube.settings("query-gateway")
    token = token_of(kube, "query-gateway")
    file.write_text(yaml.safe_dump(kubeconfig(server["url"], token, server.get("ca_file", ""))))
    port = free_port()
    gateway = service(
        "query_gateway",
        {
            "listen": {"host": LOOPBACK, "port": port},
            "auth": {
                "modes": ["kubernetes"],
                "kubernetes": {"kubeconfig": str(file), "cache_seconds": 0.1},
            },
        },
        name="g",
        nats_url=fresh_nats_server.url,
        ops_port=free_port(),
        config=tmp_path / "g.yaml",
        log=tmp_path / "g.log",
    )
    killed_at_end(gateway)
    async with ready_bus(fresh_nats_server.url) as connection:
        for tenant in (OWN, OTHER):
            rules = ((contracts.Matcher(label="__name__", op="=", value="up"),),)
            policy = contracts.TenantPolicy(tenant=tenant, digest=tenant, rules=rules)
            key = subjects.token(tenant)
            await kv.put(connection, subjects.POLICIES, key, contracts.encode(policy))
    await gateway.start()

    async def status(token: str, tenant: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Tenant-Namespace": tenant}
        url = f"http://{LOOPBACK}:{port}/api/v1/query?query=up"
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            return answer.status

    token = token_of(kube, TENANT)
    async with asyncio.timeout(60):
        # Roles take effect when the server's own caches have them; no backend is there to answer.
        while await status(token, OWN) != 503:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert await status(token, OTHER) == 403
    assert await status("somebody-elses", OWN) == 401
