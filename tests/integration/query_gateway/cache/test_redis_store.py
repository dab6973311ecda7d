"""The shared store on a real Redis: whatever becomes of that, answers are right, and not late."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
import trustme

from query_gateway import config
from query_gateway.cache import redis_store
from query_gateway.cache.redis_store import RedisStore
from tenantry_common import errors
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.redis_server import RedisServer
from tenantry_local.testing import Factory

type Counted = Counter[tuple[str, str]]

SOON = 15.0
"""Seconds within which something happens that nothing announces, on a slow machine."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The secret of all gateways."""
    file = tmp_path / "key"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    return file


@contextlib.asynccontextmanager
async def opened(
    url: str, key_file: Path, **more: object
) -> AsyncIterator[tuple[RedisStore, Counted]]:
    """Yield a store of its own, as a gateway would have it, and what it counts."""
    counted: Counted = Counter()

    def count(operation: str, outcome: str, records: int) -> None:
        counted[operation, outcome] += records

    patient = {"timeout_seconds": 2.0, **more}
    settings = config.Redis(url=url, key_file=str(key_file), **patient)  # type: ignore[arg-type]
    async with redis_store.opened(config.Cache(redis=settings), count) as store:
        assert store is not None
        yield store, counted


async def command(client: redis.asyncio.Redis, *words: str | bytes) -> Any:
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def stored(store: RedisStore, counted: Counted, **records: bytes) -> None:
    """Put records and wait until they are there."""
    before = counted["put", "stored"]
    store.put(records)
    await until(lambda: counted["put", "stored"] == before + len(records))


async def eventually(store: RedisStore, name: str, expected: bytes | None) -> None:
    async with asyncio.timeout(SOON):
        while await store.get([name]) != [expected]:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def test_what_one_gateway_puts_another_gets(
    redis_factory: Factory[RedisServer], key_file: Path
) -> None:
    server = await redis_factory()
    async with (
        opened(server.url, key_file) as (one, counted),
        opened(server.url, key_file) as (other, read),
    ):
        await stored(one, counted, a=b"1", b=b"2")
        await eventually(other, "a", b"1")

        assert await other.get(["b", "c", "a"]) == [b"2", None, b"1"]
        assert read["get", "absent"] == 1


async def test_records_expire(redis_factory: Factory[RedisServer], key_file: Path) -> None:
    server = await redis_factory()
    async with (
        opened(server.url, key_file) as (store, counted),
        redis.asyncio.Redis.from_url(server.url) as client,
    ):
        await stored(store, counted, a=b"1")
        (name,) = await command(client, "KEYS", "*")

        assert name.startswith(b"tenantry:")
        assert 0 < await client.pttl(name) <= config.Cache().keep_seconds * 1000


async def test_without_a_server_nobody_waits_and_nothing_fails(key_file: Path) -> None:
    async with opened(f"redis://{LOOPBACK}:{free_port()}/0", key_file) as (store, counted):
        store.put({"a": b"1"})
        for _ in range(50):
            assert await store.get(["a"]) == [None]

    assert counted["get", "failed"] < 10
    assert counted["get", "failed"] + counted["get", "paused"] == 50


async def test_a_server_that_is_killed_and_comes_back_is_used_again(
    redis_factory: Factory[RedisServer], key_file: Path
) -> None:
    server = await redis_factory()
    async with opened(server.url, key_file) as (store, counted):
        await stored(store, counted, a=b"1")
        await eventually(store, "a", b"1")
        await server.kill()
        assert await store.get(["a"]) == [None]
        store.put({"a": b"1"})
        await until(lambda: counted["put", "failed"] == 1)

        await server.start()
        await eventually_stored(store, counted)
        await eventually(store, "again", b"1")


async def eventually_stored(store: RedisStore, counted: Counted) -> None:
    before = counted["put", "stored"]
    async with asyncio.timeout(2 * SOON):
        while counted["put", "stored"] == before:
            store.put({"again": b"1"})
            await asyncio.sleep(0.05)


async def test_a_server_that_stalls_is_waited_for_once(
    redis_factory: Factory[RedisServer], key_file: Path
) -> None:
    server = await redis_factory()
    async with opened(server.url, key_file, timeout_seconds=0.2) as (store, counted):
        await stored(store, counted, a=b"1")
        await eventually(store, "a", b"1")
        server.pause()
        before = time.monotonic()
        for _ in range(100):
            assert await store.get(["a"]) == [None]
            if time.monotonic() - before > 0.4:  # the pause is over, and there is another trial
                break

        assert counted["get", "failed"] <= 2
        server.resume()
        await eventually(store, "a", b"1")


async def test_a_full_server_takes_nothing_and_still_answers(
    redis_factory: Factory[RedisServer], key_file: Path
) -> None:
    server = await redis_factory(flags=("--maxmemory", "3mb", "--maxmemory-policy", "noeviction"))
    async with opened(server.url, key_file) as (store, counted):
        await stored(store, counted, a=b"1")
        await eventually(store, "a", b"1")
        for number in range(64):
            store.put({str(number): bytes(200_000)})
        await until(lambda: counted["put", "failed"] > 0)

        assert await store.get(["a"]) == [b"1"]
        store.put({"b": b"2"})
        await until(lambda: counted["put", "paused"] > 0)


async def test_what_others_wrote_is_not_believed(
    redis_factory: Factory[RedisServer], key_file: Path, tmp_path: Path
) -> None:
    server = await redis_factory()
    other_key = tmp_path / "other"
    other_key.write_bytes(bytes(range(64)))
    async with (
        opened(server.url, key_file) as (store, counted),
        redis.asyncio.Redis.from_url(server.url) as client,
    ):
        await stored(store, counted, a=b"1", b=b"2")
        await eventually(store, "a", b"1")
        names: list[bytes] = await command(client, "KEYS", "*")
        one, other = [await command(client, "GET", name) for name in names]
        for name, value in zip(names, (other, one), strict=True):
            await client.set(name, value)  # each is true, under another name
        assert await store.get(["a", "b"]) == [None, None]
        for name in names:
            await client.set(name, b"garbage")
        assert await store.get(["a", "b"]) == [None, None]
        assert counted["get", "refused"] == 4
        for name in names:
            await client.delete(name)
            await command(client, "RPUSH", name, "a list")
        assert await store.get(["a", "b"]) == [None, None]
        async with opened(server.url, other_key) as (stranger, _):
            assert await stranger.get(["a"]) == [None]


async def test_a_server_of_another_kind_is_no_store(key_file: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n*99999999999\r\n$x\r\n")
        writer.close()

    listening = await asyncio.start_server(answer, LOOPBACK)
    port = listening.sockets[0].getsockname()[1]
    async with opened(f"redis://{LOOPBACK}:{port}/0", key_file) as (store, counted):
        store.put({"a": b"1"})
        assert await store.get(["a"]) == [None]
        await until(lambda: counted["put", "failed"] + counted["put", "paused"] > 0)
    listening.close()


async def test_the_password_is_read_for_each_connection(
    redis_factory: Factory[RedisServer], key_file: Path, tmp_path: Path
) -> None:
    server = await redis_factory(flags=("--requirepass", "right"))
    password = tmp_path / "password"
    password.write_text("wrong\n")
    async with opened(server.url, key_file, password_file=str(password)) as (store, counted):
        assert await store.get(["a"]) == [None]
        assert counted["get", "failed"] == 1
        password.write_text("right\n")

        await eventually_stored(store, counted)
        await eventually(store, "again", b"1")


async def test_tls_is_spoken_with_a_server_of_our_ca(
    redis_factory: Factory[RedisServer], key_file: Path, tmp_path: Path
) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    certificate = ca.issue_cert(LOOPBACK)
    files = {name: tmp_path / name for name in ("ca", "stranger", "cert", "key.pem")}
    ca.cert_pem.write_to_path(files["ca"])
    stranger.cert_pem.write_to_path(files["stranger"])
    certificate.private_key_and_cert_chain_pem.write_to_path(files["cert"])
    server = await redis_factory(
        tls=True,
        flags=(
            "--tls-cert-file", str(files["cert"]), "--tls-key-file", str(files["cert"]),
            "--tls-auth-clients", "yes", "--tls-ca-cert-file", str(files["ca"]),
        ),
    )  # fmt: skip
    ours = {"tls_cert_file": str(files["cert"]), "tls_key_file": str(files["cert"])}
    async with opened(server.url, key_file, tls_ca_file=str(files["ca"]), **ours) as (one, counted):
        await stored(one, counted, a=b"1")
        await eventually(one, "a", b"1")
    async with opened(server.url, key_file, tls_ca_file=str(files["stranger"]), **ours) as (
        other,
        refused,
    ):
        assert await other.get(["a"]) == [None]
        await until(lambda: refused["get", "failed"] + refused["put", "failed"] > 0)


async def test_large_records_are_not_sent(
    redis_factory: Factory[RedisServer], key_file: Path
) -> None:
    server = await redis_factory()
    async with opened(server.url, key_file, entry_bytes=1_000) as (store, counted):
        store.put({"large": bytes(1_001)})
        await stored(store, counted, small=bytes(1_000))

        assert counted["put", "too large"] == 1
        await eventually(store, "small", bytes(1_000))
        assert await store.get(["large"]) == [None]


async def test_what_waits_is_bounded(key_file: Path) -> None:
    settings = config.Redis(url="redis://localhost", key_file=str(key_file))
    counted: Counted = Counter()

    def count(operation: str, outcome: str, records: int) -> None:
        counted[operation, outcome] += records

    async with redis_store.opened(config.Cache(redis=settings), count) as store:
        assert store is not None
        for number in range(100):  # before the writer has its turn
            store.put({str(number): bytes(1_000_000)})

        assert counted["put", "dropped"] == 100 - 33


@pytest.mark.parametrize("content", [None, "short"])
async def test_without_a_key_the_gateway_does_not_start(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(errors.ConfigError, match=r"\$\.cache\.redis\.key_file"):
        async with opened("redis://localhost", file):
            pass
