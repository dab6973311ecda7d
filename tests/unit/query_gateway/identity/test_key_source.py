"""An issuer's keys are kept up to date, at a rate that senders of tokens cannot drive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from query_gateway.failures import Failure
from query_gateway.identity import key_source
from query_gateway.identity.key_source import KeySource, Unavailable
from query_gateway.identity.settings import Issuer as Settings
from query_gateway.identity.testing import Issuer
from query_gateway.metrics import Metrics


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fetched:
    """An issuer whose document is fetched without a network."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.issuer.rotate("k1")
        self.times = 0
        self.failing = False

    async def __call__(self) -> bytes:
        self.times += 1
        await asyncio.sleep(0)
        if self.failing:
            raise Unavailable("away")
        return self.issuer.document


def source(fetch: Fetched, clock: Clock, registry: CollectorRegistry | None = None) -> KeySource:
    settings = Settings(
        issuer="https://issuer.example",
        audiences=("tenantry",),
        unknown_key_seconds=10,
        stale_seconds=3600,
    )
    return KeySource(settings, fetch, Metrics(registry or CollectorRegistry()), now=clock)


async def kind_of(keys: KeySource, id: str) -> str:
    """Return what becomes of a token with this key id."""
    try:
        await keys.find(id, "ES256")
    except Failure as failure:
        return failure.kind
    return "found"


async def test_keys_are_fetched_when_they_are_needed_first() -> None:
    fetch = Fetched()
    keys = source(fetch, Clock())

    async with asyncio.TaskGroup() as group:
        found = [group.create_task(kind_of(keys, "k1")) for _ in range(20)]

    assert ({task.result() for task in found}, fetch.times) == ({"found"}, 1)


async def test_a_rotated_key_is_found_and_the_old_one_is_not_any_more() -> None:
    fetch, clock = Fetched(), Clock()
    keys = source(fetch, clock)
    await keys.refresh()
    before = keys.version
    fetch.issuer.rotate("k2")
    clock.now += 10

    assert (await kind_of(keys, "k2"), fetch.times) == ("found", 2)
    assert await kind_of(keys, "k1") == "unauthenticated"
    assert keys.version == before + 1


async def test_unknown_keys_make_us_fetch_only_so_often() -> None:
    fetch, clock = Fetched(), Clock()
    keys = source(fetch, clock)
    await keys.refresh()
    clock.now += 10

    for number in range(50):
        assert await kind_of(keys, f"x{number}") == "unauthenticated"
    assert fetch.times == 2
    clock.now += 9.9
    await kind_of(keys, "x")
    assert fetch.times == 2
    clock.now += 0.1
    await kind_of(keys, "x")
    assert fetch.times == 3


async def test_the_last_keys_are_used_while_they_cannot_be_fetched_until_they_are_stale() -> None:
    fetch, clock, registry = Fetched(), Clock(), CollectorRegistry()
    keys = source(fetch, clock, registry)
    await keys.refresh()
    fetch.failing = True
    clock.now += 3600
    await keys.refresh()

    assert await kind_of(keys, "k1") == "found"
    clock.now += 1
    assert await kind_of(keys, "k1") == "identity"
    fetch.failing = False
    await keys.refresh()
    assert await kind_of(keys, "k1") == "found"
    read = {
        outcome: registry.get_sample_value(
            "tenantry_query_gateway_identity_reads_total", {"source": "keys", "outcome": outcome}
        )
        for outcome in ("read", "failed")
    }
    assert read == {"read": 2, "failed": 1}


async def test_without_any_keys_nobody_can_say() -> None:
    fetch = Fetched()
    fetch.failing = True

    assert await kind_of(source(fetch, Clock()), "k1") == "identity"


async def test_a_document_that_is_none_changes_nothing() -> None:
    fetch, clock = Fetched(), Clock()
    keys = source(fetch, clock)
    await keys.refresh()
    fetch.issuer.keys = {}
    await keys.refresh()

    assert await kind_of(keys, "k1") == "found"


async def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    issuer, path = Issuer(), tmp_path / "keys.json"
    issuer.rotate("k1")
    path.write_bytes(issuer.document)
    settings = Settings(issuer=issuer.url, audiences=("a",), jwks_file=str(path))
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        fetch = key_source.fetch_of(settings, session)
        keys = KeySource(settings, fetch, Metrics(CollectorRegistry()))
        task = group.create_task(keys.run())
        await keys.find("k1", "ES256")
        issuer.rotate("k2")
        path.write_bytes(issuer.document)
        async with asyncio.timeout(5):
            while keys.version < 2:  # noqa: ASYNC110 - a file announces nothing
                await asyncio.sleep(0.02)
        assert await kind_of(keys, "k2") == "found"
        assert await kind_of(keys, "k1") == "unauthenticated"
        task.cancel()


async def fetched(**settings: str) -> bytes:
    async with aiohttp.ClientSession() as session:
        made = Settings(audiences=("a",), **settings)  # type: ignore[arg-type]  # texts only
        return await key_source.fetch_of(made, session)()


async def test_discovery_leads_to_the_keys() -> None:
    issuer = Issuer()
    issuer.rotate("k1")
    async with issuer.listening() as url:
        assert await fetched(issuer=url) == issuer.document
        assert await fetched(issuer="x", jwks_url=f"{url}/keys") == issuer.document


@contextlib.asynccontextmanager
async def serving(body: bytes, status: int = 200, **headers: str) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(
    ("discovered", "complaint"),
    [
        pytest.param(
            {"issuer": "https://evil.example", "jwks_uri": "x"}, "another issuer's", id="issuer"
        ),
        pytest.param({"issuer": "x"}, "jwks_uri", id="no keys"),
        pytest.param([], "discovery", id="no object"),
    ],
)
async def test_discovery_that_leads_astray_is_not_followed(
    discovered: object, complaint: str
) -> None:
    async with serving(msgspec.json.encode(discovered)) as url:
        with pytest.raises(Unavailable, match=complaint):
            await fetched(issuer=url)


@pytest.mark.parametrize(
    ("body", "status", "headers", "complaint"),
    [
        pytest.param(b"", 503, {}, "status 503", id="an error"),
        pytest.param(b"", 302, {"Location": "http://evil.example/"}, "status 302", id="a redirect"),
        pytest.param(b"x" * (1 << 20) + b"x", 200, {}, "longer than", id="too long"),
    ],
)
async def test_answers_that_are_none(
    body: bytes, status: int, headers: dict[str, str], complaint: str
) -> None:
    async with serving(body, status, **headers) as url:
        with pytest.raises(Unavailable, match=complaint):
            await fetched(issuer="x", jwks_url=url)


async def test_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable):
        await fetched(issuer="x", jwks_url=f"http://127.0.0.1:{unused_tcp_port}/keys")
