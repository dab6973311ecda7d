"""Requests are what the API server expects, and its refusals are told apart."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kmock as kmock_package
import pytest
import yaml

from tenantry_common import errors, kubernetes
from tenantry_common.kubernetes import (
    Api,
    Conflict,
    Failed,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Resource,
    Settings,
)

type KMock = kmock_package.RawHandler

pytestmark = pytest.mark.kmock(cls=kmock_package.RawHandler)

PODS = Resource("", "v1", "pods")
JOBS = Resource("batch", "v1", "jobs")


@contextlib.asynccontextmanager
async def api(kmock: KMock, **settings: Any) -> AsyncIterator[Api]:
    async with kubernetes.connect(Settings(url=str(kmock.url), **settings)) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(PODS.path(), "/api/v1/pods", id="all of the core group"),
        pytest.param(JOBS.path("shop"), "/apis/batch/v1/namespaces/shop/jobs", id="a namespace"),
        pytest.param(
            JOBS.path("shop", "a", "status"),
            "/apis/batch/v1/namespaces/shop/jobs/a/status",
            id="a subresource",
        ),
        pytest.param(
            kubernetes.NAMESPACES.path("ignored", "shop"), "/api/v1/namespaces/shop", id="outside"
        ),
        pytest.param(
            PODS.path("shop", "a/../b?c"), "/api/v1/namespaces/shop/pods/a%2F..%2Fb%3Fc", id="odd"
        ),
    ],
)
def test_paths_are_kubernetes(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize("name", [".", ".."])
def test_no_name_is_a_step_in_the_path(name: str) -> None:
    with pytest.raises(Invalid):
        PODS.path("shop", name)


async def test_an_object_is_read(kmock: KMock, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    kmock["get"] << {"metadata": {"name": "a"}}
    async with api(kmock, token_file=str(tmp_path / "token")) as made:
        assert await made.get(PODS, "shop", "a") == {"metadata": {"name": "a"}}
        (tmp_path / "token").write_text("second\n")
        await made.get(PODS, "shop", "a")

    first, second = kmock["get"]
    assert first.url.path == "/api/v1/namespaces/shop/pods/a"
    assert first.headers["Accept"] == "application/json"
    assert [r.headers["Authorization"] for r in (first, second)] == [
        "Bearer first",
        "Bearer second",
    ]


async def test_a_patch_is_sent_with_its_type(kmock: KMock) -> None:
    kmock["patch"] << {}
    async with api(kmock) as made:
        await made.call(
            "PATCH",
            PODS.path("shop", "a", "status"),
            query={"fieldManager": "me"},
            body={"status": {"x": None}},
            content_type=kubernetes.MERGE_PATCH,
        )

    (request,) = kmock["patch"]
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert (request.params, request.data) == ({"fieldManager": "me"}, {"status": {"x": None}})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (429, Failed),
        (500, Failed),
        (503, Failed),
    ],
)
async def test_refusals_are_told_apart(kmock: KMock, status: int, kind: type[Failed]) -> None:
    answer = {"kind": "Status", "reason": "Because", "message": "it is so"}
    kmock["get"] << status << answer << {"Retry-After": "7"}
    async with api(kmock) as made:
        with pytest.raises(Failed, match=f"{status} Because: it is so") as raised:
            await made.get(PODS, "shop", "a")

    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.retry_after) == (status, 7.0)


async def test_a_refusal_without_words_is_one(kmock: KMock) -> None:
    kmock["get"] << 503 << b"<html>"
    async with api(kmock) as made:
        with pytest.raises(Failed, match="503 Service Unavailable"):
            await made.get(PODS, "shop", "a")


@pytest.mark.parametrize("answer", [pytest.param(b"<html>", id="HTML"), pytest.param([], id="[]")])
async def test_an_answer_must_be_an_object(kmock: KMock, answer: Any) -> None:
    kmock["get"] << answer
    async with api(kmock) as made:
        with pytest.raises(Failed):
            await made.get(PODS, "shop", "a")


async def test_a_server_that_is_not_there_is_a_failure() -> None:
    async with kubernetes.connect(Settings(url="http://127.0.0.1:1")) as made:
        with pytest.raises(Failed) as raised:
            await made.get(PODS, "shop", "a")

    assert (raised.value.status, raised.value.reason) == (0, "Unreachable")


async def test_a_kubeconfig_names_server_and_user(kmock: KMock, tmp_path: Path) -> None:
    document = {
        "current-context": "other",
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "me"}},
            {"name": "other", "context": {"cluster": "nowhere", "user": "me"}},
        ],
        "clusters": [
            {"name": "test", "cluster": {"server": str(kmock.url).rstrip("/")}},
            {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}},
        ],
        "users": [{"name": "me", "user": {"token": "mine"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    kmock["get"] << {}
    settings = Settings(kubeconfig=str(path), context="test")
    async with kubernetes.connect(settings, "tenantry/x") as made:
        await made.get(PODS, "shop", "a")

    (request,) = kmock["get"]
    assert request.headers["Authorization"] == "Bearer mine"
    assert request.headers["User-Agent"] == "tenantry/x"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(Settings(kubeconfig="/nowhere"), id="no kubeconfig"),
        pytest.param(Settings(url="https://x", ca_file="/nowhere"), id="no CA"),
        pytest.param(
            Settings(url="https://x", token_file="/nowhere"),  # noqa: S106  # a path
            id="no token",
        ),
        pytest.param(Settings(), id="outside of a cluster"),
    ],
)
async def test_settings_that_cannot_be_used_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(errors.ConfigError, match=r"^\$\.here: "):
        async with kubernetes.connect(settings, setting="$.here"):
            pass
