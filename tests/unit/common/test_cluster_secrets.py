"""Secrets are read by name, kept for a moment, and never used once the API server says no."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.kubernetes import api_server
from tests.kubernetes.api_server import ApiServer, Kind

from tenantry_common import kubernetes, snappy_block
from tenantry_common.cluster_secrets import Cluster, configured
from tenantry_common.contracts import Authorization, Endpoint, SecretRef
from tenantry_common.credentials import Unreadable
from writer import exchange, outcome
from writer.config import Config
from writer.endpoint import HttpEndpoint
from writer.testing import series

SECRETS: Kind = ("", "secrets")
PASSWORD = SecretRef(name="push", key="p")
GET = "get v1/secrets"


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server.running() as running:
        yield running


def put(server: ApiServer, **values: str | bytes) -> None:
    """Set Secret `team-a/push`."""
    raw = {k: v.encode() if isinstance(v, str) else v for k, v in values.items()}
    data = {key: base64.b64encode(value).decode() for key, value in raw.items()}
    server.apply(SECRETS, {"metadata": {"name": "push", "namespace": "team-a"}, "data": data})


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def secrets(
    server: ApiServer, clock: Clock | None = None, *, timeout: float = 10
) -> AsyncIterator[Cluster]:
    settings = kubernetes.Settings(url=str(server.url), timeout_seconds=timeout)
    async with kubernetes.connect(settings) as api:
        yield Cluster(api, 30, now=clock or Clock())


async def test_a_secret_is_read_by_its_name_once_for_all_who_want_it(server: ApiServer) -> None:
    put(server, p="s3cret\n", user="u")
    async with secrets(server) as found, asyncio.TaskGroup() as group:
        wanted = [PASSWORD, SecretRef(name="push", key="user")] * 5
        read = [group.create_task(found.read("team-a", one)) for one in wanted]

    assert [task.result() for task in read] == ["s3cret", "u"] * 5
    assert [request.url.path for request in server["get"]] == [
        "/api/v1/namespaces/team-a/secrets/push"
    ]


async def test_a_change_is_noticed_when_the_secret_is_too_old_or_doubted(
    server: ApiServer,
) -> None:
    clock = Clock()
    put(server, p="one")
    async with secrets(server, clock) as found:
        assert await found.read("team-a", PASSWORD) == "one"
        put(server, p="two")
        found.doubt("team-a", PASSWORD)
        assert await found.read("team-a", PASSWORD) == "one"  # it was read just now
        clock.now = 29
        assert await found.read("team-a", PASSWORD) == "one"
        clock.now = 30
        assert await found.read("team-a", PASSWORD) == "two"
        put(server, p="three")
        clock.now = 32
        found.doubt("team-a", PASSWORD)
        assert await found.read("team-a", PASSWORD) == "three"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(404, "there is no such Secret", id="no such Secret"),
        pytest.param(
            403,
            "the writer may not read it; namespace team-a needs a RoleBinding of the writer's "
            "service account to a Role with get on Secret push",
            id="not allowed",
        ),
    ],
)
async def test_what_the_api_server_denies_is_not_used_any_more(
    server: ApiServer, answer: int, why: str
) -> None:
    clock = Clock()
    put(server, p="one")
    async with secrets(server, clock) as found:
        await found.read("team-a", PASSWORD)
        server[GET] << answer
        clock.now = 31

        with pytest.raises(Unreadable) as caught:
            await found.read("team-a", PASSWORD)
        assert str(caught.value) == f"secret team-a/push, key p: {why}"


@pytest.mark.parametrize("answer", [500, 503, 429, 401, b"not JSON"])
async def test_while_the_api_server_does_not_tell_what_was_read_last_is_used(
    server: ApiServer, answer: int | bytes
) -> None:
    clock = Clock()
    put(server, p="one")
    async with secrets(server, clock) as found:
        await found.read("team-a", PASSWORD)
        server[GET] << answer
        clock.now = 3600

        assert await found.read("team-a", PASSWORD) == "one"
        assert len(server[GET]) == 2
        with pytest.raises(Unreadable, match="secret team-b/push, key p: the Kubernetes"):
            await found.read("team-b", PASSWORD)


async def test_an_api_server_that_hangs_keeps_nobody_waiting_for_long(server: ApiServer) -> None:
    clock = Clock()
    put(server, p="one")
    async with secrets(server, clock, timeout=0.2) as found:
        await found.read("team-a", PASSWORD)
        server.delay_seconds = 60
        clock.now = 31

        async with asyncio.timeout(30):
            assert await found.read("team-a", PASSWORD) == "one"


async def test_a_failure_is_believed_for_a_moment(server: ApiServer) -> None:
    clock = Clock()
    async with secrets(server, clock) as found:
        for clock.now in (0, 4.9):
            with pytest.raises(Unreadable):
                await found.read("team-a", PASSWORD)
        assert len(server[GET]) == 1
        put(server, p="late")
        clock.now = 5

        assert await found.read("team-a", PASSWORD) == "late"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        pytest.param("token", "the Secret has no such key", id="no such key"),
        pytest.param("bytes", "not UTF-8", id="no text"),
    ],
)
async def test_a_value_that_cannot_be_used_is_named(server: ApiServer, key: str, why: str) -> None:
    put(server, p="one", bytes=b"\xff")
    async with secrets(server) as found:
        with pytest.raises(Unreadable) as caught:
            await found.read("team-a", SecretRef(name="push", key=key))
    assert str(caught.value) == f"secret team-a/push, key {key}: {why}"


async def test_a_name_cannot_climb_out_of_its_namespace(server: ApiServer) -> None:
    put(server, p="one")
    async with secrets(server) as found:
        for name in ("../../team-a/secrets/push", ".."):
            with pytest.raises(Unreadable):
                await found.read("team-b", SecretRef(name=name, key="p"))


async def test_a_secret_that_nobody_asks_for_any_more_is_forgotten(server: ApiServer) -> None:
    clock = Clock()
    put(server, p="one")
    async with secrets(server, clock) as found:
        await found.read("team-a", PASSWORD)
        clock.now = 3600
        with pytest.raises(Unreadable):
            await found.read("team-b", PASSWORD)
        server.away = True

        with pytest.raises(Unreadable):  # else what was read an hour ago would still be known
            await found.read("team-a", PASSWORD)


async def test_a_renewed_secret_reaches_the_endpoint_at_once(server: ApiServer) -> None:
    accepted = {"Bearer new"}

    async def write(request: web.Request) -> web.Response:
        fine = request.headers["Authorization"] in accepted
        return web.Response(status=204 if fine else 401)

    app = web.Application()
    app.router.add_post("/write", write)
    clock = Clock()
    put(server, p="old")
    block = snappy_block.compress(series({"__name__": "m"}, (1, 1)))
    async with (
        secrets(server, clock) as found,
        TestServer(app) as receiver,
        exchange.session(5) as http,
    ):
        endpoint = Endpoint(
            id="0",
            kind="remote_write",
            url=str(receiver.make_url("/write")),
            authorization=Authorization(credentials=PASSWORD),
        )
        target = HttpEndpoint(http, "team-a", endpoint, found)

        assert await target.post(block) == outcome.CredentialsFault("401 Unauthorized")
        put(server, p="new")
        clock.now = 2
        assert await target.post(block) == outcome.Delivered()
        server[GET] << 403
        clock.now = 60
        assert isinstance(await target.post(block), outcome.CredentialsFault)


async def test_the_configuration_chooses_where_secrets_are(
    tmp_path: Path, server: ApiServer
) -> None:
    (tmp_path / "team-a" / "push").mkdir(parents=True)
    (tmp_path / "team-a" / "push" / "p").write_text("of a file")
    put(server, p="of the cluster")
    cluster = Config(secrets_from="kubernetes", kubernetes=kubernetes.Settings(url=str(server.url)))

    async with configured(Config(secrets_dir=str(tmp_path))) as files, configured(cluster) as api:
        assert await files.read("team-a", PASSWORD) == "of a file"
        assert await api.read("team-a", PASSWORD) == "of the cluster"
    with pytest.raises(msgspec.ValidationError, match="secrets_dir"):
        msgspec.convert({"secrets_from": "kubernetes", "secrets_dir": "x"}, Config)
