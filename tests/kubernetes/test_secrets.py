"""The writer reads Secrets under its own service account: those that a namespace lets it, no others."""

import base64

import msgspec
import pytest
import yaml
from tests.kubernetes.cluster import ROOT, Cluster

from tenantry_common import kubernetes
from tenantry_common.cluster_secrets import SECRETS
from tenantry_common.cluster_secrets import Cluster as Secrets
from tenantry_common.contracts import SecretRef
from tenantry_common.credentials import Unreadable
from tenantry_common.kubernetes import Forbidden, Settings

TENANT = "team-secrets"
SHIPPED = ROOT / "deploy" / "kubernetes" / "tenant-namespace" / "role.yaml"
OTHER = SecretRef(name="other", key="token")


async def put(kube: Cluster, name: str, value: str) -> None:
    """Create or replace a Secret of the tenant."""
    data = {"token": base64.b64encode(value.encode()).decode()}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": TENANT},
        "data": data,
    }
    await kube.apply(SECRETS, body)


async def test_a_namespace_decides_which_secrets_the_writer_may_read(kube: Cluster) -> None:
    role, binding = yaml.safe_load_all(SHIPPED.read_text())
    (name,) = role["rules"][0]["resourceNames"]
    granted = SecretRef(name=name, key="token")
    await kube.namespace(TENANT)
    await put(kube, granted.name, "one")
    await put(kube, OTHER.name, "two")
    settings = msgspec.convert(kube.settings("writer"), Settings)
    async with kubernetes.connect(settings, "tenantry-writer") as api:
        if kube.emulator is not None:  # it knows no roles
            kube.emulator[f"get /api/v1/namespaces/{TENANT}/secrets/{OTHER.name}"] << 403
            kube.emulator[f"get /api/v1/namespaces/{TENANT}/secrets"] << 403
        else:
            with pytest.raises(Unreadable, match=f"namespace {TENANT} needs a RoleBinding"):
                await Secrets(api, 30).read(TENANT, granted)
            for document in (role, binding):
                document["metadata"]["namespace"] = TENANT
            await kube.install([role, binding])

        assert await Secrets(api, 30).read(TENANT, granted) == "one"
        with pytest.raises(Unreadable, match=r"needs a RoleBinding .* get on Secret other"):
            await Secrets(api, 30).read(TENANT, OTHER)
        with pytest.raises(Forbidden):
            await api.call("GET", SECRETS.path(TENANT))
