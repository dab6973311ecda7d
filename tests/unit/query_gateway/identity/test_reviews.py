"""The API server is asked in its own words, and only a clear yes is one."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kmock as kmock_package
import pytest
import yaml
from prometheus_client import CollectorRegistry

from query_gateway.failures import Failure
from query_gateway.identity import reviews
from query_gateway.identity.kubernetes import User
from query_gateway.identity.reviews import ApiServer
from query_gateway.identity.settings import Kubernetes
from query_gateway.metrics import Metrics
from tenantry_common import errors

type KMock = kmock_package.RawHandler

# Reviews are answered and not kept: the same one may be sent again.
pytestmark = pytest.mark.kmock(cls=kmock_package.RawHandler)

TOKENS = "post /apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "post /apis/authorization.k8s.io/v1/subjectaccessreviews"
GRAFANA = User(
    name="system:serviceaccount:shop:grafana",
    uid="7",
    groups=("system:serviceaccounts", "system:authenticated"),
    extra=(("pod", ("grafana-0",)),),
)


def kubeconfig(tmp_path: Path, kmock: KMock) -> str:
    path = tmp_path / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "gateway"}}],
        "clusters": [{"name": "test", "cluster": {"server": str(kmock.url)}}],
        "users": [{"name": "gateway", "user": {"token": "the-gateways-own"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


@contextlib.asynccontextmanager
async def server(
    tmp_path: Path, kmock: KMock, *audiences: str, timeout: float = 5
) -> AsyncIterator[ApiServer]:
    settings = Kubernetes(
        kubeconfig=kubeconfig(tmp_path, kmock), audiences=audiences, timeout_seconds=timeout
    )
    async with reviews.connected(settings, Metrics(CollectorRegistry())) as made:
        yield made


type Answer = Callable[[kmock_package.Request], dict[str, Any]]


def review(status: Any) -> Answer:
    """Answer as the API server does: the review that was sent, and its status."""
    return lambda request: {**dict(request.data), "status": status}


USER = {
    "username": GRAFANA.name,
    "uid": "7",
    "groups": ["system:serviceaccounts", "system:authenticated"],
    "extra": {"pod": ["grafana-0"]},
}


async def test_a_token_has_an_owner(tmp_path: Path, kmock: KMock) -> None:
    kmock[TOKENS] << review({"authenticated": True, "user": USER, "audiences": ["tenantry"]})
    async with server(tmp_path, kmock, "tenantry") as api:
        owner = await api.owner("the-token")

    (request,) = kmock[TOKENS]
    assert owner == GRAFANA
    assert request.data["spec"] == {"token": "the-token", "audiences": ["tenantry"]}
    assert request.headers["Authorization"] == "Bearer the-gateways-own"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"authenticated": False, "user": USER}, id="not authenticated"),
        pytest.param({"user": USER, "audiences": ["tenantry"]}, id="it does not say"),
        pytest.param({"authenticated": True, "audiences": ["tenantry"]}, id="no user"),
        pytest.param(
            {"authenticated": True, "user": {"username": ""}, "audiences": ["tenantry"]},
            id="no name",
        ),
        pytest.param({"authenticated": True, "user": USER}, id="audiences were not checked"),
        pytest.param(
            {"authenticated": True, "user": USER, "audiences": ["other"]}, id="for somebody else"
        ),
        pytest.param({"authenticated": False, "error": "expired"}, id="an error"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_otherwise_it_has_none(tmp_path: Path, kmock: KMock, status: Any) -> None:
    kmock[TOKENS] << review(status)
    async with server(tmp_path, kmock, "tenantry") as api:
        assert await api.owner("x") is None


async def test_access_is_asked_for_the_user_as_it_is(tmp_path: Path, kmock: KMock) -> None:
    kmock[ACCESS] << review({"allowed": True})
    async with server(tmp_path, kmock) as api:
        assert await api.may_query(GRAFANA, "shop")

    (request,) = kmock[ACCESS]
    assert request.data["spec"] == {
        "user": GRAFANA.name,
        "uid": "7",
        "groups": list(GRAFANA.groups),
        "extra": {"pod": ["grafana-0"]},
        "resourceAttributes": {
            "group": "observability.ethos.io",
            "resource": "metricaccesses",
            "verb": "get",
            "namespace": "shop",
        },
    }


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"allowed": False}, id="no"),
        pytest.param({"allowed": True, "denied": True}, id="yes and no"),
        pytest.param({"allowed": False, "evaluationError": "x"}, id="an error"),
    ],
)
async def test_anything_but_yes_is_no(tmp_path: Path, kmock: KMock, status: Any) -> None:
    kmock[ACCESS] << review(status)
    async with server(tmp_path, kmock) as api:
        assert not await api.may_query(GRAFANA, "shop")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_when_it_refuses_nobody_can_say(tmp_path: Path, kmock: KMock, status: int) -> None:
    kmock[TOKENS] << status
    kmock[ACCESS] << status
    async with server(tmp_path, kmock) as api:
        for question in (api.owner("x"), api.may_query(GRAFANA, "shop")):
            with pytest.raises(Failure) as raised:
                await question
            assert raised.value.kind == "identity"


async def test_when_its_answer_is_none_nobody_can_say(tmp_path: Path, kmock: KMock) -> None:
    kmock[TOKENS] << b"<html>"
    kmock[ACCESS] << review({"allowed": "perhaps"})
    async with server(tmp_path, kmock) as api:
        for question in (api.owner("x"), api.may_query(GRAFANA, "shop")):
            with pytest.raises(Failure) as raised:
                await question
            assert raised.value.kind == "identity"


async def test_a_kubeconfig_that_cannot_be_read_is_named() -> None:
    with pytest.raises(errors.ConfigError, match=r"\$\.auth\.kubernetes\.kubeconfig"):
        async with reviews.connected(
            Kubernetes(kubeconfig="/nowhere"), Metrics(CollectorRegistry())
        ):
            pass


async def test_outside_of_a_cluster_a_kubeconfig_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(errors.ConfigError, match="Service host/port is not set"):
        async with reviews.connected(Kubernetes(), Metrics(CollectorRegistry())):
            pass
